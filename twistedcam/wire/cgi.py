"""
The CGI dialect: commands and replies in the byte stream of channel 0.

Both are records: a head of four u16, little endian (start 0x0A01, command code,
length of what follows, version), then the text.  A command is C{GET
/name.cgi?key=value&...}; its code is 0 and ignored, the camera looks for the name.
A reply has the command's code and version 0x0100, and text such as::

    result= 0;
    var current_users=1;
    var alias="IPCAM";
    var record_name0=new Array();
    record_name0[0]="20260101120000_010.h264";

The first C{result} is the login's: 0, or negative and then nothing follows.
Commands that change something end with a second one, C{"ok"} if it worked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from urllib.parse import quote

from ..errors import WireError

HEAD = Struct("<HHHH")
START = 0x0A01
_START_BYTES = b"\x01\x0a"

#: The version that cameras write.
REPLY_VERSION = 0x0100

#: Bytes of a command's text at most: a camera ends the session over a longer one.
MAX_COMMAND = 4095

#: Names, and places of all arrays together, that one reply may have: its 64 KiB
#: have no room for as many statements.
MAX_NAMES, MAX_PLACES = 4096, 16384

#: What stands in the place of a secret.
MASK = "***"

#: Codes that come without being asked for, or instead of an answer.
STATUS = 0x6001
ALARM = 0x6040
LOCKED = 0x60A0
FULL_HOUSE = 0x60D1
UNKNOWN = 0x0000

#: The command names, and the code that their answers carry.
CODES: dict[str, int] = {
    "get_status": 0x6001,
    "get_params": 0x6002,
    "get_camera_params": 0x6003,
    "get_log": 0x6004,
    "get_misc": 0x6005,
    "get_record": 0x6006,
    "get_record_file": 0x6007,
    "get_wifi_scan_result": 0x6008,
    "get_factory_param": 0x6009,
    "set_ir_gpio": 0x600A,
    "set_upnp": 0x600B,
    "set_alarm": 0x600C,
    "set_log": 0x600D,
    "set_users": 0x600E,
    "set_alias": 0x600F,
    "set_mail": 0x6010,
    "set_wifi": 0x6011,
    "camera_control": 0x6012,
    "set_datetime": 0x6013,
    "set_media": 0x6014,
    "snapshot": 0x6015,
    "set_ddns": 0x6016,
    "set_misc": 0x6017,
    "ftptest": 0x6018,
    "decoder_control": 0x6019,
    "set_default": 0x601A,
    "set_moto_run": 0x601B,
    "mailtest": 0x601C,
    "test_mail": 0x601D,
    "del_file": 0x601E,
    "login": 0x601F,
    "set_devices": 0x6020,
    "set_network": 0x6021,
    "test_ftp": 0x6022,
    "set_factory_param": 0x6025,
    "set_pppoe": 0x6026,
    "reboot": 0x6027,
    "set_formatsd": 0x6028,
    "set_recordsch": 0x6029,
    "wifi_scan": 0x602A,
    "restore_factory": 0x602B,
    "set_ftp": 0x602C,
    "set_rtsp": 0x602D,
    "upgrade_htmls": 0x602F,
    "upgrade_firmware": 0x6030,
    "audiostream": 0x6031,
    "set_iic": 0x6031,
    "get_iic": 0x6032,
    "get_alarmlog": 0x6033,
    "set_alarmlogclr": 0x6034,
    "get_apwifi": 0x6035,
    "set_apwifi": 0x6036,
    "livestream": 0x6037,
    "upgrade_factory_params": 0x6060,
    "check_user": 0x60A0,
    "download": 0x60A1,
    "get_pnp_server": 0x60A2,
    "set_pnp_server": 0x60A3,
    "set_bootday": 0x60A5,
    "set_extra": 0x60A6,
    "get_extra": 0x60A7,
    "set_factory_extra": 0x60A8,
    "get_factory_extra": 0x60A9,
    "get_rtsp": 0x60AA,
    "get_onvif": 0x60AB,
    "set_onvif": 0x60AC,
    "set_faccamcontrol": 0x60AD,
    "set_aging": 0x60B0,
    "get_aging": 0x60B1,
    "set_update_push_user": 0x60B2,
    "auto_download_file": 0x60B3,
    "set_sensor_preset": 0x60B7,
    "get_sensor_preset": 0x60B9,
    "trans_cmd_string": 0x60D1,
    "get_test_hardware_result": 0x60D2,
    "set_test_hardware": 0x60D3,
    "get_online_log": 0x6102,
    "set_debug_audio": 0x7103,
    "set_test_audio": 0x7104,
    "set_test_auto_upgrade": 0x7105,
    "set_mqtt": 0x7107,
    "eye4_authentication": 0x7108,
    "get_wifi_mode": 0x710A,
    "set_led_status": 0x710B,
    "get_param_config": 0x7112,
    "set_production_config": 0x7113,
    "get_hw_config": 0x7114,
}

#: Commands whose refused login is answered with L{STATUS}, not their own code.
SPECIAL = frozenset(
    (
        "snapshot",
        "livestream",
        "audiostream",
        "wifi_scan",
        "camera_control",
        "set_users",
        "set_datetime",
        "eye4_authentication",
    )
)

Value = int | str | list[int | str]

_COMMAND_NAME = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_SECRET = re.compile(
    r"pwd|pass?|psk|key(?!frame)|token|secret|auth(?!type)|credential|_url|ddns|mail"
    r"|ftp|user\d",
    re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"\s*(?:var\s+)?([A-Za-z_]\w{0,63})(?:\[(\d{1,9})\])?\s*=(.*)", re.ASCII
)
_LINE_END = re.compile(r"[\0\r\n]")
_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Record:
    """
    One record of the stream.

    @ivar code: the command's, 0 in requests.
    @ivar body: what follows the head: text, or a JPEG; may hold secrets.
    """

    code: int
    body: bytes = field(repr=False)

    def encode(self, version: int = REPLY_VERSION) -> bytes:
        """
        The record's bytes.

        @raise WireError: it is too long for its length field.
        """
        if len(self.body) >= 1 << 16:
            raise WireError(f"a record of {len(self.body)} bytes")
        return HEAD.pack(START, self.code, len(self.body), version) + self.body


class RecordReader:
    """
    Cuts a byte stream into records, wherever its pieces end.

    @ivar skipped: bytes that belonged to no record.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take a piece of the stream, give the records that it completes."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEAD.size:
            start, code, length, _ = HEAD.unpack_from(buffer)
            if start != START:
                self._resynchronise()
                continue
            end = HEAD.size + length
            if len(buffer) < end:
                return
            body = bytes(buffer[HEAD.size : end])
            del buffer[:end]
            yield Record(code, body)

    def lose(self) -> None:
        """A part of the stream is missing here: what was begun is of no use."""
        self.skipped += len(self._buffer)
        self._buffer.clear()

    def _resynchronise(self) -> None:
        """Drop what is no head; the last byte may be the first half of one."""
        place = self._buffer.find(_START_BYTES, 1)
        if place < 0:
            place = len(self._buffer) - (self._buffer[-1] == _START_BYTES[0])
        self.skipped += place
        del self._buffer[:place]


