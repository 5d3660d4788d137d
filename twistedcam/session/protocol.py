"""
One UDP port for one session with one camera: bytes in, inputs out.

Everything about a datagram that can be checked is checked here, once: where it
comes from, its key, its length, its type, the device id in it.  Control packets
then become inputs of the session machine; data goes straight to its channel.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import (
    AlreadyStarted,
    NotConnected,
    NotDelivered,
    SessionClosed,
    TwistedcamError,
    WireError,
)
from ..reactors import DatagramReactor
from ..tally import Tally
from ..trace import Trace, guarded
from ..wire import drw, pppp
from ..wire.cipher import Cipher, recognise
from ..wire.deviceid import DeviceId
from ..wire.header import HEADER, MAX_DATAGRAM
from .channel import Receiver, Sender
from .channels import Channels, Listener, ignore
from .machine import Address, Core, Reason, SessionMachine, State

#: Bytes of receive buffer that we ask the kernel for, and below which we complain:
#: a keyframe arrives in one burst, and each datagram takes 2.3 kB of the buffer.
BUFFER_WANTED, BUFFER_NEEDED = 4 << 20, 1 << 20


class CameraSession(DatagramProtocol):
    """
    One life of one camera's session, on a fresh port of its own.

    @ivar state: where the session is.
    @ivar reason: why it is closed, or L{None} while it is not.
    @ivar peer: the camera's session port, once known.
    @ivar lastSent: when something was sent last, in seconds of the clock.
    @ivar lastHeard: when the camera was heard last.
    """

    noisy = False
    transport: IUDPTransport
    log = Logger()

    def __init__(
        self,
        reactor: DatagramReactor,
        deviceId: DeviceId,
        address: str,
        *,
        ciphers: Sequence[Cipher],
        lanPort: int = pppp.LAN_PORT,
        localAddress: str = "",
        name: str | None = None,
        connected: Callable[[], None] = lambda: None,
        tally: Tally | None = None,
        trace: Trace | None = None,
    ) -> None:
        """
        @param deviceId: the identity that the camera's handshake carries.
        @param address: where the camera is, dotted.
        @param ciphers: the obfuscations to try, likeliest first; the first that
            the camera answers under is the session's.
        @param lanPort: where the camera listens for LAN_SEARCH.
        @param localAddress: our own address to use; empty: the kernel chooses.
        @param name: what the log calls this camera.
        @param connected: called when the handshake is complete.
        @param tally: counts what is dropped.
        @param trace: sees every datagram, deciphered: C{(now, sent, peer,
            datagram)}.
        """
        self.state = State.IDLE
        self.reason: Reason | None = None
        self.peer: Address | None = None
        self.lastSent = self.lastHeard = float("-inf")
        self._reactor = reactor
        self._deviceId = deviceId
        self._address = address
        self._ciphers = tuple(ciphers)
        self._cipher: Cipher | None = None
        # For the way of all data: None for plain, and whose datagrams are ours.
        self._decipher: Callable[[bytes], bytes] | None = None
        self._hearing: Address | None = None
        self._lanPort = lanPort
        self._localAddress = localAddress
        self._name = name or str(deviceId)
        self._connected = connected
        self._trace = guarded(trace)
        self._tally = tally or Tally(reactor, self.log, self._name)
        self._closed: Deferred[Reason] = Deferred()
        self._started = False
        self._port: IListeningPort | None = None
        self._bound = False
        self._alives = 0
        self._listeners: list[Listener] = [(ignore, ignore)] * drw.CHANNELS
        self._channels: Channels | None = None
        self._core = Core(reactor, deviceId, self)
        self._machine = SessionMachine(self._core)
        self._control: dict[int, Callable[[], None]] = {
            pppp.P2P_RDY: self._machine.ready,
            pppp.TRY_LAN_TCP: self._machine.tcpOffered,
            pppp.ALIVE: self._machine.alive,
            pppp.ALIVE_ACK: self._machine.aliveAcked,
            pppp.CLOSE: self._machine.closed,
        }

    # The owner's side.

    def start(self) -> None:
        """
        Open a port and begin.  What becomes of it, C{connected} and
        L{whenClosed} tell.

        @raise AlreadyStarted: a session lives once.
        """
        if self._started:
            raise AlreadyStarted(f"the session with {self._name} was started before")
        self._started = True
        if self.state is State.CLOSED:
            return
        try:
            self._port = self._reactor.listenUDP(
                0, self, self._localAddress, maxPacketSize=MAX_DATAGRAM
            )
        except CannotListenError as e:
            self.log.error("{name}: {error}", name=self._name, error=e)
            self._machine.noPort()
            return
        _enlargeBuffer(self._port)
        self.log.info(
            "{name}: session port {port} opened",
            name=self._name,
            port=cast(IPv4Address, self._port.getHost()).port,
        )
        self._machine.start()

    def stop(self) -> Deferred[Reason]:
        """
        Say goodbye, if there is somebody to say it to, and free everything; works
        in every state.

        @return: L{whenClosed}.
        """
        self._machine.stop()
        return self.whenClosed()

    def whenClosed(self) -> Deferred[Reason]:
        """Fires with the reason when the session is over and its port free."""
        result: Deferred[Reason] = Deferred()

        def tell(reason: Reason) -> Reason:
            result.callback(reason)
            return reason

        self._closed.addCallback(tell)
        return result

    def listen(
        self,
        channel: int,
        deliver: Callable[[bytes], None],
        skipped: Callable[[int], None] = ignore,
    ) -> None:
        """
        Say who gets what the camera sends on a channel; before L{start}.

        @param deliver: gets each payload, in order, once.
        @param skipped: see L{twistedcam.session.channel.Receiver}.
        """
        self._listeners[channel] = (deliver, skipped)

    def write(self, channel: int, data: bytes) -> Deferred[None]:
        """
        Send C{data} on a channel.

        @return: fires when the camera has acknowledged all of it; fails with
            L{SessionClosed} if the session ends before, L{NotConnected} if it is
            not connected yet, L{NotDelivered} if too much waits already.
        """
        result: Deferred[None] = Deferred()

        def settled(arrived: bool) -> None:
            if arrived:
                result.callback(None)
            else:
                result.errback(self._whyNotDelivered())

        if self._channels is not None and self.state is State.CONNECTED:
            self._channels.write(channel, data, settled)
        else:
            settled(False)
        return result

    def _whyNotDelivered(self) -> TwistedcamError:
        if self.reason is not None:
            return SessionClosed(self.reason.value)
        if self.state is not State.CONNECTED:
            return NotConnected(f"{self._name} is {self.state.value}")
        return NotDelivered("the camera takes no more commands")

    @property
    def localPort(self) -> int | None:
        """The number of its UDP port, while that is open."""
        if self._port is None or self.state is State.CLOSED:
            return None
        return cast(IPv4Address, self._port.getHost()).port

    @property
    def receivers(self) -> Sequence[Receiver]:
        """The receiving ends of the channels, for their counters."""
        return self._channels.receivers if self._channels is not None else ()

    @property
    def senders(self) -> Sequence[Sender]:
        """The sending ends, likewise."""
        return self._channels.senders if self._channels is not None else ()

    def mayRestart(self, channel: int) -> None:
        """
        The camera was asked for something that may make it count from 0 again on
        this channel.
        """
        if self._channels is not None:
            self._channels.receivers[channel].mayRestart = True

    # Datagrams.

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """
        Check a datagram and hand it on.  Nothing that arrives raises.
        """
        if addr != self._hearing:
            self._stranger(datagram, addr)
            return
        clear = datagram if self._decipher is None else self._decipher(datagram)
        if self._trace is not None:
            self._trace(self._reactor.seconds(), False, addr, clear)
        if clear[:2] == drw.DRW_START:
            self._data(clear)
        else:
            self._controlMessage(clear)

    def _stranger(self, datagram: bytes, addr: Address) -> None:
        """The sender is not, or not yet, the camera that we talk to."""
        if self.state is State.CLOSED:
            return
        if self.peer is None:
            self._unlocked(datagram, addr)
        else:
            self._tally.count("from elsewhere")

    def _controlMessage(self, clear: bytes) -> None:
        """Anything but data: to the machine."""
        try:
            message = pppp.decode(clear)
        except WireError:
            self._tally.count("malformed")
            return
        if isinstance(message, pppp.P2pRdy) and message.deviceId != self._deviceId:
            self._tally.count("of another camera")
            return
        self.lastHeard = self._reactor.seconds()
        match message:
            case pppp.P2pRdy() if self.state is State.CONFIRMING:
                self.log.info("{name}: RDY seen", name=self._name)
            case pppp.Alive() if self.state is State.CONNECTED:
                self._countAlive()
            case drw.DrwAck(channel, indices) if self._channels is not None:
                self._channels.acknowledged(channel, indices)
            case _:
                pass
        if (control := self._control.get(clear[1])) is not None:
            control()

    def _unlocked(self, datagram: bytes, addr: Address) -> None:
        """
        The camera's session port is not known yet: a PUNCH_PKT has to tell it.
        """
        if addr[0] != self._address:
            self._tally.count("from elsewhere")
            return
        recognised = recognise(datagram, self._ciphers)
        if recognised is None:
            self._tally.count("malformed")
            return
        cipher, clear = recognised
        if self._trace is not None:
            self._trace(self._reactor.seconds(), False, addr, clear)
        try:
            message = pppp.decode(clear)
        except WireError:
            self._tally.count("malformed")
            return
        if not isinstance(message, pppp.PunchPkt):
            self._tally.count("too early")
        elif message.deviceId != self._deviceId:
            self._tally.count("of another camera")
        elif self.state is State.PUNCHING:
            self.log.info(
                "{name}: PUNCH seen from {host}:{port} ({cipher})",
                name=self._name,
                host=addr[0],
                port=addr[1],
                cipher=cipher.label,
            )
            self._core.deviceId = message.deviceId  # in the form that it came in
            self._cipher = cipher
            self._decipher = None if cipher.plain else cipher.decipher
            self.lastHeard = self._reactor.seconds()
            self._machine.punched(addr)

    def _data(self, clear: bytes) -> None:
        """A DRW: to its channel."""
        size = len(clear)
        if size < drw.HEAD.size:
            self._tally.count("malformed")
            return
        _, _, length, marker, channel, index = drw.HEAD.unpack_from(clear)
        end = HEADER.size + length
        if end > size or end < drw.HEAD.size or marker != drw.MARKER:
            self._tally.count("malformed")
            return
        if self._channels is None or channel >= drw.CHANNELS:
            # No such channel, or none yet: it will be sent again.
            self._tally.count("of no open channel")
            return
        self.lastHeard = now = self._reactor.seconds()
        self._channels.received(channel, index, clear[drw.HEAD.size : end], now)

    def connectionRefused(self) -> None:
        """
        The camera's machine says that the session's port is closed: it rebooted,
        or forgot us.  Only a bound port hears of that, and only about packets of
        its own, so there is no need to wait for seven seconds of silence.
        """
        if self._bound and self.state in (State.CONNECTED, State.CLOSING):
            self._machine.refused()

    def stopProtocol(self) -> None:
        """
        The port is closed.  On some reactors (epoll, poll) that is what becomes of
        a bound port instead of L{connectionRefused}.
        """
        self._port = None
        if self.state is not State.CLOSED:
            self.connectionRefused()

    def _countAlive(self) -> None:
        """The log shows that pings are answered, without a line for each."""
        self._alives += 1
        if self._alives <= 3 or self._alives % 100 == 0:
            self.log.info(
                "{name}: ALIVE number {number} answered",
                name=self._name,
                number=self._alives,
            )

    # What the machine asks for: see L{twistedcam.session.machine.Wire}.

    def search(self) -> None:
        """Ask the camera's LAN_SEARCH port, under every key that may be right."""
        message = pppp.encode(pppp.LanSearch())
        target = (self._address, self._lanPort)
        for cipher in self._ciphers:
            self._write(message, target, cipher)

    def lockOn(self, peer: Address) -> None:
        """Listen to this address only, from now on."""
        self.peer = self._hearing = peer

    def bind(self) -> None:
        """
        Let the kernel keep strangers out, and open the channels.
        """
        assert self.peer is not None
        self._channels = Channels(
            self._reactor, self.send, self._machine.undelivered, self._listeners
        )
        try:
            self.transport.connect(*self.peer)
            self._bound = True
        except OSError:
            # No network just now; a port that failed to be bound is of no use.
            self._machine.refused()

    def send(self, message: pppp.Message) -> None:
        """Send to the camera's session port."""
        assert self.peer is not None and self._cipher is not None
        self._write(pppp.encode(message), self.peer, self._cipher)

    def _write(self, clear: bytes, target: Address, cipher: Cipher) -> None:
        self.lastSent = now = self._reactor.seconds()
        if self._trace is not None:
            self._trace(now, True, target, clear)
        if self._port is None or self.state is State.CLOSED:
            return  # refused, and about to hear of it
        try:
            self.transport.write(
                cipher.encipher(clear), None if self._bound else target
            )
        except OSError:
            # No network at the moment; patience and silence decide what follows.
            self._tally.count("that could not be sent")

    def entered(self, state: State) -> None:
        """Tell the story."""
        self.log.info(
            "{name}: session {old} -> {new}",
            name=self._name,
            old=self.state.value,
            new=state.value,
        )
        self.state = state
        if state is State.CONNECTED:
            self.log.info("{name}: handshake complete", name=self._name)
            self._connected()

    def ended(self, reason: Reason) -> None:
        """Free the port, then tell whoever waits."""
        self.entered(State.CLOSED)
        self._hearing = None
        self.reason = reason
        if self._channels is not None:
            self._channels.close()
        stopping = maybeDeferred(self._stopListening)
        stopping.addErrback(self._unexpected)
        stopping.addCallback(lambda _: self._closed.callback(reason))

    def _stopListening(self) -> Deferred[None] | None:
        return None if self._port is None else self._port.stopListening()

    def _unexpected(self, failure: Failure) -> None:
        self.log.failure("{name}: closing the port", failure, name=self._name)


def enlargeBuffer(handle: socket.socket) -> int:
    """
    Ask the kernel for a large receive buffer.

    @return: the bytes that it grants, by its own way of counting.
    """
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_WANTED)
    return handle.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def _enlargeBuffer(port: object) -> None:
    """Ask the kernel for a large receive buffer, and say so if it refuses."""
    getHandle = getattr(port, "getHandle", None)
    if getHandle is None:
        return  # a simulated port
    granted = enlargeBuffer(getHandle())
    if granted < BUFFER_NEEDED:
        _complainOfBuffer(granted)


@cache
def _complainOfBuffer(granted: int) -> None:
    """Once for a process: every session gets the same."""
    CameraSession.log.warn(
        "the kernel grants {granted} bytes of receive buffer only: bursts of video"
        " may get lost (as root: sysctl net.core.rmem_max={wanted})",
        granted=granted,
        wanted=BUFFER_WANTED,
    )
