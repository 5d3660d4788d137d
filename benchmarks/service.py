"""
C{twistd camclient} in a process of its own: as it is run, and what it takes.
"""

from __future__ import annotations

import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from emulators import Spec, address, deviceId

HOST = "127.0.0.1"

#: Seconds until the service must answer for the first time, and then each time; and
#: until it must have ended.
STARTING, ANSWERING, ENDING = 30.0, 20.0, 20.0

_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.exit(run())"


def freePort(kind: int = socket.SOCK_STREAM) -> int:
    """The number of a port that nobody has on loopback just now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        number: int = probe.getsockname()[1]
        return number


def cameraName(place: int) -> str:
    """What the service calls a camera."""
    return f"camera-{place}"


def configuration(spec: Spec, web: int, rtsp: int) -> str:
    """The file for it, in TOML."""
    tables = [
        f'[[camera]]\nuid = "{deviceId(place)}"\nname = "{cameraName(place)}"\n'
        f'address = "{address(place)}"\npin-address = true\n'
        'password-file = "password"\n'
        for place in range(spec.count)
    ]
    tables += [
        f'[{door}]\nendpoint = "tcp:{port}:interface={HOST}"\n'
        for door, port in (("web", web), ("rtsp", rtsp))
    ]
    return "\n".join(tables)


def arguments(spec: Spec, folder: Path, web: int, rtsp: int) -> list[str]:
    """The service's options; writes its files."""
    (folder / "password").write_text("888888\n")
    config = folder / "cameras.toml"
    config.write_text(configuration(spec, web, rtsp))
    return [
        *("--config", str(config), "--local-address", HOST),
        *("--dh-port", str(spec.dhPort), "--lan-port", str(spec.lanPort)),
    ]


@dataclass(frozen=True)
class Taken:
    """
    What a process takes.

    @ivar rss: bytes in memory.
    @ivar uss: those of them that no other process shares.
    @ivar files: open file descriptors.
    @ivar threads: how many.
    @ivar cpu: seconds so far.
    @ivar waited: seconds so far that its main thread could have run, had there been a
        CPU for it.
    """

    rss: int
    uss: int
    files: int
    threads: int
    cpu: float
    waited: float


def taken(pid: int) -> Taken:
    """
    What a process takes.

    @raise OSError: there is none.
    """
    root = Path(f"/proc/{pid}")
    rollup = dict(
        re.findall(r"^(\w+):\s+(\d+) kB", (root / "smaps_rollup").read_text(), re.M)
    )
    private = int(rollup["Private_Clean"]) + int(rollup["Private_Dirty"])
    # What follows the name, which may have parentheses of its own.
    threads = (root / "stat").read_text().rpartition(")")[2].split()[17]
    return Taken(
        rss=int(rollup["Rss"]) * 1024,
        uss=private * 1024,
        files=len(os.listdir(root / "fd")),
        threads=int(threads),
        # Its CPU clock, as clock_getcpuclockid(3) finds it: /proc tells hundredths.
        cpu=time.clock_gettime((~pid << 3) | 2),
        waited=int((root / "schedstat").read_text().split()[1]) / 1e9,
    )


@dataclass
class Metrics:
    """
    What C{/metrics} says, of all cameras together.

    @ivar totals: by name.
    @ivar latency: pictures up to each upper bound, in seconds.
    """

    totals: dict[str, float] = field(default_factory=dict)
    latency: dict[float, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read them."""
        metrics = cls()
        for name, labels, value in re.findall(r"^(\w+)(\{.*\})? (\S+)$", text, re.M):
            bound = re.search(r'[{,]le="([^"]+)"', labels)
            if bound is None:
                metrics.totals[name] = metrics.totals.get(name, 0.0) + float(value)
            elif "latency" in name:
                most = float(bound[1])
                metrics.latency[most] = metrics.latency.get(most, 0.0) + float(value)
        return metrics

    def total(self, name: str) -> float:
        """One of them; nothing if there is none."""
        return self.totals.get(f"twistedcam_{name}", 0.0)

    def quantile(self, share: float, before: Metrics) -> float | None:
        """The latency in seconds, since those before, that this share kept below."""
        counts = [
            (bound, count - before.latency.get(bound, 0.0))
            for bound, count in sorted(self.latency.items())
        ]
        if not counts or not counts[-1][1]:
            return None
        wanted = share * counts[-1][1]
        low, below = 0.0, 0.0
        for bound, count in counts:
            if count >= wanted:
                if math.isinf(bound):
                    return low
                return low + (bound - low) * (wanted - below) / (count - below)
            low, below = bound, count
        return None


class Service:
    """
    The process.

    @ivar web: its port for HTTP.
    @ivar rtsp: its port for RTSP.
    @ivar log: what it said.
    """

    def __init__(self, spec: Spec, folder: Path, cores: Sequence[int] = ()) -> None:
        """
        @param folder: for its files.
        @param cores: where it may run; default: everywhere.
        """
        self.web, self.rtsp = freePort(), freePort()
        self.log = folder / "service.log"
        self._file = self.log.open("wb")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _TWISTD, "--nodaemon", "--pidfile="),
                *("camclient", *arguments(spec, folder, self.web, self.rtsp)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        if cores:
            os.sched_setaffinity(self._process.pid, cores)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Does it?"""
        return self._process.poll() is None

    def __enter__(self) -> Self:
        end = time.monotonic() + STARTING
        while self.runs and time.monotonic() < end:
            try:
                self.get("/healthz")
                return self
            except OSError:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.1)
        self.__exit__()
        raise RuntimeError(f"the service does not answer; {self.log} may tell why")

    def get(self, path: str) -> str:
        """
        A page of it.

        @raise OSError: it does not answer.
        """
        url = f"http://{HOST}:{self.web}{path}"
        with urllib.request.urlopen(url, timeout=ANSWERING) as answer:
            return str(answer.read().decode())

    def metrics(self) -> Metrics:
        """How it is."""
        return Metrics.parse(self.get("/metrics"))

    def __exit__(self, *details: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._file.close()
