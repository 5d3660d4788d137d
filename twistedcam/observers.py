"""
Callbacks that others may register.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

from twisted.logger import Logger

P = ParamSpec("P")


class Observers(Generic[P]):
    """
    Calls everybody who registered.  What one of them raises is logged, and keeps
    nobody else from being called.
    """

    log = Logger()

    def __init__(self) -> None:
        self._callbacks: list[Callable[P, object]] = []

    def add(self, callback: Callable[P, object]) -> Callable[[], None]:
        """
        Register.

        @return: call it, once, to unregister.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def __len__(self) -> int:
        return len(self._callbacks)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call everybody."""
        for callback in self._callbacks[:]:
            try:
                callback(*args, **kwargs)
            except Exception:
                self.log.failure("{callback} failed", callback=callback)
