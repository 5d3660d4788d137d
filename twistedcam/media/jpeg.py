"""
A picture of video as a JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from ..errors import TwistedcamError
from .frame import Codec, Frame
from .parameters import PICTURE_LIMITS

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

#: Quantiser of the JPEG encoder, 2 (large) to 31 (ugly): about quality 90.
_QUANTISER = "3"


class NoPicture(TwistedcamError):
    """Nothing could be decoded."""


def decodeToJpeg(frames: Sequence[Frame]) -> bytes:
    """
    The last picture of C{frames}.

    It takes as long as it takes to decode all of them, some milliseconds each: call
    it in a thread.  A JPEG is returned as it is, at once.

    @param frames: from a keyframe on, as cameras sent them; sound is skipped.
    @raise NoPicture: nothing could be decoded.
    """
    pictures = [frame for frame in frames if frame.codec.isVideo]
    if not pictures:
        raise NoPicture("no pictures")
    codec = pictures[-1].codec
    if codec is Codec.MJPEG:
        return pictures[-1].data
    last = _decodeLast(codec, [frame for frame in pictures if frame.codec is codec])
    if last is None:
        raise NoPicture(f"none of {len(pictures)} frames could be decoded")
    try:
        return _encode(last)
    except (av.FFmpegError, ValueError) as error:
        raise NoPicture(f"libavcodec: {error}") from error


def _decodeLast(codec: Codec, frames: Sequence[Frame]) -> av.VideoFrame | None:
    decoder = av.CodecContext.create(codec.value, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    # The reactor and other decoders want processors too.
    decoder.thread_count = 1
    decoder.options = PICTURE_LIMITS
    packets: list[Packet[Stream] | None] = []
    for number, frame in enumerate(frames):
        packet: Packet[Stream] = av.Packet(frame.data)
        packet.pts = packet.dts = number
        packets.append(packet)
    last = None
    for each in [*packets, None]:
        try:
            pictures = decoder.decode(each)
        except av.FFmpegError:
            continue  # one damaged frame; the next one may do
        if pictures:
            last = pictures[-1]
    return last


def _encode(picture: av.VideoFrame) -> bytes:
    # JPEG has the full range of values, video mostly has not.
    full = picture.reformat(format="yuvj420p")
    encoder = av.CodecContext.create("mjpeg", "w")
    assert encoder.type == "video"
    encoder.width, encoder.height = full.width, full.height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.thread_count = 1
    encoder.options = {"qmin": _QUANTISER, "qmax": _QUANTISER}
    full.pts = 0
    full.time_base = encoder.time_base
    return b"".join(
        bytes(packet) for packet in [*encoder.encode(full), *encoder.encode()]
    )
