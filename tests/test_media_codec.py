"""Tests for L{twistedcam.media.codec}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.clips import clip
from twistedcam.media.codec import audioCodec, isKeyframe, nalUnits, videoCodec
from twistedcam.media.frame import Codec
from twistedcam.wire import av

from . import mediakit, strategies

CLIPS = {
    "h264-main": Codec.H264,
    "h264-sub": Codec.H264,
    "h265-main": Codec.H265,
    "h265-sub": Codec.H265,
    "mjpeg": Codec.MJPEG,
}
START = b"\0\0\0\1"


class VideoTests(SynchronousTestCase):
    """What a picture is."""

    def test_clips(self) -> None:
        """Every frame of every clip is what it is, whatever the head says."""
        for name, codec in CLIPS.items():
            for place, frame in enumerate(clip(name).frames):
                for kind in range(256):
                    self.assertIs(codec, videoCodec(kind, frame), (name, place, kind))

    def test_encoders(self) -> None:
        """So are those of other encoders."""
        for codec in (Codec.H264, Codec.H265, Codec.MJPEG):
            for frame in mediakit.pictures(codec, 12):
                for kind in (av.H264_KEY, av.H264_DELTA, av.H265_KEY, av.H265_DELTA):
                    self.assertIs(codec, videoCodec(kind, frame.data), frame.number)

    def test_keyframes(self) -> None:
        """Keyframes are told from the data, with parameter sets in front or not."""
        for name, codec in CLIPS.items():
            film = clip(name)
            for place, frame in enumerate(film.frames):
                self.assertIs(place in film.keys, isKeyframe(codec, frame), name)
        for codec in (Codec.H264, Codec.H265):
            for made in mediakit.pictures(codec, 12):
                self.assertIs(made.keyframe, isKeyframe(codec, made.data))

    def test_sliceAlone(self) -> None:
        """A keyframe without parameter sets is not taken for another codec's."""
        for first, codec, key in (
            (b"\x65\x88", Codec.H264, True),
            (b"\x25\x88", Codec.H264, True),
            (b"\x41\x9a", Codec.H264, False),
            (b"\x61\xe0", Codec.H264, False),
            (b"\x01\x9a", Codec.H264, False),
            (b"\x26\x01", Codec.H265, True),
            # Its first byte could be a parameter set of H.264.
            (b"\x28\x01", Codec.H265, True),
            (b"\x2a\x01", Codec.H265, True),
            (b"\x02\x01", Codec.H265, False),
        ):
            data = START + first + b"\xaf\x10"
            for kind in (av.H264_KEY, av.H265_KEY, av.MJPEG, 77):
                self.assertIs(codec, videoCodec(kind, data), first)
            self.assertIs(key, isKeyframe(codec, data), first)

    def test_parameterSets(self) -> None:
        """Parameter sets tell, with short and long start codes."""
        for start in (b"\0\0\1", START):
            for first in (
                b"\x67\x42",
                b"\x27\x4d",
                b"\x47\x64",
                b"\x68\xee",
                b"\x28\xce",
            ):
                self.assertIs(Codec.H264, videoCodec(av.H265_KEY, start + first))
            for first in (b"\x40\x01", b"\x42\x01", b"\x44\x01"):
                self.assertIs(Codec.H265, videoCodec(av.H264_KEY, start + first))

    def test_doubt(self) -> None:
        """Where the data leaves room for doubt, the head decides."""
        # Delimiters and messages in front.
        for first in (b"\x09\xf0", b"\x06\x05", b"\x46\x01", b"\x4e\x01"):
            data = START + first + START + b"\x65\x88"
            for kind, codec in (
                (av.H264_KEY, Codec.H264),
                (av.H264_DELTA, Codec.H264),
                (av.H265_KEY, Codec.H265),
                (av.H265_DELTA, Codec.H265),
                (av.MJPEG, None),
                (av.ADPCM, None),
                (200, None),
            ):
                self.assertIs(codec, videoCodec(kind, data), (first, kind))

    def test_manyUnits(self) -> None:
        """A keyframe may come behind a delimiter, messages and parameter sets."""
        front = START + b"\x09\xf0" + START + b"\x06\x05\x01\x80"
        front += START + b"\x67\x42\x80" + START + b"\x68\xce\x80"
        self.assertTrue(isKeyframe(Codec.H264, front + START + b"\x65\x88"))
        self.assertFalse(isKeyframe(Codec.H264, front + START + b"\x41\x9a"))

    def test_h265Keyframes(self) -> None:
        """BLA, IDR and CRA pictures are keyframes, no others."""
        for type in range(64):
            data = START + bytes((type << 1, 1, 0x80))
            self.assertIs(16 <= type <= 21, isKeyframe(Codec.H265, data), type)

    def test_nothing(self) -> None:
        """What has no start code near its beginning, or nothing behind it, is none."""
        for data in (
            b"",
            b"\0",
            START,
            START + b"\x65",
            b"\xff",
            bytes(100),
            b"GIF89a",
        ):
            for kind in (av.H264_KEY, av.H265_KEY, av.MJPEG):
                self.assertIsNone(videoCodec(kind, data), data)
        self.assertIsNone(videoCodec(0, b"x" * 64 + START + b"\x65\x88"))
        self.assertIs(Codec.H264, videoCodec(0, b"x" * 60 + START + b"\x65\x88"))

    @strategies.cheap
    @given(strategies.u8s, st.binary(max_size=80) | st.binary().map(START.__add__))
    def test_garbage(self, kind: int, data: bytes) -> None:
        """Anything at all is a codec of video, or nothing."""
        codec = videoCodec(kind, data)
        if codec is not None:
            self.assertTrue(codec.isVideo)
            self.assertIn(isKeyframe(codec, data), (True, False))
            list(nalUnits(data))


class UnitTests(SynchronousTestCase):
    """NAL units."""

    def test_units(self) -> None:
        """They come without start codes and without the zeros behind them."""
        units = [b"\x67\x42\0\x1f", b"\x68\xce", b"\x65\0\0\3\1\x88"]
        for starts in ([START] * 3, [b"\0\0\1"] * 3, [b"\0\0\0\0\1", START, b"\0\0\1"]):
            data = b"".join(a + b for a, b in zip(starts, units, strict=True))
            self.assertEqual(units, list(nalUnits(data)))
            self.assertEqual(units, list(nalUnits(data + b"\0\0")))

    def test_none(self) -> None:
        """Without a start code there are none."""
        self.assertEqual([], list(nalUnits(b"")))
        self.assertEqual([], list(nalUnits(b"\xff\xd8\xff\xe0")))


class SoundTests(SynchronousTestCase):
    """What a packet of sound is."""

    def test_kinds(self) -> None:
        """The head tells, since nothing else can."""
        found = {kind: codec for kind in range(256) if (codec := audioCodec(kind))}
        self.assertEqual({6: Codec.ADPCM, 7: Codec.G711A}, found)

    def test_isVideo(self) -> None:
        """Codecs know whether they are pictures, and have libavformat's names."""
        self.assertEqual(
            {"h264", "hevc", "mjpeg"}, {codec.value for codec in Codec if codec.isVideo}
        )
        self.assertEqual(
            {"adpcm_ima", "pcm_alaw", "aac"},
            {codec.value for codec in Codec if not codec.isVideo},
        )