def encodeCommand(
    name: str, parameters: Mapping[str, object], login: Mapping[str, str]
) -> bytes:
    """
    A command's record.

    @param name: without C{.cgi}.
    @param parameters: their values are URL-encoded.
    @param login: parameters, too; they come last.
    @raise WireError: a name is none, a value is no Unicode, or the command is too
        long for a camera.
    """
    if not _COMMAND_NAME.fullmatch(name):
        raise WireError(f"not a command: {name[:70]!r}")
    pairs = []
    for key, value in (*parameters.items(), *login.items()):
        if not _KEY.fullmatch(key):
            raise WireError(f"not a parameter's name: {key[:70]!r}")
        pairs.append(f"{key}={_quoted(key, str(value))}")
    text = f"GET /{name}.cgi?{'&'.join(pairs)}".encode()
    if len(text) > MAX_COMMAND:
        raise WireError(
            f"{name} is {len(text)} bytes long, a camera takes {MAX_COMMAND}"
        )
    return Record(0, text).encode(version=0)


def _quoted(key: str, value: str) -> str:
    try:
        quoted = quote(value, safe="")
    except UnicodeEncodeError:
        # Without the value, which may be a secret.
        raise WireError(f"the value of {key} is no Unicode") from None
    # A camera takes any "name.cgi" in the text for the command.
    return quoted.replace("cgi", "%63gi")


