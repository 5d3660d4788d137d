"""
What is known of the cameras at any moment: for lists, events and metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from itertools import accumulate

from ..camera import Camera
from ..fleet import Fleet
from ..keeper import CameraState
from ..media.frame import Frame
from ..media.parameters import parameterSets, pictureSize
from ..observers import Observers
from ..reactors import Timers
from ..statistics import Statistics

#: Seconds over which rates are averaged.
WINDOW = 5.0

#: Characters of a title that are shown.
MAX_TITLE = 100

#: Upper bounds of the latency histogram's buckets, in seconds.
BUCKETS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
)


@dataclass(frozen=True)
class SubReport:
    """
    The pictures of a camera's lower quality: see L{CameraReport}.
    """

    codec: str | None
    width: int | None
    height: int | None
    fps: float
    bitRate: int


@dataclass(frozen=True)
class CameraReport:
    """
    A camera, as the page and programs see it; nothing in it is secret.

    @ivar since: when it entered C{state}, in seconds since the epoch.
    @ivar codec: C{"h264"}, C{"hevc"}, C{"mjpeg"}, or L{None}, as width and height,
        until video was seen.
    @ivar fps: pictures a second lately.
    @ivar bitRate: bits a second lately.
    @ivar lost: packets that never came.
    @ivar damaged: pictures that came in part.
    @ivar sound: was it heard?  L{None}: not yet.
    @ivar lastError: why it is not as it should be.
    @ivar sub: its lower quality, while somebody watches that.
    """

    name: str
    title: str
    uid: str | None
    address: str | None
    state: str
    since: float
    codec: str | None
    width: int | None
    height: int | None
    fps: float
    bitRate: int
    lost: int
    damaged: int
    viewers: int
    sound: bool | None
    lastError: str | None
    reconnects: int
    sub: SubReport | None


@dataclass(frozen=True)
class Alarm:
    """
    A camera raised an alarm.

    @ivar kind: 1 is movement; the others differ by model.
    @ivar time: in seconds since the epoch.
    """

    name: str
    kind: int
    time: float


class Latencies:
    """
    How long pictures are on their way through this program: camera by camera, a
    histogram.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def measure(self, name: str, seconds: float) -> None:
        """One more picture of the camera of that name."""
        counts = self._counts.get(name)
        if counts is None:
            counts = self._counts[name] = [0] * (len(BUCKETS) + 1)
            self._sums[name] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        # A clock that was set back must not make a sum shrink.
        self._sums[name] += max(0.0, seconds)

    def forget(self, name: str) -> None:
        """That camera is gone."""
        self._counts.pop(name, None)
        self._sums.pop(name, None)

    def of(self, name: str) -> tuple[list[int], float]:
        """
        A camera's histogram.

        @return: pictures up to each of L{BUCKETS}, and all; and their sum.
        """
        counts = self._counts.get(name, [0] * (len(BUCKETS) + 1))
        return list(accumulate(counts)), self._sums.get(name, 0.0)


class _Counting:
    """
    Adds up a camera's statistics over its sessions.

    @ivar total: since the beginning.
    """

    def __init__(self) -> None:
        self.total = Statistics()
        self._before = Statistics()

    def update(self, now: Statistics) -> None:
        """What the camera says by now."""
        self.total = add(self.total, now.since(self._before))
        self._before = now


def add(one: Statistics, other: Statistics) -> Statistics:
    """Both together."""
    return Statistics(
        *(getattr(one, f.name) + getattr(other, f.name) for f in fields(Statistics))
    )


