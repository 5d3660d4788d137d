"""
Callbacks that others may register.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec

from twisted.logger import Logger

P = ParamSpec("P")


@dataclass(eq=False)
class _Entry(Generic[P]):
    """The same callback may be registered twice: these can be told apart."""

    callback: Callable[P, object]


class Observers(Generic[P]):
    """
    Calls everybody who registered.  What one of them raises is logged, and keeps
    nobody else from being called.
    """

    log = Logger()

    def __init__(self) -> None:
        self._entries: list[_Entry[P]] = []

    def add(self, callback: Callable[P, object]) -> Callable[[], None]:
        """
        Register.

        @return: call it to unregister; once more does no harm.
        """
        entry = _Entry(callback)
        self._entries.append(entry)

        def remove() -> None:
            if entry in self._entries:
                self._entries.remove(entry)

        return remove

    def __len__(self) -> int:
        return len(self._entries)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call everybody."""
        for entry in self._entries[:]:
            if entry not in self._entries:
                continue  # unregistered by one of those before
            try:
                entry.callback(*args, **kwargs)
            except Exception:
                self.log.failure("{callback} failed", callback=entry.callback)
