"""
Does the service go on as it began, for hours?

Emulated cameras in one process, with losses, and switched off and on now and then;
C{twistd camclient} in another one, which is measured; and viewers of all kinds in a
third.  All of it goes over real sockets, on loopback.

Each minute's numbers are printed and kept as a line of JSON; in the end, and after
Ctrl-C, they are drawn and judged.  The exit code is 1 if memory, files or threads
grow, if the service has ended, or if somebody saw a camera go and not come back.

Run it by C{make soak HOURS=2}.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from threading import Event
from types import FrameType

from emulators import Emulators, Spec
from machine import facts, load
from service import Metrics, Service, Taken, cameraName, freePort, taken
from viewers import GAP, RECOVERY, STUCK, Viewers, Wish

#: Seconds within which all cameras must be up, and then all viewers must see them.
STARTING, JOINING = 60.0, 20.0

#: Seconds that a camera is off, at least and at most; and, at least, on.
DOWN, ON = (5.0, 15.0), 90.0

#: What memory may grow by in an hour, in bytes, in the second half of the time; files
#: and threads may not grow at all, but as many may happen to be open at one moment.
GROWTH, HAPPENING = 4 << 20, 2

#: How many minutes it takes, at least, to judge memory.
TELLING = 20


@dataclass(frozen=True)
class Row:
    """
    One minute.

    @ivar seconds: since the beginning.
    @ivar rss: the service's memory, in bytes.
    @ivar uss: what it shares with nobody.
    @ivar cpu: percent of one core.
    @ivar p50: milliseconds from a picture's arrival until it was handed to all
        viewers.
    @ivar p99: likewise.
    @ivar up: cameras that are.
    @ivar reboots: of cameras.
    @ivar reconnects: to cameras.
    @ivar lost: packets that never came.
    @ivar damaged: pictures that came in part.
    @ivar dropped: packets that the kernel dropped.
    @ivar served: megabits a second that the viewers got.
    @ivar connected: viewers who have a stream.
    @ivar skips: of viewers, since they were too slow.
    @ivar endings: streams that ended.
    @ivar stalls: see L{viewers.Report}.
    @ivar stuck: likewise.
    @ivar others: percent of one core that cameras and viewers take.
    @ivar waited: percent of the time that the service waited for a CPU, since others
        had them.
    @ivar load: the machine's load average.
    """

    seconds: float
    rss: int
    uss: int
    files: int
    threads: int
    cpu: float
    p50: float | None
    p99: float | None
    up: int
    reboots: int
    reconnects: int
    lost: int
    damaged: int
    dropped: int
    served: float
    connected: int
    skips: int
    endings: int
    stalls: int
    stuck: list[str]
    others: float
    waited: float
    load: float

    def __str__(self) -> str:
        latency = f"{number(self.p50)}/{number(self.p99)}"
        return (
            f"{self.seconds / 60:6.1f} min  rss {self.rss / 2**20:.1f} MiB"
            f"  uss {self.uss / 2**20:.1f}  fds {self.files}  threads {self.threads}"
            f"  cpu {self.cpu:.0f} %  p50/p99 {latency} ms  up {self.up}"
            f"  reboots {self.reboots}  reconnects {self.reconnects}"
            f"  lost {self.lost}  damaged {self.damaged}  dropped {self.dropped}"
            f"  viewers {self.connected}  {self.served:.0f} Mbit/s"
            f"  skips {self.skips}  ended {self.endings}  stalls {self.stalls}"
            f"  others {self.others:.0f} %  waited {self.waited:.0f} %"
            f"  load {self.load:.1f}"
            + (f"  STUCK {len(self.stuck)}: {self.stuck[0]}..." if self.stuck else "")
        )


def number(value: float | None) -> str:
    """With two places, if there is one."""
    return "-" if value is None else f"{value:.2f}"


def wishes(spec: Spec, service: Service) -> list[Wish]:
    """Two viewers by HTTP and two by RTSP for each camera; and one of the list."""
    crowd = [Wish("events", -1, "all", service.web)]
    for place in range(spec.count):
        kinds = ["mse", "rtsp"]
        kinds.append("ts" if place % 2 else "mp4")
        kinds.append("rtsp" if place % 4 else "rtsp-udp")
        crowd += [
            Wish(
                kind,
                place,
                cameraName(place),
                service.rtsp if kind.startswith("rtsp") else service.web,
                2 if kinds.count(kind) > 1 else 1,
            )
            for kind in dict.fromkeys(kinds)
        ]
    return crowd


class Reboots:
    """
    When which camera is switched off: the same in each run.

    @ivar count: how many there were.
    """

    def __init__(self, cameras: int, mean: float, seed: int) -> None:
        """
        @param mean: seconds between two of a camera.
        """
        self._dice = Random(seed)
        self._mean = max(mean - ON, 1.0)
        self._due = [(self._wait(), place) for place in range(cameras)]
        heapq.heapify(self._due)
        self.count = 0

    def _wait(self) -> float:
        return ON + self._dice.expovariate(1 / self._mean)

    @property
    def next(self) -> float:
        """When the next one is due, in seconds since the beginning."""
        return self._due[0][0]

    def take(self) -> tuple[int, float]:
        """
        The next one.

        @return: the camera, and the seconds that it is off.
        """
        self.count += 1
        when, place = self._due[0]
        seconds = self._dice.uniform(*DOWN)
        heapq.heapreplace(self._due, (when + seconds + self._wait(), place))
        return place, seconds


class Soak:
    """
    The whole thing.

    @ivar rows: what was measured.
    @ivar recoveries: seconds that each viewer waited for a camera on air.
    @ivar unanswered: how often the service did not answer in time.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        service: Service,
        emulators: Emulators,
        viewers: Viewers,
    ) -> None:
        self._options = options
        self._emulators = emulators
        self._service = service
        self._viewers = viewers
        self._wake = Event()
        self._begin = time.monotonic()
        self._before: tuple[float, Taken, float, Metrics, int] | None = None
        self.reboots = Reboots(options.cameras, 60 * options.reboot_every, options.seed)
        self.rows: list[Row] = []
        self.recoveries: list[float] = []
        self.unanswered = 0

    def run(self, file: Path) -> None:
        """Until the time is over, or the service."""
        seconds = 3600 * self._options.hours
        self._viewers.report()  # forget how they came
        self._sample()
        self.rows.clear()
        self.recoveries.clear()
        sample = self._options.every
        while self._service.runs:
            # Whoever is switched off in the end could not be seen to come back.
            reboot = self.reboots.next
            if reboot > seconds - DOWN[1] - STUCK:
                reboot = math.inf
            due = min(reboot, sample)
            self._wake.wait(max(0.0, self._begin + due - time.monotonic()))
            if due == reboot:
                place, downFor = self.reboots.take()
                self._emulators.reboot(place, downFor)
                self._viewers.down(place, downFor)
                continue
            self._note(file)
            if sample >= seconds:
                break
            sample += self._options.every

    def _note(self, file: Path) -> None:
        try:
            row = self._sample()
        except OSError as problem:
            self.unanswered += 1
            print(f"the service does not answer: {problem}", flush=True)
            return
        print(row, flush=True)
        with file.open("a") as stream:
            stream.write(json.dumps(asdict(row)) + "\n")

    def _sample(self) -> Row:
        report = self._viewers.report()
        self.recoveries += [
            seconds for place, seconds in report.recoveries if place >= 0
        ]
        now, use = time.monotonic(), taken(self._service.pid)
        others = sum(taken(one.pid).cpu for one in (self._emulators, self._viewers))
        metrics = self._service.metrics()
        size = report.bytes.total()
        if self._before is None:
            self._before = now - 1.0, use, others, metrics, size
        then, used, othersUsed, before, had = self._before
        self._before = now, use, others, metrics, size
        quantiles = [metrics.quantile(share, before) for share in (0.5, 0.99)]
        p50, p99 = [None if q is None else round(1000 * q, 3) for q in quantiles]
        row = Row(
            seconds=round(now - self._begin, 1),
            rss=use.rss,
            uss=use.uss,
            files=use.files,
            threads=use.threads,
            cpu=round(100 * (use.cpu - used.cpu) / (now - then), 1),
            p50=p50,
            p99=p99,
            up=round(metrics.total("camera_up")),
            reboots=self.reboots.count,
            reconnects=round(metrics.total("camera_reconnects_total")),
            lost=round(metrics.total("camera_lost_packets_total")),
            damaged=round(metrics.total("camera_damaged_frames_total")),
            dropped=round(metrics.total("camera_kernel_drops_total")),
            served=round((size - had) * 8 / 1e6 / (now - then), 1),
            connected=report.connected,
            skips=round(metrics.total("camera_viewer_skips_total")),
            endings=report.endings.total(),
            stalls=report.stalls.total(),
            stuck=report.stuck,
            others=round(100 * (others - othersUsed) / (now - then), 1),
            waited=round(100 * (use.waited - used.waited) / (now - then), 1),
            load=round(os.getloadavg()[0], 2),
        )
        self.rows.append(row)
        return row


