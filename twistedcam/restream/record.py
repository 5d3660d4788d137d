"""
Recordings: a camera's pictures and sound on disk, file after file.

Files are fragmented MP4, cut at keyframes: whatever ends the program, all but the
last fragment (a fifth of a second) can be played.  The reactor never waits for the
disk: threads write, and when they cannot keep up or the disk is full, recording stops
with one message, and goes on by itself when there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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
from .archive import Archive, fileName, writeAll

#: Seconds of one file, unless told otherwise.
SEGMENT = 600.0

#: Seconds to wait for the first sound before a file is begun without.
SOUND_WITHIN = 1.5

#: Pictures that wait for it at most: more than cameras send in that time.
MAX_HELD = 100

#: Seconds that sound may come after the pictures it goes with: it is encoded.
SOUND_LATE = 1.0

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
    @ivar frames: pictures.
    @ivar bytes: handed to the disk.
    @ivar seconds: of video, since the recording began, gaps included.
    @ivar last: the file that was begun last.
    """

    files: int = 0
    frames: int = 0
    bytes: int = 0
    seconds: float = 0.0
    last: Path | None = None


class _File:
    """
    One file: opened, written and closed in threads, one thing after another.

    @ivar waiting: bytes that are not on the disk yet.
    """

    def __init__(
        self,
        inThread: InThread,
        archive: Archive,
        name: str,
        time: float,
        opened: Callable[[Path], None],
        failed: Callable[[Failure], None],
    ) -> None:
        self.waiting = 0
        self._inThread = inThread
        self._archive = archive
        self._name = name
        self._time = time
        self._opened = opened
        self._failed = failed
        self._told = False
        self._path: Path | None = None
        self._stream: BinaryIO | None = None
        self._data: list[bytes] = []
        self._working = False
        self._broken = False
        self._closing: list[Deferred[None]] = []

    def write(self, data: bytes) -> None:
        """Write, some time soon."""
        if not self._broken:
            self._data.append(data)
            self.waiting += len(data)
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
        if self._data or (self._closing and self._stream):
            data, self._data = b"".join(self._data), []
            self._working = True
            done = self._inThread(self._inTheThread, data, bool(self._closing))
            done.addCallback(self._written, len(data)).addErrback(self._fail)
            return
        closing, self._closing = self._closing, []
        for one in closing:
            one.callback(None)

    def _inTheThread(self, data: bytes, last: bool) -> None:
        if self._stream is None:
            self._path, self._stream = self._archive.create(self._name, self._time)
        writeAll(self._stream, data)
        if last:
            self._stream.close()
            self._stream = None
            self._archive.release(self._path)  # type: ignore[arg-type]

    def _written(self, nothing: None, length: int) -> None:
        self._working = False
        self.waiting -= length
        if self._path is not None and not self._told:
            self._told = True
            self._opened(self._path)
        self._work()

    def _fail(self, failure: Failure) -> None:
        self._broken = True
        self._data.clear()
        self.waiting = 0
        self._failed(failure)
        self._inThread(self._abandon).addBoth(self._abandoned)

    def _abandon(self) -> None:
        """In a thread: an empty file is of no use to anybody."""
        stream, self._stream = self._stream, None
        path, self._path = self._path, None
        if stream is None or path is None:
            return
        with suppress(OSError):
            stream.close()
        with suppress(OSError):
            if not path.stat().st_size:
                path.unlink()
        self._archive.release(path)

    def _abandoned(self, result: object) -> None:
        self._working = False
        self._work()


class _Segment:
    """
    One file, and what makes it out of frames.

    @ivar sound: is there a track of it?
    @ivar began: the time of its first picture.
    """

    def __init__(self, file: _File, sound: bool, began: float) -> None:
        self.file = file
        self.sound = sound
        self.began = began
        self.muxer: Mp4Muxer


