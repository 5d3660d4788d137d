"""
The server, as a Twisted service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IProtocolFactory, IStreamServerEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ...camera import Camera
from ...fleet import Fleet
from ...reactors import Timers
from ...threads import InThread, threads
from ..access import Slowdown, checkExposure
from ..broadcast import Broadcasts
from ..jpegs import PictureRooms
from ..listening import ListeningService, serverEndpoint
from ..observatory import Latencies, Observatory
from .config import WebConfig
from .controls import Movements
from .events import Events
from .gate import Gate
from .pictures import Snapshots
from .root import Root
from .site import Connections, WebSite, abort
from .static import StaticFile, loadFiles
from .tools import Tools

#: Seconds between looks at the cameras.
TICK = 1.0

#: Seconds that connections may take to say goodbye.
FAREWELL = 0.5


class WebService(ListeningService):
    """
    Serves, while it runs.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        fleet: Fleet,
        config: WebConfig,
        broadcasts: Broadcasts,
        latencies: Latencies | None = None,
        *,
        slowdown: Slowdown | None = None,
        inThread: InThread | None = None,
        endpoint: IStreamServerEndpoint | None = None,
        files: Mapping[str, StaticFile] | None = None,
    ) -> None:
        """
        @param reactor: has timers and, unless C{endpoint} and C{inThread} are given,
            can listen and has threads.
        @param broadcasts: those that others may use as well.
        @param latencies: what C{broadcasts} measures.
        @param slowdown: what other doors use as well, so that wrong logins here are
            remembered there.
        @param inThread: calls a function in a thread.
        @param endpoint: instead of the one in C{config}.
        @param files: the page, instead of the one of this package.
        @raise ConfigError: it would be open to everybody, and nobody said so.
        """
        checkExposure(config.endpoint, config.access, config.open)
        clock: Timers = reactor
        if inThread is None:
            inThread = threads(reactor)
        if endpoint is None:
            endpoint = serverEndpoint(reactor, config.endpoint)
        pictures = PictureRooms(clock, inThread)
        latencies = latencies or Latencies()
        observatory = Observatory(
            clock,
            fleet,
            lambda camera: self._tools.countViewers(camera),
            latencies.forget,
        )
        self._clock = clock
        self._fleet = fleet
        self._tools = Tools(clock, fleet, broadcasts, pictures, observatory, latencies)
        self._events = Events(observatory)
        self._movements = Movements(clock)
        self._snapshots = Snapshots(clock, inThread)
        root = Root(
            self._tools,
            self._events,
            self._movements,
            self._snapshots,
            loadFiles() if files is None else files,
        )
        self._gate = Gate(
            clock,
            config.access,
            config.hosts,
            root,
            Slowdown(clock) if slowdown is None else slowdown,
            open=config.open,
        )
        self._connections = Connections(WebSite(clock, self._gate), clock)
        super().__init__(endpoint, cast(IProtocolFactory, self._connections))
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor
        self._unsubscribe: Callable[[], None] = lambda: None

    def startService(self) -> None:
        """
        Open the port, and the gate.

        @raise CannotListenError: the port cannot be had.
        """
        super().startService()
        self._unsubscribe = self._fleet.onChanged(self._changed)
        self._tools.observatory.start()
        self._events.start()
        self._ticking.start(TICK)

    def _changed(self) -> None:
        """Cameras came or went."""
        cameras = [*self._fleet.cameras.values()]
        self._tools.viewers.part(cameras)
        self._movements.part(cameras)

    def _tick(self) -> None:
        now = self._clock.seconds()
        try:
            self._events.statistics(self._tools.observatory.tick())
            self._tools.viewers.tick(now)
            self._tools.listeners.tick(now)
            self._snapshots.tick(self._hopeless)
        except Exception:  # there is a next time
            self.log.failure("looking after cameras and viewers")

    def _hopeless(self, camera: Camera) -> str:
        """Why no video will come of a camera; empty: it may come."""
        known = self._tools.problem(camera)
        return self._tools.whyNothing(camera) if known else ""

    def stopService(self) -> Deferred[None]:
        """
        Close the port, and end all that goes on.

        @return: fires when nobody is connected any more.
        """
        super().stopService()
        if self._ticking.running:
            self._ticking.stop()
        self._unsubscribe()
        closed = self.stopListening()
        self._movements.end()
        self._snapshots.end()
        self._tools.viewers.end()
        self._tools.listeners.end()
        self._gate.close()
        self._events.stop()
        self._tools.observatory.stop()
        parted = self._part()
        return gatherResults([closed, parted]).addCallback(lambda _: None)

    def _part(self) -> Deferred[None]:
        """Close all connections; those that do not end by themselves, by force."""
        parted: Deferred[None] = Deferred()
        for connection in self._connections.all():
            connection.loseConnection()
        if not self._connections.all():
            return succeed(None)

        def abortAll() -> None:
            for connection in self._connections.all():
                abort(connection)

        farewell = self._clock.callLater(FAREWELL, abortAll)

        def emptied() -> None:
            self._connections.emptied = lambda: None
            if farewell.active():
                farewell.cancel()
            parted.callback(None)

        self._connections.emptied = emptied
        return parted
