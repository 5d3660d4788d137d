"""
Packets for people to read: one line each, no payloads, hence no secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .errors import WireError
from .wire import dh, drw, pppp

#: Sees every datagram, deciphered: C{(now, sent, peer, datagram)}.
Trace = Callable[[float, bool, tuple[str, int], bytes], None]

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


def printPacket(now: float, sent: bool, peer: tuple[str, int], datagram: bytes) -> None:
    """
    A L{Trace} that prints to standard output.

    @param now: seconds since the epoch, as the real reactor counts.
    """
    time = datetime.fromtimestamp(now).strftime("%H:%M:%S.%f")[:-3]
    arrow = "->" if sent else "<-"
    # At once, even into a pipe: somebody is watching.
    print(f"{time} {arrow} {peer[0]}:{peer[1]} {describe(datagram)}", flush=True)
