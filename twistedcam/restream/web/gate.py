"""
The gate: who may come in at all.

With a login: user and password (Basic), or the token as C{Bearer} or in the query.
Whoever was right gets a cookie, so that a page which was opened with the token in its
address, or after the browser asked for the password, can load the rest, and open
WebSockets, without handling either.

Without one, requests have to be addressed to a name that no stranger can have: a page
on the Internet could let its own name point to this machine, and then read, with its
visitor's browser, whatever is served here.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from ...reactors import Timers
from ..access import Access, Slowdown, placeOf
from ..sparing import Sparing
from .pages import (
    Denied,
    Page,
    Refusal,
    addressOf,
    argument,
    isForeign,
    refuse,
    send,
    wantsPage,
)
from .site import WebRequest

#: Names that nobody can buy.
_OWN_SUFFIXES = (".local", ".lan", ".home.arpa", ".internal")

_ASK = {"WWW-Authenticate": 'Basic realm="twistedcam", charset="UTF-8"'}

#: The same for scripts of the page: a browser asks nobody for a token.
_TELL = {"WWW-Authenticate": 'Bearer realm="twistedcam"'}

HEALTH = b"healthz"


class Health(Page):
    """Says that this program runs; anybody may ask."""

    isLeaf = True

    def answer(self, request: WebRequest) -> None:
        """Say so."""
        send(request, b"ok\n", "text/plain; charset=utf-8")


class _Moved(Page):
    """Somewhere else."""

    isLeaf = True

    def __init__(self, location: str) -> None:
        super().__init__()
        self._location = location

    def answer(self, request: WebRequest) -> None:
        """Say where."""
        send(request, b"", None, 303, {"Location": self._location})


class _Late(Resource):
    """No, but not yet."""

    isLeaf = True

    def __init__(self, gate: Gate, refusal: Refusal, delay: float) -> None:
        super().__init__()
        self._gate = gate
        self._refusal = refusal
        self._delay = delay

    def render(self, request: Any) -> int:
        """Say so in time."""
        self._gate.refuseLater(request, self._refusal, self._delay)
        return NOT_DONE_YET


class Gate(Resource):
    """
    Stands before everything else.
    """

    log = Logger()

    def __init__(
        self,
        clock: Timers,
        access: Access,
        hosts: tuple[str, ...],
        inside: IResource,
        slowdown: Slowdown,
        *,
        open: bool = False,
    ) -> None:
        """
        @param hosts: names by which this server may be addressed.
        @param open: other sites may show its pictures, though there is no login.
        @param inside: what is behind.
        """
        super().__init__()
        self._clock = clock
        self._access = access
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._inside = inside
        self._slowdown = slowdown
        self._open = open
        self._cookie = secrets.token_urlsafe(32)
        self._waiting: dict[IDelayedCall, WebRequest] = {}
        self._sparing = Sparing(clock)

    def close(self) -> None:
        """Nobody is kept waiting any longer."""
        waiting, self._waiting = self._waiting, {}
        for timer, request in waiting.items():
            timer.cancel()
            refuse(request, Refusal(401, "wrong login", _ASK))

    def getChildWithDefault(self, path: bytes, request: Any) -> IResource:
        """Let a request in, or not."""
        # What was taken off the path belongs to whoever is inside.
        request.prepath.pop()
        request.postpath.insert(0, path)
        if request.postpath == [HEALTH]:
            return Health()
        try:
            if self._access.required:
                return self._login(request) or self._inside
            self._checkHost(request)
            self._checkSite(request)
        except Refusal as refusal:
            return Denied(refusal)
        return self._inside

    # Names.

    def _checkHost(self, request: WebRequest) -> None:
        """
        @raise Refusal: it is not addressed to a name of ours.
        """
        hosts = request.headers("Host")
        if len(hosts) > 1:
            raise Refusal(400, "more than one Host header")
        if hosts and not self._isOurs(hosts[0]):
            raise Refusal(
                403,
                "this host name is not known here: add it to hosts in [web], or set"
                " a login there",
            )

    def _isOurs(self, host: str) -> bool:
        name = hostName(host)
        return (
            "." not in name
            or name in self._hosts
            or name.endswith(_OWN_SUFFIXES)
            or _isAddress(name)
        )

    def _checkSite(self, request: WebRequest) -> None:
        """
        Nobody else's page can read what it shows of ours, but it could take the
        places of those who may watch.

        @raise Refusal: another site shows something of ours.
        """
        if not self._open and isForeign(request):
            raise Refusal(403, "pages of other sites may not show this")

    # Logins.

    def _login(self, request: WebRequest) -> Resource | None:
        """
        @return: what says that he was wrong, and when, or sends him to the page;
            L{None}: come in.
        @raise Refusal: not without a login.
        """
        name = self._cookieName(request)
        offered = [*_offered(request)]
        if self._hasCookie(request, name):
            return _withoutToken(request)
        ask = _ask(request)
        if not offered:
            raise Refusal(401, "a login is needed", ask)
        # A token is too long to be guessed.  So whoever has the right one need not
        # suffer from somebody behind the same address who has not.
        right = any(
            self._access.checkToken(secret) for user, secret in offered if user is None
        )
        address = place = addressOf(request)
        if not right and _onlyInAddress(request):
            # Every page can make its visitor's browser ask like that, so that it
            # must not be the visitor who is not heard for a while.
            self._tell(address)
            raise Refusal(401, "wrong login", ask)
        if isForeign(request):
            place = f"{placeOf(address)} from other sites"  # the same for passwords
        if not right and (wait := self._slowdown.refused(place)):
            raise Refusal(
                429, "too many wrong logins", {"Retry-After": str(int(wait) + 1)}
            )
        if right or any(
            self._access.checkPassword(user, secret)
            for user, secret in offered
            if user is not None
        ):
            request.addCookie(
                name,
                self._cookie,
                path="/",
                httpOnly=True,
                # With "strict", a link on another site would lead to the page with
                # the token, and from there nowhere.  What changes something needs a
                # header that no other site can send, and WebSockets our origin.
                sameSite="lax",
                # Behind a proxy; whoever lies only loses his own cookie.
                secure=request.isSecure()
                or request.header("X-Forwarded-Proto").lower() == "https",
            )
            return _withoutToken(request)
        self._tell(address)
        delay = self._slowdown.wrong(place)
        return _Late(self, Refusal(401, "wrong login", ask), delay)

    def _hasCookie(self, request: WebRequest, name: str) -> bool:
        """
        Has he ours?  There may be others of that name: for a longer path, or from
        another service on this host.
        """
        for header in request.headers("Cookie"):
            for cookie in header.split(";"):
                key, _, value = cookie.strip().partition("=")
                if key == name and hmac.compare_digest(
                    value.encode("utf-8", "replace"), self._cookie.encode()
                ):
                    return True
        return False

    def _cookieName(self, request: WebRequest) -> str:
        # Browsers send cookies to all ports of a host.
        port = getattr(request.getHost(), "port", 0)
        return f"twistedcam-{port}"

    def refuseLater(self, request: WebRequest, refusal: Refusal, delay: float) -> None:
        """Answer no, in C{delay} seconds."""

        def now() -> None:
            self._waiting.pop(timer, None)
            refuse(request, refusal)

        def gone(_: object) -> None:
            if self._waiting.pop(timer, None) is not None:
                timer.cancel()

        timer = self._clock.callLater(delay, now)
        self._waiting[timer] = request
        request.notifyFinish().addErrback(gone)

    def _tell(self, address: str) -> None:
        """One line about an address a minute."""
        more = self._sparing.due(address)
        if more is not None:
            self.log.warn(
                "wrong login from {address}{more}", address=address, more=more
            )


def _ask(request: WebRequest) -> dict[str, str]:
    """How to ask for a login: people are asked by their browsers, scripts are not."""
    mode = request.header("Sec-Fetch-Mode")
    return _ASK if mode in ("", "navigate") else _TELL


def _offered(request: WebRequest) -> list[tuple[str | None, str]]:
    """The logins that a request brings: user and password, or L{None} and a token."""
    offered: list[tuple[str | None, str]] = []
    scheme, _, value = request.header("Authorization").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        offered.append((None, value))
    elif scheme.lower() == "basic":
        try:
            decoded = b64decode(value, validate=True).decode("utf-8", "replace")
        except ValueError:
            decoded = ""
        user, _, password = decoded.partition(":")
        offered.append((user, password))
    token = argument(request, "token")
    if token is not None:
        offered.append((None, token))
    return offered


def _onlyInAddress(request: WebRequest) -> bool:
    """Does it bring a token in its address, and no other login?"""
    return argument(request, "token") is not None and not request.header(
        "Authorization"
    )


def _withoutToken(request: WebRequest) -> _Moved | None:
    """The page has no token in the address bar, nor in the browser's history."""
    if (
        request.method != b"GET"
        or request.postpath != [b""]
        or argument(request, "token") is None
        or not wantsPage(request)
    ):
        return None
    assert request.args is not None
    rest = [
        (name, value)
        for name, values in request.args.items()
        for value in values
        if name != b"token"
    ]
    # Behind a proxy, this need not be the root.
    return _Moved(f"./?{urlencode(rest)}" if rest else "./")


def hostName(host: str) -> str:
    """The name in a C{Host} header, without the port."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def _isAddress(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
