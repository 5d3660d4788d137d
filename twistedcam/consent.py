"""
What a command may do to a camera, and how far its caller agrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal

from .errors import ConsentRequired


class Risk(IntEnum):
    """
    How much a command may change.

    @cvar READ: nothing.
    @cvar MOVE: where the camera looks.
    @cvar WRITE: a setting that can be set back.
    @cvar DANGEROUS: access, network or firmware; or nobody knows.
    """

    READ = 0
    MOVE = 1
    WRITE = 2
    DANGEROUS = 3


_READ = frozenset(
    (
        "audiostream",
        "check_user",
        "get_alarmlog",
        "get_camera_params",
        "get_hw_config",
        "get_log",
        "get_misc",
        "get_onvif",
        "get_online_log",
        "get_param_config",
        "get_params",
        "get_record",
        "get_record_file",
        "get_rtsp",
        "get_sensor_preset",
        "get_status",
        "get_wifi_mode",
        "get_wifi_scan_result",
        "livestream",
        "snapshot",
        "wifi_scan",
    )
)
_WRITE = frozenset(
    (
        "camera_control",
        "set_alarm",
        "set_alarmlogclr",
        "set_alias",
        "set_datetime",
        "set_ir_gpio",
        "set_led_status",
        "set_log",
        "set_media",
        "set_misc",
        "set_recordsch",
        "set_sensor_preset",
    )
)

#: C{decoder_control} commands that turn and zoom, and those that store or delete a
#: position, or switch an output.  As text: a camera may read "+30" or "4294967326"
#: as 30, so what is not written like this counts as unknown.
_MOVING = frozenset(
    map(str, (*range(8), *range(17, 21), 22, 23, *range(25, 30), 84, *range(90, 94)))
) | frozenset(map(str, range(31, 62, 2)))
_STORING = frozenset(map(str, (*range(30, 62, 2), *range(62, 67), 94, 95)))


def riskOf(name: str, parameters: Mapping[str, object]) -> Risk:
    """What a command may do."""
    if name in _READ:
        return Risk.READ
    if name == "decoder_control":
        command = str(parameters.get("command", ""))
        if command in _MOVING:
            return Risk.MOVE
        return Risk.WRITE if command in _STORING else Risk.DANGEROUS
    return Risk.WRITE if name in _WRITE else Risk.DANGEROUS


#: How far a caller agrees.
Allow = Literal["move", "write", "dangerous"]


def demand(name: str, parameters: Mapping[str, object], allow: Allow) -> None:
    """
    Check that the caller agrees.

    @param allow: C{"move"} (also allows to read), C{"write"} or C{"dangerous"}.
    @raise ConsentRequired: the command may do more than that.
    @raise ValueError: C{allow} is none of these.
    """
    try:
        allowed = Risk[allow.upper()]
    except KeyError:
        raise ValueError(f"allow is move, write or dangerous, not {allow!r}") from None
    risk = riskOf(name, parameters)
    if risk > allowed:
        raise ConsentRequired(f'{name} wants allow="{risk.name.lower()}"')
