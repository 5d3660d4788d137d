"""
Whole dialogues with the RTSP server, in memory: an emulated camera, and players.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from struct import unpack_from

from twisted.logger import capturedLogs, formatEvent

from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B
from twistedcam.media.rtp import HEAD
from twistedcam.restream.rtsp.describe import WITHIN
from twistedcam.restream.rtsp.message import Interleaved
from twistedcam.restream.rtsp.session import TIMEOUT
from twistedcam.wire.audio import decodeAlaw

from .rtspkit import URL, RtspCase, Stream, places
from .test_media_rtp import unusual
from .test_rtsp_rtcp import receiverReport


class DescribeTests(RtspCase):
    """What there is."""

    def test_options(self) -> None:
        """What may be asked for, of whatever."""
        player = self.player()
        for path in ("*", "", "/sub", "/nothing/at/all"):
            answer = player.ask("OPTIONS", path)
            self.assertEqual(200, answer.status)
            self.assertEqual(
                "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER,"
                " SET_PARAMETER",
                answer.get("Public"),
            )
        self.end()

    def test_describe(self) -> None:
        """The description tells title, tracks, and where these are."""
        answer = self.describe(self.player(), Accept="application/sdp")
        self.assertEqual(200, answer.status)
        self.assertEqual("application/sdp", answer.get("Content-Type"))
        self.assertEqual(URL + "/", answer.get("Content-Base"))
        lines = answer.body.decode().split("\r\n")
        self.assertIn("s=The garden", lines)
        self.assertEqual(
            ["video 0 RTP/AVP 96", "audio 0 RTP/AVP 97", "audio 0 RTP/AVP 8"],
            [line[2:] for line in lines if line.startswith("m=")],
        )
        # It is not watched any more.
        self.advance(6)
        self.assertEqual(0, self.camera.video.audience)
        self.assertEqual(0, self.camera.audio.audience)
        self.end()

    def test_sounds(self) -> None:
        """The query narrows the sound down."""
        player = self.player()
        for query, expected in (("off", 0), ("aac", 97), ("pcma", 8)):
            answer = self.describe(player, f"?sound={query}")
            lines = answer.body.decode().split("\r\n")
            tracks = [line for line in lines if line.startswith("m=audio")]
            self.assertEqual(1 if expected else 0, len(tracks))
            if tracks:
                self.assertEqual(f"m=audio 0 RTP/AVP {expected}", tracks[0])
            self.assertEqual(URL + "/", answer.get("Content-Base"))
        self.assertEqual(400, player.ask("DESCRIBE", "?sound=mp3").status)
        self.end()

    def test_silent(self) -> None:
        """A camera that is not heard has no sound, which is known after a while."""
        self.camera.audio.assembler.feed = lambda *_: None  # type: ignore[method-assign]
        player = self.player()
        player.send(player.request("DESCRIBE"))
        self.advance(1.4)
        self.network.advance(1)
        (answer,) = player.receive()
        self.assertEqual(1, answer.body.count(b"m="))
        self.end()

    def test_codecs(self) -> None:
        """Each codec is described, in both qualities."""
        for firmware, codec, kind in (
            (FIRMWARE_A, "h264", "96 H264/90000"),
            (FIRMWARE_B, "h265", "96 H265/90000"),
            (FIRMWARE_B, "mjpeg", "26 JPEG/90000"),
        ):
            self.end()
            self.build(firmware=firmware, codec=codec)
            for path in ("", "/sub"):
                answer = self.describe(self.player(), path)
                self.assertIn(f"a=rtpmap:{kind}\r\n", answer.body.decode())
                self.assertEqual(f"{URL}{path}/", answer.get("Content-Base"))
        self.end()

    def test_unknown(self) -> None:
        """There is no such camera, or no such thing."""
        player = self.player()
        for path in ("rtsp://h/door", "/x", "/video/x", "rtsp://h/", "*"):
            self.assertEqual(404, player.ask("DESCRIBE", path).status, path)
        self.end()

    def test_away(self) -> None:
        """A camera that is away is waited for, but not for ever."""
        self.lab.emulated.stop()
        player = self.player()
        self.network.advance(10)
        player.send(player.request("DESCRIBE"))
        self.advance(WITHIN - 0.2)
        self.network.advance(0.3)
        (answer,) = player.receive()
        self.assertEqual(503, answer.status)
        self.assertEqual("5", answer.get("Retry-After"))
        self.assertEqual(b"no picture of garden in 10 s", answer.body)
        self.assertFalse(player.closed)
        # One that comes back meanwhile is described.
        player.send(player.request("DESCRIBE"))
        self.advance(1)
        self.lab.emulated.start()
        for _ in range(90):
            self.network.advance(0.1)
        (answer,) = player.receive()
        self.assertEqual(200, answer.status)
        self.end()

    def test_gone(self) -> None:
        """Nobody waits for a camera on behalf of somebody who has gone."""
        self.lab.emulated.stop()
        self.network.advance(10)
        player = self.player()
        player.send(player.request("DESCRIBE"))
        self.assertEqual(1, self.camera.video.audience)
        player.lose()
        self.assertEqual(0, self.camera.video.audience)
        self.assertEqual(0, self.camera.audio.audience)
        self.end()

    def test_accept(self) -> None:
        """Other descriptions are not to be had."""
        player = self.player()
        self.assertEqual(406, player.ask("DESCRIBE", Accept="application/x").status)
        answer = self.describe(player, Accept="text/html, application/SDP")
        self.assertEqual(200, answer.status)
        self.end()

    def test_unusualJpeg(self) -> None:
        """JPEGs that do not go into RTP are to be had elsewhere."""
        self.end()
        self.build(codec="mjpeg")
        publish = self.camera.video._fanout.publish
        self.camera.video._fanout.publish = lambda frame: publish(  # type: ignore[method-assign]
            replace(frame, data=unusual(frame.data))
        )
        answer = self.describe(self.player())
        self.assertEqual(415, answer.status)
        self.assertIn(b"/cameras/garden/stream.mjpeg", answer.body)
        self.end()


class PlayTests(RtspCase):
    """Setting up, playing, and what comes between."""

    def test_whole(self) -> None:
        """From OPTIONS to TEARDOWN, with everything as it should be."""
        player = self.player()
        player.ask("OPTIONS")
        self.describe(player)
        answer = player.ask(
            "SETUP", "/video", Transport="RTP/AVP/TCP;unicast;interleaved=0-1"
        )
        session, _, timeout = answer.get("Session").partition(";")
        self.assertEqual(f"timeout={TIMEOUT}", timeout)
        way, _, ssrc = answer.get("Transport").partition(";ssrc=")
        self.assertEqual("RTP/AVP/TCP;unicast;interleaved=0-1", way)
        player.session = session
        answer = player.ask("SETUP", "/pcma", Transport="RTP/AVP/TCP;interleaved=2-3")
        self.assertTrue(answer.get("Session").startswith(session))
        self.assertEqual(0, self.camera.video.audience)
        player.send(player.request("PLAY", "/", Range="npt=0.000-"))
        (answer,) = player.receive()
        self.assertEqual("npt=now-", answer.get("Range"))
        infos = [
            dict(part.split("=", 1) for part in info.split(";"))
            for info in answer.get("RTP-Info").split(",")
        ]
        self.assertEqual([f"{URL}/video", f"{URL}/pcma"], [i["url"] for i in infos])
        self.advance(5)
        for channel, info in zip((0, 2), infos, strict=True):
            stream = player.streams[channel]
            self.assertEqual(int(info["seq"]), stream.numbers[0])
            self.assertFalse(stream.hasHoles)
            ahead = (stream.stamps[0] - int(info["rtptime"])) % 2**32
            # Sound may begin a little later than pictures.
            self.assertLessEqual(ahead, 0 if channel == 0 else 8000)
        self.assertEqual({int(ssrc, 16)}, player.streams[0].senders)
        shown = places(player.streams[0].pictures())
        self.assertGreater(len(shown), 60)
        self.assertEqual(list(range(len(shown))), shown)
        answer = player.ask("TEARDOWN", "/")
        self.assertEqual(200, answer.status)
        self.assertEqual(0, self.camera.video.audience)
        before = len(player.streams[0].packets)
        self.advance(1)
        self.assertEqual(before, len(player.streams[0].packets))
        self.assertFalse(player.closed)
        self.end()

    def test_order(self) -> None:
        """The answer to PLAY comes before the first packet, which comes at once."""
        first = self.player()
        first.play()
        self.advance(3)
        player = self.player()
        player.setUp("video")
        player.send(player.request("PLAY"))
        written = player.transport.value()
        self.assertTrue(written.startswith(b"RTSP/1.0 200 OK"))
        self.assertIn(b"\r\n\r\n$", written)
        player.receive()
        # It begins with the last keyframe.
        self.assertEqual(0, places(player.streams[0].pictures())[0] % 30)
        self.end()

    def test_again(self) -> None:
        """After TEARDOWN one may begin anew, in the same connection."""
        player = self.player()
        for _ in range(3):
            player.play("video", "aac")
            old = player.session
            self.advance(1)
            self.assertEqual(200, player.ask("TEARDOWN").status)
            self.assertEqual(454, player.ask("PLAY").status)
            player.session = ""
            self.assertEqual(455, player.ask("PLAY").status)
            player.setUp("video")
            self.assertNotEqual(old, player.session)
            self.assertEqual(200, player.ask("TEARDOWN").status)
            player.session = ""
        self.end()

    def test_pause(self) -> None:
        """While it pauses nothing comes; then it goes on with a new keyframe."""
        player = self.player()
        player.play("video", "aac")
        self.advance(3)
        self.assertEqual(200, player.ask("PAUSE").status)
        self.assertEqual(455, player.ask("PAUSE").status)
        stream = player.streams[0]
        before, shown = len(stream.packets), len(stream.pictures())
        self.advance(2)
        self.assertEqual(before, len(stream.packets))
        self.assertEqual(0, self.camera.video.audience)
        following = (stream.numbers[-1] + 1) & 0xFFFF
        answer = player.ask("PLAY")
        info = answer.get("RTP-Info")
        self.assertIn(f"{URL}/video;seq={following},", info)
        self.assertNotIn("rtptime", info)
        self.advance(4)
        for each in player.streams.values():
            self.assertFalse(each.hasHoles)
            steps = [(b - a) % 2**32 for a, b in pairwise(each.stamps)]
            self.assertLess(max(steps), 90_000 * 5)
        self.assertEqual(0, places(stream.pictures()[shown:])[0] % 30)
        self.end()

    def test_quickPause(self) -> None:
        """Nothing is shown twice after a short pause."""
        player = self.player()
        other = self.player()
        other.play()
        player.play("video", "pcma")
        self.advance(1)
        player.ask("PAUSE")
        player.ask("PLAY")
        self.advance(3)
        shown = places(player.streams[0].pictures())
        self.assertEqual(len(shown), len(set(shown)))
        self.assertEqual(sorted(shown), shown)
        for stream in player.streams.values():
            steps = [(b - a) % 2**32 for a, b in pairwise(stream.stamps)]
            self.assertLess(max(steps), 90_000 * 5)
        self.end()

    def test_soundOnly(self) -> None:
        """One may listen without looking."""
        for track, size in (("pcma", 256), ("aac", None)):
            player = self.player()
            player.play(track)
            self.advance(2)
            self.assertEqual(0, self.camera.video.audience)
            self.assertEqual(1, self.camera.audio.audience)
            stream = player.streams[0]
            self.assertGreater(len(stream.packets), 10)
            self.assertFalse(stream.hasHoles)
            if size is not None:
                self.assertEqual({HEAD + size}, {len(p) for p in stream.packets})
            steps = {(b - a) % 2**32 for a, b in pairwise(stream.stamps)}
            self.assertEqual({size or 1024}, steps)
            player.ask("TEARDOWN")
        self.end()

    def test_notMuxed(self) -> None:
        """Sound that nobody has set up is not even asked for."""
        player = self.player()
        player.play("video")
        self.advance(1)
        self.assertEqual(0, self.camera.audio.audience)
        other = self.player()
        other.play("video", "pcma")
        self.advance(1)
        self.assertEqual(0, self.camera.sound.audience)
        self.assertEqual(1, self.camera.alaw.audience)
        other.ask("TEARDOWN")
        self.assertEqual(0, self.camera.audio.audience)
        self.end()

    def test_shared(self) -> None:
        """However many watch, each track is made once."""
        players = [self.player() for _ in range(20)]
        for player in players:
            player.play("video", "aac", "pcma")
        self.advance(2)
        self.assertEqual(1, self.camera.video.audience)
        self.assertEqual(1, self.camera.audio.audience)
        self.assertEqual(
            (1, 1), (self.camera.sound.audience, self.camera.alaw.audience)
        )
        self.assertEqual(20, self.broadcasts.audience(self.camera))
        self.assertEqual(20, self.server.sessions)
        senders = set()
        for channel in (0, 2, 4):
            payloads = {player.streams[channel].payload() for player in players}
            self.assertEqual(1, len(payloads))
            for player in players:
                senders |= player.streams[channel].senders
        self.assertEqual(60, len(senders))
        self.end()

    def test_soundAtOnce(self) -> None:
        """Whoever comes later has the sound that goes with his first picture."""
        self.player().play("video", "pcma", "aac")
        self.advance(5.9)
        player = self.player()
        player.play("video", "pcma", "aac")
        for channel in (2, 4):
            self.assertGreater(len(player.streams[channel].packets), 8)
        _, info, _ = player.ask("PLAY").get("RTP-Info").split(",")
        self.assertNotIn("rtptime", info)
        self.end()

    def test_sub(self) -> None:
        """The smaller stream, with the sound of the one camera."""
        player = self.player()
        player.url += "/sub"
        self.describe(player)
        player.play("video", "pcma")
        self.advance(4)
        shown = places(player.streams[0].pictures(), "h264-sub")
        self.assertEqual(list(range(len(shown))), shown)
        self.assertGreater(len(shown), 30)
        self.assertTrue(player.streams[2].packets)
        self.end()

    def test_parameters(self) -> None:
        """GET_PARAMETER and SET_PARAMETER say that somebody is there, and no more."""
        player = self.player()
        for method in ("GET_PARAMETER", "SET_PARAMETER"):
            self.assertEqual(200, player.ask(method).status)
            self.assertEqual(454, player.ask(method, Session="0").status)
            self.assertEqual(451, player.ask(method, body=b"position\r\n").status)
        player.setUp("video")
        answer = player.ask("GET_PARAMETER")
        self.assertEqual(f"{player.session};timeout=60", answer.get("Session"))
        self.end()

    def test_transports(self) -> None:
        """What may be asked for in SETUP, and what not."""
        player = self.player()
        for header in ("", "RTP/AVP;multicast", "RAW/RAW/UDP;unicast"):
            answer = player.ask("SETUP", "/video", Transport=header)
            self.assertEqual(461, answer.status, header)
        self.assertEqual(459, player.ask("SETUP", Transport="RTP/AVP/TCP").status)
        answer = player.ask("SETUP", "/video", Transport="RTP/AVP/TCP;unicast")
        self.assertIn("interleaved=0-1", answer.get("Transport"))
        player.session = answer.get("Session").partition(";")[0]
        # One channel for two tracks, and two ways in one session.
        for header in ("RTP/AVP/TCP;interleaved=1-2", "RTP/AVP;client_port=6000-6001"):
            answer = player.ask("SETUP", "/aac", Transport=header)
            self.assertEqual(461, answer.status, header)
        # The same track once more, elsewhere.
        answer = player.ask("SETUP", "/video", Transport="RTP/AVP/TCP;interleaved=8-9")
        self.assertEqual(200, answer.status)
        answer = player.ask("SETUP", "/aac", Transport="RTP/AVP/TCP;interleaved=0-1")
        self.assertEqual(200, answer.status)
        player.ask("PLAY")
        self.advance(3)
        self.assertEqual({0, 8}, set(player.streams))
        self.assertTrue(places(player.streams[8].pictures()))
        self.assertEqual(
            455, player.ask("SETUP", "/pcma", Transport="RTP/AVP/TCP").status
        )
        self.end()

    def test_wrongState(self) -> None:
        """What makes no sense now, or for this session."""
        player = self.player()
        for method in ("PLAY", "PAUSE", "TEARDOWN"):
            self.assertEqual(455, player.ask(method).status, method)
            self.assertEqual(454, player.ask(method, Session="123").status)
        answer = player.ask("SETUP", "/video", Transport="RTP/AVP/TCP", Session="123")
        self.assertEqual(454, answer.status)
        player.setUp("video")
        self.assertEqual(455, player.ask("PAUSE").status)
        self.assertEqual(455, player.ask("PLAY", "/sub").status)
        self.assertEqual(454, player.ask("PLAY", Session=player.session[:-1]).status)
        answer = player.ask("SETUP", "/sub/aac", Transport="RTP/AVP/TCP")
        self.assertEqual(455, answer.status)
        self.assertEqual(200, player.ask("PLAY", Session="").status)
        self.end()

    def test_others(self) -> None:
        """Other methods and options are not to be had, and what is, is told."""
        player = self.player()
        for method in ("ANNOUNCE", "RECORD", "REDIRECT", "BREW"):
            answer = player.ask(method)
            self.assertEqual(501, answer.status)
            self.assertIn("DESCRIBE", answer.get("Public"))
        answer = player.ask("DESCRIBE", Require="www.onvif.org/ver20/backchannel")
        self.assertEqual(551, answer.status)
        self.assertEqual("www.onvif.org/ver20/backchannel", answer.get("Unsupported"))
        self.end()

    def test_echo(self) -> None:
        """What has to come back comes back; without a CSeq there is no answer."""
        player = self.player()
        answer = player.ask("OPTIONS", Timestamp="12.5 x")
        self.assertEqual("12.5 x", answer.get("Timestamp"))
        for number in ("", "x", "1.5", "9" * 30):
            player.send(player.request("OPTIONS", CSeq=number))
            (answer,) = player.receive()
            self.assertEqual(400, answer.status)
        self.end()

    def test_twoInOne(self) -> None:
        """Requests that come at once are answered one after the other."""
        player = self.player()
        player.send(
            player.request("DESCRIBE")
            + player.request("OPTIONS")
            + player.request("SETUP", "/video", Transport="RTP/AVP/TCP")
            + player.request("PLAY")
            + Interleaved(1, receiverReport(1, 2)).toBytes()
            + player.request("OPTIONS")
        )
        answers = []
        for _ in range(50):
            self.network.advance(0.1)
            answers += player.receive()
        self.assertEqual([1, 2, 3, 4, 5], [int(a.get("CSeq")) for a in answers])
        self.assertEqual({200}, {answer.status for answer in answers})
        self.assertTrue(player.streams[0].packets)
        self.end()


class ReportTests(RtspCase):
    """RTCP in both directions."""

    def reports(self, stream: Stream) -> list[tuple[float, int, int, int]]:
        """Time, stamp and counts of sender's reports."""
        found = []
        for report in stream.reports:
            kind, ssrc, high, low, stamp, packets, octets = unpack_from(
                ">xBxxIIIIII", report
            )
            self.assertEqual((200, stream.senders), (kind, {ssrc}))
            time = high - 2_208_988_800 + low / 2**32
            found.append((time % 2**32, stamp, packets, octets))
        return found

    def test_sender(self) -> None:
        """Reports begin at once, and are on the line on which the packets are."""
        player = self.player()
        player.play("video", "aac", "pcma")
        self.advance(12)
        lines = {}
        for channel, rate in ((0, 90_000), (2, 8000), (4, 8000)):
            stream = player.streams[channel]
            reports = self.reports(stream)
            self.assertGreaterEqual(len(reports), 3)
            self.assertEqual((0, 0), reports[0][2:])
            self.assertEqual(stream.stamps[0], reports[0][1])
            self.assertLessEqual(reports[-1][2], len(stream.packets))
            self.assertGreater(reports[-1][2], 0.7 * len(stream.packets))
            for (time, stamp, *_), (later, other, *_) in pairwise(reports):
                self.assertApproximates(
                    (later - time) * rate, (other - stamp) % 2**32, 1.01
                )
            time, stamp, *_ = reports[-1]
            # When, by the reports, the first packet was taken.
            ticks = (stamp - stream.stamps[0]) % 2**32
            lines[channel] = time - ticks / rate
            # Reports are about now.
            self.assertApproximates(self.network.seconds(), time, 5.5)
        self.assertLess(abs(lines[2] - lines[0]), 0.5)
        self.assertLess(abs(lines[4] - lines[0]), 0.5)
        self.end()

    def test_together(self) -> None:
        """By the reports, a beep is heard when a second begins to be shown."""
        player = self.player()
        player.play("video", "pcma")
        self.advance(8)
        pictures, sound = player.streams[0], player.streams[2]
        time, stamp, *_ = self.reports(pictures)[-1]
        marked = [p for p in pictures.packets if p[1] & 0x80]
        shown = [
            time + ((unpack_from(">i", p, 4)[0] - stamp + 2**31) % 2**32 - 2**31) / 9e4
            for p in marked
        ]
        seconds = [t for n, t in enumerate(shown) if n % 15 == 0]
        time, stamp, *_ = self.reports(sound)[-1]
        beeps = []
        quiet = True
        for packet in sound.packets:
            start = (
                time
                + ((unpack_from(">i", packet, 4)[0] - stamp + 2**31) % 2**32 - 2**31)
                / 8000
            )
            for place, sample in enumerate(decodeAlaw(packet[HEAD:])):
                if abs(sample) > 4000:
                    if quiet:
                        beeps.append(start + place / 8000)
                    quiet, last = False, start + place / 8000
                elif not quiet and start + place / 8000 - last > 0.5:
                    quiet = True
        self.assertGreater(len(beeps), 4)
        for beep in beeps:
            self.assertLess(min(abs(beep - second) for second in seconds), 0.08)
        self.end()

    def test_receiver(self) -> None:
        """A player's reports are noticed; on other channels they are nothing."""
        player = self.player()
        player.play("video", "aac")
        self.advance(2)
        session = player.connection.methods.session
        assert session is not None
        sender = session._lanes["video"].sender
        report = receiverReport(sender.ssrc, 5)
        for channel in (0, 2, 3, 9):
            player.send(Interleaved(channel, report).toBytes())
            self.assertIsNone(sender.reception)
        player.send(Interleaved(1, b"garbage").toBytes())
        player.send(Interleaved(1, report).toBytes())
        assert sender.reception is not None
        self.assertEqual(5, sender.reception.lost)
        with capturedLogs() as logs:
            player.lose()
        (line,) = [formatEvent(event) for event in logs]
        self.assertIn("garden: 192.0.2.20 has watched by RTSP for 2 s", line)
        self.assertIn(", 5 lost, 0 skips; the connection is lost", line)
        self.end()

    def test_goodbye(self) -> None:
        """Whoever leaves in order is told goodbye, for each track."""
        player = self.player()
        player.play("video", "aac")
        self.advance(2)
        player.ask("TEARDOWN")
        for channel in (0, 2):
            self.assertIn(b"\x81\xcb\0\1", player.streams[channel].reports[-1])
        self.end()
