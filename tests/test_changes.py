"""Tests for L{twistedcam.changes}: cameras and recordings follow a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import capturedLogs, formatEvent

from twistedcam import Camera, CameraState, DeviceId, Fleet
from twistedcam.changes import FleetChanges, RecordingChanges
from twistedcam.config import CameraConfig, Config, RecordConfig
from twistedcam.emulator import EmulatedCamera
from twistedcam.media.frame import Codec
from twistedcam.reload import Reloader
from twistedcam.restream import archive as archiveModule
from twistedcam.restream.archive import Archive
from twistedcam.restream.record import Recorder

from .folders import temporaryFolder
from .lab import CAMERA, OTHER_UID, UID, Lab, LabCase
from .mediakit import look

THIRD_UID = DeviceId("VSTB", 668517, "UZCPK")

GARDEN = CameraConfig(deviceId=UID, name="garden", password="888888")
DOOR = CameraConfig(deviceId=OTHER_UID, name="door", password="888888")
YARD = CameraConfig(deviceId=THIRD_UID, name="yard", password="888888")


class ChangesCase(LabCase):
    """Three cameras on the LAN, two of them configured; recordings if wished."""

    record: RecordConfig | None = None

    def setUp(self) -> None:
        free = patch.object(archiveModule, "MIN_FREE", 0)
        free.start()
        self.addCleanup(free.stop)
        self.lab = Lab()
        self.others = [
            EmulatedCamera(self.lab.host, deviceId, doors=self.lab.doors)
            for deviceId in (OTHER_UID, THIRD_UID)
        ]
        for emulated in self.others:
            emulated.start()
        self.folder = temporaryFolder(self)
        self.config = Config((GARDEN, DOOR), self.record)
        self.fleet = Fleet(self.lab.discovery, map(self.make, self.config.cameras))
        self.service = MultiService()
        self.fleet.setServiceParent(self.service)
        self.recording = RecordingChanges(self.service, self.fleet, self.recorders)
        self.recording.begin(self.config)
        self.reloader = Reloader(
            lambda: self.config,
            [
                FleetChanges(self.fleet, self.make, self.config.cameras),
                self.recording,
            ],
        )
        self.reloader.setServiceParent(self.service)
        self.service.startService()
        self.lab.network.advance(4)
        self.assertUp("garden", "door")

    def make(self, config: CameraConfig) -> Camera:
        """A camera."""
        return self.lab.camera(**vars(config))

    def recorders(self, record: RecordConfig) -> Callable[[Camera], Recorder]:
        """What makes recorders."""
        archive = Archive(record.directory)

        def make(camera: Camera) -> Recorder:
            return Recorder(
                self.lab.pc,
                camera,
                archive,
                inThread=maybeDeferred,
                segment=record.segment,
            )

        return make

    def reload(self, *cameras: CameraConfig, record: RecordConfig | None = None) -> str:
        """Another configuration; gives what was logged of it."""
        self.config = Config(cameras, record)
        with capturedLogs() as events:
            self.resultAfter(self.lab.network, 1, self.reloader.reload())
        self.lab.network.advance(2)
        (line,) = (
            formatEvent(event)
            for event in events
            if event["log_namespace"].endswith(".Reloader")
        )
        return line.removeprefix("configuration reloaded: ")

    def ports(self) -> dict[str, int | None]:
        """The ports of all sessions that there are."""
        return {name: camera.localPort for name, camera in self.fleet.cameras.items()}

    def assertUp(self, *names: str) -> None:
        """These cameras there are, and they are up."""
        self.assertEqual(
            {name: CameraState.UP for name in names},
            {name: camera.state for name, camera in self.fleet.cameras.items()},
        )
        self.assertEqual(len(names), len(self.sessions()))

    def sessions(self) -> list[object]:
        """What the emulated cameras have."""
        cameras = [self.lab.emulated, *self.others]
        return [session for camera in cameras for session in camera.sessions]

    def end(self) -> None:
        """Nothing is left."""
        stopped: Deferred[object] = self.service.stopService()
        self.resultAfter(self.lab.network, 0.9, stopped)
        for emulated in self.others:
            emulated.stop()
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)


class FleetTests(ChangesCase):
    """Cameras come and go, and those that stay are left alone."""

    def test_same(self) -> None:
        """The same configuration changes nothing, and tells nobody."""
        before, sessions, told = self.ports(), self.sessions(), list[str]()
        self.fleet.onChanged(lambda: told.append("changed"))
        self.assertEqual("nothing changed", self.reload(GARDEN, DOOR))
        self.assertEqual((before, sessions), (self.ports(), self.sessions()))
        self.assertEqual([], told)
        self.end()

    def test_comeAndGo(self) -> None:
        """One is added and one removed; the third keeps its session."""
        garden, port = self.fleet.cameras["garden"], self.ports()["garden"]
        self.assertEqual(
            "added yard, removed door, 1 unchanged", self.reload(YARD, GARDEN)
        )
        self.assertUp("yard", "garden")
        self.assertIs(garden, self.fleet.cameras["garden"])
        self.assertEqual(port, self.ports()["garden"])
        self.end()

    def test_changed(self) -> None:
        """One that is to be found otherwise is parted from, and connected anew."""
        before, garden = self.ports(), self.fleet.cameras["garden"]
        for change in (
            {"address": CAMERA},
            {"address": CAMERA, "pinAddress": True},
            {"psk": ""},
            {"deviceId": THIRD_UID},
        ):
            changed = replace(GARDEN, **change)
            self.assertEqual("changed garden, 1 unchanged", self.reload(changed, DOOR))
            self.assertUp("garden", "door")
            self.assertEqual(CameraState.STOPPED, garden.state)
            garden = self.fleet.cameras["garden"]
            self.assertEqual(before["door"], self.ports()["door"])
        self.end()

    def test_oneAtATime(self) -> None:
        """A camera that is connected anew was parted from before."""
        result = self.swap(replace(GARDEN, psk=""), DOOR)
        self.assertNotIn("garden", self.fleet.cameras)
        self.resultAfter(self.lab.network, 1, result)
        self.assertIn("garden", self.fleet.cameras)
        self.end()

    def swap(self, *cameras: CameraConfig) -> Deferred[None]:
        """Another configuration, not waited for."""
        self.config = Config(cameras)
        return self.reloader.reload()

    def test_inPassing(self) -> None:
        """A title or a login is changed without touching the session."""
        before, garden = self.ports(), self.fleet.cameras["garden"]
        changed = replace(GARDEN, title="The garden")
        self.assertEqual("changed garden, 1 unchanged", self.reload(changed, DOOR))
        self.assertEqual("The garden", garden.title)
        changed = replace(changed, password="wrong")
        self.assertEqual("changed garden, 1 unchanged", self.reload(changed, DOOR))
        self.assertIs(garden, self.fleet.cameras["garden"])
        self.assertEqual(before, self.ports())
        asked = garden.status()
        self.lab.network.advance(1)
        self.failureResultOf(asked)
        self.assertEqual(
            "changed garden, 1 unchanged", self.reload(replace(GARDEN), DOOR)
        )
        asked = garden.status()
        self.resultAfter(self.lab.network, 1, asked)
        self.assertEqual(before, self.ports())
        self.end()

    def test_noPassword(self) -> None:
        """A password can be taken away, too."""
        garden = self.fleet.cameras["garden"]
        self.reload(replace(GARDEN, password=None), DOOR)
        self.assertEqual("", garden._login._password)
        self.end()

    def test_renamed(self) -> None:
        """Another name makes another camera, which has one session nevertheless."""
        shed = replace(GARDEN, name="shed")
        self.assertEqual(
            "added shed, removed garden, 1 unchanged", self.reload(shed, DOOR)
        )
        self.assertUp("shed", "door")
        self.end()

    def test_byHand(self) -> None:
        """What somebody else has done to the fleet meanwhile is put right."""
        self.fleet.remove("garden")
        self.fleet.add(self.make(YARD))
        self.lab.network.advance(2)
        yard = self.fleet.cameras["yard"]
        self.assertEqual(
            "added garden, changed yard, 1 unchanged", self.reload(GARDEN, DOOR, YARD)
        )
        self.assertIsNot(yard, self.fleet.cameras["yard"])
        self.assertUp("garden", "door", "yard")
        self.end()

    def test_stopped(self) -> None:
        """The end may come in the middle of it; nobody is connected to any more."""
        reloaded = self.swap(YARD, replace(GARDEN, psk=""))
        self.end()
        self.successResultOf(reloaded)
        self.assertEqual(
            {CameraState.STOPPED},
            {camera.state for camera in self.fleet.cameras.values()},
        )
        self.assertEqual([], self.sessions())


class RecordingTests(ChangesCase):
    """Recorders come and go, and those that stay write on."""

    def setUp(self) -> None:
        self.record = RecordConfig(temporaryFolder(self) / "films")
        super().setUp()

    @property
    def films(self) -> Path:
        """Where the files are."""
        assert self.record is not None
        return self.record.directory

    def recorded(self, folder: Path | None = None) -> list[str]:
        """The files, by their cameras; each can be played."""
        paths = sorted((folder or self.films).iterdir())
        for path in paths:
            self.assertGreater(len(look(path.read_bytes())[Codec.H264]), 20, path)
        return [path.name.partition("_")[0] for path in paths]

    def test_cameras(self) -> None:
        """With the cameras their recorders come and go; the others write on."""
        told = self.reload(YARD, GARDEN, record=self.record)
        self.assertEqual(
            "added yard, removed door, 1 unchanged;"
            " recording of yard started, recording of door stopped",
            told,
        )
        self.lab.network.advance(3)
        self.end()
        self.assertEqual(["door", "garden", "yard"], self.recorded())

    def test_changed(self) -> None:
        """A camera that is connected anew is recorded on, in another file."""
        told = self.reload(replace(GARDEN, psk=""), DOOR, record=self.record)
        self.assertEqual("changed garden, 1 unchanged", told)
        self.lab.network.advance(3)
        self.end()
        self.assertEqual(["door", "garden", "garden"], self.recorded())

    def test_inPassing(self) -> None:
        """A new title does not cut a file."""
        self.reload(replace(GARDEN, title="The garden"), DOOR, record=self.record)
        self.end()
        self.assertEqual(["door", "garden"], self.recorded())

    def test_which(self) -> None:
        """Other cameras may be recorded from now on."""
        assert self.record is not None
        some = replace(self.record, cameras=("door",))
        told = self.reload(GARDEN, DOOR, record=some)
        self.assertEqual("recording of garden stopped", told)
        self.lab.network.advance(6)
        told = self.reload(GARDEN, DOOR, record=self.record)
        self.assertEqual("recording of garden started", told)
        self.lab.network.advance(3)
        self.end()
        self.assertEqual(["door", "garden", "garden"], self.recorded())

    def test_anew(self) -> None:
        """Another folder: all begin a new file there."""
        assert self.record is not None
        elsewhere = replace(self.record, directory=self.folder / "more")
        told = self.reload(GARDEN, DOOR, record=elsewhere)
        self.assertEqual("recording restarted", told)
        self.lab.network.advance(3)
        self.end()
        self.assertEqual(["door", "garden"], self.recorded())
        self.assertEqual(["door", "garden"], self.recorded(self.folder / "more"))

    def test_stopsAndStarts(self) -> None:
        """There may be no recordings for a while."""
        ports = self.ports()
        self.assertEqual("recording stopped", self.reload(GARDEN, DOOR))
        self.assertIsNone(self.recording.service)
        self.lab.network.advance(6)
        self.assertEqual(0, self.fleet.cameras["garden"].video.audience)
        self.assertEqual("nothing changed", self.reload(GARDEN, DOOR))
        told = self.reload(GARDEN, DOOR, record=self.record)
        self.assertEqual("recording started", told)
        self.lab.network.advance(3)
        self.assertEqual(ports, self.ports())
        self.end()
        self.assertEqual(["door", "door", "garden", "garden"], self.recorded())
