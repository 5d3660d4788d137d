"""
Make the clip that the emulated camera shows: a running clock, and a beep with each
full second.

It needs Pillow, and PyAV with libx264 and libx265, which the package does not::

    pip install av pillow
    python tools/make_clip.py

The same versions of these make the same bytes.  The files in
C{twistedcam/emulator/clip} are read by C{twistedcam/emulator/clips.py}, which tells
their format.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import pi, sin
from pathlib import Path
from struct import pack
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFont

from twistedcam.wire.audio import encodeAlaw

CLIP = Path(__file__).parent.parent / "twistedcam" / "emulator" / "clip"

#: The loop, in seconds; frames per second; frames from one keyframe to the next.
LENGTH, RATE, JPEG_RATE, INTERVAL = 10, 15, 5, 30
LARGE, SMALL = (640, 360), (320, 180)

#: Samples per second; the beep: its pitch (Hz), length, and how long it swells and
#: fades (seconds); the hum in between.  Sizes are those of 16 bit samples.
SAMPLES = 8000
BEEP, BEEP_LENGTH, BEEP_EDGE, BEEP_SIZE = 1000, 0.1, 0.005, 9000
HUM, HUM_SIZE = 100, 400

#: No B-frames, one reference, keyframes only where they are due, one thread (with
#: more the bytes could vary), no notes by the encoder.
ENCODERS = {
    "h264": (
        "libx264",
        {"profile": "main", "preset": "veryslow", "crf": "25"},
        "x264-params",
        f"keyint={INTERVAL}:min-keyint={INTERVAL}:scenecut=0:bframes=0:ref=1"
        ":threads=1:repeat-headers=1:annexb=1",
    ),
    "h265": (
        "libx265",
        {"preset": "slow", "crf": "28"},
        "x265-params",
        f"keyint={INTERVAL}:min-keyint={INTERVAL}:scenecut=0:bframes=0:ref=1"
        ":open-gop=0:frame-threads=1:pools=none:repeat-headers=1:annexb=1:info=0"
        ":log-level=error",
    ),
}

#: NAL units that a decoder can do without: supplemental information.
SEI = {"h264": {6}, "h265": {39, 40}}

BACKGROUND, INK, FAINT, ACCENT = "#101820", "#f4f4f0", "#8899a8", "#f0b020"


def draw(size: tuple[int, int], time: Fraction, label: str) -> Image.Image:
    """One picture: the clock at C{time} (seconds), a bar that runs, and what it is."""
    width, height = size
    picture = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(picture)

    def write(text: str, part: float, x: float, y: float, ink: str, at: str) -> None:
        font = ImageFont.load_default(part * height)
        pen.text((x * width, y * height), text, ink, font, at)

    write("twistedcam", 0.12, 0.04, 0.12, INK, "lm")
    write(label, 0.075, 0.96, 0.12, FAINT, "rm")
    tenths = int(time * 10)
    # Each digit has its place, so that nothing jitters.
    for place, text in zip(
        (0.26, 0.45, 0.57, 0.69), f"{tenths // 10:02}.{tenths % 10}", strict=True
    ):
        write(text, 0.52, place, 0.5, ACCENT if text == "." else INK, "mm")
    write("s", 0.16, 0.80, 0.615, FAINT, "lm")
    # The bar crosses the picture once in two seconds, the ruler shows their tenths.
    for tick in range(21):
        x, tall = (0.04 + 0.92 * tick / 20) * width, 0.03 if tick % 10 else 0.06
        pen.line((x, (0.95 - tall) * height, x, 0.95 * height), FAINT, height // 180)
    left = (0.04 + 0.92 * float(time % 2) / 2) * width
    bar = (left, 0.82 * height, left + 0.02 * width, 0.95 * height)
    pen.rectangle(bar, fill=ACCENT)
    return picture


def pictures(size: tuple[int, int], rate: int, codec: str) -> Iterator[Image.Image]:
    """All pictures of a loop."""
    label = f"{codec} {size[0]}x{size[1]}"
    for number in range(LENGTH * rate):
        yield draw(size, Fraction(number, rate), label)


def nalUnits(data: bytes) -> Iterator[bytes]:
    """The NAL units of an access unit."""
    for piece in data.split(b"\0\0\1")[1:]:
        yield piece.rstrip(b"\0")


def encode(codec: str, size: tuple[int, int]) -> Iterator[tuple[bool, bytes]]:
    """All access units of a loop, and which of them are keyframes."""
    name, options, key, params = ENCODERS[codec]
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.framerate, context.time_base = Fraction(RATE), Fraction(1, RATE)
    context.options = {**options, key: params}

    def packets() -> Iterator[Any]:
        title = {"h264": "H.264", "h265": "H.265"}[codec]
        for number, picture in enumerate(pictures(size, RATE, title)):
            frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, context.time_base
            yield from context.encode(frame)
        yield from context.encode(None)

    for packet in packets():
        kept = []
        for unit in nalUnits(bytes(packet)):
            kind = unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F
            if kind not in SEI[codec]:
                kept.append(b"\0\0\0\1" + unit)
        yield packet.is_keyframe, b"".join(kept)


def jpegs() -> Iterator[tuple[bool, bytes]]:
    """All pictures as JPEG, with the standard's Huffman tables, as cameras do it."""
    for picture in pictures(SMALL, JPEG_RATE, "MJPEG"):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=45, subsampling=2)
        yield True, file.getvalue()


def store(
    name: str, size: tuple[int, int], rate: int, frames: Iterable[tuple[bool, bytes]]
) -> None:
    """Write one stream's file."""
    frames = list(frames)
    assert len(frames) == LENGTH * rate
    assert rate == JPEG_RATE or all(
        key == (number % INTERVAL == 0) for number, (key, _) in enumerate(frames)
    )
    path = CLIP / f"{name}.clip"
    with path.open("wb") as file:
        file.write(pack("<4sHHHH", b"CLIP", *size, rate, len(frames)))
        for key, data in frames:
            file.write(pack("<I", len(data) | key << 31))
        for _, data in frames:
            file.write(data)
    tell(path)


def sound() -> bytes:
    """One second of A-law, which is repeated."""
    samples = array("h")
    for number in range(SAMPLES):
        time = number / SAMPLES
        edge = min(time, BEEP_LENGTH - time) / BEEP_EDGE
        beep = BEEP_SIZE * min(max(edge, 0), 1) * sin(2 * pi * BEEP * time)
        samples.append(round(beep + HUM_SIZE * sin(2 * pi * HUM * time)))
    return encodeAlaw(samples)


def tell(path: Path) -> None:
    """Say how large a file has become."""
    print(f"{path.name:20} {path.stat().st_size:8}")


def main() -> None:
    """Make all files."""
    CLIP.mkdir(exist_ok=True)
    for codec in ENCODERS:
        store(f"{codec}-main", LARGE, RATE, encode(codec, LARGE))
        store(f"{codec}-sub", SMALL, RATE, encode(codec, SMALL))
    store("mjpeg", SMALL, JPEG_RATE, jpegs())
    path = CLIP / "sound.alaw"
    path.write_bytes(sound())
    tell(path)


if __name__ == "__main__":
    main()
