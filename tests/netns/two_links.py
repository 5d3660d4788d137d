"""
A client with two interfaces finds the camera behind the second one.

Two network namespaces stand for two machines, two pairs of veth for two cables;
no default route anywhere.  At the first cable's other end is an address of some
other network, so that nobody can answer there::

    client  10.81.1.2/24 ------------ 10.99.9.1/24  camera
            10.81.2.2/24 ------------ 10.81.2.1/24

A broadcast from a port on all addresses fails here; see L{twistedcam.lan}.

Run it as root: C{python tests/netns/two_links.py}.  Neither trial nor pytest
collect it.  It says SKIPPED where it may not make namespaces.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

CLIENT, CAMERA = f"twistedcam-client-{os.getpid()}", f"twistedcam-camera-{os.getpid()}"

CABLES = (("10.81.1.2/24", "10.99.9.1/24"), ("10.81.2.2/24", "10.81.2.1/24"))
NEAR, FAR = "10.81.2.2", "10.81.2.1"

PROGRAMS = Path(sys.executable).parent

#: Seconds until a program must have said what is waited for, and until it must
#: have ended when told to.
PATIENCE, IN_TIME = 20.0, 1.0

#: twistd passes on the signal that ended it.
ENDED = 128 + signal.SIGTERM

NAIVE = """
from socket import *
port = socket(AF_INET, SOCK_DGRAM)
port.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
port.sendto(b"", ("255.255.255.255", 32108))
"""


class Variant(NamedTuple):
    """One kind of camera."""

    uid: str
    firmware: str
    psk: str
    shown: str

    def __str__(self) -> str:
        return f"{self.uid}, firmware {self.firmware}, psk {self.psk or 'none'}"


VARIANTS = (
    Variant("VSTB-668515-UZCPK", "a", "", "plain"),
    Variant("VSTB-668515-UZCPK", "b", "", "plain"),
    Variant("VSTJ-123456-ABCDE", "b", "vstarcam2019", "vstarcam2019"),
)


class Failed(Exception):
    """Something is not as it must be."""


class Program:
    """A program in a namespace, and what it has said."""

    def __init__(self, namespace: str, folder: Path, *command: str) -> None:
        self._log = folder / f"{Path(command[0]).name}.log"
        self._name = f"{Path(command[0]).name} {command[1]}"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", namespace, *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(errors="replace")

    def waitFor(self, pattern: str) -> None:
        """Wait until it says so."""
        by = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            if time.monotonic() > by or self._process.poll() is not None:
                raise Failed(f"{self._name} did not say {pattern!r}:\n{self.text}")
            time.sleep(0.02)

    def end(self, status: int | None = None) -> float:
        """Send SIGTERM; gives the seconds that it took to end."""
        start = time.monotonic()
        self._process.terminate()
        try:
            found = self._process.wait(IN_TIME)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self._name} does not end:\n{self.text}") from None
        if found < 0:
            found = 128 - found
        if status not in (None, found) or "Traceback" in self.text:
            raise Failed(f"{self._name} ended with status {found}:\n{self.text}")
        return time.monotonic() - start

    def wait(self, status: int) -> None:
        """Wait for it to end by itself, with that status."""
        try:
            found = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self._name} does not end:\n{self.text}") from None
        if found != status:
            raise Failed(f"{self._name} ended with status {found}:\n{self.text}")

    def kill(self) -> None:
        """Whatever happens, it does not outlive us."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def ip(*arguments: str) -> None:
    """Run ip; complain with its own words."""
    run = subprocess.run(
        ["ip", *arguments], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise Failed(f"ip {' '.join(arguments)}: {run.stderr.strip()}")


def skip(why: str) -> NoReturn:
    """Not here."""
    print(f"SKIPPED: {why}")
    sys.exit(0)


@contextmanager
def network() -> Iterator[None]:
    """The namespaces and the cables, as long as they are needed."""
    with ExitStack() as cleanup:
        for namespace in (CLIENT, CAMERA):
            try:
                ip("netns", "add", namespace)
            except Failed as e:
                skip(str(e))
            cleanup.callback(ip, "netns", "del", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        for number, ends in enumerate(CABLES):
            one, other = f"near{number}", f"far{number}"
            try:
                peer = ("peer", "name", other, "netns", CAMERA)
                ip("-n", CLIENT, "link", "add", one, "type", "veth", *peer)
            except Failed as e:
                skip(str(e))
            for namespace, link, address in zip(
                (CLIENT, CAMERA), (one, other), ends, strict=True
            ):
                ip("-n", namespace, "address", "add", address, "brd", "+", "dev", link)
                ip("-n", namespace, "link", "set", link, "up")
        yield


def check(variant: Variant, folder: Path, started: Callable[[Program], Program]) -> str:
    """Find one kind of camera, stay a while, and part."""
    emulate = [str(PROGRAMS / "twistedcam"), "emulate", "--uid", variant.uid]
    emulate += ["--firmware", variant.firmware, "--psk", variant.psk]
    camera = started(Program(CAMERA, folder, *emulate))
    camera.waitFor("is on air")

    discover = [str(PROGRAMS / "twistedcam"), "discover", "--timeout", "1.5"]
    listed = subprocess.run(
        ["ip", "netns", "exec", CLIENT, *discover],
        capture_output=True,
        text=True,
        check=False,
    )
    row = rf"(?m)^{variant.uid} .* {re.escape(FAR)} .* DH\+LAN +{variant.shown}$"
    if listed.returncode or not re.search(row, listed.stdout):
        raise Failed(f"discover: {listed.returncode}\n{listed.stdout}{listed.stderr}")

    twistd = [str(PROGRAMS / "twistd"), "-n", "--pidfile=", "camclient"]
    client = started(Program(CLIENT, folder, *twistd, "--camera", variant.uid))
    client.waitFor("handshake complete")
    client.waitFor("ALIVE number 3 answered")
    where = rf"found {variant.uid} at {re.escape(FAR)}, answered .*LAN, {variant.shown}"
    for pattern in (where, rf"search port \d+ opened on {re.escape(NEAR)}"):
        client.waitFor(pattern)
    took = client.end(ENDED)
    camera.waitFor("session 1 ended: closed by the client")
    camera.end()
    return f"found, connected, 3 pings answered, ended in {took:.2f} s"


def main() -> int:
    """All of it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        skip("it takes root and the program ip (iproute2) to make network namespaces")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    try:
        with network():
            naive = ["ip", "netns", "exec", CLIENT, sys.executable, "-c", NAIVE]
            run = subprocess.run(naive, capture_output=True, text=True, check=False)
            if "Network is unreachable" not in run.stderr:
                raise Failed(f"a naive broadcast should fail here: {run.stderr}")
            for variant in VARIANTS:
                with tempfile.TemporaryDirectory() as folder, ExitStack() as cleanup:

                    def started(
                        program: Program, stack: ExitStack = cleanup
                    ) -> Program:
                        stack.callback(program.kill)
                        return program

                    print(f"{variant}:", check(variant, Path(folder), started))
    except Failed as e:
        print(f"FAILED: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
