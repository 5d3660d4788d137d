"""
Tests of C{stream.ts} and C{live.mp4}.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from unittest.mock import patch

import av
from twisted.logger import LogEvent, capturedLogs, formatEvent

from twistedcam.camera import Camera
from twistedcam.emulator import EmulatedCamera
from twistedcam.media.mpegts import TsMuxer
from twistedcam.restream.web import streaming
from twistedcam.restream.web.streaming import FIRST_WITHIN

from .lab import LabCase
from .memorytcp import BUFFER
from .webkit import Answer, Visitor, WebLab

TS, MP4 = "/cameras/garden/stream.ts", "/cameras/garden/live.mp4"
TYPES = {TS: "video/mp2t", MP4: "video/mp4"}


def watch(lab: WebLab, target: str, seconds: float = 4) -> tuple[Visitor, Answer]:
    """Watch for some time."""
    visitor = lab.visit()
    answer = visitor.ask("GET", target)
    lab.network.advance(seconds)
    return visitor, visitor.read(answer)


def streams(data: bytes, format: str) -> dict[str, int]:
    """Codecs, and how many frames there are of each."""
    found: dict[str, int] = {}
    with av.open(BytesIO(data), "r", format=format) as container:
        for packet in container.demux():
            if packet.size:
                name = packet.stream.codec_context.name
                found[name] = found.get(name, 0) + 1
    return found


class WatchingTests(LabCase):
    """Somebody watches."""

    def test_stream(self) -> None:
        """Pictures and sound come as one file that does not end."""
        lab = WebLab()
        for target, kind in TYPES.items():
            _, answer = watch(lab, target, 5)
            self.assertEqual(200, answer.status)
            self.assertEqual(kind, answer.headers["content-type"])
            self.assertEqual("none", answer.headers["accept-ranges"])
            self.assertEqual("no-store", answer.headers["cache-control"])
            self.assertNotIn("content-length", answer.headers)
            self.assertFalse(answer.complete)
            found = streams(answer.body, "mpegts" if target == TS else "mp4")
            self.assertEqual({"h264", "aac"}, {*found})
            self.assertGreater(found["h264"], 50)

    def test_silent(self) -> None:
        """Without sound, if that is wanted."""
        lab = WebLab()
        for target in TYPES:
            _, answer = watch(lab, f"{target}?sound=0")
            found = streams(answer.body, "mpegts" if target == TS else "mp4")
            self.assertEqual(["h264"], [*found])

    def test_sub(self) -> None:
        """The lower quality has smaller pictures."""
        _, answer = watch(WebLab(), f"{TS}?quality=sub&sound=0")
        with av.open(BytesIO(answer.body), "r", format="mpegts") as container:
            self.assertEqual(320, container.streams.video[0].width)

    def test_oldVersion(self) -> None:
        """HTTP/1.0 knows no chunks."""
        lab = WebLab()
        visitor = lab.visit()
        answer = visitor.ask("GET", TS, version="1.0")
        lab.network.advance(4)
        visitor.read(answer)
        self.assertNotIn("transfer-encoding", answer.headers)
        self.assertEqual(0x47, answer.body[0])
        self.assertFalse(visitor.closed)

    def test_head(self) -> None:
        """C{HEAD} tells what it would be, and asks the camera for nothing."""
        lab = WebLab()
        visitor = lab.visit()
        for target, kind in TYPES.items():
            answer = visitor.ask("HEAD", target)
            self.assertEqual(
                (200, kind), (answer.status, answer.headers["content-type"])
            )
            self.assertTrue(answer.complete)
        lab.network.advance(3)
        self.assertEqual(0, lab.garden.statistics().requests)

    def test_range(self) -> None:
        """There are no ranges of what does not end."""
        lab = WebLab()
        visitor = lab.visit()
        answer = visitor.ask("GET", TS, {"Range": "bytes=0-"})
        lab.network.advance(4)
        visitor.read(answer)
        self.assertEqual(
            (200, "none"), (answer.status, answer.headers["accept-ranges"])
        )

    def test_badValues(self) -> None:
        """Odd parameters are refused."""
        lab = WebLab()
        for query in (
            "quality=best",
            "quality=",
            "sound=2",
            "sound=yes",
            "quality=%ff",
        ):
            answer = lab.get(f"{TS}?{query}")
            self.assertEqual(400, answer.status, query)
            self.assertIn("is one of", answer.error)
        self.assertEqual(0, lab.garden.statistics().requests)

    def test_joinsAtOnce(self) -> None:
        """The second viewer has a picture at once."""
        lab = WebLab()
        watch(lab, TS)
        _, answer = watch(lab, TS, 0)
        self.assertEqual(200, answer.status)
        self.assertGreater(len(answer.body), 1000)

    def test_leaves(self) -> None:
        """After the last has left, the camera is told to stop; nothing is left."""
        lab = WebLab()
        visitor, _ = watch(lab, TS)
        visitor.transport.hangUp()
        lab.network.advance(10)
        self.assertEqual(0, len(lab.web._tools.viewers))
        frames = lab.garden.statistics().frames
        lab.network.advance(5)
        self.assertEqual(frames, lab.garden.statistics().frames)

    def test_cameraAway(self) -> None:
        """While the camera is away the stream stays open, and goes on afterwards."""
        lab = WebLab()
        visitor, answer = watch(lab, f"{TS}?sound=0")
        lab.emulated.reboot(5)
        lab.network.advance(5)
        before = len(visitor.read(answer).body)
        self.assertFalse(answer.complete)
        lab.network.advance(15)
        self.assertGreater(len(visitor.read(answer).body), before + 10_000)


class LogTests(LabCase):
    """What the log is told of those who watch."""

    def test_each(self) -> None:
        """Who begins and who ends, and how much he got; once each."""
        for target, kind in (
            ("stream.ts", "stream.ts"),
            ("live.mp4?quality=sub", "live.mp4, sub"),
            ("stream.mjpeg?token=zeichen", "stream.mjpeg"),
        ):
            lab = WebLab()
            with capturedLogs() as events:
                visitor, answer = watch(lab, f"/cameras/garden/{target}", 5)
                visitor.transport.hangUp()
                lab.network.advance(1)
            self.assertEqual(200, answer.status)
            begin, end = self.told(events)
            self.assertEqual(
                f"garden: 192.0.2.50 watches by HTTP ({kind})", formatEvent(begin)
            )
            self.assertRegex(
                formatEvent(end),
                rf"^garden: 192\.0\.2\.50 has watched by HTTP \({kind}\) for \d s:"
                r" \d\.\d MB$",
            )
            self.assertAlmostEqual(len(answer.body) / 1e6, end["megabytes"], delta=0.02)
            self.assertNotIn("zeichen", repr(events))

    def test_socket(self) -> None:
        """Likewise by WebSocket."""
        lab = WebLab()
        with capturedLogs() as events:
            socket = lab.socket("/cameras/garden/mse")
            lab.network.advance(5)
            socket.transport.hangUp()
            lab.network.advance(1)
        begin, end = self.told(events)
        self.assertEqual("garden: 192.0.2.50 watches by HTTP (mse)", formatEvent(begin))
        self.assertGreater(end["megabytes"], 0)

    def test_nothing(self) -> None:
        """Who got nothing has not watched; events are not watched either."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        with capturedLogs() as events:
            watch(lab, TS, 12)
            watch(lab, "/events", 2)[0].transport.hangUp()
        self.assertEqual([], self.told(events))

    def told(self, events: Sequence[LogEvent]) -> list[LogEvent]:
        """The lines about watching."""
        return [event for event in events if "by HTTP" in event["log_format"]]


