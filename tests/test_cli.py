"""Tests for L{twistedcam.cli}."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from importlib.metadata import version
from io import BytesIO, StringIO, TextIOWrapper
from typing import NamedTuple
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.logger import Logger, LogLevel, globalLogBeginner
from twisted.python.failure import Failure
from twisted.python.usage import Options, UsageError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedcam import Discovery, Found
from twistedcam.cli import command as cliCommand
from twistedcam.cli import discover, emulate, program
from twistedcam.config import loadConfig
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, EmulatedCamera, Faults
from twistedcam.errors import NotConnected, TwistedcamError
from twistedcam.testing import MemoryNetwork
from twistedcam.wire.cipher import KNOWN, PLAIN, Cipher
from twistedcam.wire.deviceid import DeviceId
from twistedcam.wire.dh import DhReport

from . import programs
from .folders import temporaryFolder
from .lab import BROADCAST, CAMERA, OTHER_UID, UID, Lab, LabCase, Socket
from .programs import TWISTEDCAM
from .strategies import dear, deviceIds, shortIds, texts

SEARCH = f"--search-address={BROADCAST}"


class Said(NamedTuple):
    """
    What became of a command.

    @ivar code: the exit code; C{None} if it still runs.
    """

    code: object
    output: str
    errors: str


class CommandCase(LabCase):
    """Commands on a simulated network."""

    def setUp(self) -> None:
        """A computer and a camera."""
        self.lab = Lab(name="Garden")

    def discover(self, *args: str, seconds: float = 10) -> Said:
        """What C{twistedcam discover} says."""
        command = discover.Discover()
        command.parseOptions(args)
        output, errors = StringIO(), StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            running = Deferred.fromCoroutine(command.run(self.lab.pc))
            self.lab.network.advance(seconds)
        code = self.successResultOf(running)
        return Said(code, output.getvalue(), errors.getvalue())

    def refusal(self, command: Options, *args: str) -> str:
        """What is said of a command line."""
        return str(self.assertRaises(UsageError, command.parseOptions, args))


class DiscoverTests(CommandCase):
    """C{twistedcam discover}"""

    def test_table(self) -> None:
        """People get a table with a line of titles."""
        self.assertEqual(
            Said(
                0,
                "UID                NAME    ADDRESS    PORT   FIRMWARE      ANSWERED"
                "  OBFUSCATION\n"
                "VSTB-668515-UZCPK  Garden  192.0.2.7  32108  48.53.72.104  DH+LAN  "
                "  plain\n",
                "",
            ),
            self.discover(SEARCH),
        )

    def test_json(self) -> None:
        """Programs get one object a line."""
        other = EmulatedCamera(
            self.lab.host, OTHER_UID, doors=self.lab.doors, name='Tür "2"', psk="tree"
        )
        other.start()
        said = self.discover(SEARCH, "--json")
        self.assertEqual((0, ""), (said.code, said.errors))
        one, two = map(json.loads, said.output.splitlines())
        self.assertEqual(
            {
                "uid": str(UID),
                "name": "Garden",
                "address": CAMERA,
                "port": 32108,
                "firmware": "48.53.72.104",
                "answered": "DH+LAN",
                "obfuscation": "plain",
            },
            one,
        )
        # Its key is not among those that discover asks under.
        expected = (str(OTHER_UID), 'Tür "2"', "DH", "unknown")
        self.assertEqual(
            expected, (two["uid"], two["name"], two["answered"], two["obfuscation"])
        )
        self.assertIn("Tür", said.output)
        self.assertNotIn("tree", said.output)

    def test_toml(self) -> None:
        """And twistd gets sections that it can read."""
        said = self.discover(SEARCH, "--toml")
        path = temporaryFolder(self) / "cameras.toml"
        path.write_text(said.output)
        (camera,) = loadConfig(str(path)).cameras
        self.assertEqual(
            (UID, str(UID).lower(), "Garden", CAMERA),
            (camera.deviceId, camera.name, camera.title, camera.address),
        )

    def test_order(self) -> None:
        """They are sorted by identity, whoever answers first."""
        first = DeviceId("VSTB", 1, "AAAAA")
        EmulatedCamera(self.lab.host, first, doors=self.lab.doors).start()
        output = self.discover(SEARCH).output.splitlines()[1:]
        uids = [line.split()[0] for line in output]
        self.assertEqual([str(first), str(UID)], uids)

    def test_nobody(self) -> None:
        """If none answers, that is said apart from the output, and in the code."""
        for form in [], ["--json"], ["--toml"]:
            self.assertEqual(
                Said(1, "", "twistedcam: no camera answered\n"),
                self.discover("--search-address=192.0.2.99", *form),
            )

    def test_ports(self) -> None:
        """Where nobody listens, nobody answers."""
        said = self.discover(SEARCH, "--dh-port=8601", "--lan-port=32109")
        self.assertEqual(1, said.code)
        said = self.discover(SEARCH, "--dh-port=8601", "--json")
        self.assertEqual("LAN", json.loads(said.output)["answered"])

    def test_time(self) -> None:
        """It takes as long as it was told, by default three seconds."""
        for args, seconds in ([], 3.0), (["--timeout=0.5"], 0.5):
            command = discover.Discover()
            command.parseOptions([SEARCH, *args])
            with redirect_stdout(StringIO()) as output:
                running = Deferred.fromCoroutine(command.run(self.lab.pc))
                self.lab.network.advance(seconds - 0.01)
                self.assertEqual("", output.getvalue())
                self.lab.network.advance(0.02)
            self.assertIn(str(UID), output.getvalue())
            self.successResultOf(running)

    def test_freed(self) -> None:
        """Its ports are closed when it is done, and nothing else is left."""
        command = discover.Discover()
        command.parseOptions([SEARCH])
        running = Deferred.fromCoroutine(command.run(self.lab.pc))
        ports = running.addCallback(lambda _: list(self.lab.pc.ports))
        with redirect_stdout(StringIO()):
            self.lab.network.advance(0)
            self.assertNotEqual([], self.lab.pc.ports)
            self.assertEqual([], self.resultAfter(self.lab.network, 5, ports))
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_interrupted(self) -> None:
        """Nor if it is cancelled."""
        command = discover.Discover()
        command.parseOptions([SEARCH])
        running = Deferred.fromCoroutine(command.run(self.lab.pc))
        self.lab.network.advance(0.5)
        running.cancel()
        self.lab.network.advance(0)
        self.failureResultOf(running, CancelledError)
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_notOurs(self) -> None:
        """A local address that is not ours is told at once."""
        command = discover.Discover()
        command.parseOptions(["--local-address=192.0.2.99"])
        running = Deferred.fromCoroutine(command.run(self.lab.pc))
        self.failureResultOf(running, CannotListenError)

    def test_trace(self) -> None:
        """C{--trace} shows the packets before the table."""
        output = self.discover(SEARCH, "--trace").output
        self.assertIn("-> 192.0.2.255:8600 DH search\n", output)
        self.assertIn("PUNCH_PKT VSTB-668515-UZCPK\nUID", output)

    def test_refused(self) -> None:
        """What makes no sense is refused."""
        for args in (
            ["--json", "--toml"],
            ["--timeout=0"],
            ["--timeout=soon"],
            ["--timeout=86401"],
            ["--local-address=x"],
            ["stray"],
        ):
            self.assertTrue(self.refusal(discover.Discover(), *args))


#: Reports as they come from the network, and such as a careless reader would make.
cleanReports = st.builds(DhReport, name=texts(80), systemVersion=texts(16))
rawTexts = st.text(st.characters(codec="utf-8"), max_size=80)
rawReports = st.builds(DhReport, name=rawTexts, systemVersion=rawTexts)


def foundBy(reports: SearchStrategy[DhReport]) -> SearchStrategy[Found]:
    """Cameras that answered in whatever way."""
    return st.builds(
        Found,
        shortIds,
        st.ip_addresses(v=4).map(str),
        st.integers(1, 65535),
        deviceIds,
        st.none() | reports,
        st.none() | st.sampled_from(KNOWN) | st.just(Cipher("tree")),
    )


class Answers(Discovery):
    """A searcher that finds what it was given."""

    def __init__(self, answers: Sequence[Found]) -> None:
        super().__init__(MemoryNetwork().host("pc"))
        self.answers = answers

    def search(
        self, timeout: float, *, addresses: Sequence[str] = ()
    ) -> Deferred[list[Found]]:
        """They are all there."""
        result: Deferred[list[Found]] = Deferred()
        result.callback(list(self.answers))
        return result


class OutputTests(SynchronousTestCase):
    """Whatever cameras say of themselves, the output keeps its form."""

    def output(self, answers: Sequence[Found], *args: str) -> str:
        """What is printed about these."""
        command = discover.Discover()
        command.parseOptions(args)
        output = StringIO()
        with (
            patch.object(
                discover.Discover, "makeDiscovery", lambda *_: Answers(answers)
            ),
            redirect_stdout(output),
        ):
            running = Deferred.fromCoroutine(command.run(MemoryNetwork().host("pc")))
        self.assertEqual(0, self.successResultOf(running))
        return output.getvalue()

    def load(self, answers: Sequence[Found]) -> dict[DeviceId | None, Found]:
        """What C{--toml} says of them, found in the original answers."""
        path = temporaryFolder(self) / "cameras.toml"
        path.write_text(self.output(answers, "--toml"), newline="")
        places = {(one.deviceId, one.address, one.name): one for one in answers}
        return {
            camera.deviceId: places[camera.deviceId, camera.address, camera.title]
            for camera in loadConfig(str(path)).cameras
            if camera.deviceId is not None and camera.address is not None
        }

    @dear
    @given(st.lists(foundBy(rawReports), min_size=1, max_size=5))
    def test_toml(self, answers: list[Found]) -> None:
        """C{--toml} loads, and has each identity once."""
        self.assertEqual({one.deviceId for one in answers}, set(self.load(answers)))

    @dear
    @given(st.lists(foundBy(rawReports), min_size=1, max_size=5))
    def test_json(self, answers: list[Found]) -> None:
        """C{--json} has as many objects as there were answers, with the same keys."""
        lines = self.output(answers, "--json").split("\n")
        self.assertEqual("", lines.pop())
        objects = [json.loads(line) for line in lines]
        self.assertEqual(
            sorted((str(one.deviceId), one.address, one.name) for one in answers),
            sorted((one["uid"], one["address"], one["name"]) for one in objects),
        )
        keys = "uid name address port firmware answered obfuscation".split()
        for one in objects:
            self.assertEqual(keys, list(one))
            self.assertNotIn("tree", one["obfuscation"])

    @dear
    @given(st.lists(foundBy(cleanReports), min_size=1, max_size=5))
    def test_table(self, answers: list[Found]) -> None:
        """The table's columns stand below their titles."""
        titles, *rows = self.output(answers).splitlines()
        self.assertEqual(len(answers), len(rows))
        column = titles.index("ADDRESS")
        addresses = {one.address for one in answers}
        for row in rows:
            self.assertIn(row[column:].split()[0], addresses)

    def test_twice(self) -> None:
        """Of two that claim one identity, C{--toml} takes the confirmed one."""
        forged = Found(UID, "192.0.2.1", 32108, UID, report=DhReport(name="x"))
        true = Found(UID, "192.0.2.2", 32108, UID, cipher=PLAIN)
        late = Found(UID, "192.0.2.3", 32108, UID, cipher=PLAIN)
        for answers, expected in (
            ([forged, true, late], true),
            ([late, true, forged], true),
            ([forged], forged),
        ):
            self.assertEqual({UID: expected}, self.load(answers))

    def test_titles(self) -> None:
        """No letter of a name breaks C{--toml}."""
        for name in '"', "\\", "\n", "\x7f", "\0", "\x1b[31m", "\U0001f3a5", "#":
            one = Found(UID, CAMERA, 32108, UID, report=DhReport(name=name))
            self.assertEqual({UID: one}, self.load([one]))

    def test_gaps(self) -> None:
        """What is not known is a dash in the table."""
        row = self.output([Found(UID, CAMERA, 32108, UID, cipher=PLAIN)]).split("\n")[1]
        self.assertEqual(
            [str(UID), "-", CAMERA, "32108", "-", "LAN", "plain"], row.split()
        )


