"""
The ways out of a fleet: what serves it on the network, and what these share.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from .config import ServeConfig
from .errors import ConfigError
from .fleet import Fleet
from .reactors import DatagramReactor
from .restream.access import Slowdown
from .restream.broadcast import Broadcasts
from .restream.observatory import Latencies
from .restream.rtsp import ENDPOINT as RTSP_ENDPOINT
from .restream.rtsp import RtspConfig, RtspService
from .restream.web import ENDPOINT as WEB_ENDPOINT
from .restream.web import WebConfig, WebService

#: Any port that is free.
ANY_ENDPOINT = "tcp:0:interface=127.0.0.1"


#: Seconds until it is told where things are, at the latest.
SOON = 5.0


class _Server(Protocol):
    """What listens."""

    @property
    def address(self) -> IAddress | None:
        """Where, while it does."""

    def privilegedStartService(self) -> None:
        """Open the port."""

    def startService(self) -> None:
        """Begin."""

    def stopService(self) -> Deferred[None]:
        """End."""


class Outlet(Service):
    """
    A server that tells where it is.

    One whose place nobody chose does without, if somebody else is there: the cameras
    can still be recorded.  One whose place was chosen does not start.

    @ivar server: what serves, once it has started; L{None}: nothing does.
    @ivar endpoint: where it does; empty: nowhere.
    """

    log = Logger()

    def __init__(
        self,
        what: str,
        url: str,
        config: ServeConfig,
        usual: tuple[str, ...],
        make: Callable[[str], _Server],
        due: Callable[[], Deferred[Any]] = lambda: succeed(None),
    ) -> None:
        """
        @param what: for the log.
        @param url: how it is reached, with C{scheme} and C{place} to be filled in.
        @param usual: endpoints to try when C{config} has none.
        @param make: makes the server for an endpoint.
        @param due: called when it listens; fires, either way, when that is to be told.
        @raise ConfigError: it must not be started like this.
        """
        self.server: _Server | None = None
        self.endpoint = ""
        self._tried = False
        self._due = due
        self._what = what
        self._url = url
        self._chosen = config.endpoint is not None
        endpoints = usual if config.endpoint is None else (config.endpoint,)
        self._candidates = [(endpoint, make(endpoint)) for endpoint in endpoints]

    def privilegedStartService(self) -> None:
        """
        Open the port.

        @raise ConfigError: the one that was chosen cannot be had.
        """
        super().privilegedStartService()
        self._tried = True
        for endpoint, server in self._candidates:
            try:
                server.privilegedStartService()
            except CannotListenError as e:
                reason = getattr(e.socketError, "strerror", None) or e.socketError
                problem = f"cannot listen at {endpoint}: {reason}"
            except (OSError, OverflowError, ValueError) as e:
                problem = f"cannot listen at {endpoint}: {e}"
            else:
                self.server = server
                self.endpoint = endpoint
                self._due().addBoth(lambda _: self._tell())
                return
        if self._chosen:
            raise ConfigError(problem)
        self.log.warn("no {what}: {problem}", what=self._what, problem=problem)

    def startService(self) -> None:
        """Begin."""
        if not self._tried:
            self.privilegedStartService()
        super().startService()
        if self.server is not None:
            self.server.startService()

    def stopService(self) -> Deferred[None]:
        """End; fires when nobody is connected any more."""
        super().stopService()
        self._tried = False
        server, self.server = self.server, None
        self.endpoint = ""
        return succeed(None) if server is None else server.stopService()

    def _tell(self) -> None:
        if self.server is None:
            return  # ended before that
        endpoint = self.endpoint
        secure = endpoint.startswith("ssl:")
        address: Any = self.server.address
        if address is None or not hasattr(address, "port"):
            url = endpoint
        else:
            host = address.host
            if host in ("0.0.0.0", "::"):
                host = socket.gethostname()
            place = f"[{host}]" if ":" in host else host
            url = self._url.format(
                s="s" if secure else "", place=place, port=address.port
            )
        self.log.info("{what}: {url}", what=self._what, url=url)


class Outlets:
    """
    Makes the servers of a fleet.
    """

    def __init__(
        self,
        reactor: DatagramReactor,
        fleet: Fleet,
        *,
        somewhere: bool = False,
        last: bool = False,
    ) -> None:
        """
        @param reactor: can listen, and has threads.
        @param somewhere: if the usual place is taken, another one will do.
        @param last: where they are is told when all cameras are up, so that it is
            not lost among other lines; but it is told soon.
        """
        self._reactor: Any = reactor
        self._last = last
        self._fleet = fleet
        self._latencies = Latencies()
        self._broadcasts = Broadcasts(reactor, self._latencies.measure)
        self._slowdown = Slowdown(reactor)
        self._others = (ANY_ENDPOINT,) if somewhere else ()

    def web(self, config: ServeConfig) -> IService:
        """
        The page, and all that is served by HTTP.

        @raise ConfigError: it would be open to everybody, and nobody said so.
        """

        def make(endpoint: str) -> WebService:
            return WebService(
                self._reactor,
                self._fleet,
                WebConfig(endpoint, config.access, config.open, config.hosts),
                self._broadcasts,
                self._latencies,
                slowdown=self._slowdown,
            )

        return cast(
            IService,
            Outlet(
                "page",
                "http{s}://{place}:{port}/",
                config,
                (WEB_ENDPOINT, *self._others),
                make,
                self._due,
            ),
        )

    def rtsp(self, config: ServeConfig) -> IService:
        """
        RTSP.

        @raise ConfigError: it would be open to everybody, and nobody said so.
        """

        def make(endpoint: str) -> RtspService:
            return RtspService(
                self._reactor,
                self._fleet,
                RtspConfig(endpoint, config.access, config.open),
                self._broadcasts,
                slowdown=self._slowdown,
            )

        return cast(
            IService,
            Outlet(
                "RTSP",
                "rtsp{s}://{place}:{port}/NAME",
                config,
                (RTSP_ENDPOINT, *self._others),
                make,
                self._due,
            ),
        )

    def _due(self) -> Deferred[Any]:
        if not self._last:
            return succeed(None)
        up = [camera.whenUp() for camera in self._fleet.cameras.values()]
        return gatherResults(up, consumeErrors=True).addTimeout(SOON, self._reactor)
