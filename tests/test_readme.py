"""
What the README shows is tried here: it is the first thing that people copy.
"""

from __future__ import annotations

import re
import shlex
import unittest
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from twistedcam import Camera, tap
from twistedcam.cli import program as cli
from twistedcam.config import loadConfig
from twistedcam.demo import Demo
from twistedcam.emulator import Doors, EmulatedCamera
from twistedcam.outlets import Outlet
from twistedcam.testing import MemoryNetwork

ROOT = Path(__file__).resolve().parent.parent
UID = "VSTB-668515-UZCPK"
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def block(language: str, part: str) -> str:
    """The one block in a language with that part."""
    [found] = [text for text in blocks(language) if part in text]
    return found


class PythonTests(SynchronousTestCase):
    """The programs."""

    def execute(self, source: str) -> dict[str, Any]:
        """Run it as if it were imported; gives its names."""
        names: dict[str, Any] = {"__name__": "readme"}
        exec(compile(source, "README.md", "exec"), names)
        return names

    def test_complete(self) -> None:
        """No program is left out here."""
        self.assertEqual(8, len(blocks("python")))

    def test_library(self) -> None:
        """The program connects, tells where the camera is, and parts from it."""
        network = MemoryNetwork()
        house = network.host("camera", "192.0.2.7/24")
        pc = network.host("pc", "192.0.2.10/24")
        doors = Doors(house)
        doors.open()
        emulated = EmulatedCamera(
            house, "VSTB-668515-UZCPK", doors=doors, name="Garden"
        )
        emulated.start()

        names = self.execute(block("python", "async def main"))
        said: list[str] = []
        names["print"] = lambda *words: said.append(" ".join(words))
        done = Deferred.fromCoroutine(names["main"](pc))
        network.advance(5)
        self.assertCountEqual(["up", "192.0.2.7 Garden"], said)
        self.assertEqual(1, len(emulated.sessions))
        network.advance(10)
        self.successResultOf(done)
        self.assertCountEqual(["up", "192.0.2.7 Garden"], said)
        self.assertEqual([], emulated.sessions)
        self.assertEqual([], pc.ports)

    def lab(self) -> tuple[MemoryNetwork, Camera, dict[str, Any], list[str]]:
        """A network, a camera that is up in it, and who else prints."""
        network = MemoryNetwork()
        house = network.host("camera", "192.0.2.7/24")
        pc = network.host("pc", "192.0.2.10/24")
        doors = Doors(house)
        doors.open()
        EmulatedCamera(house, UID, doors=doors, name="Garden").start()
        camera = Camera(pc, deviceId=UID, password="888888")
        camera.connect()
        network.advance(5)
        said: list[str] = []
        names = {"print": lambda *words: said.append(" ".join(map(str, words)))}
        return network, camera, names, said

    def test_report(self) -> None:
        """The function asks, moves and sets what it says."""
        network, camera, printing, said = self.lab()
        names = self.execute(block("python", "async def report")) | printing
        picture = BytesIO()
        picture.close = lambda: None  # type: ignore[method-assign]
        names["open"] = lambda name, mode: picture
        report = FunctionType(names["report"].__code__, names)
        done = Deferred.fromCoroutine(report(camera))
        network.advance(10)
        self.successResultOf(done)
        self.assertTrue(said[0].startswith("Garden "), said)
        self.assertIn("log_text", said[1])
        self.assertTrue(picture.getvalue().startswith(b"\xff\xd8"))
        asked = camera.imageSettings()
        network.advance(1)
        settings = self.successResultOf(asked)
        self.assertEqual((140, 3), (settings.brightness, settings.flip))

    def test_watch(self) -> None:
        """The function prints a hundred frames, the first of them a keyframe."""
        network, camera, printing, said = self.lab()
        names = self.execute(block("python", "async def watch")) | printing
        watch = FunctionType(names["watch"].__code__, names)
        done = Deferred.fromCoroutine(watch(camera))
        network.advance(10)
        self.successResultOf(done)
        self.assertEqual(100, len(said))
        self.assertRegex(said[0], r"^[\d.]+ h264 keyframe, \d+ bytes$")
        network.advance(10)
        self.assertEqual(0, camera.video.audience)

    def test_everyMinute(self) -> None:
        """There is a picture each minute, also after one could not be had."""
        network, camera, printing, said = self.lab()
        names = self.execute(block("python", "def everyMinute")) | printing
        everyMinute = FunctionType(names["everyMinute"].__code__, names)
        with TemporaryDirectory() as folder:
            loop, ended = everyMinute(network, camera, Path(folder))
            network.advance(70)
            camera.disconnect()
            network.advance(60)
            camera.connect()
            network.advance(60)
            loop.stop()
            self.successResultOf(ended)
            pictures = [path.read_bytes() for path in Path(folder).iterdir()]
        self.assertEqual([b"\xff\xd8"] * 3, [picture[:2] for picture in pictures])
        self.assertEqual(1, len(said))
        self.assertTrue(said[0].startswith("no snapshot: "), said)

    def test_serve(self) -> None:
        """The function makes a fleet of one camera, the page and RTSP."""
        network = MemoryNetwork()
        service = MultiService()
        names = self.execute(block("python", "def serve"))
        names["serve"](network.host("pc", "192.0.2.10/24"), service)
        fleet, page, rtsp = service
        self.assertEqual(["garden"], list(fleet.cameras))
        self.assertEqual([Outlet, Outlet], [type(page), type(rtsp)])

    def test_trial(self) -> None:
        """The test case passes."""
        source = block("python", "PowerCutTests") + block("python", "AskingTests")
        names = self.execute(source)
        result = unittest.TestResult()
        loader = unittest.defaultTestLoader
        for case in "PowerCutTests", "AskingTests":
            loader.loadTestsFromTestCase(names[case]).run(result)
        self.assertEqual(([], []), (result.errors, result.failures))
        self.assertEqual(2, result.testsRun)

    def test_pytest(self) -> None:
        """The test function is one that pytest runs as well, and complete."""
        source = block("python", "pytest_twisted")
        self.execute(source)
        test = source[source.index("@pytest_twisted") :]
        self.assertIn(test, (ROOT / "tests/pytest_only/test_embedding.py").read_text())


