"""
Video as a row of JPEGs: for cameras that send such, as they come; for others decoded,
once for all who watch, in a thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import av
from av.codec.context import Flags
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..camera import Camera
from ..media.frame import Codec, Frame
from ..media.parameters import PICTURE_LIMITS
from ..reactors import Timers
from ..streams import Stream
from ..threads import InThread

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream as AvStream

#: Decoded pictures a second, unless told otherwise, and at most.
USUAL_FPS, MAX_FPS = 5.0, 15.0

#: Frames and bytes that may wait for the decoder; with more, it skips to the next
#: keyframe.
MAX_WAITING, MAX_WAITING_BYTES = 300, 16 << 20

#: Part of the time between two pictures that one may come early: they do not come as
#: regularly as they should.
_EARLY = 0.25

#: Quantiser of the JPEG encoder, 2 (large) to 31 (ugly).
_QUANTISER = "4"


class Decoder:
    """
    Decodes frames one after another; in a thread, but in one at a time.
    """

    def __init__(self) -> None:
        self._codec: Codec | None = None
        self._decoder: av.VideoCodecContext | None = None
        self._encoder: av.VideoCodecContext | None = None
        self._number = 0

    def decode(self, frames: list[Frame]) -> bytes | None:
        """
        The last picture of these as a JPEG.

        @param frames: those that follow the ones before; or else they begin with a
            keyframe.
        @return: L{None} if nothing can be made of them.
        """
        last = None
        for frame in frames:
            if self._decoder is None or frame.codec is not self._codec:
                if not frame.keyframe:
                    continue
                self._decoder = _openDecoder(frame.codec)
                self._codec = frame.codec
            packet: Packet[AvStream] = av.Packet(frame.data)
            self._number += 1
            packet.pts = packet.dts = self._number
            try:
                pictures = self._decoder.decode(packet)
            except av.FFmpegError:
                continue  # one damaged frame; the next one may do
            if pictures:
                last = pictures[-1]
        if last is None:
            return None
        try:
            return self._encode(last)
        except (av.FFmpegError, ValueError):
            self._encoder = None
            return None

    def _encode(self, picture: av.VideoFrame) -> bytes | None:
        # JPEG has the full range of values, video mostly has not.
        full = picture.reformat(format="yuvj420p")
        encoder = self._encoder
        size = full.width, full.height
        if encoder is None or (encoder.width, encoder.height) != size:
            self._encoder = encoder = _openEncoder(*size)
        full.pts = self._number
        full.time_base = encoder.time_base
        return b"".join(bytes(packet) for packet in encoder.encode(full)) or None


def _openDecoder(codec: Codec) -> av.VideoCodecContext:
    decoder = av.CodecContext.create(codec.value, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    # The reactor and other decoders want processors too.
    decoder.thread_count = 1
    decoder.options = PICTURE_LIMITS
    # Cameras send no B-frames: each picture can be had at once.
    decoder.flags |= Flags.low_delay
    return decoder


def _openEncoder(width: int, height: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 90_000)
    encoder.thread_count = 1
    encoder.options = {"qmin": _QUANTISER, "qmax": _QUANTISER}
    return encoder


class Pace:
    """
    Picks pictures so that there are no more than so many a second on the whole.
    """

    def __init__(self, clock: Timers) -> None:
        self._clock = clock
        self._due = float("-inf")

    def step(self, fps: float) -> bool:
        """Is it time for one more?  Then it counts."""
        now = self._clock.seconds()
        between = 1 / fps
        if not -between < self._due - now < 2 * between:
            # It is the first for long, or the pace was slower, or the clock was set.
            self._due = now
        if now < self._due - _EARLY * between:
            return False
        self._due += between
        return True


@implementer(IPushProducer)
class PictureViewer:
    """
    Somebody who watches pictures; who is slow gets the newest one only.

    @ivar fps: as many a second at most; L{None}: all that the camera sends, or
        L{USUAL_FPS} of those that have to be decoded.
    """

    def __init__(
        self, clock: Timers, send: Callable[[bytes], object], fps: float | None = None
    ) -> None:
        self.fps = fps
        self._send = send
        self._paused = False
        self._newest: bytes | None = None
        self._pace = Pace(clock)
        self._leave: Callable[[], None] = lambda: None

    def joined(self, leave: Callable[[], None]) -> None:
        """
        He is in.

        @param leave: takes him out.
        """
        self._leave = leave

    def show(self, picture: bytes, fps: float | None) -> None:
        """
        A new one.

        @param fps: as many are decoded in a second; L{None}: they need not be.
        """
        wanted = self.fps or (None if fps is None else USUAL_FPS)
        if wanted is not None and (fps is None or wanted < fps):
            if not self._pace.step(wanted):
                return
        if self._paused:
            self._newest = picture
        else:
            self._send(picture)

    def pauseProducing(self) -> None:
        """Enough for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        newest, self._newest = self._newest, None
        if newest is not None:
            self._send(newest)

    def stopProducing(self) -> None:
        """The connection is lost."""
        self.close()

    def close(self) -> None:
        """Leave; may be called more than once."""
        self._newest = None
        leave, self._leave = self._leave, lambda: None
        leave()


