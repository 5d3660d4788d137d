"""
Frames into containers: what all muxers have in common.

A muxer takes frames, in the order in which they come, and delivers pieces of a file.
Video is never encoded again.  It starts at a keyframe with parameter sets, and what
cannot go on in the same file (another codec, another resolution, a jump in time)
raises L{SegmentOver}, whereupon the caller opens another muxer with the same frame:

    >>> try:
    ...     muxer.mux(frame)
    ... except SegmentOver:
    ...     muxer.close()
    ...     muxer = Mp4Muxer(deliver)
    ...     muxer.mux(frame)

libavformat (PyAV) does the work, and three of its habits shape this module:

  - An exception raised by a file object travels through C code; only the first one
    comes out, all later ones are "Error in PyAV callback", also from C{close}.  So
    libavformat writes to a list that never fails, and what it wrote is delivered
    after it has returned: what C{deliver} raises comes out of C{mux} unchanged.
  - A muxer with two streams holds each packet until another one has come, since it
    wants to sort them, for up to ten seconds if one stream is silent.  C{SOON} makes
    it one packet.  Declare sound only for cameras that were heard.
  - PyAV drops libav's log messages unless somebody in the process calls
    C{av.logging.set_level}; then they go to Python's C{logging}, under C{libav}.
    Nothing here touches these settings, which are the process's, nor prints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, ClassVar

import av

from ..errors import TwistedcamError
from .frame import Codec, Frame
from .parameters import (
    MAX_PIXELS,
    PICTURE_LIMITS,
    areComplete,
    codecString,
    parameterSets,
)
from .sound import SOUND_BIT_RATE, SOUND_RATE, SOUND_SAMPLES

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.stream import Stream

#: Ticks of a video track's clock in a second.
VIDEO_RATE = 90_000

#: A time (seconds) so far behind, or ahead of, what a muxer has is a jump.  Players
#: wait where nothing was recorded; more than six hours do not fit into MP4's fields.
MAX_BACK, MAX_GAP = 10.0, 3600.0

#: What the first frame lasts (seconds), as far as the container must know beforehand.
_USUAL_STEP = 1 / 15

#: Make libavformat wait for no more than one packet of a silent stream.
SOON = {"max_interleave_delta": "1", "flush_packets": "1"}

_START_CODES = (b"\0\0\1", b"\0\0\0\1")

#: libavformat hands its bytes out in parts of at most so many: whole TS packets.
_BUFFER = 188 * 174


class MuxError(TwistedcamError):
    """A muxer cannot do it: it is closed, or libavformat failed."""


class NotMuxable(MuxError):
    """This codec does not go into this container."""


class SegmentOver(MuxError):
    """
    The frame was not taken, since it does not go on where the file ends: open
    another muxer.
    """


class ParametersChanged(SegmentOver):
    """Codec, resolution, or other parameters of the video have changed."""


class TimeJumped(SegmentOver):
    """The frame's time is far from what came before."""


@dataclass(frozen=True, slots=True)
class Piece:
    """
    Part of a file; all pieces together are the file.

    @ivar data: for MP4, the init segment or a fragment; for TS, a picture, and the
        sound that goes with it.
    @ivar init: needed before any other piece.
    @ivar keyframe: a player can start here, once it has the init segment.
    @ivar time: when its first frame is presented, in seconds since the file's start.
    @ivar duration: in seconds; 0 where that is unknown (TS).
    @ivar track: whose it is, where each track is a file of its own: 0 is pictures.
    """

    data: bytes
    init: bool = False
    keyframe: bool = False
    time: float = 0.0
    duration: float = 0.0
    track: int = 0


