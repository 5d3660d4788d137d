"""
Discovery: who is asked, how often, and whose answers count.
"""

from __future__ import annotations

import gc
from collections import Counter
from ipaddress import IPv4Interface
from itertools import pairwise
from weakref import ref

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs, formatEvent

from twistedcam import DeviceId, Disconnected, Discovery, Found
from twistedcam.discovery import CONFIRM_WITHIN, MAX_SIGHTINGS
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Doors, EmulatedCamera, Faults
from twistedcam.testing import MemoryNetwork
from twistedcam.wire import dh, pppp
from twistedcam.wire.cipher import KNOWN, PLAIN, Cipher, forPrefix

from .lab import (
    BROADCAST,
    CAMERA,
    EVERYBODY,
    OTHER_UID,
    PC,
    STRANGER,
    UID,
    Lab,
    LabCase,
    Socket,
    sentTo,
)

REPORT = b"DH\x01\x08"
SEARCH, QUESTION = pppp.encode(pppp.LanSearch()), dh.encode(dh.DhSearch())

#: When the rounds of somebody who waits alone begin.
ROUNDS = [0, 1, 2, 3, 5, 9, 17, 27, 37, 47, 57]


def report(ip: str, uid: DeviceId = UID, user: str = "") -> bytes:
    """A DH report."""
    return dh.encode(dh.DhReport(ip=ip, uid=uid.compact, user=user))


