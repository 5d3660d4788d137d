"""
What we need of a reactor, as types.

The real reactor, L{twisted.internet.task.Clock} (for L{Timers}) and
L{twistedcam.testing.MemoryNetwork}'s hosts all fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.protocol import DatagramProtocol


class Timers(Protocol):
    """The part of C{IReactorTime} in use."""

    def seconds(self) -> float:
        """Now, in seconds since whenever."""

    def callLater(
        self, delay: float, callable: Callable[..., object], /, *args: Any, **kw: Any
    ) -> IDelayedCall:
        """Call later."""


class DatagramReactor(Timers, Protocol):
    """Timers, and C{IReactorUDP}."""

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> IListeningPort:
        """Open a UDP port."""
