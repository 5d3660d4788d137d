"""
Containers: what was put in comes out, and what goes wrong does so decently.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from shutil import which

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedcam.media.fmp4 import Mp4Muxer, TrackMuxer
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mpegts import TsMuxer
from twistedcam.media.mux import (
    MAX_GAP,
    MuxError,
    NotMuxable,
    ParametersChanged,
    Piece,
    SegmentOver,
    TimeJumped,
)

from .mediakit import (
    BEEP,
    BEEP_BEGIN,
    GOP,
    RATE,
    START,
    Seen,
    collect,
    grey,
    greys,
    join,
    listen,
    look,
    onset,
    pictures,
    sent,
    shifted,
    sound,
    strength,
    together,
)

AnyMuxer = TsMuxer | Mp4Muxer | TrackMuxer

#: Every codec in every container that takes it.
PAIRS: list[tuple[type[AnyMuxer], Codec]] = [
    (TsMuxer, Codec.H264),
    (TsMuxer, Codec.H265),
    (Mp4Muxer, Codec.H264),
    (Mp4Muxer, Codec.H265),
    (Mp4Muxer, Codec.MJPEG),
    (TrackMuxer, Codec.H264),
    (TrackMuxer, Codec.H265),
]
WITH_SOUND = [(kind, codec) for kind, codec in PAIRS if kind is not TrackMuxer]

#: A tick of a track of video, and of sound, in seconds.
TICK, SOUND_TICK = 1 / 90_000, 1 / 8000

HEADER = (
    "import sys; from tests.mediakit import *; from twistedcam.media.mpegts import *; "
    "from twistedcam.media.fmp4 import *; from twistedcam.media.mux import *\n"
)


class MuxCase(SynchronousTestCase):
    """Muxes."""

    def mux(
        self, kind: type[AnyMuxer], frames: Iterable[Frame], sound: bool = False
    ) -> list[Piece]:
        """All the pieces of a file."""
        pieces, deliver = collect()
        muxer = kind(deliver, sound=sound)
        for frame in frames:
            muxer.mux(frame)
        muxer.close()
        self.assertIsNone(muxer.failure)
        return pieces

    def assertTimes(
        self, seen: list[Seen], times: Iterable[float], tolerance: float
    ) -> None:
        """Packets have these times."""
        times = list(times)
        self.assertEqual(len(times), len(seen))
        for packet, time in zip(seen, times, strict=True):
            self.assertApproximates(time, packet.time, tolerance)


class ContentTests(MuxCase):
    """Every codec in every container."""

    def test_pictures(self) -> None:
        """
        What is demuxed is what was sent, NAL unit by NAL unit, with its times,
        durations and keyframes.
        """
        for kind, codec in PAIRS:
            frames = pictures(codec)
            seen = look(join(self.mux(kind, frames)))
            self.assertEqual([codec], list(seen))
            self.assertEqual(sent(frames), [one.digest for one in seen[codec]])
            self.assertTimes(seen[codec], (n / RATE for n in range(len(frames))), TICK)
            self.assertEqual(
                [frame.keyframe for frame in frames],
                [one.keyframe for one in seen[codec]],
            )
            for one in seen[codec]:
                self.assertApproximates(1 / RATE, one.duration, 2 * TICK)

    def test_decoded(self) -> None:
        """A decoder sees all pictures, in their order."""
        for kind, codec in PAIRS:
            frames = pictures(codec)
            found = greys(join(self.mux(kind, frames)))
            self.assertEqual(len(frames), len(found))
            for number, value in enumerate(found):
                self.assertApproximates(grey(number), value, 6)

    def test_withSound(self) -> None:
        """Pictures are the same with sound, and the sound is what was sent."""
        for kind, codec in WITH_SOUND:
            frames, heard = pictures(codec), sound()
            seen = look(join(self.mux(kind, together(frames, heard), sound=True)))
            self.assertEqual({codec, Codec.AAC}, set(seen))
            self.assertEqual(sent(frames), [one.digest for one in seen[codec]])
            self.assertTimes(seen[codec], (n / RATE for n in range(len(frames))), TICK)
            # The first frame of AAC is before the first picture.
            self.assertEqual(sent(heard[1:]), [one.digest for one in seen[Codec.AAC]])
            times = (frame.time - START for frame in heard[1:])
            self.assertTimes(seen[Codec.AAC], times, SOUND_TICK)
            for one in seen[Codec.AAC]:
                self.assertApproximates(0.128, one.duration, 1e-9)

    def test_soundDecoded(self) -> None:
        """The beep is heard at its time, with its pitch, and only there."""
        for kind, codec in WITH_SOUND:
            data = join(self.mux(kind, together(pictures(codec), sound()), sound=True))
            first, samples = listen(data)
            self.assertApproximates(0, first, SOUND_TICK)
            self.assertApproximates(BEEP_BEGIN, onset(samples), 0.01)
            self.assertGreater(strength(samples, BEEP, 1.1, 1.4), 0.2)
            self.assertLess(strength(samples, BEEP * 1.3, 1.1, 1.4), 0.01)
            self.assertLess(strength(samples, BEEP, 0.2, 0.8), 0.001)
            self.assertLess(strength(samples, BEEP, 1.7, 2.2), 0.001)

    def test_silentSound(self) -> None:
        """Sound that was declared but never comes holds up one picture at most."""
        for kind, codec in WITH_SOUND:
            pieces, deliver = collect()
            muxer = kind(deliver, sound=True)
            for number, frame in enumerate(pictures(codec)):
                muxer.mux(frame)
                # MP4 makes fragments of three pictures besides.
                late = 1 if kind is TsMuxer else 5
                if number >= late:
                    found = len(look(join(pieces))[codec])
                    self.assertGreaterEqual(found, number + 1 - late)
            muxer.close()

    def test_lateSound(self) -> None:
        """A track that starts late starts at its own time."""
        for kind, codec in WITH_SOUND:
            heard = [frame for frame in sound() if frame.time > START + 0.7]
            both = together(pictures(codec), heard)
            data = join(self.mux(kind, both, sound=True))
            seen = look(data)
            self.assertTimes(seen[codec], (n / RATE for n in range(35)), TICK)
            times = (frame.time - START for frame in heard)
            self.assertTimes(seen[Codec.AAC], times, SOUND_TICK)
            first, samples = listen(data)
            self.assertApproximates(BEEP_BEGIN, first + onset(samples), 0.01)

    def test_twoEncoders(self) -> None:
        """Where two encoders' sound overlaps, a frame is left out."""
        for kind, codec in WITH_SOUND:
            heard = [*sound()[1:8], *shifted(sound()[7:], 0.05)]
            both = [*pictures(codec)[:1], *heard]
            seen = look(join(self.mux(kind, both, sound=True)))[Codec.AAC]
            times = [frame.time - START for frame in heard]
            del times[7]
            self.assertTimes(seen, times, SOUND_TICK)

    def test_stillPictures(self) -> None:
        """Sound goes on when pictures don't."""
        for kind, codec in WITH_SOUND:
            frames = together(pictures(codec)[:5], sound())
            seen = look(join(self.mux(kind, frames, sound=True)))
            self.assertEqual([5, 18], [len(seen[c]) for c in (codec, Codec.AAC)])

    def test_unsteady(self) -> None:
        """Frames that come unsteadily keep their times, with sound as well."""
        random = Random(1)
        for kind, codec in PAIRS:
            time = START
            frames = []
            for frame in pictures(codec):
                frames.append(replace(frame, time=time))
                time += random.choice((0.001, 0.03, 0.066, 0.07, 0.4))
            both = together(frames, sound())
            seen = look(join(self.mux(kind, both, sound=kind is not TrackMuxer)))
            self.assertTimes(seen[codec], (f.time - START for f in frames), TICK)

    def test_gaps(self) -> None:
        """Where nothing was recorded, time goes on."""
        for kind, codec in PAIRS:
            frames = pictures(codec)
            later = shifted(frames[GOP:], MAX_GAP - 60)
            seen = look(join(self.mux(kind, [*frames[:GOP], *later])))[codec]
            times = (f.time - START for f in (*frames[:GOP], *later))
            self.assertTimes(seen, times, TICK)

    def test_sameTime(self) -> None:
        """Times that stand still or go back a little still increase in the file."""
        for kind, codec in PAIRS:
            frames = [replace(frame, time=START) for frame in pictures(codec)[:5]]
            frames[2] = replace(frames[2], time=START + 1)
            frames[3] = replace(frames[3], time=START - 0.5)
            expected = [0, TICK, 1, 1 + TICK, 1 + 2 * TICK]
            seen = look(join(self.mux(kind, frames)))[codec]
            self.assertTimes(seen, expected, TICK / 10)

    def test_start(self) -> None:
        """A file starts with the first keyframe, at zero."""
        for kind, codec in PAIRS:
            if codec is Codec.MJPEG:
                continue
            frames = pictures(codec)
            pieces, deliver = collect()
            muxer = kind(deliver)
            for frame in frames[3:]:
                muxer.mux(frame)
            muxer.close()
            self.assertEqual(GOP - 3, muxer.dropped)
            self.assertEqual(len(frames) - GOP, muxer.frames)
            self.assertEqual(frames[GOP].time, muxer.origin)
            seen = look(join(pieces))[codec]
            self.assertEqual(sent(frames[GOP:]), [one.digest for one in seen])
            self.assertEqual(0, seen[0].time)

    def test_origin(self) -> None:
        """Time may be counted from something else than the first picture."""
        for kind, codec in PAIRS:
            pieces, deliver = collect()
            muxer = kind(deliver, origin=START - 7)
            for frame in pictures(codec):
                muxer.mux(frame)
            muxer.close()
            self.assertApproximates(7, look(join(pieces))[codec][0].time, TICK)

    def test_mimeType(self) -> None:
        """The MIME type is known with the first picture."""
        expected = {
            (TsMuxer, Codec.H264): "video/mp2t",
            (TsMuxer, Codec.H265): "video/mp2t",
            (Mp4Muxer, Codec.MJPEG): 'video/mp4; codecs="mp4v.6C"',
            (Mp4Muxer, Codec.H265): 'video/mp4; codecs="hvc1.1.6.L30.90"',
        }
        for (kind, codec), mimeType in expected.items():
            muxer = kind(collect()[1])
            self.assertIsNone(muxer.mimeType)
            muxer.mux(pictures(codec)[0])
            self.assertEqual(mimeType, muxer.mimeType)
            muxer.close()

    def test_junkBefore(self) -> None:
        """Bytes in front of the first start code do no harm."""
        for kind, codec in PAIRS:
            if codec is Codec.MJPEG:
                continue
            frames = pictures(codec)
            for junk in (b"\0", b"\5", b"\5\6", b"\0\0"):
                junky = [replace(frame, data=junk + frame.data) for frame in frames]
                seen = look(join(self.mux(kind, junky)))[codec]
                self.assertEqual(sent(frames), [one.digest for one in seen])


