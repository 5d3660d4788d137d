"""
The command channel's stream: records, replies, and what is made of those.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.answers import ImageSettings, Recording, Status, Users, WifiNetwork
from twistedcam.wire.cgi import (
    HEAD,
    MASK,
    MAX_NAMES,
    MAX_PLACES,
    Record,
    RecordReader,
    Reply,
    isSecret,
)

MAX_LEN = 8192


def target(data: bytes) -> None:
    """However it is cut, it is the same; and nothing grows."""
    choices = Choices(data)
    size = choices.byte() + 1
    text = choices.rest()
    whole, reader = _read(text, len(text) or 1)
    pieces, other = _read(text, size)
    check(whole == pieces, "other records, if it comes in pieces")
    used = sum(HEAD.size + len(record.body) for record in whole)
    for one in (reader, other):
        check(used + one.skipped <= len(text), "more than there was")
        one.lose()
        check(used + one.skipped == len(text), "bytes are missing")
    for record in whole:
        repr(record)
        _understand(record.body)
    _understand(text)


def _read(text: bytes, size: int) -> tuple[list[Record], RecordReader]:
    reader = RecordReader()
    records: list[Record] = []
    for start in range(0, len(text), size):
        records += reader.feed(text[start : start + size])
    return records, reader


def _understand(body: bytes) -> None:
    reply = Reply.fromText(body)
    check(len(reply) <= MAX_NAMES, "too many names")
    places = sum(len(reply.array(name)) for name in reply)
    check(places <= MAX_PLACES, "too many places")
    masked = reply.masked()
    for name, value in masked.items():
        check(
            not isSecret(name) or value in (MASK, "", []), f"{name} is shown: {value!r}"
        )
    check(repr(masked) in repr(reply), "the repr is not masked")
    repr((Users.fromReply(reply), Status.fromReply(reply)))
    repr(ImageSettings.fromReply(reply))
    repr(WifiNetwork.listFromReply(reply))
    repr(Recording.listFromReply(reply))


def seeds() -> Iterator[bytes]:
    """Published replies, and the emulated camera's."""
    from fuzz.traffic import stream, vectors

    for body in vectors("cgi"):
        yield Script(7).raw(body).done()
    rest = stream(0)
    reader = RecordReader()
    for record in reader.feed(rest):
        if len(record.body) < 2000:
            yield Script(100).raw(record.encode()).done()
            yield Script(0).raw(record.body).done()
    yield Script(3).raw(b'x\1\n\1\1\n\1\x60\3\0\0\0a=1\1var b[9]="2";c=3').done()
    yield Script(3).raw(b"a=1;b[0]=2;a[16383]=3;a[16384]=4;result=-1;result=ok").done()
