"""
What does live video cost, and how much of it arrives, how soon?

Each case runs in a process of its own: a client that watches emulated cameras,
which are in another process, over UDP on loopback.  Of several runs the medians are
told.

Run it by C{make bench}, or C{media.py --only NAME} for one case.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from emulators import Emulators, Report, Spec
from machine import facts, load
from receive import Link, Ours, compare, untouched
from twisted.internet.defer import Deferred, succeed
from watching import Client, Outcome, memory, quantile, run, sleep

from twistedcam.emulator.padding import padded
from twistedcam.media.frame import Frame
from twistedcam.media.timeline import CameraClock
from twistedcam.streams import Stream
from twistedcam.wire import av, drw
from twistedcam.wire.cipher import PLAIN, Cipher

OBFUSCATED = Cipher("vstarcam2019")


@dataclass(frozen=True)
class Row:
    """
    One number.

    @ivar what: what it says.
    @ivar value: what it is.
    @ivar unit: what it is in.
    @ivar most: what it should not exceed, or L{None}.
    @ivar least: what it should reach, or L{None}.
    """

    what: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def target(self) -> str:
        """What we want, and whether it is so."""
        if self.most is not None:
            verdict = "ok" if self.value <= self.most else "missed"
            return f"<= {self.most:g} {verdict}"
        if self.least is not None:
            verdict = "ok" if self.value >= self.least else "missed"
            return f">= {self.least:g} {verdict}"
        return ""

    def __str__(self) -> str:
        places = 0 if self.value == int(self.value) else 2
        value = f"{self.value:.{places}f} {self.unit}".rstrip()
        return f"  {self.what:58}{value:>16}  {self.target}".rstrip()


# What a gigabyte costs.

#: Megabits per second of the pictures that the drain test is fed with.
FULL_SPEED = 10


def pieces() -> Iterator[bytes]:
    """A camera's video without end, as payloads of datagrams."""
    stream = b""
    pictures = itertools.cycle(padded("h264-main", 25, FULL_SPEED * 1_000_000))
    for number, picture in enumerate(pictures):
        head = av.FrameHead(
            type=av.H264_DELTA,
            stream=0,
            milliseconds=40 * number % 1000,
            seconds=number // 25,
            number=number,
            length=len(picture),
        )
        stream += head.toBytes() + picture
        while len(stream) >= drw.MAX_PAYLOAD:
            yield stream[: drw.MAX_PAYLOAD]
            stream = stream[drw.MAX_PAYLOAD :]


class Screen(Ours):
    """
    A session whose video goes all the way to somebody who watches.

    @ivar frames: seen so far, of all screens.
    """

    frames = 0

    def __init__(self, link: Link, cipher: Cipher) -> None:
        from twisted.internet import reactor

        self._video = Stream(
            reactor,
            "benchmark",
            video=True,
            cameraClock=CameraClock(),
            ask=lambda: succeed(None),
            end=lambda: succeed(None),
        )
        self._video.subscribe(self._watch)
        super().__init__(link, cipher)

    def deliver(self, payload: bytes) -> None:
        """On to the pictures."""
        self.delivered += 1
        self._video.received(payload)

    def _watch(self, frame: Frame) -> None:
        Screen.frames += 1


def cost(seconds: float) -> Iterator[Row]:
    """One camera as fast as it can be received, beside a bare recvfrom loop."""
    perGigabyte = 1e9 / drw.MAX_PAYLOAD / 1e6
    for name, cipher, most in ("plain", PLAIN, 15.0), ("obfuscated", OBFUSCATED, 20.0):
        bare, ours = compare(cipher, Link(cipher, untouched, pieces()), Screen)
        yield Row(f"{name}: bare loop", bare * perGigabyte, "CPU s/GB")
        yield Row(f"{name}: to the frames", ours * perGigabyte, "CPU s/GB", most)
        yield Row(f"{name}: ratio", ours / bare, "")


# Many cameras.


