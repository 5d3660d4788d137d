"""
Somebody who watches a camera: why he sees nothing, and what the log is told of him.
"""

from __future__ import annotations

from twisted.logger import Logger

from ...camera import Camera
from .pages import addressOf
from .site import WebRequest
from .tools import Tools


class Watching:
    """
    Somebody who watches, or would like to.

    @ivar camera: what he watches.
    """

    log = Logger()

    def __init__(
        self, tools: Tools, camera: Camera, sub: bool, kind: str, request: WebRequest
    ) -> None:
        """
        @param sub: in its lower quality?
        @param kind: what he watches it as.
        """
        self.camera = camera
        self._tools = tools
        self._sub = sub
        self._kind = f"{kind}, sub" if sub else kind
        self._address = addressOf(request)
        self._since: float | None = None
        self._bytes = 0

    def why(self) -> str:
        """A sentence on why nothing has come."""
        return self._tools.whyNothing(self.camera, self._sub)

    @property
    def hopeless(self) -> bool:
        """Does the camera itself say that nothing will come?"""
        return bool(self._tools.problem(self.camera, self._sub))

    def sent(self, size: int) -> None:
        """So many bytes were sent to him."""
        if self._since is None:
            self._since = self._tools.clock.seconds()
            self.log.info(
                "{name}: {address} watches by HTTP ({kind})",
                name=self.camera.name,
                address=self._address,
                kind=self._kind,
            )
        self._bytes += size

    def ended(self) -> None:
        """He is gone; called once."""
        if self._since is None:
            return
        self.log.info(
            "{name}: {address} has watched by HTTP ({kind}) for {seconds:.0f} s:"
            " {megabytes:.1f} MB",
            name=self.camera.name,
            address=self._address,
            kind=self._kind,
            seconds=self._tools.clock.seconds() - self._since,
            megabytes=self._bytes / 1e6,
        )
