"""
Still pictures: anything that calls itself video, through libavcodec.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.media.codec import isKeyframe
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.jpeg import NoPicture, decodeToJpeg

_CODECS = (Codec.H264, Codec.H265, Codec.MJPEG, Codec.G711A)

#: Pictures in one input at most.
_FRAMES = 8


def target(data: bytes) -> None:
    """There is a JPEG, or there is none."""
    choices = Choices(data)
    frames = []
    for number in range(_FRAMES):
        if not choices:
            break
        codec, payload = choices.one(_CODECS), choices.blob()
        if payload:
            keyframe = isKeyframe(codec, payload)
            frames.append(Frame(codec, payload, keyframe, number, number, number))
    try:
        picture = decodeToJpeg(frames)
    except NoPicture:
        return
    check(frames[-1].codec is not None and bool(picture), "an empty picture")


def seeds() -> Iterator[bytes]:
    """Small pictures."""
    from tests.mediakit import pictures

    for place, codec in enumerate((Codec.H264, Codec.H265, Codec.MJPEG)):
        for size in ((64, 48), (16, 16)):
            script = Script()
            for frame in pictures(codec, 3, *size):
                script.byte(place).blob(frame.data)
            yield script.byte(3).blob(b"sound").done()
