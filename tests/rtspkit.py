"""
Players made of a few lines, for the tests of RTSP: in memory, and over real sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import unpack_from
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from twistedcam import Camera, Fleet
from twistedcam.emulator.clips import clip
from twistedcam.media.codec import nalUnits
from twistedcam.media.rtp import HEAD
from twistedcam.restream.access import Access
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.rtsp.connection import Connection
from twistedcam.restream.rtsp.message import Interleaved, Request
from twistedcam.restream.rtsp.server import RtspServer

from .lab import PC, Lab, LabCase
from .test_media_rtp import units

#: Where the player is, and how it calls the server.
PLAYER = "192.0.2.20"
URL = f"rtsp://{PC}:8554/garden"
PASSWORD = "888888"


class Wire(StringTransport):
    """A connection whose other end is the test."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """As you like."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As you like."""


@dataclass(frozen=True)
class Answer:
    """What a server answers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def get(self, name: str) -> str:
        """The header of that name."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) == 1, (name, self.headers)
        return found[0]

    def all(self, name: str) -> list[str]:
        """All headers of that name."""
        return [value for key, value in self.headers if key == name]


def parse(data: bytes) -> tuple[list[Answer | Interleaved], bytes]:
    """What a server says, and what is left that is not complete."""
    found: list[Answer | Interleaved] = []
    while data:
        if data[:1] == b"$":
            length = int.from_bytes(data[2:4], "big")
            if len(data) < 4 + length:
                break
            found.append(Interleaved(data[1], data[4 : 4 + length]))
            data = data[4 + length :]
            continue
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            break
        first, *lines = head.decode().split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "RTSP/1.0", first
        headers = tuple(
            (name, value) for name, _, value in (line.partition(": ") for line in lines)
        )
        length = int(dict(headers).get("Content-Length", "0"))
        if len(rest) < length:
            break
        found.append(Answer(int(status), headers, rest[:length]))
        data = rest[length:]
    return found, data


@dataclass
class Stream:
    """
    The packets of one track, as they came.

    @ivar packets: RTP.
    @ivar reports: RTCP.
    """

    packets: list[bytes] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """Their numbers."""
        return [unpack_from(">H", packet, 2)[0] for packet in self.packets]

    @property
    def stamps(self) -> list[int]:
        """Their time stamps."""
        return [unpack_from(">I", packet, 4)[0] for packet in self.packets]

    @property
    def senders(self) -> set[int]:
        """Who sent them."""
        return {unpack_from(">I", packet, 8)[0] for packet in self.packets}

    @property
    def hasHoles(self) -> bool:
        """Is a number missing?"""
        numbers = self.numbers
        due = [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))]
        return numbers != due

    def pictures(self) -> list[tuple[bytes, ...]]:
        """H.264: the NAL units of each picture, put together."""
        found, packets = [], []
        for packet in self.packets:
            packets.append(packet)
            if packet[1] & 0x80:
                found.append(tuple(unit.rstrip(b"\0") for unit in units(packets)))
                packets = []
        return found

    def payload(self) -> bytes:
        """All payloads together."""
        return b"".join(packet[HEAD:] for packet in self.packets)


def film(name: str = "h264-main") -> list[tuple[bytes, ...]]:
    """The NAL units of each picture of a clip."""
    return [tuple(nalUnits(frame)) for frame in clip(name).frames]


def places(pictures: Iterable[tuple[bytes, ...]], name: str = "h264-main") -> list[int]:
    """Which pictures of the clip these are."""
    known = {units: place for place, units in enumerate(film(name))}
    return [known[picture] for picture in pictures]


