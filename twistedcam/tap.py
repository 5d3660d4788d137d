"""
The C{twistd camclient} service: options in, a fleet of cameras out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, cast

from twisted.application.service import IService, MultiService
from twisted.internet.error import CannotListenError
from twisted.python import usage

from . import options as door
from .camera import Camera
from .changes import FleetChanges, RecordingChanges
from .config import CameraConfig, Config, RecordConfig, ServeConfig, loadConfig
from .demo import Demo
from .discovery import Discovery
from .errors import ConfigError
from .fleet import Fleet
from .hangup import Hangup
from .limits import allowFiles
from .outlets import Outlets
from .reactors import DatagramReactor
from .readiness import Notifier, Readiness
from .reload import Reloader, Restarted
from .restream.archive import Archive
from .restream.record import Recorder
from .restream.rtsp import ENDPOINT as RTSP_ENDPOINT
from .restream.web import ENDPOINT as WEB_ENDPOINT
from .threads import threads
from .trace import Trace

#: The options that describe a camera, which a configuration file does better.
_CAMERA_OPTIONS = ("camera", "address", "user", "password-file", "psk")


class Options(door.SearchOptions):
    """
    Options of C{twistd camclient}.

    @ivar configuration: what they, and the file, want.
    """

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
        [
            "web",
            None,
            None,
            "Where the page listens; empty: nowhere."
            f" [default: the file's, or {WEB_ENDPOINT}]",
            door.endpoint,
        ],
        [
            "rtsp",
            None,
            None,
            "Where RTSP listens; empty: nowhere."
            f" [default: the file's, or {RTSP_ENDPOINT}]",
            door.endpoint,
        ],
    ]
    optFlags = [
        ["demo", None, "Emulate two cameras on loopback, and serve them."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["camera"] = []
        self.configuration = Config(())

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
        if self["demo"] and self["config"] is not None:
            given.append("config")
        for alone in ("demo", "config"):
            if self[alone] and given:
                raise usage.UsageError(f"--{alone} and --{given[0]} exclude each other")
        if self["config"] is not None:
            # It is read again, when a daemon is in another folder.
            self["config"] = os.path.abspath(self["config"])
        try:
            self.configuration = self.load()
        except ConfigError as e:
            raise usage.UsageError(str(e)) from e

    def load(self) -> Config:
        """
        What the options want, and the file as it is now.

        @raise ConfigError: the file cannot be used, or what it wants cannot be done.
        """
        if self["demo"]:
            config = Config(())
        elif self["config"] is not None:
            config = loadConfig(self["config"])
        else:
            config = Config(self._camerasFromFlags())
        return replace(
            config,
            web=self._serve("web", config.web),
            rtsp=self._serve("rtsp", config.rtsp),
        )

    def _serve(self, name: str, config: ServeConfig) -> ServeConfig:
        """What the command line says of a way out counts more than the file."""
        endpoint = self[name]
        if endpoint is None:
            return config
        try:
            return config.at(endpoint)
        except ConfigError as e:
            raise ConfigError(f"--{name}: {e}") from e

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
    """
    Everything that C{twistd camclient} runs.  What is in the way when it starts is
    told in one line.
    """

    def privilegedStartService(self) -> None:
        """Open the ports that others connect to."""
        allowFiles()
        try:
            super().privilegedStartService()
        except ConfigError as e:
            _refuse(e)

    def startService(self) -> None:
        """Start."""
        try:
            super().startService()
        except (CannotListenError, ConfigError) as e:
            _refuse(e)


def makeCamera(
    reactor: DatagramReactor,
    discovery: Discovery,
    trace: Trace | None,
    config: CameraConfig,
) -> Camera:
    """Make a camera of a configuration."""
    return Camera(
        reactor,
        deviceId=config.deviceId,
        address=config.address,
        pinAddress=config.pinAddress,
        user=config.user,
        password=config.password,
        psk=config.psk,
        name=config.name,
        title=config.title,
        discovery=discovery,
        trace=trace,
    )


def makeRecorder(
    reactor: DatagramReactor, config: RecordConfig
) -> Callable[[Camera], Recorder]:
    """Make what makes recorders, which share a folder."""
    archive = Archive(config.directory, config.keepDays * 86400, config.keepBytes)
    return lambda camera: Recorder(
        reactor,
        camera,
        archive,
        inThread=threads(reactor),
        segment=config.segment,
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
    config = options.configuration
    if options["demo"]:
        serve = partial(makeOutlets, reactor, config, demo=True)
        Demo(reactor, options.trace, serve).setServiceParent(service)
    else:
        discovery = options.makeDiscovery(reactor)
        try:
            discovery.checkLocalAddress()
        except CannotListenError as e:
            _refuse(e)  # at once: on starting, a daemon has no terminal any more
        make = partial(makeCamera, reactor, discovery, options.trace)
        fleet = Fleet(discovery, map(make, config.cameras))
        fleet.setServiceParent(service)
        recording = RecordingChanges(service, fleet, partial(makeRecorder, reactor))
        outlets = Outlets(reactor, fleet)
        page = Restarted("page", service, _servedPage, outlets.web)
        rtsp = Restarted("RTSP", service, _servedRtsp, outlets.rtsp)
        for part in recording, page, rtsp:
            part.begin(config)
        reloader = None
        if options["config"] is not None:
            cameras = FleetChanges(fleet, make, config.cameras)
            reloader = Reloader(options.load, [cameras, recording, page, rtsp])
            reloader.setServiceParent(service)
            Hangup(reactor, reloader.reload).setServiceParent(service)
        notifier = Notifier.fromEnvironment()
        if notifier is not None:
            Readiness(reactor, notifier, fleet, reloader).setServiceParent(service)
    return cast(IService, service)


def makeOutlets(
    reactor: DatagramReactor, config: Config, fleet: Fleet, *, demo: bool = False
) -> list[IService]:
    """
    Make what serves the fleet's cameras.

    @param demo: if the usual place is taken, another one will do; and where they are
        is what people look for.
    """
    outlets = Outlets(reactor, fleet, somewhere=demo, last=demo)
    return [
        make(section)
        for make, section in ((outlets.web, config.web), (outlets.rtsp, config.rtsp))
        if section.endpoint != ""
    ]


def _servedPage(config: Config) -> ServeConfig | None:
    return None if config.web.endpoint == "" else config.web


def _servedRtsp(config: Config) -> ServeConfig | None:
    return None if config.rtsp.endpoint == "" else config.rtsp


def _refuse(error: Exception) -> NoReturn:
    sys.exit(f"camclient: {door.explain(error)}")
