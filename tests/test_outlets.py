"""Tests for L{twistedcam.outlets}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import patch

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import SSL4ClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.logger import LogEvent, formatEvent
from twisted.logger import capturedLogs as captured
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, readBody

from twistedcam import ConfigError, Disconnected, Fleet
from twistedcam.config import ServeConfig
from twistedcam.outlets import SOON, Outlet, Outlets

from .folders import temporaryFolder
from .lab import Lab

CHOSEN = "tcp:1:interface=127.0.0.1"


class FakeServer(Service):
    """A server whose port can be had, or not."""

    def __init__(self, address: IAddress | None) -> None:
        self.address = address
        self.story: list[str] = []

    def privilegedStartService(self) -> None:
        """Open the port."""
        if self.address is None:
            raise CannotListenError("127.0.0.1", 1, OSError(98, "in use"))
        self.story.append("open")

    def startService(self) -> None:
        """Note it."""
        self.story.append("start")

    def stopService(self) -> Deferred[None]:
        """Note it."""
        self.story.append("stop")
        return succeed(None)


class OutletTests(SynchronousTestCase):
    """One server, and where it is."""

    def outlet(
        self, config: ServeConfig, *addresses: IAddress | None
    ) -> tuple[Outlet, list[FakeServer]]:
        """Make one that has a server for each endpoint it tries."""
        servers = [FakeServer(address) for address in addresses]
        left = iter(servers)
        usual = tuple(f"usual {n}" for n in range(len(addresses)))
        url = "http{s}://{place}:{port}/"
        outlet = Outlet("page", url, config, usual, lambda endpoint: next(left))
        return outlet, servers

    def said(self, events: Sequence[LogEvent]) -> list[str]:
        """The log's lines."""
        return [formatEvent(event) for event in events]

    def test_runs(self) -> None:
        """It opens its port first, and tells its address once."""
        address = IPv4Address("TCP", "127.0.0.1", 8085)
        outlet, (server,) = self.outlet(ServeConfig(), address)
        with captured() as events:
            outlet.privilegedStartService()
            outlet.startService()
        self.assertEqual(["page: http://127.0.0.1:8085/"], self.said(events))
        self.successResultOf(outlet.stopService())
        self.assertEqual(["open", "start", "stop"], server.story)

    def test_addresses(self) -> None:
        """It tells an address that can be typed."""
        for endpoint, address, expected in (
            ("tcp6:1", IPv6Address("TCP", "::1", 1), "http://[::1]:1/"),
            ("ssl:1", IPv4Address("TCP", "10.0.0.1", 1), "https://10.0.0.1:1/"),
            ("unix:x", UNIXAddress(b"x"), "unix:x"),
        ):
            outlet, _ = self.outlet(ServeConfig(endpoint), address)
            with captured() as events:
                outlet.startService()
            self.assertEqual([f"page: {expected}"], self.said(events))
        outlet, _ = self.outlet(ServeConfig("tcp:1"), IPv4Address("TCP", "0.0.0.0", 1))
        with captured() as events:
            outlet.startService()
        self.assertNotIn("0.0.0.0", self.said(events)[0])

    def test_usualIsTaken(self) -> None:
        """Where nobody chose the place, one that is taken is done without."""
        outlet, (server,) = self.outlet(ServeConfig(), None)
        with captured() as events:
            outlet.privilegedStartService()
            outlet.startService()
        self.assertEqual(
            ["no page: cannot listen at usual 0: in use"], self.said(events)
        )
        self.successResultOf(outlet.stopService())
        self.assertEqual([], server.story)

    def test_another(self) -> None:
        """If another place will do, it is taken."""
        address = IPv4Address("TCP", "127.0.0.1", 4711)
        outlet, servers = self.outlet(ServeConfig(), None, address)
        outlet.startService()
        self.assertIs(servers[1], outlet.server)

    def test_chosenIsTaken(self) -> None:
        """A place that was chosen is the only one."""
        outlet, _ = self.outlet(ServeConfig(CHOSEN), None)
        error = self.assertRaises(ConfigError, outlet.startService)
        self.assertEqual(f"cannot listen at {CHOSEN}: in use", str(error))

    def test_impossible(self) -> None:
        """So is one that cannot be a place at all, whatever is raised about it."""
        for problem in (
            OverflowError("bind(): port must be 0-65535."),
            ValueError("embedded null byte"),
            OSError("AF_UNIX path too long"),
        ):
            outlet, (server,) = self.outlet(ServeConfig(CHOSEN), None)
            with patch.object(server, "privilegedStartService", side_effect=problem):
                error = self.assertRaises(ConfigError, outlet.startService)
            self.assertEqual(f"cannot listen at {CHOSEN}: {problem}", str(error))

    def test_endpoint(self) -> None:
        """While it listens it says where."""
        outlet, _ = self.outlet(ServeConfig(CHOSEN), IPv4Address("TCP", "127.0.0.1", 1))
        self.assertEqual("", outlet.endpoint)
        outlet.startService()
        self.assertEqual(CHOSEN, outlet.endpoint)
        self.successResultOf(outlet.stopService())
        self.assertEqual("", outlet.endpoint)

    def test_due(self) -> None:
        """What is to be told later is told then, if it is still true."""
        for stopped in False, True:
            for result in None, Failure(Disconnected("gone")):
                due: Deferred[object] = Deferred()
                server = FakeServer(IPv4Address("TCP", "127.0.0.1", 8085))
                outlet = Outlet(
                    "page",
                    "http{s}://{place}:{port}/",
                    ServeConfig(CHOSEN),
                    (),
                    lambda endpoint, server=server: server,  # type: ignore[misc]
                    lambda due=due: due,  # type: ignore[misc]
                )
                with captured() as events:
                    outlet.startService()
                    self.assertEqual([], self.said(events))
                    if stopped:
                        outlet.stopService()
                    due.callback(result)
                expected = [] if stopped else ["page: http://127.0.0.1:8085/"]
                self.assertEqual(expected, self.said(events))


