"""Tests for L{twistedcam.wire.pppp}."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import WireError
from twistedcam.wire.deviceid import DeviceId
from twistedcam.wire.pppp import (
    NAMES,
    Alive,
    AliveAck,
    Close,
    CloseAck,
    LanSearch,
    LanSearchExt,
    LanTcpRdy,
    Message,
    P2pRdy,
    PunchPkt,
    TryLanTcp,
    decode,
    encode,
)

from . import (
    strategies,
    test_wire_av,
    test_wire_cgi,
    test_wire_cipher,
    test_wire_dh,
    test_wire_drw,
)
from .vectors import LATER, VECTORS

VSTB = DeviceId("VSTB", 668515, "UZCPK")
VSTB_HEX = "5653544200000000 000a3363 555a43504b000000"

#: The control messages among the vectors.
MESSAGES: dict[str, Message] = {
    "lan_search": LanSearch(),
    "punch_vstb": PunchPkt(VSTB),
    "punch_batd": PunchPkt(DeviceId("BATD", 156362, "WONJM")),
    "p2p_rdy_vstb": P2pRdy(VSTB),
    "alive": Alive(),
    "alive_ack": AliveAck(),
    "close": Close(),
    "close_ack": CloseAck(),
    "bf_lan_search": LanSearch(),
    "stlk0_lan_search": LanSearch(),
    "stlk0_lan_search_ext": LanSearchExt(),
    "a9_lan_search": LanSearch(),
}

#: Vectors that are no message of a LAN session: where and at what byte we stop.
REFUSED = {
    "dev_login": (1, 0x10),  # to a server of the vendor
    "relay_hello_unknown": (0, 0x00),
    "tcp_record_alive": (0, 0x00),
    "dh_search": (0, 0x44),
    "dh_reply_vstb_524": (0, 0x44),
    "xq_simple_enc": (0, 0x01),
    "xq_rot0": (0, 0x01),
    "ilnk_login_refused": (0, 0x11),
    "ilnk_login_ok": (0, 0x11),
}

#: The vectors that this module takes.
COVERED = frozenset(MESSAGES) | frozenset(REFUSED)


class VectorTests(SynchronousTestCase):
    """Captured and published datagrams."""

    def test_messages(self) -> None:
        """Each is the message that it is said to be, and gives its bytes again."""
        for name, message in MESSAGES.items():
            self.assertEqual(decode(VECTORS[name].plain), message, name)
            self.assertEqual(encode(message), VECTORS[name].plain, name)

    def test_refused(self) -> None:
        """What is no message of a LAN session is refused at the telling byte."""
        for name, place in REFUSED.items():
            error = strategies.refusal(decode, VECTORS[name].data)
            assert error is not None, name
            self.assertEqual((error.offset, error.byte), place, name)

    def test_devLogin(self) -> None:
        """The error names the byte, for the log."""
        with self.assertRaises(WireError) as caught:
            decode(VECTORS["dev_login"].data)
        self.assertEqual(str(caught.exception), "an unknown type: 0x10 at offset 1")

    def test_computed(self) -> None:
        """The computed ones are messages of the type in their names."""
        for name, vector in VECTORS.items():
            if vector.dialect == "cipher":
                message = decode(vector.plain)
                self.assertEqual(encode(message), vector.plain, name)
                if name.endswith("cgi_check_user"):
                    self.assertEqual(vector.plain, VECTORS["cgi_check_user"].data, name)
                else:
                    self.assertTrue(
                        name.endswith(f"_{NAMES[vector.plain[1]].lower()}")
                        or (name.endswith("_punch_vstb") and message == PunchPkt(VSTB)),
                        name,
                    )

    def test_noneForgotten(self) -> None:
        """Each vector is in the tests of this room, or of a dialect for later."""
        covered = (
            COVERED
            | test_wire_av.COVERED
            | test_wire_cgi.COVERED
            | test_wire_cipher.COVERED
            | test_wire_dh.COVERED
            | test_wire_drw.COVERED
        )
        self.assertEqual(covered - VECTORS.keys(), set())
        for name, vector in VECTORS.items():
            self.assertTrue(name in covered or vector.dialect in LATER, name)
            self.assertEqual(vector.len, len(vector.data), name)
        dialects = {vector.dialect for vector in VECTORS.values()}
        self.assertEqual(dialects, LATER | {"cgi", "cipher", "dh", "media", "pppp"})


class LayoutTests(SynchronousTestCase):
    """Each type's bytes."""

    def test_layouts(self) -> None:
        """One example of each type, in both directions."""
        for message, text in (
            (LanSearch(), "f1300000"),
            (LanSearchExt(), "f1320000"),
            (PunchPkt(VSTB), "f1410014" + VSTB_HEX),
            (P2pRdy(VSTB), "f1420014" + VSTB_HEX),
            (TryLanTcp(), "f1430000"),
            (TryLanTcp(VSTB), "f1430014" + VSTB_HEX),
            (TryLanTcp(VSTB, b"\1\2\3"), "f1430017" + VSTB_HEX + "010203"),
            (LanTcpRdy(VSTB), "f1440014" + VSTB_HEX),
            (Alive(), "f1e00000"),
            (AliveAck(), "f1e10000"),
            (Close(), "f1f00000"),
            (CloseAck(), "f1f10000"),
        ):
            datagram = bytes.fromhex(text)
            self.assertEqual(encode(message), datagram)
            self.assertEqual(decode(datagram), message)

    def test_types(self) -> None:
        """There is a strategy for each type of message, and a name for each byte."""
        self.assertEqual(set(strategies.messagesByType), set(get_args(Message)))
        self.assertEqual(len(NAMES), len(get_args(Message)))

    def test_longIds(self) -> None:
        """The four bytes behind a long id go out again as they came in."""
        for kind, type in (0x41, PunchPkt), (0x42, P2pRdy), (0x44, LanTcpRdy):
            datagram = bytes.fromhex(f"f1{kind:02x}0018 {VSTB_HEX} 00020100")
            message = decode(datagram)
            self.assertEqual(message, type(VSTB))
            self.assertEqual(encode(message), datagram)

    def test_tryLanTcp(self) -> None:
        """What follows the id of a TRY_LAN_TCP is kept, 44 bytes in all seen."""
        datagram = bytes.fromhex(f"f143002c {VSTB_HEX}") + bytes(range(24))
        message = decode(datagram)
        self.assertEqual(message, TryLanTcp(VSTB, bytes(range(24))))
        self.assertEqual(encode(message), datagram)
        long = DeviceId("VSTB", 668515, "UZCPK", b"tail")
        self.assertEqual(encode(TryLanTcp(long, bytes(range(24)))), datagram)

    def test_cannotBeSent(self) -> None:
        """What no datagram can carry is refused on the way out."""
        for message in TryLanTcp(None, b"rest"), TryLanTcp(VSTB, bytes(2048)):
            with self.assertRaises(WireError):
                encode(message)


