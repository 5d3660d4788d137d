"""Pictures and sound from end to end: L{twistedcam.Camera} and an emulated one."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import av
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent

from tests.lab import CAMERA, Lab, LabCase
from twistedcam import Camera, CameraState
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Faults, Firmware
from twistedcam.emulator.clips import CODECS, clip
from twistedcam.emulator.sound import adpcm, alaw, block
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.sound import SoundDecoder
from twistedcam.session.machine import Reason
from twistedcam.streams import LINGER
from twistedcam.testing import Datagram

PASSWORD = "888888"
YEAR = 365 * 86400
CODEC_OF = {"h264": Codec.H264, "h265": Codec.H265, "mjpeg": Codec.MJPEG}

#: What each firmware can show.
SHOWS = (
    (FIRMWARE_A, "h264"),
    (FIRMWARE_A, "mjpeg"),
    (FIRMWARE_B, "h264"),
    (FIRMWARE_B, "h265"),
    (FIRMWARE_B, "mjpeg"),
)


def digests(frames: Sequence[bytes]) -> list[str]:
    """Of each."""
    return [hashlib.sha256(frame).hexdigest()[:16] for frame in frames]


def noteReason(reasons: list[Reason], reason: Reason, delay: float) -> None:
    """A camera was lost."""
    reasons.append(reason)


def decoded(frames: Sequence[Frame]) -> int:
    """How many pictures a decoder finds in them."""
    codec = av.CodecContext.create(frames[0].codec.value, "r")
    assert isinstance(codec, av.VideoCodecContext)
    codec.thread_count = 1
    count = 0
    for frame in frames:
        for picture in codec.decode(av.Packet(frame.data)):
            assert not picture.is_corrupt
            count += 1
    return count + len(codec.decode(None))


class VideoCase(LabCase):
    """A camera that is up."""

    def build(self, firmware: Firmware = FIRMWARE_B, **how: Any) -> Camera:
        """The lab, and the camera in it."""
        self.lab = Lab(firmware, **how)
        self.network = self.lab.network
        camera = self.lab.camera(password=PASSWORD)
        camera.connect()
        self.network.advance(3)
        self.assertIs(CameraState.UP, camera.state)
        return camera

    def watch(self, camera: Camera) -> list[Frame]:
        """Watch it; gives the list that frames come into."""
        frames: list[Frame] = []
        camera.video.subscribe(frames.append)
        return frames

    def assertFilm(self, name: str, frames: Sequence[Frame], first: int = 0) -> None:
        """These are the frames of a clip, in a row and whole."""
        film = digests(clip(name).frames)
        if name == "mjpeg":
            # An encoder of another rate repeats or leaves out pictures.
            self.assertLessEqual({*digests([f.data for f in frames])}, {*film})
            self.assertSteady(frames, frames[1].time - frames[0].time)
            return
        self.assertEqual(
            [film[(first + n) % len(film)] for n in range(len(frames))],
            digests([frame.data for frame in frames]),
        )

    def assertSteady(self, frames: Sequence[Frame], step: float) -> None:
        """Each is presented a step after the one before, and counted."""
        for one, other in pairwise(frames):
            self.assertLess(abs(other.time - one.time - step), 0.002)
            self.assertEqual(one.number + 1, other.number)


class PictureTests(VideoCase):
    """Pictures."""

    def test_everyCodec(self) -> None:
        """Both firmwares, all codecs: the frames are the clip's, and decode."""
        for firmware, codec in SHOWS:
            camera = self.build(firmware, codec=codec)
            frames = self.watch(camera)
            self.network.advance(5)
            rate = 25 if firmware is FIRMWARE_A else 15
            self.assertIn(len(frames), range(5 * rate - 2, 5 * rate + 2))
            self.assertEqual({CODEC_OF[codec]}, {frame.codec for frame in frames})
            self.assertFilm(CODECS[codec].main, frames)
            keys = clip(CODECS[codec].main).keys
            for place, frame in enumerate(frames):
                self.assertIs(codec == "mjpeg" or place in keys, frame.keyframe)
                self.assertIs(False, frame.gap)
            self.assertSteady(frames, 1 / rate)
            part = frames[:40]
            self.assertEqual(len(part), decoded(part), (firmware.name, codec))

    def test_storm(self) -> None:
        """With loss, disorder and duplicates every frame arrives, whole."""
        for firmware, codec in SHOWS:
            camera = self.build(firmware, codec=codec, fps=15)
            frames = self.watch(camera)
            self.lab.emulated.faults = Faults(
                seed=5, loss=0.05, duplicate=0.05, reorder=0.1
            )
            self.network.advance(15)
            self.assertGreater(len(frames), 210)
            self.assertFilm(CODECS[codec].main, frames)
            numbers = camera.statistics()
            self.assertEqual((0, 0, 0), (numbers.damaged, numbers.held, numbers.lost))
            self.assertGreater(numbers.duplicates, 10)
            self.assertLess(
                max(b.time - a.time for a, b in pairwise(frames)), 0.08, firmware
            )

    def test_stormOnTheWay(self) -> None:
        """So it is when the network is to blame."""
        camera = self.build(bitrate=2_000_000)
        frames = self.watch(camera)
        for name, value in (("loss", 0.05), ("duplicate", 0.05), ("reorder", 0.2)):
            setattr(self.network, name, value)
        self.network.jitter = 0.005
        self.network.advance(10)
        self.assertGreater(len(frames), 140)
        self.assertEqual([], [frame for frame in frames if frame.gap])
        self.assertEqual(
            list(range(frames[0].number, frames[0].number + len(frames))),
            [frame.number for frame in frames],
        )
        self.assertEqual(len(frames), decoded(frames))

    def test_hole(self) -> None:
        """A packet that never comes costs the pictures up to the next keyframe."""
        camera = self.build(fps=15)
        frames = self.watch(camera)
        self.network.advance(1)
        missing: list[bytes] = []

        def fate(datagram: Datagram) -> list[float]:
            kind, channel = datagram.payload[1], datagram.payload[5:6]
            if datagram.source[0] == CAMERA and (kind, channel) == (0xD0, b"\x01"):
                index = datagram.payload[6:8]
                missing.append(index)
                if index == missing[0]:
                    return []
            return [0.0005]

        self.network.fate = fate
        self.network.advance(1)
        before = len(frames)
        self.network.advance(5)
        self.assertIn(before, range(14, 18))
        [gap] = [place for place, frame in enumerate(frames) if frame.gap]
        self.assertEqual(before, gap)
        self.assertTrue(frames[gap].keyframe)
        # Keyframes are two seconds apart.
        self.assertEqual(frames[0].number + 30, frames[gap].number)
        self.assertFilm("h264-main", frames[gap:], 30)
        numbers = camera.statistics()
        self.assertEqual(1, numbers.lost)
        # The picture in question was all in that packet, head included.
        self.assertEqual((30 - gap - 1, 0), (numbers.held, numbers.damaged))

    def test_clock(self) -> None:
        """The camera's clock being set forward and back is not to be noticed."""
        camera = self.build()
        frames = self.watch(camera)
        sound: list[Frame] = []
        camera.audio.subscribe(sound.append)
        for offset in (0, YEAR, 0, -YEAR, 30):
            self.lab.emulated.setClock(offset)
            self.network.advance(3)
        for stream, step in ((frames, 1 / 15), (sound, 0.128)):
            self.assertGreater(len(stream), 100)
            for one, other in pairwise(stream):
                self.assertGreater(other.time, one.time)
                self.assertLess(other.time - one.time, 3 * step)
            for frame in stream:
                self.assertLess(abs(frame.time - frame.arrived), 0.3)
        self.assertEqual([], [frame for frame in frames if frame.gap])

    def test_joinsInTheMiddle(self) -> None:
        """Whoever joins between two keyframes has a picture at once."""
        camera = self.build(fps=15)
        self.watch(camera)
        self.network.advance(2.7)
        woken: list[bool] = []
        viewer = camera.video.view(lambda: woken.append(True))
        self.assertEqual([True], woken)
        frames = []
        while (frame := viewer.take()) is not None:
            frames.append(frame)
        self.assertTrue(frames[0].keyframe)
        self.assertIn(len(frames), range(8, 12))
        self.assertEqual(len(frames), decoded(frames))

        async def first() -> Frame:
            async for frame in camera.video.frames():
                return frame
            raise AssertionError

        self.assertIs(frames[0], self.successResultOf(Deferred.fromCoroutine(first())))

    def test_twoViewers(self) -> None:
        """Two viewers are one to the camera, and both see everything."""
        camera = self.build()
        one, other = self.watch(camera), self.watch(camera)
        viewer = camera.video.view(lambda: None)
        self.network.advance(3)
        self.assertEqual(1, len(self.lab.emulated.sessions))
        self.assertEqual(1, camera.statistics().requests)
        self.assertFilm("h264-main", one)
        self.assertEqual(one, other)
        self.assertEqual(len(one), len(viewer))

    def test_twoCameras(self) -> None:
        """Two clients of one camera each see the film from its beginning."""
        camera = self.build()
        second = self.lab.camera(password=PASSWORD, name="second")
        second.connect()
        one = self.watch(camera)
        self.network.advance(3.3)
        other = self.watch(second)
        self.network.advance(3)
        self.assertFilm("h264-main", one)
        self.assertFilm("h264-main", other)
        self.assertGreater(len(other), 40)


