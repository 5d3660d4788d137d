"""Tests for L{twistedcam.reload}."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedcam.errors import ConfigError
from twistedcam.reload import Reloader, Restarted

from . import programs
from .folders import temporaryFolder
from .programs import SERVICE


@dataclass
class Part:
    """
    Something that follows.

    @ivar applied: what it was given.
    @ivar answer: what it says of that.
    """

    applied: list[str]
    answer: Callable[[], Deferred[str]] = lambda: succeed("")

    def apply(self, config: str) -> Deferred[str]:
        """Note it."""
        self.applied.append(config)
        return self.answer()


def told(events: Sequence[LogEvent]) -> list[str]:
    """What the log says."""
    return [formatEvent(event) for event in events]


class ReloaderTests(SynchronousTestCase):
    """The configuration is read, and the parts follow."""

    def setUp(self) -> None:
        self.file = "one"
        self.problem = ""
        self.loaded: list[str] = []
        self.part = Part([])
        self.begun: list[bool] = []

    def load(self) -> str:
        """Read it."""
        if self.problem:
            raise ConfigError(self.problem)
        self.loaded.append(self.file)
        return self.file

    def make(self, *parts: Part) -> Reloader[str]:
        """One that runs."""
        reloader = Reloader(self.load, parts or (self.part,))
        reloader.onReload(self.begun.append)
        reloader.startService()
        return reloader

    def test_followed(self) -> None:
        """All parts get the configuration, one after another; one line tells it."""
        slow: Deferred[str] = Deferred()
        parts = Part([], lambda: slow), Part([]), Part([], lambda: succeed("web up"))
        reloader = self.make(*parts)
        with capturedLogs() as events:
            done = reloader.reload()
            self.assertEqual([["one"], [], []], [part.applied for part in parts])
            self.assertEqual([True], self.begun)
            slow.callback("added x")
        self.successResultOf(done)
        self.assertEqual([["one"]] * 3, [part.applied for part in parts])
        self.assertEqual(["configuration reloaded: added x; web up"], told(events))
        self.assertEqual([True, False], self.begun)

    def test_nothing(self) -> None:
        """Also that nothing has changed is told."""
        reloader = self.make()
        with capturedLogs() as events:
            self.successResultOf(reloader.reload())
        self.assertEqual(["configuration reloaded: nothing changed"], told(events))

    def test_broken(self) -> None:
        """A file that cannot be used changes nothing; a later one can."""
        reloader = self.make()
        self.problem = "cameras.toml: no uid"
        with capturedLogs() as events:
            self.successResultOf(reloader.reload())
        self.assertEqual([], self.part.applied)
        self.assertEqual(
            [
                "configuration not reloaded, all stays as it is: cameras.toml: no uid",
            ],
            told(events),
        )
        self.assertEqual([LogLevel.error], [event["log_level"] for event in events])
        self.assertEqual("cameras.toml: no uid", reloader.problem)
        self.assertEqual([True, False], self.begun)
        self.problem = ""
        self.successResultOf(reloader.reload())
        self.assertEqual(["one"], self.part.applied)
        self.assertEqual("", reloader.problem)

    def test_coalesced(self) -> None:
        """
        Whatever is asked for while a reload is under way: it is done once more, with
        the file as it is then.
        """
        answers: list[Deferred[str]] = [Deferred(), Deferred()]
        waiting = answers[:]
        self.part.answer = lambda: waiting.pop(0)
        reloader = self.make()
        asked = [reloader.reload() for _ in range(4)]
        self.file = "two"
        answers[0].callback("")
        self.assertEqual(["one", "two"], self.part.applied)
        for done in asked:
            self.assertNoResult(done)
        answers[1].callback("")
        for done in asked:
            self.successResultOf(done)
        self.assertEqual(["one", "two"], self.loaded)

    def test_failing(self) -> None:
        """A part that cannot follow does not keep the others from it."""
        bad = Part([], lambda: fail(RuntimeError("broken")))
        reloader = self.make(bad, self.part)
        self.successResultOf(reloader.reload())
        self.assertEqual(["one"], self.part.applied)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual([True, False], self.begun)

    def test_loadingFails(self) -> None:
        """Should reading fail in a way that nobody thought of, it can be repeated."""
        reloader = Reloader(lambda: str(1 // 0), [self.part])
        reloader.startService()
        for _ in range(2):
            self.successResultOf(reloader.reload())
            self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual([], self.part.applied)

    def test_notRunning(self) -> None:
        """Nothing is reloaded before the start, nor after the end."""
        reloader = Reloader(self.load, [self.part])
        self.successResultOf(reloader.reload())
        reloader.startService()
        self.successResultOf(reloader.stopService())
        self.successResultOf(reloader.reload())
        self.assertEqual([], self.loaded)

    def test_stopped(self) -> None:
        """The end waits for a part that is at it, and begins nothing more."""
        slow: Deferred[str] = Deferred()
        first = Part([], lambda: slow)
        reloader = self.make(first, self.part)
        asked = [reloader.reload(), reloader.reload()]
        stopped = reloader.stopService()
        self.assertNoResult(stopped)
        slow.callback("")
        self.successResultOf(stopped)
        for done in asked:
            self.successResultOf(done)
        self.assertEqual((["one"], []), (first.applied, self.part.applied))
        self.assertEqual(["one"], self.loaded)

    def test_impatient(self) -> None:
        """Whoever waits no longer changes nothing."""
        slow: Deferred[str] = Deferred()
        self.part.answer = lambda: slow
        reloader = self.make()
        one, other = reloader.reload(), reloader.reload()
        one.addErrback(lambda _: None).cancel()
        self.part.answer = lambda: succeed("")
        slow.callback("")
        self.successResultOf(other)


class Server(Service):
    """
    Has one of the addresses that there are.

    @ivar stopping: fires when it has stopped.
    """

    taken: set[str]

    def __init__(self, address: str, taken: set[str]) -> None:
        self.address = address
        self.taken = taken
        self.stopping: Deferred[None] | None = None
        self.endpoint = ""

    def startService(self) -> None:
        """Take it."""
        super().startService()
        if self.address in self.taken:
            raise CannotListenError("", 80, OSError(98, "Address already in use"))
        if self.address == "far":
            raise OverflowError("bind(): port must be 0-65535.")
        if self.address == "odd":
            raise RuntimeError("out of order")
        self.taken.add(self.address)

    def stopService(self) -> Deferred[None]:
        """Free it."""
        super().stopService()
        self.taken.discard(self.address)
        return self.stopping or succeed(None)


class RestartedTests(SynchronousTestCase):
    """A part that is replaced as a whole."""

    def setUp(self) -> None:
        self.taken: set[str] = set()
        self.parent = MultiService()
        self.made: list[Server] = []
        self.part = Restarted("web", self.parent, self.section, self.make)

    def section(self, config: dict[str, str]) -> str | None:
        """The address to be had."""
        return config.get("web")

    def make(self, address: str) -> Server:
        """Make one."""
        if address == "wrong":
            raise ConfigError("that is none")
        self.made.append(Server(address, self.taken))
        return self.made[-1]

    def begin(self, address: str | None) -> None:
        """All begins with this."""
        self.part.begin({} if address is None else {"web": address})
        self.parent.startService()

    def apply(self, address: str | None) -> str:
        """A change; says what was done."""
        config = {} if address is None else {"web": address}
        return self.successResultOf(self.part.apply(config))

    def assertRuns(self, *addresses: str) -> None:
        """These servers run, and no others are left."""
        self.assertEqual(set(addresses), self.taken)
        running = [server for server in self.made if server.running]
        self.assertEqual(running, list(self.parent))
        self.assertEqual(list(addresses), [server.address for server in running])

    def test_untouched(self) -> None:
        """It is left alone while its section is the same."""
        self.begin("a")
        self.assertEqual("", self.apply("a"))
        self.assertEqual(1, len(self.made))
        self.assertRuns("a")

    def test_restarted(self) -> None:
        """Another section: the old one stops, then a new one starts."""
        self.begin("a")
        self.made[0].stopping = Deferred()
        result = self.part.apply({"web": "b"})
        self.assertNoResult(result)
        self.assertEqual(1, len(self.made))
        self.made[0].stopping.callback(None)
        self.assertEqual("web restarted", self.successResultOf(result))
        self.assertRuns("b")
        self.assertIs(self.made[1], self.part.service)

    def test_comesAndGoes(self) -> None:
        """There may be none at all."""
        self.begin(None)
        self.assertEqual("", self.apply(None))
        self.assertRuns()
        self.assertEqual("web started", self.apply("a"))
        self.assertRuns("a")
        self.assertEqual("web stopped", self.apply(None))
        self.assertRuns()

    def test_taken(self) -> None:
        """Where the new one cannot start, the old one goes on, and one line says so."""
        self.begin("a")
        self.taken.add("b")
        with capturedLogs() as events:
            self.assertEqual("web as before", self.apply("b"))
        self.taken.discard("b")
        self.assertRuns("a")
        (line,) = told(events)
        self.assertIn("web cannot be started: Couldn't listen on", line)
        self.assertEqual("web restarted", self.apply("b"))
        self.assertRuns("b")

    def test_place(self) -> None:
        """Where the old one is, as far as it tells."""
        self.begin("a")
        make = self.make

        def withPlace(address: str) -> Server:
            server = make(address)
            server.endpoint = f"tcp:{address}"
            return server

        self.part._make = withPlace
        self.assertEqual("web restarted", self.apply("c"))
        self.taken.add("b")
        self.assertEqual("web as before, at tcp:c", self.apply("b"))
        self.taken.discard("b")
        self.assertRuns("c")

    def test_refused(self) -> None:
        """The same where it cannot even be made, or has other troubles."""
        self.begin("a")
        for address, problem in (
            ("wrong", None),
            ("far", None),
            ("odd", RuntimeError),
        ):
            self.assertEqual("web as before", self.apply(address))
            self.assertEqual(
                problem is not None, bool(self.flushLoggedErrors(RuntimeError))
            )
            self.taken.discard(address)
            self.assertRuns("a")

    def test_lost(self) -> None:
        """If not even the old one can be had again, the next change may help."""
        self.begin("a")
        self.made[0].stopping = Deferred()
        result = self.part.apply({"web": "wrong"})
        self.taken.add("a")
        self.made[0].stopping.callback(None)
        self.assertEqual("web stopped", self.successResultOf(result))
        self.assertEqual([], list(self.parent))
        self.taken.clear()
        self.assertEqual("web started", self.apply("a"))
        self.assertRuns("a")

    def test_beginning(self) -> None:
        """What is wrong at the very beginning is not hidden."""
        self.assertRaises(ConfigError, self.part.begin, {"web": "wrong"})


CAMERAS = """
[[camera]]
uid = "VSTB-{0}-UZCPK"
name = "{1}"
title = "Number {0}"

