"""
Relatives that are found and connected to in the same way, and speak otherwise.

The prefix of the identity and the key tell a family; a family mostly speaks one
dialect.  What a camera sends on the command channel tells for certain: each dialect
begins its records in its own way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from struct import Struct

from ..wire.cipher import Cipher, forPrefix
from ..wire.deviceid import DeviceId
from .findings import Examiner


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    A way to command cameras that twistedcam does not know.

    @ivar kind: its name, for programs.
    @ivar name: its name, for people.
    @ivar start: how its records begin.
    @ivar keys: the published keys of families that speak it.
    @ivar prefixes: and the prefixes of others.
    @ivar advice: what to use instead.
    """

    kind: str
    name: str
    start: bytes
    keys: frozenset[str]
    prefixes: frozenset[str]
    advice: tuple[str, ...]


JSON = Dialect(
    kind="json-dialect",
    name="the JSON dialect (A9, X5 and the like)",
    start=b"\x06\x0a",
    keys=frozenset(("camera", "SHIX")),
    prefixes=frozenset(),
    advice=(
        "Try aiopppp (github.com/devbis/aiopppp) or cam-reverse"
        " (github.com/DavidVentura/cam-reverse); the usual login is admin, 6666.",
    ),
)
BINARY = Dialect(
    kind="binary-dialect",
    name="the binary dialect (iLnk, Yunni)",
    start=b"\x11\x0a",
    keys=frozenset(),
    prefixes=frozenset(("BATC", "BATD", "BATE", "PTZA", "FTYC", "XHA")),
    advice=(
        "Try cam-reverse (github.com/DavidVentura/cam-reverse) or aiopppp"
        " (github.com/devbis/aiopppp).",
    ),
)
UNKNOWN = Dialect(
    kind="unknown-dialect",
    name="something of its own, on other ports (little stars)",
    start=b"",
    keys=frozenset(("@@@@....",)),
    prefixes=frozenset(),
    advice=("No free program is known for it.",),
)

_DIALECTS = (JSON, BINARY, UNKNOWN)


def ofFamily(deviceId: DeviceId, cipher: Cipher | None) -> Dialect | None:
    """
    What such a camera speaks, by its prefix, or else by the key it answers under;
    L{None}: nothing else is known, so it may be one of ours.
    """
    known = forPrefix(deviceId.prefix)
    keys = {one.label for one in known}
    if not known and cipher is not None:
        keys = {cipher.label}
    for dialect in _DIALECTS:
        if deviceId.prefix in dialect.prefixes or keys & dialect.keys:
            return dialect
    return None


def ofRecord(data: bytes) -> Dialect | None:
    """What speaks like that, on the command channel; not ours."""
    for dialect in _DIALECTS:
        if dialect.start and data.startswith(dialect.start):
            return dialect
    return None


# Asking in JSON.

_HEAD = Struct("<4sI")


def jsonQuestion() -> bytes:
    """
    The first command of the JSON dialect, with no password in it: whatever is
    answered to that tells the dialect.
    """
    text = json.dumps(
        {"pro": "check_user", "cmd": 100, "user": "", "pwd": "", "devmac": "0000"}
    ).encode()
    return _HEAD.pack(JSON.start + b"\xa0\x80", len(text)) + text


def tellOfFamily(say: Examiner, dialect: Dialect, deviceId: DeviceId) -> None:
    """It is to be expected that this camera speaks otherwise."""
    say.problem(
        dialect.kind,
        f"cameras like {deviceId} speak {dialect.name}, which twistedcam does not",
        *dialect.advice,
        uid=str(deviceId),
    )


def tellOfAnswer(say: Examiner, dialect: Dialect, deviceId: DeviceId) -> None:
    """It does speak otherwise."""
    say.problem(
        dialect.kind,
        f"{deviceId} answers in {dialect.name}, which twistedcam does not speak",
        *dialect.advice,
        uid=str(deviceId),
    )
