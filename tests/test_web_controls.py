"""
Tests of L{twistedcam.restream.web.controls}: turning, lighting, adjusting.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import (
    CameraFull,
    CommandFailed,
    CommandTimeout,
    LoginLocked,
    LoginRejected,
    NotConnected,
    NotDelivered,
    NotSupported,
    SessionClosed,
)
from twistedcam.restream.web.controls import STOP_TRIES
from twistedcam.restream.web.orders import MAX_WAITING, Obey, Orders
from twistedcam.restream.web.pages import Refusal

from .lab import LabCase
from .webkit import WebLab

GARDEN = "/cameras/garden"


class Directions(LabCase):
    """Helpers: where a camera looks."""

    def place(self, lab: WebLab) -> tuple[float, float]:
        """To the right, and up, in degrees."""
        state = lab.emulated.state
        return state.motors.where(state.uptime)

    def turn(self, lab: WebLab, **how: object) -> None:
        """Post, successfully."""
        answer = lab.post(f"{GARDEN}/ptz", how)
        self.assertEqual((204, b""), (answer.status, answer.body))


class TurnTests(Directions):
    """C{ptz}."""

    def test_directions(self) -> None:
        """It turns where it should, until it is stopped."""
        for direction, right, up in (
            ("left", -1, 0),
            ("right", 1, 0),
            ("up", 0, 1),
            ("down", 0, -1),
            ("left-up", -1, 1),
            ("right-up", 1, 1),
            ("left-down", -1, -1),
            ("right-down", 1, -1),
        ):
            lab = WebLab()
            self.turn(lab, direction=direction)
            self.turn(lab, direction="stop")
            pan, tilt = place = self.place(lab)
            self.assertEqual((right, up), (sign(pan), sign(tilt)), direction)
            lab.network.advance(5)
            self.assertEqual(place, self.place(lab))

    def test_home(self) -> None:
        """It finds back to the middle."""
        lab = WebLab()
        self.turn(lab, direction="left")
        self.turn(lab, direction="home")
        lab.network.advance(20)
        self.assertEqual((0, 0), self.place(lab))

    def test_step(self) -> None:
        """A step ends by itself."""
        lab = WebLab()
        self.turn(lab, direction="left", step=True)
        self.assertEqual((-5, 0), self.place(lab))
        self.note(lab)
        lab.network.advance(20)
        self.assertEqual([], self.calls)

    def setUp(self) -> None:
        """Nothing was stopped yet."""
        self.calls: list[float] = []

    def test_deadMan(self) -> None:
        """What nobody stops is stopped after the time that was said, or ten seconds."""
        for how, seconds in (({"seconds": 0.5}, 0.5), ({"seconds": 3}, 3), ({}, 10)):
            lab = WebLab()
            self.note(lab)
            began = lab.network.seconds()
            self.turn(lab, direction="up", **how)
            lab.network.advance(20)
            [stopped] = self.calls
            self.assertApproximates(seconds, stopped - began, 0.01)
            self.calls.clear()

    def note(self, lab: WebLab) -> None:
        """Note when it is stopped."""
        stop = lab.garden.stop

        def noting() -> Deferred[None]:
            self.calls.append(lab.network.seconds())
            return stop()

        self.patch(lab.garden, "stop", noting)

    def test_newestCounts(self) -> None:
        """Of several browsers the one that spoke last decides."""
        lab = WebLab()
        self.note(lab)
        self.turn(lab, direction="up", seconds=2)  # each takes a second
        self.turn(lab, direction="left", seconds=5)
        lab.network.advance(3)
        self.assertEqual([], self.calls)
        lab.network.advance(3)
        self.assertEqual(1, len(self.calls))
        self.turn(lab, direction="left")
        self.turn(lab, direction="stop")
        self.assertEqual(2, len(self.calls))
        lab.network.advance(20)
        self.assertEqual(2, len(self.calls))

    def test_stopFails(self) -> None:
        """When it cannot be stopped, that is tried again, for a while."""
        for explicitly in (False, True):
            lab = WebLab()
            self.turn(lab, direction="up", seconds=0.5 if not explicitly else 10)
            tried: list[float] = []

            def stop(lab: WebLab = lab, tried: list[float] = tried) -> Deferred[None]:
                tried.append(lab.network.seconds())
                return fail(NotConnected("garden is Waiting"))

            self.patch(lab.garden, "stop", stop)
            if explicitly:
                answer = lab.post(f"{GARDEN}/ptz", {"direction": "stop"})
                self.assertEqual(503, answer.status)
            else:
                self.turn(lab, direction="up", seconds=0.5)
            lab.network.advance(5)
            self.assertGreater(len(tried), 3)
            lab.network.advance(60)
            self.assertApproximates(STOP_TRIES, len(tried), 2)

    def test_stopSucceedsAtLast(self) -> None:
        """Once that works, it is done."""
        lab = WebLab()
        outcomes = [fail(SessionClosed("silent")), succeed(None)]
        self.patch(lab.garden, "stop", lambda: outcomes.pop(0))
        self.turn(lab, direction="up", seconds=0.5)
        lab.network.advance(60)
        self.assertEqual([], outcomes)

    def test_neverBegan(self) -> None:
        """What never began need not be stopped."""
        lab = WebLab(connect=False)
        self.note(lab)
        answer = lab.post(f"{GARDEN}/ptz", {"direction": "up", "seconds": 0.5})
        self.assertEqual(503, answer.status)
        lab.network.advance(20)
        self.assertEqual([], self.calls)

    def test_mayHaveBegun(self) -> None:
        """What may have begun is stopped."""
        lab = WebLab()
        self.note(lab)
        self.patch(lab.garden, "move", lambda *_, **__: fail(CommandTimeout("late")))
        answer = lab.post(f"{GARDEN}/ptz", {"direction": "up", "seconds": 2})
        self.assertEqual(504, answer.status)
        lab.network.advance(5)
        self.assertEqual(1, len(self.calls))

    def test_visitorGone(self) -> None:
        """Also when whoever let it turn has hung up before the answer."""
        lab = WebLab()
        self.note(lab)
        visitor = lab.visit()
        body = b'{"direction": "up", "seconds": 1}'
        headers = {"Content-Type": "application/json", "X-Twistedcam": "1"}
        visitor.ask("POST", f"{GARDEN}/ptz", headers, body)
        visitor.transport.hangUp()
        lab.network.advance(3)
        self.assertEqual(1, len(self.calls))
        self.assertEqual([], self.flushLoggedErrors())

    def test_serverStops(self) -> None:
        """When the server stops, so does the camera."""
        lab = WebLab()
        self.turn(lab, direction="left")
        self.note(lab)
        lab.web.stopService()
        self.assertEqual(1, len(self.calls))
        lab.network.advance(0.5)
        place = self.place(lab)
        lab.network.advance(1)
        self.assertEqual(place, self.place(lab))

    def test_stopFailsAtTheEnd(self) -> None:
        """What fails when the server has stopped leaves no timer behind."""
        lab = WebLab()
        stopping = Deferred[None]()
        self.patch(lab.garden, "stop", lambda: stopping)
        lab.post(f"{GARDEN}/ptz", {"direction": "stop"})
        lab.web.stopService()
        stopping.errback(SessionClosed("stopped"))
        self.note(lab)
        lab.network.advance(60)
        self.assertEqual([], self.calls)

    def test_removed(self) -> None:
        """And when the camera is removed."""
        lab = WebLab()
        self.turn(lab, direction="left")
        self.note(lab)
        lab.fleet.remove("garden")
        self.assertEqual(1, len(self.calls))
        lab.network.advance(60)
        self.assertEqual(1, len(self.calls))
        self.flushLoggedErrors()


def sign(number: float) -> int:
    """-1, 0 or 1."""
    return (number > 0) - (number < 0)


class PresetTests(Directions):
    """C{preset}."""

    def test_setAndGo(self) -> None:
        """A position is stored, and found again."""
        lab = WebLab()
        self.turn(lab, direction="left", seconds=1)
        self.turn(lab, direction="stop")
        place = self.place(lab)
        answer = lab.post(f"{GARDEN}/preset", {"number": 16, "action": "set"})
        self.assertEqual(204, answer.status)
        self.turn(lab, direction="home")
        lab.network.advance(20)
        self.assertNotEqual(place, self.place(lab))
        self.assertEqual(204, lab.post(f"{GARDEN}/preset", {"number": 16}).status)
        lab.network.advance(20)
        self.assertEqual(place, self.place(lab))

    def test_badValues(self) -> None:
        """There are sixteen."""
        lab = WebLab()
        for value in (
            {},
            {"number": 0},
            {"number": 17},
            {"number": "1"},
            {"number": 1.5},
            {"number": True},
            {"number": 1, "action": "delete"},
            {"number": 1, "x": 1},
        ):
            self.assertEqual(400, lab.post(f"{GARDEN}/preset", value).status, value)


class SettingTests(LabCase):
    """C{light}, C{infrared} and C{image}."""

    def test_light(self) -> None:
        """The lamp is switched."""
        lab = WebLab()
        for on in (True, False):
            self.assertEqual(204, lab.post(f"{GARDEN}/light", {"on": on}).status)
            self.assertEqual(int(on), lab.emulated.state.light)
        for value in ({}, {"on": 1}, {"on": None}, {"on": "true"}):
            self.assertEqual(400, lab.post(f"{GARDEN}/light", value).status)

    def test_infrared(self) -> None:
        """By mode, or on and off, not both."""
        lab = WebLab()
        for value, mode in (
            ({"mode": 3}, 3),
            ({"mode": 0}, 0),
            ({"on": True}, 1),
            ({"on": False}, 0),
        ):
            self.assertEqual(204, lab.post(f"{GARDEN}/infrared", value).status)
            self.assertEqual(mode, self.infrared(lab))
        for wrong in ({}, {"mode": 4}, {"mode": -1}, {"mode": 1, "on": True}):
            self.assertEqual(400, lab.post(f"{GARDEN}/infrared", wrong).status)

    def infrared(self, lab: WebLab) -> int | None:
        """What the camera says."""
        asked = lab.garden.imageSettings()
        lab.network.advance(1)
        return self.successResultOf(asked).infrared

    def test_image(self) -> None:
        """Settings are shown, and changed one by one."""
        lab = WebLab()
        visitor = lab.visit()
        answer = visitor.ask("GET", f"{GARDEN}/image")
        lab.network.advance(1)
        before = visitor.read(answer).json
        self.assertEqual(
            ["brightness", "contrast", "saturation", "hue", "flip", "infrared"],
            [*before],
        )
        changes = {"brightness": 7, "flip": 3}
        self.assertEqual(204, lab.post(f"{GARDEN}/image", changes).status)
        answer = visitor.ask("GET", f"{GARDEN}/image")
        lab.network.advance(1)
        self.assertEqual({**before, **changes}, visitor.read(answer).json)

    def test_badImage(self) -> None:
        """What is out of range is refused, and nothing of it is done."""
        lab = WebLab()
        sent: list[object] = []
        self.patch(lab.garden, "setImage", lambda **how: sent.append(how))
        for value in (
            {},
            {"brightness": 256},
            {"brightness": -1},
            {"brightness": None},
            {"flip": 4},
            {"infrared": 4},
            {"brightness": 1, "sharpness": 1},
            {"brightness": 1.5},
        ):
            self.assertEqual(400, lab.post(f"{GARDEN}/image", value).status, value)
        self.assertEqual([], sent)

    def test_head(self) -> None:
        """C{HEAD} has the same headers and no body."""
        lab = WebLab()
        visitor = lab.visit()
        answer = visitor.ask("HEAD", f"{GARDEN}/image")
        lab.network.advance(1)
        self.assertEqual((200, b""), (visitor.read(answer).status, answer.body))


class FailureTests(LabCase):
    """What the camera says is told in terms of HTTP."""

    PROBLEMS = (
        (NotConnected("garden is not there"), 503),
        (SessionClosed("silent"), 503),
        (NotDelivered("garden takes no more"), 503),
        (CommandTimeout("decoder_control: no answer in 10 s"), 504),
        (CommandFailed("decoder_control: the camera says 'erro'"), 502),
        (NotSupported("the camera does not know decoder_control"), 502),
        (LoginRejected("wrong user or password"), 502),
        (LoginLocked(3600), 502),
        (CameraFull("the camera has 4 clients already"), 502),
    )

    def test_all(self) -> None:
        """Each with its sentence."""
        lab = WebLab()
        for problem, status in self.PROBLEMS:
            for path, name, value in (
                ("ptz", "move", {"direction": "up"}),
                ("ptz", "stop", {"direction": "stop"}),
                ("preset", "goToPreset", {"number": 1}),
                ("preset", "setPreset", {"number": 1, "action": "set"}),
                ("light", "light", {"on": True}),
                ("infrared", "setImage", {"on": True}),
                ("image", "setImage", {"flip": 1}),
            ):
                self.patch(
                    lab.garden, name, lambda *_, problem=problem, **__: fail(problem)
                )
                answer = lab.post(f"{GARDEN}/{path}", value)
                self.assertEqual((status, str(problem)), (answer.status, answer.error))
                self.assertEqual(status == 503, "retry-after" in answer.headers)

    def test_show(self) -> None:
        """Also when one only looks."""
        lab = WebLab()
        for problem, status in self.PROBLEMS:
            self.patch(
                lab.garden, "imageSettings", lambda problem=problem: fail(problem)
            )
            self.assertEqual(status, lab.get(f"{GARDEN}/image").status)

    def test_mistake(self) -> None:
        """A mistake of ours is logged, and not shown."""
        lab = WebLab()
        self.patch(lab.garden, "light", lambda on: fail(RuntimeError("geheim")))
        answer = lab.post(f"{GARDEN}/light", {"on": True})
        self.assertEqual(500, answer.status)
        self.assertNotIn("geheim", answer.error)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    def test_wrongPassword(self) -> None:
        """A real camera that rejects the login."""
        lab = WebLab(camera={"password": "falsch"})
        answer = lab.post(f"{GARDEN}/ptz", {"direction": "up"})
        self.assertEqual(502, answer.status)
        self.assertIn("wrong user or password", answer.error)
        self.assertNotIn("falsch", answer.error)

    def test_gone(self) -> None:
        """Whoever does not wait for the answer does no harm."""
        lab = WebLab()
        waiting: Deferred[None] = Deferred()
        self.patch(lab.garden, "light", lambda on: waiting)
        visitor = lab.visit()
        visitor.ask(
            "POST",
            f"{GARDEN}/light",
            {"Content-Type": "application/json", "X-Twistedcam": "1"},
            b'{"on": true}',
        )
        visitor.transport.hangUp()
        lab.network.advance(0)
        waiting.errback(CommandTimeout("late"))
        self.assertEqual([], self.flushLoggedErrors())


class OrderTests(SynchronousTestCase):
    """The order in which one camera's orders are obeyed."""

    def setUp(self) -> None:
        """Nothing was ordered yet."""
        self.orders = Orders()
        self.begun: list[str] = []
        self.results: list[Deferred[None]] = []

    def obey(self, name: str) -> Obey:
        """An order that waits until it is said to be done."""

        def obey() -> Deferred[None]:
            self.begun.append(name)
            self.results.append(Deferred())
            return self.results[-1]

        return obey

    def done(self) -> None:
        """The one that is under way is done."""
        self.results[-1].callback(None)

    def refusal(self, result: Deferred[None]) -> Refusal:
        """Why it was refused."""
        refusal: Refusal = self.failureResultOf(result, Refusal).value
        return refusal

    def test_newestMovement(self) -> None:
        """Of hundreds of movements, the first and the last are begun."""
        given = [self.orders.move(self.obey(str(n))) for n in range(600)]
        for result in given[1:-1]:
            self.assertEqual(503, self.refusal(result).code)
        self.done()
        self.successResultOf(given[0])
        self.assertEqual(["0", "599"], self.begun)
        self.assertNoResult(given[-1])
        self.done()
        self.successResultOf(given[-1])

    def test_stop(self) -> None:
        """To stop goes before all that waits; no older movement follows it."""
        first = self.orders.move(self.obey("first"))
        other = self.orders.other(self.obey("other"))
        given_up = self.orders.move(self.obey("given up"))
        stops = [self.orders.stop(self.obey("stop")) for _ in range(3)]
        self.assertIn("in between", self.refusal(given_up).sentence)
        self.done()
        self.assertEqual(["first", "stop"], self.begun)
        self.done()
        for stop in stops:
            self.successResultOf(stop)
        self.assertEqual(["first", "stop", "other"], self.begun)
        self.done()
        self.successResultOf(first)
        self.successResultOf(other)

    def test_afterStop(self) -> None:
        """A newer movement does not keep it from being stopped before."""
        self.orders.move(self.obey("first"))
        self.orders.stop(self.obey("stop"))
        self.orders.move(self.obey("second"))
        for _ in range(3):
            self.done()
        self.assertEqual(["first", "stop", "second"], self.begun)

    def test_others(self) -> None:
        """So many wait, in their order, and no more."""
        for number in range(MAX_WAITING + 1):
            self.orders.other(self.obey(str(number)))
        with self.assertRaises(Refusal) as caught:
            self.orders.other(self.obey("more"))
        self.assertEqual(503, caught.exception.code)
        for _ in range(MAX_WAITING + 1):
            self.done()
        self.assertEqual([str(n) for n in range(MAX_WAITING + 1)], self.begun)
        self.orders.other(self.obey("later"))
        self.assertEqual("later", self.begun[-1])

    def test_failures(self) -> None:
        """What fails, at once or later, does not hold up the rest."""

        def broken() -> Deferred[None]:
            raise ValueError("broken")

        first = self.orders.other(self.obey("first"))
        second = self.orders.other(broken)
        third = self.orders.other(lambda: fail(NotConnected("away")))
        fourth = self.orders.other(self.obey("fourth"))
        self.results[0].errback(CommandTimeout("late"))
        self.failureResultOf(first, CommandTimeout)
        self.failureResultOf(second, ValueError)
        self.failureResultOf(third, NotConnected)
        self.done()
        self.successResultOf(fourth)

    def test_end(self) -> None:
        """In the end nobody waits."""
        given = [
            self.orders.other(self.obey("first")),
            self.orders.stop(self.obey("stop")),
            self.orders.move(self.obey("move")),
            self.orders.other(self.obey("other")),
        ]
        self.orders.end()
        for result in given[1:]:
            self.assertEqual(503, self.refusal(result).code)
        self.done()
        self.successResultOf(given[0])
        self.assertEqual(["first"], self.begun)

    def test_flood(self) -> None:
        """Whoever wants it stopped does not wait for what others have posted."""
        lab = WebLab()
        order: list[str] = []
        for name in ("move", "stop", "light"):
            method = getattr(lab.garden, name)

            def note(
                *args: Any, _name: str = name, _method: Any = method, **how: Any
            ) -> Deferred[None]:
                order.append(_name)
                result: Deferred[None] = _method(*args, **how)
                return result

            self.patch(lab.garden, name, note)
        posted = []
        header = {"Content-Type": "application/json", "X-Twistedcam": "1"}
        for what, value in (
            *[("ptz", b'{"direction": "up"}')] * 30,
            *[("light", b'{"on": true}')] * 30,
            ("ptz", b'{"direction": "stop"}'),
        ):
            visitor = lab.visit()
            answer = visitor.ask("POST", f"{GARDEN}/{what}", header, value)
            posted.append((visitor, answer))
        lab.network.advance(30)
        codes = [visitor.read(answer).status for visitor, answer in posted]
        self.assertEqual({204, 503}, {*codes})
        self.assertEqual(204, codes[-1])
        self.assertEqual(["move", "stop", "light"], order[:3])
        self.assertEqual(2 + MAX_WAITING, len(order))
