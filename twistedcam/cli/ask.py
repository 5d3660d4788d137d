"""
The commands that ask one camera something.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import LogLevel
from twisted.python import usage

from .. import options as door
from ..camera import Camera
from ..commands import IMAGE_SETTINGS, MOVES, PRESETS
from ..config import parseAddress
from ..errors import ConfigError, WireError
from ..reactors import DatagramReactor
from ..restream.picture import pictureFromVideo
from ..streams import MAIN
from ..threads import threads
from ..wire.cgi import Reply
from ..wire.deviceid import DeviceId
from .command import INTERRUPTED, OK, seconds, table

#: Seconds to find the camera and connect to it, unless told otherwise.
CONNECT_WITHIN = 10.0


class Ask(door.SearchOptions):
    """
    A command about one camera, which is named first.
    """

    synopsis = "UID-or-address [options]"
    logLevel = LogLevel.warn
    optParameters = [
        ["user", None, "admin", "The camera's login.", door.text],
        [
            "password-file",
            None,
            None,
            f"Its first line is the password; or set {door.PASSWORD_VARIABLE}, or be"
            " asked for it.",
        ],
        ["psk", None, None, "The string of a private obfuscation.", door.text],
        ["timeout", None, CONNECT_WITHIN, "Seconds to find it.", seconds],
    ]
    optFlags = [
        ["json", None, "Print JSON."],
        ["secrets", None, "Show passwords and the like."],
    ]

    def parseArgs(self, target: str = "", *rest: str) -> None:
        """The camera, and what the command itself wants."""
        if not target:
            raise usage.UsageError("which camera? Name its UID or its address")
        self["uid"] = self["address"] = None
        try:
            self["address"] = parseAddress(target)
        except ConfigError:
            try:
                self["uid"] = DeviceId.fromText(target)
            except WireError:
                raise usage.UsageError(
                    f"neither a UID nor an IPv4 address: {target!r}"
                ) from None
        self.parseRest(*rest)

    def parseRest(self, *rest: str) -> None:
        """What follows the camera: nothing, as a rule."""
        if rest:
            raise usage.UsageError(f"what is {rest[0]!r}?")

    def postOptions(self) -> None:
        """Find a password, in the file, the environment, or the owner's head."""
        super().postOptions()
        self["password"] = door.password(self["password-file"])
        if self["password"] is None and somebodyTypes():
            try:
                self["password"] = getpass("Password: ")
            except EOFError:
                raise usage.UsageError("no password") from None
            except KeyboardInterrupt:
                sys.exit(INTERRUPTED)

    async def run(self, reactor: DatagramReactor) -> int:
        """Connect, ask, part."""
        discovery = self.makeDiscovery(reactor)
        discovery.checkLocalAddress()
        camera = Camera(
            reactor,
            deviceId=self["uid"],
            address=self["address"],
            user=self["user"],
            password=self["password"],
            psk=self["psk"],
            discovery=discovery,
            trace=self.trace,
            substream=self.quality,
        )
        self._lines: list[str] = []
        try:
            await camera.connect(timeout=self["timeout"])
            await self.ask(reactor, camera)
        finally:
            await camera.disconnect()
            await discovery.stop()
        # Only now: whoever reads may have had enough, which ends the program.
        for line in self._lines:
            print(line)
        return OK

    @property
    def quality(self) -> int:
        """Of the video, should there be any."""
        return MAIN

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        """What this command is about."""
        raise NotImplementedError

    def show(self, reply: Reply) -> None:
        """Print a reply's variables."""
        values = dict(reply) if self["secrets"] else reply.masked()
        self.print([{"name": n, "value": v} for n, v in values.items()], values)

    def print(self, rows: list[dict[str, Any]], plain: Any = None) -> None:
        """Print a table, or the same as JSON, in the end."""
        if self["json"]:
            values = rows if plain is None else plain
            self._lines.append(json.dumps(values, ensure_ascii=False, default=str))
        elif rows:
            self._lines.append(table(rows))


class Status(Ask):
    """C{twistedcam status}"""

    longdesc = "Shows how the camera is."

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        self.show((await camera.status()).raw)


class Params(Ask):
    """C{twistedcam params}"""

    longdesc = "Shows the camera's settings: network, wireless, mail, alarms."

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        self.show(await camera.params())


class Call(Ask):
    """C{twistedcam call}"""

    synopsis = "UID-or-address CGI [KEY=VALUE ...] [options]"
    longdesc = (
        "Sends any command, such as get_log, and shows the answer. Commands that"
        " change something need --allow write; those that may lock you out, or that"
        " nobody knows, --allow dangerous."
    )
    optParameters = [
        ["allow", None, "move", "What it may do: move, write or dangerous."],
        ["output", None, None, "Where to write a picture."],
    ]

    def parseRest(self, cgi: str = "", *pairs: str) -> None:
        if not cgi:
            raise usage.UsageError("which CGI? For example get_log")
        self["cgi"] = cgi.removesuffix(".cgi")
        self["parameters"] = assignments(pairs)

    def postOptions(self) -> None:
        super().postOptions()
        if self["allow"] not in ("move", "write", "dangerous"):
            raise usage.UsageError("--allow is move, write or dangerous")

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        answer = await camera.call(
            self["cgi"], allow=self["allow"], **self["parameters"]
        )
        if isinstance(answer, bytes):
            save(self["output"] or f"{camera.name}.jpg", answer)
        else:
            self.show(answer)


