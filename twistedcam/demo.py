"""
The demonstration: two emulated cameras, and a client that finds and serves them, in
one process, over real UDP on loopback.  One of the cameras reboots now and then, as
cameras do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall

from .camera import Camera
from .discovery import Discovery
from .emulator import FIRMWARE_A, FIRMWARE_B, Doors, EmulatedCamera, Firmware
from .fleet import Fleet
from .reactors import DatagramReactor
from .trace import Trace
from .wire.deviceid import DeviceId

LOOPBACK = "127.0.0.1"

#: Names, as the client and as the cameras tell them, identities, and firmware.
CAMERAS: tuple[tuple[str, str, DeviceId, Firmware], ...] = (
    ("garden", "Garden", DeviceId("VSTB", 668515, "UZCPK"), FIRMWARE_A),
    ("door", "Front door", DeviceId("VSTJ", 123456, "ABCDE"), FIRMWARE_B),
)

#: The one that reboots; seconds from one time to the next, and that it takes.
RESTLESS, REBOOT_EVERY, DOWN_FOR = "door", 60.0, 10.0

#: Frames per second, as the clip has it, so that its clock runs right.
FPS = 15

_PASSWORD = "888888"


class Demo(MultiService):
    """
    Runs the emulated cameras, and a fleet of them alone.

    @ivar emulated: the cameras, by the client's names for them.
    """

    def __init__(
        self,
        reactor: DatagramReactor,
        trace: Trace | None = None,
        outlets: Callable[[Fleet], Iterable[IService]] = lambda fleet: (),
    ) -> None:
        """
        @param trace: sees the client's datagrams.
        @param outlets: makes what serves the fleet's cameras.
        """
        super().__init__()
        self._reactor = reactor
        self._trace = trace
        self._outlets = outlets
        self._doors = Doors(reactor, LOOPBACK, dhPort=0, lanPort=0)
        self._reboot: IDelayedCall | None = None
        self.emulated = {
            name: EmulatedCamera(
                reactor,
                deviceId,
                doors=self._doors,
                firmware=firmware,
                name=title,
                fps=FPS,
            )
            for name, title, deviceId, firmware in CAMERAS
        }

    def startService(self) -> None:
        """Open the cameras' ports first: only then they are known."""
        self._doors.open()
        for emulated in self.emulated.values():
            emulated.start()
        discovery = Discovery(
            self._reactor,
            searchAddresses=[LOOPBACK],
            dhPort=self._doors.dhPort,
            lanPort=self._doors.lanPort,
            trace=self._trace,
        )
        fleet = Fleet(
            discovery,
            [
                Camera(
                    self._reactor,
                    deviceId=deviceId,
                    name=name,
                    password=_PASSWORD,
                    discovery=discovery,
                    trace=self._trace,
                )
                for name, _, deviceId, _ in CAMERAS
            ],
        )
        for service in (fleet, *self._outlets(fleet)):
            service.setServiceParent(self)
        self._reboot = self._reactor.callLater(REBOOT_EVERY, self._rebootOne)
        super().startService()

    def _rebootOne(self) -> None:
        self._reboot = self._reactor.callLater(REBOOT_EVERY, self._rebootOne)
        self.emulated[RESTLESS].reboot(DOWN_FOR)

    def stopService(self) -> Deferred[None]:
        """The client parts; then the cameras may go."""
        if self._reboot is not None:
            self._reboot.cancel()
            self._reboot = None
        parted: Deferred[None] = super().stopService()
        return parted.addCallback(lambda _: self._unplug())

    def _unplug(self) -> Deferred[None]:
        for service in list(self):
            self.removeService(service)
        gone = [emulated.stop() for emulated in self.emulated.values()]
        return gatherResults([*gone, self._doors.close()]).addCallback(lambda _: None)
