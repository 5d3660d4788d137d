"""
A relative of the camera: the same sessions, but its commands are JSON.

Cameras of the "A9" and "X5" kind are found and connected to in the same way, and
then understand nothing that this package says.  Here is just enough of one for a
client to find that out: it knows no DH, has no video, and obeys nobody.
"""

from __future__ import annotations

import json
from contextlib import suppress
from struct import Struct

from .commands import COMMANDS
from .login import same
from .session import Session
from .state import State

#: Start of a record, then the length of what follows, little endian.
_HEAD = Struct("<4sI")
_REQUEST = b"\x06\x0a\xa0\x80"
_REPLY, _USER_REPLY = _REQUEST, b"\x06\x0a\xa1\x80"

#: Bytes of a command at most.
_MAX_COMMAND = 4096

#: The number of the command that checks the login.
_CHECK_USER = 100


class JsonCommands:
    """Answers one client."""

    def __init__(self, state: State, session: Session) -> None:
        self._state = state
        self._session = session
        self._buffer = bytearray()
        session.read(COMMANDS, self._received)

    def _received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD.size and not self._session.over:
            start, length = _HEAD.unpack_from(buffer)
            if start != _REQUEST or length > _MAX_COMMAND:
                buffer.clear()  # another dialect
                return
            end = _HEAD.size + length
            if len(buffer) < end:
                return
            text = bytes(buffer[_HEAD.size : end])
            del buffer[:end]
            self._obey(text)

    def _obey(self, text: bytes) -> None:
        try:
            command = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(command, dict) or not isinstance(command.get("pro"), str):
            return
        number = command.get("cmd")
        if not isinstance(number, int):
            return
        admin = self._state.accounts[-1]
        good = False
        with suppress(UnicodeEncodeError):  # half a surrogate is no text
            good = same(str(command.get("pwd", "")), admin.password)
        answer = {"cmd": number, "result": 0 if good else -1}
        start = _REPLY
        if number == _CHECK_USER:
            start = _USER_REPLY
            if good:
                answer |= {"admin": 1, "mode": 110, "type": 600}
        body = json.dumps(answer).encode()
        with suppress(BufferError):  # it acknowledges nothing
            self._session.write(COMMANDS, _HEAD.pack(start, len(body)) + body)
