"""
A log for machines: one JSON object in each line of standard output.

For C{twistd --logger twistedcam.jsonlog.observer}.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

#: Characters of one text: collectors cut or refuse longer lines.
MAX_TEXT = 8192

#: Fields that an event can have besides: more than any of ours has.
MAX_FIELDS = 32

Scalar = str | int | float | bool | None


def observer() -> JsonObserver:
    """What writes to standard output, as that is when it is made."""
    return JsonObserver(sys.stdout)


@implementer(ILogObserver)
class JsonObserver:
    """
    Writes events as C{time} (UTC, ISO 8601), C{level}, C{namespace}, C{message} and,
    of a failure, C{traceback}; then the fields that the message was made from, as far
    as they are plain values.  Objects are left out: who knows what their C{repr}
    tells.
    """

    def __init__(self, stream: TextIO) -> None:
        """
        @param stream: gets whole lines, of ASCII.
        """
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        """Write a line."""
        self._stream.write(line(event))
        self._stream.flush()


def line(event: LogEvent) -> str:
    """The event, as a line."""
    time = event.get("log_time")
    level = event.get("log_level")
    record: dict[str, Scalar] = {
        "time": None if time is None else _iso(time),
        "level": "info" if level is None else level.name,
        "namespace": _text(str(event.get("log_namespace", ""))),
        "message": _text(formatEvent(event)),
    }
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        # What went wrong stands at its end.
        record["traceback"] = _text(failure.getTraceback()[-MAX_TEXT:])
    for name, value in _fields(event).items():
        record.setdefault(name, value)
    return json.dumps(record, allow_nan=False) + "\n"


def _fields(event: Mapping[str, object]) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    if event.get("log_namespace") == "log_legacy":
        return fields  # they say nothing that the message does not
    for name, value in event.items():
        if name.startswith("log_") or not name.isidentifier():
            continue
        if isinstance(value, str):
            fields[name] = _text(value)
        elif type(value) is float:
            fields[name] = value if math.isfinite(value) else str(value)
        elif type(value) in (int, bool, type(None)):
            fields[name] = value  # type: ignore[assignment]
        if len(fields) == MAX_FIELDS:
            break
    return fields


def _iso(time: float) -> str:
    moment = datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(text: str) -> str:
    """Of a length that can be handled, and without halves of characters."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "..."
    return text.encode(errors="replace").decode()
