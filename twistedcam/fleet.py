"""
All cameras of a process, as one Twisted service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from .camera import Camera
from .discovery import Discovery
from .errors import AlreadyStarted, Disconnected
from .observers import Observers

_T = TypeVar("_T")


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
        self.camera.connect().addErrback(self._notNow)

    def _notNow(self, failure: Failure) -> None:
        """Disconnected before it was ever up, or connected already: by whom it may."""
        failure.trap(AlreadyStarted, Disconnected)

    def stopService(self) -> Deferred[None]:
        """Part from the camera; fires when all is freed."""
        super().stopService()
        return self.camera.disconnect()


class Fleet(MultiService):
    """
    Cameras that are connected while the service runs.

    @ivar cameras: by name; whoever is added or removed later comes and goes here.
    """

    def __init__(self, discovery: Discovery, cameras: Iterable[Camera]) -> None:
        super().__init__()
        self.cameras: dict[str, Camera] = {}
        self._discovery = discovery
        # Removed, and not parted from yet.
        self._leaving: set[Camera] = set()
        self._changed: Observers[[]] = Observers()
        for camera in cameras:
            self.add(camera)

    def add(self, camera: Camera) -> None:
        """
        Take one more camera; it is connected if the service runs.

        @raise ValueError: there is one of that name.
        """
        if camera.name in self.cameras:
            raise ValueError(f"there is a camera named {camera.name!r} already")
        self.cameras[camera.name] = camera
        CameraService(camera).setServiceParent(self)
        self._changed.tell()

    def remove(self, name: str) -> Deferred[None]:
        """
        Part from a camera, which is none of ours from now on.

        @return: fires when everything is freed that it held.
        @raise KeyError: there is none of that name.
        """
        camera = self.cameras.pop(name)
        parted: Deferred[None] | None = self.getServiceNamed(name).disownServiceParent()
        if parted is None:  # the service does not run, but who knows who connected it
            parted = camera.disconnect()
        self._leaving.add(camera)
        self._changed.tell()
        return parted.addBoth(self._left, camera)

    def _left(self, result: _T, camera: Camera) -> _T:
        self._leaving.discard(camera)
        return result

    def onChanged(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have C{callback} called each time a camera was added or removed.

        @return: call it to unsubscribe.
        """
        return self._changed.add(callback)

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
        leaving = [camera.disconnect() for camera in self._leaving]
        return gatherResults([parted, searchers, *leaving]).addCallback(lambda _: None)
