"""Tests for L{twistedcam.restream.record}."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast
from unittest.mock import patch

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedcam import Camera, CameraState
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Firmware
from twistedcam.emulator.clips import clip
from twistedcam.media.fmp4 import Mp4Muxer
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import MuxError
from twistedcam.restream import archive as archiveModule
from twistedcam.restream import record as module
from twistedcam.restream.archive import Archive
from twistedcam.restream.record import (
    RETRY,
    Recorder,
    RecordingService,
)

from .folders import temporaryFolder
from .lab import Lab, LabCase
from .mediakit import (
    GOP,
    RATE,
    START,
    Seen,
    digest,
    look,
    pictures,
    sent,
    shifted,
    sound,
    together,
)

PASSWORD = "888888"

#: How much later than it is to be presented a picture, and sound, comes.
LATENCY, SOUND_LATENCY = 0.05, 0.306


class Source:
    """A stream that is fed by hand."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Frame], object]] = []

    def subscribe(self, callback: Callable[[Frame], object]) -> Callable[[], None]:
        """Join."""
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def publish(self, frame: Frame) -> None:
        """For everybody."""
        for callback in self.callbacks[:]:
            callback(frame)


class Feed:
    """What a recorder wants of a camera."""

    def __init__(self, name: str = "garden") -> None:
        self.name = name
        self.video = Source()
        self.sound = Source()


class Threads:
    """
    Threads that work when they are told to, or else at once.

    @ivar jobs: that wait.
    @ivar late: do they wait?
    """

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.late = False

    def __call__(
        self, function: Callable[..., Any], *args: Any, **how: Any
    ) -> Deferred[Any]:
        """Call it, at once or some time."""
        if not self.late:
            return maybeDeferred(function, *args, **how)
        result: Deferred[Any] = Deferred()

        def work() -> None:
            try:
                value = function(*args, **how)
            except Exception:
                result.errback(Failure())
            else:
                result.callback(value)

        self.jobs.append(work)
        return result

    def work(self, count: int | None = None) -> None:
        """Do what waits, and what comes of it, but so many jobs at most."""
        done = 0
        while self.jobs and (count is None or done < count):
            self.jobs.pop(0)()
            done += 1


class Disk:
    """
    What may happen to a disk.

    @ivar opening: what opening a file fails with.
    @ivar room: bytes that can be written.
    @ivar closing: what closing a file fails with.
    """

    def __init__(self) -> None:
        self.opening: OSError | None = None
        self.room = 1 << 40
        self.closing: OSError | None = None
        self._create = Archive.create

    def create(
        self, archive: Archive, camera: str, time: float
    ) -> tuple[Path, BinaryIO]:
        """In place of L{Archive.create}."""
        if self.opening is not None:
            raise self.opening
        path, stream = self._create(archive, camera, time)
        return path, cast(BinaryIO, DiskFile(self, stream))

    @contextmanager
    def used(self) -> Iterator[None]:
        """While it is what there is."""

        def create(archive: Archive, *args: Any) -> tuple[Path, BinaryIO]:
            return self.create(archive, *args)

        with patch.object(Archive, "create", create):
            yield


