"""
The emulated camera's live video, seen by a client that knows nothing but bytes.
"""

from __future__ import annotations

from struct import pack, unpack_from
from typing import NamedTuple

from twistedcam.emulator import FIRMWARE_A, Firmware
from twistedcam.emulator.clips import clip

from .test_emulator_commands import LOGIN, Client, CommandBench, request

#: What the clock of a camera in a simulated network starts with.
BEGINNING = 1_767_225_600


#: What it takes to send a command and to get the answer (seconds).
COMMAND_TIME = 0.02


class Received(NamedTuple):
    """A frame with its head."""

    head: bytes
    data: bytes

    @property
    def type(self) -> int:
        """Its type."""
        return self.head[4]

    @property
    def time(self) -> float:
        """The camera's clock."""
        milliseconds, seconds = unpack_from("<HI", self.head, 6)
        return float(seconds + milliseconds / 1000)

    @property
    def number(self) -> int:
        """The camera's count."""
        return int.from_bytes(self.head[12:16], "little")


def nalTypes(data: bytes) -> list[int]:
    """The types of the NAL units of H.264."""
    return [piece[0] & 0x1F for piece in data.split(b"\0\0\1")[1:]]


class MediaBench(CommandBench):
    """A client that watches and listens."""

    def start(self, query: str = "substream=0", client: Client | None = None) -> None:
        """Ask for video."""
        client = client or self.client
        self.command(f"livestream.cgi?streamid=10&{query}", client)

    def stop(self, client: Client | None = None) -> None:
        """Ask for no more video."""
        self.command("livestream.cgi?streamid=16", client)

    def command(self, text: str, client: Client | None = None) -> None:
        """Send a command, have it arrive, and forget the answer."""
        client = client or self.client
        client.write(request(f"GET /{text}&{LOGIN}"))
        self.network.advance(COMMAND_TIME)
        client.records()

    def take(self, client: Client | None = None, channel: int = 1) -> list[Received]:
        """The whole frames that came since the last time."""
        stream = (client or self.client).streams.get(channel, bytearray())
        frames = []
        while len(stream) >= 32:
            self.assertEqual(b"\x55\xaa\x15\xa8", stream[:4])
            end = 32 + int.from_bytes(stream[16:20], "little")
            if len(stream) < end:
                break
            frames.append(Received(bytes(stream[:32]), bytes(stream[32:end])))
            del stream[:end]
        return frames

    def after(self, seconds: float, client: Client | None = None) -> list[Received]:
        """The frames of a while."""
        self.network.advance(seconds)
        return self.take(client)

    def assertFilm(self, name: str, frames: list[Received], first: int = 0) -> None:
        """These are the frames of a clip, in a loop from one of them on."""
        expected = clip(name).frames
        self.assertNotEqual([], frames)
        for place, frame in enumerate(frames, first):
            self.assertEqual(expected[place % len(expected)], frame.data, place)


