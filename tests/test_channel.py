"""
The sending end of a channel; and both ends, joined by a bad network.

What the receiving end does by itself is in L{tests.test_session_channel}.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import pairwise
from random import Random
from struct import Struct

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.session.channel import (
    ACK_DELAY,
    HOLE_PATIENCE,
    MAX_QUEUE,
    REORDER_WINDOW,
    RESEND_AFTER,
    RESEND_FOR,
    SEND_WINDOW,
    Receiver,
    Sender,
)
from twistedcam.wire.drw import MAX_ACKS, MAX_PAYLOAD

INDICES = 1 << 16

#: What a packet's payload begins with: its number since the beginning.
NUMBER = Struct(">I")


class SenderCase(SynchronousTestCase):
    """
    A sender.

    @ivar sent: indices of the packets that were sent, since the last L{take}.
    @ivar payloads: all payloads that were sent.
    @ivar told: what became of the messages, by name, in the order of the telling.
    """

    def setUp(self) -> None:
        self.sent: list[int] = []
        self.payloads: list[bytes] = []
        self.told: list[tuple[str, bool]] = []
        self.sender = Sender(self.transmit)

    def transmit(self, index: int, payload: bytes) -> None:
        """A packet goes out."""
        self.sent.append(index)
        self.payloads.append(payload)

    def write(self, name: str, packets: int = 1, now: float = 0) -> None:
        """Write so many packets."""
        self.sender.write(bytes(packets * MAX_PAYLOAD), self.teller(name), now)

    def teller(self, name: str) -> Callable[[bool], None]:
        """Notes what becomes of a message."""
        return lambda arrived: self.told.append((name, arrived))

    def take(self) -> list[int]:
        """The indices sent since the last time."""
        sent, self.sent = self.sent, []
        return sent

    def sentAt(self, now: float) -> list[int]:
        """The indices sent when that time has come."""
        self.take()
        self.sender.expire(now)
        return self.take()

    def acknowledge(self, *indices: int, now: float = 0) -> list[int]:
        """The indices sent because these were acknowledged."""
        self.take()
        self.sender.acknowledged(indices, now)
        return self.take()


class WritingTests(SenderCase):
    """Cutting, and telling."""

    def test_cut(self) -> None:
        """Data is cut into packets of 1024 bytes, numbered from 0."""
        data = bytes(range(256)) * 10
        self.sender.write(data, self.teller("a"), 0)
        self.assertEqual([0, 1, 2], self.take())
        self.assertEqual([1024, 1024, 512], list(map(len, self.payloads)))
        self.assertEqual(data, b"".join(self.payloads))

    def test_arrived(self) -> None:
        """The writer is told once, when the last of the packets has arrived."""
        self.write("a", 3)
        self.acknowledge(2, 0)
        self.assertEqual([], self.told)
        self.acknowledge(1)
        self.assertEqual([("a", True)], self.told)
        self.acknowledge(0, 1, 2)
        self.assertEqual([("a", True)], self.told)
        self.assertIsNone(self.sender.due)

    def test_nothing(self) -> None:
        """Nothing arrives at once."""
        self.sender.write(b"", self.teller("a"), 0)
        self.assertEqual(([("a", True)], []), (self.told, self.sent))

    def test_wraps(self) -> None:
        """After index 65535 comes 0."""
        for number in range(INDICES + 3):
            self.write("a")
            self.assertEqual([number % INDICES], self.take())
            self.sender.acknowledged([number % INDICES], 0)
        self.assertEqual([("a", True)] * (INDICES + 3), self.told)
        self.assertEqual(0, self.sender.resent)

    def test_window(self) -> None:
        """No more than 64 are on the way; the oldest holds the others up."""
        self.write("a", 200)
        self.assertEqual(list(range(64)), self.take())
        self.assertEqual([0], self.acknowledge(*range(1, 64)))
        self.assertEqual(list(range(64, 128)), self.acknowledge(0))
        self.assertEqual([128, 129], self.acknowledge(64, 65))
        self.assertEqual(64, SEND_WINDOW)

    def test_windowWraps(self) -> None:
        """Where the count wraps the window is the same."""
        self.sender._next = INDICES - 10
        self.write("a", 100)
        self.assertEqual([*range(INDICES - 10, INDICES), *range(54)], self.take())
        self.assertEqual([54, 55], self.acknowledge(INDICES - 10, INDICES - 9))

    def test_queue(self) -> None:
        """At most 1 MiB waits; what is too much is refused, the rest is not."""
        self.write("a", 64)
        self.write("b", 1024)
        self.write("c", 1)
        self.assertEqual([("c", False)], self.told)
        self.sender.write(b"", self.teller("d"), 0)
        self.assertEqual(("d", True), self.told[-1])
        self.acknowledge(*range(64))
        self.write("e", 64)
        self.write("f", 1)
        self.assertEqual([("a", True), ("f", False)], self.told[2:])
        for start in range(64, 64 + 1024 + 64, 64):
            self.acknowledge(*range(start, start + 64))
        self.assertEqual([("b", True), ("e", True)], self.told[4:])
        self.assertEqual(0, self.sender._queued)
        self.assertEqual(1 << 20, MAX_QUEUE)

    def test_writeWhenTold(self) -> None:
        """Who is told may write at once; the order stays."""

        def again(arrived: bool) -> None:
            self.told.append(("a", arrived))
            self.write("c")

        self.sender.write(b"x", again, 0)
        self.write("b", 64)
        self.assertEqual(list(range(64)), self.take())
        self.assertEqual([64, 65], self.acknowledge(0, 1))
        self.acknowledge(*range(2, 65))
        self.assertEqual([("a", True), ("b", True)], self.told)
        self.acknowledge(65)
        self.assertEqual(("c", True), self.told[-1])

    def test_failWhenTold(self) -> None:
        """Who is told may give up all the rest."""

        def enough(arrived: bool) -> None:
            self.told.append(("a", arrived))
            self.sender.fail()

        self.sender.write(b"x", enough, 0)
        self.write("b", 100)
        self.assertEqual([], self.acknowledge(0, 1, 2))
        self.assertEqual([("a", True), ("b", False)], self.told)
        self.assertIsNone(self.sender.due)


class ResendingTests(SenderCase):
    """What is not acknowledged."""

    def test_times(self) -> None:
        """It is sent again after 250 ms, then after twice that, and so on."""
        self.write("a", now=100)
        times = []
        while not self.sender.broken:
            due = self.sender.due
            assert due is not None
            self.assertEqual([], self.sentAt(due - 0.001))
            if self.sentAt(due):
                times.append(due - 100)
            else:
                self.assertEqual(RESEND_FOR, due - 100)
        self.assertEqual([0.25, 0.75, 1.75, 3.75], times)
        self.assertEqual(4, self.sender.resent)
        self.assertEqual((0.25, 5.0), (RESEND_AFTER, RESEND_FOR))

    def test_givenUp(self) -> None:
        """After 5 s all is given up, and each writer told so, once."""
        self.write("a", 60)
        self.write("b", 60, now=4)
        self.acknowledge(*range(59), now=4)
        self.take()
        self.sender.expire(4.999)
        self.assertEqual(([], False), (self.told, self.sender.broken))
        self.sender.expire(5)
        self.assertEqual(([], True), (self.told, self.sender.broken))
        self.sender.fail()
        self.assertEqual([("a", False), ("b", False)], self.told)
        self.assertIsNone(self.sender.due)
        self.sender.expire(50)
        self.acknowledge(*range(200))
        self.assertEqual(2, len(self.told))

    def test_broken(self) -> None:
        """A broken channel takes nothing, not even from who was just told."""
        self.sender.write(b"x", lambda _: self.write("b"), 0)
        self.sender.fail()
        self.write("c")
        self.sender.write(b"", self.teller("d"), 0)
        self.assertEqual([("b", False), ("c", False), ("d", False)], self.told)
        self.assertEqual([0], self.sent)

    def test_each(self) -> None:
        """Each packet has its own time."""
        self.write("a", now=0)
        self.write("b", now=0.1)
        self.assertEqual([0], self.sentAt(0.25))
        self.assertEqual([], self.sentAt(0.34))
        self.assertEqual([1], self.sentAt(0.36))

    def test_same(self) -> None:
        """It is the same packet."""
        self.sender.write(b"abc", self.teller("a"), 0)
        self.sentAt(0.3)
        self.assertEqual([b"abc", b"abc"], self.payloads)

    def test_overtaken(self) -> None:
        """What was sent before one that has arrived is sent again at once."""
        self.write("a", 6)
        self.assertEqual([0, 1, 3], self.acknowledge(2, 4))

    def test_onlyOvertaken(self) -> None:
        """What was sent later than that is not; nor what was sent again since."""
        self.write("a", 6)
        self.assertEqual([0, 1], self.acknowledge(2))
        self.assertEqual([], self.acknowledge(3))
        self.assertEqual([4], self.acknowledge(5))
        # The second transmission of 4 is later than that of 0 and 1.
        self.assertEqual([0, 1], self.acknowledge(4))
        self.assertEqual(5, self.sender.resent)

    def test_inOrder(self) -> None:
        """Acknowledgements in order have nothing sent again."""
        self.write("a", 64)
        for index in range(64):
            self.assertEqual([], self.acknowledge(index))
        self.assertEqual(0, self.sender.resent)

    def test_overtakenDelay(self) -> None:
        """It then waits for 250 ms from then on."""
        self.write("a", 2)
        self.acknowledge(1, now=0.2)
        self.assertEqual([], self.sentAt(0.44))
        self.assertEqual([0], self.sentAt(0.46))

    def test_overtakenIsGivenUp(self) -> None:
        """It is given up all the same, 5 s after it was first sent."""
        self.write("a", 1)
        for tenth in range(1, 50):
            self.write("b", now=tenth / 10)
            self.acknowledge(tenth, now=tenth / 10)
        self.sender.expire(4.99)
        self.assertFalse(self.sender.broken)
        self.sender.expire(5)
        self.assertTrue(self.sender.broken)
        self.sender.fail()
        self.assertEqual(("a", False), self.told[-1])

    def test_repeated(self) -> None:
        """An index may be told twice in one acknowledgement."""
        self.write("a", 2)
        self.assertEqual([], self.acknowledge(0, 0))
        self.acknowledge(1, 1, 0)
        self.assertEqual([("a", True)], self.told)

    def test_absurd(self) -> None:
        """Acknowledgements of what was never sent are ignored."""
        self.write("a", 3)
        self.assertEqual([], self.acknowledge(3, 4, 1000, INDICES - 1))
        self.assertEqual([], self.acknowledge())
        self.assertEqual([], self.told)
        self.assertEqual([], self.acknowledge(0, 1, 2, 1000))
        self.assertEqual([("a", True)], self.told)


class JoinedTests(SynchronousTestCase):
    """A sender and a receiver."""

    def setUp(self) -> None:
        self.delivered: list[bytes] = []
        self.told: list[bool] = []
        self.receiver = Receiver(self.delivered.append)
        self.sender = Sender(self.transmit)

    def transmit(self, index: int, payload: bytes) -> None:
        """A packet arrives at once."""
        self.receiver.receive(index, payload, 0)

    def acknowledge(self, now: float) -> None:
        """An acknowledgement arrives."""
        for indices in self.receiver.takeAcknowledgements():
            self.sender.acknowledged(indices, now)

    def test_lostAcknowledgement(self) -> None:
        """If an acknowledgement is lost, what was sent again is delivered once."""
        self.sender.write(b"abc", self.told.append, 0)
        self.receiver.takeAcknowledgements()  # and it is lost
        self.sender.expire(0.25)
        self.assertEqual(1, self.sender.resent)
        self.acknowledge(0.25)
        self.assertEqual([b"abc"], self.delivered)
        self.assertEqual([True], self.told)

    def test_restartFromTheBeginning(self) -> None:
        """
        If a restart is awaited before anything came, the first packet 0 is the
        awaited one: that it comes again is no further restart.
        """
        self.receiver.mayRestart = True
        self.sender.write(bytes(3 * MAX_PAYLOAD), self.told.append, 0)
        self.receiver.takeAcknowledgements()
        self.sender.expire(0.25)
        self.acknowledge(0.25)
        self.assertEqual(3, len(self.delivered))
        self.assertEqual(3, self.receiver.duplicates)
        self.assertEqual([True], self.told)


class Path:
    """
    One direction of a bad network.

    @ivar lossy: how many of a hundred datagrams are lost.
    @ivar doubled: how many of a hundred come twice.
    @ivar slowest: seconds that one may take, at most.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lossy = self.doubled = 0
        self.slowest = 0.0
        self._flying: list[tuple[float, int, object]] = []
        self._count = 0

    def put(self, datagram: object, now: float) -> None:
        """Send."""
        copies = 1 + (self.random.randrange(100) < self.doubled)
        for _ in range(copies):
            if self.random.randrange(100) >= self.lossy:
                self._count += 1
                arrival = now + self.random.uniform(0, self.slowest)
                heappush(self._flying, (arrival, self._count, datagram))

    def take(self, now: float) -> list[object]:
        """What has arrived by now."""
        arrived = []
        while self._flying and self._flying[0][0] <= now:
            arrived.append(heappop(self._flying)[2])
        return arrived


