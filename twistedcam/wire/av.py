"""
The head in front of each frame of video and sound on channels 1, 2 and 4.

32 bytes, little endian: magic 55 AA 15 A8, type u8, stream u8, milliseconds u16,
seconds u32 (both of the camera's clock), frame number u32, length of the data
u32, eight small ones, and two i16 that hold the decoder's state for ADPCM and the
frame rate for video.  Only magic, type and length can be relied on.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from ..errors import WireError

MAGIC = b"\x55\xaa\x15\xa8"
HEAD = Struct("<4sBBHIII8Bhh")

#: Bytes of data in a frame at most: the largest that a camera can send is 256 KiB,
#: head included; others of the family go up to twice that.
MAX_FRAME = 512 * 1024

#: Types of frames.
H264_KEY, H264_DELTA = 0, 1
MJPEG = 3
ADPCM, G711A = 6, 7
TALK = 8
H265_KEY, H265_DELTA = 16, 17
RECORD_START, RECORD_END = 99, 100


@dataclass(frozen=True, slots=True)
class FrameHead:
    """
    One head.

    @ivar type: see the constants; the data itself has the last word.
    @ivar stream: 0 live video, 1 sound, 4 a recorded file.
    @ivar milliseconds: 0 to 999.
    @ivar seconds: since the epoch, by the camera's clock.
    @ivar number: counts frames; sound counts its own.
    @ivar length: bytes of data that follow.
    @ivar small: eight bytes from 0x14: version, resolution, session...
    @ivar first: 0x1C: ADPCM predictor, or the frame rate.
    @ivar second: 0x1E: ADPCM step index, or the frame rate again.
    """

    type: int
    stream: int
    milliseconds: int
    seconds: int
    number: int
    length: int
    small: bytes = bytes(8)
    first: int = 0
    second: int = 0

    @property
    def time(self) -> float:
        """The camera's clock, in seconds."""
        return self.seconds + self.milliseconds / 1000

    @classmethod
    def fromBytes(cls, data: bytes | bytearray, offset: int = 0) -> FrameHead:
        """
        Read a head.

        @raise WireError: there is none at this place, or its length is absurd.
        """
        if len(data) - offset < HEAD.size:
            raise WireError("a frame head is cut off", len(data))
        magic, kind, stream, ms, seconds, number, length, *rest = HEAD.unpack_from(
            data, offset
        )
        if magic != MAGIC:
            raise WireError("no frame magic", offset, data[offset])
        if length > MAX_FRAME:
            raise WireError(
                f"a frame of {length} bytes", offset + 16, data[offset + 16]
            )
        return cls(
            kind, stream, ms, seconds, number, length, bytes(rest[:8]), rest[8], rest[9]
        )

    def toBytes(self) -> bytes:
        """The 32 bytes."""
        return HEAD.pack(
            MAGIC,
            self.type,
            self.stream,
            self.milliseconds,
            self.seconds,
            self.number,
            self.length,
            *self.small,
            self.first,
            self.second,
        )
