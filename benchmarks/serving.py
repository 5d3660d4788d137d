"""
What does it take to serve, and how much later do pictures come?

One camera is watched by 1, 20 and 100 viewers in each way that the service has, and
by as many over bare TCP connections, on which its frames are written as they are:
nothing can be cheaper in Python.  The service is in one process, which is measured
and has a core of its own if there are two; camera and viewers are in two others.

How late a frame is: from just before its last datagram is given to the kernel until
its last bytes have been read from the viewer's socket.  Frames bear their number for
that, in filler which players throw away.

Run it by C{make bench}, or C{serving.py --only mse}.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any, Self, cast

from emulators import Emulators, Spec
from machine import facts, load
from orders import Orders, tellMistakes
from service import HOST, arguments, cameraName, freePort, taken
from twisted.application.service import IService, IServiceCollection
from twisted.internet.protocol import Factory, Protocol
from viewers import Viewers, Wish
from watching import quantile

from twistedcam.camera import Camera
from twistedcam.fleet import Fleet
from twistedcam.media.frame import Frame
from twistedcam.tap import Options, makeService

#: The ways, by the kind of viewer.
WAYS = {
    "bare": "bare TCP",
    "ts": "HTTP, stream.ts",
    "mp4": "HTTP, live.mp4",
    "mse": "WebSocket, mse",
    "rtsp": "RTSP over TCP",
    "rtsp-udp": "RTSP over UDP",
}

#: How many viewers there are.
AUDIENCES = (1, 20, 100)

#: Seconds for the service to begin, for viewers to come and go, and to measure.
STARTING, COMING, GOING, SECONDS, QUICK = 20.0, 3.0, 2.0, 6.0, 2.0

#: The camera.
BITRATE, FPS = 1_000_000, 25


# The service, in a process of its own.


class Tee(Protocol):
    """A connection on which frames are written."""

    transport: Any

    def __init__(self, camera: Camera) -> None:
        self._camera = camera

    def connectionMade(self) -> None:
        """From the last keyframe on."""
        self._leave = self._camera.video.subscribe(self._frame)

    def _frame(self, frame: Frame) -> None:
        self.transport.write(frame.data)

    def connectionLost(self, reason: object = None) -> None:
        """That was it."""
        self._leave()


def fleetOf(service: IService) -> Fleet:
    """The cameras, wherever they are in there."""
    services = [service]
    for one in services:
        if isinstance(one, Fleet):
            return one
        if IServiceCollection.providedBy(one):
            services += list(one)
    raise LookupError("no fleet")


class Notes:
    """
    When a frame was handed to a callback.
    """

    def __init__(self) -> None:
        self._arrived: list[tuple[int, float]] = []

    def frame(self, frame: Frame) -> None:
        """One more."""
        self._arrived.append((frame.number, time.monotonic()))

    def order(self, line: str) -> None:
        """The parent asks."""
        arrived, self._arrived = self._arrived, []
        print(json.dumps(arrived), flush=True)


def serve(bare: int, given: list[str]) -> None:
    """
    Be the service, as C{twistd camclient} makes it.

    @param bare: the port for bare connections.
    @param given: the service's options.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    tellMistakes()
    options = Options()
    options.parseOptions(given)
    service = makeService(options, reactor)
    service.privilegedStartService()
    service.startService()
    camera = fleetOf(service).cameras[cameraName(0)]
    notes = Notes()
    camera.video.subscribe(notes.frame)
    factory = Factory.forProtocol(lambda: Tee(camera))
    reactor.listenTCP(bare, factory, interface=HOST)
    reactor.addReader(Orders(notes.order, reactor.stop))
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    camera.whenUp().addCallback(lambda _: print("up", flush=True))
    reactor.run()


