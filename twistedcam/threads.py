"""
Functions in threads: for disks and decoders, never for packets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

#: Calls a function in a thread, or does as if; gives its result.
InThread = Callable[..., Deferred[Any]]


def threads(reactor: object) -> InThread:
    """What calls functions in a reactor's threads, which it has when it needs them."""

    def inThread(
        function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Deferred[Any]:
        pool = cast(Any, reactor).getThreadPool()
        return deferToThreadPool(cast(Any, reactor), pool, function, *args, **kwargs)

    return inThread
