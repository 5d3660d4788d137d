"""
RTP: packets that any receiver can put together again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from struct import unpack_from

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.clips import clip
from twistedcam.media.codec import nalUnits
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import NotMuxable, ParametersChanged, Piece, TimeJumped
from twistedcam.media.rtp import (
    HEAD,
    MTU,
    Burst,
    RtpMuxer,
    SoundPackets,
    checkRtp,
)
from twistedcam.wire.audio import encodeAlaw

from .mediakit import GOP, pictures, shifted, sound, tone

#: Markers of a JPEG: a Huffman table, and the start of the compressed data.
DHT, SOS = b"\xff\xc4", b"\xff\xda"


def units(packets: Iterable[bytes]) -> list[bytes]:
    """NAL units of H.264 out of packets, by RFC 6184: single, aggregated, in parts."""
    found: list[bytes] = []
    for packet in packets:
        payload = packet[HEAD:]
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


def packetsOf(bursts: Iterable[Burst]) -> list[bytes]:
    """All packets."""
    return [bytes(packet) for burst in bursts for packet in burst.packets]


def scan(jpeg: bytes) -> bytes:
    """What is left of a JPEG without its headers, and its end."""
    place = jpeg.index(SOS)
    return jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big") : -2]


def unusual(jpeg: bytes) -> bytes:
    """A JPEG with another Huffman table: two codes have changed places."""
    first = jpeg.index(DHT) + 4 + 17
    changed = bytearray(jpeg)
    changed[first], changed[first + 1] = changed[first + 1], changed[first]
    return bytes(changed)


class PictureTests(SynchronousTestCase):
    """Pictures of each codec."""

    def mux(self, frames: Iterable[Frame]) -> list[Burst]:
        """All bursts."""
        pieces: list[Piece] = []
        muxer = RtpMuxer(pieces.append)
        for frame in frames:
            muxer.mux(frame)
        muxer.close()
        self.assertIsNone(muxer.failure)
        bursts = [piece for piece in pieces if isinstance(piece, Burst)]
        self.assertEqual(len(pieces), len(bursts))
        return bursts

    def test_together(self) -> None:
        """The NAL units of H.264 arrive as they were sent, in small packets."""
        frames = [
            Frame(Codec.H264, data, number in (0, 30), number / 15, number, number / 15)
            for number, data in enumerate(clip("h264-main").frames[:45])
        ]
        packets = packetsOf(self.mux(frames))
        self.assertLessEqual(max(map(len, packets)), MTU)
        expected = [unit for frame in frames for unit in nalUnits(frame.data)]
        found = [unit.rstrip(b"\0") for unit in units(packets)]
        self.assertEqual(expected, found)

    def test_bursts(self) -> None:
        """
        A burst for each picture, of the right type; the last packet is marked; times
        and keyframes are told.
        """
        for codec, kind in ((Codec.H264, 96), (Codec.H265, 96), (Codec.MJPEG, 26)):
            frames = list(pictures(codec))
            if codec is Codec.MJPEG:
                frames = frames[:1] * 5
                frames = [replace(one, time=n / 5) for n, one in enumerate(frames)]
                frames = [replace(one, data=clip("mjpeg").frames[0]) for one in frames]
            bursts = self.mux(frames)
            self.assertEqual(
                [(codec, f.keyframe, f.time, 0) for f in frames],
                [(b.codec, b.keyframe, b.time, b.track) for b in bursts],
            )
            for burst, frame in zip(bursts, frames, strict=True):
                self.assertApproximates(frame.time * 90_000, burst.ticks, 1.01)
                seconds = [packet[1] for packet in burst.packets]
                self.assertEqual([kind] * (len(seconds) - 1) + [kind | 0x80], seconds)
                self.assertEqual({0x80}, {packet[0] for packet in burst.packets})
                self.assertEqual(burst.data, b"".join(burst.packets))

    def test_keyframes(self) -> None:
        """It is told which bursts are keyframes."""
        frames = list(pictures(Codec.H264))
        keyframes = [burst for burst in self.mux(frames) if burst.keyframe]
        self.assertEqual(-(-len(frames) // GOP), len(keyframes))

    def test_late(self) -> None:
        """A muxer that is opened later goes on in the same time."""
        frames = list(pictures(Codec.H264))
        whole = self.mux(frames)
        late = self.mux(frames[GOP:])
        for one, other in zip(whole[GOP:], late, strict=True):
            self.assertApproximates(one.ticks, other.ticks, 1)
            self.assertEqual(one.time, other.time)

    def test_years(self) -> None:
        """Hours and hours, and times since 1970, are not too much."""
        hours = [
            shifted(pictures(Codec.H264)[:3], 1.7e9 + part * 3000) for part in range(20)
        ]
        frames = [frame for part in hours for frame in part]
        bursts = self.mux(frames)
        self.assertEqual(len(frames), len(bursts))
        for frame, burst in zip(frames, bursts, strict=True):
            self.assertApproximates(frame.time * 90_000, burst.ticks, 1.01)
        stamps = [unpack_from(">I", burst.packets[0], 4)[0] for burst in bursts]
        for (one, early), (two, late) in pairwise(zip(bursts, stamps, strict=True)):
            self.assertEqual(
                (two.ticks - one.ticks) % (1 << 32), (late - early) % (1 << 32)
            )

    def test_changed(self) -> None:
        """Another resolution, and a jump in time, are told as by all muxers."""
        small, large = (
            Frame(Codec.H264, clip(name).frames[0], True, time, 0, time)
            for time, name in enumerate(("h264-sub", "h264-main"))
        )
        muxer = RtpMuxer(lambda piece: None)
        muxer.mux(small)
        self.assertRaises(ParametersChanged, muxer.mux, large)
        self.assertRaises(TimeJumped, muxer.mux, replace(small, time=1e5))
        muxer.close()


class JpegTests(SynchronousTestCase):
    """JPEGs: RTP takes but the usual ones."""

    def setUp(self) -> None:
        self.jpeg = clip("mjpeg").frames[0]

    def frame(self, data: bytes) -> Frame:
        """One picture."""
        return Frame(Codec.MJPEG, data, True, 0.0, 0, 0.0)

    def assertRefused(self, data: bytes, text: str) -> None:
        """It does not go in, and that is said."""
        error = self.assertRaises(NotMuxable, checkRtp, self.frame(data))
        self.assertIn(text, str(error))

    def test_scan(self) -> None:
        """What was compressed arrives as it was sent, by RFC 2435."""
        bursts: list[Piece] = []
        muxer = RtpMuxer(bursts.append)
        muxer.mux(self.frame(self.jpeg))
        (burst,) = bursts
        assert isinstance(burst, Burst)
        data = b""
        for packet in burst.packets:
            payload = packet[HEAD:]
            offset = int.from_bytes(payload[1:4], "big")
            self.assertEqual(offset, len(data))
            self.assertEqual((320 // 8, -(-180 // 8)), tuple(payload[6:8]))
            start = 8
            if not offset:
                start += 4 + int.from_bytes(payload[10:12], "big")
            data += payload[start:]
        self.assertEqual(scan(self.jpeg), data)

    def test_huffman(self) -> None:
        """Huffman tables of its own: there is no place for them."""
        self.assertRefused(unusual(self.jpeg), "no place")

    def test_header(self) -> None:
        """Progressive, large, and with restart markers, they are refused, too."""
        place = self.jpeg.index(b"\xff\xc0")
        progressive = bytearray(self.jpeg)
        progressive[place + 1] = 0xC2
        self.assertRefused(bytes(progressive), "baseline")
        large = bytearray(self.jpeg)
        large[place + 7 : place + 9] = (2048).to_bytes(2, "big")
        self.assertRefused(bytes(large), "2048x180")
        restart = b"\xff\xdd\0\4\0\x08"
        self.assertRefused(self.jpeg[:place] + restart + self.jpeg[place:], "restart")
        harmless = b"\xff\xff\xdd\0\4\0\0"
        checkRtp(self.frame(self.jpeg[:place] + harmless + self.jpeg[place:]))

    def test_later(self) -> None:
        """A later one that is different is refused as well."""
        muxer = RtpMuxer(lambda piece: None)
        muxer.mux(self.frame(self.jpeg))
        later = replace(self.frame(unusual(self.jpeg)), time=0.2)
        self.assertRaises(NotMuxable, muxer.mux, later)
        muxer.mux(replace(self.frame(self.jpeg), time=0.4))
        muxer.close()

    def test_garbage(self) -> None:
        """Nothing that begins like a JPEG does any harm."""
        for length in range(2, 700, 7):
            try:
                checkRtp(self.frame(self.jpeg[:length]))
            except NotMuxable:
                pass


class SoundTests(SynchronousTestCase):
    """Sound."""

    def pack(self, frames: Iterable[Frame]) -> list[Burst]:
        """All bursts."""
        packets = SoundPackets()
        return [burst for frame in frames for burst in packets.pack(frame)]

    def test_aac(self) -> None:
        """AAC by RFC 3640: a packet for each frame, exactly as far apart."""
        frames = sound()
        bursts = self.pack(frames)
        self.assertEqual(len(frames), len(bursts))
        for frame, burst in zip(frames, bursts, strict=True):
            (packet,) = burst.packets
            self.assertEqual((0x80, 97 | 0x80), (packet[0], packet[1]))
            bits, head = unpack_from(">HH", packet, HEAD)
            self.assertEqual((16, len(frame.data) << 3), (bits, head))
            self.assertEqual(frame.data, packet[HEAD + 4 :])
            self.assertEqual((1, frame.time), (burst.track, burst.time))
        for one, other in pairwise(bursts):
            self.assertEqual(1024, other.ticks - one.ticks)

    def test_alaw(self) -> None:
        """A-law in parts of 40 ms at most; the first is marked, as after a pause."""
        frames = [
            Frame(
                Codec.G711A, encodeAlaw(tone(440, 0.128)), True, time, n, time, n == 3
            )
            for n, time in enumerate((7.0, 7.128, 7.256, 9.0))
        ]
        bursts = self.pack(frames)
        packets = packetsOf(bursts)
        self.assertEqual([HEAD + 256] * 16, [len(packet) for packet in packets])
        self.assertEqual(
            b"".join(frame.data for frame in frames),
            b"".join(packet[HEAD:] for packet in packets),
        )
        self.assertEqual([0, 12], [n for n, p in enumerate(packets) if p[1] & 0x80])
        self.assertEqual({8}, {packet[1] & 0x7F for packet in packets})
        ticks = [56000 + 256 * n for n in range(12)] + [
            72000 + 256 * n for n in range(4)
        ]
        self.assertEqual(ticks, [burst.ticks for burst in bursts])
        self.assertApproximates(7.032, bursts[1].time, 1e-9)

    def test_rounding(self) -> None:
        """Rounding does not part them."""
        start = 1700000001.1 + 0.501 / 8000  # between two samples, very nearly
        times = [start + n * 256 / 8000 for n in range(1000)]
        rounded = [round(time * 8000) for time in times]
        self.assertNotEqual({256}, {b - a for a, b in pairwise(rounded)})
        frames = [
            Frame(Codec.G711A, bytes(256), True, time, n, time)
            for n, time in enumerate(times)
        ]
        for one, other in pairwise(self.pack(frames)):
            self.assertEqual(256, other.ticks - one.ticks)

    def test_odd(self) -> None:
        """Any length is cut into parts of about the same size; none makes none."""
        for length, expected in ((0, []), (1, [1]), (320, [320]), (321, [160, 161])):
            frame = Frame(Codec.G711A, bytes(length), True, 1.0, 0, 1.0)
            sizes = [len(packet) - HEAD for packet in packetsOf(self.pack([frame]))]
            self.assertEqual(expected, sizes)

    def test_others(self) -> None:
        """Anything else is refused."""
        frame = Frame(Codec.ADPCM, b"x", True, 1.0, 0, 1.0)
        self.assertRaises(NotMuxable, SoundPackets().pack, frame)
