"""
Sound: decoded, and encoded with a steady clock.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import pairwise
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.frame import Codec, Frame
from twistedcam.media.sound import (
    MAX_SILENCE,
    SOUND_RATE,
    TOLERANCE,
    AacEncoder,
    AlawEncoder,
    SoundDecoder,
    silence,
)
from twistedcam.wire.audio import decodeAlaw, encodeAdpcm, encodeAlaw

from .mediakit import (
    BEEP,
    BEEP_BEGIN,
    START,
    decodeAac,
    onset,
    sound,
    strength,
    tone,
)

#: Samples of a packet.
PACKET = 512
SECONDS = PACKET / SOUND_RATE

#: Half a sample.
EXACT = 0.5 / SOUND_RATE


def adpcm(samples: array[int], kept: bool) -> list[Frame]:
    """Packets as cameras send them: they keep the coder's state, or reset it."""
    frames = []
    predictor = index = 0
    for number, start in enumerate(range(0, len(samples), PACKET)):
        part = samples[start : start + PACKET]
        if not kept:
            predictor = index = 0
        data, predictor, index = encodeAdpcm(part, predictor, index)
        head = (predictor, index) if kept else (0, 0)
        time = START + number * SECONDS
        frames.append(Frame(Codec.ADPCM, data, True, time, number, time, False, *head))
    return frames


class DecoderTests(SynchronousTestCase):
    """From cameras' codecs to PCM."""

    def assertClose(self, expected: array[int], found: array[int]) -> None:
        """It sounds the same."""
        self.assertEqual(len(expected), len(found))
        noise = sum((a - b) ** 2 for a, b in zip(expected, found, strict=True))
        signal = sum(a * a for a in expected)
        self.assertLess(noise, signal / 50)

    def test_alaw(self) -> None:
        """A-law."""
        samples = tone(440, 0.1)
        frame = Frame(Codec.G711A, encodeAlaw(samples), True, 0, 0, 0)
        found = SoundDecoder().decode(frame)
        self.assertEqual(decodeAlaw(frame.data), found)
        self.assertClose(samples, found)

    def test_reset(self) -> None:
        """ADPCM that begins anew in each packet is right at once, after gaps too."""
        samples = tone(440, 0.64)
        decoder = SoundDecoder()
        for number, frame in enumerate(adpcm(samples, kept=False)):
            if number == 5:
                continue
            frame = replace(frame, gap=number == 6)
            part = samples[number * PACKET : (number + 1) * PACKET]
            self.assertClose(part, decoder.decode(frame))

    def test_kept(self) -> None:
        """ADPCM that goes on is right, and after a gap as well, but for a silence."""
        samples = tone(440, 0.64)
        decoder = SoundDecoder()
        # The first packet is not the stream's first.
        for number, frame in enumerate(adpcm(samples, kept=True)[1:], 1):
            if number == 5:
                continue
            frame = replace(frame, gap=number == 6)
            found = decoder.decode(frame)
            if number in (1, 6):
                self.assertEqual(silence(PACKET), found)
            else:
                part = samples[number * PACKET : (number + 1) * PACKET]
                self.assertClose(part, found)

    def test_others(self) -> None:
        """What is no sound of a camera is refused."""
        for codec in (Codec.AAC, Codec.H264):
            frame = Frame(codec, b"1", True, 0, 0, 0)
            self.assertRaises(ValueError, SoundDecoder().decode, frame)


