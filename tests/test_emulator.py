"""
The emulated camera, seen by a client that knows nothing but bytes: how it is
found, how sessions begin, and its ups and downs.
"""

from __future__ import annotations

import gc
import warnings
from dataclasses import replace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedcam.emulator import (
    FIRMWARE_A,
    FIRMWARE_B,
    Doors,
    EmulatedCamera,
    Faults,
    Firmware,
    Session,
)
from twistedcam.emulator.faults import MAX_UNDER_WAY, REORDER_HOLD
from twistedcam.emulator.reception import MAX_PENDINGS
from twistedcam.emulator.report import MAX_REQUESTS
from twistedcam.errors import AlreadyStarted, WireError
from twistedcam.testing import MemoryHost, MemoryNetwork
from twistedcam.wire.cipher import Cipher

UID = "VSTB668515UZCPK"
DID = b"VSTB\0\0\0\0\x00\x0a\x33\x63UZCPK\0\0\0"
CAMERA, PC, PHONE = "192.0.2.7", "192.0.2.10", "192.0.2.11"

SEARCH = b"\xf1\x30\0\0"
PUNCH = b"\xf1\x41\0\x14" + DID
READY = b"\xf1\x42\0\x14" + DID
TCP = b"\xf1\x43\0\x2c" + DID + bytes(24)
ALIVE = b"\xf1\xe0\0\0"
ALIVE_ACK = b"\xf1\xe1\0\0"
CLOSE = b"\xf1\xf0\0\0"
DH = b"DH\x01\x01"


class Caller(DatagramProtocol):
    """
    A client's UDP port.

    @ivar heard: time, datagram and sender of all that came.
    """

    transport: IUDPTransport
    noisy = False

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.heard: list[tuple[float, bytes, tuple[str, int]]] = []
        self.camera: tuple[str, int] = (CAMERA, 0)

    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        self.heard.append((self.clock.seconds(), datagram, address))

    def say(self, datagram: bytes, port: int | None = None, to: str = CAMERA) -> None:
        """Send to a port of the camera, or else to the session's."""
        self.transport.write(datagram, self.camera if port is None else (to, port))

    def take(self) -> list[bytes]:
        """The datagrams that came since the last time."""
        heard, self.heard = self.heard, []
        return [datagram for _, datagram, _ in heard]

    def times(self, datagram: bytes) -> list[float]:
        """When this very datagram came."""
        return [time for time, heard, _ in self.heard if heard == datagram]


class Bench(SynchronousTestCase):
    """A camera, a computer and a telephone on a quick and perfect network."""

    firmware: Firmware = FIRMWARE_B

    def setUp(self) -> None:
        self.build()

    def build(self, seed: int = 0, **how: Any) -> None:
        """Set all up; hypothesis needs it afresh for each example."""
        self.network = MemoryNetwork(seed=seed, latency=0.0001)
        self.host = self.network.host("camera", f"{CAMERA}/24", defaultRoute=True)
        self.pc = self.network.host("pc", f"{PC}/24")
        self.phone = self.network.host("phone", f"{PHONE}/24")
        self.doors = Doors(self.host)
        self.doors.open()
        how = {"firmware": self.firmware, **how}
        self.camera = EmulatedCamera(self.host, UID, doors=self.doors, **how)
        self.camera.start()

    def caller(self, host: MemoryHost | None = None) -> Caller:
        """Open a client's port."""
        caller = Caller(self.network)
        port = (host or self.pc).listenUDP(0, caller)
        self.addCleanup(port.stopListening)
        caller.transport.setBroadcastAllowed(True)
        return caller

    def find(self, caller: Caller) -> None:
        """LAN_SEARCH, and note where PUNCH_PKT came from."""
        caller.say(SEARCH, 32108)
        self.network.advance(0.001)
        self.assertEqual([PUNCH], [d for _, d, _ in caller.heard[-1:]])
        caller.camera = caller.heard[-1][2]

    def connect(self, host: MemoryHost | None = None) -> Caller:
        """A whole handshake, slow enough for all; what came is forgotten."""
        self.network.advance(1.1)
        caller = self.caller(host)
        self.find(caller)
        self.network.advance(0.060)
        caller.say(PUNCH)
        self.network.advance(0.035)
        self.assertEqual([PUNCH, *[READY] * 4], caller.take())
        return caller

    def assertFreed(self) -> None:
        """After C{stop} and C{close} nothing is left of the camera."""
        self.successResultAfter(self.camera.stop())
        self.successResultAfter(self.doors.close())
        self.assertEqual([], self.host.ports)
        self.assertEqual([], list(self.network.getDelayedCalls()))

    def successResultAfter(self, deferred: Deferred[None]) -> None:
        """It fires as soon as the clock ticks."""
        self.network.advance(0)
        self.assertIsNone(self.successResultOf(deferred))


