"""
The real programs, each in a process of its own.

These functions block: call them by C{deferToThread}.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from time import monotonic
from typing import NamedTuple

#: Each with the signals of a program that a shell runs in the foreground.
_PROGRAM = (
    "import signal, sys;"
    "signal.signal(signal.SIGINT, signal.default_int_handler);"
    "sys.argv[0] = {name!r};"
    "from {module} import {function} as run;"
    "sys.exit(run())"
)
TWISTD = _PROGRAM.format(name="twistd", module="twisted.scripts.twistd", function="run")
TWIST = _PROGRAM.format(
    name="twist", module="twisted.application.twist._twist", function="Twist.main"
).replace("import Twist.main as run", "import Twist; run = Twist.main")
TWISTEDCAM = _PROGRAM.format(
    name="twistedcam", module="twistedcam.cli", function="main"
)

#: Seconds after which a program is killed: far more than any of them takes.
PATIENCE = 30

#: How a service is started with its log on standard output, in plain lines.
SERVICE = {
    TWISTD: ("--nodaemon", "--pidfile="),
    TWIST: ("--log-format=text",),
}


class Ended(NamedTuple):
    """
    A program that is over.

    @ivar code: its exit code; that of a signal is negative.
    """

    code: int
    output: str
    errors: str


def run(program: str, *args: str | bytes, **environment: str) -> Ended:
    """Run to the end."""
    ended = subprocess.run(
        [sys.executable, "-c", program, *args],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=PATIENCE,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def runUnread(program: str, *args: str) -> Ended:
    """Run to the end, nobody reading its output."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program, *args],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
        )
    finally:
        os.close(writer)
    return Ended(ended.returncode, "", ended.stderr.decode())


class Running:
    """
    A program under way, standard error in its output.

    @ivar output: what it said up to now.
    """

    def __init__(self, program: str, *args: str) -> None:
        self.output = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._watchdog = Timer(PATIENCE, self._process.kill)
        self._watchdog.start()

    def waitFor(self, text: str) -> None:
        """Read until there is a line with this text."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if text in line:
                return
        raise AssertionError(f"no {text!r} in:\n{self.output}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal that is not the end."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal; gives the exit code and how long the rest took."""
        start = monotonic()
        self._process.send_signal(number)
        self.output += self._process.communicate()[0]
        return self._process.returncode, monotonic() - start

    def kill(self) -> None:
        """Whatever happened, it is gone."""
        self._watchdog.cancel()
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def running(program: str, *args: str) -> Iterator[Running]:
    """A program that does not end by itself."""
    process = Running(program, *args)
    try:
        yield process
    finally:
        process.kill()


def freePort() -> int:
    """The number of a UDP port that nobody has on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
