"""
Cameras as a Twisted service.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import CannotListenError

from twistedcam import CameraState, DeviceId, Discovery, Fleet
from twistedcam.emulator import EmulatedCamera

from .lab import OTHER_UID, UID, Lab, LabCase


class FleetTests(LabCase):
    """The service keeps its cameras connected."""

    def setUp(self) -> None:
        self.lab = Lab()
        self.other = EmulatedCamera(self.lab.host, OTHER_UID, doors=self.lab.doors)
        self.other.start()
        self.fleet = Fleet(
            self.lab.discovery,
            [
                self.lab.camera(deviceId=UID, name="garden"),
                self.lab.camera(deviceId=OTHER_UID, name="door"),
            ],
        )

    def states(self) -> dict[str, CameraState]:
        """Where the cameras are."""
        return {name: camera.state for name, camera in self.fleet.cameras.items()}

    def assertFreed(self) -> None:
        """Nothing is left of anything."""
        self.other.stop()
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_names(self) -> None:
        """Its cameras, and their services, go by their names."""
        self.assertEqual(["garden", "door"], list(self.fleet.cameras))
        self.assertEqual(
            self.fleet.cameras["door"],
            self.fleet.getServiceNamed("door").camera,
        )

    def test_runs(self) -> None:
        """While it runs, all are kept connected; then all are parted from."""
        self.lab.network.advance(10)
        self.assertEqual({CameraState.STOPPED}, set(self.states().values()))
        self.fleet.startService()
        self.lab.network.advance(2)
        self.assertEqual({CameraState.UP}, set(self.states().values()))
        self.lab.emulated.sessions[0].close()
        self.lab.network.advance(3)
        self.assertEqual({CameraState.UP}, set(self.states().values()))
        stopped = self.fleet.stopService()
        self.assertNoResult(stopped)
        self.resultAfter(self.lab.network, 0.3, stopped)
        self.assertEqual({CameraState.STOPPED}, set(self.states().values()))
        self.assertEqual([], self.lab.emulated.sessions + self.other.sessions)
        self.assertFreed()

    def test_sharedRounds(self) -> None:
        """However many cameras, they are searched for together."""
        self.lab.emulated.stop()
        self.other.stop()
        cameras = [
            self.lab.camera(deviceId=DeviceId("VSTB", serial, "A"))
            for serial in range(50)
        ]
        fleet = Fleet(self.lab.discovery, cameras)
        fleet.startService()
        self.lab.network.advance(60)
        asked = [d for d in self.lab.network.captured if d.payload[:2] == b"DH"]
        self.assertEqual(11, len(asked))
        self.resultAfter(self.lab.network, 1, fleet.stopService())
        self.lab.emulated.start()
        self.other.start()
        self.assertFreed()

    def test_stoppedWhileSearching(self) -> None:
        """It can be stopped before anything was found, and started again."""
        self.lab.emulated.stop()
        for _ in range(3):
            self.fleet.startService()
            self.lab.network.advance(5)
            self.resultAfter(self.lab.network, 1, self.fleet.stopService())
        self.lab.emulated.start()
        self.assertFreed()

    def test_disconnectedBySomebody(self) -> None:
        """That somebody else parts from a camera is no error."""
        self.lab.emulated.stop()
        self.fleet.startService()
        self.lab.network.advance(5)
        self.fleet.cameras["garden"].disconnect()
        self.assertEqual(
            {"garden": CameraState.STOPPED, "door": CameraState.UP}, self.states()
        )
        self.resultAfter(self.lab.network, 1, self.fleet.stopService())
        self.lab.emulated.start()
        self.assertFreed()

    def test_wrongAddress(self) -> None:
        """A local address that is not ours is an error at the start."""
        discovery = Discovery(
            self.lab.pc, interfaces=self.lab.pc.interfaces, localAddress="192.0.2.99"
        )
        fleet = Fleet(discovery, [self.lab.camera()])
        self.assertRaises(CannotListenError, fleet.startService)
        self.assertFreed()

    def test_empty(self) -> None:
        """A fleet without cameras is one, too."""
        fleet = Fleet(self.lab.discovery, [])
        fleet.startService()
        self.lab.network.advance(1)
        self.resultAfter(self.lab.network, 0, fleet.stopService())
        self.assertFreed()


class ChangeTests(LabCase):
    """Cameras come and go while the service runs."""

    def setUp(self) -> None:
        self.lab = Lab()
        self.other = EmulatedCamera(self.lab.host, OTHER_UID, doors=self.lab.doors)
        self.other.start()
        self.garden = self.lab.camera(deviceId=UID, name="garden")
        self.door = self.lab.camera(deviceId=OTHER_UID, name="door")
        self.fleet = Fleet(self.lab.discovery, [self.garden])

    def start(self) -> None:
        """The service runs, and its camera is up."""
        self.fleet.startService()
        self.lab.network.advance(2)
        self.assertEqual(CameraState.UP, self.garden.state)

    def stop(self) -> None:
        """Nothing is left of anything."""
        self.resultAfter(self.lab.network, 1, self.fleet.stopService())
        self.other.stop()
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_added(self) -> None:
        """A camera that joins a running fleet is connected; others go on."""
        cameras = self.fleet.cameras
        self.start()
        session = self.lab.emulated.sessions[0]
        self.fleet.add(self.door)
        self.lab.network.advance(2)
        self.assertEqual(CameraState.UP, self.door.state)
        self.assertEqual([session], self.lab.emulated.sessions)
        self.assertEqual({"garden": self.garden, "door": self.door}, cameras)
        self.stop()
        self.assertEqual(CameraState.STOPPED, self.door.state)

    def test_addedBefore(self) -> None:
        """A camera that joins before the start is connected at the start."""
        self.fleet.add(self.door)
        self.lab.network.advance(5)
        self.assertEqual(CameraState.STOPPED, self.door.state)
        self.start()
        self.assertEqual(CameraState.UP, self.door.state)
        self.stop()

    def test_sameName(self) -> None:
        """There is one camera of a name."""
        twin = self.lab.camera(deviceId=OTHER_UID, name="garden")
        self.assertRaises(ValueError, self.fleet.add, twin)
        self.assertEqual({"garden": self.garden}, self.fleet.cameras)
        self.assertRaises(
            ValueError, Fleet, self.lab.discovery, [self.garden, self.garden]
        )

    def test_removed(self) -> None:
        """A camera that is removed is parted from; others go on."""
        cameras = self.fleet.cameras
        self.start()
        self.fleet.add(self.door)
        self.lab.network.advance(2)
        session = self.other.sessions[0]
        parted = self.fleet.remove("garden")
        self.assertEqual({"door": self.door}, cameras)
        self.assertNoResult(parted)
        self.resultAfter(self.lab.network, 0.3, parted)
        self.assertEqual(CameraState.STOPPED, self.garden.state)
        self.assertEqual([], self.lab.emulated.sessions)
        self.assertEqual([session], self.other.sessions)
        self.lab.network.advance(10)
        self.assertEqual(CameraState.STOPPED, self.garden.state)
        self.stop()

    def test_removedWhileSearching(self) -> None:
        """A camera that was never found can be removed, and the search ends."""
        self.lab.emulated.stop()
        self.fleet.startService()
        self.lab.network.advance(5)
        self.successResultOf(self.fleet.remove("garden"))
        self.lab.network.advance(0)
        self.assertEqual([], self.lab.pc.ports)
        self.lab.emulated.start()
        self.stop()

    def test_removedWhileStopped(self) -> None:
        """Whoever connected a camera by hand: when it is removed it is parted from."""
        self.garden.connect()
        self.lab.network.advance(2)
        self.resultAfter(self.lab.network, 0.3, self.fleet.remove("garden"))
        self.assertEqual(CameraState.STOPPED, self.garden.state)
        self.stop()

    def test_removedStranger(self) -> None:
        """What is not there cannot be removed, nor can anything twice."""
        self.assertRaises(KeyError, self.fleet.remove, "door")
        self.successResultOf(self.fleet.remove("garden"))
        self.assertRaises(KeyError, self.fleet.remove, "garden")

    def test_sameNameAgain(self) -> None:
        """A name is free as soon as its camera was removed."""
        self.start()
        parted = self.fleet.remove("garden")
        again = self.lab.camera(deviceId=OTHER_UID, name="garden")
        self.fleet.add(again)
        self.resultAfter(self.lab.network, 2, parted)
        self.assertEqual(CameraState.UP, again.state)
        self.assertEqual({"garden": again}, self.fleet.cameras)
        self.stop()

    def test_stoppedWhileParting(self) -> None:
        """The end waits for cameras that were removed a moment before."""
        self.start()
        parted = self.fleet.remove("garden")
        stopped = self.fleet.stopService()
        self.lab.network.advance(0.01)
        self.assertNoResult(stopped)
        self.resultAfter(self.lab.network, 0.3, stopped)
        self.successResultOf(parted)
        self.assertEqual([], self.lab.emulated.sessions)
        self.stop()

    def test_impatient(self) -> None:
        """Whoever does not wait for the parting does not keep it from happening."""
        self.start()
        parted = self.fleet.remove("garden")
        parted.cancel()
        self.failureResultOf(parted, CancelledError)
        self.lab.network.advance(0.3)
        self.assertEqual([], self.lab.emulated.sessions)
        self.stop()

    def test_changed(self) -> None:
        """Whoever asked for it is told of each change, after it."""
        seen: list[list[str]] = []
        unsubscribe = self.fleet.onChanged(
            lambda: seen.append(list(self.fleet.cameras))
        )
        self.start()
        self.fleet.add(self.door)
        self.fleet.remove("garden")
        self.assertEqual([["garden", "door"], ["door"]], seen)
        unsubscribe()
        self.fleet.remove("door")
        self.assertEqual(2, len(seen))
        self.stop()
