"""
The emulated camera, and clients that send anything at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from fuzz.checks import check, nothingLeft, nothingLogged
from fuzz.choices import Choices, Script
from fuzz.puppet import CAMERA, CIPHERS, MESSAGES, PC, UID
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Doors, EmulatedCamera, Faults
from twistedcam.emulator.camera import CGI, JSON
from twistedcam.emulator.firmware import MAX_LIBRARY_SESSIONS
from twistedcam.emulator.table import names
from twistedcam.testing import Address, MemoryNetwork
from twistedcam.wire import dh, pppp
from twistedcam.wire.cgi import MAX_COMMAND, Record
from twistedcam.wire.cipher import Cipher
from twistedcam.wire.drw import DRW, HEAD, Drw, DrwAck
from twistedcam.wire.header import MAGIC

_DELAYS = (0.0, 0.001, 0.01, 0.05, 0.25, 1.0, 4.0, 8.0)
_FIRMWARE = (FIRMWARE_A, FIRMWARE_B)
_COMMANDS = sorted(names(FIRMWARE_A) | names(FIRMWARE_B))
_LOGIN = b"loginuse=admin&loginpas=888888"

#: What another dialect says.
_RELATIVE = (
    b'{"pro":"check_user","cmd":100,"user":"admin","pwd":"888888"}',
    b'{"pro":"x","cmd":1,"pwd":"\\u00e4\\ud83d"}',
    b'{"pro":"x","cmd":1,"pwd":[1.5,null]}',
    b"",
)

#: Simulated seconds of one input at most, and things that happen: while somebody
#: watches, each costs the work of a camera.
_SECONDS, _STEPS = 20.0, 150


class Act(IntEnum):
    """What may happen."""

    SEARCH = 0
    SHAKE = 1
    MESSAGE = 2
    BYTES = 3
    BENT = 4
    DATA = 5
    COMMAND = 6
    ACKNOWLEDGE = 7
    TIME = 8
    DH = 9
    REBOOT = 10
    SWITCH = 11
    TELL = 12
    WEATHER = 13
    MANNERS = 14
    JSON = 15


ACTS = tuple(Act)


class _Client(DatagramProtocol):
    """
    One client.

    @ivar camera: the port of the camera that spoke last.
    """

    noisy = False
    transport: IUDPTransport

    def __init__(self, cipher: Cipher) -> None:
        self.cipher = cipher
        self.camera: Address = (CAMERA, pppp.LAN_PORT)
        self.polite = False
        self.indices = [0] * 8

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """The camera spoke: in order, as always."""
        clear = self.cipher.decipher(datagram)
        if datagram[:2] == b"DH" or clear[:1] != bytes((MAGIC,)):
            return
        length = 4 + int.from_bytes(clear[2:4], "big")
        check(len(clear) == length, f"not its true length: {clear!r}")
        self.camera = addr
        message = pppp.decode(clear)
        if self.polite and isinstance(message, Drw):
            self.send(pppp.encode(DrwAck(message.channel, (message.index,))))

    def send(self, clear: bytes, to: Address | None = None) -> None:
        """To the camera's session, or elsewhere."""
        self.transport.write(self.cipher.encipher(clear), to or self.camera)

    def drw(self, channel: int, index: int, payload: bytes) -> None:
        """On whatever channel."""
        length = len(payload) + 4
        head = HEAD.pack(MAGIC, DRW, length & 0xFFFF, 0xD1, channel, index & 0xFFFF)
        self.send(head + payload)


