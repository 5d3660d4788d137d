"""
DRW and DRW_ACK: the reliable packets that carry everything else.

DRW: header, marker 0xD1, channel u8 (0..7), index u16 big endian, payload of at
most 1024 bytes.  The index counts per channel and direction from 0 and wraps.
DRW_ACK: header, marker, channel u8, count u16, that many indices u16.  Cameras
of this family want the marker 0xD1 in both; 0xD2 in an acknowledgement, used by
a relative, is accepted.

The functions beside the dataclasses are for the receive path, which takes no
detour through objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError

from ..errors import WireError
from .header import HEADER, MAGIC, at, frame

DRW = 0xD0
DRW_ACK = 0xD1

MARKER = 0xD1
_OTHER_ACK_MARKER = 0xD2

#: Channels of a session: a camera ends the session on any other number.
CHANNELS = 8

#: What the channels carry: commands, answers and snapshots; live video; live
#: sound; sound for the camera's loudspeaker; files from its card; alarms.
COMMANDS, VIDEO, AUDIO, TALK, PLAYBACK, ALARMS = range(6)

#: Bytes of payload in one DRW at most.
MAX_PAYLOAD = 1024

#: Indices in one DRW_ACK at most: a camera ends the session at 82, and 64 leave
#: the datagram short.
MAX_ACKS = 64

#: Header, marker, channel, index (DRW) or count (DRW_ACK).
HEAD = Struct(">BBHBBH")
_INNER = Struct(">BBH")


@dataclass(frozen=True, slots=True)
class Drw:
    """One numbered piece of a channel's byte stream."""

    channel: int
    index: int
    payload: bytes = field(repr=False)  # may hold a login


@dataclass(frozen=True, slots=True)
class DrwAck:
    """These indices of a channel have arrived."""

    channel: int
    indices: tuple[int, ...]


def encodeDrw(channel: int, index: int, payload: bytes) -> bytes:
    """A whole DRW datagram."""
    _checkChannel(channel)
    if len(payload) > MAX_PAYLOAD:
        raise WireError(f"a DRW of {len(payload)} bytes")
    if not 0 <= index < 1 << 16:
        raise WireError(f"index {index} is no u16")
    return frame(DRW, _INNER.pack(MARKER, channel, index) + payload)


def encodeAck(channel: int, indices: Sequence[int]) -> bytes:
    """
    A whole DRW_ACK datagram.

    @raise WireError: more than L{MAX_ACKS} indices (the caller splits), or one
        that is no u16.
    """
    _checkChannel(channel)
    if len(indices) > MAX_ACKS:
        raise WireError(f"{len(indices)} indices in one DRW_ACK")
    try:
        tail = Struct(f">{len(indices)}H").pack(*indices)
    except StructError:
        raise WireError("an index is no u16") from None
    return frame(DRW_ACK, _INNER.pack(MARKER, channel, len(indices)) + tail)


def decodeDrw(datagram: bytes, end: int) -> Drw:
    """Read the body of a DRW that ends at C{end}."""
    _checkInner(datagram, end, (MARKER,))
    _, _, _, _, channel, index = HEAD.unpack_from(datagram)
    return Drw(channel, index, datagram[HEAD.size : end])


def decodeAck(datagram: bytes, end: int) -> DrwAck:
    """Read the body of a DRW_ACK that ends at C{end}."""
    _checkInner(datagram, end, (MARKER, _OTHER_ACK_MARKER))
    _, _, _, _, channel, count = HEAD.unpack_from(datagram)
    if HEAD.size + 2 * count > end:
        raise WireError(f"{count} indices do not fit", 6, datagram[6])
    return DrwAck(channel, Struct(f">{count}H").unpack_from(datagram, HEAD.size))


def _checkInner(datagram: bytes, end: int, markers: tuple[int, ...]) -> None:
    if end < HEAD.size:
        raise WireError("a DRW head is cut off", 2, at(datagram, 2))
    if datagram[HEADER.size] not in markers:
        raise WireError("not the inner marker", HEADER.size, datagram[HEADER.size])
    if datagram[5] >= CHANNELS:
        raise WireError("no such channel", 5, datagram[5])


def _checkChannel(channel: int) -> None:
    if not 0 <= channel < CHANNELS:
        raise WireError(f"no channel {channel}")


#: What the first two bytes of a DRW look like, for a quick glance.
DRW_START = bytes((MAGIC, DRW))
