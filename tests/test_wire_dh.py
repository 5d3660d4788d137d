"""Tests for L{twistedcam.wire.dh}."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import WireError
from twistedcam.wire.deviceid import DeviceId
from twistedcam.wire.dh import (
    MAX_REPORT,
    REPORT_SIZE,
    DhMessage,
    DhReport,
    DhSearch,
    DhServices,
    decode,
    encode,
)

from . import strategies
from .vectors import VECTORS

SEARCH = VECTORS["dh_search"].data

#: A captured report.
VSTB = VECTORS["dh_reply_vstb_524"].data
VSTB_REPORT = DhReport(
    ip="192.168.11.140",
    netmask="255.255.255.0",
    gateway="192.168.11.1",
    dns1="8.8.8.8",
    dns2="192.168.11.1",
    mac=bytes.fromhex("48022a0bdbb4"),
    httpPort=47499,
    uid="VSTB668515UZCPK",
    name="IPCAM",
    systemVersion="48.53.72.103",
    dhcp=1,
)
VSTB_SERVICES = DhServices(server="user2.ipcam.so", user="owner", password="000000")

#: What a report of zeros says.
EMPTY = DhReport()

#: The vectors that this module takes.
COVERED = frozenset(("dh_search", "dh_reply_vstb_524"))

#: Where each field begins and ends.
LAYOUT = {
    "ip": (0x004, 0x014),
    "netmask": (0x014, 0x024),
    "gateway": (0x024, 0x034),
    "dns1": (0x034, 0x044),
    "dns2": (0x044, 0x054),
    "mac": (0x054, 0x05A),
    "httpPort": (0x05A, 0x05C),
    "uid": (0x05C, 0x07C),
    "name": (0x07C, 0x0CC),
    "systemVersion": (0x0CC, 0x0DC),
    "appVersion": (0x0DC, 0x0EC),
    "user": (0x0EC, 0x10C),
    "password": (0x10C, 0x12C),
    "sysMode": (0x12C, 0x12D),
    "dhcp": (0x12D, 0x12E),
    "smartConnect": (0x12E, 0x12F),
    "other": (0x12F, 0x130),
    "wifiMac": (0x130, 0x136),
    "deviceType": (0x136, 0x137),
    "streamId": (0x137, 0x138),
    "reserved": (0x138, 0x144),
}
SERVICES_LAYOUT = {
    "server": (0x144, 0x184),
    "host": (0x184, 0x1C4),
    "user": (0x1C4, 0x1E4),
    "password": (0x1E4, 0x204),
}


def handMade() -> bytes:
    """
    A report with every field in use, in the habits of a second camera: a zero
    padded serial, a Cyrillic name, a broken version text, stale memory after
    the texts, and its own first eight bytes at the end.
    """
    datagram = bytearray(REPORT_SIZE)
    for offset, content in {
        0x000: b"DH\x01\x08",
        0x004: b"192.0.2.7\0stale",
        0x014: b"255.255.255.0\0",
        0x024: b"192.0.2.1\0",
        0x034: b"192.0.2.53\0",
        0x044: b"198.51.100.53\0",
        0x054: b"\x02\x00\x5e\x00\x53\x01",
        0x05A: b"\x90\x1f",
        0x05C: b"RVSS004645FYDRW\0junk",
        0x07C: "Двор".encode() + b"\0stale",
        0x0CC: b"70.1.2.5\0",
        0x0DC: b'var app_ver="C',
        0x0EC: b"VSTB668515UZCPK",
        0x10C: b"hunter2",
        0x12C: b"\x01\x01\x02\x03",
        0x130: b"\x02\x00\x5e\x00\x53\x02",
        0x136: b"\x05\x06\x1e",
        0x144: b"user2.gocam.so\0/",
        0x184: b"host.example",
        0x1C4: b"admin",
        0x1E4: b"111111\0\xff",
        0x204: b"DH\x01\x08192.",
    }.items():
        datagram[offset : offset + len(content)] = content
    return bytes(datagram)


def report(datagram: bytes) -> DhReport:
    """Decode what must be a report."""
    message = decode(datagram)
    assert isinstance(message, DhReport)
    return message


def patched(offset: int, content: bytes) -> bytes:
    """The captured report with other bytes at some offset."""
    return VSTB[:offset] + content + VSTB[offset + len(content) :]


class SearchTests(SynchronousTestCase):
    """The question."""

    def test_captured(self) -> None:
        """A search is four bytes."""
        self.assertEqual(decode(SEARCH), DhSearch())
        self.assertEqual(encode(DhSearch()), SEARCH)

    def test_longer(self) -> None:
        """As cameras do, we take a search of any length."""
        self.assertEqual(decode(SEARCH + b"anything"), DhSearch())

    def test_otherCommands(self) -> None:
        """No other command is read: some of them change a camera's settings."""
        for command in "0201", "0208", "0202", "0301", "0501", "0508", "0601", "0000":
            datagram = b"DH" + bytes.fromhex(command) + bytes(520)
            error = strategies.refusal(decode, datagram)
            assert error is not None
            self.assertIn(error.offset, (2, 3), command)