def watch(spec: Spec, seconds: float) -> tuple[Outcome, Report]:
    """Watch cameras like that for a while."""
    outcome = Outcome(spec)
    with Emulators(spec) as emulators:

        async def work(reactor: Any) -> None:
            client = Client(reactor, spec.count)
            await client.connect()
            await client.watch()
            await outcome.measure(reactor, client, seconds, emulators.mark)
            await client.leave()

        run(work)
        return outcome, emulators.finish()


def many(count: int, seconds: float) -> Iterator[Row]:
    """So many cameras of 2 Mbit/s."""
    outcome, report = watch(Spec(count=count, stamped=True), seconds)
    yield Row("client, of one core", 100 * outcome.cpu, "%")
    yield Row("client, memory", outcome.memory / 2**20, "MiB")
    yield Row("client, for what it received", outcome.cost, "CPU s/GB")
    yield Row("emulated cameras, of one core", 100 * report.cpu / report.wall, "%")
    yield from whole(outcome, 100.0)
    yield from late(outcome.latencies(report), None)


def whole(outcome: Outcome, least: float) -> Iterator[Row]:
    """Are all frames there?"""
    yield Row("frames expected", outcome.expected, "")
    yield Row("frames received whole", outcome.received, "")
    share = 100 * outcome.received / outcome.expected
    yield Row("frames received whole", share, "%", least=least)


def late(latencies: list[float], most: float | None) -> Iterator[Row]:
    """How late are they?"""
    for share in 0.5, 0.99:
        value = 1000 * quantile(latencies, share)
        limit = most if share == 0.99 else None
        yield Row(f"last datagram to callback, p{100 * share:.0f}", value, "ms", limit)


def latency(seconds: float) -> Iterator[Row]:
    """From the last datagram of a frame to the callback, one camera."""
    outcome, report = watch(Spec(stamped=True), 2 * seconds)
    yield from late(outcome.latencies(report), 3.0)


def weather(faults: Spec, least: float, seconds: float) -> Iterator[Row]:
    """Four cameras over a bad network."""
    outcome, _ = watch(replace(faults, count=4), seconds)
    yield from whole(outcome, least)


# First pictures.


def first(seconds: float) -> Iterator[Row]:
    """How long until there is a picture."""
    spec = Spec(count=max(round(seconds), 3))
    connecting: list[float] = []
    alone: list[float] = []
    joining: list[float] = []

    async def work(reactor: Any) -> None:
        client = Client(reactor, spec.count)
        for place, one in enumerate(client.watched):
            video = one.camera.video
            await sleep(reactor, 1.0)  # cameras are searched for once a second
            begin = time.monotonic()
            await client.connect(slice(place, place + 1))
            connecting.append(time.monotonic() - begin)
            alone.append(await picture(video))
            await sleep(reactor, 0.3 + 0.1 * place)
            joining.append(await picture(video))
        await client.leave()

    with Emulators(spec) as emulators:
        run(work)
        emulators.finish()
    for what, times, most in (
        ("connect() to up", connecting, None),
        ("up, first viewer to its first picture", alone, None),
        ("joining viewer to its first picture", joining, 100.0),
    ):
        yield Row(what, 1000 * statistics.median(times), "ms", most)
        yield Row(f"{what}, the slowest", 1000 * max(times), "ms", most)


async def picture(video: Stream) -> float:
    """Seconds until somebody new sees something."""
    seen: Deferred[None] = Deferred()
    begin = time.monotonic()
    video.subscribe(lambda frame: None if seen.called else seen.callback(None))
    await seen
    return time.monotonic() - begin


# Memory.

#: How many further cameras, and how many further viewers.
CAMERAS, VIEWERS = 50, 200


def further(seconds: float) -> Iterator[Row]:
    """What one more of them takes in memory."""
    spec = Spec(count=1 + CAMERAS)
    taken: list[int] = []

    async def work(reactor: Any) -> None:
        client = Client(reactor, spec.count)
        for places in slice(0, 1), slice(1, None):
            await client.connect(places)
            taken.append(memory())
            await client.watch(places)
            await sleep(reactor, seconds)
            taken.append(memory())
        for _ in range(VIEWERS):
            follow(client.watched[0].camera.video)
        await sleep(reactor, seconds)
        taken.append(memory())
        await client.leave()

    with Emulators(spec) as emulators:
        run(work)
        emulators.finish()
    _, one, connected, all, viewed = taken
    yield Row("the first camera, watched", one / 2**20, "MiB")
    yield Row("a further one, connected", (connected - one) / CAMERAS / 2**20, "MiB")
    yield Row("a further one, watched", (all - one) / CAMERAS / 2**20, "MiB", 2.0)
    yield Row("a further viewer of a camera", (viewed - all) / VIEWERS / 2**10, "KiB")


