"""
One picture, or one packet of sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Codec(Enum):
    """What the data of a frame is; the values are libavformat's names."""

    H264 = "h264"
    H265 = "hevc"
    MJPEG = "mjpeg"
    ADPCM = "adpcm_ima"
    G711A = "pcm_alaw"
    AAC = "aac"

    @property
    def isVideo(self) -> bool:
        """Pictures, or else sound?"""
        return self in (Codec.H264, Codec.H265, Codec.MJPEG)


@dataclass(frozen=True, slots=True)
class Frame:
    """
    A picture (an access unit of H.264 or H.265 with start codes, or a JPEG), or a
    packet of sound (AAC: raw, without ADTS; cameras send none, we make it).

    @ivar codec: told from the data.
    @ivar data: without the camera's head.
    @ivar keyframe: can a decoder start here?  Every JPEG and packet of sound is one.
    @ivar time: when to present it, in seconds; never goes back, whatever the
        camera's clock does.
    @ivar number: the camera's count.
    @ivar arrived: when its last byte came, in seconds of the clock passed in.
    @ivar gap: something is missing between the frame before and this one.
    @ivar predictor: state of the ADPCM decoder, from the head.
    @ivar index: likewise.
    """

    codec: Codec
    data: bytes = field(repr=False)
    keyframe: bool
    time: float
    number: int
    arrived: float
    gap: bool = False
    predictor: int = 0
    index: int = 0
