"""Commands from end to end: L{twistedcam.camera.Camera} and an emulated camera."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs, formatEvent

from tests.lab import UID, Lab, LabCase
from twistedcam import Camera, CameraState, DeviceId
from twistedcam.emulator import (
    FIRMWARE_A,
    FIRMWARE_B,
    Doors,
    EmulatedCamera,
    Faults,
    Firmware,
)
from twistedcam.errors import (
    CameraFull,
    CommandTimeout,
    ConsentRequired,
    LoginLocked,
    LoginRejected,
    NotConnected,
    NotSupported,
    SessionClosed,
)
from twistedcam.wire.cgi import Reply

PASSWORD = "888888"
FIRMWARES = (FIRMWARE_A, FIRMWARE_B)


class CommandCase(LabCase):
    """A camera that is up, unless told otherwise."""

    def build(self, firmware: Firmware = FIRMWARE_B, **how: Any) -> Camera:
        """The lab, and a camera that is up in it."""
        self.lab = Lab(firmware, **how)
        camera = self.lab.camera(password=PASSWORD)
        camera.connect()
        self.lab.network.advance(3)
        self.assertIs(CameraState.UP, camera.state)
        return camera

    def ask(self, deferred: Deferred[Any], seconds: float = 5) -> Any:
        """The answer that comes in time."""
        return self.resultAfter(self.lab.network, seconds, deferred)

    def pan(self, camera: Camera) -> int:
        """Where it looks."""
        angle: int = self.ask(camera.status(), 1).raw["ptz_pan"]
        return angle

    def refuse(self, kind: type[Exception], deferred: Deferred[Any]) -> Any:
        """The error that comes in time."""
        self.lab.network.advance(15)
        return self.failureResultOf(deferred, kind).value


class AnswerTests(CommandCase):
    """What is asked is answered, by both firmwares."""

    def test_readBack(self) -> None:
        """What is set can be read back."""
        for firmware in FIRMWARES:
            camera = self.build(firmware)
            self.ask(camera.setImage(brightness=77, contrast=20, flip=3, infrared=0))
            image = self.ask(camera.imageSettings())
            self.assertEqual(
                (77, 20, 3, 0),
                (image.brightness, image.contrast, image.flip, image.infrared),
            )
            self.ask(camera.setTime(1_900_000_000))
            status = self.ask(camera.status(), 2)
            self.assertLess(abs(status.now - 1_900_000_000), 10)
            self.assertEqual(UID, DeviceId.fromText(status.deviceId))

    def test_moves(self) -> None:
        """It turns until it is stopped, and back to a stored position."""
        for firmware in FIRMWARES:
            camera = self.build(firmware)
            self.ask(camera.move("home"), 10)
            middle = self.pan(camera)
            self.ask(camera.setPreset(3), 1)
            self.ask(camera.move("left"), 1)
            self.ask(camera.stop(), 1)
            self.assertNotEqual(middle, stopped := self.pan(camera))
            self.lab.network.advance(5)
            self.assertEqual(stopped, self.pan(camera))
            self.ask(camera.goToPreset(3), 10)
            self.assertEqual(middle, self.pan(camera))

    def test_big(self) -> None:
        """Answers of many packets arrive whole, also over a bad network."""
        for firmware in FIRMWARES:
            camera = self.build(firmware)
            self.lab.network.loss = 0.1
            self.lab.network.duplicate = 0.1
            self.lab.network.reorder = 0.1
            params = self.ask(camera.params(), 20)
            self.assertGreater(len(params), 100)
            records = self.ask(camera.records(), 30)
            self.assertEqual(300, len({record.name for record in records}))
            picture = self.ask(camera.snapshot(), 20)
            self.assertEqual((b"\xff\xd8", b"\xff\xd9"), (picture[:2], picture[-2:]))

    def test_obfuscated(self) -> None:
        """A camera with a key answers just as well."""
        for psk, given in (("vstarcam2019", None), ("my own", "my own")):
            self.lab = Lab(psk=psk, deviceId=DeviceId("VSTJ", 123456, "ABCDE"))
            camera = self.lab.camera(password=PASSWORD, psk=given)
            camera.connect()
            self.lab.network.advance(3)
            self.assertEqual(1, self.ask(camera.checkUser()).current)
            self.assertTrue(self.ask(camera.snapshot()))

    def test_unknown(self) -> None:
        """A command that the camera does not know is an error of its own."""
        for firmware in FIRMWARES:
            camera = self.build(firmware)
            self.refuse(NotSupported, camera.call("no_such", allow="dangerous"))
            self.ask(camera.status())

    def test_consent(self) -> None:
        """Nothing is sent without consent."""
        camera = self.build()
        sent = len(self.lab.network.captured)
        for name in ("set_wifi", "upgrade_firmware", "no_such"):
            self.failureResultOf(camera.call(name), ConsentRequired)
        self.failureResultOf(camera.reboot(), ConsentRequired)
        self.assertEqual(sent, len(self.lab.network.captured))

    def test_pushed(self) -> None:
        """Alarms and statuses that come unasked are told to those who watch."""
        camera = self.build()
        alarms: list[int] = []
        statuses: list[Reply] = []
        unsubscribe = camera.onAlarm(alarms.append)
        camera.onStatus(statuses.append)
        self.lab.emulated.alarm(1)
        self.lab.emulated.pushStatus()
        self.lab.network.advance(1)
        self.assertEqual([1], alarms)
        self.assertEqual(["IPCAM"], [status.text("alias") for status in statuses])
        unsubscribe()
        self.lab.emulated.alarm(1)
        self.lab.network.advance(1)
        self.assertEqual([1], alarms)


class LoginTests(CommandCase):
    """Who is let in."""

    def test_rejected(self) -> None:
        """
        A wrong password is told at once, and never tried again, not even in the
        next session, until it is changed.
        """
        for firmware in FIRMWARES:
            self.build(firmware)
            camera = self.lab.camera(password="wrong", name="burglar")
            camera.connect()
            self.lab.network.advance(3)
            self.ask(camera.whenUp())
            first = camera.status()
            self.lab.network.advance(0.5)
            self.failureResultOf(first, LoginRejected)
            sent = len(self.lab.network.captured)
            for again in (camera.status, camera.snapshot, camera.params):
                self.failureResultOf(again(), LoginRejected)
            self.assertEqual(sent, len(self.lab.network.captured))
            self.lab.emulated.reboot(downFor=1)
            self.lab.network.advance(80)
            self.assertIs(CameraState.UP, camera.state)
            self.failureResultOf(camera.status(), LoginRejected)
            camera.setLogin("admin", PASSWORD)
            self.ask(camera.status())

    def test_special(self) -> None:
        """Commands whose refusal has another code are no exception."""
        for firmware in FIRMWARES:
            for ask in (Camera.snapshot, Camera.wifiNetworks, Camera.setTime):
                self.build(firmware)
                camera = self.lab.camera(password="wrong", name="burglar")
                camera.connect()
                self.ask(camera.whenUp())
                refused = ask(camera)
                self.lab.network.advance(1)
                self.failureResultOf(refused, LoginRejected)

    def test_locked(self) -> None:
        """A lock-out is told with its time, and waited for without asking."""
        camera = self.build(FIRMWARE_A)
        for attempt in range(10):
            camera.setLogin("admin", f"wrong {attempt}")
            self.refuse(LoginRejected, camera.status()) if attempt == 0 else (
                self.quick(camera)
            )
        camera.setLogin("admin", PASSWORD)
        first = camera.status()
        self.lab.network.advance(1)
        locked = self.failureResultOf(first, LoginLocked).value
        assert isinstance(locked, LoginLocked)
        self.assertTrue(3500 < locked.seconds <= 3600, locked.seconds)
        sent = len(self.lab.network.captured)
        self.failureResultOf(camera.status(), LoginLocked)
        self.assertEqual(sent, len(self.lab.network.captured))
        self.lab.network.advance(3601)
        self.ask(camera.status())

    def quick(self, camera: Camera) -> None:
        """Fail within the window in which wrong passwords are counted."""
        asked = camera.status()
        self.lab.network.advance(0.5)
        self.failureResultOf(asked, LoginRejected)

    def test_anonymous(self) -> None:
        """A camera that was merely the first to answer never sees a password."""
        self.lab = Lab()
        camera = self.lab.camera(deviceId=None, password="s3cret-word")
        camera.connect()
        self.lab.network.advance(3)
        self.refuse(LoginRejected, camera.status())
        for datagram in self.lab.network.captured:
            self.assertNotIn(b"s3cret-word", datagram.payload)
            self.assertNotIn(b"loginpas", datagram.payload)

    def test_quiet(self) -> None:
        """No password reaches the log, whatever happens."""
        with capturedLogs() as events:
            self.build()
            camera = self.lab.camera(password="s3cret-word", name="burglar")
            camera.connect()
            self.ask(camera.whenUp())
            self.refuse(LoginRejected, camera.status())
            self.lab.emulated.reboot(downFor=1)
            self.lab.network.advance(20)
            camera.disconnect()
            self.lab.network.advance(1)
        told = " ".join(f"{formatEvent(event)} {event}" for event in events)
        self.assertNotIn("s3cret-word", told)
        self.assertNotIn("s3cret-word", repr(camera) + repr(vars(camera)))


class TroubleTests(CommandCase):
    """When it does not go well."""

    def test_mute(self) -> None:
        """An answer that never comes is a timeout, and the next command goes on."""
        for firmware in FIRMWARES:
            camera = self.build(firmware, faults=Faults(mute=frozenset({"get_log"})))
            silent = camera.call("get_log", within=4)
            after = camera.status()
            self.lab.network.advance(3.9)
            self.assertNoResult(silent)
            self.assertNoResult(after)
            self.lab.network.advance(1)
            self.failureResultOf(silent, CommandTimeout)
            self.successResultOf(after)

    def test_queueAndReboot(self) -> None:
        """
        Ten commands that wait when the camera reboots fail, each once; the next
        life answers.
        """
        for firmware in FIRMWARES:
            camera = self.build(firmware, faults=Faults(slow=1.0))
            asked = [camera.status() for _ in range(10)]
            self.lab.network.advance(1.5)
            self.lab.emulated.reboot(downFor=2)
            self.lab.network.advance(0.1)
            early = camera.status()
            self.lab.network.advance(30)
            self.successResultOf(asked[0])
            for one in (*asked[1:], early):
                self.failureResultOf(one, SessionClosed)
            self.lab.network.advance(80)
            self.ask(camera.status())

    def test_away(self) -> None:
        """Nobody is asked who is not there."""
        self.lab = Lab()
        camera = self.lab.camera(password=PASSWORD)
        self.failureResultOf(camera.status(), NotConnected)
        camera.connect()
        self.failureResultOf(camera.status(), NotConnected)
        self.lab.network.advance(3)
        self.ask(camera.status())
        camera.disconnect()
        failed = camera.status()
        self.lab.network.advance(1)
        self.failureResultOf(failed, NotConnected, SessionClosed)
        self.failureResultOf(camera.status(), NotConnected)

    def test_cancel(self) -> None:
        """
        A command can be cancelled at every point of its life, and the next is
        answered all the same.
        """
        for steps in range(40):
            camera = self.build(faults=Faults(slow=0.01))
            first, second, third = (
                camera.call("get_log"),
                camera.status(),
                camera.params(),
            )
            self.lab.network.advance(steps * 0.001)
            before = second.called
            second.cancel()
            if not before:
                self.failureResultOf(second, CancelledError)
            self.lab.network.advance(2)
            self.successResultOf(first)
            self.assertGreater(len(self.successResultOf(third)), 100)

    def test_once(self) -> None:
        """
        However many acknowledgements get lost, a command is obeyed once: each step
        of the motor counts.
        """
        plain = self.steps(0)
        for seed in range(5):
            self.assertEqual(plain, self.steps(0.3, seed))

    def steps(self, loss: float, seed: int = 0) -> int:
        """Where three steps lead, over a bad network."""
        camera = self.build()
        self.ask(camera.move("home"), 10)
        self.lab.network.loss = loss
        for _ in range(3):
            self.ask(camera.move("left", step=True), 20)
        self.lab.network.loss = 0
        return self.pan(camera)

    def test_full(self) -> None:
        """The fifth client of an older camera is told that it is full."""
        self.build(FIRMWARE_A)
        others = [
            self.lab.camera(password=PASSWORD, name=f"viewer-{n}") for n in range(3)
        ]
        for other in others:
            other.connect()
            self.lab.network.advance(3)
            self.assertIs(CameraState.UP, other.state)
        late = self.lab.camera(password=PASSWORD, name="late")
        problems: list[BaseException | None] = []
        late.onConnected(
            lambda: late.status().addErrback(lambda f: problems.append(f.value))
        )
        late.connect()
        self.lab.network.advance(8)
        self.assertIsInstance(problems[0], CameraFull)

    def test_fifty(self) -> None:
        """Fifty cameras are asked at once."""
        lab = self.lab = Lab()
        cameras = []
        for number in range(50):
            host = lab.network.host(f"camera-{number}", f"192.0.2.{100 + number}/24")
            doors = Doors(host)
            doors.open()
            uid = DeviceId("VSTB", 700_000 + number, "ABCDE")
            EmulatedCamera(host, uid, doors=doors, name=f"c{number}").start()
            camera = lab.camera(deviceId=uid, password=PASSWORD)
            camera.connect()
            cameras.append(camera)
        lab.network.advance(8)
        asked = [camera.status() for camera in cameras]
        pictures = [camera.snapshot() for camera in cameras]
        lab.network.advance(5)
        self.assertEqual(
            [f"c{number}" for number in range(50)],
            [self.successResultOf(status).alias for status in asked],
        )
        for picture in pictures:
            self.successResultOf(picture)

    def test_partingWhileAsking(self) -> None:
        """Whoever parts in the middle leaves nothing behind."""
        camera = self.build(faults=Faults(slow=1.0))
        asked = [camera.status() for _ in range(3)]
        self.lab.network.advance(0.2)
        parted = camera.disconnect()
        self.lab.network.advance(1)
        self.successResultOf(parted)
        for one in asked:
            self.failureResultOf(one, SessionClosed)
        self.lab.remove()
        self.lab.network.advance(10)
        self.assertNothingLeft(self.lab.network, self.lab.pc)