class VideoTests(MediaBench):
    """Video, with the newer firmware."""

    def test_first(self) -> None:
        """The first frame is a keyframe, with its parameter sets in front."""
        self.start()
        (first, *_) = self.after(0.01)
        self.assertEqual(0, first.type)
        self.assertEqual([7, 8, 5], nalTypes(first.data))
        self.assertEqual(b"\0\0\0\1\x67", first.data[:5])

    def test_heads(self) -> None:
        """Heads are as real ones, byte by byte."""
        self.start()
        started = self.network.seconds() - COMMAND_TIME + self.network.latency
        frames = self.after(2.08)
        self.assertEqual(32, len(frames))
        number = frames[0].number
        self.assertEqual(int(started * 15), number)
        for place, frame in enumerate(frames):
            key = place % 30 == 0
            time = round((BEGINNING + started + place / 15) * 1000)
            head = pack(
                "<4sBBHIII8B2H",
                b"\x55\xaa\x15\xa8",
                0 if key else 1,
                0,
                time % 1000,
                time // 1000,
                number + place,
                len(frame.data),
                *self.small(5 if key else 1),
                15,
                15,
            )
            self.assertEqual(head, frame.head)

    def small(self, raw: int, resolution: int = 2) -> bytes:
        """The eight bytes in the middle of a head."""
        return bytes((0x81, resolution, 0xFF, 0, 0, 0, 0, raw))

    def test_frames(self) -> None:
        """The frames are the clip's, again and again, 15 each second."""
        self.start()
        frames = self.after(21.0)
        self.assertEqual(21 * 15 + 1, len(frames))
        self.assertFilm("h264-main", frames)
        keys = [place for place, frame in enumerate(frames) if frame.type == 0]
        self.assertEqual(list(range(0, len(frames), 30)), keys)

    def test_sub(self) -> None:
        """The second stream is smaller, and its heads tell."""
        for query in ("substream=2", "res=0", "x=1"):
            self.start(query)
            frames = self.after(0.5)
            self.assertFilm("h264-sub", frames)
            self.assertEqual(self.small(5, 0), frames[0].head[20:28])
            self.stop()
            self.take()

    def test_third(self) -> None:
        """The third stream is as small, with ten frames a second."""
        self.start("substream=6")
        frames = self.after(3)
        self.assertEqual(31, len(frames))
        self.assertFilm("h264-sub", frames)
        self.assertEqual(10, frames[0].head[28])
        self.assertEqual(self.thirdResolution, frames[0].head[21])
        self.assertEqual("256", self.values("get_camera_params")["sub_sub_enc_bitrate"])

    thirdResolution = 0

    def test_change(self) -> None:
        """Who asks for the other stream gets it, from a keyframe on."""
        self.start("substream=0")
        self.assertFilm("h264-main", self.after(1))
        self.start("substream=2")
        self.assertFilm("h264-sub", self.after(1))

    def test_again(self) -> None:
        """Who asks for what he has just goes on."""
        self.start()
        frames = self.after(1)
        self.start()
        frames += self.after(1)
        self.assertFilm("h264-main", frames)
        self.assertEqual(31, len(frames))

    def test_shared(self) -> None:
        """What one client asks for changes the rate for all."""
        self.start("substream=2")
        self.after(1)
        other = self.dial(self.phone)
        self.start("substream=7", other)
        self.take()
        self.assertApproximates(20, len(self.after(2)), 1)
        self.assertApproximates(20, len(self.take(other)), 1)

    def test_setting(self) -> None:
        """camera_control sets the rate, too."""
        self.start("res=3")
        self.ask("camera_control?param=6&value=5")
        self.network.advance(1)
        self.take()
        self.assertEqual(20, len(self.after(4)))
        for value, rate in ((0, 1), (100, 30)):
            self.ask(f"camera_control?param=6&value={value}")
            self.network.advance(1)
            self.take()
            self.assertEqual(4 * rate, len(self.after(4)))

    def test_twoViewers(self) -> None:
        """Each has his own place in the clip, whenever he comes; numbers are one."""
        self.start()
        mine = self.after(1.77)
        other = self.dial(self.phone)
        self.start(client=other)
        mine += self.after(3)
        his = self.take(other)
        self.assertFilm("h264-main", mine)
        self.assertFilm("h264-main", his)
        self.assertEqual(mine[-1].number, his[-1].number)
        self.assertEqual(mine[-1].time, his[-1].time)
        self.stop()
        self.take()
        self.assertEqual([], self.after(2))
        self.assertFilm("h264-main", self.take(other), len(his))

    def test_stop(self) -> None:
        """After the stop nothing more comes, and no timer of it is left."""
        self.network.advance(1)
        timers = len(self.network.getDelayedCalls())
        self.start()
        self.network.advance(1)
        self.stop()
        self.take()
        self.assertEqual([], self.after(5))
        self.assertEqual(timers, len(self.network.getDelayedCalls()))
        self.start()
        self.assertFilm("h264-main", self.after(1))

    def test_numbersGoOn(self) -> None:
        """The encoder counts on while nobody watches."""
        self.start()
        before = self.after(1)[-1].number
        self.stop()
        self.network.advance(4)
        self.take()
        self.start()
        self.assertApproximates(before + 60, self.after(1)[0].number, 2)

    def test_close(self) -> None:
        """The client's CLOSE ends it, the camera's end too."""
        self.start()
        self.network.advance(1)
        self.client.say(b"\xf1\xf0\0\0")
        self.network.advance(1)
        self.assertEqual([], list(self.network.getDelayedCalls()))
        self.client = self.dial()
        self.start()
        self.assertFilm("h264-main", self.after(1))
        self.assertFreed()

    def test_reboot(self) -> None:
        """A camera that reboots sends nothing more, and can be watched again."""
        self.start()
        self.network.advance(1)
        self.camera.reboot(5)
        self.network.advance(0.01)
        self.take()
        self.assertEqual([], self.after(5.1))
        self.assertEqual([], list(self.network.getDelayedCalls()))
        self.client = self.dial()
        self.start()
        self.assertFilm("h264-main", self.after(1))

    def test_loss(self) -> None:
        """What the network loses is sent again."""
        self.start("substream=0")
        for loss, reorder in ((0.05, 0), (0.1, 0.1), (0, 0)):
            self.network.loss, self.network.reorder = loss, reorder
            self.network.advance(4)
        frames = self.take()
        self.assertFilm("h264-main", frames)
        self.assertEqual(12 * 15 + 1, len(frames))

    def test_clock(self) -> None:
        """The camera's clock can jump, and be put right."""
        self.start()
        for offset in (3600.5, -86400, 0):
            first = self.after(0.5)[0]
            self.camera.setClock(offset)
            frames = self.after(0.5)
            right = BEGINNING + self.network.seconds()
            self.assertApproximates(right + offset, frames[-1].time, 0.07)
            self.assertGreater(frames[-1].number, first.number)
            self.assertApproximates(right + offset, self.camera.state.now, 1e-3)


class OlderVideoTests(VideoTests):
    """The same, with the older firmware."""

    firmware: Firmware = FIRMWARE_A
    thirdResolution = 1

    def small(self, raw: int, resolution: int = 2) -> bytes:
        """The eight bytes in the middle of a head."""
        return bytes((0x80, resolution, self.session.number, 0, 0, 0, 0, raw))

    def test_ownRate(self) -> None:
        """The substream 1 means 25 frames a second."""
        self.start("substream=1")
        frames = self.after(2)
        self.assertEqual(51, len(frames))
        self.assertEqual(25, frames[0].head[28])
        self.assertFilm("h264-main", frames)
