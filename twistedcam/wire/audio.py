"""
Sound as cameras send it: IMA ADPCM and G.711 A-law, to 16 bit PCM and back.

PCM is mono, signed 16 bit, in this machine's byte order (C{array("h")}).
"""

from __future__ import annotations

from array import array
from bisect import bisect
from functools import cache
from itertools import pairwise

#: The steps of IMA ADPCM, and how far each code moves along them.
_STEPS = (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50,
    55, 60, 66, 73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279,
    307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282,
    1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871,
    5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818,
    18500, 20350, 22385, 24623, 27086, 29794, 32767,
)  # fmt: skip
_MOVES = (-1, -1, -1, -1, 2, 4, 6, 8)
LAST_STEP = len(_STEPS) - 1


def _change(step: int, code: int) -> int:
    """
    How far a code moves the sample.  Cameras round once, by another rule than the
    standard's sum of shifts; in a state that runs on, the difference would add up.
    """
    size = step // 8 + step * (code & 7) // 4
    return -size if code & 8 else size


#: For each step and code: the change of the sample, and the next step.
_TABLE = tuple(
    tuple(
        (_change(step, code), min(max(index + _MOVES[code & 7], 0), LAST_STEP))
        for code in range(16)
    )
    for index, step in enumerate(_STEPS)
)


class AdpcmDecoder:
    """
    IMA ADPCM, the first sample in the high half of each byte.

    Cameras have two ways.  I{Kept}: the state runs on from packet to packet, and
    each head tells the state I{after} its packet.  I{Reset}: the state is zero at
    the start of each packet, and so are the head's fields.  One rule fits both: a
    head of zeros means start from zero; otherwise go on from the previous packet.
    Whoever joins in the middle, or has lost a packet, is right again after one.
    """

    def __init__(self) -> None:
        self._sample = 0
        self._index = 0
        self._unsure = True

    def decode(self, data: bytes, predictor: int, index: int) -> array[int]:
        """
        Decode one packet: two samples a byte.

        @param predictor: from the packet's head.
        @param index: from the packet's head.
        """
        if predictor == 0 and index == 0:
            self._sample = self._index = 0
            self._unsure = False
        sample, step = self._sample, self._index
        samples = array("h", bytes(4 * len(data)))
        place = 0
        for byte in data:
            for code in (byte >> 4, byte & 15):
                change, step = _TABLE[step][code]
                sample += change
                if not -32768 <= sample <= 32767:
                    sample = 32767 if sample > 0 else -32768
                samples[place] = sample
                place += 1
        if self._unsure and 0 <= index <= LAST_STEP:
            sample, step = predictor, index
            self._unsure = False
        self._sample, self._index = sample, step
        return samples

    def lost(self) -> None:
        """
        A packet is missing, so the next one begins somewhere else; its head tells
        where it ends.
        """
        self._unsure = True


def encodeAdpcm(
    samples: array[int], predictor: int = 0, index: int = 0
) -> tuple[bytes, int, int]:
    """
    Encode an even number of samples, as cameras do.

    @return: the data, and the state afterwards.
    """
    codes = []
    for sample in samples:
        step = _STEPS[index]
        difference = sample - predictor
        code = min(7, 4 * abs(difference) // step) | (8 if difference < 0 else 0)
        change, index = _TABLE[index][code]
        predictor = min(max(predictor + change, -32768), 32767)
        codes.append(code)
    pairs = zip(codes[::2], codes[1::2], strict=True)
    return bytes(high << 4 | low for high, low in pairs), predictor, index


def _alaw(byte: int) -> int:
    byte ^= 0x55
    mantissa, exponent = byte & 0x0F, byte >> 4 & 7
    size = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 0x108
    size <<= max(exponent - 1, 0)
    return size if byte & 0x80 else -size


_ALAW = tuple(_alaw(byte) for byte in range(256))


def decodeAlaw(data: bytes) -> array[int]:
    """G.711 A-law: a sample a byte."""
    return array("h", map(_ALAW.__getitem__, data))


@cache
def _alawCodes() -> bytes:
    """The nearest code for each sample's upper twelve bits."""
    known = sorted((value, code) for code, value in enumerate(_ALAW))
    middles = [(a + b) / 2 for (a, _), (b, _) in pairwise(known)]
    return bytes(
        known[bisect(middles, 16 * upper + 8)][1] for upper in range(-2048, 2048)
    )


def encodeAlaw(samples: array[int]) -> bytes:
    """G.711 A-law: the nearest code for each sample."""
    codes = _alawCodes()
    return bytes(codes[(sample >> 4) + 2048] for sample in samples)