class RefusedTests(SynchronousTestCase):
    """What we do not read, and what the error points at."""

    def test_table(self) -> None:
        """One example of each fault."""
        for text, offset, byte in (
            ("", 0, None),
            ("f1e000", 3, None),
            ("f2e00000", 0, 0xF2),
            ("f1000000", 1, 0x00),  # a server's HELLO
            ("f1d80000", 1, 0xD8),  # unreliable data, never used
            ("f1f90000", 1, 0xF9),
            ("f1e00001", 4, None),
            ("f1410000", 2, 0x00),
            ("f1410013" + "41" * 19, 2, 0x00),
            ("f1410015" + "41" * 21, 2, 0x00),
            ("f1430004" + "41" * 4, 2, 0x00),
            ("f1430013" + VSTB_HEX, 2, 0x00),  # the id ends in the padding
            ("f1410014" + VSTB_HEX[:-2], 23, None),
            ("f1410014" + VSTB_HEX.replace("5653", "5633"), 5, 0x33),
            ("f1420014" + VSTB_HEX.replace("4b00", "4b2d"), 21, 0x2D),
        ):
            error = strategies.refusal(decode, bytes.fromhex(text))
            assert error is not None, text
            self.assertEqual((error.offset, error.byte), (offset, byte), text)

    def test_everyOtherType(self) -> None:
        """Types that a LAN session does not know are refused, and named."""
        for kind in set(range(256)) - NAMES.keys():
            error = strategies.refusal(decode, bytes((0xF1, kind, 0, 0)))
            assert error is not None
            self.assertEqual((error.offset, error.byte), (1, kind))


class PropertyTests(SynchronousTestCase):
    """What holds for all messages."""

    @strategies.cheap
    @given(strategies.messages, st.integers(0, 64))
    def test_roundTrip(self, message: Message, padding: int) -> None:
        """What is encoded decodes to the same message, padded or not."""
        datagram = encode(message)
        self.assertEqual(decode(datagram), message)
        self.assertEqual(decode(datagram + b"\xa5" * padding), message)
        self.assertEqual(encode(decode(datagram)), datagram)

    @strategies.dear
    @given(strategies.datagrams)
    def test_truncation(self, datagram: bytes) -> None:
        """A datagram that lost its end is refused, where it ends."""
        for size in range(len(datagram)):
            error = strategies.refusal(decode, datagram[:size])
            assert error is not None
            self.assertEqual((error.offset, error.byte), (size, None))

    @strategies.dear
    @given(strategies.datagrams, st.integers(1, 255))
    def test_mutation(self, datagram: bytes, flip: int) -> None:
        """Another byte anywhere gives a message, or an error that points at it."""
        for place in range(len(datagram)):
            damaged = bytearray(datagram)
            damaged[place] ^= flip
            strategies.refusal(decode, bytes(damaged))

    @strategies.cheap
    @given(strategies.garbage | strategies.nearMessages)
    def test_garbage(self, datagram: bytes) -> None:
        """Any bytes are a message, or raise a L{WireError} that points at them."""
        strategies.refusal(decode, datagram)