class PictureRoom:
    """
    Where everybody sits who watches the same stream as pictures.
    """

    log = Logger()

    def __init__(self, clock: Timers, stream: Stream, inThread: InThread) -> None:
        """
        @param inThread: calls a function in a thread.
        """
        self._clock = clock
        self._stream = stream
        self._inThread = inThread
        self._viewers: list[PictureViewer] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        # Each audience has a decoder of its own: the one before may still be busy.
        self._decoder = Decoder()
        self._waiting: deque[Frame] = deque()
        self._waitingBytes = 0
        self._broken = True
        self._busy = False
        self._pace = Pace(clock)
        self._last: bytes | None = None
        self._decodes = False

    @property
    def audience(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def join(self, viewer: PictureViewer) -> None:
        """Begin to watch; he leaves with L{PictureViewer.close}."""
        self._viewers.append(viewer)
        viewer.joined(lambda: self._left(viewer))
        if len(self._viewers) == 1:
            self._begin()
        elif self._last is not None and self._stream.last is not None:
            viewer.show(self._last, self._fps())

    def _left(self, viewer: PictureViewer) -> None:
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            if not self._viewers:
                self._end()

    def _begin(self) -> None:
        self._unsubscribe = self._stream.subscribe(self._frame)
        if not self._viewers:
            self._end()  # the first picture was enough for the only one

    def _end(self) -> None:
        unsubscribe, self._unsubscribe = self._unsubscribe, lambda: None
        unsubscribe()
        self._decoder = Decoder()
        self._busy = False
        self._pace = Pace(self._clock)
        self._last = None
        self._skip()

    # Frames.

    def _frame(self, frame: Frame) -> None:
        self._decodes = frame.codec is not Codec.MJPEG
        if not self._decodes:
            self._show(frame.data)
            return
        if frame.keyframe:
            self._skip()
            self._broken = False
        elif frame.gap:
            self._skip()
        if self._broken:
            return
        self._waiting.append(frame)
        self._waitingBytes += len(frame.data)
        if len(self._waiting) > MAX_WAITING or self._waitingBytes > MAX_WAITING_BYTES:
            self._skip()
        self._work()

    def _skip(self) -> None:
        """What waits is of no use; there has to be a keyframe next."""
        self._waiting.clear()
        self._waitingBytes = 0
        self._broken = True

    def _work(self) -> None:
        """Decode what waits, if it is time."""
        fps = self._fps() or USUAL_FPS
        if self._busy or not self._waiting or not self._pace.step(fps):
            return
        frames = list(self._waiting)
        self._waiting.clear()
        self._waitingBytes = 0
        self._busy = True
        decoder = self._decoder
        decoding = self._inThread(decoder.decode, frames)
        decoding.addCallback(self._decoded, decoder)
        decoding.addErrback(self._failed, decoder)

    def _fps(self) -> float | None:
        """As many as the most demanding wants; L{None}: they are not decoded."""
        if not self._decodes:
            return None
        wishes = [viewer.fps or USUAL_FPS for viewer in self._viewers]
        return min(MAX_FPS, max(wishes, default=USUAL_FPS))

    def _decoded(self, picture: bytes | None, decoder: Decoder) -> None:
        if decoder is not self._decoder:
            return  # for those who have left
        self._busy = False
        if picture is not None:
            self._show(picture)
        self._work()

    def _failed(self, failure: Failure, decoder: Decoder) -> None:
        self.log.failure("decoding", failure)
        if decoder is self._decoder:
            self._busy = False
            self._decoder = Decoder()
            self._skip()

    def _show(self, picture: bytes) -> None:
        self._last = picture
        fps = self._fps()
        for viewer in self._viewers[:]:
            if viewer in self._viewers:
                viewer.show(picture, fps)


class PictureRooms:
    """All of them: whoever wants the same gets the same."""

    def __init__(self, clock: Timers, inThread: InThread) -> None:
        self._clock = clock
        self._inThread = inThread
        # Those that are watched are held by the camera's stream.
        self._rooms: WeakValueDictionary[tuple[Camera, bool], PictureRoom] = (
            WeakValueDictionary()
        )

    def of(self, camera: Camera, sub: bool = False) -> PictureRoom:
        """
        The room of a camera.

        @param sub: in its lower quality.
        """
        room = self._rooms.get((camera, sub))
        if room is None:
            stream = camera.subVideo if sub else camera.video
            room = PictureRoom(self._clock, stream, self._inThread)
            self._rooms[camera, sub] = room
        return room

    def audience(self, camera: Camera) -> int:
        """How many watch a camera as pictures."""
        return sum(
            room.audience
            for (whose, _), room in list(self._rooms.items())
            if whose is camera
        )
