"""Tests for L{twistedcam.streams}: with a camera made of two callables."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.sound import adpcm
from twistedcam.errors import (
    CommandFailed,
    CommandTimeout,
    LoginLocked,
    LoginRejected,
    NotConnected,
    SessionClosed,
    TwistedcamError,
)
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.sound import AlawEncoder, SoundDecoder
from twistedcam.media.timeline import CameraClock
from twistedcam.streams import LINGER, DecodedSound, Frames, SoundStream, Stream
from twistedcam.testing import MemoryNetwork
from twistedcam.wire import av
from twistedcam.wire.av import FrameHead

KEY = b"\0\0\0\1\x67\x42\0\0\0\1\x68\xce\0\0\0\1\x65\x88"
DELTA = b"\0\0\0\1\x41\x9a"


class StreamCase(SynchronousTestCase):
    """A stream, and the camera's end of it."""

    video = True

    def setUp(self) -> None:
        """The camera is up, and answers."""
        self.clock = MemoryNetwork()
        self.asked: list[float] = []
        self.ended: list[float] = []
        self.wanted: list[bool] = []
        self.answer: Callable[[], Deferred[Any]] = lambda: succeed(None)
        self.stream = Stream(
            self.clock,
            "garden",
            video=self.video,
            cameraClock=CameraClock(),
            ask=self.ask,
            end=self.end,
        )
        self.stream.onWanted = self.wanted.append
        self.stream.up()
        self.number = 0

    def ask(self) -> Deferred[Any]:
        """The camera is asked to begin."""
        self.asked.append(self.clock.seconds())
        return self.answer()

    def end(self) -> Deferred[Any]:
        """The camera is told to stop."""
        self.ended.append(self.clock.seconds())
        return self.answer()

    def send(self, pattern: str = "d") -> None:
        """The camera sends frames: K for a keyframe, d for another."""
        for letter in pattern:
            data = KEY if letter == "K" else DELTA
            kind = av.H264_KEY if letter == "K" else av.H264_DELTA
            head = FrameHead(kind, 0, 0, 1000 + self.number, self.number, len(data))
            self.stream.received(head.toBytes() + data)
            self.number += 1

    def sendFor(self, seconds: float, letter: str = "d") -> None:
        """The camera sends ten frames a second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.send(letter)

    def assertTimes(self, expected: list[float], times: list[float]) -> None:
        """Moments, but for what floats add."""
        self.assertEqual(expected, [round(time, 3) for time in times])

    def watch(self) -> tuple[list[int], Callable[[], None]]:
        """Subscribe; gives the numbers of the frames that come, and how to leave."""
        seen: list[int] = []
        return seen, self.stream.subscribe(lambda frame: seen.append(frame.number))

    def assertNoTimers(self) -> None:
        """Nothing is left to be done."""
        self.assertEqual([], self.clock.getDelayedCalls())


class LifeTests(StreamCase):
    """When the camera is asked, and told to stop."""

    def test_nobody(self) -> None:
        """While nobody watches, nothing is asked."""
        self.clock.advance(30)
        self.assertEqual([], self.asked)
        self.assertNoTimers()

    def test_first(self) -> None:
        """The first one to join has the camera asked at once; others do not."""
        seen, _ = self.watch()
        self.assertEqual([0], self.asked)
        self.send("Kd")
        more, _ = self.watch()
        viewer = self.stream.view(lambda: None)
        self.assertEqual([0], self.asked)
        self.send("d")
        self.assertEqual(([0, 1, 2], [0, 1, 2], 3), (seen, more, len(viewer)))
        self.assertEqual((1, [True]), (self.stream.requests, self.wanted))
        self.assertEqual(3, self.stream.audience)
        self.assertEqual(len(KEY) + 2 * len(DELTA), self.stream.bytes)

    def test_linger(self) -> None:
        """The camera is told to stop a while after the last one has left."""
        _, leave = self.watch()
        viewer = self.stream.view(lambda: None)
        leave()
        self.sendFor(10, "K")
        self.assertEqual([], self.ended)
        viewer.close()
        viewer.close()
        self.sendFor(4.9, "K")
        self.assertEqual([], self.ended)
        self.clock.advance(0.2)
        self.assertTimes([15], self.ended)
        self.assertEqual([True, False], self.wanted)
        self.assertNoTimers()
        self.assertEqual([0], self.asked)

    def test_rejoin(self) -> None:
        """Whoever comes back meanwhile sees the same stream at once."""
        _, leave = self.watch()
        self.send("Kdd")
        leave()
        self.sendFor(LINGER - 0.1)
        seen, leave = self.watch()
        self.assertEqual(list(range(52)), seen)
        self.sendFor(10)
        self.assertEqual(([0], [], [True]), (self.asked, self.ended, self.wanted))
        # The time counts anew from the last one.
        leave()
        self.sendFor(LINGER - 0.1)
        self.assertEqual([], self.ended)
        self.sendFor(0.2)
        self.assertEqual(1, len(self.ended))

    def test_startAgain(self) -> None:
        """After the stop it begins from the beginning, with no old frame."""
        _, leave = self.watch()
        self.send("Kd")
        self.assertIsNotNone(self.stream.last)
        leave()
        self.sendFor(LINGER + 0.1)
        self.assertIsNone(self.stream.last)
        seen, _ = self.watch()
        self.assertEqual([], seen)
        self.assertIsNone(self.stream.last)
        self.assertTimes([0, 5.1], self.asked)
        self.assertTimes([5], self.ended)
        self.assertEqual([True, False, True], self.wanted)
        self.send("K")
        self.assertEqual([53], seen)

    def test_stillSending(self) -> None:
        """What comes after the stop is for nobody; who joins waits for a keyframe."""
        _, leave = self.watch()
        self.send("Kd")
        leave()
        self.clock.advance(LINGER)
        before = self.stream.bytes
        self.send("dd")
        self.assertEqual(before, self.stream.bytes)
        seen, _ = self.watch()
        viewer = self.stream.view(lambda: None)
        self.send("ddKd")
        self.assertEqual([6, 7], seen)
        self.assertEqual(2, len(viewer))

    def test_quiet(self) -> None:
        """It is asked again after two seconds without a frame, again and again."""
        self.watch()
        self.clock.advance(3)
        self.assertTimes([0, 2], self.asked)
        self.sendFor(3, "K")
        self.assertTimes([0, 2], self.asked)
        self.clock.advance(6.5)
        self.assertTimes([0, 2, 8, 10, 12], self.asked)
        self.assertEqual(5, self.stream.requests)

    def test_garbageIsQuiet(self) -> None:
        """What is no frame is no sign of life."""
        self.watch()
        for _ in range(45):
            self.stream.received(b"x" * 1000)
            self.clock.advance(0.1)
        self.assertTimes([0, 2, 4], self.asked)

    def test_patient(self) -> None:
        """As long as a question is not answered, there is no second one."""
        answers: list[Deferred[Any]] = []

        def answer() -> Deferred[Any]:
            answers.append(Deferred())
            return answers[-1]

        self.answer = answer
        self.watch()
        self.clock.advance(7)
        self.assertTimes([0], self.asked)
        answers[0].callback(None)
        self.clock.advance(2.1)
        self.assertTimes([0, 8], self.asked)
        answers[1].errback(NotConnected("not now"))
        self.clock.advance(2)
        self.assertTimes([0, 8, 10], self.asked)

    def test_reconnect(self) -> None:
        """After a reconnect it is asked at once, and the gap is marked."""
        frames: list[Frame] = []
        self.stream.subscribe(frames.append)
        self.send("Kd")
        self.stream.down()
        self.assertIsNone(self.stream.last)
        newcomer, _ = self.watch()
        self.assertEqual([], newcomer)
        self.clock.advance(60)
        self.assertEqual([0], self.asked)
        self.stream.up()
        self.assertTimes([0, 60], self.asked)
        self.send("dKd")
        self.assertEqual([0, 1, 3, 4], [frame.number for frame in frames])
        self.assertEqual([3], [frame.number for frame in frames if frame.gap])
        self.assertEqual([3, 4], newcomer)

    def test_quickReconnect(self) -> None:
        """A reconnect within two seconds makes no second question."""
        self.watch()
        self.clock.advance(1)
        self.stream.down()
        self.stream.up()
        self.clock.advance(1.5)
        self.assertTimes([0, 1], self.asked)
        self.clock.advance(1)
        self.assertTimes([0, 1, 3], self.asked)

    def test_midFrame(self) -> None:
        """A frame that the session's end cut is dropped."""
        seen, _ = self.watch()
        self.send("K")
        self.stream.received(FrameHead(1, 0, 0, 2000, 50, 90).toBytes() + DELTA)
        self.stream.down()
        self.stream.up()
        self.send("Kd")
        self.assertEqual([0, 1, 2], seen)
        self.assertEqual(1, self.stream.assembler.damaged)

    def test_whileDown(self) -> None:
        """Who joins while the camera is away is served when it is back."""
        self.stream.down()
        seen, leave = self.watch()
        self.clock.advance(10)
        self.assertEqual(([], [True]), (self.asked, self.wanted))
        self.stream.up()
        self.send("K")
        self.assertEqual((1, [0]), (len(self.asked), seen))
        # Who leaves while it is away leaves nothing to be said.
        self.stream.down()
        leave()
        self.clock.advance(6)
        self.stream.up()
        self.assertEqual((1, []), (len(self.asked), self.ended))
        self.assertEqual([True, False], self.wanted)

    def test_close(self) -> None:
        """A camera that is disconnected leaves no timer, in no situation."""
        for leaves in (False, True):
            self.setUp()
            seen, leave = self.watch()
            self.send("K")
            if leaves:
                leave()
            self.stream.down()
            self.stream.close()
            self.assertNoTimers()
            self.assertEqual([True, False][: 1 + leaves], self.wanted)
            self.stream.close()
            # Those who stayed are served when it is connected again.
            self.stream.up()
            self.assertEqual(1 if leaves else 2, len(self.asked))
            self.send("K")
            self.assertEqual([0] if leaves else [0, 1], seen)


