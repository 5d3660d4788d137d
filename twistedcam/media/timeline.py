"""
When to present a frame: a steady time out of a camera's unsteady clock.

The camera stamps frames with its own clock, which is steady from frame to frame,
but may be years off, jump when it is set, and run a little fast or slow.  The time
of arrival never jumps, but trembles.  So the camera's clock is followed at a
distance that is corrected slowly, and taken anew after a jump.
"""

from __future__ import annotations

#: A camera's clock that is this far (seconds) from where it should be has jumped.
JUMP = 2.0

#: The share of the distance's error that is corrected with each frame.
CORRECTION = 0.002

#: No two frames of a stream are presented closer than this (seconds).
TICK = 0.001


class CameraClock:
    """
    The distance between a camera's clock and presentation times; shared by its
    pictures and its sound, so that they stay together.

    Presentation times begin as our own clock's, and go on steadily when either
    clock is set, be it ours or the camera's.

    @ivar jumps: how often one of the clocks was set.
    """

    def __init__(self) -> None:
        self.jumps = 0
        # What has to be added to the camera's clock, and to ours.
        self._distance: float | None = None
        self._shift = 0.0
        self._theirs = self._now = self._presented = 0.0

    def present(self, theirs: float, now: float) -> float:
        """
        A time of the camera's clock as a presentation time.

        @param now: when the frame arrived, by our clock.
        """
        if self._distance is None:
            self._distance = now - theirs
        error = now + self._shift - (theirs + self._distance)
        if abs(error) <= JUMP:
            self._distance += error * CORRECTION
        else:
            self.jumps += 1
            self._distance = self._afterJump(theirs, now, self._distance)
        self._theirs, self._now = theirs, now
        self._presented = theirs + self._distance
        return self._presented

    def arrival(self, now: float) -> float:
        """The presentation time of now."""
        return now + self._shift

    def _afterJump(self, theirs: float, now: float, distance: float) -> float:
        """
        The new distance.  When our own clock was set back, presentation times go
        on where they were; set forward, it looks like a pause, and is taken for one.
        """
        if now < self._now:
            steady = abs(theirs - self._theirs) <= JUMP
            self._shift = (theirs + distance if steady else self._presented) - now
        return now + self._shift - theirs


class Timeline:
    """The presentation times of one stream."""

    def __init__(self, clock: CameraClock) -> None:
        self._clock = clock
        self._last = float("-inf")
        self._stamp: float | None = None

    def present(self, theirs: float, now: float) -> float:
        """
        When to present a frame.

        @param theirs: the frame's stamp, in seconds of the camera's clock.
        @param now: when it arrived.
        """
        if theirs == self._stamp:
            # Some cameras do not care for stamps.
            time = self._clock.arrival(now)
        else:
            time = self._clock.present(theirs, now)
        self._stamp = theirs
        self._last = max(time, self._last + TICK)
        return self._last
