"""
What we need of a reactor, as types.

The real reactor, L{twisted.internet.task.Clock} (for L{Timers}) and
L{twistedcam.testing.MemoryNetwork}'s hosts all fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.internet.protocol import DatagramProtocol


class Timers(Protocol):
    """The part of C{IReactorTime} in use."""

    def seconds(self) -> float:
        """
        Now, in seconds; of real reactors since 1970, on which names of recordings
        and the setting of cameras' clocks rely.
        """

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


#: What embedders have: C{from twisted.internet import reactor} is typed as something
#: that cannot listen, so all that can be asked of its type is that it tells the time.
AnyReactor = DatagramReactor | IReactorTime


def datagrams(reactor: AnyReactor) -> DatagramReactor:
    """The reactor, as what it is."""
    return cast(DatagramReactor, reactor)
