"""
RTP: the frames of a track as packets.

libavformat cuts pictures; sound fits into packets as it is.  The packets are those of
nobody in particular: each receiver needs a number, a time stamp and a sender of his
own in their heads, and a description of the track.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .frame import Codec, Frame
from .mux import VIDEO_RATE, Muxer, NotMuxable, Piece
from .sound import SOUND_RATE, SOUND_SAMPLES

#: Bytes of a packet at most: an Ethernet frame has room for it and its headers.
MTU = 1400

#: Payload types: those that RFC 3551 gives to JPEG and A-law, and free ones.
PAYLOAD_TYPES = {
    Codec.H264: 96,
    Codec.H265: 96,
    Codec.MJPEG: 26,
    Codec.AAC: 97,
    Codec.G711A: 8,
}

#: Ticks a second of a track's time stamps.
CLOCK_RATES = {
    Codec.H264: VIDEO_RATE,
    Codec.H265: VIDEO_RATE,
    Codec.MJPEG: VIDEO_RATE,
    Codec.AAC: SOUND_RATE,
    Codec.G711A: SOUND_RATE,
}

#: Bytes of a packet's head.
HEAD = 12

#: The first byte of a packet, and what the second one's top bit says: a picture, or a
#: frame of AAC, ends here; A-law begins after a pause.
_VERSION, _MARK = 0x80, 0x80

#: Samples of a packet of A-law at most: 40 ms, which telephones can do as well.
_SAMPLES = 320

#: RTP tells a JPEG's width and height in a byte each, in units of 8.
_MOST = 255 * 8


@dataclass(frozen=True, slots=True)
class Burst(Piece):
    """
    The packets of a frame; C{data} is all of them, C{time} is the L{Frame.time}.

    @ivar codec: what is in them.
    @ivar ticks: the frame's time in ticks of the track's clock, with no upper bound.
    @ivar packets: parts of C{data}; only the first two bytes of each head, and what
        follows the head, are of use.
    """

    codec: Codec = Codec.H264
    ticks: int = 0
    packets: tuple[memoryview, ...] = ()


def burst(
    frame: Frame, ticks: int, packets: list[bytes], time: float | None = None
) -> Burst:
    """
    Tie packets together.

    @param time: default: the frame's.
    """
    data = b"".join(packets)
    view = memoryview(data)
    borders = accumulate(map(len, packets), initial=0)
    return Burst(
        data,
        keyframe=frame.keyframe,
        time=frame.time if time is None else time,
        track=0 if frame.codec.isVideo else 1,
        codec=frame.codec,
        ticks=ticks,
        packets=tuple(view[begin:end] for begin, end in pairwise(borders)),
    )


class RtpMuxer(Muxer):
    """
    Cuts pictures; each piece is the L{Burst} of one.
    """

    container = "RTP"
    codecs = frozenset((Codec.H264, Codec.H265, Codec.MJPEG))
    buffer = MTU

    def __init__(
        self, deliver: Callable[[Piece], object], *, sound: bool = False
    ) -> None:
        """
        @param deliver: gets each burst.
        @param sound: there must be none: see L{SoundPackets}.
        """
        assert not sound
        super().__init__(deliver)
        self._frame: Frame | None = None
        self._bursts = 0

    def mux(self, frame: Frame) -> None:
        """
        See L{Muxer.mux}.

        @raise NotMuxable: also for a JPEG that RTP has no place for (RFC 2435), such
            as one with Huffman tables of its own.
        """
        if frame.codec is Codec.MJPEG:
            _checkJpeg(frame.data)
        frames, bursts = self.frames, self._bursts
        super().mux(frame)
        if self.frames > frames and self._bursts == bursts:
            raise NotMuxable(f"RTP has no place for such {frame.codec.value}")

    def _open(self, video: Codec | None) -> tuple[str, dict[str, str]]:
        assert video is not None
        # Reports have to fit what each receiver gets: they are not made here.
        return "rtp", {
            "payload_type": str(PAYLOAD_TYPES[video]),
            "rtpflags": "skip_rtcp",
        }

    def _mime(self, codecs: str) -> str:
        return "application/sdp"

    def _muxing(self, frame: Frame, seconds: float) -> None:
        self._frame = frame

    def _pieces(self, writes: list[bytes]) -> list[Piece]:
        frame, self._frame = self._frame, None
        if frame is None or not writes:
            return []
        self._bursts += 1
        last = self._tracks[True].last
        assert last is not None and self.origin is not None
        ticks = round(self.origin * VIDEO_RATE) + last
        return [burst(frame, ticks, writes)]


class SoundPackets:
    """
    Packs sound: AAC as RFC 3640 says (mode AAC-hbr), a frame a packet, or A-law.
    """

    def __init__(self) -> None:
        self._due: int | None = None

    def pack(self, frame: Frame) -> list[Burst]:
        """
        Pack a frame.

        @raise NotMuxable: it is neither AAC nor A-law.
        """
        ticks = round(frame.time * SOUND_RATE)
        # Frames follow each other exactly; don't let rounding part them.
        if self._due is not None and abs(ticks - self._due) <= 1:
            ticks = self._due
        isFirst = ticks != self._due
        if frame.codec is Codec.AAC:
            # One header, of 16 bits: size, and an index of 3 bits.
            head = b"\0\x10" + (len(frame.data) << 3).to_bytes(2, "big")
            self._due = ticks + SOUND_SAMPLES
            return [burst(frame, ticks, [_packet(frame.codec, True, head, frame.data)])]
        if frame.codec is not Codec.G711A:
            raise NotMuxable(f"{frame.codec.value} is no sound for RTP")
        length = len(frame.data)
        self._due = ticks + length
        # All of about the same size.
        count = max(-(-length // _SAMPLES), 1)
        borders = [length * part // count for part in range(count + 1)]
        return [
            burst(
                frame,
                ticks + begin,
                [_packet(frame.codec, isFirst and not begin, frame.data[begin:end])],
                frame.time + begin / SOUND_RATE,
            )
            for begin, end in pairwise(borders)
            if begin < end
        ]


def _packet(codec: Codec, mark: bool, *parts: bytes) -> bytes:
    """A packet with a head of which two bytes are true."""
    second = PAYLOAD_TYPES[codec] | (_MARK if mark else 0)
    return b"".join((bytes((_VERSION, second)), bytes(HEAD - 2), *parts))


def _checkJpeg(data: bytes) -> None:
    """
    What libavformat does not look at.

    @raise NotMuxable: RTP has no place for this JPEG.
    """
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        content = data[place + 4 : place + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(content[n : n + 2], "big") for n in (1, 3))
            if marker != 0xC0 or content[:1] != b"\x08":
                raise NotMuxable("only JPEGs with the baseline's coding go into RTP")
            if width > _MOST or height > _MOST:
                raise NotMuxable(f"a JPEG of {width}x{height} is too large for RTP")
        elif marker == 0xDD and any(content):
            raise NotMuxable("JPEGs with restart markers do not go into RTP")
        elif marker == 0xDA:
            return
        place += 2 + length


def checkRtp(frame: Frame) -> None:
    """
    Does a keyframe go into RTP?

    @raise NotMuxable: no; the text says why.
    """
    muxer = RtpMuxer(lambda piece: None)
    try:
        muxer.mux(frame)
    finally:
        muxer.close()