class EncoderTests(SynchronousTestCase):
    """From PCM to AAC."""

    def setUp(self) -> None:
        self.encoder = AacEncoder()
        self.frames: list[Frame] = []

    def feed(self, samples: array[int], time: float, gap: bool = False) -> None:
        """Packets of samples, from a time on."""
        for start in range(0, len(samples), PACKET):
            part = samples[start : start + PACKET]
            at = time + start / SOUND_RATE
            self.frames += self.encoder.encode(part, at, at + 9, gap and start == 0)

    def close(self) -> None:
        """The rest."""
        self.frames += self.encoder.close()
        self.assertEqual([], self.encoder.close())
        self.assertEqual([], self.encoder.encode(tone(BEEP, 1), START, START))

    def listen(self) -> tuple[float, array[float]]:
        """Decoded."""
        return decodeAac(self.frames, self.encoder.extradata)

    def assertSteady(self) -> None:
        """Frames follow each other exactly."""
        for before, after in pairwise(self.frames):
            self.assertApproximates(0.128, after.time - before.time, 1e-6)
            self.assertFalse(after.gap)

    def test_frames(self) -> None:
        """Frames are raw AAC, numbered and timed, from before the first sample on."""
        self.feed(silence(SOUND_RATE), START)
        self.close()
        self.assertApproximates(START - 0.128, self.frames[0].time, 1e-6)
        self.assertSteady()
        self.assertEqual(list(range(9)), [frame.number for frame in self.frames])
        for frame in self.frames:
            self.assertEqual((Codec.AAC, True), (frame.codec, frame.keyframe))
            self.assertNotEqual(b"\xff\xf1", frame.data[:2])
            self.assertLess(frame.time, frame.arrived)

    def test_extradata(self) -> None:
        """The AudioSpecificConfig says: Low Complexity, 8 kHz, mono."""
        config = int.from_bytes(self.encoder.extradata[:2], "big")
        self.assertEqual((2, 11, 1), (config >> 11, config >> 7 & 15, config >> 3 & 15))

    def test_beep(self) -> None:
        """A beep is heard when it was sent, with its pitch."""
        first, samples = decodeAac(sound(), self.encoder.extradata)
        self.assertApproximates(START + BEEP_BEGIN, first + onset(samples), 0.01)
        shift = START - first
        self.assertGreater(strength(samples, BEEP, 1.1 + shift, 1.4 + shift), 0.2)
        self.assertLess(strength(samples, 700, 1.1 + shift, 1.4 + shift), 0.01)
        self.assertLess(strength(samples, BEEP, 0.1 + shift, 0.8 + shift), 0.001)

    def test_trembling(self) -> None:
        """Times that tremble do not make the frames' tremble."""
        random = Random(4)
        for number in range(200):
            time = START + number * SECONDS + random.uniform(-0.04, 0.04)
            self.frames += self.encoder.encode(silence(PACKET), time, time)
        self.assertSteady()
        self.assertEqual(0, self.encoder.corrections)

    def test_drift(self) -> None:
        """A camera that samples too fast or too slowly is never 100 ms off."""
        for error in (0.99, 1.01):
            encoder = AacEncoder()
            frames = []
            taken = 0
            for number in range(1000):
                time = START + number * SECONDS * error
                frames += encoder.encode(silence(PACKET), time, time)
                taken += PACKET
            self.assertGreater(encoder.corrections, 3)
            self.assertLess(encoder.corrections, 12)
            end = START + 1000 * SECONDS * error
            self.assertApproximates(end - 0.256, frames[-1].time, 0.256 + TOLERANCE)
            for before, after in pairwise(frames):
                self.assertApproximates(0.128, after.time - before.time, 1e-6)

    def test_hole(self) -> None:
        """Where sound is missing, there is silence; what follows is in its place."""
        self.feed(tone(BEEP, 0.5), START)
        self.feed(tone(BEEP, 0.5), START + 2, gap=True)
        self.close()
        self.assertSteady()
        first, samples = self.listen()
        shift = START - first
        self.assertGreater(strength(samples, BEEP, 0.1 + shift, 0.4 + shift), 0.2)
        self.assertLess(strength(samples, BEEP, 0.7 + shift, 1.8 + shift), 0.001)
        self.assertGreater(strength(samples, BEEP, 2.1 + shift, 2.4 + shift), 0.2)
        again = onset(samples[round((1 + shift) * SOUND_RATE) :]) + 1 + shift + first
        self.assertApproximates(START + 2, again, 0.01)

    def test_smallGap(self) -> None:
        """After a gap sound is put right, even if it is but little off."""
        self.feed(silence(PACKET * 4), START)
        self.feed(silence(PACKET * 4), START + 4 * SECONDS + 0.05, gap=True)
        self.assertEqual(1, self.encoder.corrections)
        self.feed(silence(PACKET * 4), START + 8 * SECONDS + 0.05)
        self.close()
        self.assertEqual(1, self.encoder.corrections)
        end = self.frames[-1].time + 0.128
        self.assertApproximates(START + 12 * SECONDS + 0.05, end, 0.128)

    def test_tooMuch(self) -> None:
        """Sound for which there is no more time is left out."""
        self.feed(silence(SOUND_RATE), START)
        self.feed(tone(BEEP, 0.8), START + 0.5)
        self.close()
        self.assertSteady()
        self.assertEqual(1, self.encoder.corrections)
        first, samples = self.listen()
        self.assertApproximates(START + 1, first + onset(samples), 0.01)

    def test_jump(self) -> None:
        """After a long hole, or in another year, time jumps, and is steady again."""
        for away in (MAX_SILENCE + 1, 365 * 86400.0, -365 * 86400.0):
            self.setUp()
            self.feed(silence(1500), START)
            self.feed(tone(BEEP, 0.5), START + away)
            self.close()
            self.assertEqual(1, self.encoder.jumps)
            jumps = [
                number
                for number, (before, after) in enumerate(pairwise(self.frames))
                if abs(after.time - before.time - 0.128) > 1e-4
            ]
            self.assertEqual(1, len(jumps))
            later = self.frames[jumps[0] + 1 :]
            self.assertApproximates(START + away, later[0].time, EXACT)
            gaps = [number for number, frame in enumerate(self.frames) if frame.gap]
            self.assertEqual([jumps[0] + 1], gaps)
            if away > 1e6 or away < 0:
                continue  # too long a hole for putting it together
            first, samples = self.listen()
            self.assertApproximates(START + away, first + onset(samples), 0.01)

    def test_empty(self) -> None:
        """Nothing makes nothing."""
        self.assertEqual([], self.encoder.encode(silence(0), START, START))
        self.assertEqual([], [f for f in AacEncoder().close() if f.time < 0])


