"""
What a decoder must know before the first picture: parameter sets.

They say what a stream is: a container is opened for them, and cannot go on when they
change.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import av

from .frame import Codec

#: Pixels of a picture at most, twice what 4K has.  Seventy bytes can call themselves a
#: picture of 16,000 times 8,000, and cost a decoder hundreds of megabytes and a second.
MAX_PIXELS = 4096 * 4096

#: The same, for libavcodec.
PICTURE_LIMITS = {"max_pixels": str(MAX_PIXELS)}

_START_CODE = b"\0\0\1"

#: Types of NAL units: those of parameter sets (all of them are needed), and those of
#: slices, before which parameter sets stand.
_H264_SETS, _H264_SLICES = (7, 8), range(1, 6)
_H265_SETS, _H265_SLICES = (32, 33, 34), range(32)

#: Start of frame of a JPEG: C0 to CF, but for three that mean something else.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA


def parameterSets(codec: Codec, data: bytes) -> tuple[bytes, ...]:
    """
    What stands in front of a picture's slices: parameter sets without start codes,
    each once; of a JPEG the frame header, which tells its size.

    @return: empty if there are none; they still may be lacking one.
    """
    if codec is Codec.MJPEG:
        header = _jpegHeader(data)
        return () if header is None else (header,)
    wanted = _H264_SETS if codec is Codec.H264 else _H265_SETS
    return tuple(
        dict.fromkeys(
            nal for nal in _leading(codec, data) if _kind(codec, nal) in wanted
        )
    )


def areComplete(codec: Codec, sets: tuple[bytes, ...]) -> bool:
    """Can a decoder start with these?"""
    if codec is Codec.MJPEG:
        return bool(sets)
    kinds = {_kind(codec, one) for one in sets}
    return kinds == set(_H264_SETS if codec is Codec.H264 else _H265_SETS)


def codecString(codec: Codec, sets: tuple[bytes, ...] = ()) -> str:
    """
    The codec as in RFC 6381, for C{codecs=} of a MIME type.

    @param sets: complete parameter sets, for video.
    """
    if codec is Codec.AAC:
        return "mp4a.40.2"  # Low Complexity, the profile that we encode
    if codec is Codec.MJPEG:
        return "mp4v.6C"
    if codec is Codec.H264:
        sps = next(one for one in sets if _kind(codec, one) == 7)
        return f"avc1.{sps[1:4].hex().upper()}"
    if codec is Codec.H265:
        return _hevcString(next(one for one in sets if _kind(codec, one) == 33))
    raise ValueError(f"{codec.value} is not for containers")


def pictureSize(codec: Codec, data: bytes) -> tuple[int, int]:
    """
    Width and height of the pictures.

    @param data: a keyframe with its parameter sets.
    @return: zeros if nothing can be made of it, or there are more than L{MAX_PIXELS}.
    """
    source = BytesIO(data)
    try:
        with av.open(
            source, "r", format=codec.value, options=PICTURE_LIMITS
        ) as container:
            stream = container.streams.video[0]
            width, height = stream.width, stream.height
    except (av.FFmpegError, IndexError):
        return 0, 0
    return (width, height) if width * height <= MAX_PIXELS else (0, 0)


def _hevcString(sps: bytes) -> str:
    """ISO 14496-15, annex E: profile, compatibility, tier and level, constraints."""
    # Behind the NAL unit's header and a byte comes profile_tier_level, of 12 bytes.
    # Before any zeros there may be an emulation prevention byte.
    level = _withoutEmulation(sps[:32])[3:15].ljust(12, b"\0")
    space = ("", "A", "B", "C")[level[0] >> 6]
    tier = "H" if level[0] & 0x20 else "L"
    flags = int.from_bytes(level[1:5], "big")
    reversedFlags = int(f"{flags:032b}"[::-1], 2)
    constraints = level[5:11].rstrip(b"\0")
    parts = [
        f"hvc1.{space}{level[0] & 0x1F}",
        f"{reversedFlags:X}",
        f"{tier}{level[11]}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)


def _withoutEmulation(nal: bytes) -> bytes:
    return nal.replace(b"\0\0\3", b"\0\0")


def _kind(codec: Codec, nal: bytes) -> int:
    return nal[0] & 0x1F if codec is Codec.H264 else nal[0] >> 1 & 0x3F


def _leading(codec: Codec, data: bytes) -> Iterator[bytes]:
    """The NAL units before the first slice; what follows is not even searched."""
    slices = _H264_SLICES if codec is Codec.H264 else _H265_SLICES
    start = data.find(_START_CODE) + 3
    while (
        3 <= start < len(data) and _kind(codec, data[start : start + 1]) not in slices
    ):
        following = data.find(_START_CODE, start)
        end = len(data) if following < 0 else following
        # A start code may have a zero more in front, which is nobody's.
        if nal := data[start:end].rstrip(b"\0"):
            yield nal
        start = following + 3


def _jpegHeader(data: bytes) -> bytes | None:
    """The frame header of a JPEG, from its marker on."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _SOF:
            return data[place:end]
        if marker == _START_OF_SCAN:
            return None
        place = end
    return None
