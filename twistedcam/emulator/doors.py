"""
The two well-known UDP ports at which cameras can be found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from ..errors import AlreadyStarted
from ..reactors import AnyReactor, datagrams
from ..wire.dh import DH_PORT
from ..wire.pppp import LAN_PORT
from .world import Address, hostOf

#: Bytes that a camera reads of one datagram at the DH port.
DH_BUFFER = 0x578

#: Bytes that it reads of one datagram at the LAN_SEARCH port.
LAN_BUFFER = 1440

#: What one may call an address when nothing else is known.
_UNKNOWN = "0.0.0.0"

#: A UDP port to connect to while asking for the route; nothing is sent there.
_PROBE_PORT = 9


class Resident(Protocol):
    """A camera behind the doors."""

    def heardDh(self, datagram: bytes, address: Address) -> None:
        """A datagram came in at the DH port."""

    def heardLan(self, datagram: bytes, address: Address) -> None:
        """A datagram came in at the LAN_SEARCH port."""

    def moved(self) -> None:
        """The address has changed: whoever talked to the old one is lost."""


class _Door(DatagramProtocol):
    noisy = False

    def __init__(self, knocked: Callable[[bytes, Address], None]) -> None:
        self._knocked = knocked

    def datagramReceived(self, datagram: bytes, address: Address) -> None:
        self._knocked(datagram, (address[0], address[1]))


class _Probe(DatagramProtocol):
    noisy = False


class Doors:
    """
    UDP port 8600 (DH) and UDP port 32108 (LAN_SEARCH).  As many cameras as one
    likes can live behind one pair; each hears every datagram.

    @ivar interface: the address that is bound to; empty for all.
    @ivar dhPort: the number of the DH port; the actual one once it is open.
    @ivar lanPort: the number of the LAN_SEARCH port, likewise.
    @ivar addressFor: called with a requester's address, returns the address that
        faces it, which then stands in the report.  The default works with the
        real reactors and with a simulated network: it connects a UDP port to the
        requester, which sends nothing, and looks what it got bound to.
    """

    log = Logger()

    def __init__(
        self,
        reactor: AnyReactor,
        interface: str = "",
        dhPort: int = DH_PORT,
        lanPort: int = LAN_PORT,
        addressFor: Callable[[str], str] | None = None,
    ) -> None:
        self._reactor = datagrams(reactor)
        self.interface = interface
        self.dhPort = dhPort
        self.lanPort = lanPort
        self.addressFor = addressFor or self._addressFor
        self._residents: list[Resident] = []
        self._dhDoor = _Door(self._heardDh)
        self._backDoor: _Door | None = None
        self._ports: list[IListeningPort] = []
        self._closing: set[Deferred[object]] = set()

    def open(self) -> None:
        """
        Open both ports.

        @raise CannotListenError: one of them cannot be had; then neither is open.
        @raise AlreadyStarted: they are open.
        """
        if self._ports:
            raise AlreadyStarted("the doors are open")
        listen = self._reactor.listenUDP
        dh = listen(self.dhPort, self._dhDoor, self.interface, DH_BUFFER)
        try:
            lan = listen(
                self.lanPort, _Door(self._heardLan), self.interface, LAN_BUFFER
            )
        except CannotListenError:
            self._stop(dh)
            raise
        self._ports = [dh, lan]
        self.dhPort, self.lanPort = hostOf(dh).port, hostOf(lan).port
        if self._dhDoor.transport is not None:
            self._dhDoor.transport.setBroadcastAllowed(True)
        self.log.info(
            "listening on {interface}, UDP ports {dh} (DH) and {lan} (LAN_SEARCH)",
            interface=self.interface or "all addresses",
            dh=self.dhPort,
            lan=self.lanPort,
        )

    def close(self) -> Deferred[None]:
        """
        Close both ports; fires when they are closed.  To close what is closed
        does no harm.
        """
        ports, self._ports = self._ports, []
        self._backDoor = None
        for port in ports:
            self._stop(port)
        done: Deferred[None] = DeferredList(list(self._closing)).addCallback(
            lambda _: None
        )
        return done

    def rebind(self, interface: str) -> Deferred[None]:
        """
        Move to another address, as by a new DHCP lease.  All sessions of the
        cameras behind these doors vanish without a goodbye.

        @return: fires when the doors are open again, or fails as L{open} does.
        """

        def reopen(_: None) -> None:
            self.interface = interface
            self.open()
            for resident in list(self._residents):
                resident.moved()

        return self.close().addCallback(reopen)

    def enter(self, resident: Resident) -> None:
        """A camera moves in."""
        self._residents.append(resident)

    def leave(self, resident: Resident) -> None:
        """A camera moves out."""
        self._residents.remove(resident)

    def sendDh(
        self, datagram: bytes, address: Address, otherPort: bool = False
    ) -> None:
        """
        Send a datagram from the DH port.  What cannot be sent is lost: a
        broadcast needs an interface that knows what that is.

        @param otherPort: send it from any other port, where nobody was asked.
        """
        if not self._ports:
            return
        door = self._otherDoor() if otherPort else self._dhDoor
        if door.transport is None:
            return
        try:
            door.transport.write(datagram, address)
        except OSError as error:
            self.log.debug(
                "cannot send to {host}: {error}", host=address[0], error=error
            )

    def _otherDoor(self) -> _Door:
        """A port that nobody knows; it is closed together with the others."""
        if self._backDoor is None:
            self._backDoor = _Door(lambda datagram, address: None)
            port = self._reactor.listenUDP(0, self._backDoor, self.interface)
            self._ports.append(port)
            if self._backDoor.transport is not None:
                self._backDoor.transport.setBroadcastAllowed(True)
        return self._backDoor

    def _heardDh(self, datagram: bytes, address: Address) -> None:
        for resident in list(self._residents):
            resident.heardDh(datagram, address)

    def _heardLan(self, datagram: bytes, address: Address) -> None:
        for resident in list(self._residents):
            resident.heardLan(datagram, address)

    def _addressFor(self, peerHost: str) -> str:
        if self.interface:
            return self.interface
        probe = _Probe()
        try:
            port = self._reactor.listenUDP(0, probe)
        except CannotListenError:
            return _UNKNOWN
        try:
            if probe.transport is not None:
                probe.transport.connect(peerHost, _PROBE_PORT)
            return hostOf(port).host
        except OSError:
            return _UNKNOWN
        finally:
            self._stop(port)

    def _stop(self, port: IListeningPort) -> None:
        """Close a port, and remember it until it is closed."""
        stopping: Deferred[object] = maybeDeferred(port.stopListening)
        self._closing.add(stopping)

        def stopped(result: object) -> object:
            self._closing.discard(stopping)
            return result

        stopping.addBoth(stopped)
