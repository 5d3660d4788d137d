"""
Cameras as a Twisted service.
"""

from __future__ import annotations

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
