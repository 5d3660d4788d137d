"""
Frames out of whatever comes on a channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import pack

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.media.assembly import FrameAssembler
from twistedcam.media.frame import Frame
from twistedcam.media.timeline import TICK, CameraClock, Timeline
from twistedcam.wire.av import HEAD, MAGIC, MAX_FRAME

MAX_LEN = 8192

_LENGTHS = (0, 1, 5, 100, 1000, 5000, MAX_FRAME, MAX_FRAME + 1, 0xFFFFFFFF)


class Act(IntEnum):
    """What may happen."""

    BYTES = 0
    HEADED = 1
    HEAD_ONLY = 2
    LOST = 3
    TIME = 4
    FILL = 5


ACTS = tuple(Act)


class _Channel:
    """Feeds an assembler, and looks at what comes out."""

    def __init__(self, video: bool) -> None:
        self.video = video
        self.now = 1000.0
        self.fed = 0
        self.gap = False
        self.got = 0
        self.last = float("-inf")
        self.out = 0
        self.assembler = FrameAssembler(self.take, Timeline(CameraClock()), video)

    def take(self, frame: Frame) -> None:
        """A frame is complete."""
        self.got += 1
        self.out += len(frame.data)
        check(frame.codec.isVideo == self.video, f"{frame.codec} on this channel")
        check(0 < len(frame.data) <= MAX_FRAME, f"{len(frame.data)} bytes")
        check(frame.time >= self.last + TICK - 1e-9, "time goes back")
        self.last = frame.time
        if self.video and (frame.gap or self.got == 1):
            check(frame.keyframe, "after a gap a picture that needs what is missing")
        check(frame.gap or not self.gap, "the gap is not told")
        self.gap = False

    def feed(self, payload: bytes) -> None:
        """Bytes come."""
        self.fed += len(payload)
        self.assembler.feed(payload, self.now)
        self.bounds()

    def bounds(self) -> None:
        """Nothing grows."""
        assembler = self.assembler
        held = sum(map(len, assembler._parts))
        check(held <= MAX_FRAME, f"{held} bytes of a frame")
        check(len(assembler._rest) < HEAD.size, f"{len(assembler._rest)} between")
        if assembler._head is not None:
            check(held + assembler._missing == assembler._head.length, "not as long")
        check(self.out + assembler.skipped + held <= self.fed, "more than came")
        check(assembler.frames == self.got, "another number of frames")

    def step(self, choices: Choices) -> None:
        """Something happens."""
        match choices.one(ACTS):
            case Act.BYTES:
                self.feed(choices.blob())
            case Act.HEADED:
                kind, stamp, cut = choices.byte(), choices.u32(), choices.byte()
                data = choices.blob()
                frame = self.head(kind, stamp, len(data)) + data
                self.feed(frame[:cut])
                self.feed(frame[cut:])
            case Act.HEAD_ONLY:
                kind, stamp = choices.byte(), choices.u32()
                self.feed(self.head(kind, stamp, choices.one(_LENGTHS)))
            case Act.LOST:
                self.assembler.lost(choices.byte())
                self.gap = True
                self.bounds()
            case Act.TIME:
                self.now += (choices.byte() - 8) / 10
            case Act.FILL:
                self.feed(choices.blob() * (1 + choices.byte()))

    def head(self, kind: int, stamp: int, length: int) -> bytes:
        """The head of a frame."""
        milliseconds, seconds = stamp & 0xFFFF, stamp >> 16
        stream = 0 if self.video else 1
        return pack(
            "<4sBBHIII8xhh", MAGIC, kind, stream, milliseconds, seconds, 1, length, 0, 0
        )


def target(data: bytes) -> None:
    """Frames are whole and in order, and nothing grows."""
    choices = Choices(data)
    channel = _Channel(choices.flag())
    while choices:
        channel.step(choices)


def seeds() -> Iterator[bytes]:
    """What the emulated camera sends, and misfortunes."""
    from fuzz.traffic import stream, vectors

    for codec in ("h264", "h265", "mjpeg"):
        film = stream(1, codec=codec)
        script = Script(1)
        for start in range(0, 4096, 1024):
            script.byte(Act.BYTES).blob(film[start : start + 1024])
        yield script.byte(Act.LOST, 2).done()
    sound = stream(2)
    yield (
        Script(0, Act.BYTES)
        .blob(sound[:600])
        .byte(Act.LOST, 0, Act.BYTES)
        .blob(sound[:900])
        .done()
    )
    for medium in vectors("media"):
        yield Script(1, Act.BYTES).blob(medium).done()
    idr = b"\0\0\0\1\x67\x42\0\x1e\0\0\0\1\x68\xce\0\0\0\1\x65abc"
    yield (
        Script(1, Act.HEADED, 0)
        .u32(0x10010)
        .byte(20)
        .blob(idr)
        .byte(Act.HEADED, 1)
        .u32(0x10050)
        .byte(255)
        .blob(b"\0\0\1\x41abc")
        .byte(Act.LOST, 1, Act.TIME, 200, Act.HEADED, 1)
        .u32(0)
        .byte(3)
        .blob(b"\0\0\1\x41abc")
        .byte(Act.HEAD_ONLY, 0)
        .u32(1)
        .byte(6, Act.FILL)
        .blob(b"x" * 250)
        .byte(255)
        .done()
    )
    yield (
        Script(1, Act.BYTES)
        .blob(MAGIC * 8)
        .byte(Act.HEAD_ONLY, 3)
        .u32(9)
        .byte(7, Act.FILL)
        .done()
    )