class DiskFile:
    """A file on it, which takes less than it is given, as files may."""

    def __init__(self, disk: Disk, stream: BinaryIO) -> None:
        self._disk = disk
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write a part."""
        part = bytes(data[: min(10_000, self._disk.room)])
        if not part:
            raise OSError(28, "No space left on device")
        self._disk.room -= len(part)
        return self._stream.write(part)

    def tell(self) -> int:
        """Where it ends."""
        return self._stream.tell()

    def truncate(self, size: int) -> int:
        """Forget what is behind."""
        return self._stream.truncate(size)

    def close(self) -> None:
        """Close."""
        self._stream.close()
        if self._disk.closing is not None:
            raise self._disk.closing


class RecordCase(SynchronousTestCase):
    """A recorder, fed by hand."""

    def setUp(self) -> None:
        """Somewhere, some time."""
        self.clock = Clock()
        self.clock.advance(START)
        self.folder = temporaryFolder(self) / "recordings"
        self.archive = Archive(self.folder)
        self.threads = Threads()
        self.feed = Feed()
        self.recorders: list[Recorder] = []
        free = patch.object(archiveModule, "MIN_FREE", 0)
        free.start()
        self.addCleanup(free.stop)

    def record(self, feed: Feed | None = None, **how: Any) -> Recorder:
        """One that has been started."""
        recorder = Recorder(
            self.clock,
            cast(Camera, feed or self.feed),
            self.archive,
            inThread=self.threads,
            **how,
        )
        self.recorders.append(recorder)
        recorder.start()
        return recorder

    def play(self, frames: Iterable[Frame], feed: Feed | None = None) -> None:
        """Frames come, in their time."""
        feed = feed or self.feed
        for frame in frames:
            video = frame.codec.isVideo
            due = frame.time + (LATENCY if video else SOUND_LATENCY)
            self.clock.advance(max(0.0, due - self.clock.seconds()))
            (feed.video if video else feed.sound).publish(frame)

    def end(self) -> None:
        """Stop; nothing is left of any recorder."""
        for recorder in self.recorders:
            stopped = recorder.stop()
            self.threads.work()
            self.successResultOf(stopped)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([], self.feed.video.callbacks + self.feed.sound.callbacks)
        self.assertEqual(set(), self.archive.inUse)
        self.assertEqual([], self.threads.jobs)

    def big(self, seconds: float = 0.0) -> list[Frame]:
        """Pictures of some 20,000 bytes."""
        filler = b"\0\0\0\1\x0c" + b"\xff" * 20_000
        frames = shifted(pictures(Codec.H264), seconds)
        return [replace(frame, data=frame.data + filler) for frame in frames]

    def paths(self) -> list[Path]:
        """The files, in the order in which they were begun."""
        return sorted(
            self.folder.iterdir(),
            key=lambda path: [
                int(part) if part.isdigit() else 0
                for part in path.stem.replace("-", "_").split("_")
            ],
        )

    def files(self) -> list[dict[Codec, list[Seen]]]:
        """What is in them."""
        return [look(path.read_bytes()) for path in self.paths()]

    def pictures(self, codec: Codec = Codec.H264) -> list[str]:
        """The digests of all pictures."""
        return [one.digest for file in self.files() for one in file.get(codec, [])]


class FileTests(RecordCase):
    """What is in the files."""

    def test_whole(self) -> None:
        """A recording has all pictures and all the sound, in time."""
        recorder = self.record()
        frames, heard = pictures(Codec.H264), sound()
        self.play(together(frames, heard))
        self.end()
        (file,) = self.files()
        self.assertEqual(sent(frames), [one.digest for one in file[Codec.H264]])
        for number, one in enumerate(file[Codec.H264]):
            self.assertApproximates(number / RATE, one.time, 0.0001)
        # The first one begins before there is a picture.
        self.assertEqual(sent(heard[1:]), [one.digest for one in file[Codec.AAC]])
        for frame, one in zip(heard[1:], file[Codec.AAC], strict=True):
            self.assertApproximates(frame.time - START, one.time, 0.001)
        self.assertEqual((1, 35), (recorder.recorded.files, recorder.recorded.frames))
        self.assertApproximates(34 / RATE, recorder.recorded.seconds, 0.001)
        (path,) = self.paths()
        self.assertEqual(path.stat().st_size, recorder.recorded.bytes)
        self.assertEqual(path, recorder.recorded.last)

    def test_cuts(self) -> None:
        """No picture and no sound is lost or doubled where files are cut."""
        for codec in Codec.H264, Codec.H265, Codec.MJPEG:
            self.setUp()
            recorder = self.record(segment=0.6)
            frames, heard = pictures(codec), sound()
            self.play(together(frames, heard))
            self.end()
            files = self.files()
            self.assertEqual(4, len(files))
            self.assertEqual(sent(frames), self.pictures(codec))
            self.assertEqual(sent(heard[1:]), self.pictures(Codec.AAC))
            began = 0.0
            places = []
            for file in files:
                self.assertTrue(file[codec][0].keyframe)
                places += [began + one.time for one in file[Codec.AAC]]
                began += len(file[codec]) / RATE
            for frame, place in zip(heard[1:], places, strict=True):
                self.assertApproximates(frame.time - START, place, 0.001)
            self.assertEqual(4, recorder.recorded.files)
            self.assertEqual(35, recorder.recorded.frames)

    def test_keyframes(self) -> None:
        """A file ends at the first keyframe after its time, not before."""
        self.record(segment=GOP / RATE + 0.01)
        self.play(pictures(Codec.H264))
        self.clock.advance(1)
        self.end()
        self.assertEqual([20, 15], [len(file[Codec.H264]) for file in self.files()])

    def test_shortSegments(self) -> None:
        """Sound finds its file, also when those are shorter than it is late."""
        self.record(segment=0.01)
        frames, heard = pictures(Codec.MJPEG), sound()
        self.play(together(frames, heard))
        self.end()
        self.assertEqual(35, len(self.files()))
        self.assertEqual(sent(frames), self.pictures(Codec.MJPEG))

    def test_silent(self) -> None:
        """A camera without sound is recorded from the first picture on."""
        recorder = self.record()
        frames = pictures(Codec.H264)
        self.play(frames[:10])
        self.assertFalse(self.folder.exists())  # is there sound?
        self.play(frames[10:])
        self.end()
        (file,) = self.files()
        self.assertEqual([Codec.H264], list(file))
        self.assertEqual(sent(frames), self.pictures())
        self.assertEqual(35, recorder.recorded.frames)

    def test_silentAndStopped(self) -> None:
        """Also if it is stopped before it is known that there is no sound."""
        self.record()
        self.play(pictures(Codec.H264)[:5])
        self.end()
        self.assertEqual(sent(pictures(Codec.H264)[:5]), self.pictures())

    def test_clockStands(self) -> None:
        """Nor is it waited forever for sound when the clock is set back."""
        self.record()
        for frame in pictures(Codec.MJPEG, 120):
            self.feed.video.publish(frame)
            self.clock.rightNow -= 1
        self.assertTrue(self.folder.exists())
        self.end()
        self.assertEqual(120, len(self.pictures(Codec.MJPEG)))

    def test_waited(self) -> None:
        """However late the camera comes, its sound is in the first file."""
        self.record()
        self.clock.advance(3600)
        self.play(shifted(together(pictures(Codec.H264), sound()), 3600))
        self.end()
        self.assertEqual(1, len(self.paths()))
        self.assertEqual(sent(sound()[1:]), self.pictures(Codec.AAC))

    def test_lateSound(self) -> None:
        """Sound that begins late is in another file, from the next keyframe on."""
        self.record()
        frames, heard = pictures(Codec.H264, 60), shifted(sound(1.6), 2.0)
        self.play(together(frames, heard))
        self.end()
        first, second = self.files()
        self.assertEqual([Codec.H264], list(first))
        self.assertEqual([Codec.H264, Codec.AAC], list(second))
        self.assertEqual(sent(frames), self.pictures())
        self.assertEqual(40, len(first[Codec.H264]))

    def test_withoutSound(self) -> None:
        """Without sound it does not even listen, and begins at once."""
        self.record(sound=False)
        self.assertEqual([], self.feed.sound.callbacks)
        self.play(together(pictures(Codec.H264)[:2], sound()))
        self.end()
        self.assertEqual([Codec.H264], list(self.files()[0]))
        self.assertEqual(sent(pictures(Codec.H264)[:2]), self.pictures())

    def test_soundFails(self) -> None:
        """When the sound ceases, the pictures go on."""
        self.record(segment=1.0)
        frames = pictures(Codec.H264, 60)
        self.play(together(frames, sound()[:8]))
        self.end()
        self.assertEqual(sent(frames), self.pictures())
        self.assertEqual(sent(sound()[1:8]), self.pictures(Codec.AAC))

    def test_closedSoon(self) -> None:
        """A file that waits for its last sound does not do so for long."""
        self.record(segment=1.0)
        frames = pictures(Codec.H264, 60)
        self.play(together(frames[:25], sound()[:8]))
        self.assertEqual(2, len(self.archive.inUse))
        self.play(frames[25:40])
        self.assertEqual({self.paths()[-1]}, self.archive.inUse)
        self.end()

    def test_change(self) -> None:
        """With another codec or resolution, another file begins."""
        recorder = self.record(sound=False)
        parts = [
            pictures(Codec.H264, 12),
            shifted(pictures(Codec.H264, 12, width=320, height=192), 1),
            shifted(pictures(Codec.H265, 12), 2),
            shifted(pictures(Codec.MJPEG, 12), 3),
        ]
        for part in parts:
            self.play(part)
        self.end()
        self.assertEqual(4, recorder.recorded.files)
        self.assertEqual(48, recorder.recorded.frames)
        for part, file in zip(parts, self.files(), strict=True):
            self.assertEqual(sent(part), [one.digest for one in file[part[0].codec]])

    def test_changeInBetween(self) -> None:
        """What cannot be decoded is neither recorded nor counted."""
        recorder = self.record(sound=False)
        self.play(pictures(Codec.H264, 5))
        self.play(shifted(pictures(Codec.H265, 12), 1)[1:10])
        self.end()
        self.assertEqual((1, 5), (recorder.recorded.files, recorder.recorded.frames))
        self.assertEqual(sent(pictures(Codec.H264, 5)), self.pictures())

    def test_beginsInBetween(self) -> None:
        """It waits for a keyframe with all that a decoder needs."""
        recorder = self.record(sound=False)
        frames = list(pictures(Codec.H264))
        bare = frames[0].data[frames[0].data.rindex(b"\0\0\1\x65") :]
        frames[0] = replace(frames[0], data=bare)
        self.play(frames[5:8] + frames[:3] + frames[10:])
        self.end()
        self.assertEqual(sent(frames[10:]), self.pictures())
        self.assertEqual(25, recorder.recorded.frames)

    def test_gap(self) -> None:
        """After a gap the file goes on, and shows how long it was."""
        recorder = self.record()
        before = together(pictures(Codec.H264), sound())
        self.play(before)
        self.play(shifted(before, 60))
        self.end()
        (file,) = self.files()
        self.assertEqual(2 * sent(pictures(Codec.H264)), self.pictures())
        self.assertApproximates(60, file[Codec.H264][35].time, 0.01)
        self.assertApproximates(60 + 34 / RATE, recorder.recorded.seconds, 0.01)

    def test_longGap(self) -> None:
        """After a very long one, or a jump of time, there is another file."""
        self.record()
        for hours in 0, 2, 4:
            self.play(shifted(together(pictures(Codec.H264), sound()), 3600 * hours))
        self.end()
        self.assertEqual(3, len(self.paths()))
        self.assertEqual(3 * sent(pictures(Codec.H264)), self.pictures())

    def test_stopped(self) -> None:
        """Stopped at any moment, the files have all up to that."""
        frames = together(pictures(Codec.H264), sound())
        for count in range(0, 52, 3):
            self.setUp()
            self.record(segment=0.6)
            self.play(frames[:count])
            self.end()
            if count:
                expected = sent(f for f in frames[:count] if f.codec is Codec.H264)
                self.assertEqual(expected, self.pictures())
            else:
                self.assertFalse(self.folder.exists())

    def test_killed(self) -> None:
        """At any moment there is all on disk but the last fragment."""
        self.record()
        frames = together(pictures(Codec.H264), sound())
        shown = 0
        for frame in frames:
            self.play([frame])
            shown += frame.codec.isVideo
            if self.folder.exists() and shown > 5:
                found = self.pictures()
                self.assertEqual(sent(pictures(Codec.H264))[: len(found)], found)
                # Those of 0.2 s, and one whose duration is not known yet.
                self.assertGreaterEqual(len(found), shown - 5)
        self.end()

    def test_names(self) -> None:
        """Files are called after the camera, or as one wishes."""
        for name, given, expected in (
            ("Tür.1", None, "t-r-1_"),
            ("192.0.2.7", "VSTB-668515-UZCPK", "vstb-668515-uzcpk_"),
            ("../../etc/x", None, "------etc-x_"),
        ):
            self.setUp()
            self.feed.name = name
            self.record(name=given)
            self.play(together(pictures(Codec.H264), sound()))
            self.end()
            (path,) = self.paths()
            self.assertTrue(path.name.startswith(expected), path.name)

    def test_clockBack(self) -> None:
        """When the clock jumps back, nothing is overwritten."""
        self.record(sound=False)
        self.play(pictures(Codec.H264, 12))
        self.end()
        (first,) = self.paths()
        before = first.read_bytes()
        self.clock.rightNow = START
        self.record(sound=False)
        self.play(pictures(Codec.H265, 12))
        self.end()
        self.assertEqual(2, len(self.paths()))
        self.assertEqual(before, first.read_bytes())
        self.assertEqual(sent(pictures(Codec.H265, 12)), self.pictures(Codec.H265))

    def test_together(self) -> None:
        """Two cameras share a folder; neither deletes what the other writes."""
        self.archive = Archive(self.folder, keepBytes=1)
        house = Feed("house")
        self.record(sound=False)
        self.record(house, sound=False, segment=0.6)
        for one, other in zip(pictures(Codec.H264), pictures(Codec.MJPEG), strict=True):
            self.play([one])
            self.play([other], house)
        self.assertEqual({path for path in self.paths()}, self.archive.inUse)
        self.end()
        self.assertEqual(sent(pictures(Codec.H264)), self.pictures())
        last = look(self.paths()[-1].read_bytes())
        self.assertEqual([Codec.MJPEG], list(last))

    def test_begun(self) -> None:
        """Each file is told in the log when it is begun."""
        with capturedLogs() as logs:
            self.record(sound=False, segment=0.6)
            self.play(pictures(Codec.H264, 12))
            self.end()
        self.assertEqual(
            [f"garden: recording to {path}" for path in self.paths()],
            [formatEvent(event) for event in logs],
        )

    def test_again(self) -> None:
        """What was stopped can be started again."""
        recorder = self.record()
        self.play(together(pictures(Codec.H264), sound()))
        self.end()
        recorder.start()
        self.play(shifted(together(pictures(Codec.H264), sound()), 10))
        self.end()
        self.assertEqual(2, recorder.recorded.files)
        self.assertEqual(70, recorder.recorded.frames)
        self.assertEqual(2 * sent(pictures(Codec.H264)), self.pictures())

    def test_stopTwice(self) -> None:
        """It may be stopped twice, and before it has begun."""
        recorder = self.record()
        self.successResultOf(recorder.stop())
        self.successResultOf(recorder.stop())
        never = Recorder(
            self.clock,
            cast(Camera, self.feed),
            self.archive,
            inThread=self.threads,
        )
        self.successResultOf(never.stop())


class TroubleTests(RecordCase):
    """Disks that are full, away, or slow."""

    def setUp(self) -> None:
        """A disk that fails when told to."""
        super().setUp()
        self.disk = Disk()
        used = self.disk.used()
        used.__enter__()
        self.addCleanup(used.__exit__, None, None, None)

    def trouble(self, mend: Callable[[], None]) -> list[str]:
        """Play for a minute, then mend it, and play on; the errors that are told."""
        with capturedLogs() as logs:
            recorder = self.record(sound=False)
            for second in range(0, 60, 4):
                self.play(shifted(pictures(Codec.H264), second))
            self.assertNotEqual("", recorder.problem)
            self.assertLessEqual(len(self.clock.getDelayedCalls()), 1)
            frames = recorder.recorded.frames
            mend()
            self.clock.advance(RETRY)
            self.assertEqual("", recorder.problem)
            before = len(self.pictures()) if self.folder.exists() else 0
            self.play(shifted(pictures(Codec.H264), 100))
            self.end()
        self.assertEqual(frames + 35, recorder.recorded.frames)
        self.assertEqual(sent(pictures(Codec.H264)), self.pictures()[before:])
        return [
            formatEvent(event)
            for event in logs
            if event["log_level"] in (LogLevel.error, LogLevel.critical)
        ]

    def test_opening(self) -> None:
        """A file that cannot be opened is told once; it goes on when it can."""
        self.disk.opening = OSError(30, "Read-only file system", "/x")

        def mend() -> None:
            self.disk.opening = None

        self.assertEqual(
            [
                "garden: recording stopped: Read-only file system; it goes on by"
                " itself as soon as it can"
            ],
            self.trouble(mend),
        )
        self.assertEqual(1, len(self.paths()))

    def test_writing(self) -> None:
        """So is a disk that is full; what was written until then can be played."""
        self.disk.room = 6000

        def mend() -> None:
            self.disk.room = 1 << 40

        (said,) = self.trouble(mend)
        self.assertIn("recording stopped: No space left on device", said)
        first, second = self.files()
        self.assertGreater(len(first[Codec.H264]), 5)
        self.assertEqual(35, len(second[Codec.H264]))

    def test_firstWrite(self) -> None:
        """A file of which nothing could be written is not left behind."""
        self.disk.room = 0

        def mend() -> None:
            self.disk.room = 1 << 40

        self.assertEqual(1, len(self.trouble(mend)))
        self.assertEqual(1, len(self.paths()))

    def test_closing(self) -> None:
        """A file that cannot be closed is told as well."""
        self.disk.closing = OSError(5, "Input/output error")
        recorder = self.record(sound=False, segment=0.6)
        with capturedLogs() as logs:
            self.play(pictures(Codec.H264, 12))
        self.assertEqual("Input/output error", recorder.problem)
        self.assertEqual(1, sum("stopped" in formatEvent(event) for event in logs))
        self.disk.closing = None
        self.clock.advance(RETRY)
        self.play(shifted(pictures(Codec.H264, 12), 30))
        self.end()
        self.assertEqual(2 * sent(pictures(Codec.H264, 12))[:10], self.pictures()[:20])

    def test_closingLast(self) -> None:
        """Nor does that keep a recorder from ending."""
        self.record(sound=False)
        self.play(pictures(Codec.H264, 12))
        self.disk.closing = OSError(5, "Input/output error")
        self.end()
        self.assertEqual(sent(pictures(Codec.H264, 12)), self.pictures())

    def test_stopped(self) -> None:
        """Stopped while it waits, it does not try again; started, it does."""
        self.disk.opening = PermissionError(13, "Permission denied")
        recorder = self.record(sound=False)
        self.play(pictures(Codec.H264))
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.end()
        self.disk.opening = None
        recorder.start()
        self.play(shifted(pictures(Codec.H264), 30))
        self.end()
        self.assertEqual(sent(pictures(Codec.H264)), self.pictures())

    def test_stillFull(self) -> None:
        """What has become too old meanwhile is deleted, and that makes room."""
        self.folder.mkdir()
        old = self.folder / "garden_2020-01-01_00-00-00.mp4"
        old.touch()
        os.utime(old, (START, START))
        self.archive = Archive(self.folder, keepSeconds=100)
        real = self.disk.create

        def create(archive: Archive, *args: Any) -> tuple[Path, BinaryIO]:
            if old.exists():
                raise OSError(28, "No space left on device")
            return real(archive, *args)

        recorder = self.record(sound=False)
        with patch.object(self.disk, "create", create):
            self.play(pictures(Codec.H264))
            self.assertEqual("No space left on device", recorder.problem)
            self.clock.pump([RETRY] * 9)
            self.assertNotEqual("", recorder.problem)
            self.clock.pump([RETRY] * 2)
            self.assertEqual("", recorder.problem)
            self.assertFalse(old.exists())
        self.end()

    def test_notDeletable(self) -> None:
        """What cannot be deleted is told, and does not keep from recording."""
        self.archive = Archive(self.folder, keepSeconds=100)
        problem = PermissionError(13, "Permission denied", "x.mp4")
        with (
            patch.object(Archive, "clean", side_effect=problem),
            capturedLogs() as logs,
        ):
            recorder = self.record(sound=False)
            self.play(pictures(Codec.H264))
            self.end()
        self.assertEqual("", recorder.problem)
        self.assertEqual(sent(pictures(Codec.H264)), self.pictures())
        self.assertEqual(
            ["garden: old recordings: [Errno 13] Permission denied: 'x.mp4'"],
            [formatEvent(e) for e in logs if e["log_level"] is LogLevel.warn],
        )

    def test_bug(self) -> None:
        """A mistake of our own is logged, and neither ends nor blocks anything."""
        with patch.object(Archive, "create", side_effect=ZeroDivisionError("oh")):
            recorder = self.record(sound=False)
            self.play(pictures(Codec.H264))
            self.assertEqual("oh", recorder.problem)
            self.end()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_libav(self) -> None:
        """When libavformat fails, recording goes on in another file."""
        recorder = self.record(sound=False)
        self.play(pictures(Codec.H264)[:5])
        broken = replace(pictures(Codec.H264)[5], data=b"\0\0\0\1")
        with patch.object(Mp4Muxer, "mux", side_effect=MuxError("libavformat: no")):
            self.play([broken])
        self.assertEqual("libavformat: no", recorder.problem)
        self.clock.advance(RETRY)
        self.play(shifted(pictures(Codec.H264), 60))
        self.end()
        self.assertEqual(2, recorder.recorded.files)

    # Slow ones.

    def waiting(self, recorder: Recorder) -> int:
        """Bytes that are not written yet."""
        return sum(file.waiting for file in recorder._files)

    def test_slow(self) -> None:
        """With a disk that does not keep up, memory does not grow."""
        self.threads.late = True
        with patch.object(module, "MAX_WAITING", 200_000), capturedLogs() as logs:
            for segment in 0.6, 600.0:
                recorder = self.record(sound=False, segment=segment)
                for second in range(0, 30, 3):
                    self.play(self.big(second))
                    self.assertLess(self.waiting(recorder), 400_000)
                    self.assertLess(len(self.threads.jobs), 5)
                self.assertEqual("the disk does not keep up", recorder.problem)
                self.assertEqual(
                    1, sum("stopped" in formatEvent(event) for event in logs)
                )
                logs.clear()  # type: ignore[attr-defined]
                stopped = recorder.stop()
                self.assertNoResult(stopped)
                self.threads.work()
                self.successResultOf(stopped)
                self.clock.advance(100)
                self.assertEqual([], self.threads.jobs)
                self.recorders.clear()
        self.end()

    def test_slowAgain(self) -> None:
        """It does not go on before the disk has taken all it was given."""
        self.threads.late = True
        with patch.object(module, "MAX_WAITING", 200_000):
            recorder = self.record(sound=False)
            self.play(self.big())
            self.assertNotEqual("", recorder.problem)
            self.clock.pump([RETRY] * 5)
            self.assertEqual(1, len(self.threads.jobs))
            self.threads.work()
            self.assertEqual(0, self.waiting(recorder))
            self.clock.advance(RETRY)
            self.threads.work()
            self.assertEqual("", recorder.problem)
            self.end()

    def test_lateThreads(self) -> None:
        """Threads that always answer a little late change nothing in the files."""
        self.threads.late = True
        self.record(segment=0.6)
        frames, heard = pictures(Codec.H264), sound()
        for number, frame in enumerate(together(frames, heard)):
            self.play([frame])
            if number % 3 == 0:
                self.threads.work(1)
        self.end()
        self.assertEqual(sent(frames), self.pictures())
        self.assertEqual(sent(heard[1:]), self.pictures(Codec.AAC))

    def test_waits(self) -> None:
        """Stopping waits for all threads, whichever is the last: the cleaning's, too."""
        for order in 1, -1:
            self.setUp()
            self.threads.late = True
            recorder = self.record(sound=False)
            self.play(pictures(Codec.H264, 12))
            stopped = recorder.stop()
            while self.threads.jobs:
                self.assertNoResult(stopped)
                self.threads.jobs[:] = self.threads.jobs[::order]
                self.threads.work(1)
            self.successResultOf(stopped)
            self.assertEqual(sent(pictures(Codec.H264, 12)), self.pictures())

    def test_probing(self) -> None:
        """It waits for a trial, too, whatever comes of it."""
        for problem in None, OSError(28, "No space left on device"):
            self.setUp()
            self.disk.opening = OSError(28, "No space left on device")
            recorder = self.record(sound=False)
            self.play(pictures(Codec.H264, 12))
            self.threads.late = True
            self.clock.advance(RETRY)
            self.disk.opening = problem
            stopped = recorder.stop()
            self.assertNoResult(stopped)
            self.threads.work()
            self.successResultOf(stopped)
            self.assertEqual([], self.clock.getDelayedCalls())


