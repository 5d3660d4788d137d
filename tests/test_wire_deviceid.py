"""Tests for L{twistedcam.wire.deviceid}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import WireError
from twistedcam.wire.deviceid import LONG_SIZE, SIZE, DeviceId

from . import strategies
from .vectors import VECTORS

VSTB = DeviceId("VSTB", 668515, "UZCPK")
VSTB_BYTES = bytes.fromhex("5653544200000000 000a3363 555a43504b000000")


class TextTests(SynchronousTestCase):
    """Ids as they stand on a label."""

    def test_published(self) -> None:
        """Labels of real cameras, hyphens or not, come apart in the right places."""
        for text, expected in {
            "VSTB668515UZCPK": VSTB,
            "VSTB-668515-UZCPK": VSTB,
            "RVSS004645FYDRW": DeviceId("RVSS", 4645, "FYDRW"),
            "BATD-156362-WONJM": DeviceId("BATD", 156362, "WONJM"),
            "XHA-994-KMMEB": DeviceId("XHA", 994, "KMMEB"),
            "XMSYCNO-861157-GBHWN": DeviceId("XMSYCNO", 861157, "GBHWN"),
        }.items():
            self.assertEqual(DeviceId.fromText(text), expected, text)

    def test_printed(self) -> None:
        """A serial is printed with at least six digits, and longer if it is."""
        self.assertEqual(str(VSTB), "VSTB-668515-UZCPK")
        self.assertEqual(VSTB.compact, "VSTB668515UZCPK")
        self.assertEqual(str(DeviceId("RVSS", 4645, "FYDRW")), "RVSS-004645-FYDRW")
        self.assertEqual(DeviceId("XHA", 994, "KMMEB").compact, "XHA000994KMMEB")
        self.assertEqual(str(DeviceId("AB", 2**32 - 1, "C")), "AB-4294967295-C")

    @strategies.cheap
    @given(strategies.deviceIds)
    def test_roundTrip(self, deviceId: DeviceId) -> None:
        """An id is read from its text, with and without hyphens, in any case."""
        for text in str(deviceId), deviceId.compact:
            self.assertEqual(DeviceId.fromText(text), deviceId)
            self.assertEqual(DeviceId.fromText(text.lower()), deviceId)
            self.assertEqual(DeviceId.fromText(f" {text.title()}\n"), deviceId)

    @strategies.cheap
    @given(strategies.prefixes, st.integers(0, 999), st.integers(3, 10))
    def test_zeros(self, prefix: str, serial: int, width: int) -> None:
        """Zeros in front of a serial carry no meaning."""
        text = f"{prefix}-{serial:0{width}d}-ABCDE"
        self.assertEqual(DeviceId.fromText(text), DeviceId(prefix, serial, "ABCDE"))

    def test_refused(self) -> None:
        """What is no id is refused, and the error has no place in a datagram."""
        for text in (
            "",
            "VSTB",
            "VSTB668515",
            "668515UZCPK",
            "V668515UZCPK",
            "VSTBVSTB668515UZCPK",
            "VSTB668515UZCPKUZCPK",
            "VSTB--668515-UZCPK",
            "VSTB-668515--UZCPK",
            "VSTB_668515_UZCPK",
            "VSTB 668515 UZCPK",
            "VSTB4294967296UZCPK",
            "VSTB00000668515UZCPK",
            "VSTB\u0661\u0662\u0663UZCPK",  # digits, but not ASCII ones
            "VSTB668515\u00df",  # "SS" in upper case
            "VSTB668515UZCPK\0",
        ):
            with self.assertRaises(WireError) as caught:
                DeviceId.fromText(text)
            self.assertIsNone(caught.exception.offset, repr(text))

    @strategies.cheap
    @given(st.text(max_size=24))
    def test_anyText(self, text: str) -> None:
        """Any text is an id or raises L{WireError}."""
        try:
            deviceId = DeviceId.fromText(text)
        except WireError:
            return
        self.assertEqual(DeviceId.fromText(str(deviceId)), deviceId)

    def test_longNonsense(self) -> None:
        """An error quotes only the beginning of a long text."""
        with self.assertRaises(WireError) as caught:
            DeviceId.fromText("x" * 5000)
        self.assertLess(len(str(caught.exception)), 80)


class BytesTests(SynchronousTestCase):
    """Ids as they stand in a datagram."""

    def test_captured(self) -> None:
        """The layout is prefix[8], serial u32 big endian, check[8]."""
        self.assertEqual(DeviceId.fromBytes(VSTB_BYTES), VSTB)
        self.assertEqual(VSTB.toBytes(), VSTB_BYTES)

    def test_insideDatagram(self) -> None:
        """An id is read at any offset, here behind a header."""
        for name, expected in {
            "punch_vstb": VSTB,
            "p2p_rdy_vstb": VSTB,
            "punch_batd": DeviceId("BATD", 156362, "WONJM"),
            "dev_login": DeviceId("BATC", 609580, "HVDCS"),
        }.items():
            self.assertEqual(DeviceId.fromBytes(VECTORS[name].data, 4), expected, name)

    @strategies.cheap
    @given(strategies.deviceIds, st.binary(max_size=9), st.binary(max_size=9))
    def test_roundTrip(self, deviceId: DeviceId, before: bytes, after: bytes) -> None:
        """Bytes give the same id and the same bytes again, wherever they stand."""
        raw = deviceId.toBytes()
        again = DeviceId.fromBytes(before + raw + after, len(before), len(raw))
        self.assertEqual(again, deviceId)
        self.assertEqual(again.toBytes(), raw)

    @strategies.cheap
    @given(strategies.longIds)
    def test_longForm(self, deviceId: DeviceId) -> None:
        """The long form keeps its four bytes, which are no part of the identity."""
        short = DeviceId(deviceId.prefix, deviceId.serial, deviceId.check)
        self.assertEqual(deviceId, short)
        self.assertEqual(hash(deviceId), hash(short))
        self.assertEqual(str(deviceId), str(short))
        raw = deviceId.toBytes()
        self.assertEqual((len(short.toBytes()), len(raw)), (SIZE, LONG_SIZE))
        self.assertEqual(raw, short.toBytes() + deviceId.tail)
        self.assertEqual(DeviceId.fromBytes(raw), short)
        self.assertEqual(DeviceId.fromBytes(raw, 0, LONG_SIZE).tail, deviceId.tail)

    def test_afterNul(self) -> None:
        """What follows the first NUL of a field is ignored."""
        stale = b"VSTB\0abc" + VSTB_BYTES[8:12] + b"UZCPK\0\xff\n"
        self.assertEqual(DeviceId.fromBytes(stale), VSTB)
        self.assertEqual(DeviceId.fromBytes(stale).toBytes(), VSTB_BYTES)

    def test_wrongLetters(self) -> None:
        """The error points at the first byte that cannot stand in an id."""
        for place, byte, offset in (
            (0, 0x00, 0),  # no prefix at all
            (1, 0x00, 1),  # a prefix of one letter
            (2, 0x62, 2),  # lower case
            (3, 0x80, 3),
            (12, 0x00, 12),  # no check letters
            (14, 0x39, 14),  # a digit
        ):
            raw = bytearray(b"??" + VSTB_BYTES)
            raw[2 + place] = byte
            with self.assertRaises(WireError) as caught:
                DeviceId.fromBytes(bytes(raw), 2)
            error = caught.exception
            self.assertEqual((error.offset, error.byte), (2 + offset, byte))

    def test_fullField(self) -> None:
        """Eight letters leave no room for a NUL: the eighth is wrong."""
        with self.assertRaises(WireError) as caught:
            DeviceId.fromBytes(b"VSTBVSTB" + VSTB_BYTES[8:])
        self.assertEqual((caught.exception.offset, caught.exception.byte), (7, 0x42))

    def test_cutOff(self) -> None:
        """An id that is cut off is refused, at the end of the data."""
        for size in SIZE, LONG_SIZE:
            for length in range(size):
                with self.assertRaises(WireError) as caught:
                    DeviceId.fromBytes((VSTB_BYTES + b"tail")[:length], 0, size)
                self.assertEqual(caught.exception.offset, length)
                self.assertIsNone(caught.exception.byte)

    @strategies.cheap
    @given(st.binary(max_size=30))
    def test_anyBytes(self, raw: bytes) -> None:
        """Any bytes are an id, or raise a L{WireError} that points at the fault."""
        strategies.refusal(DeviceId.fromBytes, raw)


class ValueTests(SynchronousTestCase):
    """Ids made by hand."""

    def test_refused(self) -> None:
        """An id that no label or datagram could carry cannot be made."""
        for prefix, serial, check, tail in (
            ("V", 1, "A", b""),
            ("VSTBVSTB", 1, "A", b""),
            ("vstb", 1, "A", b""),
            ("VSTB\n", 1, "A", b""),
            ("VSTB", -1, "A", b""),
            ("VSTB", 1 << 32, "A", b""),
            ("VSTB", 1, "", b""),
            ("VSTB", 1, "ABCDEFGH", b""),
            ("VSTB", 1, "A", b"abc"),
        ):
            with self.assertRaises(WireError):
                DeviceId(prefix, serial, check, tail)

    def test_key(self) -> None:
        """Ids serve as keys: equal ones are one entry."""
        self.assertEqual(len({VSTB, DeviceId("VSTB", 668515, "UZCPK", b"tail")}), 1)
        self.assertNotEqual(VSTB, DeviceId("VSTB", 668516, "UZCPK"))
