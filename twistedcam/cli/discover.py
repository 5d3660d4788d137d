"""
C{twistedcam discover}: who is on the LAN?
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from twisted.logger import LogLevel
from twisted.python import usage

from .. import options as door
from ..discovery import Found
from ..reactors import DatagramReactor
from ..wire.deviceid import DeviceId
from .command import NOT_FOUND, OK, seconds, table


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
            print(table([_facts(one) for one in found]))
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