class DhTests(Bench):
    """Searches at port 8600."""

    def test_answersTwice(self) -> None:
        """A search is answered to its sender, and to all at the sender's port."""
        caller = self.caller()
        caller.say(DH, 8600)
        self.network.advance(0.01)
        self.assertEqual(2, len(caller.heard))
        (_, first, source), (_, second, _) = caller.heard
        self.assertEqual(first, second)
        self.assertEqual((CAMERA, 8600), source)
        port = caller.transport.getHost().port
        answers = [d for d in self.network.captured if d.source[0] == CAMERA]
        self.assertEqual(
            [(PC, port), ("255.255.255.255", port)], [d.destination for d in answers]
        )

    def test_layout(self) -> None:
        """The report has 524 bytes, each field in its place, zeros from 0x144."""
        caller = self.caller()
        caller.say(DH + bytes(96), 8600)
        self.network.advance(0.01)
        report = caller.heard[0][1]
        self.assertEqual(524, len(report))
        self.assertEqual(b"DH\x01\x08", report[:4])
        self.assertEqual(CAMERA.encode(), report[0x004:0x014].rstrip(b"\0"))
        self.assertEqual(b"255.255.255.0", report[0x014:0x024].rstrip(b"\0"))
        self.assertNotEqual(bytes(6), report[0x054:0x05A])
        port = int.from_bytes(report[0x05A:0x05C], "little")
        self.assertEqual(self.camera.httpPort, port)
        self.assertEqual(UID.encode(), report[0x05C:0x07C].rstrip(b"\0"))
        self.assertEqual(b"IPCAM", report[0x07C:0x0CC].rstrip(b"\0"))
        self.assertEqual(
            self.firmware.systemVersion.encode(), report[0x0CC:0x0DC].rstrip(b"\0")
        )
        self.assertEqual(bytes(0x40), report[0x0EC:0x12C])
        self.assertEqual(b"\0\1", report[0x12C:0x12E])
        self.assertEqual(self.firmware.wiredMac, any(report[0x130:0x136]))
        self.assertEqual(bytes(200), report[0x144:])

    def test_rate(self) -> None:
        """One datagram takes 200 ms, even one not understood; others queue."""
        caller = self.caller()
        for datagram in (DH, b"whatever", DH):
            caller.say(datagram, 8600)
        self.network.advance(1)
        times = [round(time, 2) for time, _, _ in caller.heard]
        self.assertEqual([0.0, 0.0, 0.4, 0.4], times)

    def test_queueBounded(self) -> None:
        """A flood of searches is answered as far as the queue goes."""
        caller = self.caller()
        for _ in range(MAX_REQUESTS + 50):
            caller.say(DH, 8600)
        self.network.advance(120)
        self.assertEqual(2 * (MAX_REQUESTS + 1), len(caller.heard))

    def test_otherCommands(self) -> None:
        """Set requests, the dangerous 06 01 and unknown commands get no answer."""
        caller = self.caller()
        for command in (b"\2\1", b"\3\1", b"\4\1", b"\6\1", b"\1\x08", b"\xff\xff"):
            caller.say(b"DH" + command + bytes(320), 8600)
        for short in (b"", b"D", b"DH\1"):
            caller.say(short, 8600)
        self.network.advance(5)
        self.assertEqual([], caller.heard)

    def test_short(self) -> None:
        """ "Get camera" is answered at port 8900, and to all at its own port."""
        caller, fixed = self.caller(), Caller(self.network)
        port = self.pc.listenUDP(8900, fixed)
        self.addCleanup(port.stopListening)
        caller.say(b"DH\x05\x01", 8600)
        self.network.advance(0.01)
        (answer,) = caller.take()
        self.assertEqual([answer], fixed.take())
        self.assertEqual(208, len(answer))
        self.assertEqual(b"DH\x05\x08IPCAM\0", answer[:10])
        self.assertEqual(CAMERA.encode(), answer[0x24:0x34].rstrip(b"\0"))
        self.assertEqual(UID.encode(), answer[0x54:0x74].rstrip(b"\0"))
        self.assertRegex(answer[0xB4:0xC5], rb"^([0-9A-F]{2}:){5}[0-9A-F]{2}$")
        port16 = int.from_bytes(answer[0xC8:0xCA], "little")
        self.assertEqual(self.camera.httpPort, port16)
        self.assertEqual(b"\1", answer[0xCA:0xCB])

    def test_noBroadcastRoute(self) -> None:
        """Without a way for broadcasts the unicast answer still comes."""
        host = self.network.host("lost", "192.0.2.8/24")
        doors = Doors(host)
        doors.open()
        EmulatedCamera(host, UID, doors=doors, firmware=self.firmware).start()
        caller = self.caller()
        caller.say(DH, 8600, "192.0.2.8")
        self.network.advance(0.01)
        self.assertEqual(1, len(caller.heard))

    def test_addressFacing(self) -> None:
        """The report names the interface that faces whoever asks."""
        network = MemoryNetwork()
        host = network.host("camera", f"{CAMERA}/24", ("198.51.100.7/24", "other"))
        guest = network.host("guest", ("198.51.100.9/24", "other"))
        doors = Doors(host)
        doors.open()
        EmulatedCamera(host, UID, doors=doors).start()
        caller = Caller(network)
        guest.listenUDP(0, caller)
        caller.say(DH, 8600, "198.51.100.7")
        network.advance(0.01)
        self.assertEqual(b"198.51.100.7\0", caller.heard[0][1][4:17])

    def test_injectedAddress(self) -> None:
        """Who embeds the doors may say which address faces whom."""
        doors = Doors(
            self.host, dhPort=1, lanPort=2, addressFor=lambda peer: f"to {peer}"
        )
        doors.open()
        EmulatedCamera(self.host, UID, doors=doors).start()
        caller = self.caller()
        caller.say(DH, 1)
        self.network.advance(0.01)
        self.assertEqual(b"to " + PC.encode(), caller.heard[0][1][4:17])

    def test_forgedReports(self) -> None:
        """Forgers add a foreign address and a foreign id to each true report."""
        self.camera.faults = Faults(forgedReports=True)
        caller = self.caller()
        caller.say(DH, 8600)
        self.network.advance(0.01)
        texts = [
            (d[4:0x14].rstrip(b"\0"), d[0x5C:0x7C].rstrip(b"\0")) for d in caller.take()
        ]
        mine = CAMERA.encode(), UID.encode()
        foreign = b"198.51.100.66", UID.encode()
        other = CAMERA.encode(), b"VSTB668516UZCPK"
        self.assertEqual([mine, foreign, other] * 2, texts)

    def test_nameTooLong(self) -> None:
        """A name that does not fit the report is refused at once."""
        with self.assertRaises(WireError):
            EmulatedCamera(self.host, UID, doors=self.doors, name="x" * 81)


