"""
RTP: one track of a camera as packets, and the sender's reports (RTCP) with them.

libavformat cuts the frames; whoever sends the packets has to describe the track to
the receiver.
"""

from __future__ import annotations

from collections.abc import Callable

from .frame import Codec, Frame
from .mux import Muxer, NotMuxable, Piece

#: Bytes of a packet at most: an Ethernet frame has room for it and its headers.
MTU = 1400

#: The second byte of an RTCP packet; of an RTP packet it is the payload type.
_CONTROL = range(200, 205)


class RtpMuxer(Muxer):
    """
    Muxes one track, pictures or AAC; each piece is one packet.  L{Piece.keyframe} is
    set for all packets of a keyframe.
    """

    codecs = frozenset((Codec.H264, Codec.H265, Codec.MJPEG))
    buffer = MTU

    def __init__(
        self,
        deliver: Callable[[Piece], object],
        *,
        sound: bool = False,
        payloadType: int = 96,
        ssrc: int = 1,
        origin: float | None = None,
    ) -> None:
        """
        @param deliver: gets each packet.
        @param sound: the track is AAC, not pictures.
        @param payloadType: 96 to 127.
        @param ssrc: the sender's identity in the packets, of 31 bits.
        @param origin: what the frames' times count from, in seconds; L{None}: the
            first frame.
        """
        super().__init__(deliver, pictures=not sound, sound=sound, origin=origin)
        self._options = {"payload_type": str(payloadType), "ssrc": str(ssrc)}
        self._keyframe = False
        self._time = 0.0
        # RTP packets so far, reports not counted.
        self._sent = 0

    def mux(self, frame: Frame) -> None:
        """
        See L{Muxer.mux}.

        @raise NotMuxable: also for a JPEG with Huffman tables of its own, for which
            RTP has no place (RFC 2435).
        """
        if frame.codec is Codec.MJPEG and self._sent == 0 and self.frames:
            raise NotMuxable("a JPEG with unusual tables does not go into RTP")
        super().mux(frame)

    def _open(self, video: Codec | None) -> tuple[str, dict[str, str]]:
        return "rtp", self._options

    def _mime(self, codecs: str) -> str:
        return "application/sdp"

    def _muxing(self, frame: Frame, seconds: float) -> None:
        self._keyframe, self._time = frame.keyframe, seconds

    def _pieces(self, writes: list[bytes]) -> list[Piece]:
        self._sent += sum(not isControl(packet) for packet in writes)
        return [
            Piece(packet, keyframe=self._keyframe, time=self._time) for packet in writes
        ]


def isControl(packet: bytes) -> bool:
    """Is this RTCP, or else RTP?"""
    return len(packet) > 1 and packet[1] in _CONTROL
