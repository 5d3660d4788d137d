"""
Viewers by RTSP in trouble: slow ones, vanished ones, and cameras that change.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs, formatEvent

from twistedcam.emulator import FIRMWARE_B, EmulatedCamera
from twistedcam.restream.rtsp.connection import DEAF, IDLE, LINGER
from twistedcam.restream.rtsp.session import (
    GRACE,
    REPORT_EVERY,
    TIMEOUT,
    Session,
)
from twistedcam.restream.rtsp.udp import AT_ONCE, PAUSE
from twistedcam.restream.watcher import LATE

from .lab import OTHER_UID, PC, UID, Socket
from .rtspkit import PLAYER, Answer, Player, RtspCase, Stream, places
from .test_media_rtp import unusual
from .test_rtsp_rtcp import receiverReport


def sessionOf(player: Player) -> Session:
    """The server's end of it."""
    session = player.connection.methods.session
    assert session is not None
    return session


class SlowTests(RtspCase):
    """Viewers in the connection who do not take what they asked for."""

    def test_slow(self) -> None:
        """He skips to a keyframe, without a hole in the numbers; nobody else does."""
        slow, quick = self.player(), self.player()
        slow.play("video", "pcma")
        quick.play("video", "pcma")
        self.advance(3)
        before = len(slow.streams[0].pictures())
        slow.connection.pauseProducing()
        most = 0
        for _ in range(20):
            self.advance(1)
            watcher = sessionOf(slow)._watcher
            assert watcher is not None
            most = max(most, watcher.waiting)
            queued = [item.time for item in watcher._queue]  # type: ignore[union-attr]
            self.assertLess(max(queued) - min(queued), LATE + 2.5)
        self.assertEqual(before, len(slow.streams[0].pictures()))
        self.assertLess(most, 200_000)
        slow.connection.resumeProducing()
        self.advance(3)
        with capturedLogs() as logs:
            slow.ask("TEARDOWN")
        line = str(formatEvent(logs[0]))
        self.assertNotIn(" 0 skips", line)
        self.assertTrue(line.endswith("; it has left"), line)
        for stream in slow.streams.values():
            self.assertFalse(stream.hasHoles)
        shown = places(slow.streams[0].pictures())
        jumps = [b for a, b in pairwise(shown) if (b - a) % 150 != 1]
        self.assertEqual(1, len(jumps))
        self.assertEqual(0, jumps[0] % 30)
        # The time stamps tell how much is missing.
        stamps = list(dict.fromkeys(slow.streams[0].stamps))
        hole = max((b - a) % 2**32 for a, b in pairwise(stamps)) / 90_000
        self.assertGreater(hole, 10)
        shown = places(quick.streams[0].pictures())
        self.assertTrue(all((b - a) % 150 == 1 for a, b in pairwise(shown)))
        self.assertGreater(len(shown), 370)
        self.end()

    def test_noReports(self) -> None:
        """Who does not take packets gets no reports, and no answers, either."""
        player = self.player()
        player.play()
        self.advance(1)
        player.connection.pauseProducing()
        self.advance(0.1)
        player.send(player.request("OPTIONS"))
        self.network.advance(3 * REPORT_EVERY)
        self.assertEqual(b"", player.transport.value())
        player.connection.resumeProducing()
        (answer,) = player.receive()
        self.assertEqual(200, answer.status)
        self.end()

    def test_slowFromTheStart(self) -> None:
        """Nothing is lost if there is no room for a moment when he begins."""
        first = self.player()
        first.play()
        self.advance(4.9)
        player = self.player()
        player.setUp("video")
        player.send(player.request("PLAY"))
        player.receive()
        held = len(player.streams[0].pictures())
        player.connection.pauseProducing()
        self.advance(1)
        self.assertEqual(held, len(player.streams[0].pictures()))
        player.connection.resumeProducing()
        self.advance(1)
        shown = places(player.streams[0].pictures())
        self.assertTrue(all(b - a == 1 for a, b in pairwise(shown)))
        self.end()

    def test_deaf(self) -> None:
        """Who takes nothing at all for minutes is gone; who takes a little is not."""
        self.end()
        self.build(fps=1)
        deaf, slow = self.player(), self.player()
        for player in (deaf, slow):
            player.play()
            player.connection.pauseProducing()
        self.network.advance(DEAF - 1)
        slow.connection.resumeProducing()
        slow.connection.pauseProducing()
        with capturedLogs() as logs:
            self.network.advance(2)
        self.assertTrue(deaf.closed)
        self.assertFalse(slow.closed)
        lines = "\n".join(str(formatEvent(event)) for event in logs)
        self.assertIn("; it has taken nothing for 300 s", lines)
        self.network.advance(LINGER)
        self.assertTrue(deaf.transport.disconnected)
        slow.connection.resumeProducing()
        self.network.advance(2 * DEAF)
        self.assertFalse(slow.closed)
        self.end()

    def test_byeWhileSlow(self) -> None:
        """One who takes nothing is hung up on all the same."""
        player = self.player()
        player.play()
        self.advance(1)
        player.connection.pauseProducing()
        gone = self.server.hangUp()
        self.assertTrue(player.transport.disconnecting)
        self.assertFalse(player.transport.disconnected)
        self.network.advance(LINGER)
        self.assertTrue(player.transport.disconnected)
        self.assertNoResult(gone)
        player.lose()
        self.successResultOf(gone)
        self.end()


