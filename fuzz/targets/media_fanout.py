"""
The fan-out: any frames, and viewers who come, go, and are slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum

from fuzz.checks import check, nothingLogged
from fuzz.choices import Choices, Script
from twistedcam.media.fanout import CACHE_BYTES, CACHE_FRAMES, Fanout, Viewer
from twistedcam.media.frame import Codec, Frame

_SIZES = (1, 1000, 60_000, 1 << 20, CACHE_BYTES, CACHE_BYTES + 1)
_BLOCK = bytes(max(_SIZES))


class Act(IntEnum):
    """What may happen."""

    FRAME = 0
    MANY = 1
    VIEW = 2
    TAKE = 3
    LEAVE = 4
    SUBSCRIBE = 5
    UNSUBSCRIBE = 6
    FORGET = 7
    ABANDON = 8


ACTS = tuple(Act)


class _Watcher:
    """A viewer with a queue, and what he saw."""

    def __init__(self, fanout: Fanout, frames: int, size: int) -> None:
        self.frames, self.size = frames, size
        self.last: int | None = None
        self.viewer: Viewer = fanout.view(lambda: None, frames, size)

    def take(self) -> None:
        """Look at the next frame."""
        frame = self.viewer.take()
        if frame is None:
            return
        if self.last is None:
            check(frame.keyframe, "he began in the middle")
        else:
            check(frame.number > self.last, "a frame twice, or out of order")
            follows = frame.number == self.last + 1
            check(follows or frame.gap, "a hole that he was not told of")
            check(follows or frame.keyframe, "behind a hole comes no keyframe")
        self.last = frame.number

    def bounds(self) -> None:
        """His queue does not grow."""
        viewer = self.viewer
        held = sum(len(frame.data) for frame in viewer._queue)
        check(held == viewer._bytes, f"{held} bytes counted as {viewer._bytes}")
        check(len(viewer) <= max(self.frames, 1), f"{len(viewer)} frames wait")
        check(held <= self.size or len(viewer) == 1, f"{held} bytes wait")


def target(data: bytes) -> None:
    """Nobody misses a frame without being told; nothing grows."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    joined = left = 0

    def join() -> None:
        nonlocal joined
        joined += 1

    def leave() -> None:
        nonlocal left
        left += 1

    fanout = Fanout(join, leave)
    watchers: list[_Watcher] = []
    subscribers: list[Callable[[], None]] = []
    number = 0
    gap = False
    while choices:
        act = choices.one(ACTS)
        if act in (Act.FRAME, Act.MANY):
            kind = choices.byte()
            keyframe, size = bool(kind & 1), _SIZES[(kind >> 1) % len(_SIZES)]
            # As from an assembler: after a hole comes a keyframe.
            number += kind >> 7
            gap |= bool(kind >> 7)
            for _ in range(choices.byte() if act is Act.MANY else 1):
                number += 1
                shown = Frame(
                    Codec.H264,
                    _BLOCK[:size],
                    keyframe or gap,
                    number,
                    number,
                    number,
                    gap,
                )
                gap = False
                fanout.publish(shown)
                check(len(fanout._cache) <= CACHE_FRAMES, "the cache grows")
                check(fanout._cached <= CACHE_BYTES, "the cache grows")
        elif act is Act.VIEW and len(watchers) < 20:
            frames = 1 + choices.byte()
            watchers.append(_Watcher(fanout, frames, 1 + choices.u16() * 100))
        elif act is Act.SUBSCRIBE and len(subscribers) < 20:
            subscribers.append(fanout.subscribe(lambda frame: None))
        elif act is Act.UNSUBSCRIBE and subscribers:
            choices.one(subscribers)()
        elif act is Act.FORGET:
            fanout.forget()
            gap = True
        elif watchers:
            watcher = choices.one(watchers)
            if act is Act.TAKE:
                watcher.take()
            elif act is Act.LEAVE:
                watcher.viewer.close()
            elif act is Act.ABANDON:
                watcher.viewer.abandoned = True
        for watcher in watchers:
            watcher.bounds()
    for watcher in watchers:
        watcher.viewer.close()
    for unsubscribe in subscribers:
        unsubscribe()
    check(fanout.audience == 0, f"{fanout.audience} stay for ever")
    check(joined == len(watchers) + len(subscribers), f"{joined} joined")
    check(left == joined, f"{left} of {joined} left")


def seeds() -> Iterator[bytes]:
    """Quick and slow viewers."""
    yield Script(
        *(Act.FRAME, 3, Act.VIEW, 3, 255, 255, Act.FRAME, 2, Act.SUBSCRIBE),
        *(Act.TAKE, 0, Act.TAKE, 0, Act.MANY, 2, 9, Act.TAKE, 0, Act.FRAME, 3),
        *(Act.TAKE, 0, Act.TAKE, 0, Act.LEAVE, 0, Act.UNSUBSCRIBE, 0),
    ).done()
    yield Script(
        *(Act.VIEW, 200, 255, 255, Act.FRAME, 7, Act.MANY, 6, 80, Act.VIEW, 200, 1, 0),
        *(Act.FRAME, 9, Act.FRAME, 11, Act.FORGET, Act.FRAME, 3, Act.TAKE, 0),
        *(Act.FRAME, 0x82, Act.TAKE, 0, Act.ABANDON, 1, Act.MANY, 2, 255, Act.TAKE, 0),
        *(Act.MANY, 0, 255, Act.MANY, 0, 255, Act.TAKE, 1, Act.LEAVE, 1),
    ).done()
