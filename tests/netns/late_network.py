"""
A service that starts before the network does finds its camera when there is one.

Two network namespaces stand for two machines.  The client's has no interface but
loopback when the service starts.  Then a cable is plugged in, pulled out, and later
plugged in again where the machine gets another address; at last the address alone
goes and comes, as with a DHCP lease.

With C{--local-address} a service does not start before there is that address:
whoever supervises it has to try again.  It survives that the address goes.

Run it as root: C{python tests/netns/late_network.py}.  Neither trial nor pytest
collect it.  It says SKIPPED where it may not make namespaces.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.netns.two_links import (
    CAMERA,
    CLIENT,
    ENDED,
    PROGRAMS,
    Failed,
    Program,
    ip,
    skip,
)

UID = "VSTB-668515-UZCPK"
FAR = "10.81.2.1"


@contextmanager
def machines() -> Iterator[None]:
    """Two of them, without a cable."""
    with ExitStack() as cleanup:
        for namespace in (CLIENT, CAMERA):
            try:
                ip("netns", "add", namespace)
            except Failed as e:
                skip(str(e))
            cleanup.callback(ip, "netns", "del", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        yield


def plugIn(address: str) -> None:
    """A cable between them."""
    peer = ("peer", "name", "far", "netns", CAMERA)
    ip("-n", CLIENT, "link", "add", "near", "type", "veth", *peer)
    for namespace, link, mine in (
        (CAMERA, "far", f"{FAR}/24"),
        (CLIENT, "near", address),
    ):
        ip("-n", namespace, "address", "add", mine, "brd", "+", "dev", link)
        ip("-n", namespace, "link", "set", link, "up")


def pullOut() -> None:
    """No cable."""
    ip("-n", CLIENT, "link", "del", "near")


def goAndCome(client: Program, address: str, before: int) -> None:
    """An address goes, and comes again; so does the camera."""
    client.waitFor(f"(?s)(handshake complete.*){{{before}}}")
    ip("-n", CLIENT, "address", "del", address, "dev", "near")
    client.waitFor(f"(?s)(lost: silent.*){{{before}}}")
    ip("-n", CLIENT, "address", "add", address, "brd", "+", "dev", "near")
    client.waitFor(f"(?s)(handshake complete.*){{{before + 1}}}")


def check(folder: Path, cleanup: ExitStack) -> None:
    """Services, and all that happens to their network."""

    def started(namespace: str, *command: str) -> Program:
        program = Program(namespace, folder, *command)
        cleanup.callback(program.kill)
        return program

    twistd = [str(PROGRAMS / "twistd"), "-n", "--pidfile=", "camclient"]
    twistd += ["--camera", UID]
    local = [*twistd, "--local-address", "10.81.2.3"]
    refused = started(CLIENT, *local)
    refused.wait(1)
    if refused.text != (
        "camclient: cannot open a UDP port on 10.81.2.3:"
        " Cannot assign requested address\n"
    ):
        raise Failed(f"not refused as it should be:\n{refused.text}")

    client = started(CLIENT, *twistd)
    client.waitFor("search sent to nobody: this machine has no network")
    plugIn("10.81.2.2/24")
    camera = started(CAMERA, str(PROGRAMS / "twistedcam"), "emulate", "--uid", UID)
    camera.waitFor("is on air")
    client.waitFor("search port [0-9]+ opened on 10.81.2.2")
    client.waitFor("ALIVE number 2 answered")

    pullOut()
    client.waitFor("lost: silent")
    plugIn("10.81.2.3/24")
    client.waitFor("search port [0-9]+ opened on 10.81.2.3")
    goAndCome(client, "10.81.2.3/24", 2)
    client.end(ENDED)

    client = started(CLIENT, *local)
    goAndCome(client, "10.81.2.3/24", 1)
    client.end(ENDED)
    camera.end()


def main() -> int:
    """All of it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        skip("it takes root and the program ip (iproute2) to make network namespaces")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    try:
        with (
            machines(),
            tempfile.TemporaryDirectory() as folder,
            ExitStack() as cleanup,
        ):
            check(Path(folder), cleanup)
            print("found when the network came, and each time it came back")
    except Failed as e:
        print(f"FAILED: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