class EmulateTests(CommandCase):
    """C{twistedcam emulate}"""

    def emulate(self, *args: str) -> Deferred[int]:
        """Run it in place of the laboratory's camera."""
        self.lab.remove()
        command = emulate.Emulate()
        command.parseOptions(args)
        running = Deferred.fromCoroutine(command.run(self.lab.host))
        self.lab.network.advance(0)
        return running

    def end(self, running: Deferred[int]) -> None:
        """Interrupt it; nothing is left."""
        self.assertNoResult(running)
        running.cancel()
        self.lab.network.advance(1)
        self.failureResultOf(running, CancelledError)
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def facts(self, *args: str) -> list[dict[str, object]]:
        """What is found of it."""
        output = self.discover(SEARCH, "--json", *args).output
        return [json.loads(line) for line in output.splitlines()]

    def test_defaults(self) -> None:
        """Without options it is one camera with a name, plain, of the newer kind."""
        running = self.emulate()
        (one,) = self.facts()
        self.assertEqual(
            ["VSTB-668515-UZCPK", "IPCAM", "plain", FIRMWARE_B.systemVersion],
            [one[key] for key in ("uid", "name", "obfuscation", "firmware")],
        )
        self.end(running)

    def test_options(self) -> None:
        """Identity, name, ports, key and kind are as told."""
        running = self.emulate(
            "--uid=VSTG-000001-AAAAA",
            "--name=Tür",
            "--dh-port=8601",
            "--lan-port=32109",
            "--psk=vstarcam2018",
            "--firmware=A",
        )
        (one,) = self.facts("--dh-port=8601", "--lan-port=32109")
        self.assertEqual(
            {
                "uid": "VSTG-000001-AAAAA",
                "name": "Tür",
                "address": CAMERA,
                "port": 32109,
                "firmware": FIRMWARE_A.systemVersion,
                "answered": "DH+LAN",
                "obfuscation": "vstarcam2018",
            },
            one,
        )
        self.end(running)

    def test_address(self) -> None:
        """It can listen on one address only."""
        running = self.emulate(f"--address={CAMERA}")
        addresses = {port.getHost().host for port in self.lab.host.ports}
        self.assertEqual({CAMERA}, addresses)
        self.end(running)

    def test_count(self) -> None:
        """Many cameras have serials in a row, which wrap around."""
        running = self.emulate("--uid=VSTB-4294967295-AAAAA", "--count=3")
        self.assertEqual(
            ["VSTB-000000-AAAAA", "VSTB-000001-AAAAA", "VSTB-4294967295-AAAAA"],
            [one["uid"] for one in self.facts()],
        )
        self.end(running)

    def made(self, *args: str) -> list[dict[str, object]]:
        """How the cameras are made."""
        made = []

        def make(*args: object, **how: object) -> EmulatedCamera:
            made.append(how)
            return EmulatedCamera(*args, **how)  # type: ignore[arg-type]

        with patch.object(emulate, "EmulatedCamera", make):
            self.end(self.emulate(*args))
        return made

    def test_faults(self) -> None:
        """Misfortunes are as told; each camera has its own dice."""
        one, two = self.made(
            "--count=2",
            "--loss=0.1",
            "--duplicate=0.2",
            "--reorder=0.3",
            "--delay=40",
            "--seed=5",
        )
        expected = Faults(seed=5, loss=0.1, duplicate=0.2, reorder=0.3, delay=0.04)
        self.assertEqual(expected, one["faults"])
        self.assertEqual(6, two["faults"].seed)  # type: ignore[attr-defined]

    def test_login(self) -> None:
        """The login is as told."""
        (one,) = self.made("--user=me", "--password=sesame")
        self.assertEqual(("me", "sesame"), (one["user"], one["password"]))
        (one,) = self.made()
        self.assertEqual(("admin", "888888"), (one["user"], one["password"]))

    def test_taken(self) -> None:
        """A port in use is told, and the other is not kept."""
        other = Socket(self.lab.pc, 32108)
        command = emulate.Emulate()
        command.parseOptions([])
        running = Deferred.fromCoroutine(command.run(self.lab.pc))
        self.failureResultOf(running, CannotListenError)
        self.lab.network.advance(0)
        self.assertEqual([other.port], self.lab.pc.ports)

    def test_refused(self) -> None:
        """What makes no sense is refused."""
        for args in (
            ["--uid=x"],
            ["--name=" + "ü" * 41],
            ["--name=\udcff"],
            ["--address="],
            ["--address=x"],
            ["--dh-port=0"],
            ["--lan-port=0"],
            ["--psk=\udcff"],
            ["--password=\udcff"],
            ["--firmware=c"],
            ["--loss=1.1"],
            ["--duplicate=-1"],
            ["--reorder=x"],
            ["--delay=10001"],
            ["--seed=-1"],
            ["--count=0"],
            ["--count=1001"],
            ["--count=1.5"],
        ):
            self.assertTrue(self.refusal(emulate.Emulate(), *args), args)

    def test_longestName(self) -> None:
        """A name of 80 bytes fits."""
        command = emulate.Emulate()
        command.parseOptions(["--name=" + "ü" * 40])
        self.assertEqual("ü" * 40, command["name"])

    def test_repr(self) -> None:
        """Nor does this repr have secrets."""
        command = emulate.Emulate()
        command.parseOptions(["--password=sesame", "--psk=tree"])
        self.assertNotIn("sesame", repr(command))
        self.assertNotIn("tree", repr(command))


