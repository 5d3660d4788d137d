"""Tests for L{twistedcam.commands}: what each method asks the camera for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.answers import ImageSettings, Status, Users, WifiNetwork
from twistedcam.commands import (
    IMAGE_SETTINGS,
    MAX_PAGES,
    MOVES,
    PAGE_SIZE,
    PRESETS,
    Commands,
)
from twistedcam.consent import Allow, demand
from twistedcam.errors import CommandFailed, CommandTimeout, ConsentRequired
from twistedcam.reactors import DatagramReactor
from twistedcam.session.dialogue import Answer
from twistedcam.wire.cgi import Reply

Call = tuple[str, dict[str, object]]


def turned(command: int, onestep: int = 0) -> Call:
    """The command that turns."""
    return "decoder_control", {"command": command, "onestep": onestep}


def imageSet(number: int, value: int) -> Call:
    """The command that changes the picture."""
    return "camera_control", {"param": number, "value": value}


class Recorder(Commands):
    """
    Commands to nobody.

    @ivar calls: what was asked: the name, and the parameters.
    @ivar withins: the patience asked for each.
    @ivar answers: what is answered, in order; an empty success when used up.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self._reactor = cast(DatagramReactor, self.clock)
        self.calls: list[Call] = []
        self.withins: list[float | None] = []
        self.answers: list[Deferred[Answer]] = []

    def call(
        self,
        name: str,
        /,
        *,
        allow: Allow = "move",
        within: float | None = None,
        **parameters: object,
    ) -> Deferred[Answer]:
        """As a camera does it, as far as consent goes."""
        try:
            demand(name, parameters, allow)
        except ConsentRequired as problem:
            return fail(problem)
        self.calls.append((name, parameters))
        self.withins.append(within)
        return self.answers.pop(0) if self.answers else succeed(Reply({}, 0, ""))

    def answer(self, *lines: str) -> Reply:
        """What the next command is answered with."""
        reply = Reply.fromText("\r\n".join(("result= 0;", *lines)).encode())
        self.answers.append(succeed(reply))
        return reply


class CommandsCase(SynchronousTestCase):
    """A camera that only takes notes."""

    def setUp(self) -> None:
        self.camera = Recorder()

    def take(self) -> list[Call]:
        """What was asked since the last time."""
        calls = self.camera.calls[:]
        self.camera.calls.clear()
        return calls

    def assertDone(self, done: Deferred[None], *calls: Call) -> None:
        """It is done, by these commands; the method's name was consent enough."""
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(list(calls), self.take())


class LookingTests(CommandsCase):
    """What only looks."""

    def test_checkUser(self) -> None:
        """check_user, as who is connected."""
        reply = self.camera.answer("current_users=2;", "max_support_users=4;")
        users = self.successResultOf(self.camera.checkUser())
        self.assertEqual(Users(2, 4, reply), users)
        self.assertEqual([("check_user", {})], self.take())

    def test_status(self) -> None:
        """get_status, as values."""
        reply = self.camera.answer('alias="Gate";')
        status = self.successResultOf(self.camera.status())
        self.assertEqual(Status.fromReply(reply), status)
        self.assertEqual([("get_status", {})], self.take())

    def test_params(self) -> None:
        """get_params, as it is."""
        reply = self.camera.answer("tz=-3600;")
        self.assertIs(reply, self.successResultOf(self.camera.params()))
        self.assertEqual([("get_params", {})], self.take())

    def test_imageSettings(self) -> None:
        """get_camera_params, as values."""
        reply = self.camera.answer("vbright=7;")
        settings = self.successResultOf(self.camera.imageSettings())
        self.assertEqual(ImageSettings.fromReply(reply), settings)
        self.assertEqual([("get_camera_params", {})], self.take())

    def test_wifiNetworks(self) -> None:
        """wifi_scan, which may take half a minute."""
        self.camera.answer('ap_ssid[0]="x";')
        networks = self.successResultOf(self.camera.wifiNetworks())
        self.assertEqual([WifiNetwork("x", "", None, None, None)], networks)
        self.assertEqual([("wifi_scan", {})], self.take())
        self.assertEqual([30.0], self.camera.withins)

    def test_patience(self) -> None:
        """Other commands have the usual time."""
        self.camera.status()
        self.assertEqual([None], self.camera.withins)

    def test_snapshot(self) -> None:
        """snapshot, of a size or of none."""
        self.camera.answers += [succeed(b"\xff\xd8"), succeed(b"\xff\xd8\xff")]
        self.assertEqual(b"\xff\xd8", self.successResultOf(self.camera.snapshot()))
        big = self.camera.snapshot(0)
        self.assertEqual(b"\xff\xd8\xff", self.successResultOf(big))
        self.assertEqual([("snapshot", {}), ("snapshot", {"res": 0})], self.take())

    def test_noPicture(self) -> None:
        """An answer in words is no picture."""
        self.failureResultOf(self.camera.snapshot(), CommandFailed)

    def test_failure(self) -> None:
        """A command's failure is the method's."""
        methods: tuple[Callable[[], Deferred[Any]], ...] = (
            self.camera.checkUser,
            self.camera.status,
            self.camera.params,
            self.camera.imageSettings,
            self.camera.wifiNetworks,
            self.camera.records,
            self.camera.snapshot,
            self.camera.stop,
            self.camera.setTime,
        )
        for method in methods:
            self.camera.answers.append(fail(CommandTimeout("no answer")))
            self.failureResultOf(method(), CommandTimeout)

    def test_abstract(self) -> None:
        """Somebody has to say how commands are sent."""
        with self.assertRaises(NotImplementedError):
            Commands().call("get_status")


