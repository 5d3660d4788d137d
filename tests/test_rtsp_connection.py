"""
The RTSP server's connections: logins, patience and bounds.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator import FIRMWARE_B
from twistedcam.restream.access import FIRST_DELAY, Access
from twistedcam.restream.rtsp import server as servers
from twistedcam.restream.rtsp.auth import NONCE_LIFE
from twistedcam.restream.rtsp.connection import (
    IDLE,
    LINGER,
    MAX_WAITING,
    PATIENCE,
    Connection,
)
from twistedcam.restream.rtsp.methods import Methods
from twistedcam.restream.rtsp.server import FAREWELL, MAX_CONNECTIONS, MAX_SESSIONS
from twistedcam.restream.sparing import MAX_TOLD, TELL_EVERY, Sparing

from .rtspkit import PLAYER, URL, Answer, Player, RtspCase, Wire
from .test_rtsp_auth import basic, digest


class LoginTests(RtspCase):
    """Logins."""

    access = Access("me", "secret", "t0ken")

    def late(self, player: Player, data: bytes) -> tuple[float, Answer]:
        """When an answer comes, and what it is."""
        player.send(data)
        start = self.network.seconds()
        for _ in range(400):
            answers = player.receive()
            if answers:
                return self.network.seconds() - start, answers[0]
            self.network.advance(0.1)
        raise AssertionError("no answer")

    def ask(self, player: Player, method: str, path: str = "", **more: Any) -> Answer:
        """Ask, with a right login."""
        answer = player.ask(method, path, **more)
        self.assertEqual(401, answer.status)
        login = digest(answer.all("WWW-Authenticate")[0], method, URL + path)
        return player.ask(method, path, Authorization=login, **more)

    def test_dialogue(self) -> None:
        """A whole dialogue with Digest, as players lead it; no secret is logged."""
        with capturedLogs() as logs:
            player = self.player()
            self.assertEqual(200, player.ask("OPTIONS").status)
            answer = player.ask("DESCRIBE")
            self.assertEqual(401, answer.status)
            self.assertEqual(b"", answer.body)
            challenge = answer.all("WWW-Authenticate")[1]
            self.assertIn("SHA-256", challenge)
            count = 0

            def login(method: str, path: str = "") -> str:
                nonlocal count
                count += 1
                return digest(challenge, method, URL + path, count=count)

            answer = self.describe(player, Authorization=login("DESCRIBE"))
            self.assertEqual(200, answer.status)
            answer = player.ask(
                "SETUP",
                "/video",
                Transport="RTP/AVP/TCP",
                Authorization=login("SETUP", "/video"),
            )
            player.session = answer.get("Session").partition(";")[0]
            answer = player.ask("PLAY", Authorization=login("PLAY"))
            self.assertEqual(200, answer.status)
            self.advance(1)
            self.assertTrue(player.streams[0].packets)
            # Replayed, and with an old number.
            last = digest(challenge, "PAUSE", URL, count=count)
            answer = player.ask("PAUSE", Authorization=last)
            self.assertEqual(401, answer.status)
            self.assertIn("stale=true", answer.all("WWW-Authenticate")[0])
            self.assertTrue(player.connection.methods.session.playing)  # type: ignore[union-attr]
            challenge = answer.all("WWW-Authenticate")[1]
            count = 0
            answer = player.ask("TEARDOWN", Authorization=login("TEARDOWN"))
            self.assertEqual(200, answer.status)
        lines = "\n".join(str(formatEvent(event)) for event in logs)
        for secret in ("secret", "t0ken", challenge):
            self.assertNotIn(secret, lines)
        self.end()

    def test_withoutLogin(self) -> None:
        """Without a login nothing but OPTIONS is answered, known camera or not."""
        player = self.player()
        for method in ("DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER", "X"):
            for path in ("", "/nothing/here"):
                self.assertEqual(401, player.ask(method, path).status, method)
        self.assertEqual(0, self.camera.video.audience)
        self.assertEqual(0, self.server.sessions)
        self.end()

    def test_wrong(self) -> None:
        """Wrong logins are answered late, later each time, and told in the log."""
        player = self.player()
        challenge = player.ask("DESCRIBE").all("WWW-Authenticate")[0]
        with capturedLogs() as logs:
            delays = []
            for login in (
                basic("me:guess"),
                digest(challenge, "DESCRIBE", password="guess"),
                basic("me:other"),
            ):
                data = player.request("DESCRIBE", Authorization=login)
                delay, answer = self.late(player, data)
                self.assertEqual(401, answer.status)
                self.assertNotIn("stale", "".join(answer.all("WWW-Authenticate")))
                delays.append(delay)
        for n, delay in enumerate(delays):
            self.assertApproximates(FIRST_DELAY * 2**n, delay, 0.15)
        lines = [str(formatEvent(event)) for event in logs]
        told = [line for line in lines if "login" in line]
        self.assertEqual([f"wrong login from {PLAYER}"], told)
        self.assertIs(LogLevel.warn, logs[0]["log_level"])
        self.network.advance(TELL_EVERY)
        player = self.player()
        with capturedLogs() as logs:
            self.late(player, player.request("DESCRIBE", Authorization=basic("me:x")))
        self.assertEqual(
            f"wrong login from {PLAYER}, 2 more since the last line",
            formatEvent(logs[0]),
        )
        # A right one is not late.
        answer = self.describe(player, Authorization=basic("me:secret"))
        self.assertEqual(200, answer.status)
        self.end()

    def test_parallel(self) -> None:
        """Guessing in parallel is not faster, and does not stop those who are in."""
        inside = self.player()
        self.describe(inside, Authorization=basic("me:secret"))
        statuses = []
        for _ in range(30):
            player = self.player()
            player.send(player.request("DESCRIBE", Authorization=basic("me:guess")))
            statuses += [answer.status for answer in player.receive()]
        self.assertGreater(statuses.count(503), 15)
        outside = self.player()
        answer = outside.ask("DESCRIBE", Authorization=basic("me:secret"))
        self.assertEqual(503, answer.status)
        answer = self.describe(inside, Authorization=basic("me:secret"))
        self.assertEqual(200, answer.status)
        elsewhere = self.player("192.0.2.99")
        answer = self.describe(elsewhere, Authorization=basic("me:secret"))
        self.assertEqual(200, answer.status)
        self.end()

    def test_gone(self) -> None:
        """Who does not wait for the answer leaves nothing behind."""
        player = self.player()
        player.send(player.request("DESCRIBE", Authorization=basic("me:guess")))
        player.lose()
        self.assertEqual(set(), self.server.connections)
        self.end()

    def test_token(self) -> None:
        """A token in the first URL is enough for the whole dialogue."""
        player = self.player()
        answer = self.describe(player, "?token=t0ken&sound=off")
        self.assertEqual(200, answer.status)
        self.assertNotIn(b"t0ken", answer.body)
        self.assertEqual(URL + "/", answer.get("Content-Base"))
        player.play()
        self.advance(1)
        self.assertTrue(player.streams[0].packets)
        delay, answer = self.late(
            self.player(), player.request("DESCRIBE", "?token=x", CSeq="9")
        )
        self.assertEqual(401, answer.status)
        self.assertGreater(delay, 0.3)
        self.end()

    def test_stale(self) -> None:
        """A login with a nonce that is too old may be tried again at once."""
        player = self.player()
        challenge = player.ask("GET_PARAMETER").all("WWW-Authenticate")[0]
        for _ in range(int(NONCE_LIFE / 50) + 1):
            self.network.advance(50)
            player.ask("OPTIONS")
        login = digest(challenge, "GET_PARAMETER", URL)
        answer = player.ask("GET_PARAMETER", Authorization=login)
        self.assertEqual(401, answer.status)
        challenge = answer.all("WWW-Authenticate")[0]
        self.assertIn("stale=true", challenge)
        login = digest(challenge, "GET_PARAMETER", URL)
        answer = player.ask("GET_PARAMETER", Authorization=login)
        self.assertEqual(200, answer.status)
        self.end()


class PatienceTests(RtspCase):
    """What takes too long, and what is too much."""

    def test_idle(self) -> None:
        """A connection in which nothing is asked for is closed."""
        player, other = self.player(), self.player()
        self.network.advance(IDLE - 1)
        self.assertFalse(player.closed)
        other.ask("OPTIONS")
        self.network.advance(1.1)
        self.assertTrue(player.closed)
        self.assertFalse(other.closed)
        self.network.advance(IDLE)
        self.assertTrue(other.closed)
        self.end()

    def test_setUpOnly(self) -> None:
        """So is one with a session that does not play, or not any more."""
        player, paused = self.player(), self.player()
        player.setUp("video")
        paused.play()
        paused.ask("PAUSE")
        self.network.advance(IDLE + 1)
        self.assertTrue(player.closed)
        self.assertTrue(paused.closed)
        self.assertEqual(0, self.server.sessions)
        self.end()

    def test_playing(self) -> None:
        """Who watches in the connection may be silent."""
        self.end()
        self.build(fps=1)
        player = self.player()
        player.play()
        self.network.advance(5 * IDLE)
        self.assertFalse(player.closed)
        player.receive()
        self.assertTrue(player.streams[0].packets)
        self.end()

    def test_half(self) -> None:
        """A request that does not end is not waited for, however slowly it comes."""
        whole = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        player = self.player()
        player.send(whole[:1])
        for byte in whole[1:10]:
            self.network.advance(PATIENCE / 10)
            self.assertFalse(player.closed)
            player.send(bytes([byte]))
        self.network.advance(PATIENCE / 10)
        self.assertTrue(player.closed)
        # In time it is taken, and the next one has as much time.
        player = self.player()
        for _ in range(3):
            player.send(whole[:10])
            self.network.advance(PATIENCE - 1)
            player.send(whole[10:])
            self.assertEqual(200, player.receive()[0].status)
        # While he watches, too.
        player.play()
        player.send(b"$\1\0\5hel")
        self.network.advance(PATIENCE)
        self.assertTrue(player.closed)
        self.end()

    def test_pipelined(self) -> None:
        """Only so many requests may wait for an answer."""
        self.lab.emulated.stop()
        self.network.advance(10)
        for count, expected in ((MAX_WAITING, False), (MAX_WAITING + 1, True)):
            player = self.player()
            player.send(player.request("DESCRIBE"))
            player.send(player.request("OPTIONS") * count)
            self.assertEqual(expected, player.closed)
        # With no answer in the way, as many as there are.
        player = self.player()
        player.send(player.request("OPTIONS") * 1000)
        self.assertEqual(1000, len(player.receive()))
        self.assertFalse(player.closed)
        self.end()

    def test_notReading(self) -> None:
        """Who asks and does not take the answers is not answered without end."""
        player = self.player()
        player.connection.pauseProducing()
        player.send(player.request("OPTIONS") * MAX_WAITING)
        self.assertEqual(b"", player.transport.value())
        self.assertFalse(player.closed)
        player.send(player.request("OPTIONS"))
        self.assertTrue(player.closed)
        self.assertLess(len(player.transport.value()), 200)
        self.end()

    def test_over(self) -> None:
        """After the end nothing is answered any more."""
        player = self.player()
        player.connection.pauseProducing()
        player.send(player.request("OPTIONS") * 3 + b"\n" * 100)
        self.assertEqual([400], [answer.status for answer in player.receive()])
        player.connection.resumeProducing()
        self.assertEqual([], player.receive())
        self.end()

    def test_noRtsp(self) -> None:
        """What is no RTSP gets one answer, and is hung up on."""
        for data, status in (
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"OPTIONS * RTSP/2.0\r\n", 505),
            (b"x" * 10_000, 414),
            (b"$\0\xff\xff", 413),
            (b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 100, 413),
        ):
            player = self.player()
            player.send(data)
            self.assertTrue(player.closed)
            (answer,) = player.receive()
            self.assertEqual(status, answer.status)
            player.send(player.request("OPTIONS"))
            self.assertEqual([], player.receive())
        self.end()

    def test_before(self) -> None:
        """What was asked before the nonsense is answered."""
        player = self.player()
        player.send(player.request("OPTIONS") + b"\0\n")
        self.assertEqual([200, 400], [a.status for a in player.receive()])
        self.end()

    def test_linger(self) -> None:
        """Somebody who does not go by himself is made to."""
        player = self.player()
        player.send(b"\n" * 100)
        self.assertTrue(player.transport.disconnecting)
        self.assertFalse(player.transport.disconnected)
        self.network.advance(LINGER + 0.1)
        self.assertTrue(player.transport.disconnected)
        player = self.player()
        player.send(b"\n" * 100)
        player.lose()
        self.network.advance(LINGER + 0.1)
        self.assertFalse(player.transport.disconnected)
        self.end()

    def test_bug(self) -> None:
        """A bug is answered, logged, and harms nobody else."""
        player = self.player()
        with patch.object(Methods, "_parameter", side_effect=ZeroDivisionError):
            fresh = self.player()
            self.assertEqual(500, fresh.ask("GET_PARAMETER").status)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        for one in (player, fresh):
            self.assertEqual(200, one.ask("OPTIONS").status)
        self.end()


class ManyTests(RtspCase):
    """How many there may be."""

    def test_thousand(self) -> None:
        """Of a thousand some hundreds may come in; all leave nothing behind."""
        self.assertEqual((300, 100), (MAX_CONNECTIONS, MAX_SESSIONS))
        players = [
            self.player(f"192.0.2.{n % 200 + 20}") for n in range(MAX_CONNECTIONS)
        ]
        peer = IPv4Address("TCP", PLAYER, 1)
        with capturedLogs() as logs:
            for _ in range(1000 - MAX_CONNECTIONS):
                self.assertIsNone(self.server.buildProtocol(peer))
        (line,) = [str(formatEvent(event)) for event in logs]
        self.assertTrue(line.endswith("too many connections"), line)
        for player in players:
            self.assertEqual(200, player.ask("OPTIONS").status)
        players[200].play()
        self.advance(1)
        self.assertTrue(players[200].streams[0].packets)
        players.pop().lose()
        self.assertIsNotNone(self.server.buildProtocol(peer))
        gone = self.server.hangUp()
        self.assertNoResult(gone)
        for player in players:
            self.assertTrue(player.closed)
            player.lose()
        self.successResultOf(gone)
        self.end()

    def test_sessions(self) -> None:
        """So many sessions, too."""
        with patch.object(servers, "MAX_SESSIONS", 3):
            players = [self.player() for _ in range(4)]
            for player in players[:3]:
                player.play()
            setUp = {"Transport": "RTP/AVP/TCP"}
            answer = players[3].ask("SETUP", "/video", **setUp)
            self.assertEqual(453, answer.status)
            players[0].ask("TEARDOWN")
            answer = players[3].ask("SETUP", "/video", **setUp)
            self.assertEqual(200, answer.status)
        self.end()

    def test_endless(self) -> None:
        """What does not end is not waited for without end."""
        player = self.player()
        player.play()
        never: Deferred[None] = Deferred()
        with patch.object(Methods, "freed", return_value=never):
            gone = self.server.hangUp()
            player.lose()
            self.network.advance(FAREWELL - 0.1)
            self.assertNoResult(gone)
            self.network.advance(0.2)
        self.successResultOf(gone)
        never.callback(None)
        self.end()

    def test_bugAtTheEnd(self) -> None:
        """If a session cannot be ended, its connection is, and others as well."""
        for lose in (True, False):
            player, other = self.player(), self.player()
            for one in (player, other):
                one.play()
            session = player.connection.methods.session
            assert session is not None
            with patch.object(session, "end", side_effect=ZeroDivisionError):
                if lose:
                    player.lose()
                gone = self.server.hangUp()
                self.assertTrue(other.closed)
                self.assertEqual(not lose, player.transport.disconnecting)
                self.network.advance(LINGER)
                self.assertEqual(not lose, player.transport.disconnected)
                if not lose:
                    player.lose()
                other.lose()
            self.successResultOf(gone)
            session.end("really")
            self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.end()

    def test_nobody(self) -> None:
        """Without connections there is nothing to wait for."""
        gone: Deferred[None] = self.server.hangUp()
        self.successResultOf(gone)
        self.end()


class SparingTests(SynchronousTestCase):
    """Lines that are not told as often as somebody likes."""

    def test_due(self) -> None:
        """About each there is a line a minute at most, which counts the others."""
        clock = Clock()
        sparing = Sparing(clock)
        self.assertEqual("", sparing.due("a"))
        for _ in range(3):
            self.assertIsNone(sparing.due("a"))
        self.assertEqual("", sparing.due("b"))
        clock.advance(TELL_EVERY)
        self.assertEqual(", 3 more since the last line", sparing.due("a"))
        clock.advance(TELL_EVERY)
        self.assertEqual("", sparing.due("a"))

    def test_bounded(self) -> None:
        """Those are forgotten of whom there was a line first."""
        sparing = Sparing(Clock())
        for number in range(MAX_TOLD + 1):
            sparing.due(str(number))
        self.assertEqual(MAX_TOLD, len(sparing._told))
        self.assertIsNone(sparing.due("1"))
        self.assertEqual("", sparing.due("0"))


class WayTests(RtspCase):
    """Other kinds of connections."""

    def test_ip6(self) -> None:
        """By IPv6."""
        peer = IPv6Address("TCP", "fd00::2", 5000)
        made = self.server.buildProtocol(peer)
        assert isinstance(made, Connection)
        player = self.player()
        player.lose()
        player.connection, player.transport = (
            made,
            Wire(IPv6Address("TCP", "fd00::1", 8554), peer),
        )
        made.makeConnection(player.transport)
        answer = self.describe(player)
        self.assertIn(b"IN IP6 fd00::1", answer.body)
        player.play()
        self.advance(1)
        self.assertTrue(player.streams[0].packets)
        self.end()

    def test_unix(self) -> None:
        """By a socket in the file system."""
        made = self.server.buildProtocol(UNIXAddress(None))
        assert isinstance(made, Connection)
        player = self.player()
        player.lose()
        player.connection = made
        player.transport = Wire(UNIXAddress("/x"), UNIXAddress(None))
        made.makeConnection(player.transport)
        self.assertEqual(200, self.describe(player).status)
        player.play()
        self.end()

    def test_cameras(self) -> None:
        """Two codecs at a time, two players each."""
        self.end()
        self.build(firmware=FIRMWARE_B, codec="h265")
        for _ in range(2):
            player = self.player()
            self.describe(player)
            player.play("video", "aac")
        self.advance(1)
        self.assertEqual(
            self.players[0].streams[0].payload(), self.players[1].streams[0].payload()
        )
        self.end()
