"""
The emulated camera's reliable byte streams.
"""

from __future__ import annotations

from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Firmware
from twistedcam.emulator.reliable import (
    RECEIVE_LIMIT,
    SEND_LIMIT,
    Receiver,
    Sender,
    distance,
)

from .test_emulator import ALIVE
from .test_emulator_commands import LOGIN, CommandBench, request
from .test_emulator_session import ack, drw

TICK = 0.010


class SenderTests(SynchronousTestCase):
    """The outgoing stream."""

    def setUp(self) -> None:
        self.build()

    def build(self, maxPackets: int = 256) -> None:
        """A new one."""
        self.sent: list[bytes] = []
        self.now = 5.0
        self.sender = Sender(1, maxPackets, TICK, self.now, self.sent.append)

    def write(self, data: bytes) -> None:
        """Write and flush."""
        self.sender.write(data)
        self.sender.flush(self.now)

    def ack(self, *indices: int) -> None:
        """The client acknowledges, and a tick passes."""
        self.sender.acknowledged(indices, self.now)
        self.now += TICK
        self.sender.flush(self.now)

    def take(self) -> list[int]:
        """The indices sent since the last time."""
        sent, self.sent[:] = list(self.sent), []
        return [int.from_bytes(packet[6:8], "big") for packet in sent]

    def test_shared(self) -> None:
        """What is written between two ticks shares packets."""
        for piece in (b"a", b"b" * 1022, b"cd", b"e"):
            self.sender.write(piece)
        self.sender.flush(self.now)
        expected = [drw(1, 0, b"a" + b"b" * 1022 + b"c"), drw(1, 1, b"de")]
        self.assertEqual(expected, self.sent)

    def test_window(self) -> None:
        """120 packets leave ahead of the first acknowledgement."""
        self.write(bytes(300 * 1024))
        self.assertEqual(list(range(120)), self.take())
        self.assertTrue(self.sender.pending)
        self.ack(0)
        self.assertEqual([120], self.take())
        self.ack(*range(1, 81))
        self.assertEqual(list(range(121, 201)), self.take())
        self.assertEqual((300 - 81) * 1024, self.sender.queued)

    def test_span(self) -> None:
        """It is the oldest one that counts, not how many are missing."""
        self.write(bytes(300 * 1024))
        self.take()
        self.ack(*range(1, 120))
        self.assertEqual([0], self.take())

    def test_readyBounded(self) -> None:
        """So many packets are cut; what comes later shares the next one."""
        for maxPackets in (128, 256):
            self.build(maxPackets)
            for _ in range(maxPackets):
                self.write(b"x")
            self.write(b"y")
            self.write(b"z")
            sent: list[bytes] = []
            while self.sent:
                sent += self.sent
                self.ack(*self.take())
            self.assertEqual(drw(1, maxPackets, b"yz"), sent[-1])

    def test_fastResend(self) -> None:
        """An acknowledgement has all older packets sent again, each once."""
        self.write(bytes(10 * 1024))
        self.take()
        self.sender.acknowledged((2, 5, 6), self.now)
        self.assertEqual([0, 1, 3, 4], self.take())
        self.sender.acknowledged((6,), self.now)
        self.assertEqual([0, 1, 3, 4], self.take())

    def test_credit(self) -> None:
        """Each such packet narrows the window by one, each tick widens it."""
        self.write(bytes(120 * 1024))
        self.sender.acknowledged((100,), self.now)
        self.sender.acknowledged(range(120), self.now)
        self.take()
        self.sender.write(bytes(200 * 1024))
        self.assertTrue(self.sender.flush(self.now))
        self.assertEqual(20, len(self.take()))
        for _ in range(7):
            self.now += TICK
            self.assertTrue(self.sender.flush(self.now))
        self.assertIn(len(self.take()), (6, 7))
        self.now += 1000
        self.assertFalse(self.sender.flush(self.now))
        self.assertIn(len(self.take()), (93, 94))

    def test_creditEmpty(self) -> None:
        """Ten packets may always be under way."""
        self.write(bytes(120 * 1024))
        for _ in range(20):
            self.sender.acknowledged((119,), self.now)
        self.sender.acknowledged(range(120), self.now)
        self.take()
        self.write(bytes(120 * 1024))
        self.assertEqual(10, len(self.take()))

    def test_resend(self) -> None:
        """The oldest is sent again, and its direct successors."""
        self.write(bytes(6 * 1024))
        self.take()
        self.sender.resend(1)
        self.assertEqual([0], self.take())
        self.sender.resend(3)
        self.assertEqual([0, 1, 2], self.take())
        self.sender.acknowledged((0, 3), self.now)
        self.take()
        self.sender.resend(3)
        self.assertEqual([1, 2], self.take())
        self.sender.acknowledged(range(6), self.now)
        self.sender.resend(3)
        self.assertEqual([], self.take())

    def test_nonsense(self) -> None:
        """Acknowledgements of what was never sent do no harm."""
        self.ack(0, 0xAAAA, 0xFFFF)
        self.write(b"x")
        self.ack(0xFFFF, 0x8000, 0x7FFF)
        self.assertEqual(1, self.sender.queued)
        self.ack(0, 0)
        self.assertEqual(0, self.sender.queued)

    def test_wraps(self) -> None:
        """The index wraps at 16 bits."""
        for _ in range(700):
            self.write(bytes(100 * 1024))
            self.sender.acknowledged(self.take(), self.now)
        self.assertEqual(0, self.sender.queued)
        self.write(b"x")
        self.assertEqual([70000 & 0xFFFF], self.take())

    def test_bounded(self) -> None:
        """There is an end to what is kept."""
        self.write(bytes(SEND_LIMIT))
        with self.assertRaises(BufferError):
            self.sender.write(b"x")
        self.ack(0)
        self.sender.write(bytes(1024))


