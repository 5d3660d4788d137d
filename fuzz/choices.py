"""
Bytes as a sequence of choices, for targets that act out a story: what happens next,
to whom, with what.

A fuzzer changes bytes; L{Choices} reads them as decisions, from front to back, so that
a change in the middle leaves what came before as it was.  L{Script} writes the same
format, for seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

#: The length byte that says: a longer length follows, as two bytes.
_LONG = 0xFF


class Choices:
    """
    Decisions.  When the bytes are used up, all that is left to choose is 0, and
    nothing.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def __bool__(self) -> bool:
        """Is there anything left?"""
        return self._place < len(self._data)

    def take(self, count: int) -> bytes:
        """So many bytes, or what is left of them."""
        start = self._place
        self._place = min(start + count, len(self._data))
        return self._data[start : self._place]

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data))

    def number(self, size: int) -> int:
        """An unsigned number of C{size} bytes."""
        return int.from_bytes(self.take(size), "little")

    def byte(self) -> int:
        """A number of 8 bits."""
        return self.number(1)

    def u16(self) -> int:
        """A number of 16 bits."""
        return self.number(2)

    def u32(self) -> int:
        """A number of 32 bits."""
        return self.number(4)

    def flag(self) -> bool:
        """Yes or no."""
        return bool(self.byte() & 1)

    def one(self, options: Sequence[T]) -> T:
        """One of several."""
        return options[self.byte() % len(options)]

    def blob(self) -> bytes:
        """Some bytes, with their length in front."""
        length = self.byte()
        return self.take(self.u16() if length == _LONG else length)


class Script:
    """Writes what L{Choices} reads."""

    def __init__(self, *numbers: int) -> None:
        """
        @param numbers: bytes to begin with.
        """
        self._data = bytearray(numbers)

    def byte(self, *numbers: int) -> Script:
        """Numbers of 8 bits each, or places in what L{Choices.one} chooses from."""
        self._data += bytes(numbers)
        return self

    def u16(self, number: int) -> Script:
        """A number of 16 bits."""
        self._data += number.to_bytes(2, "little")
        return self

    def u32(self, number: int) -> Script:
        """A number of 32 bits."""
        self._data += number.to_bytes(4, "little")
        return self

    def blob(self, data: bytes) -> Script:
        """Some bytes, with their length in front."""
        if len(data) < _LONG:
            self._data.append(len(data))
        else:
            self._data.append(_LONG)
            self.u16(len(data))
        self._data += data
        return self

    def raw(self, data: bytes) -> Script:
        """Some bytes as they are."""
        self._data += data
        return self

    def done(self) -> bytes:
        """The bytes."""
        return bytes(self._data)