class LifeTests(VideoCase):
    """Beginnings and ends."""

    def test_asked(self) -> None:
        """The camera sends while somebody watches, and stops a while later."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            camera = self.build(firmware)
            [session] = self.lab.emulated.sessions
            self.assertFalse(session.streaming.video)
            leave = camera.video.subscribe(lambda frame: None)
            self.network.advance(10)
            self.assertTrue(session.streaming.video)
            self.assertEqual(1, camera.statistics().requests, firmware.name)
            leave()
            self.network.advance(LINGER - 0.1)
            self.assertTrue(session.streaming.video)
            self.network.advance(0.2)
            self.assertFalse(session.streaming.video)
            self.network.advance(10)
            self.assertEqual(1, camera.statistics().requests, firmware.name)

    def test_unanswered(self) -> None:
        """A camera that does not answer the question is no problem."""
        camera = self.build(FIRMWARE_A)
        with capturedLogs() as logs:
            frames = self.watch(camera)
            status = camera.status()
            self.network.advance(5)
            self.successResultOf(status)
        self.assertGreater(len(frames), 100)
        self.assertEqual([], [e for e in logs if "problem" in e])

    def test_rejected(self) -> None:
        """A wrong password is tried once, told once, and mended at any time."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            camera = self.build(firmware)
            camera.setLogin("admin", "wrong")
            with capturedLogs() as logs:
                frames = self.watch(camera)
                camera.audio.subscribe(lambda frame: None)
                self.network.advance(30)
            told = [e for e in logs if "wrong user" in str(formatEvent(e))]
            # The newer firmware may not answer at all.
            self.assertLessEqual(len(told), 1)
            self.assertEqual([], frames)
            camera.setLogin("admin", PASSWORD)
            self.network.advance(5)
            self.assertGreater(len(frames), 30, firmware.name)

    def test_powerCut(self) -> None:
        """A camera that loses power while it is watched is silent, and not deaf."""
        for moment in range(10):
            camera = self.build()
            reasons: list[Reason] = []
            camera.onLost(partial(noteReason, reasons))
            frames = self.watch(camera)
            camera.audio.subscribe(lambda frame: None)
            self.network.advance(2 + moment / 10)
            with capturedLogs() as logs:
                self.lab.emulated.reboot(10)
                # The pictures fail to come, and are asked for again.
                self.network.advance(9)
            self.assertEqual([Reason.SILENT], reasons)
            self.assertGreater(camera.statistics().resent, 0)
            said = [formatEvent(e) for e in logs if e["log_level"] > LogLevel.info]
            (line,) = said
            self.assertIn("lost: silent", str(line))
            self.assertEqual("", camera.video.problem)
            seen = len(frames)
            self.network.advance(30)
            self.assertGreater(len(frames), seen)

    def test_leaves(self) -> None:
        """Who leaves the lower quality has its session end without a complaint."""
        camera = self.build()
        leave = camera.subVideo.subscribe(lambda frame: None)
        self.network.advance(5)
        with capturedLogs() as logs:
            leave()
            self.network.advance(LINGER + 3)
        assert camera.twin is not None
        self.assertIs(CameraState.STOPPED, camera.twin.state)
        self.assertEqual([], [e for e in logs if e["log_level"] > LogLevel.info])

    def test_breaks(self) -> None:
        """Who breaks out of the loop does not leave the camera streaming."""
        camera = self.build()
        [session] = self.lab.emulated.sessions

        async def watch() -> int:
            count = 0
            async for _ in camera.video.frames():
                count += 1
                if count == 100:
                    break
            return count

        done = Deferred.fromCoroutine(watch())
        self.assertEqual(100, self.resultAfter(self.network, 10, done))
        self.assertEqual(0, camera.video.audience)
        self.network.advance(LINGER + 0.1)
        self.assertFalse(session.streaming.video)

    def test_reboot(self) -> None:
        """A reboot in the middle of a frame is a gap, and nothing else."""
        for keep in range(1, 8):
            camera = self.build(fps=15)
            frames = self.watch(camera)
            self.network.advance(3.99)
            passed: list[int] = []

            def fate(
                datagram: Datagram, keep: int = keep, passed: list[int] = passed
            ) -> list[float]:
                # The next is a keyframe of many packets.
                if datagram.source[0] == CAMERA and datagram.payload[1] == 0xD0:
                    passed.append(1)
                    return [0.0005] if len(passed) <= keep else []
                return [0.0005]

            self.network.fate = fate
            self.network.advance(0.05)
            self.assertGreater(len(passed), keep)
            self.lab.emulated.reboot(5)
            self.network.fate = None
            before = len(frames)
            self.network.advance(40)
            self.assertIs(CameraState.UP, camera.state)
            self.assertFilm("h264-main", frames[:before])
            self.assertFilm("h264-main", frames[before:])
            self.assertGreater(len(frames), before + 200)
            self.assertEqual(
                [before], [place for place, frame in enumerate(frames) if frame.gap]
            )
            self.assertLessEqual(camera.statistics().damaged, 1)
            times = [frame.time for frame in frames]
            self.assertEqual(sorted(set(times)), times)

    def test_silence(self) -> None:
        """A camera that is silent for a while goes on by itself."""
        camera = self.build(fps=15)
        frames = self.watch(camera)
        self.network.advance(3)
        self.lab.emulated.fallSilent(4)
        self.network.advance(15)
        self.assertIs(CameraState.UP, camera.state)
        self.assertGreater(frames[-1].arrived, self.network.seconds() - 0.2)
        previous = None
        for frame in frames:
            if previous is not None and frame.number != previous.number + 1:
                self.assertTrue(frame.keyframe)
            previous = frame

    def test_nothingLeft(self) -> None:
        """After the disconnect nothing is left, whoever still watches or just left."""
        for pause in (0.0, 0.1, 1.0, 6.0):
            for leaves in (False, True):
                camera = self.build()
                leave = [
                    stream.subscribe(lambda frame: None)
                    for stream in (camera.video, camera.audio)
                ]
                self.network.advance(pause)
                if leaves:
                    for one in leave:
                        one()
                self.resultAfter(self.network, 1, camera.disconnect())
                self.lab.remove()
                self.assertNothingLeft(self.network, self.lab.pc, self.lab.host)


