"""
Tests of C{snapshot.jpg} and C{stream.mjpeg}.
"""

from __future__ import annotations

from io import BytesIO

import av
from twisted.internet.defer import Deferred, fail, succeed

from twistedcam.errors import (
    CommandFailed,
    CommandTimeout,
    LoginRejected,
    NotConnected,
    NotSupported,
    SessionClosed,
)
from twistedcam.media.frame import Frame

from .lab import LabCase
from .memorytcp import BUFFER
from .webkit import Answer, Visitor, WebLab

SNAPSHOT = "/cameras/garden/snapshot.jpg"
PICTURES = "/cameras/garden/stream.mjpeg"


def size(picture: bytes) -> tuple[int, int]:
    """Width and height of a JPEG that can be decoded."""
    assert picture.startswith(b"\xff\xd8")
    with av.open(BytesIO(picture), "r", format="mjpeg") as file:
        image = next(file.decode(video=0))
        return image.width, image.height


def parts(answer: Answer) -> list[bytes]:
    """The pictures of a row; the last may be cut."""
    boundary = "--" + answer.headers["content-type"].partition("boundary=")[2]
    first, *rest = answer.body.split(boundary.encode() + b"\r\n")
    assert first == b"", first
    pictures = []
    for part in rest:
        head, _, body = part.partition(b"\r\n\r\n")
        if not body:
            continue
        kind, length = head.split(b"\r\n")
        assert kind == b"Content-Type: image/jpeg"
        number = int(length.removeprefix(b"Content-Length: "))
        if len(body) == number + 2:
            assert body.endswith(b"\r\n")
            pictures.append(body[:number])
    return pictures


def ask(lab: WebLab, target: str, seconds: float) -> tuple[Visitor, Answer]:
    """Ask, and wait."""
    visitor = lab.visit()
    answer = visitor.ask("GET", target)
    lab.network.advance(seconds)
    return visitor, visitor.read(answer)


