"""
A folder of recordings: names, free space, and what is deleted when.

Everything here touches the disk, and so is called in threads only.
"""

from __future__ import annotations

import os
import re
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import BinaryIO

#: Bytes that have to be free before a recording begins (again): a disk that is
#: filled to its last byte is of no use to anybody.
MIN_FREE = 64 << 20

#: How often a name is varied, should the clock have jumped back to a time before.
_VARIATIONS = 1000

#: Bytes that are written to find out whether that can be done.
_PROBE = 1 << 20

_NAME = re.compile(r"[a-z0-9-]+_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(?:_\d+)?\.mp4")


def fileName(name: str) -> str:
    """A camera's name as a file may be called."""
    return re.sub(r"[^a-z0-9-]", "-", name.lower())


def writeAll(stream: BinaryIO, data: bytes) -> None:
    """
    Write to an unbuffered file, which may take less than it is given: all or
    nothing, because half a fragment at its end would keep players from the others.
    """
    begin = stream.tell()
    left = memoryview(data)
    try:
        while left:
            left = left[stream.write(left) :]
    except OSError:
        with suppress(OSError):
            stream.truncate(begin)
        raise


class DiskFull(OSError):
    """There is less than L{MIN_FREE} left."""


@dataclass(frozen=True)
class Archive:
    """
    The folder.

    @ivar keepSeconds: recordings that ended longer ago are deleted; 0: never.
    @ivar keepBytes: the oldest are deleted as long as there is more; 0: never.
    @ivar inUse: files that are being written.
    """

    directory: Path
    keepSeconds: float = 0
    keepBytes: int = 0
    inUse: set[Path] = field(default_factory=set, init=False, compare=False)
    _creating: Lock = field(default_factory=Lock, init=False, compare=False, repr=False)

    def create(self, camera: str, time: float) -> tuple[Path, BinaryIO]:
        """
        Open a new file, which is named by its camera and the local time.  Nothing
        that is there already is overwritten.  It is L{inUse}, until L{release}.

        @param time: seconds since the epoch.
        @raise OSError: it cannot be done; L{DiskFull} if it should not.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            directory = str(self.directory)
            raise NotADirectoryError(20, "Not a directory", directory) from None
        disk = os.statvfs(self.directory)
        if disk.f_bavail * disk.f_frsize < MIN_FREE:
            raise DiskFull(
                28, f"less than {MIN_FREE >> 20} MiB are free", str(self.directory)
            )
        stem = f"{camera}_{datetime.fromtimestamp(time):%Y-%m-%d_%H-%M-%S}"
        for number in range(_VARIATIONS):
            path = self.directory / f"{stem}{f'_{number}' if number else ''}.mp4"
            with self._creating:
                if path in self.inUse:
                    continue
                # First: from when it is there on, nobody may delete it.
                self.inUse.add(path)
            try:
                # Unbuffered: what is written is safe from the end of this process.
                return path, open(path, "xb", buffering=0)
            except OSError as problem:
                self.inUse.discard(path)
                if not isinstance(problem, FileExistsError):
                    raise
        raise FileExistsError(17, f"too many recordings named {stem}")

    def release(self, path: Path) -> None:
        """A file is not written any more; may be called more than once."""
        self.inUse.discard(path)

    def probe(self, camera: str, time: float) -> None:
        """
        Can files be created and written?  One that is deleted at once tells.

        @param time: seconds since the epoch.
        @raise OSError: no.
        """
        path, stream = self.create(camera, time)
        try:
            with closing(stream):
                path.unlink()
                writeAll(stream, bytes(_PROBE))
        finally:
            self.release(path)

    def clean(self, now: float) -> list[Path]:
        """
        Delete what need not be kept.  Only files that are named like recordings
        are looked at, and none that is L{inUse} is deleted.

        @param now: seconds since the epoch.
        @return: what was deleted.
        @raise OSError: something could not be; all the rest is.
        """
        if not (self.keepSeconds or self.keepBytes):
            return []
        found = []
        for path in self.directory.glob("*.mp4"):
            if _NAME.fullmatch(path.name):
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # somebody else cleans, too
                found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        deleted = []
        failure: OSError | None = None
        for modified, size, path in sorted(found):
            if path in self.inUse:
                continue
            old = self.keepSeconds and now - modified > self.keepSeconds
            if old or (self.keepBytes and total > self.keepBytes):
                try:
                    path.unlink(missing_ok=True)
                except OSError as problem:
                    failure = failure or problem
                    continue
                deleted.append(path)
                total -= size
        if failure is not None:
            raise failure
        return deleted
