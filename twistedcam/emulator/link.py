"""
The UDP port of one session, from the first PUNCH_PKT to the last CLOSE.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from ..wire.cipher import Cipher
from ..wire.header import HEADER, MAGIC
from .faults import Weather
from .world import Address, Reactor, Timer, hostOf

#: Bytes that a camera reads of one datagram; the rest is cut off.
RECEIVE_BUFFER = 1440

#: Where cameras choose their session ports.
FIRST_PORT, LAST_PORT = 10000, 29999

#: Ports of that range to try before the system is asked for any free one: with
#: a few hundred of 20,000 taken, eight misses in a row do not happen.
PORT_TRIES = 8

#: What is told about a packet: type, body, and where it came from.
Receiver = Callable[[int, bytes, Address], None]


class Link(DatagramProtocol):
    """
    One UDP port.  It drops what a camera drops before looking at it: datagrams
    under another key, those whose length is not exactly what their header says,
    and, as soon as there is a session, those from anybody else.

    @ivar peer: the client, once there is a session; L{None} while anybody may
        answer a PUNCH_PKT.
    @ivar receiver: called with each packet; L{None} when nobody cares any more.
    """

    log = Logger()
    noisy = False

    def __init__(self, reactor: Reactor, cipher: Cipher, weather: Weather) -> None:
        self._reactor = reactor
        self._cipher = cipher
        self._weather = weather
        self._port: IListeningPort | None = None
        self._waiting: list[Deferred[None]] = []
        self._closing = self._closed = False
        self._linger = Timer(reactor, self._shutNow)
        self.peer: Address | None = None
        self.receiver: Receiver | None = None
        self.number = 0

    def open(self, interface: str, luck: Random) -> None:
        """
        Take a port: random, and a free one if the random ones are taken.

        @param interface: the address to bind to; empty for all.
        @raise CannotListenError: there is none.
        """
        ports = [luck.randint(FIRST_PORT, LAST_PORT) for _ in range(PORT_TRIES)]
        for port in (*ports, 0):
            try:
                self._port = self._reactor.listenUDP(
                    port, self, interface, RECEIVE_BUFFER
                )
            except CannotListenError:
                if port == 0:
                    raise
            else:
                break
        assert self._port is not None
        self.number = hostOf(self._port).port

    def send(self, packet: bytes, address: Address | None = None) -> None:
        """Send a packet to C{address}, or else to the peer."""
        to = address or self.peer
        assert to is not None
        ciphered = self._cipher.encipher(packet)
        self._weather.send(lambda: self._write(ciphered, to))

    def datagramReceived(self, datagram: bytes, address: Address) -> None:
        """Something came in."""
        self._weather.hear(lambda: self._read(datagram, (address[0], address[1])))

    def shut(self, after: float = 0.0) -> Deferred[None]:
        """
        Close the port.

        @param after: seconds to wait, for what is still under way.
        @return: fires when it is closed.
        """
        done: Deferred[None] = Deferred()
        self.receiver = None
        if self._closed:
            done.callback(None)
            return done
        self._waiting.append(done)
        if after:
            self._linger.arm(after)
        else:
            self._shutNow()
        return done

    def _shutNow(self) -> None:
        self._linger.cancel()
        if not self._closing:
            self._closing = True
            port, self._port = self._port, None
            if port is None:
                self._shutDone(None)
            else:
                maybeDeferred(port.stopListening).addBoth(self._shutDone)

    def _shutDone(self, _: object) -> None:
        self._closed = True
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)

    def _read(self, datagram: bytes, address: Address) -> None:
        if self.receiver is None or (self.peer is not None and address != self.peer):
            return
        packet = self._cipher.decipher(datagram[:RECEIVE_BUFFER])
        if len(packet) < HEADER.size:
            return
        magic, kind, length = HEADER.unpack_from(packet)
        if magic == MAGIC and HEADER.size + length == len(packet):
            self.receiver(kind, packet[HEADER.size :], address)

    def _write(self, datagram: bytes, address: Address) -> None:
        if self._port is None or self.transport is None:
            return
        try:
            self.transport.write(datagram, address)
        except OSError as error:
            # No route any more: for the camera a lost datagram like others.
            self.log.debug(
                "cannot send to {host}: {error}", host=address[0], error=error
            )
