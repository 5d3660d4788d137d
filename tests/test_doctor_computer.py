"""Tests for L{twistedcam.doctor.computer} and L{twistedcam.doctor.firewall}."""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Interface
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import ifaddr
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.doctor import Computer, Nic
from twistedcam.doctor.findings import COMMAND
from twistedcam.doctor.firewall import networks, openings
from twistedcam.session.protocol import BUFFER_WANTED

from .folders import temporaryFolder
from .strategies import cheap

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"

SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  \
timeout inode ref pointer drops
  261: 0100007F:7D6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0  \
      0 19 2 0 7
  262: 0A0200C0:7D6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0  \
      0 20 2 0 35
  263: 0A0200C0:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0  \
      0 21 2 0 99
"""

NEIGHBOURS = """\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0
192.0.2.7        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.8        0x1         x           00:00:00:00:00:00     *        eth0
"""


def adapter(name: str, *addresses: tuple[str, int]) -> SimpleNamespace:
    """As L{ifaddr} tells of one."""
    ips = [
        SimpleNamespace(ip=ip, network_prefix=prefix, is_IPv4="." in ip)
        for ip, prefix in addresses
    ]
    return SimpleNamespace(nice_name=name, ips=ips)


class ComputerTests(SynchronousTestCase):
    """What is read in C{/proc}, C{/sys} and so on."""

    def setUp(self) -> None:
        """Nothing is there at first."""
        self.root = temporaryFolder(self)
        self.computer = Computer(self.root)
        environment = patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("container", None)
        self.adapters = [adapter("lo", ("127.0.0.1", 8), ("::1", 128))]
        listed = patch.object(ifaddr, "get_adapters", lambda: self.adapters)
        listed.start()
        self.addCleanup(listed.stop)

    def write(self, path: str, text: str = "") -> None:
        """Put a file there."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def test_nothing(self) -> None:
        """Where there is none of that, nobody knows."""
        computer = self.computer
        self.assertEqual(
            (None, "", None, None, ()),
            (
                computer.hasDefaultRoute(),
                computer.container(),
                computer.dropped(1),
                computer.neighbour("192.0.2.1"),
                computer.firewalls(),
            ),
        )

    def test_interfaces(self) -> None:
        """Interfaces have names and states; only those of IPv4 count."""
        self.adapters += [
            adapter("eth0", ("192.0.2.10", 24), ("2001:db8::1", 64)),
            adapter("eth1", ("198.51.100.1", 24)),
            adapter("wg0", ("203.0.113.1", 32)),
        ]
        self.write("sys/class/net/eth0/operstate", "up\n")
        self.write("sys/class/net/eth1/operstate", "lowerlayerdown\n")
        self.write("sys/class/net/lo/operstate", "unknown\n")
        self.assertEqual(
            [
                Nic("lo", IPv4Interface("127.0.0.1/8"), True),
                Nic("eth0", IPv4Interface("192.0.2.10/24"), True),
                Nic("eth1", IPv4Interface("198.51.100.1/24"), False),
                Nic("wg0", IPv4Interface("203.0.113.1/32"), None),
            ],
            self.computer.nics(),
        )
        self.assertEqual(
            [False, True, False, True], [nic.usable for nic in self.computer.nics()]
        )

    def test_defaultRoute(self) -> None:
        """A default route is one to everywhere."""
        self.write("proc/net/route", ROUTES)
        self.assertIs(False, self.computer.hasDefaultRoute())
        self.write("proc/net/route", ROUTES + DEFAULT)
        self.assertIs(True, self.computer.hasDefaultRoute())

    def test_drops(self) -> None:
        """The kernel counts what it had no room for, by sockets."""
        self.write("proc/net/udp", SOCKETS)
        self.assertEqual(42, self.computer.dropped(0x7D6C))
        self.assertIsNone(self.computer.dropped(0x7D6D))

    def test_neighbours(self) -> None:
        """Whoever has an address has told his hardware's."""
        self.write("proc/net/arp", NEIGHBOURS)
        told = [self.computer.neighbour(f"192.0.2.{n}") for n in (1, 7, 8, 9)]
        self.assertEqual([True, False, None, None], told)

    def test_container(self) -> None:
        """A container counts if its network is its own."""
        self.adapters.append(adapter("eth0", ("172.17.0.2", 16)))
        self.write("sys/class/net/eth0/ifindex", "2\n")
        self.write("sys/class/net/eth0/iflink", "7\n")
        self.assertEqual("", self.computer.container())
        self.write(".dockerenv")
        self.assertEqual("docker", self.computer.container())
        # On the LAN like a card of its own, or with the host's network.
        self.write("sys/class/net/eth0/uevent", "DEVTYPE=macvlan\nINTERFACE=eth0\n")
        self.assertEqual("", self.computer.container())
        self.write("sys/class/net/eth0/uevent", "INTERFACE=eth0\n")
        self.write("sys/class/net/eth0/iflink", "2\n")
        self.assertEqual("", self.computer.container())

    def test_otherContainers(self) -> None:
        """There are others than Docker's."""
        self.adapters.append(adapter("eth0", ("10.88.0.2", 16)))
        self.write("sys/class/net/eth0/iflink", "7\n")
        os.environ["container"] = "lxc"
        self.assertEqual("lxc", self.computer.container())
        self.write("run/.containerenv")
        self.assertEqual("podman", self.computer.container())

    def test_firewalls(self) -> None:
        """It is told which firewall is switched on, as far as anybody can see it."""
        self.write("etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n")
        self.assertEqual((), self.computer.firewalls())
        self.write("etc/ufw/ufw.conf", "ENABLED=yes\n")
        self.write("run/firewalld/x")
        self.assertEqual(("ufw", "firewalld"), self.computer.firewalls())

    @cheap
    @given(st.binary(max_size=200))
    def test_rubbish(self, rubbish: bytes) -> None:
        """Whatever stands there, nothing is raised."""
        for path in "proc/net/route", "proc/net/udp", "proc/net/arp":
            self.write(path)
            (self.root / path).write_bytes(b"titles\n" + rubbish)
        self.computer.hasDefaultRoute()
        self.computer.dropped(0)
        self.computer.neighbour("192.0.2.1")

    def test_here(self) -> None:
        """This very computer grants some buffer, and tells what it is."""
        granted = self.computer.receiveBuffer()
        self.assertTrue(0 < granted <= 2 * BUFFER_WANTED)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            number = own.getsockname()[1]
            if Path("/proc/net/udp").exists():
                self.assertEqual(0, Computer().dropped(number))
        for nic in Computer().nics():
            self.assertIsInstance(nic.interface, IPv4Interface)


class FirewallTests(SynchronousTestCase):
    """What to type."""

    def test_networks(self) -> None:
        """Cameras may be where an interface leads outward, each network once."""
        nics = [
            Nic(name, IPv4Interface(address), True)
            for name, address in (
                ("lo", "127.0.0.1/8"),
                ("docker0", "172.17.0.1/16"),
                ("eth0", "192.0.2.10/24"),
                ("wlan0", "192.0.2.11/24"),
            )
        ]
        self.assertEqual(["192.0.2.0/24"], networks(nics))

    def test_nowhere(self) -> None:
        """On loopback there is no firewall to be told of."""
        computer = Computer(temporaryFolder(self))
        self.assertEqual([], openings(computer, "127.0.0.1"))
        with patch.object(Computer, "nics", lambda self: []):
            self.assertEqual([], openings(computer, None))

    def test_short(self) -> None:
        """With the longest of addresses, commands fit a line."""
        advice = openings(Computer(temporaryFolder(self)), "192.168.100.128/25")
        commands = [one for one in advice if one.startswith(COMMAND)]
        self.assertEqual(3, len(commands))
        self.assertLess(max(map(len, commands)), 94)
