"""
Counting what is not worth a log line each.
"""

from __future__ import annotations

from collections import Counter

from twisted.logger import Logger

from .reactors import Timers

#: Seconds between two lines about the same source at least.
TELL_EVERY = 60.0


class Tally:
    """
    Counts oddities (foreign, malformed, unknown packets...) by kind and tells of
    them in the log once a minute at most.

    @ivar counts: how often each kind was seen since the beginning.
    """

    def __init__(self, clock: Timers, log: Logger, who: str) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._log = log
        self._who = who
        self._untold: Counter[str] = Counter()
        self._toldAt = float("-inf")

    def count(self, kind: str) -> None:
        """
        One more.  C{kind} comes from a fixed set of words, never from a packet.
        """
        self.counts[kind] += 1
        self._untold[kind] += 1
        if self._clock.seconds() - self._toldAt >= TELL_EVERY:
            self.tell()

    def tell(self) -> None:
        """Tell what has not been told yet, now."""
        if not self._untold:
            return
        self._toldAt = self._clock.seconds()
        summary = ", ".join(f"{n} {kind}" for kind, n in sorted(self._untold.items()))
        self._log.info(
            "{who}: dropped {summary}",
            who=self._who,
            summary=summary,
            counts=dict(self._untold),
        )
        self._untold.clear()