class _House:
    """A camera and its clients."""

    def __init__(self, choices: Choices) -> None:
        how = choices.byte()
        psk = ("", "vstarcam2018", "nobody knows")[how % 3]
        self.network = MemoryNetwork(captureLimit=0)
        self.host = self.network.host("camera", f"{CAMERA}/24", defaultRoute=True)
        pc = self.network.host("pc", f"{PC}/24")
        self.doors = Doors(self.host)
        self.doors.open()
        self.camera = EmulatedCamera(
            self.host,
            UID,
            doors=self.doors,
            firmware=_FIRMWARE[how >> 7],
            psk=psk,
            fps=5,
            dialect=JSON if how & 64 else CGI,
        )
        self.camera.start()
        self.clients = [_Client(CIPHERS[how % 3]) for _ in range(6)]
        for client in self.clients:
            pc.listenUDP(0, client)
        self.running = True

    def step(self, choices: Choices) -> None:
        """Something happens."""
        act = choices.one(ACTS)
        client = self.clients[choices.byte() % len(self.clients)]
        match act:
            case Act.SEARCH:
                client.send(pppp.encode(pppp.LanSearch()), (CAMERA, pppp.LAN_PORT))
            case Act.SHAKE:
                client.send(pppp.encode(pppp.LanSearch()), (CAMERA, pppp.LAN_PORT))
                self.network.advance(0.1)
                client.send(pppp.encode(pppp.PunchPkt(UID)))
                self.network.advance(choices.one(_DELAYS))
            case Act.MESSAGE:
                client.send(pppp.encode(choices.one(MESSAGES)))
            case Act.BYTES:
                port = choices.one((dh.DH_PORT, pppp.LAN_PORT, client.camera[1]))
                client.transport.write(choices.blob(), (CAMERA, port))
            case Act.BENT:
                bent = bytearray(pppp.encode(choices.one(MESSAGES)))
                bent[choices.byte() % len(bent)] ^= choices.byte()
                client.send(bytes(bent))
            case Act.DATA:
                channel, step = choices.byte(), choices.byte()
                index = client.indices[channel & 7] + (step if step < 128 else 0)
                client.indices[channel & 7] = (index + 1) & 0xFFFF
                client.drw(
                    channel, index - 60 if step == 255 else index, choices.blob()
                )
            case Act.COMMAND:
                self.command(client, choices)
            case Act.ACKNOWLEDGE:
                channel, first = choices.byte() & 7, choices.u16()
                indices = ((first + i) & 0xFFFF for i in range(choices.byte() & 63))
                client.send(pppp.encode(DrwAck(channel, tuple(indices))))
            case Act.TIME:
                self.network.advance(choices.one(_DELAYS))
            case Act.DH:
                kind = choices.one((b"DH\1\1", b"DH\5\1", b"DH\2\1", b"DH"))
                client.transport.write(kind + choices.blob(), (CAMERA, dh.DH_PORT))
            case Act.REBOOT:
                self.camera.reboot(choices.one(_DELAYS))
            case Act.SWITCH:
                self.camera.stop() if self.running else self.camera.start()
                self.running = not self.running
            case Act.TELL:
                self.camera.alarm(choices.byte())
                self.camera.pushStatus()
                self.camera.setClock(choices.byte() - 128)
            case Act.WEATHER:
                chance = choices.byte() / 255
                slow = choices.one(_DELAYS)
                self.camera.faults = Faults(1, chance, chance, chance, slow, slow=slow)
            case Act.MANNERS:
                client.polite = choices.flag()
            case Act.JSON:
                text = choices.one(_RELATIVE) + choices.blob()
                size = len(text).to_bytes(4, "little")
                client.drw(0, client.indices[0], b"\x06\x0a\xa0\x80" + size + text)
                client.indices[0] = (client.indices[0] + 1) & 0xFFFF
        self.network.advance(0.001)
        sessions = len(self.camera.sessions)
        check(sessions <= MAX_LIBRARY_SESSIONS, f"{sessions} sessions")
        ports = len(self.host.ports)
        check(ports <= 2 + 2 * (16 + MAX_LIBRARY_SESSIONS) + 8, f"{ports} ports")

    def command(self, client: _Client, choices: Choices) -> None:
        """A command, with or without a login."""
        name, parameters = choices.one(_COMMANDS).encode(), choices.blob()
        login = choices.one((_LOGIN, b"loginuse=admin&loginpas=x", b""))
        text = b"GET /%b.cgi?%b&%b" % (name, parameters, login)
        record = Record(0, text[: MAX_COMMAND + 1]).encode(version=0)
        for start in range(0, len(record), 1000):
            client.drw(0, client.indices[0], record[start : start + 1000])
            client.indices[0] = (client.indices[0] + 1) & 0xFFFF

    def end(self) -> None:
        """Switch it off, and look whether anything is left."""
        self.camera.stop()
        self.doors.close()
        self.network.advance(30)
        check(not self.camera.sessions, "sessions are left")
        nothingLeft(self.network, self.host)


