"""
One session on its port: what is let in, what goes out, and to whom.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent

from twistedcam import DeviceId
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Session
from twistedcam.errors import AlreadyStarted
from twistedcam.session.channel import ACK_BATCH, HOLE_PATIENCE
from twistedcam.session.machine import Reason, State
from twistedcam.session.protocol import CameraSession
from twistedcam.tally import Tally
from twistedcam.testing import Address, MemoryNetwork
from twistedcam.wire import pppp
from twistedcam.wire.cipher import KNOWN, PLAIN, Cipher, forPrefix
from twistedcam.wire.drw import MAX_ACKS, Drw, DrwAck, encodeDrw
from twistedcam.wire.header import frame
from twistedcam.wire.pppp import (
    Alive,
    AliveAck,
    Close,
    LanSearch,
    Message,
    P2pRdy,
    PunchPkt,
    TryLanTcp,
)

from .lab import CAMERA, OTHER_UID, PC, STRANGER, UID, Lab, LabCase, Socket

PUNCH, READY = PunchPkt(UID), P2pRdy(UID)


class ByHandCase(LabCase):
    """
    A session, and a camera whose part the test plays.

    @ivar lan: the camera's LAN_SEARCH port.
    @ivar own: its session port.
    """

    cipher = PLAIN

    def setUp(self) -> None:
        self.network = MemoryNetwork(latency=0.0001, captureLimit=None)
        self.pc = self.network.host("pc", f"{PC}/24")
        self.host = self.network.host("camera", f"{CAMERA}/24")
        self.elsewhere = self.network.host("stranger", f"{STRANGER}/24")
        self.lan = Socket(self.host, pppp.LAN_PORT, self.cipher)
        self.own = Socket(self.host, 0, self.cipher)
        self.ups = 0
        self.traced: list[tuple[float, bool, Address, bytes]] = []
        self.delivered: list[bytes | int] = []
        self.session = self.newSession()
        self.session.listen(1, self.delivered.append, self.delivered.append)

    def newSession(self, *ciphers: Cipher) -> CameraSession:
        """A session with the camera."""
        return CameraSession(
            self.pc,
            UID,
            CAMERA,
            ciphers=ciphers or (self.cipher,),
            name="garden",
            connected=self.up,
            trace=lambda *seen: self.traced.append(seen),
        )

    def up(self) -> None:
        """The session says that it is."""
        self.ups += 1

    @property
    def counts(self) -> dict[str, int]:
        """What was dropped, by kind."""
        return dict(self.session._tally.counts)

    @property
    def client(self) -> Address:
        """The session's own port."""
        (port,) = self.pc.ports
        return PC, port.getHost().port

    def hear(self, message: Message | bytes, speaker: Socket | None = None) -> None:
        """Let the session hear something from the camera's session port."""
        (speaker or self.own).say(message, self.client)
        self.network.advance(0.00025)

    def confirm(self) -> None:
        """As far as Confirming, the first echo being out."""
        self.session.start()
        self.hear(PUNCH)
        self.network.advance(0.0601)
        self.assertIs(State.CONFIRMING, self.session.state)
        self.assertEqual([PUNCH], self.own.take())

    def connect(self) -> None:
        """As far as Connected."""
        self.confirm()
        self.hear(READY)
        self.assertIs(State.CONNECTED, self.session.state)

    def assertStill(self, state: State, **counts: int) -> None:
        """The state is this, and so much was dropped."""
        self.assertIs(state, self.session.state)
        kinds = {kind.replace("_", " "): number for kind, number in counts.items()}
        self.assertEqual(kinds, self.counts)


