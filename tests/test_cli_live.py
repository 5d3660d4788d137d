"""Tests for L{twistedcam.cli.live}: the commands that receive video."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from time import sleep
from typing import Any, BinaryIO
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from twistedcam import Camera
from twistedcam.cli import command
from twistedcam.cli.live import Progress, Record, Watch
from twistedcam.emulator import FIRMWARE_A, Faults
from twistedcam.emulator.clips import clip
from twistedcam.media.frame import Codec
from twistedcam.restream import archive, record

from . import programs
from .folders import temporaryFolder
from .lab import CAMERA, UID, Lab
from .mediakit import Seen, digest, look
from .programs import TWISTEDCAM
from .test_cli_ask import PASSWORD, AskCase

NAME = str(UID).lower()


class RecordTests(AskCase):
    """C{twistedcam record}"""

    def record(self, *args: str, **how: Any) -> Any:
        """Record into the folder."""
        return self.ask(Record, f"--output={self.folder}", *args, **how)

    def files(self) -> list[Path]:
        """What has been recorded."""
        return sorted(self.folder.iterdir())

    def seen(self) -> dict[Codec, list[Seen]]:
        """What is in the only file."""
        (path,) = self.files()
        return look(path.read_bytes())

    def test_for(self) -> None:
        """A file of so many seconds, with sound; its name is the last word."""
        said = self.record("--for=30")
        self.assertEqual((0, ""), (said.code, said.output))
        seen = self.seen()
        self.assertIn(len(seen[Codec.H264]), (450, 451, 452, 453))
        self.assertApproximates(30, seen[Codec.H264][-1].time, 0.15)
        self.assertApproximates(30, seen[Codec.AAC][-1].time, 0.7)
        *_, figures, last = said.errors.splitlines()
        (path,) = self.files()
        self.assertTrue(path.name.startswith(f"{NAME}_"), path)
        self.assertEqual(f"file: {path}", last)
        self.assertRegex(
            figures,
            r"^00:30  0\.\d MB  15\.0 fps  0 damaged  0 packets lost$",
        )

    def test_short(self) -> None:
        """Half a second is possible, also without sound."""
        for args in [], ["--no-sound"]:
            self.setUp()
            self.assertEqual(0, self.record("--for=0.5", *args).code)
            seen = self.seen()
            self.assertApproximates(0.5, seen[Codec.H264][-1].time, 0.2)
            self.assertEqual(not args, Codec.AAC in seen)

    def test_codecs(self) -> None:
        """H.265 and JPEGs are recorded as well."""
        for codec, expected in (("h265", Codec.H265), ("mjpeg", Codec.MJPEG)):
            self.setUp()
            self.lab = Lab(codec=codec)
            self.assertEqual(0, self.record("--for=3").code)
            self.assertGreater(len(self.seen()[expected]), 40)

    def test_segments(self) -> None:
        """Many files, the last of which is named."""
        said = self.record("--for=10", "--segment=4")
        self.assertEqual(3, len(self.files()))
        self.assertEqual(
            f"3 files, the last: {self.files()[-1]}", said.errors.splitlines()[-1]
        )

    def test_loss(self) -> None:
        """With losses the packets are sent again, and nothing is missing."""
        self.lab.emulated.faults = Faults(seed=2, loss=0.05)
        said = self.record("--for=10", seconds=60)
        self.assertEqual(0, said.code, said)
        film = {digest(Codec.H264, data) for data in clip("h264-main").frames}
        pictures = self.seen()[Codec.H264]
        self.assertLessEqual({one.digest for one in pictures}, film)
        self.assertGreaterEqual(len(pictures), 150)

    def test_byAddress(self) -> None:
        """Named by its address, the files have its UID all the same."""
        self.record("--for=1", uid=CAMERA)
        self.assertTrue(self.files()[0].name.startswith(f"{NAME}_"))

    def test_interrupted(self) -> None:
        """Interrupted, it finishes the file and tells its name; nothing is left."""
        for args in ["--until-stopped"], ["--for=60"]:
            self.setUp()
            errors = StringIO()
            with redirect_stderr(errors):
                running = self.start(Record, str(UID), *args, f"--output={self.folder}")
                self.lab.network.advance(12)
                self.assertNoResult(running)
                running.cancel()
                self.lab.network.advance(2)
            self.failureResultOf(running, CancelledError)
            self.assertGreater(len(self.seen()[Codec.H264]), 120)
            self.assertIn(f"file: {self.files()[0]}", errors.getvalue())
            self.lab.remove()
            self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_interruptedEarly(self) -> None:
        """Also before there is anything."""
        with redirect_stderr(StringIO()):
            running = self.start(
                Record, str(UID), "--until-stopped", f"--output={self.folder}"
            )
            self.lab.network.advance(0.01)
            running.cancel()
            self.lab.network.advance(2)
        self.failureResultOf(running, CancelledError)
        self.assertEqual([], self.files())

    def test_noFolder(self) -> None:
        """A folder that cannot be is told at once; one that is not yet is made."""
        (self.folder / "file").touch()
        said = self.ask(Record, "--for=1", f"--output={self.folder}/file")
        self.assertEqual(
            (1, f"twistedcam: {self.folder}/file: Not a directory\n"),
            (said.code, said.errors),
        )
        said = self.ask(Record, "--for=1", f"--output={self.folder}/a/b")
        self.assertEqual(0, said.code)
        self.assertEqual(1, len(list((self.folder / "a/b").iterdir())))

    def test_full(self) -> None:
        """So is a disk that is full from the beginning."""
        with patch.object(archive, "MIN_FREE", 1 << 62):
            said = self.record("--for=1")
        self.assertEqual(1, said.code)
        self.assertIn(f"twistedcam: {self.folder}: less than", said.errors)

    def test_fullLater(self) -> None:
        """One that fills up is told; what was wished for is not there, which is 1."""
        writes = 0

        def write(stream: BinaryIO, data: bytes) -> None:
            nonlocal writes
            writes += 1
            if writes > 5:
                raise OSError(28, "No space left on device")
            stream.write(data)

        with (
            patch.object(archive, "writeAll", write),
            patch.object(record, "writeAll", write),
        ):
            said = self.record("--for=20", seconds=60)
        self.assertEqual(1, said.code)
        self.assertRegex(
            said.errors, r"\d of 20 s recorded: No space left on device\n$"
        )

    def test_lost(self) -> None:
        """A camera that goes away for good does not keep it forever."""
        errors = StringIO()
        with redirect_stderr(errors):
            running = self.start(
                Record, str(UID), "--for=20", f"--output={self.folder}"
            )
            running.addErrback(command.explain)
            self.lab.network.advance(10)
            self.lab.remove()
            self.lab.network.advance(40)
        self.assertEqual(5, self.successResultOf(running))
        self.assertRegex(
            errors.getvalue(), rf"{NAME}: \d\.\d of 20 s recorded: no more video came"
        )
        self.assertGreater(len(self.seen()[Codec.H264]), 80)

    def test_noVideo(self) -> None:
        """If nothing comes at all, that is said, with code 5."""
        with patch.object(Camera, "call", lambda *_, **__: Deferred()):
            said = self.record("--for=3")
        self.assertEqual(5, said.code)
        self.assertEqual(
            [
                "waiting for the first picture",
                "nothing recorded",
                f"twistedcam: {NAME}: 0.0 of 3 s recorded: no more video came",
            ],
            said.errors.splitlines(),
        )
        self.assertEqual([], self.files())

    def test_refused(self) -> None:
        """It has to be said when to stop."""
        expected = "--for SECONDS or --until-stopped?"
        for args in [], ["--for=1", "--until-stopped"]:
            self.assertEqual(expected, self.refusal(Record, str(UID), *args))
        for args in ["--for=0"], ["--for=x"], ["--for=1", "--segment=0"]:
            self.assertIn("is not a time", self.refusal(Record, str(UID), *args))

    def test_file(self) -> None:
        """What it is to be called is a folder, which is not called like a file."""
        for name in "door.mp4", f"{self.folder}/Door.MP4":
            self.assertEqual(
                f"--output is a folder, not a file: {name!r}",
                self.refusal(Record, str(UID), "--for=1", f"--output={name}"),
            )

    def test_codes(self) -> None:
        """Its exit codes are those of all commands."""
        self.lab.remove()
        self.assertEqual(1, self.record("--for=1", "--timeout=1").code)


class WatchTests(AskCase):
    """C{twistedcam watch}"""

    def test_table(self) -> None:
        """A line of titles, and one with as many numbers each second."""
        titles, *lines = self.good(Watch, "--for=5").splitlines()
        self.assertEqual(5, len(lines))
        self.assertEqual(len(titles), len(lines[0]))
        for line in lines[1:]:
            values = [int(value) for value in line.split()]
            self.assertEqual(9, len(values))
            self.assertIn(values[0], (14, 15, 16))
            self.assertGreater(values[1], 50)
            self.assertIn(values[2], (7, 8, 9))
            self.assertEqual([0, 0, 0, 0, 0], values[3:8])

    def test_json(self) -> None:
        """Or an object each second, without titles."""
        lines = self.good(Watch, "--for=3", "--json").splitlines()
        self.assertEqual(3, len(lines))
        for line in lines:
            values = json.loads(line)
            self.assertEqual(0, values["damaged"])
            self.assertIn("late", values)

    def test_sub(self) -> None:
        """The smaller video has fewer bits; it takes no second session."""
        rates = {}
        for args in [], ["--sub"]:
            lines = self.good(Watch, "--for=6", *args, "--json").splitlines()
            rows = [json.loads(line) for line in lines]
            self.assertGreater(sum(row["frames"] for row in rows), 70)
            rates[bool(args)] = sum(row["bytes"] for row in rows)
        self.assertLess(rates[True], rates[False])

    def test_loss(self) -> None:
        """What is sent again shows."""
        for firmware in FIRMWARE_A, Lab().emulated.firmware:
            self.lab = Lab(firmware)
            self.lab.emulated.faults = Faults(seed=1, loss=0.2)
            said = self.ask(Watch, "--for=10", "--json", seconds=60)
            rows = [json.loads(line) for line in said.output.splitlines()]
            self.assertEqual(10, len(rows))
            self.assertGreater(sum(row["duplicates"] for row in rows), 5)

    def test_interrupted(self) -> None:
        """Interrupted, it leaves nothing."""
        with redirect_stdout(StringIO()) as output:
            running = self.start(Watch, str(UID))
            self.lab.network.advance(5)
            running.cancel()
            self.lab.network.advance(2)
        self.failureResultOf(running, CancelledError)
        self.assertGreater(output.getvalue().count("\n"), 3)
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_lost(self) -> None:
        """While the camera is away there are zeros, and afterwards it goes on."""
        with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()):
            running = self.start(Watch, str(UID), "--for=60")
            self.lab.network.advance(6)
            self.lab.emulated.reboot(downFor=10)
            self.lab.network.advance(60)
        self.assertEqual(0, self.successResultOf(running))
        _, *lines = output.getvalue().splitlines()
        frames = [int(line.split()[0]) for line in lines]
        self.assertEqual(60, len(frames))
        self.assertIn(0, frames)
        self.assertGreater(frames[-1], 10)


class Terminal(StringIO):
    """A terminal that shows lines."""

    def isatty(self) -> bool:
        """It is one."""
        return True

    def shown(self) -> list[str]:
        """What one sees in the end."""
        lines = []
        for line in self.getvalue().split("\n"):
            screen = ""
            for part in line.split("\r"):
                # What it writes, and what it leaves of what was there.
                written = part.replace("\033[K", "")
                kept = "" if "\033[K" in part else screen[len(written) :]
                screen = written + kept if part else screen
            lines.append(screen)
        return lines


class ProgressTests(SynchronousTestCase):
    """The line about the progress."""

    def progress(self, stream: StringIO, *lines: str) -> None:
        """A line a second."""
        now = [1000.0]
        with redirect_stderr(stream), patch("time.monotonic", lambda: now[0]):
            progress = Progress()
            for line in lines:
                progress.show(line)
                now[0] += 1.01
            self.shown = stream.shown() if isinstance(stream, Terminal) else []
            progress.end("the end")

    def test_terminal(self) -> None:
        """On a terminal each line takes the place of the one before, and stays."""
        terminal = Terminal()
        self.progress(terminal, "one and more", "two")
        self.assertEqual(["two"], self.shown)
        self.assertEqual(["the end", ""], terminal.shown())

    def test_pipe(self) -> None:
        """Elsewhere there is the first one, and one every ten seconds."""
        pipe = StringIO()
        self.progress(pipe, *(str(number) for number in range(25)))
        self.assertEqual("0\n10\n20\nthe end\n", pipe.getvalue())


class ProgramTests(TestCase):
    """The programs themselves, over loopback."""

    timeout = 100

    def setUp(self) -> None:
        """A folder."""
        self.folder = temporaryFolder(self)

    def inThread(self, act: Callable[..., object], *args: object) -> Deferred[object]:
        """Do what blocks."""
        from twisted.internet.threads import deferToThread

        return deferToThread(act, *args)

    @contextmanager
    def camera(self, *args: str) -> Iterator[list[str]]:
        """An emulated one; gives what follows a command."""
        dhPort, lanPort = (str(programs.freePort()) for _ in range(2))
        ports = ["--dh-port", dhPort, "--lan-port", lanPort]
        emulate = "emulate", "--address=127.0.0.1", *ports, *args
        with programs.running(TWISTEDCAM, *emulate) as camera:
            camera.waitFor("is on air")
            password = temporaryFolder(self) / "password"
            password.write_text(PASSWORD)
            yield [
                str(UID),
                "--search-address=127.0.0.1",
                *ports,
                f"--password-file={password}",
            ]

    def probe(self, path: Path) -> dict[str, Any]:
        """What ffprobe says of a file, by codec."""
        if shutil.which("ffprobe") is None:
            raise SkipTest("ffprobe is not installed")
        ended = subprocess.run(
            [
                *("ffprobe", "-v", "error", "-count_packets", "-of", "json"),
                *("-show_entries", "stream=codec_name,nb_read_packets,duration"),
                path,
            ],
            capture_output=True,
            check=True,
        )
        self.assertEqual(b"", ended.stderr)
        return {
            one["codec_name"]: (int(one["nb_read_packets"]), float(one["duration"]))
            for one in json.loads(ended.stdout)["streams"]
        }

    def test_together(self) -> Deferred[object]:
        """
        A recording over a network with losses has the wished length, as ffprobe
        says; meanwhile others watch, and take a picture.
        """

        def together() -> None:
            with self.camera("--loss=0.05", "--seed=4") as camera:
                record = "record", *camera, "--for=4", f"--output={self.folder}"
                watch = "watch", *camera, "--for=2", "--json"
                picture = self.folder / "x.jpg"
                snapshot = "snapshot", *camera, "--from-video", f"--output={picture}"
                with programs.running(TWISTEDCAM, *record) as recording:
                    ended = programs.run(TWISTEDCAM, *watch)
                    self.assertEqual((0, ""), (ended.code, ended.errors))
                    self.assertEqual(2, ended.output.count("\n"))
                    ended = programs.run(TWISTEDCAM, *snapshot)
                    self.assertEqual(0, ended.code, ended)
                    self.assertEqual(b"\xff\xd8", picture.read_bytes()[:2])
                    recording.waitFor("file: ")
                    output = recording.output
                (path,) = self.folder.glob("*.mp4")
                self.assertIn(f"file: {path}", output)
                self.assertIn("waiting for the first picture\n", output)
                self.assertNotIn("\033", output)
                streams = self.probe(path)
                count, duration = streams["h264"]
                self.assertApproximates(4, duration, 0.6)
                self.assertApproximates(15 * duration, count, 3)
                self.assertApproximates(4, streams["aac"][1], 1)

        return self.inThread(together)

    def test_ended(self) -> Deferred[list[object]]:
        """
        Killed in the middle, all but the last fragment can be played; interrupted,
        the file is whole, and its name is told.
        """

        def end(number: signal.Signals, *how: str) -> None:
            folder = temporaryFolder(self)
            with self.camera(*how) as camera:
                record = "record", *camera, "--until-stopped", f"--output={folder}"
                with programs.running(TWISTEDCAM, *record) as recording:
                    for _ in range(100):
                        sleep(0.1)
                        found = list(folder.glob("*.mp4"))
                        if found and found[0].stat().st_size > 40_000:
                            break
                    code, took = recording.end(number)
            (path,) = folder.iterdir()
            seen = look(path.read_bytes())
            codec = Codec.H265 if how else Codec.H264
            film = [
                digest(codec, data)
                for data in clip("h265-main" if how else "h264-main").frames
            ]
            pictures = [one.digest for one in seen[codec]]
            self.assertGreater(len(pictures), 15)
            self.assertLessEqual(set(pictures), set(film))
            self.assertGreater(len(seen[Codec.AAC]), 5)
            if number is signal.SIGKILL:
                self.assertEqual(-signal.SIGKILL, code)
            else:
                self.assertEqual(130, code)
                self.assertLess(took, 3)
                self.assertIn(f"file: {path}", recording.output)
                self.assertNotIn("Traceback", recording.output)

        return gatherResults(
            [
                self.inThread(end, signal.SIGKILL),
                self.inThread(end, signal.SIGINT, "--codec=h265"),
            ]
        )
