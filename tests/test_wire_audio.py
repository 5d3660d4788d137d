"""Tests for L{twistedcam.wire.audio}."""

from __future__ import annotations

import math
from array import array
from operator import sub

import av
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.sound import BLOCK, adpcm, alaw, block, samples
from twistedcam.wire.audio import (
    LAST_STEP,
    AdpcmDecoder,
    decodeAlaw,
    encodeAdpcm,
    encodeAlaw,
)

from . import strategies

#: A packet with its head's predictor and index.
Packet = tuple[bytes, int, int]


class Naive:
    """A decoder as the description tells it, step by step."""

    MOVES = {0: -1, 1: -1, 2: -1, 3: -1, 4: 2, 5: 4, 6: 6, 7: 8}
    STEPS = [
        int(word)
        for word in """
        7 8 9 10 11 12 13 14 16 17 19 21 23 25 28 31 34 37 41 45 50 55 60 66 73 80 88
        97 107 118 130 143 157 173 190 209 230 253 279 307 337 371 408 449 494 544 598
        658 724 796 876 963 1060 1166 1282 1411 1552 1707 1878 2066 2272 2499 2749 3024
        3327 3660 4026 4428 4871 5358 5894 6484 7132 7845 8630 9493 10442 11487 12635
        13899 15289 16818 18500 20350 22385 24623 27086 29794 32767
        """.split()
    ]

    def __init__(self, predictor: int = 0, index: int = 0) -> None:
        self.predictor, self.index = predictor, index

    def nibble(self, n: int) -> int:
        """One sample."""
        step = self.STEPS[self.index]
        d = step // 8 + step * (n & 7) // 4
        self.predictor += -d if n & 8 else d
        self.predictor = max(-32768, min(32767, self.predictor))
        self.index = max(0, min(88, self.index + self.MOVES[n & 7]))
        return self.predictor

    def decode(self, data: bytes) -> list[int]:
        """A packet; the high nibble comes first."""
        out = []
        for byte in data:
            out.append(self.nibble(byte >> 4))
            out.append(self.nibble(byte & 15))
        return out


def kept(count: int, first: int = 0) -> list[Packet]:
    """Packets of a camera whose state runs on: heads tell the state behind."""
    packets, state = [], (0, 0)
    for number in range(first, first + count):
        data, *rest = adpcm(number * BLOCK % len(samples()), *state)
        state = (rest[0], rest[1])
        packets.append((data, *state))
    return packets


def reset(count: int) -> list[Packet]:
    """Packets of a camera that starts each from zero."""
    return [
        (adpcm(number * BLOCK % len(samples()), 0, 0)[0], 0, 0)
        for number in range(count)
    ]


