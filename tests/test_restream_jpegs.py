"""
Tests of L{twistedcam.restream.jpegs}.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.frame import Codec, Frame
from twistedcam.media.timeline import CameraClock
from twistedcam.restream import jpegs
from twistedcam.restream.jpegs import (
    Decoder,
    Pace,
    PictureRoom,
    PictureRooms,
    PictureViewer,
)
from twistedcam.streams import Stream

from .lab import Lab
from .mediakit import GOP, pictures
from .test_web_pictures import size


class DecoderTests(SynchronousTestCase):
    """Frames into JPEGs."""

    def test_eachAtOnce(self) -> None:
        """Each frame's own picture can be had as soon as it came."""
        for codec in (Codec.H264, Codec.H265):
            decoder = Decoder()
            made = [decoder.decode([frame]) for frame in pictures(codec)]
            self.assertNotIn(None, made)
            self.assertEqual((160, 96), size(made[0] or b""))
            self.assertEqual(len(made), len({*made}), "each is of another grey")

    def test_several(self) -> None:
        """Of several frames the last is the picture, wherever they are cut."""
        frames = pictures(Codec.H264)
        one, other = Decoder(), Decoder()
        expected = [one.decode([frame]) for frame in frames]
        self.assertEqual(expected[6], other.decode([*frames[:7]]))
        self.assertEqual(expected[-1], other.decode([*frames[7:]]))

    def test_keyframeFirst(self) -> None:
        """Without a keyframe there is nothing to begin with."""
        frames = pictures(Codec.H264)
        decoder = Decoder()
        self.assertIsNone(decoder.decode([*frames[1:5]]))
        self.assertIsNone(decoder.decode([]))
        self.assertIsNotNone(decoder.decode([*frames[5 : GOP + 1]]))

    def test_damaged(self) -> None:
        """Damaged frames cost a picture, and nothing else."""
        frames = pictures(Codec.H264)
        decoder = Decoder()
        decoder.decode([*frames[:3]])
        decoder.decode([replace(frames[3], data=b"\0\0\0\1\x65" + b"x" * 50)])
        self.assertIsNotNone(decoder.decode([*frames[GOP : GOP + 3]]))
        nothing = Decoder()
        self.assertIsNone(nothing.decode([replace(frames[0], data=b"\0\0\0\1\x65xyz")]))

    def test_tooLarge(self) -> None:
        """Pictures larger than any camera's are not decoded."""
        self.patch(jpegs, "PICTURE_LIMITS", {"max_pixels": "1000"})
        self.assertIsNone(Decoder().decode([*pictures(Codec.H264)[:3]]))

    def test_changes(self) -> None:
        """Size and codec may change at a keyframe."""
        decoder = Decoder()
        for codec, width in ((Codec.H264, 160), (Codec.H264, 320), (Codec.H265, 160)):
            made = decoder.decode([*pictures(codec, 35, width, 96)[:3]])
            self.assertEqual((width, 96), size(made or b""))


class PaceTests(SynchronousTestCase):
    """So many a second."""

    def count(self, sent: float, wanted: float, seconds: float = 60) -> int:
        """How many of those that come get through."""
        clock = Clock()
        pace = Pace(clock)
        count = 0
        for _ in range(round(sent * seconds)):
            count += pace.step(wanted)
            clock.advance(1 / sent)
        return count

    def test_average(self) -> None:
        """There are as many as wanted on the whole, never more."""
        for sent, wanted in ((15, 5), (15, 10), (25, 15), (20, 15), (15, 15), (15, 1)):
            count = self.count(sent, wanted)
            self.assertLessEqual(count, 60 * wanted + 2, (sent, wanted))
            self.assertGreater(count, 60 * wanted * 0.95, (sent, wanted))

    def test_few(self) -> None:
        """Where there are less, all get through."""
        self.assertEqual(300, self.count(5, 15))

    def test_slower(self) -> None:
        """Another pace counts from now."""
        clock = Clock()
        pace = Pace(clock)
        self.assertTrue(pace.step(0.1))
        clock.advance(1)
        self.assertFalse(pace.step(0.1))
        clock.advance(1)
        self.assertTrue(pace.step(5))

    def test_clockSetBack(self) -> None:
        """When the clock is set back, pictures go on."""
        clock = Clock()
        clock.advance(1000)
        pace = Pace(clock)
        pace.step(5)
        clock.rightNow = 10
        clock.advance(0.25)
        self.assertTrue(pace.step(5))


class Threads:
    """Threads that work when they are told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Later."""
        result: Deferred[Any] = Deferred()
        self.jobs.append((lambda: function(*args), result))
        return result

    def work(self) -> None:
        """Now."""
        jobs, self.jobs = self.jobs, []
        for job, result in jobs:
            result.callback(job())


