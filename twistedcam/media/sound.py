"""
Sound: what cameras send, to PCM, and to AAC for the containers, or to A-law for RTSP.

PCM is as in C{wire.audio}: 8,000 samples a second, mono, signed 16 bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from ..wire.audio import AdpcmDecoder, decodeAlaw, encodeAlaw
from .frame import Codec, Frame

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

#: Samples a second; samples of a frame of AAC (128 ms).
SOUND_RATE, SOUND_SAMPLES = 8000, 1024

#: Bits a second: more than enough for what these cameras' microphones hear.
SOUND_BIT_RATE = 24_000

#: Frames' times tremble; sound is moved only when it is further off (seconds).
TOLERANCE = 0.1

#: A hole up to here (seconds) is filled with silence, since browsers stop playing
#: where a track has a hole; after a longer one, time jumps.
MAX_SILENCE = 5.0


class SoundDecoder:
    """Decodes one camera's sound, ADPCM or A-law, and copes with gaps."""

    def __init__(self) -> None:
        self._adpcm = AdpcmDecoder()
        self._sure = False

    def decode(self, frame: Frame) -> array[int]:
        """
        Decode a packet.

        After a gap, the state in which a packet of ADPCM begins is unknown.  If the
        camera does not begin anew with each packet, the first one is replaced by as
        much silence: decoded from a wrong state it can be a bang.

        @raise ValueError: this is no sound of a camera.
        """
        if frame.codec is Codec.G711A:
            return decodeAlaw(frame.data)
        if frame.codec is not Codec.ADPCM:
            raise ValueError(f"{frame.codec.value} is no sound of a camera")
        if frame.gap:
            self._adpcm.lost()
            self._sure = False
        samples = self._adpcm.decode(frame.data, frame.predictor, frame.index)
        begunAnew = frame.predictor == 0 and frame.index == 0
        if not (self._sure or begunAnew):
            samples = silence(len(samples))
        self._sure = True
        return samples


class SampleClock:
    """
    A steady clock for sound: time is counted in samples.

    When the sound that comes in is more than L{TOLERANCE} away from that, or after a
    gap, it is put in its place again: by silence where some is missing, by leaving
    out what is too much.

    @ivar corrections: how often sound was moved.
    @ivar jumps: how often it was too far off for that.
    @ivar next: the number of the next sample.
    """

    def __init__(self) -> None:
        self.corrections = self.jumps = self.next = 0
        # The time of sample 0.
        self._zero: float | None = None
        # All that came last was left out, and the next will have to be shortened.
        self._tooMuch = False

    def time(self, sample: int) -> float:
        """When a sample is due, once there was one."""
        assert self._zero is not None
        return self._zero + sample / SOUND_RATE

    def isFar(self, time: float) -> bool:
        """Is sound of that time too far off to be moved?  If so, L{jump}."""
        if self._zero is None:
            self._zero = time
        return abs(time - self.time(self.next)) > MAX_SILENCE

    def jump(self, time: float) -> None:
        """The next sample is that of this time."""
        assert self._zero is not None
        self.jumps += 1
        self.next = round((time - self._zero) * SOUND_RATE)

    def fit(self, samples: array[int], time: float, gap: bool) -> array[int]:
        """
        What to take for the next samples; the first is number L{next}, which the
        caller has to move on.

        @param time: of the first one that came.
        @param gap: something is missing before it.
        """
        deviation = time - self.time(self.next)
        if not (gap or self._tooMuch or abs(deviation) > TOLERANCE):
            return samples
        self.corrections += not self._tooMuch
        count = round(deviation * SOUND_RATE)
        self._tooMuch = -count > len(samples)
        return silence(count) + samples if count > 0 else samples[-count:]