class PunchingTests(ByHandCase):
    """Before the camera's session port is known."""

    def setUp(self) -> None:
        super().setUp()
        self.session.start()
        self.network.advance(0.00025)

    def test_asks(self) -> None:
        """The camera's LAN_SEARCH port is asked, and nothing else is."""
        self.assertEqual([LanSearch()], self.lan.take())
        self.assertEqual([], self.own.take())

    def test_punched(self) -> None:
        """A PUNCH_PKT of the wanted camera, from any port of it, begins it."""
        self.hear(PUNCH)
        self.assertStill(State.CONFIRMING)
        self.assertEqual((CAMERA, self.own.number), self.session.peer)

    def test_longerId(self) -> None:
        """The form of the id with four more bytes will do."""
        self.hear(PunchPkt(DeviceId("VSTB", 668515, "UZCPK", b"\4\5\0\1")))
        self.assertStill(State.CONFIRMING)

    def test_otherCamera(self) -> None:
        """A PUNCH_PKT of another camera at that address does not."""
        self.hear(PunchPkt(OTHER_UID))
        self.assertStill(State.PUNCHING, of_another_camera=1)

    def test_otherAddress(self) -> None:
        """A PUNCH_PKT from another address does not."""
        self.hear(PUNCH, Socket(self.elsewhere))
        self.assertStill(State.PUNCHING, from_elsewhere=1)

    def test_tooEarly(self) -> None:
        """Whatever else the camera says is not due yet."""
        early: list[Message] = [
            READY,
            Alive(),
            Close(),
            TryLanTcp(UID),
            Drw(0, 0, b"x"),
            LanSearch(),
        ]
        for message in early:
            self.hear(message)
        self.assertStill(State.PUNCHING, too_early=len(early))

    def test_malformed(self) -> None:
        """What is no packet of a known type and true length is dropped."""
        good = pppp.encode(PUNCH)
        for datagram in (
            b"",
            b"\xf1",
            good[:-1],
            b"\xf2" + good[1:],
            frame(0x99, UID.toBytes()),
            frame(0x41, UID.toBytes()[:19]),
            frame(0x41, b"vstb" + UID.toBytes()[4:]),
            bytes(100),
            bytes(3000),
        ):
            self.hear(datagram)
        self.assertStill(State.PUNCHING, malformed=9)

    def test_longerThanItsHeader(self) -> None:
        """Zeros behind the end do no harm."""
        self.hear(pppp.encode(PUNCH) + bytes(7))
        self.assertStill(State.CONFIRMING)

    def test_wrongKey(self) -> None:
        """A PUNCH_PKT under another key than those to be tried is dropped."""
        self.hear(PUNCH, Socket(self.host, 0, Cipher("vstarcam2019")))
        self.assertStill(State.PUNCHING, malformed=1)

    def test_onlyTheAddressIsAsked(self) -> None:
        """Nothing leaves for anybody but the camera's LAN_SEARCH port."""
        self.hear(PunchPkt(OTHER_UID))
        self.hear(PUNCH, Socket(self.elsewhere))
        self.network.advance(10)
        self.assertEqual(
            {(CAMERA, pppp.LAN_PORT)},
            {d.destination for d in self.network.captured if d.source[0] == PC},
        )