class Service:
    """
    That process, as its parent sees it.

    @ivar ports: by the kind of viewer.
    """

    def __init__(self, spec: Spec, folder: Path) -> None:
        web, rtsp, bare = freePort(), freePort(), freePort()
        self.ports = dict.fromkeys(WAYS, web)
        self.ports.update({"rtsp": rtsp, "rtsp-udp": rtsp, "bare": bare})
        given = arguments(spec, folder, web, rtsp)
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(bare), *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._input = cast(IO[str], self._process.stdin)
        self._output = cast(IO[str], self._process.stdout)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def __enter__(self) -> Self:
        if self._output.readline() != "up\n":
            raise RuntimeError("the service did not get its camera")
        return self

    def arrived(self) -> dict[int, float]:
        """When which frames arrived since the last time."""
        self._input.write("report\n")
        self._input.flush()
        return {number: when for number, when in json.loads(self._output.readline())}

    def __exit__(self, *details: object) -> None:
        try:
            self._process.communicate(timeout=STARTING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


# Measuring.


@dataclass
class Case:
    """
    So many viewers in one way.

    @ivar cpu: of one core, of the service.
    @ivar memory: bytes that the service shares with nobody.
    @ivar connected: how many had a stream.
    @ivar megabits: a second and viewer.
    @ivar arrived: when frames were handed to a callback in the service.
    @ivar seen: when a viewer had them.
    """

    way: str
    audience: int
    cpu: float
    memory: int
    connected: int
    megabits: float
    arrived: dict[int, float]
    seen: dict[int, float]
    sent: dict[int, float]

    @property
    def late(self) -> list[float]:
        """Seconds from the last datagram to the viewer."""
        return [self.seen[n] - self.sent[n] for n in self.seen if n in self.sent]

    @property
    def handed(self) -> list[float]:
        """Seconds from the last datagram to the callback."""
        return [self.arrived[n] - self.sent[n] for n in self.arrived if n in self.sent]


def measure(service: Service, way: str, audience: int, seconds: float) -> Case:
    """One case; what was sent is told later."""
    wish = Wish(way, 0, cameraName(0), service.ports[way], audience, noting=True)
    with Viewers([wish]) as viewers:
        pin(viewers.pid, 0)
        Event().wait(COMING)
        viewers.report()
        service.arrived()
        before, begin = taken(service.pid), time.monotonic()
        size = viewers.report().bytes.total()
        Event().wait(seconds)
        after, end = taken(service.pid), time.monotonic()
        report, arrived = viewers.report(), service.arrived()
    Event().wait(GOING)
    return Case(
        way,
        audience,
        (after.cpu - before.cpu) / (end - begin),
        after.uss,
        report.connected,
        (report.bytes.total() - size) * 8e-6 / (end - begin) / audience,
        arrived,
        dict(report.seen.get(way, [])),
        {},
    )


def pin(pid: int, place: int) -> None:
    """A process gets the last core, or the others."""
    *others, last = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(pid, [last] if place else others)


def cases(ways: list[str], seconds: float) -> Iterator[Case]:
    """All of them."""
    spec = Spec(
        bitrate=BITRATE,
        fps=FPS,
        stamped=True,
        numbered=True,
        dhPort=freePort(),
        lanPort=freePort(),
    )
    done: list[Case] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        emulators = stack.enter_context(Emulators(spec))
        pin(emulators.pid, 0)
        service = stack.enter_context(Service(spec, Path(folder)))
        pin(service.pid, 1)
        for way in ways:
            for audience in AUDIENCES:
                done.append(measure(service, way, audience, seconds))
        [sent] = emulators.finish().sent
    for case in done:
        case.sent = {number: when for number, when in sent}
        yield case


def milliseconds(times: list[float]) -> str:
    """Median and worst percent."""
    if not times:
        return "nothing came"
    p50, p99 = (1000 * quantile(times, share) for share in (0.5, 0.99))
    return f"{p50:.2f} / {p99:.2f}"


def tell(done: list[Case]) -> None:
    """Print the tables."""
    fewest, *_, most = AUDIENCES
    one = {case.way: case for case in done if case.audience == fewest}
    many = {case.way: case for case in done if case.audience == most}
    everyone = [late for case in one.values() for late in case.handed]
    print(f"last datagram to a callback in the process: {milliseconds(everyone)} ms")
    print("last datagram to the viewer, p50 / p99, in ms; and CPU, of one core:")
    head = [
        "way",
        *(f"late, {n}" for n in AUDIENCES),
        *(f"CPU, {n}" for n in AUDIENCES),
    ]
    line(head)
    for way in one:
        ofWay = [case for case in done if case.way == way]
        lates = [milliseconds(case.late) for case in ofWay]
        line([WAYS[way], *lates, *(f"{100 * case.cpu:.1f} %" for case in ofWay)])
    print(f"a further viewer, between {fewest} and {most}; ratios to bare TCP:")
    line(["way", "CPU", "ratio", "KiB", "late p50", "Mbit/s", "had a stream"])
    bare: tuple[float, float] | None = None
    for way in one:
        cpu = (many[way].cpu - one[way].cpu) / (most - fewest)
        size = (many[way].memory - one[way].memory) / (most - fewest)
        late = quantile(one[way].late, 0.5) if one[way].late else float("nan")
        if way == "bare":
            bare = cpu, late
        ratios = (f"{cpu / bare[0]:.1f}", f"{late / bare[1]:.1f}") if bare else ("", "")
        line(
            [
                WAYS[way],
                f"{100 * cpu:.3f} %",
                ratios[0],
                f"{size / 1024:.0f}",
                ratios[1],
                f"{many[way].megabits:.2f}",
                f"{many[way].connected} of {most}",
            ]
        )


def line(cells: list[str]) -> None:
    """Of a table."""
    first, *others = cells
    print(f"  {first:18}" + "".join(f"{cell:>16}" for cell in others))


def main() -> int:
    """Print the tables; the exit code is 0 whatever they say."""
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="WAY", choices=WAYS, help=", ".join(WAYS))
    parser.add_argument("--quick", action="store_true", help="measure for a short time")
    options = parser.parse_args()
    ways = ["bare", options.only] if options.only else [*WAYS]
    print(facts())
    print(
        f"one camera of {BITRATE / 1e6:g} Mbit/s, {FPS} frames a second, and its"
        f" viewers (load average before: {load()})"
    )
    tell([*cases(ways, QUICK if options.quick else SECONDS)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
