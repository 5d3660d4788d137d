"""
One camera in one container, muxed once for all who watch.

Whoever joins begins with what was made since the last keyframe, so there is a picture
at once; whoever is slow skips, and nobody waits for him: see L{Watcher}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

from twisted.logger import Logger

from ..camera import Camera
from ..media.fmp4 import Mp4Muxer, TracksMuxer
from ..media.frame import Frame
from ..media.mpegts import TsMuxer
from ..media.mux import MuxError, Piece, SegmentOver
from ..reactors import Timers
from ..streams import Joinable, Stream
from .watcher import Start, Watcher, isBeginning

#: Seconds to wait for the first sound before beginning without.
SOUND_WITHIN = 1.5

#: Pictures that wait for it at most, should the clock be set back meanwhile.
MAX_HELD = 100

#: What is kept since the last keyframe: twenty seconds and more.  With more than that,
#: newcomers wait for the next one.
CACHE_PIECES, CACHE_BYTES = 5000, 8 << 20


class Packager(Protocol):
    """Makes pieces of frames: a muxer, or several."""

    @property
    def mimeTypes(self) -> tuple[str, ...]:
        """Of the tracks; empty before the first frame."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures; zeros if they are not known."""

    def mux(self, frame: Frame) -> None:
        """Take a frame: see L{twistedcam.media.mux.Muxer.mux}."""

    def close(self) -> None:
        """Deliver what is left."""


class OpenPackager(Protocol):
    """What makes a L{Packager}."""

    def __call__(
        self, deliver: Callable[[Piece], object], *, sound: bool = False
    ) -> Packager:
        """
        @param deliver: gets each piece.
        @param sound: is there sound?
        """


@dataclass(frozen=True)
class Packaging:
    """
    A kind of broadcast.

    @ivar name: what people call it.
    @ivar open: makes the packager.
    @ivar sounds: the sound it wants of a camera.
    """

    name: str
    open: OpenPackager
    sounds: Callable[[Camera], tuple[Joinable, ...]] = lambda camera: (camera.sound,)


MP4 = Packaging("MP4", Mp4Muxer)
TS = Packaging("MPEG-TS", TsMuxer)
#: For Media Source Extensions: a file a track, a fragment a frame.
MSE = Packaging("MSE", TracksMuxer)


