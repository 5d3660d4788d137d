"""
C{twistedcam doctor} names what is wrong with a real network.

Two network namespaces stand for the owner's computer and a camera, two pairs of veth
for cables.  At the first cable's other end is an address of some other network::

    client  10.81.1.2/24 ------------ 10.99.9.1/24  camera
            10.81.2.2/24 ------------ 10.81.2.1/24

Cables are pulled, the camera is on and off, and routing rules of the client drop what
the camera sends, as a firewall does: those come with iproute2, firewalls may not be
there.

Run it as root: C{python tests/netns/doctor.py}.  Neither trial nor pytest collect it.
It says SKIPPED where it may not make namespaces.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

CLIENT, CAMERA = f"twistedcam-client-{os.getpid()}", f"twistedcam-camera-{os.getpid()}"

CABLES = (("10.81.1.2/24", "10.99.9.1/24"), ("10.81.2.2/24", "10.81.2.1/24"))
FAR, NOBODY = "10.81.2.1", "10.81.2.77"
UID, PASSWORD = "VSTB-668515-UZCPK", "sesame"

TWISTEDCAM = str(Path(sys.executable).parent / "twistedcam")

#: Seconds that a program may take at most.
PATIENCE = 60.0

#: The command, on a system whose kernel grants little.
SMALL = """
import sys
from twistedcam.session import protocol
protocol.BUFFER_WANTED = 65536
from twistedcam.cli import main
sys.argv[0] = "twistedcam"
main()
"""


class Failed(Exception):
    """Something is not as it must be."""


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
def namespaces() -> Iterator[None]:
    """Two computers, without cables."""
    with ExitStack() as cleanup:
        for namespace in (CLIENT, CAMERA):
            try:
                ip("netns", "add", namespace)
            except Failed as e:
                skip(str(e))
            cleanup.callback(ip, "netns", "del", namespace)
        yield


def connect() -> None:
    """Lay the cables."""
    for number, ends in enumerate(CABLES):
        one, other = f"near{number}", f"far{number}"
        peer = ("peer", "name", other, "netns", CAMERA)
        try:
            ip("-n", CLIENT, "link", "add", one, "type", "veth", *peer)
        except Failed as e:
            skip(str(e))
        for namespace, link, address in zip(
            (CLIENT, CAMERA), (one, other), ends, strict=True
        ):
            ip("-n", namespace, "address", "add", address, "brd", "+", "dev", link)
            ip("-n", namespace, "link", "set", link, "up")


@contextmanager
def camera(folder: Path, *options: str) -> Iterator[None]:
    """An emulated camera, on air."""
    log = folder / "camera.log"
    command = [TWISTEDCAM, "emulate", "--uid", UID, "--password", PASSWORD, *options]
    with open(log, "wb") as output:
        process = subprocess.Popen(
            ["ip", "netns", "exec", CAMERA, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        by = time.monotonic() + PATIENCE
        while "is on air" not in log.read_text():
            if time.monotonic() > by or process.poll() is not None:
                raise Failed(f"no camera:\n{log.read_text()}")
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def firewall(*admitted: str) -> Iterator[None]:
    """
    Drop what the camera sends to us by UDP, except what fits these selectors.  The
    rules have to stand before the one that lets everything in that is for us.
    """
    rules: list[tuple[str, ...]] = [("pref", "100", "lookup", "local")]
    rules += [("pref", "20", "from", FAR, "ipproto", "udp", "blackhole")]
    if admitted:
        rules += [("pref", "10", "from", FAR, *admitted, "lookup", "local")]
    added = []
    try:
        for rule in rules:
            ip("-n", CLIENT, "rule", "add", *rule)
            added.append(rule)
        ip("-n", CLIENT, "rule", "del", "pref", "0")
        try:
            yield
        finally:
            ip("-n", CLIENT, "rule", "add", "pref", "0", "lookup", "local")
    finally:
        for rule in added:
            ip("-n", CLIENT, "rule", "del", *rule)


def doctor(*arguments: str, program: Callable[..., list[str]] | None = None) -> Any:
    """What it finds: kinds of findings by their level."""
    command = [TWISTEDCAM] if program is None else program()
    run = subprocess.run(
        ["ip", "netns", "exec", CLIENT, *command, "doctor", *arguments, "--json"],
        capture_output=True,
        env={**os.environ, "TWISTEDCAM_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if run.returncode not in (0, 1) or run.stderr:
        raise Failed(f"doctor: {run.returncode}\n{run.stdout}{run.stderr}")
    said = json.loads(run.stdout)
    if run.returncode != bool(said["problems"]):
        raise Failed(f"doctor: {run.returncode} for {said}")
    return said["findings"]


def expect(
    what: str, findings: Any, *problems: str, notes: tuple[str, ...] = ()
) -> None:
    """These, and no other problems; at least these notes."""
    found = [one["kind"] for one in findings if one["level"] == "problem"]
    noted = {one["kind"] for one in findings if one["level"] != "problem"}
    for one in findings:
        if one["level"] == "problem" and not one["advice"]:
            raise Failed(f"{what}: no advice: {one}")
    # What the kernel here grants is not what this is about.
    if sorted(set(found) - {"small-buffer"}) != sorted(
        set(problems) - {"small-buffer"}
    ):
        raise Failed(f"{what}: {found} instead of {problems}: {findings}")
    if "small-buffer" in problems and "small-buffer" not in found:
        raise Failed(f"{what}: no word of the buffer: {findings}")
    if not noted.issuperset(notes):
        raise Failed(f"{what}: {noted} without {notes}")
    print(f"{what}: {', '.join(problems) or 'no problem'}")


def check(folder: Path) -> None:
    """All of it."""
    expect("no interface at all", doctor(), "no-interface")
    for namespace in (CLIENT, CAMERA):
        ip("-n", namespace, "link", "set", "lo", "up")
    expect("loopback only", doctor(UID), "no-interface")

    connect()
    expect("no camera", doctor(UID), "nothing-answers", notes=("interface",))
    expect("an address of nobody", doctor(NOBODY), "absent")
    expect("a computer without a camera", doctor(FAR), "refused")
    with camera(folder):
        findings = doctor(UID)
        expect("a good camera", findings, notes=("login", "video", "no-default-route"))
        expect("the same by address", doctor(FAR), notes=("login", "video"))
        small = doctor(program=lambda: [sys.executable, "-c", SMALL])
        expect("a small buffer", small, "small-buffer")
        try:
            with firewall():
                expect("a firewall", doctor(UID), "nothing-answers")
                expect("the same by address", doctor(FAR), "nothing-answers")
            with firewall("ipproto", "udp", "sport", "8600"):
                expect("a firewall that admits DH", doctor(UID), "dh-only")
        except Failed as e:
            if "rule" not in str(e):
                raise
            print(f"SKIPPED: a firewall: {e}")

    ip("-n", CAMERA, "link", "set", "far1", "down")
    ip("-n", CAMERA, "route", "add", "default", "dev", "far0")
    with camera(folder):
        expect("a camera of another network", doctor(UID), "foreign-address")
    ip("-n", CAMERA, "link", "set", "far0", "down")
    expect("no cable", doctor(), "no-interface")


def main() -> int:
    """Run it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        skip("it takes root and the program ip (iproute2) to make network namespaces")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with namespaces(), tempfile.TemporaryDirectory() as folder:
            check(Path(folder))
    except Failed as e:
        print(f"FAILED: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
