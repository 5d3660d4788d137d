"""
What cameras answer, as values.  Each keeps the whole reply as C{raw}, because
firmware tells more, and less, than anybody expects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .wire.cgi import Reply

#: How the names of recordings on the card begin.
_RECORDING_TIME = "%Y%m%d%H%M%S"


@dataclass(frozen=True)
class Users:
    """
    Who is connected.

    @ivar current: clients, this one included.
    @ivar maximum: as many as the camera serves.
    """

    current: int | None
    maximum: int | None
    raw: Reply = field(repr=False)

    @classmethod
    def fromReply(cls, reply: Reply) -> Users:
        """From C{check_user}."""
        return cls(
            reply.number("current_users"), reply.number("max_support_users"), reply
        )


@dataclass(frozen=True)
class Status:
    """
    How the camera is.

    @ivar alias: what its owner called it.
    @ivar deviceId: its identity, as it writes it.
    @ivar now: the camera's clock, in seconds since the epoch.
    @ivar cardTotal: size of the memory card, in MiB.
    @ivar cardFree: free space on it, in MiB.
    """

    alias: str
    deviceId: str
    systemVersion: str
    appVersion: str
    mac: str
    now: int | None
    cardTotal: int | None
    cardFree: int | None
    raw: Reply = field(repr=False)

    @classmethod
    def fromReply(cls, reply: Reply) -> Status:
        """From C{get_status}."""
        return cls(
            alias=reply.text("alias"),
            deviceId=reply.text("realdeviceid") or reply.text("deviceid"),
            systemVersion=reply.text("sys_ver"),
            appVersion=reply.text("app_version"),
            mac=reply.text("mac"),
            now=reply.number("now"),
            cardTotal=reply.number("sdtotal"),
            cardFree=reply.number("sdfree"),
            raw=reply,
        )


@dataclass(frozen=True)
class ImageSettings:
    """
    How the picture is made.

    @ivar flip: 0 as it is, 1 upside down, 2 mirrored, 3 both.
    @ivar infrared: the filter and lamps for the night, as the camera numbers it.
    """

    brightness: int | None
    contrast: int | None
    saturation: int | None
    hue: int | None
    flip: int | None
    infrared: int | None
    raw: Reply = field(repr=False)

    @classmethod
    def fromReply(cls, reply: Reply) -> ImageSettings:
        """From C{get_camera_params}."""
        return cls(
            brightness=reply.number("vbright"),
            contrast=reply.number("vcontrast"),
            saturation=reply.number("vsaturation"),
            hue=reply.number("vhue"),
            flip=reply.number("flip"),
            infrared=reply.number("ircut"),
            raw=reply,
        )


@dataclass(frozen=True)
class WifiNetwork:
    """
    A wireless network that the camera sees.

    @ivar signal: as the camera tells it: dBm, or percent on some models.
    """

    ssid: str
    mac: str
    channel: int | None
    security: int | None
    signal: int | None

    @classmethod
    def listFromReply(cls, reply: Reply) -> list[WifiNetwork]:
        """From C{wifi_scan}."""
        signals = reply.array("ap_dbm0") or reply.array("ap_rssi")
        columns = [
            reply.array("ap_mac"),
            reply.array("ap_channel"),
            reply.array("ap_security"),
            signals,
        ]
        return [
            cls(
                str(ssid),
                str(_at(columns[0], i) or ""),
                *(_number(_at(column, i)) for column in columns[1:]),
            )
            for i, ssid in enumerate(reply.array("ap_ssid"))
        ]


@dataclass(frozen=True)
class Recording:
    """
    A file on the camera's memory card.

    @ivar size: bytes.
    @ivar started: by the camera's clock, if the name tells.
    """

    name: str
    size: int | None
    started: datetime | None

    @classmethod
    def listFromReply(cls, reply: Reply) -> list[Recording]:
        """From C{get_record_file}."""
        sizes = reply.array("record_size0")
        return [
            cls(str(name), _number(_at(sizes, i)), _started(str(name)))
            for i, name in enumerate(reply.array("record_name0"))
        ]


def _at(column: list[int | str], place: int) -> int | str | None:
    return column[place] if place < len(column) else None


def _number(value: int | str | None) -> int | None:
    return value if isinstance(value, int) else None


def _started(name: str) -> datetime | None:
    try:
        return datetime.strptime(name[:14], _RECORDING_TIME)
    except ValueError:
        return None