class ReportTests(SynchronousTestCase):
    """The answer."""

    def test_captured(self) -> None:
        """A captured report, field by field."""
        self.assertEqual(report(VSTB), VSTB_REPORT)
        self.assertEqual(DhServices.fromReport(VSTB), VSTB_SERVICES)
        self.assertEqual(VSTB_REPORT.deviceId, DeviceId("VSTB", 668515, "UZCPK"))
        self.assertEqual(VSTB_REPORT.sessionId, VSTB_REPORT.deviceId)

    def test_reencoded(self) -> None:
        """Its values give the captured datagram again, byte by byte."""
        self.assertEqual(encode(VSTB_REPORT, VSTB_SERVICES), VSTB)

    def test_everyField(self) -> None:
        """A report with every field in use, stale bytes after the texts ignored."""
        self.assertEqual(
            report(handMade()),
            DhReport(
                ip="192.0.2.7",
                netmask="255.255.255.0",
                gateway="192.0.2.1",
                dns1="192.0.2.53",
                dns2="198.51.100.53",
                mac=bytes.fromhex("02005e005301"),
                httpPort=8080,
                uid="RVSS004645FYDRW",
                name="Двор",
                systemVersion="70.1.2.5",
                appVersion='var app_ver="C',
                user="VSTB668515UZCPK",
                password="hunter2",
                sysMode=1,
                dhcp=1,
                smartConnect=2,
                other=3,
                wifiMac=bytes.fromhex("02005e005302"),
                deviceType=5,
                streamId=6,
                reserved=b"\x1e" + bytes(11),
            ),
        )
        self.assertEqual(
            DhServices.fromReport(handMade()),
            DhServices("user2.gocam.so", "host.example", "admin", "111111"),
        )

    @strategies.dear
    @given(strategies.dhMessages)
    def test_roundTrip(self, message: DhMessage) -> None:
        """What is encoded decodes to the same values."""
        self.assertEqual(decode(encode(message)), message)

    @strategies.dear
    @given(strategies.dhReports, strategies.dhServices)
    def test_services(self, message: DhReport, services: DhServices) -> None:
        """Services have their own place and leave the report as it is."""
        datagram = encode(message, services)
        self.assertEqual(len(datagram), 524)
        self.assertEqual(decode(datagram), message)
        self.assertEqual(DhServices.fromReport(datagram), services)
        self.assertEqual(datagram[0x204:], bytes(8))

    def test_noServices(self) -> None:
        """Without services all bytes from 0x144 on are zero."""
        self.assertEqual(encode(VSTB_REPORT)[0x144:], bytes(200))

    def test_layout(self) -> None:
        """A field is where the layout says, and fills its place entirely."""
        self.assertEqual([field.name for field in fields(DhReport)], list(LAYOUT))
        blank = encode(DhReport())
        for name, (start, end) in LAYOUT.items():
            datagram = blank[:start] + b"x" * (end - start) + blank[end:]
            message = report(datagram)
            touched = {n for n in LAYOUT if getattr(message, n) != getattr(EMPTY, n)}
            self.assertEqual(touched, {name})
            self.assertEqual(encode(message), datagram, name)

    def test_tooLarge(self) -> None:
        """A value that does not fit its place exactly is refused on the way out."""
        wrong = (
            replace(VSTB_REPORT, ip="x" * 17),
            replace(VSTB_REPORT, name="й" * 41),
            replace(VSTB_REPORT, mac=bytes(5)),
            replace(VSTB_REPORT, mac=bytes(7)),
            replace(VSTB_REPORT, httpPort=65536),
            replace(VSTB_REPORT, httpPort=-1),
            replace(VSTB_REPORT, dhcp=256),
        )
        for message in wrong:
            with self.assertRaises(WireError):
                encode(message)
        with self.assertRaises(WireError):
            encode(VSTB_REPORT, DhServices(password="x" * 33))


class LengthTests(SynchronousTestCase):
    """Reports of other lengths than 524 bytes."""

    def test_tooShort(self) -> None:
        """A report that ends before the id's end is refused, where it ends."""
        for length in range(0x7C):
            for decoder in decode, DhServices.fromReport:
                error = strategies.refusal(decoder, VSTB[:length])
                assert error is not None
                self.assertEqual((error.offset, error.byte), (length, None))

    def test_cut(self) -> None:
        """A cut report has the fields that lie wholly inside, the rest is empty."""
        whole = report(handMade())
        services = DhServices.fromReport(handMade())
        for length in range(0x7C, REPORT_SIZE + 1):
            cut = handMade()[:length]
            short, shortServices = report(cut), DhServices.fromReport(cut)
            for name, (_, end) in LAYOUT.items():
                origin = whole if end <= length else EMPTY
                self.assertEqual(
                    getattr(short, name), getattr(origin, name), f"{name} of {length}"
                )
            for name, (_, end) in SERVICES_LAYOUT.items():
                value = getattr(services, name) if end <= length else ""
                self.assertEqual(
                    getattr(shortServices, name), value, f"{name} of {length}"
                )

    def test_longer(self) -> None:
        """What follows the known fields is ignored, up to 1024 bytes in all."""
        for length in 525, 570, MAX_REPORT:
            padded = VSTB + b"\xa5" * (length - REPORT_SIZE)
            self.assertEqual(report(padded), VSTB_REPORT, length)
            self.assertEqual(DhServices.fromReport(padded), VSTB_SERVICES, length)

    def test_tooLong(self) -> None:
        """A report of 1025 bytes is refused."""
        error = strategies.refusal(decode, VSTB + b"\xa5" * 501)
        assert error is not None
        self.assertEqual((error.offset, error.byte), (1024, 0xA5))


