"""
What this computer says of itself: interfaces, routes, buffers, firewalls.

Everything that is asked of the operating system is asked here; what it does not
tell, because it is no Linux, is L{None} or empty.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path

import ifaddr

from ..session.protocol import enlargeBuffer

#: Names of interfaces that lead to containers and virtual machines here.
_INWARD = re.compile(r"(docker|br-|veth|virbr|cni|podman|lxc|lxd|vnet)")

#: What marks the inside of a container.
_MARKS = (
    (".dockerenv", "docker"),
    ("run/.containerenv", "podman"),
)

#: States of an interface that nothing is connected to.
_UNPLUGGED = frozenset(("down", "lowerlayerdown", "notpresent", "dormant"))

#: A network without a broadcast address has a longer prefix than this.
_LONGEST_BROADCASTING = 30


@dataclass(frozen=True, slots=True)
class Nic:
    """
    A network interface with an IPv4 address; one with several is there as often.

    @ivar up: is something connected to it?
    """

    name: str
    interface: IPv4Interface
    up: bool | None = None

    @property
    def inward(self) -> bool:
        """Does it lead to containers here, and not to cameras?"""
        return _INWARD.match(self.name) is not None

    @property
    def loopback(self) -> bool:
        """Does it lead back to this computer?"""
        return self.interface.is_loopback

    @property
    def usable(self) -> bool:
        """Can a camera be behind it?"""
        return not self.loopback and not self.inward and self.up is not False

    @property
    def broadcasts(self) -> bool:
        """Has its network a broadcast address?"""
        return self.interface.network.prefixlen <= _LONGEST_BROADCASTING

    def __str__(self) -> str:
        return f"{self.name} {self.interface}"


class Computer:
    """This computer."""

    def __init__(self, root: Path = Path("/")) -> None:
        """
        @param root: where C{proc}, C{sys}, C{etc} and C{run} are.
        """
        self._root = root

    def nics(self) -> list[Nic]:
        """Its interfaces, loopback included."""
        return [
            Nic(
                adapter.nice_name,
                IPv4Interface(f"{ip.ip}/{ip.network_prefix}"),
                self._up(adapter.nice_name),
            )
            for adapter in ifaddr.get_adapters()
            for ip in adapter.ips
            if ip.is_IPv4
        ]

    def _up(self, name: str) -> bool | None:
        state = self._read(f"sys/class/net/{name.partition(':')[0]}/operstate").strip()
        return state not in _UNPLUGGED if state else None

    def hasDefaultRoute(self) -> bool | None:
        """Is there a way to everywhere?"""
        rows = list(self._rows("proc/net/route"))
        if not (self._root / "proc/net/route").exists():
            return None
        return any(len(row) > 7 and row[1] == row[7] == "00000000" for row in rows)

    def container(self) -> str:
        """
        The kind of container that this program is in, if that has a network of its
        own; else empty.
        """
        marks = [kind for path, kind in _MARKS if (self._root / path).exists()]
        marks += [os.environ["container"]] if os.environ.get("container") else []
        if not marks or not any(
            self._isCableToHost(nic.name) for nic in self.nics() if not nic.loopback
        ):
            return ""
        return marks[0]

    def _isCableToHost(self, name: str) -> bool:
        """Is it one end of a virtual cable, whose other end is elsewhere?"""
        folder = f"sys/class/net/{name}"
        here, there = self._read(f"{folder}/ifindex"), self._read(f"{folder}/iflink")
        # A macvlan, which is on the LAN like a card of its own, has a type.
        typed = "DEVTYPE=" in self._read(f"{folder}/uevent")
        return here != there and not typed

    def receiveBuffer(self) -> int:
        """The bytes that the kernel grants to a session's port, as it counts them."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            return enlargeBuffer(probe)

    def dropped(self, port: int) -> int | None:
        """Datagrams that the kernel had no room for at our UDP port of this number."""
        drops = [
            int(row[-1])
            for row in self._rows("proc/net/udp")
            if len(row) > 12 and row[1].endswith(f":{port:04X}") and row[-1].isdigit()
        ]
        return sum(drops) if drops else None

    def neighbour(self, address: str) -> bool | None:
        """
        Has somebody on the wire owned up to this address, which was spoken to just
        now?  L{None} if nobody was asked, as with one behind a router.
        """
        for row in self._rows("proc/net/arp"):
            if len(row) > 2 and row[0] == address:
                try:
                    return bool(int(row[2], 16) & 2)
                except ValueError:
                    return None
        return None

    def firewalls(self) -> tuple[str, ...]:
        """Those that are seen to be switched on."""
        found = []
        if re.search(r"(?m)^ENABLED=yes", self._read("etc/ufw/ufw.conf")):
            found.append("ufw")
        if (self._root / "run/firewalld").exists():
            found.append("firewalld")
        return tuple(found)

    def _rows(self, path: str) -> Iterator[list[str]]:
        """A table's rows, without its titles."""
        for line in self._read(path).splitlines()[1:]:
            yield line.split()

    def _read(self, path: str) -> str:
        try:
            return (self._root / path).read_text(errors="replace")
        except OSError:
            return ""
