"""
Commands, as we write them and as a camera reads them.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B
from twistedcam.emulator.records import CommandReader
from twistedcam.emulator.request import MAX_PARAMETERS, parse
from twistedcam.emulator.table import find, names
from twistedcam.errors import WireError
from twistedcam.wire.cgi import MAX_COMMAND, encodeCommand

_FIRMWARE = (FIRMWARE_A, FIRMWARE_B)
_KNOWN = sorted(names(FIRMWARE_A) & names(FIRMWARE_B))


def target(data: bytes) -> None:
    """Any camera reads the command that was meant, with the values that were."""
    choices = Choices(data)
    firmware = choices.one(_FIRMWARE)
    known = choices.flag()
    name = choices.one(_KNOWN) if known else _text(choices)
    parameters = {_text(choices): _text(choices) for _ in range(choices.byte() & 15)}
    login = {"loginuse": _text(choices), "loginpas": _text(choices)}
    try:
        record = encodeCommand(name, parameters, login)
    except WireError as error:
        check("\n" not in str(error), "an error of two lines")
        return
    [text] = CommandReader(firmware).feed(record)
    check(len(text) <= MAX_COMMAND, "longer than a camera takes")
    if known:
        command = find(text, firmware)
        check(command is not None and command.name == name, f"read as {command}")
    wanted = {**parameters, **{k: login[k] for k in login if k not in parameters}}
    if len(wanted) < MAX_PARAMETERS:
        check(parse(text) == wanted, f"{parse(text)} instead of {wanted}")
    # The other half: a camera reads whatever comes.
    find(choices.rest(), firmware)
    parse(data)


def _text(choices: Choices) -> str:
    return choices.blob().decode("utf-8", "surrogateescape")


def seeds() -> Iterator[bytes]:
    """Usual ones, and some that try to be others."""
    yield (
        Script(0, 1, 3, 1)
        .blob(b"streamid")
        .blob(b"10")
        .blob(b"admin")
        .blob(b"p\xc3\xa4ss&w=rd")
        .done()
    )
    for value in (b"reboot.cgi", b"%72eboot.cgi?", b"a\0b\r\n c+d%20", b"\xed\xa0\x80"):
        yield Script(1, 1, 9, 1).blob(b"alias").blob(value).blob(b"").blob(b"").done()
    yield Script(0, 0).blob(b"get_status").byte(0).blob(b"a").blob(b"b").done()
    yield Script(0, 0).blob(b"x.cgi?").byte(0).blob(b"a").blob(b"b").done()
