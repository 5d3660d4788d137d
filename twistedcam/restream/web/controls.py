"""
What can be done to a camera: turned, lit, adjusted.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...camera import Camera
from ...commands import PRESETS
from ...errors import NotConnected, TwistedcamError
from ...reactors import Timers
from .orders import Obey, Orders
from .pages import Page, Refusal, body, send, sendJson
from .site import WebRequest

#: Seconds that a movement may last which nobody stops.
LONGEST_MOVEMENT = 10.0

#: A movement that could not be stopped is tried to be stopped again: how often, and
#: after how many seconds.
STOP_TRIES, STOP_AGAIN = 30, 1.0

Direction = Literal[
    "up",
    "down",
    "left",
    "right",
    "left-up",
    "right-up",
    "left-down",
    "right-down",
    "home",
    "stop",
]


class _Posted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted."""


class Turn(_Posted, frozen=True):
    """Where to turn, and for how long."""

    direction: Direction
    step: bool = False
    seconds: Annotated[float, msgspec.Meta(ge=0.1, le=LONGEST_MOVEMENT)] = (
        LONGEST_MOVEMENT
    )


class Preset(_Posted, frozen=True):
    """A stored position."""

    number: Annotated[int, msgspec.Meta(ge=1, le=PRESETS)]
    action: Literal["go", "set"] = "go"


class Switch(_Posted, frozen=True):
    """On or off."""

    on: bool


class Infrared(_Posted, frozen=True):
    """The mode of the lamps for the night, or just on or off."""

    mode: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    on: bool | None = None


_Byte = Annotated[int, msgspec.Meta(ge=0, le=255)] | msgspec.UnsetType
_Mode = Annotated[int, msgspec.Meta(ge=0, le=3)] | msgspec.UnsetType


class Image(_Posted, frozen=True):
    """How the picture is made; what is left out stays as it is."""

    brightness: _Byte = msgspec.UNSET
    contrast: _Byte = msgspec.UNSET
    saturation: _Byte = msgspec.UNSET
    hue: _Byte = msgspec.UNSET
    flip: _Mode = msgspec.UNSET
    infrared: _Mode = msgspec.UNSET


class Movement:
    """
    A dead man's switch: whoever lets a camera turn may close his browser, or lose his
    network, before he stops it.
    """

    log = Logger()

    def __init__(self, clock: Timers, camera: Camera) -> None:
        self.camera = camera
        self._orders = Orders()
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._over = False

    def turn(self, turn: Turn) -> Deferred[None]:
        """Begin, or end; the newest command is the one that counts."""
        if turn.direction == "stop":
            return self._orders.stop(self._halt)
        return self._orders.move(lambda: self._go(turn))

    def other(self, obey: Obey) -> Deferred[None]:
        """
        Do something else, in its turn.

        @raise Refusal: too much waits already.
        """
        return self._orders.other(obey)

    def _halt(self) -> Deferred[None]:
        self._disarm()
        return self.camera.stop().addErrback(self._stopAgain)

    def _go(self, turn: Turn) -> Deferred[None]:
        self._disarm()
        if turn.direction != "home" and not turn.step:
            self._arm(turn.seconds, STOP_TRIES)
        moving = self.camera.move(turn.direction, step=turn.step)
        return moving.addErrback(self._notMoved, self._timer)

    def end(self) -> None:
        """Nobody will stop it any more: do it now, if it turns."""
        self._over = True
        self._orders.end()
        if self._timer is not None:
            self._disarm()
            self.camera.stop().addErrback(self._notStopped, 0)

    def _arm(self, seconds: float, tries: int) -> None:
        if not self._over:
            self._timer = self._clock.callLater(seconds, self._stop, tries)

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _notMoved(self, failure: Failure, timer: IDelayedCall | None) -> Failure:
        """What did not begin need not be stopped."""
        if failure.check(NotConnected) and timer is self._timer:
            self._disarm()
        return failure

    def _stopAgain(self, failure: Failure) -> Failure:
        """Whoever wanted it stopped may not try again himself."""
        if self._timer is None:
            self._arm(STOP_AGAIN, STOP_TRIES)
        return failure

    def _stop(self, tries: int) -> None:
        self._timer = None
        self.camera.stop().addErrback(self._notStopped, tries - 1)

    def _notStopped(self, failure: Failure, tries: int) -> None:
        """Perhaps the network is away for a moment."""
        failure.trap(TwistedcamError)
        if tries > 0 and self._timer is None:
            self._arm(STOP_AGAIN, tries)
        elif not tries:
            self.log.warn(
                "{name}: not stopped: {problem}",
                name=self.camera.name,
                problem=failure.getErrorMessage(),
            )


