"""
What the emulator needs from the outside: addresses, a reactor, timers.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IDelayedCall, IListeningPort

from ..reactors import DatagramReactor as Reactor

__all__ = ["Address", "Reactor", "Timer", "hostOf"]

#: Host and port of a UDP peer.
Address = tuple[str, int]


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
