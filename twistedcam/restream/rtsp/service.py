"""
The RTSP server as a service: cameras for players and recorders, at
C{rtsp://host:port/NAME}.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IStreamServerEndpoint

from ...fleet import Fleet
from ...reactors import DatagramReactor
from ..access import Access, Slowdown, checkExposure
from ..broadcast import Broadcasts
from ..listening import ListeningService, serverEndpoint
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


class RtspService(ListeningService):
    """
    Serves cameras while it runs.

    @ivar server: the connections.
    """

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
            endpoint = serverEndpoint(reactor, config.endpoint)
        self.server = RtspServer(
            cast(DatagramReactor, reactor), fleet, config.access, broadcasts, slowdown
        )
        super().__init__(endpoint, self.server)
        self._fleet = fleet
        self._unsubscribe: Callable[[], None] = lambda: None

    def startService(self) -> None:
        """
        Open the port, and serve.

        @raise CannotListenError: the port cannot be had.
        """
        super().startService()
        self._unsubscribe = self._fleet.onChanged(self.server.fleetChanged)

    def stopService(self) -> Deferred[None]:
        """
        Close the port, and end all that goes on.

        @return: fires when nobody is connected any more; that takes some seconds at
            most.
        """
        super().stopService()
        self._unsubscribe()
        ended = [self.stopListening(), self.server.hangUp()]
        return gatherResults(ended).addCallback(lambda _: None)
