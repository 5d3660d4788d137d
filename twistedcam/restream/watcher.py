"""
One viewer of a broadcast: what waits for him, and what he misses when he is slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeGuard

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from ..media.frame import Frame
from ..media.mux import MuxError, Piece

#: Bytes that may wait for a viewer: more than is ever handed to a newcomer at once.
MAX_WAITING = 12 << 20

#: Seconds that a viewer may be behind before he skips to the next keyframe.
LATE = 3.0


@dataclass(frozen=True, slots=True)
class Start:
    """
    A file begins.

    @ivar mimeTypes: of its tracks, if each is a file of its own, or else of the one.
    @ivar video: the keyframe that it begins with.
    @ivar width: of its pictures; 0 where that could not be told.
    @ivar height: likewise.
    """

    mimeTypes: tuple[str, ...]
    video: Frame
    width: int = 0
    height: int = 0


@implementer(IPushProducer)
class Watcher:
    """
    Takes the pieces of a broadcast and hands them on, unless whoever writes them says
    (as transports do to a producer) that he has enough.  Then they wait; and when too
    much waits, he skips to the next keyframe.

    Register it with the transport before it joins.

    @ivar skips: how often he was too slow.
    @ivar waiting: bytes that wait.
    """

    log = Logger()

    def __init__(
        self,
        began: Callable[[Start], object],
        send: Callable[[Piece], object],
        failed: Callable[[MuxError], object] = lambda problem: None,
    ) -> None:
        """
        @param began: called when a file begins, before its first piece, and whenever
            another one follows, since the pictures have changed too much.
        @param send: writes a piece.
        @param failed: nothing more will come: these pictures do not go into this
            container, or one of the other two raised something.
        """
        self.skips = 0
        self.waiting = 0
        self._began = began
        self._send = send
        self._failed = failed
        self._queue: deque[Start | Piece] = deque()
        self._paused = False
        self._handing = False
        self._skipping = True
        self._started = False
        self._closed = False
        self._leave: Callable[[], None] | None = None

    # What the broadcast tells.

    def joined(self, leave: Callable[[], None]) -> None:
        """
        He is in.

        @param leave: takes him out.
        """
        self._leave = leave

    def begin(self, start: Start, inits: Iterable[Piece]) -> None:
        """A file begins."""
        if self._closed:
            return  # by somebody who was told of this before him
        self._started = True
        self._skipping = True
        self._put(start)
        for piece in inits:
            if self._started:  # he may leave at any of these
                self._put(piece)

    def put(self, piece: Piece) -> bool:
        """
        Take a piece.

        @return: false if he had to skip.
        """
        if not self._started:
            return True
        inTime = True
        if not piece.init:
            begins = isBeginning(piece)
            if not (self._skipping or self._fits(piece, begins)):
                inTime = False
                self.skips += 1
                self._skip()
            if self._skipping and not begins:
                return inTime
            self._skipping = False
        self._put(piece)
        return inTime

    def fail(self, problem: MuxError) -> None:
        """Nothing more will come."""
        self.close()
        self._failed(problem)

    def _fits(self, piece: Piece, begins: bool) -> bool:
        """Is he near enough?"""
        if self.waiting + len(piece.data) > MAX_WAITING:
            return False
        if not (begins and self._queue):
            return True
        waiting = (item.time for item in self._queue if isMedia(item))
        return piece.time - next(waiting, piece.time) <= LATE

    def _skip(self) -> None:
        """Drop what waits, but not what later pieces need."""
        self._queue = deque(item for item in self._queue if not isMedia(item))
        self.waiting = sum(
            len(item.data) for item in self._queue if isinstance(item, Piece)
        )
        self._skipping = True

    # What the transport tells.

    def pauseProducing(self) -> None:
        """Enough for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        self._handOn()

    def stopProducing(self) -> None:
        """The connection is lost."""
        self.close()

    def close(self) -> None:
        """Leave; may be called more than once."""
        self._queue.clear()
        self.waiting = 0
        self._started = False
        self._closed = True
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    @property
    def started(self) -> bool:
        """Does he know the file's beginning?"""
        return self._started

    def _put(self, item: Start | Piece) -> None:
        self._queue.append(item)
        if isinstance(item, Piece):
            self.waiting += len(item.data)
        self._handOn()

    def _handOn(self) -> None:
        # Whoever is handed a piece may pause, resume or leave.
        if self._handing:
            return
        self._handing = True
        try:
            while self._queue and not self._paused:
                item = self._queue.popleft()
                if isinstance(item, Start):
                    self._began(item)
                else:
                    self.waiting -= len(item.data)
                    self._send(item)
        except Exception:
            self.log.failure("a viewer failed")
            self.fail(MuxError("what was sent could not be written"))
        finally:
            self._handing = False


def isBeginning(piece: Piece) -> bool:
    """Can a player begin here?"""
    return piece.keyframe and piece.track == 0


def isMedia(item: Start | Piece) -> TypeGuard[Piece]:
    """Is this more than preparation?"""
    return isinstance(item, Piece) and not item.init
