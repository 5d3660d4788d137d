"""Tests for L{twistedcam.media.assembly}, fed by hand and through a channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.clips import clip
from twistedcam.media.assembly import FrameAssembler
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.timeline import CameraClock, Timeline
from twistedcam.session.channel import HOLE_PATIENCE, Receiver
from twistedcam.wire import av
from twistedcam.wire.av import HEAD, MAGIC, MAX_FRAME, FrameHead
from twistedcam.wire.drw import MAX_PAYLOAD

from . import strategies

EPOCH = 1_767_225_600

#: Bytes of a frame's head.
SIZE = HEAD.size


def key(size: int = 60, profile: int = 0x42) -> bytes:
    """A keyframe, as far as its beginning tells."""
    front = (
        b"\0\0\0\1\x67" + bytes((profile,)) + b"\x1f\0\0\0\1\x68\xce\0\0\0\1\x65\x88"
    )
    return front.ljust(size, b"\x5a")


def delta(size: int = 40) -> bytes:
    """A frame that needs the one before."""
    return b"\0\0\0\1\x41\x9a".ljust(size, b"\xa5")


def wire(
    data: bytes, number: int = 0, kind: int = av.H264_KEY, length: int | None = None
) -> bytes:
    """A frame as it is sent."""
    return (
        FrameHead(
            kind,
            0,
            250,
            EPOCH + number,
            number,
            len(data) if length is None else length,
        ).toBytes()
        + data
    )


def film(pattern: str, size: int = 50) -> list[bytes]:
    """Frames as they are sent: K for a keyframe, d for another."""
    return [
        wire(key(size + n), n, av.H264_KEY)
        if letter == "K"
        else wire(delta(size + n), n, av.H264_DELTA)
        for n, letter in enumerate(pattern)
    ]


def cut(data: bytes, size: int) -> list[bytes]:
    """Pieces of at most that size."""
    return [data[place : place + size] for place in range(0, len(data), size)]


def stored(assembler: FrameAssembler) -> int:
    """How much it holds: bytes, and places in lists."""
    total = 0
    for value in vars(assembler).values():
        if isinstance(value, bytes | bytearray):
            total += len(value)
        elif isinstance(value, list):
            total += sum(map(len, value)) + len(value)
    return total


class AssemblyCase(SynchronousTestCase):
    """An assembler and what it delivers."""

    def setUp(self) -> None:
        """One of video."""
        self.renew()

    def renew(self, video: bool = True) -> None:
        """Begin anew."""
        self.frames: list[Frame] = []
        self.assembler = FrameAssembler(
            self.frames.append, Timeline(CameraClock()), video
        )

    def feed(self, *payloads: bytes, now: float = 5.0) -> None:
        """Feed payloads."""
        for payload in payloads:
            self.assembler.feed(payload, now)

    def numbers(self) -> list[int]:
        """The numbers of the frames delivered."""
        return [frame.number for frame in self.frames]

    def gaps(self) -> list[int]:
        """The numbers of those marked with a gap."""
        return [frame.number for frame in self.frames if frame.gap]

    def counts(self) -> tuple[int, int, int, int]:
        """Frames, damaged, held, bytes skipped."""
        a = self.assembler
        self.assertEqual(a.frames, len(self.frames))
        return a.frames, a.damaged, a.held, a.skipped


class WholeTests(AssemblyCase):
    """Streams in which nothing is missing."""

    def test_frame(self) -> None:
        """A frame is what its head and its data tell."""
        head = FrameHead(
            av.H264_KEY, 0, 250, EPOCH, 77, 60, bytes(8), first=-15, second=15
        )
        self.feed(head.toBytes() + key(), now=9.0)
        [frame] = self.frames
        self.assertEqual(
            Frame(Codec.H264, key(), True, frame.time, 77, 9.0, False, -15, 15), frame
        )
        self.assertAlmostEqual(9.0, frame.time, places=5)

    def test_everyCut(self) -> None:
        """A stream may be cut anywhere, heads included."""
        stream = b"".join(film("KddKdKK"))
        expected = [key(50), delta(51), delta(52), key(53), delta(54), key(55), key(56)]
        for place in range(len(stream) + 1):
            self.renew()
            self.feed(stream[:place], stream[place:])
            self.assertEqual(expected, [frame.data for frame in self.frames], place)
            self.assertEqual((7, 0, 0, 0), self.counts())
            self.assertEqual([], self.gaps())

    def test_everySize(self) -> None:
        """A stream may come in pieces of any size, byte by byte, too."""
        stream = b"".join(film("KddKdKK"))
        for size in range(1, len(stream)):
            self.renew()
            self.feed(*cut(stream, size))
            self.assertEqual((7, 0, 0, 0), self.counts())
            self.assertEqual([], self.gaps())

    @strategies.dear
    @given(st.lists(st.integers(0, 1400), max_size=60), st.booleans())
    def test_anyCuts(self, sizes: list[int], inOrder: bool) -> None:
        """So it is with a real film, and with empty pieces."""
        self.renew()
        film = clip("h264-sub").frames[:40]
        stream = b"".join(wire(data, n) for n, data in enumerate(film))
        for size in sizes:
            self.feed(stream[:size])
            stream = stream[size:]
        self.feed(stream)
        self.assertEqual(list(film), [frame.data for frame in self.frames])
        self.assertEqual((40, 0, 0, 0), self.counts())

    def test_lastByte(self) -> None:
        """A frame is handed on with its last byte: neither sooner nor later."""
        for size in (1, 7, 32, 1000, MAX_PAYLOAD):
            self.renew()
            for number, sent in enumerate(film("Kdd", 3000)):
                self.feed(*cut(sent[:-1], size), now=number)
                self.assertEqual(number, len(self.frames))
                self.feed(sent[-1:], now=number + 0.5)
                self.assertEqual(number + 1, len(self.frames))
                self.assertEqual(number + 0.5, self.frames[-1].arrived)

    def test_many(self) -> None:
        """One payload may hold many frames, and a part of one more."""
        sent = film("KdddK")
        self.feed(b"".join(sent[:4]) + sent[4][:20])
        self.assertEqual([0, 1, 2, 3], self.numbers())
        self.feed(sent[4][20:])
        self.assertEqual([0, 1, 2, 3, 4], self.numbers())

    def test_magicInside(self) -> None:
        """A magic, or a whole head, in the middle of the data is data."""
        inner = wire(delta())
        data = key(100) + inner + MAGIC
        for size in (10_000, 90):
            self.renew()
            self.feed(*cut(wire(data), size))
            self.assertEqual([data], [frame.data for frame in self.frames])
        # ... and so is a magic at the beginning of a payload, if no head it begins.
        absurd = MAGIC + b"\xff" * 60
        self.renew()
        self.feed(wire(key(100) + absurd)[:132], absurd)
        self.assertEqual([key(100) + absurd], [frame.data for frame in self.frames])

    def test_empty(self) -> None:
        """Frames without data are passed over: they are messages of other kinds."""
        nothing = wire(b"", 9, 0x64)
        sent = film("Kdd")
        for size in (1, 5, 32, 1000):
            self.renew()
            self.feed(*cut(nothing + nothing.join(sent) + nothing, size))
            self.assertEqual((3, 0, 0, 0), self.counts())
            self.assertEqual([0, 1, 2], self.numbers())

    def test_codecs(self) -> None:
        """The codec, and the resolution, may change in mid-stream."""
        sent = [
            *((clip("h264-main").frames[n], av.H264_KEY) for n in range(3)),
            *((clip("h264-sub").frames[n], av.H264_KEY) for n in range(3)),
            *((clip("h265-main").frames[n], av.H265_KEY) for n in range(3)),
            *((clip("mjpeg").frames[n], av.MJPEG) for n in range(3)),
            *((clip("h264-main").frames[n], av.H264_DELTA) for n in range(3)),
        ]
        for number, (data, kind) in enumerate(sent):
            self.feed(*cut(wire(data, number, kind), MAX_PAYLOAD))
        self.assertEqual([data for data, _ in sent], [f.data for f in self.frames])
        self.assertEqual(
            [Codec.H264] * 6 + [Codec.H265] * 3 + [Codec.MJPEG] * 3 + [Codec.H264] * 3,
            [frame.codec for frame in self.frames],
        )
        self.assertEqual(
            [True, False, False] * 3 + [True] * 3 + [True, False, False],
            [frame.keyframe for frame in self.frames],
        )

    def test_sound(self) -> None:
        """Sound is told by its head, and every packet can be heard."""
        self.renew(video=False)
        for number, kind in enumerate((av.ADPCM, av.G711A, av.ADPCM)):
            head = FrameHead(kind, 1, 0, EPOCH, number, 512, bytes(8), -300, 40)
            self.feed(head.toBytes() + bytes(512))
        self.assertEqual(
            [
                (Codec.ADPCM, True, -300, 40),
                (Codec.G711A, True, -300, 40),
                (Codec.ADPCM, True, -300, 40),
            ],
            [(f.codec, f.keyframe, f.predictor, f.index) for f in self.frames],
        )

    def test_soundGap(self) -> None:
        """Sound waits for nothing after a loss, but tells it."""
        self.renew(video=False)
        sent = [wire(bytes(100), number, av.ADPCM) for number in range(6)]
        self.feed(sent[0], sent[1][:50])
        self.assembler.lost(1)
        self.feed(sent[3], sent[4])
        self.assembler.lost(3)
        self.feed(sent[5])
        self.assertEqual([0, 3, 4, 5], self.numbers())
        self.assertEqual([3, 5], self.gaps())
        self.assertEqual((4, 1, 0, 0), self.counts())


class DamageTests(AssemblyCase):
    """Streams in which something is missing, or wrong."""

    def test_noKeyframe(self) -> None:
        """Before the first keyframe nothing is handed on."""
        self.feed(*film("dddKd"))
        self.assertEqual([3, 4], self.numbers())
        self.assertEqual((2, 0, 3, 0), self.counts())
        self.assertEqual([], self.gaps())

    def test_lost(self) -> None:
        """After a loss, wherever it was, the next frame is the next keyframe."""
        sent = film("KdddKd")
        for place in range(SIZE + 52):
            self.renew()
            self.feed(sent[0], sent[1], sent[2][:place])
            self.assembler.lost(1)
            self.feed(sent[3], sent[4], sent[5])
            expected = [0, 1, 2, 4, 5] if place == len(sent[2]) else [0, 1, 4, 5]
            self.assertEqual(expected, self.numbers(), place)
            self.assertEqual([4], self.gaps(), place)
            begun = SIZE <= place < len(sent[2])
            skipped = place if place < SIZE else 0
            self.assertEqual(
                (len(expected), int(begun), 1, skipped), self.counts(), place
            )

    def test_rest(self) -> None:
        """What comes of a damaged frame behind the hole is skipped."""
        sent = film("KdKd", 3000)
        for first in range(0, 3000, 500):
            self.renew()
            self.feed(sent[0], sent[1][:first])
            self.assembler.lost(1)
            self.feed(*cut(sent[1][first + 50 :], 700), sent[2], sent[3])
            self.assertEqual([0, 2, 3], self.numbers())
            self.assertEqual([2], self.gaps())

    def test_again(self) -> None:
        """When the camera begins anew, what was begun is dropped."""
        sent = film("Kdd")
        self.feed(sent[0], sent[1][:40])
        self.assembler.lost(0)
        self.feed(*film("Kd"))
        self.assertEqual([0, 0, 1], self.numbers())
        self.assertEqual((3, 1, 0, 0), self.counts())
        self.assertEqual([True], [frame.gap for frame in self.frames][1:2])

    def test_lostBetween(self) -> None:
        """A loss between frames is a gap, though no frame was damaged."""
        sent = film("KdddK")
        self.feed(sent[0], sent[1])
        self.assembler.lost(4)
        self.feed(sent[3], sent[4])
        self.assertEqual([0, 1, 4], self.numbers())
        self.assertEqual([4], self.gaps())
        self.assertEqual((3, 0, 1, 0), self.counts())

    def test_oneGap(self) -> None:
        """Losses in a row are one gap, marked at the frame behind it, once."""
        sent = film("KKKK")
        self.feed(sent[0])
        self.assembler.lost(1)
        self.assembler.lost(1)
        self.feed(sent[1], sent[2])
        self.assembler.lost(1)
        self.feed(sent[3])
        self.assertEqual([1, 3], self.gaps())

    def test_claimsMore(self) -> None:
        """A head that claims too much costs its frame, not the next one."""
        lie = wire(delta(), 1, av.H264_DELTA, length=400)
        sent = film("KddKd")
        self.feed(sent[0], lie, sent[2], sent[3], sent[4])
        self.assertEqual([0, 3, 4], self.numbers())
        self.assertEqual((3, 1, 1, 0), self.counts())
        self.assertEqual([3], self.gaps())

    def test_claimsLess(self) -> None:
        """One that claims too little: what is too much is skipped."""
        lie = wire(key(100), 1, av.H264_KEY, length=60)
        sent = film("KddKd")
        for size in (1, 20, 1000):
            self.renew()
            self.feed(sent[0], *cut(lie, size), sent[2], sent[3], sent[4])
            self.assertEqual([0, 1, 3, 4], self.numbers())
            self.assertEqual((4, 0, 1, 40), self.counts())
            self.assertEqual([3], self.gaps())

    def test_absurd(self) -> None:
        """One that claims what cannot be is none."""
        sent = film("KdKd")
        for length in (MAX_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF):
            lie = wire(delta(), 1, av.H264_DELTA, length=length)
            for size in (1, 33, 1000):
                self.renew()
                self.feed(sent[0], *cut(lie, size), *sent[2:])
                self.assertEqual([0, 2, 3], self.numbers())
                self.assertEqual((3, 0, 0, len(lie)), self.counts())
                self.assertEqual([2], self.gaps())

    def test_longest(self) -> None:
        """The longest frame that can be is taken."""
        sent = wire(key(MAX_FRAME))
        self.feed(*cut(sent, MAX_PAYLOAD))
        self.assertEqual((1, 0, 0, 0), self.counts())

    def test_garbageBetween(self) -> None:
        """Garbage between frames is skipped to the byte, in pieces of any size."""
        sent = film("KdKd")
        for garbage in (b"x", b"\x55", b"\x55\xaa\x15", b"\0" * 31, b"\x55\xaa" * 40):
            for size in (1, 3, 32, 1000):
                self.renew()
                stream = sent[0] + sent[1] + garbage + sent[2] + sent[3]
                self.feed(*cut(stream, size))
                self.assertEqual([0, 1, 2, 3], self.numbers(), (garbage, size))
                self.assertEqual((4, 0, 0, len(garbage)), self.counts())
                self.assertEqual([2], self.gaps())

    def test_garbageFirst(self) -> None:
        """A stream may begin in the middle."""
        stream = b"".join(film("KdKd"))
        for place in range(1, SIZE + 50):
            self.renew()
            self.feed(*cut(stream[place:], 1000))
            self.assertEqual([2, 3], self.numbers())
            self.assertEqual((2, 0, 1, SIZE + 50 - place), self.counts())

    def test_notItsCodec(self) -> None:
        """What is no picture counts as damaged, and pictures wait for a keyframe."""
        sent = film("KdKd")
        self.feed(sent[0], wire(b"\x12" * 40, 1), *sent[1:])
        self.assertEqual([0, 2, 3], self.numbers())
        self.assertEqual((3, 1, 1, 0), self.counts())
        self.assertEqual([2], self.gaps())
        self.renew(video=False)
        self.feed(wire(bytes(9), 0, 8), wire(bytes(9), 1, av.ADPCM))
        self.assertEqual([1], self.numbers())
        self.assertEqual([1], self.gaps())
        self.assertEqual((1, 1, 0, 0), self.counts())

    def test_bounded(self) -> None:
        """Endless data, of whatever kind, is not hoarded."""
        longest = FrameHead(0, 0, 0, 0, 0, MAX_FRAME).toBytes()
        luck = Random(1)
        for endless in (
            b"\x55",
            b"\x55\xaa\x15",
            b"",
            MAGIC,
            longest[:31],
            wire(b"", 1),
            b"x" + longest,
            luck.randbytes(1024),
        ):
            self.renew()
            self.feed(longest)
            most = 0
            for _ in range(2000):
                self.feed(endless)
                most = max(most, stored(self.assembler))
            self.assertLess(most, 2 * MAX_FRAME, endless[:40])
            if not endless:
                self.assertLess(most, 100)

    @strategies.cheap
    @given(
        st.booleans(),
        st.lists(
            st.binary(max_size=70)
            | st.sampled_from([MAGIC, MAGIC[:3], *film("Kd"), wire(b"")])
            | st.builds(
                lambda kind, length, data: wire(data, 1, kind, length),
                strategies.u8s,
                strategies.u32s | st.integers(0, 100),
                st.binary(max_size=70) | st.just(key()),
            )
            | st.integers(0, 3)
        ),
    )
    def test_anything(self, video: bool, events: list[bytes | int]) -> None:
        """Whatever comes, nothing raises, and good frames come through again."""
        self.renew(video)
        size = 0
        for event in events:
            if isinstance(event, int):
                self.assembler.lost(event)
            else:
                size += len(event)
                self.feed(event)
            self.assertLessEqual(stored(self.assembler), 2 * size)
        self.assertLessEqual(self.assembler.skipped, size)
        # One frame may be taken for what belongs to something before it.
        kind = av.H264_KEY if video else av.ADPCM
        self.feed(*(wire(key(), number, kind) for number in (1001, 1002)))
        self.assertEqual(1002, self.frames[-1].number)
        times = [frame.time for frame in self.frames]
        self.assertEqual(sorted(set(times)), times)


class ChannelTests(AssemblyCase):
    """Through the receiving end of a channel, packets being lost or late."""

    def renew(self, video: bool = True) -> None:
        """With a channel in front."""
        super().renew(video)
        self.now = 0.0
        self.receiver = Receiver(
            lambda payload: self.assembler.feed(payload, self.now), self.assembler.lost
        )

    def packets(self, pattern: str, size: int = 250) -> tuple[list[bytes], list[int]]:
        """
        A stream, each frame in packets of its own.

        @return: the packets, and the frame that each belongs to.
        """
        payloads: list[bytes] = []
        owners = []
        for number, sent in enumerate(film(pattern, size)):
            pieces = cut(sent, 100)
            payloads += pieces
            owners += [number] * len(pieces)
        return payloads, owners

    def receive(self, payloads: Sequence[bytes], order: Iterable[int]) -> None:
        """These packets arrive, a millisecond apart, and then it is late."""
        for index in order:
            self.now += 0.001
            self.receiver.receive(index, payloads[index], self.now)
            self.receiver.expire(self.now)
        while self.receiver.holeSince is not None:
            self.now += HOLE_PATIENCE
            self.receiver.expire(self.now)

    def test_everyLoss(self) -> None:
        """Each packet that can be lost costs what depends on it, and nothing else."""
        payloads, owners = self.packets("KddKddK")
        for lost in range(len(payloads) - 1):
            self.renew()
            order = [index for index in range(len(payloads)) if index != lost]
            self.receive(payloads, order)
            first = owners[lost]
            expected = [*range(first), *range(3 * (first // 3 + 1), 7)]
            self.assertEqual(expected, self.numbers(), lost)
            if first < 6:
                after = 3 * (first // 3 + 1)
                self.assertEqual([after], self.gaps(), lost)
                self.assertEqual(1, self.receiver.lost)
                # The frame is known of, unless its head was lost.
                known = lost > 0 and owners[lost - 1] == first
                self.assertEqual(int(known), self.assembler.damaged, lost)
                self.assertEqual(after - first - 1, self.assembler.held, lost)

    def test_twoLosses(self) -> None:
        """Two losses are no different, wherever they are."""
        payloads, owners = self.packets("KddKddK", 120)
        for one in range(len(payloads)):
            for other in range(one):
                self.renew()
                self.receive(
                    payloads,
                    [n for n in range(len(payloads)) if n not in (one, other)],
                )
                expected = list(range(7))
                for lost in (owners[one], owners[other]):
                    spoilt = range(lost, 3 * (lost // 3 + 1))
                    expected = [n for n in expected if n not in spoilt]
                self.assertEqual(expected, self.numbers(), (one, other))

    def test_everyDuplicate(self) -> None:
        """A packet that comes twice, at once or later, does no harm."""
        payloads, _ = self.packets("KddKd")
        for twice in range(len(payloads)):
            for distance in (1, 2, 5):
                self.renew()
                order = list(range(len(payloads)))
                order.insert(twice + distance, twice)
                self.receive(payloads, order)
                self.assertEqual((5, 0, 0, 0), self.counts())
                self.assertEqual([], self.gaps())
                self.assertEqual(1, self.receiver.duplicates)

    def test_everyDelay(self) -> None:
        """A packet that is overtaken by others is put in its place."""
        payloads, _ = self.packets("KddKd")
        for late in range(len(payloads)):
            for distance in (1, 2, 7):
                self.renew()
                order = [index for index in range(len(payloads)) if index != late]
                order.insert(late + distance, late)
                self.receive(payloads, order)
                self.assertEqual((5, 0, 0, 0), self.counts())
                self.assertEqual([], self.gaps())

    @strategies.dear
    @given(st.randoms(use_true_random=False))
    def test_storm(self, luck: Random) -> None:
        """In any disorder and with duplicates every frame comes, whole."""
        self.renew()
        payloads, _ = self.packets("KddKddddK", 400)
        order = [n for n in range(len(payloads)) for _ in range(luck.choice((1, 2)))]
        luck.shuffle(order)
        self.receive(payloads, order)
        self.assertEqual((9, 0, 0, 0), self.counts())
        self.assertEqual(list(range(9)), self.numbers())

    def test_restart(self) -> None:
        """A camera that counts from 0 again is followed."""
        payloads, _ = self.packets("Kdd")
        self.receive(payloads, range(len(payloads) - 1))
        self.receiver.mayRestart = True
        self.receive(payloads, range(len(payloads)))
        self.assertEqual([0, 1, 0, 1, 2], self.numbers())
        self.assertEqual((5, 1, 0, 0), self.counts())
        self.assertIs(True, self.frames[2].gap)
