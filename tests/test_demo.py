"""Tests for L{twistedcam.demo}."""

from __future__ import annotations

from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from twistedcam import Camera, CameraState, Fleet
from twistedcam.demo import LOOPBACK, Demo
from twistedcam.emulator import EmulatedCamera
from twistedcam.testing import MemoryNetwork
from twistedcam.trace import describe
from twistedcam.wire import pppp

from .lab import LabCase


class DemoTests(LabCase):
    """A camera and its client in one process."""

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

    def camera(self) -> Camera:
        """The client's camera."""
        (fleet,) = self.demo
        assert isinstance(fleet, Fleet)
        return fleet.cameras["demo"]

    def stop(self) -> None:
        """Stop; it takes less than a second, and nothing is left."""
        self.resultAfter(self.network, 1, self.demo.stopService())
        self.assertNothingLeft(self.network, self.host)

    def test_up(self) -> None:
        """The client finds the camera and stays connected."""
        self.demo.startService()
        for _ in range(60):
            self.network.advance(1)
            self.assertIs(CameraState.UP, self.camera().state)
        self.assertIn("<- ALIVE", self.packets)
        self.stop()

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
        camera, states = self.camera(), []

        def unplug(emulated: EmulatedCamera) -> Deferred[None]:
            states.append(camera.state)
            return stop(emulated)

        stop = EmulatedCamera.stop
        with patch.object(EmulatedCamera, "stop", unplug):
            self.stop()
        self.assertEqual([CameraState.STOPPED], states)

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
            self.assertIs(CameraState.UP, self.camera().state)
            self.stop()

    def test_noLoopback(self) -> None:
        """A port that cannot be had is told to whoever starts it."""
        error = CannotListenError(LOOPBACK, 0, OSError("no such address"))
        with patch.object(self.host, "listenUDP", side_effect=error):
            self.assertRaises(CannotListenError, self.demo.startService)
        self.assertNothingLeft(self.network, self.host)