class Recorder:
    """
    Records one camera, from L{start} to L{stop}.

    @ivar camera: the camera.
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
    ) -> None:
        """
        @param inThread: calls a function in a thread.
        @param segment: seconds of a file; it ends at the next keyframe.
        @param sound: record that, too.
        @param name: what the files are called after; default: the camera's.
        """
        self.recorded = Recorded()
        self.problem = ""
        self._clock = clock
        self.camera = camera
        self._archive = archive
        self._inThread = inThread
        self._segment = segment
        self._sound = sound
        self._name = fileName(name or camera.name)
        self._unsubscribe: list[Callable[[], None]] = []
        self._heard = False
        # When the first picture came.
        self._began: float | None = None
        # Pictures that wait until it is known whether there is sound.
        self._held: list[Frame] = []
        self._present: _Segment | None = None
        # The one before, until it has all its sound.
        self._before: _Segment | None = None
        self._firstTime: float | None = None
        self._retry: IDelayedCall | None = None
        # Not closed yet, and what else is under way in threads.
        self._files: set[_File] = set()
        self._jobs: set[Deferred[None]] = set()

    def start(self) -> None:
        """Begin, as soon as the camera sends."""
        self.problem = ""
        self._began = None
        self._heard = False
        if self._sound:
            self._unsubscribe.append(self.camera.sound.subscribe(self._soundFrame))
        self._unsubscribe.append(self.camera.video.subscribe(self._picture))

    def stop(self) -> Deferred[None]:
        """End; fires when the last file is closed, and no thread works any more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._flushHeld()
        self._finishAll()
        return self._allDone(None)

    def _allDone(self, result: object) -> Deferred[None]:
        if not self._jobs:
            return succeed(None)
        # One may have led to another.
        return gatherResults(list(self._jobs)).addCallback(self._allDone)

    def _underWay(self, job: Deferred[Any]) -> Deferred[Any]:
        """L{stop} waits for it."""
        done: Deferred[None] = Deferred()
        self._jobs.add(done)

        def over(result: object) -> object:
            self._jobs.discard(done)
            done.callback(None)
            return result

        return job.addBoth(over)

    # Frames.

    def _soundFrame(self, frame: Frame) -> None:
        self._heard = True
        self._flushHeld()
        if self._present is None:
            return
        if self._before is not None:
            if frame.time < self._present.began:
                self._mux(self._before, frame)
                return
            self._finishBefore()
        if self._present.sound:
            self._mux(self._present, frame)

    def _picture(self, frame: Frame) -> None:
        if self.problem:
            return
        if self._began is None:
            self._began = self._clock.seconds()
        if self._present is None and not self._ready(self._began):
            if frame.keyframe or self._held:
                self._held.append(frame)
            return
        self._flushHeld()
        self._record(frame)

    def _ready(self, began: float) -> bool:
        """Is it known whether there will be sound?"""
        late = self._clock.seconds() - began >= SOUND_WITHIN
        # Should the clock be set back meanwhile.
        many = len(self._held) >= MAX_HELD
        return self._heard or late or many or not self._sound

    def _flushHeld(self) -> None:
        held, self._held = self._held, []
        for frame in held:
            self._record(frame)

    def _record(self, frame: Frame) -> None:
        if self.problem:
            return
        present = self._present
        if present is None:
            if not frame.keyframe:
                return
            present = self._begin(frame)
        elif frame.keyframe:
            due = frame.time - present.began >= self._segment
            if due or (self._heard and not present.sound):
                present = self._begin(frame)
        if frame.time - present.began >= SOUND_LATE:
            self._finishBefore()
        try:
            taken = self._mux(present, frame)
        except SegmentOver:
            taken = frame.keyframe and self._mux(self._begin(frame), frame)
        if taken:
            if self._firstTime is None:
                self._firstTime = frame.time
            self.recorded.frames += 1
            self.recorded.seconds = frame.time - self._firstTime

    def _mux(self, segment: _Segment, frame: Frame) -> bool:
        """Was it taken?"""
        if segment.muxer.closed:
            return False  # with the file before, something went wrong
        taken = segment.muxer.frames
        try:
            segment.muxer.mux(frame)
        except SegmentOver:
            if frame.codec.isVideo:
                raise
        except (MuxError, OSError) as problem:
            self._failed(Failure(problem))
            return False
        return segment.muxer.frames > taken

    # Files.

    def _begin(self, frame: Frame) -> _Segment:
        self._finishBefore()
        file = _File(
            self._inThread,
            self._archive,
            self._name,
            self._clock.seconds(),
            self._opened,
            self._failed,
        )
        self._files.add(file)
        segment = _Segment(file, self._heard, frame.time)

        def deliver(piece: Piece) -> None:
            # The rest of a file that ends is always taken.
            if segment in (self._present, self._before):
                if sum(each.waiting for each in self._files) > MAX_WAITING:
                    raise TooSlow(5, "the disk does not keep up")
            file.write(piece.data)
            self.recorded.bytes += len(piece.data)

        segment.muxer = Mp4Muxer(deliver, sound=segment.sound)
        before, self._present = self._present, segment
        if before is not None and before.sound:
            self._before = before
        elif before is not None:
            self._finish(before)
        return segment

    def _opened(self, path: Path) -> None:
        self.recorded.files += 1
        self.recorded.last = path
        self.log.info(
            "{name}: recording to {path}", name=self.camera.name, path=str(path)
        )
        cleaning = self._inThread(self._archive.clean, self._clock.seconds())
        self._underWay(cleaning).addErrback(self._notCleaned)

    def _notCleaned(self, failure: Failure) -> None:
        failure.trap(OSError)
        self.log.warn(
            "{name}: old recordings: {problem}",
            name=self.camera.name,
            problem=failure.getErrorMessage(),
        )

    def _finishAll(self) -> None:
        """Close what is open."""
        self._finishBefore()
        present, self._present = self._present, None
        if present is not None:
            self._finish(present)

    def _finishBefore(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            self._finish(before)

    def _finish(self, segment: _Segment) -> None:
        segment.muxer.close()
        closed = self._underWay(segment.file.close())
        closed.addCallback(lambda _: self._files.discard(segment.file))

    def _failed(self, failure: Failure) -> None:
        """The disk is full, or away, or too slow: wait until it is better."""
        problem = failure.value
        if not isinstance(problem, OSError | MuxError):
            self.log.failure("{name}: recording", failure, name=self.camera.name)
        reason = getattr(problem, "strerror", None) or failure.getErrorMessage()
        told, self.problem = self.problem, reason
        if not told:
            self.log.error(
                "{name}: recording stopped: {reason}; it goes on by itself as soon as"
                " it can",
                name=self.camera.name,
                reason=reason,
            )
        self._finishAll()
        self._wait()

    def _wait(self) -> None:
        if self._retry is None and self._unsubscribe:
            self._retry = self._clock.callLater(RETRY, self._tryAgain)

    def _tryAgain(self) -> None:
        """Is there room?"""
        self._retry = None
        if self._files:
            self._wait()  # the disk has not even taken what it was given
            return
        probing = self._underWay(self._inThread(self._probe, self._clock.seconds()))
        probing.addCallbacks(self._goOn, self._failed)

    def _probe(self, now: float) -> None:
        """In a thread."""
        # What is too old by now may make room; whoever cannot delete may still write.
        with suppress(OSError):
            self._archive.clean(now)
        self._archive.probe(self._name, now)

    def _goOn(self, nothing: None) -> None:
        if self.problem and self._unsubscribe:
            self.problem = ""
            self.log.info("{name}: recording goes on", name=self.camera.name)


class RecordingService(Service):
    """
    Records while it runs.

    @ivar recorders: one for each camera.
    """

    def __init__(self, recorders: Iterable[Recorder]) -> None:
        self.recorders = list(recorders)
        # Removed, and perhaps not at their end yet.
        self._leaving: list[Recorder] = []

    def add(self, recorder: Recorder) -> None:
        """Record one more camera."""
        self.recorders.append(recorder)
        if self.running:
            recorder.start()

    def remove(self, recorder: Recorder) -> Deferred[None]:
        """Record this one no longer; fires when its files are closed."""
        self.recorders.remove(recorder)
        self._leaving.append(recorder)

        def left(result: None) -> None:
            self._leaving.remove(recorder)

        return recorder.stop().addCallback(left)

    def startService(self) -> None:
        """Begin."""
        super().startService()
        for recorder in self.recorders:
            recorder.start()

    def stopService(self) -> Deferred[None]:
        """End; fires when all files are closed."""
        super().stopService()
        stopped = [recorder.stop() for recorder in [*self.recorders, *self._leaving]]
        return gatherResults(stopped).addCallback(lambda _: None)
