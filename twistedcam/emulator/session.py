"""
One client's session: the engine of the CS2 library as it runs in a camera.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from ..errors import WireError
from ..wire.deviceid import SIZE, DeviceId
from ..wire.drw import CHANNELS, DRW, DRW_ACK, MARKER, MAX_PAYLOAD, encodeDrw
from ..wire.header import frame
from ..wire.pppp import ALIVE, ALIVE_ACK, CLOSE, P2P_RDY, PUNCH_PKT
from .firmware import Firmware
from .link import Link
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

#: Packets waiting for an acknowledgement at most, as in the older firmware.
MAX_UNACKED = 256

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
        self._nextIndex = [0] * CHANNELS
        self._unacked: dict[tuple[int, int], bytes] = {}
        self._resendBy = 0.0
        self._silence = Timer(reactor, self._silent)
        self._ready = Timer(reactor, self._sayReady)
        self._tick = Timer(reactor, self._acknowledge)
        self._resend = Timer(reactor, self._sendAgain)
        self._dismissal = Timer(reactor, lambda: self.close("dismissed"))
        self.link = link
        self.peer: Address = link.peer
        self.port = link.number
        self.since = reactor.seconds()
        self.number = number
        self.refused = False

    def begin(self) -> None:
        """Greet the client and listen to it."""
        self.link.receiver = self._received
        self._silence.arm(ALIVE_WAITS * self._firmware.receiveWait)
        self._greet()

    def write(self, channel: int, data: bytes) -> None:
        """
        Send bytes on a channel, in packets of 1024 at most; they are sent again
        until acknowledged.  After the end they go nowhere.

        @raise WireError: there is no such channel.
        @raise BufferError: the client has not acknowledged enough yet.
        """
        if not 0 <= channel < CHANNELS:
            raise WireError(f"no channel {channel}")
        if self._over:
            return
        pieces = range(0, len(data), MAX_PAYLOAD)
        if len(self._unacked) + len(pieces) > MAX_UNACKED:
            raise BufferError("too many packets wait for an acknowledgement")
        for start in pieces:
            index = self._nextIndex[channel]
            packet = encodeDrw(channel, index, data[start : start + MAX_PAYLOAD])
            self._nextIndex[channel] = (index + 1) & 0xFFFF
            self._unacked[channel, index] = packet
            self.link.send(packet)
        if self._unacked and not self._resend.armed:
            self._armResend()

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
        self._ended(self, reason)

    # What comes in.

    def _received(self, kind: int, body: bytes, _: Address) -> None:
        if self._unacked and self._reactor.seconds() < self._resendBy:
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
            # Later: the payload, in order, to the commands and to the speaker.
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
            for index in Struct(f">{count}H").unpack_from(body, _INNER.size):
                self._unacked.pop((channel, index), None)
            if not self._unacked:
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

    def _acknowledge(self) -> None:
        for channel in list(self._acks):
            self._sendAck(channel)

    def _sendAck(self, channel: int) -> None:
        indices = self._acks.pop(channel)
        count = len(indices)
        body = Struct(f">BBH{count}H").pack(MARKER, channel, count, *indices)
        self.link.send(frame(DRW_ACK, body))

    def _sendAgain(self) -> None:
        sent = [0] * CHANNELS
        for (channel, _), packet in self._unacked.items():
            if sent[channel] < self._firmware.resendBurst:
                sent[channel] += 1
                self.link.send(packet)
        self._armResend()

    def _armResend(self) -> None:
        self._resendBy = self._reactor.seconds() + RESEND_AT_LEAST
        self._resend.arm(self._firmware.receiveWait)