class ConfirmingTests(ByHandCase):
    """The camera's session port is known."""

    def setUp(self) -> None:
        super().setUp()
        self.confirm()

    def test_ready(self) -> None:
        """P2P_RDY of the wanted camera: the session is up."""
        self.hear(READY)
        self.assertStill(State.CONNECTED)
        self.assertEqual(1, self.ups)

    def test_readyFromOtherPort(self) -> None:
        """P2P_RDY from another port of the camera's is no P2P_RDY."""
        self.hear(READY, Socket(self.host))
        self.assertStill(State.CONFIRMING, from_elsewhere=1)

    def test_readyFromOtherAddress(self) -> None:
        """P2P_RDY from another address, the same port even, is none."""
        self.hear(READY, Socket(self.elsewhere, self.own.number))
        self.assertStill(State.CONFIRMING, from_elsewhere=1)

    def test_readyOfOtherCamera(self) -> None:
        """P2P_RDY of another camera is none."""
        self.hear(P2pRdy(OTHER_UID))
        self.assertStill(State.CONFIRMING, of_another_camera=1)

    def test_readyUnderOtherKey(self) -> None:
        """P2P_RDY under another key is none."""
        self.hear(Cipher("camera").encipher(pppp.encode(READY)))
        self.assertStill(State.CONFIRMING, malformed=1)

    def test_cutOff(self) -> None:
        """P2P_RDY that is cut off is none; one that is too long is."""
        self.hear(pppp.encode(READY)[:-1])
        self.assertStill(State.CONFIRMING, malformed=1)
        self.hear(pppp.encode(READY) + b"\0")
        self.assertStill(State.CONNECTED, malformed=1)

    def test_punchAgain(self) -> None:
        """A repeated PUNCH_PKT changes nothing, whoever sends it."""
        self.hear(PUNCH)
        self.hear(PunchPkt(OTHER_UID))
        self.assertIs(State.CONFIRMING, self.session.state)
        self.hear(PUNCH, Socket(self.host))
        self.assertStill(State.CONFIRMING, from_elsewhere=1)

    def test_dataTooEarly(self) -> None:
        """Data is neither taken nor acknowledged before the session is up."""
        self.hear(Drw(0, 0, b"early"))
        self.network.advance(0.03)
        self.assertStill(State.CONFIRMING, of_no_open_channel=1)
        self.assertEqual([], self.own.take())

    def test_strangersAreNotAnswered(self) -> None:
        """From now on everything goes to the camera's session port."""
        stranger = Socket(self.elsewhere)
        mark = len(self.network.captured)
        for message in (PUNCH, READY, Alive(), Close(), Drw(0, 0, b"x")):
            self.hear(message, stranger)
        self.network.advance(4)
        self.assertEqual(
            {self.session.peer},
            {
                d.destination
                for d in list(self.network.captured)[mark:]
                if d.source[0] == PC
            },
        )
        self.assertEqual([], stranger.heard)


class ConnectedTests(ByHandCase):
    """The session is up."""

    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def test_alive(self) -> None:
        """Each ALIVE is answered at once."""
        for _ in range(3):
            self.hear(Alive())
            self.assertEqual([AliveAck()], self.own.take())

    def test_strangersAreKeptOut(self) -> None:
        """
        The kernel lets nobody else in: neither another host, nor another port.
        """
        for speaker in (Socket(self.elsewhere), Socket(self.host)):
            for message in (Alive(), Close(), Drw(0, 0, b"x")):
                self.hear(message, speaker)
            self.assertEqual([], speaker.heard)
        self.assertStill(State.CONNECTED)

    def test_strangersWithoutBinding(self) -> None:
        """Nor would we, if it did."""
        for stranger in ((STRANGER, 5), (CAMERA, pppp.LAN_PORT)):
            self.session.datagramReceived(pppp.encode(Close()), stranger)
        self.assertStill(State.CONNECTED, from_elsewhere=2)

    def test_repeatsAndLateComers(self) -> None:
        """P2P_RDY, PUNCH_PKT, TRY_LAN_TCP and so on may come late and again."""
        for message in (READY, READY, PUNCH, TryLanTcp(UID), AliveAck(), LanSearch()):
            self.hear(message)
        self.hear(pppp.encode(pppp.CloseAck()))
        self.hear(DrwAck(0, (0, 0)))
        self.assertStill(State.CONNECTED)
        self.assertEqual([], self.own.take())

    def test_otherCamera(self) -> None:
        """P2P_RDY of another camera, from the right port, is no sign of life."""
        before = self.session.lastHeard
        self.hear(P2pRdy(OTHER_UID))
        self.assertStill(State.CONNECTED, of_another_camera=1)
        self.assertEqual(before, self.session.lastHeard)

    def test_malformed(self) -> None:
        """Broken packets are dropped, and are no sign of life."""
        before = self.session.lastHeard
        drw = encodeDrw(0, 0, b"payload")
        broken = [
            b"",
            b"\xf1\xe0",
            b"\xf1\xe0\0\1",
            b"\xf1\x99\0\0",
            drw[:5],
            drw[:-1],
            drw[:4] + b"\xd2" + drw[5:],
            frame(0xD0, b"\xd1"),
            frame(0xD1, b"\xd1\0\0\2\0\0"),
        ]
        for datagram in broken:
            self.hear(datagram)
        self.assertStill(State.CONNECTED, malformed=len(broken))
        self.assertEqual(before, self.session.lastHeard)
        self.network.advance(0.02)
        self.assertEqual([], self.own.take())

    def test_close(self) -> None:
        """CLOSE ends it, and frees the port."""
        closed = self.session.whenClosed()
        self.hear(Close())
        self.assertIs(
            Reason.CLOSED_BY_CAMERA, self.resultAfter(self.network, 0, closed)
        )
        self.assertNothingLeft(self.network, self.pc)

    def test_observerIsToldOnce(self) -> None:
        """The owner hears once that the session is up."""
        self.hear(READY)
        self.assertEqual(1, self.ups)

    def test_exactLengths(self) -> None:
        """What is sent has exactly the length that its header says."""
        self.hear(Alive())
        self.hear(Drw(1, 0, b"x"))
        self.network.advance(1.5)
        for datagram in self.network.captured:
            if datagram.source[0] == PC:
                payload = datagram.payload
                self.assertEqual(int.from_bytes(payload[2:4], "big"), len(payload) - 4)


