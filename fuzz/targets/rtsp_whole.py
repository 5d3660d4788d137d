"""
The RTSP server with a camera behind it, and players that ask for anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IPushProducer, IUDPTransport
from twisted.internet.protocol import DatagramProtocol, connectionDone

from fuzz.checks import check, nothingLeft, nothingLogged
from fuzz.choices import Choices, Script
from fuzz.puppet import CAMERA, PC, UID
from twistedcam import Camera, Discovery
from twistedcam.emulator import Doors, EmulatedCamera
from twistedcam.restream.access import Access
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.rtsp.connection import Connection
from twistedcam.restream.rtsp.server import RtspServer
from twistedcam.testing import MemoryNetwork

_VIEWER = "192.0.2.20"
_DELAYS = (0.0, 0.01, 0.2, 1.0, 5.0, 11.0, 61.0)
_METHODS = (
    *("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN"),
    *("GET_PARAMETER", "SET_PARAMETER", "RECORD"),
)
_URLS = (
    *("rtsp://h/garden/video", "rtsp://h/garden/aac", "rtsp://h/garden/pcma"),
    *("rtsp://h/garden", "rtsp://h/garden/sub", "rtsp://h/garden/sub/video"),
    *("rtsp://h/nobody", "rtsp://h/garden?sound=pcma&token=battery", "*", "/"),
)
_TRANSPORTS = (
    *("", "RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;interleaved=2-3"),
    *("RTP/AVP/TCP", "RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP;multicast"),
    *("RTP/AVP/UDP;client_port=5002-5003", "RTP/AVP;client_port=7-9"),
)
_HEADERS = (
    *("", "Require: x", "Accept: text/html", "Session: 0123456789abcdef"),
    *("Authorization: Basic dmlld2VyOmhvcnNl", "Authorization: Basic eDp5"),
    *("Authorization: Digest x=y", "Content-Length: 3"),
)
_REPORT = bytes.fromhex("81c90007" + "00000001" + "00" * 24)

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")
_SESSION = re.compile(rb"\r\nSession: ([0-9a-f]+)")

#: Simulated seconds of one input at most, things that happen, and connections.
_SECONDS, _STEPS, _CONNECTIONS = 90.0, 100, 3


class Act(IntEnum):
    """What may happen."""

    REQUEST = 0
    BYTES = 1
    FRAME = 2
    TIME = 3
    FULL = 4
    DROP = 5
    CONNECT = 6
    CAMERA = 7
    DATAGRAM = 8
    REMOVE = 9


ACTS = tuple(Act)


class _Wire:
    """
    What a connection takes for its transport, as strict as a real one; and the player
    at its other end, who checks what he gets.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._protocol: Connection | None = None
        self._producer: IPushProducer | None = None
        self._losing = self.lost = self.full = False
        self._came = bytearray()
        self.session = ""
        self.number = 0

    def connect(self, protocol: Connection) -> None:
        """Begin."""
        self._protocol = protocol
        protocol.makeConnection(cast(Any, self))

    # What the server's side sees.

    def getPeer(self) -> IPv4Address:
        """See ITCPTransport."""
        return IPv4Address("TCP", _VIEWER, 40000)

    def getHost(self) -> IPv4Address:
        """See ITCPTransport."""
        return IPv4Address("TCP", PC, 8554)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """See ITCPTransport."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """See ITCPTransport."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """See IConsumer."""
        check(self._producer is None, "a second producer")
        self._producer = producer

    def unregisterProducer(self) -> None:
        """See IConsumer."""
        self._producer = None
        self._lose()

    def write(self, data: bytes) -> None:
        """See ITransport."""
        if not (self.lost or self._losing):
            check(isinstance(data, bytes), f"{type(data)} written")
            self._came += data
            self._read()

    def loseConnection(self) -> None:
        """See ITransport."""
        self._losing = True
        self._lose()

    def abortConnection(self) -> None:
        """See ITCPTransport."""
        self.full = False
        self._producer = None
        self.loseConnection()

    def _lose(self) -> None:
        # What is left has to be sent before.
        if self._losing and not self.full and self._producer is None:
            self._network.callLater(0, self.drop)

    # What the player does.

    def say(self, data: bytes) -> None:
        """Send something."""
        if self._protocol is not None and not self.lost:
            self._protocol.dataReceived(data)

    def take(self, some: bool) -> None:
        """Read on, or do not read any more."""
        if self.lost or self.full is not some:
            return
        self.full = not some
        if self._producer is not None:
            if self.full:
                self._producer.pauseProducing()
            else:
                self._producer.resumeProducing()
        self._lose()

    def drop(self) -> None:
        """Hang up."""
        if not self.lost and self._protocol is not None:
            self.lost = True
            if self._producer is not None:
                self._producer.stopProducing()
            self._protocol.connectionLost(connectionDone)

    def _read(self) -> None:
        """What comes is answers, and frames between them."""
        while self._came:
            if self._came[:1] == b"$":
                if len(self._came) < 4:
                    return
                length = 4 + int.from_bytes(self._came[2:4], "big")
            else:
                end = self._came.find(b"\r\n\r\n") + 4
                if end < 4:
                    check(self._came.startswith(b"RTSP/1.0 "), "no answer")
                    return
                head = bytes(self._came[:end])
                check(head.startswith(b"RTSP/1.0 "), f"no answer: {head!r}")
                check(not head.startswith(b"RTSP/1.0 500"), "an internal error")
                if match := _SESSION.search(head):
                    self.session = match[1].decode()
                body = _LENGTH.search(head)
                length = end + (int(body[1]) if body else 0)
            if len(self._came) < length:
                return
            del self._came[:length]


class _Player(DatagramProtocol):
    """A player's UDP port."""

    noisy = False
    transport: IUDPTransport

    def __init__(self) -> None:
        self.server: tuple[str, int] | None = None

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """A packet, or a report."""
        check(len(datagram) >= 8 and datagram[0] >> 6 == 2, "neither RTP nor RTCP")
        self.server = addr


