"""
Single pictures, and rows of them: C{snapshot.jpg} and C{stream.mjpeg}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ...camera import Camera
from ...errors import CommandFailed, CommandTimeout, NotSupported
from ...keeper import CameraState
from ...reactors import Timers
from ...threads import InThread
from ..archive import fileName
from ..jpegs import MAX_FPS, PictureViewer
from ..picture import pictureFromVideo
from .pages import Refusal, argument, choice, later, send, sendHead, wantsSub
from .site import WebRequest
from .streaming import Streaming
from .tools import CameraPage, Tools
from .watching import Watching

#: Pictures a second at least.
MIN_FPS = 0.1

_BOUNDARY = "--twistedcam-picture"

_JPEG = "image/jpeg"


class Snapshots:
    """
    Takes pictures: one at a time of each camera, for all who ask meanwhile.
    """

    def __init__(self, clock: Timers, inThread: InThread) -> None:
        """
        @param inThread: calls a function in a thread.
        """
        self._clock = clock
        self._inThread = inThread
        self._waiting: dict[tuple[Camera, bool], list[Deferred[Any]]] = {}
        self._taking: dict[tuple[Camera, bool], Deferred[Any]] = {}
        self._seen: set[tuple[Camera, bool]] = set()

    def take(self, camera: Camera, fromVideo: bool) -> Deferred[tuple[bytes, str]]:
        """
        A picture.

        @return: fires with a JPEG, and where it is from: C{"camera"} or C{"video"}.
        """
        result: Deferred[tuple[bytes, str]] = Deferred()
        key = camera, fromVideo
        if key in self._waiting:
            self._waiting[key].append(result)
            return result
        self._waiting[key] = [result]
        taking = Deferred.fromCoroutine(self._take(camera, fromVideo))
        self._taking[key] = taking

        def tell(outcome: tuple[bytes, str] | Failure) -> None:
            self._taking.pop(key, None)
            for one in self._waiting.pop(key):
                if isinstance(outcome, Failure):
                    one.errback(outcome)
                else:
                    one.callback(outcome)

        taking.addBoth(tell)
        return result

    def end(self) -> None:
        """Nobody wants one any more."""
        for taking in list(self._taking.values()):
            taking.cancel()

    def tick(self, problem: Callable[[Camera], str]) -> None:
        """
        Once a second: is there anything to wait for?

        @param problem: why no video comes of a camera; empty: it may come.
        """
        # A camera that was asked just now may have changed its mind.
        before, self._seen = self._seen, {*self._waiting}
        for (camera, fromVideo), waiting in list(self._waiting.items()):
            if not fromVideo or (camera, fromVideo) not in before:
                continue
            why = problem(camera)
            if not why:
                continue
            refused, waiting[:] = waiting[:], []
            for one in refused:
                one.errback(later(why))
            self._taking[camera, fromVideo].cancel()

    async def _take(self, camera: Camera, fromVideo: bool) -> tuple[bytes, str]:
        if not fromVideo:
            try:
                return await camera.snapshot(), "camera"
            except (NotSupported, CommandFailed, CommandTimeout):
                pass  # it may still have video
        picture = await pictureFromVideo(self._clock, camera, self._inThread)
        return picture, "video"


class SnapshotPage(CameraPage):
    """A picture."""

    def __init__(self, tools: Tools, camera: Camera, snapshots: Snapshots) -> None:
        super().__init__(tools, camera)
        self._snapshots = snapshots

    def answer(self, request: WebRequest) -> Coroutine[Any, Any, None] | None:
        """Take it; C{HEAD} takes none."""
        fromVideo = choice(request, "from", ("camera", "video")) == "video"
        download = choice(request, "download", ("0", "1")) == "1"
        if request.method == b"HEAD":
            sendHead(request, {"Content-Type": _JPEG})
            return None
        return self._answer(request, fromVideo, download)

    async def _answer(
        self, request: WebRequest, fromVideo: bool, download: bool
    ) -> None:
        if fromVideo and self._camera.state is not CameraState.UP:
            raise later(self._tools.whyNothing(self._camera))
        try:
            picture, source = await self._snapshots.take(self._camera, fromVideo)
        except CommandTimeout as problem:
            if not fromVideo:
                raise
            raise later(self._tools.whyNothing(self._camera)) from problem
        headers = {"X-Twistedcam-From": source}
        if download:
            time = datetime.fromtimestamp(self._tools.clock.seconds())
            name = f"{fileName(self._camera.name)}_{time:%Y-%m-%d_%H-%M-%S}.jpg"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        send(request, picture, _JPEG, 200, headers)


class PicturesPage(CameraPage):
    """A row of pictures, each of which replaces the one before."""

    def answer(self, request: WebRequest) -> None:
        """Begin; it ends when either side has enough."""
        sub, fps = wantsSub(request), _fps(request)
        headers = {
            "Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}",
            "Accept-Ranges": "none",
        }
        if request.method == b"HEAD":
            sendHead(request, headers)
            return
        self._tools.viewers.check()
        response: Streaming

        def show(picture: bytes) -> None:
            begin = b"" if response.began else f"--{_BOUNDARY}\r\n".encode()
            response.write(begin + part(picture))

        viewer = PictureViewer(self._tools.clock, show, fps)
        response = Streaming(
            self._tools.clock,
            self._tools.viewers,
            request,
            headers,
            viewer,
            Watching(self._tools, self._camera, sub, "stream.mjpeg", request),
        )
        self._tools.pictures.of(self._camera, sub).join(viewer)


def part(picture: bytes) -> bytes:
    """
    A picture as a part.  The line that ends it follows at once: some browsers show a
    picture not before they have seen the beginning of the next.
    """
    head = f"Content-Type: {_JPEG}\r\nContent-Length: {len(picture)}\r\n\r\n"
    return b"".join((head.encode(), picture, f"\r\n--{_BOUNDARY}\r\n".encode()))


def _fps(request: WebRequest) -> float | None:
    """
    How many a second, if it was said.

    @raise Refusal: it cannot be.
    """
    text = argument(request, "fps")
    if text is None:
        return None
    isNumber = re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", text)
    if isNumber is None or not MIN_FPS <= float(text) <= MAX_FPS:
        raise Refusal(400, f"fps is a number from {MIN_FPS:g} to {MAX_FPS:g}")
    return float(text)