class DiscoveryCase(LabCase):
    """
    A computer that searches, and no camera but what the test makes.

    @ivar pc: the computer.
    @ivar discovery: its searcher.
    @ivar seen: everything that it told of.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork(captureLimit=None)
        self.pc = self.network.host("pc", f"{PC}/24")
        self.host = self.network.host("camera", f"{CAMERA}/24")
        self.elsewhere = self.network.host("stranger", f"{STRANGER}/24")
        self.seen: list[Found] = []
        self.newDiscovery()

    def newDiscovery(self, **how: object) -> Discovery:
        """A searcher on the computer."""
        how.setdefault("interfaces", self.pc.interfaces)
        self.discovery = Discovery(self.pc, **how)  # type: ignore[arg-type]
        self.discovery.onFound(self.seen.append)
        return self.discovery

    def lanDoor(self, host: str = "camera", cipher: Cipher = PLAIN) -> Socket:
        """The LAN_SEARCH port of a host, to be played by hand."""
        return Socket(self.network.hosts[host], pppp.LAN_PORT, cipher)

    def dhDoor(self, host: str = "camera") -> Socket:
        """The DH port of a host, likewise."""
        return Socket(self.network.hosts[host], dh.DH_PORT)

    def asker(self, door: Socket) -> tuple[str, int]:
        """Who asked at this door."""
        return door.heard[-1][2]

    def waitersLeave(self, *waiters: Deferred[Found]) -> None:
        """Nobody waits any more, and nothing is left."""
        for waiter in waiters:
            waiter.addErrback(lambda failure: failure.trap(CancelledError) and None)
            waiter.cancel()
        self.assertNothingLeft(self.network, self.pc)

    def sent(self, payload: bytes = QUESTION) -> list[tuple[float, str]]:
        """When a question was asked, and whom."""
        return [
            (round(d.time, 6), d.destination[0])
            for d in self.network.captured
            if d.source[0] == PC and d.payload == payload
        ]

    def rounds(self) -> list[float]:
        """When there was a round."""
        return sorted({time for time, _ in self.sent()})


class MergingTests(LabCase):
    """What is known of a camera comes from two answers."""

    def test_both(self) -> None:
        """A camera that answers both questions is one, with report and key."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            lab = Lab(firmware, name="garden")
            seen: list[Found] = []
            lab.discovery.onFound(seen.append)
            search = lab.discovery.search(1, addresses=[CAMERA])
            (one,) = self.resultAfter(lab.network, 1, search)
            self.assertEqual((UID, UID), (one.deviceId, one.sessionId))
            self.assertEqual((CAMERA, pppp.LAN_PORT), (one.address, one.lanPort))
            self.assertEqual(("garden", "DH+LAN"), (one.name, one.answered))
            self.assertEqual((PLAIN,), one.ciphers)
            assert one.report is not None
            self.assertEqual(lab.emulated.httpPort, one.report.httpPort)
            self.assertEqual("answered DH+LAN, plain, named garden", one.details)
            # A port on all addresses hears each report twice, which is no news.
            self.assertEqual(["DH", "DH+LAN"], sorted(f.answered for f in seen))
            reports = [d for d in lab.network.captured if d.payload[:4] == REPORT]
            self.assertGreater(len(reports), 2)
            lab.remove()
            self.assertNothingLeft(lab.network, lab.pc)

    def test_obfuscated(self) -> None:
        """The answer tells the key, for every known one."""
        for cipher in KNOWN[1:]:
            lab = Lab(psk=cipher.label)
            found = self.resultAfter(lab.network, 1, lab.discovery.find(UID))
            self.assertEqual(cipher, found.cipher)

    def test_privateKey(self) -> None:
        """A private key has to be known; without it there is the report only."""
        lab = Lab(psk="a private key")
        found = self.resultAfter(lab.network, 3, lab.discovery.find(UID))
        self.assertEqual("DH", found.answered)
        secret = Cipher("a private key")
        finding = lab.discovery.find(UID, ciphers=[secret])
        found = self.resultAfter(lab.network, 3, finding)
        self.assertEqual(("DH+LAN", secret), (found.answered, found.cipher))
        self.assertNotIn("a private key", repr(found) + found.details)

    def test_virtualId(self) -> None:
        """A camera with a virtual id is found by either, and its session's is real."""
        virtual = DeviceId("VE", 1234567, "ABCDE")
        for wanted in (virtual, UID, None):
            lab = Lab(virtualId=virtual)
            found = self.resultAfter(lab.network, 3, lab.discovery.find(wanted))
            self.assertEqual(UID, found.sessionId)
            self.assertTrue(found.isA(UID))
        lab = Lab(virtualId=virtual)
        (one,) = self.resultAfter(lab.network, 1, lab.discovery.search(1))
        self.assertEqual((virtual, UID), (one.deviceId, one.sessionId))
        self.assertTrue(one.isA(virtual))

    def test_unknownFamily(self) -> None:
        """Without an answer to LAN_SEARCH, the family tells what keys to try."""
        seen = dh.DhReport(ip=CAMERA, uid="VC123456ABCDE")
        known = Found(seen.deviceId, CAMERA, 1, seen.sessionId, report=seen)
        self.assertEqual(forPrefix("VC"), known.ciphers)
        strange = DeviceId("QQQ", 1, "A")
        self.assertEqual(KNOWN, Found(strange, CAMERA, 1, strange).ciphers)

    def test_manyCameras(self) -> None:
        """Cameras are told apart, also behind one address."""
        lab = Lab()
        for serial in (1, 2):
            uid = DeviceId("VSTC", serial, "ABCDE")
            EmulatedCamera(lab.host, uid, doors=lab.doors).start()
        found = self.resultAfter(lab.network, 2, lab.discovery.search(2))
        self.assertEqual([1, 2, 668515], sorted(f.deviceId.serial for f in found))

    def test_forgedReports(self) -> None:
        """Reports that name another address than their sender's do not count."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            lab = Lab(firmware, faults=Faults(forgedReports=True))
            found = self.resultAfter(lab.network, 2, lab.discovery.find(UID))
            self.assertEqual(CAMERA, found.address)
            counts = lab.discovery._tally.counts
            self.assertGreater(counts["reports that name another address"], 0)


class ForgerTests(DiscoveryCase):
    """Anybody on the LAN can send a report."""

    def setUp(self) -> None:
        super().setUp()
        self.doors = Doors(self.host)
        self.doors.open()
        self.camera = EmulatedCamera(self.host, UID, doors=self.doors)
        self.camera.start()
        self.forger = self.dhDoor("stranger")

    def forge(self, seconds: float, **how: object) -> None:
        """Let time pass, answering each search with a report of one's own."""
        for _ in range(int(seconds * 1000)):
            self.network.advance(0.001)
            for _, _, asker in self.forger.heard:
                self.forger.say(report(STRANGER, **how), asker)  # type: ignore[arg-type]
            self.forger.heard.clear()

    def test_earlierThanTheCamera(self) -> None:
        """
        A stranger that claims to be the wanted camera, and is first, gets nothing
        but what everybody gets: the camera itself is found.
        """
        self.network.fate = lambda d: [0.3 if d.source[0] == CAMERA else 0.0005]
        finding = self.discovery.find(UID)
        self.forge(1)
        self.assertEqual(CAMERA, self.successResultOf(finding).address)
        self.assertEqual({STRANGER, CAMERA}, {found.address for found in self.seen})
        self.assertEqual([], sentTo(self.network, STRANGER))

    def test_cameraMissesARound(self) -> None:
        """Neither if the camera's first answer is lost."""
        self.network.fate = lambda d: (
            [] if d.source[0] == CAMERA and d.time < 0.9 else [0.0005]
        )
        finding = self.discovery.find(UID)
        self.forge(2)
        self.assertEqual(CAMERA, self.successResultOf(finding).address)
        self.assertEqual([], sentTo(self.network, STRANGER))

    def test_virtually(self) -> None:
        """Nor by claiming to have the camera's identity behind a virtual one."""
        finding = self.discovery.find(UID)
        self.forge(1, uid=DeviceId("VE", 1, "A"), user=UID.compact)
        self.assertEqual(CAMERA, self.successResultOf(finding).address)
        self.assertEqual([], sentTo(self.network, STRANGER))

    def test_pinned(self) -> None:
        """With a pinned address nobody else is believed, not even in the end."""
        self.camera.stop()
        finding = self.discovery.find(UID, address=CAMERA, pinned=True)
        asked = self.network.captured
        self.network.advance(0.1)
        (asker, *_) = {d.source for d in asked if d.source[0] == PC}
        self.forger.say(report(STRANGER), asker)
        self.forger.say(pppp.PunchPkt(UID), asker)
        self.network.advance(10)
        self.assertNoResult(finding)
        self.assertEqual([], sentTo(self.network, STRANGER))
        finding.addErrback(lambda _: None)
        finding.cancel()


