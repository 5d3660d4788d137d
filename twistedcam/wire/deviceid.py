"""
The identity of a camera: what its label shows and what every handshake carries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from struct import Struct

from ..errors import WireError

_TEXT = re.compile(r"([A-Z]{2,7})-?([0-9]{1,10})-?([A-Z]{1,7})", re.ASCII)
_PREFIX = re.compile(r"[A-Z]{2,7}")
_CHECK = re.compile(r"[A-Z]{1,7}")
_BODY = Struct(">8sI8s")

#: Bytes of the usual form, and of the one with a tail (API version, reserved).
SIZE, LONG_SIZE = _BODY.size, _BODY.size + 4


@dataclass(frozen=True, slots=True)
class DeviceId:
    """
    A camera's identity, such as C{VSTB-668515-UZCPK}.

    On the wire: prefix[8] NUL padded, serial u32 big endian, check[8] NUL
    padded; some families append four bytes (an API version), which are no part
    of the identity: two ids that differ only there are equal.

    Prefixes of three to seven letters are common; two letters occur on
    cameras with a "virtual" id (C{VE...}).

    @ivar prefix: the family, 2 to 7 upper case letters.
    @ivar serial: a number of 32 bits.
    @ivar check: 1 to 7 upper case letters, calculated by the vendor.
    @ivar tail: nothing, or the four bytes of the longer form.
    """

    prefix: str
    serial: int
    check: str
    tail: bytes = field(default=b"", compare=False, repr=False)

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise WireError(f"not a device id prefix: {self.prefix!r}")
        if not 0 <= self.serial < 1 << 32:
            raise WireError(f"not a 32 bit serial: {self.serial}")
        if not _CHECK.fullmatch(self.check):
            raise WireError(f"not device id check letters: {self.check!r}")
        if len(self.tail) not in (0, LONG_SIZE - SIZE):
            raise WireError(f"a tail of {len(self.tail)} bytes")

    @classmethod
    def fromText(cls, text: str) -> DeviceId:
        """
        Read an id as printed on a label, with or without hyphens, in any case.

        @raise WireError: this is no device id.
        """
        match = _TEXT.fullmatch(text.strip().upper())
        if match is None or not text.isascii():
            raise WireError(f"not a device id: {text[:40]!r}")
        return cls(match[1], int(match[2]), match[3])

    @classmethod
    def fromBytes(cls, data: bytes, offset: int = 0, size: int = SIZE) -> DeviceId:
        """
        Read C{size} (20 or 24) bytes of C{data} from C{offset}.

        @raise WireError: there is no device id at this place.
        """
        if len(data) < offset + size:
            raise WireError("a device id is cut off", len(data))
        prefix, serial, check = _BODY.unpack_from(data, offset)
        return cls(
            _letters(data, offset, prefix, _PREFIX),
            serial,
            _letters(data, offset + 12, check, _CHECK),
            data[offset + SIZE : offset + size],
        )

    def toBytes(self) -> bytes:
        """The 20 bytes of the wire, or 24 if there is a tail."""
        body = _BODY.pack(self.prefix.encode(), self.serial, self.check.encode())
        return body + self.tail

    @property
    def compact(self) -> str:
        """The id without hyphens, as a DH report carries it."""
        return f"{self.prefix}{self.serial:06d}{self.check}"

    def __str__(self) -> str:
        return f"{self.prefix}-{self.serial:06d}-{self.check}"


def _letters(data: bytes, offset: int, raw: bytes, wanted: re.Pattern[str]) -> str:
    """A NUL padded field of letters, or the offset of the byte that is wrong."""
    letters = raw.split(b"\0", 1)[0]
    text = letters.decode("latin-1")
    if not wanted.fullmatch(text):
        good = len(re.match(rb"[A-Z]{0,7}", letters)[0])  # type: ignore[index]
        raise WireError("a device id wants letters", offset + good, data[offset + good])
    return text