class Sink:
    """What libavformat sees as its file: it can be written to, and never fails."""

    def __init__(self) -> None:
        self._writes: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Called by PyAV."""
        self._writes.append(data)
        return len(data)

    def take(self) -> list[bytes]:
        """What was written since the last time."""
        writes, self._writes = self._writes, []
        return writes


class _Track:
    """
    One stream of a container.

    @ivar last: time stamp of its last packet, in ticks.
    """

    def __init__(self, stream: Stream, rate: int, step: float) -> None:
        """
        @param rate: ticks a second.
        @param step: from one frame to the next, in seconds, until it shows.
        """
        self.stream = stream
        self.rate = rate
        self.last: int | None = None
        self._timeBase = Fraction(1, rate)
        self._step = round(step * rate)

    def overlaps(self, frame: Frame, seconds: float) -> bool:
        """
        Does sound begin before the frame before it ends?  That happens where one
        encoder follows another; then a frame is too much.

        @param seconds: since the container's start.
        """
        return (
            frame.codec is Codec.AAC
            and self.last is not None
            and round(seconds * self.rate) < self.last + self._step - 1
        )

    def packet(self, frame: Frame, data: bytes, seconds: float) -> av.Packet[Stream]:
        """
        Pack a frame.

        @param data: what to take for the frame's.
        @param seconds: since the container's start.
        """
        ticks = round(seconds * self.rate)
        if self.last is not None:
            due = self.last + self._step
            if frame.codec is Codec.AAC:
                # Frames of sound follow each other exactly; don't let rounding part
                # them.
                if abs(ticks - due) <= 1:
                    ticks = due
            else:
                self._step = max(ticks - self.last, 1)
            ticks = max(ticks, self.last + 1)
        self.last = ticks
        packet = av.Packet(data)
        packet.stream = self.stream
        packet.time_base = self._timeBase
        # Cameras send no B-frames: pictures are shown in the order they come in.
        packet.pts = packet.dts = ticks
        packet.duration = self._step
        packet.is_keyframe = frame.keyframe
        return packet


class Muxer:
    """
    Base of all muxers.

    @cvar container: what people call it.
    @cvar codecs: the video that goes into this container.
    @cvar buffer: libavformat hands out as many bytes at once at most.
    @ivar origin: the L{Frame.time} that is the file's zero: given, or of the first
        frame; L{None} before.
    @ivar mimeType: with C{codecs=} where that is usual; L{None} before the first
        frame.
    @ivar size: width and height of the pictures, as far as libavcodec can tell.
    @ivar frames: taken, pictures and sound.
    @ivar dropped: not taken, since they came before the first usable keyframe, belong
        to no track, are empty, or are sound where there already is some.
    @ivar closed: no more frames are taken.
    @ivar failure: why the last bytes could not be delivered in L{close}.
    """

    container: ClassVar[str] = ""
    codecs: ClassVar[frozenset[Codec]] = frozenset()
    buffer: ClassVar[int] = _BUFFER

    def __init__(
        self,
        deliver: Callable[[Piece], object],
        *,
        pictures: bool = True,
        sound: bool = False,
        origin: float | None = None,
    ) -> None:
        """
        @param deliver: gets each piece, at once.  What it raises comes out of L{mux}.
        @param pictures: is there a video track?
        @param sound: is there a track of sound?
        @param origin: what the frames' times count from, in seconds; L{None}: the
            first frame.
        """
        self.origin = origin
        self.mimeType: str | None = None
        self.size = (0, 0)
        self.frames = self.dropped = 0
        self.closed = False
        self.failure: Exception | None = None
        self._deliver = deliver
        self._pictures = pictures
        self._sound = sound
        self._sink = Sink()
        self._container: OutputContainer | None = None
        self._tracks: dict[bool, _Track] = {}
        self._codec: Codec | None = None
        self._parameters: tuple[bytes, ...] = ()
        self._newest = 0.0

    @property
    def mimeTypes(self) -> tuple[str, ...]:
        """The type of the one file; empty before the first frame."""
        return () if self.mimeType is None else (self.mimeType,)

    def mux(self, frame: Frame) -> None:
        """
        Take the next frame, a picture or AAC.

        @raise SegmentOver: it does not go on here; nothing has been written, and the
            muxer is still open.
        @raise NotMuxable: the codec does not go into this container; likewise.
        @raise MuxError: the muxer is closed, or libavformat failed: now it is closed.
        @raise Exception: what C{deliver} raised; the muxer is closed now.
        """
        if self.closed:
            raise MuxError("the muxer is closed")
        if frame.codec not in self.codecs and frame.codec is not Codec.AAC:
            raise NotMuxable(f"{frame.codec.value} does not go into {self.container}")
        data = _payload(frame)
        wanted = self._pictures if frame.codec.isVideo else self._sound
        if not (wanted and data):
            self.dropped += 1
            return
        if frame.codec.isVideo and self._container is not None:
            self._compare(frame)
        if not self._admit(frame):
            self.dropped += 1
            return
        assert self.origin is not None and self._container is not None
        seconds = frame.time - self.origin
        track = self._tracks[frame.codec.isVideo]
        self._muxing(frame, seconds)
        try:
            for packet in self._ready(track.packet(frame, data, seconds)):
                self._container.mux_one(packet)
        except av.FFmpegError as error:
            self._abandon()
            # Some of these are OSErrors too, which would look like a full disk.
            raise MuxError(f"libavformat: {error}") from error
        self.frames += 1
        self._newest = max(self._newest, seconds)
        self._pass()

    def close(self) -> None:
        """
        Deliver what is left, and the end of the file; may be called more than once.
        Never raises: see L{failure}.
        """
        if self.closed:
            return
        self.closed = True
        container, self._container = self._container, None
        if container is None:
            return
        try:
            for packet in self._ready(None):
                container.mux_one(packet)
            container.close()
            for piece in self._pieces(self._sink.take()):
                self._deliver(piece)
        except Exception as error:
            self.failure = error
        self._tracks.clear()

    def _open(self, video: Codec | None) -> tuple[str, dict[str, str]]:
        """The name and options of libavformat's muxer."""
        raise NotImplementedError

    def _mime(self, codecs: str) -> str:
        """The MIME type, given C{codecs}."""
        raise NotImplementedError

    def _pieces(self, writes: list[bytes]) -> list[Piece]:
        """Cut what libavformat wrote."""
        raise NotImplementedError

    def _adjust(self, stream: Stream, codec: Codec) -> None:
        """Set what this container wants of a stream."""

    def _muxing(self, frame: Frame, seconds: float) -> None:
        """A frame is to be muxed."""

    def _ready(self, packet: av.Packet[Stream] | None) -> list[av.Packet[Stream]]:
        """
        What to give to libavformat now.

        @param packet: the next one; L{None}: there are no more.
        """
        return [] if packet is None else [packet]

    def _compare(self, frame: Frame) -> None:
        """Does this picture go on with what came before?"""
        if frame.codec is not self._codec:
            assert self._codec is not None
            raise ParametersChanged(f"{self._codec.value}, now {frame.codec.value}")
        if frame.keyframe:
            found = parameterSets(frame.codec, frame.data)
            if found and found != self._parameters:
                raise ParametersChanged(f"other parameters of {frame.codec.value}")

    def _admit(self, frame: Frame) -> bool:
        """Can this frame be taken?  The first that can opens the container."""
        if self._container is None and self._pictures:
            if not (frame.codec.isVideo and frame.keyframe):
                return False
            sets = parameterSets(frame.codec, frame.data)
            if not areComplete(frame.codec, sets):
                return False
        else:
            sets = ()
        origin = frame.time if self.origin is None else self.origin
        seconds = frame.time - origin
        if self._container is not None:
            ahead = seconds - self._newest
            if not -MAX_BACK <= ahead <= MAX_GAP:
                raise TimeJumped(f"by {ahead:+.3f} s")
        # Sound may come from before the first picture.
        track = self._tracks.get(frame.codec.isVideo)
        if seconds < 0 and (track is None or track.last is None):
            return False
        if self._container is None and not self._begin(frame, sets):
            return False
        self.origin = origin
        return not self._tracks[frame.codec.isVideo].overlaps(frame, seconds)

    def _begin(self, frame: Frame, sets: tuple[bytes, ...]) -> bool:
        """Open the container; false if nothing can be made of this keyframe."""
        video = frame.codec if frame.codec.isVideo else None
        name, options = self._open(video)
        container = av.open(
            self._sink,
            "w",
            format=name,
            container_options={**SOON, **options},
            buffer_size=self.buffer,
        )
        codecs = []
        try:
            if video is not None:
                stream = _pictureStream(container, frame)
                if stream is None:
                    return False
                self._adjust(stream, video)
                self._tracks[True] = _Track(stream, VIDEO_RATE, _USUAL_STEP)
                context = stream.codec_context
                if isinstance(context, av.VideoCodecContext):
                    self.size = (context.width, context.height)
                codecs.append(codecString(video, sets))
            if self._sound:
                template = _soundTemplate()
                heard = container.add_stream_from_template(template)
                heard.time_base = Fraction(1, SOUND_RATE)
                self._adjust(heard, Codec.AAC)
                self._tracks[False] = _Track(
                    heard, SOUND_RATE, SOUND_SAMPLES / SOUND_RATE
                )
                codecs.append(codecString(Codec.AAC))
            container.start_encoding()
        except av.FFmpegError:
            # What the keyframe says of itself makes no sense.
            self._tracks.clear()
            self._sink.take()
            return False
        self._container = container
        self._codec, self._parameters = video, sets
        self.mimeType = self._mime(", ".join(codecs))
        return True

    def _pass(self) -> None:
        """Deliver what libavformat wrote."""
        pieces = deque(self._pieces(self._sink.take()))
        try:
            # Whoever gets a piece may close the muxer.
            while pieces and not self.closed:
                self._deliver(pieces.popleft())
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Free everything; what is left goes nowhere."""
        self.closed = True
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except Exception as error:
                self.failure = error
        self._sink.take()
        self._tracks.clear()


def _payload(frame: Frame) -> bytes:
    """
    The frame's data, from the first start code on: libavformat refuses H.264 with
    anything before it.  Empty if there is none.
    """
    data = frame.data
    if frame.codec not in (Codec.H264, Codec.H265) or data.startswith(_START_CODES):
        return data
    place = data.find(_START_CODES[0])
    return data[place:] if place >= 0 else b""


def _pictureStream(container: OutputContainer, frame: Frame) -> Stream | None:
    """
    A track for pictures like this one.

    A stream can be made without a template, but then nobody could tell it its
    parameter sets, so libavformat's own demuxer has to read them from a keyframe.
    """
    try:
        with av.open(
            BytesIO(frame.data),
            "r",
            format=frame.codec.value,
            options=PICTURE_LIMITS,
        ) as source:
            template = source.streams.video[0]
            if not 0 < template.width * template.height <= MAX_PIXELS:
                return None
            # Opaque: by the decoder, since encoders may be missing.
            stream = container.add_stream_from_template(template, opaque=True)
    except av.FFmpegError:
        return None
    stream.time_base = Fraction(1, VIDEO_RATE)
    return stream


@cache
def _soundTemplate() -> AudioStream:
    """
    A track for our AAC, to copy from.

    Only an encoder knows the AudioSpecificConfig, and adding one to each container
    would keep it there, idle: so it is read from the header of an empty file.
    """
    empty = BytesIO()
    options = {"movflags": "empty_moov"}
    with av.open(empty, "w", format="mp4", container_options=options) as container:
        encoder = container.add_stream(
            "aac", rate=SOUND_RATE, layout="mono", bit_rate=SOUND_BIT_RATE
        )
        assert encoder.type == "audio"
        container.start_encoding()
        header = BytesIO(empty.getvalue())
    return av.open(header, "r").streams.audio[0]
