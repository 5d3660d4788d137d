"""
Tests of what one visitor can take of the HTTP server: by requests that he sends
without reading the answers, by slow ones, and by many connections.
"""

from __future__ import annotations

from twistedcam.restream.access import Access
from twistedcam.restream.web import WebConfig
from twistedcam.restream.web.site import (
    LINGER,
    MAX_CONNECTIONS,
    MAX_FROM_ONE,
    MAX_PIPELINED,
    REQUEST_WITHIN,
)
from twistedcam.restream.web.static import StaticFile

from .lab import LabCase
from .memorytcp import BUFFER
from .webkit import Answer, WebLab

LARGE = 20_000

FILES = {"style.css": StaticFile(b"x" * LARGE, "text/css; charset=utf-8", '"1"')}

STYLE = b"GET /static/style.css HTTP/1.1\r\nHost: a\r\n\r\n"


class PipelineTests(LabCase):
    """Many requests at once."""

    def test_flood(self) -> None:
        """Whoever sends too many requests in one piece is cut off."""
        lab = WebLab(files=FILES, connect=False)
        visitor = lab.visit()
        visitor.say(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 2000)
        self.assertTrue(visitor.closed)
        self.assertLessEqual(visitor.transport.taken.count(b"ok\n"), MAX_PIPELINED)
        self.assertEqual([], self.flushLoggedErrors())

    def test_floodWithoutLogin(self) -> None:
        """Also if each is refused."""
        lab = WebLab(WebConfig(access=Access(token="zeichen")), connect=False)
        visitor = lab.visit()
        visitor.say(STYLE * 2000)
        self.assertTrue(visitor.closed)

    def test_postedFlood(self) -> None:
        """Also if each has a body."""
        lab = WebLab(files=FILES, connect=False)
        visitor = lab.visit()
        visitor.say(
            b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" * 1000
        )
        self.assertTrue(visitor.closed)
        self.assertEqual([], self.flushLoggedErrors())

    def test_unread(self) -> None:
        """Answers are made as far as they are read, and then the next ones."""
        lab = WebLab(files=FILES, connect=False)
        visitor = lab.visit()
        visitor.transport.window = 0
        for _ in range(50):
            visitor.say(STYLE * 16)
        waiting = len(visitor.transport.buffer)
        self.assertLess(waiting, BUFFER + 2 * LARGE)
        self.assertFalse(visitor.transport.reading)
        visitor.transport.window = None
        visitor.transport.flush()
        lab.network.advance(0)
        while not visitor.closed and visitor.transport.buffer:
            lab.network.advance(0)
        self.assertGreater(len(visitor.transport.taken), 9 * LARGE)
        self.assertEqual([], self.flushLoggedErrors())

    def test_allAnswered(self) -> None:
        """Some at once are answered in order, however slowly they are read."""
        lab = WebLab(files=FILES, connect=False)
        visitor = lab.visit()
        visitor.transport.window = 0
        visitor.say(STYLE * 20 + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(100):
            visitor.transport.window = 10_000
            visitor.transport.flush()
            lab.network.advance(0.1)
        self.assertEqual(20, visitor.transport.taken.count(b"x" * LARGE))
        self.assertTrue(visitor.transport.taken.endswith(b"ok\n"))
        self.assertFalse(visitor.closed)
        visitor.say(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        visitor.transport.window = None
        visitor.transport.flush()
        lab.network.advance(0)
        self.assertEqual(2, visitor.transport.taken.count(b"ok\n"))

    def test_behindStream(self) -> None:
        """What is sent while a stream waits for its reader is not all kept."""
        lab = WebLab()
        visitor = lab.visit()
        visitor.ask("GET", "/cameras/garden/stream.ts")
        visitor.transport.window = 0
        lab.network.advance(10)
        for _ in range(10):
            visitor.say(b"x" * 65536)
        self.assertFalse(visitor.transport.reading)
        channel = visitor.transport._protocol.wrappedProtocol
        kept = len(channel._buffer) + sum(map(len, channel._dataBuffer))
        self.assertLess(kept, 3 * 65536)

    def test_linger(self) -> None:
        """Whoever does not read the last answer is not waited for."""
        for read in (True, False):
            lab = WebLab(files=FILES, connect=False)
            timers = len(lab.network.getDelayedCalls())
            visitor = lab.visit()
            visitor.transport.window = 10
            visitor.say(
                b"GET /static/style.css HTTP/1.1\r\nHost: a\r\n"
                b"Connection: close\r\n\r\n"
            )
            lab.network.advance(LINGER - 1)
            self.assertFalse(visitor.closed)
            if read:
                visitor.transport.window = None
                visitor.transport.flush()
                lab.network.advance(0)
            else:
                lab.network.advance(1)
            self.assertTrue(visitor.closed)
            self.assertEqual(timers, len(lab.network.getDelayedCalls()))


class SlowTests(LabCase):
    """Requests that come in drop by drop."""

    def test_head(self) -> None:
        """However steadily it comes, a request has to be complete in time."""
        for begin in (b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"):
            lab = WebLab(connect=False)
            visitor = lab.visit()
            visitor.say(begin)
            for _ in range(int(REQUEST_WITHIN) + 2):
                if not visitor.closed:
                    visitor.say(b"X")
                lab.network.advance(1)
            self.assertTrue(visitor.closed)

    def test_body(self) -> None:
        """So has its body."""
        lab = WebLab(connect=False)
        visitor = lab.visit()
        visitor.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
        for _ in range(int(REQUEST_WITHIN) + 2):
            if not visitor.closed:
                visitor.say(b"X")
            lab.network.advance(1)
        self.assertTrue(visitor.closed)

    def test_oneByOne(self) -> None:
        """The time begins anew for each, and ends where the answer begins."""
        lab = WebLab(connect=False)
        visitor = lab.visit()
        begin, end = b"GET /healthz HTTP/1.1\r\n", b"Host: a\r\n\r\n"
        visitor.say(begin)
        for data in (end + begin, end, begin, end):
            lab.network.advance(REQUEST_WITHIN - 1)
            visitor.say(data)
            self.assertFalse(visitor.closed)
        lab.network.advance(REQUEST_WITHIN + 1)
        self.assertFalse(visitor.closed)
        self.assertEqual(3, visitor.transport.taken.count(b"ok\n"))

    def test_long(self) -> None:
        """Answers may take longer."""
        lab = WebLab()
        visitor = lab.visit()
        answer = visitor.ask("GET", "/events")
        lab.network.advance(3 * REQUEST_WITHIN)
        self.assertFalse(visitor.closed)
        self.assertEqual(200, visitor.read(answer).status)

    def test_gone(self) -> None:
        """Whoever leaves in the middle of a request leaves no timer behind."""
        lab = WebLab(connect=False)
        timers = len(lab.network.getDelayedCalls())
        visitor = lab.visit()
        visitor.say(b"GET / HT")
        visitor.transport.hangUp()
        self.assertEqual(timers, len(lab.network.getDelayedCalls()))


class ConnectionTests(LabCase):
    """How many connections there may be."""

    def test_fromOne(self) -> None:
        """One address has its share; when it closes one, it may open another."""
        lab = WebLab(connect=False)
        for address, same in (
            ("192.0.2.60", "::ffff:192.0.2.60"),
            ("2001:db8::1", "2001:db8::2"),
        ):
            visitors = [lab.visit(address) for _ in range(MAX_FROM_ONE)]
            self.assertFalse(any(visitor.refused for visitor in visitors))
            self.assertTrue(lab.visit(address).refused)
            self.assertTrue(lab.visit(same).refused)
            self.assertFalse(lab.visit("192.0.2.61").refused)
            visitors[0].transport.hangUp()
            visitor = lab.visit(address)
            self.assertEqual(200, visitor.ask("GET", "/healthz").status)

    def test_proxies(self) -> None:
        """Behind this machine's own addresses there may be many people."""
        for address in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", None):
            lab = WebLab(connect=False)
            visitors = [lab.visit(address) for _ in range(MAX_CONNECTIONS)]
            self.assertFalse(any(visitor.refused for visitor in visitors))
            self.assertTrue(lab.visit(address).refused)

    def test_limits(self) -> None:
        """All together leave descriptors for cameras and files."""
        self.assertLessEqual(MAX_CONNECTIONS, 500)
        self.assertLessEqual(MAX_FROM_ONE, 100)


class AnswerTests(LabCase):
    """What a connection is good for after all that."""

    def test_after(self) -> None:
        """Others are served as before."""
        lab = WebLab(files=FILES, connect=False)
        for _ in range(5):
            lab.visit().say(STYLE * 500)
        visitor = lab.visit("192.0.2.70")
        self.assertEqual(200, visitor.ask("GET", "/healthz").status)
        self.assertEqual(0, Answer().status)
