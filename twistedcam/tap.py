"""
The C{twistd camclient} service: options in, a fleet of cameras out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NoReturn, cast

from twisted.application.service import IService, MultiService
from twisted.internet.error import CannotListenError
from twisted.python import usage

from . import options as door
from .camera import Camera
from .config import CameraConfig, RecordConfig, loadConfig
from .demo import Demo
from .discovery import Discovery
from .errors import ConfigError
from .fleet import Fleet
from .reactors import DatagramReactor
from .restream.archive import Archive
from .restream.record import Recorder, RecordingService
from .threads import threads
from .trace import Trace

#: The options that describe a camera, which a configuration file does better.
_CAMERA_OPTIONS = ("camera", "address", "user", "password-file", "psk")


class Options(door.SearchOptions):
    """Options of C{twistd camclient}."""

    synopsis = "[options]"
    longdesc = (
        "Finds cameras of the VStarcam / CS2 PPPP family on the LAN and keeps them"
        " connected. Name them in a configuration file (--config), or by --camera;"
        " with neither, the first camera that answers is taken. The password comes"
        f" from --password-file or the environment variable {door.PASSWORD_VARIABLE}."
    )
    optParameters = [
        ["config", None, None, "Read the cameras from this TOML file."],
        ["address", None, None, "Look for the camera here as well.", door.address],
        ["user", None, None, "The camera's login. [default: admin]", door.text],
        ["password-file", None, None, "Its first line is the camera's password."],
        ["psk", None, None, "The camera's private obfuscation string.", door.text],
    ]
    optFlags = [
        ["demo", None, "Emulate a camera on loopback, and connect to it."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["camera"] = []
        self["record"] = None

    def opt_camera(self, uid: str) -> None:
        """Connect to the camera with this UID.  May be given repeatedly."""
        self["camera"].append(door.deviceId(uid))

    def parseOptions(self, options: Any = None) -> None:
        """
        Parse; what is wrong with the options is told in one line, which also ends
        the program: twistd would print two screens of usage.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as e:
            _refuse(e)

    def postOptions(self) -> None:
        """
        Check what belongs together, and read the files.

        @raise usage.UsageError: something is wrong.
        """
        super().postOptions()
        given = [name for name in _CAMERA_OPTIONS if self[name] not in (None, [])]
        if self["demo"]:
            given += ["config"] if self["config"] is not None else []
            if given:
                raise usage.UsageError(f"--demo and --{given[0]} exclude each other")
            return
        if self["config"] is not None:
            if given:
                raise usage.UsageError(f"--config and --{given[0]} exclude each other")
            try:
                config = loadConfig(self["config"])
            except ConfigError as e:
                raise usage.UsageError(str(e)) from e
            self["cameras"], self["record"] = config.cameras, config.record
        else:
            self["cameras"] = self._camerasFromFlags()

    def _camerasFromFlags(self) -> tuple[CameraConfig, ...]:
        if self["address"] is not None and len(self["camera"]) > 1:
            raise usage.UsageError("--address goes with one --camera at most")
        return tuple(
            CameraConfig(
                deviceId=deviceId,
                address=self["address"],
                user="admin" if self["user"] is None else self["user"],
                password=door.password(self["password-file"]),
                psk=self["psk"],
            )
            for deviceId in dict.fromkeys(self["camera"]) or (None,)
        )


class CamClient(MultiService):
    """Everything that C{twistd camclient} runs."""

    def startService(self) -> None:
        """Start; what is in the way is told in one line."""
        try:
            super().startService()
        except CannotListenError as e:
            _refuse(e)


def makeFleet(
    reactor: DatagramReactor,
    cameras: Iterable[CameraConfig],
    discovery: Discovery,
    trace: Trace | None = None,
) -> Fleet:
    """Make the cameras of a configuration."""
    return Fleet(
        discovery,
        [
            Camera(
                reactor,
                deviceId=camera.deviceId,
                address=camera.address,
                pinAddress=camera.pinAddress,
                user=camera.user,
                password=camera.password,
                psk=camera.psk,
                name=camera.name,
                title=camera.title,
                discovery=discovery,
                trace=trace,
            )
            for camera in cameras
        ],
    )


def makeRecording(
    reactor: DatagramReactor, fleet: Fleet, config: RecordConfig
) -> RecordingService:
    """Make what records the fleet's cameras."""
    archive = Archive(config.directory, config.keepDays * 86400, config.keepBytes)
    return RecordingService(
        Recorder(
            reactor,
            fleet.cameras[name],
            archive,
            inThread=threads(reactor),
            segment=config.segment,
        )
        for name in config.cameras or fleet.cameras
    )


def makeService(options: Options, reactor: DatagramReactor | None = None) -> IService:
    """
    What L{twisted.application.service.IServiceMaker} wants.

    @param reactor: default: the global one.
    """
    if reactor is None:
        from twisted.internet import reactor as globalReactor

        reactor = cast(DatagramReactor, globalReactor)
    service = CamClient()
    if options["demo"]:
        Demo(reactor, options.trace).setServiceParent(service)
    else:
        discovery = options.makeDiscovery(reactor)
        try:
            discovery.checkLocalAddress()
        except CannotListenError as e:
            _refuse(e)  # at once: on starting, a daemon has no terminal any more
        fleet = makeFleet(reactor, options["cameras"], discovery, options.trace)
        fleet.setServiceParent(service)
        if options["record"] is not None:
            recording = makeRecording(reactor, fleet, options["record"])
            recording.setServiceParent(service)
    return cast(IService, service)


def _refuse(error: Exception) -> NoReturn:
    sys.exit(f"camclient: {door.explain(error)}")