def follow(video: Stream) -> None:
    """Be a viewer who takes each frame at once."""

    def take() -> None:
        while viewer.take() is not None:
            pass

    wake: list[Callable[[], None]] = [lambda: None]
    viewer = video.view(lambda: wake[0]())
    take()
    wake[0] = take


#: Megabits a second of the faster camera.
FAST = 10

CASES: dict[str, Callable[[float], Iterator[Row]]] = {
    "cost": cost,
    "cameras-1": partial(many, 1),
    "cameras-10": partial(many, 10),
    "cameras-50": partial(many, 50),
    "cameras-100": partial(many, 100),
    "latency": latency,
    "loss-1": partial(weather, Spec(loss=0.01), 100.0),
    "loss-5": partial(weather, Spec(loss=0.05), 100.0),
    "reordering": partial(weather, Spec(reorder=0.05), 100.0),
    "fast-loss-1": partial(weather, Spec(bitrate=FAST * 1_000_000, loss=0.01), 99.5),
    "first-picture": first,
    "memory": further,
}

TITLES = {
    "cost": "a camera at full speed, drained from the kernel's buffer",
    "cameras-1": "1 camera of 2 Mbit/s",
    "cameras-10": "10 cameras of 2 Mbit/s",
    "cameras-50": "50 cameras of 2 Mbit/s",
    "cameras-100": "100 cameras of 2 Mbit/s",
    "latency": "how soon a frame is there, 1 camera of 2 Mbit/s",
    "loss-1": "4 cameras of 2 Mbit/s, 1 % of all datagrams lost",
    "loss-5": "4 cameras of 2 Mbit/s, 5 % lost",
    "reordering": "4 cameras of 2 Mbit/s, 5 % overtaken, by 30 ms",
    "fast-loss-1": "4 cameras of 10 Mbit/s, 1 % lost",
    "first-picture": "how soon there is a picture",
    "memory": "memory, cameras of 2 Mbit/s",
}

#: Seconds that each case measures, and after which one is stuck.
SECONDS, QUICK, STUCK = 10.0, 3.0, 180.0


def measured(name: str, seconds: float) -> list[Row]:
    """A case, run in a process of its own; nothing if it fails."""
    command = [sys.executable, __file__, "--only", name, "--rows", f"{seconds}"]
    try:
        result = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=STUCK
        )
    except subprocess.TimeoutExpired:
        return []
    return [Row(**row) for row in json.loads(result.stdout or "[]")]


def median(runs: list[list[Row]]) -> list[Row]:
    """Of several runs of a case, row by row."""
    return [
        replace(rows[0], value=statistics.median(row.value for row in rows))
        for rows in zip(*runs, strict=True)
    ]


def main() -> int:
    """Print the tables; the exit code is 0 whatever they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME", choices=CASES, help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="measure for a short time")
    parser.add_argument("--times", type=int, default=1, help="run so often: medians")
    parser.add_argument("--rows", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows is not None:
        rows = list(CASES[options.only](options.rows))
        print(json.dumps([asdict(row) for row in rows]))
        return 0
    print(facts())
    for name in [options.only] if options.only else CASES:
        before = load()
        seconds = QUICK if options.quick else SECONDS
        runs = [measured(name, seconds) for _ in range(options.times)]
        print(f"{name}: {TITLES[name]} (load average before: {before})")
        complete = [rows for rows in runs if rows]
        if len(complete) < len(runs):
            print(f"  {len(runs) - len(complete)} of {len(runs)} runs failed: missed")
        for row in median(complete):
            print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
