"""
The ways out of a fleet: what serves it on the network, and what these share.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, succeed
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
    """

    log = Logger()

    def __init__(
        self,
        what: str,
        url: str,
        config: ServeConfig,
        usual: tuple[str, ...],
        make: Callable[[str], _Server],
    ) -> None:
        """
        @param what: for the log.
        @param url: how it is reached, with C{scheme} and C{place} to be filled in.
        @param usual: endpoints to try when C{config} has none.
        @param make: makes the server for an endpoint.
        @raise ConfigError: it must not be started like this.
        """
        self.server: _Server | None = None
        self._tried = False
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
            else:
                self.server = server
                self._tell(endpoint)
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
        return succeed(None) if server is None else server.stopService()

    def _tell(self, endpoint: str) -> None:
        assert self.server is not None
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
        self, reactor: DatagramReactor, fleet: Fleet, *, somewhere: bool = False
    ) -> None:
        """
        @param reactor: can listen, and has threads.
        @param somewhere: if the usual place is taken, another one will do.
        """
        self._reactor: Any = reactor
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
            ),
        )
