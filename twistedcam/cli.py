"""
The console command C{twistedcam}.

Exit codes: 0 ok, 1 not found or unreachable, 2 usage, 3 login rejected or locked,
4 the camera refused, 5 timeout, 130 interrupted.
"""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import react
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
    globalLogBeginner,
)
from twisted.python import usage
from twisted.python.failure import Failure

from . import options as door
from .discovery import Found
from .emulator import FIRMWARE_A, FIRMWARE_B, Doors, EmulatedCamera, Faults
from .errors import TwistedcamError, WireError
from .reactors import DatagramReactor
from .wire import dh, pppp
from .wire.deviceid import DeviceId

OK, NOT_FOUND, USAGE, LOGIN, REFUSED, TIMEOUT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


_DEFAULT_UID = DeviceId("VSTB", 668515, "UZCPK")


class Command(Protocol):
    """A subcommand, its options parsed."""

    #: The least important events that it shows on standard error.
    logLevel: Any

    def run(self, reactor: DatagramReactor) -> Coroutine[Deferred[Any], Any, int]:
        """Do it; gives the exit code."""


def seconds(text: str) -> float:
    """A time."""
    return door.number(text, 0.001, 86400, "a time in seconds")


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


def howMany(text: str) -> int:
    """As many cameras as one process may reasonably emulate."""
    return door.whole(text, 1, 1000, "a number of cameras")


class Discover(door.SearchOptions):
    """C{twistedcam discover}"""

    synopsis = "[options]"
    longdesc = (
        "Asks the whole LAN for cameras, and lists those that answer: as a table,"
        " unless told otherwise. The exit code is 1 if there are none."
    )
    logLevel = LogLevel.warn
    optParameters = [
        ["timeout", None, 3, "How long to search, in seconds.", seconds],
    ]
    optFlags = [
        ["json", None, "Print each camera as a line of JSON."],
        ["toml", None, "Print [[camera]] sections for a configuration file."],
    ]

    def postOptions(self) -> None:
        """Check what belongs together."""
        super().postOptions()
        if self["json"] and self["toml"]:
            raise usage.UsageError("--json and --toml exclude each other")

    async def run(self, reactor: DatagramReactor) -> int:
        """Search and print."""
        discovery = self.makeDiscovery(reactor)
        discovery.checkLocalAddress()
        try:
            found = await discovery.search(self["timeout"])
        finally:
            await discovery.stop()
        found.sort(key=lambda one: (str(one.deviceId), one.address))
        if self["json"]:
            for one in found:
                print(json.dumps(_facts(one), ensure_ascii=False))
        elif self["toml"]:
            print("\n".join(_section(one) for one in _distinct(found)), end="")
        elif found:
            print(_table([_facts(one) for one in found]))
        if not found:
            print("twistedcam: no camera answered", file=sys.stderr)
            return NOT_FOUND
        return OK


def _facts(found: Found) -> dict[str, Any]:
    report = found.report
    return {
        "uid": str(found.deviceId),
        "name": found.name,
        "address": found.address,
        "port": found.lanPort,
        "firmware": report.systemVersion if report is not None else "",
        "answered": found.answered,
        "obfuscation": found.cipher.label if found.cipher is not None else "unknown",
    }


def _distinct(found: Sequence[Found]) -> list[Found]:
    """
    Each identity once, since a file with two of a name is refused: where several
    claim it, one that LAN_SEARCH has confirmed.
    """
    best: dict[DeviceId, Found] = {}
    for one in found:
        rival = best.setdefault(one.deviceId, one)
        if rival.cipher is None:
            best[one.deviceId] = one
    return list(best.values())


def _section(found: Found) -> str:
    lines = [
        "[[camera]]",
        f"uid = {_tomlString(str(found.deviceId))}",
        f"name = {_tomlString(str(found.deviceId).lower())}",
        f"title = {_tomlString(found.name)}",
        f"address = {_tomlString(found.address)}",
    ]
    return "".join(line + "\n" for line in lines)


def _tomlString(text: str) -> str:
    """As in JSON, but for one letter."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Columns as wide as they need to be, under a line of titles."""
    cells = [[key.upper() for key in rows[0]]]
    cells += [[str(value) or "-" for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


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


class Options(door.Options):
    """Options of C{twistedcam}."""

    longdesc = (
        "Finds LAN cameras of the VStarcam / CS2 PPPP family, and emulates some. Each"
        " command has a --help of its own. Exit codes: 0 ok, 1 not found or"
        " unreachable, 2 usage, 3 login rejected or locked, 4 the camera refused, 5"
        " timeout, 130 interrupted."
    )
    subCommands = [
        ["discover", None, Discover, "List the cameras on the LAN."],
        ["emulate", None, Emulate, "Emulate cameras."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise usage.UsageError("a command, please: see twistedcam --help")

    def getSynopsis(self) -> str:
        """The commands put theirs behind it."""
        return "Usage: twistedcam" + ("" if self.subCommand else " COMMAND [options]")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The entry point."""
    _adaptToTerminal()
    options = Options()
    try:
        options.parseOptions(argv)
    except usage.UsageError as e:
        print(f"twistedcam: {e}", file=sys.stderr)
        sys.exit(USAGE)
    run(cast(Command, options.subOptions))


def _adaptToTerminal() -> None:
    """
    End silently when nobody reads any more, as all commands do (Python would raise
    BrokenPipeError), and show what the terminal can show of a camera's name.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def run(command: Command) -> NoReturn:
    """Run a command under the reactor, and exit with its code."""
    code = OK
    interrupted = False

    def start(reactor: IReactorCore) -> Deferred[None]:
        running = Deferred.fromCoroutine(command.run(cast(DatagramReactor, reactor)))

        def shutdown() -> Deferred[None] | None:
            """Interrupted, unless the command is done: let it clean up."""
            nonlocal interrupted
            if done.called:
                return None
            interrupted = True
            running.cancel()
            return done

        def finish(result: int | Failure) -> None:
            nonlocal code
            code = _explain(result) if isinstance(result, Failure) else result

        done = running.addBoth(finish)
        reactor.addSystemEventTrigger("before", "shutdown", shutdown)
        return done

    _startLogging(command.logLevel)
    try:
        react(start)
    except SystemExit as e:
        code = e.code or code  # type: ignore[assignment]
    sys.exit(INTERRUPTED if interrupted else code)


def _explain(failure: Failure) -> int:
    """Tell what went wrong: in one line, unless it is our own fault."""
    if failure.check(CannotListenError, TwistedcamError):
        print(f"twistedcam: {door.explain(failure.value)}", file=sys.stderr)
    elif not failure.check(CancelledError):
        failure.printTraceback(sys.stderr)
    return NOT_FOUND


def _startLogging(level: Any) -> None:
    """Our own events of this level and above, in plain lines, on standard error."""

    def line(event: LogEvent) -> str | None:
        if not event.get("log_namespace", "").startswith("twistedcam"):
            return None
        return f"{formatTime(event['log_time'], '%H:%M:%S')} {formatEvent(event)}\n"

    observer = FilteringLogObserver(
        FileLogObserver(sys.stderr, line),
        [LogLevelFilterPredicate(defaultLogLevel=level)],
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
