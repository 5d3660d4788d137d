"""
What a process is told by its parent: lines on its standard input.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from zope.interface import implementer


@implementer(IReadDescriptor)
class Orders:
    """Reads them, with the reactor."""

    def __init__(
        self, order: Callable[[str], object], end: Callable[[], object]
    ) -> None:
        """
        @param order: called with each line.
        @param end: called when no more will come.
        """
        self._order = order
        self._end = end
        self._rest = b""

    def fileno(self) -> int:
        """Standard input."""
        return 0

    def logPrefix(self) -> str:
        """The reactor wants that."""
        return "orders"

    def doRead(self) -> Any:
        """Something came; nothing is the end."""
        data = os.read(0, 65536)
        if not data:
            return ConnectionDone()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._order(line.decode())
        return None

    def connectionLost(self, reason: object) -> None:
        """That was all."""
        self._end()


def tellMistakes() -> None:
    """Log nothing but what should never happen."""
    observer = FilteringLogObserver(
        textFileLogObserver(sys.stderr),
        [LogLevelFilterPredicate(LogLevel.critical)],
    )
    globalLogBeginner.beginLoggingTo(
        [observer], redirectStandardIO=False, discardBuffer=True
    )
