"""Tests for L{twistedcam.doctor}: what a session, the login and the video tell."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twistedcam.doctor import Level
from twistedcam.doctor.buffer import ENLARGE
from twistedcam.doctor.login import duration
from twistedcam.doctor.video import pictureSize
from twistedcam.doctor.visit import Arrivals
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Faults
from twistedcam.emulator.commands import Commands
from twistedcam.emulator.login import ADMIN
from twistedcam.media.frame import Codec, Frame
from twistedcam.testing import Datagram
from twistedcam.wire import drw

from .doctorkit import DoctorCase, firewall
from .lab import CAMERA, PC, UID


def isVideo(datagram: Datagram) -> bool:
    """Is it, in plain, a packet of video?"""
    return datagram.payload[:2] == drw.DRW_START and datagram.payload[5] == drw.VIDEO


class SessionTests(DoctorCase):
    """From the handshake on."""

    def crowd(self, count: int) -> None:
        """So many other clients."""
        for _ in range(count):
            self.lab.session().start()
            self.lab.network.advance(2)
        self.assertEqual(count, len(self.lab.emulated.sessions))

    def test_full(self) -> None:
        """The older firmware says that four others are there."""
        self.use(FIRMWARE_A)
        self.crowd(4)
        findings = self.examine()
        self.assertFound(findings, "camera-full")
        finding = self.one(findings, "camera-full")
        self.assertIn("the camera is full", finding.text)
        self.assertIn("Close the app", finding.advice[0])
        self.assertEqual(4, len(self.lab.emulated.sessions))

    def test_crowded(self) -> None:
        """The last place is a note."""
        self.crowd(3)
        findings = self.examine()
        self.assertFound(findings, notes=("crowded",))
        self.assertIn("places in use: 4 of 4", self.one(findings, "login").text)

    def test_tcpOnly(self) -> None:
        """A camera that insists on TCP is not supported."""
        self.lab.emulated.faults = Faults(tcpOnly=True)
        self.assertFound(self.examine(), "tcp-only")

    def test_noHandshake(self) -> None:
        """A camera that another client holds answers the search only."""

        def fate(datagram: Datagram) -> list[float]:
            isPunch = datagram.payload[:2] == b"\xf1\x41"
            return [] if isPunch and datagram.receivers == ("camera",) else [0.001]

        self.lab.network.fate = fate
        findings = self.examine()
        self.assertFound(findings, "no-handshake")
        commands = self.one(findings, "no-handshake").advice
        self.assertIn(f"$ sudo ufw allow proto udp from {CAMERA}", commands)

    def test_noAnswer(self) -> None:
        """It may fall silent after the search."""
        self.lab.network.callLater(2.9, self.lab.emulated.fallSilent, 60)
        self.assertFound(self.examine(), "no-answer")

    def test_closedAtOnce(self) -> None:
        """It may hang up."""
        self.lab.emulated.onSession = lambda session: session.close()
        self.assertFound(self.examine(), "closed-at-once")

    def test_closedLater(self) -> None:
        """It may hang up at the first command, or when video is wanted."""
        for seconds, expected in ((1.001, "closed-at-login"), (3.0, "closed-at-video")):
            self.use(password="sesame")
            self.lab.emulated.onSession = lambda s, t=seconds: s.dismissIn(t)
            findings = self.examine()
            self.assertEqual([expected], self.kinds(findings, Level.PROBLEM))

    def test_slow(self) -> None:
        """A long way there and back is a note."""
        self.lab.network.latency = 0.08
        self.assertIn("slow-pings", self.kinds(self.examine(), Level.NOTE))

    def test_noPings(self) -> None:
        """So are ALIVEs that nobody answers."""

        def fate(datagram: Datagram) -> list[float]:
            return [] if datagram.payload[:2] == b"\xf1\xe1" else [0.001]

        self.lab.network.fate = fate
        self.assertFound(self.examine(), notes=("no-pings",))


class LoginTests(DoctorCase):
    """User, password, and what they open."""

    def logins(self) -> int:
        """How many commands with a login were sent."""
        sent = {one.payload for one in self.lab.network.captured}
        return sum(b"loginpas=" in one for one in sent)

    def test_wrong(self) -> None:
        """A wrong password is sent once."""
        for firmware in FIRMWARE_A, FIRMWARE_B:
            self.use(firmware, password="sesame")
            findings = self.examine(password="wrong!")
            self.assertFound(findings, "wrong-password")
            self.assertEqual(1, self.logins())
            self.assertNotIn("video", [one.kind for one in findings])

    def test_wrongUser(self) -> None:
        """The older firmware looks at the user, too."""
        self.use(FIRMWARE_A, password="sesame")
        self.assertFound(self.examine(user="nobody"), "wrong-password")

    def test_locked(self) -> None:
        """A camera that is locked says for how long."""
        self.use(FIRMWARE_A, password="sesame")
        state = self.lab.emulated.state
        for number in range(10):
            state.lock.bad(str(number), state.uptime)
        findings = self.examine()
        self.assertFound(findings, "locked")
        left = self.one(findings, "locked").facts["seconds"]
        self.assertTrue(3590 < left <= 3600, left)

    def test_none(self) -> None:
        """Without a password there is a note, and no login is sent."""
        for firmware in FIRMWARE_A, FIRMWARE_B:
            self.use(firmware, password="sesame")
            findings = self.examine(password=None)
            self.assertFound(findings, notes=("no-password",))
            self.assertEqual(0, self.logins())

    def test_open(self) -> None:
        """A camera that obeys anybody is a problem, and its video is looked at."""
        with patch.object(Commands, "_level", lambda *_: ADMIN):
            findings = self.examine(password=None)
        self.assertFound(findings, "no-login")
        self.assertIn("video", [one.kind for one in findings])

    def test_factory(self) -> None:
        """A password that everybody knows is a note, once it is right."""
        self.use()
        self.assertFound(self.examine(password="888888"), notes=("factory-password",))
        self.use(password="sesame")
        self.assertFound(self.examine(password="888888"), "wrong-password")

    def test_vendorAccount(self) -> None:
        """So is firmware that wants to be unlocked by its vendor's servers."""
        answer = b"result=-2;\r\n"
        with patch.object(Commands, "_answer", lambda *_: (0x60A0, answer)):
            findings = self.examine()
        self.assertFound(findings, "vendor-account")

    def test_unknownCommand(self) -> None:
        """Where check_user is not known, get_status tells."""
        real = Commands._answer

        def answer(self: Commands, command: Any, parameters: Any) -> Any:
            if command.name == "check_user":
                return 0, b'result= 0;\r\nvar cgi="not support";\r\n'
            return real(self, command, parameters)

        with patch.object(Commands, "_answer", answer):
            findings = self.examine()
        self.assertFound(findings)
        self.assertNotIn("login", [one.kind for one in findings])
        self.assertIn("status", [one.kind for one in findings])

    def test_refused(self) -> None:
        """A camera that knows nothing is told as that."""
        answer = b'result= 0;\r\nvar cgi="not support";\r\n'
        with patch.object(Commands, "_answer", lambda *_: (0, answer)):
            self.assertFound(self.examine(), "no-status")

    def test_clock(self) -> None:
        """A wrong clock is a note, with the command that sets it."""
        for offset, expected in ((8000.0, "2 h ahead"), (-3600.0, "60 min behind")):
            self.lab.emulated.setClock(offset)
            findings = self.examine()
            self.assertFound(findings, notes=("clock",))
            finding = self.one(findings, "clock")
            self.assertIn(f"$ twistedcam set {UID} time=now", finding.advice)
            self.assertIn(expected, finding.text)

    def test_duration(self) -> None:
        """Durations are told in fitting units."""
        for seconds, expected in (
            (61, "61 s"),
            (3600, "60 min"),
            (7200, "2 h"),
            (86400 * 3, "3 days"),
            (86400 * 365 * 50, "50 years"),
        ):
            self.assertEqual(expected, duration(seconds))


