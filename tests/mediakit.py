"""
Pictures, sound, and eyes and ears, for the tests of the containers.

Pictures are of one grey each, which tells their number; everything is made once in a
process.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from io import BytesIO

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from twistedcam.media.codec import nalUnits
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import Piece
from twistedcam.media.sound import SOUND_RATE, AacEncoder, silence

#: Pictures a second, and from one keyframe to the next.
RATE, GOP = 15, 10

#: What the clocks show when the first frame is presented.
START = 1234.5

_ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.MJPEG: "mjpeg"}
_OPTIONS = {
    Codec.H264: {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "g": str(GOP),
        "bf": "0",
        "x264-params": "scenecut=0",
    },
    Codec.H265: {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x265-params": f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:"
        "log-level=none:repeat-headers=1",
    },
    Codec.MJPEG: {},
}


def grey(number: int) -> int:
    """What picture C{number} is painted with."""
    return 20 + number * 5 % 200


@cache
def pictures(
    codec: Codec,
    count: int = 35,
    width: int = 160,
    height: int = 96,
    start: float = START,
) -> tuple[Frame, ...]:
    """Frames of video, as the assembler delivers them."""
    encoder = av.CodecContext.create(_ENCODERS[codec], "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuvj420p" if codec is Codec.MJPEG else "yuv420p"
    encoder.time_base = Fraction(1, RATE)
    encoder.framerate = Fraction(RATE)
    encoder.thread_count = 1
    encoder.options = _OPTIONS[codec]
    packets = []
    for number in range(count):
        picture = av.VideoFrame(width, height, encoder.pix_fmt)
        for plane, value in zip(picture.planes, (grey(number), 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        picture.pts = number
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    return tuple(
        Frame(
            codec,
            bytes(packet),
            packet.is_keyframe,
            start + number / RATE,
            number,
            start + number / RATE,
        )
        for number, packet in enumerate(packets)
    )


def shifted(frames: Iterable[Frame], seconds: float) -> list[Frame]:
    """The same frames, presented later."""
    return [replace(frame, time=frame.time + seconds) for frame in frames]


def tone(frequency: float, seconds: float, amplitude: int = 8000) -> array[int]:
    """A beep."""
    step = 2 * math.pi * frequency / SOUND_RATE
    return array(
        "h",
        (
            round(amplitude * math.sin(step * n))
            for n in range(round(seconds * SOUND_RATE))
        ),
    )


#: The beep: its frequency (Hz), and when it begins and ends, in seconds after START.
BEEP, BEEP_BEGIN, BEEP_END = 1000, 1.0, 1.5


@cache
def sound(seconds: float = 2.3) -> tuple[Frame, ...]:
    """Frames of AAC: silence with the beep in it, in packets of 64 ms."""
    before = silence(round(BEEP_BEGIN * SOUND_RATE))
    after = silence(round((seconds - BEEP_END) * SOUND_RATE))
    samples = before + tone(BEEP, BEEP_END - BEEP_BEGIN) + after
    encoder = AacEncoder()
    frames = []
    for start in range(0, len(samples), 512):
        time = START + start / SOUND_RATE
        frames += encoder.encode(samples[start : start + 512], time, time)
    return tuple(frames + encoder.close())


def together(*streams: Iterable[Frame]) -> list[Frame]:
    """Frames of pictures and of sound in the order in which they come."""
    return sorted(
        (frame for frames in streams for frame in frames),
        # AAC comes a frame late, and its first frame before the first picture.
        key=lambda frame: frame.time + (0.0 if frame.codec.isVideo else 0.256),
    )


@dataclass(frozen=True)
class Seen:
    """
    What a demuxer sees of a packet.

    @ivar time: in seconds.
    @ivar duration: in seconds.
    @ivar digest: of the NAL units, or of the data.
    """

    time: float
    duration: float
    digest: str
    keyframe: bool


def digest(codec: Codec, data: bytes, lengths: bool = False) -> str:
    """
    Of what a packet contains; parameter sets and delimiters, which may be moved
    elsewhere or added, don't count.

    @param lengths: NAL units have lengths before them, instead of start codes.
    """
    if codec is Codec.H264:
        parts = [nal for nal in _units(data, lengths) if nal[0] & 0x1F not in (7, 8, 9)]
    elif codec is Codec.H265:
        parts = [
            nal for nal in _units(data, lengths) if nal[0] >> 1 not in (32, 33, 34, 35)
        ]
    else:
        parts = [data]
    assert parts
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:16]


def _units(data: bytes, lengths: bool) -> list[bytes]:
    if not lengths:
        return list(nalUnits(data))
    found = []
    place = 0
    while place < len(data):
        end = place + 4 + int.from_bytes(data[place : place + 4], "big")
        found.append(data[place + 4 : end].rstrip(b"\0"))
        place = end
    return found


def sent(frames: Iterable[Frame]) -> list[str]:
    """The digests of frames."""
    return [digest(frame.codec, frame.data) for frame in frames]


_CODECS = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "mjpeg": Codec.MJPEG,
    "aac": Codec.AAC,
}


def opened(data: bytes) -> InputContainer:
    """Open a file; very short ones are not recognised by libavformat."""
    kind = "mpegts" if data.startswith(b"\x47") else "mp4"
    return av.open(BytesIO(data), "r", format=kind)


def look(data: bytes) -> dict[Codec, list[Seen]]:
    """
    Demux a file.

    @return: by codec, so far as there is only one track of each.
    """
    seen: dict[Codec, list[Seen]] = {}
    with opened(data) as container:
        mp4 = "mp4" in container.format.name
        for stream in container.streams:
            seen[_CODECS[stream.codec_context.name]] = []
        for packet in container.demux():
            if not packet.size or packet.is_corrupt:
                continue
            codec = _CODECS[packet.stream.codec_context.name]
            payload = bytes(packet)
            if codec is Codec.AAC and not mp4:
                payload = payload[7:]  # ADTS
            assert packet.pts is not None and packet.pts == packet.dts
            seen[codec].append(
                Seen(
                    float(packet.pts * packet.time_base),
                    float((packet.duration or 0) * packet.time_base),
                    digest(codec, payload, lengths=mp4),
                    packet.is_keyframe,
                )
            )
    return seen


def greys(data: bytes) -> list[int]:
    """Decode a file's pictures: what each is painted with, in the middle."""
    with opened(data) as container:
        stream: VideoStream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return [middle(picture) for picture in container.decode(stream)]


