"""
The RTSP server as a service, and what players get over real sockets.
"""

from __future__ import annotations

import subprocess
from base64 import b64encode
from typing import Any, cast
from unittest import SkipTest

import av
from twisted.internet import interfaces
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.python.procutils import which
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from twistedcam import Discovery, Fleet
from twistedcam.errors import ConfigError
from twistedcam.restream.access import Access
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.rtsp import ENDPOINT, RtspConfig, RtspService
from twistedcam.restream.rtsp.connection import Connection
from twistedcam.testing import MemoryNetwork

from .rtsphouse import LOOPBACK, PASSWORD, USER, RtspHouse, complaints, watch

SOMEWHERE = f"tcp:0:interface={LOOPBACK}"


class ConfigTests(SynchronousTestCase):
    """How it may be served."""

    def make(self, config: RtspConfig) -> RtspService:
        """A service, not started."""
        host = MemoryNetwork().host("pc", "192.0.2.10/24")
        fleet = Fleet(Discovery(host), [])
        return RtspService(host, fleet, config, Broadcasts(host))

    def test_exposed(self) -> None:
        """Other machines come in with a login only, unless somebody said so."""
        for endpoint in ("tcp:8554", "tcp:8554:interface=0.0.0.0"):
            error = self.assertRaises(ConfigError, self.make, RtspConfig(endpoint))
            self.assertIn(endpoint, str(error))
            self.make(RtspConfig(endpoint, open=True))
            self.make(RtspConfig(endpoint, Access("me", "secret")))
        self.make(RtspConfig())
        self.assertEqual("tcp:8554:interface=127.0.0.1", ENDPOINT)

    def test_nonsense(self) -> None:
        """What is no endpoint is told."""
        for endpoint in ("", "tcp", "tcp:x", "nonsense:1"):
            self.assertRaises(ConfigError, self.make, RtspConfig(endpoint, open=True))

    def test_secret(self) -> None:
        """No secret is in what is printed of a configuration."""
        config = RtspConfig(access=Access("me", "secret", "t0ken"))
        self.assertNotIn("secret", repr(config))
        self.assertNotIn("t0ken", repr(config))


class Silent(Protocol):
    """A client that says nothing, and counts what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        """It is over."""
        self.lost = True


class LifeTests(TestCase):
    """Starting and stopping."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.fleet = Fleet(Discovery(reactor), [])

    def make(self, endpoint: str = SOMEWHERE) -> RtspService:
        """A service."""
        return RtspService(
            self.reactor, self.fleet, RtspConfig(endpoint), Broadcasts(self.reactor)
        )

    async def connect(self, service: RtspService) -> Silent:
        """Somebody comes."""
        address: Any = service.address
        factory = Factory.forProtocol(Silent)
        endpoint = TCP4ClientEndpoint(self.reactor, LOOPBACK, address.port)
        return cast(Silent, await endpoint.connect(factory))

    async def test_restart(self) -> None:
        """It can be stopped and started again; nobody stays connected."""
        service = self.make()
        self.assertIsNone(service.address)
        for _ in range(2):
            service.privilegedStartService()
            service.startService()
            client = await self.connect(service)
            assert client.transport is not None
            client.transport.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            while b"Public" not in client.heard:
                await self.soon()
            (connection,) = service.server.connections
            self.assertTrue(verifyObject(interfaces.IPushProducer, connection))
            self.assertIsInstance(connection, Connection)
            await service.stopService()
            self.assertEqual(set(), service.server.connections)
            self.assertIsNone(service.address)
            while not client.lost:
                await self.soon()

    async def soon(self) -> None:
        """The reactor has a turn."""
        await deferToThread(lambda: None)

    async def test_taken(self) -> None:
        """A port that somebody has is told at once, in either way of starting."""
        first = self.make()
        first.startService()
        address: Any = first.address
        second = self.make(f"tcp:{address.port}:interface={LOOPBACK}")
        self.assertRaises(CannotListenError, second.privilegedStartService)
        self.assertRaises(CannotListenError, second.startService)
        await first.stopService()
        second.startService()
        await second.stopService()


class Ear(DatagramProtocol):
    """A player's UDP port, which counts what comes."""

    noisy = False

    def __init__(self, reactor: Any) -> None:
        self.heard = 0
        self.port = reactor.listenUDP(0, self, LOOPBACK)
        self.number: int = self.port.getHost().port

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """One more."""
        self.heard += 1


