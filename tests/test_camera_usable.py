"""Cameras whose sessions end at awkward moments, and who may speak to them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from tests.lab import CAMERA, OTHER_UID, Lab, LabCase, Socket
from twistedcam import Camera, CameraState, Discovery
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Faults
from twistedcam.errors import (
    LoginRejected,
    NotConnected,
    SessionClosed,
)
from twistedcam.media.fanout import Fanout, Viewer
from twistedcam.media.frame import Codec, Frame
from twistedcam.session.machine import Reason
from twistedcam.wire import dh
from twistedcam.wire.cgi import encodeCommand
from twistedcam.wire.drw import Drw


class UsableCase(LabCase):
    """A camera that is up."""

    def setUp(self) -> None:
        self.lab = Lab()
        self.camera = self.up(self.lab.camera(password="888888"))

    def up(self, camera: Camera) -> Camera:
        """Connect it."""
        camera.connect()
        self.lab.network.advance(3)
        self.assertIs(CameraState.UP, camera.state)
        return camera


class LostTests(UsableCase):
    """What is up is usable, and what is lost is not up."""

    def test_noBusyLoop(self) -> None:
        """Whoever waits and asks again and again does not stop the world."""
        rounds = 0

        async def ask() -> None:
            nonlocal rounds
            while True:
                await self.camera.whenUp()
                rounds += 1
                assert rounds < 50
                try:
                    await self.camera.call("get_status", within=3600)
                    await Deferred[None]()
                except (SessionClosed, NotConnected):
                    continue

        self.lab.emulated.faults = Faults(mute=frozenset(["get_status"]))
        asking = Deferred.fromCoroutine(ask())
        self.lab.network.advance(1)
        self.lab.emulated.stop()
        self.lab.network.advance(20)
        self.assertNoResult(asking)
        self.assertEqual(1, rounds)

    def test_told(self) -> None:
        """Whoever is told of a loss finds the camera lost."""
        told = []

        def lost(reason: Reason, delay: float) -> None:
            told.append((self.camera.state, self.camera.whenUp().called))

        self.camera.onLost(lost)
        self.lab.emulated.stop()
        self.lab.network.advance(1)
        self.assertEqual([(CameraState.WAITING, False)], told)

    def test_searcherStopped(self) -> None:
        """A camera that searches when its searcher is stopped searches again."""
        self.lab.emulated.stop()
        self.lab.network.advance(60)
        self.assertIs(CameraState.SEARCHING, self.camera.state)
        self.lab.discovery.stop()
        self.lab.emulated.start()
        self.lab.network.advance(120)
        self.assertIs(CameraState.UP, self.camera.state)

    def test_lateRefusal(self) -> None:
        """A refusal that comes after the end is nobody's business."""
        session = self.camera._session
        assert session is not None
        self.lab.emulated.stop()
        self.lab.network.advance(1)
        session.connectionRefused()
        self.lab.network.advance(0)

    def test_unsubscribedLater(self) -> None:
        """Whoever leaves a stream after the camera was left leaves no timer."""
        leave = self.camera.video.subscribe(lambda frame: None)
        self.lab.network.advance(2)
        self.camera.disconnect()
        self.lab.network.advance(1)
        leave()
        leave()
        self.lab.remove()
        self.lab.network.advance(10)
        self.assertNothingLeft(self.lab.network, self.lab.pc)


