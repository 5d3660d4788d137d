"""
What a new configuration changes of cameras and recordings: see L{twistedcam.reload}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from .camera import Camera
from .config import CameraConfig, Config, RecordConfig
from .fleet import Fleet
from .restream.record import Recorder, RecordingService


class FleetChanges:
    """
    Cameras come and go.  One that is configured as before keeps its session, as
    does one that only has another title or login.
    """

    def __init__(
        self,
        fleet: Fleet,
        make: Callable[[CameraConfig], Camera],
        cameras: Iterable[CameraConfig],
    ) -> None:
        """
        @param make: makes a camera.
        @param cameras: what the fleet was made from; all have names.
        """
        self._fleet = fleet
        self._make = make
        self._present = _byName(cameras)

    def apply(self, config: Config) -> Deferred[str]:
        """See L{twistedcam.reload.Reloadable}."""
        return Deferred.fromCoroutine(self._apply(_byName(config.cameras)))

    async def _apply(self, wanted: dict[str, CameraConfig]) -> str:
        fleet, present = self._fleet, self._present
        kept = [name for name in wanted if name in fleet.cameras]
        added = [name for name in wanted if name not in fleet.cameras]
        removed = [name for name in fleet.cameras if name not in wanted]
        changed = [name for name in kept if wanted[name] != present.get(name)]
        anew = [name for name in changed if _anew(wanted[name], present.get(name))]
        self._present = wanted
        # Nobody is connected to twice at a time: cameras have few places.
        await gatherResults([fleet.remove(name) for name in [*removed, *anew]])
        for name in wanted:
            if name not in fleet.cameras:
                fleet.add(self._make(wanted[name]))
            elif name in changed:
                self._adjust(fleet.cameras[name], present[name], wanted[name])
        return _told(added, removed, changed, len(kept) - len(changed))

    def _adjust(self, camera: Camera, old: CameraConfig, new: CameraConfig) -> None:
        """Change what can be changed in passing."""
        camera.title = new.title
        if (old.user, old.password) != (new.user, new.password):
            camera.setLogin(new.user, new.password or "")


class RecordingChanges:
    """
    Recorders come and go.  That of a camera which is recorded as before goes on
    writing the same file.
    """

    def __init__(
        self,
        parent: MultiService,
        fleet: Fleet,
        make: Callable[[RecordConfig], Callable[[Camera], Recorder]],
    ) -> None:
        """
        @param parent: where the service is attached.
        @param fleet: the cameras, which follow the configuration before this does.
        @param make: makes what makes the recorders, which share a folder.
        """
        self.service: RecordingService | None = None
        self._parent = parent
        self._fleet = fleet
        self._make = make
        self._record: RecordConfig | None = None
        self._recorder: Callable[[Camera], Recorder]

    def begin(self, config: Config) -> None:
        """Record what is to be recorded first."""
        if config.record is not None:
            self._record = config.record
            self._recorder = self._make(config.record)
            self.service = RecordingService(
                self._recorder(camera) for camera in self._wanted(config.record)
            )
            self.service.setServiceParent(self._parent)

    def apply(self, config: Config) -> Deferred[str]:
        """See L{twistedcam.reload.Reloadable}."""
        return Deferred.fromCoroutine(self._apply(config))

    async def _apply(self, config: Config) -> str:
        record, before, service = config.record, self._record, self.service
        if before is None or service is None:
            self.begin(config)
            return "recording started" if record is not None else ""
        if record is None:
            self._record = self.service = None
            await maybeDeferred(service.disownServiceParent)
            return "recording stopped"
        self._record = record
        names = [recorder.camera.name for recorder in service.recorders]
        anew = record != replace(before, cameras=record.cameras)
        if anew:
            self._recorder = self._make(record)
        await self._follow(service, self._wanted(record), anew)
        if anew:
            return "recording restarted"
        present = [recorder.camera.name for recorder in service.recorders]
        started = [name for name in present if name not in names]
        stopped = [name for name in names if name not in present]
        return ", ".join(
            f"recording of {', '.join(these)} {verb}"
            for verb, these in (("started", started), ("stopped", stopped))
            if these
        )

    async def _follow(
        self, service: RecordingService, wanted: list[Camera], anew: bool
    ) -> None:
        gone = [
            recorder
            for recorder in service.recorders
            if anew or recorder.camera not in wanted
        ]
        await gatherResults([service.remove(recorder) for recorder in gone])
        recorded = [recorder.camera for recorder in service.recorders]
        for camera in wanted:
            if camera not in recorded:
                service.add(self._recorder(camera))

    def _wanted(self, record: RecordConfig) -> list[Camera]:
        cameras = self._fleet.cameras
        return [cameras[name] for name in record.cameras or cameras if name in cameras]


def _byName(cameras: Iterable[CameraConfig]) -> dict[str, CameraConfig]:
    return {camera.name: camera for camera in cameras if camera.name is not None}


def _anew(new: CameraConfig, old: CameraConfig | None) -> bool:
    """Does the session depend on what has changed?"""
    return old is None or new != replace(
        old, title=new.title, user=new.user, password=new.password
    )


def _told(
    added: list[str], removed: list[str], changed: list[str], unchanged: int
) -> str:
    """In words; empty if nothing has changed."""
    parts = [
        f"{verb} {', '.join(names)}"
        for verb, names in (
            ("added", added),
            ("removed", removed),
            ("changed", changed),
        )
        if names
    ]
    if parts and unchanged:
        parts.append(f"{unchanged} unchanged")
    return ", ".join(parts)
