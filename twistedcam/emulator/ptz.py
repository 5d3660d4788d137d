"""
The motors: where the camera looks, and how it gets there.
"""

from __future__ import annotations

#: How far it turns (degrees): right and up are positive.
PAN_LIMIT = 175.0
TILT_LOW, TILT_HIGH = -35.0, 85.0

#: Degrees per second and step of the speed setting (1..10).
SPEED_UNIT = 8.0

#: Degrees of one single step.
STEP = 5.0

#: Codes of decoder_control.
CENTRE = 25
PRESETS = range(30, 62)  # even: keep; odd: go there
DELETIONS = range(62, 67)
CRUISE, CRUISE_STOP = 22, 23
PATROLS = {26: (0, 1), 28: (1, 0)}
STOPS = frozenset((1, 3, 5, 7, 27, 29, CRUISE_STOP))

#: Codes that turn it, and whereto (right, up).
DIRECTIONS = {
    0: (0, 1),
    2: (0, -1),
    4: (-1, 0),
    6: (1, 0),
    90: (-1, 1),
    91: (1, 1),
    92: (-1, -1),
    93: (1, -1),
}

#: Codes without a consequence here: zoom, focus, and the alarm output.
IGNORED = frozenset((16, 17, 18, 19, 20, 21, 84, 94, 95))

Place = tuple[float, float]


def _within(pan: float, tilt: float) -> Place:
    return (
        min(max(pan, -PAN_LIMIT), PAN_LIMIT),
        min(max(tilt, TILT_LOW), TILT_HIGH),
    )


class Motors:
    """
    Both axes move at the same speed towards a place, or from place to place.
    There is no timer: the position is reckoned whenever somebody asks.

    @ivar speed: the setting, 1..10.
    @ivar presets: places by their numbers, 0..15.
    """

    def __init__(self, now: float) -> None:
        self.speed = 5
        self.presets: dict[int, Place] = {}
        self.restart(now)

    def restart(self, now: float) -> None:
        """Look straight ahead, as after switching the camera on."""
        self._place: Place = (0.0, 0.0)
        self._at = now
        self._route: list[Place] = []
        self._endless = False

    def where(self, now: float) -> Place:
        """Pan and tilt in degrees."""
        elapsed, self._at = max(0.0, now - self._at), now
        velocity = SPEED_UNIT * self.speed
        if self._endless:
            elapsed = self._shorten(elapsed, velocity)
        while self._route and elapsed > 0.0:
            goal = self._route[0]
            needed = _far(self._place, goal) / velocity
            if elapsed < needed:
                self._place = _towards(self._place, goal, elapsed * velocity)
                break
            elapsed -= needed
            self._place = self._route.pop(0)
            if self._endless:
                self._route.append(goal)
        return self._place

    def command(self, code: int, oneStep: bool, now: float) -> bool:
        """
        Obey decoder_control.

        @return: whether there is such a code.
        """
        pan, tilt = self.where(now)
        if code in STOPS:
            self._go()
        elif code in DIRECTIONS:
            right, up = DIRECTIONS[code]
            way = STEP if oneStep else 4 * PAN_LIMIT
            self._go(_within(pan + right * way, tilt + up * way))
        elif code == CENTRE:
            self._go((0.0, 0.0))
        elif code in PATROLS:
            right, up = PATROLS[code]
            self._go(
                (PAN_LIMIT if right else pan, TILT_HIGH if up else tilt),
                (-PAN_LIMIT if right else pan, TILT_LOW if up else tilt),
                endless=True,
            )
        elif code == CRUISE:
            self._go(*(self.presets[n] for n in sorted(self.presets)), endless=True)
        elif code in PRESETS:
            number, go = divmod(code - PRESETS.start, 2)
            if not go:
                self.presets[number] = (pan, tilt)
            elif number in self.presets:
                self._go(self.presets[number])
        elif code in DELETIONS:
            self.presets.pop(code - DELETIONS.start, None)
        else:
            return code in IGNORED
        return True

    def _go(self, *route: Place, endless: bool = False) -> None:
        self._route = list(route)
        # A round trip of no length would never end.
        self._endless = endless and len(set(route)) > 1

    def _shorten(self, elapsed: float, velocity: float) -> float:
        """Leave out whole rounds, but for the way to the first place."""
        first = _far(self._place, self._route[0]) / velocity
        ring = zip(self._route, (*self._route[1:], self._route[0]), strict=True)
        rounds = sum(_far(here, there) for here, there in ring) / velocity
        return elapsed if elapsed <= first else first + (elapsed - first) % rounds


def _far(here: Place, there: Place) -> float:
    """Degrees that the axis with the longer way has to turn."""
    return max(abs(there[0] - here[0]), abs(there[1] - here[1]))


def _towards(here: Place, there: Place, degrees: float) -> Place:
    """Each axis as far as it gets, the one with the shorter way arrives first."""

    def axis(start: float, end: float) -> float:
        way = end - start
        return (
            end if abs(way) <= degrees else start + (degrees if way > 0 else -degrees)
        )

    return axis(here[0], there[0]), axis(here[1], there[1])
