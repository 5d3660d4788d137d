"""
Video as one endless file: C{stream.ts} and C{live.mp4}.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...camera import Camera
from ...media.mux import MuxError, NotMuxable, Piece
from ..broadcast import MP4, TS, Packaging
from ..watcher import Start, Watcher
from .pages import Refusal, later, sendHead, wantsSound, wantsSub
from .site import WebRequest
from .streaming import Streaming
from .tools import CameraPage, Tools
from .watching import Watching


@dataclass(frozen=True)
class Container:
    """
    A kind of file.

    @ivar name: in paths.
    @ivar goesOn: may another one simply follow?
    """

    name: str
    packaging: Packaging
    contentType: str
    goesOn: bool


TRANSPORT_STREAM = Container("stream.ts", TS, "video/mp2t", True)
LIVE_MP4 = Container("live.mp4", MP4, "video/mp4", False)


class LivePage(CameraPage):
    """A camera's video, in one kind of container."""

    def __init__(self, tools: Tools, camera: Camera, container: Container) -> None:
        super().__init__(tools, camera)
        self._container = container

    def answer(self, request: WebRequest) -> None:
        """Begin; it ends when either side has enough."""
        sub, sound = wantsSub(request), wantsSound(request, True)
        headers = {"Content-Type": self._container.contentType, "Accept-Ranges": "none"}
        if request.method == b"HEAD":
            sendHead(request, headers)
            return
        self._tools.viewers.check()
        _LiveViewer(
            self._tools, request, self._camera, self._container, headers, sub, sound
        )


class _LiveViewer:
    """Who watches that."""

    def __init__(
        self,
        tools: Tools,
        request: WebRequest,
        camera: Camera,
        container: Container,
        headers: dict[str, str],
        sub: bool,
        sound: bool,
    ) -> None:
        self._camera = camera
        self._container = container
        self._watcher = Watcher(self._began, self._send, self._failed)
        self._response = Streaming(
            tools.clock,
            tools.viewers,
            request,
            headers,
            self._watcher,
            Watching(tools, camera, sub, container.name, request),
        )
        broadcast = tools.broadcasts.of(
            camera, container.packaging, sub=sub, sound=sound
        )
        broadcast.join(self._watcher)

    def _began(self, start: Start) -> None:
        if self._response.began and not self._container.goesOn:
            self._response.end()

    def _send(self, piece: Piece) -> None:
        self._response.write(piece.data)

    def _failed(self, problem: MuxError) -> None:
        if isinstance(problem, NotMuxable):
            self._response.refuse(
                Refusal(
                    406,
                    f"{problem}: watch it at /cameras/{self._camera.name}/stream.mjpeg",
                )
            )
        else:
            self._response.refuse(later(str(problem)))
