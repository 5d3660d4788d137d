"""
The reliable byte streams of a session's channels, as the CS2 library of a camera
keeps them.

Either direction of a channel numbers its packets from 0; the number wraps at 16
bits.  What is written becomes a stream, cut into packets of 1024 bytes: the
borders of writes are lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ..wire.drw import DRW, HEAD, MARKER, MAX_PAYLOAD
from ..wire.header import MAGIC

#: Packets that may be sent beyond the oldest unacknowledged one: a credit, which
#: begins and ends at 110, and ten.
MAX_CREDIT, BEYOND_CREDIT = 110, 10

#: Bytes of a channel that nobody has read yet: beyond them newer packets are
#: dropped and not acknowledged.
RECEIVE_LIMIT = 131072

#: Bytes of a channel that wait for the client's acknowledgement at most.  A
#: camera's application queues two video frames, 524,288 bytes, at the very most.
SEND_LIMIT = 1 << 20


def distance(later: int, earlier: int) -> int:
    """How far one 16-bit index is ahead of another; negative if behind."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


class Sender:
    """
    One channel's outgoing stream.  It has no timers: L{flush} wants to be called
    with each tick while L{pending}.

    @ivar queued: bytes written that the client has not acknowledged.
    """

    def __init__(
        self,
        channel: int,
        maxPackets: int,
        tick: float,
        now: float,
        transmit: Callable[[bytes], None],
    ) -> None:
        """
        @param maxPackets: packets cut and not acknowledged at most.
        @param tick: seconds, in which the credit grows by one.
        @param transmit: sends a datagram.
        """
        self._channel = channel
        self._maxPackets = maxPackets
        self._tick = tick
        self._transmit = transmit
        self._stream = bytearray()
        self._ready: deque[bytes] = deque()
        # By number, in order.  Numbers do not wrap, indices are their low bits.
        self._unacked: dict[int, bytes] = {}
        self._sent = 0
        self._credit = float(MAX_CREDIT)
        self._creditAt = now
        self.queued = 0

    @property
    def unacked(self) -> int:
        """Packets sent and not acknowledged."""
        return len(self._unacked)

    @property
    def pending(self) -> bool:
        """Is there anything that has not been sent at all?"""
        return bool(self._ready or self._stream)

    def write(self, data: bytes) -> None:
        """
        Append to the stream.

        @raise BufferError: the client has not acknowledged enough yet.
        """
        if self.queued + len(data) > SEND_LIMIT:
            raise BufferError("too many bytes wait for an acknowledgement")
        self._stream += data
        self.queued += len(data)

    def flush(self, now: float) -> bool:
        """
        Send what may be sent.

        @return: whether time alone will allow more; otherwise an acknowledgement
            has to come first, or nothing is left.
        """
        stream, ready, unacked = self._stream, self._ready, self._unacked
        while stream and len(ready) + len(unacked) < self._maxPackets:
            piece = bytes(stream[:MAX_PAYLOAD])
            del stream[:MAX_PAYLOAD]
            index = (self._sent + len(ready)) & 0xFFFF
            size = HEAD.size - 4 + len(piece)
            head = HEAD.pack(MAGIC, DRW, size, MARKER, self._channel, index)
            ready.append(head + piece)
        self._grow(now)
        span = int(self._credit) + BEYOND_CREDIT
        while ready and self._sent - next(iter(unacked), self._sent) < span:
            packet = unacked[self._sent] = ready.popleft()
            self._sent += 1
            self._transmit(packet)
        return bool(ready) and self._credit < MAX_CREDIT

    def acknowledged(self, indices: Iterable[int], now: float) -> None:
        """
        The client has these.  Each of them has all that is older and not
        acknowledged sent again, once for all of them, and each such packet costs
        a credit.
        """
        unacked = self._unacked
        again: dict[int, bytes] = {}
        for index in indices:
            oldest = next(iter(unacked), None)
            if oldest is None:
                break
            number = oldest + distance(index, oldest)
            packet = unacked.pop(number, None)
            if packet is not None:
                self.queued -= len(packet) - HEAD.size
            for earlier, packet in unacked.items():
                if earlier >= number:
                    break
                again.setdefault(earlier, packet)
        if again:
            self._grow(now)
            self._credit = max(0.0, self._credit - len(again))
            for packet in again.values():
                self._transmit(packet)

    def resend(self, burst: int) -> None:
        """
        Send the oldest unacknowledged packet again, and its direct successors,
        up to C{burst} in all.
        """
        oldest = next(iter(self._unacked), 0)
        for number in range(oldest, oldest + burst):
            packet = self._unacked.get(number)
            if packet is None:
                break
            self._transmit(packet)

    def _grow(self, now: float) -> None:
        """The credit grows by one with each tick: made up for when needed."""
        grown = self._credit + (now - self._creditAt) / self._tick
        self._credit = min(float(MAX_CREDIT), grown)
        self._creditAt = now


class Receiver:
    """
    One channel's incoming stream.

    @ivar reader: called with each piece of the stream; without one the bytes pile
        up (only their number is kept) until no more are taken.
    """

    def __init__(self) -> None:
        self._expected = 0
        self._held: dict[int, bytes] = {}
        self._undelivered = 0
        self.reader: Callable[[bytes], None] | None = None

    def take(self, index: int, payload: bytes) -> list[bytes] | None:
        """
        A packet came.

        @return: what can be delivered now, to be passed to L{deliver}; L{None}
            if there is no room: then the packet must not be acknowledged.
        """
        ahead = distance(index, self._expected)
        if ahead < 0 or index in self._held:
            return []
        if self._undelivered > RECEIVE_LIMIT and (ahead or self.reader is None):
            return None
        self._undelivered += len(payload)
        if ahead:
            self._held[index] = payload
            return []
        pieces = [payload]
        self._expected = (index + 1) & 0xFFFF
        while self._held:
            held = self._held.pop(self._expected, None)
            if held is None:
                break
            pieces.append(held)
            self._expected = (self._expected + 1) & 0xFFFF
        return pieces

    def deliver(self, pieces: list[bytes]) -> None:
        """Give pieces to the reader."""
        for piece in pieces:
            if self.reader is not None:
                self._undelivered -= len(piece)
                self.reader(piece)
