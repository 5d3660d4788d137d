"""
Responses that go on until somebody ends them.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ...reactors import Timers
from .audience import Audience
from .pages import Refusal, later, refuse
from .site import WebRequest, abort
from .watching import Watching

#: Seconds that the first bytes may take.
FIRST_WITHIN = 10.0

#: Seconds after which a camera has told why it sends nothing, if it tells.
TOLD_WITHIN = 1.0

#: Seconds that somebody may take nothing at all before he counts as gone.
STALLED = 300.0


class Patience:
    """
    Notes for how long somebody has taken nothing.
    """

    def __init__(self, clock: Timers) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    def paused(self) -> bool:
        """Does he take nothing just now?"""
        return self._since is not None

    @property
    def over(self) -> bool:
        """Has it been too long?"""
        since = self._since
        return since is not None and self._clock.seconds() - since >= STALLED

    def pause(self) -> None:
        """He takes no more."""
        if self._since is None:
            self._since = self._clock.seconds()

    def resume(self) -> None:
        """He does."""
        self._since = None


@implementer(IPushProducer)
class Streaming:
    """
    One such response; a member of an L{Audience}, while it lasts.

    @ivar camera: what is watched, if anything is.
    @ivar began: has anything been written?
    """

    def __init__(
        self,
        clock: Timers,
        audience: Audience,
        request: WebRequest,
        headers: Mapping[str, str],
        source: IPushProducer,
        watching: Watching | None = None,
    ) -> None:
        """
        @param source: what writes here; is paused, resumed and, at the end, stopped.
        @param watching: who watches a camera, if it is one.
        """
        self.camera = None if watching is None else watching.camera
        self.began = False
        self._clock = clock
        self._audience = audience
        self._request = request
        self._headers = headers
        self._source = source
        self._watching = watching
        self._patience = Patience(clock)
        self._since = clock.seconds()
        self._over = False
        audience.enter(self)
        request.registerProducer(self, True)
        request.notifyFinish().addBoth(lambda _: self._finish())

    def write(self, data: bytes) -> None:
        """Send something."""
        if self._over:
            return
        if not self.began:
            self.began = True
            for name, value in self._headers.items():
                self._request.setHeader(name, value)
        self._request.write(data)
        if self._watching is not None:
            self._watching.sent(len(data))

    def refuse(self, refusal: Refusal) -> None:
        """It is not to be; if it has begun, it breaks off."""
        if self._over:
            return
        if self.began:
            self.end()
            return
        self._finish()
        refuse(self._request, refusal)

    def end(self) -> None:
        """It is over."""
        if self._over:
            return
        if not self.began:
            self.refuse(later("it ended before it had begun"))
        elif self._patience.paused:
            self.abort()  # he might never take the rest
        else:
            self._finish()
            self._request.finish()

    def abort(self) -> None:
        """It is over, and the connection, too."""
        self._finish()
        if not self._request.gone:
            abort(self._request.channel.transport)

    def tick(self, now: float) -> None:
        """Is it time to give up?"""
        if self._patience.over:
            self.abort()
        elif not self.began and self._isVain(now - self._since):
            watching = self._watching
            self.refuse(later("nothing came" if watching is None else watching.why()))

    def _isVain(self, seconds: float) -> bool:
        """After so many seconds: is it of no use to wait for the first bytes?"""
        if seconds >= FIRST_WITHIN:
            return True
        watching = self._watching
        return watching is not None and watching.hopeless and seconds >= TOLD_WITHIN

    def _finish(self) -> None:
        """Free everything; may be called more than once."""
        if self._over:
            return
        self._over = True
        self._audience.leave(self)
        self._source.stopProducing()
        if self._watching is not None:
            self._watching.ended()
        if not self._request.gone:
            self._request.unregisterProducer()

    # What the transport tells.

    def pauseProducing(self) -> None:
        """He takes no more."""
        self._patience.pause()
        self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """He does."""
        self._patience.resume()
        self._source.resumeProducing()

    def stopProducing(self) -> None:
        """He is gone."""
        self._finish()
