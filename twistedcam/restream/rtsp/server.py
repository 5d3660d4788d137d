"""
All connections of the RTSP server.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger

from ...fleet import Fleet
from ...reactors import DatagramReactor
from ..access import Access, Slowdown
from ..broadcast import Broadcasts
from ..sparing import Sparing
from .connection import LINGER, Connection, Shared
from .session import World
from .tracks import SoundTracks

#: Connections at a time: for each of them a program has to keep a file open, and many
#: may have 1024 of these, which the web server, cameras and recordings want, too.
MAX_CONNECTIONS = 300

#: Sessions at a time: one by UDP, with three tracks, has six ports.
MAX_SESSIONS = 100

#: Seconds that all may take to go; each is made to after L{LINGER}.
FAREWELL = 1.5 * LINGER


class RtspServer(Factory):
    """
    Makes connections, and knows those there are.

    @ivar connections: with clients.
    """

    log = Logger()
    noisy = False

    def __init__(
        self,
        reactor: DatagramReactor,
        fleet: Fleet,
        access: Access,
        broadcasts: Broadcasts,
        slowdown: Slowdown | None = None,
    ) -> None:
        """
        @param reactor: for timers and UDP ports.
        @param fleet: the cameras.
        @param slowdown: what makes wrong logins slow, if others share it.
        """
        self.connections: set[Connection] = set()
        self._fleet = fleet
        self._clock = reactor
        self._tooMany = Sparing(reactor)
        self._shared = Shared(
            World(reactor, broadcasts, SoundTracks()),
            fleet.cameras,
            access,
            Slowdown(reactor) if slowdown is None else slowdown,
            Sparing(reactor),
            lambda: self.sessions < MAX_SESSIONS,
        )
        self._empty: list[Deferred[None]] = []

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return sum(each.methods.session is not None for each in self.connections)

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Somebody comes."""
        if len(self.connections) >= MAX_CONNECTIONS:
            more = self._tooMany.due("")
            if more is not None:
                self.log.warn(
                    "{address}: too many connections{more}", address=addr, more=more
                )
            return None
        return Connection(self._shared, self.connections.add, self._gone)

    def fleetChanged(self) -> None:
        """Cameras have come and gone: nobody watches one that is none of ours."""
        for connection in list(self.connections):
            session = connection.methods.session
            if session is None:
                continue
            if self._fleet.cameras.get(session.camera.name) is not session.camera:
                connection.hangUp("the camera was removed")

    def hangUp(self) -> Deferred[None]:
        """End all connections; fires when they are gone, or given up."""
        for connection in list(self.connections):
            connection.hangUp("the service stops")
        gone: Deferred[None] = Deferred()
        self._empty.append(gone)
        farewell = self._clock.callLater(FAREWELL, self._giveUp)

        def cancel(result: None) -> None:
            if farewell.active():
                farewell.cancel()

        gone.addCallback(cancel)
        self._tellEmpty()
        return gone

    def _giveUp(self) -> None:
        """Nothing that does not end may keep the service from it."""
        self.log.warn("{count} connections do not end", count=len(self.connections))
        for connection in list(self.connections):
            connection.transport.abortConnection()
        self.connections.clear()
        self._tellEmpty()

    def _gone(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._tellEmpty()

    def _tellEmpty(self) -> None:
        if not self.connections:
            empty, self._empty = self._empty, []
            for each in empty:
                each.callback(None)
