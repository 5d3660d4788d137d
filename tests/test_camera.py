"""
A camera is kept connected, whatever happens to it and to the network.
"""

from __future__ import annotations

import gc
from random import Random

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger, LogLevel, capturedLogs, formatEvent

from twistedcam import (
    AlreadyStarted,
    Camera,
    CameraState,
    ConnectTimeout,
    DeviceId,
    Disconnected,
    Reason,
    WireError,
)
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, EmulatedCamera, Faults
from twistedcam.session.protocol import CameraSession
from twistedcam.testing import MemoryNetwork
from twistedcam.wire import pppp

from .lab import CAMERA, OTHER_UID, PC, UID, Lab, LabCase

PASSWORD, PSK = "a very secret password", "a private key"


class Loaded(Random):
    """Dice that always show the same."""

    def __init__(self, side: float) -> None:
        super().__init__()
        self.side = side

    def uniform(self, a: float, b: float) -> float:
        """Between C{a} (0) and C{b} (1)."""
        return a + self.side * (b - a)


class CameraCase(LabCase):
    """
    A camera made of software, and a client that keeps connected to it.

    @ivar lab: both.
    @ivar ups: when the camera came up.
    @ivar losses: when and why it was lost, and the delay told.
    """

    def setUp(self) -> None:
        self.build(Lab())

    def build(self, lab: Lab, **how: object) -> Camera:
        """Set all up."""
        self.lab = lab
        self.network = lab.network
        self.ups: list[float] = []
        self.losses: list[tuple[float, Reason, float]] = []
        self.camera = lab.camera(**{"dice": Loaded(0.5)} | how)
        self.camera.onConnected(lambda: self.ups.append(self.network.seconds()))
        self.camera.onLost(
            lambda reason, delay: self.losses.append(
                (self.network.seconds(), reason, delay)
            )
        )
        return self.camera

    @property
    def state(self) -> CameraState:
        """Where the camera is."""
        return self.camera.state

    def connect(self) -> None:
        """Have it up."""
        self.resultAfter(self.network, 0.2, self.camera.connect())
        self.assertIs(CameraState.UP, self.state)

    def bring(self, state: CameraState) -> Deferred[None]:
        """
        Have it in this state.

        @return: what C{connect} returned.
        """
        if state in (CameraState.SEARCHING, CameraState.WAITING):
            self.lab.emulated.stop()
        connected = self.camera.connect()
        match state:
            case CameraState.SEARCHING:
                self.network.advance(3)
            case CameraState.CONNECTING:
                self.network.advance(0.002)
            case CameraState.UP | CameraState.STOPPING:
                self.network.advance(1)
            case CameraState.WAITING:
                self.lab.emulated.start()
                self.network.advance(1.1)
                self.assertIs(CameraState.UP, self.state)
                self.lab.emulated.stop()
                self.network.advance(0.5)
            case _:
                pass
        if state is CameraState.STOPPING:
            self.camera.disconnect()
        self.assertIs(state, self.state)
        return connected

    def assertFreed(self) -> None:
        """The camera is stopped, and nothing is left of it."""
        self.assertIs(CameraState.STOPPED, self.state)
        self.lab.remove()
        self.assertNothingLeft(self.network, self.lab.pc, self.lab.host)


#: All states but the one in which nothing is to be parted from.
BUSY = [state for state in CameraState if state is not CameraState.STOPPED]


