"""
The emulated camera's clip: a decoder can make pictures of it, padded or not.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import av
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator import FIRMWARE_B
from twistedcam.emulator.clips import CODECS, clip
from twistedcam.emulator.media import Media
from twistedcam.emulator.padding import MAX_DATA, pad, padded
from twistedcam.emulator.report import Nameplate
from twistedcam.emulator.state import State
from twistedcam.emulator.streaming import Streaming
from twistedcam.wire.deviceid import DeviceId

from .test_emulator_media import COMMAND_TIME, MediaBench, Received

#: libavformat's names, and types of keyframes and others.
DECODERS = {
    "h264": ("h264", (0, 1)),
    "h265": ("hevc", (16, 17)),
    "mjpeg": ("mjpeg", (3, 3)),
}


def decode(codec: str, frames: list[bytes]) -> list[bytes]:
    """The brightness of the pictures that a decoder makes of frames."""
    context: Any = av.CodecContext.create(DECODERS[codec][0], "r")
    context.thread_count = 1
    pictures = []
    for number, frame in enumerate(frames):
        packet = av.Packet(frame)
        packet.pts = number
        pictures += context.decode(packet)
    pictures += context.decode(None)
    return [bytes(picture.planes[0]) for picture in pictures]


class ClipTests(SynchronousTestCase):
    """The clip as it is stored."""

    def test_decodes(self) -> None:
        """Each frame makes a picture, and they differ."""
        for codec in CODECS:
            for name in {CODECS[codec].main, CODECS[codec].sub}:
                frames = clip(name).frames
                pictures = decode(codec, list(frames))
                self.assertEqual(len(frames), len(pictures), name)
                self.assertEqual(len(frames), len(set(pictures)), name)
                self.assertEqual(len(frames), 10 * clip(name).rate)

    def test_keyframes(self) -> None:
        """There is one every two seconds, and a decoder can begin there."""
        for codec in ("h264", "h265"):
            for name in (CODECS[codec].main, CODECS[codec].sub):
                film = clip(name)
                self.assertEqual({0, 30, 60, 90, 120}, film.keys)
                self.assertEqual(30, len(decode(codec, list(film.frames[60:90]))))

    def test_small(self) -> None:
        """All of it is small."""
        folder = files("twistedcam.emulator") / "clip"
        sizes = [len(file.read_bytes()) for file in folder.iterdir()]
        self.assertLess(sum(sizes), 700_000)


class PaddingTests(SynchronousTestCase):
    """Frames made larger."""

    @given(st.sampled_from(list(CODECS)), st.integers(0, 299), st.integers(0, MAX_DATA))
    @settings(max_examples=50, deadline=None)
    def test_exact(self, codec: str, place: int, size: int) -> None:
        """They get the very size, unless that is hardly more or even less."""
        frames = clip(CODECS[codec].sub).frames
        frame = frames[place % len(frames)]
        self.checkSize(codec, frame, size)

    def checkSize(self, codec: str, frame: bytes, size: int) -> None:
        """Check one size."""
        larger = pad(codec, frame, size)
        self.assertEqual(
            size if size >= len(frame) + 7 else max(len(larger), len(frame)),
            len(larger),
        )

    def test_edges(self) -> None:
        """Also around the size of a JPEG's comments."""
        for codec in CODECS:
            frame = clip(CODECS[codec].sub).frames[0]
            for base in (0, 65537, 2 * 65537):
                for more in range(-8, 9):
                    self.checkSize(codec, frame, len(frame) + base + more)

    def test_sameVideo(self) -> None:
        """A decoder sees no difference, and the rate is right."""
        for codec in CODECS:
            name = CODECS[codec].sub
            plain = list(clip(name).frames[:30])
            for bitrate in (100_000, 2_000_000, 10_000_000):
                frames = padded(name, 15, bitrate)
                bits = 8 * sum(map(len, frames)) * 15 / len(frames)
                if bitrate > 1_000_000:
                    self.assertApproximates(bitrate, bits, bitrate / 1000)
                self.assertEqual(decode(codec, plain), decode(codec, list(frames[:30])))

    def test_some(self) -> None:
        """Only the smallest are padded if that is enough."""
        frames = padded("h264-main", 15, 120_000)
        self.assertApproximates(120_000, 8 * sum(map(len, frames)) / 10, 200)
        before = clip("h264-main").frames
        larger = [a != b for a, b in zip(before, frames, strict=True)]
        self.assertTrue(any(larger) and not larger[0])

    def test_little(self) -> None:
        """Less than the clip has changes nothing."""
        self.assertEqual(clip("h264-main").frames, padded("h264-main", 15, 1000))


