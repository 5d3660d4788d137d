"""
One container of one camera, for many viewers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import MuxError, Piece
from twistedcam.media.timeline import CameraClock
from twistedcam.restream.broadcast import (
    CACHE_PIECES,
    MP4,
    MSE,
    SOUND_WITHIN,
    TS,
    Broadcast,
    Broadcasts,
    OpenPackager,
)
from twistedcam.restream.watcher import Start, Watcher
from twistedcam.streams import Joinable, Stream

from .lab import Lab
from .mediakit import GOP, greys, join, look, pictures, sound, together


class Feed(Stream):
    """A camera's video, shown by hand."""

    def __init__(self, clock: Clock) -> None:
        def ask() -> Deferred[None]:
            return succeed(None)

        super().__init__(
            clock, "feed", video=True, cameraClock=CameraClock(), ask=ask, end=ask
        )
        self.up()

    def show(self, *frames: Frame) -> None:
        """These pictures come."""
        for frame in frames:
            self._frame(frame)


class Ear(Joinable):
    """A camera's sound, played by hand."""

    def _joined(self) -> None:
        """Nobody has to be asked."""

    def _left(self) -> None:
        """Likewise."""

    def play(self, *frames: Frame) -> None:
        """These come."""
        for frame in frames:
            self._fanout.publish(frame)


class Seen:
    """What one viewer has got."""

    def __init__(self, broadcast: Broadcast) -> None:
        self.starts: list[Start] = []
        self.pieces: list[Piece] = []
        self.problems: list[MuxError] = []
        self.watcher = Watcher(
            self.starts.append, self.pieces.append, self.problems.append
        )
        broadcast.join(self.watcher)

    @property
    def data(self) -> bytes:
        """All of it."""
        return join(self.pieces)

    def codecs(self, data: bytes | None = None) -> dict[str, int]:
        """How many frames of what there are in it."""
        found = look(self.data if data is None else data)
        return {codec.value: len(frames) for codec, frames in found.items()}


