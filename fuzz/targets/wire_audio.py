"""
Sound: ADPCM and A-law.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.wire.audio import (
    LAST_STEP,
    AdpcmDecoder,
    decodeAlaw,
    encodeAdpcm,
    encodeAlaw,
)


def target(data: bytes) -> None:
    """Packets of any state and size are decoded, and what we encode comes back."""
    choices = Choices(data)
    decoder = AdpcmDecoder()
    while choices:
        predictor = choices.u16() - (1 << 15)
        index = choices.byte() - 64
        if choices.flag():
            decoder.lost()
        packet = choices.blob()
        samples = decoder.decode(packet, predictor, index)
        check(len(samples) == 2 * len(packet), f"{len(samples)} samples")
        _encode(samples)
    samples = decodeAlaw(data)
    check(len(samples) == len(data), "a sample a byte")
    check(decodeAlaw(encodeAlaw(samples)) == samples, "A-law does not come back")
    pcm = array("h", data[: len(data) // 4 * 4])
    near = decodeAlaw(encodeAlaw(pcm))
    for before, after in zip(pcm, near, strict=True):
        check(abs(before - after) <= 16 + abs(before) // 16, f"{before} is {after}")
    _encode(pcm)


def _encode(samples: array[int]) -> None:
    """The decoder comes to the state that the encoder tells."""
    code, predictor, index = encodeAdpcm(samples)
    check(-32768 <= predictor <= 32767 and 0 <= index <= LAST_STEP, "an odd state")
    heard = AdpcmDecoder().decode(code, 0, 0)
    check(not heard or heard[-1] == predictor, "another state")


def seeds() -> Iterator[bytes]:
    """A tone, silence, and noise."""
    yield Script().u16(1 << 15).byte(64, 0).blob(bytes(range(256))).done()
    yield Script().u16(0).byte(64 + 88, 1).blob(b"\x77\xff" * 20).done()
    yield Script().u16(0xFFFF).byte(255, 0).blob(b"\x80" * 64).done()
    yield bytes(range(256))