class AnswerTests(DiscoveryCase):
    """Whose answer counts, and when."""

    def test_dhOnly(self) -> None:
        """A camera that answers DH only is taken after two seconds."""
        door = self.dhDoor()
        finding = self.discovery.find(UID)
        self.network.advance(0.0009)
        door.say(report(CAMERA), self.asker(door))
        self.network.advance(CONFIRM_WITHIN)
        self.assertNoResult(finding)
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual(("DH", None), (found.answered, found.cipher))
        self.assertEqual("answered DH, key not known yet", found.details)
        self.assertEqual(2, CONFIRM_WITHIN)
        self.assertNothingLeft(self.network, self.pc)

    def test_lanOnly(self) -> None:
        """A camera that answers LAN_SEARCH only is taken at once."""
        door = self.lanDoor()
        finding = self.discovery.find(UID)
        self.network.advance(0.0009)
        door.say(pppp.PunchPkt(UID), self.asker(door))
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual(("LAN", PLAIN, ""), (found.answered, found.cipher, found.name))
        self.assertNothingLeft(self.network, self.pc)

    def test_confirmedLate(self) -> None:
        """LAN_SEARCH answered within the two seconds: taken then, with both."""
        dhDoor, lanDoor = self.dhDoor(), self.lanDoor()
        finding = self.discovery.find(UID)
        self.network.advance(0.0009)
        dhDoor.say(report(CAMERA), self.asker(dhDoor))
        self.network.advance(1.5)
        lanDoor.say(pppp.PunchPkt(UID), self.asker(lanDoor))
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual("DH+LAN", found.answered)
        self.assertNothingLeft(self.network, self.pc)

    def test_otherCamera(self) -> None:
        """Another camera's answers are told of, but do not end the search."""
        door = self.lanDoor()
        finding = self.discovery.find(UID)
        self.network.advance(0.001)
        door.say(pppp.PunchPkt(OTHER_UID), self.asker(door))
        self.network.advance(5)
        self.assertNoResult(finding)
        self.assertEqual([OTHER_UID], [found.deviceId for found in self.seen])
        self.waitersLeave(finding)

    def test_any(self) -> None:
        """Whoever asks for no camera gets the first."""
        door = self.lanDoor()
        finding = self.discovery.find()
        self.network.advance(0.001)
        door.say(pppp.PunchPkt(OTHER_UID), self.asker(door))
        door.say(pppp.PunchPkt(UID), self.asker(door))
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual(OTHER_UID, found.deviceId)

    def test_addressOnly(self) -> None:
        """Without an identity only the camera at the given address will do."""
        mine, other = self.lanDoor(), self.lanDoor("stranger")
        finding = self.discovery.find(address=CAMERA)
        self.network.advance(0.001)
        other.say(pppp.PunchPkt(OTHER_UID), self.asker(other))
        self.network.advance(0.5)
        self.assertNoResult(finding)
        mine.say(pppp.PunchPkt(UID), self.asker(mine))
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual((UID, CAMERA), (found.deviceId, found.address))

    def test_movedCamera(self) -> None:
        """With an identity, an address is just one more place to look."""
        door = self.lanDoor("stranger")
        finding = self.discovery.find(UID, address=CAMERA)
        self.network.advance(0.001)
        door.say(pppp.PunchPkt(UID), self.asker(door))
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual(STRANGER, found.address)

    def test_pinnedMoved(self) -> None:
        """But not if it is pinned."""
        mine, other = self.lanDoor(), self.lanDoor("stranger")
        finding = self.discovery.find(UID, address=CAMERA, pinned=True)
        self.network.advance(0.001)
        other.say(pppp.PunchPkt(UID), self.asker(mine))
        self.network.advance(0.1)
        self.assertNoResult(finding)
        mine.say(pppp.PunchPkt(OTHER_UID), self.asker(mine))
        self.network.advance(0.1)
        self.assertNoResult(finding)
        mine.say(pppp.PunchPkt(UID), self.asker(mine))
        found = self.resultAfter(self.network, 0.001, finding)
        self.assertEqual(CAMERA, found.address)

    def test_garbage(self) -> None:
        """What is no answer is counted by kind, and that is all."""
        door = self.lanDoor()
        finding = self.discovery.find(UID)
        self.network.advance(0.001)
        asker = self.asker(door)
        short = report(CAMERA)[:100]
        for datagram in (b"", b"\0", b"DH", b"DH\1\2", short, bytes(2000), b"\xf1\x41"):
            door.say(datagram, asker)
        door.say(report(CAMERA).replace(b"VSTB", b"V\xff\xff\xff"), asker)
        for message in (pppp.P2pRdy(UID), pppp.LanSearch(), pppp.Close()):
            door.say(message, asker)
        door.say(QUESTION, asker)
        door.say(report(STRANGER), asker)
        self.network.advance(0.1)
        self.assertNoResult(finding)
        self.assertEqual([], self.seen)
        self.assertEqual(
            {
                "malformed": 8,
                "no answers": 3,
                "from other searchers": 1,
                "reports that name another address": 1,
            },
            dict(self.discovery._tally.counts),
        )
        self.waitersLeave(finding)

    def test_flood(self) -> None:
        """However many cameras somebody makes up, few are remembered."""
        door = self.lanDoor("stranger")
        finding = self.discovery.find(UID)
        self.network.advance(0.001)
        asker = self.asker(door)
        timers = len(self.network.getDelayedCalls())
        for serial in range(3 * MAX_SIGHTINGS):
            door.say(pppp.PunchPkt(DeviceId("VSTB", serial, "A")), asker)
            door.say(report(STRANGER, DeviceId("VSTB", serial, "B")), asker)
            self.network.advance(0.0001)
        self.network.advance(0.01)
        self.assertEqual(6 * MAX_SIGHTINGS, len(self.seen))
        self.assertEqual(MAX_SIGHTINGS, len(self.discovery._sightings))
        self.assertEqual(timers, len(self.network.getDelayedCalls()))
        # And the camera is still found.
        mine = self.lanDoor()
        self.network.advance(2)
        mine.say(pppp.PunchPkt(UID), self.asker(mine))
        self.assertEqual(UID, self.resultAfter(self.network, 0.01, finding).deviceId)
        self.assertEqual(0, len(self.discovery._sightings))


