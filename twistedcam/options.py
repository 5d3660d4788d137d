"""
Command line options that the twistd plugin and the console command share.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from importlib.metadata import version
from typing import Any, NoReturn

from twisted.internet.error import CannotListenError
from twisted.python import usage

from .config import parseAddress, parseEndpoint, readPassword
from .discovery import Discovery
from .errors import ConfigError, WireError
from .reactors import DatagramReactor
from .trace import Trace, printPacket
from .wire import dh, pppp
from .wire.deviceid import DeviceId

#: Where a password may come from, besides a file.
PASSWORD_VARIABLE = "TWISTEDCAM_PASSWORD"


def number(text: str, low: float, high: float, what: str) -> float:
    """
    A number in a range, its ends included.

    @raise usage.UsageError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise usage.UsageError(f"{text!r} is not {what} ({low:g} to {high:g})")
    return value


def port(text: str) -> int:
    """A UDP port number."""
    return whole(text, 1, 65535, "a port number")


def whole(text: str, low: int, high: int, what: str) -> int:
    """
    A whole number in a range, its ends included.

    @raise usage.UsageError: it is none.
    """
    value = number(text, low, high, what)
    if not value.is_integer():
        raise usage.UsageError(f"{text!r} is not {what} ({low} to {high})")
    return int(value)


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


def endpoint(text: str) -> str:
    """Where to listen, in Twisted's words; empty: nowhere."""
    try:
        return text and parseEndpoint(text)
    except ConfigError as e:
        raise usage.UsageError(str(e)) from e


def text(given: str) -> str:
    """A text that can be sent; it is not repeated, as it may be a secret."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise usage.UsageError("the value of an option is not UTF-8 text") from None
    return given


class Options(usage.Options):
    """What all our options have in common."""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse; unless there are subcommands, options may also stand behind the
        arguments, where people put them.
        """
        given = list(sys.argv[1:] if options is None else options)
        if getattr(self, "subCommands", None) is None:
            try:
                named, arguments = gnu_getopt(given, self.shortOpt, self.longOpt)
            except GetoptError as e:
                raise usage.UsageError(str(e)) from e
            given = [
                word
                for name, value in named
                for word in (
                    [name, value] if f"{name[2:]}=" in self.longOpt else [name]
                )
            ]
            given += ["--", *arguments]
        super().parseOptions(given)

    def __repr__(self) -> str:
        """Without the values: there are secrets among them."""
        return f"<{type(self).__module__}.{type(self).__name__}>"

    def opt_version(self) -> NoReturn:
        """Print the version of twistedcam and exit."""
        print(f"twistedcam {version('twistedcam')}")
        sys.exit()


class SearchOptions(Options):
    """Where cameras are looked for."""

    optParameters: list[list[Any]] = [
        ["dh-port", None, dh.DH_PORT, "The cameras' DH port (UDP).", port],
        ["lan-port", None, pppp.LAN_PORT, "The cameras' LAN_SEARCH port (UDP).", port],
        ["local-address", None, None, "Use this address of this machine only."],
    ]
    optFlags: list[list[Any]] = [
        ["trace", None, "Show every packet, deciphered, on standard output."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["search-address"] = []

    def opt_search_address(self, text: str) -> None:
        """Search here, not at the broadcast addresses.  May be given repeatedly."""
        self["search-address"].append(address(text))

    def postOptions(self) -> None:
        """Check what is left to check."""
        if self["local-address"] is not None:
            self["local-address"] = address(self["local-address"])

    def makeDiscovery(self, reactor: DatagramReactor) -> Discovery:
        """The searcher that the options ask for."""
        return Discovery(
            reactor,
            searchAddresses=self["search-address"],
            localAddress=self["local-address"] or "",
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
        return text(os.environ.get(PASSWORD_VARIABLE, "")) or None
    try:
        return readPassword(path)
    except ConfigError as e:
        raise usage.UsageError(str(e)) from e


def explain(error: BaseException | None) -> str:
    """One line about what is in the way."""
    if isinstance(error, CannotListenError):
        place = f"UDP port {error.port}" if error.port else "a UDP port"
        reason = getattr(error.socketError, "strerror", None) or error.socketError
        return f"cannot open {place} on {error.interface or 'all addresses'}: {reason}"
    return str(error)