class SoundTests(VideoCase):
    """Sound."""

    def listen(self, camera: Camera) -> list[Frame]:
        """Listen to it; gives the list that packets come into."""
        frames: list[Frame] = []
        camera.audio.subscribe(frames.append)
        return frames

    def test_reset(self) -> None:
        """Both firmwares: every packet comes, and is what the microphone heard."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            camera = self.build(firmware)
            frames = self.listen(camera)
            self.network.advance(4)
            self.assertGreater(len(frames), 28)
            for place, frame in enumerate(frames):
                self.assertEqual(adpcm(place * 1024 % 8000, 0, 0)[0], frame.data)
                self.assertEqual((0, 0), (frame.predictor, frame.index))
                self.assertIs(Codec.ADPCM, frame.codec)
            self.assertSteady(frames, 0.128)
            self.assertSound(frames)

    def assertSound(self, frames: Sequence[Frame], first: int = 0) -> None:
        """Decoded, that is what was said, from a packet on."""
        decoder = SoundDecoder()
        heard, said = array("h"), array("h")
        for place, frame in enumerate(frames, first):
            heard += decoder.decode(frame)
            said += block(place * 1024)
        noise = sum((a - b) ** 2 for a, b in zip(said, heard, strict=True))
        self.assertLess(noise, 0.05 * sum(a * a for a in said))

    def test_kept(self) -> None:
        """When somebody has the camera's state run on, sound is as good."""
        for firmware, streamid in ((FIRMWARE_A, 4), (FIRMWARE_B, 1)):
            camera = self.build(firmware)
            frames = self.listen(camera)
            self.network.advance(1)
            before = len(frames)
            camera.call("audiostream", streamid=streamid, adpcm_ver=1)
            self.network.advance(4)
            kept = frames[before + 1 :]
            self.assertGreater(len(kept), 25)
            self.assertNotEqual({(0, 0)}, {(f.predictor, f.index) for f in kept})
            decoder = SoundDecoder()
            for frame in frames:
                samples = decoder.decode(frame)
                if frame in kept:
                    self.assertEqual(frame.predictor, samples[-1])
            self.assertSound(frames)

    def test_keptJoined(self) -> None:
        """Whoever joins that later is right after one packet of silence."""
        camera = self.build(FIRMWARE_A)
        self.listen(camera)
        camera.call("audiostream", streamid=4)
        self.network.advance(2)
        frames = self.listen(camera)
        self.network.advance(2)
        decoder = SoundDecoder()
        self.assertEqual({0}, set(decoder.decode(frames[0])))
        for frame in frames[1:]:
            self.assertEqual(frame.predictor, decoder.decode(frame)[-1])

    def test_alaw(self) -> None:
        """G.711 comes as it was said, to the bit."""
        camera = self.build(FIRMWARE_B)
        frames = self.listen(camera)
        camera.call("audiostream", streamid=7)
        self.network.advance(4)
        self.assertGreater(len(frames), 25)
        for place, frame in enumerate(frames):
            if frame.codec is Codec.G711A:
                self.assertEqual(alaw(place * 1024 % 8000), frame.data)
        self.assertGreater([f.codec for f in frames].count(Codec.G711A), 25)
        self.assertSteady(frames, 0.128)
        self.assertSound(frames)

    def test_storm(self) -> None:
        """With loss, disorder and duplicates every packet arrives."""
        camera = self.build()
        frames = self.listen(camera)
        self.watch(camera)
        self.lab.emulated.faults = Faults(
            seed=2, loss=0.05, duplicate=0.05, reorder=0.1
        )
        self.network.advance(10)
        self.assertGreater(len(frames), 70)
        self.assertSteady(frames, 0.128)
        self.assertEqual([], [frame for frame in frames if frame.gap])

    def test_together(self) -> None:
        """Sound fits the pictures: what was said and shown at once is heard so."""
        camera = self.build(fps=15)
        pictures = self.watch(camera)
        self.network.advance(0.5)
        sound = self.listen(camera)
        self.network.advance(10)
        for frame in sound[:9]:
            place = round((frame.time - pictures[0].time) * 8000)
            near = range(place - 80, place + 80)
            self.assertIn(frame.data, [adpcm(n % 8000, 0, 0)[0] for n in near])

    def test_aac(self) -> None:
        """As AAC it is steady, too."""
        camera = self.build()
        frames: list[Frame] = []
        camera.sound.subscribe(frames.append)
        self.network.advance(5)
        self.assertGreater(len(frames), 30)
        self.assertSteady(frames, 0.128)
        self.assertEqual({Codec.AAC}, {frame.codec for frame in frames})
