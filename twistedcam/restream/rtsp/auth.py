"""
Who may watch: Digest authentication (RFC 2617 and RFC 7616), Basic, or a token.

Each connection has its own nonce, so that nothing which somebody has overheard is of
use in another one; and within a connection the client counts how often it used the
nonce, if it can do so, and each number counts once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable
from enum import Enum
from re import fullmatch

from ...reactors import Timers
from ..access import Access
from .message import Request, parameters

REALM = "twistedcam"

#: Seconds without use after which a nonce is not good any more.
NONCE_LIFE = 300.0

#: Some clients know but the first of several challenges, and others but the last
#: Digest: both had better be what everybody can do.
_ALGORITHMS = ("MD5", "SHA-256", "MD5")

_HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
}


class Verdict(Enum):
    """
    What a request's login is worth: right; there is none; right, but for a nonce that
    is not good any more; wrong.
    """

    RIGHT = "right"
    MISSING = "missing"
    STALE = "stale"
    WRONG = "wrong"


class Gate:
    """
    Checks the requests of one connection.

    @ivar passed: was one of them right?
    """

    def __init__(self, clock: Timers, access: Access) -> None:
        self._clock = clock
        self._access = access
        self._nonce = ""
        self._used = 0.0
        self._count = 0
        self.passed = False
        # A token stands in the first URL only.
        self._trusted = False

    def check(self, request: Request, token: str) -> Verdict:
        """
        May this be?

        @param token: what the URL gives as such.
        """
        verdict = self._check(request, token)
        self.passed |= verdict is Verdict.RIGHT
        return verdict

    def _check(self, request: Request, token: str) -> Verdict:
        if self._trusted or not self._access.required:
            return Verdict.RIGHT
        if token:
            self._trusted = self._access.checkToken(token)
            return Verdict.RIGHT if self._trusted else Verdict.WRONG
        scheme, _, rest = request.get("Authorization").partition(" ")
        if scheme.lower() == "basic":
            return self._basic(rest)
        if scheme.lower() == "digest":
            return self._digest(request, dict(parameters(rest, ",")))
        return Verdict.WRONG if scheme else Verdict.MISSING

    def challenges(self, stale: bool) -> list[str]:
        """
        Values of C{WWW-Authenticate}: log in like this, with a new nonce.

        @param stale: the login was right, but for the nonce.
        """
        self._nonce = secrets.token_hex(16)
        self._used = self._clock.seconds()
        self._count = 0
        lines = [
            f'Digest realm="{REALM}", nonce="{self._nonce}", algorithm="{algorithm}",'
            f' qop="auth"{", stale=true" if stale else ""}'
            for algorithm in _ALGORITHMS
        ]
        lines.insert(-1, f'Basic realm="{REALM}"')
        return lines

    def _basic(self, encoded: str) -> Verdict:
        try:
            login = b64decode(encoded.strip(), validate=True).decode()
        except ValueError:
            return Verdict.WRONG
        user, _, password = login.partition(":")
        right = self._access.checkPassword(user, password)
        return Verdict.RIGHT if right else Verdict.WRONG

    def _digest(self, request: Request, given: dict[str, str]) -> Verdict:
        expected = self._response(request, given)
        response = given.get("response", "").lower().encode()
        if expected is None or not hmac.compare_digest(expected.encode(), response):
            return Verdict.WRONG
        now = self._clock.seconds()
        isOurs = hmac.compare_digest(given["nonce"].encode(), self._nonce.encode())
        if not isOurs or not 0 <= now - self._used <= NONCE_LIFE:
            return Verdict.STALE
        if "qop" in given:
            count = int(given["nc"], 16)
            if count <= self._count:
                return Verdict.STALE
            self._count = count
        self._used = now
        return Verdict.RIGHT

    def _response(self, request: Request, given: dict[str, str]) -> str | None:
        """What the response has to be; L{None}: there is no right one."""
        make = _HASHES.get(given.get("algorithm", "MD5").upper())
        nonce, uri = given.get("nonce", ""), given.get("uri", "")
        if make is None or given.get("realm") != REALM or not nonce:
            return None
        if not _same(uri, request.uri):
            return None

        def hashed(text: str) -> str:
            return make(text.encode("utf-8", "surrogateescape")).hexdigest()

        login = self._access.digest(hashed, given.get("username", ""), REALM)
        if login is None:
            return None
        action = hashed(f"{request.method}:{uri}")
        if "qop" not in given:
            return hashed(f"{login}:{nonce}:{action}")
        number, theirs = given.get("nc", ""), given.get("cnonce", "")
        if given["qop"] != "auth" or not fullmatch("[0-9A-Fa-f]{8}", number):
            return None
        return hashed(f"{login}:{nonce}:{number}:{theirs}:auth:{action}")


def _same(one: str, other: str) -> bool:
    """Do two URLs mean the same?  Clients are not of one mind about a last slash."""
    return one.rstrip("/") == other.rstrip("/")
