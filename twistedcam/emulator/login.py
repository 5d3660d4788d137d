"""
Who may do what.

The two generations of firmware differ: A has three accounts and wants a login in
every command, and ten wrong passwords lock it; B wants the password once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Levels of accounts: B knows only the last one.
VISITOR, OPERATOR, ADMIN = 1, 2, 255

#: Bytes of names and passwords that count.
SIGNIFICANT = 31

#: So many wrong passwords within a window (seconds) lock the camera (seconds).
MAX_WRONG, WINDOW, LOCK_TIME = 10, 60.0, 3600.0


@dataclass(slots=True)
class Account:
    """
    One of the three accounts.

    @ivar name: empty if there is none.
    """

    name: str
    password: str = field(repr=False)
    level: int


def same(mine: str, theirs: str) -> bool:
    """Are two names, or two passwords, equal as far as they count?"""
    return _significant(mine) == _significant(theirs)


def _significant(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")[:SIGNIFICANT]


def credentials(
    parameters: Mapping[str, str], both: bool
) -> tuple[str | None, str | None]:
    """
    The name and the password in a command; L{None} for what is missing.

    @param both: C{user} and C{pwd} will do as well.
    """
    name, password = parameters.get("loginuse"), parameters.get("loginpas")
    if both and name is None and password is None:
        return parameters.get("user"), parameters.get("pwd")
    return name, password


class Lock:
    """
    Counts wrong passwords, for all sessions of a camera together.

    The tenth one counted within 60 seconds of the first locks it for an hour.  A
    password that equals the last wrong one is not counted again.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after switching the camera on."""
        self._wrong = 0
        self._since = 0.0
        self._last: bytes | None = None
        self._until = float("-inf")

    def remaining(self, now: float) -> int:
        """Seconds until it opens, rounded up; 0 if it is open."""
        left = self._until - now
        return -int(-left // 1) if left > 0 else 0

    def good(self) -> None:
        """A login was right."""
        self._wrong = 0

    def bad(self, password: str, now: float) -> bool:
        """A login was wrong; did that lock the camera?"""
        if self._wrong and now - self._since >= WINDOW:
            self._wrong = 0
        given = _significant(password)
        if given == self._last:
            return False
        self._last = given
        if not self._wrong:
            self._since = now
        self._wrong += 1
        if self._wrong < MAX_WRONG:
            return False
        self._wrong = 0
        self._until = now + LOCK_TIME
        return True
