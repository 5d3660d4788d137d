"""
The commands that receive video: record it, or watch how well it comes.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python import usage

from ..camera import Camera
from ..errors import CommandTimeout, TwistedcamError
from ..media.frame import Frame
from ..reactors import DatagramReactor
from ..restream.archive import Archive, fileName
from ..restream.record import SEGMENT, Recorder
from ..statistics import Statistics
from ..streams import MAIN, SUB
from ..threads import threads
from .ask import Ask
from .command import seconds

#: Seconds between two lines about the progress.
_EACH = 1.0

#: Seconds that a recording may take longer than it is to be, before it is given up.
_PATIENCE = 10.0


async def sleep(reactor: DatagramReactor, delay: float) -> None:
    """Wait."""
    await deferLater(cast(IReactorTime, reactor), delay)


class Record(Ask):
    """C{twistedcam record}"""

    synopsis = "UID-or-address --for SECONDS|--until-stopped --output DIR [options]"
    longdesc = (
        "Records pictures and sound as MP4, file after file, without encoding the"
        " pictures again. Whatever ends it, the files can be played. They are called"
        " after the camera and the time at which they begin."
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
        """It has to be said when to stop; and people take the folder for a file."""
        if (self["for"] is None) == (not self["until-stopped"]):
            raise usage.UsageError("--for SECONDS or --until-stopped?")
        if self["output"].lower().endswith(".mp4"):
            raise usage.UsageError(
                f"--output is a folder, not a file: {self['output']!r}"
            )
        super().postOptions()

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        """Record, and say how it goes."""
        archive = Archive(Path(self["output"]))
        # It may have been named by its address only.
        name = str(camera.deviceId)
        inThread = threads(reactor)
        # Later on it waits for room, but a typing error is better told at once.
        await inThread(archive.probe, fileName(name), reactor.seconds())
        recorder = Recorder(
            reactor,
            camera,
            archive,
            inThread=inThread,
            segment=self["segment"],
            sound=not self["no-sound"],
            name=name,
        )
        progress = Progress()
        recorder.start()
        end = reactor.seconds() + (self["for"] or 0.0) + _PATIENCE
        try:
            while self["for"] is None or (
                recorder.recorded.seconds < self["for"] and reactor.seconds() < end
            ):
                await sleep(reactor, 0.1 if self["for"] else _EACH)
                progress.show(self.progress(recorder, camera))
        finally:
            await recorder.stop()
            progress.end(self.summary(recorder, camera))
        self.check(camera, recorder)

    def check(self, camera: Camera, recorder: Recorder) -> None:
        """
        Is it what was asked for?

        @raise TwistedcamError: no.
        """
        seconds = recorder.recorded.seconds
        if self["for"] is not None and seconds < self["for"]:
            wanted = f"{camera.name}: {seconds:.1f} of {self['for']:g} s recorded"
            if recorder.problem:
                raise TwistedcamError(f"{wanted}: {recorder.problem}")
            raise CommandTimeout(f"{wanted}: no more video came")

    def progress(self, recorder: Recorder, camera: Camera) -> str:
        """One line about how it goes."""
        if recorder.problem:
            return f"not recording: {recorder.problem}"
        if not recorder.recorded.frames:
            return "waiting for the first picture"
        return self.figures(recorder, camera)

    def figures(self, recorder: Recorder, camera: Camera) -> str:
        """How much, how fast, and what is missing."""
        recorded = recorder.recorded
        minutes, left = divmod(int(recorded.seconds), 60)
        # From the first picture to the last, there is one less.
        rate = (recorded.frames - 1) / recorded.seconds if recorded.seconds else 0.0
        statistics = camera.statistics()
        return (
            f"{minutes:02}:{left:02}  {recorded.bytes / 1e6:.1f} MB  {rate:.1f} fps "
            f" {statistics.damaged} damaged  {statistics.lost} packets lost"
        )

    def summary(self, recorder: Recorder, camera: Camera) -> str:
        """What has become of it."""
        recorded = recorder.recorded
        if recorded.last is None:
            return "nothing recorded"
        files = f"{recorded.files} files, the last:" if recorded.files > 1 else "file:"
        return f"{self.figures(recorder, camera)}\n{files} {recorded.last}"


class Progress:
    """A line that is overwritten on a terminal, and else written now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told = float("-inf")

    def show(self, line: str) -> None:
        """Show how it goes."""
        now = time.monotonic()
        if now - self._told >= (_EACH if self._terminal else 10 * _EACH):
            self._told = now
            # The next line, or a message, overwrites it.
            end = "\033[K\r" if self._terminal else "\n"
            print(line, end=end, file=sys.stderr, flush=True)

    def end(self, text: str) -> None:
        """The last words."""
        print("\033[K" * self._terminal + text, file=sys.stderr)


_TITLES = "  fps  kbit/s  sound/s  damaged  held  lost  again  resent  late ms"


class Watch(Ask):
    """C{twistedcam watch}"""

    synopsis = "UID-or-address [options]"
    longdesc = (
        "Shows how well video and sound arrive, second by second, until interrupted:"
        " pictures and bits a second, what was lost or damaged, what had to be sent"
        " again by the camera and by us, and how late the most belated picture was,"
        " against a steady clock."
    )
    optParameters = [
        ["for", None, None, "Stop after so many seconds.", seconds],
    ]
    optFlags = [["sub", None, "Watch the smaller video."]]

    @property
    def quality(self) -> int:
        return SUB if self["sub"] else MAIN

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        """Print a line each second."""
        late = [0.0]

        def seen(frame: Frame) -> None:
            late[0] = max(late[0], frame.arrived - frame.time)

        leave = [
            camera.video.subscribe(seen),
            camera.audio.subscribe(lambda frame: None),
        ]
        before = camera.statistics()
        passed = 0
        if not self["json"]:
            print(_TITLES)
        try:
            while self["for"] is None or passed < self["for"]:
                await sleep(reactor, 1)
                passed += 1
                now = camera.statistics()
                line = self.asJson if self["json"] else self.line
                print(line(now.since(before), late[0]), flush=True)
                before, late[0] = now, 0.0
        finally:
            for each in leave:
                each()

    def asJson(self, s: Statistics, late: float) -> str:
        """One second, for programs."""
        return json.dumps({**asdict(s), "late": round(late, 3)})

    def line(self, s: Statistics, late: float) -> str:
        """One second, for people."""
        return (
            f"{s.frames:5}  {s.bytes * 8 / 1000:6.0f}  {s.soundFrames:7}  {s.damaged:7}"
            f"  {s.held:4}  {s.lost:4}  {s.duplicates:5}  {s.resent:6}"
            f"  {late * 1000:7.0f}"
        )