class RecordsTests(CommandsCase):
    """The recordings on the card."""

    def page(self, index: int, size: int, pages: int | None) -> None:
        """The camera answers with a page."""
        lines = [f'record_name0[{i}]="{index}-{i}";' for i in range(size)]
        if pages is not None:
            lines.append(f"PageCount={pages};")
        self.camera.answer(*lines)

    def names(self) -> list[str]:
        """The names of all recordings."""
        return [r.name for r in self.successResultOf(self.camera.records())]

    def asked(self) -> list[object]:
        """The pages that were asked for."""
        pages = []
        for name, parameters in self.take():
            self.assertEqual("get_record_file", name)
            self.assertEqual(PAGE_SIZE, parameters["PageSize"])
            self.assertEqual({"PageSize", "PageIndex"}, parameters.keys())
            pages.append(parameters["PageIndex"])
        return pages

    def test_pages(self) -> None:
        """Page after page, as many as there are."""
        for index in range(3):
            self.page(index, 2, 3)
        self.assertEqual(["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"], self.names())
        self.assertEqual([0, 1, 2], self.asked())

    def test_one(self) -> None:
        """One page, or a camera that does not tell how many."""
        for pages in 1, 0, None:
            self.page(0, 1, pages)
            self.assertEqual(["0-0"], self.names())
            self.assertEqual([0], self.asked())

    def test_none(self) -> None:
        """No card, no recordings."""
        self.assertEqual([], self.names())
        self.assertEqual([0], self.asked())

    def test_fewer(self) -> None:
        """An empty page is the last one, whatever was told."""
        self.page(0, 1, 99)
        self.page(1, 0, 99)
        self.assertEqual(["0-0"], self.names())
        self.assertEqual([0, 1], self.asked())

    def test_endless(self) -> None:
        """There is an end, even if a camera knows none."""
        for index in range(MAX_PAGES + 1):
            self.page(index, 1, 10**9)
        self.assertEqual(MAX_PAGES, len(self.names()))
        self.assertEqual(list(range(MAX_PAGES)), self.asked())

    def test_oneAtATime(self) -> None:
        """The next page is asked for when the one before it has come."""
        answer: Deferred[Answer] = Deferred()
        self.camera.answers.append(answer)
        records = self.camera.records()
        self.assertEqual([0], self.asked())
        self.page(1, 1, 2)
        answer.callback(Reply({"record_name0": ["x"], "PageCount": 2}, 0, ""))
        self.assertEqual(2, len(self.successResultOf(records)))
        self.assertEqual([1], self.asked())


class MovingTests(CommandsCase):
    """What turns the camera."""

    def test_directions(self) -> None:
        """Each direction has its command, and each its end."""
        for direction, begin, ends in (
            ("up", 0, [1]),
            ("down", 2, [3]),
            ("left", 4, [5]),
            ("right", 6, [7]),
            ("left-up", 90, [1, 5]),
            ("right-up", 91, [1, 7]),
            ("left-down", 92, [3, 5]),
            ("right-down", 93, [3, 7]),
        ):
            self.assertIn(direction, MOVES)
            self.assertDone(self.camera.move(direction), turned(begin))
            self.assertDone(self.camera.stop(), *map(turned, ends))
            self.assertDone(self.camera.move(direction, step=True), turned(begin, 1))
        self.assertEqual(8, len(MOVES))

    def test_home(self) -> None:
        """The centre is a place to go to."""
        self.assertDone(self.camera.move("home"), turned(25))

    def test_stopAtFirst(self) -> None:
        """Whatever moves it, both axes are stopped if we did not begin it."""
        self.assertDone(self.camera.stop(), turned(1), turned(5))

    def test_stopTwice(self) -> None:
        """To stop again stops the same again; going home changes nothing."""
        self.camera.move("right")
        self.camera.move("home")
        self.take()
        self.assertDone(self.camera.stop(), turned(7))
        self.assertDone(self.camera.stop(), turned(7))

    def test_stopThenMove(self) -> None:
        """A movement that begins while another is being stopped is not stopped."""
        self.camera.move("left-up")
        answer: Deferred[Answer] = Deferred()
        self.take()
        self.camera.answers.append(answer)
        stopped = self.camera.stop()
        self.camera.move("right")
        answer.callback(Reply({}, 0, ""))
        self.assertDone(stopped, turned(1), turned(6), turned(5))

    def test_each(self) -> None:
        """Each camera has its own movement."""
        other = Recorder()
        self.camera.move("down")
        other.stop()
        self.assertEqual([turned(1), turned(5)], other.calls)

    def test_noDirection(self) -> None:
        """Another word is a mistake, and is not sent."""
        for direction in "", "UP", "up-left", "north", "1":
            with self.assertRaises(ValueError):
                self.camera.move(direction)
        self.assertEqual([], self.take())

    def test_presets(self) -> None:
        """Presets 1 to 16: even commands store, odd ones go there."""
        self.assertEqual(16, PRESETS)
        for number, store in (1, 30), (2, 32), (16, 60):
            self.assertDone(self.camera.setPreset(number), turned(store))
            self.assertDone(self.camera.goToPreset(number), turned(store + 1))

    def test_noPreset(self) -> None:
        """There are no others: their commands would do something else."""
        for number in 0, -1, 17, 1000:
            with self.assertRaises(ValueError):
                self.camera.setPreset(number)
            with self.assertRaises(ValueError):
                self.camera.goToPreset(number)
        self.assertEqual([], self.take())


