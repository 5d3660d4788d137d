"""
What all commands share: exit codes, how they are run, and how they print.
"""

from __future__ import annotations

import re
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
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
    globalLogBeginner,
)
from twisted.python.failure import Failure

from .. import options as door
from ..errors import (
    CameraFull,
    CommandFailed,
    CommandTimeout,
    ConsentRequired,
    LoginError,
    NotSupported,
    TwistedcamError,
    WireError,
)
from ..reactors import DatagramReactor

OK, NOT_FOUND, USAGE, LOGIN, REFUSED, TIMEOUT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Command(Protocol):
    """A subcommand, its options parsed."""

    #: The least important events that it shows on standard error.
    logLevel: Any

    def run(self, reactor: DatagramReactor) -> Coroutine[Deferred[Any], Any, int]:
        """Do it; gives the exit code."""


def seconds(text: str) -> float:
    """A time."""
    return door.number(text, 0.001, 86400, "a time in seconds")


def printable(value: object) -> str:
    """What a camera says may hold anything: nothing but letters gets through."""
    text = str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Columns as wide as they need to be, under a line of titles."""
    cells = [[key.upper() for key in rows[0]]]
    cells += [[printable(value) or "-" for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


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
            code = explain(result) if isinstance(result, Failure) else result

        done = running.addBoth(finish)
        reactor.addSystemEventTrigger("before", "shutdown", shutdown)
        return done

    startLogging(command.logLevel)
    try:
        react(start)
    except SystemExit as e:
        code = e.code or code  # type: ignore[assignment]
    sys.exit(INTERRUPTED if interrupted else code)


#: Exit codes of errors; of everything else that can be told in a line: not found.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (LoginError, LOGIN),
    (ConsentRequired, USAGE),
    (WireError, USAGE),
    (CameraFull, REFUSED),
    (CommandFailed, REFUSED),
    (NotSupported, REFUSED),
    (CommandTimeout, TIMEOUT),
)


def explain(failure: Failure) -> int:
    """
    Tell what went wrong: in one line, unless it is our own fault.

    @return: the exit code.
    """
    problem = failure.value
    if isinstance(problem, OSError) and problem.strerror:
        where = "" if problem.filename is None else f"{problem.filename}: "
        print(f"twistedcam: {where}{problem.strerror}", file=sys.stderr)
    elif isinstance(problem, ConsentRequired):
        option = re.sub(r'allow="(\w+)"', r"--allow \1", str(problem))
        print(f"twistedcam: {option}", file=sys.stderr)
    elif isinstance(problem, CannotListenError | TwistedcamError | OSError):
        print(f"twistedcam: {door.explain(problem)}", file=sys.stderr)
    elif not isinstance(problem, CancelledError):
        failure.printTraceback(sys.stderr)
    return next((code for kind, code in _CODES if isinstance(problem, kind)), NOT_FOUND)


def startLogging(level: Any) -> None:
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