class Broadcast:
    """
    One container of one stream.  It takes frames as long as somebody watches.
    """

    log = Logger()

    def __init__(
        self,
        clock: Timers,
        name: str,
        video: Stream,
        sounds: tuple[Joinable, ...],
        open: OpenPackager,
        *,
        measure: Callable[[float], object] = lambda seconds: None,
        skipped: Callable[[], object] = lambda: None,
    ) -> None:
        """
        @param name: for the log.
        @param video: the pictures.
        @param sounds: empty: there shall be no sound.
        @param open: makes the packager.
        @param measure: told, for each picture, how long ago (seconds) it arrived when
            it has been handed to all viewers.
        @param skipped: called when a viewer was too slow.
        """
        self._clock = clock
        self._name = name
        self._video = video
        self._sounds = sounds
        self._open = open
        self._measure = measure
        self._skipped = skipped
        self._watchers: list[Watcher] = []
        self._unsubscribe: list[Callable[[], None]] = []
        self._catchingUp = False
        # When the first picture came, and those that wait until it is known whether
        # there is sound.
        self._since: float | None = None
        self._held: list[Frame] = []
        self._heard = False
        self._withSound = False
        self._packager: Packager | None = None
        self._first: Frame | None = None
        self._start: Start | None = None
        self._inits: dict[int, Piece] = {}
        self._cache: list[Piece] = []
        self._cached = 0

    @property
    def audience(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def join(self, watcher: Watcher) -> None:
        """
        Begin to watch; with cached pieces, he is handed these before this returns.
        He leaves with L{Watcher.close}.
        """
        self._watchers.append(watcher)
        watcher.joined(lambda: self._left(watcher))
        if len(self._watchers) == 1:
            self._begin()
        elif self._start is not None and self._cache and self._video.last is not None:
            watcher.begin(self._start, list(self._inits.values()))
            for piece in self._cache[:]:
                watcher.put(piece)

    def _left(self, watcher: Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            if not self._watchers:
                self._end()

    def _begin(self) -> None:
        """Have frames; those that are cached come before this returns."""
        self._catchingUp = True
        leave = [sound.subscribe(self._soundFrame) for sound in self._sounds]
        leave.append(self._video.subscribe(self._picture))
        self._catchingUp = False
        self._unsubscribe = leave
        if not self._watchers:
            self._end()  # the first frames were enough for the only one

    def _end(self) -> None:
        """Nobody watches."""
        unsubscribe, self._unsubscribe = self._unsubscribe, []
        for each in unsubscribe:
            each()
        self._since = None
        self._held.clear()
        self._heard = False
        self._close()

    # Frames.

    def _soundFrame(self, frame: Frame) -> None:
        self._heard = True
        self._flushHeld()
        if self._packager is not None and self._withSound:
            self._mux(frame)

    def _picture(self, frame: Frame) -> None:
        if self._packager is None and not self._ready():
            if frame.keyframe or self._held:
                self._held.append(frame)
            return
        self._flushHeld()
        self._take(frame)
        if not self._catchingUp:
            self._measure(self._clock.seconds() - frame.arrived)

    def _ready(self) -> bool:
        """Is it known whether there will be sound?"""
        if self._heard or not self._sounds:
            return True
        now = self._clock.seconds()
        if self._since is None:
            self._since = now
        return now - self._since >= SOUND_WITHIN or len(self._held) >= MAX_HELD

    def _flushHeld(self) -> None:
        held, self._held = self._held, []
        for frame in held:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        """Take a picture."""
        soundIsNew = self._heard and not self._withSound
        if self._packager is None or (frame.keyframe and soundIsNew):
            if not frame.keyframe:
                return
            self._openWith(frame)
        self._mux(frame)

    def _mux(self, frame: Frame) -> None:
        try:
            if self._packager is not None:
                self._packager.mux(frame)
        except SegmentOver:
            if frame.codec.isVideo:
                self._another(frame)
        except MuxError as problem:
            self._fail(problem)

    def _another(self, frame: Frame) -> None:
        """This picture does not go on with those before."""
        self._close()
        if frame.keyframe:
            self._openWith(frame)
            self._mux(frame)

    def _openWith(self, frame: Frame) -> None:
        self._close()
        if not self._watchers:
            return  # the last pieces were enough for all of them
        self._withSound = self._heard and bool(self._sounds)
        self._first = frame
        self._packager = self._open(self._deliver, sound=self._withSound)

    def _close(self) -> None:
        packager, self._packager = self._packager, None
        if packager is not None:
            packager.close()
        self._start = None
        self._inits.clear()
        self._forget()

    def _fail(self, problem: MuxError) -> None:
        self.log.debug("{name}: {problem}", name=self._name, problem=str(problem))
        for watcher in self._watchers[:]:
            watcher.fail(problem)

    # Pieces.

    def _deliver(self, piece: Piece) -> None:
        if self._start is None and self._packager is not None:
            assert self._first is not None
            self._start = Start(
                self._packager.mimeTypes, self._first, *self._packager.size
            )
            for watcher in self._watchers[:]:
                watcher.begin(self._start, ())
        self._remember(piece)
        begins = isBeginning(piece)
        for watcher in self._watchers[:]:
            if begins and not watcher.started and self._start is not None:
                watcher.begin(self._start, list(self._inits.values()))
            if not watcher.put(piece):
                self._skipped()

    def _remember(self, piece: Piece) -> None:
        if piece.init:
            self._inits[piece.track] = piece
            return
        if isBeginning(piece):
            self._forget()
        elif not self._cache:
            return
        self._cache.append(piece)
        self._cached += len(piece.data)
        if len(self._cache) > CACHE_PIECES or self._cached > CACHE_BYTES:
            self._forget()

    def _forget(self) -> None:
        self._cache.clear()
        self._cached = 0


class Broadcasts:
    """
    All broadcasts of a process: whoever wants the same gets the same.
    """

    def __init__(
        self,
        clock: Timers,
        measure: Callable[[str, float], object] = lambda name, seconds: None,
    ) -> None:
        """
        @param measure: told a camera's name, and how long ago (seconds) a picture of
            it arrived when it has been handed to all viewers.
        """
        self._clock = clock
        self._measure = measure
        self._skips: Counter[str] = Counter()
        # Those that are watched are held by the camera's stream.
        self._broadcasts: WeakValueDictionary[
            tuple[Camera, Packaging, bool, bool], Broadcast
        ] = WeakValueDictionary()

    def of(
        self,
        camera: Camera,
        packaging: Packaging,
        *,
        sub: bool = False,
        sound: bool = False,
    ) -> Broadcast:
        """
        A broadcast, to be joined.

        @param sub: in the camera's lower quality.
        @param sound: with sound, if there is any.
        """
        key = (camera, packaging, sub, sound)
        broadcast = self._broadcasts.get(key)
        if broadcast is None:
            name = camera.name
            broadcast = self._broadcasts[key] = Broadcast(
                self._clock,
                f"{name} as {packaging.name}",
                camera.subVideo if sub else camera.video,
                packaging.sounds(camera) if sound else (),
                packaging.open,
                measure=lambda seconds: self._measure(name, seconds),
                skipped=lambda: self._skips.update((name,)),
            )
        return broadcast

    def audience(self, camera: Camera) -> int:
        """How many watch a camera, in whatever way."""
        return sum(
            broadcast.audience
            for (whose, *_), broadcast in list(self._broadcasts.items())
            if whose is camera
        )

    def skips(self, name: str) -> int:
        """How often viewers of the camera of that name were too slow."""
        return self._skips[name]
