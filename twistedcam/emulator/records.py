"""
The record layer of the command channel, as the camera reads and writes it.

A record is a head of four u16, little endian (start 0x0A01, code, length of what
follows, flags), then the text of a command or of its answer, or a JPEG.
"""

from __future__ import annotations

from struct import Struct

from .firmware import Firmware

_HEAD = Struct("<4H")
_START = 0x0A01

#: What a camera writes into the flags of every record.
_FLAGS = 0x0100

#: Bytes of a command's text at most.
MAX_COMMAND = 4095

#: Bytes of an answer at most: what its head can tell.
MAX_ANSWER = 0xFFFF


def record(code: int, body: bytes) -> bytes:
    """A record of the camera; C{body} has at most L{MAX_ANSWER} bytes."""
    return _HEAD.pack(_START, code, len(body), _FLAGS) + body


class TooLong(Exception):
    """A command is longer than a camera takes, and ends its session."""


class CommandReader:
    """Cuts the byte stream of a client into the texts of its commands."""

    def __init__(self, firmware: Firmware) -> None:
        self._startChecked = firmware.startChecked
        self._tooLongEnds = firmware.tooLongEnds
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take a piece of the stream.

        @return: the commands that it completes.
        @raise TooLong: with firmware A; C{args} holds the commands before it.
        """
        buffer = self._buffer
        buffer += data
        commands: list[bytes] = []
        while len(buffer) >= _HEAD.size:
            start, _, length, _ = _HEAD.unpack_from(buffer)
            if self._startChecked and start != _START:
                buffer.clear()
                break
            if length > MAX_COMMAND:
                buffer.clear()
                if self._tooLongEnds:
                    raise TooLong(*commands)
                break
            end = _HEAD.size + length
            if len(buffer) < end:
                break
            commands.append(bytes(buffer[_HEAD.size : end]))
            del buffer[:end]
        return commands
