"""
The control messages of a LAN session, and one C{decode}/C{encode} for them all.

====  ==============  =====================================================
type  name            body
====  ==============  =====================================================
0x30  LAN_SEARCH      none: "who is there?", to UDP port 32108
0x32  LAN_SEARCH_EXT  none: the same, of a related family
0x41  PUNCH_PKT       device id: the camera from its session port, echoed
0x42  P2P_RDY         device id: the session is up
0x43  TRY_LAN_TCP     none, or a device id and more: "come by TCP instead"
0x44  LAN_TCP_RDY     device id: P2P_RDY of a TCP session
0xD0  DRW             see L{twistedcam.wire.drw}
0xD1  DRW_ACK         see L{twistedcam.wire.drw}
0xE0  ALIVE           none: "are you there?", from either side
0xE1  ALIVE_ACK       none
0xF0  CLOSE           none: ends the session at once
0xF1  CLOSE_ACK       none, optional
====  ==============  =====================================================

A device id takes 20 or 24 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import WireError
from .deviceid import LONG_SIZE, SIZE, DeviceId
from .drw import DRW, DRW_ACK, Drw, DrwAck, decodeAck, decodeDrw, encodeAck, encodeDrw
from .header import HEADER, at, frame, unframe

LAN_SEARCH = 0x30
LAN_SEARCH_EXT = 0x32
PUNCH_PKT = 0x41
P2P_RDY = 0x42
TRY_LAN_TCP = 0x43
LAN_TCP_RDY = 0x44
ALIVE = 0xE0
ALIVE_ACK = 0xE1
CLOSE = 0xF0
CLOSE_ACK = 0xF1

#: Where cameras listen for LAN_SEARCH (UDP).
LAN_PORT = 32108


@dataclass(frozen=True, slots=True)
class LanSearch:
    """Who is there?  Every camera that hears it answers with a PUNCH_PKT."""


@dataclass(frozen=True, slots=True)
class LanSearchExt:
    """The same question as asked by clients of a related family."""


@dataclass(frozen=True, slots=True)
class PunchPkt:
    """The camera names itself from its session port; the client echoes it."""

    deviceId: DeviceId


@dataclass(frozen=True, slots=True)
class P2pRdy:
    """The session is up."""

    deviceId: DeviceId


@dataclass(frozen=True, slots=True)
class TryLanTcp:
    """
    The camera would rather have a TCP session.

    @ivar deviceId: L{None} in the empty form, which a relative uses.
    @ivar rest: what follows the 20 byte id; its meaning is not known.
    """

    deviceId: DeviceId | None = None
    rest: bytes = b""


@dataclass(frozen=True, slots=True)
class LanTcpRdy:
    """P2P_RDY of a TCP session."""

    deviceId: DeviceId


@dataclass(frozen=True, slots=True)
class Alive:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class AliveAck:
    """I am."""


@dataclass(frozen=True, slots=True)
class Close:
    """The session ends here."""


@dataclass(frozen=True, slots=True)
class CloseAck:
    """An answer to CLOSE that few peers send."""


Message = (
    LanSearch
    | LanSearchExt
    | PunchPkt
    | P2pRdy
    | TryLanTcp
    | LanTcpRdy
    | Drw
    | DrwAck
    | Alive
    | AliveAck
    | Close
    | CloseAck
)

_EMPTY: dict[int, Message] = {
    LAN_SEARCH: LanSearch(),
    LAN_SEARCH_EXT: LanSearchExt(),
    ALIVE: Alive(),
    ALIVE_ACK: AliveAck(),
    CLOSE: Close(),
    CLOSE_ACK: CloseAck(),
}
_NAMED: dict[int, Callable[[DeviceId], Message]] = {
    PUNCH_PKT: PunchPkt,
    P2P_RDY: P2pRdy,
    LAN_TCP_RDY: LanTcpRdy,
}
_KINDS = {type(message): kind for kind, message in _EMPTY.items()} | {
    PunchPkt: PUNCH_PKT,
    P2pRdy: P2P_RDY,
    LanTcpRdy: LAN_TCP_RDY,
}

#: The types that a LAN session knows, and their names.
NAMES = {
    LAN_SEARCH: "LAN_SEARCH",
    LAN_SEARCH_EXT: "LAN_SEARCH_EXT",
    PUNCH_PKT: "PUNCH_PKT",
    P2P_RDY: "P2P_RDY",
    TRY_LAN_TCP: "TRY_LAN_TCP",
    LAN_TCP_RDY: "LAN_TCP_RDY",
    DRW: "DRW",
    DRW_ACK: "DRW_ACK",
    ALIVE: "ALIVE",
    ALIVE_ACK: "ALIVE_ACK",
    CLOSE: "CLOSE",
    CLOSE_ACK: "CLOSE_ACK",
}


def decode(datagram: bytes) -> Message:
    """
    Read one deciphered datagram.

    @raise WireError: it is not a message of a LAN session.
    """
    kind, end = unframe(datagram)
    if (empty := _EMPTY.get(kind)) is not None:
        return empty
    if kind == DRW:
        return decodeDrw(datagram, end)
    if kind == DRW_ACK:
        return decodeAck(datagram, end)
    length = end - HEADER.size
    if (named := _NAMED.get(kind)) is not None:
        if length not in (SIZE, LONG_SIZE):
            raise WireError(f"{length} bytes are no device id", 2, datagram[2])
        return named(DeviceId.fromBytes(datagram, HEADER.size, length))
    if kind == TRY_LAN_TCP:
        if length == 0:
            return TryLanTcp()
        if length < SIZE:
            raise WireError(f"{length} bytes are no device id", 2, datagram[2])
        rest = datagram[HEADER.size + SIZE : end]
        return TryLanTcp(DeviceId.fromBytes(datagram, HEADER.size), rest)
    raise WireError("an unknown type", 1, at(datagram, 1))


def encode(message: Message) -> bytes:
    """
    Write one datagram, still to be enciphered.

    @raise WireError: a field does not fit.
    """
    match message:
        case Drw(channel, index, payload):
            return encodeDrw(channel, index, payload)
        case DrwAck(channel, indices):
            return encodeAck(channel, indices)
        case PunchPkt(deviceId) | P2pRdy(deviceId) | LanTcpRdy(deviceId):
            return frame(_KINDS[type(message)], deviceId.toBytes())
        case TryLanTcp(deviceId, rest):
            if deviceId is None:
                if rest:
                    raise WireError("a TRY_LAN_TCP without an id has no rest")
                return frame(TRY_LAN_TCP)
            return frame(TRY_LAN_TCP, deviceId.toBytes()[:SIZE] + rest)
        case _:
            return frame(_KINDS[type(message)])
