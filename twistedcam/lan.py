"""
Our ports on the LAN: one on each of our addresses.

A broadcast from a port on all addresses needs a default route and leaves by one
interface only; from a port on an interface's own address it leaves by that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Interface, IPv4Network
from typing import cast

import ifaddr
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from .reactors import DatagramReactor
from .wire.header import MAX_DATAGRAM

Address = tuple[str, int]

#: A broadcast to whoever is on the wire, whatever the netmasks say.
EVERYBODY = "255.255.255.255"

#: How many different troubles are told of, each once.
MAX_COMPLAINTS = 100

#: The longest prefix of a network that has a broadcast address.
_LONGEST_BROADCASTING = 30


def localInterfaces() -> list[IPv4Interface]:
    """This machine's IPv4 addresses with their networks, loopback left out."""
    interfaces = [
        IPv4Interface(f"{ip.ip}/{ip.network_prefix}")
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4
    ]
    return [interface for interface in interfaces if not interface.is_loopback]


class Link(DatagramProtocol):
    """
    A port on one of our addresses.

    @ivar port: to close it.
    """

    noisy = False
    transport: IUDPTransport
    port: IListeningPort

    def __init__(
        self,
        received: Callable[[bytes, Address], None],
        complain: Callable[[str], None],
    ) -> None:
        self._receivedBy = received
        self._complain = complain

    def startProtocol(self) -> None:
        """We ask whole networks."""
        self.transport.setBroadcastAllowed(True)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Hand it on."""
        self._receivedBy(datagram, addr)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send; a network that is not there is complained of once."""
        try:
            self.transport.write(datagram, to)
        except OSError as e:
            self._complain(f"cannot reach {to[0]}: {e.strerror}")


class LanPorts:
    """Ports for broadcasting, opened when needed, closed together."""

    log = Logger()

    def __init__(
        self,
        reactor: DatagramReactor,
        received: Callable[[bytes, Address], None],
        interfaces: Callable[[], Iterable[IPv4Interface]],
        searchAddresses: Sequence[str],
        localAddress: str,
    ) -> None:
        """
        @param received: gets what arrives at any of the ports.
        @param interfaces: lists our addresses, as they are now.
        @param searchAddresses: stand in for the interfaces' broadcast addresses.
        @param localAddress: the only address of ours to be used, or empty.
        """
        self._reactor = reactor
        self._received = received
        self._interfaces = interfaces
        self._searchAddresses = tuple(searchAddresses)
        self._localAddress = localAddress
        self._links: dict[str, Link] = {}
        self._closing: set[Deferred[None]] = set()
        self._complaints: set[str] = set()

    @property
    def complaints(self) -> frozenset[str]:
        """What went wrong on our own side, in words."""
        return frozenset(self._complaints)

    def check(self) -> None:
        """
        Try to have a port on the only address that is to be used.

        @raise CannotListenError: it is not ours.
        """
        if self._localAddress:
            link = Link(self._received, self._complain)
            self._reactor.listenUDP(0, link, self._localAddress).stopListening()

    def everybody(self, turn: int) -> Iterator[tuple[Link, str]]:
        """
        The ports, and the addresses to send to from there, that reach the LAN.

        @param turn: a network's own broadcast address and the general one take
            turns: whoever has a wrong netmask hears one of them.
        """
        if self._searchAddresses:
            yield from self.somebody(
                [a for a in self._searchAddresses if a != EVERYBODY]
            )
            if EVERYBODY not in self._searchAddresses:
                return
        for link, network in self._interfaceLinks():
            general = (
                self._searchAddresses
                or turn % 2
                or network.prefixlen > _LONGEST_BROADCASTING
            )
            yield link, EVERYBODY if general else str(network.broadcast_address)

    def somebody(self, addresses: Sequence[str]) -> Iterator[tuple[Link, str]]:
        """The same for single addresses, which the kernel finds a way to."""
        if addresses and (link := self._open(self._localAddress)) is not None:
            for address in addresses:
                yield link, address

    def _interfaceLinks(self) -> Iterator[tuple[Link, IPv4Network]]:
        """A port for each of our addresses; those that are gone are closed."""
        present = {str(interface.ip): interface for interface in self._interfaces()}
        if self._localAddress:
            # Loopback is not among them, but somebody may want just that.
            alone = present.get(self._localAddress, IPv4Interface(self._localAddress))
            present = {self._localAddress: alone}
        for address in self._links.keys() - present.keys() - {self._localAddress}:
            self._shut(address)
        for address, interface in present.items():
            if (link := self._open(address)) is not None:
                yield link, interface.network

    def _open(self, address: str) -> Link | None:
        if (link := self._links.get(address)) is not None:
            return link
        link = Link(self._received, self._complain)
        try:
            link.port = self._reactor.listenUDP(0, link, address, MAX_DATAGRAM)
        except CannotListenError as e:
            self._complain(f"cannot open a port on {address}: {e.socketError}")
            return None
        self._links[address] = link
        self.log.info(
            "search port {port} opened on {address}",
            port=cast(IPv4Address, link.port.getHost()).port,
            address=address or "all addresses",
        )
        return link

    def _shut(self, address: str) -> None:
        closed: Deferred[None] = maybeDeferred(
            self._links.pop(address).port.stopListening
        ).addCallback(lambda _: None)
        self._closing.add(closed)

        def forget(result: object) -> None:
            self._closing.discard(closed)

        closed.addCallback(forget)

    def close(self) -> Deferred[None]:
        """Close all ports; fires when they are free."""
        for address in list(self._links):
            self._shut(address)
        closed = gatherResults(list(self._closing)).addCallback(lambda _: None)
        # To each a result of his own: whoever cancels it closes nothing less.
        result: Deferred[None] = Deferred()
        closed.chainDeferred(result)
        return result

    def _complain(self, text: str) -> None:
        """Once about each trouble: rounds go on for ever."""
        if text not in self._complaints and len(self._complaints) < MAX_COMPLAINTS:
            self._complaints.add(text)
            self.log.warn("{text}", text=text)
