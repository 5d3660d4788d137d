"""Tests for L{twistedcam.wire.av}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import WireError
from twistedcam.wire.av import ADPCM, H264_KEY, HEAD, MAGIC, MAX_FRAME, FrameHead
from twistedcam.wire.drw import HEAD as DRW_HEAD

from . import strategies
from .vectors import VECTORS

#: The vectors of media.
COVERED = frozenset(("av_head_h264_idr", "ilnk_audio_first_16", "ilnk_raw_jpeg_16"))

#: A head, each byte of it in its place.
BYTES = bytes.fromhex(
    "55aa15a8 10 04 e703 01020304 05060708 00010000 8102ff0405060708 feff 5800"
)
VALUE = FrameHead(
    type=16,
    stream=4,
    milliseconds=999,
    seconds=0x04030201,
    number=0x08070605,
    length=256,
    small=b"\x81\x02\xff\x04\x05\x06\x07\x08",
    first=-2,
    second=88,
)

s16s = st.integers(-0x8000, 0x7FFF)
heads = st.builds(
    FrameHead,
    strategies.u8s,
    strategies.u8s,
    strategies.u16s,
    strategies.u32s,
    strategies.u32s,
    st.integers(0, MAX_FRAME),
    st.binary(min_size=8, max_size=8),
    s16s,
    s16s,
)


def payload(name: str) -> bytes:
    """What a vector's DRW carries, so far as it is known."""
    return VECTORS[name].data[DRW_HEAD.size :]


class VectorTests(SynchronousTestCase):
    """Captured and computed heads."""

    def test_complete(self) -> None:
        """No vector of this dialect is left out."""
        found = {name for name, vector in VECTORS.items() if vector.dialect == "media"}
        self.assertEqual(COVERED, found)

    def test_picture(self) -> None:
        """The head of a picture is read, and written again to the byte."""
        data = payload("av_head_h264_idr")
        head = FrameHead.fromBytes(data)
        self.assertEqual(
            FrameHead(
                type=H264_KEY,
                stream=0,
                milliseconds=0x78,
                seconds=0x5D6DAD00,
                number=7,
                length=5,
            ),
            head,
        )
        self.assertEqual(data[: HEAD.size], head.toBytes())
        self.assertEqual(b"\0\0\0\1\x65", data[HEAD.size :])
        self.assertEqual(head.length, len(data) - HEAD.size)

    def test_sound(self) -> None:
        """The first bytes of a captured packet of sound are those of such a head."""
        data = payload("ilnk_audio_first_16")
        self.assertTrue(FrameHead(ADPCM, 2, 0, 0, 0, 0).toBytes().startswith(data))
        with self.assertRaises(WireError):
            FrameHead.fromBytes(data)

    def test_middle(self) -> None:
        """A picture's middle part has no head."""
        data = payload("ilnk_raw_jpeg_16").ljust(HEAD.size, b"\0")
        with self.assertRaises(WireError) as caught:
            FrameHead.fromBytes(data)
        self.assertEqual((0, 0xFF), (caught.exception.offset, caught.exception.byte))


class HeadTests(SynchronousTestCase):
    """Each field, and each limit."""

    def test_places(self) -> None:
        """Every field has its place and its sign."""
        self.assertEqual(VALUE, FrameHead.fromBytes(BYTES))
        self.assertEqual(BYTES, VALUE.toBytes())

    def test_time(self) -> None:
        """Seconds and milliseconds make the camera's clock."""
        self.assertAlmostEqual(0x04030201 + 0.999, VALUE.time, places=6)

    def test_offset(self) -> None:
        """A head may stand anywhere, and in a bytearray, too."""
        data = bytearray(b"abc" + BYTES + b"defg")
        self.assertEqual(VALUE, FrameHead.fromBytes(data, 3))
        for offset in (0, 2, 4, 7):
            with self.assertRaises(WireError):
                FrameHead.fromBytes(data, offset)

    def test_cutOff(self) -> None:
        """Less than 32 bytes are no head."""
        for size in range(HEAD.size):
            with self.assertRaises(WireError) as caught:
                FrameHead.fromBytes(BYTES[:size])
            self.assertEqual(size, caught.exception.offset)

    def test_magic(self) -> None:
        """All four bytes of the magic count."""
        for place in range(len(MAGIC)):
            data = bytearray(BYTES)
            data[place] ^= 1
            with self.assertRaises(WireError):
                FrameHead.fromBytes(data)

    def test_length(self) -> None:
        """The longest frame is taken, a longer one is not."""
        longest = FrameHead(0, 0, 0, 0, 0, MAX_FRAME).toBytes()
        self.assertEqual(512 * 1024, FrameHead.fromBytes(longest).length)
        for length in (MAX_FRAME + 1, 0xFFFFFFFF):
            with self.assertRaises(WireError) as caught:
                FrameHead.fromBytes(FrameHead(0, 0, 0, 0, 0, length).toBytes())
            self.assertEqual(16, caught.exception.offset)

    @strategies.cheap
    @given(heads)
    def test_roundTrip(self, head: FrameHead) -> None:
        """What is written is read again."""
        data = head.toBytes()
        self.assertEqual(HEAD.size, len(data))
        self.assertEqual(head, FrameHead.fromBytes(data))

    @strategies.cheap
    @given(st.binary(max_size=40) | st.binary(max_size=40).map(MAGIC.__add__))
    def test_garbage(self, data: bytes) -> None:
        """Anything else is refused, and the error names a byte that is there."""
        strategies.refusal(FrameHead.fromBytes, data)
