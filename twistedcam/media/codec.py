"""
Which codec is it, and can a decoder start here?  The data tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..wire import av
from .frame import Codec

_START_CODE = re.compile(rb"\x00\x00\x01")
_JPEG = b"\xff\xd8"

#: NAL units to look at: what tells a keyframe stands in front.
_LOOK_AT = 8

#: First bytes of NAL units of H.265: TRAIL, IDR and CRA pictures, parameter sets.
_H265_FIRST = frozenset((0x00, 0x02, 0x26, 0x28, 0x2A, 0x40, 0x42, 0x44))

#: Types of NAL units of H.264: slices and parameter sets.
_H264_TYPES = frozenset((1, 5, 7, 8))

_BY_TYPE = {
    av.H264_KEY: Codec.H264,
    av.H264_DELTA: Codec.H264,
    av.MJPEG: Codec.MJPEG,
    av.H265_KEY: Codec.H265,
    av.H265_DELTA: Codec.H265,
    av.ADPCM: Codec.ADPCM,
    av.G711A: Codec.G711A,
}


def videoCodec(kind: int, data: bytes) -> Codec | None:
    """
    What a frame of video is; the head's C{kind} decides where the data leaves
    room for doubt.  L{None}: nothing that we know.
    """
    if data.startswith(_JPEG):
        return Codec.MJPEG
    match = _START_CODE.search(data, 0, 64)
    if match is None or match.end() + 1 >= len(data):
        return None
    first, second = data[match.end()], data[match.end() + 1]
    # In H.265 forbidden bit and layer are zero, the temporal id is 1; nothing that
    # H.264 begins with goes on with a 1.
    if first in _H265_FIRST and second == 1:
        return Codec.H265
    if first & 0x80 == 0 and first & 0x1F in _H264_TYPES:
        return Codec.H264
    claimed = _BY_TYPE.get(kind)
    return claimed if claimed in (Codec.H264, Codec.H265) else None


def audioCodec(kind: int) -> Codec | None:
    """What a packet of sound is: it has no marks of its own."""
    claimed = _BY_TYPE.get(kind)
    return claimed if claimed in (Codec.ADPCM, Codec.G711A) else None


def nalUnits(data: bytes) -> Iterator[bytes]:
    """The NAL units of an access unit, without their start codes."""
    starts = [match.end() for match in _START_CODE.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    for start, end in zip(starts, ends, strict=False):
        yield data[start:end].rstrip(b"\0")


def isKeyframe(codec: Codec, data: bytes) -> bool:
    """Can a decoder start with this frame?"""
    if codec is Codec.H264:
        # Is the first slice (types 1 to 5) one of an IDR picture?
        slices = (nal & 0x1F for nal in _firstBytes(data) if 1 <= nal & 0x1F <= 5)
        return next(slices, 0) == 5
    if codec is Codec.H265:
        # Pictures that nothing before is needed for: BLA, IDR, CRA.
        return any(16 <= nal >> 1 & 0x3F <= 21 for nal in _firstBytes(data))
    return True


def _firstBytes(data: bytes) -> Iterator[int]:
    """The first byte of each of the first NAL units."""
    for number, match in enumerate(_START_CODE.finditer(data)):
        if number == _LOOK_AT:
            return
        if match.end() < len(data):
            yield data[match.end()]