class ChangeTests(RtspCase):
    """Cameras that are other ones all of a sudden."""

    def ended(self, player: Player) -> str:
        """The last line about him, after the server has hung up."""
        with capturedLogs() as logs:
            for _ in range(600):
                self.network.advance(0.1)
                if player.closed:
                    break
        player.receive()
        self.assertTrue(player.closed)
        lines = [str(formatEvent(event)) for event in logs]
        (line,) = [line for line in lines if "has watched" in line]
        return line

    def test_codec(self) -> None:
        """With another codec the connection ends, and what is described is new."""
        player = self.player()
        self.describe(player)
        player.play("video", "aac")
        self.advance(3)
        self.lab.emulated.stop()
        other = EmulatedCamera(
            self.lab.host,
            UID,
            doors=self.lab.doors,
            firmware=FIRMWARE_B,
            codec="h265",
        )
        other.start()
        self.assertIn("; its pictures are others now", self.ended(player))
        # He was told goodbye, and got nothing of the new ones.
        self.assertIn(b"\x81\xcb\0\1", player.streams[0].reports[-1])
        places(player.streams[0].pictures())
        self.assertEqual(0, self.server.sessions)
        again = self.player()
        self.assertIn(b"H265", self.describe(again).body)
        again.play()
        self.advance(1)
        self.assertTrue(again.streams[0].packets)
        again.lose()
        other.stop()
        self.end()

    def test_meanwhile(self) -> None:
        """So it does if the pictures changed between DESCRIBE and PLAY."""
        player = self.player()
        self.describe(player)
        self.advance(6)
        self.lab.emulated.stop()
        other = EmulatedCamera(
            self.lab.host,
            UID,
            doors=self.lab.doors,
            firmware=FIRMWARE_B,
            codec="h265",
        )
        other.start()
        self.network.advance(15)
        player.setUp("video")
        player.send(player.request("PLAY"))
        self.assertIn("; its pictures are others now", self.ended(player))
        self.assertEqual({}, player.streams)
        other.stop()
        self.end()

    def test_reboot(self) -> None:
        """After a reboot it goes on; the stamps jump forward by the gap."""
        player = self.player()
        self.describe(player)
        player.play("video", "pcma")
        self.advance(4)
        before = len(player.streams[0].packets)
        self.lab.emulated.reboot(downFor=5)
        self.advance(25)
        self.assertFalse(player.closed)
        self.assertGreater(len(player.streams[0].packets), before + 100)
        for stream, rate in ((player.streams[0], 90_000), (player.streams[2], 8000)):
            self.assertFalse(stream.hasHoles)
            steps = [(b - a) % 2**32 / rate for a, b in pairwise(stream.stamps)]
            (hole,) = [step for step in steps if step > 1]
            self.assertGreater(hole, 5)
            self.assertLess(hole, 20)
            whole = (stream.stamps[-1] - stream.stamps[0]) % 2**32 / rate
            self.assertApproximates(29, whole, 2.5)
        self.end()

    def test_removed(self) -> None:
        """Nobody watches a camera that is none of ours any more; others stay."""
        player, idle = self.player(), self.player()
        idle.ask("OPTIONS")
        player.play()
        self.advance(1)
        self.fleet.add(self.lab.camera(deviceId=OTHER_UID, name="door"))
        self.assertFalse(player.closed)
        parted = self.fleet.remove("garden")
        self.assertTrue(player.closed)
        self.assertFalse(idle.closed)
        self.assertEqual(404, idle.ask("DESCRIBE").status)
        self.resultAfter(self.network, 3, parted)
        self.end()

    def test_unusualJpeg(self) -> None:
        """A JPEG in between that does not go into RTP ends it."""
        self.end()
        self.build(codec="mjpeg")
        player = self.player()
        player.play()
        self.advance(2)
        take = self.camera.video._frame

        def other(frame: Any) -> None:
            take(replace(frame, data=unusual(frame.data)))

        self.camera.video.assembler._deliver = other
        self.assertIn("RTP has no place", self.ended(player))
        self.end()


