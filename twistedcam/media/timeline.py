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
    The distance between a camera's clock and ours; shared by its pictures and its
    sound, so that they stay together.

    @ivar jumps: how often the camera's clock was set.
    """

    def __init__(self) -> None:
        self.jumps = 0
        self._distance: float | None = None

    def ours(self, theirs: float, now: float) -> float:
        """
        A time of the camera's clock in terms of ours.

        @param now: when the frame arrived.
        """
        distance = now - theirs
        if self._distance is None:
            self._distance = distance
        elif abs(distance - self._distance) > JUMP:
            self.jumps += 1
            self._distance = distance
        else:
            self._distance += (distance - self._distance) * CORRECTION
        return theirs + self._distance


class Timeline:
    """The presentation times of one stream."""

    def __init__(self, clock: CameraClock) -> None:
        self._clock = clock
        self._last = float("-inf")

    def present(self, theirs: float, now: float) -> float:
        """
        When to present a frame.

        @param theirs: the frame's stamp, in seconds of the camera's clock.
        @param now: when it arrived.
        """
        time = max(self._clock.ours(theirs, now), self._last + TICK)
        self._last = time
        return time
