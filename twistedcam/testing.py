# -*- test-case-name: tests.test_testing -*-
"""
A simulated LAN for tests of programs that speak UDP: no sockets, no reactor, no
waiting.

A L{MemoryNetwork} is the clock and the cables, a L{MemoryHost} is what a program
takes for its reactor, a L{MemoryPort} is the transport of its protocols::

    network = MemoryNetwork(seed=1, loss=0.05)
    camera = network.host("camera", "192.0.2.7/24")
    pc = network.host("pc", "192.0.2.10/24")
    camera.listenUDP(32108, CameraProtocol())
    pc.listenUDP(0, ViewerProtocol())
    network.advance(86400)  # a day

Addresses, ports, broadcasts and errors behave as those of Linux, transports as
L{twisted.internet.udp.Port}; only IPv4, without routers or multicast.  The same
seed and the same calls give the same run.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EBADF, EINVAL, ENETUNREACH
from functools import partial
from heapq import heappop, heappush
from ipaddress import IPv4Address, IPv4Interface
from itertools import count, cycle, islice
from random import Random
from typing import NamedTuple

from twisted.internet import error, interfaces
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address as UDPAddress
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.logger import Logger
from zope.interface import implementer

__all__ = ["Address", "Datagram", "MemoryHost", "MemoryNetwork", "MemoryPort"]

Address = tuple[str, int]

EVERYBODY = "255.255.255.255"
EPHEMERAL = range(49152, 65536)  # IANA's
LOOPBACK_BROADCAST = "127.255.255.255"
NOWHERE = ""  # the domain of what has no cable, or no host, at the other end
LONGEST = 65507  # what one IPv4 packet can carry, bytes


class Datagram(NamedTuple):
    """
    A datagram on its way.

    @ivar time: when it was sent, in seconds of the network's clock
    @ivar receivers: the names of the hosts whose address it bears, listening or
        not; a broadcast has many, one to an address nobody has has none
    """

    time: float
    source: Address
    destination: Address
    payload: bytes
    receivers: tuple[str, ...]


class _Route(NamedTuple):
    """How a host reaches an address, and which hosts have it."""

    source: str
    destination: str
    isBroadcast: bool
    domain: str
    receivers: tuple[str, ...]


def _errno(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def _broadcastOf(link: IPv4Interface) -> str:
    if link.network.prefixlen >= 31:  # has no broadcast address (RFC 3021)
        return EVERYBODY
    return str(link.network.broadcast_address)


class MemoryNetwork(Clock):
    """
    Time, and the cables between hosts.

    The attributes named after the keywords may be changed at any moment and
    apply to what is sent afterwards, separately for each receiver of a
    broadcast, and on loopback too.  The probabilities go from 0 to 1.

    @ivar latency: how long a datagram travels, seconds.  Those that arrive at
        the same instant arrive in the order sent.
    @ivar jitter: up to so many seconds more, at random
    @ivar loss: probability that a datagram gets lost
    @ivar duplicate: probability that it arrives twice
    @ivar reorder: probability that a copy comes C{reorderDelay} seconds later,
        thus behind its successors
    @ivar fate: if set, decides instead of all the above.  It is called once for
        each datagram and receiver, with a L{Datagram} whose C{receivers} holds
        that one name, and returns the delay in seconds of each copy: C{[]} is a
        loss, two delays a duplicate.  So a test can try each single misfortune::

            turn = count()
            network.fate = lambda d: [] if next(turn) == lost else [0.001]

    @ivar refusalCloses: if true, a refusal closes a connected port: its protocol
        gets C{stopProtocol} and no C{connectionRefused}.  So it is with Twisted's
        poll and epoll reactors (its issues 5377 and 6467), thus by default on
        Linux; the select and asyncio reactors keep to the documentation.
    @ivar hosts: the hosts by name
    @ivar captured: the last C{captureLimit} datagrams sent, lost ones included
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        latency: float = 0.0005,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        reorderDelay: float = 0.02,
        captureLimit: int | None = 10_000,
    ) -> None:
        super().__init__()
        self.latency = latency
        self.jitter = jitter
        self.loss = loss
        self.duplicate = duplicate
        self.reorder = reorder
        self.reorderDelay = reorderDelay
        self.fate: Callable[[Datagram], Sequence[float]] | None = None
        self.refusalCloses = False
        self.hosts: dict[str, MemoryHost] = {}
        self.captured: deque[Datagram] = deque(maxlen=captureLimit)
        self._random = Random(seed)
        # Timers and arrivals, with the order of their making to break ties.
        self._agenda: list[tuple[float, int, DelayedCall | Callable[[], None]]] = []
        self._order = count()

    def host(
        self,
        name: str,
        *addresses: str | tuple[str, str],
        domain: str = "lan",
        defaultRoute: bool = False,
    ) -> MemoryHost:
        """
        Add a host, plugged in.

        @param addresses: its addresses with their prefix (C{"192.0.2.7/24"}), or
            pairs of such an address and the broadcast domain it is in
        @param domain: the domain of addresses without one; hosts of different
            domains never hear each other
        @param defaultRoute: whether datagrams for foreign subnets leave by the
            first interface, and are lost there, rather than raise
        @raise ValueError: if the name or an address is taken or malformed
        """
        if name in self.hosts:
            raise ValueError(f"there is a host {name!r} already")
        pairs = [(a, domain) if isinstance(a, str) else a for a in addresses]
        links = [(IPv4Interface(address), where) for address, where in pairs]
        host = self.hosts[name] = MemoryHost(self, name, links, defaultRoute)
        return host

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See L{interfaces.IReactorTime.callLater}."""
        due = self.rightNow + delay
        call = DelayedCall(
            due, callable, args, kw, self.calls.remove, self._arm, self.seconds
        )
        self.calls.append(call)
        self._arm(call)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Pending timers, soonest first; datagrams in flight are not among them."""
        return sorted(self.calls, key=DelayedCall.getTime)

    def advance(self, amount: float) -> None:
        """
        Let time pass, from one event to the next: unlike with L{Clock}, each
        timer sees its own due time as the present, and so do timers which it
        arms.  Hence C{advance(86400)} is a whole day, not one leap.

        An exception in a timer comes out of here, time having stopped there.

        @param amount: seconds
        """
        until = self.rightNow + amount
        agenda = self._agenda
        while agenda and agenda[0][0] <= until:
            due, _, event = heappop(agenda)
            if isinstance(event, DelayedCall):
                if event.time != due or not event.active():
                    continue  # cancelled, or brought forward since
                if event.delayed_time:
                    event.activate_delay()
                    self._arm(event)
                    continue
                self.calls.remove(event)
                event.called = 1
                self.rightNow = max(due, self.rightNow)
                event.func(*event.args, **event.kw)
            else:
                self.rightNow = max(due, self.rightNow)
                event()
        self.rightNow = max(until, self.rightNow)

    def _arm(self, call: DelayedCall) -> None:
        heappush(self._agenda, (call.time, next(self._order), call))

    def _later(self, delay: float, event: Callable[[], None]) -> None:
        heappush(self._agenda, (self.rightNow + delay, next(self._order), event))

    def _carry(self, port: MemoryPort, route: _Route, datagram: Datagram) -> None:
        """Capture a datagram, and let each copy arrive when its fate says."""
        self.captured.append(datagram)
        for name in route.receivers:
            if self.fate is None:
                delays = self._chance()
            else:
                delays = self.fate(datagram._replace(receivers=(name,)))
            hear = partial(self.hosts[name]._hear, port, route, datagram)
            for delay in delays:
                self._later(delay, hear)

    def _chance(self) -> Sequence[float]:
        chance = self._random.random
        if self.loss and chance() < self.loss:
            return ()
        delays = []
        for _ in range(2 if self.duplicate and chance() < self.duplicate else 1):
            delay = self.latency
            if self.jitter:
                delay += chance() * self.jitter
            if self.reorder and chance() < self.reorder:
                delay += self.reorderDelay
            delays.append(delay)
        return delays

    def _rewired(self) -> None:
        for host in self.hosts.values():
            host._routes.clear()


