"""
One picture of video, as a JPEG.
"""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import av
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.frame import Codec, Frame
from twistedcam.media.jpeg import NoPicture, decodeToJpeg

from .mediakit import GOP, grey, middle, pictures, sound, together


def see(jpeg: bytes) -> tuple[int, int, int]:
    """Width, height, and what it is painted with: JPEG has all values from 0 on."""
    with av.open(BytesIO(jpeg), "r", format="mjpeg") as container:
        (picture,) = container.decode(video=0)
        return picture.width, picture.height, middle(picture)


def full(value: int) -> int:
    """A video's grey (16 to 235) in a JPEG (0 to 255)."""
    return round((value - 16) * 255 / 219)


class JpegTests(SynchronousTestCase):
    """The last picture of a group."""

    def assertShows(self, number: int, jpeg: bytes) -> None:
        """This is that picture."""
        width, height, value = see(jpeg)
        self.assertEqual((160, 96), (width, height))
        self.assertApproximates(full(grey(number)), value, 8)

    def test_last(self) -> None:
        """It is the last one, whether it is a keyframe or not."""
        for codec in (Codec.H264, Codec.H265):
            for count in (1, 2, GOP):
                jpeg = decodeToJpeg(list(pictures(codec)[GOP : GOP + count]))
                self.assertEqual(b"\xff\xd8", jpeg[:2])
                self.assertEqual(b"\xff\xd9", jpeg[-2:])
                self.assertShows(GOP + count - 1, jpeg)

    def test_mjpeg(self) -> None:
        """A JPEG is returned as it is."""
        frames = list(pictures(Codec.MJPEG))
        self.assertIs(frames[4].data, decodeToJpeg(frames[:5]))

    def test_sound(self) -> None:
        """Sound does not matter."""
        frames = together(pictures(Codec.H264)[:GOP], sound())
        self.assertShows(GOP - 1, decodeToJpeg(frames))

    def test_resolution(self) -> None:
        """The resolution may change in between."""
        frames = [*pictures(Codec.H264, 12, 320, 192), *pictures(Codec.H264)[:5]]
        self.assertShows(4, decodeToJpeg(frames))

    def test_damaged(self) -> None:
        """Where the last frame cannot be decoded, there is the one before."""
        for codec in (Codec.H264, Codec.H265):
            frames = list(pictures(codec)[:5])
            frames.append(replace(frames[-1], data=b"\0\0\1\x41"))
            self.assertShows(4, decodeToJpeg(frames))

    def test_nothing(self) -> None:
        """No frames, sound only, or rubbish: an error, in words."""
        rubbish = Frame(Codec.H264, b"\0\0\1\x65" + bytes(range(200)), True, 0, 0, 0)
        for frames in ([], list(sound()), [rubbish]):
            self.assertRaises(NoPicture, decodeToJpeg, frames)