class PlaceTests(DiscoveryCase):
    """Who is asked, and from where."""

    def places(self, turns: int = 2) -> list[str]:
        """Who was asked in the first rounds, each round's in order."""
        self.network.advance(turns - 0.9)
        return [address for _, address in self.sent()]

    def test_broadcast(self) -> None:
        """The general broadcast address and the network's own take turns."""
        finding = self.discovery.find(UID)
        self.assertEqual([EVERYBODY, BROADCAST, EVERYBODY], self.places(3))
        self.waitersLeave(finding)

    def test_bothQuestions(self) -> None:
        """One DH search, and a LAN_SEARCH plain and under every known key."""
        finding = self.discovery.find(UID)
        self.network.advance(0)
        asked = [(d.destination, d.payload) for d in self.network.captured]
        expected = [((EVERYBODY, dh.DH_PORT), QUESTION)] + [
            ((EVERYBODY, pppp.LAN_PORT), cipher.encipher(SEARCH)) for cipher in KNOWN
        ]
        self.assertEqual(expected, asked)
        self.waitersLeave(finding)

    def test_privateKeys(self) -> None:
        """And under the keys that those who wait bring along, each once."""
        secret = Cipher("a private key")
        waiters = [self.discovery.find(UID, ciphers=[secret, PLAIN]) for _ in range(3)]
        self.network.advance(0)
        self.assertEqual(1 + len(KNOWN) + 1, len(self.network.captured))
        self.assertEqual(1, len(self.sent(secret.encipher(SEARCH))))
        self.waitersLeave(*waiters)

    def test_otherPorts(self) -> None:
        """Cameras may listen elsewhere."""
        finding = self.newDiscovery(dhPort=1111, lanPort=2222).find(UID)
        self.network.advance(0)
        ports = Counter(d.destination[1] for d in self.network.captured)
        self.assertEqual({1111: 1, 2222: len(KNOWN)}, dict(ports))
        self.waitersLeave(finding)

    def test_configuredAddress(self) -> None:
        """A configured address is asked as well."""
        finding = self.discovery.find(UID, address="192.0.2.99")
        self.assertEqual(
            [EVERYBODY, "192.0.2.99", BROADCAST, "192.0.2.99"], self.places()
        )
        self.waitersLeave(finding)

    def test_pinned(self) -> None:
        """For a pinned camera nobody else is asked."""
        finding = self.discovery.find(UID, address=CAMERA, pinned=True)
        self.assertEqual([CAMERA, CAMERA], self.places())
        self.assertEqual({CAMERA}, {d.destination[0] for d in self.network.captured})
        self.waitersLeave(finding)

    def test_pinnedAndNot(self) -> None:
        """Unless somebody else waits, too."""
        waiters = [
            self.discovery.find(UID, address=CAMERA, pinned=True),
            self.discovery.find(OTHER_UID),
        ]
        self.assertEqual([EVERYBODY, CAMERA], self.places(1))
        self.waitersLeave(*waiters)

    def test_pinnedAndSearch(self) -> None:
        """Or somebody wants to know of everybody."""
        waiter = self.discovery.find(UID, address=CAMERA, pinned=True)
        self.discovery.search(0.5)
        self.assertEqual([EVERYBODY, CAMERA], self.places(1))
        self.network.advance(2)
        self.assertEqual([CAMERA, CAMERA], [a for _, a in self.sent()[2:]])
        self.waitersLeave(waiter)

    def test_searchAddresses(self) -> None:
        """Given addresses stand in for the broadcasts."""
        finding = self.newDiscovery(searchAddresses=["192.0.2.127", CAMERA]).find(UID)
        self.assertEqual(["192.0.2.127", CAMERA] * 2, self.places())
        self.waitersLeave(finding)

    def test_searchEverybody(self) -> None:
        """The general broadcast may be one of them: from each interface, then."""
        finding = self.newDiscovery(searchAddresses=[EVERYBODY, CAMERA]).find(UID)
        self.assertEqual([CAMERA, EVERYBODY] * 2, self.places())
        self.waitersLeave(finding)

    def test_searchWithAddresses(self) -> None:
        """A search can have addresses of its own."""
        self.discovery.search(1.5, addresses=["192.0.2.99"])
        self.assertEqual(
            [EVERYBODY, "192.0.2.99", BROADCAST, "192.0.2.99"], self.places()
        )
        self.network.advance(1)
        self.assertNothingLeft(self.network, self.pc)

    def test_everyInterface(self) -> None:
        """Each interface is asked from its own address."""
        pc = self.network.host(
            "two", ("192.0.2.20/24", "lan"), ("203.0.113.5/25", "other")
        )
        discovery = Discovery(pc, interfaces=pc.interfaces)
        finding = discovery.find(UID)
        self.network.advance(1.1)
        asked = [
            (d.source[0], d.destination[0])
            for d in self.network.captured
            if d.payload == QUESTION
        ]
        self.assertEqual(
            [
                ("192.0.2.20", EVERYBODY),
                ("203.0.113.5", EVERYBODY),
                ("192.0.2.20", "192.0.2.255"),
                ("203.0.113.5", "203.0.113.127"),
            ],
            asked,
        )
        finding.addErrback(lambda _: None)
        finding.cancel()
        self.assertNothingLeft(self.network, pc)

    def test_localAddress(self) -> None:
        """With a local address, only that interface is asked."""
        pc = self.network.host(
            "two", ("192.0.2.20/24", "lan"), ("203.0.113.5/25", "other")
        )
        discovery = Discovery(pc, interfaces=pc.interfaces, localAddress="203.0.113.5")
        discovery.checkLocalAddress()
        finding = discovery.find(UID, address="203.0.113.99")
        self.network.advance(1.1)
        self.assertEqual({"203.0.113.5"}, {d.source[0] for d in self.network.captured})
        self.assertEqual(1, len(pc.ports))
        finding.addErrback(lambda _: None)
        finding.cancel()
        self.assertNothingLeft(self.network, pc)

    def test_wrongLocalAddress(self) -> None:
        """A local address that is not ours is an error, and leaves nothing."""
        discovery = self.newDiscovery(localAddress="198.51.100.1")
        self.assertRaises(CannotListenError, discovery.checkLocalAddress)
        self.newDiscovery().checkLocalAddress()
        self.newDiscovery(localAddress=PC).checkLocalAddress()
        self.assertNothingLeft(self.network, self.pc)

    def test_pointToPoint(self) -> None:
        """A network without a broadcast address is asked by the general one."""
        finding = self.newDiscovery(
            interfaces=lambda: [IPv4Interface(f"{PC}/31")]
        ).find(UID)
        self.assertEqual([EVERYBODY, EVERYBODY], self.places())
        self.waitersLeave(finding)