class TsTests(MuxCase):
    """What is special about transport streams."""

    def test_join(self) -> None:
        """Whoever joins at any keyframe sees what follows, with and without sound."""
        for codec in (Codec.H264, Codec.H265):
            for heard in ((), sound()):
                frames = together(pictures(codec), heard)
                pieces = self.mux(TsMuxer, frames, sound=bool(heard))
                starts = [n for n, piece in enumerate(pieces) if piece.keyframe]
                self.assertEqual(4, len(starts))
                for gop, start in enumerate(starts):
                    found = greys(join(pieces[start:]))
                    self.assertEqual(35 - gop * GOP, len(found))
                    for number, value in enumerate(found):
                        self.assertApproximates(grey(gop * GOP + number), value, 6)
                    self.assertApproximates(gop * GOP / RATE, pieces[start].time, TICK)

    def test_parametersOnlyOnce(self) -> None:
        """
        Keyframes without parameter sets, behind one that had them, get them from it.
        """
        for codec in (Codec.H264, Codec.H265):
            frames = list(pictures(codec))
            for n in range(GOP, 35, GOP):
                frames[n] = replace(frames[n], data=bare(frames[n]))
            pieces = self.mux(TsMuxer, frames)
            start = [n for n, piece in enumerate(pieces) if piece.keyframe][2]
            self.assertEqual(35 - 2 * GOP, len(greys(join(pieces[start:]))))

    def test_atOnce(self) -> None:
        """Without sound each picture is delivered at once, as one piece."""
        pieces, deliver = collect()
        muxer = TsMuxer(deliver)
        for number, frame in enumerate(pictures(Codec.H264)):
            muxer.mux(frame)
            self.assertEqual(number + 1, len(pieces))
            self.assertEqual(frame.keyframe, pieces[-1].keyframe)
        muxer.close()

    def test_packets(self) -> None:
        """Pieces, of large pictures too, are whole packets."""
        frames = [
            replace(f, data=f.data + b"\xfe" * 99_999) for f in pictures(Codec.H264)
        ]
        pieces = self.mux(TsMuxer, together(frames, sound()), sound=True)
        for piece in pieces:
            self.assertEqual(0, len(piece.data) % 188)
            self.assertEqual({0x47}, set(piece.data[::188]))
        self.assertEqual(35, sum(len(piece.data) > 99_999 for piece in pieces))

    def test_wrap(self) -> None:
        """After 26.5 hours the time stamps start anew, and players go on."""
        pieces, deliver = collect()
        muxer = TsMuxer(deliver, origin=START - (1 << 33) / 90_000 + 1)
        for frame in pictures(Codec.H264):
            muxer.mux(frame)
        muxer.close()
        times = [one.time for one in look(join(pieces))[Codec.H264]]
        self.assertEqual(35, len(times))
        self.assertApproximates(34 / RATE, times[-1] - times[0], 2 * TICK)

    def test_noMjpeg(self) -> None:
        """MJPEG is refused, in words."""
        muxer = TsMuxer(collect()[1])
        error = self.assertRaises(NotMuxable, muxer.mux, pictures(Codec.MJPEG)[0])
        self.assertEqual("mjpeg does not go into MPEG-TS", str(error))
        self.assertFalse(muxer.closed)