class ConnectTests(CameraCase):
    """C{connect} and C{whenUp}."""

    def test_connect(self) -> None:
        """Both firmwares are up in a fraction of a second."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            self.build(Lab(firmware, name="garden"))
            self.connect()
            found = self.camera.found
            assert found is not None
            self.assertEqual(("garden", CAMERA), (found.name, found.address))
            self.assertEqual(1, len(self.ups))
            self.assertEqual(1, len(self.lab.emulated.sessions))

    def test_obfuscated(self) -> None:
        """Known keys are found out, private ones have to be given."""
        for psk in ("vstarcam2018", "SHIX", "mycamera"):
            self.build(Lab(psk=psk))
            self.connect()
        self.build(Lab(psk=PSK), psk=PSK)
        self.connect()

    def test_privateKeyUnconfirmed(self) -> None:
        """The private key is used also if the camera was found by its report only."""
        self.build(Lab(psk=PSK), psk=PSK)
        self.network.fate = lambda d: (
            []
            if d.destination[1] == pppp.LAN_PORT and d.destination[0] != CAMERA
            else [0.0005]
        )
        self.resultAfter(self.network, 3, self.camera.connect())

    def test_wrongKey(self) -> None:
        """Without the private key, nobody answers."""
        self.build(Lab(psk=PSK))
        self.camera.connect()
        self.network.advance(8)
        self.assertEqual([Reason.NO_ANSWER], [reason for _, reason, _ in self.losses])

    def test_virtualId(self) -> None:
        """A camera may be named by its virtual id, or by its real one."""
        virtual = DeviceId("VE", 1234567, "ABCDE")
        for deviceId in (virtual, UID):
            self.build(Lab(virtualId=virtual), deviceId=deviceId)
            self.network.advance(0.1)
            self.camera.connect()
            self.network.advance(3)
            self.assertIs(CameraState.UP, self.state)
            self.assertEqual(deviceId, self.camera.deviceId)

    def test_deviceIdAsText(self) -> None:
        """The id may be written as on the label; what is none is refused."""
        self.assertEqual(UID, self.lab.camera(deviceId="vstb668515uzcpk").deviceId)
        self.assertRaises(WireError, self.lab.camera, deviceId="nonsense")

    def test_timeout(self) -> None:
        """A timeout ends the waiting, but not the search."""
        self.lab.emulated.stop()
        connected = self.camera.connect(timeout=5)
        other = self.camera.whenUp()
        self.network.advance(4.99)
        self.assertNoResult(connected)
        self.network.advance(0.01)
        failure = self.failureResultOf(connected, ConnectTimeout)
        text = failure.getErrorMessage()
        self.assertIn(self.camera.name, text)
        self.assertIn("5 s", text)
        self.assertIs(CameraState.SEARCHING, self.state)
        self.lab.emulated.start()
        self.resultAfter(self.network, 10, other)

    def test_upInTime(self) -> None:
        """If it is up in time, the timeout is forgotten."""
        connected = self.camera.connect(timeout=5)
        self.resultAfter(self.network, 0.2, connected)
        self.network.advance(10)
        self.assertIs(CameraState.UP, self.state)
        self.resultAfter(self.network, 1, self.camera.disconnect())
        self.assertFreed()

    def test_twice(self) -> None:
        """Who wants to connect what is not stopped is told so, in every state."""
        for state in BUSY:
            self.setUp()
            connected = self.bring(state)
            self.failureResultOf(self.camera.connect(), AlreadyStarted)
            connected.addErrback(lambda _: None)
            self.assertIs(state, self.state)

    def test_cancel(self) -> None:
        """Not to wait any more changes nothing else."""
        connected = self.camera.connect()
        connected.cancel()
        self.failureResultOf(connected, CancelledError)
        self.network.advance(1)
        self.assertIs(CameraState.UP, self.state)

    def test_whenUp(self) -> None:
        """It fires at once if the camera is up, and else as soon as it is."""
        early = self.camera.whenUp()
        self.network.advance(10)
        self.assertNoResult(early)
        self.connect()
        self.successResultOf(early)
        self.successResultOf(self.camera.whenUp())
        self.lab.emulated.reboot(downFor=2)
        self.network.advance(1)
        later = self.camera.whenUp()
        self.assertIs(CameraState.UP, self.state)  # nothing shows yet
        self.successResultOf(later)
        self.network.advance(2)
        later = self.camera.whenUp()
        self.assertNoResult(later)
        self.resultAfter(self.network, 10, later)

    def test_takingOthersAlong(self) -> None:
        """Whoever hears that it is up may cancel others who wait for that."""
        first, second = self.camera.whenUp(), self.camera.whenUp()
        first.addCallback(lambda _: second.cancel())
        connected = self.camera.connect()
        self.resultAfter(self.network, 1, connected)
        self.failureResultOf(second, CancelledError)
        self.assertIs(CameraState.UP, self.state)


class DisconnectTests(CameraCase):
    """C{disconnect}."""

    def test_everyState(self) -> None:
        """It works in every state, and frees everything within a moment."""
        for state in BUSY:
            self.setUp()
            connected = self.bring(state)
            wasUp = bool(self.ups)
            parted = self.camera.disconnect()
            self.resultAfter(self.network, 0.25, parted)
            if not wasUp:
                self.failureResultOf(connected, Disconnected)
            else:
                self.successResultOf(connected)
            self.assertFreed()
            self.assertIsNone(self.camera.found)

    def test_stopped(self) -> None:
        """To part from what is stopped does no harm."""
        self.successResultOf(self.camera.disconnect())
        self.assertFreed()

    def test_twice(self) -> None:
        """Two may part from it at the same time."""
        self.connect()
        parted = [self.camera.disconnect(), self.camera.disconnect()]
        self.network.advance(0.1)
        parted.append(self.camera.disconnect())
        self.network.advance(0.2)
        for each in parted:
            self.successResultOf(each)
        self.assertFreed()

    def test_cancelled(self) -> None:
        """Not to wait for the end does not keep it from coming."""
        self.connect()
        parted = self.camera.disconnect()
        other = self.camera.disconnect()
        parted.cancel()
        self.failureResultOf(parted, CancelledError)
        self.resultAfter(self.network, 0.3, other)
        self.assertFreed()

    def test_saysGoodbye(self) -> None:
        """The camera hears of it, and has a place for somebody else."""
        self.connect()
        self.assertEqual(1, len(self.lab.emulated.sessions))
        self.camera.disconnect()
        self.network.advance(0.01)
        self.assertEqual(0, len(self.lab.emulated.sessions))

    def test_again(self) -> None:
        """It can be connected again; observers stay."""
        for _ in range(3):
            self.connect()
            self.resultAfter(self.network, 1, self.camera.disconnect())
        self.assertEqual(3, len(self.ups))
        self.assertEqual([], self.losses)

    def test_connectAtOnce(self) -> None:
        """It can be connected again as soon as it is known to be stopped, once."""
        self.connect()
        again: list[Deferred[None]] = []
        for _ in range(2):
            self.camera.disconnect().addCallback(
                lambda _: again.append(self.camera.connect())
            )
        self.network.advance(2)
        first, second = again
        self.successResultOf(first)
        self.failureResultOf(second, AlreadyStarted)
        self.assertIs(CameraState.UP, self.state)

    def test_notAfterAll(self) -> None:
        """Nor is it too late then to change one's mind once more."""
        self.connect()
        results: list[Deferred[None]] = []

        def changeOfMind(_: object) -> None:
            results.append(self.camera.connect())
            results.append(self.camera.disconnect())

        self.camera.disconnect().addCallback(changeOfMind)
        self.network.advance(2)
        self.failureResultOf(results[0], Disconnected)
        self.successResultOf(results[1])
        self.assertFreed()

    def test_takingOthersAlong(self) -> None:
        """Whoever hears of the end may cancel others who wait, for whatever."""
        self.lab.emulated.stop()
        connected = self.camera.connect()
        waiting = [self.camera.whenUp() for _ in range(3)]
        connected.addErrback(lambda _: waiting[0].cancel())
        waiting[1].addErrback(lambda _: waiting[2].cancel())
        self.network.advance(2)
        self.successResultOf(self.camera.disconnect())
        self.failureResultOf(waiting[0], CancelledError)
        self.failureResultOf(waiting[2], CancelledError)
        self.assertFreed()

    def test_fromObservers(self) -> None:
        """Observers may disconnect, when it comes up and when it is lost."""
        self.camera.onConnected(self.camera.disconnect)
        self.camera.connect()
        self.network.advance(1)
        self.assertFreed()
        self.setUp()
        self.camera.onLost(lambda reason, delay: self.camera.disconnect())
        self.connect()
        self.lab.emulated.stop()
        self.network.advance(1)
        self.assertFreed()

    def test_searcherStopped(self) -> None:
        """If the searcher is stopped, the camera can still be parted from."""
        self.lab.emulated.stop()
        connected = self.camera.connect()
        self.network.advance(1)
        self.lab.discovery.stop()
        self.network.advance(1)
        self.successResultOf(self.camera.disconnect())
        self.failureResultOf(connected, Disconnected)
        self.assertFreed()


