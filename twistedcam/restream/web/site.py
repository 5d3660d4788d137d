"""
Connections and requests: twisted.web's, with tighter bounds, and without a word that
could hold a token in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolNegotiationFactory,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site
from zope.interface import implementer

from ...reactors import Timers
from ..access import isLoopback, placeOf

#: Seconds that a connection may be idle.
IDLE = 60.0

#: Connections at once: a process may have 1024 files open, and the cameras and RTSP
#: need some of them.  And from one address, unless it is this machine's: behind
#: that, there may be a proxy with many people.
MAX_CONNECTIONS, MAX_FROM_ONE = 500, 100

#: Requests that are begun at once: more than anybody sends without waiting.
MAX_PIPELINED = 32

#: Seconds that a request may take to come in.
REQUEST_WITHIN = 20.0

#: Seconds that somebody may take to read the rest before a connection is closed.
LINGER = 30.0

#: Bytes that are kept of what somebody sends who does not read the answers.
_MAX_KEPT = 16384

#: Bytes of a request's body that anybody may need; and that are read at all.
MAX_BODY, MAX_READ = 4096, 65536

#: Sent with all that is not static.
HEADERS = {
    "Server": "twistedcam",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


def abort(transport: object) -> None:
    """Close a connection now, whatever waits to be written."""
    cast(Any, transport).abortConnection()


class _Bounded(BytesIO):
    """Keeps the beginning of a body only."""

    def write(self, data: Any, /) -> int:
        """As far as there is room."""
        super().write(data[: max(0, MAX_BODY + 1 - self.tell())])
        return len(data)


class WebRequest(Request):
    """
    A request.

    @ivar gone: nobody waits for an answer (any more).
    """

    gone = False
    _received = 0

    def headers(self, name: str) -> list[str]:
        """The headers of this name, whatever their bytes."""
        values = self.requestHeaders.getRawHeaders(name.encode(), [])
        return [value.decode("utf-8", "replace") for value in values]

    def header(self, name: str) -> str:
        """The (last) header of this name, or empty."""
        return (self.headers(name) or [""])[-1]

    def handleContentChunk(self, data: bytes) -> None:
        """Whoever sends a flood is cut off."""
        self._received += len(data)
        if self._received > MAX_READ and self.channel is not None:
            abort(self.channel.transport)
            return
        super().handleContentChunk(data)

    def process(self) -> None:
        """What follows may end up in a log: there must be no query in it."""
        self.uri = self.path
        super().process()

    def render(self, resrc: IResource) -> None:
        """Every answer has our headers, unless it has its own."""
        self._setHeaders()
        super().render(resrc)

    def _setHeaders(self) -> None:
        for name, value in HEADERS.items():
            self.setHeader(name, value)

    def processingFailed(self, reason: Failure) -> Failure:
        """No traceback is shown."""
        self._log.failure("a request failed", reason)
        if not self.gone and not self.startedWriting:
            body = b'{"error":"something is wrong in here; the log knows what"}'
            self._setHeaders()
            self.setResponseCode(500)
            self.setHeader("Content-Type", "application/json; charset=utf-8")
            self.setHeader("Content-Length", str(len(body)))
            self.write(body)
        if not self.gone:
            self.finish()
        return reason

    def finish(self) -> None:
        """All is said."""
        self.gone = True
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        """Nobody hears it."""
        self.gone = True
        super().connectionLost(reason)


class _Channel(HTTPChannel):
    """
    One connection's HTTP.

    Twisted answers all requests that came in one piece at once, whether or not
    anybody reads the answers: here, the next one waits until there is room for its
    answer, and a request that comes in too slowly is not waited for.
    """

    _coming: IDelayedCall | None = None
    _begun = 0

    def dataReceived(self, data: bytes) -> None:
        """The next bytes."""
        if self._busyReceiving:  # Twisted puts back what came behind a request
            super().dataReceived(data)
            return
        self._begun = 0
        super().dataReceived(data)
        if self.paused and len(self._buffer) > _MAX_KEPT:
            self._networkProducer.pauseProducing()
        self._watch()

    def allContentReceived(self) -> None:
        """A request is complete."""
        self._watchNoMore()
        self._begun += 1
        if self._begun > MAX_PIPELINED:
            abort(self.transport)
        else:
            super().allContentReceived()

    def pauseProducing(self) -> None:
        """No more answers for now: what has been read already waits as well."""
        self.paused = True
        self._watchNoMore()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Go on."""
        self.paused = False
        super().resumeProducing()
        if self._buffer:
            self.dataReceived(b"")
        self._watch()

    def _watch(self) -> None:
        """Begin to count the seconds when a request begins."""
        incomplete = not self._handlingRequest and (self._buffer or self.requests)
        if incomplete and not self.paused and self._coming is None:
            self._coming = self.callLater(REQUEST_WITHIN, self._tooSlow)

    def _watchNoMore(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.cancel()

    def _tooSlow(self) -> None:
        self._coming = None
        abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        self._watchNoMore()
        super().connectionLost(reason)

    def timeoutConnection(self) -> None:
        """Browsers leave connections open all day long: not worth a line each."""
        abort(self.transport)


class WebSite(Site):
    """Makes requests."""

    # Twisted's own goes through a wrapper, for HTTP/2.
    protocol = _Channel  # type: ignore[assignment]
    noisy = False

    def __init__(self, clock: Timers, root: IResource) -> None:
        super().__init__(
            root,
            WebRequest,
            timeout=IDLE,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )

    def getContentFile(self, length: int | None) -> BinaryIO:
        """Where a body goes: never to the disk."""
        return _Bounded()

    def startFactory(self) -> None:
        """There is no access log, and thus no clock for it."""

    def stopFactory(self) -> None:
        """Nor is there one to be closed."""

    def log(self, request: object) -> None:
        """Nor is there anything to be written."""


class Connection(ProtocolWrapper):
    """
    One connection.

    @ivar allowance: bytes that may come in yet; L{None}: HTTP bounds them.
    @ivar place: what counts as one address with where it comes from; empty: this
        machine.
    """

    allowance: int | None = None
    place = ""
    _lingering: IDelayedCall | None = None

    def loseConnection(self) -> None:
        """Close it when all is written; should nobody read it, all the same."""
        super().loseConnection()
        if self._lingering is None:
            clock = cast(Connections, self.factory).clock
            self._lingering = clock.callLater(LINGER, self._lingered)

    def _lingered(self) -> None:
        self._lingering = None
        self.abortConnection()

    def abortConnection(self) -> None:
        """Close it now."""
        self.disconnecting = True
        abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        lingering, self._lingering = self._lingering, None
        if lingering is not None:
            lingering.cancel()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """Pass on what is allowed."""
        if self.disconnecting:
            return  # TLS goes on reading until the peer has said goodbye, too
        if self.allowance is not None:
            self.allowance -= len(data)
            if self.allowance < 0:
                self.abortConnection()
                return
        super().dataReceived(data)


def _placeOf(peer: IAddress | None) -> str:
    """Where a connection comes from; empty: from this machine."""
    host = getattr(peer, "host", None)
    return "" if host is None or isLoopback(host) else placeOf(host)


@implementer(IProtocolNegotiationFactory)
class Connections(WrappingFactory[Connection]):
    """
    All connections.

    @ivar clock: of all of them.
    @ivar emptied: called when the last one is gone.
    """

    protocol = Connection
    noisy = False

    def __init__(self, site: WebSite, clock: Timers) -> None:
        super().__init__(site)
        self.clock = clock
        self.emptied: Callable[[], None] = lambda: None

    def acceptableProtocols(self) -> list[bytes]:
        """What browsers may ask for in the handshake of TLS."""
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:  # type: ignore[override]
        """Admit one more, unless there are too many."""
        place = _placeOf(addr)
        others = sum(connection.place == place for connection in self.protocols)
        if len(self.protocols) >= MAX_CONNECTIONS or (place and others >= MAX_FROM_ONE):
            return None
        connection: Connection = super().buildProtocol(addr)
        connection.place = place
        return connection

    def unregisterProtocol(self, p: Connection) -> None:
        """One is gone."""
        super().unregisterProtocol(p)
        if not self.protocols:
            self.emptied()

    def all(self) -> list[Connection]:
        """Those that are open."""
        return list(self.protocols)
