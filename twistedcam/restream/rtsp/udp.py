"""
Packets by UDP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

from twisted.internet.address import IPv4Address as UDPAddress
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IDelayedCall, IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from ...errors import TwistedcamError
from ...reactors import DatagramReactor, Timers

#: Datagrams that are sent at once, and seconds until as many follow: 45 Mbit a
#: second.  A keyframe is two hundred of them, more than receivers have room for.
AT_ONCE, PAUSE = 16, 0.004

#: How often two neighbouring ports are tried for.
_ATTEMPTS = 20

#: Bytes of a report at most.
_MAX_REPORT = 2048


class NoWay(TwistedcamError):
    """There are no ports left, or there is no way to the peer."""


class Pacer:
    """
    Sends one viewer's datagrams no faster than he can take them.

    @ivar unsent: datagrams that could not be sent.
    """

    def __init__(
        self,
        clock: Timers,
        pause: Callable[[], object],
        resume: Callable[[], object],
    ) -> None:
        """
        @param pause: called when there is enough for now.
        @param resume: called when there is room again.
        """
        self.unsent = 0
        self._clock = clock
        self._pause = pause
        self._resume = resume
        self._queue: deque[tuple[IUDPTransport, bytes]] = deque()
        self._left = AT_ONCE
        self._since = float("-inf")
        self._timer: IDelayedCall | None = None

    def send(self, port: IUDPTransport, datagrams: Iterable[bytes]) -> None:
        """Send, now or soon."""
        self._queue.extend((port, datagram) for datagram in datagrams)
        if self._timer is not None:
            return
        now = self._clock.seconds()
        if not 0 <= now - self._since < PAUSE:
            self._left, self._since = AT_ONCE, now
        if self._work():
            self._pause()

    def stop(self) -> None:
        """Send no more."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _goOn(self) -> None:
        self._timer = None
        self._left, self._since = AT_ONCE, self._clock.seconds()
        if not self._work():
            self._resume()

    def _work(self) -> bool:
        """Send; is something left?"""
        while self._queue and self._left:
            self._left -= 1
            port, datagram = self._queue.popleft()
            try:
                port.write(datagram, None)
            except (OSError, MessageLengthError):
                self.unsent += 1  # the network is away, or full; the next may do
        if not self._queue:
            return False
        self._timer = self._clock.callLater(PAUSE, self._goOn)
        return True


class ByUdp:
    """
    Sends datagrams from two neighbouring ports, the lower of which is even, to two
    ports of one peer, and hears nobody else.

    @ivar header: the answer to C{Transport}.
    """

    def __init__(
        self,
        reactor: DatagramReactor,
        pacer: Pacer,
        local: str,
        peer: str,
        ports: tuple[int, int],
        heard: Callable[[bytes], object],
        refused: Callable[[], object],
    ) -> None:
        """
        @param local: the address to send from.
        @param peer: the address to send to.
        @param ports: the peer's, for packets and for reports.
        @param heard: gets the peer's reports.
        @param refused: called when the peer's computer says that nobody is there who
            would take packets.
        @raise NoWay: there are no such ports, or no way to the peer.
        """
        self._pacer = pacer
        # Many receivers have no ears for reports.
        first, self._packets, self._reports = _neighbours(
            reactor, local, (lambda datagram: None, refused), (heard, lambda: None)
        )
        try:
            self._packets.transport.connect(peer, ports[0])
            self._reports.transport.connect(peer, ports[1])
        except (OSError, ValueError) as problem:
            self.close()
            raise NoWay(f"no way to {peer}") from problem
        self.header = (
            f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}"
            f";server_port={first}-{first + 1}"
        )

    def carry(self, packets: Iterable[bytes]) -> None:
        """Send packets."""
        self._pacer.send(self._packets.transport, packets)

    def report(self, packet: bytes) -> None:
        """Send a report."""
        self._pacer.send(self._reports.transport, (packet,))

    def close(self) -> Deferred[None]:
        """Close the ports; fires when that is done."""
        self._packets.deaf = self._reports.deaf = True
        closed = [
            maybeDeferred(port.transport.stopListening)
            for port in (self._packets, self._reports)
        ]
        return gatherResults(closed).addCallback(lambda _: None)


class _Port(DatagramProtocol):
    """
    One port.

    @ivar deaf: whatever comes, nobody wants to know any more.
    """

    noisy = False
    transport: IUDPTransport

    def __init__(
        self, heard: Callable[[bytes], object], refused: Callable[[], object]
    ) -> None:
        self.deaf = False
        self._heard = heard
        self._refused = refused

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """The port is connected: it is the peer's."""
        if not self.deaf:
            self._heard(datagram)

    def connectionRefused(self) -> None:
        """The peer's computer says so."""
        if not self.deaf:
            self._refused()


_Ears = tuple[Callable[[bytes], object], Callable[[], object]]


def _neighbours(
    reactor: DatagramReactor, local: str, low: _Ears, high: _Ears
) -> tuple[int, _Port, _Port]:
    """
    Open two ports.

    @return: the number of the first, which is even, and both.
    @raise NoWay: none are free.
    """
    wanted = 0
    for _ in range(_ATTEMPTS):
        first, second = _Port(*low), _Port(*high)
        try:
            port = reactor.listenUDP(wanted, first, local, _MAX_REPORT)
        except CannotListenError:
            wanted = 0
            continue
        number = cast(UDPAddress, port.getHost()).port
        if number % 2:
            # The next one is even, and may be free.
            wanted = (number + 1) % 65536
        else:
            wanted = 0
            try:
                reactor.listenUDP(number + 1, second, local, _MAX_REPORT)
                return number, first, second
            except CannotListenError:
                pass
        port.stopListening()
    raise NoWay("no two UDP ports are free")
