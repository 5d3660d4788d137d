"""
Requests and answers: what all pages have in common.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

import msgspec
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ...errors import (
    CommandError,
    CommandTimeout,
    Disconnected,
    NotConnected,
    NotDelivered,
    SessionClosed,
    TwistedcamError,
    WireError,
)
from ...media.jpeg import NoPicture
from .site import MAX_BODY, WebRequest
from .wording import away, wrongBody

T = TypeVar("T")

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

#: Seconds after which to try again what does not work just now.
RETRY_AFTER = 5


class Refusal(Exception):
    """
    The answer is no.

    @ivar code: of the response.
    @ivar sentence: why.
    @ivar headers: more of these.
    """

    def __init__(
        self, code: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence
        self.headers = headers or {}


def later(sentence: str) -> Refusal:
    """Not now."""
    return Refusal(503, sentence, {"Retry-After": str(RETRY_AFTER)})


def refusalOf(problem: BaseException) -> Refusal | None:
    """What a failed command is in terms of HTTP; L{None}: a mistake of ours."""
    match problem:
        case Refusal():
            return problem
        case CancelledError():
            return later("the server stops")
        case CommandTimeout():
            return Refusal(504, str(problem))
        case NotConnected():
            return later(away(str(problem)))
        case SessionClosed() | Disconnected() | NotDelivered():
            return later(str(problem))
        case CommandError() | NoPicture():
            return Refusal(502, str(problem) or "the camera refuses")
        case WireError():
            return Refusal(400, str(problem))
        case TwistedcamError():
            return Refusal(502, str(problem))
        case _:
            return None


def send(
    request: WebRequest,
    body: bytes,
    contentType: str | None = JSON,
    code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer, unless nobody is there any more."""
    if request.gone:
        return
    request.setResponseCode(code, HTTPStatus(code).phrase.encode())
    if contentType is not None:
        request.setHeader("Content-Type", contentType)
    for name, value in (headers or {}).items():
        request.setHeader(name, value)
    if code not in (204, 304):
        request.setHeader("Content-Length", str(len(body)))
    request.write(body)
    request.finish()


def sendJson(request: WebRequest, value: object) -> None:
    """Answer with a value."""
    send(request, msgspec.json.encode(value))


def sendHead(request: WebRequest, headers: dict[str, str]) -> None:
    """Answer as if there were a body."""
    for name, value in headers.items():
        request.setHeader(name, value)
    request.write(b"")
    request.finish()


def refuse(request: WebRequest, refusal: Refusal) -> None:
    """Answer no, unless nobody is there any more."""
    if refusal.code == 401 and wantsPage(request):
        text = f"{refusal.sentence}\n".encode()
        send(request, text, TEXT, refusal.code, refusal.headers)
        return
    body = msgspec.json.encode({"error": refusal.sentence})
    send(request, body, JSON, refusal.code, refusal.headers)


class Page(Resource):
    """
    What stands behind one path.

    @cvar methods: that it answers to; C{OPTIONS} is answered for all.
    """

    log = Logger()
    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD")

    def answer(self, request: WebRequest) -> Coroutine[Any, Any, None] | None:
        """
        Answer, now or in time.

        @raise Refusal: the answer is no.
        """
        raise NotImplementedError

    def getChild(self, path: bytes, request: Any) -> Resource:
        """What is not known is not there."""
        return Denied(Refusal(404, "there is nothing here"))

    def render(self, request: Any) -> int:
        """See that it is answered."""
        try:
            self._checkMethod(request)
            if request.method == b"OPTIONS":
                allow = b", ".join((*self.methods, b"OPTIONS")).decode()
                send(request, b"", None, 204, {"Allow": allow})
                return NOT_DONE_YET
            answering = self.answer(request)
        except Exception:
            self._failed(Failure(), request)
        else:
            if answering is not None:
                underWay = Deferred.fromCoroutine(answering)
                underWay.addErrback(self._failed, request)
        return NOT_DONE_YET

    def _checkMethod(self, request: WebRequest) -> None:
        if request.method not in (*self.methods, b"OPTIONS"):
            allow = b", ".join(self.methods).decode()
            raise Refusal(405, f"only {allow} will do here", {"Allow": allow})
        if request.method == b"POST":
            checkPost(request)

    def _failed(self, failure: Failure, request: WebRequest) -> None:
        assert failure.value is not None
        refusal = refusalOf(failure.value)
        if refusal is None:
            self.log.failure("an answer failed", failure)
            refusal = Refusal(500, "something is wrong in here; the log knows what")
        refuse(request, refusal)