# What to make of it.


def slope(rows: list[Row], values: list[float]) -> tuple[float, float]:
    """
    What it grows by in an hour.

    @return: of the straight line that fits best; and twice its standard error.
    """
    times = [row.seconds / 3600 for row in rows]
    rate, start = statistics.linear_regression(times, values)
    off = [value - start - rate * at for at, value in zip(times, values, strict=True)]
    spread = sum((at - statistics.fmean(times)) ** 2 for at in times)
    variance = sum(each**2 for each in off) / max(len(rows) - 2, 1)
    return rate, 2 * math.sqrt(variance / spread)


def judge(soak: Soak, service: Service, watching: int) -> Iterator[tuple[bool, str]]:
    """
    All verdicts: is it so, and what.

    @param watching: viewers of each camera.
    """
    rows = soak.rows
    yield service.runs, "the service runs"
    told = f"it did not answer in time: {soak.unanswered} of {len(rows)} times"
    yield soak.unanswered <= len(rows) // 20, told
    if len(rows) >= 4:
        half, quarter = rows[len(rows) // 2 :], len(rows) // 4
        for name in ("rss", "uss"):
            rate, error = slope(half, [getattr(row, name) for row in half])
            told = (
                f"{name} in the second half: {rate / 2**20:+.2f}"
                f" +- {error / 2**20:.2f} MiB/h"
            )
            if rows[-1].seconds < 60 * TELLING:
                yield True, f"{told}, too short a time to judge"
            else:
                yield rate - error < GROWTH, told
        for name in ("files", "threads"):
            counts = [getattr(row, name) for row in rows]
            early = statistics.median(counts[quarter : 2 * quarter])
            late = statistics.median(counts[-quarter:])
            told = f"{name}: {early:g} in the second quarter, {late:g} in the last"
            yield late - early <= HAPPENING, told
    wanted, came = soak.reboots.count * watching, len(soak.recoveries)
    yield came >= wanted, f"viewers saw cameras come back: {came} of {wanted} times"
    if soak.recoveries:
        longest, usual = max(soak.recoveries), statistics.median(soak.recoveries)
        told = f"on air until seen again: median {usual:.1f} s, at most {longest:.1f} s"
        yield longest <= STUCK, told
    last, waited = rows[-1], [row.waited for row in rows]
    yield not last.stuck, f"viewers without a picture: {len(last.stuck)}"
    told = f"on average {statistics.fmean(waited):.0f} %, at most {max(waited):.0f} %"
    yield True, f"of the time it waited for a CPU that others had: {told}"
    told = f"{GAP:g} s, but within {RECOVERY:g} s of a reboot"
    yield True, f"pauses of viewers, of more than {told}: {last.stalls}"


def interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM is another Ctrl-C."""
    raise KeyboardInterrupt


def awaitUp(service: Service, count: int) -> None:
    """Wait until all cameras are."""
    end = time.monotonic() + STARTING
    while round(service.metrics().total("camera_up")) < count:
        if time.monotonic() > end or not service.runs:
            raise RuntimeError(f"the cameras are not up; see {service.log}")
        Event().wait(0.5)


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--output", type=Path, default=Path("build/soak"))
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--bitrate", type=int, default=1_000_000)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--reboot-every", type=float, default=10, help="minutes, of each camera"
    )
    parser.add_argument("--every", type=float, default=60, help="seconds of a row")
    return parser.parse_args()


def main() -> int:
    """Do it, and judge."""
    options = parse()
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "soak.jsonl"
    file.write_text("")
    signal.signal(signal.SIGTERM, interrupt)
    spec = Spec(
        count=options.cameras,
        bitrate=options.bitrate,
        fps=options.fps,
        loss=options.loss,
        dhPort=freePort(),
        lanPort=freePort(),
    )
    print(f"{facts()}; load average before: {load()}")
    with ExitStack() as stack:
        emulators = stack.enter_context(Emulators(spec))
        service = stack.enter_context(Service(spec, options.output))
        awaitUp(service, spec.count)
        crowd = wishes(spec, service)
        watching = sum(wish.count for wish in crowd if wish.place == 0)
        viewers = stack.enter_context(Viewers(crowd))
        Event().wait(JOINING)
        soak = Soak(options, service, emulators, viewers)
        try:
            soak.run(file)
        except KeyboardInterrupt:
            print("interrupted")
        if not soak.rows:
            return 1
        verdicts = [*judge(soak, service, watching)]
    draw(file, options.output / "soak.svg")
    for good, what in verdicts:
        print(f"{'ok ' if good else 'BAD'} {what}")
    return 0 if all(good for good, _ in verdicts) else 1


def draw(file: Path, picture: Path) -> None:
    """Draw it, if that is possible."""
    try:
        from soakplot import plot
    except ImportError:
        print("no picture without matplotlib: pip install -e '.[soak]'")
        return
    plot(file, picture)
    print(f"drawn: {picture}")


if __name__ == "__main__":
    sys.exit(main())
