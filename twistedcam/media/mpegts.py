"""
MPEG transport streams: H.264 or H.265, and AAC.

A picture leaves as soon as it is muxed or, with sound, as soon as the next frame of
either kind is.  There are program tables in front of each picture, so one can start
at any keyframe.  A TS has no place for MJPEG (libavformat would write it, as private
data that no player knows).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .frame import Codec, Frame
from .mux import Muxer, Piece

PACKET = 188

#: Packets of these identifiers are tables: PAT, SDT, and our one PMT.
_TABLES = frozenset((0x0000, 0x0011, 0x1000))

#: No other tables than those in front of pictures (seconds).
_RARELY = "100000"

_OPTIONS = {
    "mpegts_flags": "pat_pmt_at_frames",
    "pat_period": _RARELY,
    "sdt_period": _RARELY,
    # Don't collect sound.
    "pes_payload_size": "0",
}


class TsMuxer(Muxer):
    """
    Muxes an MPEG transport stream.

    Each piece begins with a picture's tables, and L{Piece.keyframe} tells what
    picture it is; sound follows it in a piece of its own or in the same one.
    """

    container = "MPEG-TS"
    codecs = frozenset((Codec.H264, Codec.H265))

    def __init__(
        self,
        deliver: Callable[[Piece], object],
        *,
        sound: bool = False,
        origin: float | None = None,
    ) -> None:
        """
        @param deliver: gets each piece.
        @param sound: is there a track of sound?
        @param origin: what the frames' times count from, in seconds; L{None}: the
            first frame.
        """
        super().__init__(deliver, sound=sound, origin=origin)
        # Pictures within libavformat, which keeps their order: time and keyframe.
        self._inside: deque[tuple[float, bool]] = deque()

    def _open(self, video: Codec | None) -> tuple[str, dict[str, str]]:
        return "mpegts", _OPTIONS

    def _mime(self, codecs: str) -> str:
        return "video/mp2t"

    def _muxing(self, frame: Frame, seconds: float) -> None:
        if frame.codec.isVideo:
            self._inside.append((seconds, frame.keyframe))

    def _pieces(self, writes: list[bytes]) -> list[Piece]:
        # Each write begins with a TS packet, and each frame with a write.
        pieces: list[tuple[list[bytes], float, bool]] = []
        for data in writes:
            if (data[1] << 8 | data[2]) & 0x1FFF in _TABLES and self._inside:
                pieces.append(([data], *self._inside.popleft()))
            elif pieces:
                pieces[-1][0].append(data)
            else:
                pieces.append(([data], self._newest, False))
        return [
            Piece(b"".join(parts), keyframe=keyframe, time=time)
            for parts, time, keyframe in pieces
        ]
