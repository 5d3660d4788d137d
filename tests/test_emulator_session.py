"""
An emulated session's engine, seen by a client that knows nothing but bytes.
"""

from __future__ import annotations

from struct import pack

from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Session
from twistedcam.errors import WireError

from .test_emulator import ALIVE, ALIVE_ACK, CLOSE, PUNCH, READY, Bench, Caller


def drw(channel: int, index: int, payload: bytes = b"x") -> bytes:
    """A DRW datagram."""
    return pack(">BBHBBH", 0xF1, 0xD0, 4 + len(payload), 0xD1, channel, index) + payload


def ack(channel: int, *indices: int) -> bytes:
    """A DRW_ACK datagram."""
    count = len(indices)
    head = pack(">BBHBBH", 0xF1, 0xD1, 4 + 2 * count, 0xD1, channel, count)
    return head + pack(f">{count}H", *indices)


class SessionTests(Bench):
    """What both firmwares do alike, with the newer one."""

    #: Seconds of silence before an ALIVE.
    second = 1.025

    def setUp(self) -> None:
        super().setUp()
        self.caller_ = self.connect()
        (self.session,) = self.camera.sessions
        # The client's first words, so that P2P_RDY is not repeated.
        self.say(drw(0, 0))
        self.network.advance(0.05)
        self.caller_.take()

    def say(self, *datagrams: bytes) -> None:
        """The client sends these."""
        for datagram in datagrams:
            self.caller_.say(datagram)
        self.network.advance(0.0003)

    def heard(self) -> list[bytes]:
        """What the client has heard since the last time."""
        return self.caller_.take()

    def assertUp(self) -> None:
        """The session is still there."""
        self.assertEqual([self.session], self.camera.sessions)

    def assertEnded(self, *last: bytes) -> None:
        """The session is gone, after these last words."""
        self.network.advance(0.001)
        self.assertEqual(list(last), self.heard())
        self.assertEqual([], self.camera.sessions)
        self.assertEqual(2, len(self.host.ports))
        self.assertEqual([], list(self.network.getDelayedCalls()))

    def test_aliveAnswered(self) -> None:
        """ALIVE is answered at once."""
        self.say(ALIVE)
        self.assertEqual([ALIVE_ACK], self.heard())

    def test_aliveAfterSilence(self) -> None:
        """After a second of silence comes an ALIVE, and so on each second."""
        self.say(drw(0, 1))
        start = self.network.seconds()
        for _ in range(5):
            self.network.advance(0.9)
            self.say(ALIVE_ACK)
        times = [t - start for t in self.caller_.times(ALIVE)]
        self.assertEqual(4, len(times))
        for number, time in enumerate(times, 1):
            self.assertAlmostEqual(number * self.second, time, 2)

    def test_aliveDoesNotPutOff(self) -> None:
        """ALIVE and ALIVE_ACK of the client do not put off the camera's ALIVE."""
        self.say(drw(0, 1))
        for _ in range(11):
            self.network.advance(0.1)
            self.say(ALIVE, ALIVE_ACK)
        self.assertEqual(1, self.heard().count(ALIVE))

    def test_dataPutsOff(self) -> None:
        """DRW, DRW_ACK and 0xD8 put it off."""
        for datagram in (drw(0, 1), ack(0, 9), b"\xf1\xd8\0\0"):
            for _ in range(5):
                self.say(datagram)
                self.network.advance(0.5)
            self.assertNotIn(ALIVE, self.heard())

    def test_unknownTypes(self) -> None:
        """Unknown types neither put it off nor count as a sign of life."""
        self.say(drw(0, 1))
        for _ in range(80):
            self.say(b"\xf1\x99\0\0", b"\xf1\xf1\0\0", READY)
            self.network.advance(0.1)
        self.assertEqual([*[ALIVE] * 6, CLOSE], self.heard()[1:])

    def test_silent(self) -> None:
        """When a seventh ALIVE would be due in vain, the session ends."""
        self.say(drw(0, 1))
        self.network.advance(7 * self.second - 0.01)
        self.assertUp()
        self.assertEqual([ALIVE] * 6, self.heard()[1:])
        self.network.advance(0.02)
        self.assertEnded(CLOSE)

    def test_signsOfLife(self) -> None:
        """Any packet of the session sets the count of unanswered ALIVE back."""
        for datagram in (ALIVE, ALIVE_ACK, drw(0, 1), ack(0, 1), b"\xf1\xd8\0\1x"):
            self.network.advance(6.1)
            self.say(datagram)
            self.assertUp()
        self.network.advance(5)
        self.assertUp()

    def test_close(self) -> None:
        """CLOSE ends it at once and is not answered."""
        self.say(CLOSE)
        self.assertEnded()

    def test_closedByCamera(self) -> None:
        """The camera says CLOSE, once, when it ends a session."""
        self.session.close()
        self.session.close()
        self.assertEnded(CLOSE)

    def test_channelTooHigh(self) -> None:
        """A DRW on channel 8 ends it."""
        self.say(drw(8, 0))
        self.assertEnded(CLOSE)

    def test_ackChannelTooHigh(self) -> None:
        """A DRW_ACK on channel 8 ends it."""
        self.say(ack(8, 0))
        self.assertEnded(CLOSE)

    def test_tooManyAcks(self) -> None:
        """81 indices in a DRW_ACK are borne, 82 end it."""
        self.say(ack(1, *range(81)))
        self.assertUp()
        self.say(ack(1, *range(82)))
        self.assertEnded(CLOSE)

    def test_highestChannel(self) -> None:
        """Channel 7 is a channel."""
        self.say(drw(7, 0), ack(7, 0))
        self.network.advance(0.011)
        self.assertEqual([ack(7, 0)], self.heard())

    def test_ackedNextTick(self) -> None:
        """DRWs are acknowledged together, per channel, with the next tick."""
        self.say(drw(0, 1), drw(0, 2), drw(3, 0), drw(0, 2))
        self.assertEqual([], self.heard())
        self.network.advance(0.010)
        self.assertEqual([ack(0, 1, 2, 2), ack(3, 0)], self.heard())
        self.network.advance(0.1)
        self.assertEqual([], self.heard())

    def test_ackedAtOnce(self) -> None:
        """As soon as 17 wait on a channel they are acknowledged."""
        self.say(*[drw(3, index) for index in range(17)])
        self.assertEqual([ack(3, *range(17))], self.heard())
        self.network.advance(0.1)
        self.assertEqual([], self.heard())

    def test_emptyDrw(self) -> None:
        """A DRW without payload is ignored."""
        self.say(drw(0, 1, b""))
        self.network.advance(0.1)
        self.assertEqual([], self.heard())

    def test_strictLength(self) -> None:
        """A datagram longer or shorter than its header says is dropped."""
        self.say(ALIVE + b"\0", drw(0, 1) + b"\0", drw(0, 1)[:-1], CLOSE + b"\0")
        self.say(b"\xf1", b"", b"\xf0\xe0\0\0", ack(9, 1) + b"\0")
        self.network.advance(0.1)
        self.assertEqual([], self.heard())
        self.assertUp()

    def test_receiveBuffer(self) -> None:
        """1440 bytes are read of a datagram, and what is longer is cut."""
        self.say(drw(0, 1, bytes(1432)), drw(0, 2, bytes(1433)))
        self.network.advance(0.1)
        self.assertEqual([ack(0, 1)], self.heard())

    def test_malformed(self) -> None:
        """Cut heads, foreign markers and wrong counts are dropped."""
        self.say(
            b"\xf1\xd0\0\3\xd1\0\0",
            b"\xf1\xd1\0\3\xd1\0\0",
            b"\xf1\xd0\0\5\xd2\0\0\1x",
            b"\xf1\xd1\0\6\xd2\0\0\1\0\0",
            b"\xf1\xd1\0\4\xd1\0\0\1",
        )
        self.network.advance(0.1)
        self.assertEqual([], self.heard())
        self.assertUp()

    def test_foreigner(self) -> None:
        """Packets from another address or port are ignored."""
        for host in (self.pc, self.phone):
            caller = self.caller(host)
            caller.camera = self.caller_.camera
            for datagram in (CLOSE, ALIVE, drw(8, 0), drw(0, 1), PUNCH):
                caller.say(datagram)
            self.network.advance(0.1)
            self.assertEqual([], caller.take())
        self.assertEqual([], self.heard())
        self.assertUp()

    def test_write(self) -> None:
        """Bytes leave in DRWs of 1024, numbered per channel from 0."""
        self.session.write(1, bytes(1500))
        self.session.write(1, b"y")
        self.session.write(2, b"z")
        self.network.advance(0.011)
        self.assertEqual(
            [
                drw(1, 0, bytes(1024)),
                drw(1, 1, bytes(476)),
                drw(1, 2, b"y"),
                drw(2, 0, b"z"),
            ],
            self.heard(),
        )
        self.say(ack(1, 0, 1, 2), ack(2, 0))
        self.network.advance(0.5)
        self.assertEqual([], self.heard())

    def test_resend(self) -> None:
        """What is not acknowledged is sent again after each silent wait."""
        self.session.write(1, bytes(5 * 1024))
        self.network.advance(0.001)
        self.heard()
        self.network.advance(self.firmware.receiveWait)
        burst = self.firmware.resendBurst
        self.assertEqual([drw(1, n, bytes(1024)) for n in range(burst)], self.heard())
        self.say(ack(1, *range(4)))
        self.network.advance(self.firmware.receiveWait)
        self.assertEqual([drw(1, 4, bytes(1024))], self.heard())

    def test_resendInTraffic(self) -> None:
        """While packets keep coming it is sent again every two seconds."""
        self.session.write(1, b"y")
        for _ in range(210):
            self.say(b"\xf1\xd8\0\0")
            self.network.advance(0.02)
        self.assertEqual(3, self.heard().count(drw(1, 0, b"y")))

    def test_writeTooMuch(self) -> None:
        """A client that acknowledges nothing cannot make the camera grow."""
        with self.assertRaises(BufferError):
            for _ in range(1025):
                self.session.write(1, bytes(1024))

    def test_writeNonsense(self) -> None:
        """There is no channel 8, nor any after the end."""
        for channel in (-1, 8):
            with self.assertRaises(WireError):
                self.session.write(channel, b"y")
        self.session.close()
        self.session.write(1, b"y")
        self.assertEnded(CLOSE)


class SessionTestsA(SessionTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A
    second = 1.0


class MuteClientTests(Bench):
    """A client that never says a word after the handshake."""

    firmware = FIRMWARE_B

    def mute(self) -> tuple[Caller, Session]:
        """Connect and say no more."""
        caller = self.connect()
        (session,) = self.camera.sessions
        return caller, session

    def test_newer(self) -> None:
        """The newer firmware drops it after some four seconds."""
        caller, _ = self.mute()
        self.network.advance(4)
        self.assertEqual(1, len(self.camera.sessions))
        self.network.advance(0.2)
        self.assertEqual([], self.camera.sessions)
        heard = caller.take()
        self.assertEqual(3, heard.count(ALIVE))
        self.assertEqual(CLOSE, heard[-1])

    def test_older(self) -> None:
        """The older firmware drops it after some seven seconds."""
        self.build(firmware=FIRMWARE_A)
        caller, _ = self.mute()
        self.network.advance(6.9)
        self.assertEqual(1, len(self.camera.sessions))
        self.network.advance(0.2)
        self.assertEqual([*[ALIVE] * 6, CLOSE], caller.take())
