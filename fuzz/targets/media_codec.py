"""
What the data of a picture tells: codec, keyframe, parameter sets.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.media.codec import audioCodec, isKeyframe, nalUnits, videoCodec
from twistedcam.media.frame import Codec
from twistedcam.media.parameters import areComplete, codecString, parameterSets

_VIDEO = (Codec.H264, Codec.H265, Codec.MJPEG)


def target(data: bytes) -> None:
    """Whatever a camera calls a picture can be looked at."""
    choices = Choices(data)
    kind = choices.byte()
    picture = choices.rest()
    codec = videoCodec(kind, picture)
    check(codec is None or codec in _VIDEO, f"{codec} is no video")
    audioCodec(kind)
    nals = list(nalUnits(picture))
    check(sum(map(len, nals)) <= len(picture), "more than there was")
    for codec in _VIDEO:
        keyframe = isKeyframe(codec, picture)
        check(isinstance(keyframe, bool), "neither yes nor no")
        sets = parameterSets(codec, picture)
        check(len(set(sets)) == len(sets), "one of them twice")
        check(all(sets), "an empty one")
        check(all(one in picture for one in sets), "made up")
        if codec is not Codec.MJPEG:
            check(set(sets) <= set(nals), "not one of the NAL units")
        if areComplete(codec, sets):
            text = codecString(codec, sets)
            check(text.isascii() and text.isprintable(), f"not fit: {text!r}")


def seeds() -> Iterator[bytes]:
    """The beginnings of real keyframes."""
    from fuzz.traffic import stream
    from twistedcam.wire.av import HEAD

    for kind, codec in ((0, "h264"), (16, "h265"), (3, "mjpeg")):
        film = stream(1, codec=codec)
        yield Script(kind).raw(film[HEAD.size : HEAD.size + 700]).done()
    for text in (
        b"\0\0\1\x67\x42\0\x1e\0\0\1\x68\xce\0\0\1\x65",
        b"\0\0\1\x67\0\0\1\x68\0\0\1\x05",
        b"\0\0\1\x40\1\0\0\1\x42\1\0\0\1\x44\1\0\0\1\x26\1",
        b"\0\0\1\x42\1\1\x60\0\0\3\0\0\3\0\0\0\1\0",
        b"\xff\xd8\xff\xff\xc0\0\x11\x08\0\x60\0\xa0\xff\xda\0\2",
        b"\0\0\1" * 30,
        b"\0" * 70 + b"\0\0\1\x65",
    ):
        yield Script(1).raw(text).done()
