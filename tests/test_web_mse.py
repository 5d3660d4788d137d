"""
Tests of L{twistedcam.restream.web.mse}: video over WebSockets.
"""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import av
from twisted.logger import capturedLogs, formatEvent
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from twistedcam.emulator import EmulatedCamera
from twistedcam.media.frame import Codec
from twistedcam.restream.web import streaming
from twistedcam.restream.web.mse import ALLOWANCE, PING_EVERY, PONG_WITHIN
from twistedcam.streams import Stream

from .lab import LabCase
from .mediakit import pictures
from .memorytcp import BUFFER
from .webkit import Socket, WebLab

MSE = "/cameras/garden/mse"


def watch(lab: WebLab, target: str = MSE, seconds: float = 3, **how: str) -> Socket:
    """Watch for some time."""
    socket = lab.socket(target, **how)
    wait(lab, socket, seconds)
    return socket


def wait(lab: WebLab, socket: Socket, seconds: float) -> None:
    """Watch on, second by second."""
    for _ in range(int(seconds)):
        lab.network.advance(1)
        socket.read()


def track(socket: Socket, number: int) -> bytes:
    """All pieces of a track."""
    return b"".join(piece[1:] for piece in socket.pieces if piece[0] == number)


def packets(data: bytes) -> int:
    """How many there are in a file."""
    with av.open(BytesIO(data), "r", format="mp4") as container:
        return sum(bool(packet.size) for packet in container.demux())