class AdoptionTests(CameraCase):
    """Cameras without a name."""

    def test_anyCamera(self) -> None:
        """The first that answers is adopted, until it is parted from."""
        self.build(Lab(), deviceId=None)
        self.assertIsNone(self.camera.deviceId)
        self.connect()
        self.assertEqual(UID, self.camera.deviceId)
        self.resultAfter(self.network, 1, self.camera.disconnect())
        self.assertIsNone(self.camera.deviceId)

    def test_faithful(self) -> None:
        """Once adopted, no other camera will do."""
        self.build(Lab(), deviceId=None)
        self.connect()
        self.lab.emulated.stop()
        other = EmulatedCamera(self.lab.host, OTHER_UID, doors=self.lab.doors)
        other.start()
        self.network.advance(30)
        self.assertIs(CameraState.SEARCHING, self.state)
        self.lab.emulated.start()
        self.network.advance(11)
        self.assertIs(CameraState.UP, self.state)
        self.assertEqual([], other.sessions)
        # But after parting from it, another may be the first.
        self.resultAfter(self.network, 1, self.camera.disconnect())
        self.lab.emulated.stop()
        self.connect()
        self.assertEqual(OTHER_UID, self.camera.deviceId)

    def test_byAddress(self) -> None:
        """Without an id, the camera at the address is adopted, and no other."""
        lab = Lab()
        self.build(lab, deviceId=None, address="192.0.2.99")
        self.camera.connect()
        self.network.advance(5)
        self.assertIs(CameraState.SEARCHING, self.state)
        lab.host.readdress(f"{CAMERA}/24", "192.0.2.99/24")
        self.network.advance(5)
        self.assertIs(CameraState.UP, self.state)
        self.assertEqual(UID, self.camera.deviceId)

    def test_names(self) -> None:
        """What the log calls a camera that has been given no name."""
        names = [
            self.lab.camera(**how).name
            for how in (
                {"name": "garden", "address": CAMERA},
                {"deviceId": UID, "address": CAMERA},
                {"deviceId": None, "address": CAMERA},
                {"deviceId": None},
            )
        ]
        self.assertEqual(["garden", "vstb-668515-uzcpk", CAMERA, "camera"], names)

    def test_otherCameraAtTheAddress(self) -> None:
        """Another camera at the known address is never connected to."""
        self.build(Lab(deviceId=OTHER_UID), deviceId=UID, address=CAMERA)
        self.camera.connect()
        self.network.advance(60)
        self.assertIs(CameraState.SEARCHING, self.state)
        self.assertEqual([], self.lab.emulated.sessions)