@implementer(interfaces.IReactorTime, interfaces.IReactorUDP)
class MemoryHost:
    """
    A host on a L{MemoryNetwork}, made by L{MemoryNetwork.host}: the reactor of the
    programs that run on it.  It has a loopback besides its interfaces.

    @ivar name: its name in L{Datagram.receivers}
    """

    def __init__(
        self,
        network: MemoryNetwork,
        name: str,
        links: list[tuple[IPv4Interface, str]],
        defaultRoute: bool,
    ) -> None:
        self.name = name
        self._network = network
        self._defaultRoute = defaultRoute
        self._plugged = True
        self._links: list[tuple[IPv4Interface, str]] = []
        self._bound: dict[Address, MemoryPort] = {}
        self._ephemeral = cycle(EPHEMERAL)
        # By bound and by destination address; any change of the network empties it.
        self._routes: dict[tuple[str, str], _Route] = {}
        self._configure(links)

    @property
    def ports(self) -> list[MemoryPort]:
        """The open ports; one counts as open until its Deferred has fired."""
        return list(self._bound.values())

    def seconds(self) -> float:
        """The network's time."""
        return self._network.rightNow

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See L{interfaces.IReactorTime.callLater}; the network's clock counts."""
        return self._network.callLater(delay, callable, *args, **kw)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """The timers of the whole network."""
        return self._network.getDelayedCalls()

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> MemoryPort:
        """
        Open a port.

        @param port: its number, or 0 for a free one, ever the next
        @param interface: the address to bind, one of this host or of 127.0.0.0/8,
            or a broadcast address; C{""} and C{"0.0.0.0"} mean all
        @param maxPacketSize: longer datagrams are cut to so many bytes
        @raise CannotListenError: if the address is not ours or the port not free
        @raise InvalidAddressError: if C{interface} is not an IP address
        """
        listening = MemoryPort(self, port, protocol, interface, maxPacketSize)
        listening.startListening()
        return listening

    def interfaces(self) -> list[IPv4Interface]:
        """The addresses, without loopback, whether plugged in or not."""
        return [link for link, _ in self._links]

    def readdress(self, old: str, new: str) -> None:
        """
        Change one address, as DHCP does.  Ports bound to the old one stay open
        but hear and send nothing any more; those bound to C{""} work on.

        @param old: one of the addresses, with prefix
        @param new: what takes its place, with prefix, in the same domain
        @raise ValueError: if C{old} is not ours, or C{new} is taken or malformed
        """
        links = list(self._links)
        index = self.interfaces().index(IPv4Interface(old))
        links[index] = (IPv4Interface(new), links[index][1])
        self._configure(links)

    def plug(self) -> None:
        """Put the cables in."""
        self._plugged = True
        self._network._rewired()

    def unplug(self) -> None:
        """
        Pull all cables.  What is underway is lost, writing raises ENETUNREACH;
        addresses stay, and the host still reaches itself.
        """
        self._plugged = False
        self._network._rewired()

    def _configure(self, links: list[tuple[IPv4Interface, str]]) -> None:
        others = [h for h in self._network.hosts.values() if h is not self]
        taken = {(link.ip, domain) for h in others for link, domain in h._links}
        for link, domain in links:
            if (link.ip, domain) in taken:
                raise ValueError(f"{link.ip} is taken in {domain!r}")
        self._links = links
        self._own = {str(link.ip) for link, _ in links}
        self._heard = {
            (domain, address)
            for link, domain in links
            for address in (str(link.ip), _broadcastOf(link), EVERYBODY)
        }
        self._network._rewired()

    def _bind(self, port: MemoryPort, interface: str, number: int) -> Address:
        known = {address for _, address in self._heard}
        if interface and interface not in known and interface[:4] != "127.":
            raise error.CannotListenError(interface, number, _errno(EADDRNOTAVAIL))
        some = islice(self._ephemeral, len(EPHEMERAL))
        for free in [number] if number else some:
            rivals = {address for address, used in self._bound if used == free}
            if not (rivals & {"", interface} or (rivals and not interface)):
                self._bound[interface, free] = port
                return interface, free
        raise error.CannotListenError(interface, number, _errno(EADDRINUSE))

    def _route(self, bound: str, to: str) -> _Route:
        """Find the way from C{bound}, or C{""} for any; errors as of C{write}."""
        if to == "<broadcast>":
            to = EVERYBODY
        if not isIPAddress(to):
            raise error.InvalidAddressError(to, "not an IPv4 address")
        goal = IPv4Address(to)
        fromLoopback = bound.startswith("127.")
        if bound and not fromLoopback and bound not in self._own:
            raise _errno(EINVAL)  # the address went away after the bind
        if goal.is_loopback or to in self._own or (fromLoopback and to == EVERYBODY):
            source = bound or ("127.0.0.1" if goal.is_loopback else to)
            isBroadcast = to in (EVERYBODY, LOOPBACK_BROADCAST)
            return _Route(source, to, isBroadcast, NOWHERE, (self.name,))
        if fromLoopback:
            raise _errno(EINVAL)
        ways = [
            (link, domain)
            for link, domain in self._links
            if (str(link.ip) == bound if to == EVERYBODY else goal in link.network)
        ]
        if not ways and self._defaultRoute:
            # To the router, but there is none.
            ways = [(i, d if to == EVERYBODY else NOWHERE) for i, d in self._links]
        if not ways or not self._plugged:
            raise _errno(ENETUNREACH)
        link, domain = ways[0]
        receivers = tuple(
            host.name
            for host in self._network.hosts.values()
            if host._plugged and (domain, to) in host._heard
        )
        isBroadcast = to in (EVERYBODY, _broadcastOf(link))
        return _Route(bound or str(link.ip), to, isBroadcast, domain, receivers)

    def _hear(self, sender: MemoryPort, route: _Route, datagram: Datagram) -> None:
        """A datagram arrives, unless the host left while it was underway."""
        if sender._host is not self and not (
            self._plugged and (route.domain, route.destination) in self._heard
        ):
            return
        # One bound to this address or one bound to all: both cannot exist.
        to = datagram.destination
        port = self._bound.get(to) or self._bound.get(("", to[1]))
        if port is not None and port._accepts(datagram):
            port._received(datagram)
        elif sender._peer is not None and not route.isBroadcast:
            # ICMP "port unreachable".  Only connected sockets get to know.
            self._network._later(self._network.latency, partial(sender._refused, self))


