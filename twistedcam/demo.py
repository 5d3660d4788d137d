"""
The demonstration: an emulated camera, and a client that finds it, in one process,
over real UDP on loopback.
"""

from __future__ import annotations

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults

from .camera import Camera
from .discovery import Discovery
from .emulator import Doors, EmulatedCamera
from .fleet import Fleet
from .reactors import DatagramReactor
from .trace import Trace
from .wire.deviceid import DeviceId

LOOPBACK = "127.0.0.1"

_CAMERA = DeviceId("VSTB", 668515, "UZCPK")


class Demo(MultiService):
    """Runs the emulated camera, and a fleet of it alone."""

    def __init__(self, reactor: DatagramReactor, trace: Trace | None = None) -> None:
        super().__init__()
        self._reactor = reactor
        self._trace = trace
        self._doors = Doors(reactor, LOOPBACK, dhPort=0, lanPort=0)
        self._emulated = EmulatedCamera(
            reactor, _CAMERA, doors=self._doors, name="Demo camera"
        )

    def startService(self) -> None:
        """Open the camera's ports first: only then they are known."""
        self._doors.open()
        self._emulated.start()
        discovery = Discovery(
            self._reactor,
            searchAddresses=[LOOPBACK],
            dhPort=self._doors.dhPort,
            lanPort=self._doors.lanPort,
            trace=self._trace,
        )
        camera = Camera(
            self._reactor,
            deviceId=_CAMERA,
            name="demo",
            discovery=discovery,
            trace=self._trace,
        )
        self._fleet = Fleet(discovery, [camera])
        self._fleet.setServiceParent(self)
        super().startService()

    def stopService(self) -> Deferred[None]:
        """The client parts; then the camera may go."""
        parted: Deferred[None] = super().stopService()
        return parted.addCallback(lambda _: self._unplug())

    def _unplug(self) -> Deferred[None]:
        self.removeService(self._fleet)
        gone = [self._emulated.stop(), self._doors.close()]
        return gatherResults(gone).addCallback(lambda _: None)
