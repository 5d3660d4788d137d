"""
A folder of recordings: names, free space, and what is deleted when.

Everything here touches the disk, and so is called in threads only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

#: Bytes that have to be free before a recording begins (again): a disk that is
#: filled to its last byte is of no use to anybody.
MIN_FREE = 64 << 20

#: How often a name is varied, should the clock have jumped back to a time before.
_VARIATIONS = 1000

_NAME = re.compile(r"[a-z0-9-]+_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(?:_\d+)?\.mp4")


def fileName(name: str) -> str:
    """A camera's name as a file may be called."""
    return re.sub(r"[^a-z0-9-]", "-", name.lower())


class DiskFull(OSError):
    """There is less than L{MIN_FREE} left."""


@dataclass(frozen=True)
class Archive:
    """
    The folder.

    @ivar keepSeconds: recordings that ended longer ago are deleted; 0: never.
    @ivar keepBytes: the oldest are deleted as long as there is more; 0: never.
    """

    directory: Path
    keepSeconds: float = 0
    keepBytes: int = 0

    def create(self, camera: str, time: float) -> tuple[Path, BinaryIO]:
        """
        Open a new file, which is named by its camera and the local time.  Nothing
        that is there already is overwritten.

        @param time: seconds since the epoch.
        @raise OSError: it cannot be done; L{DiskFull} if it should not.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self.directory)
        if disk.f_bavail * disk.f_frsize < MIN_FREE:
            raise DiskFull(28, "less than 64 MiB left on device")
        stem = f"{camera}_{datetime.fromtimestamp(time):%Y-%m-%d_%H-%M-%S}"
        for number in range(_VARIATIONS):
            path = self.directory / f"{stem}{f'_{number}' if number else ''}.mp4"
            try:
                # Unbuffered: what is written is safe from the end of this process.
                return path, open(path, "xb", buffering=0)
            except FileExistsError:
                continue
        raise FileExistsError(17, f"too many recordings named {stem}")

    def clean(self, now: float, inUse: Collection[Path]) -> list[Path]:
        """
        Delete what need not be kept.  Only files that are named like recordings
        are looked at.

        @param now: seconds since the epoch.
        @param inUse: files that are being written.
        @return: what was deleted.
        """
        found = []
        for path in self.directory.glob("*.mp4"):
            if _NAME.fullmatch(path.name):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        deleted = []
        for modified, size, path in sorted(found):
            if path in inUse:
                continue
            old = self.keepSeconds and now - modified > self.keepSeconds
            if old or (self.keepBytes and total > self.keepBytes):
                path.unlink(missing_ok=True)
                deleted.append(path)
                total -= size
        return deleted