class Reply(Mapping[str, Value]):
    """
    What a camera answered: the variables by name, numbers as L{int}, arrays as
    lists.  Its C{repr} has secrets masked; looking them up gives them.

    @ivar result: the login's result, 0 if accepted; L{None} if none was told.
    @ivar outcome: what a command that changes something said of it, in lower
        case, such as C{"ok"}; empty if it said nothing.
    """

    def __init__(self, values: Mapping[str, Value], result: int | None, outcome: str):
        self._values = dict(values)
        self.result = result
        self.outcome = outcome

    @classmethod
    def fromText(cls, body: bytes) -> Reply:
        """
        Read a reply's text.  Whatever is no statement is ignored; what is beyond
        L{MAX_NAMES} and L{MAX_PLACES} as well.
        """
        values: dict[str, Value] = {}
        result: int | None = None
        outcome = ""
        room = MAX_PLACES
        for name, place, value in _statements(body.decode("utf-8", "replace")):
            if name == "result":
                if isinstance(value, str):
                    outcome = outcome or value.lower()
                elif result is None and isinstance(value, int):
                    result = value
            elif place is not None:
                room -= _place(values, name, place, value, room)
            elif name in values or len(values) < MAX_NAMES:
                values[name] = value
        return cls(values, result, outcome)

    def masked(self) -> dict[str, Value]:
        """The variables, fit to be shown."""
        return {
            name: MASK if isSecret(name) and value not in ("", []) else value
            for name, value in self._values.items()
        }

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Reply {self.result} {self.outcome!r} {self.masked()}>"

    # With typed look-ups, because firmware leaves out and mixes up.

    def text(self, name: str) -> str:
        """A variable as text; empty if there is none."""
        value = self._values.get(name, "")
        return "" if isinstance(value, list) else str(value)

    def number(self, name: str) -> int | None:
        """A variable as a number; L{None} if it is none."""
        value = self._values.get(name)
        return value if isinstance(value, int) else None

    def array(self, name: str) -> list[int | str]:
        """A variable as a list; empty if it is none."""
        value = self._values.get(name)
        return list(value) if isinstance(value, list) else []


def isSecret(name: str) -> bool:
    """Is a variable or parameter of this name nobody's business?"""
    return _SECRET.search(name) is not None


def _statements(text: str) -> Iterator[tuple[str, int | None, Value]]:
    """Name, place in an array, and value of each assignment."""
    for line in _LINE_END.split(text):
        # A quoted text may hold semicolons, so such a line is one statement.
        for part in [line] if '"' in line else line.split(";"):
            if match := _STATEMENT.fullmatch(part):
                name, place, value = match.groups()
                # Not by the pattern: that would take it forever.
                value = value.strip().removesuffix(";").rstrip()
                yield name, None if place is None else int(place), _value(value)


def _value(text: str) -> Value:
    if text.startswith('"'):
        return text[1:].removesuffix('"')
    if text.replace(" ", "") == "newArray()":
        return []
    return int(text) if _NUMBER.fullmatch(text) else text


def _place(
    values: dict[str, Value], name: str, place: int, value: Value, room: int
) -> int:
    """
    Put a value into an array, which may have come without announcement.

    @param room: places that may be added.
    @return: places that were.
    """
    array = values.get(name)
    if not isinstance(array, list):
        if name not in values and len(values) >= MAX_NAMES:
            return 0
        values[name] = array = []
    added = max(place + 1 - len(array), 0)
    if added > room or isinstance(value, list):
        return 0
    array.extend([""] * added)
    array[place] = value
    return added
