"""
The eight channels of a session, with their timers: what was received is
acknowledged in batches, what was sent is sent again until it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.interfaces import IDelayedCall

from ..reactors import Timers
from ..wire.drw import CHANNELS, Drw, DrwAck
from .channel import ACK_DELAY, Receiver, Sender


def ignore(what: object) -> None:
    """Nobody listens to this channel."""


#: Who gets a channel's payloads, and who is told of missing ones.
Listener = tuple[Callable[[bytes], None], Callable[[int], None]]


class Channels:
    """
    Reliable channels over whatever sends single packets.

    @ivar receivers: by channel.
    @ivar senders: by channel.
    """

    def __init__(
        self,
        clock: Timers,
        send: Callable[[Drw | DrwAck], None],
        undelivered: Callable[[], None],
        listeners: Sequence[Listener],
    ) -> None:
        """
        @param send: sends one packet.
        @param undelivered: called when the camera does not acknowledge something
            for too long: the channel is of no use any more.
        @param listeners: by channel.
        """
        self.receivers = [Receiver(*listener) for listener in listeners]
        self.senders = [
            Sender(partial(self._transmit, channel)) for channel in range(CHANNELS)
        ]
        self._clock = clock
        self._send = send
        self._undelivered = undelivered
        self._ackTimer: IDelayedCall | None = None
        self._resendTimer: IDelayedCall | None = None
        self._closed = False

    def received(self, channel: int, index: int, payload: bytes, now: float) -> None:
        """A DRW has arrived.  This is the way of all video: keep it short."""
        if self.receivers[channel].receive(index, payload, now):
            self._acknowledge(channel)
        elif self._ackTimer is None and not self._closed:
            self._ackTimer = self._clock.callLater(ACK_DELAY, self._acknowledgeAll)

    def acknowledged(self, channel: int, indices: Sequence[int]) -> None:
        """A DRW_ACK has arrived."""
        self.senders[channel].acknowledged(indices, self._clock.seconds())
        self._schedule()

    def write(self, channel: int, data: bytes, settled: Callable[[bool], None]) -> None:
        """Send C{data}; see L{Sender.write}."""
        self.senders[channel].write(data, settled, self._clock.seconds())
        self._schedule()

    def close(self) -> None:
        """Give up what is not settled, and every timer; send nothing any more."""
        self._closed = True
        for timer in (self._ackTimer, self._resendTimer):
            if timer is not None:
                timer.cancel()
        self._ackTimer = self._resendTimer = None
        for sender in self.senders:
            sender.fail()

    def _transmit(self, channel: int, index: int, payload: bytes) -> None:
        self._send(Drw(channel, index, payload))

    def _acknowledge(self, channel: int) -> None:
        if self._closed:
            return
        for indices in self.receivers[channel].takeAcknowledgements():
            self._send(DrwAck(channel, tuple(indices)))

    def _acknowledgeAll(self) -> None:
        self._ackTimer = None
        now = self._clock.seconds()
        for channel, receiver in enumerate(self.receivers):
            receiver.expire(now)
            self._acknowledge(channel)
        if self._closed:
            return
        if any(receiver.holeSince is not None for receiver in self.receivers):
            self._ackTimer = self._clock.callLater(ACK_DELAY, self._acknowledgeAll)

    def _schedule(self) -> None:
        """Wake up when the first unacknowledged packet is due."""
        due = min((d for s in self.senders if (d := s.due) is not None), default=None)
        if self._resendTimer is not None:
            self._resendTimer.cancel()
            self._resendTimer = None
        if due is not None:
            delay = max(due - self._clock.seconds(), 0)
            self._resendTimer = self._clock.callLater(delay, self._resend)

    def _resend(self) -> None:
        self._resendTimer = None
        now = self._clock.seconds()
        for sender in self.senders:
            sender.expire(now)
        broken = [sender for sender in self.senders if sender.broken]
        if not broken:
            self._schedule()
            return
        # First the reason, then those who will ask for it.
        self._undelivered()
        for sender in broken:
            sender.fail()
