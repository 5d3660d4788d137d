"""
The machine that keeps a camera connected.

A session is one life; a camera outlives many.  It is searched for, connected to,
and whenever the session ends, for whatever reason, it is searched for again,
after a while that grows with every failure.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from automat import TypeMachineBuilder
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .discovery import Found
from .errors import Disconnected
from .reactors import Timers
from .session.machine import Reason
from .session.protocol import CameraSession

#: Seconds to wait before the next try: the first time, at most, and how far the
#: dice may move it, so that cameras that lost power together come back apart.
BACKOFF, MAX_BACKOFF, BACKOFF_JITTER = 1.0, 60.0, 0.25

#: Seconds of searching in vain after which that is told.
MISSED_AFTER = 15.0

#: Seconds of being up after which the next failure counts as the first.
STEADY = 30.0


class CameraState(Enum):
    """The states, by the names that the log and the docs use."""

    STOPPED = "Stopped"
    SEARCHING = "Searching"
    CONNECTING = "Connecting"
    UP = "Up"
    WAITING = "Waiting"
    STOPPING = "Stopping"


class Keeper(Protocol):
    """What can happen to a camera."""

    def connect(self) -> None:
        """The owner wants it."""

    def disconnect(self) -> None:
        """The owner is done with it."""

    def _found(self, found: Found) -> None:
        """Discovery has it."""

    def _connected(self) -> None:
        """The session's handshake is complete."""

    def _closed(self, reason: Reason) -> None:
        """The session is over."""

    def _retry(self) -> None:
        """Waited long enough."""

    def _unanswered(self) -> None:
        """Searched for quite a while."""


class Backstage(Protocol):
    """What the machine needs done."""

    def _search(self) -> Deferred[Found]:
        """Look for the camera."""

    def _missing(self) -> None:
        """It was not found so far."""

    def _sighted(self, found: Found) -> None:
        """It was found."""

    def _openSession(
        self,
        found: Found,
        connected: Callable[[], None],
        closed: Callable[[Reason], None],
    ) -> CameraSession:
        """Begin a session with it."""

    def _entered(self, state: CameraState) -> None:
        """The camera is in another state now."""

    def _up(self) -> None:
        """The camera can be used."""

    def _lost(self, reason: Reason, delay: float) -> None:
        """The camera is lost; the next try is in C{delay} seconds."""

    def _stopped(self) -> None:
        """Everything is freed: forget the camera."""


@dataclass
class Core:
    """
    What all transitions share.

    @ivar session: the present life, if there is one.
    @ivar upSince: when it was up, or L{None} if it never was.
    @ivar failures: how often in a row it did not work.
    """

    clock: Timers
    backstage: Backstage
    dice: random.Random
    session: CameraSession | None = None
    upSince: float | None = None
    failures: int = 0

    def nextDelay(self) -> float:
        """Seconds until the next try; longer each time."""
        if self.upSince is not None and self.clock.seconds() - self.upSince >= STEADY:
            self.failures = 0
        delay: float = min(BACKOFF * 2**self.failures, MAX_BACKOFF)
        if delay < MAX_BACKOFF:
            self.failures += 1
        return delay * self.dice.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER)


@dataclass
class Searching:
    """
    Looking for the camera.

    @ivar patience: until nobody's answering is worth a word.
    @ivar search: to be cancelled.
    """

    patience: IDelayedCall
    search: Deferred[None]


def _build() -> Callable[[Core], Keeper]:
    machine = TypeMachineBuilder(Keeper, Core)

    def search(keeper: Keeper, core: Core) -> Searching:
        core.backstage._entered(CameraState.SEARCHING)

        def givenUp(failure: Failure) -> None:
            """By us, or because somebody has stopped the searcher."""
            if failure.trap(CancelledError, Disconnected) is Disconnected:
                keeper._closed(Reason.NO_SEARCHER)

        return Searching(
            core.clock.callLater(MISSED_AFTER, keeper._unanswered),
            core.backstage._search().addCallbacks(keeper._found, givenUp),
        )

    def wait(keeper: Keeper, core: Core, reason: Reason) -> IDelayedCall:
        delay = core.nextDelay()
        core.session = core.upSince = None
        core.backstage._entered(CameraState.WAITING)
        core.backstage._lost(reason, delay)
        return core.clock.callLater(delay, keeper._retry)

    stopped = machine.state("Stopped")
    searching = machine.state("Searching", search)
    connecting = machine.state("Connecting")
    up = machine.state("Up")
    waiting = machine.state("Waiting", wait)
    stopping = machine.state("Stopping")

    @stopped.upon(Keeper.connect).to(searching)
    def begin(keeper: Keeper, core: Core) -> None:
        core.failures = 0

    stopped.upon(Keeper.disconnect).loop().returns(None)

    @searching.upon(Keeper._found).to(connecting)
    def open(keeper: Keeper, core: Core, searching: Searching, found: Found) -> None:
        _cancel(searching.patience)
        core.backstage._sighted(found)
        core.backstage._entered(CameraState.CONNECTING)
        core.session = core.backstage._openSession(
            found, keeper._connected, keeper._closed
        )

    @searching.upon(Keeper._unanswered).loop()
    def miss(keeper: Keeper, core: Core, searching: Searching) -> None:
        core.backstage._missing()

    @searching.upon(Keeper._closed).to(waiting)
    def abandoned(
        keeper: Keeper, core: Core, searching: Searching, reason: Reason
    ) -> None:
        _cancel(searching.patience)

    @searching.upon(Keeper.disconnect).to(stopped)
    def giveUp(keeper: Keeper, core: Core, searching: Searching) -> None:
        _cancel(searching.patience)
        searching.search.cancel()
        core.backstage._stopped()

    @connecting.upon(Keeper._connected).to(up)
    def use(keeper: Keeper, core: Core) -> None:
        core.upSince = core.clock.seconds()
        core.backstage._entered(CameraState.UP)
        core.backstage._up()

    connecting.upon(Keeper._closed).to(waiting).returns(None)
    up.upon(Keeper._closed).to(waiting).returns(None)
    waiting.upon(Keeper._retry, nodata=True).to(searching).returns(None)

    @waiting.upon(Keeper.disconnect).to(stopped)
    def waitNoMore(keeper: Keeper, core: Core, timer: IDelayedCall) -> None:
        timer.cancel()
        core.backstage._stopped()

    @connecting.upon(Keeper.disconnect).to(stopping)
    @up.upon(Keeper.disconnect).to(stopping)
    def stop(keeper: Keeper, core: Core) -> None:
        core.backstage._entered(CameraState.STOPPING)
        assert core.session is not None
        core.session.stop()

    stopping.upon(Keeper.disconnect).loop().returns(None)

    @stopping.upon(Keeper._closed).to(stopped)
    def allDone(keeper: Keeper, core: Core, reason: Reason) -> None:
        core.session = core.upSince = None
        core.backstage._stopped()

    return machine.build()


def _cancel(timer: IDelayedCall) -> None:
    """It may have fired."""
    if timer.active():
        timer.cancel()


KeeperMachine = _build()