class Movements:
    """Those of all cameras."""

    def __init__(self, clock: Timers) -> None:
        self._clock = clock
        self._movements: dict[str, Movement] = {}

    def of(self, camera: Camera) -> Movement:
        """The one of a camera."""
        movement = self._movements.get(camera.name)
        if movement is None or movement.camera is not camera:
            if movement is not None:
                movement.end()
            movement = self._movements[camera.name] = Movement(self._clock, camera)
        return movement

    def part(self, cameras: list[Camera]) -> None:
        """There are no other cameras any more."""
        for name, movement in list(self._movements.items()):
            if movement.camera not in cameras:
                movement.end()
                del self._movements[name]

    def end(self) -> None:
        """Nobody will stop any of them any more."""
        self.part([])


class _Control(Page):
    """Something to be posted."""

    methods: ClassVar[tuple[bytes, ...]] = (b"POST",)
    isLeaf = True

    def __init__(self, camera: Camera, movements: Movements) -> None:
        super().__init__()
        self._camera = camera
        self._movements = movements

    def answer(self, request: WebRequest) -> Coroutine[Any, Any, None] | None:
        """Do it."""
        # Before anything is awaited: what is wrong is refused at once.
        return self._obey(request, self._command(request))

    def _command(self, request: WebRequest) -> Deferred[None]:
        return self._movements.of(self._camera).other(self._order(request))

    def _order(self, request: WebRequest) -> Obey:
        """
        What is to be done.

        @raise Refusal: that is no order.
        """
        raise NotImplementedError

    async def _obey(self, request: WebRequest, obeyed: Deferred[None]) -> None:
        await obeyed
        send(request, b"", None, 204)


class TurnPage(_Control):
    """Turns the camera."""

    def _command(self, request: WebRequest) -> Deferred[None]:
        return self._movements.of(self._camera).turn(body(request, Turn))


class PresetPage(_Control):
    """Goes to a stored position, or stores one."""

    def _order(self, request: WebRequest) -> Obey:
        preset = body(request, Preset)
        if preset.action == "set":
            return lambda: self._camera.setPreset(preset.number)
        return lambda: self._camera.goToPreset(preset.number)


class LightPage(_Control):
    """Switches the lamp."""

    def _order(self, request: WebRequest) -> Obey:
        wanted = body(request, Switch)
        return lambda: self._camera.light(wanted.on)


class InfraredPage(_Control):
    """Switches the lamps for the night."""

    def _order(self, request: WebRequest) -> Obey:
        wanted = body(request, Infrared)
        if (wanted.mode is None) == (wanted.on is None):
            raise Refusal(400, "say either mode or on")
        mode = int(bool(wanted.on)) if wanted.mode is None else wanted.mode
        return lambda: self._camera.setImage(infrared=mode)


class ImagePage(_Control):
    """Shows and changes how the picture is made."""

    methods = (b"GET", b"HEAD", b"POST")

    def answer(self, request: WebRequest) -> Coroutine[Any, Any, None] | None:
        """Show, or change."""
        if request.method == b"POST":
            return super().answer(request)
        return self._show(request)

    async def _show(self, request: WebRequest) -> None:
        settings = await self._camera.imageSettings()
        fields = Image.__struct_fields__
        sendJson(request, {name: getattr(settings, name) for name in fields})

    def _order(self, request: WebRequest) -> Obey:
        changes: dict[str, int] = msgspec.to_builtins(body(request, Image))
        if not changes:
            raise Refusal(400, "say what to change")
        return lambda: self._camera.setImage(**changes)