class BroadcastTests(SynchronousTestCase):
    """A broadcast."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.feed = Feed(self.clock)
        self.ear = Ear()
        self.opened = 0
        self.late: list[float] = []
        self.skips = 0

    def broadcast(
        self, packager: OpenPackager = MP4.open, withSound: bool = False
    ) -> Broadcast:
        """Make one that counts its packagers."""

        def opening(deliver: object, *, sound: bool = False) -> object:
            self.opened += 1
            return packager(deliver, sound=sound)  # type: ignore[arg-type]

        return Broadcast(
            self.clock,
            "test",
            self.feed,
            (self.ear,) if withSound else (),
            opening,  # type: ignore[arg-type]
            measure=self.late.append,
            skipped=self.skipped,
        )

    def skipped(self) -> None:
        """Count."""
        self.skips += 1

    def showAll(self, frames: Iterable[Frame]) -> None:
        """Pictures and sound come."""
        for frame in frames:
            if frame.codec.isVideo:
                self.feed.show(frame)
            else:
                self.ear.play(frame)

    def test_file(self) -> None:
        """What a viewer gets is a file, whatever the container."""
        for packaging in (MP4, TS, MSE):
            self.feed = Feed(self.clock)
            seen = Seen(self.broadcast(packaging.open))
            self.feed.show(*pictures(Codec.H264))
            (start,) = seen.starts
            self.assertGreater(seen.codecs()["h264"], 25)
            self.assertEqual(Codec.H264, start.video.codec)
            self.assertGreater(start.width * start.height, 0)
            seen.watcher.close()

    def test_cache(self) -> None:
        """Whoever comes later has a picture at once, from the last keyframe."""
        for packaging in (MP4, TS, MSE):
            self.feed = Feed(self.clock)
            broadcast = self.broadcast(packaging.open)
            first = Seen(broadcast)
            frames = pictures(Codec.H264)
            for number, frame in enumerate(frames):
                self.feed.show(frame)
                if number % GOP == GOP - 1:
                    late = Seen(broadcast)
                    self.assertEqual(1, len(late.starts), packaging.name)
                    self.assertGreaterEqual(len(greys(late.data)), GOP - 5)
                    late.watcher.close()
            first.watcher.close()

    def test_muxedOnce(self) -> None:
        """A hundred viewers cost one muxer, and get the same bytes."""
        broadcast = self.broadcast()
        viewers = [Seen(broadcast) for _ in range(100)]
        self.feed.show(*pictures(Codec.H264))
        self.assertEqual((1, 100), (self.opened, broadcast.audience))
        self.assertEqual(1, len({viewer.data for viewer in viewers}))

    def test_leave(self) -> None:
        """When the last one leaves, nobody takes frames any more."""
        broadcast = self.broadcast(withSound=True)
        one, other = Seen(broadcast), Seen(broadcast)
        self.showAll(together(pictures(Codec.H264), sound()))
        one.watcher.close()
        self.assertEqual((1, 1), (self.feed.audience, self.ear.audience))
        other.watcher.close()
        self.assertEqual((0, 0), (self.feed.audience, self.ear.audience))
        again = Seen(broadcast)
        self.feed.show(*pictures(Codec.H264))
        self.clock.advance(SOUND_WITHIN)
        self.feed.show(*pictures(Codec.H264))
        self.assertGreater(again.codecs()["h264"], 25)

    def test_leaveAtOnce(self) -> None:
        """A viewer for whom the first piece is enough leaves nothing behind."""
        keep = Seen(self.broadcast())
        self.feed.show(*pictures(Codec.H264))
        broadcast = self.broadcast()
        watcher = Watcher(lambda start: watcher.close(), lambda piece: None)
        broadcast.join(watcher)
        self.assertEqual((0, 1), (broadcast.audience, self.feed.audience))
        keep.watcher.close()

    def test_leaveAtTheEnd(self) -> None:
        """When the last pieces of a file send everybody away, none is begun."""
        broadcast = self.broadcast()
        enough = False

        def send(piece: Piece) -> None:
            if enough:
                watcher.close()

        watcher = Watcher(lambda start: None, send)
        broadcast.join(watcher)
        self.feed.show(*pictures(Codec.H264))
        enough = True
        self.feed.show(*pictures(Codec.H265)[:1])
        self.assertEqual((0, 1), (self.feed.audience, self.opened))

    def test_sound(self) -> None:
        """Sound that is heard is in it."""
        seen = Seen(self.broadcast(withSound=True))
        self.showAll(together(pictures(Codec.H264), sound()))
        self.assertEqual({"h264", "aac"}, set(seen.codecs()))

    def test_tracks(self) -> None:
        """A newcomer gets the beginning of both tracks."""
        broadcast = self.broadcast(MSE.open, withSound=True)
        first = Seen(broadcast)
        self.showAll(together(pictures(Codec.H264), sound()))
        late = Seen(broadcast)
        for viewer in (first, late):
            self.assertEqual(2, len(viewer.starts[0].mimeTypes))
            for track, codec in enumerate(("h264", "aac")):
                data = join(p for p in viewer.pieces if p.track == track)
                self.assertEqual({codec}, set(viewer.codecs(data)))

    def test_noSound(self) -> None:
        """Sound that is not heard in time is not waited for."""
        seen = Seen(self.broadcast(withSound=True))
        frames = pictures(Codec.H264)
        self.feed.show(*frames[:20])
        self.assertEqual([], seen.starts)
        self.clock.advance(SOUND_WITHIN)
        self.feed.show(*frames[20:])
        self.assertEqual({"h264"}, set(seen.codecs()))
        self.assertEqual(0.0, seen.pieces[1].time)

    def test_soundLater(self) -> None:
        """Sound that comes too late begins a new file, at a keyframe."""
        seen = Seen(self.broadcast(MSE.open, withSound=True))
        frames = pictures(Codec.H264)
        self.feed.show(frames[0])
        self.clock.advance(SOUND_WITHIN)
        self.feed.show(frames[1])
        self.showAll(together(frames[2:], sound()))
        self.assertEqual([1, 2], [len(start.mimeTypes) for start in seen.starts])

    def test_parameters(self) -> None:
        """Other pictures begin a new file for those who watch."""
        seen = Seen(self.broadcast())
        self.feed.show(*pictures(Codec.H264))
        self.feed.show(*pictures(Codec.H265))
        self.assertEqual(
            [Codec.H264, Codec.H265], [start.video.codec for start in seen.starts]
        )
        inits = [n for n, piece in enumerate(seen.pieces) if piece.init]
        self.assertEqual(2, len(inits))
        self.assertIn("hevc", seen.codecs(join(seen.pieces[inits[1] :])))

    def test_changeWithoutKeyframe(self) -> None:
        """After a change, the next keyframe is waited for."""
        seen = Seen(self.broadcast())
        other = pictures(Codec.H265)
        self.feed.show(*pictures(Codec.H264), *other[1:])
        self.assertEqual(2, len(seen.starts))
        self.assertTrue(seen.starts[1].video.keyframe)

    def test_notMuxable(self) -> None:
        """Pictures that do not go into this container end it, with the reason."""
        broadcast = self.broadcast(TS.open)
        seen = Seen(broadcast)
        self.feed.show(*pictures(Codec.MJPEG)[:2])
        self.assertEqual(1, len(seen.problems))
        self.assertEqual((0, 0), (broadcast.audience, self.feed.audience))

    def test_away(self) -> None:
        """While the camera is away, nobody is shown old pictures."""
        broadcast = self.broadcast()
        first = Seen(broadcast)
        frames = pictures(Codec.H264)
        self.feed.show(*frames)
        self.feed.down()
        late = Seen(broadcast)
        self.assertEqual(([], []), (late.starts, late.pieces))
        back = [
            replace(frame, time=frame.time + 60, gap=number == 0)
            for number, frame in enumerate(frames)
        ]
        self.feed.up()
        self.feed.show(*back)
        self.assertEqual(1, len(late.starts))
        self.assertGreater(late.codecs()["h264"], 20)
        self.assertEqual(1, len(first.starts))

    def test_slow(self) -> None:
        """Whoever does not read is skipped, and holds up nobody."""
        broadcast = self.broadcast()
        slow, quick = Seen(broadcast), Seen(broadcast)
        slow.watcher.pauseProducing()
        for again in range(5):
            self.feed.show(
                *(
                    replace(frame, time=frame.time + 2.5 * again)
                    for frame in pictures(Codec.H264)
                )
            )
        self.assertGreater(self.skips, 0)
        self.assertEqual(self.skips, slow.watcher.skips)
        slow.watcher.resumeProducing()
        self.assertLess(len(slow.data), len(quick.data))
        self.assertGreater(slow.codecs()["h264"], 5)

    def test_cacheIsBounded(self) -> None:
        """A stream without keyframes does not fill the memory."""
        broadcast = self.broadcast(MSE.open)
        first = Seen(broadcast)
        key, delta, *_ = pictures(Codec.H264)
        self.feed.show(key)
        for number in range(CACHE_PIECES + 10):
            self.feed.show(replace(delta, time=delta.time + number / 15))
        late = Seen(broadcast)
        self.assertEqual([], late.starts)
        self.assertGreater(len(first.pieces), CACHE_PIECES)

    def test_measure(self) -> None:
        """It is told how late live pictures are, not cached ones."""
        seen = Seen(self.broadcast())
        frames = pictures(Codec.H264)
        self.clock.advance(1)
        self.feed.show(*(replace(frame, arrived=0.75) for frame in frames[:3]))
        self.assertEqual([0.25] * 3, self.late)
        Seen(self.broadcast())
        self.assertEqual(3, len(self.late))
        seen.watcher.close()


class RegistryTests(SynchronousTestCase):
    """Whoever wants the same gets the same."""

    def test_same(self) -> None:
        """A broadcast is shared while it is watched, and gone after."""
        lab = Lab()
        camera, other = lab.camera(name="one"), lab.camera(name="two")
        broadcasts = Broadcasts(lab.network)
        seen = Seen(broadcasts.of(camera, MP4))
        Seen(broadcasts.of(camera, MP4))
        Seen(broadcasts.of(camera, MP4, sound=True))
        Seen(broadcasts.of(camera, MP4, sub=True))
        Seen(broadcasts.of(other, TS))
        self.assertIs(broadcasts.of(camera, MP4), broadcasts.of(camera, MP4))
        self.assertEqual(2, broadcasts.of(camera, MP4).audience)
        self.assertEqual(4, broadcasts.audience(camera))
        self.assertEqual(1, broadcasts.audience(other))
        seen.watcher.close()
        self.assertEqual(3, broadcasts.audience(camera))
        self.assertEqual(0, broadcasts.skips("one"))

    def test_live(self) -> None:
        """A real camera's video, sound, and lower quality."""
        lab = Lab()
        camera = lab.camera(password="888888")
        camera.connect()
        broadcasts = Broadcasts(lab.network)
        seen = Seen(broadcasts.of(camera, MP4, sound=True))
        sub = Seen(broadcasts.of(camera, TS, sub=True))
        lab.network.advance(8)
        self.assertEqual({"h264", "aac"}, set(seen.codecs()))
        self.assertGreater(sub.codecs()["h264"], 30)
        self.assertLess(sub.starts[0].width, seen.starts[0].width)
        seen.watcher.close()
        sub.watcher.close()
        lab.network.advance(10)
        self.assertEqual(0, camera.video.audience + camera.audio.audience)
        camera.disconnect()
        lab.network.advance(2)
