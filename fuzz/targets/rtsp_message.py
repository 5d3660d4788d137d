"""
What RTSP clients send.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.restream.rtsp.message import (
    MAX_BODY,
    MAX_FRAME,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_LINE,
    REASONS,
    Interleaved,
    ProtocolError,
    Reader,
    Request,
    Response,
)

MAX_LEN = 8192

#: What a reader may hold of messages that are not complete.
_LIMIT = max(MAX_LINE, 4 + MAX_FRAME, MAX_BODY)

_Message = Request | Interleaved


def target(data: bytes) -> None:
    """However it is cut, it is the same; and nothing grows."""
    choices = Choices(data)
    size = choices.byte() + 1
    text = choices.rest()
    whole = _read(text, len(text) or 1)
    check(whole == _read(text, size), "other messages, if it comes in pieces")
    messages, _ = whole
    for message in messages:
        if isinstance(message, Interleaved):
            check(0 <= message.channel <= 255, f"channel {message.channel}")
            check(len(message.data) <= MAX_FRAME, f"{len(message.data)} bytes")
        else:
            check(len(message.headers) <= MAX_HEADERS, "too many headers")
            check(len(message.body) <= MAX_BODY, f"{len(message.body)} bytes")
            check("\n" not in repr(message), "two lines")
            message.get("content-length")
            if message.body:
                continue  # it would have two lengths
        again = _read(message.toBytes(), 7)
        check(again == ([message], ""), f"written and read again, it is {again}")


def _read(text: bytes, size: int) -> tuple[list[_Message], str]:
    """The messages, and why there are no more."""
    reader = Reader()
    messages: list[_Message] = []
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        reader.feed(piece)
        try:
            while (message := reader.take()) is not None:
                messages.append(message)
        except ProtocolError as error:
            answer = Response(error.status).toBytes()
            check(answer.startswith(b"RTSP/1.0 "), "no answer")
            check(error.status in REASONS, "a status without a reason")
            return messages, str(error)
        check(len(reader._buffer) <= _LIMIT, f"{len(reader._buffer)} bytes wait")
        check(sum(map(len, reader._lines)) <= MAX_HEAD, "the head grows")
    return messages, ""


def seeds() -> Iterator[bytes]:
    """What players send, and what they had better not."""
    talk = (
        b"OPTIONS rtsp://h/garden RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: x\r\n\r\n",
        b"DESCRIBE rtsp://h/garden?sound=aac RTSP/1.0\r\nCSeq: 2\r\nAccept:"
        b' application/sdp\r\nAuthorization: Digest username="u", uri="/x"\r\n\r\n',
        b"SETUP rtsp://h/garden/video RTSP/1.0\nCSeq: 3\n"
        b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\n\n",
        b"$\0\0\x04abcd$\1\0\0",
        b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 4\r\nContent-Length: 9\r\n\r\nposition\n",
        b"\r\n\r\nTEARDOWN rtsp://h/garden/ RTSP/1.0\r\nSession: 5;timeout=60\r\n\r\n",
    )
    yield Script(255).raw(b"".join(talk)).done()
    for number, one in enumerate(talk):
        yield Script(number).raw(one).done()
    for bad in (
        b"GET / HTTP/1.1\r\n",
        b"OPTIONS * RTSP/2.0\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 9999\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\n: x\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nX: \x01\r\n\r\n",
        b"\n" * 12,
        b"$\0\xff\xff",
        b"A" * 5000,
        b"OPTIONS * RTSP/1.0\r\n" + b"X: y\r\n" * 70,
        b"OPTIONS * RTSP/1.0\r\nX: \xff\r\n\r\n",
    ):
        yield Script(100).raw(bad).done()
