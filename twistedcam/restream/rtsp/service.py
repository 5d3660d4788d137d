"""
The RTSP server as a service: cameras for players and recorders, at
C{rtsp://host:port/NAME}.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import ConfigError
from ...fleet import Fleet
from ...reactors import DatagramReactor
from ..access import Access, Slowdown, checkExposure
from ..broadcast import Broadcasts
from .server import RtspServer

#: Where it listens, unless told otherwise.
ENDPOINT = "tcp:8554:interface=127.0.0.1"


@dataclass(frozen=True)
class RtspConfig:
    """
    How to serve.

    @ivar endpoint: as for C{serverFromString}.
    @ivar access: who may come in.
    @ivar open: anybody may, from wherever.
    """

    endpoint: str = ENDPOINT
    access: Access = field(default_factory=Access)
    open: bool = False


class RtspService(Service):
    """
    Serves cameras while it runs.

    @ivar server: the connections.
    @ivar address: where it listens, or L{None}.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        fleet: Fleet,
        config: RtspConfig,
        broadcasts: Broadcasts,
        *,
        slowdown: Slowdown | None = None,
        endpoint: IStreamServerEndpoint | None = None,
    ) -> None:
        """
        @param reactor: with timers, and with ports for TCP and UDP.
        @param fleet: the cameras.
        @param broadcasts: shared with other ways out.
        @param slowdown: what makes wrong logins slow; default: one for RTSP alone.
        @param endpoint: where to listen, whatever the configuration says.
        @raise ConfigError: other machines could come in without a login, or there is
            no such endpoint.
        """
        if endpoint is None:
            checkExposure(config.endpoint, config.access, config.open)
            endpoint = _endpoint(reactor, config.endpoint)
        self.address: IAddress | None = None
        self.server = RtspServer(
            cast(DatagramReactor, reactor), fleet, config.access, broadcasts, slowdown
        )
        self._fleet = fleet
        self._endpoint = endpoint
        self._listening: Deferred[Any] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def privilegedStartService(self) -> None:
        """
        Open the port: now 554 can be had, and not later.

        @raise CannotListenError: it cannot be had.
        """
        super().privilegedStartService()
        starting, problems = True, list[Failure]()

        def failed(failure: Failure) -> None:
            self._listening = None
            if starting:
                problems.append(failure)
            elif not failure.check(CancelledError):
                self.log.failure("cannot listen", failure)

        listening = self._listening = self._endpoint.listen(self.server)
        listening.addCallbacks(self._listens, failed)
        starting = False
        if problems:
            problems[0].raiseException()

    def startService(self) -> None:
        """
        Open the port, and serve.

        @raise CannotListenError: the port cannot be had.
        """
        if self._listening is None:
            self.privilegedStartService()
        super().startService()
        self._unsubscribe = self._fleet.onChanged(self.server.fleetChanged)

    def stopService(self) -> Deferred[None]:
        """
        Close the port, and end all that goes on.

        @return: fires when nobody is connected any more.
        """
        super().stopService()
        self._unsubscribe()
        listening, self._listening = self._listening, None
        closed: Deferred[Any] = succeed(None)
        if listening is not None:
            listening.cancel()  # if it has not come to that yet
            closed = listening.addCallback(self._stopListening)
        gone = self.server.hangUp()
        return gatherResults([closed, gone]).addCallback(lambda _: None)

    def _listens(self, port: IListeningPort) -> IListeningPort:
        self.address = port.getHost()
        return port

    def _stopListening(self, port: IListeningPort | None) -> Deferred[None] | None:
        self.address = None
        return None if port is None else cast("Deferred[None]", port.stopListening())


def _endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    @raise ConfigError: it describes no endpoint.
    """
    try:
        return cast(IStreamServerEndpoint, serverFromString(reactor, description))
    except (ValueError, TypeError, LookupError, OSError, ImportError) as problem:
        raise ConfigError(f"no endpoint: {description!r}: {problem}") from problem
