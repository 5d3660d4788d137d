"""Tests for L{twistedcam.restream.archive}."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.restream import archive as module
from twistedcam.restream.archive import Archive, DiskFull, fileName, writeAll

from .folders import temporaryFolder

#: A moment, and half an hour around the end of summer time in Berlin.
NOW = 1_795_510_000.0
BEFORE, AFTER = 1_792_888_200.0, 1_792_891_800.0


class ArchiveCase(SynchronousTestCase):
    """A folder in a fixed time zone."""

    def setUp(self) -> None:
        """Make it."""
        self.folder = temporaryFolder(self)
        self.archive = Archive(self.folder / "deep" / "recordings")
        self.zone("UTC")

    def zone(self, name: str) -> None:
        """Be there."""
        environment = patch.dict(os.environ, TZ=name)
        environment.start()
        time.tzset()

        def back() -> None:
            environment.stop()
            time.tzset()

        self.addCleanup(back)

    def create(self, camera: str = "garden", now: float = NOW) -> Path:
        """A new file, closed."""
        path, stream = self.archive.create(camera, now)
        stream.close()
        self.archive.release(path)
        return path


class NameTests(ArchiveCase):
    """What files are called."""

    def test_name(self) -> None:
        """A file is called after camera and local time, in a folder that is made."""
        path = self.create()
        self.assertEqual("garden_2026-11-24_08-46-40.mp4", path.name)
        self.assertEqual(self.archive.directory, path.parent)
        self.zone("Asia/Tokyo")
        self.assertEqual("garden_2026-11-24_17-46-40.mp4", self.create().name)

    def test_odd(self) -> None:
        """Of odd names, what is fit for a file name is left."""
        for name, expected in (
            ("192.0.2.7", "192-0-2-7"),
            ("VSTB-668515-UZCPK", "vstb-668515-uzcpk"),
            ("Tür 2/../x", "t-r-2----x"),
            ("a\0\n*?", "a----"),
        ):
            self.assertEqual(expected, fileName(name))
            path = self.create(fileName(name))
            self.assertEqual(self.archive.directory, path.parent)
            self.assertTrue(module._NAME.fullmatch(path.name), path.name)

    def test_twice(self) -> None:
        """A second file of the same second gets a number; none is overwritten."""
        for expected in ".mp4", "_1.mp4", "_2.mp4":
            path, stream = self.archive.create("garden", NOW)
            with stream:
                stream.write(expected.encode())
            self.assertTrue(path.name.endswith("40" + expected), path.name)
            self.assertTrue(module._NAME.fullmatch(path.name))
        self.assertEqual(
            [b".mp4", b"_1.mp4", b"_2.mp4"],
            sorted(path.read_bytes() for path in self.archive.directory.iterdir()),
        )

    def test_summerTime(self) -> None:
        """The hour that comes twice in autumn does not overwrite itself."""
        self.zone("Europe/Berlin")
        first, second = self.create(now=BEFORE), self.create(now=AFTER)
        self.assertEqual("garden_2026-10-25_02-30-00.mp4", first.name)
        self.assertEqual("garden_2026-10-25_02-30-00_1.mp4", second.name)

    def test_tooMany(self) -> None:
        """There is an end to it."""
        with patch.object(module, "_VARIATIONS", 3):
            for _ in range(3):
                self.create()
            problem = self.assertRaises(FileExistsError, self.create)
        self.assertIn("too many recordings", str(problem))

    def test_atOnce(self) -> None:
        """Threads that create files at once get one each."""
        with ThreadPoolExecutor(8) as pool:
            paths = set(pool.map(lambda _: self.create(), range(40)))
        self.assertEqual(40, len(paths))
        self.assertEqual(set(), self.archive.inUse)


class RoomTests(ArchiveCase):
    """Whether something can be written."""

    def test_full(self) -> None:
        """With too little left, nothing is begun."""
        with patch.object(module, "MIN_FREE", 1 << 62):
            problem = self.assertRaises(DiskFull, self.create)
        self.assertEqual(28, problem.errno)
        self.assertEqual([], list(self.archive.directory.iterdir()))
        self.assertEqual(set(), self.archive.inUse)

    def test_fullText(self) -> None:
        """It is said how much is wanted."""
        with patch.object(os, "statvfs") as statvfs:
            statvfs.return_value.f_bavail = 16
            statvfs.return_value.f_frsize = 4096
            problem = self.assertRaises(DiskFull, self.create)
        self.assertEqual("less than 64 MiB are free", problem.strerror)

    def test_notAFolder(self) -> None:
        """A file in the folder's place is called what it is."""
        self.archive.directory.parent.mkdir()
        self.archive.directory.touch()
        problem = self.assertRaises(NotADirectoryError, self.create)
        self.assertEqual(str(self.archive.directory), problem.filename)

    def test_probe(self) -> None:
        """A trial leaves nothing behind."""
        self.archive.probe("garden", NOW)
        self.assertEqual([], list(self.archive.directory.iterdir()))
        self.assertEqual(set(), self.archive.inUse)

    def test_allOrNothing(self) -> None:
        """What does not fit is not there in part."""

        class Filling(BytesIO):
            def write(self, data: Any) -> int:
                part = bytes(data)[:10]
                if self.tell() >= 30:
                    raise OSError(28, "No space left on device")
                return super().write(part)

        file = Filling()
        writeAll(file, b"whole" * 2)
        self.assertRaises(OSError, writeAll, file, b"too much to fit " * 3)
        self.assertEqual(b"wholewhole", file.getvalue())

    def test_probeFails(self) -> None:
        """Nor does one that finds room for a part only."""
        real = self.archive.create

        class Small:
            def __init__(self, stream: object) -> None:
                self.close = stream.close  # type: ignore[attr-defined]
                self.tell = stream.tell  # type: ignore[attr-defined]
                self.truncate = stream.truncate  # type: ignore[attr-defined]

            def write(self, data: bytes) -> int:
                if len(data) <= 4096:
                    raise OSError(28, "No space left on device")
                return 4096

        def create(*args: object) -> tuple[Path, object]:
            path, stream = real("garden", NOW)
            return path, Small(stream)

        with patch.object(Archive, "create", create):
            problem = self.assertRaises(OSError, self.archive.probe, "garden", NOW)
        self.assertEqual("No space left on device", problem.strerror)
        self.assertEqual([], list(self.archive.directory.iterdir()))
        self.assertEqual(set(), self.archive.inUse)