class MainTests(SynchronousTestCase):
    """The entry point, up to the reactor."""

    def call(self, *args: str) -> Said:
        """What becomes of a command line; its code if it is to be run."""
        output, errors = StringIO(), StringIO()
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(output))
            stack.enter_context(redirect_stderr(errors))
            stack.enter_context(patch.object(signal, "signal"))
            self.running = stack.enter_context(
                patch.object(program, "run", side_effect=lambda _: exit("run"))
            )
            end = self.assertRaises(SystemExit, program.main, args)
        return Said(end.code or 0, output.getvalue(), errors.getvalue())

    def test_commands(self) -> None:
        """A command is run with its options."""
        self.assertEqual(Said("run", "", ""), self.call("discover", "--timeout=7"))
        (command,) = self.running.call_args.args
        self.assertIsInstance(command, discover.Discover)
        self.assertEqual(7, command["timeout"])
        self.assertEqual("run", self.call("emulate").code)
        self.assertIsInstance(self.running.call_args.args[0], emulate.Emulate)

    def test_usage(self) -> None:
        """A mistake is told in one line, with code 2."""
        for args, expected in (
            ([], "a command, please: see twistedcam --help"),
            (["find"], "Unknown command: find"),
            (["--loud"], "option --loud not recognized"),
            (
                ["discover", "--timeout=x"],
                "'x' is not a time in seconds (0.001 to 86400)",
            ),
            (["discover", "stray"], "Wrong number of arguments."),
            (["emulate", "--uid=x"], "not a device id: 'x'"),
        ):
            expected = f"twistedcam: {expected}\n"
            self.assertEqual(Said(2, "", expected), self.call(*args))

    def test_help(self) -> None:
        """Help names the program, the commands and the exit codes."""
        for args, synopsis, words in (
            (
                ["--help"],
                "twistedcam COMMAND [options]",
                ["discover", "emulate", "Exit codes: 0 ok, 1 not found", "130"],
            ),
            (
                ["discover", "--help"],
                "twistedcam discover [options]",
                ["--timeout=", "[default: 3]", "[default: 8600]", "--search-address="],
            ),
            (
                ["emulate", "--help"],
                "twistedcam emulate [options]",
                ["[default: VSTB-668515-UZCPK]", "[default: b]", "--count="],
            ),
        ):
            said = self.call(*args)
            self.assertEqual((0, ""), (said.code, said.errors))
            self.assertEqual(f"Usage: {synopsis}", said.output.splitlines()[0])
            for word in words:
                self.assertIn(word, " ".join(said.output.split()))
            self.assertNotIn("[default: ]", said.output)
            self.assertLessEqual(max(map(len, said.output.splitlines())), 80)

    def test_version(self) -> None:
        """The version is ours, whatever command it is asked of."""
        expected = Said(0, f"twistedcam {version('twistedcam')}\n", "")
        for args in ["--version"], ["discover", "--version"], ["emulate", "--version"]:
            self.assertEqual(expected, self.call(*args))

    def test_terminal(self) -> None:
        """A terminal that lacks letters shows something else for them."""
        raw = BytesIO()
        terminal = TextIOWrapper(raw, encoding="ascii")
        with patch.object(signal, "signal") as handle, redirect_stdout(terminal):
            self.assertRaises(SystemExit, program.main, ["--version"])
            print("Tür", flush=True)
        handle.assert_called_once_with(signal.SIGPIPE, signal.SIG_DFL)
        self.assertTrue(raw.getvalue().endswith(b"T?r\n"))