class UdpCase(RtspCase):
    """Players with UDP ports."""

    def build(self, **how: Any) -> None:
        """They have a computer of their own."""
        super().build(**how)
        self.host = self.network.host("player", f"{PLAYER}/24")
        self.packets, self.reports = self.pair()

    def pair(self) -> tuple[Socket, Socket]:
        """Two ports."""
        return Socket(self.host), Socket(self.host)

    def end(self) -> None:
        """Close them, too."""
        for port in [*self.host.ports]:
            port.stopListening()
        super().end()

    def setUpUdp(
        self, player: Player, track: str, *ports: Socket
    ) -> tuple[Answer, tuple[int, int]]:
        """Set up a track; gives the server's ports."""
        numbers = "-".join(str(port.number) for port in ports)
        answer = player.ask(
            "SETUP", f"/{track}", Transport=f"RTP/AVP;unicast;client_port={numbers}"
        )
        self.assertEqual(200, answer.status)
        player.session = answer.get("Session").partition(";")[0]
        options = dict(
            part.partition("=")[::2] for part in answer.get("Transport").split(";")
        )
        self.assertEqual(numbers, options["client_port"])
        first, second = map(int, options["server_port"].split("-"))
        return answer, (first, second)

    def watch(self) -> Player:
        """A player that plays."""
        player = self.player()
        self.setUpUdp(player, "video", self.packets, self.reports)
        self.assertEqual(200, player.ask("PLAY").status)
        return player

    def stream(self, packets: Socket, reports: Socket) -> Stream:
        """What has come."""
        return Stream(
            [data for _, data, _ in packets.heard],
            [data for _, data, _ in reports.heard],
        )


