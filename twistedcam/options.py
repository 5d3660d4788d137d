"""
Command line options that the twistd plugin and the console command share.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.python import usage

from .config import parseAddress, readPassword
from .discovery import Discovery
from .errors import ConfigError, WireError
from .reactors import DatagramReactor
from .trace import Trace, printPacket
from .wire import dh, pppp
from .wire.deviceid import DeviceId

#: Where a password may come from, besides a file.
PASSWORD_VARIABLE = "TWISTEDCAM_PASSWORD"


def port(text: str) -> int:
    """A UDP port number."""
    number = int(text)
    if not 0 < number < 1 << 16:
        raise ValueError(f"{number} is no port number")
    return number


def deviceId(text: str) -> DeviceId:
    """A camera's identity."""
    try:
        return DeviceId.fromText(text)
    except WireError as e:
        raise usage.UsageError(str(e)) from e


def address(text: str) -> str:
    """A dotted IPv4 address."""
    try:
        return parseAddress(text)
    except ConfigError as e:
        raise usage.UsageError(str(e)) from e


class SearchOptions(usage.Options):
    """Where cameras are looked for."""

    optParameters: list[list[Any]] = [
        ["dh-port", None, dh.DH_PORT, "The cameras' DH port (UDP).", port],
        ["lan-port", None, pppp.LAN_PORT, "The cameras' LAN_SEARCH port (UDP).", port],
        ["local-address", None, "", "Use this address of this machine only."],
    ]
    optFlags: list[list[Any]] = [
        ["trace", None, "Show every packet, deciphered, on standard output."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["search-address"] = []

    def opt_search_address(self, text: str) -> None:
        """
        Search here, instead of at the interfaces' broadcast addresses.  May be
        given more than once.
        """
        self["search-address"].append(address(text))

    def postOptions(self) -> None:
        """Check what is left to check."""
        if self["local-address"]:
            self["local-address"] = address(self["local-address"])

    def makeDiscovery(self, reactor: DatagramReactor) -> Discovery:
        """The searcher that the options ask for."""
        return Discovery(
            reactor,
            searchAddresses=self["search-address"],
            localAddress=self["local-address"],
            dhPort=self["dh-port"],
            lanPort=self["lan-port"],
            trace=self.trace,
        )

    @property
    def trace(self) -> Trace | None:
        """What sees the packets, if anything."""
        return printPacket if self["trace"] else None


def password(path: str | None) -> str | None:
    """
    The password from a file, or else from the environment.

    @raise usage.UsageError: the file cannot be used.
    """
    if path is None:
        return os.environ.get(PASSWORD_VARIABLE) or None
    try:
        return readPassword(path)
    except ConfigError as e:
        raise usage.UsageError(str(e)) from e
