"""
Device ids, on the wire and on labels.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import accepted, check
from twistedcam.errors import WireError
from twistedcam.wire.deviceid import LONG_SIZE, SIZE, DeviceId

MAX_LEN = 80


def target(data: bytes) -> None:
    """An id is the same however it is written."""
    for size in (SIZE, LONG_SIZE):

        def decode(given: bytes, size: int = size) -> DeviceId:
            return DeviceId.fromBytes(given, 0, size)

        found = accepted(decode, data)
        if found is not None:
            _same(found)
            again = DeviceId.fromBytes(found.toBytes(), 0, size)
            check(again == found and again.tail == found.tail, "not the same bytes")
    try:
        found = DeviceId.fromText(data.decode("utf-8", "replace"))
    except WireError as error:
        check("\n" not in str(error), "an error of two lines")
    else:
        _same(found)


def _same(found: DeviceId) -> None:
    check(str(found).isascii() and str(found).isprintable(), "not fit to be shown")
    for text in (str(found), found.compact, str(found).lower(), f" {found}\n"):
        check(DeviceId.fromText(text) == found, f"{text!r} is another one")
    check(hash(DeviceId.fromText(str(found))) == hash(found), "another hash")


def seeds() -> Iterator[bytes]:
    """Some of either form."""
    for text in ("VSTB-668515-UZCPK", "ve4294967295abcdefg", " VSTJ-000001-A\n"):
        yield text.encode()
        found = DeviceId.fromText(text)
        yield found.toBytes()
        yield found.toBytes() + b"\1\2\3\4"
    yield "VSTB-\N{FULLWIDTH DIGIT SIX}-UZCPK".encode()
