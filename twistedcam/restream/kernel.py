"""
What the kernel dropped, since nobody read fast enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

#: Where Linux tells of UDP sockets.
SOCKETS = Path("/proc/net/udp")


def parseDrops(text: str) -> dict[int, int]:
    """
    Datagrams that were dropped, by the local port.

    @param text: the content of C{/proc/net/udp}; lines that are not as expected are
        left out, several sockets of one port are added up.
    """
    drops: dict[int, int] = {}
    heading, *lines = text.splitlines() or [""]
    if "drops" not in heading.split()[-1:]:
        return drops
    for line in lines:
        words = line.split()
        try:
            port = int(words[1].rpartition(":")[2], 16)
            drops[port] = drops.get(port, 0) + int(words[-1])
        except (IndexError, ValueError):
            continue
    return drops


class KernelDrops:
    """
    Adds up what was dropped at the ports of cameras, which change with each session.

    What was dropped between the last look and the end of a session is not counted.
    """

    def __init__(self, path: Path = SOCKETS) -> None:
        """
        @param path: where to look.
        """
        self._path = path
        self._totals: dict[str, int] = {}
        self._before: dict[tuple[str, int], int] = {}

    def update(self, ports: Mapping[str, Sequence[int]]) -> dict[str, int]:
        """
        Look.

        @param ports: whose ports are which just now; others are forgotten.
        @return: how much was dropped so far, by the same names.
        """
        try:
            drops = parseDrops(self._path.read_text())
        except (OSError, ValueError):
            drops = {}
        before, self._before = self._before, {}
        totals = {}
        for name, own in ports.items():
            total = self._totals.get(name, 0)
            for port in own:
                now = drops.get(port, 0)
                then = before.get((name, port), 0)
                total += now - then if now >= then else now
                self._before[name, port] = now
            totals[name] = total
        self._totals = totals
        return dict(totals)