class BackoffTests(CameraCase):
    """How long to wait for the next try."""

    def failures(self, times: int) -> list[float]:
        """
        Let so many sessions fail, in that the camera is found but does not shake
        hands.

        @return: the delays that were told.
        """
        ready = pppp.encode(pppp.P2pRdy(UID))
        self.network.fate = lambda d: [] if d.payload == ready else [0.0005]
        while len(self.losses) < times:
            self.network.advance(1)
        self.network.fate = None
        return [round(delay, 3) for _, _, delay in self.losses]

    def test_doubling(self) -> None:
        """One second, then twice as long each time, up to a minute."""
        self.camera.connect()
        self.assertEqual([1, 2, 4, 8, 16, 32, 60, 60, 60], self.failures(9))
        # The camera thinks that there is a session, and closes it in the end.
        self.assertEqual(
            {Reason.CLOSED_BY_CAMERA}, {reason for _, reason, _ in self.losses}
        )

    def test_told(self) -> None:
        """The delay that observers are told is the true one."""
        self.connect()
        self.lab.emulated.stop()
        self.network.advance(0.1)
        ((lost, reason, delay),) = self.losses
        self.assertIs(Reason.CLOSED_BY_CAMERA, reason)
        self.network.advance(lost + delay - self.network.seconds() - 0.001)
        self.assertIs(CameraState.WAITING, self.state)
        self.network.advance(0.002)
        self.assertIs(CameraState.SEARCHING, self.state)

    def test_dice(self) -> None:
        """A quarter less, or more, by the dice."""
        for side, factor in ((0.0, 0.75), (1.0, 1.25)):
            self.build(Lab(), dice=Loaded(side))
            self.camera.connect()
            self.assertEqual(
                [factor * delay for delay in (1, 2, 4, 8, 16, 32, 60, 60)],
                self.failures(8),
            )

    def test_ownDice(self) -> None:
        """By default no two cameras wait equally long."""
        delays = set()
        for _ in range(5):
            self.build(Lab(), dice=None)
            self.connect()
            self.lab.emulated.stop()
            self.network.advance(0.1)
            delays.add(self.losses[0][2])
        self.assertEqual(5, len(delays))

    def test_steady(self) -> None:
        """After half a minute up, the next failure counts as the first."""
        for seconds, delay in ((28, 16), (31, 1)):
            self.setUp()
            self.camera.connect()
            self.failures(4)
            self.network.advance(9)
            self.assertIs(CameraState.UP, self.state)
            self.network.advance(self.ups[0] + seconds - self.network.seconds())
            self.lab.emulated.stop()
            self.network.advance(0.1)
            self.assertEqual(delay, self.losses[-1][2])

    def test_forgotten(self) -> None:
        """Who connects anew starts with a short delay."""
        self.connect()
        self.lab.emulated.sessions[0].close()
        self.failures(5)
        self.resultAfter(self.network, 1, self.camera.disconnect())
        self.losses.clear()
        self.camera.connect()
        self.assertEqual([1], self.failures(1))


