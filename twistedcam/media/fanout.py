"""
One stream, many viewers.

Whoever is new begins with the frames since the last keyframe, so that there is a
picture at once.  Whoever is slow never holds up the camera or anybody else: when
too much waits for him, he skips to the next keyframe, and is told so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from twisted.logger import Logger

from ..observers import Observers
from .frame import Frame

#: What is kept of the frames since the last keyframe: twenty seconds and more.  A
#: camera that sends none for longer makes newcomers wait for its next.
CACHE_FRAMES, CACHE_BYTES = 500, 4 << 20

#: What may wait for a viewer, unless he says otherwise: the cache, and as much again.
QUEUE_FRAMES, QUEUE_BYTES = 2 * CACHE_FRAMES, 2 * CACHE_BYTES


class Viewer:
    """
    One viewer's queue.

    @ivar skips: how often he was too slow.
    @ivar abandoned: set it, from any thread, to have the queue closed at the next
        frame.
    """

    log = Logger()

    def __init__(
        self,
        wake: Callable[[], None],
        leave: Callable[[Viewer], None],
        maxFrames: int,
        maxBytes: int,
    ) -> None:
        self.skips = 0
        self.abandoned = False
        self._wake = wake
        self._leave = leave
        self._maxFrames = maxFrames
        self._maxBytes = maxBytes
        self._queue: deque[Frame] = deque()
        self._bytes = 0
        # He begins with a keyframe, too.
        self._skipping = True
        self._gap = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def take(self) -> Frame | None:
        """The next frame; L{None} if there is none yet."""
        if not self._queue:
            return None
        frame = self._queue.popleft()
        self._bytes -= len(frame.data)
        return frame

    def close(self) -> None:
        """Look no more; may be called more than once."""
        self._closed = True
        self._queue.clear()
        self._bytes = 0
        self._leave(self)

    def put(self, frame: Frame) -> None:
        """For the fan-out: queue a frame, or skip."""
        if self.abandoned:
            self.close()
        if self._closed:
            return  # by somebody who was told of this frame before him
        if self._skipping:
            if not frame.keyframe:
                return
            self._skipping = False
        elif (
            len(self._queue) >= self._maxFrames
            or self._bytes + len(frame.data) > self._maxBytes
        ) and self._queue:
            self.skips += 1
            self._queue.clear()
            self._bytes = 0
            self._gap = True
            if not frame.keyframe:
                self._skipping = True
                return
        if self._gap:
            frame, self._gap = replace(frame, gap=True), False
        self._queue.append(frame)
        self._bytes += len(frame.data)
        if len(self._queue) == 1:
            try:
                self._wake()
            except Exception:
                self.log.failure("{wake} failed", wake=self._wake)


class Fanout:
    """
    Hands frames out.

    @ivar last: the newest keyframe, or L{None}.
    """

    def __init__(
        self,
        joined: Callable[[], None] = lambda: None,
        left: Callable[[], None] = lambda: None,
    ) -> None:
        """
        @param joined: called when somebody has joined.
        @param left: called when somebody has left.
        """
        self.last: Frame | None = None
        self._oneJoined = joined
        self._oneLeft = left
        self._observers: Observers[[Frame]] = Observers()
        self._viewers: list[Viewer] = []
        self._cache: list[Frame] = []
        self._cached = 0

    def publish(self, frame: Frame) -> None:
        """A new frame, for everybody."""
        self._remember(frame)
        # Whoever joins while others are told has it from the cache already.
        viewers = self._viewers[:]
        self._observers.tell(frame)
        for viewer in viewers:
            viewer.put(frame)

    def forget(self) -> None:
        """The stream is interrupted: newcomers must not begin with old frames."""
        self.last = None
        self._forgetCache()

    def _forgetCache(self) -> None:
        self._cache.clear()
        self._cached = 0

    def subscribe(self, callback: Callable[[Frame], object]) -> Callable[[], None]:
        """
        Have C{callback} called with each frame, from the cached ones on, or else
        from the next keyframe; it has to be quick.  What it raises is logged.

        @return: call it to unsubscribe.
        """
        begun = False

        def tell(frame: Frame) -> None:
            nonlocal begun
            if begun or frame.keyframe:
                begun = True
                callback(frame)

        unsubscribe = self._observers.add(tell)
        alone: Observers[[Frame]] = Observers()
        alone.add(tell)
        for frame in self._cache[:]:
            alone.tell(frame)
        self._oneJoined()

        def leave() -> None:
            before = len(self._observers)
            unsubscribe()
            if len(self._observers) < before:
                self._oneLeft()

        return leave

    def view(
        self,
        wake: Callable[[], None],
        maxFrames: int = QUEUE_FRAMES,
        maxBytes: int = QUEUE_BYTES,
    ) -> Viewer:
        """
        A queue of one's own.

        @param wake: called when there is something in an empty queue; with cached
            frames, that is before this method returns.
        """
        viewer = Viewer(wake, self._left, maxFrames, maxBytes)
        self._viewers.append(viewer)
        if len(self._cache) < maxFrames and self._cached < maxBytes:
            for frame in self._cache:
                viewer.put(frame)
        self._oneJoined()
        return viewer

    @property
    def audience(self) -> int:
        """How many look and listen."""
        return len(self._viewers) + len(self._observers)

    def _left(self, viewer: Viewer) -> None:
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            self._oneLeft()

    def _remember(self, frame: Frame) -> None:
        if frame.keyframe:
            self.last = frame
            self._forgetCache()
        elif not self._cache or frame.gap:
            # Without the keyframe, or with a hole behind it, it is of no use.
            self._forgetCache()
            return
        self._cache.append(frame)
        self._cached += len(frame.data)
        if len(self._cache) > CACHE_FRAMES or self._cached > CACHE_BYTES:
            self._forgetCache()