class LoginTests(UsableCase):
    """A rejected login is sent once."""

    def test_queued(self) -> None:
        """Commands that wait behind a rejected one are not sent."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            self.lab = Lab(firmware)
            camera = self.up(self.lab.camera(password="wrong"))
            sent = len(self.lab.network.captured)
            asked = [camera.status() for _ in range(10)]
            self.lab.network.advance(5)
            for one in asked:
                self.failureResultOf(one, LoginRejected)
            commands = [
                datagram
                for datagram in list(self.lab.network.captured)[sent:]
                if b"get_status" in datagram.payload
            ]
            self.assertEqual(1, len(commands))

    def test_abandoned(self) -> None:
        """It is remembered even if the caller did not wait for the answer."""
        camera = self.up(self.lab.camera(password="wrong", name="other"))
        camera.status().addErrback(lambda failure: None).cancel()
        self.lab.network.advance(2)
        self.failureResultOf(camera.status(), LoginRejected)

    def test_companion(self) -> None:
        """The second session does not try it again."""
        camera = self.up(self.lab.camera(password="wrong", name="other"))
        refused = camera.status()
        self.lab.network.advance(1)
        self.failureResultOf(refused, LoginRejected)
        sent = len(self.lab.network.captured)
        camera.subVideo.subscribe(lambda frame: None)
        self.lab.network.advance(30)
        for datagram in list(self.lab.network.captured)[sent:]:
            self.assertNotIn(b"loginpas", datagram.payload)

    def test_repr(self) -> None:
        """A packet with a login in it does not show it."""
        packet = Drw(0, 0, encodeCommand("get_status", {}, {"loginpas": "s3cret"}))
        self.assertNotIn("s3cret", repr(packet))


class IdentityTests(LabCase):
    """Who is taken for the camera."""

    def test_strayReport(self) -> None:
        """A report of a camera that is not there does not bind us to it for ever."""
        lab = Lab()
        stray = Socket(lab.host)
        lab.emulated.stop()
        camera = lab.camera(deviceId=None)
        camera.connect()
        lab.network.advance(0.1)
        asked = [
            datagram.source
            for datagram in lab.network.captured
            if datagram.payload[:2] == b"DH"
        ]
        report = dh.encode(dh.DhReport(ip=CAMERA, uid=OTHER_UID.compact))
        stray.say(report, asked[0])
        lab.network.advance(20)
        lab.emulated.start()
        lab.network.advance(60)
        self.assertIs(CameraState.UP, camera.state)
        self.assertEqual(lab.emulated.deviceId, camera.deviceId)

    def test_companionOfAny(self) -> None:
        """The second session of a camera that nobody named is with the same one."""
        lab = Lab()
        camera = lab.camera(deviceId=None)
        camera.subVideo.subscribe(lambda frame: None)
        camera.connect()
        lab.network.advance(5)
        self.assertEqual(2, len(lab.emulated.sessions))
        camera.disconnect()
        lab.network.advance(2)
        self.assertEqual([], lab.emulated.sessions)

    def test_addresses(self) -> None:
        """A name where an address should be is refused at once."""
        lab = Lab()
        for name in "garden.lan", "::1", "192.0.2.300":
            self.assertRaises(ValueError, lab.discovery.find, address=name)
            self.assertRaises(ValueError, lab.discovery.search, 1, addresses=[name])
            self.assertRaises(ValueError, Discovery, lab.pc, searchAddresses=[name])
            self.assertRaises(ValueError, lab.camera, address=name)
        self.assertNothingLeft(lab.network, lab.pc)

    def test_bounded(self) -> None:
        """A flood of forged answers does not grow what a search finds for ever."""
        lab = Lab()
        flood = Socket(lab.host)
        searching = lab.discovery.search(5)
        lab.network.advance(0.1)
        asker = next(
            datagram.source
            for datagram in lab.network.captured
            if datagram.payload[:2] == b"DH"
        )
        for number in range(2000):
            uid = f"VSTB{number:06d}ABCDE"
            flood.say(dh.encode(dh.DhReport(ip=CAMERA, uid=uid)), asker)
        lab.network.advance(5)
        self.assertLessEqual(len(self.successResultOf(searching)), 1024)


class JoiningTests(LabCase):
    """Joining and leaving while frames are handed out."""

    def test_joinedInCallback(self) -> None:
        """A viewer who joins while others are told has each frame once."""
        fanout = Fanout()
        viewers: list[Viewer] = []

        def join(frame: Frame) -> None:
            if not viewers:
                viewers.append(fanout.view(lambda: None))

        fanout.subscribe(join)
        fanout.publish(Frame(Codec.MJPEG, b"x", True, 1.0, 1, 1.0))
        self.assertEqual(1, len(viewers[0]))

    def test_leftInCallback(self) -> None:
        """Whoever is unsubscribed while others are told is not called any more."""
        fanout = Fanout()
        told: list[Frame] = []
        leave: list[Callable[[], None]] = []
        fanout.subscribe(lambda frame: leave.pop()())
        leave.append(fanout.subscribe(told.append))
        fanout.publish(Frame(Codec.MJPEG, b"x", True, 1.0, 1, 1.0))
        self.assertEqual([], told)