class NetworkTests(DiscoveryCase):
    """Networks come and go."""

    def test_interfaces(self) -> None:
        """An interface that appears is asked, one that vanishes is let go."""
        pc = self.network.host(
            "two", ("192.0.2.20/24", "lan"), ("203.0.113.5/25", "other")
        )
        present = [pc.interfaces()[0]]
        discovery = Discovery(pc, interfaces=lambda: present)
        finding = discovery.find(UID)
        for interfaces in ([0], [0, 1], [1], []):
            present[:] = [pc.interfaces()[i] for i in interfaces]
            self.network.captured.clear()
            self.network.advance(1 if interfaces else 2)
            self.assertEqual(
                [str(interface.ip) for interface in present],
                [port.getHost().host for port in pc.ports],
            )
            self.assertEqual(
                {str(interface.ip) for interface in present},
                {d.source[0] for d in self.network.captured},
            )
        finding.addErrback(lambda _: None)
        finding.cancel()
        self.assertNothingLeft(self.network, pc)

    def test_noNetwork(self) -> None:
        """A machine without a network says so, and goes on trying."""
        with capturedLogs() as events:
            finding = self.newDiscovery(interfaces=list).find(UID)
            self.network.advance(0.5)
        told = [str(formatEvent(event)) for event in events]
        self.assertEqual(["search sent to nobody: this machine has no network"], told)
        self.waitersLeave(finding)

    def test_unplugged(self) -> None:
        """An unplugged network is complained of once, and found again later."""
        lab = Lab()
        lab.pc.unplug()
        with capturedLogs() as events:
            finding = lab.discovery.find(UID, address=CAMERA)
            lab.network.advance(3600)
        troubles = [
            str(formatEvent(event))
            for event in events
            if "cannot" in str(formatEvent(event))
        ]
        self.assertEqual(3, len(set(troubles)))
        self.assertEqual(sorted(set(troubles)), sorted(troubles))
        self.assertEqual(2, len(lab.pc.ports))
        lab.pc.plug()
        self.assertEqual(UID, self.resultAfter(lab.network, 11, finding).deviceId)
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc)

    def test_readdressed(self) -> None:
        """Our own address may change in between."""
        lab = Lab()
        lab.emulated.stop()
        finding = lab.discovery.find(UID)
        lab.network.advance(1.5)
        lab.pc.readdress(f"{PC}/24", "192.0.2.20/24")
        lab.emulated.start()
        self.resultAfter(lab.network, 2, finding)
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc)

    def test_noPort(self) -> None:
        """An address that we cannot have is complained of, the others are used."""
        listed = [IPv4Interface("198.51.100.1/24"), *self.pc.interfaces()]
        with capturedLogs() as events:
            finding = self.newDiscovery(interfaces=lambda: listed).find(UID)
            self.network.advance(20)
        told = [str(formatEvent(event)) for event in events]
        self.assertEqual(1, sum("cannot open a port" in line for line in told))
        self.assertIn((0, EVERYBODY), self.sent())
        self.waitersLeave(finding)