class _Place:
    """A camera, a server, players."""

    def __init__(self, choices: Choices) -> None:
        how = choices.byte()
        self.network = network = MemoryNetwork(captureLimit=0)
        self.house = network.host("camera", f"{CAMERA}/24", defaultRoute=True)
        self.pc = network.host("pc", f"{PC}/24")
        viewer = network.host("viewer", f"{_VIEWER}/24")
        self.doors = Doors(self.house)
        self.doors.open()
        codec = ("h264", "h265", "mjpeg", "h264")[how & 3]
        self.emulated = EmulatedCamera(
            self.house, UID, doors=self.doors, codec=codec, fps=3
        )
        self.emulated.start()
        self.discovery = Discovery(self.pc, interfaces=self.pc.interfaces)
        self.camera = Camera(
            self.pc,
            deviceId=UID,
            address=CAMERA,
            pinAddress=True,
            password="888888",
            name="garden",
            discovery=self.discovery,
            dice=Random(1),
        )
        self.camera.connect().addErrback(lambda _: None)
        if how & 4:
            network.advance(1)
        access = Access("viewer", "horse", "battery") if how & 8 else Access()
        self.cameras = {"garden": self.camera}
        self.broadcasts = Broadcasts(self.pc)
        fleet: Any = SimpleNamespace(cameras=self.cameras)
        self.server = RtspServer(self.pc, fleet, access, self.broadcasts)
        self.players = [_Player() for _ in range(4)]
        for number, player in enumerate(self.players[: how >> 4 & 7], 5000):
            viewer.listenUDP(number, player)
        self.wires: list[_Wire] = []
        self.connect()

    def connect(self) -> None:
        """One more player comes."""
        protocol = self.server.buildProtocol(None)
        assert isinstance(protocol, Connection)
        wire = _Wire(self.network)
        wire.connect(protocol)
        self.wires.append(wire)

    def step(self, choices: Choices) -> None:
        """Something happens."""
        act = choices.one(ACTS)
        wire = self.wires[choices.byte() % len(self.wires)]
        match act:
            case Act.REQUEST:
                wire.say(self.request(wire, choices))
            case Act.BYTES:
                wire.say(choices.blob())
            case Act.FRAME:
                data = choices.one((_REPORT, b"")) + choices.blob()
                channel = choices.byte()
                wire.say(b"$%c%b%b" % (channel, len(data).to_bytes(2, "big"), data))
            case Act.TIME:
                self.network.advance(choices.one(_DELAYS))
            case Act.FULL:
                wire.take(choices.flag())
            case Act.DROP:
                wire.drop()
            case Act.CONNECT:
                if len(self.wires) < _CONNECTIONS:
                    self.connect()
            case Act.CAMERA:
                self.emulated.reboot(choices.one(_DELAYS))
            case Act.DATAGRAM:
                player = choices.one(self.players)
                data = choices.one((_REPORT, b"")) + choices.blob()
                if player.server is not None:
                    player.transport.write(data, player.server)
            case Act.REMOVE:
                self.cameras.pop("garden", None)
                self.server.fleetChanged()
        self.network.advance(0.001)

    def request(self, wire: _Wire, choices: Choices) -> bytes:
        """Something that a player may ask for."""
        wire.number += 1
        lines = [f"{choices.one(_METHODS)} {choices.one(_URLS)} RTSP/1.0"]
        lines.append(f"CSeq: {wire.number}")
        if transport := choices.one(_TRANSPORTS):
            lines.append(f"Transport: {transport}")
        if header := choices.one(_HEADERS):
            lines.append(header)
        elif wire.session:
            lines.append(f"Session: {wire.session}")
        return "\r\n".join([*lines, "", ""]).encode() + choices.blob()

    def end(self) -> None:
        """Everybody goes, and nothing is left."""
        gone = self.server.hangUp()
        self.network.advance(3)
        check(bool(gone.called), "connections are left")
        check(all(wire.lost for wire in self.wires), "somebody still holds the line")
        check(self.server.sessions == 0, "sessions are left")
        check(self.broadcasts.audience(self.camera) == 0, "somebody still watches")
        self.camera.disconnect()
        self.network.advance(2)
        self.discovery.stop()
        self.emulated.stop()
        self.doors.close()
        self.network.advance(1)
        nothingLeft(self.network, self.pc, self.house)


