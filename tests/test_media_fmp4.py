"""
Fragments: playable one by one, from any keyframe, and whatever ends the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.fmp4 import Mp4Muxer, TrackMuxer, TracksMuxer
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import Muxer, NotMuxable, Piece

from .mediakit import (
    BEEP,
    BEEP_BEGIN,
    GOP,
    RATE,
    START,
    collect,
    grey,
    greys,
    join,
    listen,
    look,
    onset,
    pictures,
    sent,
    sound,
    strength,
    together,
)

TICK, SOUND_TICK = 1 / 90_000, 1 / 8000


class FragmentCase(SynchronousTestCase):
    """Makes files."""

    def mux(self, muxer: Muxer, frames: Iterable[Frame]) -> None:
        """Mux all, and close."""
        for frame in frames:
            muxer.mux(frame)
        muxer.close()
        self.assertIsNone(muxer.failure)

    def assertGreys(self, data: bytes, first: int) -> None:
        """These are the pictures from one on to the last."""
        found = greys(data)
        self.assertEqual(35 - first, len(found))
        for number, value in enumerate(found, first):
            self.assertApproximates(grey(number), value, 6)


class FileTests(FragmentCase):
    """Recordings, and the live file."""

    def file(self, codec: Codec, heard: Iterable[Frame] = ()) -> list[Piece]:
        """A file's pieces."""
        pieces, deliver = collect()
        heard = list(heard)
        muxer = Mp4Muxer(deliver, sound=bool(heard))
        self.mux(muxer, together(pictures(codec), heard))
        return pieces

    def test_killed(self) -> None:
        """Cut off anywhere, a file has all pictures of its complete fragments."""
        for codec in (Codec.H264, Codec.H265, Codec.MJPEG):
            pieces = self.file(codec, sound())
            whole = join(pieces)
            digests = sent(pictures(codec))
            end = len(pieces[0].data)
            for piece in pieces[1:]:
                begin, end = end, end + len(piece.data)
                complete = round(piece.time * RATE)
                # At its edges, within its head, and in the middle of its data.
                for cut in (begin, begin + 1, begin + 60, (begin + end) // 2, end - 1):
                    if complete == 0:
                        continue  # nothing to play
                    found = [one.digest for one in look(whole[:cut])[codec]]
                    self.assertEqual(digests[:complete], found[:complete])
                    self.assertLessEqual(complete, len(found))

    def test_pieces(self) -> None:
        """
        Fragments last 200 ms, or end at a keyframe; they follow each other, and tell
        whether one can start with them.
        """
        for codec in (Codec.H264, Codec.H265):
            for heard in ((), sound()):
                init, *fragments = self.file(codec, heard)
                self.assertEqual((True, False), (init.init, init.keyframe))
                self.assertEqual(b"ftyp", init.data[4:8])
                time = 0.0
                for piece in fragments:
                    self.assertEqual(b"moof", piece.data[4:8])
                    self.assertApproximates(time, piece.time, 2 * TICK)
                    self.assertLess(piece.duration, 0.27)
                    time += piece.duration
                self.assertApproximates(35 / RATE, time, 3 * TICK)
                starts = [p.time for p in fragments if p.keyframe]
                self.assertEqual(4, len(starts))
                for gop, start in enumerate(starts):
                    self.assertApproximates(gop * GOP / RATE, start, TICK)

    def test_join(self) -> None:
        """The init segment and the fragments from any keyframe on play."""
        for codec in (Codec.H264, Codec.H265, Codec.MJPEG):
            for heard in ((), sound()):
                init, *fragments = self.file(codec, heard)
                for number, piece in enumerate(fragments):
                    if piece.keyframe:
                        data = init.data + join(fragments[number:])
                        self.assertGreys(data, round(piece.time * RATE))

    def test_index(self) -> None:
        """A file can end with an index."""
        for index in (False, True):
            pieces, deliver = collect()
            self.mux(Mp4Muxer(deliver, index=index), pictures(Codec.H264))
            self.assertEqual(index, pieces[-1].data[4:8] == b"mfra")
            self.assertGreys(join(pieces), 0)


class TrackTests(FragmentCase):
    """A file a track, for Media Source Extensions."""

    def test_join(self) -> None:
        """The init segment and the fragments from any keyframe on play."""
        for codec in (Codec.H264, Codec.H265):
            pieces, deliver = collect()
            self.mux(TrackMuxer(deliver), pictures(codec))
            init, *fragments = pieces
            self.assertTrue(init.init)
            self.assertEqual(35, len(fragments))
            for number, piece in enumerate(fragments):
                self.assertEqual(number % GOP == 0, piece.keyframe)
                if piece.keyframe:
                    self.assertGreys(init.data + join(fragments[number:]), number)

    def test_pieces(self) -> None:
        """Each picture's time and duration is told, however unsteady they are."""
        times = [0.0, 0.05, 0.051, 0.3, 7.0]
        frames = [
            replace(frame, time=START + time)
            for frame, time in zip(pictures(Codec.H264), times, strict=False)
        ]
        pieces, deliver = collect()
        self.mux(TrackMuxer(deliver), frames)
        for number, piece in enumerate(pieces[1:]):
            self.assertApproximates(times[number], piece.time, TICK)
            if number < 4:
                duration = times[number + 1] - times[number]
                self.assertApproximates(duration, piece.duration, TICK)

    def test_delay(self) -> None:
        """A picture's fragment comes with the next picture."""
        pieces, deliver = collect()
        muxer = TrackMuxer(deliver)
        for number, frame in enumerate(pictures(Codec.H264)):
            muxer.mux(frame)
            self.assertEqual(1 + number, len(pieces))
        muxer.close()
        self.assertEqual(36, len(pieces))

    def test_sound(self) -> None:
        """The track of sound goes with that of pictures, and plays from anywhere."""
        pieces, deliver = collect()
        video = TrackMuxer(collect()[1])
        video.mux(pictures(Codec.H264)[3 * GOP])
        muxer = TrackMuxer(deliver, sound=True, origin=START)
        self.mux(muxer, sound())
        self.assertEqual('audio/mp4; codecs="mp4a.40.2"', muxer.mimeType)
        init, *fragments = pieces
        self.assertEqual(18, len(fragments))
        for number, piece in enumerate(fragments):
            self.assertTrue(piece.keyframe)
            self.assertApproximates(number * 0.128, piece.time, SOUND_TICK)
            self.assertApproximates(0.128, piece.duration, 1e-9)
        for skipped in (0, 5):
            first, samples = listen(init.data + join(fragments[skipped:]))
            self.assertApproximates(skipped * 0.128, first, SOUND_TICK)
            self.assertApproximates(BEEP_BEGIN, first + onset(samples), 0.01)
            self.assertGreater(strength(samples, BEEP, 1.1 - first, 1.4 - first), 0.2)

    def test_otherKind(self) -> None:
        """A track drops what belongs to the other one."""
        for isSound in (False, True):
            pieces, deliver = collect()
            muxer = TrackMuxer(deliver, sound=isSound, origin=START)
            self.mux(muxer, together(pictures(Codec.H264), sound()))
            expected = {Codec.AAC: 18} if isSound else {Codec.H264: 35}
            found = {c: len(seen) for c, seen in look(join(pieces)).items()}
            self.assertEqual(expected, found)

    def test_noMjpeg(self) -> None:
        """No browser takes MJPEG in a source buffer."""
        muxer = TrackMuxer(collect()[1])
        self.assertRaises(NotMuxable, muxer.mux, pictures(Codec.MJPEG)[0])


class TracksTests(FragmentCase):
    """Pictures and sound as two files, side by side."""

    def split(self, withSound: bool) -> tuple[TracksMuxer, list[Piece]]:
        """Mux pictures and sound."""
        pieces, deliver = collect()
        muxer = TracksMuxer(deliver, sound=withSound)
        self.assertEqual((), muxer.mimeTypes)
        for frame in together(pictures(Codec.H264), sound()):
            muxer.mux(frame)
        muxer.close()
        return muxer, pieces

    def test_both(self) -> None:
        """Each track is playable, and they share a clock."""
        muxer, pieces = self.split(True)
        files = [join(p for p in pieces if p.track == track) for track in (0, 1)]
        found = [look(data) for data in files]
        self.assertEqual([{Codec.H264}, {Codec.AAC}], [set(each) for each in found])
        self.assertEqual(35, len(found[0][Codec.H264]))
        self.assertApproximates(0.0, found[1][Codec.AAC][0].time, 0.128)
        self.assertTrue(pieces[0].init)
        self.assertEqual(
            ["video/mp4", "audio/mp4"], [m.split(";")[0] for m in muxer.mimeTypes]
        )
        self.assertNotIn((0, 0), [muxer.size])

    def test_pictures(self) -> None:
        """Without sound there is one track."""
        muxer, pieces = self.split(False)
        self.assertEqual({0}, {piece.track for piece in pieces})
        self.assertEqual(1, len(muxer.mimeTypes))