class AacEncoder:
    """
    Encodes PCM as AAC (Low Complexity), with a L{SampleClock}.

    A frame comes out when the sound of the next one is complete; the first has the
    time before the first sample, as decoders expect.
    """

    def __init__(self) -> None:
        codec = av.CodecContext.create("aac", "w")
        assert codec.type == "audio"
        codec.sample_rate = SOUND_RATE
        codec.layout = "mono"
        codec.format = "fltp"
        codec.bit_rate = SOUND_BIT_RATE
        codec.time_base = self._timeBase = Fraction(1, SOUND_RATE)
        codec.open()
        self._codec = codec
        self._clock = SampleClock()
        self._pending: array[int] = array("h")
        self._number = 0
        self._now = 0.0
        # Where the last frame that came out ends, in samples.
        self._end: int | None = None
        self._closed = False

    @property
    def corrections(self) -> int:
        """How often sound was moved."""
        return self._clock.corrections

    @property
    def jumps(self) -> int:
        """How often it was too far off for that."""
        return self._clock.jumps

    @property
    def extradata(self) -> bytes:
        """The AudioSpecificConfig, for containers and session descriptions."""
        return self._codec.extradata or b""

    def encode(
        self, samples: array[int], time: float, now: float, gap: bool = False
    ) -> list[Frame]:
        """
        Take the next samples.

        @param time: of the first one, in seconds, as L{Frame.time}.
        @param now: when it arrived.
        @param gap: something is missing before it.
        @return: the frames that are complete: none, one or more; none after L{close}.
        """
        if self._closed:
            return []
        self._now = now
        frames: list[Frame] = []
        if self._clock.isFar(time):
            frames += self._pad()
            self._clock.jump(time)
        else:
            samples = self._clock.fit(samples, time, gap)
        self._pending += samples
        self._clock.next += len(samples)
        while len(self._pending) >= SOUND_SAMPLES:
            frames += self._encode()
        return frames

    def close(self) -> list[Frame]:
        """The last frames, filled up with silence; may be called more than once."""
        if self._closed:
            return []
        self._closed = True
        return self._pad() + self._frames(self._codec.encode(None))

    def _pad(self) -> list[Frame]:
        """Fill a frame that has begun."""
        if not self._pending:
            return []
        missing = SOUND_SAMPLES - len(self._pending)
        self._pending += silence(missing)
        self._clock.next += missing
        return self._encode()

    def _encode(self) -> list[Frame]:
        """Encode the first frame of what is pending."""
        sound = av.AudioFrame(format="s16", layout="mono", samples=SOUND_SAMPLES)
        sound.planes[0].update(self._pending[:SOUND_SAMPLES].tobytes())
        sound.sample_rate = SOUND_RATE
        sound.time_base = self._timeBase
        sound.pts = self._clock.next - len(self._pending)
        del self._pending[:SOUND_SAMPLES]
        return self._frames(self._codec.encode(sound))

    def _frames(self, packets: Sequence[Packet[Stream]]) -> list[Frame]:
        frames = []
        for packet in packets:
            assert packet.pts is not None
            time = self._clock.time(packet.pts)
            gap = self._end is not None and packet.pts != self._end
            self._end = packet.pts + SOUND_SAMPLES
            frames.append(
                Frame(
                    Codec.AAC, bytes(packet), True, time, self._number, self._now, gap
                )
            )
            self._number += 1
        return frames


class AlawEncoder:
    """
    Encodes PCM as G.711 A-law, with a L{SampleClock}.  What was A-law before is the
    same again.
    """

    def __init__(self) -> None:
        self._clock = SampleClock()
        self._number = 0
        self._closed = False

    def encode(
        self, samples: array[int], time: float, now: float, gap: bool = False
    ) -> list[Frame]:
        """
        Take the next samples: as L{AacEncoder.encode}, but each packet makes a frame
        at once.
        """
        if self._closed:
            return []
        jumped = self._clock.isFar(time)
        if jumped:
            self._clock.jump(time)
        else:
            samples = self._clock.fit(samples, time, gap)
        if not samples:
            return []
        frame = Frame(
            Codec.G711A,
            encodeAlaw(samples),
            True,
            self._clock.time(self._clock.next),
            self._number,
            now,
            jumped,
        )
        self._number += 1
        self._clock.next += len(samples)
        return [frame]

    def close(self) -> list[Frame]:
        """Nothing is left; may be called more than once."""
        self._closed = True
        return []


def silence(count: int) -> array[int]:
    """So many samples of nothing."""
    return array("h", bytes(2 * count))
