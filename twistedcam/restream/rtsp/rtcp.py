"""
RTCP: the reports that go with RTP (RFC 3550).

Ours tell which time stamp belongs to which time, so that a player can put pictures
and sound together; a player's tell what it has lost, and that it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct, unpack_from

#: Types of packets.
_SENDER, _RECEIVER, _SOURCE, _BYE = 200, 201, 202, 203

#: From 1900, where NTP's seconds begin, to 1970.
_NTP = 2_208_988_800

#: What we call ourselves: the same for all tracks of a session, as it has to be for
#: players to know that these belong together.
_CNAME = 1

_REPORT = Struct(">BBHIIIIII")
_BLOCK = Struct(">IIIIII")


@dataclass(frozen=True, slots=True)
class Reception:
    """
    What a receiver tells of one sender.

    @ivar ssrc: the sender.
    @ivar lost: packets since the beginning; late duplicates make it less.
    @ivar fraction: the part that was lost lately, 0 to 1.
    @ivar jitter: in ticks of the track's clock.
    """

    ssrc: int
    lost: int
    fraction: float
    jitter: int


def senderReport(
    ssrc: int, time: float, stamp: int, packets: int, octets: int, cname: str
) -> bytes:
    """
    A sender's report, and who that is.

    @param time: in seconds since 1970.
    @param stamp: the RTP time stamp of the same moment.
    @param packets: sent so far.
    @param octets: sent in them, without their heads.
    """
    seconds = int(time // 1)
    return _REPORT.pack(
        0x80,
        _SENDER,
        6,
        ssrc,
        (seconds + _NTP) & 0xFFFFFFFF,
        int((time - seconds) * (1 << 32)) & 0xFFFFFFFF,
        stamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    ) + _description(ssrc, cname)


def goodbye(ssrc: int, report: bytes) -> bytes:
    """
    The sender leaves.

    @param report: its last, since a goodbye must not come alone.
    """
    return report + bytes((0x81, _BYE, 0, 1)) + ssrc.to_bytes(4, "big")


def _description(ssrc: int, cname: str) -> bytes:
    name = cname.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes((_CNAME, len(name))) + name
    # One zero at least ends the list.
    chunk += bytes(4 - len(chunk) % 4)
    return bytes((0x81, _SOURCE)) + (len(chunk) // 4).to_bytes(2, "big") + chunk


def receptions(packet: bytes) -> list[Reception] | None:
    """
    What a receiver reports.

    @return: L{None}: this is no RTCP at all.
    """
    found = []
    for kind, count, body in _parts(packet):
        if kind is None:
            return None
        if kind not in (_SENDER, _RECEIVER):
            continue
        start = 24 if kind == _SENDER else 4
        for place in range(start, start + 24 * count, 24):
            if place + 24 > len(body):
                return None
            ssrc, loss, _, jitter, _, _ = _BLOCK.unpack_from(body, place)
            lost = loss & 0xFFFFFF
            if lost & 0x800000:
                lost -= 1 << 24
            found.append(Reception(ssrc, lost, (loss >> 24) / 256, jitter))
    return found


def _parts(packet: bytes) -> Iterator[tuple[int | None, int, bytes]]:
    """
    Type, count and body of each packet in a compound one; a type of L{None}: what
    follows is none.
    """
    place = 0
    while place < len(packet) or not place:
        if len(packet) - place < 4 or packet[place] >> 6 != 2:
            yield None, 0, b""
            return
        kind, words = unpack_from(">BH", packet, place + 1)
        end = place + 4 + 4 * words
        if end > len(packet) or not 192 <= kind <= 223:
            yield None, 0, b""
            return
        yield kind, packet[place] & 0x1F, packet[place + 4 : end]
        place = end
