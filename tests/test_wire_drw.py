"""Tests for L{twistedcam.wire.drw}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import WireError
from twistedcam.wire.drw import (
    DRW_START,
    HEAD,
    Drw,
    DrwAck,
    decodeAck,
    decodeDrw,
    encodeAck,
    encodeDrw,
)
from twistedcam.wire.header import unframe
from twistedcam.wire.pppp import decode, encode

from . import strategies
from .vectors import VECTORS

#: The DRW among the vectors: channel, index, bytes of payload.
DRWS = {
    "cgi_check_user": (0, 0, 96),
    "cgi_trans_cmd_2001": (0, 1, 83),
    "cgi_check_user_reply": (0, 0, 68),
    "cgi_get_status": (0, 2, 80),
    "cgi_multipart_first_16": (0, 11, 1024),
    "cgi_multipart_hdr_2": (0, 12, 1024),
    "cgi_multipart_hdr_3": (0, 13, 1024),
    "cgi_multipart_hdr_4": (0, 14, 720),
    "cgi_livestream_start": (0, 0, 104),
    "cgi_livestream_stop": (0, 1, 104),
    "cgi_auth_fail_reply": (0, 0, 20),
    "cgi_alarm_push_ch5": (5, 0, 12),
    "ilnk_wifi_scan_ack": (0, 9, 564),
    "ilnk_usr_chk": (0, 0, 172),
    "ilnk_start_video": (0, 0, 12),
    "ilnk_dev_status": (0, 0, 12),
    "ilnk_wifi_set_skynet": (0, 2, 276),
    "ilnk_dev_status_ack": (0, 9, 136),
    "ilnk_audio_first_16": (1, 0, 992),
    "ilnk_raw_jpeg_16": (1, 0xCE, 1024),
    "av_head_h264_idr": (1, 0, 37),
    "json_check_user": (0, 0, 82),
    "json_stream_start": (0, 1, 88),
    "miss_start": (0, 0, 8),
}

#: The acknowledgements among the vectors.
ACKS = {
    "drw_ack_0": DrwAck(0, (0,)),
    "drw_ack_2": DrwAck(0, (2,)),
    "drw_ack_sentinel": DrwAck(7, (0xAAAA,)),
    "ilnk_drw_ack_7": DrwAck(1, (0, 1, 2, 3, 4, 5, 6)),
    "ilnk_drw_ack_10": DrwAck(1, (3, 4, 5, 6, 7, 8, 9, 10, 11, 12)),
}

#: Those that a relative sent: another inner marker, and padded to 32 bytes.
FOREIGN = frozenset(("ilnk_drw_ack_7", "ilnk_drw_ack_10"))

COVERED = frozenset(DRWS) | frozenset(ACKS)


class VectorTests(SynchronousTestCase):
    """Captured, published and computed packets."""

    def test_complete(self) -> None:
        """No plain vector that is a DRW or a DRW_ACK is left out."""
        found = {
            name
            for name, vector in VECTORS.items()
            if not vector.encrypted_with and vector.hex.startswith(("f1d0", "f1d1"))
        }
        self.assertEqual(found, COVERED)

    def test_heads(self) -> None:
        """The head of each DRW, cut off behind it or not."""
        for name, (channel, index, size) in DRWS.items():
            head = HEAD.unpack_from(VECTORS[name].data)
            self.assertEqual(head, (0xF1, 0xD0, size + 4, 0xD1, channel, index), name)

    def test_drws(self) -> None:
        """A whole DRW gives its payload, and the same bytes again."""
        for name, (channel, index, size) in DRWS.items():
            vector = VECTORS[name]
            if vector.truncated:
                continue
            expected = Drw(channel, index, vector.data[8:])
            self.assertEqual(len(expected.payload), size, name)
            self.assertEqual(decode(vector.data), expected, name)
            self.assertEqual(encode(expected), vector.data, name)

    def test_truncated(self) -> None:
        """Of the others only the beginning is known: they are refused at its end."""
        truncated = [name for name in DRWS if VECTORS[name].truncated]
        self.assertEqual(len(truncated), 6)
        for name in truncated:
            error = strategies.refusal(decode, VECTORS[name].data)
            assert error is not None, name
            self.assertEqual(error.offset, VECTORS[name].len, name)

    def test_acks(self) -> None:
        """Acknowledgements of either marker, padded or not."""
        for name, expected in ACKS.items():
            self.assertEqual(decode(VECTORS[name].data), expected, name)

    def test_acksReencoded(self) -> None:
        """Ours have the marker 0xD1 and no padding, whatever we were sent."""
        for name, message in ACKS.items():
            theirs, ours = VECTORS[name].data, encode(message)
            if name in FOREIGN:
                self.assertEqual(theirs[4], 0xD2)
                theirs = theirs[:4] + b"\xd1" + theirs[5 : len(ours)]
            self.assertEqual(ours, theirs, name)


class DrwTests(SynchronousTestCase):
    """The packet that carries data."""

    def test_layout(self) -> None:
        """Marker, channel, index with the high byte first, payload."""
        self.assertEqual(
            encodeDrw(5, 0x1234, b"abc"), bytes.fromhex("f1d00007 d1051234 616263")
        )
        self.assertEqual(encodeDrw(0, 0, b"")[:2], DRW_START)

    @strategies.cheap
    @given(strategies.drws)
    def test_roundTrip(self, drw: Drw) -> None:
        """What is encoded decodes to the same values."""
        datagram = encodeDrw(drw.channel, drw.index, drw.payload)
        self.assertEqual(datagram, encode(drw))
        self.assertEqual(decodeDrw(datagram, len(datagram)), drw)

    def test_limits(self) -> None:
        """Eight channels, 16 bits of index, 1024 bytes: the last are in, no more."""
        encodeDrw(7, 0xFFFF, bytes(1024))
        for channel, index, size in (
            (8, 0, 0),
            (255, 0, 0),
            (-1, 0, 0),
            (0, 0x10000, 0),
            (0, -1, 0),
            (0, 0, 1025),
        ):
            with self.assertRaises(WireError):
                encodeDrw(channel, index, bytes(size))

    def test_longPayload(self) -> None:
        """We take more payload than we send, as much as a datagram holds."""
        datagram = bytes.fromhex("f1d00408 d1010000") + bytes(1028)
        self.assertEqual(decode(datagram), Drw(1, 0, bytes(1028)))

    def test_wrongMarker(self) -> None:
        """Another inner marker than 0xD1 is refused: what follows is unknown."""
        for byte in set(range(256)) - {0xD1}:
            datagram = b"\xf1\xd0\0\4" + bytes((byte, 0, 0, 0))
            error = strategies.refusal(decode, datagram)
            assert error is not None
            self.assertEqual((error.offset, error.byte), (4, byte))


class AckTests(SynchronousTestCase):
    """The packet that says what has arrived."""

    def test_layout(self) -> None:
        """Marker, channel, count, indices, all with the high byte first."""
        self.assertEqual(
            encodeAck(1, [0x0102, 3]), bytes.fromhex("f1d10008 d1010002 0102 0003")
        )

    @strategies.cheap
    @given(strategies.drwAcks)
    def test_roundTrip(self, ack: DrwAck) -> None:
        """What is encoded decodes to the same values, in the same order."""
        datagram = encodeAck(ack.channel, ack.indices)
        self.assertEqual(datagram, encode(ack))
        self.assertEqual(decodeAck(datagram, len(datagram)), ack)

    def test_limits(self) -> None:
        """
        At most 64 indices (82 would end the session), of 16 bits, on one of
        eight channels.
        """
        self.assertEqual(len(encodeAck(7, range(0xFFC0, 0x10000))), 136)
        refused: tuple[tuple[int, list[int]], ...] = (
            (8, [0]),
            (-1, [0]),
            (0, [0] * 65),
            (0, [0x10000]),
            (0, [1, -1]),
        )
        for channel, indices in refused:
            with self.assertRaises(WireError):
                encodeAck(channel, indices)

    def test_repeats(self) -> None:
        """Some cameras name an index twice in one packet."""
        repeated = bytes.fromhex("f1d10008 d1000002 0000 0000")
        self.assertEqual(decode(repeated), DrwAck(0, (0, 0)))

    def test_fewerThanRoom(self) -> None:
        """The count rules, not the length."""
        self.assertEqual(
            decode(bytes.fromhex("f1d10008 d1000001 0005 0006")), DrwAck(0, (5,))
        )
        self.assertEqual(decode(bytes.fromhex("f1d10004 d1030000")), DrwAck(3, ()))

    def test_moreThanRoom(self) -> None:
        """Indices that the header has no room for are not read from the padding."""
        datagram = bytes.fromhex("f1d10006 d1000002 0005 0006")
        error = strategies.refusal(decode, datagram)
        assert error is not None
        self.assertEqual((error.offset, error.byte), (6, 0))

    def test_wrongMarker(self) -> None:
        """Markers other than 0xD1 and 0xD2 are refused."""
        for byte in set(range(256)) - {0xD1, 0xD2}:
            datagram = b"\xf1\xd1\0\6" + bytes((byte, 0, 0, 1, 0, 0))
            error = strategies.refusal(decode, datagram)
            assert error is not None
            self.assertEqual((error.offset, error.byte), (4, byte))


class BothTests(SynchronousTestCase):
    """What holds for the two packets alike."""

    def test_wrongChannel(self) -> None:
        """A ninth channel is refused, before anything counts by it."""
        for kind in 0xD0, 0xD1:
            for channel in range(256):
                datagram = bytes((0xF1, kind, 0, 4, 0xD1, channel, 0, 0))
                error = strategies.refusal(decode, datagram)
                if channel < 8:
                    self.assertIsNone(error)
                else:
                    assert error is not None
                    self.assertEqual((error.offset, error.byte), (5, channel))

    def test_noRoomForAHead(self) -> None:
        """A length below four is refused, even if padding follows."""
        for kind in 0xD0, 0xD1:
            for length in range(4):
                datagram = bytes((0xF1, kind, 0, length, 0xD1, 0, 0, 0))
                error = strategies.refusal(decode, datagram)
                assert error is not None
                self.assertEqual((error.offset, error.byte), (2, 0))

    @strategies.cheap
    @given(st.sampled_from((0xD0, 0xD1)), st.binary(max_size=80), st.integers(0, 60))
    def test_garbage(self, kind: int, body: bytes, cut: int) -> None:
        """Any body is read within its bounds, or refused at one of its bytes."""
        length = max(0, len(body) - cut)
        datagram = bytes((0xF1, kind, 0, length)) + body
        reader = decodeDrw if kind == 0xD0 else decodeAck
        _, end = unframe(datagram)
        strategies.refusal(lambda whole: reader(whole, end), datagram)