class RealDiskTests(RecordCase):
    """Disks that really are full, or cannot be written to."""

    def test_full(self) -> None:
        """A small disk fills up; when there is room, it goes on by itself."""
        self.folder.mkdir()
        try:
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(self.folder)],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError) as problem:
            raise SkipTest("mounting a disk is not permitted here") from problem
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.folder)], check=True)
        ballast = self.folder / "ballast"
        ballast.write_bytes(bytes((3 << 20) - 12_288))
        recorder = self.record(sound=False)
        self.play(self.big())
        self.assertEqual("No space left on device", recorder.problem)
        self.clock.pump([RETRY] * 5)
        self.assertEqual("No space left on device", recorder.problem)
        ballast.unlink()
        self.clock.advance(RETRY)
        self.play(shifted(pictures(Codec.H264), 100))
        self.end()
        first, second = self.files()
        self.assertLess(len(first.get(Codec.H264, [])), 5)
        self.assertEqual(35, len(second[Codec.H264]))

    def test_readOnly(self) -> None:
        """A folder that cannot be written to is told; it goes on when it can."""
        if os.geteuid():
            self.folder.mkdir(mode=0o500)
            expected = "Permission denied"
        else:  # whom nothing is forbidden
            self.folder.touch()
            expected = "Not a directory"
        recorder = self.record(sound=False)
        self.play(pictures(Codec.H264))
        self.assertEqual(expected, recorder.problem)
        if os.geteuid():
            self.folder.chmod(0o700)
        else:
            self.folder.unlink()
        self.clock.advance(RETRY)
        self.play(shifted(pictures(Codec.H264), 100))
        self.end()
        self.assertEqual(sent(pictures(Codec.H264)), self.pictures())

    def test_away(self) -> None:
        """A folder that vanishes is made anew for the next file."""
        self.record(sound=False, segment=0.6)
        self.play(pictures(Codec.H264, 9))
        for path in self.paths():
            path.unlink()
        self.folder.rmdir()
        self.play(pictures(Codec.H264)[9:])
        self.end()
        self.assertEqual(sent(pictures(Codec.H264)[10:]), self.pictures())


