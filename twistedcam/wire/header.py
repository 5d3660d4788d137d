"""
The four bytes in front of every PPPP message.

Layout: magic 0xF1, type, u16 big endian length of what follows.  A datagram may
be longer than its header says (some peers pad with zeros): what lies beyond is
ignored.  A shorter one is not a message.  We always send the exact length,
because cameras drop anything else.
"""

from __future__ import annotations

from struct import Struct

from ..errors import WireError

MAGIC = 0xF1
HEADER = Struct(">BBH")

#: No camera sends, and none takes, a datagram longer than this (bytes).
MAX_DATAGRAM = 2048


def at(datagram: bytes, offset: int) -> int | None:
    """The byte at C{offset}, or L{None} behind the end: for error reports."""
    return datagram[offset] if offset < len(datagram) else None


def frame(kind: int, body: bytes = b"") -> bytes:
    """
    Put the header in front of C{body}.

    @raise WireError: nobody would take so long a datagram.
    """
    if HEADER.size + len(body) > MAX_DATAGRAM:
        raise WireError(f"a body of {len(body)} bytes")
    return HEADER.pack(MAGIC, kind, len(body)) + body


def unframe(datagram: bytes) -> tuple[int, int]:
    """
    Check the header.

    @return: the message's type, and the offset of the end of its body.
    @raise WireError: this is no PPPP datagram.
    """
    size = len(datagram)
    if size < HEADER.size:
        raise WireError("shorter than a header", size)
    if size > MAX_DATAGRAM:
        raise WireError(
            "longer than any PPPP datagram", MAX_DATAGRAM, datagram[MAX_DATAGRAM]
        )
    magic, kind, length = HEADER.unpack_from(datagram)
    if magic != MAGIC:
        raise WireError("no PPPP magic", 0, magic)
    end = HEADER.size + length
    if end > size:
        raise WireError(f"the header promises {length} bytes more", size)
    return kind, end
