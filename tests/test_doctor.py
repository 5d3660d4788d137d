"""Tests for L{twistedcam.doctor}: what is found on a simulated network."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError
from twisted.internet.error import CannotListenError

from twistedcam.doctor import Finding, Level, Nic, Patient
from twistedcam.doctor.buffer import ENLARGE
from twistedcam.doctor.findings import COMMAND
from twistedcam.doctor.network import examineNetwork
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Doors, EmulatedCamera, Faults
from twistedcam.emulator.report import Reporter
from twistedcam.session.dialogue import Dialogue
from twistedcam.testing import Datagram
from twistedcam.trace import describe
from twistedcam.wire import dh, pppp
from twistedcam.wire.deviceid import DeviceId

from .doctorkit import LOOPBACK, DoctorCase, firewall
from .lab import BROADCAST, CAMERA, EVERYBODY, OTHER_UID, PC, STRANGER, UID, Socket

UNKNOWN = DeviceId("ZZZZ", 1, "AAAAA")


class WellTests(DoctorCase):
    """A camera that works."""

    def test_all(self) -> None:
        """Everything is examined, in order, and nothing is wrong."""
        for firmware in FIRMWARE_A, FIRMWARE_B:
            self.use(firmware, name="Garden", password="sesame")
            findings = self.examine()
            self.assertFound(findings)
            self.assertEqual(
                [
                    "interface",
                    "answers",
                    "found",
                    "session",
                    "pings",
                    "buffer",
                    "login",
                    "status",
                    "clock",
                    "video",
                    "losses",
                    "sound",
                ],
                [one.kind for one in findings],
            )
            self.lab.remove()
            self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_figures(self) -> None:
        """The figures are those of the camera."""
        findings = self.examine()
        video = self.one(findings, "video")
        self.assertEqual((640, 360), video.facts["size"])
        self.assertEqual(
            (15.0, "h264"), (video.facts["framesPerSecond"], video.facts["codec"])
        )
        self.assertIn("H.264 640x360, 15.0 pictures/s", video.text)
        losses = self.one(findings, "losses")
        self.assertGreater(losses.facts["packets"], 75)
        self.assertEqual(0, losses.facts["missed"])
        pings = self.one(findings, "pings")
        self.assertEqual((1.0, 1.0, 4), tuple(pings.facts.values()))
        self.assertEqual(0, self.one(findings, "clock").facts["ahead"])
        self.assertEqual(1, self.one(findings, "login").facts["users"])

    def test_others(self) -> None:
        """Other codecs, keys, and a virtual identity are as good."""
        virtual = DeviceId("VE", 123456, "ABCDE")
        for how in (
            {"codec": "h265"},
            {"codec": "mjpeg"},
            {"psk": "vstarcam2019"},
            {"virtualId": virtual},
        ):
            self.use(password="sesame", **how)
            uid = how.get("virtualId", self.lab.emulated.deviceId)
            findings = self.examine(deviceId=uid)
            self.assertFound(findings)
            size = self.one(findings, "video").facts["size"]
            self.assertIsNotNone(size, how)

    def test_address(self) -> None:
        """The address will do as well, or both."""
        self.assertFound(self.examine(deviceId=None, address=CAMERA))
        self.assertFound(self.examine(address=CAMERA))

    def test_table(self) -> None:
        """It is told who answers, how, from which port, and under which key."""
        other = EmulatedCamera(
            self.lab.host, OTHER_UID, doors=self.lab.doors, psk="SHIX", name="Shed"
        )
        other.start()
        rows = self.one(self.examine(), "answers").facts["cameras"]
        garden, shed = sorted(rows, key=lambda row: row["uid"])
        self.assertEqual(
            {
                "uid": str(UID),
                "address": CAMERA,
                "answered": "DH+LAN",
                "key": "plain",
                "firmware": FIRMWARE_B.systemVersion,
                "name": "Garden",
            },
            {key: value for key, value in garden.items() if key != "from port"},
        )
        self.assertRegex(garden["from port"], r"^8600 [12]\d{4}$")
        self.assertEqual(("Shed", "SHIX"), (shed["name"], shed["key"]))

    def test_harmless(self) -> None:
        """What is sent to the camera is known to be harmless, and the login goes once."""
        names: list[str] = []
        command = Dialogue.command

        def note(self: Dialogue, name: str, *args: Any) -> Any:
            names.append(name)
            return command(self, name, *args)

        before = dict(self.lab.emulated.state.image)
        with patch.object(Dialogue, "command", note):
            self.assertFound(self.examine())
        self.assertEqual(
            {"check_user", "get_status", "livestream", "audiostream"}, set(names)
        )
        self.assertEqual(before, dict(self.lab.emulated.state.image))

    def test_notNamed(self) -> None:
        """Without a name nobody is spoken to, and no password is sent."""
        self.assertFound(self.examine(deviceId=None))
        self.assertEqual([], self.lab.emulated.sessions)
        sent = [one.payload for one in self.lab.network.captured if one.source[0] == PC]
        self.assertEqual(
            {"DH search", "LAN_SEARCH", "LAN_SEARCH_EXT"},
            {describe(one) for one in sent if one[:1] in b"D\xf1"},
        )

    def test_interrupted(self) -> None:
        """Interrupted at any time, it parts and frees all."""
        for seconds in 0.5, 3.03, 3.1, 3.5, 4.5, 6.0, 9.0:
            self.use(password="sesame")
            _, done = self.start(password="sesame")
            self.lab.network.advance(seconds)
            self.assertNoResult(done)
            done.cancel()
            self.lab.network.advance(2)
            self.failureResultOf(done, CancelledError)
            self.assertEqual([], self.lab.emulated.sessions, seconds)
            self.lab.remove()
            self.lab.network.advance(10)
            self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_trace(self) -> None:
        """A trace sees the search and the session."""
        seen: set[str] = set()
        self.examine(trace=lambda now, sent, peer, data: seen.add(describe(data)))
        for one in "DH search", f"DH report of {UID.compact} at {CAMERA}", "ALIVE":
            self.assertIn(one, seen)

    def test_repr(self) -> None:
        """A patient's secrets are not in its repr."""
        shown = repr(Patient(UID, password="sesame", psk="tree"))
        self.assertNotIn("sesame", shown)
        self.assertNotIn("tree", shown)


