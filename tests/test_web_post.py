"""
Tests of what holds for everything that is posted to the HTTP server.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twistedcam.keeper import CameraState
from twistedcam.restream.web.site import MAX_BODY
from twistedcam.restream.web.wording import away

from .lab import LabCase
from .webkit import Answer, WebLab

POSTS = ("ptz", "preset", "light", "infrared")


class PostTests(LabCase):
    """What can be said of all that is posted."""

    def test_foreign(self) -> None:
        """Pages of others may not, however they try."""
        lab = WebLab()
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://192.0.2.10:8086"},
            {"Origin": "http://192.0.2.10"},
            {"Origin": "192.0.2.10:8085"},
            {"Origin": "http://192.0.2.10:8085.evil.example"},
            {"X_Twistedcam": ""},
            {"X_Twistedcam": "2"},
        ):
            for what in POSTS:
                answer = lab.post(f"/cameras/garden/{what}", {"on": True}, **headers)
                self.assertEqual(403, answer.status, headers)
                self.assertTrue(answer.error)

    def test_own(self) -> None:
        """Our own page may."""
        lab = WebLab()
        for origin in ("http://192.0.2.10:8085", "https://192.0.2.10:8085"):
            answer = lab.post(
                "/cameras/garden/ptz", {"direction": "home"}, Origin=origin
            )
            self.assertEqual((204, b""), (answer.status, answer.body))
            self.assertNotIn("content-length", answer.headers)

    def test_contentType(self) -> None:
        """What a form can send is not taken."""
        lab = WebLab()
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
            "application/jsonx",
        ):
            answer = lab.post("/cameras/garden/ptz", {}, Content_Type=kind)
            self.assertEqual(415, answer.status, kind)
        answer = lab.post(
            "/cameras/garden/ptz",
            {"direction": "home"},
            Content_Type="Application/JSON; charset=utf-8",
        )
        self.assertEqual(204, answer.status)

    def test_tooLong(self) -> None:
        """A body has a length, up to which it is read."""
        lab = WebLab()
        fits = b'{"direction": "home"%s}' % (b" " * (MAX_BODY - 21))
        self.assertEqual(MAX_BODY, len(fits))
        self.assertEqual(204, lab.post("/cameras/garden/ptz", fits).status)
        for more in (1, 10, 30_000):
            answer = lab.post("/cameras/garden/ptz", fits + b" " * more)
            self.assertEqual(413, answer.status)

    def test_notValid(self) -> None:
        """What is no JSON, or of another kind, is refused with a sentence."""
        lab = WebLab()
        for body in (
            b"",
            b"{",
            b"\xff",
            b"null",
            b"[]",
            b"1",
            b'"home"',
            b'{"direction": "sideways"}',
            b'{"direction": 1}',
            b'{"direction": "home", "other": 1}',
            b'{"direction": "left", "seconds": 0.05}',
            b'{"direction": "left", "seconds": 11}',
            b'{"direction": "left", "seconds": "1"}',
            b'{"direction": "left", "seconds": NaN}',
            b'{"direction": "left", "seconds": 1e999}',
            b'{"direction": "left", "step": 1}',
            b'{"direction": "\\ud800"}',
            b"[" * 4000,
        ):
            answer = lab.post("/cameras/garden/ptz", body)
            self.assertEqual(400, answer.status, body)
            self.assertTrue(answer.error)

    def test_sentences(self) -> None:
        """People are told what would have been right."""
        lab = WebLab()
        for what, body, sentence in (
            (
                "ptz",
                {"direction": "sideways"},
                "'sideways' is not a direction: up, down, left, right, left-up,"
                " right-up, left-down, right-down, home, stop",
            ),
            (
                "ptz",
                {"direction": "up", "seconds": 11},
                "seconds has to be a number from 0.1 to 10",
            ),
            ("ptz", {"direction": "up", "step": 1}, "step has to be true or false"),
            (
                "ptz",
                {"direction": "up", "sp\u2028eed\n": 1},
                "'sp?eed?' is not known here: there is direction, step, seconds",
            ),
            ("preset", {"number": 17}, "number has to be a whole number from 1 to 16"),
            ("preset", {}, "number is missing: a whole number from 1 to 16"),
            (
                "preset",
                {"number": 1, "action": "x" * 99},
                f"'{'x' * 40}' is not an action: go, set",
            ),
            ("light", {}, "on is missing: true or false"),
            ("infrared", {"mode": 4}, "mode has to be a whole number from 0 to 3"),
            (
                "image",
                {"hue": None, "flip": 1},
                "hue has to be a whole number from 0 to 255",
            ),
            ("image", {"flip": 1.5}, "flip has to be a whole number from 0 to 3"),
            ("image", {}, "say what to change"),
            ("light", [], 'the body has to be an object, {"…": …}'),
            ("light", b"{", "the body is not JSON"),
        ):
            answer = lab.post(f"/cameras/garden/{what}", body)
            self.assertEqual((400, sentence), (answer.status, answer.error))

    def test_away(self) -> None:
        """A camera that is away is told of in words."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        lab.network.advance(1)
        answer = lab.post("/cameras/garden/light", {"on": True})
        self.assertEqual(
            (503, "garden is away: still looking for it"),
            (answer.status, answer.error),
        )

    def test_states(self) -> None:
        """So is each state; whatever else is said stays as it is."""
        for state in CameraState:
            told = away(f"attic is {state.value}")
            if state is CameraState.UP:
                self.assertEqual("attic is Up", told)
            else:
                self.assertTrue(told.startswith("attic is away: "), told)
        self.assertEqual("attic is on fire", away("attic is on fire"))

    def test_anything(self) -> None:
        """No body is too strange."""
        lab = WebLab(connect=False)
        visitor = lab.visit()
        headers = {"Content-Type": "application/json", "X-Twistedcam": "1"}

        @given(st.binary(max_size=100), st.sampled_from((*POSTS, "image")))
        def post(body: bytes, what: str) -> None:
            answer = visitor.ask("POST", f"/cameras/garden/{what}", headers, body)
            self.assertIn(answer.status, (400, 503))

        post()

    def test_unknownCamera(self) -> None:
        """There has to be such a camera."""
        answer = WebLab().post("/cameras/nobody/ptz", {"direction": "home"})
        self.assertEqual(404, answer.status)

    def test_chunked(self) -> None:
        """A body may come in chunks."""
        lab = WebLab()
        visitor = lab.visit()
        visitor.begin("POST")
        visitor.say(
            b"POST /cameras/garden/ptz HTTP/1.1\r\nHost: x\r\nX-Twistedcam: 1\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'5\r\n{"dir\r\n10\r\nection": "home"}\r\n0\r\n\r\n'
        )
        lab.network.advance(1)
        self.assertEqual(204, visitor.read(Answer()).status)
