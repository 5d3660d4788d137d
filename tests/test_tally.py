"""
Counting oddities.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.tally import TELL_EVERY, Tally


class TallyTests(SynchronousTestCase):
    """A tally tells a little, and counts all."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.tally = Tally(self.clock, Logger(), "garden")

    def test_first(self) -> None:
        """The first oddity is told at once."""
        with capturedLogs() as events:
            self.tally.count("malformed")
        (event,) = events
        self.assertEqual("garden: dropped 1 malformed", formatEvent(event))
        self.assertIs(LogLevel.info, event["log_level"])
        self.assertEqual({"malformed": 1}, event["counts"])

    def test_onceAMinute(self) -> None:
        """The next after a minute, with all that came in between."""
        with capturedLogs() as events:
            for _ in range(600):
                self.tally.count("malformed")
                self.tally.count("foreign")
                self.clock.advance(0.1)
            self.assertEqual(1, len(events))
            self.clock.advance(TELL_EVERY)
            self.tally.count("foreign")
        self.assertEqual(
            "garden: dropped 601 foreign, 599 malformed", formatEvent(events[1])
        )
        self.assertEqual({"malformed": 600, "foreign": 601}, dict(self.tally.counts))

    def test_tell(self) -> None:
        """It can be asked to tell; if there is nothing new, it says nothing."""
        self.tally.count("malformed")
        self.tally.count("malformed")
        with capturedLogs() as events:
            self.tally.tell()
            self.tally.tell()
        self.assertEqual(
            ["garden: dropped 1 malformed"], list(map(formatEvent, events))
        )

    def test_noTimer(self) -> None:
        """It needs no timer."""
        self.tally.count("malformed")
        self.assertEqual([], self.clock.getDelayedCalls())
