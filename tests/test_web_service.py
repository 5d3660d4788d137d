"""
Tests of L{twistedcam.restream.web.service}: beginning and end; and of what holds for
all paths together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs

from twistedcam.errors import ConfigError
from twistedcam.fleet import Fleet
from twistedcam.restream.access import Access
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.web import WebConfig, WebService
from twistedcam.restream.web.config import ENDPOINT
from twistedcam.restream.web.service import FAREWELL

from .lab import Lab, LabCase
from .memorytcp import MemoryEndpoint
from .test_web_gate import basic
from .webkit import PAGE, Answer, Visitor, WebLab, atOnce

STREAMS = (
    "/cameras/garden/stream.ts",
    "/cameras/garden/live.mp4",
    "/cameras/garden/stream.mjpeg",
    "/events",
)


class StopTests(LabCase):
    """The server stops."""

    def test_idle(self) -> None:
        """At once, and nothing is left."""
        lab = WebLab(connect=False)
        web, fleet = lab.stop()
        lab.network.advance(1)
        self.successResultOf(web)
        self.successResultOf(fleet)
        self.assertIsNone(lab.endpoint.factory)
        self.assertIsNone(lab.web.address)
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc, lab.host)

    def test_timers(self) -> None:
        """Answers that wait wait no longer."""
        lab = WebLab(WebConfig(access=Access(password="x")))
        lab.fleet.stopService()
        lab.network.advance(1)
        visitor = lab.visit()
        answer = visitor.ask("GET", "/", {"Authorization": basic("", "y")})
        stopped = lab.web.stopService()
        self.assertEqual(401, visitor.read(answer).status)
        self.successResultOf(stopped)
        lab.remove()
        self.assertEqual([], lab.network.getDelayedCalls())

    def test_busy(self) -> None:
        """Whatever goes on is ended; there is neither timer nor connection left."""
        access = Access(password="x")
        right = basic("", "x")
        lab = WebLab(WebConfig(access=access))
        visits = [
            (visitor, visitor.ask("GET", path, {"Authorization": right}))
            for path in STREAMS
            for visitor in (lab.visit(),)
        ]
        socket = lab.socket("/cameras/garden/mse", Authorization=right)
        lab.network.advance(4)
        idle, half, wrong, early, snapshot, video = (lab.visit() for _ in range(6))
        idle.ask("GET", "/healthz")
        half.say(b"POST /cameras/garden/ptz HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        late = wrong.ask("GET", "/", {"Authorization": basic("", "y")})
        lab.emulated.stop()
        lab.network.advance(0.1)
        early.ask("GET", "/cameras/garden/stream.ts", {"Authorization": right})
        garden = "/cameras/garden/snapshot.jpg"
        snapshot.ask("GET", garden, {"Authorization": right})
        taken = video.ask("GET", f"{garden}?from=video", {"Authorization": right})
        web, fleet = lab.stop()
        lab.network.advance(0)
        self.successResultOf(web)
        for visitor, answer in visits:
            self.assertTrue(visitor.read(answer).complete)
            self.assertTrue(visitor.closed)
        for visitor in (idle, half, wrong, early, snapshot, video, socket.visitor):
            self.assertTrue(visitor.closed)
        self.assertEqual(503, video.read(taken).status)
        self.assertIn("garden is away", taken.error)
        self.assertEqual(0, lab.garden.video.audience)
        self.assertEqual(401, wrong.read(late).status)
        lab.network.advance(10)
        self.successResultOf(fleet)
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc, lab.host)
        self.assertEqual([], self.flushLoggedErrors())

    def test_deaf(self) -> None:
        """Those who do not read hold it up for a moment only."""
        lab = WebLab()
        visitors = [lab.visit() for _ in STREAMS]
        for visitor, path in zip(visitors, STREAMS, strict=True):
            visitor.ask("GET", path)
            visitor.transport.window = 100
        lab.network.advance(10)
        page = lab.visit()
        page.transport.window = 0
        page.ask("GET", "/")
        stopped = lab.web.stopService()
        lab.network.advance(0)
        self.assertNoResult(stopped)
        lab.network.advance(FAREWELL)
        lab.network.advance(0)
        self.successResultOf(stopped)
        for visitor in (*visitors, page):
            self.assertTrue(visitor.closed)

    def test_closedMeanwhile(self) -> None:
        """When the last one goes by himself, it does not wait for longer."""
        lab = WebLab()
        page = lab.visit()
        page.transport.window = 0
        page.ask("GET", "/")
        stopped = lab.web.stopService()
        self.assertNoResult(stopped)
        page.transport.hangUp()
        self.successResultOf(stopped)

    def test_again(self) -> None:
        """It may be started again."""
        lab = WebLab()
        lab.get("/cameras")
        stopped = lab.web.stopService()
        lab.network.advance(0)
        self.successResultOf(stopped)
        lab.web.startService()
        lab.network.advance(1)
        self.assertEqual("Up", lab.get("/cameras/garden").json["state"])
        visitor = lab.visit()
        answer = visitor.ask("GET", "/events")
        lab.network.advance(1)
        self.assertIn(b"statistics", visitor.read(answer).body)

    def test_twice(self) -> None:
        """To stop what does not run does no harm."""
        lab = WebLab(connect=False)
        lab.web.stopService()
        self.successResultOf(lab.web.stopService())


class StartTests(LabCase):
    """The server starts."""

    def make(self, config: WebConfig, **how: Any) -> WebService:
        """One that was not started."""
        lab = Lab()
        return WebService(
            lab.pc,
            Fleet(lab.discovery, []),
            config,
            Broadcasts(lab.pc),
            inThread=atOnce,
            **how,
        )

    def test_default(self) -> None:
        """Unless told otherwise, this machine only."""
        self.assertEqual("tcp:8085:interface=127.0.0.1", ENDPOINT)
        self.assertEqual(ENDPOINT, WebConfig().endpoint)

    def test_noEndpoint(self) -> None:
        """What describes no endpoint is refused with one line."""
        for endpoint in (
            "nonsense",
            "tcp:x",
            "",
            "tcp:1:2:3:4:5",
            "ssl:1:privateKey=/x",
        ):
            config = WebConfig(endpoint=endpoint, open=True)
            with self.assertRaises(ConfigError) as caught:
                self.make(config)
            self.assertEqual(1, len(str(caught.exception).splitlines()))

    def test_portTaken(self) -> None:
        """When the port is taken, starting it raises, and leaves nothing behind."""

        class Taken(MemoryEndpoint):
            def listen(self, factory: Any) -> Deferred[Any]:
                return fail(CannotListenError("127.0.0.1", 8085, OSError("taken")))

        service = self.make(WebConfig(), endpoint=Taken(), files=PAGE)
        self.assertRaises(CannotListenError, service.startService)
        self.assertEqual(0, service.running)

    def test_late(self) -> None:
        """Some endpoints take their time, and may fail late."""

        class Late(MemoryEndpoint):
            result: Deferred[Any]

            def listen(self, factory: Any) -> Deferred[Any]:
                self.result = Deferred()
                return self.result

        endpoint = Late()
        service = self.make(WebConfig(), endpoint=endpoint, files=PAGE)
        service.startService()
        self.assertIsNone(service.address)
        endpoint.result.errback(OSError("late"))
        self.assertEqual(1, len(self.flushLoggedErrors(OSError)))
        self.successResultOf(service.stopService())

    def test_stoppedBefore(self) -> None:
        """It may be stopped before it listens."""

        class Never(MemoryEndpoint):
            def listen(self, factory: Any) -> Deferred[Any]:
                return Deferred()

        service = self.make(WebConfig(), endpoint=Never(), files=PAGE)
        service.startService()
        self.successResultOf(service.stopService())


class DisconnectTests(LabCase):
    """Clients that go at any moment."""

    def test_whileAsking(self) -> None:
        """In the middle of a request."""
        lab = WebLab()
        request = (
            b"POST /cameras/garden/ptz HTTP/1.1\r\nHost: x\r\nX-Twistedcam: 1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 21\r\n\r\n"
            b'{"direction": "home"}'
        )
        timers = len(lab.network.getDelayedCalls())
        for cut in range(len(request) + 1):
            visitor = lab.visit()
            visitor.say(request[:cut])
            visitor.transport.hangUp()
        lab.network.advance(20)
        self.assertEqual({}, lab.web._connections.protocols)
        self.assertLessEqual(len(lab.network.getDelayedCalls()), timers + 2)
        self.assertEqual([], self.flushLoggedErrors())

    def test_whileAnswered(self) -> None:
        """At any point of an answer, whatever was asked for."""
        lab = WebLab()
        keep = lab.visit()
        keep.ask("GET", "/cameras/garden/stream.ts")
        lab.network.advance(3)
        paths = (
            *STREAMS,
            "/",
            "/cameras",
            "/metrics",
            "/cameras/garden/snapshot.jpg",
            "/cameras/garden/snapshot.jpg?from=video",
            "/cameras/garden/image",
        )
        for path in paths:
            for window in (0, 100, 600, 5000, None):
                for wait in (0.0, 0.001, 0.2):
                    visitor = lab.visit()
                    visitor.transport.window = window
                    visitor.ask("GET", path)
                    lab.network.advance(wait)
                    visitor.transport.hangUp()
        lab.network.advance(12)
        self.assertEqual(1, len(lab.web._tools.viewers))
        self.assertEqual(0, len(lab.web._tools.listeners))
        self.assertEqual(1, len(lab.web._connections.protocols))
        self.assertEqual(1, lab.garden.video.audience)
        self.assertEqual([], self.flushLoggedErrors())

    def test_pipelined(self) -> None:
        """Whoever sends more while he watches is read no further than a bit."""
        lab = WebLab()
        visitor = lab.visit()
        visitor.ask("GET", "/cameras/garden/stream.ts")
        for _ in range(100):
            visitor.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        self.assertFalse(visitor.transport.reading)
        lab.network.advance(3)
        visitor.transport.hangUp()
        self.assertEqual(0, len(lab.web._tools.viewers))


class SecretTests(LabCase):
    """What nobody is to know."""

    visits = 0
    SECRETS = ("p4ssw0rd", "T0k3n", "g4rd3n", "pr1v4t3")

    def lab(self) -> WebLab:
        """One with as many secrets as there can be."""
        return WebLab(
            WebConfig(access=Access("me", "p4ssw0rd", "T0k3n")),
            camera={"password": "g4rd3n", "psk": "pr1v4t3"},
            password="g4rd3n",
            psk="pr1v4t3",
        )

    def answers(self, lab: WebLab) -> Iterator[tuple[str, Visitor, Answer]]:
        """Everything that can be asked."""
        garden = "/cameras/garden"
        paths = (
            *STREAMS,
            "/",
            "/static/app.js",
            "/cameras",
            garden,
            f"{garden}/image",
            f"{garden}/snapshot.jpg?download=1",
            f"{garden}/mse",
            "/metrics",
            "/healthz",
            "/nothing",
        )
        for path in paths:
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                for login in (basic("me", "p4ssw0rd"), "Bearer T0k3n", basic("", "x")):
                    wrong = login == basic("", "x")
                    # There may be a hundred connections from one address.
                    self.visits += 1
                    place = self.visits % 4 if wrong else 10 + self.visits % 100
                    visitor = lab.visit(f"192.0.2.{place}")
                    headers = {"Authorization": login}
                    yield path, visitor, visitor.ask(method, path, headers)
            separator = "&" if "?" in path else "?"
            visitor = lab.visit()
            asked = f"{path}{separator}token=T0k3n"
            yield path, visitor, visitor.ask("GET", asked)
        for what, body in (
            ("ptz", b'{"direction": "home"}'),
            ("ptz", b'{"direction": "p4ss"}'),
            ("light", b'{"on": true}'),
        ):
            visitor = lab.visit()
            headers = {
                "Authorization": "Bearer T0k3n",
                "X-Twistedcam": "1",
                "Content-Type": "application/json",
            }
            yield what, visitor, visitor.ask("POST", f"{garden}/{what}", headers, body)

    def test_nowhere(self) -> None:
        """No secret is in any answer, nor in the log, whatever happens."""
        with capturedLogs() as events:
            lab = self.lab()
            asked = [*self.answers(lab)]
            lab.network.advance(8)
            lab.emulated.state.motors.speed = 1
            lab.emulated.stop()
            lab.network.advance(3)
            asked += [*self.answers(lab)]
            lab.network.advance(15)
            stopped = lab.stop()
            lab.network.advance(5)
        self.assertEqual(2, len([self.successResultOf(each) for each in stopped]))
        seen = set()
        for path, visitor, answer in asked:
            visitor.read(answer)
            seen.add(answer.status)
            for secret in self.SECRETS:
                self.assertNotIn(secret.encode(), visitor.transport.taken, path)
        self.assertLessEqual({200, 204, 400, 401, 404, 405, 429, 503}, seen)
        for event in events:
            for secret in self.SECRETS:
                self.assertNotIn(secret, repr(event))

    def test_repr(self) -> None:
        """Nor in what is shown of the values."""
        lab = self.lab()
        for each in (
            lab.web._gate,
            WebConfig(access=Access("me", "p4ssw0rd", "T0k3n")),
        ):
            for secret in self.SECRETS:
                self.assertNotIn(secret, repr(each))


class TickTests(LabCase):
    """Once a second."""

    def test_ticksGoOn(self) -> None:
        """A mistake in a look at the cameras is logged."""
        lab = WebLab()

        def fail() -> None:
            raise RuntimeError("broken")

        self.patch(lab.web._tools.observatory, "tick", fail)
        lab.network.advance(3)
        self.assertGreater(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(200, lab.get("/cameras").status)