def middle(picture: av.VideoFrame) -> int:
    """The luminance in the middle of a picture."""
    plane = picture.planes[0]
    row = bytes(plane)[plane.line_size * (picture.height // 2) :]
    return row[picture.width // 2]


def listen(data: bytes) -> tuple[float, array[float]]:
    """
    Decode a file's sound.

    @return: the time of the first sample, and all samples; holes are filled.
    """
    with opened(data) as container:
        return joinSound(container.decode(audio=0))


def decodeAac(frames: Sequence[Frame], extradata: bytes) -> tuple[float, array[float]]:
    """
    Decode AAC without a container.

    @return: the time of the first sample, and all samples; holes are filled.
    """
    decoder = av.CodecContext.create("aac", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.extradata = extradata
    decoder.sample_rate = SOUND_RATE
    decoder.layout = "mono"
    decoded = []
    for frame in frames:
        packet: Packet[Stream] = av.Packet(frame.data)
        packet.time_base = Fraction(1, SOUND_RATE)
        packet.pts = round(frame.time * SOUND_RATE)
        decoded += decoder.decode(packet)
    return joinSound(decoded)


def joinSound(decoded: Iterable[object]) -> tuple[float, array[float]]:
    """Put decoded sound in its place."""
    first: float | None = None
    samples = array("f")
    for frame in decoded:
        assert isinstance(frame, av.AudioFrame) and frame.time is not None
        if first is None:
            first = frame.time
        hole = round((frame.time - first) * SOUND_RATE) - len(samples)
        samples += array("f", bytes(4 * max(hole, 0)))
        samples += array("f", bytes(frame.planes[0])[: 4 * frame.samples])
    assert first is not None
    return first, samples


def strength(
    samples: array[float], frequency: float, begin: float, end: float
) -> float:
    """
    How strong a frequency is, from one place (in seconds) to another; 1 is a tone as
    strong as can be.
    """
    part = samples[round(begin * SOUND_RATE) : round(end * SOUND_RATE)]
    step = 2 * math.pi * frequency / SOUND_RATE
    real = sum(sample * math.cos(step * n) for n, sample in enumerate(part))
    imaginary = sum(sample * math.sin(step * n) for n, sample in enumerate(part))
    return 2 * math.hypot(real, imaginary) / len(part)


def onset(samples: array[float], threshold: float = 0.05) -> float:
    """When (seconds from the first sample) it first is loud."""
    return next(n for n, s in enumerate(samples) if abs(s) > threshold) / SOUND_RATE


def join(pieces: Iterable[Piece]) -> bytes:
    """The file."""
    return b"".join(piece.data for piece in pieces)


def collect() -> tuple[list[Piece], Callable[[Piece], None]]:
    """A list, and what puts pieces into it."""
    pieces: list[Piece] = []
    return pieces, pieces.append