class AlawTests(SynchronousTestCase):
    """From PCM to A-law."""

    def setUp(self) -> None:
        self.encoder = AlawEncoder()
        self.frames: list[Frame] = []

    def feed(self, samples: array[int], time: float, gap: bool = False) -> None:
        """One packet."""
        self.frames += self.encoder.encode(samples, time, time + 9, gap)

    def assertSteady(self) -> None:
        """Frames follow each other exactly."""
        for before, after in pairwise(self.frames):
            end = before.time + len(before.data) / SOUND_RATE
            self.assertApproximates(end, after.time, 1e-6)

    def test_frames(self) -> None:
        """Each packet makes a frame; trembling times do not tremble any more."""
        random = Random(4)
        packets = [tone(BEEP, SECONDS) for _ in range(100)]
        for number, packet in enumerate(packets):
            self.feed(packet, START + number * SECONDS + random.uniform(-0.04, 0.04))
        self.assertSteady()
        self.assertEqual(list(range(100)), [frame.number for frame in self.frames])
        for frame, packet in zip(self.frames, packets, strict=True):
            self.assertEqual((Codec.G711A, True), (frame.codec, frame.keyframe))
            self.assertEqual(encodeAlaw(packet), frame.data)
            self.assertFalse(frame.gap)

    def test_same(self) -> None:
        """Every code of A-law is the same again."""
        codes = bytes(range(256))
        self.feed(decodeAlaw(codes), START)
        self.assertEqual(codes, self.frames[0].data)

    def test_hole(self) -> None:
        """A hole is filled with silence, too much is left out."""
        self.feed(tone(BEEP, 0.1), START)
        self.feed(tone(BEEP, 0.1), START + 1, gap=True)
        self.feed(tone(BEEP, 0.1), START + 0.5)
        self.feed(tone(BEEP, 0.8), START + 0.6)
        self.assertSteady()
        pcm = decodeAlaw(b"".join(frame.data for frame in self.frames))
        self.assertEqual(round(1.4 * SOUND_RATE), len(pcm))
        self.assertLess(max(pcm[900:7900]), 20)
        self.assertGreater(max(pcm[8000:]), 5000)

    def test_jump(self) -> None:
        """After a long hole, time jumps."""
        self.feed(tone(BEEP, 0.1), START)
        self.feed(tone(BEEP, 0.1), START + MAX_SILENCE + 1)
        self.assertEqual([False, True], [frame.gap for frame in self.frames])
        self.assertEqual([800, 800], [len(frame.data) for frame in self.frames])
        self.assertApproximates(START + MAX_SILENCE + 1, self.frames[1].time, EXACT)

    def test_over(self) -> None:
        """Nothing makes nothing, and there is an end."""
        self.feed(silence(0), START)
        self.assertEqual([], self.encoder.close())
        self.feed(tone(BEEP, 0.1), START)
        self.assertEqual([], self.frames)


class ConverterTests(SynchronousTestCase):
    """From cameras' packets to AAC."""

    def test_beep(self) -> None:
        """A beep survives, whatever the codec, and where a packet is missing."""
        samples = silence(SOUND_RATE) + tone(BEEP, 1) + silence(SOUND_RATE)
        alaw = adpcm(samples, kept=False)
        for number, frame in enumerate(alaw):
            start = number * PACKET
            data = encodeAlaw(samples[start : start + PACKET])
            alaw[number] = replace(frame, codec=Codec.G711A, data=data)
        for packets in (adpcm(samples, True), adpcm(samples, False), alaw):
            packets[7] = replace(packets[7], gap=True)
            del packets[6]
            decoder, encoder = SoundDecoder(), AacEncoder()
            frames = []
            for packet in packets:
                pcm = decoder.decode(packet)
                frames += encoder.encode(pcm, packet.time, packet.arrived, packet.gap)
            frames += encoder.close()
            first, heard = decodeAac(frames, encoder.extradata)
            self.assertApproximates(START + 1, first + onset(heard), 0.01)
            shift = START - first
            self.assertGreater(strength(heard, BEEP, 1.1 + shift, 1.9 + shift), 0.2)
            self.assertLess(strength(heard, BEEP, 2.2 + shift, 2.9 + shift), 0.002)
