"""
A hundred cameras of 1 Mbit/s on one core.

First all of them are connected to at once: how many datagrams does that take, and how
long until all are up?  Then all are watched for some minutes: what does it take, how
late are the frames, and does any camera's frame get lost?

The client, pinned to a core of its own if there is more than one, is in one process,
the emulated cameras in another.

Run it by C{make bench}, which watches for a minute; C{make bench MINUTES=10} watches
longer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from emulators import Emulators, Report, Spec, cpuSeconds
from machine import facts, load
from twisted.internet.defer import DeferredList
from watching import LATECOMERS, Client, Watched, memory, quantile, run, sleep

from twistedcam.media.frame import Frame

#: How many cameras, and what each sends.
COUNT, BITRATE, FPS = 100, 1_000_000, 15

#: Of so many frames one is looked at for how late it is: the times of all of them
#: would be most of the memory that is measured.
SAMPLE = 50

#: Seconds of the beginning that are told one by one.
TOLD = 8


def separate(emulators: Emulators) -> None:
    """This process gets a core of its own, if there is one."""
    *others, ours = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, [ours])
        os.sched_setaffinity(emulators.pid, others)


# The beginning.


class Counting:
    """
    A trace that counts datagrams, second by second.

    @ivar sent: how many we sent.
    @ivar received: how many came.
    """

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.sent = [0] * (10 * TOLD)
        self.received = [0] * (10 * TOLD)

    def __call__(self, now: float, sent: bool, peer: Any, datagram: bytes) -> None:
        """One more."""
        tenth = int(10 * (time.monotonic() - self.begin))
        if tenth < 10 * TOLD:
            (self.sent if sent else self.received)[tenth] += 1


def startUp() -> None:
    """All at once."""
    counting = Counting()
    up: list[float] = []

    async def work(reactor: Any) -> None:
        client = Client(reactor, COUNT, trace=counting)
        counting.begin, cpu = time.monotonic(), cpuSeconds()
        cameras = [one.camera for one in client.watched]
        await DeferredList(
            [
                camera.connect().addCallback(
                    lambda _: up.append(time.monotonic() - counting.begin)
                )
                for camera in cameras
            ]
        )
        used = cpuSeconds() - cpu
        print(f"  all {len(up)} are up after {max(up):.2f} s", end="")
        print(
            f" (the first {min(up):.2f} s, half of them {statistics.median(up):.2f} s)"
        )
        print(f"  CPU until then {used:.2f} s")
        await sleep(reactor, counting.begin + TOLD + 0.5 - time.monotonic())
        await client.leave()

    with Emulators(Spec(count=COUNT, bitrate=BITRATE, fps=FPS)) as emulators:
        separate(emulators)
        run(work)
        emulators.finish()
    for what, counts in ("sent", counting.sent), ("received", counting.received):
        seconds = [sum(counts[10 * s : 10 * s + 10]) for s in range(TOLD)]
        print(
            f"  datagrams {what}, second by second: {' '.join(map(str, seconds))};",
            end="",
        )
        print(f" in the busiest tenth of a second {max(counts)}")


# Watching.


class Counted(Watched):
    """
    A camera, and how many frames of it arrived, for times too long to note each.

    @ivar numbers: the frames that count.
    @ivar last: the newest.
    @ivar count: how many of those arrived.
    @ivar arrived: of each L{SAMPLE}th.
    """

    numbers = range(0)
    last = count = 0

    def _frame(self, frame: Frame) -> None:
        self.last = frame.number
        if frame.number in self.numbers:
            self.count += 1
        if frame.number % SAMPLE == 0 or self._first is not None:
            super()._frame(frame)


def watch(minutes: float) -> None:
    """All of them, for so long."""
    spec = Spec(count=COUNT, bitrate=BITRATE, fps=FPS, stamped=True)
    watched: list[Counted] = []

    async def work(reactor: Any) -> None:
        client = Client(reactor, COUNT, Counted)
        watched.extend(one for one in client.watched if isinstance(one, Counted))
        await client.connect()
        await client.watch()
        emulators.mark()
        for one in watched:
            one.numbers = range(one.last + 1, one.last + 1 + round(60 * minutes * FPS))
        begin = then = time.monotonic()
        end, used = begin + 60 * minutes, cpuSeconds()
        while then < end:
            await sleep(reactor, min(60.0, end - then))
            now, cpu = time.monotonic(), cpuSeconds()
            count = sum(one.count for one in watched)
            print(
                f"  after {(now - begin) / 60:.1f} min: {count} frames, of one core"
                f" {100 * (cpu - used) / (now - then):.1f} %,"
                f" memory {memory() / 2**20:.1f} MiB, load average {load()}",
                flush=True,
            )
            then, used = now, cpu
        await sleep(reactor, LATECOMERS)
        await client.leave()

    with Emulators(spec) as emulators:
        separate(emulators)
        run(work)
        report = emulators.finish()
    tell(watched, report)


def tell(watched: list[Counted], report: Report) -> None:
    """What became of it."""
    sent = missing = 0
    latencies: list[float] = []
    poor = 0
    for one, frames in zip(watched, report.sent, strict=True):
        ofOne = sum(number in one.numbers for number, _ in frames)
        sent += ofOne
        missing += ofOne - one.count
        poor += ofOne != one.count
        latencies += [
            one.arrived[number] - when
            for number, when in frames
            if number in one.numbers and number in one.arrived
        ]
    expected = sum(len(one.numbers) for one in watched)
    received = sum(one.count for one in watched)
    print(f"  frames due {expected}, sent {sent}, received {received}", end="")
    print(f"; cameras with any missing: {poor} ({missing} frames)")
    p50, p99 = (1000 * quantile(latencies, share) for share in (0.5, 0.99))
    print(f"  last datagram to callback: p50 {p50:.2f} ms, p99 {p99:.2f} ms", end="")
    print(f", at most {1000 * max(latencies):.1f} ms")
    print(f"  emulated cameras, of one core {100 * report.cpu / report.wall:.1f} %")


def main() -> int:
    """Print both; the exit code is 0 whatever they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--only", choices=("start", "watch"), help="in this process")
    options = parser.parse_args()
    if options.only == "start":
        startUp()
    elif options.only == "watch":
        watch(options.minutes)
    else:
        print(facts())
        print(f"{COUNT} cameras of {BITRATE / 1e6:g} Mbit/s, {FPS} frames a second")
        for only, title in ("start", "connecting"), ("watch", "watching"):
            print(f"{title} (load average before: {load()})", flush=True)
            subprocess.run([sys.executable, __file__, "--only", only, *sys.argv[1:]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
