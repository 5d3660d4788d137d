"""
DRW and DRW_ACK, written from whatever numbers somebody may come up with.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.errors import WireError
from twistedcam.wire.drw import (
    CHANNELS,
    MAX_ACKS,
    MAX_PAYLOAD,
    Drw,
    DrwAck,
    encodeAck,
    encodeDrw,
)
from twistedcam.wire.pppp import decode


def target(data: bytes) -> None:
    """Either it is refused for a reason, or it is read as it was written."""
    choices = Choices(data)
    channel, index = choices.byte() - 4, choices.u32() - 8
    indices = [choices.u16() - choices.flag() for _ in range(choices.byte())]
    payload = choices.rest()
    good = 0 <= channel < CHANNELS
    try:
        written = decode(encodeDrw(channel, index, payload))
    except WireError:
        good &= 0 <= index < 1 << 16 and len(payload) <= MAX_PAYLOAD
        check(not good, "a proper DRW was refused")
    else:
        check(written == Drw(channel, index, payload), "another DRW")
    good = 0 <= channel < CHANNELS
    try:
        written = decode(encodeAck(channel, indices))
    except WireError:
        good &= len(indices) <= MAX_ACKS and min(indices, default=0) >= 0
        check(not good, "a proper DRW_ACK was refused")
    else:
        check(written == DrwAck(channel, tuple(indices)), "another DRW_ACK")


def seeds() -> Iterator[bytes]:
    """Good ones, and some just beyond the limits."""
    for channel, index, count, size in (
        (4, 8, 0, 0),
        (11, 8 + 0xFFFF, MAX_ACKS, MAX_PAYLOAD),
        (12, 8 + 0x10000, MAX_ACKS + 1, MAX_PAYLOAD + 1),
        (0, 0, 3, 10),
    ):
        script = Script(channel).u32(index).byte(count)
        for number in range(count):
            script.u16(number).byte(2)
        yield script.raw(bytes(size)).done()
