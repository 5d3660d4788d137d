"""
A camera that is a puppet: it does what the bytes of an input say, or, where they say
nothing else, what cameras do.
"""

from __future__ import annotations

from enum import IntEnum

from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from fuzz.checks import check
from fuzz.choices import Choices
from twistedcam.errors import WireError
from twistedcam.testing import Address, MemoryHost
from twistedcam.trace import describe
from twistedcam.wire import dh, pppp
from twistedcam.wire.av import HEAD, MAGIC
from twistedcam.wire.cgi import CODES, Record
from twistedcam.wire.cipher import Cipher
from twistedcam.wire.deviceid import DeviceId
from twistedcam.wire.drw import DRW, Drw, DrwAck
from twistedcam.wire.header import HEADER
from twistedcam.wire.header import MAGIC as PPPP

UID = DeviceId("VSTB", 668515, "UZCPK")
OTHER = DeviceId("VSTB", 668516, "UZCPK")
LONG = DeviceId("VSTB", 668515, "UZCPK", b"\1\2\3\4")
CAMERA, PC = "192.0.2.7", "192.0.2.10"

#: Obfuscations: none, a known one, a private one.
CIPHERS = (Cipher(""), Cipher("vstarcam2018"), Cipher("nobody knows"))

MESSAGES: tuple[pppp.Message, ...] = (
    pppp.PunchPkt(UID),
    pppp.P2pRdy(UID),
    pppp.Alive(),
    pppp.AliveAck(),
    pppp.Close(),
    pppp.TryLanTcp(UID, bytes(24)),
    pppp.TryLanTcp(),
    pppp.LanTcpRdy(UID),
    pppp.PunchPkt(OTHER),
    pppp.P2pRdy(OTHER),
    pppp.PunchPkt(LONG),
    pppp.P2pRdy(LONG),
    pppp.LanSearch(),
    pppp.LanSearchExt(),
    pppp.CloseAck(),
    DrwAck(0, (0,)),
)

#: Texts of answers.
ANSWERS = (
    b"result= 0;\r\n",
    b'result= 0;\r\nvar result="ok";\r\n',
    b"result=-1;\r\n",
    b"result=-1;\r\nvar RecoveryLoginTime=1800;\r\n",
    b"result= 0;\r\nvar cgi=not support;\r\n",
    b"result= 0;\r\nvar current_users=5;\r\nvar max_support_users=4;\r\n",
    b'result= 0;\r\nvar alias="x";\r\nvar sdtotal=8;\r\nvar realdeviceid="Y";\r\n',
    b"\xff\xd8picture\xff\xd9",
)

#: Codes of answers; those beyond the list are drawn as they are.
_CODES = (*CODES.values(), 0, 0x6040, 0xFFFF)

#: An access unit with which a decoder can start, and one with which it cannot.
_PICTURES = (
    b"\0\0\0\1\x67\x42\0\x1e\x95\xa0\x50\x7c\x80\0\0\0\1\x68\xce\x3c\x80\0\0\0\1\x65\x88",
    b"\0\0\0\1\x41\x9a",
)


class Act(IntEnum):
    """What the puppet may do."""

    MESSAGE = 0
    BYTES = 1
    BENT = 2
    DATA = 3
    ANSWER = 4
    FRAME = 5
    ACKNOWLEDGE = 6
    REPORT = 7
    MANNERS = 8
    MOVE = 9
    GONE = 10


ACTS = tuple(Act)


