"""
RTCP: our reports, and those of players; and what a sender numbers.
"""

from __future__ import annotations

from struct import pack, unpack_from

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import Piece
from twistedcam.media.rtp import HEAD, Burst, RtpMuxer
from twistedcam.restream.rtsp.rtcp import Reception, goodbye, receptions, senderReport
from twistedcam.restream.rtsp.sender import Sender

from .mediakit import pictures
from .strategies import cheap, u32s


def receiverReport(ssrc: int, lost: int, fraction: int = 0, jitter: int = 0) -> bytes:
    """As players send them, with a description behind."""
    block = pack(">IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, 1000, jitter, 0, 0)
    report = pack(">BBHI", 0x81, 201, 7, 0xABCD) + block
    return report + pack(">BBHI4s", 0x81, 202, 2, 0xABCD, b"\1\1x\0")


class ReportTests(SynchronousTestCase):
    """What is in reports."""

    def test_sender(self) -> None:
        """A sender's report tells time, stamp and counts, and who it is."""
        report = senderReport(0x12345678, 1.7e9 + 0.25, 99, 1000, 123456, "ab")
        head = unpack_from(">BBHIIIIII", report)
        self.assertEqual((0x80, 200, 6, 0x12345678), head[:4])
        self.assertEqual((1_700_000_000 + 2_208_988_800) % 2**32, head[4])
        self.assertEqual((1 << 30, 99, 1000, 123456), head[5:])
        kind, words, ssrc, item, size = unpack_from(">xBHIBB", report, 28)
        self.assertEqual((202, 0x12345678, 1, 2), (kind, ssrc, item, size))
        self.assertEqual(len(report), 28 + 4 + 4 * words)
        self.assertEqual(b"ab", report[38:40])
        self.assertEqual(0, report[40])

    @given(u32s, st.floats(-1e12, 1e12), st.integers(0), st.text(max_size=300))
    @cheap
    def test_whole(self, ssrc: int, time: float, count: int, name: str) -> None:
        """Reports and goodbyes are compound packets without a hole."""
        report = senderReport(ssrc, time, count, count, count, name)
        for packet in (report, goodbye(ssrc, report)):
            self.assertEqual([], receptions(packet))
        self.assertEqual(pack(">BBHI", 0x81, 203, 1, ssrc), goodbye(ssrc, report)[-8:])

    def test_reception(self) -> None:
        """What a player has lost; duplicates may make it less than nothing."""
        self.assertEqual(
            [Reception(7, 12, 0.25, 90)], receptions(receiverReport(7, 12, 64, 90))
        )
        found = receptions(receiverReport(7, -3))
        assert found is not None
        self.assertEqual(-3, found[0].lost)

    def test_inSender(self) -> None:
        """Players that send something report in their own sender's reports."""
        block = receiverReport(7, 12)[8:32]
        report = pack(">BBHI20s", 0x81, 200, 12, 1, bytes(20)) + block
        self.assertEqual([Reception(7, 12, 0.0, 0)], receptions(report))

    def test_empty(self) -> None:
        """A report about nobody is one all the same."""
        self.assertEqual([], receptions(pack(">BBHI", 0x80, 201, 1, 5)))

    def test_garbage(self) -> None:
        """What is no RTCP is told from it."""
        good = receiverReport(7, 12)
        for bad in (
            b"",
            b"\x80",
            b"\xce\xfa\xed\xfe",
            good[:-1],
            b"\x41" + good[1:],
            good[:1] + b"\x60" + good[2:],
            b"\x9f" + good[1:],
            good + b"x",
        ):
            self.assertIsNone(receptions(bad), bad)

    @given(st.binary(max_size=100), st.integers(0, 5))
    @cheap
    def test_anything(self, data: bytes, count: int) -> None:
        """Nothing does any harm."""
        receptions(data)
        receptions(receiverReport(7, 12)[: 4 * count] + data)


class SenderTests(SynchronousTestCase):
    """One viewer's numbers and stamps."""

    def setUp(self) -> None:
        self.frames = list(pictures(Codec.H264))
        self.bursts: list[Burst] = []
        muxer = RtpMuxer(self.take)
        for frame in self.frames:
            muxer.mux(frame)

    def take(self, piece: Piece) -> None:
        """Keep a burst."""
        assert isinstance(piece, Burst)
        self.bursts.append(piece)

    def test_packets(self) -> None:
        """Numbers without holes, one stamp for a burst, the rest as it was."""
        sender = Sender(90_000)
        number, stamp = sender.number, sender.stamp
        sender.begin(self.frames[0].time)
        octets = 0
        for frame, burst in zip(self.frames, self.bursts, strict=True):
            packets = sender.send(burst)
            self.assertEqual(len(burst.packets), len(packets))
            for packet, shared in zip(packets, burst.packets, strict=True):
                first, second, count, time, ssrc = unpack_from(">BBHII", packet)
                self.assertEqual(shared[:2], bytes((first, second)))
                self.assertEqual(shared[HEAD:], packet[HEAD:])
                self.assertEqual((number & 0xFFFF, sender.ssrc), (count, ssrc))
                due = stamp + round((frame.time - self.frames[0].time) * 90_000)
                self.assertIn((time - due) % 2**32, (0, 1, 2**32 - 1))
                number += 1
                octets += len(packet) - HEAD
        self.assertEqual((number, octets), (sender.number, sender.octets))
        self.assertEqual(sum(len(b.packets) for b in self.bursts), sender.packets)

    def test_others(self) -> None:
        """No two viewers have the same numbers."""
        senders = [Sender(90_000) for _ in range(8)]
        self.assertEqual(8, len({sender.ssrc for sender in senders}))
        self.assertEqual(8, len({sender.stamp for sender in senders}))

    def test_report(self) -> None:
        """Reports are on the line on which packets are, however far."""
        sender = Sender(90_000)
        start = self.frames[0].time
        sender.begin(start)
        for burst in self.bursts:
            sender.send(burst)
        for later in (0.0, 1.5, 86_400 * 30.0):
            report = sender.report(start + later, "x")
            _, _, _, ssrc, _, _, stamp, packets, octets = unpack_from(
                ">BBHIIIIII", report
            )
            self.assertEqual((sender.ssrc, sender.packets), (ssrc, packets))
            self.assertEqual(sender.octets, octets)
            self.assertEqual((sender.stamp + round(later * 90_000)) % 2**32, stamp)
        self.assertEqual(b"\x81\xcb", sender.goodbye(start, "x")[-8:-6])

    def test_heard(self) -> None:
        """What is reported about somebody else is none of its business."""
        sender = Sender(8000)
        sender.heard([Reception(sender.ssrc ^ 1, 5, 0.0, 0)])
        self.assertIsNone(sender.reception)
        mine = Reception(sender.ssrc, 5, 0.0, 0)
        sender.heard([mine])
        self.assertIs(mine, sender.reception)

    def test_wrap(self) -> None:
        """Numbers and stamps begin anew when they are at their end."""
        sender = Sender(90_000)
        sender.number, sender.stamp = 0xFFFF, 0xFFFFFFFF
        frame = Frame(Codec.H264, b"", True, 1.0, 0, 1.0)
        sender.begin(frame.time)
        heads = [
            unpack_from(">HI", packet, 2)
            for burst in self.bursts[:3]
            for packet in sender.send(burst)
        ]
        self.assertEqual([0xFFFF, 0, 1], [head[0] for head in heads][:3])
        self.assertTrue(all(stamp < 2**32 for _, stamp in heads))