class DhTestsA(DhTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A

    def test_virtualId(self) -> None:
        """The older firmware knows no virtual ids."""
        with self.assertRaises(ValueError):
            EmulatedCamera(
                self.host, UID, doors=self.doors, firmware=FIRMWARE_A, virtualId=UID
            )


class VirtualIdTests(Bench):
    """A camera that goes by another id."""

    def test_virtualId(self) -> None:
        """The report shows both ids, the handshake the real one."""
        self.build(virtualId="VE000042ABCDE")
        caller = self.caller()
        caller.say(DH, 8600)
        self.network.advance(0.01)
        report = caller.take()[0]
        self.assertEqual(b"VE000042ABCDE\0", report[0x5C:0x6A])
        self.assertEqual(UID.encode(), report[0xEC:0x10C].rstrip(b"\0"))
        self.find(caller)


class HandshakeTests(Bench):
    """From LAN_SEARCH to a session, with the newer firmware."""

    def test_freshPort(self) -> None:
        """PUNCH_PKT comes once, from a port that is new for each client."""
        one, two, three = self.caller(), self.caller(), self.caller(self.phone)
        for caller in (one, two, three):
            self.find(caller)
            self.assertEqual([PUNCH], caller.take())
            self.assertIn(caller.camera[1], range(10000, 30000))
        self.assertEqual(3, len({c.camera for c in (one, two, three)}))

    def test_pendingReused(self) -> None:
        """Who searches again before punching back gets the same port again."""
        caller = self.caller()
        self.find(caller)
        first = caller.camera
        self.find(caller)
        self.assertEqual(first, caller.camera)

    def test_pendingExpires(self) -> None:
        """A port that nobody punches back at is closed after five seconds."""
        caller = self.caller()
        self.find(caller)
        self.network.advance(6)
        self.assertEqual(2, len(self.host.ports))
        caller.say(PUNCH)
        self.network.advance(1)
        self.assertEqual([PUNCH], caller.take())

    def test_pendingsBounded(self) -> None:
        """However many search, only so many ports wait; the oldest give way."""
        callers = [self.caller() for _ in range(MAX_PENDINGS + 5)]
        for caller in callers:
            self.find(caller)
        self.assertEqual(MAX_PENDINGS + 2, len(self.host.ports))
        self.network.advance(0.1)
        callers[0].say(PUNCH)
        callers[-1].say(PUNCH)
        self.network.advance(0.1)
        self.assertNotIn(READY, callers[0].take())
        self.assertIn(READY, callers[-1].take())

    def test_portTaken(self) -> None:
        """When its favourite ports are taken the camera takes any other."""
        twin = EmulatedCamera(self.host, UID, doors=self.doors, firmware=self.firmware)
        twin.start()
        caller = self.caller()
        caller.say(SEARCH, 32108)
        self.network.advance(0.01)
        self.assertEqual(2, len({address for _, _, address in caller.heard}))

    def test_noPort(self) -> None:
        """Without any free port a search is not answered, and all goes on."""

        def full(*_: Any, **__: Any) -> Any:
            raise CannotListenError("", 0, OSError())

        self.patch(self.host, "listenUDP", full)
        caller = Caller(self.network)
        self.pc.listenUDP(0, caller)
        caller.say(SEARCH, 32108)
        with capturedLogs() as events:
            self.network.advance(0.01)
        self.assertEqual([], caller.heard)
        self.assertEqual([LogLevel.warn], [e["log_level"] for e in events])

    def test_strictSearch(self) -> None:
        """Padded, cut, extended and garbled searches are not answered."""
        caller = self.caller()
        for datagram in (
            SEARCH + b"\0",
            SEARCH[:3],
            b"",
            b"\xf1\x32\0\0",
            b"\xf1\x30\0\1x",
            b"\xf0\x30\0\0",
            Cipher("vstarcam2018").encipher(SEARCH),
        ):
            caller.say(datagram, 32108)
        self.network.advance(0.1)
        self.assertEqual([], caller.heard)

    def test_cipher(self) -> None:
        """A camera with a key hears and says everything under that key only."""
        self.build(psk="vstarcam2018")
        cipher = Cipher("vstarcam2018")
        caller = self.caller()
        caller.say(SEARCH, 32108)
        caller.say(cipher.encipher(SEARCH), 32108)
        self.network.advance(0.06)
        self.assertEqual([cipher.encipher(PUNCH)], [d for _, d, _ in caller.heard])
        caller.camera = caller.heard[0][2]
        caller.say(PUNCH)
        self.network.advance(0.06)
        self.assertEqual(1, len(caller.heard))
        caller.say(cipher.encipher(PUNCH))
        self.network.advance(0.001)
        self.assertEqual(cipher.encipher(READY), caller.heard[1][1])

    def test_readySpacing(self) -> None:
        """Four P2P_RDY 10 ms apart, then one each 41 ms until the client speaks."""
        caller = self.caller()
        self.find(caller)
        self.network.advance(0.06)
        caller.say(PUNCH)
        self.network.advance(0.2)
        start = caller.times(READY)[0]
        self.assertEqual(
            [0, 10, 20, 30, 71, 112, 153, 194],
            [round(1000 * (t - start)) for t in caller.times(READY)],
        )
        caller.say(ALIVE)
        self.network.advance(0.001)
        self.assertEqual([ALIVE_ACK], caller.take()[-1:])
        self.network.advance(0.7)
        self.assertEqual([], caller.take())

    def test_tcpDetour(self) -> None:
        """Who punches back within 50 ms is asked for TCP first, for 250 ms."""
        caller = self.caller()
        self.find(caller)
        self.network.advance(0.040)
        caller.take()
        caller.say(PUNCH)
        self.network.advance(0.100)
        caller.say(PUNCH)  # changes nothing
        caller.say(SEARCH, 32108)
        self.network.advance(0.190)
        self.assertEqual([*[TCP] * 51, *[READY] * 4], caller.take())
        self.assertEqual(1, len(self.camera.sessions))

    def test_tcpDetourSpan(self) -> None:
        """The 51 requests for TCP are spread over the 250 ms."""
        caller = self.caller()
        self.find(caller)
        caller.say(PUNCH)
        self.network.advance(1)
        asked, ready = caller.times(TCP), caller.times(READY)
        self.assertAlmostEqual(0.250, asked[-1] - asked[0], 3)
        self.assertGreater(ready[0], asked[-1])

    def test_wrongId(self) -> None:
        """A PUNCH_PKT for another camera, or of another form, is not answered."""
        caller = self.caller()
        self.find(caller)
        caller.take()
        for body in (DID[:-8] + b"AAAAA\0\0\0", DID[:19], DID + bytes(4), b""):
            caller.say(b"\xf1\x41" + len(body).to_bytes(2, "big") + body)
        caller.say(PUNCH + b"\0")
        caller.say(ALIVE)
        self.network.advance(0.3)
        self.assertEqual([], caller.take())

    def test_readyStarts(self) -> None:
        """A client may answer PUNCH_PKT with P2P_RDY, and from another port."""
        finder, caller = self.caller(), self.caller()
        self.find(finder)
        caller.camera = finder.camera
        caller.say(READY)
        self.network.advance(0.001)
        self.assertEqual([READY], caller.take()[:1])
        (session,) = self.camera.sessions
        self.assertEqual((PC, caller.transport.getHost().port), session.peer)

    def test_knownAddress(self) -> None:
        """An address that has a session gets no second one, nor an answer."""
        caller = self.connect()
        caller.say(ALIVE)
        caller.say(PUNCH)
        caller.say(READY)
        self.network.advance(0.1)
        self.assertEqual([ALIVE_ACK], caller.take())
        mine = caller.camera
        self.find(caller)
        caller.say(PUNCH)
        self.network.advance(0.1)
        self.assertEqual([PUNCH], caller.take())
        caller.camera = mine
        caller.say(CLOSE)
        self.network.advance(0.1)
        self.find(caller)
        self.network.advance(0.06)
        caller.say(PUNCH)
        self.network.advance(0.01)
        self.assertIn(READY, caller.take())

    def test_listensOn(self) -> None:
        """The newer firmware answers searches right after a session came up."""
        self.connect()
        self.find(self.caller())

    def test_fifth(self) -> None:
        """A fifth client takes the place of the oldest session."""
        callers = [self.connect() for _ in range(5)]
        self.assertEqual([CLOSE], [d for d in callers[0].take() if d == CLOSE])
        self.assertEqual([2, 3, 4, 5], [s.number for s in self.camera.sessions])

    def test_attributes(self) -> None:
        """A session tells who its peer is, its own port, and since when it is up."""
        told: list[Session] = []
        self.camera.onSession = told.append
        caller = self.connect()
        (session,) = self.camera.sessions
        self.assertEqual([session], told)
        self.assertEqual((PC, caller.transport.getHost().port), session.peer)
        self.assertEqual(caller.camera[1], session.port)
        self.assertTrue(0 < self.network.seconds() - session.since < 0.05)


class HandshakeTestsA(Bench):
    """What the older firmware does otherwise."""

    firmware = FIRMWARE_A

    def test_backToBack(self) -> None:
        """Four P2P_RDY at once, also for who punches back quickly; no repeats."""
        caller = self.caller()
        self.find(caller)
        caller.say(PUNCH)
        self.network.advance(0.9)
        self.assertEqual([PUNCH, *[READY] * 4], [d for _, d, _ in caller.heard])
        self.assertEqual(1, len(set(caller.times(READY))))

    def test_knownAddress(self) -> None:
        """A PUNCH_PKT inside a session is answered again, the session goes on."""
        caller = self.connect()
        caller.say(PUNCH)
        self.network.advance(0.1)
        self.assertEqual([READY] * 4, caller.take())
        self.assertEqual(1, len(self.camera.sessions))

    def test_secondSession(self) -> None:
        """An address that has a session may have a second one."""
        caller = self.connect()
        self.network.advance(1.1)
        self.find(caller)
        caller.say(PUNCH)
        self.network.advance(0.1)
        self.assertEqual(2, len(self.camera.sessions))

    def test_listenPause(self) -> None:
        """For one second after a session came up searches are not answered."""
        self.connect()
        caller = self.caller()
        self.network.advance(0.9)
        caller.say(SEARCH, 32108)
        self.network.advance(0.01)
        self.assertEqual([], caller.take())
        self.network.advance(0.1)
        self.find(caller)

    def test_fifth(self) -> None:
        """A fifth client is told why, again and again, and closed after 2 s."""
        told: list[Session] = []
        self.camera.onSession = told.append
        others = [self.connect() for _ in range(4)]
        self.network.advance(1.1)
        for caller in others:
            caller.say(ALIVE)
        caller = self.caller()
        self.find(caller)
        caller.say(PUNCH)
        self.network.advance(0.1)
        text = b"var current_users=5;\r\nvar max_support_users=4;\r\n" + bytes(8)
        record = b"\x01\x0a\xd1\x60\x38\x00\x00\x01" + text
        packet = b"\xf1\xd0" + (4 + 64).to_bytes(2, "big") + b"\xd1\0\0\0" + record
        # At once, then each 40 ms of silence.
        self.assertEqual([PUNCH, *[READY] * 4, *[packet] * 3], caller.take())
        self.assertEqual(4, len(told))
        sixth = self.caller()
        self.network.advance(1)
        sixth.say(SEARCH, 32108)
        self.network.advance(0.1)
        self.assertEqual([], sixth.take())
        caller.say(b"\xf1\xd1\0\x06\xd1\0\0\1\0\0")
        self.network.advance(0.001)
        caller.take()
        self.network.advance(0.7)
        self.assertEqual([], caller.take())
        self.network.advance(0.2)
        self.assertEqual([CLOSE], caller.take())
        self.assertEqual([1, 2, 3, 4], [s.number for s in self.camera.sessions])


class LifeTests(Bench):
    """Ups and downs, with the newer firmware."""

    def test_stop(self) -> None:
        """Stopping says CLOSE to every session and frees all ports and timers."""
        callers = [self.connect(), self.connect(self.phone)]
        self.network.advance(1.1)
        self.find(self.caller())
        callers[0].say(DH, 8600)
        self.network.advance(0.01)
        self.assertFreed()
        self.network.advance(1)
        for caller in callers:
            self.assertIn(CLOSE, caller.take())
        self.assertEqual([], self.camera.sessions)
        self.successResultAfter(self.camera.stop())

    def test_stopWithFaults(self) -> None:
        """What is still under way when it stops leaves before the ports close."""
        caller = self.connect()
        self.camera.faults = Faults(delay=3.0, duplicate=1.0)
        caller.say(ALIVE)
        self.network.advance(0.5)
        self.assertFreed()
        self.network.advance(0.01)
        self.assertEqual([ALIVE_ACK, CLOSE], sorted(set(caller.take()) - {READY}))

    def test_stopBeforeDelayedEnd(self) -> None:
        """A port that lingers for its last words is closed by C{stop}, too."""
        caller = self.connect()
        self.camera.faults = Faults(delay=1.0)
        self.camera.sessions[0].close()
        self.network.advance(0.5)
        self.assertEqual(3, len(self.host.ports))
        self.assertFreed()
        self.network.advance(0.1)
        self.assertIn(CLOSE, caller.take())

    def test_delayedEnd(self) -> None:
        """A delayed CLOSE still leaves, and then its port closes."""
        caller = self.connect()
        self.camera.faults = Faults(delay=1.0)
        self.camera.sessions[0].close()
        self.network.advance(1.1)
        self.assertIn(CLOSE, caller.take())
        self.assertEqual(2, len(self.host.ports))

    def test_startTwice(self) -> None:
        """It cannot be started twice, but again after it was stopped."""
        with self.assertRaises(AlreadyStarted):
            self.camera.start()
        self.successResultAfter(self.camera.stop())
        caller = self.caller()
        caller.say(SEARCH, 32108)
        caller.say(DH, 8600)
        self.network.advance(1)
        self.assertEqual([], caller.take())
        self.camera.start()
        self.find(caller)

    def test_reboot(self) -> None:
        """Sessions vanish without a word; later come other ports."""
        caller = self.connect()
        before = self.camera.httpPort
        pending = self.caller()
        self.find(pending)
        self.camera.reboot(downFor=5.0)
        self.assertEqual([], self.camera.sessions)
        caller.take()
        for _ in range(9):
            self.network.advance(0.5)
            caller.say(ALIVE)
            caller.say(SEARCH, 32108)
            caller.say(DH, 8600)
        self.assertEqual([], caller.take())
        self.network.advance(1)
        self.assertEqual(2, len(self.host.ports))
        self.assertNotEqual(before, self.camera.httpPort)
        self.assertNotEqual(caller.camera, self.connect().camera)
        caller.say(DH, 8600)
        self.network.advance(0.01)
        self.assertEqual(2, len(caller.take()))

    def test_stopWhileDown(self) -> None:
        """A camera that is rebooting can be stopped."""
        self.connect()
        self.camera.reboot()
        self.network.advance(1)
        self.assertFreed()
        self.camera.reboot()
        self.camera.fallSilent(1)
        self.assertEqual([], list(self.network.getDelayedCalls()))

    def test_fallSilent(self) -> None:
        """For a while nothing comes and nothing is heard; the session survives."""
        caller = self.connect()
        caller.say(ALIVE)
        self.network.advance(0.1)
        caller.take()
        self.camera.fallSilent(3)
        caller.say(ALIVE)
        caller.say(DH, 8600)
        caller.say(SEARCH, 32108)
        self.network.advance(2.9)
        self.assertEqual([], caller.take())
        self.network.advance(0.2)
        caller.say(ALIVE)
        self.network.advance(0.1)
        self.assertIn(ALIVE_ACK, caller.take())

    def test_fallSilentTooLong(self) -> None:
        """A long silence ends the session, and the client hears nothing of it."""
        caller = self.connect()
        self.camera.fallSilent(20)
        self.network.advance(21)
        self.assertEqual([], self.camera.sessions)
        self.assertEqual([], caller.take())

    def test_rebind(self) -> None:
        """After a move the camera is found at its new address, without sessions."""
        self.connect()
        self.network.advance(1.1)
        self.host.readdress(f"{CAMERA}/24", "192.0.2.99/24")
        self.successResultAfter(self.doors.rebind("192.0.2.99"))
        self.assertEqual([], self.camera.sessions)
        caller = self.caller()
        caller.say(DH, 8600, "192.0.2.99")
        caller.say(SEARCH, 32108, "192.0.2.99")
        self.network.advance(0.01)
        self.assertEqual(b"192.0.2.99\0", caller.heard[0][1][4:15])
        sources = {address[0] for _, _, address in caller.heard}
        self.assertEqual({"192.0.2.99"}, sources)
        self.assertIn(PUNCH, caller.take())

    def test_neighbours(self) -> None:
        """Several cameras share one pair of doors, and all answer."""
        other = EmulatedCamera(self.host, "VSTB000001AAAAA", doors=self.doors)
        other.start()
        caller = self.caller()
        caller.say(DH, 8600)
        caller.say(SEARCH, 32108)
        self.network.advance(0.01)
        self.assertEqual(6, len(caller.take()))

    def test_doorsTaken(self) -> None:
        """If one door cannot be opened the other is not left open."""
        for dh, lan in ((8600, 7), (7, 32108)):
            with self.assertRaises(CannotListenError):
                Doors(self.host, dhPort=dh, lanPort=lan).open()
            self.network.advance(0)
            self.assertEqual(2, len(self.host.ports))
        with self.assertRaises(AlreadyStarted):
            self.doors.open()

    def test_log(self) -> None:
        """The log tells the story, and no secret."""
        with capturedLogs() as events:
            self.build(password="hunter2", psk="hush")
            self.psked()
            self.camera.reboot(1)
            self.network.advance(2)
            self.assertFreed()
        lines = [formatEvent(e) for e in events if e["log_level"] >= LogLevel.info]
        story = "\n".join(lines)
        for words in (
            "UDP ports 8600 (DH) and 32108 (LAN_SEARCH)",
            f"VSTB-668515-UZCPK searched (LAN_SEARCH) by {PC}:49152",
            f"session 1 with {PC}:49152 is up",
            "session 1 ended: the camera reboots",
            "reboots and is down for 1 s",
            "is on air again",
            "is off air",
        ):
            self.assertIn(words, story)
        self.assertNotIn("hunter2", story + repr(self.camera))
        self.assertNotIn("hush", story + repr(self.camera))

    def psked(self) -> None:
        """A handshake under the key of L{test_log}."""
        cipher = Cipher("hush")
        caller = self.caller()
        caller.say(cipher.encipher(SEARCH), 32108)
        self.network.advance(0.06)
        caller.camera = caller.heard[-1][2]
        caller.say(cipher.encipher(PUNCH))
        self.network.advance(0.1)


class LifeTestsA(LifeTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A

    def test_reboot(self) -> None:
        """After a reboot LAN_SEARCH is answered at once, DH 66 s later."""
        self.connect()
        self.camera.reboot(downFor=5.0)
        self.network.advance(5.1)
        caller = self.caller()
        self.find(caller)
        caller.take()
        caller.say(DH, 8600)
        self.network.advance(65.8)
        caller.say(DH, 8600)
        self.network.advance(0.05)
        self.assertEqual([], caller.take())
        self.network.advance(0.1)
        caller.say(DH, 8600)
        self.network.advance(0.01)
        self.assertEqual(2, len(caller.take()))


class FaultsTests(Bench):
    """Bad weather."""

    def story(self, faults: Faults) -> list[tuple[float, bytes, tuple[str, int]]]:
        """Everything that a client hears in some seconds under C{faults}."""
        self.build(faults=faults)
        caller = self.caller()
        for _ in range(30):
            caller.say(DH, 8600)
            caller.say(SEARCH, 32108)
            self.network.advance(0.25)
        return caller.heard

    def test_seeded(self) -> None:
        """The same seed brings the same faults, another one others."""
        faults = Faults(seed=1, loss=0.2, duplicate=0.2, reorder=0.2, delay=0.01)
        first = self.story(faults)
        self.assertEqual(first, self.story(faults))
        self.assertNotEqual(first, self.story(replace(faults, seed=2)))

    def test_loss(self) -> None:
        """With certain loss nothing is heard; with none, everything."""
        self.assertEqual([], self.story(Faults(loss=1.0)))
        self.assertEqual(90, len(self.story(Faults())))
        self.assertTrue(10 < len(self.story(Faults(loss=0.3))) < 80)

    def test_duplicate(self) -> None:
        """Both the question and the answer may come twice."""
        self.build(faults=Faults(duplicate=1.0))
        caller = self.caller()
        caller.say(SEARCH, 32108)
        self.network.advance(0.1)
        self.assertEqual([PUNCH] * 4, caller.take())

    def test_delay(self) -> None:
        """What the camera sends takes so much longer."""
        self.build(faults=Faults(delay=0.5))
        caller = self.caller()
        caller.say(SEARCH, 32108)
        self.network.advance(1)
        self.assertAlmostEqual(0.5, caller.heard[0][0], 2)

    def test_reorder(self) -> None:
        """Some datagrams are overtaken by later ones."""
        self.build(faults=Faults(seed=3, reorder=0.5))
        caller = self.caller()
        self.camera.faults = Faults()
        caller = self.connect()
        self.camera.faults = Faults(seed=3, reorder=0.5)
        (session,) = self.camera.sessions
        session.write(1, b"".join(bytes((number,)) * 1024 for number in range(20)))
        self.network.advance(REORDER_HOLD + 0.001)
        heard = [d[8] for d in caller.take() if d[1] == 0xD0]
        self.assertEqual(list(range(20)), sorted(heard))
        self.assertNotEqual(sorted(heard), heard)

    def test_bounded(self) -> None:
        """No more than so many datagrams are under way."""
        self.connect()
        self.camera.faults = Faults(delay=60.0)
        (session,) = self.camera.sessions
        for _ in range(MAX_UNDER_WAY + 100):
            session.link.send(ALIVE)
        self.assertLess(len(self.network.getDelayedCalls()), MAX_UNDER_WAY + 10)

    def test_nonsense(self) -> None:
        """Probabilities go from 0 to 1, and delays are not negative."""
        for nonsense in ({"loss": 1.5}, {"reorder": -0.1}, {"delay": -1.0}):
            with self.assertRaises(ValueError):
                Faults(**cast(Any, nonsense))


class NoiseTests(Bench):
    """Arbitrary bytes at every port."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("dh", "lan", "pending", "session")),
                st.one_of(
                    st.binary(max_size=40),
                    st.tuples(st.sampled_from(range(256)), st.binary(max_size=200)).map(
                        lambda p: (
                            bytes((0xF1, p[0])) + len(p[1]).to_bytes(2, "big") + p[1]
                        )
                    ),
                    st.binary(max_size=30).map(b"DH".__add__),
                    st.binary(max_size=12).map(
                        lambda b: b"\xf1\xd0" + len(b).to_bytes(2, "big") + b
                    ),
                ),
            ),
            max_size=40,
        ),
        st.sampled_from((FIRMWARE_A, FIRMWARE_B)),
        st.sampled_from((0.0, 0.5)),
    )
    def test_noise(
        self, datagrams: list[tuple[str, bytes]], how: Firmware, bad: float
    ) -> None:
        """No bytes raise anything or make anything grow."""
        self.build(firmware=how)
        pending = self.caller()
        caller = self.connect()
        self.network.advance(1.1)
        caller.say(ALIVE)
        self.find(pending)
        ports = {
            "dh": 8600,
            "lan": 32108,
            "pending": pending.camera[1],
            "session": caller.camera[1],
        }
        self.camera.faults = Faults(loss=bad, duplicate=bad, reorder=bad)
        for where, datagram in datagrams:
            (caller if where == "session" else pending).say(datagram, ports[where])
            self.network.advance(0.001)
        self.assertEqual([], self.flushLoggedErrors())
        self.assertLess(len(self.network.getDelayedCalls()), 60)
        self.assertLessEqual(len(self.host.ports), 6)
        self.network.advance(20)
        self.assertEqual([], self.camera.sessions)
        self.assertFreed()


class LoopbackTests(TestCase):
    """The same on real sockets."""

    timeout = 20

    @inlineCallbacks
    def test_loopback(self) -> Any:
        """A camera on 127.0.0.1 is found by both searches, and a session begins."""
        from twisted.internet import reactor as anyReactor
        from twisted.internet.task import deferLater

        reactor = cast(Any, anyReactor)
        doors = Doors(reactor, "127.0.0.1", 0, 0)
        doors.open()
        camera = EmulatedCamera(reactor, UID, doors=doors, firmware=FIRMWARE_A)
        camera.start()
        caller = Caller(reactor)
        port = reactor.listenUDP(0, caller, "127.0.0.1")
        try:
            caller.say(DH, doors.dhPort, "127.0.0.1")
            caller.say(SEARCH, doors.lanPort, "127.0.0.1")
            while len(caller.heard) < 2:
                yield deferLater(reactor, 0.01)
            report, punch = sorted(caller.take(), key=len, reverse=True)[:2]
            self.assertEqual(b"127.0.0.1\0", report[4:14])
            self.assertEqual(PUNCH, punch)
            caller.say(SEARCH, doors.lanPort, "127.0.0.1")
            while PUNCH not in [d for _, d, _ in caller.heard]:
                yield deferLater(reactor, 0.01)
            caller.camera = caller.heard[-1][2]
            caller.take()
            caller.say(PUNCH)
            while len(caller.heard) < 4:
                yield deferLater(reactor, 0.01)
            self.assertEqual([READY] * 4, caller.take()[:4])
            caller.say(ALIVE)
            while ALIVE_ACK not in caller.take():
                yield deferLater(reactor, 0.01)
        finally:
            yield camera.stop()
            yield doors.close()
            yield deferLater(reactor, 0.01)
            yield port.stopListening()
        self.assertIn(CLOSE, caller.take())

    @inlineCallbacks
    def test_facing(self) -> Any:
        """Doors bound to all addresses know which one faces the requester."""
        from twisted.internet import reactor as anyReactor

        doors = Doors(cast(Any, anyReactor), "", 0, 0)
        doors.open()
        self.assertEqual("127.0.0.1", doors.addressFor("127.0.0.1"))
        yield doors.close()

    @inlineCallbacks
    def test_taken(self) -> Any:
        """If one port is taken neither stays open."""
        from twisted.internet import reactor as anyReactor

        reactor = cast(Any, anyReactor)
        first = Doors(reactor, "127.0.0.1", 0, 0)
        first.open()
        second = Doors(reactor, "127.0.0.1", 0, first.lanPort)
        # Twisted leaves the socket that it could not bind to the collector.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            self.assertRaises(CannotListenError, second.open)
            gc.collect()
        yield second.close()
        yield first.close()