class ChangeTests(MuxCase):
    """Streams that do not go on as they were."""

    def test_resolution(self) -> None:
        """Another resolution is another segment, in which it goes on."""
        for kind, codec in PAIRS:
            small, large = pictures(codec)[:12], pictures(codec, 12, 320, 192)
            files = self.record(kind, [*small, *shifted(large, 1)])
            self.assertEqual(2, len(files))
            for data, frames in zip(files, (small, large), strict=True):
                self.assertEqual(
                    sent(frames), [one.digest for one in look(data)[codec]]
                )
                self.assertEqual(12, len(greys(data)))

    def test_codec(self) -> None:
        """Another codec is another segment."""
        for first, second in (
            (Codec.H264, Codec.H265),
            (Codec.H265, Codec.MJPEG),
            (Codec.MJPEG, Codec.H264),
        ):
            frames = [*pictures(first)[:12], *shifted(pictures(second)[:12], 1)]
            files = self.record(Mp4Muxer, frames)
            self.assertEqual([[first], [second]], [list(look(data)) for data in files])

    def test_unchanged(self) -> None:
        """What is the same, or is not said again, is no change."""
        frames = [
            replace(f, data=bare(f)) if n == GOP else f
            for n, f in enumerate(pictures(Codec.H264))
        ]
        self.assertEqual(1, len(self.record(Mp4Muxer, frames)))

    def test_nothingWritten(self) -> None:
        """A frame that does not go on leaves the file as it is, and complete."""
        small, large = pictures(Codec.H264), pictures(Codec.H264, 12, 320, 192)
        pieces, deliver = collect()
        muxer = Mp4Muxer(deliver)
        for frame in small:
            muxer.mux(frame)
        for _ in range(3):
            self.assertRaises(ParametersChanged, muxer.mux, large[0])
        self.assertFalse(muxer.closed)
        muxer.close()
        self.assertEqual(35, len(look(join(pieces))[Codec.H264]))

    def test_year(self) -> None:
        """A jump by a year, either way, is another segment."""
        for kind, codec in PAIRS:
            for seconds in (365 * 86400.0, -365 * 86400.0, MAX_GAP + 1):
                frames = pictures(codec)
                later = shifted(frames[GOP:], seconds)
                files = self.record(kind, [*frames[:GOP], *later], TimeJumped)
                self.assertEqual(
                    [GOP, 35 - GOP], [len(look(data)[codec]) for data in files]
                )
                self.assertEqual(0, look(files[1])[codec][0].time)

    def test_soundJumps(self) -> None:
        """Sound from another time is another segment as well."""
        muxer = TsMuxer(collect()[1], sound=True)
        muxer.mux(pictures(Codec.H264)[0])
        later = shifted(sound(), 1e6)[0]
        self.assertRaises(TimeJumped, muxer.mux, later)
        muxer.close()

    def record(
        self,
        kind: type[AnyMuxer],
        frames: Iterable[Frame],
        reason: type[SegmentOver] = ParametersChanged,
    ) -> list[bytes]:
        """What a recorder does."""
        files: list[list[Piece]] = []

        def begin() -> AnyMuxer:
            pieces, deliver = collect()
            files.append(pieces)
            return kind(deliver)

        muxer = begin()
        for frame in frames:
            try:
                muxer.mux(frame)
            except SegmentOver as over:
                self.assertIsInstance(over, reason)
                muxer.close()
                muxer = begin()
                muxer.mux(frame)
        muxer.close()
        return [join(pieces) for pieces in files]


