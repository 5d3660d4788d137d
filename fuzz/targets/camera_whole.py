"""
A whole camera as programs see it, its owner, and something out there that answers
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from fuzz import puppet
from fuzz.checks import check, nothingLeft, nothingLogged
from fuzz.choices import Choices, Script
from fuzz.puppet import CAMERA, CIPHERS, PC, UID, Puppet
from twistedcam import Camera, CameraState, Discovery, Frame
from twistedcam.errors import TwistedcamError
from twistedcam.testing import Address, MemoryNetwork
from twistedcam.trace import describe

_DELAYS = (0.0006, 0.011, 0.1, 0.3, 1.0, 2.5, 6.0, 30.0)

#: Simulated seconds of one input at most, and things that happen.
_SECONDS, _STEPS = 240.0, 200


class Act(IntEnum):
    """What may happen."""

    CAMERA = 0
    TIME = 1
    CONNECT = 2
    DISCONNECT = 3
    ASK = 4
    WATCH = 5
    LEAVE = 6
    CANCEL = 7
    CABLE = 8
    LOGIN = 9


ACTS = tuple(Act)


class _Owner:
    """Somebody who has that camera."""

    def __init__(self, choices: Choices) -> None:
        how = choices.byte()
        cipher = CIPHERS[how % 3]
        self.network = MemoryNetwork(captureLimit=0)
        house = self.network.host("camera", f"{CAMERA}/24")
        self.pc = self.network.host("pc", f"{PC}/24")
        self.puppet = Puppet(house, cipher)
        self.puppet.polite = bool(how & 128)
        self.discovery = Discovery(self.pc, interfaces=self.pc.interfaces)
        self.camera = Camera(
            self.pc,
            deviceId=UID if how & 64 else None,
            address=CAMERA if how & 32 else None,
            pinAddress=bool(how & 16 and how & 32),
            password="a secret",
            psk="nobody knows" if how % 3 == 2 else None,
            discovery=self.discovery,
            trace=self.see,
            dice=Random(1),
        )
        self.named = bool(how & 96)
        self.camera.onStatus(repr)
        self.asks: tuple[Callable[[], Deferred[Any]], ...] = (
            self.camera.status,
            self.camera.checkUser,
            self.camera.params,
            self.camera.imageSettings,
            self.camera.wifiNetworks,
            self.camera.records,
            self.camera.snapshot,
            lambda: self.camera.setImage(brightness=1),
            lambda: self.camera.move("left"),
            lambda: self.camera.reboot(allow="dangerous"),
            lambda: self.camera.call("no_such", allow="dangerous", a="b"),
        )
        self.results: list[Deferred[Any]] = []
        self.open = 0
        self.leaving: list[Callable[[], None]] = []
        self.last = float("-inf")

    def see(self, now: float, sent: bool, peer: Address, datagram: bytes) -> None:
        """The trace; nobody gets the password whom nobody has asked for."""
        check(describe(datagram).isprintable(), "unfit for a terminal")
        if sent:
            told = b"secret" in datagram
            check(self.named or not told, "the password, to whoever came first")

    def follow(self, result: Deferred[Any]) -> None:
        """Every result comes once."""
        self.open += 1
        self.results.append(result)

        def told(value: object) -> None:
            self.open -= 1
            if isinstance(value, Failure):
                value.trap(TwistedcamError, CancelledError)
                check("a secret" not in str(value.value), "the password in an error")

        result.addBoth(told)

    def step(self, choices: Choices) -> None:
        """Something happens."""
        camera = self.camera
        match choices.one(ACTS):
            case Act.CAMERA:
                self.puppet.act(choices)
                self.network.advance(0.0006)
            case Act.TIME:
                self.network.advance(choices.one(_DELAYS))
            case Act.CONNECT:
                self.follow(camera.connect(choices.one((None, 1.0, 20.0))))
            case Act.DISCONNECT:
                self.follow(camera.disconnect())
            case Act.ASK:
                ask = choices.one(self.asks)
                self.follow(ask())
            case Act.WATCH:
                which = choices.byte() % 5
                if len(self.leaving) < 20:
                    streams = (camera.video, camera.audio, camera.sound, camera.alaw)
                    stream = camera.subVideo if which == 4 else streams[which]
                    self.leaving.append(stream.subscribe(self.watch))
            case Act.LEAVE:
                if self.leaving:
                    choices.one(self.leaving)()
            case Act.CANCEL:
                if self.results:
                    choices.one(self.results).cancel()
            case Act.CABLE:
                self.pc.plug() if choices.flag() else self.pc.unplug()
            case Act.LOGIN:
                camera.setLogin("admin", "a secret")
        repr(camera), camera.statistics(), camera.localPort

    def watch(self, frame: Frame) -> None:
        """A viewer."""
        check(bool(frame.data), "an empty frame")

    def end(self) -> None:
        """Part, and look whether anything is left."""
        self.pc.plug()
        for leave in self.leaving:
            leave()
        self.follow(self.camera.disconnect())
        self.network.advance(2)
        check(self.camera.state is CameraState.STOPPED, repr(self.camera))
        check(self.open == 0, f"{self.open} results never came")
        self.discovery.stop()
        self.puppet.close()
        self.network.advance(1)
        nothingLeft(self.network, self.pc)


def target(data: bytes) -> None:
    """Whatever happens, every result comes, and nothing is left."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    owner = _Owner(choices)
    for _ in range(_STEPS):
        if not choices or owner.network.seconds() > _SECONDS:
            break
        owner.step(choices)
    owner.end()


def seeds() -> Iterator[bytes]:
    """Polite and impolite ones."""
    begin = (Act.CONNECT, 0, Act.TIME, 5)
    for how in (128, 129, 130, 192, 224, 240, 160, 225):
        talk = Script(how, *begin)
        for place in range(11):
            talk.byte(Act.ASK, place)
            code = (62, 45, 1, 2, 7, 6, 20, 17, 25, 36, 0)[place]
            talk.byte(Act.CAMERA, puppet.Act.ANSWER, place % 8).blob(b"").byte(code)
        yield talk.byte(Act.TIME, 6, Act.DISCONNECT).done()
    film = Script(192, *begin, Act.WATCH, 0, Act.WATCH, 2, Act.TIME, 4)
    for kind, channel, data in ((0, 0, 0), (1, 0, 1), (6, 1, 2), (7, 1, 2)) * 3:
        film.byte(Act.CAMERA, puppet.Act.FRAME, kind, channel, data).blob(b"abc" * 20)
        film.byte(0).u16(5).u32(6).byte(0, 0, Act.TIME, 0)
    film.byte(Act.WATCH, 3, Act.WATCH, 4, Act.TIME, 5, Act.TIME, 5)
    yield film.byte(Act.LEAVE, 0, Act.TIME, 4, Act.LEAVE, 1, Act.TIME, 5).done()
    yield Script(192, *begin, Act.CAMERA, puppet.Act.MESSAGE, 4, Act.TIME, 6).done()
    yield Script(192, *begin, Act.CAMERA, puppet.Act.GONE, *(Act.TIME, 6) * 3).done()
    yield Script(64, Act.CONNECT, 1, Act.CAMERA, puppet.Act.REPORT, 0, 0, 0).done()
    yield Script(192, *begin, Act.CABLE, 0, Act.TIME, 7, Act.CABLE, 1, Act.TIME).done()
    yield Script(192, *begin, Act.ASK, 0, Act.CAMERA, 4, 2).blob(b"").byte(0, 9).done()
