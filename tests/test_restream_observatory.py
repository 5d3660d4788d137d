"""
Tests of L{twistedcam.restream.observatory}, and of what cameras tell it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.camera import Camera
from twistedcam.emulator import FIRMWARE_A
from twistedcam.errors import CommandFailed
from twistedcam.fleet import Fleet
from twistedcam.keeper import CameraState
from twistedcam.restream.observatory import (
    BUCKETS,
    MAX_TITLE,
    Alarm,
    CameraReport,
    Latencies,
    Observatory,
    SubReport,
    titleOf,
)

from .lab import UID, Lab, LabCase


class Watched(Lab):
    """A laboratory with an observatory."""

    def __init__(self, camera: dict[str, Any] | None = None, **how: Any) -> None:
        super().__init__(**how)
        settings = {"name": "garden", "password": "888888", **(camera or {})}
        self.garden = self.camera(**settings)
        self.fleet = Fleet(self.discovery, [self.garden])
        self.gone: list[str] = []
        self.observatory = Observatory(
            self.pc, self.fleet, lambda camera: 7, self.gone.append
        )
        self.news: list[CameraReport] = []
        self.observatory.onCamera.add(self.news.append)
        self.observatory.start()

    def seconds(self, seconds: int) -> list[CameraReport]:
        """Let time pass, with a look each second; the last one's news."""
        news: list[CameraReport] = []
        for _ in range(seconds):
            self.network.advance(1)
            news = self.observatory.tick()
        return news

    @property
    def report(self) -> CameraReport:
        """How the camera is."""
        return self.observatory.report("garden")


