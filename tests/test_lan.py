"""
Our ports on the LAN.
"""

from __future__ import annotations

from ipaddress import IPv4Interface
from types import SimpleNamespace
from unittest import mock

import ifaddr
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs, formatEvent

from twistedcam.lan import MAX_COMPLAINTS, Address, LanPorts, localInterfaces
from twistedcam.testing import MemoryNetwork

from .lab import CAMERA, EVERYBODY, PC, LabCase, Socket


class LocalInterfacesTests(LabCase):
    """This machine's addresses."""

    def test_here(self) -> None:
        """They are addresses with networks, and loopback is none of them."""
        for interface in localInterfaces():
            self.assertIsInstance(interface, IPv4Interface)
            self.assertFalse(interface.is_loopback)

    def test_elsewhere(self) -> None:
        """Several on one adapter, IPv6 left out."""

        def ip(address: str, prefix: int, is_IPv4: bool = True) -> SimpleNamespace:
            return SimpleNamespace(ip=address, network_prefix=prefix, is_IPv4=is_IPv4)

        adapters = [
            SimpleNamespace(ips=[ip("127.0.0.1", 8), ip("::1", 128, False)]),
            SimpleNamespace(ips=[ip("192.0.2.1", 24), ip("203.0.113.1", 31)]),
        ]
        with mock.patch.object(ifaddr, "get_adapters", return_value=adapters):
            self.assertEqual(
                [IPv4Interface("192.0.2.1/24"), IPv4Interface("203.0.113.1/31")],
                localInterfaces(),
            )


class LanPortsTests(LabCase):
    """Ports that are opened when needed, and closed together."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.pc = self.network.host(
            "pc", (f"{PC}/24", "lan"), ("203.0.113.10/24", "other")
        )
        self.host = self.network.host("camera", f"{CAMERA}/24")
        self.heard: list[tuple[bytes, Address]] = []
        self.ports = self.make()

    def make(self, *searchAddresses: str, localAddress: str = "") -> LanPorts:
        """Ports on the computer."""
        return LanPorts(
            self.pc,
            lambda datagram, addr: self.heard.append((datagram, addr)),
            self.pc.interfaces,
            searchAddresses,
            localAddress,
        )

    def everybody(self, turn: int) -> list[str]:
        """Whom to ask."""
        return [address for _, address in self.ports.everybody(turn)]

    def test_opened(self) -> None:
        """Nothing is open before it is needed; the same ports serve again."""
        self.assertEqual([], self.pc.ports)
        self.everybody(1)
        ports = self.pc.ports
        self.assertEqual([PC, "203.0.113.10"], [port.getHost().host for port in ports])
        self.everybody(2)
        self.assertEqual(ports, self.pc.ports)

    def test_turns(self) -> None:
        """The two kinds of broadcast take turns."""
        self.assertEqual([EVERYBODY, EVERYBODY], self.everybody(1))
        self.assertEqual(["192.0.2.255", "203.0.113.255"], self.everybody(2))

    def test_heard(self) -> None:
        """What arrives at any of the ports is handed on, with its source."""
        socket = Socket(self.host, 1000)
        (link, _), _ = self.ports.everybody(1)
        link.send(b"question", (EVERYBODY, 1000))
        self.network.advance(0.01)
        ((_, _, asker),) = socket.heard
        socket.say(b"answer", asker)
        self.network.advance(0.01)
        self.assertEqual([(b"answer", (CAMERA, 1000))], self.heard)

    def test_somebody(self) -> None:
        """For single addresses one port on all addresses will do."""
        pairs = list(self.ports.somebody([CAMERA, "203.0.113.7"]))
        self.assertEqual([CAMERA, "203.0.113.7"], [address for _, address in pairs])
        self.assertIs(pairs[0][0], pairs[1][0])
        (port,) = self.pc.ports
        self.assertEqual("0.0.0.0", port.getHost().host)
        self.assertEqual([], list(self.ports.somebody([])))

    def test_localAddress(self) -> None:
        """Only the local address is used, if one is given."""
        self.ports = self.make(localAddress=PC)
        self.assertEqual([EVERYBODY], self.everybody(1))
        list(self.ports.somebody([CAMERA]))
        self.assertEqual([PC], [port.getHost().host for port in self.pc.ports])

    def test_check(self) -> None:
        """Whether the local address is ours can be known beforehand."""
        self.make(localAddress=PC).check()
        self.make().check()
        self.assertRaises(CannotListenError, self.make(localAddress=CAMERA).check)
        self.assertNothingLeft(self.network, self.pc)

    def test_close(self) -> None:
        """Closing closes all, and fires when that is done."""
        self.everybody(1)
        closed = self.ports.close()
        self.assertNoResult(closed)
        again = self.ports.close()
        self.resultAfter(self.network, 0, closed)
        self.successResultOf(again)
        self.successResultOf(self.ports.close())
        self.assertNothingLeft(self.network, self.pc)

    def test_complaints(self) -> None:
        """Each trouble is told of once, and not without end."""
        self.pc.unplug()
        (link,) = {link for link, _ in self.ports.somebody([CAMERA])}
        with capturedLogs() as events:
            for _ in range(3):
                link.send(b"", (CAMERA, 1))
        self.assertEqual(
            [f"cannot reach {CAMERA}: Network is unreachable"],
            list(map(formatEvent, events)),
        )
        with capturedLogs() as events:
            for number in range(2 * MAX_COMPLAINTS):
                link.send(b"", (f"198.51.100.{number}", 1))
        self.assertEqual(MAX_COMPLAINTS - 1, len(events))