class HostileTests(SynchronousTestCase):
    """Anybody on the network can send a report."""

    def test_macLikeText(self) -> None:
        """
        A MAC address that happens to be text of several bytes a letter moves
        nothing: offsets count bytes.
        """
        self.assertEqual(len(VSTB_REPORT.mac[4:].decode()), 1)
        for mac in b"\xe2\x82\xac\xe2\x82\xac", b"\xf0\x9f\x93\xb7ab", b"\xff" * 6:
            self.assertEqual(
                report(patched(0x54, mac)), replace(VSTB_REPORT, mac=mac), mac.hex()
            )

    def test_names(self) -> None:
        """A name is shown as far as it can be, and never harms a terminal."""
        for raw, shown in {
            "Камера двери".encode() + b"\0": "Камера двери",
            b"cam\0\xff\x1b[2Jsecret": "cam",
            b"\xff\xfecam\0": "\ufffd\ufffdcam",
            b"a\x1b[2Jb\r\nc\0": "a\ufffd[2Jb\ufffd\ufffdc",
            b"a\x7f\xc2\x9bb\0": "a\ufffd\ufffdb",
            "a\u202eb\u2028c\0".encode(): "a\ufffdb\ufffdc",
            "й".encode() * 40: "й" * 40,
            b"x" + "й".encode() * 39 + b"\xd0": "x" + "й" * 39 + "\ufffd",
            b"\0cam": "",
        }.items():
            found = report(patched(0x7C, raw)).name
            self.assertEqual(found, shown, repr(raw))
            self.assertTrue(found.isprintable(), repr(raw))

    def test_secrets(self) -> None:
        """Neither passwords nor services show in what a log would print."""
        message, services = report(handMade()), DhServices.fromReport(handMade())
        for text in repr(message), str(message), repr(services), str(services):
            for secret in "hunter2", "gocam", "host.example", "admin", "111111":
                self.assertNotIn(secret, text)
        self.assertIn("RVSS004645FYDRW", repr(message))

    def test_servicesOnRequestOnly(self) -> None:
        """A report knows nothing of the services behind it."""
        self.assertEqual(report(patched(0x144, b"\xa5" * 200)), VSTB_REPORT)

    def test_servicesOfNoReport(self) -> None:
        """Services are read from a report only."""
        error = strategies.refusal(DhServices.fromReport, SEARCH)
        assert error is not None
        self.assertEqual((error.offset, error.byte), (3, 0x01))

    @strategies.cheap
    @given(st.integers(0, REPORT_SIZE - 1), strategies.u8s)
    def test_mutation(self, offset: int, byte: int) -> None:
        """Another byte anywhere gives a report, or an error in the head."""
        error = strategies.refusal(decode, patched(offset, bytes((byte,))))
        if error is not None:
            self.assertEqual((error.offset, error.byte), (offset, byte))
            self.assertLess(offset, 4)

    @strategies.cheap
    @given(
        strategies.garbage
        | st.binary(max_size=1100).map(lambda body: b"DH\x01\x08" + body)
    )
    def test_garbage(self, datagram: bytes) -> None:
        """Any bytes are a message, or raise a L{WireError} that points at them."""
        strategies.refusal(decode, datagram)
        strategies.refusal(DhServices.fromReport, datagram)


class IdentityTests(SynchronousTestCase):
    """Who is this?"""

    def test_zeroPadded(self) -> None:
        """A serial may be padded with zeros."""
        self.assertEqual(report(handMade()).deviceId, DeviceId("RVSS", 4645, "FYDRW"))

    def test_virtual(self) -> None:
        """Where the user field holds an id, sessions go by that one."""
        message = replace(VSTB_REPORT, uid="VE123456ABCDE", user="VSTG001234FGHIJ")
        self.assertEqual(message.deviceId, DeviceId("VE", 123456, "ABCDE"))
        self.assertEqual(message.sessionId, DeviceId("VSTG", 1234, "FGHIJ"))

    def test_userIsNoId(self) -> None:
        """A user field that holds anything else is not taken for an id."""
        message = replace(VSTB_REPORT, user="admin")
        self.assertEqual(message.sessionId, message.deviceId)

    def test_none(self) -> None:
        """A report without an id has none to give, yet can be read."""
        message = report(patched(0x5C, bytes(32)))
        self.assertEqual(message.uid, "")
        with self.assertRaises(WireError):
            message.deviceId  # noqa: B018
        with self.assertRaises(WireError):
            message.sessionId  # noqa: B018
