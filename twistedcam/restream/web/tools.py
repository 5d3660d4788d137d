"""
What pages work with.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...camera import Camera
from ...fleet import Fleet
from ...keeper import CameraState
from ...reactors import Timers
from ..broadcast import Broadcasts
from ..jpegs import PictureRooms
from ..observatory import Latencies, Observatory
from .audience import MAX_LISTENERS, MAX_VIEWERS, Audience
from .pages import Page
from .wording import away


@dataclass(frozen=True)
class Tools:
    """
    What pages work with.

    @ivar viewers: those who watch.
    @ivar listeners: those who listen to events.
    """

    clock: Timers
    fleet: Fleet
    broadcasts: Broadcasts
    pictures: PictureRooms
    observatory: Observatory
    latencies: Latencies
    viewers: Audience = field(default_factory=lambda: Audience(MAX_VIEWERS))
    listeners: Audience = field(default_factory=lambda: Audience(MAX_LISTENERS))

    def countViewers(self, camera: Camera) -> int:
        """How many watch a camera, in whatever way."""
        return self.broadcasts.audience(camera) + self.pictures.audience(camera)

    def problem(self, camera: Camera, sub: bool = False) -> str:
        """
        What a camera that is up says about why it sends no video; or empty.

        @param sub: in its lower quality.
        """
        asked = camera.twin if sub else camera
        if asked is None or asked.state is not CameraState.UP:
            return ""
        return asked.video.problem

    def whyNothing(self, camera: Camera, sub: bool = False) -> str:
        """
        A sentence on why no picture comes.

        @param sub: in its lower quality.
        """
        try:
            report = self.observatory.report(camera.name)
        except KeyError:
            return f"{camera.name} is gone"
        if report.state != CameraState.UP.value:
            why = away(f"{camera.name} is {report.state}")
            return f"{why} ({report.lastError})" if report.lastError else why
        what = "no video in its lower quality" if sub else "no video"
        why = f"{camera.name} is up, but sends {what}"
        problem = self.problem(camera, sub)
        return f"{why}: {problem}" if problem else why


class CameraPage(Page):
    """What stands behind one path of a camera."""

    isLeaf = True

    def __init__(self, tools: Tools, camera: Camera) -> None:
        super().__init__()
        self._tools = tools
        self._camera = camera
