"""Tests for L{twistedcam.media.timeline}."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.timeline import JUMP, TICK, CameraClock, Timeline

from . import strategies

#: What a camera's clock shows at our second 0, and a year.
EPOCH, YEAR = 1_767_225_600.0, 365 * 86400.0

RATE = 15


class TimelineTests(SynchronousTestCase):
    """One stream."""

    def setUp(self) -> None:
        """A stream that begins at our second 100."""
        self.clock = CameraClock()
        self.timeline = Timeline(self.clock)

    def run_(
        self,
        count: int,
        first: int = 0,
        *,
        offset: float = EPOCH,
        tremble: float = 0.0,
        rate: float = RATE,
        speed: float = 1.0,
    ) -> list[tuple[float, float]]:
        """
        So many frames.

        @param offset: how far the camera's clock is ahead.
        @param tremble: how much later than ever a frame may arrive.
        @param speed: of the camera's clock.
        @return: for each, when it was taken, and when it is presented.
        """
        luck = Random(first)
        found = []
        for number in range(first, first + count):
            taken = 100 + number / rate
            stamp = round((offset + taken * speed) * 1000) / 1000
            arrived = taken + 0.02 + luck.uniform(0, tremble)
            found.append((taken, self.timeline.present(stamp, arrived)))
        return found

    def assertForward(self, found: list[tuple[float, float]]) -> None:
        """Time never goes back nor stands."""
        for (_, before), (_, after) in pairwise(found):
            self.assertGreater(after, before)

    def test_first(self) -> None:
        """The first frame is presented when it arrives."""
        self.assertAlmostEqual(7.5, self.timeline.present(EPOCH, 7.5), places=5)

    def test_steady(self) -> None:
        """However arrivals tremble, pictures follow each other steadily."""
        found = self.run_(1000, tremble=0.15)
        for (_, before), (_, after) in pairwise(found):
            self.assertLess(abs(after - before - 1 / RATE), 0.0015)

    def test_exact(self) -> None:
        """Without trembling, nothing is corrected."""
        for taken, shown in self.run_(1000):
            self.assertLess(abs(shown - taken - 0.02), 0.0011)

    def test_unluckyFirst(self) -> None:
        """When the first frame came late, the others are shown in time after all."""
        self.timeline.present(EPOCH + 100, 101.5)
        found = self.run_(3000, 1)
        self.assertForward(found)
        self.assertLess(found[-1][1] - found[-1][0], 0.03)

    def test_jumps(self) -> None:
        """A clock that is set by a year, forward or back, makes no difference."""
        found: list[tuple[float, float]] = []
        for turn, offset in enumerate((0, YEAR, 0, -YEAR, 3.0, -3.0, 0.0)):
            found += self.run_(100, 100 * turn, offset=EPOCH + offset, tremble=0.05)
            self.assertEqual(turn, self.clock.jumps)
        self.assertForward(found)
        for (_, before), (_, after) in pairwise(found):
            self.assertLess(after - before, 0.2)
        for taken, shown in found:
            self.assertLess(abs(shown - taken), 0.15)

    def test_smallStep(self) -> None:
        """A clock that is set by less is followed slowly, without going back."""
        for step in (1.0, -1.0):
            self.setUp()
            found = self.run_(100) + self.run_(3000, 100, offset=EPOCH + step)
            self.assertEqual(0, self.clock.jumps)
            self.assertForward(found)
            self.assertLess(abs(found[-1][1] - found[-1][0]), 0.03)

    def test_limit(self) -> None:
        """A little less than the limit is no jump, a little more is one."""
        for distance, jumps in ((JUMP - 0.01, 0), (JUMP + 0.01, 1)):
            for sign in (1, -1):
                clock = CameraClock()
                clock.present(EPOCH, 100)
                clock.present(EPOCH + sign * distance, 100)
                self.assertEqual(jumps, clock.jumps)

    def test_drift(self) -> None:
        """A clock that is 100 ppm fast or slow is followed closely for an hour..."""
        for speed in (1.0001, 0.9999):
            self.setUp()
            found = self.run_(RATE * 3600, speed=speed, tremble=0.01)
            self.assertEqual(0, self.clock.jumps)
            self.assertForward(found)
            for taken, shown in found:
                self.assertLess(abs(shown - taken - 0.025), 0.02)

    def test_days(self) -> None:
        """... and for days, when pictures are rare."""
        for speed in (1.0001, 0.9999):
            self.setUp()
            found = self.run_(2 * 86400, rate=1, speed=speed)
            self.assertEqual(0, self.clock.jumps)
            self.assertForward(found)
            for taken, shown in found:
                self.assertLess(abs(shown - taken), 0.08)

    def test_silence(self) -> None:
        """After hours without a picture, the drift meanwhile is a jump."""
        found = self.run_(100) + self.run_(100, 100 + RATE * 86400, speed=1.0001)
        self.assertEqual(1, self.clock.jumps)
        self.assertForward(found)
        self.assertLess(abs(found[-1][1] - found[-1][0]), 0.05)

    def test_sameStamp(self) -> None:
        """Frames of one stamp are a tick apart."""
        shown = [self.timeline.present(EPOCH, 100.0) for _ in range(5)]
        for before, after in pairwise(shown):
            self.assertAlmostEqual(TICK, after - before, places=5)

    def test_noStamps(self) -> None:
        """Where all stamps are the same, the time of arrival serves."""
        for number in range(100):
            shown = self.timeline.present(EPOCH, 100 + number / 15)
            self.assertAlmostEqual(100 + number / 15, shown, places=2)

    def test_oursSetBack(self) -> None:
        """When our own clock is set back by an hour, time goes on as before."""
        for theirs in (0.0, 86400.0):  # the camera's may be set at once
            self.setUp()
            before = self.timeline.present(EPOCH, 10_000)
            for number in range(1, 100):
                stamp = EPOCH + theirs + number / 15
                shown = self.timeline.present(stamp, 6_400 + number / 15)
                self.assertLess(shown - before, 0.15)
                before = shown
            self.assertLess(abs(before - 10_000 - 99 / 15), 0.2)
            self.assertEqual(1, self.clock.jumps)

    @strategies.cheap
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 2**32 - 1) | st.integers(1000, 1010),
                st.integers(0, 65535),
                st.floats(0, 1e5),
            )
        )
    )
    def test_anything(self, frames: list[tuple[int, int, float]]) -> None:
        """Whatever a camera claims, time goes forward, and is never far from now."""
        timeline = Timeline(CameraClock())
        now, last = 0.0, float("-inf")
        for count, (seconds, milliseconds, pause) in enumerate(frames):
            now += pause
            shown = timeline.present(seconds + milliseconds / 1000, now)
            self.assertGreater(shown, last)
            self.assertLess(abs(shown - now), JUMP + TICK * (count + 1) + JUMP)
            last = shown


class TogetherTests(SynchronousTestCase):
    """Pictures and sound."""

    def test_together(self) -> None:
        """Sound, which comes later, stays with the pictures, across jumps, too."""
        clock = CameraClock()
        pictures, sound = Timeline(clock), Timeline(clock)
        luck = Random(1)
        events = []
        for number in range(RATE * 120):
            taken = number / RATE
            events.append((taken + luck.uniform(0.02, 0.08), taken, pictures))
        for number in range(int(120 / 0.128)):
            taken = number * 0.128
            # A packet is sent when its last sample is taken.
            events.append((taken + 0.128 + luck.uniform(0.02, 0.08), taken, sound))
        events.sort(key=lambda event: event[0])
        last = {pictures: float("-inf"), sound: float("-inf")}
        distances = []
        for arrived, taken, timeline in events:
            # Its clock is set forward, and back again.
            offset = EPOCH + (YEAR if 40 < taken < 80 else 0)
            shown = timeline.present(offset + taken, arrived)
            self.assertGreater(shown, last[timeline])
            last[timeline] = shown
            if not 38 < taken % 40 and taken % 40 > 2:
                distances.append((taken, shown - taken))
        for begin in (0, 40, 80):
            part = [d for taken, d in distances if begin < taken < begin + 40]
            self.assertLess(max(part) - min(part), 0.15)
            self.assertGreater(len(part), 500)
        # From one to the next they are much closer.
        for (when, one), (then, other) in pairwise(distances):
            if abs(then - when) < 1:
                self.assertLess(abs(one - other), 0.002)

    def test_shared(self) -> None:
        """The same stamp means the same moment in both, but for a hair."""
        clock = CameraClock()
        pictures, sound = Timeline(clock), Timeline(clock)
        for number in range(1000):
            stamp = EPOCH + number / 8
            picture = pictures.present(stamp, 100 + number / 8)
            heard = sound.present(stamp, 100.2 + number / 8)
            self.assertLess(abs(picture - heard), 0.001)
