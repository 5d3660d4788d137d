"""Tests for L{twistedcam.session.channels}: a session's channels and their timers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.session.channel import (
    ACK_BATCH,
    ACK_DELAY,
    HOLE_PATIENCE,
    RESEND_AFTER,
    RESEND_FOR,
)
from twistedcam.session.channels import Channels, Listener, ignore
from twistedcam.wire.drw import CHANNELS, Drw, DrwAck


class ChannelsCase(SynchronousTestCase):
    """
    Channels on a clock.

    @ivar sent: the packets that went out.
    @ivar delivered: what came in, and negative numbers of missing packets.
    @ivar undelivered: how often the channels gave up.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[Drw | DrwAck] = []
        self.delivered: list[tuple[int, bytes | int]] = []
        self.undelivered = 0
        self.told: list[bool] = []
        self.channels = Channels(
            self.clock,
            self.sent.append,
            self.giveUp,
            [self.listener(channel) for channel in range(CHANNELS)],
        )

    def listener(self, channel: int) -> Listener:
        """Notes what a channel brings."""
        return (
            lambda payload: self.delivered.append((channel, payload)),
            lambda count: self.delivered.append((channel, -count)),
        )

    def giveUp(self) -> None:
        """The channels are of no use any more."""
        self.undelivered += 1

    def receive(self, channel: int, *indices: int) -> None:
        """Packets come in."""
        for index in indices:
            self.channels.received(channel, index, b"%d" % index, self.clock.seconds())

    def take(self) -> list[Drw | DrwAck]:
        """What went out since the last time."""
        sent = self.sent[:]
        self.sent.clear()
        return sent

    def assertQuiet(self) -> None:
        """No timer is left."""
        self.assertEqual([], self.clock.getDelayedCalls())