class AdpcmTests(SynchronousTestCase):
    """The decoder of ADPCM."""

    def test_table(self) -> None:
        """The steps grow by a tenth each, as the standard has it, up to 32767."""
        self.assertEqual((89, 88), (len(Naive.STEPS), LAST_STEP))
        for small, large in zip(Naive.STEPS, Naive.STEPS[1:], strict=False):
            self.assertLess(abs(large - small * 1.1), 1.5 + small * 0.002)

    def test_firstHigh(self) -> None:
        """The first sample is in the high half."""
        self.assertEqual([12, 10], list(AdpcmDecoder().decode(b"\x78", 0, 0)))
        self.assertEqual([0, 12], list(AdpcmDecoder().decode(b"\x07", 0, 0)))

    @strategies.cheap
    @given(st.lists(st.binary(max_size=60), max_size=6))
    def test_naive(self, packets: list[bytes]) -> None:
        """Whatever comes, it is decoded as described: in a row..."""
        decoder, naive = AdpcmDecoder(), Naive()
        decoder.decode(b"", 0, 0)
        for data in packets:
            expected = naive.decode(data)
            # The head tells the state behind, unless that would mean to begin anew.
            state = (naive.predictor, naive.index)
            if state == (0, 0):
                state = (1, 0)
            self.assertEqual(expected, list(decoder.decode(data, *state)))

    @strategies.cheap
    @given(st.lists(st.binary(max_size=60), max_size=6))
    def test_naiveReset(self, packets: list[bytes]) -> None:
        """... and each by itself."""
        decoder = AdpcmDecoder()
        for data in packets:
            self.assertEqual(Naive().decode(data), list(decoder.decode(data, 0, 0)))

    def test_extremes(self) -> None:
        """Samples and steps stop at their limits, on both sides."""
        for byte, limit in ((b"\x77", 32767), (b"\xff", -32768)):
            decoded = AdpcmDecoder().decode(byte * 512, 0, 0)
            self.assertEqual(Naive().decode(byte * 512), list(decoded))
            self.assertEqual(limit, decoded[-1])

    def test_kept(self) -> None:
        """A running state is followed, and is what the heads say."""
        decoder, naive = AdpcmDecoder(), Naive()
        for data, predictor, index in kept(20):
            decoded = list(decoder.decode(data, predictor, index))
            self.assertEqual(naive.decode(data), decoded)
            self.assertEqual(
                (predictor, index, predictor),
                (naive.predictor, naive.index, decoded[-1]),
            )

    def test_reset(self) -> None:
        """A state that is reset is, too."""
        decoder = AdpcmDecoder()
        for data, predictor, index in reset(20):
            decoded = list(decoder.decode(data, predictor, index))
            self.assertEqual(Naive().decode(data), decoded)

    def test_sound(self) -> None:
        """What one hears is what was said, in both ways."""
        for packets in (kept(16), reset(16)):
            decoder = AdpcmDecoder()
            decoded = array("h")
            for packet in packets:
                decoded += decoder.decode(*packet)
            said = array("h")
            for number in range(16):
                said += block(number * BLOCK)
            noise = sum((a - b) ** 2 for a, b in zip(said, decoded, strict=True))
            self.assertLess(noise, 0.05 * sum(a * a for a in said))

    def test_joinInTheMiddle(self) -> None:
        """Whoever joins a running state is right after one packet."""
        packets = kept(12)
        for first in range(1, 10):
            decoder = AdpcmDecoder()
            naive = Naive(*packets[first][1:])
            decoder.decode(*packets[first])
            for packet in packets[first + 1 :]:
                self.assertEqual(
                    naive.decode(packet[0]), list(decoder.decode(*packet)), first
                )

    def test_loss(self) -> None:
        """After a loss, too."""
        packets = kept(12)
        for missing in range(1, 10):
            decoder = AdpcmDecoder()
            for packet in packets[:missing]:
                decoder.decode(*packet)
            decoder.lost()
            decoder.decode(*packets[missing + 1])
            naive = Naive(*packets[missing + 1][1:])
            for packet in packets[missing + 2 :]:
                self.assertEqual(naive.decode(packet[0]), list(decoder.decode(*packet)))

    def test_lossReset(self) -> None:
        """A state that is reset does not mind losses at all."""
        decoder = AdpcmDecoder()
        for data, predictor, index in reset(10)[::2]:
            decoded = list(decoder.decode(data, predictor, index))
            self.assertEqual(Naive().decode(data), decoded)
            decoder.lost()

    def test_changeOfWay(self) -> None:
        """A camera may change from one way to the other, and back."""
        decoder = AdpcmDecoder()
        for packet in reset(3):
            decoder.decode(*packet)
        # It goes on from where the last reset packet ended.
        naive = Naive()
        naive.decode(reset(3)[-1][0])
        for number in range(3, 6):
            data, *state = adpcm(number * BLOCK, naive.predictor, naive.index)
            expected = naive.decode(data)
            self.assertEqual(expected, list(decoder.decode(data, *state)))
        [(data, _, _)] = reset(1)
        self.assertEqual(Naive().decode(data), list(decoder.decode(data, 0, 0)))

    def test_implausible(self) -> None:
        """A step index that cannot be is not believed, now or later."""
        data = bytes(range(256))
        for index in (89, 255, -1, -32768, 32767):
            decoder = AdpcmDecoder()
            naive = Naive()
            for _ in range(2):
                self.assertEqual(
                    naive.decode(data), list(decoder.decode(data, 1000, index))
                )
            # The first head that makes sense is believed.
            naive.decode(data)
            decoder.decode(data, 500, 88)
            self.assertEqual(
                Naive(500, 88).decode(data), list(decoder.decode(data, 7, 7))
            )

    def test_encoder(self) -> None:
        """Its state is the decoder's, and it begins in any state."""
        tone = array("h", (round(9000 * math.sin(n / 5)) for n in range(512)))
        for state in ((0, 0), (-5000, 40), (32767, 88)):
            data, predictor, index = encodeAdpcm(tone, *state)
            naive = Naive(*state)
            decoded = naive.decode(data)
            self.assertEqual((predictor, index), (naive.predictor, naive.index))
            self.assertLess(max(map(abs, map(sub, tone[100:], decoded[100:]))), 4000)

    def test_odd(self) -> None:
        """Half a byte cannot be sent."""
        self.assertRaises(ValueError, encodeAdpcm, array("h", [1, 2, 3]))


class AlawTests(SynchronousTestCase):
    """G.711."""

    def test_known(self) -> None:
        """The standard's values, in 16 bits."""
        for code, value in (
            (0xD5, 8),
            (0x55, -8),
            (0xD4, 24),
            (0xAA, 32256),
            (0x2A, -32256),
            (0x80, 5504),
            (0x00, -5504),
            (0xFF, 848),
            (0x7F, -848),
        ):
            self.assertEqual([value], list(decodeAlaw(bytes((code,)))), hex(code))

    def test_libavcodec(self) -> None:
        """Every code has the same value there."""
        codes = bytes(range(256))
        decoder = av.CodecContext.create("pcm_alaw", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.sample_rate, decoder.layout = 8000, "mono"
        [frame] = decoder.decode(av.Packet(codes))
        self.assertEqual(bytes(frame.planes[0])[:512], decodeAlaw(codes).tobytes())

    def test_everyCode(self) -> None:
        """Every code comes back as itself."""
        codes = bytes(range(256))
        self.assertEqual(codes, encodeAlaw(decodeAlaw(codes)))

    def test_nearest(self) -> None:
        """No code is nearer to a sample than the one it gets, 16 steps or so."""
        values = sorted(decodeAlaw(bytes(range(256))))
        every = array("h", range(-32768, 32768, 7))
        for sample, found in zip(every, decodeAlaw(encodeAlaw(every)), strict=True):
            best = min(abs(value - sample) for value in values)
            self.assertLessEqual(abs(found - sample), best + 16, sample)

    def test_emulated(self) -> None:
        """What the emulated camera says in A-law is heard without any change."""
        self.assertEqual(block(0), decodeAlaw(alaw(0)))