class ReportTests(LabCase):
    """What is known of a camera."""

    def test_stopped(self) -> None:
        """Of a camera that was never connected not much is known."""
        lab = Watched()
        self.assertEqual(
            CameraReport(
                name="garden",
                title="garden",
                uid=str(UID),
                address=None,
                state="Stopped",
                since=0.0,
                codec=None,
                width=None,
                height=None,
                fps=0.0,
                bitRate=0,
                lost=0,
                damaged=0,
                viewers=7,
                sound=None,
                lastError=None,
                reconnects=0,
                sub=None,
            ),
            lab.report,
        )

    def test_states(self) -> None:
        """Each state is told at once, with the time."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        self.assertEqual(
            ["Searching", "Connecting", "Up"], [news.state for news in lab.news]
        )
        since = [news.since for news in lab.news]
        self.assertEqual(sorted(since), since)
        self.assertEqual("192.0.2.7", lab.report.address)
        self.assertEqual("IPCAM", lab.report.title)
        self.assertEqual(since[-1], lab.report.since)

    def test_lost(self) -> None:
        """A camera that is lost tells why, until it is back; that is counted."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.news.clear()
        lab.emulated.stop()
        lab.network.advance(0.1)
        self.assertEqual(["Waiting"], [news.state for news in lab.news])
        self.assertEqual("closed by the camera", lab.news[0].lastError)
        lab.emulated.start()
        lab.seconds(5)
        self.assertEqual("Up", lab.report.state)
        self.assertIsNone(lab.report.lastError)
        self.assertEqual(1, lab.report.reconnects)

    def test_video(self) -> None:
        """Rates, codec and size are those of the last seconds."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        leave = lab.garden.video.subscribe(lambda frame: None)
        lab.network.advance(1)
        self.assertEqual(("h264", 640, 360), self.picture(lab))
        lab.seconds(6)
        self.assertApproximates(15, lab.report.fps, 0.5)
        self.assertGreater(lab.report.bitRate, 20_000)
        leave()
        lab.seconds(20)
        self.assertEqual((0, 0), (lab.report.fps, lab.report.bitRate))
        self.assertEqual(("h264", 640, 360), self.picture(lab))

    def picture(self, lab: Watched) -> tuple[str | None, int | None, int | None]:
        """What kind of picture it is."""
        return lab.report.codec, lab.report.width, lab.report.height

    def test_codecs(self) -> None:
        """All codecs are told apart."""
        for codec, *expected in (
            ("h265", "hevc", 640, 360),
            ("mjpeg", "mjpeg", 320, 180),
        ):
            lab = Watched(codec=codec)
            lab.garden.connect()
            lab.seconds(2)
            lab.garden.video.subscribe(lambda frame: None)
            lab.seconds(2)
            self.assertEqual(expected, [*self.picture(lab)])

    def test_sub(self) -> None:
        """The lower quality counts if nobody watches the other."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.subVideo.subscribe(lambda frame: None)
        lab.seconds(8)
        self.assertEqual(("h264", 320, 180), self.picture(lab))
        self.assertApproximates(15, lab.report.fps, 0.5)
        self.assertGreater(lab.report.bitRate, 10_000)

    def test_ofSub(self) -> None:
        """The lower quality is told of by itself, while somebody watches it."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(2)
        self.assertIsNone(lab.report.sub)
        leave = lab.garden.subVideo.subscribe(lambda frame: None)
        self.assertEqual(SubReport(None, None, None, 0.0, 0), lab.report.sub)
        lab.seconds(8)
        sub = lab.report.sub
        assert sub is not None
        self.assertEqual(("h264", 320, 180), (sub.codec, sub.width, sub.height))
        self.assertApproximates(15, sub.fps, 0.5)
        self.assertTrue(10_000 < sub.bitRate < lab.report.bitRate)
        self.assertEqual(("h264", 640, 360), self.picture(lab))
        leave()
        self.assertIsNone(lab.report.sub)

    def test_oldProblem(self) -> None:
        """What went wrong before a camera came back is not told any more."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        self.patch(lab.garden.video, "_ask", lambda: fail(CommandFailed("no")))
        leave = lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(1)
        self.assertEqual("no", lab.report.lastError)
        leave()
        lab.seconds(6)
        lab.emulated.stop()
        lab.emulated.start()
        lab.seconds(10)
        self.assertEqual(("Up", 1), (lab.report.state, lab.report.reconnects))
        self.assertIsNone(lab.report.lastError)

    def test_both(self) -> None:
        """With both qualities the pictures of the better one count, and all bits."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(8)
        one = lab.report
        lab.garden.subVideo.subscribe(lambda frame: None)
        lab.seconds(8)
        self.assertApproximates(15, lab.report.fps, 0.5)
        self.assertGreater(lab.report.bitRate, one.bitRate + 10_000)
        self.assertEqual(("h264", 640, 360), self.picture(lab))

    def test_sound(self) -> None:
        """Sound is known once it was heard."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        self.assertIsNone(lab.report.sound)
        lab.garden.audio.subscribe(lambda frame: None)
        lab.seconds(2)
        self.assertIs(True, lab.report.sound)

    def test_wrongPassword(self) -> None:
        """A camera that is up, but sends nothing, tells why; not the password."""
        lab = Watched(camera={"password": "geheimnis"})
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(5)
        self.assertEqual("Up", lab.report.state)
        self.assertIn("wrong user or password", lab.report.lastError or "")
        self.assertNotIn(b"geheimnis", msgspec.json.encode(lab.report))
        lab.garden.setLogin("admin", "888888")
        lab.seconds(5)
        self.assertIsNone(lab.report.lastError)

    def test_clockSetBack(self) -> None:
        """When the clock is set back, rates come back after some seconds."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(5)
        watch = lab.observatory._watches["garden"]
        watch._mainPictures._window.append((1e9, 0, 0))
        lab.seconds(6)
        self.assertApproximates(15, lab.report.fps, 1)


class CountingTests(LabCase):
    """Counters over the lives of sessions."""

    def test_reconnect(self) -> None:
        """Counters of packets begin anew with a session: the sums do not."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.network.loss = 0.05
        lab.seconds(20)
        lab.network.loss = 0.0
        lab.network.advance(0.5)
        _, before = lab.observatory.totals()["garden"]
        self.assertGreater(before.resent + before.duplicates, 0)
        lab.emulated.stop()
        lab.emulated.start()
        for _ in range(20):
            lab.seconds(1)
            _, now = lab.observatory.totals()["garden"]
            for name in ("frames", "bytes", "lost", "duplicates", "resent"):
                self.assertGreaterEqual(getattr(now, name), getattr(before, name), name)
            before = now
        self.assertEqual(1, lab.report.reconnects)

    def test_nothingIsLost(self) -> None:
        """What came after the last look at a session counts as well."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(2)
        lab.network.duplicate = 1.0
        lab.network.advance(0.9)
        duplicates = lab.garden.statistics().duplicates
        self.assertGreater(duplicates, 0)
        lab.emulated.stop()
        lab.network.advance(0.01)
        _, total = lab.observatory.totals()["garden"]
        self.assertGreaterEqual(total.duplicates, duplicates)

    def test_before(self) -> None:
        """What was counted before somebody looked belongs to it."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(2)
        lab.garden.video.subscribe(lambda frame: None)
        lab.seconds(2)
        later = Observatory(lab.pc, lab.fleet)
        later.start()
        _, total = later.totals()["garden"]
        self.assertEqual(lab.garden.statistics().frames, total.frames)
        self.assertEqual(0, later.report("garden").reconnects)


