"""
The searcher, and everybody on the LAN who answers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from fuzz.checks import check, nothingLeft, nothingLogged
from fuzz.choices import Choices, Script
from fuzz.puppet import CAMERA, CIPHERS, MESSAGES, OTHER, PC, UID
from twistedcam import Discovery, Found
from twistedcam.discovery import MAX_SIGHTINGS
from twistedcam.errors import TwistedcamError
from twistedcam.testing import MemoryNetwork
from twistedcam.wire import dh, pppp
from twistedcam.wire.deviceid import DeviceId

_DELAYS = (0.0, 0.5, 1.0, 2.0, 10.0, 60.0)
_STRANGER = "192.0.2.66"

#: Simulated seconds of one input at most, and things that happen.
_SECONDS, _STEPS = 600.0, 200


class Act(IntEnum):
    """What may happen."""

    FIND = 0
    SEARCH = 1
    CANCEL = 2
    STOP = 3
    TIME = 4
    MESSAGE = 5
    REPORT = 6
    BYTES = 7
    BENT = 8
    FLOOD = 9
    CABLE = 10


ACTS = tuple(Act)


class _Socket(DatagramProtocol):
    """Somebody's port."""

    noisy = False
    transport: IUDPTransport


class _Lan:
    """All of them."""

    def __init__(self, choices: Choices) -> None:
        how = choices.byte()
        self.network = MemoryNetwork(captureLimit=0)
        self.pc = self.network.host("pc", f"{PC}/24", "198.51.100.1/32")
        self.sockets = []
        for name, address in (("camera", CAMERA), ("stranger", _STRANGER)):
            socket = _Socket()
            self.network.host(name, f"{address}/24").listenUDP(20000, socket)
            self.sockets.append(socket)
        self.discovery = Discovery(
            self.pc,
            interfaces=self.pc.interfaces,
            searchAddresses=((), (CAMERA,), ("255.255.255.255", CAMERA))[how % 3],
            localAddress=PC if how & 128 else "",
            trace=lambda *seen: None,
        )
        self.unsubscribe = self.discovery.onFound(self.found)
        self.results: list[Deferred[Any]] = []
        self.open = 0

    def found(self, found: Found) -> None:
        """Somebody answered."""
        for text in (found.details, found.name, str(found.deviceId), found.address):
            check(text.isprintable(), f"unfit for a terminal: {text!r}")
        check(found.address in (CAMERA, _STRANGER), f"from {found.address}")
        check(bool(found.ciphers), "no key to try")

    def follow(self, result: Deferred[Any]) -> None:
        """Every result comes once."""
        self.open += 1
        self.results.append(result)

        def told(value: object) -> None:
            self.open -= 1
            if isinstance(value, Failure):
                value.trap(TwistedcamError, CancelledError)

        result.addBoth(told)

    def step(self, choices: Choices) -> None:
        """Something happens."""
        discovery = self.discovery
        match choices.one(ACTS):
            case Act.FIND:
                deviceId = choices.one((UID, OTHER, None))
                address = choices.one((None, CAMERA, _STRANGER, "198.51.100.9"))
                find = discovery.find(
                    deviceId,
                    address=address,
                    pinned=address is not None and choices.flag(),
                    ciphers=choices.one(((), CIPHERS[2:])),
                )
                self.follow(find.addCallback(self.fits, deviceId, address))
            case Act.SEARCH:
                self.follow(
                    discovery.search(
                        choices.one(_DELAYS),
                        addresses=choices.one(((), (_STRANGER,))),
                    )
                )
            case Act.CANCEL:
                if self.results:
                    choices.one(self.results).cancel()
            case Act.STOP:
                self.follow(discovery.stop())
            case Act.TIME:
                self.network.advance(choices.one(_DELAYS))
            case Act.CABLE:
                self.pc.plug() if choices.flag() else self.pc.unplug()
            case Act.MESSAGE:
                cipher = choices.one(CIPHERS)
                clear = pppp.encode(choices.one(MESSAGES))
                self.answer(choices, cipher.encipher(clear))
            case Act.BENT:
                cipher = choices.one(CIPHERS)
                bent = bytearray(pppp.encode(choices.one(MESSAGES)))
                bent[choices.byte() % len(bent)] ^= choices.byte()
                self.answer(choices, cipher.encipher(bytes(bent)))
            case Act.REPORT:
                report = dh.DhReport(
                    ip=choices.one((CAMERA, _STRANGER, "nonsense")),
                    uid=choices.one((UID.compact, OTHER.compact, "VE1X", "none")),
                    user=choices.one(("", UID.compact, "\x1b[2J")),
                    name=choices.one(("", "garden", "\u00e4\u202e")),
                )
                datagram = bytearray(dh.encode(report))
                datagram[choices.u16() % len(datagram)] ^= choices.byte()
                self.answer(choices, bytes(datagram[: 600 - choices.byte()]))
            case Act.BYTES:
                self.answer(choices, choices.blob())
            case Act.FLOOD:
                first = choices.u32() >> 1
                for serial in range(first, first + 100):
                    punch = pppp.PunchPkt(DeviceId("VSTB", serial, "ABCDE"))
                    self.send(0, pppp.encode(punch))
                self.network.advance(0.001)
        check(len(discovery._sightings) <= MAX_SIGHTINGS, "it remembers too many")

    def fits(self, found: Found, deviceId: DeviceId | None, address: str | None) -> Any:
        """It is the one that was asked for."""
        check(deviceId is None or found.isA(deviceId), f"{found} is not {deviceId}")
        if deviceId is None and address is not None:
            check(found.address == address, f"{found} is not at {address}")
        return found

    def answer(self, choices: Choices, datagram: bytes) -> None:
        """Somebody sends something, to all of our ports."""
        self.send(choices.byte() & 1, datagram)
        self.network.advance(0.001)

    def send(self, who: int, datagram: bytes) -> None:
        """To all of our ports."""
        for port in self.pc.ports:
            number = port.getHost().port
            try:
                self.sockets[who].transport.write(datagram, (PC, number))
            except OSError:
                pass

    def end(self) -> None:
        """Stop, and look whether anything is left."""
        self.unsubscribe()
        self.follow(self.discovery.stop())
        self.network.advance(1)
        check(self.open == 0, f"{self.open} results never came")
        nothingLeft(self.network, self.pc)