class RetentionTests(ArchiveCase):
    """What is deleted when."""

    def fill(self, *files: tuple[str, float, int]) -> None:
        """Files with an age (seconds) and a size."""
        self.archive.directory.mkdir(parents=True, exist_ok=True)
        for name, age, size in files:
            path = self.archive.directory / name
            path.write_bytes(bytes(size))
            os.utime(path, (NOW - age, NOW - age))

    def name(self, number: int) -> str:
        """A recording's name."""
        return f"garden_2026-11-24_00-00-{number:02}.mp4"

    def left(self) -> list[str]:
        """What is there."""
        return sorted(path.name for path in self.archive.directory.iterdir())

    def keep(self, seconds: float = 0, size: int = 0) -> None:
        """What is to be kept."""
        self.archive = Archive(self.archive.directory, seconds, size)

    def test_forever(self) -> None:
        """By default nothing is deleted, however old and much it is."""
        self.fill((self.name(1), 1e9, 10))
        self.assertEqual([], self.archive.clean(NOW))
        self.assertEqual([self.name(1)], self.left())

    def test_age(self) -> None:
        """What ended too long ago is deleted, to the second."""
        self.keep(seconds=100)
        self.fill(*((self.name(age), age, 1) for age in (59, 50)))
        self.assertEqual([], self.archive.clean(NOW + 41))
        deleted = self.archive.clean(NOW + 41.5)
        self.assertEqual([self.name(59)], [path.name for path in deleted])
        self.assertEqual([self.name(50)], self.left())

    def test_size(self) -> None:
        """The oldest go until the rest fits, and not one more."""
        self.keep(size=30)
        self.fill(*((self.name(n), 60 - n, 10) for n in range(6)))
        deleted = self.archive.clean(NOW)
        self.assertEqual([self.name(n) for n in range(3)], [p.name for p in deleted])
        self.assertEqual([self.name(n) for n in range(3, 6)], self.left())
        self.assertEqual([], self.archive.clean(NOW))

    def test_order(self) -> None:
        """The oldest is the one written to longest ago, whatever its name says."""
        self.keep(size=10)
        self.fill((self.name(9), 50, 10), (self.name(1), 5, 10))
        self.archive.clean(NOW)
        self.assertEqual([self.name(1)], self.left())

    def test_inUse(self) -> None:
        """What is being written counts, and is never deleted."""
        path, stream = self.archive.create("garden", NOW)
        with stream:
            stream.write(bytes(50))
        os.utime(path, (NOW - 1000, NOW - 1000))
        self.keep(seconds=100, size=40)
        self.archive.inUse.add(path)
        self.fill((self.name(1), 5, 10))
        self.archive.clean(NOW)
        self.assertEqual([path.name], self.left())
        self.archive.release(path)
        self.archive.clean(NOW)
        self.assertEqual([], self.left())

    def test_begun(self) -> None:
        """A file is protected from the moment that it is there."""
        self.keep(size=1)
        real = open

        def slowly(path: Path, *args: object, **how: object) -> object:
            stream = real(path, *args, **how)  # type: ignore[call-overload]
            stream.write(bytes(100))
            self.archive.clean(NOW + 1e6)
            return stream

        with patch.object(module, "open", slowly, create=True):
            path, stream = self.archive.create("garden", NOW)
        stream.close()
        self.assertTrue(path.exists())

    def test_others(self) -> None:
        """Only files that are named like recordings are counted and deleted."""
        others = (
            "holiday.mp4",
            "garden_2026-11-24_00-00-00.mp4.bak",
            "garden_2026-11-24_00-00-00.txt",
            ".garden_2026-11-24_00-00-00.mp4",
            "Garden_2026-11-24_00-00-00.mp4",
            "garden_2026-11-24.mp4",
            "garden_2026-11-24_00-00-00_x.mp4",
        )
        self.fill(*((name, 1e8, 100) for name in others))
        below = self.archive.directory / "garden_2026-11-24_00-00-01.mp4.d"
        below.mkdir()
        (below / self.name(1)).touch()
        self.keep(seconds=1, size=1)
        self.assertEqual([], self.archive.clean(NOW))
        self.assertEqual({*others, below.name}, set(self.left()))

    def test_allCameras(self) -> None:
        """All cameras' recordings count together; numbered ones are recordings."""
        self.keep(size=10)
        self.fill(
            ("house_2026-11-24_00-00-00.mp4", 60, 10),
            ("garden_2026-11-24_00-00-00_12.mp4", 50, 10),
            ("vstb-668515-uzcpk_2026-11-24_00-00-00.mp4", 40, 10),
        )
        self.archive.clean(NOW)
        self.assertEqual(["vstb-668515-uzcpk_2026-11-24_00-00-00.mp4"], self.left())

    def test_future(self) -> None:
        """After the clock jumped back, files of the future are young."""
        self.keep(seconds=100)
        self.fill((self.name(1), -5000, 1))
        self.assertEqual([], self.archive.clean(NOW))

    def test_gone(self) -> None:
        """What somebody else deletes meanwhile is nobody's problem."""
        self.keep(seconds=1)
        self.fill((self.name(1), 100, 1), (self.name(2), 100, 1))
        real = Path.stat

        def stat(path: Path, **how: bool) -> os.stat_result:
            if path.name == self.name(1):
                path.unlink(missing_ok=True)
            return real(path, **how)

        with patch.object(Path, "stat", stat):
            deleted = self.archive.clean(NOW)
        self.assertEqual([self.name(2)], [path.name for path in deleted])

    def test_stubborn(self) -> None:
        """One that cannot be deleted does not save the others, and is told of."""
        self.keep(seconds=1)
        self.fill(*((self.name(n), 100 - n, 1) for n in (1, 2, 3)))
        real = Path.unlink

        def unlink(path: Path, missing_ok: bool = False) -> None:
            if path.name == self.name(1):
                raise PermissionError(13, "Permission denied", str(path))
            real(path, missing_ok)

        with patch.object(Path, "unlink", unlink):
            self.assertRaises(PermissionError, self.archive.clean, NOW)
        self.assertEqual([self.name(1)], self.left())

    def test_noFolder(self) -> None:
        """Without a folder there is nothing to delete."""
        self.keep(seconds=1)
        self.assertEqual([], self.archive.clean(NOW))

    def test_pattern(self) -> None:
        """A folder's name is no pattern."""
        self.archive = Archive(self.folder / "[a]*", 1)
        self.fill((self.name(1), 100, 1))
        self.assertEqual(1, len(self.archive.clean(NOW)))
        self.assertFalse(re.search("mp4", " ".join(self.left())))
