"""Tests for L{twistedcam.media.fanout}."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.fanout import (
    CACHE_BYTES,
    CACHE_FRAMES,
    QUEUE_BYTES,
    QUEUE_FRAMES,
    Fanout,
    Viewer,
)
from twistedcam.media.frame import Codec, Frame

from . import strategies


def frame(number: int, key: bool = False, size: int = 10, gap: bool = False) -> Frame:
    """A picture."""
    return Frame(Codec.H264, bytes(size), key, number / 15, number, 0.0, gap)


def drain(viewer: Viewer) -> list[Frame]:
    """All that waits for a viewer."""
    frames = []
    while (found := viewer.take()) is not None:
        frames.append(found)
    return frames


def numbers(viewer: Viewer) -> list[int]:
    """The numbers of all that waits for a viewer."""
    return [found.number for found in drain(viewer)]


class FanoutCase(SynchronousTestCase):
    """A stream with a keyframe in ten."""

    def setUp(self) -> None:
        """Nobody watches yet."""
        self.left = 0
        self.fanout = Fanout(left=self.oneLeft)
        self.number = 0

    def oneLeft(self) -> None:
        """Count."""
        self.left += 1

    def publish(self, count: int, size: int = 10, every: int = 10) -> None:
        """The next frames."""
        for _ in range(count):
            self.fanout.publish(frame(self.number, self.number % every == 0, size))
            self.number += 1

    def view(self, frames: int = QUEUE_FRAMES, size: int = QUEUE_BYTES) -> Viewer:
        """A viewer who need not be woken."""
        return self.fanout.view(lambda: None, frames, size)


class NewcomerTests(FanoutCase):
    """Those who join."""

    def test_view(self) -> None:
        """A new viewer has the frames since the last keyframe at once, then all."""
        self.publish(17)
        viewer = self.view()
        self.assertEqual(7, len(viewer))
        self.assertEqual(list(range(10, 17)), numbers(viewer))
        self.publish(6)
        self.assertEqual(list(range(17, 23)), numbers(viewer))
        self.assertEqual((0, 0), (len(viewer), viewer.skips))

    def test_subscribe(self) -> None:
        """So does a callback."""
        self.publish(13)
        seen: list[int] = []
        leave = self.fanout.subscribe(lambda found: seen.append(found.number))
        self.assertEqual([10, 11, 12], seen)
        self.publish(2)
        self.assertEqual([10, 11, 12, 13, 14], seen)
        leave()
        self.publish(2)
        self.assertEqual([10, 11, 12, 13, 14], seen)

    def test_nothingCached(self) -> None:
        """Where nothing is cached, everybody waits for a keyframe."""
        self.publish(5)
        self.fanout.forget()
        self.assertIsNone(self.fanout.last)
        seen: list[int] = []
        self.fanout.subscribe(lambda found: seen.append(found.number))
        viewer = self.view()
        self.publish(7)
        self.assertEqual([10, 11], seen)
        self.assertEqual([10, 11], numbers(viewer))
        self.assertEqual(0, viewer.skips)

    def test_beforeAnything(self) -> None:
        """Whoever is there before the first frame gets all from it on."""
        viewer = self.view()
        self.assertIsNone(viewer.take())
        self.publish(3)
        self.assertEqual([0, 1, 2], numbers(viewer))

    def test_smallQueue(self) -> None:
        """Whoever cannot hold the cached frames waits for a keyframe, too."""
        self.publish(7)
        few, little = self.view(frames=5), self.view(size=60)
        self.assertEqual((0, 0), (len(few), len(little)))
        self.publish(6)
        self.assertEqual([10, 11, 12], numbers(few))
        self.assertEqual([10, 11, 12], numbers(little))

    def test_last(self) -> None:
        """The newest keyframe is known."""
        self.assertIsNone(self.fanout.last)
        self.publish(15)
        last = self.fanout.last
        assert last is not None
        self.assertEqual((10, True), (last.number, last.keyframe))

    def test_everyKeyframe(self) -> None:
        """Where each frame is a keyframe, one is enough."""
        self.publish(20, every=1)
        self.assertEqual([19], numbers(self.view()))

    def test_hole(self) -> None:
        """What comes behind a hole without a keyframe is not cached."""
        self.publish(3)
        self.fanout.publish(frame(99, gap=True))
        self.publish(2)
        self.assertEqual(0, len(self.view()))

    def test_cacheFrames(self) -> None:
        """So many frames are cached, and with one more none until a keyframe."""
        self.publish(CACHE_FRAMES, every=1000)
        self.assertEqual(CACHE_FRAMES, len(self.view()))
        self.publish(1, every=1000)
        self.assertEqual(0, len(self.view()))
        self.publish(400, every=1000)
        self.assertEqual(0, len(self.view()))
        self.number = 1000
        self.publish(3, every=1000)
        self.assertEqual([1000, 1001, 1002], numbers(self.view()))

    def test_cacheBytes(self) -> None:
        """So many bytes are cached, and no more."""
        self.publish(4, CACHE_BYTES // 4, every=1000)
        self.assertEqual(4, len(self.view()))
        self.publish(1, 1, every=1000)
        self.assertEqual(0, len(self.view()))


class SlowTests(FanoutCase):
    """Those who are too slow."""

    def test_skips(self) -> None:
        """He goes on at the next keyframe, is told of the gap, and who is not slow
        gets everything."""
        slow, quick = self.view(frames=5), self.view()
        got = []
        for _ in range(33):
            self.publish(1)
            got += drain(quick)
        self.assertEqual(list(range(33)), [found.number for found in got])
        self.assertEqual([], [found.number for found in got if found.gap])
        frames = drain(slow)
        self.assertEqual([30, 31, 32], [found.number for found in frames])
        self.assertEqual([True, False, False], [found.gap for found in frames])
        self.assertEqual((3, 0), (slow.skips, quick.skips))

    def test_keyframeFits(self) -> None:
        """If it is the keyframe that does not fit, he goes on with that."""
        viewer = self.view(frames=10)
        self.publish(11)
        frames = drain(viewer)
        self.assertEqual([(10, True)], [(f.number, f.gap) for f in frames])
        self.assertEqual(1, viewer.skips)

    def test_full(self) -> None:
        """A queue may be filled to the brim."""
        viewer = self.view(frames=10)
        self.publish(10)
        self.assertEqual((10, 0), (len(viewer), viewer.skips))
        viewer = self.view(size=100)
        self.number = 0
        self.publish(10)
        self.assertEqual((10, 0), (len(viewer), viewer.skips))

    def test_bytes(self) -> None:
        """Bytes are counted, too, and those taken are not."""
        viewer = self.view(size=100)
        self.publish(8)
        self.assertEqual(8, len(drain(viewer)))
        self.publish(7)
        self.assertEqual(0, viewer.skips)
        self.assertEqual([8, 9, 10, 11, 12, 13, 14], numbers(viewer))
        self.publish(4, 30)
        self.assertEqual((1, 0), (viewer.skips, len(viewer)))

    def test_hugeFrame(self) -> None:
        """A frame that is larger than the queue is handed on all the same."""
        viewer = self.view(size=100)
        self.publish(1, 1000)
        self.assertEqual([0], numbers(viewer))

    def test_neverReads(self) -> None:
        """Whoever never reads is bounded in frames and in bytes."""
        for size, every in ((10, 10), (100_000, 10), (10, 10_000), (100_000, 1)):
            self.setUp()
            viewer = self.view()
            for _ in range(2500):
                self.publish(1, size, every)
                self.assertLessEqual(len(viewer), QUEUE_FRAMES)
                self.assertLessEqual(len(viewer) * size, QUEUE_BYTES)
            self.assertGreater(viewer.skips, 0)

    @strategies.cheap
    @given(
        st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.booleans())),
        st.integers(1, 6),
        st.integers(1, 100),
    )
    def test_anyRhythm(
        self, events: list[tuple[bool, int, bool]], frames: int, size: int
    ) -> None:
        """However one reads: in order, within bounds, and decodable."""
        self.setUp()
        viewer = self.view(frames, size)
        got: list[Frame] = []
        for number, (key, length, reads) in enumerate(events):
            self.fanout.publish(frame(number, key, length))
            self.assertLessEqual(len(viewer), frames)
            if reads and (found := viewer.take()) is not None:
                got.append(found)
        got += drain(viewer)
        previous = None
        for found in got:
            if previous is None or found.number != previous + 1:
                self.assertTrue(found.keyframe)
                self.assertTrue(found.gap or previous is None)
            previous = found.number
        if got:
            self.assertTrue(got[0].keyframe)
        gaps = sum(found.gap for found in got)
        self.assertLessEqual(gaps, viewer.skips)


class WakeTests(FanoutCase):
    """When viewers are told."""

    def test_wake(self) -> None:
        """He is told when his empty queue is filled, and not with each frame."""
        woken: list[int] = []
        self.publish(3)
        viewer = self.fanout.view(lambda: woken.append(self.number))
        self.assertEqual([3], woken)
        self.publish(2)
        self.assertEqual([3], woken)
        drain(viewer)
        self.publish(2)
        self.assertEqual([3, 5], woken)
        viewer.take()
        self.publish(1)
        self.assertEqual([3, 5], woken)

    def test_takeInside(self) -> None:
        """He may take the frame at once."""
        got: list[int] = []
        viewer = self.fanout.view(lambda: got.extend(numbers(viewer)))
        self.publish(5)
        self.assertEqual([0, 1, 2, 3, 4], got)

    def test_raises(self) -> None:
        """What a wake or a callback raises harms nobody else, and is logged."""

        def bad(*_: object) -> None:
            raise ValueError("bad viewer")

        self.fanout.subscribe(bad)
        self.fanout.view(bad)
        good = self.view()
        self.publish(2)
        self.assertEqual([0, 1], numbers(good))
        self.assertEqual(3, len(self.flushLoggedErrors(ValueError)))
        # With cached frames it is called at once, and can leave all the same.
        leave = self.fanout.subscribe(bad)
        self.assertEqual(2, len(self.flushLoggedErrors(ValueError)))
        leave()
        viewer = self.fanout.view(bad)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
        viewer.close()

    def test_closeInside(self) -> None:
        """He may leave when told, and is told no more."""
        woken: list[int] = []

        def wake() -> None:
            woken.append(self.number)
            viewer.close()

        viewer = self.fanout.view(wake)
        other = self.view()
        self.publish(4)
        self.assertEqual([0], woken)
        self.assertEqual(0, len(viewer))
        self.assertEqual([0, 1, 2, 3], numbers(other))
        self.assertEqual((1, 1), (self.fanout.audience, self.left))

    def test_closeOthers(self) -> None:
        """He may close everybody; who is closed is not told any more."""
        woken: list[int] = []

        def waker(me: int) -> Callable[[], None]:
            def wake() -> None:
                woken.append(me)
                for viewer in viewers:
                    viewer.close()

            return wake

        viewers = [self.fanout.view(waker(me)) for me in range(5)]
        self.publish(3)
        self.assertEqual([0], woken)
        self.assertEqual([0] * 5, [len(viewer) for viewer in viewers])
        self.assertEqual((0, 5), (self.fanout.audience, self.left))

    def test_joinInside(self) -> None:
        """Somebody may join in a wake, and gets each frame once."""
        joined: list[Viewer] = []

        def wake() -> None:
            if not joined:
                joined.append(self.view())

        self.fanout.view(wake)
        self.publish(3)
        self.assertEqual([0, 1, 2], numbers(joined[0]))

    def test_leaveInside(self) -> None:
        """A callback may unsubscribe itself."""
        seen: list[int] = []

        def callback(found: Frame) -> None:
            seen.append(found.number)
            if len(seen) == 2:
                leave()

        leave = self.fanout.subscribe(callback)
        self.publish(5)
        self.assertEqual([0, 1], seen)
        self.assertEqual(0, self.fanout.audience)


class LeaveTests(FanoutCase):
    """Those who go."""

    def test_close(self) -> None:
        """Nothing waits for who has left, and leaving twice is leaving once."""
        self.publish(3)
        viewer = self.view()
        viewer.close()
        viewer.close()
        self.publish(3)
        self.assertEqual((0, None), (len(viewer), viewer.take()))
        self.assertEqual((0, 1), (self.fanout.audience, self.left))

    def test_everyMoment(self) -> None:
        """One may leave at every moment, and the others do not notice."""
        for moment in range(25):
            self.setUp()
            leaver, stayer = self.view(frames=5), self.view()
            self.publish(moment)
            leaver.close()
            self.publish(25 - moment)
            self.assertEqual(0, len(leaver))
            self.assertEqual(list(range(25)), numbers(stayer))

    def test_hundred(self) -> None:
        """A hundred viewers of all speeds come and go."""
        viewers = [self.view(frames=3 + n % 20) for n in range(100)]
        got: list[list[int]] = [[] for _ in viewers]
        for turn in range(120):
            self.publish(1)
            for n, viewer in enumerate(viewers):
                if turn % (1 + n % 7) == 0:
                    found = viewer.take()
                    if found is not None:
                        got[n].append(found.number)
            if turn >= 20:
                viewers[turn - 20].close()
        self.assertEqual((0, 100), (self.fanout.audience, self.left))
        for n, seen in enumerate(got):
            self.assertEqual(sorted(set(seen)), seen)
            if n % 7 == 0:
                self.assertEqual(list(range(20 + n + 1)), seen)
                self.assertEqual(0, viewers[n].skips)
        self.assertGreater(sum(viewer.skips for viewer in viewers), 100)

    def test_audience(self) -> None:
        """Viewers and callbacks are counted."""
        leave = self.fanout.subscribe(lambda found: None)
        viewer = self.view()
        self.assertEqual(2, self.fanout.audience)
        leave()
        self.assertEqual(1, self.fanout.audience)
        viewer.close()
        self.assertEqual(0, self.fanout.audience)

    def test_gapIsHis(self) -> None:
        """A gap that one viewer has is not marked for others."""
        slow, quick = self.view(frames=2), self.view()
        self.publish(11)
        self.assertEqual([True], [found.gap for found in drain(slow)])
        self.assertEqual({False}, {found.gap for found in drain(quick)})
        self.assertEqual(replace(frame(10, True), gap=False), self.fanout.last)