class End:
    """
    One end of a channel, both sending and receiving.

    @ivar patient: does it wait for a hole for ever, as cameras do?
    @ivar first: the index of the first packet in either direction.
    @ivar sizes: of each message that was written: its first number, and its packets.
    @ivar told: what its writer was told.
    @ivar next: the number of the packet that is to be delivered next.
    @ivar arrived: the numbers of all packets that came in.
    """

    def __init__(self, patient: bool, first: int, path: Path) -> None:
        self.patient = patient
        self.now = 0.0
        self.path = path
        self.sender = Sender(lambda i, payload: path.put((i, payload), self.now))
        self.receiver = Receiver(self.deliver, self.skipped)
        self.sender._next = self.receiver._expected = first
        self.sizes: list[tuple[int, int]] = []
        self.told: dict[int, bool] = {}
        self.numbers = 0
        self.next = 0
        self.arrived: set[int] = set()
        self._ackAt: float | None = None

    def write(self, packets: int, odd: int) -> None:
        """Write a message, the last packet of which is not full."""
        message = len(self.sizes)
        self.sizes.append((self.numbers, packets))
        data = b"".join(
            NUMBER.pack(self.numbers + i).ljust(MAX_PAYLOAD, b".")
            for i in range(packets)
        )

        def settled(arrived: bool) -> None:
            assert message not in self.told, "told twice"
            self.told[message] = arrived

        data = data[: len(data) - odd]
        full = self.sender.broken or self.sender._queued + len(data) > MAX_QUEUE
        self.sender.write(data, settled, self.now)
        if full:
            assert self.told.pop(message) is False
            self.sizes.pop()
        else:
            assert message not in self.told, "told too early"
            self.numbers += packets

    def deliver(self, payload: bytes) -> None:
        """In order, and nothing twice."""
        (number,) = NUMBER.unpack_from(payload)
        assert number == self.next, f"{number} instead of {self.next}"
        self.next += 1

    def skipped(self, count: int) -> None:
        """Only an impatient end skips, and only what did not come."""
        assert count > 0 and not self.patient
        for number in range(self.next, self.next + count):
            assert number not in self.arrived
        self.next += count

    def tick(self, incoming: list[object]) -> None:
        """Take what came in, and do what is due."""
        for datagram in incoming:
            if isinstance(datagram, tuple):
                index, payload = datagram
                now = self.receiver.receive(index, payload, self.now)
                self.arrived.update(NUMBER.unpack_from(payload))
                if now:
                    self.acknowledge()
                elif self._ackAt is None:
                    self._ackAt = self.now + ACK_DELAY
            elif isinstance(datagram, list):
                self.sender.acknowledged(datagram, self.now)
        if self._ackAt is not None and self.now >= self._ackAt:
            self.acknowledge()
        if not self.patient:
            self.receiver.expire(self.now)
        self.sender.expire(self.now)
        if self.sender.broken:
            self.sender.fail()

    def acknowledge(self) -> None:
        """Tell what came."""
        self._ackAt = None
        for indices in self.receiver.takeAcknowledgements():
            assert 0 < len(indices) <= MAX_ACKS
            # In the order in which they were sent, across the wrap, each once.
            assert all(0 < (b - a) % 65536 < 32768 for a, b in pairwise(indices))
            self.path.put(indices, self.now)


