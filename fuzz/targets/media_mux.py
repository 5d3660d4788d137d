"""
Containers: frames of anything, at any time, into each of the muxers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.media.codec import isKeyframe
from twistedcam.media.fmp4 import Mp4Muxer, TracksMuxer
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mpegts import PACKET, TsMuxer
from twistedcam.media.mux import Muxer, MuxError, NotMuxable, Piece, SegmentOver
from twistedcam.media.parameters import MAX_PIXELS, pictureSize
from twistedcam.media.rtp import HEAD, MTU, Burst, RtpMuxer, checkRtp

MAX_LEN = 8192

#: Frames in one input at most: each costs libavformat some microseconds.
_FRAMES = 200

_CODECS = (
    Codec.H264,
    Codec.H265,
    Codec.MJPEG,
    Codec.AAC,
    Codec.ADPCM,
    Codec.G711A,
)

#: Seconds from one frame to the next.
_STEPS = (1 / 15, 0.001, 0.0, 0.128, 1.0, 9.9, 30.0, 3599.0, 4000.0, -0.5, -11.0, 1e9)

#: Bytes in front of each frame's own, and of a file's own, at most.
_FRAME_HEAD, _FILE_HEAD = 2000, 20_000

_Deliver = Callable[[Piece], object]

_Any = Muxer | TracksMuxer

_MUXERS: tuple[Callable[[_Deliver], _Any], ...] = (
    Mp4Muxer,
    lambda deliver: Mp4Muxer(deliver, sound=True),
    lambda deliver: Mp4Muxer(deliver, sound=True, index=True),
    TracksMuxer,
    lambda deliver: TracksMuxer(deliver, sound=True),
    TsMuxer,
    lambda deliver: TsMuxer(deliver, sound=True),
    RtpMuxer,
)


class Act(IntEnum):
    """What may happen."""

    FRAME = 0
    AGAIN = 1
    CLOSE = 2


ACTS = tuple(Act)


class _File:
    """One muxer, and what it delivers."""

    def __init__(self, make: Callable[[_Deliver], _Any]) -> None:
        self.taken = self.frames = self.delivered = 0
        self.tracks: set[int] = set()
        self.muxer = make(self.deliver)

    @property
    def closed(self) -> bool:
        """Does it take nothing any more?"""
        if isinstance(self.muxer, TracksMuxer):
            sound = self.muxer._sound
            return self.muxer._pictures.closed or bool(sound and sound.closed)
        return self.muxer.closed

    def deliver(self, piece: Piece) -> None:
        """A piece of the file."""
        self.delivered += len(piece.data)
        check(bool(piece.data), "an empty piece")
        check(piece.duration >= 0, f"it lasts {piece.duration} s")
        if isinstance(self.muxer, TsMuxer):
            check(len(piece.data) % PACKET == 0, "no whole packets")
            check(piece.data[0] == 0x47, "no packet")
        elif isinstance(self.muxer, RtpMuxer):
            assert isinstance(piece, Burst)
            check(bool(piece.packets), "no packets")
            for packet in piece.packets:
                check(HEAD < len(packet) <= MTU, f"a packet of {len(packet)} bytes")
        else:
            # One file may begin but once, and with that.
            check(piece.init == (piece.track not in self.tracks), "where is the init?")
            self.tracks.add(piece.track)
        limit = self.taken + _FRAME_HEAD * self.frames + _FILE_HEAD
        check(self.delivered <= limit, f"{self.delivered} bytes of {self.taken}")

    def mux(self, frame: Frame) -> bool:
        """Take a frame; false if another file is wanted for it."""
        self.taken += 2 * len(frame.data)
        self.frames += 1
        try:
            self.muxer.mux(frame)
        except SegmentOver as over:
            check(not self.closed, "closed, when it is only over")
            check(bool(str(over)), "no reason")
            return False
        except NotMuxable:
            check(not self.closed, "closed, for a frame that was not taken")
        except MuxError:
            check(self.closed, "it failed, and is still open")
        check(len(self.muxer.mimeTypes) <= 2, "too many files")
        return True

    def close(self) -> None:
        """The end, twice."""
        self.muxer.close()
        self.muxer.close()
        check(self.closed, "closed, and still open")
        muxer = self.muxer
        failure = muxer.failure if isinstance(muxer, Muxer) else None
        if failure is not None:
            check(isinstance(failure, (OSError, ValueError, MuxError)), repr(failure))


def target(data: bytes) -> None:
    """Whatever the frames are, only L{MuxError}s come out."""
    choices = Choices(data)
    make = choices.one(_MUXERS)
    time = 1000.0
    file = _File(make)
    frames: list[tuple[Codec, bytes]] = []
    for number in range(_FRAMES):
        if not choices:
            break
        act = choices.one(ACTS)
        if act is Act.CLOSE:
            file.close()
            file = _File(make)
            continue
        if act is Act.FRAME or not frames:
            frames.append((choices.one(_CODECS), choices.blob()))
            _look(*frames[-1])
            codec, payload = frames[-1]
        else:
            codec, payload = choices.one(frames)
        time += choices.one(_STEPS)
        keyframe = isKeyframe(codec, payload)
        frame = Frame(codec, payload, keyframe, time, number, time)
        if not file.mux(frame):
            file.close()
            file = _File(make)
            check(file.mux(frame), "a new file is over before it begins")
        if file.closed:
            file = _File(make)
    file.close()


def _look(codec: Codec, payload: bytes) -> None:
    """Is it fit for RTP, and how large is it?"""
    if not codec.isVideo:
        return
    width, height = pictureSize(codec, payload)
    check(0 <= width * height <= MAX_PIXELS, f"{width}x{height}")
    try:
        checkRtp(Frame(codec, payload, isKeyframe(codec, payload), 0.0, 0, 0.0))
    except MuxError:
        pass


def seeds() -> Iterator[bytes]:
    """Small pictures and sound, into each muxer."""
    from tests.mediakit import pictures, sound

    spoken = sound()
    for number in range(len(_MUXERS)):
        for place, codec in enumerate((Codec.H264, Codec.H265, Codec.MJPEG)):
            film = pictures(codec, 12, 64, 48)
            script = Script(number)
            for frame, heard in zip(film, spoken, strict=False):
                script.byte(Act.FRAME, place).blob(_plain(frame.data)).byte(0)
                script.byte(Act.FRAME, 3).blob(heard.data).byte(2)
            for again in (0, 1, 2, 3, 0, 5):
                script.byte(Act.AGAIN, again, again + 3)
            yield script.byte(Act.CLOSE, Act.AGAIN, 0, 0, Act.AGAIN, 1, 8).done()


def _plain(data: bytes) -> bytes:
    """Without the half kilobyte in which the encoder tells of itself."""
    begin = data.find(b"\0\0\1\6\5")
    end = data.find(b"\0\0\1", begin + 3)
    return data if min(begin, end) < 0 else data[:begin] + data[end:]