class AcknowledgementTests(ByHandCase):
    """Data packets are acknowledged."""

    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def say(self, channel: int, *indices: int) -> None:
        """Let data come, all in one moment."""
        for index in indices:
            self.own.say(Drw(channel, index, b"data"), self.client)
        self.network.advance(0.00015)

    def test_lonelyPacket(self) -> None:
        """One packet is acknowledged after ten milliseconds."""
        self.say(1, 0)
        arrived = self.network.seconds() - 0.00005
        self.assertEqual([], self.own.heard)
        self.network.advance(0.0097)
        self.assertEqual([], self.own.heard)
        self.network.advance(0.0005)
        self.assertAlmostEqual(arrived + 0.0101, self.own.heard[0][0])
        self.assertEqual([DrwAck(1, (0,))], self.own.take())

    def test_bytes(self) -> None:
        """The acknowledgement bears the marker 0xD1, also inside."""
        self.say(1, 0)
        self.network.advance(0.02)
        (_, datagram, _) = self.own.heard[0]
        self.assertEqual(bytes.fromhex("f1d10006d10100010000"), datagram)

    def test_batch(self) -> None:
        """The seventeenth has the batch acknowledged at once, sorted."""
        indices = list(range(ACK_BATCH))
        self.assertEqual(17, ACK_BATCH)
        self.say(1, *reversed(indices[:-1]))
        self.network.advance(0.0001)
        self.assertEqual([], self.own.heard)
        self.say(1, indices[-1])
        self.network.advance(0.0001)
        self.assertEqual([DrwAck(1, tuple(indices))], self.own.take())
        self.network.advance(0.02)
        self.assertEqual([], self.own.take())

    def test_duplicate(self) -> None:
        """A packet that comes again is acknowledged at once."""
        self.say(1, 0)
        self.network.advance(0.02)
        self.own.take()
        self.say(1, 0)
        self.network.advance(0.0001)
        self.assertEqual([DrwAck(1, (0,))], self.own.take())

    def test_channelsApart(self) -> None:
        """Each channel has its own numbers and acknowledgements, up to channel 7."""
        self.say(7, 0)
        self.say(0, 0, 1)
        self.network.advance(0.02)
        self.assertEqual([DrwAck(0, (0, 1)), DrwAck(7, (0,))], self.own.take())

    def test_longerThanItsHeader(self) -> None:
        """What stands behind the end is no part of the payload."""
        self.hear(encodeDrw(1, 0, b"data") + bytes(5))
        self.assertEqual([b"data"], self.delivered)

    def test_noSuchChannel(self) -> None:
        """Nobody hears of channel 8: a camera would end the session."""
        self.hear(frame(0xD0, b"\xd1\x08\0\0data"))
        self.hear(frame(0xD0, b"\xd1\xff\0\0data"))
        self.network.advance(0.02)
        self.assertStill(State.CONNECTED, of_no_open_channel=2)
        self.assertEqual([], self.own.take())

    def test_neverTooMany(self) -> None:
        """However much comes, an acknowledgement names 64 packets at most."""
        self.say(1, *range(500))
        self.network.advance(0.02)
        acks = self.own.take()
        named = [ack.indices for ack in acks if isinstance(ack, DrwAck)]
        self.assertEqual(list(range(500)), [i for some in named for i in some])
        self.assertLessEqual(max(map(len, named)), MAX_ACKS)

    def test_hole(self) -> None:
        """A hole is waited for, and then no timer is left of it."""
        self.say(1, 0, 2)
        self.network.advance(HOLE_PATIENCE - 0.02)
        self.assertEqual([b"data"], self.delivered)
        self.network.advance(0.04)
        self.assertEqual([b"data", 1, b"data"], self.delivered)
        (alive,) = self.network.getDelayedCalls()
        self.assertGreater(alive.getTime(), self.network.seconds() + 0.1)

    def test_closedMeanwhile(self) -> None:
        """The end takes acknowledgements that wait along."""
        self.say(1, 0, 2)
        self.hear(Close())
        self.assertNothingLeft(self.network, self.pc)
        self.assertEqual([], self.own.take())

    def test_whileParting(self) -> None:
        """Data that still comes after the goodbye harms nobody."""
        self.session.stop()
        self.say(1, 0, 1)
        self.network.advance(0.3)
        self.assertStill(State.CLOSED)
        self.assertNothingLeft(self.network, self.pc)

    def test_emulated(self) -> None:
        """With the camera made of software nothing has to be sent twice."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            lab = Lab(firmware)
            served: list[Session] = []
            lab.emulated.onSession = served.append
            session = lab.session()
            pieces: list[bytes] = []
            session.listen(1, pieces.append)
            session.start()
            lab.network.advance(1)
            for number in range(20):
                served[0].write(1, bytes((number,)) * 50_000)
                lab.network.advance(0.1)
            self.assertEqual(
                b"".join(bytes((number,)) * 50_000 for number in range(20)),
                b"".join(pieces),
            )
            packets = [d for d in lab.network.captured if d.payload[:2] == b"\xf1\xd0"]
            self.assertEqual(20 * 49, len(packets))


class OwnerTests(ByHandCase):
    """What the owner may do, and when."""

    def test_startTwice(self) -> None:
        """A session lives once."""
        self.session.start()
        self.assertRaises(AlreadyStarted, self.session.start)
        self.session.stop()
        self.network.advance(1)
        self.assertRaises(AlreadyStarted, self.session.start)

    def test_stopBeforeStart(self) -> None:
        """Stopped before it began, it never opens a port nor says a word."""
        self.assertIs(Reason.STOPPED, self.successResultOf(self.session.stop()))
        self.session.start()
        self.network.advance(10)
        self.assertIs(State.CLOSED, self.session.state)
        self.assertEqual([], self.pc.ports)
        self.assertEqual(0, len(self.network.captured))

    def test_stopPunching(self) -> None:
        """Nobody is there to say goodbye to."""
        self.session.start()
        stopped = self.session.stop()
        self.assertNoResult(stopped)
        self.assertIs(Reason.STOPPED, self.resultAfter(self.network, 0, stopped))
        self.assertNothingLeft(self.network, self.pc)

    def test_stopConfirming(self) -> None:
        """The camera may think that there is a session: goodbye."""
        self.confirm()
        stopped = self.session.stop()
        self.assertIs(Reason.STOPPED, self.resultAfter(self.network, 0.251, stopped))
        self.assertEqual([Close()] * 3, self.own.take())
        self.assertNothingLeft(self.network, self.pc)

    def test_stopConnected(self) -> None:
        """Goodbye, three times; the port stays open for the answer to the last."""
        self.connect()
        stopped = self.session.stop()
        self.network.advance(0.249)
        self.assertNoResult(stopped)
        self.assertEqual(1, len(self.pc.ports))
        self.assertIs(Reason.STOPPED, self.resultAfter(self.network, 0.002, stopped))
        self.assertEqual([Close()] * 3, self.own.take())
        self.assertNothingLeft(self.network, self.pc)

    def test_stopAnswered(self) -> None:
        """The camera's own goodbye shortens it."""
        self.connect()
        stopped = self.session.stop()
        self.hear(Close())
        self.assertIs(Reason.STOPPED, self.resultAfter(self.network, 0, stopped))
        self.network.advance(1)
        self.assertEqual([Close()], self.own.take())

    def test_stopTwice(self) -> None:
        """Stopping it again changes nothing; both get to know."""
        self.connect()
        stopped = [self.session.stop()]
        self.network.advance(0.1)
        stopped.append(self.session.stop())
        self.network.advance(0.151)
        stopped.append(self.session.stop())
        for each in stopped:
            self.assertIs(Reason.STOPPED, self.successResultOf(each))
        self.assertEqual([Close()] * 3, self.own.take())

    def test_whenClosedCancelled(self) -> None:
        """One that does not want to know any more keeps nobody else from it."""
        first, second = self.session.whenClosed(), self.session.whenClosed()
        first.addErrback(lambda _: None)
        first.cancel()
        self.session.stop()
        self.assertIs(Reason.STOPPED, self.successResultOf(second))

    def test_noPort(self) -> None:
        """On an address that is not ours there is no port to be had."""
        session = CameraSession(
            self.pc, UID, CAMERA, ciphers=(PLAIN,), localAddress="198.51.100.1"
        )
        with capturedLogs() as events:
            session.start()
        self.assertIs(Reason.NO_PORT, self.successResultOf(session.whenClosed()))
        self.assertIn("198.51.100.1", "".join(map(str, map(formatEvent, events))))
        self.assertNothingLeft(self.network, self.pc)

    def test_localAddress(self) -> None:
        """On an address that is ours there is."""
        session = CameraSession(self.pc, UID, CAMERA, ciphers=(PLAIN,), localAddress=PC)
        session.start()
        self.assertEqual([PC], [port.getHost().host for port in self.pc.ports])
        session.stop()

    def test_otherLanPort(self) -> None:
        """The camera's LAN_SEARCH port may be another one."""
        lan = Socket(self.host, 40000)
        session = CameraSession(self.pc, UID, CAMERA, ciphers=(PLAIN,), lanPort=40000)
        session.start()
        self.network.advance(0.01)
        self.assertEqual([LanSearch()], lan.take())
        self.assertEqual([], self.lan.take())

    def stopAtOnce(self) -> None:
        """Somebody who has seen enough."""
        self.session.stop()

    def test_observerStops(self) -> None:
        """The owner may stop it as soon as it hears that it is up."""
        self.session._connected = self.stopAtOnce
        self.confirm()
        self.hear(READY)
        self.assertIs(State.CLOSING, self.session.state)
        self.network.advance(0.3)
        self.assertEqual([Close()] * 3, self.own.take())
        self.assertNothingLeft(self.network, self.pc)