class ProblemTests(StreamCase):
    """When asking is in vain."""

    def told(self, problem: Callable[[], TwistedcamError], seconds: float) -> list[str]:
        """What is logged while each question fails."""
        with capturedLogs() as logs:
            self.answer = lambda: fail(problem())
            _, leave = self.watch()
            self.clock.advance(seconds)
            leave()
            self.clock.advance(LINGER + 0.1)
        return [str(formatEvent(event)) for event in logs]

    def test_rejected(self) -> None:
        """A rejected login is told once, however often it is asked."""
        count = iter(range(1000))
        said = self.told(
            lambda: LoginRejected(
                "wrong password" if next(count) == 0 else "wrong (not tried again)"
            ),
            60,
        )
        self.assertEqual(1, len(said), said)
        self.assertIn("garden: no stream: ", said[0])
        self.assertIn("wrong password", said[0])
        self.assertGreater(len(self.asked), 25)

    def test_locked(self) -> None:
        """So is a locked one, though the time that is left is another each time."""
        count = iter(range(1000, 0, -1))
        self.assertEqual(1, len(self.told(lambda: LoginLocked(next(count)), 60)))

    def test_others(self) -> None:
        """Each problem is told when it is new."""
        problems = iter([CommandFailed("no"), CommandFailed("no")])
        said = self.told(lambda: next(problems, CommandTimeout("late")), 20)
        self.assertEqual(["garden: no stream: no", "garden: no stream: late"], said)

    def test_ending(self) -> None:
        """That the session ends while the camera is asked is told by others."""
        problems = iter([NotConnected("away"), NotConnected("away")])
        said = self.told(lambda: next(problems, SessionClosed("silent")), 20)
        self.assertEqual([], said)
        self.assertEqual("", self.stream.problem)

    def test_comesTrue(self) -> None:
        """It begins as soon as the problem is solved."""
        self.answer = lambda: fail(LoginRejected("wrong password"))
        seen, _ = self.watch()
        self.clock.advance(1)
        self.answer = lambda: succeed(None)
        self.clock.advance(1.1)
        self.send("K")
        self.assertEqual([0], seen)

    def test_bug(self) -> None:
        """Any other exception is a bug, and is not hidden."""
        self.answer = lambda: fail(ZeroDivisionError())
        self.watch()
        gc.collect()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))


class FramesTests(StreamCase):
    """The asynchronous iterator."""

    def go(self, function: Callable[[], Awaitable[Any]]) -> Deferred[Any]:
        """Start a coroutine."""

        async def run() -> Any:
            return await function()

        return Deferred.fromCoroutine(run())

    def assertLeft(self) -> None:
        """Nobody watches, and the camera is told to stop."""
        self.assertEqual(0, self.stream.audience)
        self.clock.advance(LINGER)
        self.assertEqual(1, len(self.ended))
        self.assertNoTimers()

    def test_all(self) -> None:
        """It gives all frames, as they come."""
        got: list[int] = []

        async def watch() -> None:
            async for frame in self.stream.frames():
                got.append(frame.number)

        done = self.go(watch)
        self.assertEqual([0], self.asked)
        for number in range(5):
            self.send("Kd"[number > 0])
            self.assertEqual(list(range(number + 1)), got)
        self.assertNoResult(done)
        self.assertEqual(1, self.stream.audience)

    def test_cached(self) -> None:
        """It begins at the last keyframe, and need not wait for that."""
        self.watch()
        self.send("KddKd")

        async def first() -> list[int]:
            async with self.stream.frames() as frames:
                return [(await anext(frames)).number for _ in range(2)]

        self.assertEqual([3, 4], self.successResultOf(self.go(first)))

    def test_break(self) -> None:
        """Breaking out of the loop is leaving, at once."""

        async def watch() -> int:
            count = 0
            async for _ in self.stream.frames():
                count += 1
                if count == 3:
                    break
            self.assertEqual(0, self.stream.audience)
            return count

        done = self.go(watch)
        self.send("Kddd")
        self.assertEqual(3, self.successResultOf(done))
        self.assertLeft()

    def test_return(self) -> None:
        """So is returning from it, or an exception."""

        async def returns() -> int:
            async for frame in self.stream.frames():
                return frame.number
            return -1

        async def raises() -> None:
            async for _ in self.stream.frames():
                raise ZeroDivisionError

        returned, raised = self.go(returns), self.go(raises)
        self.send("K")
        self.assertEqual(0, self.successResultOf(returned))
        self.failureResultOf(raised, ZeroDivisionError)
        self.assertLeft()

    def test_cancel(self) -> None:
        """Cancelling a coroutine that waits for a frame is leaving."""

        async def watch() -> None:
            async for _ in self.stream.frames():
                pass

        done = self.go(watch)
        self.send("K")
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertLeft()

    def test_close(self) -> None:
        """Closing it ends the loop of whoever waits; it can be done twice."""
        frames = self.stream.frames()

        async def watch() -> str:
            async for _ in frames:
                pass
            return "over"

        done, other = self.go(watch), self.go(watch)
        self.send("Kd")
        frames.close()
        frames.close()
        self.assertEqual("over", self.successResultOf(done))
        self.assertEqual("over", self.successResultOf(other))
        self.assertEqual("over", self.successResultOf(self.go(watch)))
        self.assertLeft()

    def test_closeInside(self) -> None:
        """It may be closed by the one who reads, while others wait."""
        frames = self.stream.frames()

        async def watch() -> int:
            count = 0
            async for _ in frames:
                count += 1
                frames.close()
            return count

        done, other = self.go(watch), self.go(watch)
        self.send("K")
        self.assertEqual(1, self.successResultOf(done) + self.successResultOf(other))
        self.assertLeft()

    def test_closing(self) -> None:
        """C{async with} and C{aclosing} close it."""

        async def watch() -> Frames:
            async with self.stream.frames() as frames:
                await anext(frames)
            async with aclosing(self.stream.frames()) as again:
                await anext(again)
            # Both are still held, here.
            self.assertEqual(0, self.stream.audience)
            return frames

        done = self.go(watch)
        self.send("K")
        self.successResultOf(done)
        self.assertLeft()

    def test_dropped(self) -> None:
        """One that nobody has any more has left, read or not."""
        frames: Frames | None = self.stream.frames()
        self.assertEqual(1, self.stream.audience)
        self.send("Kd")
        assert frames is not None
        self.assertEqual(0, self.successResultOf(self.go(frames.__anext__)).number)
        del frames
        gc.collect()
        self.assertLeft()

    def test_heldByWaiting(self) -> None:
        """One that somebody waits for is not dropped, though only that one has it."""
        got: list[int] = []

        async def watch() -> None:
            async for frame in self.stream.frames():
                got.append(frame.number)

        self.go(watch)
        gc.collect()
        self.send("Kd")
        gc.collect()
        self.send("d")
        self.assertEqual([0, 1, 2], got)

    def test_forgotten(self) -> None:
        """A coroutine that waits is forgotten together with the camera, in peace."""

        async def watch() -> None:
            async for _ in self.stream.frames():
                pass

        self.go(watch)
        self.send("K")
        frames = self.stream.frames()
        self.go(frames.__anext__)
        waiting = self.go(frames.__anext__)
        del self.stream, frames, waiting
        self.clock = MemoryNetwork()
        gc.collect()
        self.assertEqual([], self.flushLoggedErrors())

    def test_slow(self) -> None:
        """Who is too slow skips, and can tell."""
        frames = self.stream.frames()
        for _ in range(30):
            self.send("K" + "d" * 49)
        self.assertEqual(1, frames.skips)
        first = self.successResultOf(self.go(frames.__anext__))
        self.assertEqual((True, True), (first.gap, first.keyframe))
        self.assertGreaterEqual(first.number, 1000)
        frames.close()


class SoundTests(StreamCase):
    """Sound as AAC, and as A-law."""

    video = False

    def setUp(self) -> None:
        """The same with sound."""
        super().setUp()
        self.decoded = DecodedSound(self.stream)
        self.sound = SoundStream(self.decoded)
        self.alaw = SoundStream(self.decoded, AlawEncoder)

    def sendSound(self, count: int) -> None:
        """The camera sends packets of ADPCM."""
        for _ in range(count):
            data = adpcm(self.number * 1024 % 8000, 0, 0)[0]
            ms = 128 * self.number
            head = FrameHead(
                av.ADPCM, 1, ms % 1000, 1000 + ms // 1000, self.number, len(data)
            )
            self.stream.received(head.toBytes() + data)
            self.number += 1
            self.clock.advance(0.128)

    def test_once(self) -> None:
        """It is decoded and encoded once for all who listen, and has one listener."""
        heard: list[Frame] = []
        leave = self.sound.subscribe(heard.append)
        viewer = self.sound.view(lambda: None)
        self.assertEqual((1, 1), (len(self.asked), self.stream.audience))
        self.sendSound(8)
        self.assertGreater(len(heard), 5)
        for frame in heard:
            self.assertIs(frame, viewer.take())
            self.assertIs(Codec.AAC, frame.codec)
        leave()
        self.assertEqual(1, self.stream.audience)
        viewer.close()
        self.assertEqual(0, self.stream.audience)
        self.clock.advance(LINGER)
        self.assertEqual(1, len(self.ended))
        self.assertNoTimers()

    def test_again(self) -> None:
        """Who listens later does not get what was heard last."""
        leave = self.sound.subscribe(lambda frame: None)
        self.sendSound(5)
        leave()
        self.clock.advance(3600)
        heard: list[Frame] = []
        self.sound.subscribe(heard.append)
        self.assertEqual([], heard)
        self.number += 28125  # the camera's count went on
        self.sendSound(5)
        self.assertTrue(heard)
        self.assertLess(heard[-1].time - heard[0].time, 1)

    def test_alaw(self) -> None:
        """What the camera sends as A-law comes out as it is."""
        heard: list[Frame] = []
        leave = self.alaw.subscribe(heard.append)
        sent = [bytes([n]) * 320 for n in range(5)]
        for number, data in enumerate(sent):
            head = FrameHead(av.G711A, 1, 40 * number, 1000, number, len(data))
            self.stream.received(head.toBytes() + data)
            self.clock.advance(0.04)
        self.assertEqual(sent, [frame.data for frame in heard])
        self.assertEqual({Codec.G711A}, {frame.codec for frame in heard})
        for number, frame in enumerate(heard):
            self.assertApproximates(number * 0.04, frame.time - heard[0].time, 1e-6)
        leave()
        self.clock.advance(LINGER)
        self.assertNoTimers()

    def test_decodedOnce(self) -> None:
        """Whoever listens in whatever codec: each packet is decoded once."""
        decoded: list[int] = []
        decode = SoundDecoder.decode

        def counting(decoder: SoundDecoder, frame: Frame) -> Any:
            decoded.append(frame.number)
            return decode(decoder, frame)

        with patch.object(SoundDecoder, "decode", counting):
            aac: list[Frame] = []
            alaw: list[Frame] = []
            leaves = [self.alaw.subscribe(alaw.append)]
            self.sendSound(3)
            leaves.append(self.sound.subscribe(aac.append))
            leaves.append(self.alaw.subscribe(lambda frame: None))
            self.sendSound(5)
            self.assertEqual(1, self.stream.audience)
            self.assertEqual(list(range(8)), decoded)
            self.assertEqual((8, 4), (len(alaw), len(aac)))
            self.assertEqual(512 * 2, len(alaw[-1].data))
            leaves[0]()
            leaves[2]()
            self.sendSound(2)
            self.assertEqual((8, 6), (len(alaw), len(aac)))
            leaves[1]()
        self.assertEqual(0, self.stream.audience)
        self.clock.advance(LINGER)
        self.assertNoTimers()