class SnapshotTests(LabCase):
    """One picture."""

    def test_camera(self) -> None:
        """The camera takes it."""
        _, answer = ask(WebLab(), SNAPSHOT, 1)
        self.assertEqual((200, "camera"), (answer.status, source(answer)))
        self.assertEqual("image/jpeg", answer.headers["content-type"])
        self.assertEqual(len(answer.body), int(answer.headers["content-length"]))
        self.assertNotIn("content-disposition", answer.headers)
        size(answer.body)

    def test_video(self) -> None:
        """It is taken from the video."""
        lab = WebLab()
        _, answer = ask(lab, f"{SNAPSHOT}?from=video", 3)
        self.assertEqual((200, "video"), (answer.status, source(answer)))
        self.assertEqual((640, 360), size(answer.body))
        self.assertEqual(0, lab.garden.video.audience)

    def test_download(self) -> None:
        """A file has a name of camera and time."""
        _, answer = ask(WebLab(), f"{SNAPSHOT}?download=1", 1)
        self.assertRegex(
            answer.headers["content-disposition"],
            r'^attachment; filename="garden_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.jpg"$',
        )

    def test_fallback(self) -> None:
        """When the camera cannot, the video will do."""
        for problem in (
            NotSupported("the camera does not know snapshot"),
            CommandFailed("snapshot: the camera says no"),
            CommandTimeout("snapshot: no answer in 10 s"),
        ):
            lab = WebLab()
            self.patch(lab.garden, "snapshot", lambda problem=problem: fail(problem))
            _, answer = ask(lab, SNAPSHOT, 3)
            self.assertEqual((200, "video"), (answer.status, source(answer)))

    def test_fails(self) -> None:
        """What cannot be helped is said."""
        for problem, status in (
            (NotConnected("garden is not there"), 503),
            (SessionClosed("silent"), 503),
            (LoginRejected("wrong user or password"), 502),
        ):
            lab = WebLab()
            self.patch(lab.garden, "snapshot", lambda problem=problem: fail(problem))
            _, answer = ask(lab, SNAPSHOT, 1)
            self.assertEqual((status, str(problem)), (answer.status, answer.error))

    def test_videoAway(self) -> None:
        """A camera that is away has no video either: it says so at once."""
        lab = WebLab()
        lab.emulated.stop()
        lab.network.advance(1)
        _, answer = ask(lab, f"{SNAPSHOT}?from=video", 0)
        self.assertEqual(503, answer.status)
        self.assertIn("garden is away", answer.error)
        self.assertIn("closed by the camera", answer.error)

    def test_videoRefused(self) -> None:
        """When the camera says why it sends none, nobody waits any longer."""
        lab = WebLab(camera={"password": "falsch"})
        lab.network.advance(0.5)
        for _ in range(2):
            _, answer = ask(lab, f"{SNAPSHOT}?from=video", 3)
            self.assertEqual(503, answer.status)
            self.assertIn("wrong user or password", answer.error)
        self.assertEqual(0, lab.garden.video.audience)
        self.assertEqual([], self.flushLoggedErrors())

    def test_videoSilent(self) -> None:
        """When it says nothing, that is said in time."""
        lab = WebLab()
        self.patch(lab.garden.video, "_ask", Deferred)
        _, answer = ask(lab, f"{SNAPSHOT}?from=video", 9)
        self.assertEqual(0, answer.status)
        _, answer = ask(lab, f"{SNAPSHOT}?from=video", 11)
        self.assertEqual(
            (503, "garden is up, but sends no video"), (answer.status, answer.error)
        )

    def test_stops(self) -> None:
        """Nor does the server wait for it when it stops."""
        lab = WebLab()
        self.patch(lab.garden.video, "_ask", Deferred)
        visitor, answer = ask(lab, f"{SNAPSHOT}?from=video", 1)
        lab.stop()
        visitor.read(answer)
        self.assertEqual((503, "the server stops"), (answer.status, answer.error))

    def test_neither(self) -> None:
        """Without video either, it is too late at last."""
        lab = WebLab()
        self.patch(lab.garden, "snapshot", lambda: fail(NotSupported("no")))
        self.patch(lab.garden.video, "_ask", lambda: fail(CommandFailed("no")))
        _, answer = ask(lab, SNAPSHOT, 11)
        self.assertEqual(504, answer.status)

    def test_away(self) -> None:
        """A camera that is away is away."""
        lab = WebLab(connect=False)
        _, answer = ask(lab, SNAPSHOT, 1)
        self.assertEqual(503, answer.status)
        self.assertIn("retry-after", answer.headers)

    def test_together(self) -> None:
        """All who ask meanwhile get the same picture."""
        lab = WebLab()
        asked: list[Deferred[bytes]] = []

        def snapshot() -> Deferred[bytes]:
            asked.append(Deferred())
            return asked[-1]

        self.patch(lab.garden, "snapshot", snapshot)
        visits = [ask(lab, SNAPSHOT, 0.1) for _ in range(10)]
        visits[3][0].transport.hangUp()
        [one] = asked
        one.callback(b"picture")
        for number, (visitor, answer) in enumerate(visits):
            if number != 3:
                self.assertEqual(b"picture", visitor.read(answer).body)
        ask(lab, SNAPSHOT, 0.1)
        self.assertEqual(2, len(asked))
        asked[1].errback(NotConnected("away"))
        ask(lab, SNAPSHOT, 0.1)
        self.assertEqual(3, len(asked))
        self.assertEqual([], self.flushLoggedErrors())

    def test_head(self) -> None:
        """C{HEAD} takes no picture."""
        lab = WebLab()
        self.patch(lab.garden, "snapshot", lambda: self.fail("taken"))
        answer = lab.visit().ask("HEAD", SNAPSHOT)
        self.assertEqual(
            (200, "image/jpeg"), (answer.status, answer.headers["content-type"])
        )

    def test_range(self) -> None:
        """It comes as a whole."""
        lab = WebLab()
        self.patch(lab.garden, "snapshot", lambda: succeed(b"picture"))
        answer = lab.get(SNAPSHOT, Range="bytes=2-3")
        self.assertEqual((200, b"picture"), (answer.status, answer.body))

    def test_badValues(self) -> None:
        """Odd parameters are refused."""
        lab = WebLab()
        for query in ("from=nowhere", "download=yes", "from="):
            self.assertEqual(400, lab.get(f"{SNAPSHOT}?{query}").status)


def source(answer: Answer) -> str:
    """Where a picture is from."""
    return answer.headers["x-twistedcam-from"]