class CodecTests(MediaBench):
    """What a client gets, it can decode."""

    def film(self, seconds: float, **how: Any) -> list[Received]:
        """What a camera made like this sends."""
        self.build(**how)
        self.client = self.dial()
        self.start()
        # Not the frame that is due at the very end.
        return self.after(seconds - COMMAND_TIME - 0.005)

    def test_loop(self) -> None:
        """One loop of each codec, and a half."""
        for codec, (_, types) in DECODERS.items():
            frames = self.film(15, codec=codec)
            self.assertEqual(225, len(frames))
            self.assertEqual(types[0], frames[0].type)
            self.assertEqual(set(types), {frame.type for frame in frames})
            pictures = decode(codec, [frame.data for frame in frames])
            self.assertEqual(225, len(pictures))
            self.assertEqual(pictures[:75], pictures[150:])

    def test_jpeg(self) -> None:
        """JPEGs are repeated as needed."""
        frames = [frame.data for frame in self.film(20, codec="mjpeg")]
        expected = [frame for frame in clip("mjpeg").frames for _ in range(3)]
        self.assertEqual(2 * expected, frames)

    def test_jpegSlow(self) -> None:
        """Or left out."""
        frames = [frame.data for frame in self.film(10, codec="mjpeg", fps=2)]
        self.assertEqual(list(clip("mjpeg").frames[::5]), frames[::2])

    def test_fps(self) -> None:
        """Frames come as fast as is wanted, whatever the client asks for."""
        for fps in (1, 30, 60):
            frames = self.film(4, fps=fps)
            self.assertEqual(4 * fps, len(frames))
            self.assertEqual(fps, frames[0].head[28])
            self.assertFilm("h264-main", frames)

    def test_bitrate(self) -> None:
        """The stream has the rate that is wanted, up to 10 Mbit/s and more."""
        for codec in CODECS:
            for bitrate in (1_000_000, 10_000_000):
                self.network.captured.clear()
                frames = self.film(2, codec=codec, bitrate=bitrate)
                self.assertEqual(30, len(frames))
                bits = 8 * sum(len(frame.data) for frame in frames) / 2
                self.assertApproximates(bitrate, bits, bitrate / 50)
                pictures = decode(codec, [frame.data for frame in frames])
                self.assertEqual(30, len(pictures))

    def test_bitrateStays(self) -> None:
        """Also if the number of frames changes."""
        self.film(1, bitrate=1_200_000)
        for substream, size in ((2, 10_000), (7, 15_000), (2, 10_000)):
            self.start(f"substream={substream}")
            self.network.advance(1)
            self.take()
            sizes = {len(frame.data) for frame in self.after(1)}
            self.assertEqual({size}, sizes)


class _Session:
    """What the media know of a session."""

    firmware = FIRMWARE_B
    over = False
    number = 1

    def __init__(self) -> None:
        self.streaming = Streaming()
        self.endings: list[Any] = []
        self.written: list[bytes] = []

    def write(self, channel: int, data: bytes) -> None:
        """Note it."""
        self.written.append(data)

    def queued(self, channel: int) -> int:
        """The client is quick."""
        return 0


class LateTests(SynchronousTestCase):
    """A process that has been stopped for a while."""

    def test_late(self) -> None:
        """A little is made up for, more is left out."""
        clock: Any = Clock()
        session: Any = _Session()
        plate = Nameplate(FIRMWARE_B, DeviceId("VSTB", 1, "AAAAA"), None, "")
        state = State(clock, FIRMWARE_B, plate, "", "")
        media = Media(clock, state, "h264", None, None)
        media.serve(session)
        session.streaming.livestream({"streamid": "10", "substream": "0"})
        clock.advance(0)
        self.assertEqual(1, len(session.written))
        clock.advance(0.5)
        clock.pump([0] * 20)
        self.assertEqual(8, len(session.written))
        clock.advance(100)
        clock.pump([0] * 20)
        self.assertEqual(9, len(session.written))