class ExplainTests(SynchronousTestCase):
    """What goes wrong while a command runs."""

    def explain(self, error: Exception) -> tuple[int, str]:
        """Exit code and text."""
        errors = StringIO()
        with redirect_stderr(errors):
            code = cliCommand.explain(Failure(error))
        return code, errors.getvalue()

    def test_known(self) -> None:
        """What we raise on purpose is told in one line."""
        for error, expected in (
            (NotConnected("no camera"), "no camera"),
            (TwistedcamError("bad luck"), "bad luck"),
            (
                CannotListenError("", 8600, OSError(98, "Address already in use")),
                "cannot open UDP port 8600 on all addresses: Address already in use",
            ),
        ):
            self.assertEqual((1, f"twistedcam: {expected}\n"), self.explain(error))

    def test_interrupted(self) -> None:
        """Who interrupted knows."""
        self.assertEqual("", self.explain(CancelledError())[1])

    def test_bug(self) -> None:
        """Our own mistakes are shown in full."""
        code, text = self.explain(ZeroDivisionError("by zero"))
        self.assertEqual(1, code)
        self.assertIn("Traceback", text)
        self.assertIn("by zero", text)


class LoggingTests(SynchronousTestCase):
    """What a command shows of the log."""

    def test_lines(self) -> None:
        """Our own events, from some level on, in lines with the time."""
        errors = StringIO()
        with (
            redirect_stderr(errors),
            patch.object(globalLogBeginner, "beginLoggingTo") as begin,
        ):
            cliCommand.startLogging(LogLevel.info)
        ((observer,),) = begin.call_args.args
        self.assertFalse(begin.call_args.kwargs["redirectStandardIO"])
        Logger("twistedcam.x", observer=observer).info("one {n}", n=1)
        Logger("twistedcam.x", observer=observer).debug("two")
        Logger("twisted.x", observer=observer).info("three")
        self.assertRegex(errors.getvalue(), r"^\d\d:\d\d:\d\d one 1\n$")