class ServiceTests(RecordCase):
    """Recorders as a service."""

    def test_life(self) -> None:
        """It records while it runs, and can be started again."""
        recorder = Recorder(
            self.clock,
            cast(Camera, self.feed),
            self.archive,
            inThread=self.threads,
        )
        service = RecordingService([recorder])
        self.play(pictures(Codec.H264, 5))
        for start in 1, 11:
            service.startService()
            self.play(shifted(together(pictures(Codec.H264), sound()), start))
            self.threads.late = True
            stopped = service.stopService()
            self.assertNoResult(stopped)
            self.threads.work()
            self.successResultOf(stopped)
            self.threads.late = False
        self.assertEqual(2 * sent(pictures(Codec.H264)), self.pictures())
        self.end()

    def make(self) -> Recorder:
        """One that has not been started."""
        return Recorder(
            self.clock,
            cast(Camera, self.feed),
            self.archive,
            inThread=self.threads,
        )

    def test_added(self) -> None:
        """A recorder that joins begins at once, or when all begin."""
        service = RecordingService([])
        first, second = self.make(), self.make()
        service.add(first)
        self.assertEqual([], self.feed.video.callbacks)
        service.startService()
        self.assertEqual(1, len(self.feed.video.callbacks))
        service.add(second)
        self.assertEqual(2, len(self.feed.video.callbacks))
        self.assertEqual([first, second], service.recorders)
        self.successResultOf(service.stopService())
        self.end()

    def test_removed(self) -> None:
        """One that leaves finishes its file; the others go on."""
        staying, leaving = self.make(), self.make()
        service = RecordingService([staying, leaving])
        service.startService()
        self.play(pictures(Codec.H264, 5))
        self.threads.late = True
        left = service.remove(leaving)
        self.assertEqual([staying], service.recorders)
        self.assertNoResult(left)
        self.threads.work()
        self.successResultOf(left)
        self.assertEqual(1, len(self.feed.video.callbacks))
        self.threads.late = False
        self.successResultOf(service.stopService())
        self.assertEqual(2, len(self.files()))
        self.end()

    def test_stoppedWhileLeaving(self) -> None:
        """The end waits for those that are leaving."""
        leaving = self.make()
        service = RecordingService([leaving])
        service.startService()
        self.play(pictures(Codec.H264, 5))
        self.threads.late = True
        service.remove(leaving)
        stopped = service.stopService()
        self.assertNoResult(stopped)
        self.threads.work()
        self.successResultOf(stopped)
        self.threads.late = False
        self.end()