class Talk(Protocol):
    """Asks by HTTP over TLS."""

    negotiated: bytes | None = None

    def __init__(self) -> None:
        self.heard: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(b"GET /healthz HTTP/1.0\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        """The answer is short."""
        transport: Any = self.transport
        self.negotiated = transport.negotiatedProtocol
        transport.loseConnection()
        if not self.heard.called:
            self.heard.callback(data.decode())


class OutletsTests(TestCase):
    """The servers, on real ports."""

    def outlets(self, *, somewhere: bool = False) -> Outlets:
        """Of a fleet with one camera, which is nowhere."""
        from twisted.internet import reactor

        self.reactor = reactor
        lab = Lab()
        fleet = Fleet(lab.discovery, [lab.camera(name="garden")])
        return Outlets(reactor, fleet, somewhere=somewhere)  # type: ignore[arg-type]

    async def test_web(self) -> None:
        """The page is there while it runs."""
        endpoint = ServeConfig("tcp:0:interface=127.0.0.1")
        outlet = cast(Outlet, self.outlets().web(endpoint))
        outlet.startService()
        assert outlet.server is not None
        address = cast(IPv4Address, outlet.server.address)
        url = f"http://127.0.0.1:{address.port}/cameras"
        response = await Agent(self.reactor).request(b"GET", url.encode())
        self.assertIn(b'"garden"', await readBody(response))
        await outlet.stopService()
        self.flushWarnings()  # of readBody, about a transport of Twisted's own

    async def test_taken(self) -> None:
        """Two of the same share no port, however it was asked for."""
        outlets = self.outlets()
        for make in (outlets.web, outlets.rtsp):
            first = cast(Outlet, make(ServeConfig("tcp:0:interface=127.0.0.1")))
            first.startService()
            assert first.server is not None
            address = cast(IPv4Address, first.server.address)
            again = f"tcp:{address.port}:interface=127.0.0.1"
            second = make(ServeConfig(again))
            error = self.assertRaises(ConfigError, second.startService)
            self.assertIn("Address already in use", str(error))
            await first.stopService()

    def test_sharedSlowdown(self) -> None:
        """Who guesses at one door is slow at the other, too."""
        outlets = self.outlets()
        page, rtsp = (
            cast(Any, make(ServeConfig(token="secret")))._candidates[0][1]
            for make in (outlets.web, outlets.rtsp)
        )
        self.assertIs(page._gate._slowdown, rtsp.server._shared.slowdown)

    async def test_tls(self) -> None:
        """By an C{ssl:} endpoint it speaks TLS, and HTTP as browsers ask for it."""
        folder = temporaryFolder(self)
        key = KeyPair.generate(size=2048)
        certificate = key.selfSignedCert(1, CN="localhost")
        (folder / "pem").write_bytes(certificate.dumpPEM())
        endpoint = f"ssl:0:privateKey={folder}/pem:interface=127.0.0.1"
        outlet = cast(Outlet, self.outlets().web(ServeConfig(endpoint)))
        outlet.startService()
        assert outlet.server is not None
        address = cast(IPv4Address, outlet.server.address)
        client = SSL4ClientEndpoint(
            self.reactor,
            "127.0.0.1",
            address.port,
            CertificateOptions(acceptableProtocols=[b"http/1.1"]),
        )
        connected = await connectProtocol(client, Talk())
        self.assertIn("200 OK", await connected.heard)
        self.assertEqual(b"http/1.1", connected.negotiated)
        await outlet.stopService()
        self.flushWarnings()  # of pyOpenSSL, about how Twisted makes certificates

    def test_last(self) -> None:
        """Where they are can be told when all cameras are up, or soon at the latest."""
        for air in True, False:
            lab = Lab()
            if not air:
                lab.emulated.stop()
            fleet = Fleet(lab.discovery, [lab.camera(name="garden")])
            due = Outlets(lab.pc, fleet, last=True)._due().addBoth(lambda _: True)
            self.assertTrue(Outlets(lab.pc, fleet)._due().called)
            fleet.startService()
            self.assertNoResult(due)
            lab.network.advance(1)
            self.assertEqual(air, due.called)
            lab.network.advance(SOON)
            self.assertTrue(due.called)
            stopped = fleet.stopService()
            lab.network.advance(1)
            self.assertTrue(stopped.called)
            self.assertEqual([], list(lab.network.getDelayedCalls()))

    def test_exposed(self) -> None:
        """What others can reach needs a login."""
        outlets = self.outlets()
        for make in (outlets.web, outlets.rtsp):
            self.assertRaises(ConfigError, make, ServeConfig("tcp:0"))
            make(ServeConfig("tcp:0", open=True))
