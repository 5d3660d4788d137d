"""
What pages work with.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...camera import Camera
from ...fleet import Fleet
from ...reactors import Timers
from ..broadcast import Broadcasts
from ..jpegs import PictureRooms
from ..observatory import Latencies, Observatory
from .audience import MAX_LISTENERS, MAX_VIEWERS, Audience
from .pages import Page


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

    def whyNothing(self, camera: Camera) -> str:
        """A sentence on why no picture comes."""
        try:
            report = self.observatory.report(camera.name)
        except KeyError:
            return f"{camera.name} is gone"
        state = f"{camera.name} is {report.state}"
        if report.state == "Up":
            state = f"{camera.name} is up, but sends no video"
        return f"{state}: {report.lastError}" if report.lastError else state


class CameraPage(Page):
    """What stands behind one path of a camera."""

    isLeaf = True

    def __init__(self, tools: Tools, camera: Camera) -> None:
        super().__init__()
        self._tools = tools
        self._camera = camera