class Snapshot(Ask):
    """C{twistedcam snapshot}"""

    longdesc = "Takes a picture."
    optParameters = [
        [
            "output",
            None,
            None,
            "The file; - is standard output.  [default: the camera's name, .jpg]",
        ],
        [
            "size",
            None,
            None,
            "The resolution, as the model numbers it.",
            lambda text: door.whole(text, 0, 255, "a size"),
        ],
    ]

    optFlags = [
        ["from-video", None, "Take it out of the video: larger on some models."],
    ]

    def postOptions(self) -> None:
        if self["from-video"] and self["size"] is not None:
            raise usage.UsageError("--from-video and --size exclude each other")
        super().postOptions()

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        if self["from-video"]:
            picture = await pictureFromVideo(reactor, camera, threads(reactor))
        else:
            picture = await camera.snapshot(self["size"])
        save(self["output"] or f"{camera.name}.jpg", picture)


class Ptz(Ask):
    """C{twistedcam ptz}"""

    synopsis = "UID-or-address left|right|up|down|home [options]"
    longdesc = f"Turns the camera: {', '.join(MOVES)}, or home."
    optParameters = [
        ["for", None, None, "Turn for so many seconds.  [default: one step]", seconds],
    ]

    def parseRest(self, direction: str = "", *rest: str) -> None:
        super().parseRest(*rest)
        if direction not in MOVES and direction != "home":
            raise usage.UsageError(f"where to? {', '.join(MOVES)} or home")
        self["direction"] = direction

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        duration = self["for"]
        await camera.move(self["direction"], step=duration is None)
        if duration is not None and self["direction"] != "home":
            try:
                await deferLater(cast(IReactorTime, reactor), duration)
            finally:
                await camera.stop()


class Preset(Ask):
    """C{twistedcam preset}"""

    synopsis = "UID-or-address go|set NUMBER [options]"
    longdesc = f"Turns the camera to a stored position, or stores it: 1 to {PRESETS}."

    def parseRest(self, what: str = "", number: str = "", *rest: str) -> None:
        super().parseRest(*rest)
        if what not in ("go", "set"):
            raise usage.UsageError("go or set?")
        self["what"] = what
        self["number"] = door.whole(number, 1, PRESETS, "a preset")

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        act = camera.goToPreset if self["what"] == "go" else camera.setPreset
        await act(self["number"])


class Set(Ask):
    """C{twistedcam set}"""

    synopsis = "UID-or-address SETTING=VALUE ... [options]"
    longdesc = (
        f"Changes settings: {', '.join(IMAGE_SETTINGS)} (numbers), time=now, and,"
        " where the model has them, light=on|off and siren=on|off."
    )

    def parseRest(self, *pairs: str) -> None:
        settings = assignments(pairs)
        if not settings:
            raise usage.UsageError("set what? For example brightness=128")
        self["image"] = {}
        self["switches"] = {}
        self["time"] = False
        for name, value in settings.items():
            if name in IMAGE_SETTINGS:
                _, highest = IMAGE_SETTINGS[name]
                self["image"][name] = door.whole(value, 0, highest, name)
            elif name in ("light", "siren") and value in ("on", "off"):
                self["switches"][name] = value == "on"
            elif name == "time" and value == "now":
                self["time"] = True
            else:
                raise usage.UsageError(f"cannot set {name}={value}: see --help")

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        if self["image"]:
            await camera.setImage(**self["image"])
        if self["time"]:
            await camera.setTime()
        for name, on in self["switches"].items():
            await (camera.light(on) if name == "light" else camera.siren(on))


class Wifi(Ask):
    """C{twistedcam wifi}"""

    longdesc = "Lists the wireless networks that the camera sees."

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        self.print([asdict(network) for network in await camera.wifiNetworks()])


class Records(Ask):
    """C{twistedcam records}"""

    longdesc = "Lists the recordings on the camera's memory card."

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        self.print([asdict(recording) for recording in await camera.records()])


class Reboot(Ask):
    """C{twistedcam reboot}"""

    longdesc = "Restarts the camera."
    optFlags = [["yes", None, "Yes, do it."]]

    def postOptions(self) -> None:
        if not self["yes"]:
            raise usage.UsageError("reboot wants --yes")
        super().postOptions()

    async def ask(self, reactor: DatagramReactor, camera: Camera) -> None:
        await camera.reboot(allow="dangerous")


def somebodyTypes() -> bool:
    """Is there a terminal to ask at?"""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False


def assignments(pairs: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE arguments."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise usage.UsageError(f"not KEY=VALUE: {pair!r}")
        values[key] = value
    return values


def save(path: str, content: bytes) -> None:
    """
    Write a file; a new one whole or not at all, an existing one into its place.

    @param path: C{-} is standard output.
    """
    if path == "-":
        sys.stdout.buffer.write(content)
        return
    target = Path(path)
    # What is there keeps its owner, its links, and its nature, be it a device.
    unfinished = target if target.exists() else target.with_name(f".{target.name}.part")
    try:
        unfinished.write_bytes(content)
        if unfinished != target:
            os.replace(unfinished, target)
    except OSError as problem:
        if unfinished != target:
            unfinished.unlink(missing_ok=True)
        # Nobody has to know about the other name.
        raise OSError(problem.errno, problem.strerror, path) from problem
    print(f"{target}: {len(content)} bytes", file=sys.stderr)
