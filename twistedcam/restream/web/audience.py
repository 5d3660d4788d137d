"""
Everybody who watches or listens: how many there may be, and who has to go.
"""

from __future__ import annotations

from typing import Protocol

from ...camera import Camera
from .pages import later

#: Who may watch, and who may listen to events, at once.
MAX_VIEWERS, MAX_LISTENERS = 500, 200


class Member(Protocol):
    """Somebody who watches or listens."""

    @property
    def camera(self) -> Camera | None:
        """What he watches."""

    def tick(self, now: float) -> None:
        """Called once a second."""

    def end(self) -> None:
        """It is over."""


class Audience:
    """
    Those who watch, or those who listen.
    """

    def __init__(self, limit: int) -> None:
        """
        @param limit: how many there may be.
        """
        self._limit = limit
        self._members: set[Member] = set()

    def __len__(self) -> int:
        return len(self._members)

    def check(self) -> None:
        """
        Is there a place?

        @raise Refusal: there is none.
        """
        if len(self._members) >= self._limit:
            raise later(f"all {self._limit} places are taken")

    def enter(self, member: Member) -> None:
        """One more."""
        self._members.add(member)

    def leave(self, member: Member) -> None:
        """One less; may be called more than once."""
        self._members.discard(member)

    def count(self, camera: Camera) -> int:
        """How many watch a camera."""
        return sum(member.camera is camera for member in self._members)

    def tick(self, now: float) -> None:
        """Once a second."""
        for member in list(self._members):
            member.tick(now)

    def part(self, cameras: list[Camera]) -> None:
        """There are no other cameras any more."""
        for member in list(self._members):
            if member.camera is not None and member.camera not in cameras:
                member.end()

    def end(self) -> None:
        """It is over for all of them."""
        for member in list(self._members):
            member.end()
