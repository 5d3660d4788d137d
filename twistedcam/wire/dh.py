"""
"DH": the search that VStarcam cameras answer on UDP port 8600.

The request is four bytes.  The report is a packed struct of 524 bytes whose
layout is fixed by I{byte} offset (a MAC address may look like a two-byte letter,
which shifts the offsets of whoever counts characters).  All numbers are little
endian.  Texts are NUL padded; what follows the first NUL is stale memory.

From 0x144 on a report carries settings of a name service, passwords among them,
and then eight bytes that the camera did not even mean to send.  They are read by
L{DhServices.fromReport} only, and never shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from ..errors import WireError
from .deviceid import DeviceId
from .header import at

#: Where cameras listen (UDP).
DH_PORT = 8600

#: A report is at least as long as its device id field, and never longer than this.
MIN_REPORT, MAX_REPORT = 0x7C, 1024

#: What cameras send.
REPORT_SIZE = 0x20C

_SEARCH = b"DH\x01\x01"
_REPORT = b"DH\x01\x08"


@dataclass(frozen=True, slots=True)
class DhSearch:
    """Who is there?  Cameras answer to the port that it came from, twice."""


@dataclass(frozen=True, slots=True)
class DhReport:
    """
    A camera's answer.  Fields that a short report does not reach are empty.

    @ivar ip: the camera's own idea of its address, dotted.
    @ivar mac: six bytes (the wired or the wireless one, by firmware).
    @ivar httpPort: changes with each boot on some models.
    @ivar uid: the device id without hyphens, or a "virtual" one.
    @ivar name: what the owner called it.
    @ivar user: empty; firmware with a virtual id puts the real device id here.
    @ivar password: empty in every report seen; kept out of C{repr}.
    @ivar sysMode: 0 or 1, an old distinction of models.
    @ivar deviceType: 0 PTZ, 3 alarm camera, 4 doorbell, 5 without PTZ...
    """

    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    dns1: str = ""
    dns2: str = ""
    mac: bytes = bytes(6)
    httpPort: int = 0
    uid: str = ""
    name: str = ""
    systemVersion: str = ""
    appVersion: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    sysMode: int = 0
    dhcp: int = 0
    smartConnect: int = 0
    other: int = 0
    wifiMac: bytes = bytes(6)
    deviceType: int = 0
    streamId: int = 0
    reserved: bytes = bytes(12)

    @property
    def deviceId(self) -> DeviceId:
        """
        The identity that the camera goes by.

        @raise WireError: the text is none.
        """
        return DeviceId.fromText(self.uid)

    @property
    def sessionId(self) -> DeviceId:
        """
        The identity that the camera's sessions carry: the real one where
        L{deviceId} is virtual.

        @raise WireError: neither text is one.
        """
        try:
            return DeviceId.fromText(self.user)
        except WireError:
            return self.deviceId


@dataclass(frozen=True, slots=True, repr=False)
class DhServices:
    """The name service settings of a report: secrets."""

    server: str = ""
    host: str = ""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "<DhServices (not shown)>"

    @classmethod
    def fromReport(cls, datagram: bytes) -> DhServices:
        """
        Read the settings out of a whole report datagram.

        @raise WireError: this is no report.
        """
        _checkReport(datagram)
        return cls(**_read(datagram, _SERVICES))


@dataclass(frozen=True, slots=True)
class _Field:
    """
    One place of the struct.

    @ivar format: C{"s"} for a NUL padded text, or else a L{struct} format.
    """

    name: str
    offset: int
    size: int
    format: str = "s"


_FIELDS = (
    _Field("ip", 0x004, 16),
    _Field("netmask", 0x014, 16),
    _Field("gateway", 0x024, 16),
    _Field("dns1", 0x034, 16),
    _Field("dns2", 0x044, 16),
    _Field("mac", 0x054, 6, "6s"),
    _Field("httpPort", 0x05A, 2, "<H"),
    _Field("uid", 0x05C, 32),
    _Field("name", 0x07C, 80),
    _Field("systemVersion", 0x0CC, 16),
    _Field("appVersion", 0x0DC, 16),
    _Field("user", 0x0EC, 32),
    _Field("password", 0x10C, 32),
    _Field("sysMode", 0x12C, 1, "B"),
    _Field("dhcp", 0x12D, 1, "B"),
    _Field("smartConnect", 0x12E, 1, "B"),
    _Field("other", 0x12F, 1, "B"),
    _Field("wifiMac", 0x130, 6, "6s"),
    _Field("deviceType", 0x136, 1, "B"),
    _Field("streamId", 0x137, 1, "B"),
    _Field("reserved", 0x138, 12, "12s"),
)
_SERVICES = (
    _Field("server", 0x144, 64),
    _Field("host", 0x184, 64),
    _Field("user", 0x1C4, 32),
    _Field("password", 0x1E4, 32),
)

DhMessage = DhSearch | DhReport


def decode(datagram: bytes) -> DhMessage:
    """
    Read one datagram.

    @raise WireError: it is neither a search nor a report.
    """
    if datagram[: len(_SEARCH)] == _SEARCH:
        return DhSearch()
    _checkReport(datagram)
    return DhReport(**_read(datagram, _FIELDS))


def encode(message: DhMessage, services: DhServices | None = None) -> bytes:
    """
    Write one datagram.  A report has its full 524 bytes, the eight stray ones at
    its end being zero.

    @raise WireError: a field does not fit.
    """
    if isinstance(message, DhSearch):
        return _SEARCH
    datagram = bytearray(REPORT_SIZE)
    datagram[: len(_REPORT)] = _REPORT
    _write(datagram, message, _FIELDS)
    if services is not None:
        _write(datagram, services, _SERVICES)
    return bytes(datagram)


def _checkReport(datagram: bytes) -> None:
    for offset, byte in enumerate(_REPORT):
        if at(datagram, offset) != byte:
            raise WireError("not a DH head", offset, at(datagram, offset))
    if len(datagram) < MIN_REPORT:
        raise WireError("a DH report is cut off", len(datagram))
    if len(datagram) > MAX_REPORT:
        raise WireError("too long for a DH report", MAX_REPORT, datagram[MAX_REPORT])


def _read(datagram: bytes, layout: tuple[_Field, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for place in layout:
        raw = datagram[place.offset : place.offset + place.size]
        if len(raw) < place.size:
            break
        if place.format == "s":
            values[place.name] = _printable(raw.split(b"\0", 1)[0])
        else:
            (values[place.name],) = Struct(place.format).unpack(raw)
    return values


def _printable(raw: bytes) -> str:
    """A stranger's text, fit for a terminal and a log."""
    text = raw.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _write(datagram: bytearray, message: object, layout: tuple[_Field, ...]) -> None:
    for place in layout:
        value = getattr(message, place.name)
        raw = value.encode() if isinstance(value, str) else value
        if isinstance(raw, int):
            if raw >> (8 * place.size) or raw < 0:
                raise WireError(f"{place.name} {raw} does not fit {place.size} bytes")
            raw = raw.to_bytes(place.size, "little")
        if len(raw) > place.size or (place.format != "s" and len(raw) < place.size):
            raise WireError(f"{place.name} does not fit {place.size} bytes")
        datagram[place.offset : place.offset + len(raw)] = raw
