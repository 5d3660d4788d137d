"""
A command with all that belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from .firmware import Firmware
from .session import Session
from .state import State
from .streaming import number

#: Parameters of a command that are looked at: more than any command has.
MAX_PARAMETERS = 256


@dataclass(slots=True)
class Request:
    """
    A command whose login was accepted.

    @ivar parameters: the first value of each, URL-decoded; bytes that are no
        UTF-8 are kept as surrogates.
    @ivar level: what the client may do.
    @ivar sessions: how many sessions are in use, this one included.
    @ivar reboot: called with the seconds after which the camera is to restart.
    """

    state: State
    session: Session
    parameters: dict[str, str] = field(repr=False)
    level: int
    sessions: int
    reboot: Callable[[float], None]

    @property
    def firmware(self) -> Firmware:
        """The generation of firmware."""
        return self.state.firmware

    def number(self, name: str, default: int) -> int:
        """A parameter as a number; C{default} if it is missing or none."""
        value = number(self.parameters.get(name))
        return default if value is None else value


#: A command: the text after the login line, or the whole answer, or nothing.
Handler = Callable[[Request], str | bytes | None]


def parse(text: bytes) -> dict[str, str]:
    """The parameters in a command's text."""
    query = text.partition(b"?")[2].rstrip(b"\0\r\n ")
    parameters: dict[str, str] = {}
    for pair in query.split(b"&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        name, equals, value = pair.partition(b"=")
        if equals:
            parameters.setdefault(_decode(name), _decode(value))
    return parameters


def _decode(text: bytes) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")