class AcknowledgingTests(ChannelsCase):
    """What came in is acknowledged."""

    def test_quiet(self) -> None:
        """Channels on which nothing happens need no timer."""
        self.assertQuiet()

    def test_after(self) -> None:
        """10 ms after the first, in one packet, sorted, whatever came since."""
        self.receive(1, 0)
        self.clock.advance(0.006)
        self.receive(1, 2, 1)
        self.clock.advance(0.003)
        self.assertEqual([], self.take())
        self.clock.advance(0.001)
        self.assertEqual([DrwAck(1, (0, 1, 2))], self.take())
        self.assertQuiet()
        self.assertEqual(0.010, ACK_DELAY)

    def test_batch(self) -> None:
        """At once when the seventeenth comes."""
        self.receive(1, *range(16))
        self.assertEqual([], self.take())
        self.receive(1, 16)
        self.assertEqual([DrwAck(1, tuple(range(17)))], self.take())
        self.receive(1, 17)
        self.clock.advance(ACK_DELAY)
        self.assertEqual([DrwAck(1, (17,))], self.take())
        self.assertQuiet()
        self.assertEqual(17, ACK_BATCH)

    def test_batchOfOne(self) -> None:
        """What waits on other channels does not make a batch."""
        self.receive(1, *range(16))
        self.receive(2, *range(16))
        self.assertEqual([], self.take())
        self.clock.advance(ACK_DELAY)
        sixteen = tuple(range(16))
        self.assertEqual([DrwAck(1, sixteen), DrwAck(2, sixteen)], self.take())

    def test_duplicate(self) -> None:
        """At once when something comes again, with all that waits."""
        self.receive(1, 0)
        self.clock.advance(ACK_DELAY)
        self.take()
        self.receive(1, 2, 1, 0)
        self.assertEqual([DrwAck(1, (0, 1, 2))], self.take())
        self.receive(1, 0)
        self.assertEqual([DrwAck(1, (0,))], self.take())
        self.clock.advance(1)
        self.assertEqual([], self.take())
        self.assertQuiet()

    def test_portions(self) -> None:
        """Never more than 64 in one packet: 82 would end the session."""
        receiver = self.channels.receivers[1]
        for index in range(150):
            receiver.receive(index, b"", 0)
        self.receive(1, 0)
        acks = self.take()
        sizes = [len(ack.indices) for ack in acks if isinstance(ack, DrwAck)]
        self.assertEqual([64, 64, 22], sizes)

    def test_delivered(self) -> None:
        """Each channel brings its own, in order."""
        self.receive(1, 1, 0)
        self.receive(0, 0)
        self.assertEqual([(1, b"0"), (1, b"1"), (0, b"0")], self.delivered)

    def test_hole(self) -> None:
        """A hole is given up after 400 ms; acknowledging does not wait for it."""
        self.receive(1, 0, 3)
        self.clock.advance(ACK_DELAY)
        self.assertEqual([DrwAck(1, (0, 3))], self.take())
        self.clock.pump([0.01] * 38)
        self.assertEqual([(1, b"0")], self.delivered)
        self.clock.pump([0.01] * 3)
        self.assertEqual([(1, b"0"), (1, -2), (1, b"3")], self.delivered)
        self.assertEqual([], self.take())
        self.assertQuiet()
        self.assertEqual(0.4, HOLE_PATIENCE)

    def test_holeAtDuplicate(self) -> None:
        """Also if the packet behind it was acknowledged at once."""
        self.receive(1, 0, 0, *range(2, 19))
        self.clock.pump([0.01] * 42)
        self.assertEqual((1, -1), self.delivered[1])
        self.assertEqual(19, len(self.delivered))
        self.assertQuiet()

    def test_holeFilled(self) -> None:
        """A hole that is filled is not given up."""
        self.receive(1, 1)
        self.clock.pump([0.01] * 30)
        self.receive(1, 0)
        self.clock.pump([0.01] * 30)
        self.assertEqual([(1, b"0"), (1, b"1")], self.delivered)
        self.assertQuiet()

    def test_absurd(self) -> None:
        """An impossible index is neither delivered nor acknowledged."""
        self.receive(1, 30000)
        self.clock.advance(1)
        self.assertEqual(([], []), (self.delivered, self.take()))
        self.assertQuiet()

    def test_ignore(self) -> None:
        """A channel that nobody listens to is acknowledged all the same."""
        channels = Channels(
            self.clock, self.sent.append, self.giveUp, [(ignore, ignore)] * CHANNELS
        )
        channels.received(7, 0, b"log", 0)
        self.clock.advance(ACK_DELAY)
        self.assertEqual([DrwAck(7, (0,))], self.take())


class SendingTests(ChannelsCase):
    """What goes out is sent again until it is acknowledged."""

    def write(self, channel: int, data: bytes = b"x") -> None:
        """Write, and note what becomes of it."""
        self.channels.write(channel, data, self.told.append)

    def test_numbers(self) -> None:
        """Each channel counts by itself, from 0."""
        for channel in 0, 3, 0:
            self.write(channel)
        self.assertEqual([Drw(0, 0, b"x"), Drw(3, 0, b"x"), Drw(0, 1, b"x")], self.sent)

    def test_arrived(self) -> None:
        """Once all is acknowledged there is no timer."""
        self.write(0)
        self.write(3)
        self.channels.acknowledged(0, (0,))
        self.assertEqual([True], self.told)
        self.channels.acknowledged(3, (0, 0))
        self.assertEqual([True, True], self.told)
        self.assertQuiet()

    def test_resend(self) -> None:
        """After 250 ms it is sent again, on the channel where it is due."""
        self.write(0)
        self.clock.advance(0.1)
        self.write(3)
        self.take()
        self.clock.advance(0.149)
        self.assertEqual([], self.take())
        self.clock.advance(0.001)
        self.assertEqual([Drw(0, 0, b"x")], self.take())
        self.clock.advance(0.1)
        self.assertEqual([Drw(3, 0, b"x")], self.take())
        self.assertEqual(0.25, RESEND_AFTER)

    def test_otherAcknowledged(self) -> None:
        """That another channel's packet arrives does not put it off."""
        self.write(0)
        self.clock.advance(0.2)
        self.write(3)
        self.channels.acknowledged(3, (0,))
        self.take()
        self.clock.advance(0.051)
        self.assertEqual([Drw(0, 0, b"x")], self.take())

    def test_overtaken(self) -> None:
        """What is overtaken is sent again at once; on its own channel only."""
        self.write(0)
        self.write(0)
        self.write(3)
        self.take()
        self.channels.acknowledged(0, (1,))
        self.assertEqual([Drw(0, 0, b"x")], self.take())

    def test_undelivered(self) -> None:
        """After 5 s it is given up: the writer is told, and the session, once."""
        self.write(0)
        self.clock.pump([0.01] * 498)
        self.assertEqual((0, []), (self.undelivered, self.told))
        self.clock.pump([0.01] * 3)
        self.assertEqual((1, [False]), (self.undelivered, self.told))
        self.assertEqual([Drw(0, 0, b"x")] * 5, self.sent)
        self.clock.advance(100)
        self.assertEqual(1, self.undelivered)
        self.assertQuiet()
        self.assertEqual(5.0, RESEND_FOR)

    def test_oneTimer(self) -> None:
        """However much is on the way, there is one timer."""
        for _ in range(100):
            for channel in range(CHANNELS):
                self.write(channel)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))


