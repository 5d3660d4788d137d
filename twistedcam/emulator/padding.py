"""
Frames made larger, so that a stream has the rate one wants: for tests of load.

What is added, decoders throw away: a filler NAL unit behind the picture in H.264
(type 12) and H.265 (type 38), comment segments in front of it in JPEG.
"""

from __future__ import annotations

from functools import lru_cache

from ..wire.av import HEAD
from .clips import clip

#: Bytes of a frame at most: a camera sends 262,144, head included.
MAX_DATA = 262144 - HEAD.size

#: The start of a filler NAL unit; bytes 0xFF and one 0x80 follow.
_FILLERS = {
    "h264": b"\x00\x00\x00\x01\x0c",
    "h265": b"\x00\x00\x00\x01\x4c\x01",
}
_END = b"\x80"

#: A JPEG comment: the marker, and bytes from its length field on at most.
_COMMENT, _COMMENT_MOST = b"\xff\xfe", 65535


@lru_cache(16)
def padded(name: str, rate: int, bitrate: int) -> tuple[bytes, ...]:
    """
    The frames of a clip, the smallest ones padded until all of them together have
    the bit rate.  They are kept and shared by all cameras of the process.

    @param name: as of L{clip}.
    @param rate: frames per second.
    @param bitrate: bits per second, without heads; what is less than the clip has
        anyway changes nothing.
    """
    frames = clip(name).frames
    codec = name.partition("-")[0]
    level = _level([len(frame) for frame in frames], bitrate / 8 / rate)
    return tuple(pad(codec, frame, level) for frame in frames)


def pad(codec: str, frame: bytes, size: int) -> bytes:
    """
    Make one frame as large as that.

    @param codec: C{"h264"}, C{"h265"} or C{"mjpeg"}.
    @param size: bytes; if that is too little to add anything, nothing is added.
    """
    lack = size - len(frame)
    if codec == "mjpeg":
        # Behind the start of the image and its first segment, which is JFIF's.
        place = 4 + int.from_bytes(frame[4:6], "big")
        return frame[:place] + _comments(lack) + frame[place:]
    filler = _FILLERS[codec]
    free = lack - len(filler) - len(_END)
    return frame if free < 0 else frame + filler + b"\xff" * free + _END


def _comments(size: int) -> bytes:
    """JPEG comments of so many bytes, or none if that is less than one needs."""
    comments = []
    while size >= 4:
        length = min(size - 2, _COMMENT_MOST)
        if 0 < size - 2 - length < 4:
            length -= 4
        comments.append(_COMMENT + length.to_bytes(2, "big") + b" " * (length - 2))
        size -= 2 + length
    return b"".join(comments)


def _level(sizes: list[int], mean: float) -> int:
    """Which least size gives this mean size?"""
    rest, left = mean * len(sizes), len(sizes)
    for size in sorted(sizes, reverse=True):
        # The largest ones stay as they are, the others share what remains.
        if size * left <= rest:
            break
        rest, left = rest - size, left - 1
    return min(round(rest / left), MAX_DATA) if left and rest > 0 else 0