class WatchingTests(LabCase):
    """Somebody watches."""

    def test_pictures(self) -> None:
        """First comes what tracks there are, then their pieces."""
        lab = WebLab()
        socket = watch(lab)
        self.assertEqual(101, socket.status)
        [start] = socket.starts
        [video] = start["tracks"]
        self.assertRegex(video.pop("mime"), r'^video/mp4; codecs="avc1\.[0-9A-F]{6}"$')
        self.assertEqual({"kind": "video", "width": 640, "height": 360}, video)
        self.assertEqual({0}, {piece[0] for piece in socket.pieces})
        self.assertIn(b"moov", socket.pieces[0])
        self.assertGreater(packets(track(socket, 0)), 40)

    def test_sound(self) -> None:
        """Sound is a track, and a file, of its own."""
        lab = WebLab()
        socket = watch(lab, f"{MSE}?sound=1", 5)
        [start] = socket.starts
        self.assertEqual(
            ["video", "sound"], [track["kind"] for track in start["tracks"]]
        )
        self.assertEqual(
            {"kind": "sound", "mime": 'audio/mp4; codecs="mp4a.40.2"'},
            start["tracks"][1],
        )
        self.assertGreater(packets(track(socket, 0)), 40)
        self.assertGreater(packets(track(socket, 1)), 20)

    def test_sub(self) -> None:
        """The lower quality has smaller pictures."""
        [start] = watch(WebLab(), f"{MSE}?quality=sub").starts
        self.assertEqual(320, start["tracks"][0]["width"])

    def test_joinsAtOnce(self) -> None:
        """The second viewer has a picture at once, and shares the muxer."""
        lab = WebLab()
        watch(lab)
        socket = lab.socket(MSE)
        socket.read()
        self.assertEqual(1, len(socket.texts))
        self.assertGreater(packets(track(socket, 0)), 0)
        self.assertEqual(2, lab.get("/cameras/garden").json["viewers"])

    def test_cameraAway(self) -> None:
        """Whoever comes while the camera is away waits; the socket stays open."""
        lab = WebLab()
        lab.emulated.stop()
        lab.network.advance(2)
        socket = watch(lab, seconds=15)
        self.assertEqual((101, [], []), (socket.status, socket.texts, socket.pieces))
        lab.emulated.start()
        wait(lab, socket, 70)
        self.assertEqual(1, len(socket.texts))
        self.assertGreater(len(socket.pieces), 10)
        self.assertIsNone(socket.code)

    def test_goesOn(self) -> None:
        """When the camera comes back, so do the pictures."""
        lab = WebLab()
        socket = watch(lab)
        lab.emulated.stop()
        wait(lab, socket, 3)
        before = len(socket.pieces)
        lab.emulated.start()
        wait(lab, socket, 5)
        self.assertGreater(len(socket.pieces), before + 20)
        self.assertIsNone(socket.code)

    def test_anotherFile(self) -> None:
        """When the pictures change, another text begins everything anew."""
        lab = WebLab()
        socket = watch(lab)
        lab.emulated.stop()
        lab.network.advance(1)
        lab.emulated = EmulatedCamera(
            lab.host, lab.emulated.deviceId, doors=lab.doors, codec="h265"
        )
        lab.emulated.start()
        wait(lab, socket, 10)
        self.assertEqual(2, len(socket.texts))
        self.assertIn("hvc1", socket.starts[1]["tracks"][0]["mime"])

    def test_mjpeg(self) -> None:
        """JPEGs do not go into these files: that is said, and it ends well."""
        lab = WebLab(codec="mjpeg")
        socket = watch(lab)
        self.assertEqual([{"tracks": [], "codec": "mjpeg"}], socket.starts)
        self.assertEqual(([], 1000), (socket.pieces, socket.code))
        self.assertTrue(socket.transport.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_subMjpeg(self) -> None:
        """Also of the lower quality, whatever the better one is."""
        lab = WebLab(codec="mjpeg")
        better = pictures(Codec.H264)[0]
        self.patch(Stream, "last", property(lambda stream: better))
        socket = watch(lab, MSE + "?quality=sub", seconds=6)
        self.assertEqual([{"tracks": [], "codec": "mjpeg"}], socket.starts)

    def test_removed(self) -> None:
        """When the camera is removed, it is over."""
        lab = WebLab()
        socket = watch(lab)
        lab.fleet.remove("garden")
        socket.read()
        self.assertEqual(1001, socket.code)
        self.assertTrue(socket.transport.closed)

    def test_removedWhileSlow(self) -> None:
        """Also for those who do not listen."""
        lab = WebLab()
        socket = watch(lab)
        socket.transport.window = 0
        lab.network.advance(15)
        lab.fleet.remove("garden")
        lab.network.advance(0)
        self.assertTrue(socket.transport.closed)


class HandshakeTests(LabCase):
    """Who may open one."""

    def test_foreign(self) -> None:
        """Pages of others may not."""
        lab = WebLab()
        for origin in ("http://evil.example", "null", "http://192.0.2.10:80", "x"):
            self.assertEqual(403, lab.socket(MSE, Origin=origin).status)
        self.assertEqual(0, lab.garden.statistics().requests)

    def test_own(self) -> None:
        """Ours may, and programs that are no pages."""
        lab = WebLab()
        for origin in ({"Origin": "http://192.0.2.10:8085"}, {}):
            self.assertEqual(101, lab.socket(MSE, **origin).status)

    def test_noWebSocket(self) -> None:
        """Whoever asks in another way is told so; nothing gets into the log."""
        lab = WebLab()
        good = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
        }
        with capturedLogs() as events:
            self.assertEqual(101, lab.socket(MSE).status)
            for name in good:
                for value in ("", "x", None):
                    if name == "Sec-WebSocket-Key" and value is not None:
                        continue  # any will do
                    headers = {**good, name: value}
                    answer = lab.visit().ask(
                        "GET",
                        f"{MSE}?token=zeichen",
                        {k: v for k, v in headers.items() if v is not None},
                    )
                    self.assertEqual(426, answer.status, (name, value))
                    self.assertEqual("websocket", answer.headers["upgrade"])
                    self.assertTrue(answer.error)
        told = "".join(formatEvent(event) for event in events)
        self.assertNotIn("zeichen", told)

    def test_noCompression(self) -> None:
        """Video is compressed already."""
        lab = WebLab()
        socket = Socket(lab, MSE, {"Sec-WebSocket-Extensions": "permessage-deflate"})
        self.assertEqual(101, socket.status)

    def test_badValues(self) -> None:
        """Odd parameters are refused before."""
        lab = WebLab()
        for query in ("quality=best", "sound=2"):
            self.assertEqual(400, lab.socket(f"{MSE}?{query}").status)
        self.assertEqual(404, lab.socket("/cameras/nobody/mse").status)