class NetworkTests(DoctorCase):
    """This computer's own network."""

    def test_noInterface(self) -> None:
        """Without an address there is nothing to examine but the buffer."""
        self.lab.pc.interfaces = list  # type: ignore[method-assign]
        for others in [LOOPBACK], []:
            self.computer.others = others
            findings = self.examine()
            self.assertFound(findings, "no-interface")
            self.assertIn("no interface", findings[0].text)
            self.assertEqual("buffer", findings[1].kind)
        self.assertFalse(self.lab.network.captured)

    def test_notConnected(self) -> None:
        """Nor with interfaces that nothing is connected to."""
        self.computer.up = False
        findings = self.examine()
        self.assertFound(findings, "no-interface")
        self.assertIn("eth0: no cable", findings[0].text)

    def network(self) -> list[Finding]:
        """What is found of the network alone."""
        findings: list[Finding] = []
        examineNetwork(
            self.computer,
            findings.append,
            searchAddresses=(),
            localAddress="",
            address=None,
        )
        return findings

    def test_containers(self) -> None:
        """An interface that leads to containers leads to no camera."""
        docker = Nic("docker0", IPv4Interface("172.17.0.1/16"), True)
        self.computer.others.append(docker)
        findings = self.network()
        self.assertFound(findings)
        self.assertIn("containers", findings[0].text)
        self.computer.up = False
        self.assertFound(self.network(), "no-interface")

    def test_oddities(self) -> None:
        """A container, a VPN, a missing route and an empty socket are notes."""
        self.computer.kind = "docker"
        self.computer.defaultRoute = False
        self.computer.others += [
            Nic("wg0", IPv4Interface("10.0.0.2/32"), None),
            Nic("wlan0", IPv4Interface("192.168.9.2/24"), False),
        ]
        self.assertFound(
            self.network(),
            notes=("point-to-point", "interface-down", "no-default-route", "container"),
        )

    def test_unknownRoute(self) -> None:
        """Where nobody knows of routes, nothing is said of them."""
        self.computer.defaultRoute = None
        self.assertFound(self.examine())

    def test_broadcasts(self) -> None:
        """It is told where broadcasts go."""
        finding = self.examine()[0]
        self.assertEqual([BROADCAST, EVERYBODY], finding.facts["broadcast"])

    def test_searchAddresses(self) -> None:
        """Addresses to be searched instead are told."""
        findings = self.examine(searchAddresses=[CAMERA])
        self.assertFound(findings)
        self.assertIn(CAMERA, findings[0].text)
        self.assertEqual(f"eth0 {PC}/24", findings[1].text)

    def test_loopback(self) -> None:
        """Loopback is enough where just that is to be searched."""
        self.lab.pc.interfaces = list  # type: ignore[method-assign]
        for how in {"searchAddresses": ["127.0.0.1"]}, {"localAddress": "127.0.0.1"}:
            self.assertFound(self.examine(**how), "nothing-answers")

    def test_localAddress(self) -> None:
        """An address of ours is used alone; one that is none is refused."""
        self.computer.others.append(Nic("eth9", IPv4Interface("10.0.0.2/24"), True))
        findings = self.examine(localAddress=PC)
        self.assertFound(findings)
        self.assertEqual(1, [one.kind for one in findings].count("interface"))
        _, done = self.start(localAddress=STRANGER)
        self.failureResultOf(done, CannotListenError)
        self.lab.network.advance(1)
        self.assertEqual([], self.lab.pc.ports)

    def test_otherNetwork(self) -> None:
        """An address that is in none of our networks is a note."""
        findings = self.examine(deviceId=None, address="203.0.113.7")
        notes = self.kinds(findings, Level.NOTE)
        self.assertEqual(["other-network", "cannot-send"], notes)

    def test_buffer(self) -> None:
        """A small receive buffer is a problem, with what to type."""
        self.computer.granted = 425984
        findings = self.examine()
        self.assertFound(findings, "small-buffer")
        finding = self.one(findings, "small-buffer")
        self.assertIn("416 KiB", finding.text)
        self.assertIn("$ sudo sysctl net.core.rmem_max=4194304", finding.advice)
        with patch("sys.platform", "darwin"):
            other = self.one(self.examine(), "small-buffer")
        self.assertNotIn(ENLARGE, other.advice)


