"""
Log lines that somebody outside could have written as often as he likes.
"""

from __future__ import annotations

from collections import OrderedDict

from ..reactors import Timers

#: Seconds from one line about the same to the next at least.
TELL_EVERY = 60.0

#: Of so many is known when they were told of last.
MAX_TOLD = 1000


class Sparing:
    """
    Knows when there is to be a line again::

        more = sparing.due(address)
        if more is not None:
            log.warn("wrong login from {address}{more}", address=address, more=more)
    """

    def __init__(self, clock: Timers) -> None:
        self._clock = clock
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def due(self, about: str) -> str | None:
        """
        It has happened.

        @param about: what each has lines of its own for.
        @return: what the line has to end with; L{None}: there need not be one.
        """
        now = self._clock.seconds()
        at, untold = self._told.pop(about, (float("-inf"), 0))
        if 0 <= now - at < TELL_EVERY:
            self._told[about] = at, untold + 1
            return None
        self._told[about] = now, 0
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        return f", {untold} more since the last line" if untold else ""
