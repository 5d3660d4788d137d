"""
A camera's pictures and sound, as streams of frames that anybody may join.

A stream is asked of the camera when the first one joins, and stopped a little after
the last one has left.  In between it is asked for again whenever it falls silent,
and after each reconnect; those who watch notice a gap, and nothing else.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Callable
from threading import get_ident
from typing import Any, Self

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .errors import LoginError, NotConnected, SessionClosed, TwistedcamError
from .media.assembly import FrameAssembler
from .media.fanout import QUEUE_BYTES, QUEUE_FRAMES, Fanout, Viewer
from .media.frame import Frame
from .media.sound import AacEncoder, AlawEncoder, SoundDecoder
from .media.timeline import CameraClock, Timeline
from .observers import Observers
from .reactors import Timers

#: The qualities, as cameras number them: the main stream, and a smaller one.
MAIN, SUB = 1, 2

#: Seconds of silence after which the stream is asked for again.
QUIET = 2.0

#: Seconds after the last one has left until the camera is told to stop: whoever
#: reloads a page should not have to wait for a keyframe.
LINGER = 5.0


class Frames(AsyncIterator[Frame]):
    """
    One viewer's frames, for C{async for}.

    He leaves with L{close}, at the end of an C{async with}, when he is cancelled
    while he waits, or when nobody has the iterator any more, so that breaking out of
    a loop does it, too.
    """

    def __init__(self, view: Callable[[Callable[[], None]], Viewer]) -> None:
        """
        @param view: joins the stream; gets what is to be called with news.
        """
        self._open = False
        self._thread = get_ident()
        self._waiting = waiting = list[Deferred[None]]()

        # The stream must not hold the iterator, but those who wait may hold it.
        def wake() -> None:
            woken, waiting[:] = waiting[:], []
            for news in woken:
                if not news.called:
                    news.callback(None)

        self._wake = wake
        self._viewer = view(wake)
        self._open = True

    def __del__(self) -> None:
        # Garbage is collected in whichever thread makes it.
        if self._open and get_ident() == self._thread:
            self._viewer.close()
        elif self._open:
            self._viewer.abandoned = True

    @property
    def skips(self) -> int:
        """How often the viewer was too slow."""
        return self._viewer.skips

    def close(self) -> None:
        """
        Leave.  Whoever waits for a frame is at the end of the loop; may be called
        more than once.
        """
        if self._open:
            self._open = False
            self._viewer.close()
            self._wake()

    async def aclose(self) -> None:
        """The same, for C{contextlib.aclosing}."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def __anext__(self) -> Frame:
        while self._open:
            if (frame := self._viewer.take()) is not None:
                return frame
            news: Deferred[None] = Deferred()
            self._waiting.append(news)
            try:
                await news
            except BaseException:
                # Whoever is cancelled, or forgotten, while he waits has left.
                if news in self._waiting:
                    self._waiting.remove(news)
                self.close()
                raise
        raise StopAsyncIteration


class Joinable:
    """
    Frames that anybody may join.  Subclasses are told who comes and goes.
    """

    def __init__(self) -> None:
        self._fanout = Fanout(self._joined, self._left)

    def subscribe(self, callback: Callable[[Frame], object]) -> Callable[[], None]:
        """
        Have C{callback} called with each frame, beginning at a keyframe.  It has
        to be quick: see L{frames} and L{view} otherwise.

        @return: call it to unsubscribe.
        """
        return self._fanout.subscribe(callback)

    def view(
        self,
        wake: Callable[[], None],
        maxFrames: int = QUEUE_FRAMES,
        maxBytes: int = QUEUE_BYTES,
    ) -> Viewer:
        """
        A queue of one's own: see L{Fanout.view}.
        """
        return self._fanout.view(wake, maxFrames, maxBytes)

    def frames(self) -> Frames:
        """
        The frames, beginning at a keyframe; whoever is too slow skips to a later
        one, which is marked with a gap.  Break out of the loop, or close the
        iterator, to leave.
        """
        return Frames(self.view)

    @property
    def audience(self) -> int:
        """How many watch."""
        return self._fanout.audience

    def _joined(self) -> None:
        """Somebody has joined."""
        raise NotImplementedError

    def _left(self) -> None:
        """Somebody has left."""
        raise NotImplementedError


