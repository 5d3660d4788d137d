"""
The sending end of a channel: any acknowledgements of anything, at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.session.channel import MAX_QUEUE, RESEND_FOR, SEND_WINDOW, Sender
from twistedcam.wire.drw import MAX_PAYLOAD

_MASK = 0xFFFF

#: Bytes that may be written at once.
_SIZES = (0, 1, 1024, 1025, 5000, 65_536, 100_000, MAX_QUEUE, MAX_QUEUE + 1)


class Act(IntEnum):
    """What may happen."""

    WRITE = 0
    RIGHT = 1
    WRONG = 2
    TIME = 3
    AGAIN = 4


ACTS = tuple(Act)


class _Writer:
    """Follows what becomes of what it writes."""

    def __init__(self) -> None:
        self.sender = Sender(self.transmit)
        self.now = 1000.0
        self.written = 0
        self.settled = 0
        self.onTheWay: dict[int, bytes] = {}
        self.next = 0
        self.eager = False

    def transmit(self, index: int, payload: bytes) -> None:
        """A packet goes out: the next, or one that went out before."""
        check(0 < len(payload) <= MAX_PAYLOAD, f"{len(payload)} bytes")
        if index in self.onTheWay:
            check(self.onTheWay[index] == payload, "another payload, the second time")
            return
        check(index == self.next, f"{index} instead of {self.next}")
        self.next = (index + 1) & _MASK
        self.onTheWay[index] = payload
        check(len(self.onTheWay) <= SEND_WINDOW, "too many on the way")

    def write(self, size: int) -> None:
        """Something is to be sent."""
        self.written += 1
        told = False

        def settled(arrived: bool) -> None:
            nonlocal told
            check(not told, "settled twice")
            told = True
            self.settled += 1
            if self.eager:
                self.eager = False
                self.write(10)

        self.sender.write(bytes(size), settled, self.now)

    def step(self, choices: Choices) -> None:
        """Something happens."""
        kind = choices.one(ACTS)
        if kind is Act.WRITE:
            self.write(choices.one(_SIZES))
        elif kind is Act.TIME:
            self.now += choices.byte() / 40
            self.sender.expire(self.now)
            if self.sender.broken:
                self.sender.fail()
        elif kind is Act.AGAIN:
            self.eager = True
        else:
            indices = [choices.u16() for _ in range(choices.byte() & 7)]
            if kind is Act.RIGHT:
                there = list(self.onTheWay)
                indices = [there[i % len(there)] for i in indices if there]
            acknowledged = {index: self.onTheWay.pop(index, b"") for index in indices}
            del acknowledged
            self.sender.acknowledged(indices, self.now)
        check(self.sender._queued <= MAX_QUEUE, "too much waits")
        due = self.sender.due
        check(due is None or due <= self.now + RESEND_FOR, f"nothing before {due}")


def target(data: bytes) -> None:
    """Whatever is written is settled, once; nothing grows."""
    choices = Choices(data)
    writer = _Writer()
    while choices:
        writer.step(choices)
    writer.sender.fail()
    check(writer.settled == writer.written, "something was never settled")
    check(writer.sender.due is None, "there is still something to be sent")
    writer.write(1)
    check(writer.settled == writer.written, "written after the end, and not settled")


def seeds() -> Iterator[bytes]:
    """Acknowledged, not acknowledged, and wrongly acknowledged."""
    yield (
        Script(Act.WRITE, 1, Act.RIGHT, 1)
        .u16(0)
        .byte(Act.WRITE, 3, Act.RIGHT, 1)
        .u16(1)
        .done()
    )
    yield (
        Script(Act.WRITE, 6, Act.RIGHT, 3)
        .u16(60)
        .u16(0)
        .u16(0)
        .byte(Act.TIME, 200)
        .done()
    )
    yield Script(
        Act.WRITE, 4, Act.TIME, 12, Act.TIME, 25, Act.TIME, 255, Act.WRITE, 1
    ).done()
    yield (
        Script(
            Act.AGAIN, Act.WRITE, 0, Act.WRITE, 7, Act.AGAIN, Act.WRITE, 8, Act.WRONG, 1
        )
        .u16(9)
        .done()
    )
    yield Script(
        Act.AGAIN, Act.WRITE, 7, Act.TIME, 255, Act.AGAIN, Act.TIME, 255
    ).done()
