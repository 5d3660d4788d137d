"""
All cameras of a process, as one Twisted service.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from .camera import Camera
from .discovery import Discovery
from .errors import Disconnected


class CameraService(Service):
    """
    Keeps one camera connected while it runs.

    @ivar camera: the camera.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.setName(camera.name)

    def startService(self) -> None:
        """Connect, for as long as it takes."""
        super().startService()
        self.camera.connect().addErrback(self._disconnected)

    def _disconnected(self, failure: Failure) -> None:
        """Before it was ever up: whoever did it knows."""
        failure.trap(Disconnected)

    def stopService(self) -> Deferred[None]:
        """Part from the camera; fires when all is freed."""
        super().stopService()
        return self.camera.disconnect()


class Fleet(MultiService):
    """
    Cameras that are connected while the service runs.

    @ivar cameras: by name.
    """

    def __init__(self, discovery: Discovery, cameras: Iterable[Camera]) -> None:
        super().__init__()
        self.cameras: dict[str, Camera] = {}
        self._discovery = discovery
        for camera in cameras:
            self.cameras[camera.name] = camera
            CameraService(camera).setServiceParent(self)

    def startService(self) -> None:
        """
        Connect all cameras.

        @raise CannotListenError: the local address to be used is not ours.
        """
        self._discovery.checkLocalAddress()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Part from all cameras; fires when all is freed."""
        parted = super().stopService()
        searchers = self._discovery.stop()
        return gatherResults([parted, searchers]).addCallback(lambda _: None)