class TroubleTests(MuxCase):
    """Sinks that fail, and data that is not what it should be."""

    def test_full(self) -> None:
        """
        The error of a full disk comes out of C{mux} as it is, wherever it happens,
        and ends the muxer.
        """
        for kind, codec in PAIRS:
            for after in range(8):
                calls: list[Piece] = []
                full = OSError(28, "No space left on device")
                muxer = kind(failing(calls, after, full))
                error = None
                for frame in pictures(codec):
                    try:
                        muxer.mux(frame)
                    except OSError as caught:
                        error = caught
                        break
                self.assertIs(full, error)
                self.assertTrue(muxer.closed)
                self.assertEqual(after + 1, len(calls))
                self.assertRaises(MuxError, muxer.mux, pictures(codec)[0])
                muxer.close()
                self.assertEqual(after + 1, len(calls))

    def test_fullInClose(self) -> None:
        """C{close} does not raise; it keeps the reason."""
        for kind, codec in PAIRS:
            if kind is TsMuxer:
                continue  # nothing is left for close
            full = OSError(28, "No space left on device")
            broken = [False]

            def deliver(
                piece: Piece, broken: list[bool] = broken, full: OSError = full
            ) -> None:
                if broken[0]:
                    raise full

            muxer = kind(deliver)
            for frame in pictures(codec):
                muxer.mux(frame)
            broken[0] = True
            muxer.close()
            self.assertIs(full, muxer.failure)

    def test_anyError(self) -> None:
        """Other errors of the sink come out likewise."""
        muxer = TsMuxer(failing([], 0, ZeroDivisionError()))
        self.assertRaises(ZeroDivisionError, muxer.mux, pictures(Codec.H264)[0])
        self.assertTrue(muxer.closed)

    def test_closedBySink(self) -> None:
        """The sink may close the muxer."""
        for kind, codec in PAIRS:
            muxers: list[AnyMuxer] = []

            def take(piece: Piece, muxers: list[AnyMuxer] = muxers) -> None:
                muxers[0].close()

            muxers.append(kind(take))
            for frame in pictures(codec):
                if not muxers[0].closed:
                    muxers[0].mux(frame)
            self.assertTrue(muxers[0].closed)
            self.assertIsNone(muxers[0].failure)

    def test_close(self) -> None:
        """Closing is possible at any time, and more than once."""
        for kind, codec in PAIRS:
            for count in (0, 1, 2):
                pieces, deliver = collect()
                muxer = kind(deliver)
                for frame in pictures(codec)[:count]:
                    muxer.mux(frame)
                muxer.close()
                muxer.close()
                self.assertIsNone(muxer.failure)
                self.assertEqual(bool(count), bool(pieces))
                if count:
                    self.assertEqual(count, len(look(join(pieces))[codec]))

    def test_noKeyframe(self) -> None:
        """Keyframes that say nothing, or nonsense, are waited out."""
        random = Random(2)
        for kind, codec in PAIRS:
            good = pictures(codec)
            junk = good[0].data[:40] + random.randbytes(200)
            pieces, deliver = collect()
            muxer = kind(deliver)
            for data in (
                b"",
                junk[:12],
                b"\0\0\1",
                random.randbytes(500),
                bare(good[0]),
            ):
                muxer.mux(replace(good[0], data=data))
            self.assertEqual(5, muxer.dropped)
            for frame in good:
                muxer.mux(frame)
            muxer.close()
            self.assertEqual(sent(good), [s.digest for s in look(join(pieces))[codec]])

    def test_garbage(self) -> None:
        """Damaged data makes damaged pictures, and nothing worse."""
        random = Random(3)
        for kind, codec in PAIRS:
            for _ in range(20):
                muxer = kind(collect()[1])
                for frame in pictures(codec)[:15]:
                    data = bytearray(frame.data)
                    for _ in range(random.choice((0, 0, 3))):
                        data[random.randrange(len(data))] = random.randrange(256)
                    try:
                        muxer.mux(replace(frame, data=bytes(data)))
                    except ParametersChanged:
                        pass
                muxer.close()
                self.assertIsNone(muxer.failure)

    def test_notForMuxers(self) -> None:
        """Sound has to be AAC."""
        muxer = Mp4Muxer(collect()[1], sound=True)
        for codec in (Codec.ADPCM, Codec.G711A):
            frame = Frame(codec, b"1234", True, 0, 0, 0)
            self.assertRaises(NotMuxable, muxer.mux, frame)

    def test_noSound(self) -> None:
        """Sound that was not declared is dropped."""
        pieces, deliver = collect()
        muxer = TsMuxer(deliver)
        frames, heard = pictures(Codec.H264), sound()
        for frame in together(frames, heard):
            muxer.mux(frame)
        muxer.close()
        self.assertEqual(len(heard), muxer.dropped)
        self.assertEqual([Codec.H264], list(look(join(pieces))))

    def test_memory(self) -> None:
        """Neither a long stream nor many muxers need ever more memory."""
        frames = pictures(Codec.H264)[:GOP]

        def long(kind: type[AnyMuxer]) -> None:
            muxer = kind(lambda piece: None)
            for number in range(10_000):
                muxer.mux(replace(frames[number % GOP], time=number / RATE))
            muxer.close()

        def many(kind: type[AnyMuxer]) -> None:
            for number in range(100):
                muxer = kind(lambda piece: None, sound=kind is not TrackMuxer)
                for frame in frames:
                    muxer.mux(frame)
                if number % 2:  # or it is forgotten
                    muxer.close()

        for kind in (TsMuxer, Mp4Muxer, TrackMuxer):
            for work in (long, many):
                work(kind)
                before = residentKibibytes()
                work(kind)
                self.assertLess(residentKibibytes() - before, 4096)

    def test_quiet(self) -> None:
        """libav prints nothing, whatever happens."""
        program = HEADER + (
            "def fail(piece): raise OSError(28, 'full')\n"
            "frames = pictures(Codec.H264)\n"
            "for kind in (TsMuxer, Mp4Muxer, TrackMuxer):\n"
            "    muxer = kind(fail)\n"
            "    try: muxer.mux(frames[0]); muxer.mux(frames[1])\n"
            "    except OSError: pass\n"
            "    muxer = kind(lambda piece: None)\n"
            "    muxer.mux(replace(frames[0], data=frames[0].data[:30] + bytes(range(99))))\n"
            "    for frame in frames: muxer.mux(replace(frame, data=frame.data[:-40]))\n"
            "    forgotten = kind(fail)\n"
            "print('done')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(("done\n", ""), (done.stdout, done.stderr))


class FfmpegTests(MuxCase):
    """The programs C{ffmpeg} and C{ffprobe}, where they are installed."""

    def setUp(self) -> None:
        if not (which("ffmpeg") and which("ffprobe")):
            raise SkipTest("needs ffmpeg and ffprobe: apt-get install ffmpeg")

    def test_clean(self) -> None:
        """They find all frames, and nothing to complain of."""
        for kind, codec in PAIRS:
            sounds = kind is not TrackMuxer
            frames = together(pictures(codec), sound() if sounds else ())
            path = self.mktemp()
            Path(path).write_bytes(join(self.mux(kind, frames, sound=sounds)))
            # They find fault with the JPEGs themselves.
            level = "error" if codec is Codec.MJPEG else "warning"
            decoded = run("ffmpeg", "-v", level, "-i", path, "-f", "null", "-")
            self.assertEqual(("", ""), decoded)
            out, errors = run(
                "ffprobe", "-v", level, "-count_packets", "-show_streams",
                "-of", "json", path,
            )  # fmt: skip
            self.assertEqual("", errors)
            found = {
                one["codec_name"]: int(one["nb_read_packets"])
                for one in json.loads(out)["streams"]
            }
            expected = {codec.value: 35}
            if sounds:
                expected["aac"] = 18
            self.assertEqual(expected, found)


def bare(frame: Frame) -> bytes:
    """A keyframe without its parameter sets; a JPEG without its frame header."""
    if frame.codec is Codec.MJPEG:
        return frame.data.replace(b"\xff\xc0", b"\xff\xe5")
    idr = {Codec.H264: (5,), Codec.H265: range(16, 22)}[frame.codec]
    place = 0
    while True:
        place = frame.data.index(b"\0\0\1", place) + 3
        first = frame.data[place]
        kind = first & 0x1F if frame.codec is Codec.H264 else first >> 1
        if kind in idr:
            return frame.data[place - 3 :]


def failing(
    calls: list[Piece], after: int, error: Exception
) -> Callable[[Piece], None]:
    """A sink that fails after so many pieces."""

    def deliver(piece: Piece) -> None:
        calls.append(piece)
        if len(calls) > after:
            raise error

    return deliver


def residentKibibytes() -> int:
    """How much memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def run(*command: str) -> tuple[str, str]:
    """Run a program: what it writes to both."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr
