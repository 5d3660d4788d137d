"""
Who may come in by the network's doors.

A wrong login is answered late, and the later the more of them there were; whoever
does not wait for the answers is not listened to for a while.  Right logins are never
late.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from ..errors import ConfigError
from ..reactors import Timers

#: Seconds until the first wrong login from an address is answered; doubled by each
#: further one.
FIRST_DELAY = 0.5

#: Seconds that one wrong login adds at most.
MAX_DELAY = 8.0

#: With answers due later than this (seconds), an address tries in parallel: its
#: logins are refused unread, so that guesses are not faster than the delays.
MAX_BACKLOG = 30.0

#: Seconds without a wrong login after which an address is forgotten.
FORGIVEN = 120.0

#: Addresses remembered; the one that was quiet for longest makes room.
MAX_ADDRESSES = 4096

#: Whoever has an IPv6 network has 2^64 of its addresses.
_NETWORK6 = 64

#: All that have these are at one place, but they are many: with one wrong neighbour,
#: nobody of them would be heard.
_SHARED6 = IPv6Network("fe80::/10"), IPv6Network("fc00::/7")


class Access:
    """
    The login that visitors need: user and password, or a token, or either.

    @ivar required: is there one?
    """

    def __init__(
        self,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
    ) -> None:
        """
        @param user: with C{password}; L{None}: any name will do.
        @param password: L{None}: nobody comes in with a password.
        @param token: L{None}: nobody comes in with a token.
        @raise ConfigError: a user without a password, or a secret that is empty.
        """
        if user is not None and password is None:
            raise ConfigError("a user without a password")
        if password == "" or token == "":
            raise ConfigError("an empty password or token is none")
        self._user = user
        self._password = password
        self._token = token

    def __repr__(self) -> str:
        return f"<Access {'by login' if self.required else 'for everybody'}>"

    @property
    def required(self) -> bool:
        """Does anybody need a login?"""
        return self._password is not None or self._token is not None

    def checkPassword(self, user: str, password: str) -> bool:
        """Are these right?  Takes as long for wrong ones."""
        if self._password is None:
            return False
        # Not short-circuited: which of both was wrong is nobody's business.
        named = self._user is None or _same(self._user, user)
        return _same(self._password, password) & named

    def checkToken(self, token: str) -> bool:
        """Is it the token?  Takes as long for a wrong one."""
        return self._token is not None and _same(self._token, token)

    def digest(self, hashed: Callable[[str], str], user: str, realm: str) -> str | None:
        """
        What Digest authentication makes of the login (A1 in RFC 7616), so that the
        password stays here.

        @param hashed: the hash that both sides use.
        @param user: who the visitor says he is.
        @return: L{None}: he cannot come in with a password.
        """
        named = self._user is None or _same(self._user, user)
        if self._password is None or not named:
            return None
        return hashed(f"{user}:{realm}:{self._password}")


def _same(one: str, other: str) -> bool:
    """Are they?  The time it takes tells neither where they differ, nor a length."""
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(text: str) -> bytes:
    # What a header or a query brings need not be encodable.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@dataclass
class _Visitor:
    """
    An address with wrong logins.

    @ivar wrong: how many.
    @ivar last: when the last one came.
    @ivar due: when the answer to it may go.
    """

    wrong: int = 0
    last: float = float("-inf")
    due: float = float("-inf")


class Slowdown:
    """
    Makes wrong logins slow, address by address::

        if slowdown.refused(address):
            ...  # close, or say 429: do not even look at the login
        elif not access.checkPassword(user, password):
            clock.callLater(slowdown.wrong(address), answerNo)

    Which doors share one is up to whoever makes it.
    """

    def __init__(self, clock: Timers) -> None:
        self._clock = clock
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()

    @property
    def remembered(self) -> int:
        """How many addresses are; not C{len}, or a new one would be false."""
        return len(self._visitors)

    def refused(self, address: str) -> float:
        """
        Does an address try too many at once?

        @param address: the peer's, as text; anything else is an address, too.
        @return: the seconds until its next login will be looked at; 0: now.
        """
        visitor = self._visitors.get(placeOf(address))
        if visitor is None:
            return 0.0
        backlog = visitor.due - self._clock.seconds()
        # A clock that was set back must not shut anybody out for long.
        return max(0.0, min(backlog, 2 * MAX_BACKLOG) - MAX_BACKLOG)

    def wrong(self, address: str) -> float:
        """
        Somebody was wrong.

        @param address: the peer's, as text.
        @return: the seconds that the answer has to wait.
        """
        now = self._clock.seconds()
        place = placeOf(address)
        visitor = self._visitors.pop(place, None)
        if visitor is None or not 0 <= now - visitor.last < FORGIVEN:
            visitor = _Visitor()
        self._visitors[place] = visitor
        while len(self._visitors) > MAX_ADDRESSES:
            self._visitors.popitem(last=False)
        # More doublings than that change nothing.
        delay = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(visitor.wrong, 16))
        visitor.wrong += 1
        visitor.last = now
        visitor.due = max(visitor.due, now) + delay
        return visitor.due - now


def placeOf(address: str) -> str:
    """
    What counts as one address.

    @param address: as text; anything else is an address, too.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    if any(ip in network for network in _SHARED6):
        return str(ip)
    return f"{int(ip) >> (128 - _NETWORK6):x}::"


def isLoopback(address: str) -> bool:
    """Is it this machine's own?"""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def checkExposure(endpoint: str, access: Access, open: bool) -> None:
    """
    Other machines come in with a login only, unless it was said that anybody may.

    @param endpoint: as for C{serverFromString}.
    @param open: it was said.
    @raise ConfigError: they could come in without.
    """
    if not (access.required or open or _isLocal(endpoint)):
        # The commonest one only needs a word more.
        plain = re.fullmatch(r"tcp:\d+", endpoint)
        kept = f"; {endpoint}:interface=127.0.0.1 keeps it on this machine"
        raise ConfigError(
            f"{endpoint} can be reached by other machines: it needs a password-file or"
            " a token-file, or open = true, which lets everybody in"
            f"{kept if plain else ''}"
        )


def _isLocal(endpoint: str) -> bool:
    """
    Is it out of reach for other machines?  What is not known here is within reach.
    """
    # Colons separate, unless there is a backslash before them.
    kind, *rest = (
        re.sub(r"\\(.)", r"\1", part)
        for part in re.findall(r"(?:^|:)((?:\\.|[^\\:])*)", endpoint)
    )
    if kind == "unix":
        return True
    if kind not in ("tcp", "tcp4", "tcp6", "ssl"):
        return False
    named = [part[len("interface=") :] for part in rest if part[:10] == "interface="]
    if not named and kind == "tcp" and len(rest) > 1 and "=" not in rest[1]:
        named = [rest[1]]  # tcp:PORT:INTERFACE
    if not named:
        return False
    try:
        return ip_address(named[-1]).is_loopback
    except ValueError:
        return named[-1] == "localhost"