class Puppet(DatagramProtocol):
    """
    The camera's ports.

    @ivar polite: does it answer searches, handshakes, pings and DRW as cameras do?
    """

    noisy = False
    transport: IUDPTransport | None = None

    def __init__(self, host: MemoryHost, cipher: Cipher, lanPort: bool = True) -> None:
        """
        @param lanPort: listen where cameras are searched, too.
        """
        self.polite = False
        self._host = host
        self._cipher = cipher
        self._client: Address = (PC, 1)
        self._indices = [0] * 8
        self._ports: list[IListeningPort] = []
        if lanPort:
            for number in (pppp.LAN_PORT, dh.DH_PORT):
                self._ports.append(host.listenUDP(number, _Door(self)))
        self._session = host.listenUDP(20000, self)

    def close(self) -> None:
        """Close the ports."""
        for port in (*self._ports, self._session):
            port.stopListening()

    def target(self, port: int) -> None:
        """Speak to this port of the client, until it tells another."""
        self._client = (PC, port)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """The client spoke: what it sends is in order."""
        if addr[0] != PC:
            return
        clear = self._cipher.decipher(datagram)
        describe(clear)
        if clear[:2] == b"DH":
            return
        try:
            message = pppp.decode(clear)
        except WireError:
            return  # under another key
        length = HEADER.size + int.from_bytes(clear[2:4], "big")
        check(len(clear) == length, f"not its true length: {clear!r}")
        self._client = addr
        if self.polite:
            self._answer(message)

    def searched(self, datagram: bytes, addr: Address) -> None:
        """The client asks who is there.  One that was gone is back, elsewhere."""
        if self.transport is None:
            self._session = self._host.listenUDP(0, self)
        self.datagramReceived(datagram, addr)

    def _answer(self, message: pppp.Message) -> None:
        match message:
            case pppp.LanSearch():
                self.send(pppp.encode(pppp.PunchPkt(UID)))
            case pppp.PunchPkt():
                self.send(pppp.encode(pppp.P2pRdy(UID)))
            case pppp.Alive():
                self.send(pppp.encode(pppp.AliveAck()))
            case Drw(channel=channel, index=index):
                self.send(pppp.encode(DrwAck(channel, (index,))))
            case _:
                pass

    def send(self, clear: bytes) -> None:
        """To the client, from the session port."""
        self._write(self._cipher.encipher(clear))

    def _write(self, datagram: bytes) -> None:
        if self.transport is None or not self._client[1]:
            return  # gone, or nobody to speak to
        try:
            self.transport.write(datagram, self._client)
        except OSError:
            pass  # no network

    def act(self, choices: Choices) -> None:
        """Do one thing."""
        match choices.one(ACTS):
            case Act.MESSAGE:
                self.send(pppp.encode(choices.one(MESSAGES)))
            case Act.BYTES:
                self.send(choices.blob())
            case Act.BENT:
                clear = bytearray(pppp.encode(choices.one(MESSAGES)))
                clear[choices.byte() % len(clear)] ^= choices.byte()
                self.send(bytes(clear))
            case Act.DATA:
                channel = choices.byte()
                index = self._index(channel, choices)
                self._drw(channel, index, choices.blob())
            case Act.ANSWER:
                text = choices.one(ANSWERS) + choices.blob()
                self._stream(0, Record(choices.one(_CODES), text).encode())
            case Act.FRAME:
                self._frame(choices)
            case Act.ACKNOWLEDGE:
                channel, first = choices.byte() & 7, choices.u16()
                count = choices.byte() & 63
                indices = tuple((first + i) & 0xFFFF for i in range(count))
                self.send(pppp.encode(DrwAck(channel, indices)))
            case Act.REPORT:
                ip = choices.one((CAMERA, "192.0.2.66", "nonsense"))
                uid = choices.one((UID.compact, OTHER.compact, "VE0000001X", "none"))
                user = choices.one(("", UID.compact, "\x1b[2J"))
                report = dh.DhReport(ip=ip, uid=uid, user=user, name="\u00e4")
                self._write(dh.encode(report))
            case Act.MANNERS:
                self.polite = choices.flag()
            case Act.MOVE:
                self._client = (PC, 49152 + choices.byte())
            case Act.GONE:
                # Whoever sends to a port that is closed is told so.
                self._session.stopListening()

    def _index(self, channel: int, choices: Choices) -> int:
        """The next index of a channel, or another one."""
        step = choices.byte()
        if step == 0xFF:
            return choices.u16()
        index = self._indices[channel & 7]
        # Mostly the next one; else some ahead, or behind.
        index += 0 if step < 0x80 else step - 0xC0
        self._indices[channel & 7] = (index + 1) & 0xFFFF
        return index & 0xFFFF

    def _frame(self, choices: Choices) -> None:
        kind, channel = choices.byte(), choices.one((1, 2))
        data = choices.one((*_PICTURES, b"")) + choices.blob()
        length = len(data) + choices.one((0, 0, 0, 1, 1000, 100_000, 0xFFFFFF))
        stamp = choices.u16(), choices.u32()
        state = choices.byte(), choices.byte()
        head = HEAD.pack(MAGIC, kind, 0, *stamp, 1, length, *bytes(8), *state)
        self._stream(channel, head + data)

    def _stream(self, channel: int, data: bytes) -> None:
        for start in range(0, len(data), 1000):
            index = self._indices[channel]
            self._indices[channel] = (index + 1) & 0xFFFF
            self._drw(channel, index, data[start : start + 1000])

    def _drw(self, channel: int, index: int, payload: bytes) -> None:
        """On whatever channel, of whatever length."""
        body = bytes((0xD1, channel)) + index.to_bytes(2, "big") + payload
        self.send(HEADER.pack(PPPP, DRW, len(body) & 0xFFFF) + body)


class _Door(DatagramProtocol):
    """A port at which the camera is searched."""

    noisy = False

    def __init__(self, puppet: Puppet) -> None:
        self._puppet = puppet

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        self._puppet.searched(datagram, addr)