class Denied(Page):
    """No, whatever it is."""

    isLeaf = True

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal

    def render(self, request: Any) -> int:
        """Say so."""
        refuse(request, self._refusal)
        return NOT_DONE_YET


# Who asks, and for what.


def wantsPage(request: WebRequest) -> bool:
    """
    Is it a person's browser that asks, for something to be shown to him?

    Browsers say so plainly to those only whom they trust, but always what they take.
    """
    mode = request.header("Sec-Fetch-Mode")
    return mode in ("", "navigate") and "text/html" in request.header("Accept")


def isForeign(request: WebRequest) -> bool:
    """Does a page of another site show it, as far as the browser tells?"""
    return (
        request.header("Sec-Fetch-Site") == "cross-site"
        and request.header("Sec-Fetch-Mode") != "navigate"
    )


def addressOf(request: WebRequest) -> str:
    """Where a request comes from."""
    client = request.getClientAddress()
    if isinstance(client, IPv4Address | IPv6Address):
        return client.host
    return "a local socket"


def checkOrigin(request: WebRequest) -> None:
    """
    Did a page of ours ask, or no page at all?

    @raise Refusal: somebody else's.
    """
    host = request.header("Host").lower()
    for origin in request.headers("Origin"):
        _, separator, netloc = origin.lower().partition("://")
        if not separator or netloc != host:
            raise Refusal(403, "pages of other hosts may not do this")


def checkPost(request: WebRequest) -> None:
    """
    May this request change something?

    A page of somebody else can make a browser send simple requests to us, but
    neither with this content type nor with this header.

    @raise Refusal: no.
    """
    checkOrigin(request)
    if request.header("X-Twistedcam") != "1":
        raise Refusal(403, "the header 'X-Twistedcam: 1' is missing")
    kind, _, _ = request.header("Content-Type").partition(";")
    if kind.strip().lower() != "application/json":
        raise Refusal(415, "the body has to be application/json")


def body(request: WebRequest, type: type[T]) -> T:
    """
    What was posted.

    @raise Refusal: it is too much, or not of this type.
    """
    assert request.content is not None
    data = request.content.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise Refusal(413, f"the body has more than {MAX_BODY} bytes")
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise Refusal(400, wrongBody(data, type)) from problem


def argument(request: WebRequest, name: str) -> str | None:
    """The (last) argument of this name in the query."""
    assert request.args is not None
    values = request.args.get(name.encode(), [])
    return values[-1].decode("utf-8", "replace") if values else None


def choice(request: WebRequest, name: str, choices: tuple[str, ...]) -> str:
    """
    One of several.

    @param choices: the first is the default.
    @raise Refusal: it is none.
    """
    value = argument(request, name)
    if value is None:
        return choices[0]
    if value not in choices:
        raise Refusal(400, f"{name} is one of: {', '.join(choices)}")
    return value


def wantsSub(request: WebRequest) -> bool:
    """Is it the lower quality?"""
    return choice(request, "quality", ("main", "sub")) == "sub"


def wantsSound(request: WebRequest, default: bool) -> bool:
    """Shall there be sound?"""
    choices = ("1", "0") if default else ("0", "1")
    return choice(request, "sound", choices) == "1"