class SearchTests(DoctorCase):
    """Who answers, and who does not."""

    def test_nothing(self) -> None:
        """Nobody answers: with a name, and without."""
        self.lab.remove()
        for uid in UID, None:
            findings = self.examine(deviceId=uid)
            self.assertFound(findings, "nothing-answers")
            finding = self.one(findings, "nothing-answers")
            self.assertEqual(uid is not None, str(UID) in finding.text)
            commands = [one for one in finding.advice if one.startswith(COMMAND)]
            self.assertEqual(3, len(commands))
            self.assertTrue(all("192.0.2.0/24" in one for one in commands))

    def test_firewallIsOn(self) -> None:
        """The firewall that is on here is named, and no other."""
        self.lab.remove()
        self.computer.active = ("ufw",)
        advice = self.one(self.examine(), "nothing-answers").advice
        self.assertIn("ufw is switched on here", " ".join(advice))
        commands = [one for one in advice if one.startswith(COMMAND)]
        self.assertEqual(["$ sudo ufw allow proto udp from 192.0.2.0/24"], commands)

    def test_others(self) -> None:
        """Another one answers: perhaps that is meant."""
        findings = self.examine(deviceId=OTHER_UID)
        self.assertFound(findings, "others-answer")
        advice = " ".join(self.one(findings, "others-answer").advice)
        self.assertIn(f"Did you mean {UID}?", advice)
        findings = self.examine(deviceId=UNKNOWN)
        advice = " ".join(self.one(findings, "others-answer").advice)
        self.assertNotIn("Did you mean", advice)

    def test_otherThere(self) -> None:
        """At the address that was given there is another one."""
        findings = self.examine(deviceId=UNKNOWN, address=CAMERA)
        self.assertFound(findings, "others-answer")
        text = self.one(findings, "others-answer").text
        self.assertIn(f"{UID} answers at {CAMERA}", text)

    def test_refused(self) -> None:
        """A computer where nothing listens says so, on any reactor."""
        for closes in True, False:
            self.use()
            self.lab.network.refusalCloses = closes
            self.lab.remove()
            findings = self.examine(address=CAMERA)
            self.assertFound(findings, "refused")

    def test_absent(self) -> None:
        """An address that nobody owns up to is empty."""
        self.computer.neighbours = {STRANGER: False}
        findings = self.examine(deviceId=None, address=STRANGER)
        self.assertFound(findings, "absent")

    def test_silent(self) -> None:
        """Where nothing comes back, it is told whether something is there."""
        self.lab.network.fate = firewall(lambda datagram: False)
        for present, expected in ((True, "is there"), (None, "nothing comes back")):
            self.computer.neighbours = {} if present is None else {CAMERA: present}
            findings = self.examine(deviceId=None, address=CAMERA)
            self.assertFound(findings, "nothing-answers")
            finding = self.one(findings, "nothing-answers")
            self.assertIn(expected, finding.text)
            self.assertIn(f"$ sudo ufw allow proto udp from {CAMERA}", finding.advice)

    def test_broadcastBlocked(self) -> None:
        """What answers only when it is asked directly is a note."""

        def fate(datagram: Datagram) -> list[float]:
            return [] if datagram.destination[0] in (BROADCAST, EVERYBODY) else [0.001]

        self.lab.network.fate = fate
        findings = self.examine(address=CAMERA)
        self.assertFound(findings, notes=("broadcast-blocked",))
        self.assertFound(self.examine(), "nothing-answers")

    def test_onlyAskedPort(self) -> None:
        """A firewall that admits answers from the port asked only lets DH through."""
        self.lab.network.fate = firewall(lambda one: one.source[1] == dh.DH_PORT)
        findings = self.examine()
        self.assertFound(findings, "dh-only")
        advice = self.one(findings, "dh-only").advice
        self.assertIn("firewall", advice[0])
        self.assertIn("VSTB is known to use plain", " ".join(advice))

    def test_privateKey(self) -> None:
        """A camera under a key that nobody knows answers DH only; --psk helps."""
        self.use(deviceId=UNKNOWN, psk="tree", password="sesame")
        findings = self.examine()
        self.assertFound(findings, "dh-only")
        self.assertIn("--psk", self.one(findings, "dh-only").advice[0])
        findings = self.examine(psk="bush")
        self.assertIn("was given either", self.one(findings, "dh-only").advice[0])
        self.assertFound(self.examine(psk="tree"))

    def test_wrongPsk(self) -> None:
        """A private key that the camera does not use is a problem of its own."""
        findings = self.examine(psk="tree")
        self.assertFound(findings, "wrong-psk")
        self.assertIn("login", [one.kind for one in findings])

    def test_nobodyWanted(self) -> None:
        """Without a name, what is odd about anybody is told."""
        self.use(psk="tree")
        self.assertFound(self.examine(deviceId=None), "dh-only")

    def test_otherPort(self) -> None:
        """An answer from another port than the one asked is a note."""
        self.lab.emulated.faults = Faults(otherPort=True)
        findings = self.examine()
        self.assertFound(findings, notes=("other-port",))
        finding = self.one(findings, "other-port")
        self.assertNotEqual(dh.DH_PORT, finding.facts["port"])
        self.assertIn(str(finding.facts["port"]), finding.text)

    def test_forged(self) -> None:
        """Reports that name another address, or another camera, are not believed."""
        self.lab.emulated.faults = Faults(forgedReports=True)
        findings = self.examine()
        self.assertFound(findings, notes=("other-address",))
        self.assertEqual(2, len(self.one(findings, "answers").facts["cameras"]))
        forged = replace(UID, serial=UID.serial + 1)
        self.assertEqual(
            ["dh-only"], self.kinds(self.examine(deviceId=forged), Level.PROBLEM)
        )

    def test_duplicates(self) -> None:
        """One identity at two addresses is a problem, if both can be talked to."""
        network = self.lab.network
        other = network.host("other", f"{STRANGER}/24", defaultRoute=True)
        doors = Doors(other)
        doors.open()
        second = EmulatedCamera(other, UID, doors=doors, password="sesame")
        second.start()
        findings = self.examine()
        self.assertFound(findings, "duplicate")
        self.assertIn(STRANGER, self.one(findings, "duplicate").text)
        self.assertFound(self.examine(deviceId=None), "duplicate")
        second.stop()
        # Somebody repeats what the camera once reported.
        report = dh.encode(dh.DhReport(ip=STRANGER, uid=UID.compact))
        with patch.object(Reporter, "heard"):
            liar = EmulatedCamera(other, UID, doors=doors)
            liar._reporter.heard = (  # type: ignore[method-assign]
                lambda datagram, address: doors.sendDh(report, address)
            )
            liar._lan = lambda datagram, address: None  # type: ignore[method-assign]
            liar.start()
            self.assertFound(self.examine(), notes=("duplicate",))

    def test_foreignAddress(self) -> None:
        """A camera with an address of another network is heard, but not reached."""
        self.lab.pc.readdress(f"{PC}/24", f"{PC}/29")
        findings = self.examine()
        self.assertFound(findings, "foreign-address")
        advice = self.one(findings, "foreign-address").advice
        self.assertIn("$ sudo ip address add 192.0.2.254/24 dev eth0", advice)

    def test_cannotSend(self) -> None:
        """What the kernel refuses to send is told in its words."""
        self.lab.pc.unplug()
        findings = self.examine()
        self.assertFound(findings, *["cannot-send"] * 2, "nothing-answers")
        self.assertIn("unreachable", findings[1].text)

    def test_strangers(self) -> None:
        """Rubbish is a note, and harms nobody."""
        host = self.lab.network.host("stranger", f"{STRANGER}/24")
        socket = Socket(host, pppp.LAN_PORT)
        heard = socket.datagramReceived

        def answer(datagram: bytes, addr: tuple[str, int]) -> None:
            heard(datagram, addr)
            for rubbish in b"DH\x01\x08", b"x", b"", b"\xf1\x41\0\x14" + bytes(20):
                socket.say(rubbish, addr)
            socket.say(b"DH\x01\x01", addr)
            socket.say(pppp.Alive(), addr)

        socket.datagramReceived = answer  # type: ignore[method-assign]
        self.assertFound(self.examine(), notes=("stranger",))