def target(data: bytes) -> None:
    """It answers in RTSP, never fails, and frees everything."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    place = _Place(choices)
    for _ in range(_STEPS):
        if not choices or place.network.seconds() > _SECONDS:
            break
        place.step(choices)
    place.end()


def seeds() -> Iterator[bytes]:
    """Players, good and bad."""

    def ask(script: Script, *what: int) -> None:
        script.byte(Act.REQUEST, 0, *what).blob(b"")

    for how in (4, 5, 6, 0x24, 0x44):
        udp = how > 16
        talk = Script(how)
        ask(talk, 0, 3, 0, 0)
        ask(talk, 1, 3, 0, 0)
        talk.byte(Act.TIME, 0, 3)
        ask(talk, 2, 0, 4 if udp else 1, 0)
        ask(talk, 2, 2, 6 if udp else 2, 0)
        ask(talk, 3, 3, 0, 0)
        talk.byte(Act.TIME, 0, 3, Act.FRAME, 0, 0).blob(b"").byte(1)
        talk.byte(Act.DATAGRAM, 0, 0, 1).blob(b"").byte(Act.TIME, 0, 4)
        ask(talk, 4, 3, 0, 0)
        ask(talk, 3, 3, 0, 0)
        talk.byte(Act.FULL, 0, 0, Act.TIME, 0, 4, Act.FULL, 0, 1, Act.TIME, 0, 2)
        ask(talk, 6, 3, 0, 0)
        yield talk.done()
        ask(talk, 5, 3, 0, 0)
        yield talk.byte(Act.DROP, 0).done()
        yield talk.byte(Act.CONNECT, 0, Act.REQUEST, 1, 1, 3, 0, 0).done()
    locked = Script(12)
    for header in (0, 5, 6, 4):
        ask(locked, 1, 3, 0, header)
        locked.byte(Act.TIME, 0, 3)
    ask(locked, 1, 7, 0, 0)
    yield locked.byte(Act.REMOVE, 0).done()
    away = Script(0)
    ask(away, 1, 3, 0, 0)
    yield away.byte(Act.TIME, 0, 5, Act.CAMERA, 0, 4, Act.TIME, 0, 5).done()
    yield Script(4, Act.BYTES, 0).blob(b"GET / HTTP/1.0\r\n\r\n").done()
    yield Script(4, Act.BYTES, 0).blob(b"OPTIONS *").byte(Act.TIME, 0, 5).done()
