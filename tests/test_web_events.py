"""
Tests of C{/events}.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from twistedcam.camera import Camera
from twistedcam.restream.web import streaming
from twistedcam.restream.web.events import MAX_ALARMS

from .lab import LabCase
from .memorytcp import BUFFER
from .webkit import Answer, Visitor, WebLab


def listen(lab: WebLab) -> tuple[Visitor, Answer]:
    """Begin."""
    visitor = lab.visit()
    return visitor, visitor.ask("GET", "/events")


def events(answer: Answer) -> list[tuple[str, Any]]:
    """What has come."""
    first, *rest = answer.body.decode().split("\n\n")
    assert first == "retry: 1000"
    assert rest.pop() == ""
    found = []
    for each in rest:
        kind, data = each.split("\n")
        assert kind.startswith("event: ") and data.startswith("data: ")
        found.append((kind[7:], json.loads(data[6:])))
    return found


def kinds(answer: Answer) -> list[str]:
    """Their kinds."""
    return [kind for kind, _ in events(answer)]


class EventTests(LabCase):
    """What is told."""

    def test_list(self) -> None:
        """It begins with all cameras."""
        lab = WebLab()
        _, answer = listen(lab)
        self.assertEqual(200, answer.status)
        self.assertEqual(
            "text/event-stream; charset=utf-8", answer.headers["content-type"]
        )
        [(kind, value)] = events(answer)
        self.assertEqual("list", kind)
        self.assertEqual(lab.get("/cameras").json, value)

    def test_statistics(self) -> None:
        """Each second what has changed, though it be nothing."""
        lab = WebLab()
        visitor, answer = listen(lab)
        lab.network.advance(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.network.advance(3)
        found = events(visitor.read(answer))[1:]
        self.assertEqual(["statistics"] * 5, [kind for kind, _ in found])
        self.assertEqual([], found[1][1])
        [garden] = found[4][1]
        self.assertGreater(garden["fps"], 1)

    def test_states(self) -> None:
        """A new state at once."""
        lab = WebLab()
        visitor, answer = listen(lab)
        lab.emulated.stop()
        lab.network.advance(0.01)
        [_, (kind, value)] = events(visitor.read(answer))
        self.assertEqual(("camera", "Waiting"), (kind, value["state"]))
        self.assertEqual("closed by the camera", value["lastError"])
        lab.emulated.start()
        lab.network.advance(4)
        states = [
            value["state"]
            for kind, value in events(visitor.read(answer))
            if kind == "camera"
        ]
        self.assertEqual(["Waiting", "Searching", "Connecting", "Up"], states)

    def test_alarms(self) -> None:
        """Alarms, with name, kind and time."""
        lab = WebLab()
        visitor, answer = listen(lab)
        lab.emulated.alarm()
        lab.network.advance(0.5)
        alarm = events(visitor.read(answer))[-1]
        self.assertEqual("alarm", alarm[0])
        time = alarm[1].pop("time")
        self.assertApproximates(lab.network.seconds(), time, 1)
        self.assertEqual({"name": "garden", "kind": 1}, alarm[1])

    def test_fleet(self) -> None:
        """A new list when cameras come or go."""
        lab = WebLab()
        visitor, answer = listen(lab)
        lab.fleet.add(Camera(lab.pc, address="192.0.2.99", name="door"))
        lab.fleet.remove("garden")
        lists = [
            [camera["name"] for camera in value]
            for kind, value in events(visitor.read(answer))
            if kind == "list"
        ]
        self.assertEqual([["garden"], ["garden", "door"], ["door"]], lists)

    def test_many(self) -> None:
        """All hear the same."""
        lab = WebLab()
        visits = [listen(lab) for _ in range(50)]
        lab.network.advance(2)
        bodies = {visitor.read(answer).body for visitor, answer in visits}
        self.assertEqual(1, len(bodies))

    def test_head(self) -> None:
        """C{HEAD} tells what it would be."""
        lab = WebLab()
        answer = lab.visit().ask("HEAD", "/events")
        self.assertTrue(answer.complete)
        self.assertIn("event-stream", answer.headers["content-type"])
        self.assertEqual(0, len(lab.web._tools.listeners))


class LeavingTests(LabCase):
    """The end."""

    def test_hangsUp(self) -> None:
        """Whoever goes leaves nothing behind."""
        lab = WebLab()
        visitor, _ = listen(lab)
        visitor.transport.hangUp()
        self.assertEqual(0, len(lab.web._tools.listeners))
        self.assertEqual(set(), lab.web._events._listeners)
        lab.network.advance(2)
        self.assertEqual([], self.flushLoggedErrors())

    def test_stop(self) -> None:
        """When the server stops, the response is complete."""
        lab = WebLab()
        visitor, answer = listen(lab)
        stopped = lab.web.stopService()
        visitor.read(answer)
        self.assertTrue(answer.complete)
        self.assertTrue(visitor.closed)
        self.successResultOf(stopped)

    def test_tooMany(self) -> None:
        """There are places for so many only."""
        lab = WebLab()
        lab.web._tools.listeners._limit = 2
        visitor, _ = listen(lab)
        listen(lab)
        self.assertEqual(503, lab.get("/events").status)
        visitor.transport.hangUp()
        self.assertEqual(200, listen(lab)[1].status)


class SlowTests(LabCase):
    """Somebody does not read."""

    def slow(self, lab: WebLab) -> tuple[Visitor, Answer]:
        """One who takes nothing, until his buffer is full."""
        lab.garden.video.subscribe(lambda frame: None)
        visitor, answer = listen(lab)
        visitor.transport.window = 0
        while len(visitor.transport.buffer) <= BUFFER:
            lab.fleet._changed.tell()
        return visitor, answer

    def test_bounded(self) -> None:
        """He costs no more memory, and gets one list when he reads again."""
        lab = WebLab()
        visitor, answer = self.slow(lab)
        full = len(visitor.transport.buffer)
        lab.network.advance(30)
        for _ in range(100):
            lab.emulated.alarm()
            lab.network.advance(0.02)
        lab.emulated.stop()
        lab.network.advance(0.5)
        self.assertEqual(full, len(visitor.transport.buffer))
        visitor.transport.window = None
        visitor.transport.flush()
        before = len(events(visitor.read(answer)))
        lab.network.advance(0)
        found = events(visitor.read(answer))
        self.assertGreater(before, 10)
        caughtUp = found[-MAX_ALARMS - 1 :]
        self.assertEqual(["list"] + ["alarm"] * MAX_ALARMS, [k for k, _ in caughtUp])
        self.assertEqual("Waiting", caughtUp[0][1][0]["state"])
        self.assertNotEqual("alarm", found[-MAX_ALARMS - 2][0])
        lab.network.advance(1)
        self.assertIn("statistics", kinds(visitor.read(answer))[len(found) :])

    def test_stalled(self) -> None:
        """After minutes he is gone."""
        self.patch(streaming, "STALLED", 5.0)
        lab = WebLab()
        visitor, _ = self.slow(lab)
        lab.network.advance(7)
        self.assertTrue(visitor.closed)
        self.assertEqual(0, len(lab.web._tools.listeners))

    def test_stop(self) -> None:
        """He does not hold up the end."""
        lab = WebLab()
        visitor, _ = self.slow(lab)
        stopped: Deferred[None] = lab.web.stopService()
        lab.network.advance(1)
        self.successResultOf(stopped)
        self.assertTrue(visitor.closed)
