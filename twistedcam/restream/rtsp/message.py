"""
RTSP's messages, without any input or output: bytes in, requests out, and the other
way round.

RTSP 1.0 (RFC 2326) looks like HTTP, but for the frames that are interleaved with it:
a dollar sign, a channel, a length, and that much data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

VERSION = "RTSP/1.0"

#: Bytes of the first line, and of a header; a long name, a long query and a digest
#: with both in it take less than half of it.
MAX_LINE = 4096

#: Headers of a request; players send about ten.
MAX_HEADERS = 64

#: Bytes of all lines of a request together.
MAX_HEAD = 8192

#: Bytes of a request's body: names of parameters, mostly none at all.
MAX_BODY = 4096

#: Bytes of an interleaved frame: a player sends reports, of a hundred bytes.
MAX_FRAME = 4096

#: Empty lines between two requests: some clients end a request with one too many.
MAX_EMPTY = 8

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    406: "Not Acceptable",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_PRINTABLE = re.compile(r"[!-~]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DOLLAR = 0x24


class ProtocolError(Exception):
    """
    What came is no RTSP: answer, and hang up.

    @ivar status: what to answer.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """
    What a client wants.

    @ivar headers: names and values, in the order in which they came.
    """

    method: str
    uri: str
    # They may hold logins.
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def get(self, name: str, default: str = "") -> str:
        """The value of the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((v for k, v in self.headers if k.lower() == wanted), default)

    def toBytes(self) -> bytes:
        """What a client sends; C{Content-Length} is added."""
        first = f"{self.method} {self.uri} {VERSION}"
        return _assemble(first, self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Data for a channel."""

    channel: int
    data: bytes

    def toBytes(self) -> bytes:
        """What either side sends."""
        return b"$%c%b%b" % (self.channel, len(self.data).to_bytes(2, "big"), self.data)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""

    def toBytes(self) -> bytes:
        """What the server sends; C{Content-Length} is added."""
        first = f"{VERSION} {self.status} {REASONS[self.status]}"
        return _assemble(first, self.headers, self.body)


def _assemble(first: str, headers: Headers, body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Reader:
    """
    Takes requests apart.  How the bytes are cut into pieces makes no difference.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        # Up to here there is no end of a line, or of a head.
        self._searched = 0
        self._lines: list[str] = []
        self._head = 0
        self._empty = 0
        self._request: Request | None = None
        self._lacking = 0

    @property
    def inside(self) -> bool:
        """Has something begun that is not complete yet?"""
        return bool(self._buffer or self._lines or self._request)

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        self._buffer += data

    def take(self) -> Request | Interleaved | None:
        """
        The next message; L{None}: more bytes are needed for it.

        @raise ProtocolError: this is no RTSP, nor will it be.
        """
        while self._request is None:
            if not self._lines and self._buffer[:1] == b"$":
                return self._frame()
            line = self._line()
            if line is None:
                return None
            if line:
                self._more(line)
            elif self._lines:
                self._begin()
            else:
                self._empty += 1
                if self._empty > MAX_EMPTY:
                    raise ProtocolError("empty lines without a request")
        return self._end(self._request)

    def _frame(self) -> Interleaved | None:
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[2:4], "big")
        if length > MAX_FRAME:
            raise ProtocolError(f"an interleaved frame of {length} bytes", 413)
        if len(self._buffer) < 4 + length:
            return None
        channel, data = self._buffer[1], bytes(self._buffer[4 : 4 + length])
        self._drop(4 + length)
        return Interleaved(channel, data)

    def _line(self) -> str | None:
        """The next line without its end, which may be but a line feed."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
        length = self._searched if end < 0 else end
        if length > MAX_LINE or self._head + length > MAX_HEAD:
            isFirst = not self._lines
            what = "the request line" if isFirst else "the head"
            raise ProtocolError(f"{what} is too long", 414 if isFirst else 413)
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        self._drop(end + 1)
        self._head += end + 1
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise ProtocolError("a line is not UTF-8") from None
        if _CONTROLS.search(text):
            raise ProtocolError("a control character in a line")
        return text

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._searched = 0

    def _more(self, line: str) -> None:
        if len(self._lines) > MAX_HEADERS:
            raise ProtocolError("too many headers", 413)
        if not self._lines:
            _requestLine(line)  # at once: it may be something else entirely
        self._lines.append(line)

    def _begin(self) -> None:
        """The head is complete."""
        first, *rest = self._lines
        headers = tuple(_header(line) for line in rest)
        request = Request(*_requestLine(first), headers)
        lengths = {v for k, v in headers if k.lower() == "content-length"}
        length = lengths.pop() if lengths else "0"
        if lengths or not (length.isascii() and length.isdigit()) or len(length) > 9:
            raise ProtocolError("Content-Length makes no sense")
        if int(length) > MAX_BODY:
            raise ProtocolError(f"a body of {length} bytes", 413)
        self._request = request
        self._lacking = int(length)

    def _end(self, request: Request) -> Request | None:
        """The body is complete, or not yet."""
        if len(self._buffer) < self._lacking:
            return None
        body = bytes(self._buffer[: self._lacking])
        self._drop(self._lacking)
        self._request = None
        self._lines.clear()
        self._head = self._empty = self._lacking = 0
        return Request(request.method, request.uri, request.headers, body)


def _requestLine(line: str) -> tuple[str, str]:
    """Method and URI."""
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("RTSP/"):
        raise ProtocolError("that is no RTSP")
    method, uri, version = parts
    if version != VERSION:
        raise ProtocolError(f"{VERSION} is spoken here", 505)
    if not (_TOKEN.fullmatch(method) and _PRINTABLE.fullmatch(uri)):
        raise ProtocolError("the request line makes no sense")
    return method, uri


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise ProtocolError("a header makes no sense")
    return name, value.strip(" \t")


def parameters(text: str, separator: str) -> Iterable[tuple[str, str]]:
    """
    The C{name=value} of a header, in their order; names in lower case, quotes taken
    off, within which C{separator} is nothing special.  A name alone has no value.
    """
    pattern = rf'(?:[^{separator}"]|"(?:[^"\\]|\\.)*"?)+'
    for part in re.findall(pattern, text):
        name, _, value = part.strip().partition("=")
        value = value.strip()
        if value[:1] == '"':
            value = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
        if name:
            yield name.strip().lower(), value
