"""
The receiving end of a channel: everything once, in order, and acknowledged.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.session.channel import (
    ACK_BATCH,
    HOLE_PATIENCE,
    REORDER_WINDOW,
    RESTART_DISTANCE,
    Receiver,
)
from twistedcam.wire.drw import MAX_ACKS

from . import strategies

INDICES = 1 << 16


class ReceiverCase(SynchronousTestCase):
    """
    A receiver.

    @ivar story: the payloads delivered, and the numbers of those skipped.
    """

    def setUp(self) -> None:
        self.story: list[int] = []
        self.receiver = Receiver(self.deliver, self.missing)

    def deliver(self, payload: bytes) -> None:
        """The payload of a packet is its number."""
        self.story.append(int.from_bytes(payload, "big"))

    def missing(self, count: int) -> None:
        """Skipped packets are negative."""
        self.story.append(-count)

    def receive(self, *numbers: int, now: float = 0) -> list[bool]:
        """Let packets come; what they want to be acknowledged at once."""
        return [
            self.receiver.receive(number % INDICES, number.to_bytes(4, "big"), now)
            for number in numbers
        ]

    def acknowledged(self) -> list[int]:
        """What is to be acknowledged."""
        return [i for some in self.receiver.takeAcknowledgements() for i in some]


class OrderTests(ReceiverCase):
    """Order."""

    def test_inOrder(self) -> None:
        """What comes in order is delivered at once."""
        self.receive(0, 1, 2)
        self.assertEqual([0, 1, 2], self.story)

    def test_outOfOrder(self) -> None:
        """What comes too early waits."""
        self.receive(2, 1)
        self.assertEqual([], self.story)
        self.receive(0)
        self.assertEqual([0, 1, 2], self.story)
        self.receive(4, 3)
        self.assertEqual([0, 1, 2, 3, 4], self.story)
        self.assertIsNone(self.receiver.holeSince)

    def test_onlyOnce(self) -> None:
        """What comes again is not delivered again, early or late."""
        self.receive(0, 0, 2, 2, 1, 1, 0, 2)
        self.assertEqual([0, 1, 2], self.story)
        self.assertEqual(5, self.receiver.duplicates)

    def test_wraps(self) -> None:
        """After index 65535 comes 0."""
        numbers = list(range(INDICES + 300))
        for start in range(0, len(numbers), 100):
            self.receive(*reversed(numbers[start : start + 100]))
        self.assertEqual(numbers, self.story)
        self.assertEqual(0, self.receiver.duplicates)
        self.receive(INDICES - 1, INDICES)
        self.assertEqual(2, self.receiver.duplicates)

    @strategies.cheap
    @given(st.integers(0, 2**32), st.integers(1, 400), st.integers(0, 3))
    def test_anyOrder(self, seed: int, count: int, copies: int) -> None:
        """Whatever the order, and however often: all once, in order."""
        self.setUp()
        numbers = list(range(count)) * (1 + copies)
        Random(seed).shuffle(numbers)
        self.receive(*numbers)
        self.assertEqual(list(range(count)), self.story)
        self.assertEqual(set(range(count)), set(self.acknowledged()))
        self.assertEqual(copies * count, self.receiver.duplicates)
        self.assertIsNone(self.receiver.holeSince)


class HoleTests(ReceiverCase):
    """Packets that never come."""

    def test_patience(self) -> None:
        """A hole is waited for 400 ms at most."""
        self.receive(0, 2, 3, 6, now=1)
        self.receiver.expire(1.399)
        self.assertEqual([0], self.story)
        self.receiver.expire(1.001 + HOLE_PATIENCE)
        self.assertEqual([0, -1, 2, 3], self.story)
        self.assertEqual(1, self.receiver.lost)
        # The next hole has its own time.
        self.receiver.expire(1.800)
        self.assertEqual([0, -1, 2, 3], self.story)
        self.receiver.expire(1.802)
        self.assertEqual([0, -1, 2, 3, -2, 6], self.story)
        self.assertEqual((3, None), (self.receiver.lost, self.receiver.holeSince))
        self.assertLessEqual(HOLE_PATIENCE, 0.4)

    def test_tooLate(self) -> None:
        """What comes after it was given up is acknowledged, not delivered."""
        self.receive(0, 2)
        self.receiver.expire(1)
        self.assertEqual([True], self.receive(1, now=1))
        self.assertEqual([0, -1, 2], self.story)

    def test_filled(self) -> None:
        """A hole that is filled is forgotten."""
        self.receive(1, now=1)
        self.receive(0, now=1.3)
        self.receiver.expire(2)
        self.assertEqual([0, 1], self.story)
        self.assertEqual(0, self.receiver.lost)

    def test_nothingToGiveUp(self) -> None:
        """Without a hole, time may pass."""
        self.receive(0)
        self.receiver.expire(1000)
        self.assertEqual([0], self.story)

    def test_window(self) -> None:
        """More than 2,000 packets are kept; what is further off is dropped."""
        self.receive(*range(1, REORDER_WINDOW))
        self.assertEqual([], self.story)
        self.acknowledged()
        self.receive(REORDER_WINDOW, REORDER_WINDOW + 500)
        self.assertEqual([], self.acknowledged())
        self.assertEqual(2, self.receiver.absurd)
        self.receive(0)
        self.assertEqual(list(range(REORDER_WINDOW)), self.story)
        self.assertGreaterEqual(REORDER_WINDOW, 2048)

    @strategies.cheap
    @given(st.lists(st.integers(0, INDICES - 1), max_size=300), st.booleans())
    def test_bounded(self, indices: list[int], mayRestart: bool) -> None:
        """Whatever comes, it does not grow, and raises nothing."""
        self.setUp()
        self.receiver.mayRestart = mayRestart
        for number, index in enumerate(indices * 20):
            self.receiver.receive(index, b"\0", number / 1000)
            if number % 10 == 0:
                self.receiver.expire(number / 1000)
            if len(self.receiver.unacknowledged) >= ACK_BATCH:
                self.receiver.takeAcknowledgements()
            self.assertLess(len(self.receiver._ahead), REORDER_WINDOW)
        self.assertEqual(
            bool(self.receiver._ahead), self.receiver.holeSince is not None
        )


class AcknowledgementTests(ReceiverCase):
    """Acknowledgements."""

    def test_batch(self) -> None:
        """The seventeenth wants to be acknowledged at once, with the others."""
        self.assertEqual([False] * 16 + [True], self.receive(*range(17)))
        self.assertEqual(list(range(17)), self.acknowledged())
        self.assertEqual([False], self.receive(17))

    def test_sorted(self) -> None:
        """They are sorted, each once."""
        self.receive(3, 1, 2, 3, 1)
        self.assertEqual([1, 2, 3], self.acknowledged())
        self.assertEqual([], self.acknowledged())

    def test_duplicates(self) -> None:
        """A packet that comes again wants it at once."""
        self.receive(0, 2)
        self.acknowledged()
        self.assertEqual([True, True], self.receive(0, 2))
        self.assertEqual([0, 2], self.acknowledged())

    def test_portions(self) -> None:
        """64 at most in one packet."""
        self.receive(*range(200))
        portions = self.receiver.takeAcknowledgements()
        self.assertEqual([64, 64, 64, 8], list(map(len, portions)))
        self.assertEqual(64, MAX_ACKS)


class RestartTests(ReceiverCase):
    """Some cameras count from 0 again."""

    def test_expected(self) -> None:
        """If it was to be expected, packet 0 is a new one; told by skipping none."""
        self.receive(0, 1, 2)
        self.receiver.mayRestart = True
        self.receive(0, 1)
        self.assertEqual([0, 1, 2, 0, 0, 1], self.story)
        self.receive(0)
        self.assertEqual(1, self.receiver.duplicates)

    def test_noticed(self) -> None:
        """If it was not, it is noticed when no late packet could be that late."""
        self.receive(*range(RESTART_DISTANCE + 1))
        self.receive(0, 1)
        self.assertEqual([RESTART_DISTANCE, 0, 0, 1], self.story[-4:])

    def test_late(self) -> None:
        """A packet that is merely late is none of a new count."""
        self.receive(*range(RESTART_DISTANCE - 1))
        self.receive(0)
        self.assertEqual(RESTART_DISTANCE - 2, self.story[-1])