class FleetTests(LabCase):
    """Cameras that come and go."""

    def test_newsOnly(self) -> None:
        """Each second tells only what has changed."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(3)
        self.assertEqual([], lab.seconds(1))
        lab.garden.video.subscribe(lambda frame: None)
        self.assertEqual(["garden"], [news.name for news in lab.seconds(1)])

    def test_addAndRemove(self) -> None:
        """Cameras that are added or removed are told, and no more looked at."""
        lab = Watched()
        lists: list[list[str]] = []
        lab.observatory.onList.add(
            lambda: lists.append([each.name for each in lab.observatory.reports()])
        )
        door = Camera(lab.pc, address="192.0.2.99", name="door")
        lab.fleet.add(door)
        self.assertEqual([["garden", "door"]], lists)
        self.assertIsNone(lab.observatory.report("door").uid)
        lab.fleet.remove("garden")
        self.assertEqual([["garden", "door"], ["door"]], lists)
        self.assertEqual(["garden"], lab.gone)
        self.assertRaises(KeyError, lab.observatory.report, "garden")
        lab.news.clear()
        lab.garden.connect()
        lab.network.advance(3)
        self.assertEqual([], lab.news)

    def test_replaced(self) -> None:
        """Another camera of the same name is another camera."""
        lab = Watched()
        lab.garden.connect()
        lab.seconds(3)
        lab.fleet.remove("garden")
        lab.fleet.add(lab.camera(name="garden", title="New"))
        self.assertEqual(("New", "Stopped"), (lab.report.title, lab.report.state))

    def test_stop(self) -> None:
        """Nothing is told after the end."""
        lab = Watched()
        lab.observatory.stop()
        lab.garden.connect()
        lab.network.advance(3)
        lab.fleet.add(Camera(lab.pc, address="192.0.2.99", name="door"))
        self.assertEqual(([], []), (lab.news, lab.observatory.reports()))

    def test_alarms(self) -> None:
        """Alarms are told with the time."""
        lab = Watched()
        alarms: list[Alarm] = []
        lab.observatory.onAlarm.add(alarms.append)
        lab.garden.connect()
        lab.seconds(3)
        lab.emulated.alarm()
        lab.network.advance(1)
        [alarm] = alarms
        self.assertEqual(("garden", 1), (alarm.name, alarm.kind))
        self.assertApproximates(3, alarm.time, 1)


class TitleTests(SynchronousTestCase):
    """What people call a camera."""

    def title(self, title: str) -> str:
        """What is made of it."""
        return titleOf(Camera(Lab().pc, address="192.0.2.1", name="x", title=title))

    def test_hostile(self) -> None:
        """Nothing unprintable is shown, and not without end."""
        self.assertEqual("a[31mb", self.title("a\x1b[31m\0b\n\u202e"))
        self.assertEqual(MAX_TITLE, len(self.title("x" * 1000)))
        self.assertEqual("<script>", self.title("<script>"))

    def test_empty(self) -> None:
        """A title of nothing is none."""
        self.assertEqual("x", self.title(" \n"))

    @given(st.text())
    def test_anything(self, text: str) -> None:
        """Any text can be shown, and encoded."""
        msgspec.json.encode(self.title(text))


class LatencyTests(SynchronousTestCase):
    """The histogram."""

    def test_buckets(self) -> None:
        """Bounds belong to their buckets, and counts add up."""
        latencies = Latencies()
        for seconds in (0.0, 0.0005, 0.0006, 1.0, 5.0, -3.0):
            latencies.measure("garden", seconds)
        counts, total = latencies.of("garden")
        self.assertEqual(len(BUCKETS) + 1, len(counts))
        self.assertEqual([3, 4], counts[:2])
        self.assertEqual([5, 6], counts[-2:])
        self.assertAlmostEqual(6.0011, total)

    def test_others(self) -> None:
        """Each camera has its own; what is forgotten is gone."""
        latencies = Latencies()
        latencies.measure("garden", 0.1)
        self.assertEqual(0, latencies.of("door")[0][-1])
        latencies.forget("garden")
        self.assertEqual(([0] * (len(BUCKETS) + 1), 0.0), latencies.of("garden"))


class CameraTests(LabCase):
    """What cameras tell of themselves."""

    def test_states(self) -> None:
        """Every state that is entered is told, until one has unsubscribed."""
        lab = Lab()
        camera = lab.camera()
        states: list[CameraState] = []
        unsubscribe = camera.onState(states.append)
        camera.connect()
        lab.network.advance(2)
        camera.disconnect()
        lab.network.advance(2)
        self.assertEqual(
            ["Searching", "Connecting", "Up", "Stopping", "Stopped"],
            [state.value for state in states],
        )
        unsubscribe()
        camera.connect()
        self.assertEqual(5, len(states))

    def test_localPort(self) -> None:
        """The port is known while a session has one."""
        lab = Lab(firmware=FIRMWARE_A)
        camera = lab.camera()
        self.assertIsNone(camera.localPort)
        camera.connect()
        lab.network.advance(2)
        ports = {port.getHost().port for port in lab.pc.ports}
        self.assertIn(camera.localPort, ports)
        camera.disconnect()
        lab.network.advance(2)
        self.assertIsNone(camera.localPort)

    def test_lostPort(self) -> None:
        """A session that is over has no port."""
        lab = Lab()
        camera = lab.camera()
        camera.connect()
        lab.network.advance(2)
        lab.emulated.stop()
        lab.network.advance(0.5)
        self.assertIs(CameraState.WAITING, camera.state)
        self.assertIsNone(camera.localPort)

    def test_twin(self) -> None:
        """The twin is there once it was asked for."""
        camera = Lab().camera()
        self.assertIsNone(camera.twin)
        video = camera.subVideo
        assert camera.twin is not None
        self.assertIs(video, camera.twin.video)
