"""
A server's port, as a Twisted service.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import ConfigError


class ListeningService(Service):
    """
    Listens while it runs.  C{StreamServerEndpointService} would do, if it raised what
    is in the way of a port, and told where it listens.

    @ivar address: where it listens, or L{None}.
    """

    log = Logger()

    def __init__(
        self, endpoint: IStreamServerEndpoint, factory: IProtocolFactory
    ) -> None:
        """
        @param endpoint: where.
        @param factory: gets the connections.
        """
        self.address: IAddress | None = None
        self._endpoint = endpoint
        self._factory = factory
        self._listening: Deferred[Any] | None = None

    def privilegedStartService(self) -> None:
        """
        Open the port: now those below 1024 can be had, and not later.

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

        listening = self._listening = self._endpoint.listen(self._factory)
        listening.addCallbacks(self._listens, failed)
        starting = False
        if problems:
            problems[0].raiseException()

    def startService(self) -> None:
        """
        Open the port, if that has not been done yet.

        @raise CannotListenError: it cannot be had.
        """
        if self._listening is None:
            self.privilegedStartService()
        super().startService()

    def stopListening(self) -> Deferred[None]:
        """
        Close the port; the connections are none of its business.

        @return: fires when it is closed.
        """
        listening, self._listening = self._listening, None
        if listening is None:
            return succeed(None)
        listening.cancel()  # if it has not come to that yet
        return listening.addCallback(self._close)

    def _listens(self, port: IListeningPort) -> IListeningPort:
        self.address = port.getHost()
        return port

    def _close(self, port: IListeningPort | None) -> Deferred[None] | None:
        self.address = None
        return None if port is None else cast("Deferred[None]", port.stopListening())


def serverEndpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    Where to listen.

    @param description: as for C{serverFromString}.
    @raise ConfigError: it describes no endpoint.
    """
    try:
        return cast(IStreamServerEndpoint, serverFromString(reactor, description))
    except (ValueError, TypeError, LookupError, OSError, ImportError) as problem:
        raise ConfigError(f"no endpoint: {description!r}: {problem}") from problem
