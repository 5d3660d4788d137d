"""
A whole session, and a camera that sends anything at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from fuzz import puppet
from fuzz.checks import check, nothingLeft, nothingLogged
from fuzz.choices import Choices, Script
from fuzz.puppet import CAMERA, CIPHERS, PC, UID, Puppet
from twistedcam.errors import TwistedcamError, WireError
from twistedcam.media.assembly import FrameAssembler
from twistedcam.media.frame import Frame
from twistedcam.media.timeline import CameraClock, Timeline
from twistedcam.session.channel import REORDER_WINDOW
from twistedcam.session.dialogue import Dialogue
from twistedcam.session.machine import Reason, State
from twistedcam.session.protocol import CameraSession
from twistedcam.testing import Address, MemoryNetwork
from twistedcam.trace import describe

_DELAYS = (0.0, 0.0006, 0.011, 0.06, 0.1, 0.3, 1.0, 2.5, 6.0)

#: Simulated seconds of one input at most, and things that happen.
_SECONDS, _STEPS = 120.0, 300


class Act(IntEnum):
    """What may happen."""

    CAMERA = 0
    TIME = 1
    WRITE = 2
    COMMAND = 3
    STOP = 4
    CABLE = 5
    RESTART = 6


ACTS = tuple(Act)


class _Client:
    """The session, with all that listens to it."""

    def __init__(self, choices: Choices) -> None:
        how = choices.byte()
        cipher = CIPHERS[how % 3]
        self.network = MemoryNetwork(captureLimit=0)
        self.network.refusalCloses = bool(how & 64)
        house = self.network.host("camera", f"{CAMERA}/24")
        self.pc = self.network.host("pc", f"{PC}/24")
        self.puppet = Puppet(house, cipher)
        self.puppet.polite = bool(how & 128)
        self.open = self.connected = 0
        self.reason: Reason | None = None
        self.session = CameraSession(
            self.pc,
            UID,
            CAMERA,
            ciphers=(CIPHERS[0], cipher) if how & 32 else (cipher,),
            connected=self.up,
            trace=self.see,
        )
        self.dialogue = Dialogue(self.pc, lambda data: self.session.write(0, data))
        clock = CameraClock()
        self.assemblers = [
            FrameAssembler(_look, Timeline(clock), video) for video in (True, False)
        ]
        self.session.listen(0, self.dialogue.received, self.dialogue.lost)
        self.session.listen(5, self.dialogue.alarmReceived, self.dialogue.alarmsLost)
        for channel, assembler in enumerate(self.assemblers, 1):
            self.session.listen(channel, self.feed(assembler), assembler.lost)
        self.session.whenClosed().addCallback(self.over)
        self.session.start()
        if self.session.localPort is not None:
            self.puppet.target(self.session.localPort)

    def feed(self, assembler: FrameAssembler) -> Callable[[bytes], None]:
        """What gives an assembler its bytes."""
        return lambda payload: assembler.feed(payload, self.network.seconds())

    def see(self, now: float, sent: bool, peer: Address, datagram: bytes) -> None:
        """The trace."""
        check(describe(datagram).isprintable(), "unfit for a terminal")

    def up(self) -> None:
        """The handshake is complete."""
        self.connected += 1
        check(self.connected == 1, "connected twice")

    def over(self, reason: Reason) -> None:
        """The session has ended."""
        check(self.reason is None, "closed twice")
        self.reason = reason
        self.dialogue.close(TwistedcamError(reason.value))

    def follow(self, result: Deferred[Any]) -> None:
        """Every result comes once."""
        self.open += 1

        def told(value: object) -> None:
            self.open -= 1
            if isinstance(value, Failure):
                value.trap(TwistedcamError, CancelledError)

        result.addBoth(told)

    def step(self, choices: Choices) -> None:
        """Something happens."""
        match choices.one(ACTS):
            case Act.CAMERA:
                self.puppet.act(choices)
                self.network.advance(0.0006)
            case Act.TIME:
                self.network.advance(choices.one(_DELAYS))
            case Act.WRITE:
                channel, size = choices.byte() & 7, choices.u16()
                self.follow(self.session.write(channel, bytes(size)))
            case Act.COMMAND:
                name = choices.one(("get_status", "snapshot", "livestream", "x"))
                try:
                    self.follow(self.dialogue.command(name, {}, {"loginuse": "y"}))
                except WireError:
                    check(False, "a good command was refused")
            case Act.STOP:
                self.session.stop()
            case Act.CABLE:
                self.pc.plug() if choices.flag() else self.pc.unplug()
            case Act.RESTART:
                for channel in range(8):
                    self.session.mayRestart(channel)
        for receiver in self.session.receivers:
            check(len(receiver._ahead) <= REORDER_WINDOW, "too much ahead")
        check(
            (self.session.state is State.CLOSED) == (self.session.reason is not None),
            "closed without a reason",
        )

    def end(self) -> None:
        """Stop, and look whether anything is left."""
        self.pc.plug()
        self.session.stop()
        self.network.advance(1)
        check(self.session.state is State.CLOSED, f"it is {self.session.state}")
        check(self.reason is not None, "nobody was told that it is closed")
        self.dialogue.close(TwistedcamError("the end"))
        check(self.open == 0, f"{self.open} results never came")
        self.puppet.close()
        self.network.advance(1)
        nothingLeft(self.network, self.pc)


def _look(frame: Frame) -> None:
    repr(frame)


def target(data: bytes) -> None:
    """It never raises, and ends cleanly."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    client = _Client(choices)
    for _ in range(_STEPS):
        if not choices or client.network.seconds() > _SECONDS:
            break
        client.step(choices)
    client.end()


