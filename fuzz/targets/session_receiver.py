"""
The receiving end of a channel: any packets in any order, at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.session.channel import (
    ACK_BATCH,
    HOLE_PATIENCE,
    REORDER_WINDOW,
    Receiver,
)
from twistedcam.wire.drw import MAX_ACKS

_MASK = 0xFFFF


class Act(IntEnum):
    """What may happen."""

    NEXT = 0
    AHEAD = 1
    BEHIND = 2
    ANY = 3
    TIME = 4
    ACKNOWLEDGE = 5
    RESTART = 6


ACTS = tuple(Act)


class _Reader:
    """Follows what is delivered."""

    def __init__(self) -> None:
        self.receiver = Receiver(self.deliver, self.skipped)
        self.now = 1000.0
        self.expected = 0
        self.lost = 0
        self.sent: set[bytes] = set()

    def deliver(self, payload: bytes) -> None:
        """The next one, and only once."""
        index = int.from_bytes(payload[:2], "big")
        check(index == self.expected, f"{index} instead of {self.expected}")
        check(payload in self.sent, "nobody sent that, or it came twice")
        self.sent.remove(payload)
        self.expected = (index + 1) & _MASK

    def skipped(self, count: int) -> None:
        """Some are missing, or the count begins anew."""
        check(0 <= count <= REORDER_WINDOW, f"{count} skipped")
        self.lost += count
        self.expected = (self.expected + count) & _MASK if count else 0

    def step(self, choices: Choices) -> None:
        """Something happens."""
        receiver = self.receiver
        kind = choices.one(ACTS)
        if kind is Act.TIME:
            self.now += choices.byte() / 100
            receiver.expire(self.now)
            if receiver.holeSince is not None:
                waited = self.now - receiver.holeSince
                check(waited < HOLE_PATIENCE, f"a hole since {waited} s")
            return
        if kind is Act.ACKNOWLEDGE:
            self.acknowledge()
            return
        if kind is Act.RESTART:
            receiver.mayRestart = True
            return
        index = self.expected
        if kind is Act.AHEAD:
            index += choices.byte()
        elif kind is Act.BEHIND:
            index -= choices.byte()
        elif kind is Act.ANY:
            index = choices.u16()
        for _ in range(1 + (choices.byte() & 3)):
            self.receive(index & _MASK)
            index += 1

    def receive(self, index: int) -> None:
        """A packet comes."""
        receiver = self.receiver
        payload = index.to_bytes(2, "big") + len(self.sent).to_bytes(3, "big")
        while payload in self.sent:
            payload += b"."
        self.sent.add(payload)
        if receiver.receive(index, payload, self.now):
            self.acknowledge()
        check(len(receiver.unacknowledged) < ACK_BATCH, "too much to acknowledge")
        check(len(receiver._ahead) <= REORDER_WINDOW, "too much ahead")
        hole = receiver.holeSince is not None
        check(hole == bool(receiver._ahead), "a hole, and nothing behind it")
        check(receiver.lost == self.lost, "another number of lost packets")

    def acknowledge(self) -> None:
        """It is time to."""
        for portion in self.receiver.takeAcknowledgements():
            check(0 < len(portion) <= MAX_ACKS, f"{len(portion)} in one DRW_ACK")
            check(len(set(portion)) == len(portion), "one of them twice")
        check(not self.receiver.unacknowledged, "acknowledged, and still waiting")


def target(data: bytes) -> None:
    """What is delivered is in order, and nothing grows."""
    choices = Choices(data)
    reader = _Reader()
    while choices:
        reader.step(choices)


def seeds() -> Iterator[bytes]:
    """Order, holes, copies, and a count that begins anew."""
    yield Script(
        Act.NEXT,
        3,
        Act.NEXT,
        3,
        Act.AHEAD,
        5,
        0,
        Act.NEXT,
        3,
        Act.TIME,
        50,
        Act.NEXT,
        0,
    ).done()
    yield Script(
        Act.AHEAD, 200, 3, Act.BEHIND, 2, 1, Act.TIME, 255, Act.ACKNOWLEDGE
    ).done()
    yield (
        Script(Act.ANY)
        .u16(2047)
        .byte(0, Act.ANY)
        .u16(2048)
        .byte(0, Act.TIME, 41)
        .done()
    )
    yield (
        Script(Act.ANY)
        .u16(5)
        .byte(3, Act.RESTART, Act.NEXT, 3, Act.ANY)
        .u16(0)
        .byte(3)
        .done()
    )
    up = Script()
    for index in range(0, 6000, 2000):
        up.byte(Act.ANY).u16(index).byte(3, Act.TIME, 45)
    yield up.byte(Act.ANY).u16(3).byte(1, Act.ANY).u16(65535).byte(1).done()