class RoundTests(DiscoveryCase):
    """How often anybody is asked."""

    def test_backingOff(self) -> None:
        """At first each second, at last each ten."""
        finding = self.discovery.find(UID)
        self.network.advance(60)
        self.assertEqual(ROUNDS, self.rounds())
        self.assertEqual(len(ROUNDS) * (1 + len(KNOWN)), len(self.network.captured))
        self.waitersLeave(finding)

    def test_together(self) -> None:
        """Two, or fifty, who begin together share the rounds of one."""
        for number in (2, 50):
            self.setUp()
            waiters = [
                self.discovery.find(DeviceId("VSTB", serial, "A"))
                for serial in range(number)
            ]
            self.network.advance(60)
            self.assertEqual(ROUNDS, self.rounds())
            self.assertEqual(len(ROUNDS) * (1 + len(KNOWN)), len(self.network.captured))
            self.waitersLeave(*waiters)

    def test_oneAfterTheOther(self) -> None:
        """Whoever joins has the next round soon, but never sooner than a second."""
        waiters = []
        for serial in range(50):
            waiters.append(self.discovery.find(DeviceId("VSTB", serial, "A")))
            self.network.advance(0.17)
        self.network.advance(60)
        rounds = self.rounds()
        gaps = [b - a for a, b in pairwise(rounds)]
        self.assertGreaterEqual(min(gaps), 0.999999)
        self.assertAlmostEqual(1, gaps[0])
        self.assertAlmostEqual(10, gaps[-1])
        self.waitersLeave(*waiters)

    def test_comingAndGoing(self) -> None:
        """Neither do those who give up and begin again make it more often."""
        for _ in range(100):
            finding = self.discovery.find(UID)
            self.network.advance(0.05)
            self.waitersLeave(finding)
        rounds = self.rounds()
        self.assertEqual([0, 1, 2, 3, 4], [round(time, 1) for time in rounds])

    def test_lateComer(self) -> None:
        """One who comes when the others have waited for long gets early rounds."""
        first = self.discovery.find(UID)
        self.network.advance(60)
        second = self.discovery.find(OTHER_UID)
        self.network.advance(4.5)
        self.assertEqual([60, 61, 62, 63], self.rounds()[-4:])
        self.waitersLeave(first, second)


