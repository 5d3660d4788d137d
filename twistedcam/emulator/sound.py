"""
What an emulated camera's microphone hears: a beep of 1 kHz with each full second,
and a low hum.

The samples come from one second of A-law, which is repeated; ADPCM is made of them
as it is needed, and kept for other cameras and later seconds.
"""

from __future__ import annotations

from array import array
from functools import cache, lru_cache
from importlib.resources import files

from ..wire.audio import decodeAlaw, encodeAdpcm, encodeAlaw

#: Samples per second; samples in one packet, and the seconds they take.
RATE, BLOCK = 8000, 1024
BLOCK_TIME = BLOCK / RATE


@cache
def samples() -> array[int]:
    """All samples, to be repeated; a whole number of seconds."""
    return decodeAlaw((files(__package__) / "clip" / "sound.alaw").read_bytes())


def block(place: int) -> array[int]:
    """The samples of one packet, from one of L{samples} on."""
    whole = samples()
    place %= len(whole)
    return (whole[place:] + whole)[:BLOCK]


@lru_cache(4096)
def adpcm(place: int, predictor: int, index: int) -> tuple[bytes, int, int]:
    """
    A packet of ADPCM: 512 bytes, and the state behind it.

    @param place: the first of its samples, less than there are.
    @param predictor: the encoder's state in front of it.
    @param index: likewise.
    """
    return encodeAdpcm(block(place), predictor, index)


@lru_cache(1024)
def alaw(place: int) -> bytes:
    """A packet of A-law: 1024 bytes.  C{place} as of L{adpcm}."""
    return encodeAlaw(block(place))
