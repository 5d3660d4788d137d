"""
Which commands a camera knows, in the order in which it looks for them.

It searches the text of a request for C{name.cgi}, wherever that stands: first for
the special ones, then for those of the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from .firmware import Firmware

#: The code of answers to unknown commands.
UNKNOWN = 0x0000

#: A failed login on the special list is answered with this code.
STATUS = 0x6001

#: The answer to everything that carries a password while the camera is locked.
LOCKED = 0x60A0

#: Alarms, on their own channel.
ALARM = 0x6040


@dataclass(frozen=True, slots=True)
class Command:
    """
    A command.

    @ivar name: without C{.cgi}.
    @ivar code: that of its answer.
    @ivar refusal: that of the answer to a wrong or missing login.
    """

    name: str
    code: int
    refusal: int


# Names behind a code; "A" or "B" after a name: only that firmware has it.
_SPECIAL = """
6015 snapshot
6037 livestream
6031 audiostream
602A wifi_scan
6012 camera_control
600E set_users
6013 set_datetime A
7108 eye4_authentication B
"""

_TABLE = """
6001 get_status
6002 get_params
6003 get_camera_params
6004 get_log
6005 get_misc
6006 get_record
6007 get_record_file
6008 get_wifi_scan_result
6009 get_factory_param
600A set_ir_gpio A
600B set_upnp
600C set_alarm
600D set_log
600E set_users
600F set_alias
6010 set_mail
6011 set_wifi
6012 camera_control
6013 set_datetime
6014 set_media
6016 set_ddns
6017 set_misc
6018 ftptest A
6019 decoder_control
601A set_default
601B set_moto_run A
601C mailtest A
601D test_mail A
601E del_file
601F login
6020 set_devices
6021 set_network
6022 test_ftp A
6025 set_factory_param
6026 set_pppoe A
6027 reboot
6028 set_formatsd
6029 set_recordsch
602A wifi_scan
602B restore_factory
602C set_ftp
602D set_rtsp
602F upgrade_htmls
6030 upgrade_firmware
6031 set_iic A
6032 get_iic A
6033 get_alarmlog
6034 set_alarmlogclr
6035 get_apwifi
6036 set_apwifi
6060 upgrade_factory_params A
60A0 check_user
60A1 download
60A2 get_pnp_server A
60A3 set_pnp_server A
60A5 set_bootday
60A6 set_extra A
60A7 get_extra A
60A8 set_factory_extra
60A9 get_factory_extra
60AA get_rtsp
60AB get_onvif
60AC set_onvif
60AD set_faccamcontrol
60B0 set_aging
60B1 get_aging
60B2 set_update_push_user
60B3 auto_download_file
60B7 set_sensor_preset A
60B9 get_sensor_preset A
60D1 trans_cmd_string
60D2 get_test_hardware_result B
60D3 set_test_hardware B
6102 get_online_log B
7103 set_debug_audio B
7104 set_test_audio
7105 set_test_auto_upgrade A
7107 set_mqtt A
7108 eye4_authentication B
710A get_wifi_mode B
710B set_led_status B
7112 get_param_config B
7113 set_production_config B
7114 get_hw_config B
"""


def _read(text: str, family: str, special: bool) -> list[Command]:
    rows = [line.split() for line in text.split("\n") if line]
    return [
        Command(name, int(code, 16), STATUS if special else int(code, 16))
        for code, name, *only in rows
        if only in ([], [family])
    ]


_COMMANDS = {
    family: [
        (f"{command.name}.cgi".encode(), command)
        for command in (*_read(_SPECIAL, family, True), *_read(_TABLE, family, False))
    ]
    for family in "AB"
}


def find(text: bytes, firmware: Firmware) -> Command | None:
    """The command that a request's text means, if any."""
    for needle, command in _COMMANDS[firmware.name]:
        if needle in text:
            return command
    return None


def names(firmware: Firmware) -> frozenset[str]:
    """The names of all commands."""
    return frozenset(command.name for _, command in _COMMANDS[firmware.name])