class EmulatedTests(LabCase):
    """Recordings of an emulated camera, from end to end."""

    def build(self, firmware: Firmware = FIRMWARE_B, **how: Any) -> None:
        """The laboratory, a camera that is being recorded, and an observer."""
        self.lab = Lab(firmware, **how)
        self.camera = self.lab.camera(password=PASSWORD)
        self.folder = temporaryFolder(self)
        self.seen: list[str] = []
        self.heard: list[str] = []
        self.recorder = Recorder(
            self.lab.pc,
            self.camera,
            Archive(self.folder),
            inThread=maybeDeferred,
            segment=4.0,
        )
        self.recorder.start()
        self.leave = [
            self.camera.video.subscribe(
                lambda frame: self.seen.append(digest(frame.codec, frame.data))
            ),
            self.camera.sound.subscribe(
                lambda frame: self.heard.append(digest(frame.codec, frame.data))
            ),
        ]
        self.camera.connect()
        self.lab.network.advance(3)
        self.assertIs(CameraState.UP, self.camera.state)

    def end(self) -> None:
        """Part; nothing is left."""
        self.successResultOf(self.recorder.stop())
        for leave in self.leave:
            leave()
        parted = self.camera.disconnect()
        self.resultAfter(self.lab.network, 6, parted)
        self.lab.remove()
        stopped = self.lab.discovery.stop()
        self.resultAfter(self.lab.network, 1, stopped)
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def files(self) -> list[dict[Codec, list[Seen]]]:
        """What is in the files."""
        return [look(path.read_bytes()) for path in sorted(self.folder.iterdir())]

    def recorded(self, codec: Codec) -> list[str]:
        """The digests of what was recorded."""
        return [one.digest for file in self.files() for one in file.get(codec, [])]

    def test_codecs(self) -> None:
        """Of any codec, all is there, over many files, also with losses."""
        for firmware, codec, name, expected in (
            (FIRMWARE_A, "h264", "h264-main", Codec.H264),
            (FIRMWARE_B, "h265", "h265-main", Codec.H265),
            (FIRMWARE_B, "mjpeg", "mjpeg", Codec.MJPEG),
        ):
            self.build(firmware, codec=codec)
            self.lab.network.loss = 0.05
            self.lab.network.advance(12)
            self.end()
            self.assertGreaterEqual(len(self.files()), 3)
            pictures = self.recorded(expected)
            self.assertEqual(self.seen[-len(pictures) :], pictures)
            self.assertLessEqual(len(self.seen) - len(pictures), 2 * RATE)
            film = [digest(expected, data) for data in clip(name).frames]
            self.assertLessEqual(set(pictures), set(film))
            sounds = self.recorded(Codec.AAC)
            self.assertEqual(self.heard[-len(sounds) :], sounds)
            self.assertGreater(len(sounds), 80)
            self.assertEqual(len(pictures), self.recorder.recorded.frames)

    def test_reconnect(self) -> None:
        """A reboot in the middle is a gap, and all before and after is there."""
        self.build()
        self.lab.network.advance(5)
        before = len(self.seen)
        self.lab.emulated.reboot(downFor=5)
        self.lab.network.advance(25)
        self.assertIs(CameraState.UP, self.camera.state)
        self.assertGreater(len(self.seen), before + 50)
        self.end()
        pictures = self.recorded(Codec.H264)
        self.assertEqual(self.seen[-len(pictures) :], pictures)
        sounds = self.recorded(Codec.AAC)
        self.assertGreater(len(sounds), 100)
        longest = max(
            after.time - one.time
            for file in self.files()
            for one, after in zip(file[Codec.H264], file[Codec.H264][1:], strict=False)
        )
        self.assertLess(longest, 20)
        ends = self.recorder.recorded.seconds
        self.assertApproximates(30, ends, 4)