class RefusedTests(LabCase):
    """There is nothing to watch."""

    def test_notThere(self) -> None:
        """When the first picture does not come in time, a sentence says why."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        lab.network.advance(30)
        for target in TYPES:
            visitor, answer = watch(lab, target, FIRST_WITHIN - 1)
            self.assertEqual(0, answer.status)
            lab.network.advance(2)
            visitor.read(answer)
            self.assertEqual(503, answer.status)
            self.assertEqual("5", answer.headers["retry-after"])
            expected = "garden is away: still looking for it"
            self.assertTrue(answer.error.startswith(expected), answer.error)
            self.assertNotIn("accept-ranges", answer.headers)
            self.assertFalse(visitor.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_lost(self) -> None:
        """It also tells how the camera was lost."""
        lab = WebLab()
        lab.emulated.stop()
        lab.network.advance(1)
        _, answer = watch(lab, TS, 11)
        self.assertIn("closed by the camera", answer.error)

    def test_wrongPassword(self) -> None:
        """Or why an available camera sends nothing."""
        lab = WebLab(camera={"password": "falsch"})
        for target in (TS, MP4, f"{TS}?quality=sub", "/cameras/garden/stream.mjpeg"):
            _, answer = watch(lab, target, 4)
            self.assertEqual(503, answer.status, target)
            self.assertIn("sends no video", answer.error)
            self.assertIn("wrong user or password", answer.error)

    def test_mjpeg(self) -> None:
        """A TS has no place for JPEGs: a sentence says where to look."""
        lab = WebLab(codec="mjpeg")
        visitor, answer = watch(lab, TS)
        self.assertEqual(406, answer.status)
        self.assertIn("/cameras/garden/stream.mjpeg", answer.error)
        self.assertFalse(visitor.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_tooMany(self) -> None:
        """There are places for so many only; whoever leaves makes room."""
        lab = WebLab()
        lab.web._tools.viewers._limit = 3
        visitors = [watch(lab, TS)[0] for _ in range(3)]
        for target in (TS, MP4, "/cameras/garden/stream.mjpeg"):
            answer = lab.get(target)
            self.assertEqual(503, answer.status)
            self.assertIn("3 places", answer.error)
        self.assertEqual(503, lab.socket("/cameras/garden/mse").status)
        self.assertEqual(200, lab.visit().ask("HEAD", TS).status)
        visitors[0].transport.hangUp()
        self.assertEqual(200, watch(lab, TS)[1].status)


class SlowTests(LabCase):
    """Somebody does not read."""

    def test_bounded(self) -> None:
        """He costs bounded memory, skips, and holds up nobody."""
        lab = WebLab()
        target = f"{TS}?sound=0"
        slow, _ = watch(lab, target)
        slow.transport.window = 0
        fast, answer = watch(lab, target, 1)
        begin = len(answer.body)
        most = 0
        for _ in range(30):
            lab.network.advance(1)
            most = max(most, len(slow.transport.buffer))
        fast.read(answer)
        self.assertLess(most, BUFFER + 100_000)
        self.assertGreater(lab.broadcasts.skips("garden"), 2)
        [watched] = [
            watcher
            for each in lab.broadcasts._broadcasts.values()
            for watcher in each._watchers
            if watcher.waiting
        ]
        self.assertLess(watched.waiting, 1_000_000)
        found = streams(answer.body, "mpegts")
        self.assertGreater(found["h264"], 30 * 14)
        self.assertGreater(len(answer.body), begin + 30 * 3000)

    def test_goesOn(self) -> None:
        """When he reads again, he goes on at a keyframe."""
        lab = WebLab()
        slow, answer = watch(lab, f"{TS}?sound=0")
        slow.transport.window = 0
        lab.network.advance(20)
        slow.read(answer)
        before = len(answer.body)
        slow.transport.window = None
        slow.transport.flush()
        lab.network.advance(5)
        slow.read(answer)
        self.assertGreater(len(answer.body), before + BUFFER)
        self.assertGreater(streams(answer.body, "mpegts")["h264"], 100)

    def test_givenUp(self) -> None:
        """Whoever takes nothing for minutes is gone."""
        self.patch(streaming, "STALLED", 5.0)
        lab = WebLab()
        slow, _ = watch(lab, f"{TS}?sound=0")
        fast, _ = watch(lab, f"{TS}?sound=0")
        slow.transport.window = 0
        lab.network.advance(20)
        self.assertFalse(fast.closed)
        fast.transport.hangUp()
        self.assertTrue(slow.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))


class AnotherFileTests(LabCase):
    """The camera's pictures change."""

    def change(self, lab: WebLab) -> None:
        """Have another camera at the same place."""
        lab.emulated.stop()
        lab.network.advance(1)
        lab.emulated = EmulatedCamera(
            lab.host, lab.emulated.deviceId, doors=lab.doors, codec="h265"
        )
        lab.emulated.start()
        lab.network.advance(10)

    def test_mp4(self) -> None:
        """A file can have one beginning only: it ends."""
        lab = WebLab()
        visitor, answer = watch(lab, MP4)
        self.change(lab)
        visitor.read(answer)
        self.assertTrue(answer.complete)
        self.assertFalse(visitor.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))
        _, answer = watch(lab, MP4)
        self.assertIn("hevc", streams(answer.body, "mp4"))

    def test_ts(self) -> None:
        """A transport stream goes on."""
        lab = WebLab()
        visitor, answer = watch(lab, TS)
        self.change(lab)
        before = len(visitor.read(answer).body)
        lab.network.advance(3)
        self.assertGreater(len(visitor.read(answer).body), before)
        self.assertFalse(answer.complete)

    def test_removed(self) -> None:
        """When the camera is removed, it is over; for its viewers only."""
        lab = WebLab()
        waiting = lab.visit()
        door = Camera(lab.pc, address="192.0.2.99", name="door")
        lab.fleet.add(door)
        other = waiting.ask("GET", "/cameras/door/stream.ts")
        visitor, answer = watch(lab, TS)
        lab.fleet.remove("door")
        self.assertEqual(503, waiting.read(other).status)
        self.assertFalse(visitor.read(answer).complete)
        lab.fleet.remove("garden")
        self.assertTrue(visitor.read(answer).complete)
        self.assertEqual(404, lab.get(TS).status)

    def test_removedWhileSlow(self) -> None:
        """Also for those who do not read."""
        lab = WebLab()
        visitor, _ = watch(lab, f"{TS}?sound=0")
        visitor.transport.window = 0
        lab.network.advance(15)
        lab.fleet.remove("garden")
        lab.network.advance(0)
        self.assertTrue(visitor.closed)


class ManyTests(LabCase):
    """A hundred viewers."""

    def test_oneMuxer(self) -> None:
        """All that want the same share one muxer, and one stream of the camera."""
        lab = WebLab()
        opened = []
        original = TsMuxer.__init__

        def note(self: object, *args: object, **how: object) -> None:
            opened.append(self)
            original(self, *args, **how)  # type: ignore[arg-type]

        with patch.object(TsMuxer, "__init__", note):
            visitors = [lab.visit(f"10.0.0.{n}") for n in range(100)]
            answers = [visitor.ask("GET", TS) for visitor in visitors]
            lab.network.advance(5)
        self.assertEqual(1, len(opened))
        self.assertEqual(100, lab.get("/cameras/garden").json["viewers"])
        bodies = set()
        for visitor, answer in zip(visitors, answers, strict=True):
            bodies.add(visitor.read(answer).body)
        self.assertEqual(1, len(bodies))
        for visitor in visitors:
            visitor.transport.hangUp()
        lab.network.advance(10)
        self.assertEqual(0, lab.get("/cameras/garden").json["viewers"])
