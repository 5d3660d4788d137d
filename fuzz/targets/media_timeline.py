"""
Presentation times, out of clocks that do as they like.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from math import isfinite

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.media.timeline import JUMP, TICK, CameraClock, Timeline

#: A day in 2026, and what a camera shows that was never told the time.
_TODAY, _NEVER = 1_795_000_000.0, 0.0

#: Rounding, at seconds since 1970.
_ROUNDING = 1e-5


class Act(IntEnum):
    """What may happen."""

    STEADY = 0
    THEIRS = 1
    OURS = 2
    SAME = 3
    WAIT = 4


ACTS = tuple(Act)


def target(data: bytes) -> None:
    """Time never goes back, and never runs away."""
    choices = Choices(data)
    clock = CameraClock()
    lines = (Timeline(clock), Timeline(clock))
    last = [float("-inf"), float("-inf")]
    now, theirs = _TODAY, choices.one((_TODAY, _NEVER))
    while choices:
        match choices.one(ACTS):
            case Act.STEADY:
                step = choices.byte() / 1000
                now, theirs = now + step, theirs + step
            case Act.THEIRS:
                # 32 bits of seconds, and 16 of milliseconds.
                theirs = choices.u32() + choices.u16() / 1000
            case Act.OURS:
                now += (choices.u32() - (1 << 31)) / 1000
            case Act.SAME:
                pass
            case Act.WAIT:
                now += choices.byte() / 10
        which = choices.flag()
        time = lines[which].present(theirs, now)
        check(isfinite(time), f"at {time}")
        check(time >= last[which] + TICK - _ROUNDING, f"back by {last[which] - time}")
        limit = max(last[which] + TICK, clock.arrival(now) + JUMP)
        check(time <= limit + _ROUNDING, f"ahead by {time - limit}")
        last[which] = time


def seeds() -> Iterator[bytes]:
    """Steady, trembling, jumping clocks."""
    yield Script(0, *(Act.STEADY, 66, 0, Act.STEADY, 64, 1) * 20).done()
    yield (
        Script(1, *(Act.STEADY, 66, 0) * 3, Act.THEIRS)
        .u32(10**9)
        .u16(500)
        .byte(0)
        .done()
    )
    script = Script(0, *(Act.STEADY, 66, 0) * 3, Act.OURS).u32((1 << 31) - 3_600_000)
    yield script.byte(0, *(Act.STEADY, 66, 0) * 3).done()
    script = Script(0, *(Act.STEADY, 66, 0) * 3, Act.OURS).u32((1 << 31) + 3_600_000)
    yield script.byte(
        0, *(Act.STEADY, 66, 0) * 3, *(Act.SAME, 0, Act.WAIT, 1, 0) * 4
    ).done()
