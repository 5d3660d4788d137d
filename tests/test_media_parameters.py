"""
Parameter sets: which there are, and what they say of a stream.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.frame import Codec
from twistedcam.media.parameters import (
    areComplete,
    codecString,
    parameterSets,
    pictureSize,
)

from .mediakit import pictures

VIDEO = (Codec.H264, Codec.H265, Codec.MJPEG)


class SetsTests(SynchronousTestCase):
    """What stands in front of the slices."""

    def test_keyframes(self) -> None:
        """All keyframes of a stream have the same ones, and they are complete."""
        for codec in VIDEO:
            keys = [frame.data for frame in pictures(codec) if frame.keyframe]
            (sets,) = {parameterSets(codec, data) for data in keys}
            self.assertTrue(areComplete(codec, sets))
            count = {Codec.H264: 2, Codec.H265: 3, Codec.MJPEG: 1}[codec]
            self.assertEqual(count, len(sets))

    def test_others(self) -> None:
        """Other pictures have none."""
        for codec in (Codec.H264, Codec.H265):
            self.assertEqual((), parameterSets(codec, pictures(codec)[1].data))

    def test_resolution(self) -> None:
        """Another resolution has other ones."""
        for codec in VIDEO:
            small, large = pictures(codec)[0], pictures(codec, 12, 320, 192)[0]
            self.assertNotEqual(
                parameterSets(codec, small.data), parameterSets(codec, large.data)
            )

    def test_incomplete(self) -> None:
        """None may be lacking."""
        for codec in (Codec.H264, Codec.H265):
            sets = parameterSets(codec, pictures(codec)[0].data)
            for number in range(len(sets)):
                some = sets[:number] + sets[number + 1 :]
                self.assertFalse(areComplete(codec, some))

    def test_startCodes(self) -> None:
        """Start codes of three and of four bytes; repetitions count once."""
        for zeros in (b"\0\0", b"\0\0\0", b"\0\0\0\0"):
            data = zeros.join(
                (b"", b"\1gab", b"\1hcd", b"\1gab", b"\1eslice", b"\1hno")
            )
            self.assertEqual((b"gab", b"hcd"), parameterSets(Codec.H264, data))

    def test_cutOff(self) -> None:
        """Any beginning of a keyframe, and any rubbish, is read without an error."""
        for codec in VIDEO:
            data = pictures(codec)[0].data
            for end in range(min(len(data), 200)):
                parameterSets(codec, data[:end])
            for other in VIDEO:
                parameterSets(other, data)

    def test_jpeg(self) -> None:
        """A JPEG that never comes to its frame header has none."""
        self.assertEqual(
            (), parameterSets(Codec.MJPEG, b"\xff\xd8\xff\xda\0\2\xff\xc0")
        )
        self.assertEqual((), parameterSets(Codec.MJPEG, b"\xff\xd8" + b"\xff" * 99))


class NamesTests(SynchronousTestCase):
    """Codecs as in MIME types."""

    def test_h264(self) -> None:
        """Profile, constraints and level stand in the SPS as they are."""
        sps = bytes.fromhex("674d401f965200")
        self.assertEqual("avc1.4D401F", codecString(Codec.H264, (sps, b"\x68")))

    def test_h265(self) -> None:
        """
        Main profile of level 3.1, progressive and frames only; and high tier of Main
        10 with more constraints.
        """
        sps = bytes.fromhex("42010101600000030090000003000003005da0")
        self.assertEqual("hvc1.1.6.L93.90", codecString(Codec.H265, (sps,)))
        sps = bytes.fromhex("420101222000000300b000120000030099a0")
        self.assertEqual("hvc1.2.4.H153.B0.0.12", codecString(Codec.H265, (sps,)))

    def test_others(self) -> None:
        """Those that need no parameters, and those that have no name."""
        self.assertEqual("mp4a.40.2", codecString(Codec.AAC))
        self.assertEqual("mp4v.6C", codecString(Codec.MJPEG))
        self.assertRaises(ValueError, codecString, Codec.ADPCM)


class SizeTests(SynchronousTestCase):
    """Width and height."""

    def test_keyframes(self) -> None:
        """They can be told from any keyframe."""
        for codec in VIDEO:
            for width, height in ((160, 96), (322, 182)):
                [first, *_] = pictures(codec, 2, width, height)
                self.assertEqual((width, height), pictureSize(codec, first.data))

    def test_nothing(self) -> None:
        """What is none has none."""
        for codec in VIDEO:
            self.assertEqual((0, 0), pictureSize(codec, b""))
            self.assertEqual((0, 0), pictureSize(codec, b"\0\0\1\x67xyz"))

    @given(st.sampled_from(VIDEO), st.binary(max_size=200))
    def test_anything(self, codec: Codec, data: bytes) -> None:
        """No bytes are too strange."""
        width, height = pictureSize(codec, b"\0\0\1" + data)
        self.assertGreaterEqual(min(width, height), 0)