class LeavingTests(DiscoveryCase):
    """Nothing is held for nobody."""

    def test_quiet(self) -> None:
        """While nobody waits, there is no port, no timer, no packet."""
        self.network.advance(100)
        self.assertNothingLeft(self.network, self.pc)
        self.assertEqual(0, len(self.network.captured))

    def test_cancel(self) -> None:
        """Giving up frees everything, before the first round and after it."""
        for seconds in (0, 0.5, 30):
            finding = self.discovery.find(UID)
            self.network.advance(seconds)
            finding.cancel()
            self.failureResultOf(finding, CancelledError)
            self.assertNothingLeft(self.network, self.pc)

    def test_cancelWhileConfirming(self) -> None:
        """The two seconds of waiting for LAN_SEARCH are given up, too."""
        door = self.dhDoor()
        finding = self.discovery.find(UID)
        self.network.advance(0.001)
        door.say(report(CAMERA), self.asker(door))
        self.network.advance(0.001)
        self.waitersLeave(finding)

    def test_oneOfTwo(self) -> None:
        """If one gives up, the other is still served."""
        lab = Lab()
        lab.emulated.stop()
        first, second = lab.discovery.find(UID), lab.discovery.find(UID)
        first.addErrback(lambda _: None)
        first.cancel()
        lab.emulated.start()
        self.resultAfter(lab.network, 2, second)

    def test_allServed(self) -> None:
        """Everybody who waits for a camera gets it."""
        lab = Lab()
        waiters = [lab.discovery.find(UID) for _ in range(5)]
        lab.network.advance(1)
        for waiter in waiters:
            self.assertEqual(UID, self.successResultOf(waiter).deviceId)

    def test_stop(self) -> None:
        """Stopping sends everybody home; the searcher can be used again."""
        waiters = [self.discovery.find(UID), self.discovery.find()]
        search = self.discovery.search(100)
        self.network.advance(1)
        stopped = self.discovery.stop()
        for waiter in waiters:
            self.failureResultOf(waiter, Disconnected)
        self.failureResultOf(search, CancelledError)
        self.resultAfter(self.network, 0, stopped)
        self.assertNothingLeft(self.network, self.pc)
        again = self.discovery.find(UID)
        self.network.advance(1)
        self.assertEqual(1, len(self.pc.ports))
        self.waitersLeave(again)
        self.successResultOf(self.discovery.stop())

    def test_stopWithConsequences(self) -> None:
        """One who is sent home may take others along, or come back."""
        first, second = self.discovery.find(UID), self.discovery.find(UID)
        search = self.discovery.search(10)
        again: list[Deferred[Found]] = []

        def consequences(_: object) -> None:
            second.cancel()
            search.cancel()
            again.append(self.discovery.find(OTHER_UID))

        first.addErrback(consequences)
        stopped = self.discovery.stop()
        self.failureResultOf(second, CancelledError)
        self.failureResultOf(search, CancelledError)
        self.resultAfter(self.network, 0, stopped)
        self.waitersLeave(*again)

    def test_search(self) -> None:
        """A search lasts as long as it should, and frees everything."""
        search = self.discovery.search(3)
        self.network.advance(2.9)
        self.assertNoResult(search)
        self.assertEqual([], self.resultAfter(self.network, 0.1, search))
        self.assertEqual([0, 1, 2], self.rounds())
        self.assertNothingLeft(self.network, self.pc)

    def test_searchCancelled(self) -> None:
        """A search can be given up."""
        search = self.discovery.search(3)
        self.network.advance(1)
        search.cancel()
        self.failureResultOf(search, CancelledError)
        self.assertNothingLeft(self.network, self.pc)

    def test_unsubscribe(self) -> None:
        """Observers that had enough are not told any more."""
        lab = Lab()
        seen: list[Found] = []
        unsubscribe = lab.discovery.onFound(seen.append)
        self.resultAfter(lab.network, 1, lab.discovery.search(1))
        told = len(seen)
        self.assertGreater(told, 0)
        unsubscribe()
        self.resultAfter(lab.network, 1, lab.discovery.search(1))
        self.assertEqual(told, len(seen))

    def test_brokenObserver(self) -> None:
        """One observer's trouble is logged, and keeps nobody from anything."""
        lab = Lab()

        def broken(found: Found) -> None:
            raise ZeroDivisionError

        seen: list[Found] = []
        lab.discovery.onFound(broken)
        lab.discovery.onFound(seen.append)
        self.resultAfter(lab.network, 1, lab.discovery.find(UID))
        self.assertNotEqual([], seen)
        self.assertNotEqual([], self.flushLoggedErrors(ZeroDivisionError))

    def test_observerGivesUp(self) -> None:
        """An observer may end the very search that it hears of."""
        lab = Lab()
        finding = lab.discovery.find(UID)
        finding.addErrback(lambda _: None)
        lab.discovery.onFound(lambda found: finding.cancel())
        lab.network.advance(1)
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc)


