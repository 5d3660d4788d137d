"""
The HTTP server over real sockets, with real players.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import av
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.websocket import WebSocketClientEndpoint, WebSocketTransport

from twistedcam.restream.access import Access
from twistedcam.restream.web import WebConfig

from .webhouse import LOOPBACK, House


def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    """Status and body; in a thread."""
    try:
        with urlopen(Request(url, headers=headers), timeout=20) as response:
            return response.status, response.read()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def play(url: str, frames: int) -> dict[str, int]:
    """Play until so many pictures were decoded: what was; in a thread."""
    decoded: dict[str, int] = {}
    options = {"fflags": "nobuffer", "analyzeduration": "1000000"}
    with av.open(url, "r", timeout=20, options=options) as container:
        for frame in container.decode():
            kind = type(frame).__name__
            decoded[kind] = decoded.get(kind, 0) + 1
            if decoded.get("VideoFrame", 0) >= frames:
                break
    return decoded


class Viewer:
    """A WebSocket's client that notes what comes."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.pieces: list[bytes | bytearray] = []
        self.transport: WebSocketTransport | None = None
        self.enough: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def buildProtocol(self, url: str) -> Viewer:
        """It is its own factory."""
        return self

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        """Here it is."""
        self.transport = transport

    def negotiationFinished(self) -> None:
        """Fine."""

    def pongReceived(self, payload: bytes) -> None:
        """Fine."""

    def textMessageReceived(self, message: str) -> None:
        """The tracks."""
        self.texts.append(message)

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """A piece."""
        self.pieces.append(data)
        if len(self.pieces) == 20:
            self.enough.callback(None)

    def connectionLost(self, reason: Failure) -> None:
        """It is over."""
        self.lost.callback(None)


class LoopbackTests(TestCase):
    """Over TCP."""

    async def house(self, config: WebConfig | None = None) -> House:
        """Cameras that are up, and served."""
        from twisted.internet import reactor

        house = House(reactor, config)
        self.addCleanup(lambda: Deferred.fromCoroutine(house.close()))
        await house.up()
        return house

    async def test_files(self) -> None:
        """A player plays both kinds of files, with sound, of both codecs."""
        house = await self.house()
        playing = [
            deferToThread(play, f"{house.url}/cameras/{name}/{stream}", 20)
            for name in house.cameras
            for stream in ("stream.ts", "live.mp4")
        ]
        for decoded in await gatherResults(playing):
            self.assertGreaterEqual(decoded["VideoFrame"], 20)
            self.assertGreater(decoded["AudioFrame"], 3)

    async def test_pictures(self) -> None:
        """A player plays a row of pictures as well, and there are single ones."""
        house = await self.house()
        url = f"{house.url}/cameras/garden"
        decoded = await deferToThread(play, f"{url}/stream.mjpeg?fps=15", 10)
        self.assertEqual({"VideoFrame": 10}, decoded)
        for source in ("camera", "video"):
            status, body = await deferToThread(
                fetch, f"{url}/snapshot.jpg?from={source}"
            )
            self.assertEqual((200, b"\xff\xd8"), (status, body[:2]))

    async def test_socket(self) -> None:
        """WebSockets work over real sockets, too, and end with the server."""
        from twisted.internet import reactor

        house = await self.house()
        viewer = Viewer()
        url = house.url.replace("http", "ws") + "/cameras/garden/mse"
        endpoint = WebSocketClientEndpoint.new(reactor, url)
        await endpoint.connect(viewer)
        await viewer.enough
        self.assertIn("avc1", viewer.texts[0])
        self.assertIn(b"moov", viewer.pieces[0])
        await house.web.stopService()
        await viewer.lost
        house.web.startService()

    async def test_login(self) -> None:
        """A browser's first request is refused, its second is not."""
        access = Access("me", "geheim", "zeichen")
        endpoint = f"tcp:0:interface={LOOPBACK}"
        house = await self.house(WebConfig(endpoint=endpoint, access=access))
        url = f"{house.url}/cameras"
        self.assertEqual(401, (await deferToThread(fetch, url))[0])
        for ok in (f"{url}?token=zeichen", url):
            status, _ = await deferToThread(fetch, ok, Authorization="Bearer zeichen")
            self.assertEqual(200, status)

    async def test_nobodyReads(self) -> None:
        """Sockets that nobody reads neither hold up others nor the end."""
        from twisted.internet import reactor

        house = await self.house()
        address: Any = house.web.address
        deaf = []
        for path in ("stream.ts?sound=0", "stream.mjpeg?fps=15", "live.mp4?sound=0"):
            connection = socket.create_connection((LOOPBACK, address.port))
            self.addCleanup(connection.close)
            connection.sendall(
                f"GET /cameras/garden/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            )
            deaf.append(connection)
        decoded = await deferToThread(
            play, f"{house.url}/cameras/garden/stream.ts?sound=0", 5
        )
        self.assertEqual({"VideoFrame": 5}, decoded)
        await house.web.stopService()
        self.assertEqual([], house.web._connections.all())
        house.web.startService()
        await self.soon(reactor, lambda: house.web.address is not None)

    async def soon(self, reactor: Any, condition: Callable[[], bool]) -> None:
        """Wait for something."""
        while not condition():
            await deferLater(reactor, 0.01)