class EndTests(LabCase):
    """How it ends."""

    def test_goodbye(self) -> None:
        """Whoever says goodbye is answered, and nothing is left of him."""
        lab = WebLab()
        socket = watch(lab)
        socket.send(CloseConnection(1000))
        lab.network.advance(1)
        socket.read()
        self.assertEqual(1000, socket.code)
        self.assertTrue(socket.transport.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))
        self.assertEqual(0, lab.broadcasts.audience(lab.garden))

    def test_goodbyeWhileSlow(self) -> None:
        """Also if much waits for him."""
        lab = WebLab()
        socket = watch(lab)
        socket.transport.window = 0
        lab.network.advance(20)
        self.assertGreater(len(socket.transport.buffer), BUFFER)
        socket.visitor.say(socket._connection.send(CloseConnection(1000)))
        socket.transport.window = None
        socket.transport.flush()
        lab.network.advance(2)
        self.assertTrue(socket.transport.closed)
        self.assertEqual([], self.flushLoggedErrors())

    def test_afterGoodbye(self) -> None:
        """What comes behind a goodbye is of no interest, nor worth a line."""
        lab = WebLab()
        for more in (b"\x89\x80\0\0\0\0", b"\x88\x80\0\0\0\0", b"\x81\x81\0\0\0\0x"):
            for pieces in (1, 2):
                socket = watch(lab, seconds=1)
                [connection] = lab.web._connections.all()
                goodbye = socket._connection.send(CloseConnection(1000))
                if pieces == 1:
                    connection.dataReceived(goodbye + more)
                else:  # by TLS, which passes on what it has decrypted
                    connection.dataReceived(goodbye)
                    connection.dataReceived(more)
                lab.network.advance(1)
                self.assertTrue(socket.transport.closed, more)
                self.assertEqual([], self.flushLoggedErrors(), more)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_goodbyeFromNobody(self) -> None:
        """While the camera is away, a goodbye is heard, too."""
        lab = WebLab()
        lab.emulated.stop()
        lab.network.advance(1)
        socket = watch(lab, seconds=1)
        socket.send(CloseConnection(1001))
        self.assertTrue(socket.transport.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_hangsUp(self) -> None:
        """Most just go."""
        lab = WebLab()
        socket = watch(lab)
        socket.transport.hangUp()
        self.assertEqual(0, len(lab.web._tools.viewers))
        lab.network.advance(10)
        self.assertEqual([], self.flushLoggedErrors())

    def test_pings(self) -> None:
        """Whoever answers pings stays."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        socket = watch(lab, seconds=10 * PING_EVERY)
        self.assertGreaterEqual(socket.pings, 9)
        self.assertIsNone(socket.transport.closed)

    def test_deaf(self) -> None:
        """Whoever does not is gone."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        socket = lab.socket(MSE)
        socket.deaf = True
        wait(lab, socket, PONG_WITHIN - 2)
        self.assertIsNone(socket.transport.closed)
        wait(lab, socket, 3)
        self.assertTrue(socket.transport.closed)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_stop(self) -> None:
        """When the server stops, it says so."""
        lab = WebLab()
        socket = watch(lab)
        stopped = lab.web.stopService()
        socket.read()
        self.assertEqual(1001, socket.code)
        self.successResultOf(stopped)

    def test_stopWhileSlow(self) -> None:
        """Even to those who do not listen, though they will not hear it."""
        lab = WebLab()
        socket = watch(lab)
        socket.transport.window = 0
        lab.network.advance(20)
        stopped = lab.web.stopService()
        lab.network.advance(1)
        self.successResultOf(stopped)
        self.assertTrue(socket.transport.closed)


class HostileTests(LabCase):
    """Clients that do what they should not."""

    def test_slow(self) -> None:
        """A slow one costs bounded memory, skips, and holds up nobody."""
        lab = WebLab()
        slow, fast = watch(lab), watch(lab)
        slow.transport.window = 0
        begin = len(fast.pieces)
        most = 0
        for _ in range(30):
            lab.network.advance(1)
            most = max(most, len(slow.transport.buffer))
            fast.read()
        self.assertLess(most, BUFFER + 100_000)
        self.assertGreater(lab.broadcasts.skips("garden"), 2)
        self.assertGreater(len(fast.pieces), begin + 30 * 14)
        slow.transport.window = None
        slow.transport.flush()
        wait(lab, slow, 3)
        self.assertGreater(packets(track(slow, 0)), 50)

    def test_stalled(self) -> None:
        """One that takes nothing for long is gone."""
        self.patch(streaming, "STALLED", 5.0)
        lab = WebLab()
        slow = watch(lab)
        slow.transport.window = 0
        lab.network.advance(20)
        self.assertTrue(slow.transport.closed)

    def test_talkative(self) -> None:
        """What a client says is of no interest, and bounded."""
        lab = WebLab()
        socket = watch(lab)
        for event in (
            TextMessage("hello"),
            BytesMessage(b"x" * 100),
            Ping(b"x"),
            TextMessage("", message_finished=False),
        ):
            socket.send(event)
        self.assertIsNone(socket.transport.closed)
        sent = 0
        while not socket.transport.closed:
            socket.visitor.say(
                socket._connection.send(TextMessage("y" * 1000, message_finished=False))
            )
            sent += 1000
            self.assertLess(sent, ALLOWANCE + 5000)
        self.assertEqual(0, len(lab.web._tools.viewers))

    def test_patientlyTalkative(self) -> None:
        """Answered pings do not allow for more than that."""
        lab = WebLab(connect=False)
        lab.emulated.stop()
        socket = lab.socket(MSE)
        for _ in range(200):
            wait(lab, socket, PING_EVERY)
            if socket.transport.closed:
                break
            socket.visitor.say(
                socket._connection.send(TextMessage("y" * 300, message_finished=False))
            )
        self.assertTrue(socket.transport.closed)

    def test_nonsense(self) -> None:
        """What is no WebSocket's frame ends it."""
        lab = WebLab()
        for data in (
            b"\xff" * 20,
            b"\x81\x05hello",
            b"\x88\x7f" + b"\xff" * 8 + b"x" * 9,
        ):
            socket = watch(lab, seconds=1)
            socket.visitor.say(data)
            lab.network.advance(1)
            self.assertTrue(socket.transport.closed, data)
        self.assertEqual(0, len(lab.web._tools.viewers))
        self.assertEqual([], self.flushLoggedErrors())

    def test_everyStep(self) -> None:
        """Whenever a client goes, nothing is left of it."""
        lab = WebLab()
        watch(lab)  # so that there is something at once
        head = (
            f"GET {MSE} HTTP/1.1\r\nHost: 192.0.2.10:8085\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}\r\n\r\n"
        ).encode()
        for cut in (*range(0, len(head), 20), len(head)):
            visitor = lab.visit()
            visitor.say(head[:cut])
            visitor.transport.hangUp()
            self.assertEqual(1, len(lab.web._tools.viewers), cut)
        for amount in (0, 1, 50, 130, 300, 2000, 20_000):
            visitor = lab.visit()
            visitor.transport.window = amount
            visitor.say(head)
            lab.network.advance(0.2)
            visitor.transport.hangUp()
            self.assertEqual(1, len(lab.web._tools.viewers), amount)
        self.assertEqual(1, lab.broadcasts.audience(lab.garden))
        self.assertEqual([], self.flushLoggedErrors())
