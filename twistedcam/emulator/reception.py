"""
Who is let in: from a LAN_SEARCH to a session, and no more of them than a camera
can bear.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from ..wire.cipher import Cipher
from ..wire.deviceid import DeviceId
from ..wire.header import frame
from ..wire.pppp import LAN_SEARCH
from .commands import COMMANDS
from .doors import Doors
from .faults import Weather
from .firmware import MAX_LIBRARY_SESSIONS, MAX_SESSIONS, Firmware
from .handshake import Handshake
from .link import Link
from .records import record
from .session import Session
from .world import Address, Reactor

#: Ports that wait for a client to punch back at most; the oldest gives way.  A
#: stranger can ask from any number of addresses, each for a port of its own.
MAX_PENDINGS = 16

#: How long a client too many may read why (seconds).
DISMISSAL = 2.0

#: The code of the message to a client too many.
_FULL_HOUSE = 0x60D1

_SEARCH = frame(LAN_SEARCH)


class Reception:
    """
    The ports, handshakes and sessions of one camera.

    @ivar sessions: the live ones, oldest first.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        firmware: Firmware,
        deviceId: DeviceId,
        cipher: Cipher,
        doors: Doors,
        weather: Weather,
        luck: Random,
        serve: Callable[[Session], None],
    ) -> None:
        """
        @param luck: chooses the ports.
        @param serve: called with each new session that is not one too many.
        """
        self._reactor = reactor
        self._firmware = firmware
        self._deviceId = deviceId
        self._cipher = cipher
        self._doors = doors
        self._weather = weather
        self._luck = luck
        self._serve = serve
        self._handshakes: dict[Address, Handshake] = {}
        self._links: set[Link] = set()
        self._keepsLinks = False
        self._listenFrom = float("-inf")
        self._count = 0
        self.sessions: list[Session] = []

    def heard(self, datagram: bytes, address: Address) -> None:
        """
        A datagram came in at the LAN_SEARCH port.  LAN_SEARCH_EXT belongs to a
        related family and is not answered.
        """
        if self._cipher.decipher(datagram) != _SEARCH:
            return
        if self._reactor.seconds() < self._listenFrom:
            return
        if len(self.sessions) >= MAX_LIBRARY_SESSIONS:
            return
        handshake = self._handshakes.get(address) or self._newHandshake(address)
        if handshake is not None:
            handshake.searched()

    def dismiss(self, reason: str) -> None:
        """End everything, saying CLOSE to every session."""
        for session in list(self.sessions):
            session.close(reason)
        self._dropAll()
        self._listenFrom = float("-inf")

    def lose(self, reason: str, keepLinks: bool = False) -> None:
        """
        End everything, and tell nobody.

        @param keepLinks: leave the ports open, deaf, until L{shut}: of a camera
            without power no kernel tells that its ports are closed.
        """
        self._keepsLinks = keepLinks
        for session in list(self.sessions):
            session.vanish(reason)
        self._dropAll()
        self._keepsLinks = False
        self._listenFrom = float("-inf")

    def shut(self) -> Deferred[None]:
        """Close what ports are still open; fires when they are closed."""
        waiting = [self._shut(link) for link in list(self._links)]
        done: Deferred[None] = DeferredList(waiting).addCallback(lambda _: None)
        return done

    def _newHandshake(self, client: Address) -> Handshake | None:
        link = Link(self._reactor, self._cipher, self._weather)
        try:
            link.open(self._doors.interface, self._luck)
        except CannotListenError as error:
            self.log.warn(
                "{deviceId} finds no port for {host}: {error}",
                deviceId=self._deviceId,
                host=client[0],
                error=error,
            )
            return None
        if len(self._handshakes) >= MAX_PENDINGS:
            self._drop(next(iter(self._handshakes)))
        self._links.add(link)
        handshake = self._handshakes[client] = Handshake(
            self._reactor,
            self._firmware,
            self._deviceId,
            link,
            client,
            self._mayStart,
            lambda up: self._shaken(client, up),
            lambda: self._weather.faults.tcpOnly,
        )
        self.log.info(
            "{deviceId} searched (LAN_SEARCH) by {host}:{port}",
            deviceId=self._deviceId,
            host=client[0],
            port=client[1],
        )
        return handshake

    def _drop(self, client: Address) -> None:
        handshake = self._handshakes.pop(client)
        handshake.cancel()
        self._retire(handshake.link)

    def _mayStart(self, address: Address) -> bool:
        if len(self.sessions) >= MAX_LIBRARY_SESSIONS:
            return False
        known = any(session.peer == address for session in self.sessions)
        return self._firmware.punchAnswered or not known

    def _shaken(self, client: Address, up: bool) -> None:
        link = self._handshakes[client].link
        if not up or link.peer is None or not self._mayStart(link.peer):
            self._drop(client)
            return
        self._handshakes.pop(client).cancel()
        full = sum(not session.refused for session in self.sessions) >= MAX_SESSIONS
        if full and not self._firmware.refusesFifth:
            self.sessions[0].close("it gives way to a newcomer")
        self._count += 1
        session = Session(
            self._reactor,
            self._firmware,
            self._deviceId,
            link,
            self._count,
            self._ended,
        )
        self.sessions.append(session)
        self._listenFrom = self._reactor.seconds() + self._firmware.listenPause
        self.log.info(
            "{deviceId} session {number} with {host}:{port} is up on UDP port {own}",
            deviceId=self._deviceId,
            number=session.number,
            host=session.peer[0],
            port=session.peer[1],
            own=session.port,
        )
        session.begin()
        if full and self._firmware.refusesFifth:
            self._refuse(session)
        else:
            self._serve(session)

    def _refuse(self, session: Session) -> None:
        """Tell a client that the house is full, and close it soon."""
        session.refused = True
        text = (
            f"var current_users={MAX_SESSIONS + 1};\r\n"
            f"var max_support_users={MAX_SESSIONS};\r\n"
        ).encode() + bytes(8)
        session.write(COMMANDS, record(_FULL_HOUSE, text))
        session.dismissIn(DISMISSAL)

    def _ended(self, session: Session, reason: str) -> None:
        self.sessions.remove(session)
        self._retire(session.link)
        self.log.info(
            "{deviceId} session {number} ended: {reason}",
            deviceId=self._deviceId,
            number=session.number,
            reason=reason,
        )

    def _dropAll(self) -> None:
        for client in list(self._handshakes):
            self._drop(client)

    def _retire(self, link: Link) -> None:
        """Close a link as soon as its last words have left."""
        link.receiver = None
        if not self._keepsLinks:
            self._shut(link, self._weather.faults.longest)

    def _shut(self, link: Link, after: float = 0.0) -> Deferred[None]:
        return link.shut(after).addCallback(lambda _: self._links.discard(link))
