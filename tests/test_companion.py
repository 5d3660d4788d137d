"""Tests for L{twistedcam.companion}: two qualities of one camera."""

from __future__ import annotations

from itertools import pairwise

from tests.lab import Lab, LabCase
from twistedcam import Camera, CameraState
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Firmware
from twistedcam.emulator.clips import clip
from twistedcam.media.frame import Frame
from twistedcam.streams import LINGER

BOTH = (FIRMWARE_A, FIRMWARE_B)


class CompanionCase(LabCase):
    """A camera that is up."""

    def build(self, firmware: Firmware = FIRMWARE_B, up: bool = True) -> Camera:
        """The lab, and the camera in it."""
        self.lab = Lab(firmware)
        camera = self.lab.camera(password="888888")
        if up:
            camera.connect()
            self.lab.network.advance(2)
            self.assertIs(CameraState.UP, camera.state)
        return camera

    def sessions(self) -> int:
        """How many sessions the camera serves."""
        return len(self.lab.emulated.sessions)

    def assertFilm(self, name: str, frames: list[Frame]) -> None:
        """These are the frames of a clip."""
        film = clip(name).frames
        self.assertNotEqual([], frames)
        for place, frame in enumerate(frames):
            self.assertEqual(film[place % len(film)], frame.data, place)


class CompanionTests(CompanionCase):
    """The second session."""

    def test_both(self) -> None:
        """Both qualities can be watched at once, in two sessions, by both firmwares."""
        for firmware in BOTH:
            camera = self.build(firmware)
            main: list[Frame] = []
            sub: list[Frame] = []
            camera.video.subscribe(main.append)
            self.lab.network.advance(1)
            self.assertEqual(1, self.sessions())
            camera.subVideo.subscribe(sub.append)
            self.lab.network.advance(5)
            self.assertEqual(2, self.sessions())
            self.assertFilm("h264-main", main)
            self.assertFilm("h264-sub", sub)
            self.assertGreater(len(main), 80)
            self.assertGreater(len(sub), 50)
            self.assertParts(camera)

    def assertParts(self, camera: Camera) -> None:
        """After the disconnect nothing is left."""
        self.resultAfter(self.lab.network, 2, camera.disconnect())
        self.assertEqual(0, self.sessions())
        self.lab.remove()
        self.lab.network.advance(60)
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_nobody(self) -> None:
        """To ask for the stream is not to watch it: that takes no session."""
        camera = self.build()
        self.assertEqual(0, camera.subVideo.audience)
        self.assertIs(camera.subVideo, camera.subVideo)
        self.lab.network.advance(10)
        self.assertEqual(1, self.sessions())
        self.assertParts(camera)

    def test_alone(self) -> None:
        """Only the small one may be watched; afterwards its session ends."""
        camera = self.build()
        sub: list[Frame] = []
        leave = camera.subVideo.subscribe(sub.append)
        self.lab.network.advance(3)
        self.assertFilm("h264-sub", sub)
        self.assertEqual(0, camera.statistics().frames)
        leave()
        self.lab.network.advance(LINGER - 0.5)
        self.assertEqual(2, self.sessions())
        self.lab.network.advance(1.5)
        self.assertEqual(1, self.sessions())
        self.assertIs(CameraState.UP, camera.state)
        self.assertParts(camera)

    def test_rejoin(self) -> None:
        """Whoever comes when the session is just ending is served by another."""
        camera = self.build()
        for pause in (0.0, 0.02, 0.1, 0.2, 0.5, 3.0):
            sub: list[Frame] = []
            leave = camera.subVideo.subscribe(lambda frame: None)
            self.lab.network.advance(3)
            leave()
            self.lab.network.advance(LINGER + pause)
            leave = camera.subVideo.subscribe(sub.append)
            self.lab.network.advance(4)
            self.assertFilm("h264-sub", sub)
            self.assertEqual(2, self.sessions())
            leave()
            self.lab.network.advance(LINGER + 2)
            self.assertEqual(1, self.sessions())

    def test_connect(self) -> None:
        """Who watches before the camera is wanted is served when it is, each time."""
        camera = self.build(up=False)
        sub: list[Frame] = []
        camera.subVideo.subscribe(sub.append)
        self.lab.network.advance(5)
        self.assertEqual(([], 0), (sub, self.sessions()))
        for _ in range(3):
            sub.clear()
            camera.connect()
            self.lab.network.advance(5)
            self.assertFilm("h264-sub", sub)
            self.assertEqual(2, self.sessions())
            self.resultAfter(self.lab.network, 2, camera.disconnect())
            self.assertEqual(0, self.sessions())
            sub.clear()
            self.lab.network.advance(10)
            self.assertEqual(([], 0), (sub, self.sessions()))
        self.assertNothingLeft(self.lab.network, self.lab.pc)

    def test_disconnect(self) -> None:
        """The disconnect is complete when both sessions are over, at every moment."""
        for moment in (0.0, 0.01, 0.06, 0.1, 0.2, 0.5, 3.0):
            camera = self.build()
            camera.subVideo.subscribe(lambda frame: None)
            self.lab.network.advance(moment)
            self.assertParts(camera)

    def test_atOnce(self) -> None:
        """To disconnect and to connect at once brings both back."""
        camera = self.build()
        sub: list[Frame] = []
        camera.subVideo.subscribe(sub.append)
        self.lab.network.advance(2)
        self.resultAfter(self.lab.network, 1, camera.disconnect())
        sub.clear()
        camera.connect()
        self.lab.network.advance(3)
        self.assertFilm("h264-sub", sub)
        self.assertEqual(2, self.sessions())

    def test_mainLost(self) -> None:
        """When one session is lost, the other goes on, whichever it is."""
        for lost in (0, 1):
            camera = self.build()
            streams: tuple[list[Frame], list[Frame]] = ([], [])
            camera.video.subscribe(streams[0].append)
            camera.subVideo.subscribe(streams[1].append)
            self.lab.network.advance(3)
            for session in list(self.lab.emulated.sessions):
                if session.streaming.substream == lost + 1:
                    session.close()
            self.lab.network.advance(6)
            self.assertEqual(2, self.sessions())
            gone, stayed = streams[lost], streams[1 - lost]
            self.assertEqual([], [frame for frame in stayed if frame.gap])
            self.assertEqual(1, len([frame for frame in gone if frame.gap]))
            self.assertFilm(("h264-sub", "h264-main")[lost], stayed)
            self.assertLess(
                max(b.time - a.time for a, b in pairwise(stayed)),
                0.2,
            )

    def test_waitsForBoth(self) -> None:
        """The disconnect waits for the second session, if that is the last one."""
        camera = self.build()
        camera.subVideo.subscribe(lambda frame: None)
        self.lab.network.advance(2)
        for session in list(self.lab.emulated.sessions):
            if not session.streaming.video:
                session.close()
        self.lab.network.advance(0.1)
        self.assertIs(CameraState.WAITING, camera.state)
        done = camera.disconnect()
        self.assertIs(CameraState.STOPPED, camera.state)
        self.assertNoResult(done)
        self.resultAfter(self.lab.network, 1, done)
        self.assertEqual(0, self.sessions())