class _Pictures:
    """
    What is remembered of one stream of pictures.
    """

    def __init__(self) -> None:
        # When there were how many of them, and bytes.
        self._window: deque[tuple[float, int, int]] = deque()
        self._seen: Frame | None = None
        self._sets: tuple[bytes, ...] = ()
        self._size = (0, 0)

    @property
    def codec(self) -> str | None:
        """Their codec, once they were seen."""
        return None if self._seen is None else self._seen.codec.value

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Width and height, once they are known."""
        width, height = self._size
        return width or None, height or None

    def look(self, frame: Frame | None) -> None:
        """What kind of pictures are they?"""
        if frame is None or frame is self._seen:
            return
        sets = parameterSets(frame.codec, frame.data)
        known = self._seen is not None and self._seen.codec is frame.codec
        self._seen = frame
        if not (known and sets == self._sets):
            self._sets = sets
            self._size = pictureSize(frame.codec, frame.data)

    def sample(self, now: float, total: Statistics) -> None:
        """Once a second: what was counted so far."""
        if self._window and now < self._window[-1][0]:
            self._window.clear()  # the clock was set back
        self._window.append((now, total.frames, total.bytes))
        while len(self._window) > 2 and now - self._window[1][0] >= WINDOW:
            self._window.popleft()

    def rates(self) -> tuple[float, int]:
        """Pictures and bits a second."""
        if len(self._window) < 2:
            return 0.0, 0
        (begin, frames, size), (end, more, sizes) = self._window[0], self._window[-1]
        seconds = max(end - begin, 1e-3)
        return round((more - frames) / seconds, 1), round((sizes - size) * 8 / seconds)


class _Watch:
    """What is remembered of one camera."""

    def __init__(
        self,
        clock: Timers,
        camera: Camera,
        changed: Callable[[Camera], None],
        alarmed: Callable[[Alarm], None],
    ) -> None:
        self.camera = camera
        self.since = clock.seconds()
        self.sessions = 0
        self.told: CameraReport | None = None
        self._clock = clock
        self._changed = changed
        self._alarmed = alarmed
        self._main = _Counting()
        self._sub = _Counting()
        self._mainPictures = self._shown = _Pictures()
        self._subPictures = _Pictures()
        self._lost: str | None = None
        self._unsubscribe = [
            camera.onState(self._entered),
            camera.onLost(self._wasLost),
            camera.onAlarm(self._alarm),
        ]
        if camera.state is CameraState.UP:
            self.sessions = 1
        self.count()

    def close(self) -> None:
        """Look no more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def _entered(self, state: CameraState) -> None:
        # What the session that just ended has counted would be lost.
        self.count()
        self.since = self._clock.seconds()
        if state is CameraState.UP:
            self.sessions += 1
            self._lost = None
        if state is not CameraState.WAITING:  # the reason comes in a moment
            self._changed(self.camera)

    def _wasLost(self, reason: Enum, delay: float) -> None:
        self._lost = reason.value
        self._changed(self.camera)

    def _alarm(self, kind: int) -> None:
        self._alarmed(Alarm(self.camera.name, kind, self._clock.seconds()))

    # Counting.

    def count(self) -> None:
        """Add up what has come."""
        self._main.update(self.camera.statistics())
        if self.camera.twin is not None:
            self._sub.update(self.camera.twin.statistics())

    @property
    def total(self) -> Statistics:
        """All that was counted, both qualities together."""
        return add(self._main.total, self._sub.total)

    def sample(self) -> None:
        """Once a second."""
        self.count()
        now = self._clock.seconds()
        self._mainPictures.sample(now, self._main.total)
        self._subPictures.sample(now, self._sub.total)
        self._look()

    def rates(self) -> tuple[float, int]:
        """Pictures and bits a second; of two qualities the pictures of the better."""
        fps, bitRate = self._mainPictures.rates()
        subFps, subBitRate = self._subPictures.rates()
        return fps or subFps, bitRate + subBitRate

    def _look(self) -> None:
        """What kind of pictures are they?"""
        sub = None if self.camera.twin is None else self.camera.twin.video.last
        main = self.camera.video.last
        self._mainPictures.look(main)
        self._subPictures.look(sub)
        if main is not None:
            self._shown = self._mainPictures
        elif sub is not None:
            self._shown = self._subPictures

    def _subReport(self) -> SubReport | None:
        twin, pictures = self.camera.twin, self._subPictures
        if twin is None or not twin.video.audience:
            return None
        return SubReport(pictures.codec, *pictures.size, *pictures.rates())

    # Telling.

    def report(self, viewers: int) -> CameraReport:
        """How it is now."""
        self.count()
        self._look()
        camera, total = self.camera, self.total
        found = camera.found
        width, height = self._shown.size
        fps, bitRate = self.rates()
        return CameraReport(
            name=camera.name,
            title=titleOf(camera),
            uid=None if camera.deviceId is None else str(camera.deviceId),
            address=None if found is None else found.address,
            state=camera.state.value,
            since=self.since,
            codec=self._shown.codec,
            width=width,
            height=height,
            fps=fps,
            bitRate=bitRate,
            lost=total.lost,
            damaged=total.damaged,
            viewers=viewers,
            sound=True if total.soundFrames else None,
            lastError=self._problem(),
            reconnects=max(0, self.sessions - 1),
            sub=self._subReport(),
        )

    def _problem(self) -> str | None:
        if self.camera.state is CameraState.UP:
            return self.camera.video.problem or None
        return self.camera.problem or self._lost


