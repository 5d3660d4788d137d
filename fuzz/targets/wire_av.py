"""
Heads of frames.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import accepted, check
from twistedcam.wire.av import HEAD, MAX_FRAME, FrameHead

MAX_LEN = 64


def target(data: bytes) -> None:
    """A head is as long as it is, and written as it was read."""
    head = accepted(FrameHead.fromBytes, data)
    if head is None:
        return
    check(head.toBytes() == data[: HEAD.size], "another head")
    check(head.length <= MAX_FRAME, "a frame without bounds")
    check(0 <= head.time < 1 << 33, f"at {head.time}")
    shifted = FrameHead.fromBytes(bytearray(b"xyz" + data), 3)
    check(shifted == head, "another head, elsewhere")


def seeds() -> Iterator[bytes]:
    """Of video and sound."""
    from fuzz.traffic import stream, vectors

    for dialect in ("media", "binary"):
        yield from vectors(dialect)
    for channel in (1, 2):
        yield stream(channel)[: HEAD.size]