def seeds() -> Iterator[bytes]:
    """Handshakes, good and bad; data; misfortunes."""
    punch = (Act.CAMERA, puppet.Act.MESSAGE, 0)
    ready = (Act.CAMERA, puppet.Act.MESSAGE, 1)
    shaken = (*punch, Act.TIME, 3, *ready)
    for how in (0, 1, 2, 32, 33, 64):
        yield Script(how, *shaken, Act.TIME, 7, Act.STOP, Act.TIME, 6).done()
    for how in (128, 129, 130, 160, 192):
        talk = Script(how, Act.TIME, 4, Act.COMMAND, 0, Act.TIME, 1)
        talk.byte(Act.CAMERA, puppet.Act.ANSWER, 0).blob(b"var a=1;").byte(0)
        talk.byte(Act.CAMERA, puppet.Act.FRAME, 0, 0, 0).blob(b"abc").byte(0)
        talk.u16(5).u32(6).byte(0, 0, Act.TIME, 6)
        talk.byte(Act.CAMERA, puppet.Act.FRAME, 6, 1, 2).blob(b"sound").byte(0)
        talk.u16(5).u32(6).byte(0, 0, Act.TIME, 6)
        yield talk.byte(Act.WRITE, 3).u16(5000).byte(Act.TIME, 5, Act.STOP).done()
    yield Script(
        128, Act.TIME, 5, Act.CAMERA, puppet.Act.MESSAGE, 4, Act.TIME, 6
    ).done()
    yield Script(
        128, Act.TIME, 5, Act.CAMERA, puppet.Act.GONE, Act.WRITE, 0, 9, 0
    ).done()
    yield Script(192, Act.TIME, 5, Act.CAMERA, puppet.Act.GONE, Act.TIME, 8).done()
    yield Script(0, *punch, Act.CAMERA, puppet.Act.MESSAGE, 5, Act.TIME, 8).done()
    yield Script(128, Act.TIME, 5, Act.CAMERA, 8, 0, *(Act.TIME, 8) * 2).done()
    yield Script(
        128, Act.TIME, 5, Act.CAMERA, 8, 0, Act.WRITE, 0, 9, 0, Act.TIME, 8
    ).done()
    yield Script(
        128, Act.TIME, 5, Act.CABLE, 0, Act.TIME, 7, Act.CABLE, 1, Act.TIME
    ).done()
    data = Script(128, Act.TIME, 5)
    for step in (0, 0, 0xC4, 0xC3, 0xB0, 0):
        data.byte(Act.CAMERA, puppet.Act.DATA, 1, step).blob(b"\x55\xaa\x15\xa8")
    data.byte(Act.CAMERA, puppet.Act.DATA, 9, 0).blob(b"x").byte(Act.TIME, 6)
    data.byte(Act.CAMERA, puppet.Act.BENT, 0, 3, 9, Act.CAMERA, puppet.Act.BYTES)
    yield data.blob(b"\xf1\xd0\xff\xff").byte(Act.RESTART, Act.TIME, 6).done()