class TroubleTests(ByHandCase):
    """Networks come and go, and so do cameras."""

    def test_noNetworkAtFirst(self) -> None:
        """Without a network the questions cannot be sent: that is no answer."""
        self.pc.unplug()
        self.session.start()
        self.network.advance(5)
        self.assertStill(State.CLOSED, that_could_not_be_sent=6)
        self.assertIs(Reason.NO_ANSWER, self.session.reason)
        self.assertNothingLeft(self.network, self.pc)

    def test_networkReturns(self) -> None:
        """If it is back within our patience, nothing has happened."""
        self.pc.unplug()
        self.session.start()
        self.network.advance(2)
        self.pc.plug()
        self.network.advance(1)
        self.hear(PUNCH)
        self.pc.unplug()
        self.network.advance(2)
        self.pc.plug()
        self.network.advance(1)
        self.hear(READY)
        self.assertIs(State.CONNECTED, self.session.state)

    def test_networkGone(self) -> None:
        """A session whose network goes away is silent, not broken."""
        self.connect()
        self.pc.unplug()
        self.network.advance(7.6)
        self.assertIs(Reason.SILENT, self.session.reason)
        self.assertNothingLeft(self.network, self.pc)

    def test_networkGoneAtTheBind(self) -> None:
        """
        If the kernel cannot bind the port just then, the session ends: a port whose
        binding failed takes no packets any more.
        """
        self.confirm()
        self.pc.unplug()
        assert self.session.peer is not None
        self.session.datagramReceived(pppp.encode(READY), self.session.peer)
        self.pc.plug()
        self.network.advance(0)
        self.assertIs(Reason.REFUSED, self.session.reason)
        self.assertNothingLeft(self.network, self.pc)

    def refused(self) -> None:
        """The camera's session port goes away, and it shows at the next ALIVE."""
        self.connect()
        self.own.port.stopListening()
        self.network.advance(1.1)
        self.assertIs(Reason.REFUSED, self.session.reason)
        self.assertIs(Reason.REFUSED, self.successResultOf(self.session.whenClosed()))
        self.assertNothingLeft(self.network, self.pc)

    def test_refused(self) -> None:
        """A refusal ends the session: seven seconds are not waited for."""
        self.refused()

    def test_refusalCloses(self) -> None:
        """The same where the reactor closes the port upon a refusal."""
        self.network.refusalCloses = True
        self.refused()

    def test_refusedWhileParting(self) -> None:
        """If nobody is there to hear the goodbye, it was heard well enough."""
        for closes in (False, True):
            self.setUp()
            self.network.refusalCloses = closes
            self.connect()
            self.own.port.stopListening()
            self.network.advance(0)
            stopped = self.session.stop()
            self.assertIs(Reason.STOPPED, self.resultAfter(self.network, 0.1, stopped))
            self.assertNothingLeft(self.network, self.pc)

    def test_refusedTooEarly(self) -> None:
        """Before the port is bound, a refusal is somebody else's."""
        self.confirm()
        self.session.connectionRefused()
        self.assertIs(State.CONFIRMING, self.session.state)

    def test_cameraGone(self) -> None:
        """A camera without power is noticed within some eight seconds."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            lab = Lab(firmware)
            session = lab.session()
            session.start()
            lab.network.advance(5)
            self.assertIs(State.CONNECTED, session.state)
            lab.host.unplug()
            lab.network.advance(8.5)
            self.assertIs(Reason.SILENT, session.reason)


class TraceTests(ByHandCase):
    """The trace."""

    cipher = Cipher("vstarcam2018")

    def test_deciphered(self) -> None:
        """It sees every datagram, both ways, deciphered, with time and peer."""
        self.connect()
        self.hear(Alive())
        own = (CAMERA, self.own.number)
        story = [(sent, peer, data) for _, sent, peer, data in self.traced]
        self.assertEqual(
            [
                (True, (CAMERA, pppp.LAN_PORT), pppp.encode(LanSearch())),
                (False, own, pppp.encode(PUNCH)),
                (True, own, pppp.encode(PUNCH)),
                (False, own, pppp.encode(READY)),
                (False, own, pppp.encode(Alive())),
                (True, own, pppp.encode(AliveAck())),
            ],
            story,
        )
        times = [time for time, *_ in self.traced]
        self.assertEqual(sorted(times), times)
        self.assertAlmostEqual(0.060, times[2])

    def test_garbageToo(self) -> None:
        """It sees what will be dropped, too, but nothing of strangers."""
        self.connect()
        self.traced.clear()
        self.hear(self.cipher.encipher(b"\xf1\x99\0\0"))
        self.hear(Alive(), Socket(self.elsewhere))
        self.assertEqual([b"\xf1\x99\0\0"], [data for *_, data in self.traced])


class CipherTests(ByHandCase):
    """Obfuscated cameras."""

    def test_eachKnownKey(self) -> None:
        """Every known key is recognised when all of them are tried."""
        for cipher in KNOWN:
            self.cipher = cipher
            self.setUp()
            self.session = self.newSession(*KNOWN)
            self.connect()
            self.hear(Alive())
            self.assertEqual([AliveAck()], self.own.take())

    def test_asksUnderEachKey(self) -> None:
        """Whoever has several keys asks under each, likeliest first."""
        ciphers = forPrefix("VE")
        self.assertEqual(2, len(ciphers))
        session = self.newSession(*ciphers)
        session.start()
        self.assertEqual(
            [cipher.encipher(pppp.encode(LanSearch())) for cipher in ciphers],
            [d.payload for d in self.network.captured],
        )

    def test_strayKeyLater(self) -> None:
        """Once the key is known, a packet under another is not understood."""
        self.session = self.newSession(*KNOWN)
        self.connect()
        self.hear(Cipher("camera").encipher(pppp.encode(Alive())))
        self.hear(Cipher("camera").encipher(pppp.encode(Close())))
        self.assertStill(State.CONNECTED, malformed=2)

    def test_privateKey(self) -> None:
        """A private key works, and is never shown."""
        self.cipher = Cipher("a private key")
        self.setUp()
        with capturedLogs() as events:
            self.session = self.newSession(self.cipher)
            self.connect()
        self.assertNotIn("a private key", repr(events))


class StoryTests(ByHandCase):
    """The log."""

    def test_pings(self) -> None:
        """The first three pings make a line each, and then each hundredth."""
        with capturedLogs() as events:
            self.connect()
            for _ in range(250):
                self.hear(Alive())
        numbers = [event["number"] for event in events if "number" in event]
        self.assertEqual([1, 2, 3, 100, 200], numbers)

    def test_story(self) -> None:
        """The life of a session, in order."""
        with capturedLogs() as events:
            self.connect()
            self.hear(Alive())
            self.hear(Close())
        own = f"{CAMERA}:{self.own.number}"
        story = [str(formatEvent(event)) for event in events]
        self.assertRegex(story.pop(0), r"^garden: session port \d+ opened$")
        self.assertEqual(
            [
                "garden: session Idle -> Punching",
                f"garden: PUNCH seen from {own} (plain)",
                "garden: session Punching -> Confirming",
                "garden: RDY seen",
                "garden: session Confirming -> Connected",
                "garden: handshake complete",
                "garden: ALIVE number 1 answered",
                "garden: session Connected -> Closed",
            ],
            story,
        )

    def test_dropsAreToldOf(self) -> None:
        """What is dropped is told of once a minute, in one line."""
        tally = Tally(self.pc, CameraSession.log, "garden")
        self.session = CameraSession(
            self.pc, UID, CAMERA, ciphers=(PLAIN,), tally=tally
        )
        self.session.start()
        with capturedLogs() as events:
            for _ in range(1000):
                self.hear(b"garbage")
        self.assertEqual(
            ["garden: dropped 1 malformed"], list(map(formatEvent, events))
        )
