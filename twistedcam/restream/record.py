"""
Recordings: a camera's pictures and sound on disk, file after file.

Files are fragmented MP4, cut at keyframes: whatever ends the program, all but the
last fragment (a fifth of a second) can be played.  The reactor never waits for the
disk: threads write, and when they cannot keep up or the disk is full, recording stops
with one message, and goes on by itself when there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..camera import Camera
from ..media.fmp4 import Mp4Muxer
from ..media.frame import Frame
from ..media.mux import MuxError, Piece, SegmentOver
from ..reactors import Timers
from ..threads import InThread
from .archive import Archive, fileName

#: Seconds of one file, unless told otherwise.
SEGMENT = 600.0

#: Seconds to wait for the first sound before a file is begun without.
SOUND_WITHIN = 1.5

#: Bytes that may wait for the disk: some seconds of video.
MAX_WAITING = 16 << 20

#: Seconds after which it is tried again whether there is room.
RETRY = 10.0


class TooSlow(OSError):
    """The disk does not keep up."""


@dataclass
class Recorded:
    """
    What has been recorded.

    @ivar files: begun.
    @ivar seconds: of video, since the recording began.
    """

    files: int = 0
    frames: int = 0
    bytes: int = 0
    seconds: float = 0.0


class _File:
    """
    One file: opened, written and closed in threads, one thing after another.

    @ivar path: once it is open.
    """

    def __init__(
        self,
        inThread: InThread,
        create: Callable[[], tuple[Path, BinaryIO]],
        opened: Callable[[Path], None],
        failed: Callable[[Failure], None],
    ) -> None:
        self.path: Path | None = None
        self._inThread = inThread
        self._create = create
        self._opened = opened
        self._failed = failed
        self._stream: BinaryIO | None = None
        self._waiting: list[bytes] = []
        self._waitingBytes = 0
        self._working = False
        self._broken = False
        self._closing: list[Deferred[None]] = []

    def write(self, data: bytes) -> None:
        """
        Write, some time soon.

        @raise TooSlow: too much is waiting already.
        """
        if self._waitingBytes > MAX_WAITING:
            raise TooSlow(5, "the disk does not keep up")
        self._waiting.append(data)
        self._waitingBytes += len(data)
        self._work()

    def close(self) -> Deferred[None]:
        """Write what is left, and close; fires when that is done."""
        result: Deferred[None] = Deferred()
        self._closing.append(result)
        self._work()
        return result

    def _work(self) -> None:
        if self._working:
            return
        if not self._broken and (self._waiting or (self._closing and self._stream)):
            data, self._waiting = b"".join(self._waiting), []
            self._waitingBytes = 0
            self._working = True
            done = self._inThread(self._inTheThread, data, bool(self._closing))
            done.addCallbacks(self._written, self._fail)
            return
        closing, self._closing = self._closing, []
        for one in closing:
            one.callback(None)

    def _inTheThread(self, data: bytes, last: bool) -> Path | None:
        """In a thread: gives the path of a file that was just opened."""
        opened = None
        if self._stream is None:
            opened, self._stream = self._create()
        left = memoryview(data)
        while left:
            left = left[self._stream.write(left) :]
        if last:
            self._stream.close()
            self._stream = None
        return opened

    def _written(self, opened: Path | None) -> None:
        self._working = False
        if opened is not None:
            self.path = opened
            self._opened(opened)
        self._work()

    def _fail(self, failure: Failure) -> None:
        self._working = False
        self._broken = True
        self._waiting.clear()
        stream, self._stream = self._stream, None
        if stream is not None:
            self._inThread(stream.close).addErrback(lambda failure: None)
        self._failed(failure)
        self._work()


class Recorder:
    """
    Records one camera, from L{start} to L{stop}.

    @ivar recorded: how much.
    @ivar problem: why nothing is recorded at the moment, or empty.
    """

    log = Logger()

    def __init__(
        self,
        clock: Timers,
        camera: Camera,
        archive: Archive,
        *,
        inThread: InThread,
        segment: float = SEGMENT,
        sound: bool = True,
        name: str | None = None,
        inUse: set[Path] | None = None,
    ) -> None:
        """
        @param inThread: calls a function in a thread.
        @param segment: seconds of a file; it ends at the next keyframe.
        @param sound: record that, too.
        @param name: what the files are called after; default: the camera's.
        @param inUse: the files that all recorders of the archive write.
        """
        self.recorded = Recorded()
        self.problem = ""
        self._clock = clock
        self._camera = camera
        self._archive = archive
        self._inThread = inThread
        self._segment = segment
        self._sound = sound
        self._name = fileName(name or camera.name)
        self._inUse: set[Path] = set() if inUse is None else inUse
        self._unsubscribe: list[Callable[[], None]] = []
        self._heard = False
        self._began = 0.0
        # Pictures that wait until it is known whether there is sound.
        self._held: list[Frame] = []
        self._muxer: Mp4Muxer | None = None
        self._file: _File | None = None
        self._withSound = False
        self._fileBegan = 0.0
        self._firstTime: float | None = None
        self._retry: IDelayedCall | None = None
        self._parting: set[Deferred[None]] = set()

    def start(self) -> None:
        """Begin, as soon as the camera sends."""
        self._began = self._clock.seconds()
        if self._sound:
            self._unsubscribe.append(self._camera.sound.subscribe(self._soundFrame))
        self._unsubscribe.append(self._camera.video.subscribe(self._picture))

    def stop(self) -> Deferred[None]:
        """End; fires when the last file is closed."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._flushHeld()
        self._finish()
        return self._allClosed()

    def _allClosed(self) -> Deferred[None]:
        if not self._parting:
            return succeed(None)
        return gatherResults(list(self._parting)).addCallback(lambda _: None)

    # Frames.

    def _soundFrame(self, frame: Frame) -> None:
        self._heard = True
        self._flushHeld()
        if self._withSound:
            self._mux(frame)

    def _picture(self, frame: Frame) -> None:
        if self.problem:
            return
        if self._muxer is None and not self._ready():
            if frame.keyframe:
                self._held.clear()
            if frame.keyframe or self._held:
                self._held.append(frame)
            return
        self._flushHeld()
        self._record(frame)

    def _ready(self) -> bool:
        """Is it known whether there will be sound?"""
        late = self._clock.seconds() - self._began >= SOUND_WITHIN
        return self._heard or late or not self._sound

    def _flushHeld(self) -> None:
        held, self._held = self._held, []
        for frame in held:
            self._record(frame)

    def _record(self, frame: Frame) -> None:
        if self.problem:
            return
        due = frame.time - self._fileBegan >= self._segment
        moreSound = self._heard and not self._withSound
        if self._muxer is None or (frame.keyframe and (due or moreSound)):
            if not frame.keyframe:
                return
            self._begin(frame)
        try:
            self._mux(frame)
        except SegmentOver:
            if frame.keyframe:
                self._begin(frame)
                self._mux(frame)
        if self._firstTime is None:
            self._firstTime = frame.time
        self.recorded.frames += 1
        self.recorded.seconds = frame.time - self._firstTime

    def _mux(self, frame: Frame) -> None:
        if self._muxer is None:
            return
        try:
            self._muxer.mux(frame)
        except SegmentOver:
            if frame.codec.isVideo:
                raise
        except (MuxError, OSError) as problem:
            self._failed(Failure(problem))

    # Files.

    def _begin(self, frame: Frame) -> None:
        self._finish()
        time = self._clock.seconds()
        file = _File(
            self._inThread,
            lambda: self._archive.create(self._name, time),
            self._opened,
            self._failed,
        )

        def deliver(piece: Piece) -> None:
            file.write(piece.data)
            self.recorded.bytes += len(piece.data)

        self._file = file
        self._withSound = self._heard
        self._fileBegan = frame.time
        self._muxer = Mp4Muxer(deliver, sound=self._withSound)

    def _opened(self, path: Path) -> None:
        self.recorded.files += 1
        self._inUse.add(path)
        self.log.info(
            "{name}: recording to {path}", name=self._camera.name, path=str(path)
        )
        cleaning = self._inThread(
            self._archive.clean, self._clock.seconds(), set(self._inUse)
        )
        cleaning.addErrback(self._notCleaned)

    def _notCleaned(self, failure: Failure) -> None:
        failure.trap(OSError)
        self.log.warn(
            "{name}: old recordings: {problem}",
            name=self._camera.name,
            problem=failure.getErrorMessage(),
        )

    def _finish(self) -> None:
        """Close the present file, if there is one."""
        muxer, self._muxer = self._muxer, None
        file, self._file = self._file, None
        if muxer is None or file is None:
            return
        muxer.close()
        closed = file.close()
        self._parting.add(closed)

        def done(nothing: None) -> None:
            self._parting.discard(closed)
            if file.path is not None:
                self._inUse.discard(file.path)

        closed.addCallback(done)

    def _failed(self, failure: Failure) -> None:
        """The disk is full, or away, or too slow: wait until it is better."""
        failure.trap(OSError, MuxError)
        reason = getattr(failure.value, "strerror", None) or failure.getErrorMessage()
        self._finish()
        if not self.problem:
            self.log.error(
                "{name}: recording stopped: {reason}; it goes on when there is room",
                name=self._camera.name,
                reason=reason,
            )
        self.problem = reason
        if self._retry is None and self._unsubscribe:
            self._retry = self._clock.callLater(RETRY, self._tryAgain)

    def _tryAgain(self) -> None:
        """Is there room?  A file that is written and deleted tells."""
        self._retry = None
        probing = self._inThread(self._probe)
        probing.addCallbacks(self._goOn, self._failed)

    def _probe(self) -> None:
        """In a thread."""
        path, stream = self._archive.create(self._name, self._clock.seconds())
        with stream:
            path.unlink()
            stream.write(bytes(1 << 20))

    def _goOn(self, nothing: None) -> None:
        if self.problem and self._unsubscribe:
            self.problem = ""
            self.log.info("{name}: recording goes on", name=self._camera.name)


class RecordingService(Service):
    """
    Records while it runs.

    @ivar recorders: one for each camera.
    """

    def __init__(self, recorders: Iterable[Recorder]) -> None:
        self.recorders = tuple(recorders)

    def startService(self) -> None:
        """Begin."""
        super().startService()
        for recorder in self.recorders:
            recorder.start()

    def stopService(self) -> Deferred[None]:
        """End; fires when all files are closed."""
        super().stopService()
        stopped = [recorder.stop() for recorder in self.recorders]
        return gatherResults(stopped).addCallback(lambda _: None)