class RowTests(LabCase):
    """Many pictures."""

    def test_decoded(self) -> None:
        """Video is decoded, five pictures a second."""
        lab = WebLab()
        visitor, answer = ask(lab, PICTURES, 2)
        self.assertRegex(
            answer.headers["content-type"],
            "^multipart/x-mixed-replace; boundary=[-a-z]+$",
        )
        before = len(parts(answer))
        lab.network.advance(4)
        after = parts(visitor.read(answer))
        self.assertApproximates(20, len(after) - before, 1)
        self.assertEqual((640, 360), size(after[-1]))
        self.assertGreater(len({*after}), 10)
        self.assertFalse(answer.complete)

    def test_rates(self) -> None:
        """As many as wanted, up to fifteen."""
        for fps, expected in (("1", 4), ("10", 40), ("15", 60)):
            lab = WebLab()
            visitor, answer = ask(lab, f"{PICTURES}?fps={fps}", 3)
            before = len(parts(answer))
            lab.network.advance(4)
            count = len(parts(visitor.read(answer))) - before
            self.assertApproximates(expected, count, 2, fps)

    def test_mjpeg(self) -> None:
        """JPEGs go through as they are, all of them or less."""
        for query, expected in (("", 60), ("?fps=3", 12)):
            lab = WebLab(codec="mjpeg")
            visitor, answer = ask(lab, PICTURES + query, 2)
            before = len(parts(answer))
            seen: list[Frame] = []
            leave = lab.garden.video.subscribe(seen.append)
            lab.network.advance(4)
            leave()
            after = parts(visitor.read(answer))[before:]
            self.assertApproximates(expected, len(after), 2)
            if not query:
                self.assertEqual([frame.data for frame in seen[-10:]], after[-10:])

    def test_h265(self) -> None:
        """H.265 as well."""
        _, answer = ask(WebLab(codec="h265"), PICTURES, 3)
        self.assertEqual((640, 360), size(parts(answer)[-1]))

    def test_sub(self) -> None:
        """The lower quality has smaller pictures."""
        _, answer = ask(WebLab(), f"{PICTURES}?quality=sub", 4)
        self.assertEqual((320, 180), size(parts(answer)[-1]))

    def test_shown(self) -> None:
        """The line that ends a picture follows it at once."""
        _, answer = ask(WebLab(), PICTURES, 3)
        boundary = answer.headers["content-type"].partition("boundary=")[2]
        self.assertTrue(answer.body.endswith(f"\r\n--{boundary}\r\n".encode()))

    def test_secondViewer(self) -> None:
        """Whoever comes later has a picture at once."""
        lab = WebLab()
        ask(lab, PICTURES, 3)
        _, answer = ask(lab, PICTURES, 0)
        self.assertEqual(1, len(parts(answer)))

    def test_slow(self) -> None:
        """Whoever is slow gets the newest picture only; others are not held up."""
        lab = WebLab()
        slow, answer = ask(lab, PICTURES, 3)
        fast, other = ask(lab, PICTURES, 0)
        slow.transport.window = 0
        most = 0
        for _ in range(15):
            lab.network.advance(1)
            most = max(most, len(slow.transport.buffer))
        self.assertLess(most, BUFFER + 60_000)
        self.assertApproximates(75, len(parts(fast.read(other))), 3)
        slow.read(answer)
        before = len(parts(answer))
        waited = len(slow.transport.buffer)
        slow.transport.window = None
        slow.transport.flush()
        slow.read(answer)
        pictures = parts(answer)
        self.assertLess(len(pictures) - before, waited // 3000)
        self.assertEqual(parts(fast.read(other))[-1], pictures[-1])

    def test_leaves(self) -> None:
        """After the last has left nothing is decoded any more."""
        lab = WebLab()
        visitor, _ = ask(lab, PICTURES, 3)
        visitor.transport.hangUp()
        self.assertEqual(0, lab.garden.video.audience)
        self.assertEqual(0, lab.get("/cameras/garden").json["viewers"])

    def test_notThere(self) -> None:
        """When no picture comes in time, a sentence says why."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        _, answer = ask(lab, PICTURES, 12)
        self.assertEqual(
            (503, "garden is away: still looking for it"),
            (answer.status, answer.error),
        )

    def test_head(self) -> None:
        """C{HEAD} tells what it would be."""
        answer = WebLab().visit().ask("HEAD", PICTURES)
        self.assertIn("multipart/x-mixed-replace", answer.headers["content-type"])
        self.assertTrue(answer.complete)

    def test_badValues(self) -> None:
        """Odd parameters are refused."""
        lab = WebLab()
        for query in (
            "fps=0",
            "fps=0.05",
            "fps=15.1",
            "fps=99",
            "fps=-1",
            "fps=nan",
            "fps=1e3",
            "fps=inf",
            "fps=",
            "fps=x",
            "fps=%D9%A3",
            "quality=x",
        ):
            self.assertEqual(400, lab.get(f"{PICTURES}?{query}").status, query)