def target(data: bytes) -> None:
    """It never raises, is overrun by nobody, and leaves nothing behind."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    house = _House(choices)
    for _ in range(_STEPS):
        if not choices or house.network.seconds() > _SECONDS:
            break
        house.step(choices)
    house.end()


def seeds() -> Iterator[bytes]:
    """Good clients, crowds, and bad ones."""
    for how in (0, 1, 2, 128, 129, 130):
        talk = Script(how, Act.MANNERS, 0, 1, Act.SHAKE, 0, 4)
        for parameters in (b"a=1", b"streamid=10&substream=0", b"name=x%20y&alias=z"):
            talk.byte(Act.COMMAND, 0, 3).blob(parameters).byte(0)
            talk.byte(Act.COMMAND, 0, _COMMANDS.index("livestream")).blob(parameters)
            talk.byte(0, Act.TIME, 0, 5)
        talk.byte(Act.TELL, 0, 1, 2, Act.ACKNOWLEDGE, 0, 0).u16(3).byte(5)
        yield talk.byte(Act.MESSAGE, 0, 4, Act.TIME, 0, 5).done()
    for place, name in enumerate(_COMMANDS):
        one = Script((place & 1) << 7, Act.SHAKE, 0, 4, Act.COMMAND, 0, place)
        value = {
            "del_file": b"name=x",
            "livestream": b"streamid=4",
            "set_alias": b"alias=garden",
            "set_datetime": b"now=1800000000&tz=-3600",
            "set_users": b"user3=admin&pwd3=888888&user1=x",
            "set_rtsp": b"rtspuser=x&rtsppwd=y&rtspenable=1",
            "set_mail": b"svr=x&user=y&receiver1=z",
        }
        yield one.blob(value.get(name, b"param=1&value=2&cmd=2109")).byte(0).done()
    turns = Script(0, Act.SHAKE, 0, 4)
    control, string = map(_COMMANDS.index, ("decoder_control", "trans_cmd_string"))
    for code in (0, 4, 30, 31, 22, 25, 28, 26, 62, 22, 21, 99, 1):
        turns.byte(Act.COMMAND, 0, control).blob(b"command=%d" % code).byte(0)
        turns.byte(Act.TIME, 0, 4)
    for asked in (b"cmd=2109&command=0&light=1", b"cmd=2109&command=2", b"cmd=2101"):
        turns.byte(Act.COMMAND, 0, string).blob(asked).byte(0)
    yield turns.done()
    for kind in range(4):
        relative = Script(64, Act.MANNERS, 0, 1, Act.SHAKE, 0, 4, Act.JSON, 0, kind)
        yield relative.blob(b"").byte(Act.TIME, 0, 5).done()
    crowd = Script(128)
    for client in range(6):
        crowd.byte(Act.SHAKE, client, 4)
    yield crowd.byte(Act.TIME, 0, 7, Act.SWITCH, 0, Act.SWITCH, 0, Act.SEARCH, 1).done()
    yield Script(0, *crowd.done()[1:], Act.REBOOT, 0, 5, Act.TIME, 0, 7).done()
    storm = Script(0, Act.WEATHER, 0, 100, 2, Act.SHAKE, 0, 4, Act.DH, 0, 0)
    storm.blob(b"").byte(Act.DH, 0, 1).blob(b"xyz").byte(Act.DATA, 0, 0, 3)
    storm.blob(b"x" * 50).byte(Act.DATA, 0, 9, 0).blob(b"x").byte(Act.TIME, 0, 7)
    yield storm.byte(Act.BENT, 0, 0, 5, 5, Act.BYTES, 0, 2).blob(b"\xf1\xd0").done()