[[camera]]
uid = "VSTB-{2}-UZCPK"
name = "{3}"

[web]
endpoint = "{4}"

[rtsp]
endpoint = ""
"""

GARDEN, DOOR, YARD = (668515, "garden"), (668516, "door"), (668517, "yard")
HERE, THERE = "tcp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.2"


class ProgramTests(TestCase):
    """The service, reloaded by a real signal, with real sockets."""

    timeout = 60

    def test_hangup(self) -> Deferred[list[object]]:
        """
        What the file says anew happens, and all else goes on; a broken file, whatever
        else it is good for, changes nothing.
        """

        def act(program: str) -> None:
            path = temporaryFolder(self) / "cameras.toml"

            def write(*cameras: tuple[int, str], endpoint: str = HERE) -> None:
                (one, its), (other, name) = cameras
                path.write_text(CAMERAS.format(one, its, other, name, endpoint))

            dhPort, lanPort = (str(programs.freePort()) for _ in range(2))
            ports = "--dh-port", dhPort, "--lan-port", lanPort
            emulate = "emulate", "--address=127.0.0.1", "--count=3", *ports
            write(GARDEN, DOOR)
            args = (
                *(*SERVICE[program], "camclient"),
                *("--search-address=127.0.0.1", *ports),
                *("--config", str(path)),
            )
            with (
                programs.running(programs.TWISTEDCAM, *emulate) as cameras,
                programs.running(program, *args) as client,
            ):
                cameras.waitFor("is on air")
                for _ in range(2):
                    client.waitFor("Connecting -> Up")
                write(GARDEN, YARD)
                client.send(signal.SIGHUP)
                client.waitFor(
                    "configuration reloaded: added yard, removed door, 1 unchanged"
                )
                client.waitFor("yard: Connecting -> Up")
                path.write_text("[[camera")
                client.send(signal.SIGHUP)
                client.waitFor("configuration not reloaded, all stays as it is: ")
                write(GARDEN, YARD, endpoint=THERE)
                client.send(signal.SIGHUP)
                client.waitFor("configuration reloaded: page restarted")
                said = client.output
                client.end(signal.SIGTERM)
                cameras.end(signal.SIGTERM)
            self.assertEqual(1, said.count("garden: handshake complete"))
            self.assertNotIn("garden: Up ->", said)
            self.assertEqual(1, said.count("page: http://127.0.0.1:"), said)
            self.assertEqual(1, said.count("page: http://127.0.0.2:"), said)
            self.assertNotIn("Traceback", client.output)

        return gatherResults([deferToThread(act, one) for one in SERVICE])