class Stream(Joinable):
    """
    Pictures, or sound, of one camera.

    @ivar assembler: counts what came, and what did not.
    @ivar requests: how often the camera was asked.
    @ivar bytes: of frames handed out.
    @ivar problem: why the camera did not grant it the last time, or empty.
    @ivar onWanted: called with C{True} when the stream gets its first audience, and
        with C{False} when it has lost its last.
    """

    log = Logger()

    def __init__(
        self,
        clock: Timers,
        name: str,
        *,
        video: bool,
        cameraClock: CameraClock,
        ask: Callable[[], Deferred[Any]],
        end: Callable[[], Deferred[Any]],
        refusalIsNews: Callable[[], bool] = lambda: True,
    ) -> None:
        """
        @param ask: asks the camera to begin; fails if it is not up.
        @param end: tells it to stop.
        @param refusalIsNews: asked before the log is told that the login is refused:
            that concerns all streams of a camera.
        """
        super().__init__()
        self.onWanted: Callable[[bool], None] = lambda wanted: None
        self.requests = 0
        self.bytes = 0
        self.problem = ""
        self.assembler = FrameAssembler(self._frame, Timeline(cameraClock), video)
        self._clock = clock
        self._name = name
        self._ask = ask
        self._end = end
        self._refusalIsNews = refusalIsNews
        self._running = False
        self._up = False
        self._asking = False
        self._told = ""
        self._lastFrame = float("-inf")
        self._quiet: IDelayedCall | None = None
        self._lingering: IDelayedCall | None = None

    @property
    def last(self) -> Frame | None:
        """The newest keyframe, as long as it is not outdated."""
        return self._fanout.last if self._running else None

    # What the camera tells.

    def up(self) -> None:
        """The camera can be asked."""
        self._up = True
        self.problem = ""  # of a session that is over
        if self._running:
            self._request()

    def down(self) -> None:
        """The session is over."""
        self._up = False
        self.assembler.lost(0)
        self._fanout.forget()

    def received(self, payload: bytes) -> None:
        """The channel's next bytes."""
        self.assembler.feed(payload, self._clock.seconds())

    # The stream's life.

    def _frame(self, frame: Frame) -> None:
        if not self._running:
            return  # the camera has not stopped yet
        self._lastFrame = frame.arrived
        self.bytes += len(frame.data)
        self._fanout.publish(frame)

    def _joined(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if not self._running:
            self._running = True
            self.onWanted(True)
            if self._up:
                self._request()

    def _left(self) -> None:
        if not self._running or self._fanout.audience or self._lingering is not None:
            return
        if self._up:
            self._lingering = self._clock.callLater(LINGER, self._stop)
        else:
            self._stop()  # there is nobody to tell

    def _stop(self) -> None:
        self._lingering = None
        self._running = False
        self._fanout.forget()
        self._watchNoMore()
        if self._up:
            self._end().addErrback(self._failed)
        self.onWanted(False)

    def _request(self) -> None:
        """Ask the camera, and look later whether it has listened."""
        self._watch(QUIET)
        if self._asking:
            return  # the last question is not answered yet
        self._asking = True
        self.requests += 1
        self._ask().addBoth(self._asked).addErrback(self._failed)

    def _asked(self, result: object) -> object:
        self._asking = False
        self.problem = ""
        return result

    def _failed(self, failure: Failure) -> None:
        """It is asked again when it stays quiet, or after the reconnect."""
        failure.trap(TwistedcamError)
        if failure.check(NotConnected, SessionClosed):
            return  # whoever knows why the session ends tells it
        self.problem = problem = failure.getErrorMessage()
        if failure.check(LoginError):
            # It is told once, however it is worded the next time.
            news = self._told != LoginError.__name__ and self._refusalIsNews()
            self._told = LoginError.__name__
        else:
            news = self._told != problem
            self._told = problem
        if news:
            self.log.warn(
                "{name}: no stream: {problem}", name=self._name, problem=problem
            )

    def _watch(self, delay: float) -> None:
        self._watchNoMore()
        self._quiet = self._clock.callLater(delay, self._check)

    def _watchNoMore(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _check(self) -> None:
        """Has it been quiet for too long?"""
        self._quiet = None
        left = self._lastFrame + QUIET - self._clock.seconds()
        if not self._up:
            return  # it will be asked for after the reconnect
        if left > 0:
            self._watch(left)
        else:
            self._request()

    def close(self) -> None:
        """The camera is disconnected: no timer is left behind."""
        self._watchNoMore()
        if self._lingering is not None:
            self._lingering.cancel()
            self._stop()


class DecodedSound:
    """
    A camera's sound as PCM, decoded once for all encoders that want it.
    """

    def __init__(self, audio: Stream) -> None:
        self._audio = audio
        self._encoders: Observers[[Frame, array[int]]] = Observers()
        self._decoder = SoundDecoder()
        self._unsubscribe: Callable[[], None] | None = None

    def subscribe(
        self, callback: Callable[[Frame, array[int]], object]
    ) -> Callable[[], None]:
        """
        Have C{callback} called with each packet, and its samples.

        @return: call it to unsubscribe.
        """
        remove = self._encoders.add(callback)
        if self._unsubscribe is None:
            self._decoder = SoundDecoder()
            self._unsubscribe = self._audio.subscribe(self._frame)

        def leave() -> None:
            remove()
            if self._unsubscribe is not None and not len(self._encoders):
                self._unsubscribe()
                self._unsubscribe = None

        return leave

    def _frame(self, frame: Frame) -> None:
        self._encoders.tell(frame, self._decoder.decode(frame))


class SoundStream(Joinable):
    """
    A camera's sound in another codec, encoded once for all who listen.
    """

    def __init__(
        self,
        decoded: DecodedSound,
        encoder: Callable[[], AacEncoder | AlawEncoder] = AacEncoder,
    ) -> None:
        """
        @param encoder: makes what encodes it.
        """
        super().__init__()
        self._decoded = decoded
        self._open = encoder
        self._encoder: AacEncoder | AlawEncoder | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def _joined(self) -> None:
        if self._encoder is None:
            self._encoder = self._open()
            self._unsubscribe = self._decoded.subscribe(self._frame)

    def _left(self) -> None:
        if self._unsubscribe is not None and not self._fanout.audience:
            self._unsubscribe()
            self._unsubscribe = self._encoder = None
            self._fanout.forget()

    def _frame(self, frame: Frame, samples: array[int]) -> None:
        if self._encoder is not None:
            for encoded in self._encoder.encode(
                samples, frame.time, frame.arrived, frame.gap
            ):
                self._fanout.publish(encoded)
