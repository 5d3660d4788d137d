"""
Few inputs that together reach what many do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

#: Where one goes: from which line of which file to which.
Step = tuple[str, int, int]

_OURS = f"{Path(__file__).parent.parent / 'twistedcam'}/"


def reached(run: Callable[[bytes], None], data: bytes) -> set[Step]:
    """The steps from line to line, within twistedcam, that an input makes it go."""
    steps: set[Step] = set()
    last: dict[FrameType, int] = {}

    def inside(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            line = frame.f_lineno
            steps.add((frame.f_code.co_filename, last.get(frame, 0), line))
            last[frame] = line
        elif event == "return":
            last.pop(frame, None)
        return inside

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return inside if frame.f_code.co_filename.startswith(_OURS) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run(data)
    finally:
        sys.settrace(before)
    return steps


def choose(
    run: Callable[[bytes], None], inputs: Sequence[bytes], count: int, size: int
) -> list[bytes]:
    """
    Some of C{inputs}: again and again the one that adds most, of those the shortest,
    until all is reached or there is no room; then the shortest ones, as more food for
    mutations.

    @param count: as many at most.
    @param size: so many bytes together at most.
    """
    waiting = {data: reached(run, data) for data in inputs if len(data) <= size}
    chosen: list[bytes] = []

    def take(data: bytes) -> None:
        nonlocal size
        del waiting[data]
        if len(data) <= size:
            size -= len(data)
            chosen.append(data)

    known: set[Step] = set()
    while waiting and len(chosen) < count:
        best = max(waiting, key=lambda data: (len(waiting[data] - known), -len(data)))
        new = waiting[best] - known
        if not new:
            break
        known |= new
        take(best)
    for data in sorted(waiting, key=lambda data: (len(data), data)):
        if len(chosen) >= count // 2:
            break
        take(data)
    return chosen
