"""
Tests for what of the emulator there is for clients to recognise and refuse: the
relative that speaks JSON, and cameras that insist on TCP or answer from elsewhere.
"""

from __future__ import annotations

import json
from struct import pack, unpack_from
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.python.usage import UsageError

from twistedcam.cli.emulate import Emulate
from twistedcam.emulator import Doors, EmulatedCamera, Faults
from twistedcam.session.machine import Reason
from twistedcam.session.protocol import CameraSession
from twistedcam.wire import dh, pppp

from .lab import CAMERA, EVERYBODY, UID, Lab, LabCase, Socket
from .strategies import dear

PASSWORD = "6666"


def question(command: object, start: bytes = b"\x06\x0a\xa0\x80") -> bytes:
    """A command in the JSON dialect."""
    text = json.dumps(command).encode()
    return start + pack("<I", len(text)) + text


class RelativeTests(LabCase):
    """A camera that speaks JSON."""

    def setUp(self) -> None:
        """A session with it."""
        self.lab = Lab(dialect="json", password=PASSWORD)
        self.heard = b""
        self.session: CameraSession = self.lab.session()
        self.session.listen(0, self.hear)
        self.session.start()
        self.lab.network.advance(1)

    def hear(self, data: bytes) -> None:
        """What comes on the command channel."""
        self.heard += data

    def ask(self, data: bytes) -> list[tuple[bytes, Any]]:
        """The answers: how each starts, and what it says."""
        self.heard = b""
        self.session.write(0, data)
        self.lab.network.advance(1)
        answers = []
        while self.heard:
            start, length = unpack_from("<4sI", self.heard)
            answers.append((start, json.loads(self.heard[8 : 8 + length])))
            self.heard = self.heard[8 + length :]
        return answers

    def check(self, password: str) -> dict[str, Any]:
        """The command that checks the login."""
        return {"pro": "check_user", "cmd": 100, "user": "admin", "pwd": password}

    def test_checkUser(self) -> None:
        """A login is right or wrong; the answer has a head of its own."""
        ((start, answer),) = self.ask(question(self.check(PASSWORD)))
        self.assertEqual((b"\x06\x0a\xa1\x80", 0), (start, answer["result"]))
        ((start, answer),) = self.ask(question(self.check("wrong")))
        self.assertEqual(({"cmd": 100, "result": -1}), answer)

    def test_pieces(self) -> None:
        """Commands may come in pieces, and several at once."""
        both = question(self.check(PASSWORD)) + question({"pro": "x", "cmd": 101})
        self.assertEqual([], self.ask(both[:11]))
        starts = [start for start, _ in self.ask(both[11:])]
        self.assertEqual([b"\x06\x0a\xa1\x80", b"\x06\x0a\xa0\x80"], starts)

    def test_otherDialects(self) -> None:
        """It does not understand ours, and what makes no sense."""
        for nonsense in (
            b"\x01\x0a\0\0\x04\0\0\0GET ",
            question({"pro": "check_user"}),
            question({"cmd": 100}),
            question({"pro": 1, "cmd": 100}),
            question([]),
            b"\x06\x0a\xa0\x80\x02\0\0\0{]",
            b"\x06\x0a\xa0\x80\xff\xff\xff\xff",
        ):
            self.assertEqual([], self.ask(nonsense), nonsense)
        self.assertEqual(1, len(self.ask(question(self.check(PASSWORD)))))

    @dear
    @given(st.binary(max_size=64))
    def test_rubbish(self, rubbish: bytes) -> None:
        """Rubbish ends nothing."""
        self.ask(b"\x06\x0a\xa0\x80" + pack("<I", len(rubbish)) + rubbish)
        self.ask(rubbish)
        # What was begun ends here.
        self.ask(b"\xff" * 5000)
        self.assertEqual(1, len(self.ask(question(self.check(PASSWORD)))))

    def test_unknownToDh(self) -> None:
        """It does not answer DH."""
        socket = Socket(self.lab.pc)
        socket.say(dh.encode(dh.DhSearch()), (CAMERA, dh.DH_PORT))
        self.lab.network.advance(1)
        self.assertEqual([], socket.heard)

    def test_onSession(self) -> None:
        """Its sessions are told of like others."""
        seen: list[object] = []
        self.lab.emulated.onSession = seen.append
        self.lab.session().start()
        self.lab.network.advance(1)
        self.assertEqual(self.lab.emulated.sessions[-1:], seen)

    def test_noSuchDialect(self) -> None:
        """There are two dialects only."""
        doors = Doors(self.lab.host)
        self.assertRaises(
            ValueError, EmulatedCamera, self.lab.host, UID, doors=doors, dialect="x"
        )

    def test_option(self) -> None:
        """The command knows both."""
        command = Emulate()
        command.parseOptions([])
        self.assertEqual("cgi", command["dialect"])
        command = Emulate()
        command.parseOptions(["--dialect=JSON"])
        self.assertEqual("json", command["dialect"])
        self.assertRaises(UsageError, Emulate().parseOptions, ["--dialect=x"])


class MisfortuneTests(LabCase):
    """Cameras that cannot be had."""

    def test_tcpOnly(self) -> None:
        """It asks for TCP again and again, and there is never a session."""
        lab = Lab(faults=Faults(tcpOnly=True))
        session = lab.session()
        closed = session.whenClosed()
        session.start()
        reason = self.resultAfter(lab.network, 20, closed)
        self.assertEqual(Reason.INSISTS_ON_TCP, reason)
        self.assertEqual([], lab.emulated.sessions)
        asked = [
            one for one in lab.network.captured if one.payload[1] == pppp.TRY_LAN_TCP
        ]
        self.assertGreater(len(asked), 51)
        self.assertEqual(2, len(lab.host.ports))

    def test_tcpNoMore(self) -> None:
        """It may change its mind."""
        lab = Lab(faults=Faults(tcpOnly=True))
        session = lab.session()
        session.start()
        lab.network.callLater(0.2, setattr, lab.emulated, "faults", Faults())
        lab.network.advance(2)
        self.assertEqual(1, len(lab.emulated.sessions))

    def test_otherPort(self) -> None:
        """Reports come from a port where nobody was asked; it is closed in the end."""
        lab = Lab(faults=Faults(otherPort=True))
        socket = Socket(lab.pc)
        for _ in range(2):
            socket.say(dh.encode(dh.DhSearch()), (CAMERA, dh.DH_PORT))
            lab.network.advance(1)
        ports = {addr[1] for _, _, addr in socket.heard}
        self.assertEqual(4, len(socket.heard))
        self.assertEqual(1, len(ports))
        self.assertNotIn(dh.DH_PORT, ports)
        self.assertTrue(
            any(one.destination[0] == EVERYBODY for one in lab.network.captured)
        )
        socket.port.stopListening()
        lab.remove()
        self.assertNothingLeft(lab.network, lab.host, lab.pc)
