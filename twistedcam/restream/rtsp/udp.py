"""
Packets by UDP.

The sockets are not connected: on those that are, the peer's refusals come as errors,
and a reactor closes what has one.  Whoever has gone is found out by his silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

from twisted.internet.address import IPv4Address as UDPAddress
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IUDPTransport
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
    """There are no ports left."""


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
        self._queue: deque[tuple[Callable[[bytes], object], bytes]] = deque()
        self._left = AT_ONCE
        self._since = float("-inf")
        self._timer: IDelayedCall | None = None

    def send(
        self, write: Callable[[bytes], object], datagrams: Iterable[bytes]
    ) -> None:
        """
        Send, now or soon.

        @param write: sends one.
        """
        self._queue.extend((write, datagram) for datagram in datagrams)
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
            write, datagram = self._queue.popleft()
            try:
                write(datagram)
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
    ) -> None:
        """
        @param local: the address to send from.
        @param peer: the address to send to.
        @param ports: the peer's, for packets and for reports.
        @param heard: gets the peer's reports.
        @raise NoWay: there are no such ports.
        """
        self._pacer = pacer
        first, self._packets, self._reports = _neighbours(
            reactor,
            local,
            ((peer, ports[0]), lambda datagram: None),
            ((peer, ports[1]), heard),
        )
        self.header = (
            f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}"
            f";server_port={first}-{first + 1}"
        )

    def carry(self, packets: Iterable[bytes]) -> None:
        """Send packets."""
        self._pacer.send(self._packets.write, packets)

    def report(self, packet: bytes) -> None:
        """Send a report."""
        self._pacer.send(self._reports.write, (packet,))

    def close(self) -> Deferred[None]:
        """Close the ports; fires when that is done."""
        closed = [self._packets.close(), self._reports.close()]
        return gatherResults(closed).addCallback(lambda _: None)


_Address = tuple[str, int]


class _Port(DatagramProtocol):
    """
    One port, which has to do with one address only.
    """

    noisy = False
    # Of the port when it is open; it may close by itself.
    transport: IUDPTransport | None

    def __init__(self, peer: _Address, heard: Callable[[bytes], object]) -> None:
        self._peer = peer
        self._heard = heard
        self._deaf = False
        self._port: IListeningPort | None = None

    def open(self, reactor: DatagramReactor, number: int, local: str) -> int:
        """
        Open it.

        @param number: which one is wanted; 0: any.
        @return: which one it is.
        @raise CannotListenError: it is not free.
        """
        self._port = reactor.listenUDP(number, self, local, _MAX_REPORT)
        return cast(UDPAddress, self._port.getHost()).port

    def write(self, datagram: bytes) -> None:
        """Send, if there is a way."""
        if self.transport is None:
            raise OSError("the port is closed")
        self.transport.write(datagram, self._peer)

    def datagramReceived(self, datagram: bytes, addr: _Address) -> None:
        """What others say is none of our business."""
        if addr == self._peer and not self._deaf:
            self._heard(datagram)

    def close(self) -> Deferred[None]:
        """Hear nothing any more, and close it; fires when that is done."""
        self._deaf = True
        closing = None if self._port is None else self._port.stopListening()
        return succeed(None) if closing is None else closing


_Ear = tuple[_Address, Callable[[bytes], object]]


def _neighbours(
    reactor: DatagramReactor, local: str, low: _Ear, high: _Ear
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
            number = first.open(reactor, wanted, local)
        except CannotListenError:
            wanted = 0
            continue
        if number % 2:
            # The next one is even, and may be free.
            wanted = (number + 1) % 65536
        else:
            wanted = 0
            try:
                second.open(reactor, number + 1, local)
                return number, first, second
            except CannotListenError:
                pass
        first.close()
    raise NoWay("no two UDP ports are free")
