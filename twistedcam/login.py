"""
The login that commands carry, and the memory of how the camera took it.
"""

from __future__ import annotations

from .errors import LoginLocked, LoginRejected
from .reactors import Timers
from .wire.cgi import MASK


class Login:
    """
    User and password of one camera.

    A rejected password is not tried again until it is changed: ten wrong ones
    within a minute lock some cameras for an hour, for everybody.
    """

    def __init__(self, clock: Timers, user: str, password: str | None) -> None:
        self._clock = clock
        self._user = user
        self._password = password or ""
        self._rejected: str | None = None
        self._told = False
        self._lockedUntil = float("-inf")

    def __repr__(self) -> str:
        return f"<Login {self._user!r} {MASK}>"

    def change(self, user: str, password: str) -> None:
        """Use these from now on, and try again."""
        self._user = user
        self._password = password
        self.retry()

    def retry(self) -> None:
        """The owner says that it is worth another try."""
        self._rejected = None
        self._told = False

    def isNews(self) -> bool:
        """Is it the first time that somebody wants to tell that it is refused?"""
        news, self._told = not self._told, True
        return news

    def parameters(self) -> dict[str, str]:
        """
        What a command has to carry.  Firmware looks for the first pair, or else
        for the second.

        @raise LoginRejected: the camera has rejected these already.
        @raise LoginLocked: the camera takes no login for some time yet.
        """
        left = self._lockedUntil - self._clock.seconds()
        if left > 0:
            raise LoginLocked(int(left) + 1)
        if self._rejected is not None:
            raise LoginRejected(f"{self._rejected} (not tried again)")
        return {
            "loginuse": self._user,
            "loginpas": self._password,
            "user": self._user,
            "pwd": self._password,
        }

    def refused(self, problem: Exception) -> None:
        """Remember what the camera said to a command."""
        if isinstance(problem, LoginLocked):
            self._lockedUntil = self._clock.seconds() + problem.seconds
        elif isinstance(problem, LoginRejected):
            self._rejected = str(problem)
