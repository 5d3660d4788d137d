"""
RTSP's messages, taken apart and put together.
"""

from __future__ import annotations

from itertools import pairwise
from string import ascii_letters

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.restream.rtsp.message import (
    MAX_BODY,
    MAX_EMPTY,
    MAX_FRAME,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_LINE,
    REASONS,
    Interleaved,
    ProtocolError,
    Reader,
    Request,
    Response,
    parameters,
)

from .strategies import cheap, dear

Message = Request | Interleaved

tokens = st.text(ascii_letters + "-_.", min_size=1, max_size=20)
urls = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
values = st.text(st.characters(codec="utf-8", exclude_categories=["C"])).map(
    lambda text: text.strip()
)
headers = st.lists(
    st.tuples(tokens.filter(lambda name: name.lower() != "content-length"), values),
    max_size=10,
).map(tuple)
requests = st.builds(Request, tokens, urls, headers, st.binary(max_size=100))
frames = st.builds(Interleaved, st.integers(0, 255), st.binary(max_size=300))
messages = st.lists(requests | frames, max_size=6)


def read(data: bytes, *cuts: int) -> tuple[list[Message], str]:
    """All messages in data that come in pieces, and what is wrong with the rest."""
    reader = Reader()
    found: list[Message] = []
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        for begin, end in pairwise(borders):
            reader.feed(data[begin:end])
            while (message := reader.take()) is not None:
                found.append(message)
    except ProtocolError as problem:
        return found, f"{problem.status} {problem}"
    return found, ""


def plain(message: Message) -> Message:
    """A request without the header that was added."""
    if isinstance(message, Interleaved):
        return message
    kept = tuple(one for one in message.headers if one[0] != "Content-Length")
    return Request(message.method, message.uri, kept, message.body)


