"""Tests for L{twistedcam.cli.ask}: the commands that ask one camera something."""

from __future__ import annotations

import json
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from twistedcam import Camera
from twistedcam.cli import ask, command, live
from twistedcam.cli.ask import Ask, save
from twistedcam.cli.command import table
from twistedcam.commands import MOVES
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Faults
from twistedcam.errors import CameraFull, CommandFailed
from twistedcam.options import PASSWORD_VARIABLE
from twistedcam.wire.cgi import MASK

from .folders import temporaryFolder
from .lab import BROADCAST, CAMERA, UID, Lab, LabCase

SEARCH = f"--search-address={BROADCAST}"
PASSWORD = "888888"


class Said(NamedTuple):
    """What became of a command."""

    code: int
    output: str
    errors: str


class AskCase(LabCase):
    """Commands to an emulated camera, the password being in the environment."""

    def setUp(self) -> None:
        """A computer and a camera."""
        self.lab = Lab(name="Garden")
        self.folder = temporaryFolder(self)
        environment = patch.dict(os.environ, {PASSWORD_VARIABLE: PASSWORD})
        environment.start()
        self.addCleanup(environment.stop)
        for module in ask, live:
            atOnce = patch.object(module, "threads", lambda reactor: maybeDeferred)
            atOnce.start()
            self.addCleanup(atOnce.stop)

    def parse(self, kind: type[Ask], *args: str) -> Ask:
        """A command with its options; nobody is there to be asked."""
        made = kind()
        with patch("sys.stdin", StringIO()):
            made.parseOptions([*args, SEARCH])
        return made

    def start(self, kind: type[Ask], *args: str) -> Deferred[int]:
        """Run it, on the simulated network."""
        return Deferred.fromCoroutine(self.parse(kind, *args).run(self.lab.pc))

    def ask(
        self, kind: type[Ask], *args: str, seconds: float = 40, uid: str = str(UID)
    ) -> Said:
        """What it says, the UID being its first argument."""
        output, errors = StringIO(), StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            running = self.start(kind, *([uid] if uid else []), *args)
            running.addErrback(command.explain)
            self.lab.network.advance(seconds)
        code = self.successResultOf(running)
        self.assertEqual([], self.lab.pc.ports)
        return Said(code, output.getvalue(), errors.getvalue())

    def good(self, kind: type[Ask], *args: str, **how: Any) -> str:
        """What it says, all being well."""
        said = self.ask(kind, *args, **how)
        self.assertEqual((0, ""), (said.code, said.errors))
        return said.output

    def rows(self, kind: type[Ask], *args: str) -> Any:
        """What it says as JSON, in one line."""
        output = self.good(kind, *args, "--json")
        self.assertEqual(1, output.count("\n"))
        return json.loads(output)

    def refusal(self, kind: type[Ask], *args: str) -> str:
        """What is said of a command line."""
        return str(self.assertRaises(UsageError, self.parse, kind, *args))