class VideoTests(DoctorCase):
    """What arrives."""

    def test_loss(self) -> None:
        """Losses are a problem, also if every picture is whole in the end."""
        self.lab.emulated.faults = Faults(seed=2, loss=0.1)
        findings = self.examine()
        self.assertEqual(["loss"], self.kinds(findings, Level.PROBLEM))
        facts = self.one(findings, "loss").facts
        self.assertGreater(facts["missed"], 0)
        self.assertIn("Wi-Fi", self.one(findings, "loss").advice[0])

    def test_kernelDrops(self) -> None:
        """What the kernel here had no room for is no fault of the Wi-Fi."""
        self.computer.drops = {0: [3, 45]}
        findings = self.examine()
        self.assertFound(findings, "kernel-drops")
        finding = self.one(findings, "kernel-drops")
        self.assertEqual(42, finding.facts["dropped"])
        self.assertIn(ENLARGE, finding.advice)

    def test_none(self) -> None:
        """No video at all is a problem; it was asked for again, in the usual way."""
        self.lab.network.fate = firewall(lambda one: not isVideo(one))
        findings = self.examine()
        self.assertFound(findings, "no-video")
        self.assertIn("nothing came", self.one(findings, "no-video").text)
        asked = {
            one.payload
            for one in self.lab.network.captured
            if b"streamid=10" in one.payload and one.source[0] == PC
        }
        self.assertEqual(2, len({one[16:60] for one in asked}))

    def test_noPicture(self) -> None:
        """Packets without a whole picture are told apart from nothing."""

        def admits(one: Datagram) -> bool:
            return not isVideo(one) or one.payload[7] % 3 != 0

        self.lab.network.fate = firewall(admits)
        findings = self.examine()
        self.assertEqual(["no-video", "loss"], self.kinds(findings, Level.PROBLEM))
        self.assertIn("packets came", self.one(findings, "no-video").text)

    def test_duplicates(self) -> None:
        """What comes twice without need is a note."""
        self.lab.emulated.faults = Faults(seed=1, duplicate=0.3)
        self.assertFound(self.examine(), notes=("duplicates",))

    def test_slowStart(self) -> None:
        """A first picture that takes long is a note."""
        begin = self.lab.network.seconds
        start = begin()

        def admits(one: Datagram) -> bool:
            return not isVideo(one) or begin() > start + 8.5

        self.lab.network.fate = firewall(admits)
        findings = self.examine()
        self.assertIn("slow-start", self.kinds(findings, Level.NOTE))

    def test_noSound(self) -> None:
        """Without sound there is a note."""

        def admits(one: Datagram) -> bool:
            payload = one.payload
            return payload[:2] != drw.DRW_START or payload[5] != drw.AUDIO

        self.lab.network.fate = firewall(admits)
        self.assertFound(self.examine(), notes=("no-sound",))

    def test_undecodable(self) -> None:
        """A picture that cannot be decoded has no size, and that is all."""
        frame = Frame(Codec.H264, b"\0\0\1\x65rubbish", True, 0.0, 0, 0.0)
        size = pictureSize(frame, lambda act, *args: act(*args))
        self.assertIsNone(size)

    def test_arrivals(self) -> None:
        """Packets that were overtaken are counted, across the wrap of the count."""
        arrivals = Arrivals()
        for index in 0, 1, 4, 2, 3, 4, 5:
            arrivals.seen(index)
        self.assertEqual((6, 2), (arrivals.packets, arrivals.missed))
        for index in range(6, 65536):
            arrivals.seen(index)
        for index in 1, 0, 2:
            arrivals.seen(index)
        self.assertEqual((65539, 3), (arrivals.packets, arrivals.missed))
