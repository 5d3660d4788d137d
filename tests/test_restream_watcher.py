"""
One viewer: what waits for him, and what he misses.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from twistedcam.media.frame import Codec, Frame
from twistedcam.media.mux import MuxError, Piece
from twistedcam.restream.watcher import LATE, MAX_WAITING, Start, Watcher

START = Start(("video/mp4",), Frame(Codec.H264, b"", True, 0.0, 0, 0.0))
INIT = Piece(b"init", init=True)


def key(time: float, data: bytes = b"K") -> Piece:
    """A piece to begin with."""
    return Piece(data, keyframe=True, time=time)


def delta(time: float, data: bytes = b"d") -> Piece:
    """One that needs those before."""
    return Piece(data, time=time)


class WatcherTests(SynchronousTestCase):
    """He is handed pieces, by whoever puts them there."""

    def setUp(self) -> None:
        self.got: list[Start | Piece] = []
        self.left = 0
        self.watcher = Watcher(self.got.append, self.got.append)
        self.watcher.joined(self.leave)

    def leave(self) -> None:
        """Count."""
        self.left += 1

    def data(self) -> list[bytes]:
        """What he has been handed."""
        return [piece.data for piece in self.got if isinstance(piece, Piece)]

    def test_interface(self) -> None:
        """Transports can drive him."""
        verifyObject(IPushProducer, self.watcher)

    def test_order(self) -> None:
        """First what the file begins with, then a keyframe, then everything."""
        self.watcher.put(key(0))
        self.watcher.begin(START, [INIT])
        self.watcher.put(delta(0.1))
        self.watcher.put(key(0.2))
        self.watcher.put(delta(0.3))
        self.assertEqual(START, self.got[0])
        self.assertEqual([b"init", b"K", b"d"], self.data())

    def test_sound(self) -> None:
        """Sound is no beginning, though each of its pieces stands alone."""
        self.watcher.begin(START, [INIT])
        self.watcher.put(Piece(b"s", keyframe=True, track=1))
        self.assertEqual([b"init"], self.data())

    def test_paused(self) -> None:
        """What comes while he is paused waits for him, in order."""
        self.watcher.pauseProducing()
        self.watcher.begin(START, [INIT])
        self.watcher.put(key(0))
        self.watcher.put(delta(0.1))
        self.assertEqual(([], 6), (self.got, self.watcher.waiting))
        self.watcher.resumeProducing()
        self.assertEqual([b"init", b"K", b"d"], self.data())
        self.assertEqual(0, self.watcher.waiting)

    def test_pausedInBetween(self) -> None:
        """Whoever pauses while he is handed a piece gets no other."""
        watcher = Watcher(self.got.append, lambda piece: self.takeOne(watcher, piece))
        watcher.begin(START, ())
        watcher.put(key(0))
        watcher.put(delta(0.1))
        self.assertEqual([b"K"], self.data())
        watcher.resumeProducing()
        self.assertEqual([b"K", b"d"], self.data())

    def takeOne(self, watcher: Watcher, piece: Piece) -> None:
        """Enough for now."""
        self.got.append(piece)
        watcher.pauseProducing()

    def test_late(self) -> None:
        """Too far behind, he goes on at the newest keyframe."""
        self.watcher.begin(START, [INIT])
        self.watcher.put(key(0))
        self.watcher.pauseProducing()
        self.assertTrue(self.watcher.put(delta(0.1)))
        self.assertTrue(self.watcher.put(key(0.1 + LATE, b"near")))
        self.assertFalse(self.watcher.put(key(0.2 + LATE, b"far")))
        self.watcher.put(delta(0.3 + LATE, b"on"))
        self.watcher.resumeProducing()
        self.assertEqual([b"init", b"K", b"far", b"on"], self.data())
        self.assertEqual(1, self.watcher.skips)

    def test_full(self) -> None:
        """What waits is bounded, and after a hole comes a keyframe."""
        self.watcher.pauseProducing()
        self.watcher.begin(START, [INIT])
        self.watcher.put(key(0))
        big = bytes(MAX_WAITING // 3)
        for number in range(3):
            self.watcher.put(delta(number / 10, big))
            self.assertLessEqual(self.watcher.waiting, MAX_WAITING)
        self.watcher.put(delta(0.4, b"lost"))
        self.watcher.put(key(0.5, b"again"))
        self.watcher.resumeProducing()
        self.assertEqual([b"init", b"again"], self.data())
        self.assertEqual(1, self.watcher.skips)

    def test_newFileWaits(self) -> None:
        """Skipping drops no beginning of a file."""
        self.watcher.pauseProducing()
        self.watcher.begin(START, [INIT])
        self.watcher.put(key(0))
        other = Start(("video/other",), START.video)
        self.watcher.begin(other, [Piece(b"other", init=True)])
        self.watcher.put(key(0, bytes(MAX_WAITING)))
        self.watcher.put(key(1, b"end"))
        self.watcher.resumeProducing()
        self.assertEqual([START, other], [s for s in self.got if isinstance(s, Start)])
        self.assertEqual([b"init", b"other", b"end"], self.data())

    def test_close(self) -> None:
        """He leaves once, and nothing comes after."""
        self.watcher.begin(START, [INIT])
        self.watcher.put(key(0))
        for _ in range(2):
            self.watcher.stopProducing()
        self.watcher.put(key(1))
        self.watcher.begin(START, [INIT])
        self.watcher.put(key(2))
        self.watcher.resumeProducing()
        self.assertEqual(([b"init", b"K"], 1), (self.data(), self.left))

    def test_leavesAtTheBeginning(self) -> None:
        """Whoever leaves when a file begins gets nothing of it."""
        watcher = Watcher(lambda start: watcher.close(), self.got.append)
        watcher.joined(self.leave)
        watcher.begin(START, [INIT])
        self.assertEqual(([], 1), (self.got, self.left))

    def test_failing(self) -> None:
        """One whose connection raises is logged, told so, and has left."""
        told: list[MuxError] = []
        watcher = Watcher(lambda start: None, lambda piece: 1 / 0, told.append)
        watcher.joined(self.leave)
        watcher.begin(START, [INIT])
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual((1, 1), (self.left, len(told)))

    def test_failed(self) -> None:
        """He is told that nothing will come, after he has left."""
        told: list[MuxError] = []
        watcher = Watcher(self.got.append, self.got.append, told.append)
        watcher.joined(self.leave)
        watcher.fail(MuxError("no"))
        self.assertEqual((1, ["no"]), (self.left, [str(each) for each in told]))
