"""
Reliable channels: order out of numbered packets.  Plain classes, no Twisted, no
clock: C{now} is passed in.

The other end numbers the DRWs of each channel from 0, wraps after 65535, and
sends each again until it is acknowledged.  So a packet may come twice, late, or
after its successors; acknowledgements tell which have arrived.  What the channel
carries is a byte stream: borders of packets mean nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ..wire.drw import MAX_ACKS, MAX_PAYLOAD

#: Acknowledge at once when this many indices wait on a channel...
ACK_BATCH = 17
#: ... or else this many seconds after the first of them.
ACK_DELAY = 0.010

#: Packets ahead of a hole that are kept.  A camera has at most 256 on the way; a
#: frame is at most 256 KiB: 2,048 packets hold eight of the largest.
REORDER_WINDOW = 2048

#: A packet this far behind is no late one: the camera counts from 0 again.
RESTART_DISTANCE = 4096

#: Indices from which a new count can be told.
_RESTART_INDICES = 128

#: Seconds to wait for the packet that would fill a hole.  A camera resends within
#: tens of milliseconds; a picture that is later than this is of no use.
HOLE_PATIENCE = 0.400

#: Seconds until an unacknowledged packet is sent again; doubled each time.
RESEND_AFTER = 0.250

#: Seconds after which a packet that was never acknowledged is given up.
RESEND_FOR = 5.0

#: Packets that may be on the way: a camera keeps 128 KiB that nobody has read.
SEND_WINDOW = 64

#: Bytes that may wait to be sent: nobody writes that much to a camera.
MAX_QUEUE = 1 << 20

_HALF = 1 << 15
_MASK = (1 << 16) - 1


class Receiver:
    """
    The receiving end of one channel.

    @ivar unacknowledged: the indices that the next acknowledgement has to name.
    @ivar holeSince: when the present hole was noticed, or L{None}.
    @ivar duplicates: packets that came once more.
    @ivar lost: packets that were given up.
    @ivar absurd: packets with an impossible index: dropped, not acknowledged.
    @ivar mayRestart: set it when the camera was asked for something that may make
        it count from 0 again (some do when sound is asked for): then the next
        packet 0 is taken as a new one, however far the count has got.
    """

    __slots__ = (
        "_ahead",
        "_deliver",
        "_expected",
        "_skipped",
        "absurd",
        "duplicates",
        "holeSince",
        "lost",
        "mayRestart",
        "unacknowledged",
    )

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        skipped: Callable[[int], None] = lambda count: None,
    ) -> None:
        """
        @param deliver: gets each payload, in order, once.
        @param skipped: told how many packets are missing at this place; 0: the
            camera has begun the stream anew.
        """
        self.unacknowledged: list[int] = []
        self.holeSince: float | None = None
        self.duplicates = 0
        self.lost = 0
        self.absurd = 0
        self.mayRestart = False
        self._expected = 0
        self._ahead: dict[int, bytes] = {}
        self._deliver = deliver
        self._skipped = skipped

    def receive(self, index: int, payload: bytes, now: float) -> bool:
        """
        Take one packet.

        @return: should it be acknowledged at once?
        """
        expected = self._expected
        if index == expected:
            if not index:
                self.mayRestart = False  # this is that packet 0
            self._expected = (index + 1) & _MASK
            self._deliver(payload)
            if self._ahead:
                self._drain(now)
        else:
            distance = (index - expected) & _MASK
            if self._restarts(index, distance):
                self._restart()
                return self.receive(index, payload, now)
            if distance >= _HALF or index in self._ahead:
                # Our acknowledgement was lost, or is late.
                self.duplicates += 1
                self.unacknowledged.append(index)
                return True
            if distance >= REORDER_WINDOW:
                # No camera is that far ahead of what it saw acknowledged.
                self.absurd += 1
                return False
            self._ahead[index] = payload
            if self.holeSince is None:
                self.holeSince = now
        self.unacknowledged.append(index)
        return len(self.unacknowledged) >= ACK_BATCH

    def _restarts(self, index: int, distance: int) -> bool:
        """Has the camera begun to count anew?"""
        if self.mayRestart and index == 0:
            return True
        return (
            index < _RESTART_INDICES
            and REORDER_WINDOW <= distance <= (1 << 16) - RESTART_DISTANCE
        )

    def _restart(self) -> None:
        self.mayRestart = False
        self._expected = 0
        self._ahead.clear()
        self.holeSince = None
        self._skipped(0)

    def expire(self, now: float) -> None:
        """Give a hole up that was waited for long enough."""
        if self.holeSince is not None and now - self.holeSince >= HOLE_PATIENCE:
            self._skip(now)

    def takeAcknowledgements(self) -> list[list[int]]:
        """
        What is to be acknowledged now, in portions that fit one packet: sorted as
        they were sent, since an acknowledgement makes a camera send everything
        before it again.
        """
        behind = self._expected - _HALF
        indices = sorted(
            set(self.unacknowledged), key=lambda index: (index - behind) & _MASK
        )
        self.unacknowledged.clear()
        return [indices[i : i + MAX_ACKS] for i in range(0, len(indices), MAX_ACKS)]

    def _skip(self, now: float) -> None:
        """Go on behind the hole."""
        expected = self._expected
        nearest = min(self._ahead, key=lambda index: (index - expected) & _MASK)
        missing = (nearest - expected) & _MASK
        self.lost += missing
        self._expected = nearest
        self._skipped(missing)
        self._drain(now)

    def _drain(self, now: float) -> None:
        """Deliver what has become contiguous."""
        ahead, index = self._ahead, self._expected
        while (payload := ahead.pop(index, None)) is not None:
            index = (index + 1) & _MASK
            self._expected = index
            self._deliver(payload)
        self.holeSince = now if ahead else None


class Message:
    """
    Something that was written to a channel: on the way until all of its packets
    are acknowledged.
    """

    __slots__ = ("left", "settled")

    def __init__(self, settled: Callable[[bool], None], left: int) -> None:
        """
        @param settled: called once: with C{True} when the camera has everything,
            with C{False} when it never will.
        @param left: packets still to be acknowledged.
        """
        self.settled = settled
        self.left = left


class _Packet:
    """
    A packet on the way.

    @ivar turn: the number of its last transmission, among all of the channel's.
    """

    __slots__ = ("delay", "due", "givenUpAt", "message", "payload", "turn")

    def __init__(self, payload: bytes, message: Message, now: float) -> None:
        self.payload = payload
        self.message = message
        self.delay = RESEND_AFTER
        self.due = now + RESEND_AFTER
        self.givenUpAt = now + RESEND_FOR
        self.turn = 0


class Sender:
    """
    The sending end of one channel.

    @ivar resent: packets that were sent more than once, counted each time.
    @ivar broken: a packet was given up: nothing behind it can arrive any more.
    """

    def __init__(self, transmit: Callable[[int, bytes], None]) -> None:
        """
        @param transmit: sends one packet: C{(index, payload)}.
        """
        self.resent = 0
        self.broken = False
        self._transmit = transmit
        self._next = 0
        self._turn = 0
        self._queue: deque[tuple[bytes, Message]] = deque()
        self._queued = 0
        # In order of index, because sent in that order.
        self._onTheWay: dict[int, _Packet] = {}

    def write(self, data: bytes, settled: Callable[[bool], None], now: float) -> None:
        """
        Send C{data}, cut into packets.

        @param settled: see L{Message}; called at once with C{False} if too much
            is waiting already, or the channel is broken.
        """
        if self.broken or self._queued + len(data) > MAX_QUEUE:
            settled(False)
            return
        pieces = [data[i : i + MAX_PAYLOAD] for i in range(0, len(data), MAX_PAYLOAD)]
        if not pieces:
            settled(True)
            return
        message = Message(settled, len(pieces))
        self._queue.extend((piece, message) for piece in pieces)
        self._queued += len(data)
        self._fill(now)

    def acknowledged(self, indices: Iterable[int], now: float) -> None:
        """The camera has these packets."""
        latest = 0
        for index in indices:
            if (packet := self._onTheWay.pop(index, None)) is not None:
                latest = max(latest, packet.turn)
                packet.message.left -= 1
                if not packet.message.left:
                    packet.message.settled(True)
        # Whatever was sent before one that has arrived is lost, or overtaken.
        for index, packet in list(self._onTheWay.items()):
            if packet.turn < latest:
                self._resend(index, packet, now)
        self._fill(now)

    def expire(self, now: float) -> None:
        """Send again what is due.  If something is given up, all will have to L{fail}."""
        for index, packet in list(self._onTheWay.items()):
            if now >= packet.givenUpAt:
                self.broken = True
                return
            if now >= packet.due:
                packet.delay *= 2
                self._resend(index, packet, now)

    @property
    def due(self) -> float | None:
        """When L{expire} has something to do; L{None}: never."""
        return min(
            (min(p.due, p.givenUpAt) for p in self._onTheWay.values()), default=None
        )

    def fail(self) -> None:
        """Give everything up."""
        self.broken = True
        messages = [packet.message for packet in self._onTheWay.values()]
        messages += [message for _, message in self._queue]
        self._onTheWay.clear()
        self._queue.clear()
        for message in dict.fromkeys(messages):
            message.settled(False)

    def _fill(self, now: float) -> None:
        """Send what the window has room for."""
        while self._queue and not self.broken:
            oldest = next(iter(self._onTheWay), self._next)
            if (self._next - oldest) & _MASK >= SEND_WINDOW:
                return
            payload, message = self._queue.popleft()
            self._queued -= len(payload)
            index = self._next
            self._next = (index + 1) & _MASK
            packet = self._onTheWay[index] = _Packet(payload, message, now)
            self._send(index, packet)

    def _resend(self, index: int, packet: _Packet, now: float) -> None:
        self.resent += 1
        packet.due = now + packet.delay
        self._send(index, packet)

    def _send(self, index: int, packet: _Packet) -> None:
        self._turn += 1
        packet.turn = self._turn
        self._transmit(index, packet.payload)