class ReceiverTests(SynchronousTestCase):
    """The incoming stream."""

    def setUp(self) -> None:
        self.got: list[bytes] = []
        self.receiver = Receiver()
        self.receiver.reader = self.got.append

    def feed(self, index: int, payload: bytes) -> bool:
        """A packet comes; is it acknowledged?"""
        pieces = self.receiver.take(index, payload)
        if pieces is not None:
            self.receiver.deliver(pieces)
        return pieces is not None

    def test_distance(self) -> None:
        """Indices wrap, half of them lie ahead."""
        self.assertEqual(2, distance(1, 0xFFFF))
        self.assertEqual(-2, distance(0xFFFF, 1))
        self.assertEqual(0x7FFF, distance(0x7FFF, 0))
        self.assertEqual(-0x8000, distance(0x8000, 0))

    def test_hole(self) -> None:
        """What comes behind a hole waits for it."""
        for index in (2, 1, 4):
            self.assertTrue(self.feed(index, b"%d" % index))
        self.assertEqual([], self.got)
        self.feed(0, b"0")
        self.assertEqual([b"0", b"1", b"2"], self.got)
        self.feed(3, b"3")
        self.assertEqual([b"0", b"1", b"2", b"3", b"4"], self.got)

    def test_duplicates(self) -> None:
        """Duplicates, waiting ones too, are acknowledged and not delivered."""
        for index in (0, 0, 2, 2, 0, 1, 1, 2, 0xFFFF, 0x9000):
            self.assertTrue(self.feed(index, b"%d" % index))
        self.assertEqual([b"0", b"1", b"2"], self.got)

    def test_limit(self) -> None:
        """Behind a hole 128 KiB wait, and no more; to fill it is allowed."""
        accepted = [self.feed(index, bytes(1024)) for index in range(1, 300)]
        self.assertEqual(RECEIVE_LIMIT // 1024 + 1, accepted.count(True))
        self.assertTrue(self.feed(0, b"x"))
        self.assertEqual(RECEIVE_LIMIT + 1024 + 1, sum(map(len, self.got)))
        self.assertTrue(self.feed(300, b"x"))

    def test_unread(self) -> None:
        """So it is when nobody reads, hole or not."""
        self.receiver.reader = None
        accepted = [self.feed(index, bytes(1024)) for index in range(300)]
        self.assertEqual(RECEIVE_LIMIT // 1024 + 1, accepted.count(True))
        self.assertTrue(self.feed(0, b"again"))
        self.assertEqual([], self.got)

    @given(st.permutations(range(40)), st.lists(st.integers(0, 39)))
    def test_anyOrder(self, order: list[int], again: list[int]) -> None:
        """In whatever order they come, they are delivered in theirs, once."""
        self.setUp()
        # Just before the wrap.
        self.receiver._expected = first = 65520
        for place, number in enumerate(order):
            for index in (number, *again[place : place + 1]):
                if index in order[: place + 1]:
                    self.assertTrue(self.feed((first + index) & 0xFFFF, b"%d" % index))
        self.assertEqual([b"%d" % number for number in range(40)], self.got)


class EngineTests(CommandBench):
    """Both together, in a session."""

    def test_tick(self) -> None:
        """The first write leaves at once, later ones with the next tick."""
        for piece in b"abc":
            self.session.write(1, bytes((piece,)))
        self.network.advance(0.001)
        self.assertEqual([drw(1, 0, b"a")], self.client.take())
        self.network.advance(0.010)
        self.assertEqual([drw(1, 1, b"bc")], self.client.take())

    def test_idle(self) -> None:
        """A session where nothing is to be done has one timer."""
        self.ask("check_user")
        self.network.advance(0.2)
        self.assertEqual(1, len(self.network.getDelayedCalls()))
        self.session.write(1, bytes(500_000))
        self.network.advance(3)
        self.assertEqual(500_000, len(self.client.streams[1]))
        self.assertEqual(1, len(self.network.getDelayedCalls()))

    def test_ackedAgain(self) -> None:
        """A duplicate is acknowledged again, and obeyed once."""
        packet = drw(0, 0, request(f"GET /check_user.cgi?{LOGIN}"))
        for _ in range(3):
            self.client.say(packet)
            self.network.advance(0.1)
        heard = self.client.take()
        self.assertEqual(3, heard.count(ack(0, 0)))
        self.assertEqual(1, len(self.client.records()))

    def test_unread(self) -> None:
        """On a channel that nobody reads packets are no longer acknowledged."""
        for index in range(140):
            self.client.say(drw(6, index, bytes(1024)))
            self.network.advance(0.001)
        self.network.advance(0.1)
        heard = b"".join(d[8:] for d in self.client.take() if d[:2] == b"\xf1\xd1")
        self.assertEqual(b"".join(i.to_bytes(2, "big") for i in range(129)), heard)

    @settings(max_examples=25, deadline=None)
    @given(
        st.sampled_from([FIRMWARE_A, FIRMWARE_B]),
        st.integers(0, 1000),
        st.lists(st.binary(min_size=1, max_size=5000), min_size=1, max_size=20),
    )
    def test_badNetwork(
        self, firmware: Firmware, seed: int, pieces: list[bytes]
    ) -> None:
        """Whatever the network does, the stream arrives as it was written."""
        self.build(firmware=firmware, seed=seed)
        client, session = self.dial(), self.session
        self.network.loss = self.network.duplicate = self.network.reorder = 0.2
        for number, piece in enumerate(pieces):
            session.write(1 + number % 2, piece)
            self.network.advance(0.003)
        for _ in range(100):
            # Or the camera's own ALIVE could be lost seven times in a row.
            client.say(ALIVE)
            self.network.advance(0.2)
        self.assertEqual(b"".join(pieces[::2]), client.streams[1])
        self.assertEqual(b"".join(pieces[1::2]), client.streams.get(2, b""))
        self.assertEqual(0, session.queued(1))

    def test_speed(self) -> None:
        """A busy video (4 Mbit/s) takes a fraction of the time that it lasts."""
        begun = process_time()
        for _ in range(10 * 25):
            self.session.write(1, bytes(20_000))
            self.network.advance(0.04)
        self.network.advance(0.1)
        self.assertEqual(5_000_000, len(self.client.streams[1]))
        self.assertLess(process_time() - begun, 5)

    def test_resendsBounded(self) -> None:
        """A client that is gone costs a packet per receive wait, until it ends."""
        self.client.deaf = True
        self.session.write(1, bytes(1024))
        self.client.take()
        self.network.advance(2)
        sent = [d for d in self.client.take() if d[:2] == b"\xf1\xd0"]
        self.assertLess(len(sent), 2.1 / 0.041)
        self.assertGreater(len(sent), 20)