class Player:
    """
    A player in memory.

    @ivar transport: what the server writes to.
    @ivar connection: the server's end.
    @ivar streams: what came, by channel.
    @ivar session: what the server calls the session.
    """

    def __init__(self, server: RtspServer, address: str = PLAYER) -> None:
        """Connect."""
        peer = IPv4Address("TCP", address, 50000)
        connection = server.buildProtocol(peer)
        assert isinstance(connection, Connection)
        self.connection = connection
        self.transport = Wire(IPv4Address("TCP", PC, 8554), peer)
        self.streams: dict[int, Stream] = {}
        self.session = ""
        self.url = URL
        self._number = 0
        self._rest = b""
        self._answers: list[Answer] = []
        connection.makeConnection(self.transport)

    @property
    def closed(self) -> bool:
        """Has the server hung up?"""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    def request(
        self, method: str, path: str = "", body: bytes = b"", **headers: str
    ) -> bytes:
        """A request; underscores in names of headers are hyphens."""
        self._number += 1
        headers.setdefault("CSeq", str(self._number))
        if self.session:
            headers.setdefault("Session", self.session)
        given = tuple((k.replace("_", "-"), v) for k, v in headers.items() if v)
        uri = path if "://" in path or path == "*" else self.url + path
        return Request(method, uri, given, body).toBytes()

    def send(self, data: bytes) -> None:
        """Say something."""
        self.connection.dataReceived(data)

    def receive(self) -> list[Answer]:
        """The answers that have come; packets are put aside."""
        found, self._rest = parse(self._rest + self.transport.value())
        self.transport.clear()
        answers = []
        for message in found:
            if isinstance(message, Answer):
                answers.append(message)
            else:
                stream = self.streams.setdefault(message.channel & ~1, Stream())
                isReport = message.channel & 1
                (stream.reports if isReport else stream.packets).append(message.data)
        return answers

    def ask(self, method: str, path: str = "", **more: Any) -> Answer:
        """Ask, and have the answer at once."""
        self.send(self.request(method, path, **more))
        (answer,) = self.receive()
        assert answer.get("CSeq") == str(self._number)
        return answer

    def setUp(self, *tracks: str) -> None:
        """Set up tracks in the connection, on channels 0, 2..."""
        for number, track in enumerate(tracks):
            channels = f"{2 * number}-{2 * number + 1}"
            answer = self.ask(
                "SETUP", f"/{track}", Transport=f"RTP/AVP/TCP;interleaved={channels}"
            )
            assert answer.status == 200, answer
            self.session = answer.get("Session").partition(";")[0]

    def play(self, *tracks: str) -> Answer:
        """Set up, and play."""
        self.setUp(*(tracks or ("video",)))
        self.send(self.request("PLAY"))
        (answer,) = self.receive()
        assert answer.status == 200, answer
        return answer

    def lose(self) -> None:
        """The connection breaks, or is closed."""
        if self.transport.producer is not None:
            self.transport.producer.stopProducing()
        self.connection.connectionLost(Failure(ConnectionError()))


class RtspCase(LabCase):
    """A camera, a server, and players, in memory."""

    access = Access()

    def setUp(self) -> None:
        """The camera is up."""
        self.build()

    def build(self, **how: Any) -> None:
        """
        @param how: for L{Lab}.
        """
        how.setdefault("fps", 15)
        self.lab = Lab(**how)
        self.network = self.lab.network
        self.camera = self.lab.camera(
            name="garden", title="The garden", password=PASSWORD
        )
        self.fleet = Fleet(self.lab.discovery, [self.camera])
        self.broadcasts = Broadcasts(self.lab.pc)
        self.server = RtspServer(self.lab.pc, self.fleet, self.access, self.broadcasts)
        self.fleet.onChanged(self.server.fleetChanged)
        self.fleet.startService()
        self.network.advance(2)
        self.players: list[Player] = []

    def player(self, address: str = PLAYER) -> Player:
        """A new one."""
        player = Player(self.server, address)
        self.players.append(player)
        return player

    def describe(self, player: Player, path: str = "", **more: Any) -> Answer:
        """Ask for a description, and wait for it."""
        player.send(player.request("DESCRIBE", path, **more))
        for _ in range(150):
            answers = player.receive()
            if answers:
                return answers[0]
            self.network.advance(0.1)
        raise AssertionError("no answer")

    def advance(self, seconds: float) -> None:
        """Time goes by; players take what comes."""
        for _ in range(round(seconds * 10)):
            self.network.advance(0.1)
            for player in self.players:
                for answer in player.receive():
                    raise AssertionError(f"nobody asked for {answer}")

    def end(self) -> None:
        """All is over, and nothing is left."""
        for player in self.players:
            if player.connection in self.server.connections:
                player.lose()
        self.network.advance(1)
        self.assertEqual(set(), self.server.connections)
        self.assertEqual(0, len(self.server._shared.world.sounds))
        self.assertEqual(0, self.broadcasts.audience(self.camera))
        stopped: Deferred[None] = self.fleet.stopService()
        self.resultAfter(self.network, 8, stopped)
        self.lab.remove()
        self.assertNothingLeft(self.network, self.lab.pc, self.lab.host)

    def cameras(self) -> dict[str, Camera]:
        """Those of the fleet."""
        return self.fleet.cameras