class DialectTests(DoctorCase):
    """Relatives."""

    def test_jsonByName(self) -> None:
        """Some families speak JSON; when asked so, they answer, without a password."""
        uid = DeviceId("DGOK", 123456, "ABCDE")
        self.use(deviceId=uid, psk="camera", dialect="json", password="sesame")
        findings = self.examine()
        self.assertFound(findings, "json-dialect", notes=("dialect-confirmed",))
        finding = self.one(findings, "json-dialect")
        self.assertIn("speak the JSON dialect", finding.text)
        self.assertIn("aiopppp", finding.advice[0])
        for one in self.lab.network.captured:
            self.assertNotIn(b"sesame", self.lab.cipher.decipher(one.payload))

    def test_jsonByAnswer(self) -> None:
        """Others are recognised by what they answer."""
        self.use(dialect="json")
        findings = self.examine()
        self.assertFound(findings, "json-dialect")
        self.assertIn(
            "answers in the JSON dialect", self.one(findings, "json-dialect").text
        )

    def test_jsonByKey(self) -> None:
        """A key may tell where a prefix is not known; also without a name."""
        self.use(deviceId=UNKNOWN, psk="SHIX", dialect="json")
        self.assertFound(self.examine(), "json-dialect", notes=("dialect-confirmed",))
        self.assertFound(self.examine(deviceId=None), "json-dialect")

    def test_cgiAfterAll(self) -> None:
        """A camera of such a family that speaks as ours do is examined to the end."""
        self.use(deviceId=DeviceId("PTZA", 1, "AAAAA"), password="sesame")
        findings = self.examine()
        self.assertFound(findings, "binary-dialect")
        self.assertIn("video", [one.kind for one in findings])

    def test_related(self) -> None:
        """What answers the question of another family only is one of those."""
        self.lab.remove()
        host = self.lab.network.host("relative", f"{STRANGER}/24")
        socket = Socket(host, pppp.LAN_PORT)

        def answer(datagram: bytes, addr: tuple[str, int]) -> None:
            if datagram == pppp.encode(pppp.LanSearchExt()):
                socket.say(pppp.PunchPkt(UID), addr)

        socket.datagramReceived = answer  # type: ignore[method-assign]
        self.assertFound(self.examine(), "binary-dialect")

    def test_mute(self) -> None:
        """A camera that answers in no way is told as that."""
        mute = frozenset(("check_user", "get_status"))
        self.lab.emulated.faults = Faults(mute=mute)
        self.assertFound(self.examine(), "mute")