def target(data: bytes) -> None:
    """Only who was asked for is found; nothing grows, and nothing is left."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    lan = _Lan(choices)
    for _ in range(_STEPS):
        if not choices or lan.network.seconds() > _SECONDS:
            break
        lan.step(choices)
    lan.end()


def seeds() -> Iterator[bytes]:
    """Good and bad answers."""
    for how in (0, 1, 2, 128):
        for wanted in (0, 2):
            yield Script(
                *(how, Act.FIND, wanted, 0, 0, Act.TIME, 1, Act.MESSAGE, 0, 0, 0),
                *(Act.FIND, 1, 1, 1, 1, Act.TIME, 0, Act.MESSAGE, 2, 8, 0),
            ).done()
    report = Script(0, Act.SEARCH, 4, 1, Act.FIND, 0, 1, 1, 0, Act.TIME, 1)
    report.byte(Act.REPORT, 0, 0, 0, 1).u16(523).byte(0, 76, 0, Act.TIME, 3)
    report.byte(Act.REPORT, 1, 2, 1, 2).u16(80).byte(255, 76, 1, Act.TIME, 4)
    yield report.byte(Act.STOP).done()
    flood = Script(0, Act.SEARCH, 5, 0, Act.TIME, 1)
    for first in range(12):
        flood.byte(Act.FLOOD).u32(first * 1000)
    yield flood.byte(Act.TIME, 5).done()
    yield Script(0, Act.FIND, 0, 0, 0, Act.CABLE, 0, Act.TIME, 4, Act.CANCEL, 0).done()
    odd = Script(1, Act.FIND, 0, 0, 0, Act.TIME, 1, Act.BYTES).blob(b"DH\1\1").byte(0)
    yield odd.byte(Act.BENT, 1, 0, 5, 32, 0, Act.TIME, 2).done()
