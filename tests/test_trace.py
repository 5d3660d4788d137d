"""Tests for L{twistedcam.trace}."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.trace import describe, printPacket
from twistedcam.wire import dh, drw, pppp

from .lab import UID
from .strategies import cheap, datagrams, dhReports, garbage, nearMessages


class DescribeTests(SynchronousTestCase):
    """A datagram in words."""

    def test_pppp(self) -> None:
        """PPPP packets go by their name and what matters of them."""
        for message, words in (
            (pppp.LanSearch(), "LAN_SEARCH"),
            (pppp.PunchPkt(UID), "PUNCH_PKT VSTB-668515-UZCPK"),
            (pppp.P2pRdy(UID), "P2P_RDY VSTB-668515-UZCPK"),
            (pppp.LanTcpRdy(UID), "LAN_TCP_RDY VSTB-668515-UZCPK"),
            (pppp.TryLanTcp(), "TRY_LAN_TCP"),
            (pppp.TryLanTcp(UID), "TRY_LAN_TCP VSTB-668515-UZCPK"),
            (drw.Drw(1, 65535, b"four"), "DRW channel 1 index 65535, 4 bytes"),
            (drw.DrwAck(2, (7, 9)), "DRW_ACK channel 2 7 9"),
            (pppp.Alive(), "ALIVE"),
            (pppp.Close(), "CLOSE"),
        ):
            self.assertEqual(words, describe(pppp.encode(message)))

    def test_dh(self) -> None:
        """Of a report only identity and address are shown."""
        report = dh.DhReport(ip="192.0.2.7", uid="VSTB668515UZCPK", password="sesame")
        services = dh.DhServices(password="tree")
        self.assertEqual(
            "DH report of VSTB668515UZCPK at 192.0.2.7",
            describe(dh.encode(report, services)),
        )
        self.assertEqual("DH search", describe(dh.encode(dh.DhSearch())))

    def test_payload(self) -> None:
        """What a packet carries is not shown: it may be a login."""
        for payload in b"GET /x.cgi?loginpas=sesame", b"":
            words = describe(pppp.encode(drw.Drw(0, 0, payload)))
            self.assertEqual(f"DRW channel 0 index 0, {len(payload)} bytes", words)

    def test_unreadable(self) -> None:
        """Of what cannot be read, eight bytes and the fault are shown."""
        words = describe(b"\x00\x01\x02\x03\x04\x05\x06\x07sesame")
        self.assertTrue(words.startswith("00 01 02 03 04 05 06 07... (14 bytes): "))
        self.assertNotIn(b"sesame".hex(" "), words)
        self.assertIn("(0 bytes): ", describe(b""))

    @cheap
    @given(
        datagrams
        | garbage
        | nearMessages
        | dhReports.map(dh.encode)
        | st.binary(max_size=600).map(lambda rest: b"DH" + rest)
    )
    def test_anything(self, datagram: bytes) -> None:
        """Whatever arrives becomes one line."""
        self.assertEqual(1, len(describe(datagram).splitlines()))


class PrintTests(SynchronousTestCase):
    """The lines of C{--trace}."""

    def test_lines(self) -> None:
        """Time with milliseconds, direction, peer, words."""
        output = StringIO()
        peer = ("192.0.2.7", 32108)
        with redirect_stdout(output):
            printPacket(0.25, True, peer, pppp.encode(pppp.LanSearch()))
            printPacket(1.5, False, peer, pppp.encode(pppp.PunchPkt(UID)))
        sent, heard = output.getvalue().splitlines()
        shape = re.compile(r"\d\d:\d\d:\d\d\.\d{3} ")
        self.assertRegex(sent, shape)
        self.assertIn(".250 -> 192.0.2.7:32108 LAN_SEARCH", sent)
        self.assertIn(".500 <- 192.0.2.7:32108 PUNCH_PKT VSTB-668515-UZCPK", heard)

    def test_atOnce(self) -> None:
        """A line does not wait in a buffer for more of them."""
        with patch("builtins.print") as printed:
            printPacket(0, True, ("192.0.2.7", 32108), b"")
        self.assertTrue(printed.call_args.kwargs["flush"])
