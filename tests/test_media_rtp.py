"""
RTP: packets that any receiver can put together again.
"""

from __future__ import annotations

from struct import unpack_from

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.clips import clip
from twistedcam.media.codec import nalUnits
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import NotMuxable, ParametersChanged, Piece
from twistedcam.media.rtp import MTU, RtpMuxer, isControl

from .mediakit import GOP, pictures, sound


def units(packets: list[bytes]) -> list[bytes]:
    """NAL units of H.264 out of packets, by RFC 6184: single, aggregated, in parts."""
    found: list[bytes] = []
    for packet in packets:
        payload = packet[12:]
        kind = payload[0] & 0x1F
        if kind == 24:
            place = 1
            while place < len(payload):
                (size,) = unpack_from(">H", payload, place)
                found.append(payload[place + 2 : place + 2 + size])
                place += 2 + size
        elif kind == 28:
            head = bytes([payload[0] & 0xE0 | payload[1] & 0x1F])
            if payload[1] & 0x80:
                found.append(head)
            found[-1] += payload[2:]
        else:
            found.append(payload)
    return found


class RtpTests(SynchronousTestCase):
    """Packets of each codec."""

    def mux(self, frames: list[Frame], **how: int) -> list[Piece]:
        """All pieces."""
        pieces: list[Piece] = []
        muxer = RtpMuxer(pieces.append, **how)  # type: ignore[arg-type]
        for frame in frames:
            muxer.mux(frame)
        muxer.close()
        self.assertIsNone(muxer.failure)
        return pieces

    def rtp(self, pieces: list[Piece]) -> list[bytes]:
        """The packets without the reports."""
        return [piece.data for piece in pieces if not isControl(piece.data)]

    def test_together(self) -> None:
        """The NAL units of H.264 arrive as they were sent, in small packets."""
        frames = [
            Frame(Codec.H264, data, number in (0, 30), number / 15, number, number / 15)
            for number, data in enumerate(clip("h264-main").frames[:45])
        ]
        packets = self.rtp(self.mux(frames))
        self.assertLessEqual(max(map(len, packets)), MTU)
        expected = [unit for frame in frames for unit in nalUnits(frame.data)]
        found = [unit.rstrip(b"\0") for unit in units(packets)]
        self.assertEqual(expected, found)

    def test_heads(self) -> None:
        """
        Numbers without holes, the type and the sender as told, a time stamp and a
        last packet for each picture.
        """
        frames = list(pictures(Codec.H265))
        packets = self.rtp(self.mux(frames, payloadType=97, ssrc=0x1234567))
        heads = [unpack_from(">BBHII", packet) for packet in packets]
        first = heads[0][2]
        self.assertEqual(
            [(first + n) % 65536 for n in range(len(heads))], [h[2] for h in heads]
        )
        self.assertEqual({(97, 0x1234567)}, {(h[1] & 0x7F, h[4]) for h in heads})
        self.assertEqual(len(frames), sum(h[1] >> 7 for h in heads))
        stamps = list(dict.fromkeys(h[3] for h in heads))
        self.assertEqual(len(frames), len(stamps))
        for number, stamp in enumerate(stamps):
            due = round((frames[number].time - frames[0].time) * 90_000)
            self.assertLessEqual(abs((stamp - stamps[0]) % (1 << 32) - due), 1)

    def test_keyframes(self) -> None:
        """It is told which packets belong to keyframes."""
        frames = list(pictures(Codec.H264))
        pieces = [p for p in self.mux(frames) if not isControl(p.data)]
        times = {piece.time for piece in pieces if piece.keyframe}
        self.assertEqual(-(-len(frames) // GOP), len(times))

    def test_reports(self) -> None:
        """There are sender's reports."""
        pieces = self.mux(list(pictures(Codec.H264)))
        self.assertTrue(isControl(pieces[0].data))
        self.assertEqual(200, pieces[0].data[1])

    def test_sound(self) -> None:
        """AAC has a track of its own."""
        frames = list(sound())
        packets = self.rtp(self.mux(frames, sound=True))
        joined = b"".join(packets)
        for frame in frames:
            self.assertIn(frame.data, joined)

    def test_changed(self) -> None:
        """Another resolution is told, as by all muxers."""
        small, large = (
            Frame(Codec.H264, clip(name).frames[0], True, time, 0, time)
            for time, name in enumerate(("h264-sub", "h264-main"))
        )
        muxer = RtpMuxer(lambda piece: None)
        muxer.mux(small)
        self.assertRaises(ParametersChanged, muxer.mux, large)
        muxer.close()

    def test_jpeg(self) -> None:
        """A JPEG with Huffman tables of its own does not go in, and that is said."""
        data = clip("mjpeg").frames
        muxer = RtpMuxer(lambda piece: None)
        muxer.mux(Frame(Codec.MJPEG, data[0], True, 0.0, 0, 0.0))
        with self.assertRaises(NotMuxable):
            muxer.mux(Frame(Codec.MJPEG, data[1], True, 0.2, 1, 0.2))
        muxer.close()
