"""
Bad weather: datagrams that are lost, doubled, late or forged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .world import Reactor, Timer

#: How long a datagram that is to be overtaken waits (seconds): longer than the
#: distance of a video's datagrams, shorter than the patience of any client.
REORDER_HOLD = 0.030

#: Datagrams under way at most, the rest is lost: some seconds of busy video.
MAX_UNDER_WAY = 4096


@dataclass(frozen=True, slots=True)
class Faults:
    """
    What goes wrong around a camera.

    @ivar seed: the same seed and the same datagrams give the same faults.
    @ivar loss: probability that a datagram, in either direction, is lost.
    @ivar duplicate: probability that it arrives twice.
    @ivar reorder: probability that it waits for L{REORDER_HOLD} seconds while
        others overtake it.
    @ivar delay: seconds that everything the camera sends takes longer.
    @ivar forgedReports: after each true DH report comes one with the same device
        id and a foreign address, and one with another device id.
    @ivar mute: names of commands, such as C{"get_status"}, whose answers fail to
        come; they are obeyed all the same.
    @ivar slow: seconds before each answer.
    @ivar tcpOnly: whoever punches back is asked for TCP, and gets no session.
    @ivar otherPort: DH reports come from another port than the one that was asked.
    """

    seed: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    forgedReports: bool = False
    mute: frozenset[str] = frozenset()
    slow: float = 0.0
    tcpOnly: bool = False
    otherPort: bool = False

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is no probability: {getattr(self, name)}")
        for name in ("delay", "slow"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} of {getattr(self, name)} s")

    @property
    def longest(self) -> float:
        """Seconds that a datagram of the camera can be under way at most."""
        return self.delay + (REORDER_HOLD if self.reorder else 0.0)


class Weather:
    """
    What all datagrams of one camera have to go through.

    @ivar silent: nothing gets through at all.
    """

    def __init__(self, reactor: Reactor, faults: Faults) -> None:
        self._reactor = reactor
        self._underWay: dict[Timer, Callable[[], None]] = {}
        self.silent = False
        self.change(faults)

    @property
    def faults(self) -> Faults:
        """What goes wrong at present."""
        return self._faults

    def change(self, faults: Faults) -> None:
        """From now on let other things go wrong."""
        self._faults = faults
        # Without chances dice need not be thrown; here they start anew anyway.
        self._fair = not (faults.loss or faults.duplicate or faults.reorder)
        self._inward = Random(f"{faults.seed} in")
        self._outward = Random(f"{faults.seed} out")

    def send(self, transmit: Callable[[], None]) -> None:
        """Let a datagram of the camera out: call C{transmit} 0, 1 or 2 times."""
        self._letThrough(self._outward, self._faults.delay, transmit)

    def hear(self, deliver: Callable[[], None]) -> None:
        """Let a datagram come in: call C{deliver} 0, 1 or 2 times."""
        self._letThrough(self._inward, 0.0, deliver)

    def flush(self) -> None:
        """Let everything that is under way arrive now."""
        while self._underWay:
            timer, act = next(iter(self._underWay.items()))
            timer.cancel()
            del self._underWay[timer]
            act()

    def clear(self) -> None:
        """Lose everything that is under way."""
        for timer in self._underWay:
            timer.cancel()
        self._underWay.clear()

    def _letThrough(self, luck: Random, delay: float, act: Callable[[], None]) -> None:
        if self.silent:
            return
        if self._fair:
            self._after(delay, act)
            return
        faults = self._faults
        # Always three draws, so that one probability does not shift the others.
        lost = luck.random() < faults.loss
        twice = luck.random() < faults.duplicate
        late = luck.random() < faults.reorder
        if lost:
            return
        for _ in range(1 + twice):
            self._after(delay + (REORDER_HOLD if late else 0.0), act)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        if not seconds:
            act()
        elif len(self._underWay) < MAX_UNDER_WAY:
            timer = Timer(self._reactor, lambda: self._arrive(timer))
            self._underWay[timer] = act
            timer.arm(seconds)

    def _arrive(self, timer: Timer) -> None:
        self._underWay.pop(timer)()