class BadNetwork(RuleBasedStateMachine):
    """Two ends, and what may happen between them."""

    @initialize(
        seed=st.integers(0, 2**32),
        patient=st.booleans(),
        first=st.sampled_from((0, INDICES - 1, INDICES - 5, INDICES - 100)),
    )
    def join(self, seed: int, patient: bool, first: int) -> None:
        """Put it up."""
        random = Random(seed)
        self.now = 0.0
        self.paths = Path(random), Path(random)
        self.ends = tuple(End(patient, first, path) for path in self.paths)

    @rule(end=st.integers(0, 1), packets=st.integers(1, 100), odd=st.integers(0, 1000))
    def write(self, end: int, packets: int, odd: int) -> None:
        """One end writes."""
        self.ends[end].write(packets, odd)

    @rule(
        direction=st.integers(0, 1),
        lossy=st.sampled_from((0, 0, 5, 30, 60, 100)),
        doubled=st.sampled_from((0, 10, 50)),
        slowest=st.sampled_from((0, 0.05, 0.3, 1.0)),
    )
    def weather(self, direction: int, lossy: int, doubled: int, slowest: float) -> None:
        """The network changes, in one direction."""
        path = self.paths[direction]
        path.lossy, path.doubled, path.slowest = lossy, doubled, slowest

    @rule(ticks=st.integers(1, 100))
    def wait(self, ticks: int) -> None:
        """Some hundredths of a second pass."""
        there, back = self.ends
        for _ in range(ticks):
            self.now += 0.01
            there.now = back.now = self.now
            there.tick(self.paths[1].take(self.now))
            back.tick(self.paths[0].take(self.now))

    @invariant()
    def bounded(self) -> None:
        """Nothing grows without end."""
        for end in getattr(self, "ends", ()):
            sender = end.sender
            onTheWay = sender._onTheWay
            oldest = next(iter(onTheWay), sender._next)
            assert (sender._next - oldest) % INDICES <= SEND_WINDOW
            assert all((i - oldest) % INDICES < SEND_WINDOW for i in onTheWay)
            assert sender.broken or sender._queued == sum(
                len(payload) for payload, _ in sender._queue
            )
            assert sender._queued <= MAX_QUEUE
            assert len(end.receiver._ahead) < SEND_WINDOW <= REORDER_WINDOW
            assert len(end.receiver.unacknowledged) < 20

    def teardown(self) -> None:
        """The weather clears up: everybody learns what became of everything."""
        if not hasattr(self, "ends"):
            return
        for path in self.paths:
            path.lossy = path.doubled = 0
            path.slowest = 0
        for _ in range(30):
            self.wait(100)
            if all(not end.sender._onTheWay for end in self.ends):
                break
        self.wait(int(100 * HOLE_PATIENCE) + 100)
        for end, other in self.ends, self.ends[::-1]:
            assert list(range(len(end.sizes))) == sorted(end.told)
            for message, arrived in end.told.items():
                first, packets = end.sizes[message]
                numbers = range(first, first + packets)
                assert not arrived or other.arrived.issuperset(numbers)
            assert end.sender.broken or all(end.told.values())
            if not end.sender.broken:
                assert other.next == end.numbers
                assert not other.receiver._ahead
            assert not other.patient or other.receiver.lost == 0


class BadNetworkTests(SynchronousTestCase):
    """Both ends, over a network that loses, doubles and overtakes."""

    def test_badNetwork(self) -> None:
        """
        What was written arrives once and in order, or its writer is told that it
        does not.
        """
        run_state_machine_as_test(
            BadNetwork,
            settings=settings(max_examples=60, stateful_step_count=30, deadline=None),
        )
