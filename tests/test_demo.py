"""Tests for L{twistedcam.demo}."""

from __future__ import annotations

from typing import cast
from unittest.mock import patch

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from twistedcam import Camera, CameraState, Fleet
from twistedcam.demo import LOOPBACK, REBOOT_EVERY, RESTLESS, Demo
from twistedcam.emulator import EmulatedCamera
from twistedcam.testing import MemoryNetwork
from twistedcam.trace import describe
from twistedcam.wire import pppp

from .lab import LabCase

BOTH_UP = {"garden": CameraState.UP, "door": CameraState.UP}


class DemoTests(LabCase):
    """Two cameras and their client in one process."""

    def setUp(self) -> None:
        """A machine without any network."""
        self.network = MemoryNetwork()
        self.host = self.network.host("alone")
        self.packets: list[str] = []
        self.demo = Demo(self.host, self.trace)

    def trace(
        self, now: float, sent: bool, peer: tuple[str, int], datagram: bytes
    ) -> None:
        """Note what the client sends and hears."""
        self.packets.append(("-> " if sent else "<- ") + describe(datagram))

    def cameras(self) -> dict[str, Camera]:
        """The client's cameras."""
        (fleet,) = self.demo
        assert isinstance(fleet, Fleet)
        return fleet.cameras

    def states(self) -> dict[str, CameraState]:
        """Where they are."""
        return {name: camera.state for name, camera in self.cameras().items()}

    def stop(self) -> None:
        """Stop; it takes less than a second, and nothing is left."""
        self.resultAfter(self.network, 1, self.demo.stopService())
        self.assertNothingLeft(self.network, self.host)

    def test_up(self) -> None:
        """The client finds the cameras and stays connected."""
        self.demo.startService()
        for _ in range(59):
            self.network.advance(1)
            self.assertEqual(BOTH_UP, self.states())
        self.assertIn("<- ALIVE", self.packets)
        names = [
            camera.found.name for camera in self.cameras().values() if camera.found
        ]
        self.assertEqual(["Garden", "Front door"], names)
        self.stop()

    def test_reboot(self) -> None:
        """One of them reboots now and then, and comes back."""
        self.demo.startService()
        away = 0
        for second in range(1, 181):
            self.network.advance(1)
            self.assertIs(CameraState.UP, self.states()["garden"])
            away += self.states()[RESTLESS] is not CameraState.UP
            if second % REBOOT_EVERY == 0:
                self.assertEqual(BOTH_UP, self.states())
        self.assertGreater(away, 2)
        self.stop()

    def test_outlets(self) -> None:
        """What serves the fleet runs with it, and is gone with it."""
        served: list[Service] = []

        def outlets(fleet: Fleet) -> list[IService]:
            self.assertEqual(2, len(fleet.cameras))
            served.append(Service())
            return [cast(IService, served[-1])]

        self.demo = Demo(self.host, outlets=outlets)
        self.demo.startService()
        self.assertTrue(served[0].running)
        self.stop()
        self.assertFalse(served[0].running)
        self.assertEqual([], list(self.demo))

    def test_loopback(self) -> None:
        """No datagram leaves the machine, and no well-known port is needed."""
        self.demo.startService()
        ports = {port.getHost().port for port in self.host.ports}
        self.assertFalse(ports & {8600, pppp.LAN_PORT})
        self.network.advance(3)
        hosts = {datagram.destination[0] for datagram in self.network.captured}
        self.assertEqual({LOOPBACK}, hosts - {"255.255.255.255"})
        self.stop()

    def test_parting(self) -> None:
        """The client says CLOSE to a camera that is still there to answer."""
        self.demo.startService()
        self.network.advance(2)
        self.packets.clear()
        self.stop()
        self.assertIn("-> CLOSE", self.packets)

    def test_order(self) -> None:
        """The camera is unplugged only when the client is gone."""
        self.demo.startService()
        self.network.advance(2)
        cameras = self.cameras()
        states: list[CameraState] = []

        def unplug(emulated: EmulatedCamera) -> Deferred[None]:
            states.extend(camera.state for camera in cameras.values())
            return stop(emulated)

        stop = EmulatedCamera.stop
        with patch.object(EmulatedCamera, "stop", unplug):
            self.stop()
        self.assertEqual({CameraState.STOPPED}, set(states))

    def test_earlyEnd(self) -> None:
        """It can be stopped while the client still searches or connects."""
        for moment in 0, 0.001, 0.01, 0.1:
            self.demo.startService()
            self.network.advance(moment)
            self.stop()

    def test_again(self) -> None:
        """It can be started again, with one client as before."""
        for _ in range(2):
            self.demo.startService()
            self.network.advance(2)
            self.assertEqual(BOTH_UP, self.states())
            self.stop()

    def test_noLoopback(self) -> None:
        """A port that cannot be had is told to whoever starts it."""
        error = CannotListenError(LOOPBACK, 0, OSError("no such address"))
        with patch.object(self.host, "listenUDP", side_effect=error):
            self.assertRaises(CannotListenError, self.demo.startService)
        self.assertNothingLeft(self.network, self.host)
