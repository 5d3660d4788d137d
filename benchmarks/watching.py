"""
The client's side of C{media.py} and C{hundred.py}: cameras that are watched over
loopback, and what that takes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from emulators import DH_PORT, LAN_PORT, Report, Spec, address, cpuSeconds, deviceId
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import globalLogBeginner

from twistedcam import Camera, Discovery
from twistedcam.media.frame import Frame
from twistedcam.trace import Trace

T = TypeVar("T")

#: Seconds between two keyframes of an emulated camera at 25 frames a second: the
#: cameras start one after the other in that time, as no two keep step in real life.
GROUP = 1.2

#: Seconds for everything to settle before it is measured, and for the last frames
#: of what is measured to arrive.
SETTLING, LATECOMERS = 2.0, 2.0

#: Seconds until all cameras must be up.
PATIENCE = 60.0


def run(work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Do it with the reactor, which runs once in a process."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    results: list[Any] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(work(reactor))
        done.addBoth(results.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    [result] = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return cast(T, result)


def sleep(reactor: Any, seconds: float) -> Deferred[None]:
    """Wait."""
    return deferLater(reactor, seconds, lambda: None)


def memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


class Watched:
    """
    A camera, and when which frames of it arrived.

    @ivar arrived: by the frames' numbers, seconds of the monotonic clock.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.arrived: dict[int, float] = {}
        self._first: Deferred[None] | None = None

    def watch(self) -> Deferred[None]:
        """Begin; fires with the first frame."""
        self._first = first = Deferred[None]()
        self.camera.video.subscribe(self._frame)
        return first

    def _frame(self, frame: Frame) -> None:
        self.arrived[frame.number] = time.monotonic()
        if self._first is not None:
            first, self._first = self._first, None
            first.callback(None)


class Client:
    """
    Cameras as a program has them.

    @ivar watched: by place.
    """

    def __init__(
        self,
        reactor: Any,
        count: int,
        watched: Callable[[Camera], Watched] = Watched,
        trace: Trace | None = None,
    ) -> None:
        """
        @param watched: notes what arrives.
        @param trace: sees every datagram.
        """
        self._reactor = reactor
        discovery = Discovery(
            reactor,
            interfaces=list,
            localAddress="127.0.0.1",
            dhPort=DH_PORT,
            lanPort=LAN_PORT,
            trace=trace,
        )
        self.watched = [
            watched(
                Camera(
                    reactor,
                    deviceId=deviceId(place),
                    address=address(place),
                    pinAddress=True,
                    password="888888",
                    discovery=discovery,
                    trace=trace,
                )
            )
            for place in range(count)
        ]

    async def connect(self, places: slice = slice(None)) -> None:
        """Have these cameras up."""
        await gatherResults(
            [one.camera.connect(PATIENCE) for one in self.watched[places]],
            consumeErrors=True,
        )

    async def watch(self, places: slice = slice(None)) -> None:
        """Watch them, beginning one after the other."""
        chosen = self.watched[places]
        first = []
        for one in chosen:
            first.append(one.watch())
            await sleep(self._reactor, GROUP / len(chosen))
        await gatherResults(first, consumeErrors=True)
        await sleep(self._reactor, SETTLING)

    async def leave(self) -> None:
        """Part from all of them."""
        await gatherResults([one.camera.disconnect() for one in self.watched])


class Outcome:
    """
    What became of some seconds of watching.

    @ivar cpu: the client's, as a share of one core.
    @ivar memory: bytes that the client's process took in the end.
    @ivar cost: the CPU's seconds for a gigabyte of frames.
    @ivar expected: how many frames the cameras had to send in that time.
    @ivar received: those of them that came whole.
    """

    cpu: float
    memory: int
    cost: float
    expected: int
    received: int

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        # By place: the numbers of the frames that count, and when they arrived.
        self._numbers: list[range] = []
        self._arrived: list[dict[int, float]] = []

    async def measure(
        self, reactor: Any, client: Client, seconds: float, mark: Callable[[], None]
    ) -> None:
        """
        Watch.  The frames that count are the next that each camera has to send; it
        numbers all of them, those too that it leaves out.

        @param mark: called at the beginning.
        """
        wanted = round(seconds * self._spec.fps)
        mark()
        for one in client.watched:
            last = max(one.arrived)
            self._numbers.append(range(last + 1, last + 1 + wanted))
        begin, cpu = time.monotonic(), cpuSeconds()
        before = sum(one.camera.video.bytes for one in client.watched)
        await sleep(reactor, seconds)
        after = sum(one.camera.video.bytes for one in client.watched)
        used = cpuSeconds() - cpu
        self.cpu = used / (time.monotonic() - begin)
        self.cost = used / (after - before) * 1e9
        self.memory = memory()
        await sleep(reactor, LATECOMERS)
        for one, numbers in zip(client.watched, self._numbers, strict=True):
            self._arrived.append(
                {n: one.arrived[n] for n in numbers if n in one.arrived}
            )
        self.expected = wanted * len(self._numbers)
        self.received = sum(map(len, self._arrived))

    def latencies(self, report: Report) -> list[float]:
        """Seconds from a frame's last datagram to the callback."""
        return [
            arrived[number] - when
            for arrived, sent in zip(self._arrived, report.sent, strict=True)
            for number, when in sent
            if number in arrived
        ]