class TraceTests(LabCase):
    """The trace."""

    def test_deciphered(self) -> None:
        """It sees questions and answers, deciphered."""
        lab = Lab(psk="vstarcam2019")
        seen: list[tuple[bool, bytes]] = []
        discovery = Discovery(
            lab.pc,
            interfaces=lab.pc.interfaces,
            trace=lambda now, sent, peer, datagram: seen.append((sent, datagram)),
        )
        self.resultAfter(lab.network, 1, discovery.search(1, addresses=[CAMERA]))
        self.assertEqual({QUESTION, SEARCH}, {data for sent, data in seen if sent})
        answers = {data[:4] for sent, data in seen if not sent}
        self.assertEqual({REPORT, b"\xf1\x41\0\x14"}, answers)


class SharedTests(LabCase):
    """One searcher for a whole process."""

    def test_shared(self) -> None:
        """It is the same for the same reactor, and for that only."""
        network = MemoryNetwork()
        one, two = network.host("one"), network.host("two")
        first = Discovery.shared(one)
        self.assertIs(first, Discovery.shared(one))
        self.assertIsNot(first, Discovery.shared(two))

    def test_notForEver(self) -> None:
        """It goes with its reactor."""
        host = MemoryNetwork().host("one")
        Discovery.shared(host)
        gone = ref(host)
        del host
        gc.collect()  # the searcher, ...
        gc.collect()  # ... and with it what it was kept for
        self.assertIsNone(gone())
