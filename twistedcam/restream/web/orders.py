"""
Orders to one camera: one at a time, and not more of them than anybody could mean.

To stop comes before everything else; of movements only the newest one waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .pages import Refusal, later

#: Orders that may wait, besides movements.
MAX_WAITING = 16

#: What obeys an order.
Obey = Callable[[], Deferred[None]]


class _Order:
    """
    One order, and those who gave it.
    """

    def __init__(self, obey: Obey) -> None:
        self.obey = obey
        self._results: list[Deferred[None]] = []

    def result(self) -> Deferred[None]:
        """One more waits for it."""
        result: Deferred[None] = Deferred()
        self._results.append(result)
        return result

    def tell(self, outcome: Failure | None) -> None:
        """It is done, or not."""
        results, self._results = self._results, []
        for result in results:
            if isinstance(outcome, Failure):
                result.errback(outcome)
            else:
                result.callback(None)

    def refuse(self, refusal: Refusal) -> None:
        """It will not be done."""
        self.tell(Failure(refusal))


class Orders:
    """
    The orders to one camera.
    """

    def __init__(self) -> None:
        self._underWay = False
        self._passing = False
        self._stop: _Order | None = None
        self._movement: _Order | None = None
        self._others: deque[_Order] = deque()

    def stop(self, obey: Obey) -> Deferred[None]:
        """Stop it, before anything else is done; no movement waits any longer."""
        self._overtake()
        order = self._stop
        if order is None:
            order = self._stop = _Order(obey)
        result = order.result()
        self._next()
        return result

    def move(self, obey: Obey) -> Deferred[None]:
        """Move it; an older movement that waits is given up."""
        self._overtake()
        order = self._movement = _Order(obey)
        result = order.result()
        self._next()
        return result

    def other(self, obey: Obey) -> Deferred[None]:
        """
        Do something else.

        @raise Refusal: too much waits already.
        """
        if len(self._others) >= MAX_WAITING:
            raise later(f"{MAX_WAITING} commands wait for this camera already")
        order = _Order(obey)
        self._others.append(order)
        result = order.result()
        self._next()
        return result

    def end(self) -> None:
        """Nothing that waits will be done any more."""
        waiting = [self._stop, self._movement, *self._others]
        self._stop = self._movement = None
        self._others.clear()
        for order in waiting:
            if order is not None:
                order.refuse(
                    later("it was given up: the camera is gone, or the server stops")
                )

    def _overtake(self) -> None:
        movement, self._movement = self._movement, None
        if movement is not None:
            movement.refuse(later("another movement came in between"))

    def _take(self) -> _Order | None:
        """The next one."""
        order: _Order | None
        if self._stop is not None:
            order, self._stop = self._stop, None
        elif self._movement is not None:
            order, self._movement = self._movement, None
        else:
            order = self._others.popleft() if self._others else None
        return order

    def _next(self) -> None:
        """Go on, as long as orders are obeyed, or fail, at once."""
        if self._passing:
            return
        self._passing = True
        while not self._underWay and (order := self._take()) is not None:
            self._underWay = True
            try:
                obeyed = order.obey()
            except Exception:
                self._done(Failure(), order)
            else:
                obeyed.addBoth(self._done, order)
        self._passing = False

    def _done(self, outcome: Failure | None, order: _Order) -> None:
        self._underWay = False
        order.tell(outcome)
        self._next()
