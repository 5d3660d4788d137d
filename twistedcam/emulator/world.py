"""
What the emulator needs from the outside: addresses, a reactor, timers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.protocol import DatagramProtocol

#: Host and port of a UDP peer.
Address = tuple[str, int]


class Reactor(Protocol):
    """
    The parts of L{IReactorTime <twisted.internet.interfaces.IReactorTime>} and
    L{IReactorUDP <twisted.internet.interfaces.IReactorUDP>} that a camera lives
    on.  The real reactors have them, and so has a host of a simulated network.
    """

    def seconds(self) -> float:
        """The time, in seconds since no matter when."""

    def callLater(
        self, delay: float, callable: Callable[..., object], /, *args: object
    ) -> IDelayedCall:
        """Call C{callable} in C{delay} seconds."""

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> IListeningPort:
        """Open a UDP port; 0 means any that is free."""


def hostOf(port: IListeningPort) -> IPv4Address:
    """Address and number of a UDP port that is open."""
    address = port.getHost()
    assert isinstance(address, IPv4Address)
    return address


class Timer:
    """One thing to be done later, which can be put off, called off and repeated."""

    def __init__(self, reactor: Reactor, act: Callable[[], None]) -> None:
        self._reactor = reactor
        self._act = act
        self._call: IDelayedCall | None = None

    @property
    def armed(self) -> bool:
        """Is it still to happen?"""
        return self._call is not None

    def arm(self, seconds: float) -> None:
        """Do it in C{seconds} from now, and not when it was planned before."""
        if self._call is not None:
            self._call.reset(seconds)
        else:
            self._call = self._reactor.callLater(seconds, self._fire)

    def cancel(self) -> None:
        """Do not do it."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _fire(self) -> None:
        self._call = None
        self._act()
