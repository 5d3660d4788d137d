"""
The four bytes in front of every message.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import accepted, check
from twistedcam.errors import WireError
from twistedcam.wire.header import HEADER, MAX_DATAGRAM, frame, unframe

MAX_LEN = MAX_DATAGRAM + 8


def target(data: bytes) -> None:
    """A message is where its header says; whatever can be framed can be read."""
    found = accepted(unframe, data)
    if found is not None:
        kind, end = found
        check(HEADER.size <= end <= len(data), f"it ends at {end} of {len(data)}")
        check(frame(kind, data[HEADER.size : end]) == data[:end], "not the same")
    kind, body = data[0] if data else 0, data[1:]
    try:
        framed = frame(kind, body)
    except WireError:
        check(len(body) > MAX_DATAGRAM - HEADER.size, "it would have fitted")
    else:
        check(unframe(framed) == (kind, len(framed)), "not what was framed")


def seeds() -> Iterator[bytes]:
    """Real messages, and one of each kind from the emulated camera."""
    from fuzz.traffic import conversation, vectors

    yield from vectors("pppp")
    yield from {d[:2]: d for d in conversation() if d[:1] == b"\xf1"}.values()
    yield bytes(MAX_DATAGRAM)
    yield b"\xf1\xd0\x07\xfc".ljust(MAX_DATAGRAM, b"\1")