class UdpTests(UdpCase):
    """Packets by UDP."""

    def test_play(self) -> None:
        """Each track has two neighbouring ports at either end."""
        player = self.player()
        sound = self.pair()
        answer, server = self.setUpUdp(player, "video", self.packets, self.reports)
        self.assertIn("ssrc=", answer.get("Transport"))
        _, other = self.setUpUdp(player, "pcma", *sound)
        for first, second in (server, other):
            self.assertEqual((0, 1), (first % 2, second - first))
        player.ask("PLAY")
        self.advance(7)
        self.assertEqual({}, player.streams)
        pictures = self.stream(self.packets, self.reports)
        shown = places(pictures.pictures())
        self.assertEqual(list(range(len(shown))), shown)
        self.assertGreater(len(shown), 90)
        self.assertGreaterEqual(len(pictures.reports), 2)
        heard = self.stream(*sound)
        self.assertFalse(heard.hasHoles)
        self.assertGreater(len(heard.packets), 150)
        sources = {source for _, _, source in self.packets.heard}
        self.assertEqual({(PC, server[0])}, sources)
        self.assertEqual({(PC, other[1])}, {source for *_, source in sound[1].heard})
        player.ask("TEARDOWN")
        self.network.advance(0.1)
        self.assertIn(b"\x81\xcb\0\1", self.stream(*sound).reports[-1])
        # Only the client's own port is left.
        self.assertEqual(
            [], [p for p in self.lab.pc.ports if p.getHost().port in server]
        )
        self.end()

    def test_onlyThere(self) -> None:
        """Packets go to the address that the connection comes from, whatever is said."""
        player = self.player()
        answer = player.ask(
            "SETUP",
            "/video",
            Transport=f"RTP/AVP;unicast;destination=192.0.2.66;client_port="
            f"{self.packets.number}-{self.reports.number}",
        )
        player.session = answer.get("Session").partition(";")[0]
        self.network.captured.clear()
        player.ask("PLAY")
        self.advance(3)
        mine = [
            datagram
            for datagram in self.network.captured
            if datagram.payload[:1] == b"\x80" and datagram.source[0] == PC
        ]
        self.assertTrue(mine)
        self.assertEqual({PLAYER}, {datagram.destination[0] for datagram in mine})
        self.end()

    def test_pace(self) -> None:
        """A keyframe does not come all at once, and everything arrives."""
        self.end()
        self.build(bitrate=8_000_000)
        self.watch()
        self.advance(3)
        times = [time for time, _, _ in self.packets.heard]
        for start in range(len(times) - AT_ONCE):
            self.assertGreater(times[start + AT_ONCE] - times[start], 0.9 * PAUSE)
        stream = self.stream(self.packets, self.reports)
        self.assertFalse(stream.hasHoles)
        self.assertGreater(len(stream.packets), 1500)
        self.end()

    def test_pauseInBetween(self) -> None:
        """Pausing in the middle of a keyframe, it goes on all the same."""
        self.end()
        self.build(bitrate=8_000_000)
        player = self.watch()
        self.network.advance(PAUSE)
        session = sessionOf(player)
        while not session._full:
            self.network.advance(PAUSE / 4)
        player.ask("PAUSE")
        self.advance(1)
        self.packets.heard.clear()
        player.ask("PLAY")
        self.advance(4)
        self.assertGreater(len(self.packets.heard), 1000)
        self.end()

    def test_requests(self) -> None:
        """Requests keep a session alive; without them it ends, and says so."""
        self.end()
        self.build(fps=1)
        player = self.watch()
        for _ in range(3):
            self.advance(TIMEOUT - 5)
            self.assertEqual(200, player.ask("GET_PARAMETER").status)
        self.assertFalse(player.closed)
        with capturedLogs() as logs:
            self.network.advance(TIMEOUT + GRACE - 1)
            self.assertFalse(player.closed)
            self.network.advance(2)
        self.assertTrue(player.closed)
        lines = "\n".join(str(formatEvent(event)) for event in logs)
        self.assertIn("nothing heard of it for 70 s", lines)
        self.end()

    def test_reports(self) -> None:
        """So do reports, but nothing else that comes."""
        self.end()
        self.build(fps=1)
        for word, lives in ((receiverReport(1, 0), True), (b"hello", False)):
            player = self.player()
            _, server = self.setUpUdp(player, "video", self.packets, self.reports)
            player.ask("PLAY")
            for _ in range(10):
                self.network.advance(10)
                self.reports.say(word, (PC, server[1]))
                self.packets.say(b"\x80" * 12, (PC, server[0]))
            self.assertEqual(lives, not player.closed)
            player.lose()
        self.end()

    def test_strangers(self) -> None:
        """Nobody else can say that he is there, nor anything else."""
        self.end()
        self.build(fps=1)
        player = self.player()
        _, server = self.setUpUdp(player, "video", self.packets, self.reports)
        player.ask("PLAY")
        stranger = Socket(self.host)
        neighbour = self.network.host("neighbour", "192.0.2.66/24")
        other = Socket(neighbour)
        for _ in range(10):
            self.network.advance(10)
            for socket in (stranger, other):
                socket.say(receiverReport(1, 0), (PC, server[1]))
        self.assertTrue(player.closed)
        for port in [*neighbour.ports]:
            port.stopListening()
        self.end()

    def test_portsClosed(self) -> None:
        """A viewer who has closed his ports, and says nothing, is gone in time."""
        player = self.watch()
        self.advance(2)
        for port in (self.packets, self.reports):
            port.port.stopListening()
        self.network.advance(TIMEOUT + GRACE - 3)
        self.assertFalse(player.closed)
        self.network.advance(3)
        self.assertTrue(player.closed)
        self.end()

    def test_portLost(self) -> None:
        """If our own ports are closed, whyever, nothing else breaks."""
        player = self.watch()
        self.advance(2)
        server = {addr[1] for _, _, addr in self.packets.heard}
        server |= {port + 1 for port in server}
        for port in [*self.lab.pc.ports]:
            if port.getHost().port in server:
                port.stopListening()
        before = sessionOf(player).pacer.unsent
        self.advance(REPORT_EVERY + 1)
        self.assertGreater(sessionOf(player).pacer.unsent, before + 50)
        gone = self.server.hangUp()
        player.lose()
        self.network.advance(0.1)
        self.successResultOf(gone)
        self.end()

    def test_otherWay(self) -> None:
        """Who chooses the connection after all may be silent."""
        self.end()
        self.build(fps=1)
        player = self.player()
        self.setUpUdp(player, "video", self.packets, self.reports)
        player.play()
        self.network.advance(2 * (TIMEOUT + GRACE))
        self.assertFalse(player.closed)
        player.receive()
        self.assertTrue(player.streams[0].packets)
        self.assertEqual([], self.packets.heard)
        # And the other way round.
        player.ask("PAUSE")
        player.receive()
        self.setUpUdp(player, "video", self.packets, self.reports)
        self.network.advance(TIMEOUT + GRACE + 1)
        self.assertTrue(player.closed)
        self.end()

    def test_noReportsTaken(self) -> None:
        """Players that do not listen to reports may stay."""
        player = self.watch()
        self.reports.port.stopListening()
        self.advance(50)
        self.assertFalse(player.closed)
        self.end()

    def test_connectionLost(self) -> None:
        """With the connection the session ends."""
        player = self.watch()
        self.advance(1)
        player.lose()
        before = len(self.packets.heard)
        self.advance(2)
        self.assertEqual(before, len(self.packets.heard))
        self.assertEqual(0, self.server.sessions)
        self.end()

    def test_vanished(self) -> None:
        """One whose cable is pulled is gone in time."""
        player = self.watch()
        self.advance(1)
        self.host.unplug()
        self.network.advance(TIMEOUT + GRACE + 1)
        self.assertTrue(player.closed)
        self.end()

    def test_networkAway(self) -> None:
        """Our own cable may be pulled for a while."""
        player = self.watch()
        self.advance(2)
        self.lab.pc.unplug()
        self.advance(2)
        self.lab.pc.plug()
        self.network.advance(30)
        player.receive()
        self.assertFalse(player.closed)
        self.packets.heard.clear()
        self.advance(5)
        self.assertTrue(self.packets.heard)
        self.end()

    def test_setUpAgain(self) -> None:
        """Setting up a track once more frees the ports before."""
        player = self.player()
        before = len(self.lab.pc.ports)
        for _ in range(5):
            self.setUpUdp(player, "video", self.packets, self.reports)
            self.network.advance(0.1)
            self.assertEqual(before + 2, len(self.lab.pc.ports))
        self.end()

    def test_notPlaying(self) -> None:
        """A session that does not play ends, too."""
        player = self.player()
        self.setUpUdp(player, "video", self.packets, self.reports)
        self.network.advance(max(IDLE, TIMEOUT + GRACE) + 1)
        self.assertTrue(player.closed)
        self.end()

    def test_noPorts(self) -> None:
        """Without two ports there is no way."""
        taken = self.lab.pc.listenUDP

        def listenUDP(port: int, *more: Any, **how: Any) -> Any:
            opened = taken(port, *more, **how)
            if port:
                opened.stopListening()
                raise CannotListenError("", port, OSError())
            return opened

        self.lab.pc.listenUDP = listenUDP  # type: ignore[method-assign]
        player = self.player()
        answer = player.ask(
            "SETUP", "/video", Transport="RTP/AVP;unicast;client_port=6000-6001"
        )
        self.assertEqual(461, answer.status)
        self.assertEqual(b"no two UDP ports are free", answer.body)
        self.network.advance(0.1)
        self.assertEqual(0, self.server.sessions)
        del self.lab.pc.listenUDP
        # In the connection it goes.
        player.play()
        self.end()

    def test_stop(self) -> None:
        """Stopping waits until the ports are closed."""
        self.watch()
        (player,) = self.players
        gone: Deferred[None] = self.server.hangUp()
        player.lose()
        self.assertNoResult(gone)
        self.network.advance(0.1)
        self.successResultOf(gone)
        self.end()