class VanishedTests(TestCase):
    """
    Players by UDP, over real sockets, whose computer says that nobody is there: what
    the kernel makes of it is to no harm.
    """

    timeout = 30

    async def open(self) -> None:
        """The cameras are up, and somebody is connected."""
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.house = RtspHouse(reactor)
        await self.house.up()
        address: Any = self.house.rtsp.address
        endpoint = TCP4ClientEndpoint(self.reactor, LOOPBACK, address.port)
        factory = Factory.forProtocol(Silent)
        self.client = cast(Silent, await endpoint.connect(factory))

    async def soon(self) -> None:
        """The reactor has a turn."""
        await deferToThread(lambda: None)

    async def ask(self, method: str, path: str = "", more: str = "") -> None:
        """Ask, and have the answer."""
        self.client.heard = b""
        login = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert self.client.transport is not None
        self.client.transport.write(
            f"{method} rtsp://{self.house.place}/h264{path} RTSP/1.0\r\n"
            f"CSeq: 1\r\nAuthorization: Basic {login}\r\n{more}\r\n".encode()
        )
        while b"\r\n\r\n" not in self.client.heard:
            await self.soon()
        self.assertIn(b"200 OK", self.client.heard)

    async def play(self, *ports: int) -> None:
        """Watch, by UDP."""
        transport = f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}"
        await self.ask("SETUP", "/video", f"Transport: {transport}\r\n")
        await self.ask("PLAY")

    def sent(self) -> int:
        """How many packets have been sent."""
        (connection,) = self.house.rtsp.server.connections
        session = connection.methods.session
        assert session is not None
        return sum(lane.sender.packets for lane in session._lanes.values())

    async def leave(self) -> None:
        """The connection is closed, and everything is freed."""
        assert self.client.transport is not None
        self.client.transport.loseConnection()
        while self.house.rtsp.server.connections:
            await self.soon()
        await self.house.close()

    async def test_deafToReports(self) -> None:
        """Who does not listen to reports gets packets, and may go as he likes."""
        await self.open()
        packets, reports = Ear(self.reactor), Ear(self.reactor)
        await maybeDeferred(reports.port.stopListening)
        await self.play(packets.number, reports.number)
        # A report goes when packets begin, and is refused.
        while packets.heard < 30:
            await self.soon()
        await self.leave()
        await maybeDeferred(packets.port.stopListening)

    async def test_vanished(self) -> None:
        """Who has closed his ports does not disturb, however he goes."""
        await self.open()
        packets, reports = Ear(self.reactor), Ear(self.reactor)
        await self.play(packets.number, reports.number)
        while not packets.heard or not reports.heard:
            await self.soon()
        for ear in (packets, reports):
            await maybeDeferred(ear.port.stopListening)
        before = self.sent()
        while self.sent() < before + 30:
            await self.soon()
        await self.leave()

    async def test_stop(self) -> None:
        """The service can be stopped meanwhile."""
        await self.open()
        packets, reports = Ear(self.reactor), Ear(self.reactor)
        for ear in (packets, reports):
            await maybeDeferred(ear.port.stopListening)
        await self.play(packets.number, reports.number)
        while self.sent() < 30:
            await self.soon()
        await self.house.close()
        self.assertEqual(set(), self.house.rtsp.server.connections)
        while not self.client.lost:
            await self.soon()


class PlayerTests(TestCase):
    """libavformat as a player, over real sockets."""

    #: Seconds to watch: beeps come once in a second.
    SECONDS = 2.5

    async def open(self) -> None:
        """The cameras are up."""
        from twisted.internet import reactor

        self.house = RtspHouse(reactor)
        await self.house.up()

    async def watch(self, name: str, transport: str) -> list[str]:
        """What is wrong with what a player gets."""
        url = self.house.url(name)
        watched = await deferToThread(watch, url, transport, self.SECONDS)
        return list(complaints(self.house, name, watched))

    async def test_everything(self) -> None:
        """
        Each picture and all sound of each codec arrive, by TCP or by UDP;
        C{tests.players.rtsp} tries the rest, and for longer.
        """
        await self.open()
        try:
            found = await gatherResults(
                [
                    Deferred.fromCoroutine(self.watch(name, transport))
                    for name, transport in (
                        ("h264", "tcp"),
                        ("h264", "udp"),
                        ("h265", "tcp"),
                        ("mjpeg", "udp"),
                    )
                ]
            )
            self.assertEqual([[]] * 4, found)
        finally:
            await self.house.close()

    async def test_wrong(self) -> None:
        """With a wrong password, and for a camera that is not there: nothing."""
        await self.open()
        try:
            for url in (
                self.house.url("h264").replace("secret", "guess"),
                self.house.url("nobody"),
            ):
                with self.assertRaises(av.FFmpegError):
                    await deferToThread(watch, url, "tcp", 1.0)
        finally:
            await self.house.close()

    async def test_ffprobe(self) -> None:
        """The program finds three tracks, and has nothing to say."""
        programs = which("ffprobe")
        if not programs:
            raise SkipTest("there is no ffprobe here")
        await self.open()
        try:
            ended = await deferToThread(
                subprocess.run,
                [
                    programs[0],
                    *"-v warning -rtsp_transport tcp -of csv=p=0".split(),
                    *"-show_entries stream=codec_name,width,sample_rate".split(),
                    self.house.url("h264"),
                ],
                capture_output=True,
                timeout=30,
            )
            self.assertEqual(b"", ended.stderr)
            lines = ended.stdout.decode().split()
            self.assertEqual(["h264,640", "aac,8000", "pcm_alaw,8000"], lines)
        finally:
            await self.house.close()