def titleOf(camera: Camera) -> str:
    """What people call it: a title, as far as it can be shown."""
    found = camera.found
    told = "" if found is None else found.name
    for title in (camera.title, told, camera.name):
        shown = "".join(c for c in title if c.isprintable()).strip()
        if shown:
            return shown[:MAX_TITLE]
    return camera.name


class Observatory:
    """
    Watches all cameras of a fleet, from L{start} to L{stop}.

    @ivar onList: tells when cameras were added or removed.
    @ivar onCamera: tells each camera that is in another state.
    @ivar onAlarm: tells each alarm.
    """

    def __init__(
        self,
        clock: Timers,
        fleet: Fleet,
        viewers: Callable[[Camera], int] = lambda camera: 0,
        gone: Callable[[str], object] = lambda name: None,
    ) -> None:
        """
        @param viewers: how many watch a camera.
        @param gone: called with the name of each camera that was removed.
        """
        self.onList: Observers[[]] = Observers()
        self.onCamera: Observers[[CameraReport]] = Observers()
        self.onAlarm: Observers[[Alarm]] = Observers()
        self._clock = clock
        self._fleet = fleet
        self._viewers = viewers
        self._gone = gone
        self._watches: dict[str, _Watch] = {}
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to watch."""
        self._unsubscribe = self._fleet.onChanged(self._changed)
        self._follow()

    def stop(self) -> None:
        """Watch no more."""
        self._unsubscribe()
        for name in list(self._watches):
            self._watches.pop(name).close()

    def _follow(self) -> None:
        cameras = self._fleet.cameras
        for name, watch in list(self._watches.items()):
            if cameras.get(name) is not watch.camera:
                self._watches.pop(name).close()
                if name not in cameras:
                    self._gone(name)
        for name, camera in cameras.items():
            if name not in self._watches:
                self._watches[name] = _Watch(
                    self._clock, camera, self._entered, self.onAlarm.tell
                )

    def _changed(self) -> None:
        self._follow()
        self.onList.tell()

    def _entered(self, camera: Camera) -> None:
        self.onCamera.tell(self.report(camera.name))

    def tick(self) -> list[CameraReport]:
        """
        Once a second: take samples.

        @return: the cameras of which there is something new since the last time.
        """
        news = []
        for name, watch in self._watches.items():
            watch.sample()
            report = self.report(name)
            if report != watch.told:
                watch.told = report
                news.append(report)
        return news

    def report(self, name: str) -> CameraReport:
        """
        How a camera is now.

        @raise KeyError: there is none of that name.
        """
        watch = self._watches[name]
        return watch.report(self._viewers(watch.camera))

    def reports(self) -> list[CameraReport]:
        """How all of them are, in the fleet's order."""
        names = [name for name in self._fleet.cameras if name in self._watches]
        return [self.report(name) for name in names]

    def totals(self) -> dict[str, tuple[CameraReport, Statistics]]:
        """For metrics: how all of them are, and what was counted since L{start}."""
        totals = {}
        for name in sorted(self._watches):
            report = self.report(name)
            totals[name] = report, self._watches[name].total
        return totals
