"""
How packets of one track travel to one viewer: in the connection, or by UDP (see
L{twistedcam.restream.rtsp.udp}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred, succeed


class Carrier(Protocol):
    """
    Carries one track.

    @ivar header: the answer to C{Transport}.
    """

    header: str

    def carry(self, packets: Iterable[bytes]) -> None:
        """Send packets."""

    def report(self, packet: bytes) -> None:
        """Send a report."""

    def close(self) -> Deferred[None]:
        """Free what is held; fires when that is done."""


class InConnection:
    """
    Interleaves packets with what else is said in the connection.
    """

    def __init__(
        self, write: Callable[[bytes], object], channels: tuple[int, int]
    ) -> None:
        """
        @param write: writes to the connection.
        @param channels: for packets and for reports.
        """
        self._write = write
        self._packets, self._reports = channels
        self.header = f"RTP/AVP/TCP;unicast;interleaved={self._packets}-{self._reports}"

    def carry(self, packets: Iterable[bytes]) -> None:
        """Send packets, in one piece."""
        self._write(b"".join(_framed(self._packets, packet) for packet in packets))

    def report(self, packet: bytes) -> None:
        """Send a report."""
        self._write(_framed(self._reports, packet))

    def close(self) -> Deferred[None]:
        """Nothing is held."""
        return succeed(None)


def _framed(channel: int, packet: bytes) -> bytes:
    return b"$%c%b%b" % (channel, len(packet).to_bytes(2, "big"), packet)