class RoomTests(SynchronousTestCase):
    """Those who watch the same."""

    def setUp(self) -> None:
        """Make a stream that is fed by hand."""
        self.clock = Clock()
        self.threads = Threads()
        self.stream = Stream(
            self.clock,
            "garden video",
            video=True,
            cameraClock=CameraClock(),
            ask=lambda: succeed(None),
            end=lambda: succeed(None),
        )
        self.stream.up()
        self.room = PictureRoom(self.clock, self.stream, self.threads)
        self.shown: list[bytes] = []
        self.viewer = PictureViewer(self.clock, self.shown.append)

    def publish(self, *frames: Frame) -> None:
        """The camera sends, fifteen a second."""
        for frame in frames:
            self.stream._frame(frame)
            self.clock.advance(1 / 15)

    def test_oneJob(self) -> None:
        """While a thread works, frames wait; then they are decoded in one go."""
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        self.publish(*frames[:8])
        self.assertEqual(1, len(self.threads.jobs))
        self.threads.work()
        self.assertEqual((1, 1), (len(self.shown), len(self.threads.jobs)))
        self.threads.work()
        self.assertEqual(2, len(self.shown))
        decoder = Decoder()
        self.assertEqual(
            [decoder.decode([frames[0]]), decoder.decode([*frames[1:8]])], self.shown
        )

    def test_skips(self) -> None:
        """What came before a newer keyframe is not decoded any more."""
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        self.publish(*frames[: GOP + 2])
        self.assertEqual(2, len(self.room._waiting))
        self.threads.work()
        self.threads.work()
        decoder = Decoder()
        decoder.decode([frames[0]])
        self.assertEqual(decoder.decode([*frames[GOP : GOP + 2]]), self.shown[-1])

    def test_tooSlow(self) -> None:
        """With too much waiting, it skips to the next keyframe."""
        self.patch(jpegs, "MAX_WAITING", 3)
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        self.publish(*frames[:GOP])
        self.assertEqual(0, len(self.room._waiting))
        self.publish(*frames[GOP : GOP + 2])
        self.assertEqual(2, len(self.room._waiting))

    def test_tooLarge(self) -> None:
        """The same with too many bytes."""
        self.patch(jpegs, "MAX_WAITING_BYTES", 100)
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        big = replace(frames[1], data=frames[1].data + bytes(200))
        self.publish(frames[0], big, *frames[2:5])
        self.assertEqual(0, len(self.room._waiting))

    def test_gap(self) -> None:
        """After a gap nothing is decoded until the next keyframe."""
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        self.publish(frames[0])
        self.threads.work()
        self.publish(*frames[1:2], replace(frames[3], gap=True), *frames[4:GOP])
        self.assertEqual(0, len(self.room._waiting))
        self.assertEqual([], self.threads.jobs)
        self.publish(*frames[GOP : GOP + 3])
        self.threads.work()
        self.assertEqual(2, len(self.shown))

    def test_wishes(self) -> None:
        """It is decoded for the most demanding; others get what they wanted."""
        many: list[bytes] = []
        few: list[bytes] = []
        self.room.join(self.viewer)
        self.room.join(PictureViewer(self.clock, many.append, 15.0))
        self.room.join(PictureViewer(self.clock, few.append, 1.0))
        for frame in pictures(Codec.H264, 150):
            self.publish(frame)
            self.threads.work()
        self.assertApproximates(150, len(many), 2)
        self.assertApproximates(50, len(self.shown), 2)
        self.assertApproximates(10, len(few), 2)

    def test_leavesWhileBusy(self) -> None:
        """What a thread makes for somebody who has left is for nobody."""
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        self.publish(frames[0])
        self.viewer.close()
        self.viewer.close()
        late: list[bytes] = []
        self.room.join(PictureViewer(self.clock, late.append))
        self.assertEqual(2, len(self.threads.jobs))
        (_, first), (job, second) = self.threads.jobs
        first.callback(b"old")
        self.assertEqual(([], []), (self.shown, late))
        second.callback(job())
        self.assertEqual(1, len(late))

    def test_enoughAtOnce(self) -> None:
        """The first picture may be enough."""
        self.publish(*pictures(Codec.MJPEG)[:1])
        leave = self.stream.subscribe(lambda frame: None)
        self.publish(*pictures(Codec.MJPEG)[:1])
        viewer = PictureViewer(self.clock, lambda picture: viewer.close())
        self.room.join(viewer)
        self.assertEqual((0, 1), (self.room.audience, self.stream.audience))
        leave()

    def test_threadFails(self) -> None:
        """What should not happen is logged, and it goes on at a keyframe."""
        frames = pictures(Codec.H264)
        self.room.join(self.viewer)
        self.publish(*frames[:3])
        [(_, result)] = self.threads.jobs
        self.threads.jobs.clear()
        result.errback(MemoryError("no more"))
        self.assertEqual(1, len(self.flushLoggedErrors(MemoryError)))
        self.publish(*frames[3 : GOP + 1])
        self.threads.work()
        self.assertEqual(1, len(self.shown))

    def test_noThread(self) -> None:
        """The same if there is no thread at all."""
        room = PictureRoom(self.clock, self.stream, lambda *_: fail(OSError("none")))
        room.join(self.viewer)
        self.publish(*pictures(Codec.H264)[:3])
        self.assertEqual(1, len(self.flushLoggedErrors(OSError)))

    def test_paused(self) -> None:
        """The newest picture waits for whoever is slow, and no other."""
        frames = pictures(Codec.MJPEG)
        self.room.join(self.viewer)
        self.viewer.pauseProducing()
        self.publish(*frames[:5])
        self.assertEqual([], self.shown)
        self.viewer.resumeProducing()
        self.assertEqual([frames[4].data], self.shown)
        self.viewer.resumeProducing()
        self.assertEqual(1, len(self.shown))


class RoomsTests(SynchronousTestCase):
    """All rooms."""

    def test_same(self) -> None:
        """Whoever wants the same gets the same; an empty room is forgotten."""
        camera = Lab().camera()
        rooms = PictureRooms(Clock(), Threads())
        room = rooms.of(camera)
        self.assertIs(room, rooms.of(camera))
        self.assertIsNot(room, rooms.of(camera, True))
        viewer = PictureViewer(Clock(), lambda picture: None)
        room.join(viewer)
        self.assertEqual(1, rooms.audience(camera))
        del room
        self.assertEqual(1, rooms.audience(camera))
        viewer.close()
        del viewer
        self.assertEqual(0, rooms.audience(camera))
