"""
Reliable channels: order out of numbered packets.  Plain classes, no Twisted, no
clock: C{now} is passed in.

The other end numbers the DRWs of each channel from 0, wraps after 65535, and
sends each again until it is acknowledged.  So a packet may come twice, late, or
after its successors; acknowledgements tell which have arrived.  What the channel
carries is a byte stream: borders of packets mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire.drw import MAX_ACKS

#: Acknowledge at once when this many indices wait on a channel...
ACK_BATCH = 17
#: ... or else this many seconds after the first of them.
ACK_DELAY = 0.010

#: Packets ahead of a hole that are kept.  A camera has at most 256 on the way; a
#: frame is at most 256 KiB: 2,048 packets hold eight of the largest.
REORDER_WINDOW = 2048

#: Seconds to wait for the packet that would fill a hole.  A camera resends within
#: tens of milliseconds; a picture that is later than this is of no use.
HOLE_PATIENCE = 0.400

_HALF = 1 << 15
_MASK = (1 << 16) - 1


class Receiver:
    """
    The receiving end of one channel.

    @ivar unacknowledged: the indices that the next acknowledgement has to name.
    @ivar holeSince: when the present hole was noticed, or L{None}.
    @ivar duplicates: packets that came once more.
    @ivar lost: packets that were given up.
    """

    __slots__ = (
        "_ahead",
        "_deliver",
        "_expected",
        "_skipped",
        "duplicates",
        "holeSince",
        "lost",
        "unacknowledged",
    )

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        skipped: Callable[[int], None] = lambda count: None,
    ) -> None:
        """
        @param deliver: gets each payload, in order, once.
        @param skipped: told how many packets are missing at this place.
        """
        self.unacknowledged: list[int] = []
        self.holeSince: float | None = None
        self.duplicates = 0
        self.lost = 0
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
            self._expected = (index + 1) & _MASK
            self._deliver(payload)
            if self._ahead:
                self._drain(now)
        else:
            distance = (index - expected) & _MASK
            if distance >= _HALF or index in self._ahead:
                # Our acknowledgement was lost, or is late.
                self.duplicates += 1
                self.unacknowledged.append(index)
                return True
            self._ahead[index] = payload
            if self.holeSince is None:
                self.holeSince = now
            if distance >= REORDER_WINDOW:
                self._skip(now)
        self.unacknowledged.append(index)
        return len(self.unacknowledged) >= ACK_BATCH

    def expire(self, now: float) -> None:
        """Give a hole up that was waited for long enough."""
        if self.holeSince is not None and now - self.holeSince >= HOLE_PATIENCE:
            self._skip(now)

    def takeAcknowledgements(self) -> list[list[int]]:
        """
        What is to be acknowledged now: sorted, in portions that fit one packet.
        """
        indices = sorted(set(self.unacknowledged))
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
