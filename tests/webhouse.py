"""
Emulated cameras, and a server of them, over real sockets on loopback.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import gatherResults

from twistedcam.camera import Camera
from twistedcam.discovery import Discovery
from twistedcam.emulator import Doors, EmulatedCamera
from twistedcam.fleet import Fleet
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.web import WebConfig, WebService
from twistedcam.wire.deviceid import DeviceId

LOOPBACK = "127.0.0.1"

#: Emulated cameras choose their ports by their identity: two processes that do this at
#: the same time should not have the same cameras.
NUMBER = os.getpid() % 1_000_000

CAMERAS = {
    "garden": (DeviceId("VSTB", NUMBER, "UZCPK"), "h264"),
    "door": (DeviceId("VSTJ", NUMBER, "ABCDE"), "h265"),
}


class House:
    """
    Emulated cameras, and a server of them, over real sockets on loopback.

    @ivar url: the server's.
    """

    def __init__(self, reactor: Any, config: WebConfig | None = None) -> None:
        self._doors = Doors(reactor, LOOPBACK, dhPort=0, lanPort=0)
        self._doors.open()
        self.emulated = {
            name: EmulatedCamera(
                reactor, deviceId, doors=self._doors, name=name, codec=codec
            )
            for name, (deviceId, codec) in CAMERAS.items()
        }
        for emulated in self.emulated.values():
            emulated.start()
        discovery = Discovery(
            reactor,
            searchAddresses=[LOOPBACK],
            dhPort=self._doors.dhPort,
            lanPort=self._doors.lanPort,
        )
        self.cameras = {
            name: Camera(
                reactor,
                deviceId=deviceId,
                name=name,
                password="888888",
                discovery=discovery,
            )
            for name, (deviceId, _) in CAMERAS.items()
        }
        self._fleet = Fleet(discovery, self.cameras.values())
        endpoint = f"tcp:0:interface={LOOPBACK}"
        self.web = WebService(
            reactor,
            self._fleet,
            config or WebConfig(endpoint=endpoint),
            Broadcasts(reactor),
        )
        self._fleet.startService()
        self.web.startService()
        address: Any = self.web.address
        self.url = f"http://{LOOPBACK}:{address.port}"

    async def up(self) -> None:
        """All cameras are connected."""
        await gatherResults([camera.whenUp() for camera in self.cameras.values()])

    async def close(self) -> None:
        """Free everything."""
        await self.web.stopService()
        await self._fleet.stopService()
        await gatherResults([each.stop() for each in self.emulated.values()])
        await self._doors.close()
