"""
One client's session: the engine of the CS2 library as it runs in a camera.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from ..errors import WireError
from ..wire.deviceid import SIZE, DeviceId
from ..wire.drw import CHANNELS, DRW, DRW_ACK, MARKER
from ..wire.header import frame
from ..wire.pppp import ALIVE, ALIVE_ACK, CLOSE, P2P_RDY, PUNCH_PKT
from .firmware import Firmware
from .link import Link
from .reliable import Receiver, Sender
from .streaming import Streaming
from .world import Address, Reactor, Timer

#: An unreliable packet that the application does not use, but which counts as a
#: sign of life.
UNRELIABLE = 0xD8

#: How often P2P_RDY is said.
READY_COPIES = 4

#: Receive waits without data before an ALIVE is due: about one second.
ALIVE_WAITS = 25

#: Unanswered ALIVE that are put up with; the next one due ends the session.
MAX_UNANSWERED = 6

#: Indices of a channel that wait for the next tick at most; then they are
#: acknowledged at once.
ACKS_AT_ONCE = 17

#: Indices in the DRW_ACK of a client at most; more end the session.
MAX_CLIENT_ACKS = 81

#: While packets keep coming, what is unacknowledged is sent again this often at
#: least (seconds).
RESEND_AT_LEAST = 2.0

#: Inside a DRW: marker, channel, index.  Inside a DRW_ACK: marker, channel, count.
_INNER = Struct(">BBH")


class Session:
    """
    A session that is up.

    @ivar number: counts the sessions of a camera, from 1.
    @ivar peer: the client's host and port.
    @ivar port: the number of our own UDP port.
    @ivar since: when it came up, in the reactor's seconds.
    @ivar refused: this is the client too many, soon to be closed.
    @ivar link: the port.
    @ivar streaming: what media the client has asked for.
    @ivar endings: called without arguments when it ends.
    """

    def __init__(
        self,
        reactor: Reactor,
        firmware: Firmware,
        deviceId: DeviceId,
        link: Link,
        number: int,
        ended: Callable[[Session, str], None],
    ) -> None:
        """
        @param link: the port; its peer is known.
        @param ended: called once with this session and the reason, in words.
        """
        assert link.peer is not None
        self._reactor = reactor
        self._firmware = firmware
        self._did = deviceId.toBytes()[:SIZE]
        self._ended = ended
        self._over = False
        self._unanswered = firmware.aliveStart
        self._readyLeft = 0
        self._spoken = False
        self._acks: dict[int, list[int]] = {}
        self._senders: dict[int, Sender] = {}
        self._receivers: dict[int, Receiver] = {}
        self._resendBy = 0.0
        self._silence = Timer(reactor, self._silent)
        self._ready = Timer(reactor, self._sayReady)
        self._tick = Timer(reactor, self._ticked)
        self._resend = Timer(reactor, self._sendAgain)
        self._dismissal = Timer(reactor, lambda: self.close("dismissed"))
        self.link = link
        self.peer: Address = link.peer
        self.port = link.number
        self.since = reactor.seconds()
        self.number = number
        self.refused = False
        self.streaming = Streaming()
        self.endings: list[Callable[[], object]] = []

    @property
    def over(self) -> bool:
        """Has it ended?"""
        return self._over

    @property
    def firmware(self) -> Firmware:
        """The generation of firmware."""
        return self._firmware

    def begin(self) -> None:
        """Greet the client and listen to it."""
        self.link.receiver = self._received
        self._silence.arm(ALIVE_WAITS * self._firmware.receiveWait)
        self._greet()

    def read(self, channel: int, reader: Callable[[bytes], None]) -> None:
        """From now on call C{reader} with what the client sends on a channel."""
        self._receiver(channel).reader = reader

    def write(self, channel: int, data: bytes) -> None:
        """
        Send bytes on a channel, in packets of 1024 at most; they are sent again
        until acknowledged.  What is written within one tick of the send thread
        shares packets.  After the end it goes nowhere.

        @raise WireError: there is no such channel.
        @raise BufferError: the client has not acknowledged enough yet.
        """
        if not 0 <= channel < CHANNELS:
            raise WireError(f"no channel {channel}")
        if self._over:
            return
        sender = self._senders.get(channel)
        if sender is None:
            firmware = self._firmware
            sender = self._senders[channel] = Sender(
                channel,
                firmware.maxPackets,
                firmware.tick,
                self._reactor.seconds(),
                self.link.send,
            )
        sender.write(data)
        if not self._tick.armed:
            # The thread was idle; from now on it ticks while it has work.
            self._flush()
            self._tick.arm(self._firmware.tick)

    def queued(self, channel: int) -> int:
        """Bytes written on a channel that the client has not acknowledged."""
        sender = self._senders.get(channel)
        return 0 if sender is None else sender.queued

    def dismissIn(self, seconds: float) -> None:
        """Close after so many seconds."""
        self._dismissal.arm(seconds)

    def close(self, reason: str = "closed by the camera") -> None:
        """End it, telling the client by one CLOSE."""
        if not self._over:
            self.link.send(frame(CLOSE))
            self.vanish(reason)

    def vanish(self, reason: str) -> None:
        """End it without a word to the client."""
        if self._over:
            return
        self._over = True
        self.link.receiver = None
        for timer in (
            self._silence,
            self._ready,
            self._tick,
            self._resend,
            self._dismissal,
        ):
            timer.cancel()
        for ending in self.endings:
            ending()
        self._ended(self, reason)

    # What comes in.

    def _received(self, kind: int, body: bytes, _: Address) -> None:
        if self._resend.armed and self._reactor.seconds() < self._resendBy:
            self._resend.arm(self._firmware.receiveWait)
        if kind in (DRW, DRW_ACK, UNRELIABLE):
            self._silence.arm(ALIVE_WAITS * self._firmware.receiveWait)
            self._heardOf()
            if kind == DRW:
                self._drw(body)
            elif kind == DRW_ACK:
                self._drwAck(body)
        elif kind in (ALIVE, ALIVE_ACK):
            # Proof of life, but the next ALIVE comes no later for it.
            self._heardOf()
            if kind == ALIVE:
                self.link.send(frame(ALIVE_ACK))
        elif kind == CLOSE:
            self.vanish("closed by the client")
        elif kind == PUNCH_PKT:
            if self._firmware.punchAnswered and body == self._did:
                self._greet()

    def _heardOf(self) -> None:
        self._unanswered = 0
        if not self._spoken:
            self._spoken = True
            if self._readyLeft <= 0:
                self._ready.cancel()

    def _drw(self, body: bytes) -> None:
        if len(body) < _INNER.size or body[0] != MARKER:
            return
        _, channel, index = _INNER.unpack_from(body)
        if channel >= CHANNELS:
            self.close(f"the client spoke on channel {channel}")
        elif len(body) > _INNER.size:
            receiver = self._receiver(channel)
            pieces = receiver.take(index, body[_INNER.size :])
            if pieces is not None:
                self._acknowledge(channel, index)
                receiver.deliver(pieces)

    def _receiver(self, channel: int) -> Receiver:
        receiver = self._receivers.get(channel)
        if receiver is None:
            receiver = self._receivers[channel] = Receiver()
        return receiver

    def _acknowledge(self, channel: int, index: int) -> None:
        """With the next tick, or at once if many wait."""
        waiting = self._acks.setdefault(channel, [])
        waiting.append(index)
        if len(waiting) >= ACKS_AT_ONCE:
            self._sendAck(channel)
        elif not self._tick.armed:
            self._tick.arm(self._firmware.tick)

    def _drwAck(self, body: bytes) -> None:
        if len(body) < _INNER.size or body[0] != MARKER:
            return
        _, channel, count = _INNER.unpack_from(body)
        if channel >= CHANNELS:
            self.close(f"the client acknowledged on channel {channel}")
        elif count > MAX_CLIENT_ACKS:
            self.close(f"the client acknowledged {count} packets at once")
        elif len(body) == _INNER.size + 2 * count:
            sender = self._senders.get(channel)
            if sender is None:
                return
            indices = Struct(f">{count}H").unpack_from(body, _INNER.size)
            sender.acknowledged(indices, self._reactor.seconds())
            if sender.pending and not self._tick.armed:
                self._tick.arm(self._firmware.tick)
            if not self._waitsForAcks():
                self._resend.cancel()

    # What time brings.

    def _greet(self) -> None:
        """Four P2P_RDY, and then more of them until the client speaks (B)."""
        self._readyLeft = READY_COPIES
        if self._firmware.readyInterval:
            self._sayReady()
            return
        while self._readyLeft:
            self._readyLeft -= 1
            self.link.send(frame(P2P_RDY, self._did))

    def _sayReady(self) -> None:
        self._readyLeft -= 1
        self.link.send(frame(P2P_RDY, self._did))
        if self._readyLeft > 0:
            self._ready.arm(self._firmware.readyInterval)
        elif self._firmware.readyRepeat and not self._spoken:
            self._ready.arm(self._firmware.readyRepeat)

    def _silent(self) -> None:
        self._unanswered += 1
        if self._unanswered > MAX_UNANSWERED:
            self.close("the client is silent")
        else:
            self.link.send(frame(ALIVE))
            self._silence.arm(ALIVE_WAITS * self._firmware.receiveWait)

    def _ticked(self) -> None:
        for channel in list(self._acks):
            self._sendAck(channel)
        if self._flush():
            self._tick.arm(self._firmware.tick)

    def _flush(self) -> bool:
        """Send what may be sent; will time alone allow more?"""
        now = self._reactor.seconds()
        more = [sender.flush(now) for sender in self._senders.values()]
        if not self._resend.armed and self._waitsForAcks():
            self._armResend()
        return any(more)

    def _waitsForAcks(self) -> bool:
        return any(sender.unacked for sender in self._senders.values())

    def _sendAck(self, channel: int) -> None:
        indices = self._acks.pop(channel)
        count = len(indices)
        body = Struct(f">BBH{count}H").pack(MARKER, channel, count, *indices)
        self.link.send(frame(DRW_ACK, body))

    def _sendAgain(self) -> None:
        for sender in self._senders.values():
            sender.resend(self._firmware.resendBurst)
        self._armResend()

    def _armResend(self) -> None:
        self._resendBy = self._reactor.seconds() + RESEND_AT_LEAST
        self._resend.arm(self._firmware.receiveWait)
