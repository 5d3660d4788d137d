"""
The clip that an emulated camera shows: ten seconds of a running clock, encoded
beforehand, so that emulating needs no codec library.  C{tools/make_clip.py} makes
it.

A stream's file, little endian: C{CLIP}, width, height, frames per second and number
of frames (u16 each); for each frame a u32, its length in bytes with the top bit set
for a keyframe; then the frames.  They are access units of H.264 or H.265 with start
codes, parameter sets in front of each keyframe and no B-frames, or JPEGs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from struct import Struct

from ..wire import av

_HEAD = Struct("<4sHHHH")
_KEY = 1 << 31


@dataclass(frozen=True, slots=True)
class Clip:
    """
    One encoding of the clip; it starts with a keyframe, and can be looped.

    @ivar width: in pixels.
    @ivar height: in pixels.
    @ivar rate: frames per second, if it is to be watched.
    @ivar frames: without the camera's heads.
    @ivar keys: which of them are keyframes.
    """

    width: int
    height: int
    rate: int
    frames: tuple[bytes, ...]
    keys: frozenset[int]


@dataclass(frozen=True, slots=True)
class Codec:
    """
    A way to encode pictures.

    @ivar main: the name of the clip of the main stream.
    @ivar sub: the name of the clip of the others.
    @ivar types: what heads call keyframes and others.
    @ivar raw: the types of the encoder's own packets, which heads tell, too
        (byte 0x1B): those of HiSilicon's encoder.
    """

    main: str
    sub: str
    types: tuple[int, int]
    raw: tuple[int, int]


CODECS = {
    "h264": Codec("h264-main", "h264-sub", (av.H264_KEY, av.H264_DELTA), (5, 1)),
    "h265": Codec("h265-main", "h265-sub", (av.H265_KEY, av.H265_DELTA), (19, 1)),
    "mjpeg": Codec("mjpeg", "mjpeg", (av.MJPEG, av.MJPEG), (0, 0)),
}


@cache
def clip(name: str) -> Clip:
    """The clip of a name such as C{"h264-main"}."""
    data = (files(__package__) / "clip" / f"{name}.clip").read_bytes()
    _, width, height, rate, count = _HEAD.unpack_from(data)
    entries = Struct(f"<{count}I").unpack_from(data, _HEAD.size)
    start = _HEAD.size + 4 * count
    borders = accumulate((entry & ~_KEY for entry in entries), initial=start)
    return Clip(
        width,
        height,
        rate,
        tuple(data[begin:end] for begin, end in pairwise(borders)),
        frozenset(place for place, entry in enumerate(entries) if entry & _KEY),
    )
