"""
The second session of a camera, for its second quality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from .errors import AlreadyStarted, Disconnected
from .streams import Stream
from .wire.deviceid import DeviceId

if TYPE_CHECKING:
    from .camera import Camera


class Companion:
    """
    Keeps a camera connected while somebody watches its video, and the camera that
    it accompanies is wanted, too.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._watched = False
        self._allowed: DeviceId | None = None
        camera.video.onWanted = self._watch

    @property
    def video(self) -> Stream:
        """The stream."""
        return self._camera.video

    def allow(self, deviceId: DeviceId | None) -> Deferred[None]:
        """
        Is the camera wanted at all?

        @param deviceId: who it is, if so.
        @return: fires when the second session is where it should be.
        """
        self._allowed = deviceId
        return self._pursue()

    def _watch(self, watched: bool) -> None:
        self._watched = watched
        self._pursue()

    def _pursue(self) -> Deferred[None]:
        if self._watched and self._allowed is not None:
            self._camera.identify(self._allowed)
            # Should it be parting, it is asked again when that is done.
            self._camera.connect().addErrback(self._notNow)
            return succeed(None)
        return self._camera.disconnect().addCallback(self._parted)

    def _parted(self, nothing: None) -> None:
        if self._watched and self._allowed is not None:
            self._pursue()

    def _notNow(self, failure: Failure) -> None:
        failure.trap(AlreadyStarted, Disconnected)
