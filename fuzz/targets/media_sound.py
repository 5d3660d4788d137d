"""
Sound: any packets, at any time, to AAC.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import NotMuxable
from twistedcam.media.rtp import HEAD, MTU, SoundPackets
from twistedcam.media.sound import (
    MAX_SILENCE,
    SOUND_RATE,
    SOUND_SAMPLES,
    AacEncoder,
    AlawEncoder,
    SoundDecoder,
    silence,
)

_CODECS = (Codec.ADPCM, Codec.G711A)

#: Seconds from one packet to the next.
_STEPS = (0.064, 0.0, 0.001, 0.2, 1.0, 4.9, 5.1, 3600.0, 1e8, -0.05, -0.2, -4.9, -1e8)

#: Packets in one input at most: encoding takes its time.
_PACKETS = 64


class _Line:
    """One encoder, and what comes out of it."""

    def __init__(self, encoder: AacEncoder | AlawEncoder, codec: Codec) -> None:
        self.encoder = encoder
        self.codec = codec
        self.packets = SoundPackets()
        self.samples = 0
        self.last = float("-inf")

    def take(self, frames: list[Frame]) -> None:
        """Look at them."""
        for frame in frames:
            check(frame.codec is self.codec, f"{frame.codec}")
            check(bool(frame.data), "an empty frame")
            check(frame.gap or frame.time >= self.last - 1e-6, "it goes back")
            self.last = frame.time
            isAac = frame.codec is Codec.AAC
            self.samples += SOUND_SAMPLES if isAac else len(frame.data)
            for burst in self.packets.pack(frame):
                for packet in burst.packets:
                    check(HEAD < len(packet) <= MTU, f"{len(packet)} bytes")


def target(data: bytes) -> None:
    """Frames come out one after the other, and no more than went in."""
    choices = Choices(data)
    decoder = SoundDecoder()
    encoder = AacEncoder()
    aac, alaw = _Line(encoder, Codec.AAC), _Line(AlawEncoder(), Codec.G711A)
    time = 1000.0
    samples = packets = 0
    pcm = silence(0)
    while choices and packets < _PACKETS:
        codec, gap = choices.one(_CODECS), choices.flag()
        time += choices.one(_STEPS)
        predictor, index = choices.u16() - (1 << 15), choices.u16() - (1 << 15)
        if choices.flag():
            predictor = index = 0
        payload = choices.blob() or b"\0"  # an assembler gives no empty frames
        packet = Frame(codec, payload, True, time, packets, time, gap, predictor, index)
        packets += 1
        pcm = decoder.decode(packet)
        check(len(pcm) == len(payload) * (2 if codec is Codec.ADPCM else 1), "odd")
        samples += len(pcm)
        most = samples + packets * (MAX_SILENCE * SOUND_RATE + SOUND_SAMPLES)
        for line in (aac, alaw):
            line.take(line.encoder.encode(pcm, time, time, gap))
            check(line.samples <= most, f"{line.samples} samples of {samples}")
        check(len(encoder._pending) < SOUND_SAMPLES, "too much waits")
    for line in (aac, alaw):
        line.take(line.encoder.close())
        check(line.encoder.close() == [], "closed twice, and still something to tell")
        check(line.encoder.encode(pcm, 0, 0) == [], "closed, and still something")
    try:
        SoundPackets().pack(Frame(Codec.ADPCM, b"x", True, 0, 0, 0))
    except NotMuxable:
        return
    check(False, "ADPCM is no sound for RTP")


def seeds() -> Iterator[bytes]:
    """Steady sound, holes, and jumps."""
    for codec in (0, 1):
        steady = Script()
        jumps = Script()
        for number in range(24):
            blob = bytes(range(number, number + 64)) * 4
            steady.byte(codec, 0, 0).u16(0).u16(0).byte(1).blob(blob)
            if number < 13:
                jumps.byte(codec, number & 1, number).u16(number).u16(1 << 15)
                jumps.byte(0).blob(blob[:200])
        yield steady.done()
        yield jumps.done()