class ClosingTests(ChannelsCase):
    """The end."""

    def assertClosed(self) -> None:
        """Nothing is left, and nothing goes out any more."""
        self.assertQuiet()
        self.take()
        self.receive(1, *range(100), 0)
        self.channels.write(0, b"x", self.told.append)
        self.assertIs(False, self.told[-1])
        self.channels.acknowledged(0, range(10))
        self.assertEqual([], self.take())
        self.assertQuiet()
        self.channels.close()
        self.assertQuiet()
        self.assertEqual(0, self.undelivered)

    def closeWhen(self, channel: int) -> Callable[[bool], None]:
        """A writer that ends the session when told."""

        def settled(arrived: bool) -> None:
            self.told.append(arrived)
            self.channels.close()

        self.channels.write(channel, b"x", settled)
        return settled

    def test_close(self) -> None:
        """All timers go, all writers are told, once."""
        self.receive(1, 1)
        self.channels.write(0, bytes(100_000), self.told.append)
        self.channels.write(3, b"x", self.told.append)
        self.channels.close()
        self.assertEqual([False, False], self.told)
        self.assertClosed()

    def test_closeInTime(self) -> None:
        """Also if a timer has run already."""
        self.receive(1, 1)
        self.channels.write(0, b"x", self.told.append)
        self.clock.pump([0.01] * 30)
        self.channels.close()
        self.assertClosed()

    def test_closeUnused(self) -> None:
        """Also if nothing ever happened."""
        self.channels.close()
        self.assertClosed()

    def test_closeWhenDelivered(self) -> None:
        """Whoever gets a packet may end the session there and then."""
        for indices in (0,), (1, 0), (0, 1, 1):
            self.setUp()
            self.channels.receivers[1]._deliver = lambda _: self.channels.close()
            self.receive(1, *indices)
            self.assertClosed()

    def test_closeWhenSkipped(self) -> None:
        """So may who is told of a missing one, even if another hole waits."""
        self.channels.receivers[1]._skipped = lambda _: self.channels.close()
        self.receive(1, 1, 3)
        self.receive(2, 5)
        self.clock.pump([0.01] * 39)
        self.take()
        self.clock.pump([0.01] * 2)
        self.assertClosed()

    def test_closeWhenArrived(self) -> None:
        """So may who is told that it has arrived."""
        self.closeWhen(0)
        self.channels.write(3, b"x", self.told.append)
        self.channels.acknowledged(0, (0,))
        self.assertEqual([True, False], self.told)
        self.assertClosed()

    def test_closeWhenGivenUp(self) -> None:
        """So may who is told that it has not."""
        self.closeWhen(0)
        self.clock.pump([0.01] * 501)
        self.assertEqual([False], self.told)
        self.assertQuiet()
