"""
C{twistedcam emulate}: cameras made of software.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from twisted.python import usage

from .. import options as door
from ..emulator import FIRMWARE_A, FIRMWARE_B, Doors, EmulatedCamera, Faults
from ..emulator.camera import DIALECTS
from ..emulator.media import MAX_FPS, check
from ..errors import WireError
from ..reactors import DatagramReactor
from ..wire import dh, pppp
from ..wire.deviceid import DeviceId
from .command import OK

_DEFAULT_UID = DeviceId("VSTB", 668515, "UZCPK")


def milliseconds(text: str) -> float:
    """A delay."""
    return door.number(text, 0, 10_000, "a delay in milliseconds")


def probability(text: str) -> float:
    """A number from 0 to 1."""
    return door.number(text, 0, 1, "a probability")


def seed(text: str) -> int:
    """What a sequence of dice starts from."""
    return door.whole(text, 0, 1 << 32, "a seed")


def cameraName(text: str) -> str:
    """A name that fits a camera's report."""
    try:
        dh.encode(dh.DhReport(name=door.text(text)))
    except WireError as e:
        raise usage.UsageError(str(e)) from e
    return text


def framesPerSecond(text: str) -> int:
    """How fast the video is."""
    return door.whole(text, 1, MAX_FPS, "a number of frames a second")


def bitsPerSecond(text: str) -> int:
    """How large the video is."""
    return door.whole(text, 1, 1 << 30, "a number of bits a second")


def howMany(text: str) -> int:
    """As many cameras as one process may reasonably emulate."""
    return door.whole(text, 1, 1000, "a number of cameras")


class Emulate(door.Options):
    """C{twistedcam emulate}"""

    synopsis = "[options]"
    longdesc = (
        "Emulates cameras, for tests and demonstrations, until interrupted. What it"
        " is told to lose, double, shuffle and delay, it does by the dice, the same"
        " for the same seed."
    )
    logLevel = LogLevel.info
    optParameters = [
        ["uid", None, _DEFAULT_UID, "The camera's UID.", door.deviceId],
        ["name", None, "IPCAM", "What its owner called the camera.", cameraName],
        ["address", None, None, "Listen on this address only.", door.address],
        ["dh-port", None, dh.DH_PORT, "The UDP port for DH.", door.port],
        ["lan-port", None, pppp.LAN_PORT, "The UDP port for LAN_SEARCH.", door.port],
        ["user", None, "admin", "The login that it accepts.", door.text],
        ["password", None, "888888", "The password to it.", door.text],
        ["psk", None, None, "Its obfuscation string, if any.", door.text],
        ["firmware", None, "b", "Behave as a (older cameras) or b (newer)."],
        ["dialect", None, "cgi", "Understand cgi, or json, as A9 and X5 cameras do."],
        ["codec", None, "h264", "Send video as h264, h265 or mjpeg."],
        ["fps", None, None, "Frames a second, whatever is asked.", framesPerSecond],
        ["bitrate", None, None, "Pad video to so many bits a second.", bitsPerSecond],
        ["loss", None, 0, "The probability to lose a datagram.", probability],
        ["duplicate", None, 0, "The probability to double one.", probability],
        ["reorder", None, 0, "The probability to hold one back.", probability],
        ["delay", None, 0, "Milliseconds to send everything later.", milliseconds],
        ["seed", None, 0, "Where the dice start.", seed],
        ["count", None, 1, "So many cameras, with serials in a row.", howMany],
    ]

    def postOptions(self) -> None:
        """Check what is left to check."""
        firmwares = {"a": FIRMWARE_A, "b": FIRMWARE_B}
        if self["firmware"].lower() not in firmwares:
            raise usage.UsageError("--firmware is a or b")
        self["firmware"] = firmwares[self["firmware"].lower()]
        self["dialect"] = self["dialect"].lower()
        if self["dialect"] not in DIALECTS:
            raise usage.UsageError("--dialect is cgi or json")
        self["codec"] = self["codec"].lower()
        try:
            check(self["firmware"], self["codec"], self["fps"], self["bitrate"])
        except ValueError as e:
            raise usage.UsageError(str(e)) from e

    async def run(self, reactor: DatagramReactor) -> int:
        """Be there until interrupted."""
        doors = Doors(
            reactor,
            self["address"] or "",
            dhPort=self["dh-port"],
            lanPort=self["lan-port"],
        )
        doors.open()
        cameras = [
            EmulatedCamera(
                reactor,
                deviceId,
                doors=doors,
                firmware=self["firmware"],
                name=self["name"],
                user=self["user"],
                password=self["password"],
                psk=self["psk"] or "",
                codec=self["codec"],
                fps=self["fps"],
                bitrate=self["bitrate"],
                dialect=self["dialect"],
                faults=Faults(
                    seed=self["seed"] + number,
                    loss=self["loss"],
                    duplicate=self["duplicate"],
                    reorder=self["reorder"],
                    delay=self["delay"] / 1000,
                ),
            )
            for number, deviceId in enumerate(_inARow(self["uid"], self["count"]))
        ]
        for camera in cameras:
            camera.start()
        try:
            await Deferred[None]()
        finally:
            for camera in cameras:
                await camera.stop()
            await doors.close()
        return OK


def _inARow(first: DeviceId, count: int) -> list[DeviceId]:
    """Identities with serials from C{first} on."""
    return [
        DeviceId(first.prefix, (first.serial + number) % (1 << 32), first.check)
        for number in range(count)
    ]
