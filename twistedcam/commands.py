"""
Everything that one can ask of a camera, in terms of one method that asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred

from .answers import ImageSettings, Recording, Status, Users, WifiNetwork
from .consent import Allow
from .errors import CommandFailed
from .reactors import DatagramReactor
from .session.dialogue import Answer
from .wire.cgi import Reply

#: C{decoder_control}: the command that starts each movement, and those that end it.
MOVES: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "up": (0, (1,)),
    "down": (2, (3,)),
    "left": (4, (5,)),
    "right": (6, (7,)),
    "left-up": (90, (1, 5)),
    "right-up": (91, (1, 7)),
    "left-down": (92, (3, 5)),
    "right-down": (93, (3, 7)),
}
_CENTRE = 25

#: C{decoder_control}: the first preset is stored by 30 and gone to by 31, and so on.
PRESETS = 16
_FIRST_PRESET = 30

#: C{camera_control}: the numbers of the settings of the picture, and their ranges.
IMAGE_SETTINGS: Mapping[str, tuple[int, int]] = {
    "brightness": (1, 255),
    "contrast": (2, 255),
    "saturation": (8, 255),
    "hue": (9, 255),
    "flip": (5, 3),
    "infrared": (14, 3),
}

#: Seconds that a camera may listen for wireless networks.
SCAN_WITHIN = 30.0

#: Recordings to ask for at once, and pages to ask for at most.
PAGE_SIZE, MAX_PAGES = 100, 1000

#: Lamps and sirens have a command family of their own.
_TRANSPARENT = {"cmd": 2109, "command": 0}


class Commands:
    """
    The methods by name.  All of them send commands, and fail as L{call} does.
    """

    _reactor: DatagramReactor
    _movement: tuple[int, ...] = (1, 5)

    def call(
        self,
        name: str,
        /,
        *,
        allow: Allow = "move",
        within: float | None = None,
        **parameters: object,
    ) -> Deferred[Answer]:
        """See L{twistedcam.camera.Camera.call}."""
        raise NotImplementedError

    def _ask(
        self, name: str, /, *, within: float | None = None, **parameters: object
    ) -> Deferred[Reply]:
        """A command that is answered in text; the method's name is the consent."""
        answer = self.call(name, allow="write", within=within, **parameters)
        return cast("Deferred[Reply]", answer)

    # Looking.

    def checkUser(self) -> Deferred[Users]:
        """Is the login right, and who else is connected?"""
        return self._ask("check_user").addCallback(Users.fromReply)

    def status(self) -> Deferred[Status]:
        """How the camera is."""
        return self._ask("get_status").addCallback(Status.fromReply)

    def params(self) -> Deferred[Reply]:
        """Its network, wireless, mail and alarm settings; many are secret."""
        return self._ask("get_params")

    def imageSettings(self) -> Deferred[ImageSettings]:
        """How the picture is made."""
        return self._ask("get_camera_params").addCallback(ImageSettings.fromReply)

    def wifiNetworks(self) -> Deferred[list[WifiNetwork]]:
        """The wireless networks around the camera; takes it some seconds."""
        answer = self._ask("wifi_scan", within=SCAN_WITHIN)
        return answer.addCallback(WifiNetwork.listFromReply)

    def records(self) -> Deferred[list[Recording]]:
        """The recordings on its memory card."""
        return Deferred.fromCoroutine(self._records())

    async def _records(self) -> list[Recording]:
        recordings: list[Recording] = []
        for page in range(MAX_PAGES):
            reply = await self._ask(
                "get_record_file", PageSize=PAGE_SIZE, PageIndex=page
            )
            if reply.number("PageIndex") not in (None, page):
                # The late answer to an earlier command, whose place it took.
                raise CommandFailed("the camera's answers are out of step: ask again")
            found = Recording.listFromReply(reply)
            recordings += found
            if page + 1 >= (reply.number("PageCount") or 0) or not found:
                break
        return recordings

    def snapshot(self, size: int | None = None) -> Deferred[bytes]:
        """
        A picture.

        @param size: the resolution, as the model numbers it.
        @return: fires with the bytes of a JPEG.
        """
        if size is None:
            return self.call("snapshot").addCallback(_jpeg)
        return self.call("snapshot", res=size).addCallback(_jpeg)

    # Moving.

    def move(self, direction: str, *, step: bool = False) -> Deferred[None]:
        """
        Begin to turn, until L{stop}.

        @param direction: one of L{MOVES}, or C{"home"}.
        @param step: turn by one step only.
        @raise ValueError: there is no such direction.
        """
        if direction == "home":
            return self._turn(_CENTRE)
        if direction not in MOVES:
            raise ValueError(f"not a direction: {direction!r}")
        begin, self._movement = MOVES[direction]
        return self._turn(begin, int(step))

    def stop(self) -> Deferred[None]:
        """End the movement."""
        return Deferred.fromCoroutine(self._stop(self._movement))

    async def _stop(self, commands: tuple[int, ...]) -> None:
        for command in commands:
            await self._turn(command)

    def goToPreset(self, number: int) -> Deferred[None]:
        """
        Turn to a stored position.

        @param number: 1 to L{PRESETS}.
        @raise ValueError: there is no such preset.
        """
        return self._turn(_preset(number) + 1)

    def setPreset(self, number: int) -> Deferred[None]:
        """
        Store the present position.

        @param number: 1 to L{PRESETS}.
        @raise ValueError: there is no such preset.
        """
        return self._turn(_preset(number))

    def _turn(self, command: int, step: int = 0) -> Deferred[None]:
        return self._ask("decoder_control", command=command, onestep=step).addCallback(
            _nothing
        )

    # Setting.

    def setImage(self, **settings: int) -> Deferred[None]:
        """
        Change how the picture is made.

        @param settings: any of L{IMAGE_SETTINGS}: C{brightness}, C{contrast},
            C{saturation}, C{hue} (0 to 255), C{flip} (0 to 3), C{infrared} (0 to
            3, as the model numbers its modes).
        @raise ValueError: a value is out of range.
        @raise TypeError: there is no such setting.
        """
        commands = []
        for setting, value in settings.items():
            if setting not in IMAGE_SETTINGS:
                raise TypeError(f"not a setting of the picture: {setting!r}")
            number, highest = IMAGE_SETTINGS[setting]
            if not 0 <= value <= highest:
                raise ValueError(f"{setting} is 0 to {highest}, not {value}")
            commands.append((number, int(value)))
        return Deferred.fromCoroutine(self._setImage(commands))

    async def _setImage(self, commands: list[tuple[int, int]]) -> None:
        for number, value in commands:
            await self._ask("camera_control", param=number, value=value)

    def setTime(self, now: float | None = None) -> Deferred[None]:
        """
        Set the camera's clock; its time zone and time server stay as they are.

        @param now: seconds since the epoch; default: ours.
        """
        time = self._reactor.seconds() if now is None else now
        return Deferred.fromCoroutine(self._setTime(int(time)))

    async def _setTime(self, now: int) -> None:
        params = await self.params()
        kept: dict[str, Any] = {
            key: params[key] for key in ("tz", "ntp_enable", "ntp_svr") if key in params
        }
        await self._ask("set_datetime", now=now, **kept)

    def light(self, on: bool) -> Deferred[None]:
        """
        Switch the lamp.  Experimental: what it means differs by model, and not
        every model has one.
        """
        return self._switch(light=int(on))

    def siren(self, on: bool) -> Deferred[None]:
        """Switch the siren.  Experimental, as L{light} is."""
        return self._switch(siren=int(on))

    def _switch(self, **what: int) -> Deferred[None]:
        answer = self.call(
            "trans_cmd_string", allow="dangerous", **_TRANSPARENT, **what
        )
        return answer.addCallback(_nothing)

    def reboot(self, *, allow: Allow = "write") -> Deferred[None]:
        """
        Restart the camera.

        @param allow: has to be C{"dangerous"}.
        """
        return self.call("reboot", allow=allow).addCallback(_nothing)


def _preset(number: int) -> int:
    if not 1 <= number <= PRESETS:
        raise ValueError(f"presets are 1 to {PRESETS}, not {number}")
    return _FIRST_PRESET + 2 * (number - 1)


def _nothing(answer: object) -> None:
    """That it was answered is all there is to know."""


def _jpeg(answer: Answer) -> bytes:
    if isinstance(answer, bytes):
        return answer
    raise CommandFailed("the camera sent no picture")