class SettingTests(CommandsCase):
    """What sets something."""

    def test_setImage(self) -> None:
        """Each setting is a command of its own, in the order given."""
        numbers = {
            "brightness": 1,
            "contrast": 2,
            "saturation": 8,
            "hue": 9,
            "flip": 5,
            "infrared": 14,
        }
        self.assertEqual(numbers.keys(), IMAGE_SETTINGS.keys())
        self.assertDone(
            self.camera.setImage(**dict.fromkeys(numbers, 3)),
            *(imageSet(number, 3) for number in numbers.values()),
        )
        self.assertDone(self.camera.setImage())

    def test_imageRanges(self) -> None:
        """The ends of the range are in it; what is beyond is refused, all of it."""
        for setting, highest in (
            ("brightness", 255),
            ("contrast", 255),
            ("saturation", 255),
            ("hue", 255),
            ("flip", 3),
            ("infrared", 3),
        ):
            number = IMAGE_SETTINGS[setting][0]
            for value in 0, highest:
                self.assertDone(
                    self.camera.setImage(**{setting: value}),
                    imageSet(number, value),
                )
            for value in -1, highest + 1:
                with self.assertRaises(ValueError) as caught:
                    self.camera.setImage(**{"contrast": 1, setting: value})
                self.assertEqual(
                    f"{setting} is 0 to {highest}, not {value}", str(caught.exception)
                )
        self.assertEqual([], self.take())

    def test_noSetting(self) -> None:
        """Another name is a mistake, as with any argument."""
        with self.assertRaises(TypeError):
            self.camera.setImage(brightness=1, sharpness=1)
        self.assertEqual([], self.take())

    def test_imageFailure(self) -> None:
        """After a failure the rest is not tried."""
        self.camera.answers.append(fail(CommandFailed("no")))
        self.failureResultOf(self.camera.setImage(hue=1, flip=1), CommandFailed)
        self.assertEqual(1, len(self.take()))

    def test_setTime(self) -> None:
        """The clock is set to ours; zone and time server stay as they are."""
        self.camera.clock.advance(1767225600.9)
        self.camera.answer(
            "now=5;", "tz=-3600;", "ntp_enable=1;", 'ntp_svr="time.nist.gov";', "x=1;"
        )
        kept = {"tz": -3600, "ntp_enable": 1, "ntp_svr": "time.nist.gov"}
        self.assertDone(
            self.camera.setTime(),
            ("get_params", {}),
            ("set_datetime", {"now": 1767225600, **kept}),
        )

    def test_setTimeTo(self) -> None:
        """Or to another time; what the camera does not tell is not sent."""
        self.camera.answer("tz=0;")
        self.assertDone(
            self.camera.setTime(12.7),
            ("get_params", {}),
            ("set_datetime", {"now": 12, "tz": 0}),
        )
        self.assertDone(
            self.camera.setTime(0), ("get_params", {}), ("set_datetime", {"now": 0})
        )

    def test_switches(self) -> None:
        """Lamp and siren have a command family of their own."""
        for on in False, True:
            for switch, name in (
                (self.camera.light, "light"),
                (self.camera.siren, "siren"),
            ):
                self.assertDone(
                    switch(on),
                    ("trans_cmd_string", {"cmd": 2109, "command": 0, name: int(on)}),
                )

    def test_reboot(self) -> None:
        """A restart wants to be allowed in so many words."""
        self.assertDone(self.camera.reboot(allow="dangerous"), ("reboot", {}))
        for refused in (
            self.camera.reboot(),
            self.camera.reboot(allow="write"),
            self.camera.reboot(allow="move"),
        ):
            self.failureResultOf(refused, ConsentRequired)
        with self.assertRaises(ValueError):
            self.camera.reboot(allow="please")  # type: ignore[arg-type]
        self.assertEqual([], self.take())
