"""
The commands that receive video: record it, or watch how well it comes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python import usage

from ..camera import Camera
from ..media.frame import Frame
from ..reactors import DatagramReactor
from ..restream.archive import Archive
from ..restream.record import SEGMENT, Recorder
from ..statistics import Statistics
from ..threads import threads
from .ask import Ask
from .command import seconds

#: Seconds between two lines about the progress.
_EACH = 1.0


async def sleep(reactor: DatagramReactor, delay: float) -> None:
    """Wait."""
    await deferLater(cast(IReactorTime, reactor), delay)


class Record(Ask):
    """C{twistedcam record}"""

    synopsis = "UID-or-address --for SECONDS|--until-stopped --output DIR [options]"
    longdesc = (
        "Records pictures and sound as MP4, file after file, without encoding the"
        " pictures again. Whatever ends it, the files can be played."
    )
    optParameters = [
        ["for", None, None, "Stop after so many seconds of video.", seconds],
        ["output", None, ".", "The folder for the files."],
        ["segment", None, SEGMENT, "Seconds of one file.", seconds],
    ]
    optFlags = [
        ["until-stopped", None, "Go on until interrupted."],
        ["no-sound", None, "Do without the sound."],
    ]

    def postOptions(self) -> None:
        """It has to be said when to stop."""
        if (self["for"] is None) == (not self["until-stopped"]):
            raise usage.UsageError("--for SECONDS or --until-stopped?")
        super().postOptions()

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        """Record, and say how it goes."""
        recorder = Recorder(
            reactor,
            camera,
            Archive(Path(self["output"])),
            inThread=threads(reactor),
            segment=self["segment"],
            sound=not self["no-sound"],
            # It may have been named by its address only.
            name=str(camera.deviceId),
        )
        progress = Progress()
        recorder.start()
        try:
            while self["for"] is None or recorder.recorded.seconds < self["for"]:
                await sleep(reactor, min(_EACH, 0.1 if self["for"] else _EACH))
                progress.show(self.progress(recorder, camera), camera)
        finally:
            await recorder.stop()
            progress.end(self.progress(recorder, camera))

    def progress(self, recorder: Recorder, camera: Camera) -> str:
        """One line."""
        recorded = recorder.recorded
        if recorder.problem:
            return f"not recording: {recorder.problem}"
        minutes, left = divmod(int(recorded.seconds), 60)
        rate = recorded.frames / recorded.seconds if recorded.seconds else 0.0
        statistics = camera.statistics()
        return (
            f"{minutes:02}:{left:02}  {recorded.bytes / 1e6:.1f} MB  {rate:.1f} fps "
            f" {statistics.damaged} damaged  {statistics.lost} packets lost"
        )


class Progress:
    """A line that is overwritten on a terminal, and else written now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told = 0.0

    def show(self, line: str, camera: Camera) -> None:
        """Show how it goes."""
        now = time.monotonic()
        if now - self._told >= (_EACH if self._terminal else 10 * _EACH):
            self._told = now
            print(line, end="\r\033[K" if self._terminal else "\n", file=sys.stderr)

    def end(self, line: str) -> None:
        """The last word."""
        print(line, file=sys.stderr)


class Watch(Ask):
    """C{twistedcam watch}"""

    synopsis = "UID-or-address [options]"
    longdesc = (
        "Shows how well video and sound arrive, second by second, until interrupted:"
        " pictures and bits a second, what was lost or damaged, what had to be sent"
        " again by the camera and by us, and how late the latest picture was, against"
        " a steady clock."
    )
    optParameters = [
        ["for", None, None, "Stop after so many seconds.", seconds],
    ]
    optFlags = [["sub", None, "Watch the smaller video."]]

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        """Print a line each second."""
        late = [0.0]

        def seen(frame: Frame) -> None:
            late[0] = max(late[0], frame.arrived - frame.time)

        stream = camera.subVideo if self["sub"] else camera.video
        leave = [stream.subscribe(seen), camera.audio.subscribe(lambda frame: None)]
        before = camera.statistics()
        passed = 0
        print("  fps  kbit/s  sound/s  damaged  held  lost  again  resent  late ms")
        try:
            while self["for"] is None or passed < self["for"]:
                await sleep(reactor, 1)
                passed += 1
                now = camera.statistics()
                print(self.line(now.since(before), late[0]), flush=True)
                before, late[0] = now, 0.0
        finally:
            for each in leave:
                each()

    def line(self, s: Statistics, late: float) -> str:
        """One second."""
        return (
            f"{s.frames:5}  {s.bytes * 8 / 1000:6.0f}  {s.soundFrames:7}  {s.damaged:7}"
            f"  {s.held:4}  {s.lost:4}  {s.duplicates:5}  {s.resent:6}"
            f"  {late * 1000:7.0f}"
        )