@implementer(interfaces.IListeningPort, interfaces.IUDPTransport)
class MemoryPort:
    """
    An open port of a L{MemoryHost}, made by L{MemoryHost.listenUDP}.

    An exception in C{datagramReceived} or C{connectionRefused} is logged, as by the
    real one; in a test, C{flushLoggedErrors} has it.
    """

    log = Logger()

    def __init__(
        self,
        host: MemoryHost,
        port: int,
        protocol: DatagramProtocol,
        interface: str,
        maxPacketSize: int,
    ) -> None:
        if interface and not (isIPAddress(interface) or isIPv6Address(interface)):
            raise error.InvalidAddressError(interface, "not an IPv4 or IPv6 address.")
        self.protocol = protocol
        self.maxPacketSize = maxPacketSize
        self._host = host
        self._wanted = ("" if interface == "0.0.0.0" else interface, port)
        self._bound = self._wanted
        self._source = ""  # "" to have it chosen for each datagram
        self._peer: Address | None = None
        self._open = self._reading = self._broadcast = False
        self._stopping: list[Deferred[None]] = []

    def __repr__(self) -> str:
        return f"<{self._host.name} {self.getHost()} {self.protocol!r}>"

    def startListening(self) -> None:
        """Bind and start the protocol, as L{MemoryHost.listenUDP} has done."""
        self._bound = address, _ = self._host._bind(self, *self._wanted)
        # The kernel does not send from the broadcast addresses it lets one bind.
        unicast = address in self._host._own or address.startswith("127.")
        self._source = address if unicast and address != LOOPBACK_BROADCAST else ""
        self._open = self._reading = True
        self.protocol.makeConnection(self)

    def stopListening(self) -> Deferred[None] | None:
        """
        Hear no more, and close on the next turn of the clock; until then writing
        still works.

        @return: fires when closed and the protocol stopped; L{None} if it was
        """
        if not self._open:
            return None
        if not self._stopping:
            self._reading = False
            self._host.callLater(0, self._close)
        stopped: Deferred[None] = Deferred()
        self._stopping.append(stopped)
        return stopped

    def getHost(self) -> UDPAddress:
        """The address bound, C{"0.0.0.0"} for all, and the port number."""
        address, number = self._bound
        return UDPAddress("UDP", address or self._source or "0.0.0.0", number)

    def connect(self, host: str, port: int) -> None:
        """
        Speak with one peer only: C{write} needs no address, others are not heard,
        the source address stays as it is now, and the protocol's
        C{connectionRefused} tells that the peer has no such port.

        @raise InvalidAddressError: if C{host} is no IPv4 address
        @raise RuntimeError: if already connected
        @raise OSError: as from L{write}
        """
        if self._peer is not None:
            raise RuntimeError("already connected")
        self._source = self._routeTo(host).source
        self._peer = (host, port)

    def write(self, packet: bytes, addr: Address | None = None) -> None:
        """
        Send a datagram.

        @param addr: where to; may be L{None} if connected
        @raise InvalidAddressError: if it is no IPv4 address
        @raise MessageLengthError: if the packet exceeds 65507 bytes
        @raise OSError: EACCES, a broadcast without L{setBroadcastAllowed};
            ENETUNREACH, no interface on that subnet, or unplugged; EINVAL, to
            port 0 or from an address that the host has lost; EBADF, closed
        """
        if not self._open:
            # The real one fails with an AttributeError by accident.
            raise _errno(EBADF)
        if self._peer is not None:
            assert addr in (None, self._peer)
            addr = self._peer
        assert addr is not None
        route = self._routeTo(addr[0])
        if not addr[1]:
            raise _errno(EINVAL)
        if len(packet) > LONGEST:
            raise error.MessageLengthError("message too long")
        network = self._host._network
        datagram = Datagram(
            network.rightNow,
            (route.source, self._bound[1]),
            (route.destination, addr[1]),
            bytes(packet),
            route.receivers,
        )
        network._carry(self, route, datagram)

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Set whether this port may send broadcasts; at first it may not."""
        self._broadcast = bool(enabled)

    def getBroadcastAllowed(self) -> bool:
        """Whether this port may send broadcasts."""
        return self._broadcast

    def _routeTo(self, address: str) -> _Route:
        key = self._source, address
        route = self._host._routes.get(key)
        if route is None:
            route = self._host._routes[key] = self._host._route(*key)
        if route.isBroadcast and not self._broadcast:
            raise _errno(EACCES)
        return route

    def _accepts(self, datagram: Datagram) -> bool:
        if self._peer is None:
            return True
        local = self._bound[0] or self._source
        return datagram.source == self._peer and datagram.destination[0] == local

    def _received(self, datagram: Datagram) -> None:
        if not self._reading:
            return
        try:
            self.protocol.datagramReceived(
                datagram.payload[: self.maxPacketSize], datagram.source
            )
        except Exception:
            self.log.failure("{port!r} failed to receive", port=self)

    def _refused(self, by: MemoryHost) -> None:
        near = by is self._host or (by._plugged and self._host._plugged)
        if not (near and self._reading):
            return
        try:
            if self._host._network.refusalCloses:
                self._close()
            else:
                self.protocol.connectionRefused()
        except Exception:
            self.log.failure("{port!r} failed to be refused", port=self)

    def _close(self) -> None:
        self._open = self._reading = False
        self._peer = None
        del self._host._bound[self._bound]
        self.protocol.doStop()
        stopping, self._stopping = self._stopping, []
        for stopped in stopping:
            stopped.callback(None)