class ShellTests(SynchronousTestCase):
    """The commands and the file."""

    def setUp(self) -> None:
        temporary = TemporaryDirectory()  # under pytest, mktemp leaves litter
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        for file in "garden.password", "page.password":
            (self.folder / file).write_text("a test's\n")
        (self.folder / "cameras.toml").write_text("\n".join(blocks("toml")))

    def commands(self) -> list[list[str]]:
        """All commands, without their comments."""
        lines = [line for text in blocks("sh") for line in text.splitlines()]
        return [shlex.split(line, comments=True) for line in lines]

    def test_understood(self) -> None:
        """There is nothing wrong with the options of any command."""
        seen = set()
        for words in self.commands():
            program = words[0]
            seen.add(program)
            if program == "twistd":
                options = tap.Options()
                files = {"cameras.toml": str(self.folder / "cameras.toml")}
                start = words.index("camclient") + 1
                options.parseOptions([files.get(word, word) for word in words[start:]])
                self.assertTrue(options.configuration.cameras)
            elif program == "twistedcam":
                cli.Options().parseOptions(words[1:])
            elif program == "make":
                self.assertRegex((ROOT / "Makefile").read_text(), rf"(?m)^{words[1]}:")
            else:
                self.assertIn(program, (".", "(umask"))
        self.assertTrue(seen.issuperset({"twistd", "twistedcam", "make"}))

    def test_file(self) -> None:
        """The configuration can be loaded, and has each key in the table."""
        config = loadConfig(str(self.folder / "cameras.toml"))
        garden, door = config.cameras
        assert config.record is not None
        self.assertEqual(("garden",), config.record.cameras)
        self.assertEqual(("garden", "a test's"), (garden.name, garden.password))
        self.assertEqual(("door", "192.168.7.20"), (door.name, door.address))
        self.assertEqual(("tcp:8085", "me"), (config.web.endpoint, config.web.user))

    def test_keys(self) -> None:
        """The table of keys is complete: whatever it lacks is refused."""
        table = README.partition("| key | meaning |")[2].partition("\n\n")[0]
        keys = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
        values = {
            "uid": '"VSTB-668515-UZCPK"',
            "pin-address": "true",
            "address": '"192.0.2.7"',
            "password-file": '"garden.password"',
        }
        path = self.folder / "all.toml"
        path.write_text(
            "[[camera]]\n"
            + "".join(f"{key} = {values.get(key, repr(key))}\n" for key in keys)
        )
        [camera] = loadConfig(str(path)).cameras
        for value in vars(camera).values():
            self.assertTrue(value)

    def test_table(self) -> None:
        """The table of commands knows each of them."""
        listed = re.findall(r"^\| `twistedcam ([a-z-]+)[^`]*` \|", README, re.MULTILINE)
        commands: list[Any] = cli.Options.subCommands
        self.assertEqual([command[0] for command in commands], listed)


class DemoTests(SynchronousTestCase):
    """The log that it begins with."""

    def test_log(self) -> None:
        """The demonstration says all of this in this order."""
        network = MemoryNetwork()
        host = network.host("pc")
        with capturedLogs() as events:
            demo = Demo(host)
            demo.startService()
            network.advance(3)
            stopped = demo.stopService()
            network.advance(1)
        self.successResultOf(stopped)
        said = iter([self.normal(text) for text in map(self.text, events)])
        expected = block("text", "make demo").splitlines()
        for line in expected[2:]:
            if line != "^C":
                self.assertIn(self.normal(line), said)

    def text(self, event: LogEvent) -> str:
        """What the log shows of an event."""
        return formatEvent(event)

    def normal(self, line: str) -> str:
        """Port numbers differ from run to run."""
        return re.sub(r"(?<=127\.0\.0\.1:)\d+", "...", line)