class ReaderTests(SynchronousTestCase):
    """Bytes to requests."""

    def refusal(self, data: bytes) -> str:
        """What is said of something, whether it comes at once or in small pieces."""
        found, problem = read(data)
        step = 1 + len(data) // 1000
        self.assertEqual((found, problem), read(data, *range(0, len(data), step)))
        return problem

    def test_request(self) -> None:
        """A request, as players send it."""
        found, problem = read(
            b"SETUP rtsp://host/garden/video RTSP/1.0\r\n"
            b"CSeq: 3\r\n"
            b"Transport:RTP/AVP/TCP;unicast\r\n"
            b"Content-Length: 5\r\n"
            b"\r\n"
            b"hello"
        )
        self.assertEqual("", problem)
        (request,) = found
        assert isinstance(request, Request)
        self.assertEqual("SETUP", request.method)
        self.assertEqual("rtsp://host/garden/video", request.uri)
        self.assertEqual("3", request.get("cseq"))
        self.assertEqual("RTP/AVP/TCP;unicast", request.get("TRANSPORT"))
        self.assertEqual(("", "x"), (request.get("Session"), request.get("Range", "x")))
        self.assertEqual(b"hello", request.body)

    @given(messages, st.lists(st.integers(0)))
    @cheap
    def test_roundTrip(self, expected: list[Message], cuts: list[int]) -> None:
        """What was put together is taken apart, in whatever pieces it comes."""
        data = b"".join(message.toBytes() for message in expected)
        found, problem = read(data, *cuts)
        self.assertEqual("", problem)
        self.assertEqual(expected, [plain(message) for message in found])

    @given(
        st.binary() | messages.map(lambda all: b"".join(m.toBytes() for m in all)),
        st.binary(max_size=20),
        st.integers(0),
        st.lists(st.integers(0)),
    )
    @dear
    def test_anything(
        self, data: bytes, noise: bytes, place: int, cuts: list[int]
    ) -> None:
        """Whatever comes, the pieces make no difference, and no other exception."""
        place %= len(data) + 1
        data = data[:place] + noise + data[place:]
        self.assertEqual(read(data), read(data, *cuts))

    def test_lineFeeds(self) -> None:
        """A line feed alone ends a line, too; empty lines in between are nothing."""
        found, problem = read(
            b"\r\n\nOPTIONS * RTSP/1.0\nCSeq: 1\n\n\r\n\r\n$\1\0\2hi\r\n"
        )
        self.assertEqual("", problem)
        self.assertEqual(
            [Request("OPTIONS", "*", (("CSeq", "1"),)), Interleaved(1, b"hi")], found
        )
        self.assertIn("empty", self.refusal(b"\r\n" * (MAX_EMPTY + 1)))

    def test_inside(self) -> None:
        """It is known whether something is half said."""
        for message in (
            Request("PLAY", "rtsp://h/g", (("CSeq", "1"),), b"body"),
            Interleaved(3, b"data"),
        ):
            reader = Reader()
            data = message.toBytes()
            self.assertFalse(reader.inside)
            for place in range(len(data)):
                reader.feed(data[place : place + 1])
                isLast = place == len(data) - 1
                self.assertEqual(isLast, reader.take() is not None)
                self.assertEqual(not isLast, reader.inside)

    def test_noRtsp(self) -> None:
        """HTTP, TLS and the like are told from RTSP with the first line."""
        for data in (
            b"GET / HTTP/1.1\r\n",
            b"RTSP/1.0 200 OK\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
            b"OPTIONS  RTSP/1.0\r\n",
            b"OPTIONS * RTSP/1.0 x\r\n",
            b"OP(IONS * RTSP/1.0\r\n",
            b"OPTIONS \xc3\xa4 RTSP/1.0\r\n",
        ):
            self.assertTrue(self.refusal(data).startswith("400 "), data)
        for version in (b"2.0", b"0.9", b"1.00"):
            self.assertEqual(
                "505 RTSP/1.0 is spoken here",
                self.refusal(b"OPTIONS * RTSP/%b\r\n" % version),
            )

    def test_absurd(self) -> None:
        """Headers that make no sense."""
        start = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n"
        for line in (
            b"no colon",
            b": no name",
            b"a name: x",
            b" folded",
            b"X: \0",
            b"X: a\rb",
            b"X: \x7f",
            b"X: \xff\xfe",
            b"Content-Length: -1",
            b"Content-Length: 1e3",
            b"Content-Length: \xd9\xa1",
            b"Content-Length:",
            b"Content-Length: 1\r\nContent-Length: 2",
            b"Content-Length: 1111111111",
            b"N" * 65 + b": x",
        ):
            problem = self.refusal(start + line + b"\r\n\r\n")
            self.assertTrue(problem.startswith("400 "), (line, problem))
        same = b"Content-Length: 2\r\ncontent-length: 2\r\n\r\nhi"
        self.assertEqual("", self.refusal(start + same))

    def test_bounds(self) -> None:
        """Everything has a bound, and what is just within it is taken."""
        start = b"OPTIONS * RTSP/1.0\r\n"
        url = b"x" * (MAX_LINE - len(b"OPTIONS  RTSP/1.0"))
        line = b"X: " + b"y" * (MAX_LINE - 4)
        for good, bad, status in (
            (b"OPTIONS %b RTSP/1.0\n\n" % url, b"OPTIONS %bx RTSP/1.0\n" % url, "414"),
            (start + line + b"\n\n", start + line + b"yy\n\n", "413"),
            (
                start + b"A: b\r\n" * MAX_HEADERS + b"\r\n",
                start + b"A: b\r\n" * (MAX_HEADERS + 1),
                "413",
            ),
            (
                start + b"Content-Length: %d\r\n\r\n" % MAX_BODY,
                start + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
                "413",
            ),
            (
                b"$\0" + MAX_FRAME.to_bytes(2, "big"),
                b"$\0" + (MAX_FRAME + 1).to_bytes(2, "big"),
                "413",
            ),
        ):
            self.assertEqual("", self.refusal(good))
            self.assertEqual(status, self.refusal(bad)[:3])
        long = start + (b"X: " + b"y" * 1000 + b"\r\n") * (MAX_HEAD // 1005 + 1)
        self.assertEqual("413", self.refusal(long)[:3])
        # An endless line is not waited for.
        self.assertEqual("414", self.refusal(b"x" * (MAX_LINE + 1))[:3])
        self.assertEqual("", self.refusal(b"x" * MAX_LINE))

    def test_keepsOnce(self) -> None:
        """Bounds are those of a request, not of a connection."""
        request = Request(
            "GET_PARAMETER", "rtsp://h/g", (("X", "y" * 4000),) * 2, bytes(1000)
        )
        found, problem = read(request.toBytes() * 50)
        self.assertEqual(("", 50), (problem, len(found)))


class WriterTests(SynchronousTestCase):
    """Answers to bytes."""

    def test_response(self) -> None:
        """An answer with all that belongs to it."""
        response = Response(200, (("CSeq", "1"), ("Title", "caf\xe9")), b"body")
        self.assertEqual(
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nTitle: caf\xe9\r\nContent-Length: 4\r\n\r\n"
            "body".encode(),
            response.toBytes(),
        )
        for status in REASONS:
            line = Response(status).toBytes()
            self.assertTrue(line.startswith(b"RTSP/1.0 %d " % status))

    def test_secrets(self) -> None:
        """No login is in what is printed of a request."""
        request = Request("PLAY", "rtsp://h/g", (("Authorization", "secret"),), b"body")
        self.assertNotIn("secret", repr(request))
        self.assertNotIn("body", repr(request))


class ParameterTests(SynchronousTestCase):
    """Lists within headers."""

    def test_list(self) -> None:
        """Names and values, with and without quotes."""
        text = 'Realm="a, \\"b\\" \\\\", nc=00000001, stale , qop = auth,, x=""'
        self.assertEqual(
            [
                ("realm", 'a, "b" \\'),
                ("nc", "00000001"),
                ("stale", ""),
                ("qop", "auth"),
                ("x", ""),
            ],
            list(parameters(text, ",")),
        )
        self.assertEqual(
            [("rtp/avp", ""), ("client_port", "1-2")],
            list(parameters("RTP/AVP;client_port=1-2;", ";")),
        )

    @given(st.text(max_size=200), st.sampled_from(",;"))
    @cheap
    def test_anything(self, text: str, separator: str) -> None:
        """Whatever it is, nothing breaks."""
        for name, _ in parameters(text, separator):
            self.assertEqual(name, name.strip().lower())

    def test_open(self) -> None:
        """A quote that is not closed goes up to the end, quickly."""
        text = 'a="' + '"x\\' * 20_000
        self.assertEqual("a", next(iter(parameters(text, ",")))[0])
