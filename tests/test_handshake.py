"""
Client against camera while the handshake's packets get lost, doubled and
overtaken, each in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import combinations, count

from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Firmware
from twistedcam.keeper import CameraState
from twistedcam.session.machine import PATIENCE, Reason, State
from twistedcam.testing import Datagram
from twistedcam.wire import pppp

from .lab import CAMERA, PC, Lab, LabCase

#: How many packets of a run have their accident.
FIRST = 20

#: Seconds that a packet takes, and so many more if others overtake it: more than
#: any two neighbours of the handshake are apart, but for the slow repetitions.
LATENCY, OVERTAKEN = 0.0005, 0.150


#: Known to the owner only.
SECRET = "a private key"
CONFIGURATIONS = [
    (FIRMWARE_A, ""),
    (FIRMWARE_B, ""),
    (FIRMWARE_A, "vstarcam2019"),
    (FIRMWARE_B, SECRET),
]

Fate = Callable[[Datagram], Sequence[float]]


def accident(
    turns: Container[int],
    what: Sequence[float],
    concerns: Callable[[Datagram], bool] = lambda datagram: True,
) -> Fate:
    """Let something happen to the packets of these numbers, the others not counted."""
    numbers = count()

    def fate(datagram: Datagram) -> Sequence[float]:
        return what if concerns(datagram) and next(numbers) in turns else [LATENCY]

    return fate


ACCIDENTS: dict[str, Sequence[float]] = {
    "lost": [],
    "doubled": [LATENCY, LATENCY],
    "doubled late": [LATENCY, OVERTAKEN],
    "overtaken": [OVERTAKEN],
}


def everyAccident() -> Iterator[tuple[Firmware, str, int, str]]:
    """Each accident to each of the first packets, in each configuration."""
    for firmware, psk in CONFIGURATIONS:
        for turn in range(FIRST):
            for name in ACCIDENTS:
                yield firmware, psk, turn, name


class HandshakeTests(LabCase):
    """One session."""

    def life(self, firmware: Firmware, psk: str, fate: Fate) -> str:
        """
        Connect under this fate, stay for some seconds, and part.

        @return: what is wrong with it, if anything.
        """
        lab = Lab(firmware, psk=psk)
        lab.network.fate = fate
        session = lab.session()
        closed = session.whenClosed()
        session.start()
        for seconds in (PATIENCE, 3):
            lab.network.advance(seconds)
            if session.state is not State.CONNECTED:
                return f"{session.state} after {seconds} s: {session.reason}"
        if len(lab.emulated.sessions) != 1:
            return f"the camera has {len(lab.emulated.sessions)} sessions"
        session.stop()
        lab.network.advance(0.250)
        if self.successResultOf(closed) is not Reason.STOPPED:
            return f"stopped: {session.reason}"
        self.packets = len(lab.network.captured)
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc, lab.host)
        return ""

    def test_withoutAccident(self) -> None:
        """More than twenty packets belong to a life, and it just works."""
        for firmware, psk in CONFIGURATIONS:
            self.assertEqual("", self.life(firmware, psk, accident((), [])))
            self.assertGreater(self.packets, FIRST)

    def test_eachAccident(self) -> None:
        """
        Whichever of the first twenty packets is lost, doubled or overtaken, the
        session is up within the patience of one question, lasts, and ends well.
        """
        wrong = {}
        for firmware, psk, turn, name in everyAccident():
            fate = accident([turn], ACCIDENTS[name])
            if complaint := self.life(firmware, psk, fate):
                wrong[firmware.name, psk, turn, name] = complaint
        self.assertEqual({}, wrong)

    def test_eachPairOfLosses(self) -> None:
        """Nor do any two losses among the first twelve packets matter."""
        wrong = {}
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            for turns in combinations(range(12), 2):
                if complaint := self.life(firmware, "", accident(turns, [])):
                    wrong[firmware.name, turns] = complaint
        self.assertEqual({}, wrong)

    def ends(self, lab: Lab, fate: Fate) -> Reason | None:
        """Why a session ended under this fate."""
        lab.network.fate = fate
        session = lab.session()
        session.start()
        lab.network.advance(2 * PATIENCE)
        return session.reason

    def test_nothingFromTheCamera(self) -> None:
        """If all that the camera says is lost, nobody answered."""
        for firmware, psk in CONFIGURATIONS:
            fate = accident(range(1000), [], lambda d: d.source[0] == CAMERA)
            reason = self.ends(Lab(firmware, psk=psk), fate)
            self.assertIs(Reason.NO_ANSWER, reason)

    def test_nothingFromUs(self) -> None:
        """If the camera never hears us, nobody answered, either."""
        for firmware, psk in CONFIGURATIONS:
            fate = accident(range(1000), [], lambda d: d.source[0] == PC)
            reason = self.ends(Lab(firmware, psk=psk), fate)
            self.assertIs(Reason.NO_ANSWER, reason)

    def test_onlyTheFirstAnswer(self) -> None:
        """
        If only the PUNCH_PKT comes through, the handshake had no answer; the
        camera, which thinks that there is a session, is told of the end.
        """
        for firmware, psk in CONFIGURATIONS:
            lab = Lab(firmware, psk=psk)
            fate = accident(range(1, 10000), [], lambda d: d.source[0] == CAMERA)
            self.assertIs(Reason.NO_HANDSHAKE, self.ends(lab, fate))
            self.assertEqual([], lab.emulated.sessions)


class CameraHandshakeTests(LabCase):
    """A camera, from the search to being up."""

    def life(self, firmware: Firmware, psk: str, turn: int, name: str) -> str:
        """
        Connect while one packet has its accident, and part.

        @return: what is wrong with it, if anything.
        """
        lab = Lab(firmware, psk=psk)

        def concerns(datagram: Datagram) -> bool:
            # Of the questions to everybody, most are under keys of others.
            return datagram.destination[1] != lab.doors.lanPort or pppp.encode(
                pppp.LanSearch()
            ) == lab.cipher.decipher(datagram.payload)

        lab.network.fate = accident([turn], ACCIDENTS[name], concerns)
        reasons: list[Reason] = []
        camera = lab.camera(psk=psk if psk == SECRET else None)
        camera.onLost(lambda reason, delay: reasons.append(reason))
        camera.connect()
        lab.network.advance(4)
        complaint = f"{camera}" if camera.state is not CameraState.UP else ""
        self.resultAfter(lab.network, 0.3, camera.disconnect())
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc, lab.host)
        return complaint or ", ".join(reason.value for reason in reasons)

    def test_eachAccident(self) -> None:
        """
        Whichever of the first twenty packets that concern the camera is lost,
        doubled or overtaken, the camera is up soon, in its first life.
        """
        wrong = {}
        for firmware, psk, turn, name in everyAccident():
            if complaint := self.life(firmware, psk, turn, name):
                wrong[firmware.name, psk, turn, name] = complaint
        self.assertEqual({}, wrong)
