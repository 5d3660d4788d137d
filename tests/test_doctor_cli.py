"""Tests for L{twistedcam.cli.doctor}: the command, and the program itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from typing import Any, NamedTuple
from unittest.mock import patch

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.python.usage import UsageError
from twisted.trial.unittest import TestCase

from twistedcam.cli import doctor
from twistedcam.cli.doctor import Doctor, Printer
from twistedcam.doctor import Finding, Level
from twistedcam.emulator import FIRMWARE_A
from twistedcam.options import PASSWORD_VARIABLE
from twistedcam.session.protocol import CameraSession
from twistedcam.wire.cipher import PLAIN

from . import programs
from .doctorkit import LONG, DoctorCase
from .folders import temporaryFolder
from .lab import CAMERA, OTHER_UID, UID
from .programs import TWISTEDCAM, Ended


class Said(NamedTuple):
    """What became of a command."""

    code: int
    output: str


class CommandTests(DoctorCase):
    """The command on a simulated network."""

    def setUp(self) -> None:
        """The password is in the environment."""
        super().setUp()
        environment = patch.dict(os.environ, {PASSWORD_VARIABLE: "sesame"})
        environment.start()
        self.addCleanup(environment.stop)

    def parse(self, *args: str) -> Doctor:
        """The command with its options; nobody is there to be asked."""
        made = Doctor()
        with patch("sys.stdin", StringIO()):
            made.parseOptions(args)
        return made

    def doctor(self, *args: str) -> Said:
        """Run it."""
        command = self.parse(*args)
        output = StringIO()
        with (
            redirect_stdout(output),
            patch.object(doctor, "Computer", lambda: self.computer),
            patch.object(doctor, "threads", lambda reactor: maybeDeferred),
        ):
            running = Deferred.fromCoroutine(command.run(self.lab.pc))
            self.lab.network.advance(LONG)
        code = self.successResultOf(running)
        self.assertEqual([], self.lab.pc.ports)
        if not command["json"]:
            for line in output.getvalue().splitlines():
                self.assertLess(len(line), 100, line)
        return Said(code, output.getvalue())

    def refusal(self, *args: str) -> str:
        """What is said of a command line."""
        return str(self.assertRaises(UsageError, self.parse, *args))

    def test_well(self) -> None:
        """What is well takes a line each, and the code is 0."""
        said = self.doctor(str(UID))
        self.assertEqual(0, said.code)
        lines = said.output.splitlines()
        self.assertEqual(
            "network    OK       eth0 192.0.2.10/24: broadcasts go to 192.0.2.255 and"
            " 255.255.255.255",
            lines[0],
        )
        self.assertEqual("search     OK       one camera answers", lines[1])
        self.assertEqual(
            "    UID                ADDRESS    ANSWERED  FROM PORT", lines[2][:53]
        )
        self.assertIn(f"    {UID}  {CAMERA}  DH+LAN    8600 ", lines[3])
        self.assertEqual(["", "All is well."], lines[-2:])
        self.assertEqual(16, len(lines))

    def test_problem(self) -> None:
        """What is not well is followed by what to do, and the code is 1."""
        os.environ[PASSWORD_VARIABLE] = "wrong!"
        self.computer.granted = 425984
        said = self.doctor(str(UID))
        self.assertEqual(1, said.code)
        lines = said.output.splitlines()
        self.assertIn(
            "login      PROBLEM  wrong user or password; it was sent once, and is not"
            " tried again",
            lines,
        )
        self.assertIn("        sudo sysctl net.core.rmem_max=4194304", lines)
        self.assertTrue(any(line.startswith(" " * 20 + "-> ") for line in lines))
        self.assertEqual("2 problems", lines[-1])
        self.assertNotIn("wrong!", said.output)

    def test_notes(self) -> None:
        """Notes do not make it fail."""
        del os.environ[PASSWORD_VARIABLE]
        said = self.doctor(str(UID))
        self.assertEqual(0, said.code)
        self.assertIn("login      note     no password was given", said.output)
        self.assertTrue(said.output.endswith("\n\n1 note\n"))

    def test_nobody(self) -> None:
        """Without a camera there is a word on how to go on."""
        said = self.doctor()
        self.assertEqual(0, said.code)
        self.assertTrue(said.output.endswith("twistedcam doctor UID\n"))
        self.lab.remove()
        said = self.doctor()
        self.assertEqual(1, said.code)
        self.assertTrue(said.output.endswith("\n\n1 problem\n"))

    def test_json(self) -> None:
        """Programs get one object."""
        for args, code, problems in (
            ([str(UID)], 0, []),
            ([str(OTHER_UID)], 1, ["others-answer"]),
        ):
            said = self.doctor(*args, "--json")
            self.assertEqual((code, 1), (said.code, said.output.count("\n")))
            told: Any = json.loads(said.output)
            self.assertEqual(len(problems), told["problems"])
            found = [one for one in told["findings"] if one["level"] == "problem"]
            self.assertEqual(problems, [one["kind"] for one in found])
            self.assertEqual(
                {"examination", "level", "kind", "text", "advice", "facts"},
                set(told["findings"][0]),
            )

    def test_everyProblem(self) -> None:
        """Lines stay short, whatever is wrong."""
        self.use(FIRMWARE_A)
        for _ in range(4):
            self.lab.session().start()
            self.lab.network.advance(2)
        before = self.lab.pc.ports
        with patch.object(type(self.lab.pc), "ports", []):
            said = self.doctor(str(UID))
        self.assertIn("session    PROBLEM  the camera is full", said.output)
        self.assertEqual(before, self.lab.pc.ports)

    def test_escapes(self) -> None:
        """A camera cannot send the terminal commands."""
        output = StringIO()
        rows = [{"uid": "x", "name": "\x1b[31m"}]
        with redirect_stdout(output):
            Printer().show(
                Finding(
                    "x",
                    Level.NOTE,
                    "x",
                    "\x1b[1m\a",
                    ("$ \x1b", "\x1b"),
                    {"cameras": rows},
                )
            )
        self.assertNotIn("\x1b", output.getvalue())
        self.assertNotIn("\a", output.getvalue())

    def test_targets(self) -> None:
        """A UID, an address, or both in any order; each once."""
        for args, uid, address in (
            ([], None, None),
            ([str(UID).lower()], UID, None),
            ([CAMERA], None, CAMERA),
            ([CAMERA, str(UID)], UID, CAMERA),
        ):
            made = self.parse(*args)
            self.assertEqual((uid, address), (made["uid"], made["address"]))
        self.assertEqual("neither a UID nor an IPv4 address: 'x'", self.refusal("x"))
        for twice in str(UID), CAMERA:
            self.assertIn("one camera at a time", self.refusal(twice, twice))
        self.assertIn("time in seconds", self.refusal("--timeout=0"))
        self.assertTrue(self.refusal("--password-file=/nope"))

    def test_password(self) -> None:
        """It comes from a file, the environment, or its owner; or there is none."""
        path = temporaryFolder(self) / "password"
        path.write_text("tree\n")
        made = self.parse(f"--password-file={path}", "--psk=bush")
        self.assertEqual("tree", made["password"])
        for secret in "tree", "bush":
            self.assertNotIn(secret, repr(made))
        del os.environ[PASSWORD_VARIABLE]
        for args, typed, expected, times in (
            ([], "never", None, 0),
            ([CAMERA], "leaf", "leaf", 1),
            ([CAMERA], "", None, 1),
        ):
            made = Doctor()
            with (
                patch.object(doctor, "somebodyTypes", lambda: True),
                patch.object(doctor, "getpass", return_value=typed) as getpass,
            ):
                made.parseOptions(args)
            self.assertEqual((expected, times), (made["password"], getpass.call_count))
        with (
            patch.object(doctor, "somebodyTypes", lambda: True),
            redirect_stderr(StringIO()),
        ):
            with patch.object(doctor, "getpass", side_effect=EOFError):
                made = Doctor()
                made.parseOptions([CAMERA])
                self.assertIsNone(made["password"])
            with patch.object(doctor, "getpass", side_effect=KeyboardInterrupt):
                left = self.assertRaises(SystemExit, Doctor().parseOptions, [CAMERA])
                self.assertEqual(130, left.code)


#: The program where the kernel grants little.
SMALL = (
    "from twistedcam.session import protocol; protocol.BUFFER_WANTED = 65536;"
    + TWISTEDCAM
)


class ProgramTests(TestCase):
    """The program itself, with real sockets and an emulated camera."""

    timeout = 60

    def inThread(self, act: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Do what blocks."""
        from twisted.internet.threads import deferToThread

        return deferToThread(act, *args)

    def ports(self) -> tuple[str, str]:
        """Free ports for a camera, as options."""
        dh, lan = programs.freePort(), programs.freePort()
        return f"--dh-port={dh}", f"--lan-port={lan}"

    def doctor(
        self, *args: str, password: str = "", program: str = TWISTEDCAM
    ) -> tuple[int, dict[str, str]]:
        """The exit code, and the problems that it tells, with their texts."""
        search = "doctor", "--search-address=127.0.0.1", "--timeout=1"
        ended: Ended = programs.run(
            program, *search, "--json", *args, **{PASSWORD_VARIABLE: password}
        )
        self.assertEqual("", ended.errors)
        problems = {
            one["kind"]: one["text"]
            for one in json.loads(ended.output)["findings"]
            if one["level"] == "problem"
        }
        # What the kernel here grants is tried by one of the tests only.
        if program == TWISTEDCAM:
            problems.pop("small-buffer", None)
        return ended.code, problems

    def test_named(self) -> Deferred[Any]:
        """
        Each of these is named, and nothing else: a wrong password, a camera that is
        full, one that speaks JSON, nobody there, a small receive buffer.
        """
        tasks = [
            self.inThread(self.nothing),
            self.inThread(self.relative),
            Deferred.fromCoroutine(self.refusals()),
        ]
        return gatherResults(tasks, consumeErrors=True)

    def nothing(self) -> None:
        """Nobody is there; and the kernel grants little, as Linux counts."""
        _, problems = self.doctor(str(UID), *self.ports(), program=SMALL)
        small = {"small-buffer"} if sys.platform.startswith("linux") else set()
        self.assertEqual({"nothing-answers"} | small, set(problems))

    def relative(self) -> None:
        """It speaks JSON."""
        ports = self.ports()
        name = "--uid=DGOK-123456-ABCDE", "--psk=camera", "--dialect=json"
        emulate = "emulate", "--address=127.0.0.1", *name, *ports
        with programs.running(TWISTEDCAM, *emulate) as camera:
            camera.waitFor("is on air")
            code, problems = self.doctor("DGOK-123456-ABCDE", *ports)
        self.assertEqual((1, ["json-dialect"]), (code, list(problems)))

    async def refusals(self) -> None:
        """The password is wrong; then four others watch it."""
        from twisted.internet import reactor

        ports = self.ports()
        emulate = "emulate", "--address=127.0.0.1", "--firmware=a", *ports
        camera = await self.inThread(programs.Running, TWISTEDCAM, *emulate)
        self.addCleanup(self.inThread, camera.kill)
        await self.inThread(camera.waitFor, "is on air")

        code, problems = await self.inThread(self.wrongPassword, *ports)
        self.assertEqual((1, ["wrong-password"]), (code, list(problems)))
        self.assertNotIn("sesame", str(problems))

        connected: list[Deferred[None]] = [Deferred() for _ in range(4)]
        for one in connected:
            session = CameraSession(
                reactor,  # type: ignore[arg-type]
                UID,
                "127.0.0.1",
                ciphers=[PLAIN],
                lanPort=int(ports[1].partition("=")[2]),
                connected=partial(one.callback, None),
            )
            self.addCleanup(session.stop)
            session.start()
        await gatherResults(connected)
        code, problems = await self.inThread(self.doctor, str(UID), *ports)
        self.assertEqual((1, ["camera-full"]), (code, list(problems)))
        self.assertIn("the camera is full", problems["camera-full"])

    def wrongPassword(self, *ports: str) -> tuple[int, dict[str, str]]:
        """What is told of one."""
        return self.doctor(str(UID), *ports, password="sesame")
