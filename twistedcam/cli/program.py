"""
C{twistedcam}: which command?
"""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn, cast

from twisted.python import usage

from .. import options as door
from . import ask, live
from .command import USAGE, Command, run
from .discover import Discover
from .doctor import Doctor
from .emulate import Emulate


class Options(door.Options):
    """Options of C{twistedcam}."""

    longdesc = (
        "Finds LAN cameras of the VStarcam / CS2 PPPP family, asks and moves them, and"
        " emulates some. Each command has a --help of its own. Exit codes: 0 ok, 1 not found or"
        " unreachable, 2 usage, 3 login rejected or locked, 4 the camera refused, 5"
        " timeout, 130 interrupted."
    )
    subCommands = [
        ["discover", None, Discover, "List the cameras on the LAN."],
        ["status", None, ask.Status, "Show how a camera is."],
        ["params", None, ask.Params, "Show a camera's settings."],
        ["call", None, ask.Call, "Send a camera any command."],
        ["snapshot", None, ask.Snapshot, "Take a picture."],
        ["ptz", None, ask.Ptz, "Turn a camera."],
        ["preset", None, ask.Preset, "Turn to a stored position, or store it."],
        ["set", None, ask.Set, "Change settings of the picture, the lamps, the clock."],
        ["wifi", None, ask.Wifi, "List the wireless networks that a camera sees."],
        ["records", None, ask.Records, "List the recordings on a camera's card."],
        ["reboot", None, ask.Reboot, "Restart a camera."],
        ["watch", None, live.Watch, "Show how well a camera is received."],
        ["record", None, live.Record, "Record a camera."],
        ["doctor", None, Doctor, "Find out why a camera does not work."],
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