class TroubleTests(CameraCase):
    """What can happen to a camera, and to the network."""

    def upAgain(self, within: float, *reasons: Reason) -> None:
        """It was lost for one of these reasons, and is up again."""
        self.network.advance(within)
        self.assertIs(CameraState.UP, self.state)
        self.assertEqual(2, len(self.ups))
        self.assertIn(self.losses[0][1], reasons)

    def test_reboot(self) -> None:
        """A camera that reboots comes up again, with both firmwares."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            for closes in (False, True):
                lab = Lab(firmware)
                lab.network.refusalCloses = closes
                self.build(lab)
                self.connect()
                lab.emulated.reboot(downFor=20)
                self.upAgain(45, Reason.SILENT)

    def test_quickReboot(self) -> None:
        """If it is back before we noticed, its port is gone: that is noticed."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            for closes in (False, True):
                lab = Lab(firmware)
                lab.network.refusalCloses = closes
                self.build(lab)
                self.connect()
                lab.emulated.reboot(downFor=2)
                self.upAgain(6, Reason.REFUSED)

    def test_newAddress(self) -> None:
        """A camera with a new address is found there."""
        self.connect()
        self.lab.host.readdress(f"{CAMERA}/24", "192.0.2.99/24")
        self.lab.doors.rebind("")
        self.upAgain(20, Reason.SILENT)
        assert self.camera.found is not None
        self.assertEqual("192.0.2.99", self.camera.found.address)

    def test_newAddressPinned(self) -> None:
        """But not if the old one is pinned; until it is back."""
        self.build(Lab(), address=CAMERA, pinAddress=True)
        self.connect()
        self.lab.host.readdress(f"{CAMERA}/24", "192.0.2.99/24")
        self.lab.doors.rebind("")
        self.network.advance(120)
        self.assertIs(CameraState.SEARCHING, self.state)
        self.lab.host.readdress("192.0.2.99/24", f"{CAMERA}/24")
        self.upAgain(11, Reason.SILENT)
        broadcasts = [
            d
            for d in self.network.captured
            if d.source[0] == PC and d.destination[0] != CAMERA
        ]
        self.assertEqual([], broadcasts)

    def test_ourNewAddress(self) -> None:
        """Our own address may change as well."""
        self.connect()
        self.lab.pc.readdress(f"{PC}/24", "192.0.2.20/24")
        self.upAgain(20, Reason.SILENT)

    def test_closedByCamera(self) -> None:
        """A camera that closes is connected to again, from another port."""
        self.connect()
        (session,) = self.lab.emulated.sessions
        session.close()
        self.upAgain(2, Reason.CLOSED_BY_CAMERA)
        (again,) = self.lab.emulated.sessions
        self.assertNotEqual(session.peer, again.peer)

    def test_unplugged(self) -> None:
        """An hour without a network is survived, on either side."""
        for who in ("pc", "camera"):
            self.setUp()
            self.connect()
            self.network.hosts[who].unplug()
            self.network.advance(3600)
            self.assertIs(CameraState.SEARCHING, self.state)
            self.assertEqual(1, len(self.losses))
            self.network.hosts[who].plug()
            self.upAgain(11, Reason.SILENT)
            self.resultAfter(self.network, 1, self.camera.disconnect())
            self.assertFreed()

    def test_nobody(self) -> None:
        """That nobody answers is told after a while, once for each search."""
        for how, who in (
            ({}, f"nobody with {UID}"),
            ({"address": CAMERA}, f"nobody with {UID}"),
            ({"address": CAMERA, "pinAddress": True}, f"nobody with {UID} at {CAMERA}"),
            ({"deviceId": None, "address": CAMERA}, f"nobody at {CAMERA}"),
            ({"deviceId": None}, "nobody"),
        ):
            self.build(Lab(), name="attic", **how)
            self.lab.emulated.stop()
            self.camera.connect()
            expected = f"{who} answers"
            with capturedLogs() as logs:
                self.network.advance(14.9)
                self.assertEqual("", self.camera.problem)
                self.network.advance(0.2)
                self.assertEqual(expected, self.camera.problem)
                self.network.advance(300)
            warned = [formatEvent(e) for e in logs if e["log_level"] is LogLevel.warn]
            self.assertEqual([f"attic: {expected}; still searching"], warned)
            self.lab.emulated.start()
            self.network.advance(11)
            self.assertIs(CameraState.UP, self.state)
            self.assertEqual("", self.camera.problem)
            self.lab.emulated.stop()
            self.network.advance(0.2)
            self.assertEqual("closed by the camera", self.camera.problem)
            self.network.advance(20)
            self.assertIn(" answers", self.camera.problem)
            self.resultAfter(self.network, 1, self.camera.disconnect())
            self.assertEqual("", self.camera.problem)
            self.assertFreed()

    def test_fourOthers(self) -> None:
        """A camera full of other people is connected to when one leaves."""
        lab = Lab(FIRMWARE_A)
        others = [lab.session() for _ in range(4)]
        for session in others:
            session.start()
            lab.network.advance(1.5)
        self.build(lab)
        self.camera.connect()
        self.network.advance(10)
        self.assertEqual(Reason.CLOSED_BY_CAMERA, self.losses[0][1])
        others[0].stop()
        self.network.advance(120)
        self.assertIs(CameraState.UP, self.state)
        self.assertEqual(4, len(lab.emulated.sessions))

    def test_badWeather(self) -> None:
        """Losses, doubles and overtaking of a fifth each: it stays up, mostly."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            faults = Faults(seed=1, loss=0.2, duplicate=0.2, reorder=0.2)
            self.build(Lab(firmware, faults=faults))
            self.camera.connect()
            up = 0
            for _ in range(600):
                self.network.advance(1)
                up += self.state is CameraState.UP
            self.assertGreater(up, 570)
            self.resultAfter(self.network, 1, self.camera.disconnect())
            self.assertFreed()

    def test_noPort(self) -> None:
        """Without a port of our own, there is a next try as well."""
        self.lab.discovery.localAddress = "198.51.100.1"
        self.camera.connect()
        self.network.advance(0.5)
        self.assertIs(CameraState.WAITING, self.state)
        self.assertIs(Reason.NO_PORT, self.losses[0][1])
        self.lab.discovery.localAddress = PC
        self.network.advance(3)
        self.assertIs(CameraState.UP, self.state)


class ObserverTests(CameraCase):
    """Those who watch."""

    def test_everyTime(self) -> None:
        """They hear each time that it comes up and that it is lost."""
        self.connect()
        for _ in range(3):
            self.lab.emulated.sessions[0].close()
            self.network.advance(35)
        self.assertEqual(4, len(self.ups))
        self.assertEqual(3, len(self.losses))
        self.assertEqual({1.0}, {delay for _, _, delay in self.losses})

    def test_unsubscribe(self) -> None:
        """Until they unsubscribe."""
        told: list[str] = []
        noMore = [
            self.camera.onConnected(lambda: told.append("up")),
            self.camera.onLost(lambda reason, delay: told.append("lost")),
        ]
        self.connect()
        self.lab.emulated.sessions[0].close()
        self.network.advance(5)
        self.assertEqual(["up", "lost", "up"], told)
        for unsubscribe in noMore:
            unsubscribe()
        self.lab.emulated.sessions[0].close()
        self.network.advance(5)
        self.assertEqual(3, len(told))

    def test_broken(self) -> None:
        """What they raise is logged, and changes nothing."""

        def broken(*args: object) -> None:
            raise ZeroDivisionError

        self.build(Lab())
        self.camera.onConnected(broken)
        self.camera.onLost(broken)
        self.connect()
        self.network.advance(20)
        self.assertIs(CameraState.UP, self.state)
        self.lab.emulated.sessions[0].close()
        self.network.advance(5)
        self.assertEqual(3, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertIs(CameraState.UP, self.state)
        self.resultAfter(self.network, 1, self.camera.disconnect())
        self.assertFreed()

    def test_trace(self) -> None:
        """The trace sees every datagram of every session."""
        seen: list[bytes] = []
        self.build(
            Lab(psk="vstarcam2018"),
            trace=lambda now, sent, peer, datagram: seen.append(datagram),
        )
        self.connect()
        self.assertIn(pppp.encode(pppp.LanSearch()), seen)
        self.assertIn(pppp.encode(pppp.P2pRdy(UID)), seen)


class StoryTests(CameraCase):
    """The log."""

    def test_story(self) -> None:
        """
        From the first question to the last goodbye, the log tells in order what
        has happened.
        """
        with capturedLogs() as events:
            self.build(Lab(name="Garden"), name="garden")
            self.connect()
            self.network.advance(5)
            self.resultAfter(self.network, 1, self.camera.disconnect())
        told = [
            (event["log_level"], str(formatEvent(event)))
            for event in events
            if not event["log_namespace"].startswith("twistedcam.emulator")
        ]
        story = [
            r"garden: Stopped -> Searching",
            r"search port \d+ opened on 192.0.2.10",
            r"search sent to 255.255.255.255",
            r"garden: found VSTB-668515-UZCPK at 192.0.2.7, answered DH\+LAN, plain,"
            r" named Garden",
            r"garden: Searching -> Connecting",
            r"garden: session port \d+ opened",
            r"garden: session Idle -> Punching",
            r"garden: PUNCH seen from 192.0.2.7:\d+ \(plain\)",
            r"garden: session Punching -> Confirming",
            r"garden: RDY seen",
            r"garden: session Confirming -> Connected",
            r"garden: handshake complete",
            r"garden: Connecting -> Up",
            r"garden: ALIVE number 1 answered",
            r"garden: ALIVE number 2 answered",
            r"garden: ALIVE number 3 answered",
            r"garden: closing",
            r"garden: Up -> Stopping",
            r"garden: session Connected -> Closing",
            r"garden: session Closing -> Closed",
            r"garden: Stopping -> Stopped",
            r"garden: closed",
        ]
        self.assertEqual(len(story), len(told), told)
        for expected, (level, line) in zip(story, told, strict=True):
            self.assertRegex(line, f"^{expected}$")
            self.assertIs(LogLevel.info, level)

    def test_loss(self) -> None:
        """A loss is a warning, with the reason and the time of the next try."""
        self.connect()
        with capturedLogs() as events:
            self.lab.emulated.sessions[0].close()
            self.network.advance(0.1)
        warnings = [
            str(formatEvent(event))
            for event in events
            if event["log_level"] is LogLevel.warn
        ]
        self.assertEqual(
            [f"{self.camera.name}: lost: closed by the camera; next try in 1.0 s"],
            warnings,
        )

    def test_adoption(self) -> None:
        """Who is adopted is told."""
        with capturedLogs() as events:
            self.build(Lab(), deviceId=None, name="any")
            self.connect()
        self.assertIn(
            "any: taking VSTB-668515-UZCPK, as no other was asked for",
            map(formatEvent, events),
        )

    def test_noSecrets(self) -> None:
        """Neither password nor key are in any event, text or repr."""
        with capturedLogs() as events:
            lab = Lab(psk=PSK, password=PASSWORD)
            self.build(lab, psk=PSK, password=PASSWORD)
            self.connect()
            session = lab.emulated.sessions[0]
            session.write(0, b"garbage")
            session.close()
            self.network.advance(5)
            texts = [repr(self.camera), str(self.camera), repr(self.camera.found)]
            failure = self.failureResultOf(self.camera.connect())
            texts += [failure.getErrorMessage(), repr(failure)]
            lab.emulated.stop()
            self.network.advance(5)
            late = self.camera.whenUp()
            self.resultAfter(self.network, 1, self.camera.disconnect())
            texts.append(repr(self.failureResultOf(late)))
        texts += [repr(event) for event in events]
        texts += [str(formatEvent(event)) for event in events]
        for text in texts:
            self.assertNotIn(PASSWORD, text)
            self.assertNotIn(PSK, text)

    def test_repr(self) -> None:
        """A camera shows its name and its state."""
        self.assertEqual("<Camera vstb-668515-uzcpk Stopped>", repr(self.camera))


class ManyLivesTests(LabCase):
    """What is left of many lives."""

    def test_thousandLives(self) -> None:
        """
        A thousand sessions, however they end, leave no timer, no port, no
        Deferred, and not themselves.
        """
        # Under some test runners the log remembers every event, with its source.
        self.patch(Logger, "emit", lambda *args, **fields: None)
        lab = Lab(network=MemoryNetwork(captureLimit=10))
        camera = lab.camera(dice=Loaded(0))
        lives = 0

        def up() -> None:
            nonlocal lives
            lives += 1
            if lives % 3 == 0:
                camera.disconnect().addCallback(lambda _: connect())
            elif lives % 3 == 1:
                lab.network.callLater(0.1, lab.emulated.sessions[0].close)
            else:
                lab.network.callLater(0.1, lab.emulated.reboot, 0.1)

        def connect() -> None:
            camera.connect().addErrback(lambda failure: failure.trap(Disconnected))

        camera.onConnected(up)
        connect()
        while lives < 1000:
            lab.network.advance(60)
        self.resultAfter(lab.network, 1, camera.disconnect())
        waiting, parting = camera._waiting, camera._parting
        self.assertEqual(([], []), (waiting, parting))
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc, lab.host)
        gc.collect()
        sessions = [o for o in gc.get_objects() if isinstance(o, CameraSession)]
        mine = [session for session in sessions if session._reactor is lab.pc]
        self.assertLessEqual(len(mine), 1)

    def test_manyCameras(self) -> None:
        """Ten cameras at once are all up in a few seconds, and all gone."""
        lab = Lab()
        cameras = []
        for serial in range(10):
            uid = DeviceId("VSTC", serial, "ABCDE")
            EmulatedCamera(lab.host, uid, doors=lab.doors).start()
            cameras.append(lab.camera(deviceId=uid))
        connected = gatherResults([camera.connect() for camera in cameras])
        self.resultAfter(lab.network, 5, connected)
        parted = gatherResults([camera.disconnect() for camera in cameras])
        self.resultAfter(lab.network, 1, parted)
        self.assertEqual([], lab.pc.ports)
