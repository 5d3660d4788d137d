"""
Which page stands behind which path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.web.resource import Resource

from ...camera import Camera
from .controls import (
    ImagePage,
    InfraredPage,
    LightPage,
    Movements,
    PresetPage,
    TurnPage,
)
from .events import Events, EventsPage
from .live import LIVE_MP4, TRANSPORT_STREAM, LivePage
from .metrics import MetricsPage
from .mse import MsePage
from .pages import Denied, Page, Refusal, sendJson
from .pictures import PicturesPage, SnapshotPage, Snapshots
from .site import WebRequest
from .static import INDEX, StaticFile, StaticFolder, StaticPage
from .tools import CameraPage, Tools


class Root(Page):
    """The beginning of all paths."""

    def __init__(
        self,
        tools: Tools,
        events: Events,
        movements: Movements,
        snapshots: Snapshots,
        files: Mapping[str, StaticFile],
    ) -> None:
        super().__init__()
        self._files = files
        self.putChild(b"cameras", CamerasPage(tools, movements, snapshots))
        self.putChild(b"events", EventsPage(tools, events))
        self.putChild(b"metrics", MetricsPage(tools))
        self.putChild(b"static", StaticFolder(files))

    def getChildWithDefault(self, path: bytes, request: Any) -> Resource:
        """A path that goes on behind a leaf leads nowhere."""
        child = super().getChildWithDefault(path, request)
        if child.isLeaf and request.postpath:
            return self.getChild(path, request)
        return child  # type: ignore[no-any-return]

    def getChild(self, path: bytes, request: Any) -> Resource:
        """C{/} is the page."""
        if not path and not request.postpath and INDEX in self._files:
            return StaticPage(self._files[INDEX])
        return super().getChild(path, request)


class CamerasPage(Page):
    """All cameras."""

    def __init__(
        self, tools: Tools, movements: Movements, snapshots: Snapshots
    ) -> None:
        super().__init__()
        self._tools = tools
        self._movements = movements
        self._snapshots = snapshots

    def answer(self, request: WebRequest) -> None:
        """A list of them."""
        sendJson(request, self._tools.observatory.reports())

    def getChild(self, path: bytes, request: Any) -> Resource:
        """One of them, or something of one."""
        camera = self._tools.fleet.cameras.get(path.decode("utf-8", "replace"))
        if camera is None:
            return Denied(Refusal(404, "there is no such camera"))
        if not request.postpath:
            return ReportPage(self._tools, camera)
        [what, *rest] = request.postpath
        make = self._pages(camera).get(what)
        if make is None or rest:
            return Denied(Refusal(404, "a camera has nothing of that name"))
        return make()

    def _pages(self, camera: Camera) -> Mapping[bytes, Callable[[], Page]]:
        tools = self._tools
        return {
            b"snapshot.jpg": lambda: SnapshotPage(tools, camera, self._snapshots),
            b"stream.mjpeg": lambda: PicturesPage(tools, camera),
            b"stream.ts": lambda: LivePage(tools, camera, TRANSPORT_STREAM),
            b"live.mp4": lambda: LivePage(tools, camera, LIVE_MP4),
            b"mse": lambda: MsePage(tools, camera),
            b"ptz": lambda: TurnPage(camera, self._movements),
            b"preset": lambda: PresetPage(camera, self._movements),
            b"light": lambda: LightPage(camera, self._movements),
            b"infrared": lambda: InfraredPage(camera, self._movements),
            b"image": lambda: ImagePage(camera, self._movements),
        }


class ReportPage(CameraPage):
    """One camera."""

    def answer(self, request: WebRequest) -> None:
        """How it is."""
        sendJson(request, self._tools.observatory.report(self._camera.name))