class AnswerTests(AskCase):
    """What is printed."""

    def test_status(self) -> None:
        """Variables are a table of two columns, or an object."""
        lines = self.good(ask.Status).splitlines()
        self.assertEqual(["NAME", "VALUE"], lines[0].split())
        table = dict(line.split(maxsplit=1) for line in lines[1:])
        self.assertEqual("Garden", table["alias"])
        status = self.rows(ask.Status)
        self.assertEqual(("Garden", UID.compact), (status["alias"], status["deviceid"]))
        self.assertEqual(set(table), set(status))

    def test_params(self) -> None:
        """Settings too, without secrets."""
        text = self.good(ask.Params)
        self.assertNotIn(PASSWORD, text)
        self.assertIn(MASK, text)
        params = self.rows(ask.Params)
        self.assertGreater(len(params), 100)
        self.assertEqual(MASK, params["user3_pwd"])

    def test_secrets(self) -> None:
        """Unless they are wished for."""
        self.assertIn(PASSWORD, self.good(ask.Params, "--secrets"))
        self.assertIn(PASSWORD, self.good(ask.Params, "--secrets", "--json"))

    def test_places(self) -> None:
        """Options may stand before and behind the camera."""
        before = self.good(ask.Status, "--json", str(UID), uid="")
        behind = self.good(ask.Status, str(UID), "--json", uid="")
        self.assertEqual(json.loads(before).keys(), json.loads(behind).keys())
        output = self.good(
            ask.Call, "--allow", "move", str(UID), "--json", "get_status", uid=""
        )
        self.assertEqual("Garden", json.loads(output)["alias"])

    def test_address(self) -> None:
        """The camera may be named by its address."""
        self.assertIn("Garden", self.good(ask.Status, uid=CAMERA))

    def test_spellings(self) -> None:
        """A UID may be written as people write it."""
        for uid in "vstb-668515-uzcpk", "VSTB668515UZCPK":
            self.assertIn("Garden", self.good(ask.Status, uid=uid))

    def test_both(self) -> None:
        """Both firmwares are understood."""
        for firmware in FIRMWARE_A, FIRMWARE_B:
            self.lab = Lab(firmware, name="Garden")
            self.assertIn("alias", self.good(ask.Status))
            self.assertIn("SSID", self.good(ask.Wifi).splitlines()[0])

    def test_wifi(self) -> None:
        """Networks are one a line, or a list."""
        lines = self.good(ask.Wifi).splitlines()
        titles = ["SSID", "MAC", "CHANNEL", "SECURITY", "SIGNAL"]
        self.assertEqual(titles, lines[0].split())
        networks = self.rows(ask.Wifi)
        self.assertEqual(len(lines) - 1, len(networks))
        self.assertEqual([title.lower() for title in titles], list(networks[0]))
        self.assertIn("Café", lines[3])

    def test_records(self) -> None:
        """Recordings too."""
        lines = self.good(ask.Records).splitlines()
        self.assertEqual(["NAME", "SIZE", "STARTED"], lines[0].split())
        self.assertEqual(301, len(lines))
        self.assertRegex(lines[1], r"^\S+\.h264 +\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual(300, len(self.rows(ask.Records)))

    def test_call(self) -> None:
        """Any command may be called, with parameters, with .cgi or without."""
        for name in "get_status", "get_status.cgi":
            self.assertIn("Garden", self.good(ask.Call, name))
        self.good(ask.Call, "camera_control", "param=1", "value=77", "--allow", "write")
        image = self.rows(ask.Call, "get_camera_params")
        self.assertEqual(77, image["vbright"])

    def test_callPicture(self) -> None:
        """A picture that comes as an answer is written to a file."""
        path = self.folder / "x.jpg"
        said = self.ask(ask.Call, "snapshot", f"--output={path}")
        self.assertEqual((0, ""), (said.code, said.output))
        self.assertEqual(b"\xff\xd8", path.read_bytes()[:2])


class DeedTests(AskCase):
    """What is done."""

    def image(self) -> dict[str, Any]:
        """The emulated camera's picture settings."""
        return dict(self.lab.emulated.state.image)

    def test_set(self) -> None:
        """Settings change; nothing is said."""
        args = "brightness=140", "contrast=20", "time=now", "light=on"
        self.assertEqual("", self.good(ask.Set, *args))
        image = self.rows(ask.Call, "get_camera_params")
        self.assertEqual((140, 20), (image["vbright"], image["vcontrast"]))

    def test_ptz(self) -> None:
        """It turns by a step, or for a while, and stops."""
        for args in ["left"], ["left", "--for", "1.5"], ["home"], ["home", "--for=1"]:
            before = self.rows(ask.Status)["ptz_pan"]
            self.assertEqual("", self.good(ask.Ptz, *args))
            after = self.rows(ask.Status)["ptz_pan"]
            if args[0] == "left":
                self.assertNotEqual(before, after)
            self.assertEqual(after, self.rows(ask.Status)["ptz_pan"])

    def test_ptzInterrupted(self) -> None:
        """Interrupted while it turns, it stops it."""
        running = self.start(ask.Ptz, str(UID), "left", "--for=60")
        self.lab.network.advance(3)
        running.cancel()
        self.lab.network.advance(2)
        self.failureResultOf(running, CancelledError)
        places = [self.rows(ask.Status)["ptz_pan"] for _ in range(2)]
        self.assertEqual(places[0], places[1])

    def test_preset(self) -> None:
        """A position can be stored, and gone to."""
        self.good(ask.Preset, "set", "3")
        middle = self.rows(ask.Status)["ptz_pan"]
        self.good(ask.Ptz, "right", "--for=2")
        self.assertNotEqual(middle, self.rows(ask.Status)["ptz_pan"])
        self.good(ask.Preset, "go", "3")
        self.lab.network.advance(20)
        self.assertEqual(middle, self.rows(ask.Status)["ptz_pan"])

    def test_reboot(self) -> None:
        """It restarts: its sessions are gone, and it is away for a while."""
        self.assertEqual("", self.good(ask.Reboot, "--yes", seconds=4))
        said = self.ask(ask.Status, "--timeout=1")
        self.assertEqual(1, said.code)

    def test_snapshot(self) -> None:
        """A picture goes to a file, which is told apart from the output."""
        path = self.folder / "x.jpg"
        said = self.ask(ask.Snapshot, f"--output={path}")
        picture = path.read_bytes()
        self.assertEqual((b"\xff\xd8", b"\xff\xd9"), (picture[:2], picture[-2:]))
        self.assertEqual(Said(0, "", f"{path}: {len(picture)} bytes\n"), said)
        self.assertEqual([path], list(self.folder.iterdir()))

    def test_snapshotName(self) -> None:
        """By default it is called after the camera, and lies where one is."""
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        for uid, name in ((str(UID), f"{UID}".lower()), (CAMERA, CAMERA)):
            self.assertEqual(0, self.ask(ask.Snapshot, uid=uid).code)
            self.assertTrue(Path(f"{name}.jpg").exists())

    def test_standardOutput(self) -> None:
        """A dash is standard output, and nothing else is there."""
        raw = BytesIO()
        output = TextIOWrapper(raw)
        with redirect_stdout(output):
            running = self.start(ask.Snapshot, str(UID), "--output=-", "--size=0")
            self.lab.network.advance(20)
            self.assertEqual(0, self.successResultOf(running))
        self.assertEqual(
            (b"\xff\xd8", b"\xff\xd9"), (raw.getvalue()[:2], raw.getvalue()[-2:])
        )

    def test_fromVideo(self) -> None:
        """It may come out of the video."""
        path = self.folder / "x.jpg"
        said = self.ask(ask.Snapshot, "--from-video", f"--output={path}")
        self.assertEqual(0, said.code)
        self.assertEqual(b"\xff\xd8", path.read_bytes()[:2])


class TroubleTests(AskCase):
    """Exit codes, and what is said."""

    def test_notFound(self) -> None:
        """Nobody there is code 1."""
        self.lab.remove()
        said = self.ask(ask.Status, "--timeout=2")
        self.assertEqual(
            Said(
                1,
                "",
                "twistedcam: vstb-668515-uzcpk: not connected in 2 s: it does not"
                " answer the search\n",
            ),
            said,
        )

    def test_consent(self) -> None:
        """What wants consent is code 2, and it is said how to give it."""
        for args, expected in (
            (["get_nothing"], "get_nothing wants --allow dangerous"),
            (["camera_control", "param=1"], "camera_control wants --allow write"),
        ):
            said = self.ask(ask.Call, *args)
            self.assertEqual(Said(2, "", f"twistedcam: {expected}\n"), said)

    def test_unsendable(self) -> None:
        """So is what cannot be sent."""
        self.assertEqual(
            2, self.ask(ask.Call, "get_status", "=".join(["a b", "\n"])).code
        )

    def test_login(self) -> None:
        """A wrong password is code 3, sent once, and not shown."""
        os.environ[PASSWORD_VARIABLE] = "sesame"
        for kind, *args in (
            (ask.Status,),
            (ask.Snapshot, f"--output={self.folder}/x"),
            (ask.Set, "brightness=1"),
        ):
            said = self.ask(kind, *args)
            self.assertEqual((3, ""), (said.code, said.output))
            self.assertEqual(1, said.errors.count("\n"), said.errors)
            self.assertNotIn("sesame", said.errors)
        self.assertEqual([], list(self.folder.iterdir()))

    def test_noPassword(self) -> None:
        """Without any password the camera is asked all the same, in vain."""
        del os.environ[PASSWORD_VARIABLE]
        self.assertEqual(3, self.ask(ask.Params).code)

    def test_refused(self) -> None:
        """What the camera does not do is code 4."""
        said = self.ask(ask.Call, "get_nothing", "--allow=dangerous")
        self.assertEqual((4, ""), (said.code, said.output))
        self.assertRegex(said.errors, "^twistedcam: [^\n]*get_nothing[^\n]*\n$")
        for problem in CommandFailed("no"), CameraFull("all places are taken"):
            errors = StringIO()
            with redirect_stderr(errors):
                self.assertEqual(4, command.explain(Failure(problem)))
            self.assertEqual(f"twistedcam: {problem}\n", errors.getvalue())

    def test_tooLate(self) -> None:
        """An answer that does not come is code 5."""
        self.lab.emulated.faults = replace(Faults(), mute=frozenset({"get_status"}))
        said = self.ask(ask.Status)
        self.assertEqual((5, ""), (said.code, said.output))
        self.assertRegex(said.errors, "^twistedcam: [^\n]+\n$")

    def test_noPicture(self) -> None:
        """A picture of the video that does not come, too."""
        with patch.object(Camera, "call", lambda *_, **__: Deferred()):
            said = self.ask(ask.Snapshot, "--from-video")
        expected = "twistedcam: vstb-668515-uzcpk: no picture in 10 s\n"
        self.assertEqual(Said(5, "", expected), said)

    def test_cannotSave(self) -> None:
        """A picture that cannot be written is told by its own name."""
        below = self.folder / "below"
        for path, expected in (
            (below / "x.jpg", "No such file or directory"),
            (self.folder, "Is a directory"),
        ):
            said = self.ask(ask.Snapshot, f"--output={path}")
            self.assertEqual(Said(1, "", f"twistedcam: {path}: {expected}\n"), said)
        self.assertEqual([], list(self.folder.parent.glob(".tmp*.part")))
        self.assertEqual([], list(self.folder.iterdir()))

    def test_replaced(self) -> None:
        """An older picture stays until the new one is whole."""
        path = self.folder / "x.jpg"
        path.write_bytes(b"old")
        with patch.object(Path, "write_bytes", side_effect=OSError(28, "full")):
            self.assertRaises(OSError, save, str(path), b"new")
        self.assertEqual(b"old", path.read_bytes())
        with redirect_stderr(StringIO()):
            save(str(path), b"new")
        self.assertEqual(b"new", path.read_bytes())

    def test_badNetwork(self) -> None:
        """Losses make it slower, and nothing else."""
        self.lab.emulated.faults = Faults(seed=3, loss=0.1, duplicate=0.1, reorder=0.1)
        self.assertEqual(301, len(self.good(ask.Records).splitlines()))

    def test_interrupted(self) -> None:
        """Interrupted at any time, it parts from the camera and frees all."""
        for seconds in 0.01, 0.5, 2.0, 4.0:
            running = self.start(ask.Ptz, str(UID), "left", "--for=60")
            self.lab.network.advance(seconds)
            running.cancel()
            self.lab.network.advance(3)
            self.failureResultOf(running, CancelledError)
            self.assertEqual([], self.lab.pc.ports)
        self.assertEqual([], list(self.lab.emulated.sessions))


class UsageTests(AskCase):
    """What makes no sense is refused before anything is sent."""

    def test_camera(self) -> None:
        """There has to be a camera, and it has to be one."""
        for kind in ask.Status, ask.Wifi, ask.Records, ask.Ptz, ask.Set:
            self.assertEqual(
                "which camera? Name its UID or its address", self.refusal(kind)
            )
        for name in "x", "VSTB-668515", "192.0.2", "::1", "garden.local":
            self.assertEqual(
                f"neither a UID nor an IPv4 address: {name!r}",
                self.refusal(ask.Status, name),
            )

    def test_arguments(self) -> None:
        """And what follows has to fit."""
        uid = str(UID)
        for kind, args, expected in (
            (ask.Status, ["x"], "what is 'x'?"),
            (ask.Call, [], "which CGI? For example get_log"),
            (ask.Call, ["get_log", "x"], "not KEY=VALUE: 'x'"),
            (ask.Call, ["get_log", "=x"], "not KEY=VALUE: '=x'"),
            (ask.Call, ["x", "--allow=all"], "--allow is move, write or dangerous"),
            (ask.Ptz, [], f"where to? {', '.join(MOVES)} or home"),
            (ask.Ptz, ["north"], f"where to? {', '.join(MOVES)} or home"),
            (ask.Ptz, ["left", "right"], "what is 'right'?"),
            (
                ask.Ptz,
                ["left", "--for=x"],
                "'x' is not a time in seconds (0.001 to 86400)",
            ),
            (ask.Preset, [], "go or set?"),
            (ask.Preset, ["go"], "'' is not a preset (1 to 16)"),
            (ask.Preset, ["go", "0"], "'0' is not a preset (1 to 16)"),
            (ask.Preset, ["go", "1", "2"], "what is '2'?"),
            (ask.Set, [], "set what? For example brightness=128"),
            (ask.Set, ["brightness"], "not KEY=VALUE: 'brightness'"),
            (ask.Set, ["light=blue"], "cannot set light=blue: see --help"),
            (ask.Set, ["time=1"], "cannot set time=1: see --help"),
            (ask.Set, ["x=1"], "cannot set x=1: see --help"),
            (ask.Snapshot, ["--size=x"], "'x' is not a size (0 to 255)"),
            (
                ask.Snapshot,
                ["--size=1", "--from-video"],
                "--from-video and --size exclude each other",
            ),
            (ask.Reboot, [], "reboot wants --yes"),
            (ask.Status, ["--password-file=/nope"], None),
            (
                ask.Status,
                ["--local-address=x"],
                "not an IPv4 address such as 192.168.1.20: 'x'",
            ),
        ):
            said = self.refusal(kind, uid, *args)
            if expected is not None:
                self.assertEqual(expected, said)

    def test_range(self) -> None:
        """Numbers have their range."""
        self.assertIn(
            "'300' is not brightness", self.refusal(ask.Set, str(UID), "brightness=300")
        )

    def test_passwordFile(self) -> None:
        """The password comes from a file, if there is one."""
        path = self.folder / "password"
        path.write_text("sesame\n")
        made = self.parse(ask.Status, str(UID), f"--password-file={path}")
        self.assertEqual("sesame", made["password"])
        self.assertNotIn("sesame", repr(made))

    def test_asked(self) -> None:
        """Or from its owner, if there is a terminal."""
        del os.environ[PASSWORD_VARIABLE]
        made = ask.Status()
        with (
            patch("sys.stdin") as terminal,
            patch.object(ask, "getpass", return_value="sesame"),
        ):
            terminal.isatty.return_value = True
            made.parseOptions([str(UID)])
        self.assertEqual("sesame", made["password"])

    def test_notAsked(self) -> None:
        """Nobody is asked where nobody is."""
        del os.environ[PASSWORD_VARIABLE]
        for stdin in StringIO(), None:
            made = ask.Status()
            with patch("sys.stdin", stdin), patch.object(ask, "getpass") as getpass:
                made.parseOptions([str(UID)])
            getpass.assert_not_called()
            self.assertIsNone(made["password"])


class SavingTests(SynchronousTestCase):
    """Where pictures go."""

    def setUp(self) -> None:
        self.folder = temporaryFolder(self)

    def test_link(self) -> None:
        """A link stays one; what it names is written."""
        real, link = self.folder / "real.jpg", self.folder / "link.jpg"
        real.write_bytes(b"old")
        link.symlink_to(real)
        with redirect_stderr(StringIO()):
            ask.save(str(link), b"new")
        self.assertTrue(link.is_symlink())
        self.assertEqual(b"new", real.read_bytes())

    def test_device(self) -> None:
        """What is no file is written to, and not replaced."""
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        with redirect_stderr(StringIO()):
            ask.save(str(pipe), b"new")
        self.assertTrue(pipe.is_fifo())
        self.assertEqual(b"new", os.read(reader, 10))

    def test_failure(self) -> None:
        """What cannot be written leaves nothing behind, and is named as given."""
        for name in "no/such/folder.jpg", ".":
            path = str(self.folder / name)
            problem = self.assertRaises(OSError, ask.save, path, b"new")
            self.assertEqual(path, problem.filename)
        self.assertEqual([], list(self.folder.iterdir()))


class TerminalTests(SynchronousTestCase):
    """What reaches the terminal, and comes from there."""

    def test_escapes(self) -> None:
        """A camera cannot send the terminal commands."""
        shown = table([{"name": "alias", "value": "\x1b[31mEvil\x07\n"}])
        self.assertNotIn("\x1b", shown)
        self.assertEqual(2, len(shown.splitlines()))

    def test_noPassword(self) -> None:
        """Ending the question for the password ends the command, in one line."""
        for raised, code in ((KeyboardInterrupt, SystemExit), (EOFError, UsageError)):
            with (
                patch.object(ask, "somebodyTypes", lambda: True),
                patch.object(ask, "getpass", side_effect=raised),
                patch.dict(os.environ, clear=True),
            ):
                command = ask.Status()
                self.assertRaises(code, command.parseOptions, ["192.0.2.7"])
