"""
Packets for people to read: one line each, no payloads, hence no secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from twisted.logger import Logger

from .errors import WireError
from .wire import dh, drw, pppp

_log = Logger()

#: Sees every datagram, deciphered: C{(now, sent, peer, datagram)}.
Trace = Callable[[float, bool, tuple[str, int], bytes], None]


def guarded(trace: Trace | None) -> Trace | None:
    """
    A trace that cannot do harm: what it raises is logged once, and then it sees
    nothing any more.
    """
    if trace is None:
        return None
    broken = False

    def see(now: float, sent: bool, peer: tuple[str, int], datagram: bytes) -> None:
        nonlocal broken
        if not broken:
            try:
                trace(now, sent, peer, datagram)
            except Exception:
                broken = True
                _log.failure("{trace} failed, and is left out from now on", trace=trace)

    return see


#: Bytes shown of a datagram that cannot be read: not enough for a secret.
_GLIMPSE = 8


def describe(datagram: bytes) -> str:
    """One deciphered datagram in some words."""
    try:
        if datagram[:2] == b"DH":
            match dh.decode(datagram):
                case dh.DhReport(uid=uid, ip=ip):
                    return f"DH report of {uid} at {ip}"
                case dh.DhSearch():
                    return "DH search"
        message = pppp.decode(datagram)
    except WireError as e:
        return f"{datagram[:_GLIMPSE].hex(' ')}... ({len(datagram)} bytes): {e}"
    name = pppp.NAMES[datagram[1]]
    match message:
        case drw.Drw(channel, index, payload):
            return f"{name} channel {channel} index {index}, {len(payload)} bytes"
        case drw.DrwAck(channel, indices):
            return f"{name} channel {channel} {' '.join(map(str, indices))}"
        case (
            pppp.PunchPkt(deviceId)
            | pppp.P2pRdy(deviceId)
            | pppp.LanTcpRdy(deviceId)
            | pppp.TryLanTcp(deviceId)
        ):
            return f"{name} {deviceId or ''}".rstrip()
        case _:
            return name


class PacketPrinter:
    """
    A L{Trace} that prints to standard output.  Of the same packet again and again,
    such as a search under every known key, it prints the first, and how many more
    there were.
    """

    def __init__(self) -> None:
        self._last = ""
        self._repeated = 0

    def __call__(
        self, now: float, sent: bool, peer: tuple[str, int], datagram: bytes
    ) -> None:
        """
        See a packet.

        @param now: seconds since the epoch, as the real reactor counts.
        """
        arrow = "->" if sent else "<-"
        line = f"{arrow} {peer[0]}:{peer[1]} {describe(datagram)}"
        if line == self._last:
            self._repeated += 1
            return
        if self._repeated:
            print(f"{'':12} ... {self._repeated} times more", flush=True)
        self._last, self._repeated = line, 0
        time = datetime.fromtimestamp(now).strftime("%H:%M:%S.%f")[:-3]
        print(f"{time} {line}", flush=True)


#: One for the process, as there is one standard output.
printPacket = PacketPrinter()