class ProgramTests(TestCase):
    """The program itself, with real sockets."""

    timeout = 60

    def inThread(self, act: Callable[..., object], *args: object) -> Deferred[object]:
        """Do what blocks."""
        from twisted.internet.threads import deferToThread

        return deferToThread(act, *args)

    def test_together(self) -> Deferred[object]:
        """An emulated camera is discovered; both end as they should."""

        def together() -> None:
            dhPort, lanPort = (str(programs.freePort()) for _ in range(2))
            ports = "--dh-port", dhPort, "--lan-port", lanPort
            search = "discover", "--search-address=127.0.0.1", "--timeout=0.2", *ports
            emulate = "emulate", "--address=127.0.0.1", "--name=Tür", *ports
            with programs.running(TWISTEDCAM, *emulate) as camera:
                camera.waitFor("VSTB-668515-UZCPK is on air")

                ended = programs.run(TWISTEDCAM, *search, PYTHONIOENCODING="utf-8")
                self.assertEqual((0, ""), (ended.code, ended.errors))
                self.assertIn("VSTB-668515-UZCPK  Tür", ended.output)

                ended = programs.run(TWISTEDCAM, *search, PYTHONIOENCODING="ascii")
                self.assertEqual((0, ""), (ended.code, ended.errors))
                self.assertIn("VSTB-668515-UZCPK  T?r", ended.output)

                ended = programs.run(TWISTEDCAM, *emulate)
                self.assertEqual(1, ended.code)
                self.assertEqual(
                    f"twistedcam: cannot open UDP port {dhPort} on 127.0.0.1:"
                    " Address already in use\n",
                    ended.errors,
                )

                ended = programs.runUnread(TWISTEDCAM, *search, "--json")
                self.assertEqual((-signal.SIGPIPE, ""), (ended.code, ended.errors))
                code, took = camera.end(signal.SIGINT)
            self.assertEqual(130, code)
            self.assertLess(took, 1)
            self.assertIn("VSTB-668515-UZCPK is off air", camera.output)
            self.assertNotIn("Traceback", camera.output)

        return self.inThread(together)

    def test_interrupted(self) -> Deferred[list[object]]:
        """A search that is interrupted says nothing, and has its own code."""

        def interrupt(number: signal.Signals) -> None:
            port = str(programs.freePort())
            search = "discover", "--search-address=127.0.0.1", "--timeout=60"
            args = *search, "--dh-port", port, "--lan-port", port, "--trace"
            with programs.running(TWISTEDCAM, *args) as process:
                process.waitFor("DH search")
                code, took = process.end(number)
            self.assertEqual(130, code)
            self.assertLess(took, 1)
            for line in process.output.splitlines():
                self.assertIn(" -> 127.0.0.1:", line)

        both = signal.SIGINT, signal.SIGTERM
        return gatherResults([self.inThread(interrupt, number) for number in both])

    def test_codes(self) -> Deferred[list[object]]:
        """Nobody found is code 1, a mistake code 2; an address not ours is told."""

        port = str(programs.freePort())
        ports = "--dh-port", port, "--lan-port", port, "--timeout=0.1"
        nobody = "discover", "--search-address=127.0.0.1", *ports
        notOurs = "discover", "--local-address=192.0.2.99"

        def check(code: int, expected: str, *args: str | bytes) -> None:
            expected = f"twistedcam: {expected}\n"
            ended = programs.run(TWISTEDCAM, *args)
            self.assertEqual(programs.Ended(code, "", expected), ended)

        return gatherResults(
            [
                self.inThread(check, 1, "no camera answered", *nobody),
                self.inThread(
                    check,
                    2,
                    "the value of an option is not UTF-8 text",
                    "emulate",
                    b"--name=\xff",
                ),
                self.inThread(
                    check,
                    1,
                    "cannot open a UDP port on 192.0.2.99:"
                    " Cannot assign requested address",
                    *notOurs,
                ),
            ]
        )
