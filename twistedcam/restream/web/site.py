"""
Connections and requests: twisted.web's, with tighter bounds, and without a word that
could hold a token in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO, cast

from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site
from zope.interface import implementer

from ...reactors import Timers

#: Seconds that a connection may be idle.
IDLE = 60.0

#: Connections at once: more than all who may watch and listen.
MAX_CONNECTIONS = 1000

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
    """One connection's HTTP."""

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
    """

    allowance: int | None = None

    def dataReceived(self, data: bytes) -> None:
        """Pass on what is allowed."""
        if self.disconnecting:
            return  # TLS goes on reading until the peer has said goodbye, too
        if self.allowance is not None:
            self.allowance -= len(data)
            if self.allowance < 0:
                abort(self.transport)
                return
        super().dataReceived(data)


@implementer(IProtocolNegotiationFactory)
class Connections(WrappingFactory[Connection]):
    """
    All connections.

    @ivar emptied: called when the last one is gone.
    """

    protocol = Connection
    noisy = False

    def __init__(self, site: WebSite) -> None:
        super().__init__(site)
        self.emptied: Callable[[], None] = lambda: None

    def acceptableProtocols(self) -> list[bytes]:
        """What browsers may ask for in the handshake of TLS."""
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:  # type: ignore[override]
        """Admit one more, unless there are too many."""
        if len(self.protocols) >= MAX_CONNECTIONS:
            return None
        return super().buildProtocol(addr)

    def unregisterProtocol(self, p: Connection) -> None:
        """One is gone."""
        super().unregisterProtocol(p)
        if not self.protocols:
            self.emptied()

    def all(self) -> list[Connection]:
        """Those that are open."""
        return list(self.protocols)
