"""
The HTTP server in a laboratory: a simulated LAN with a camera, a service that serves
it, and visitors with connections in memory, all on one clock::

    lab = WebLab()
    answer = lab.get("/cameras")
    self.assertEqual(200, answer.status)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import h11
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)

from twistedcam.camera import Camera
from twistedcam.fleet import Fleet
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.observatory import Latencies
from twistedcam.restream.web import WebConfig, WebService
from twistedcam.restream.web.static import StaticFile

from .lab import Lab
from .memorytcp import MemoryEndpoint, MemoryTransport

PAGE = {
    "index.html": StaticFile(b"<title>page</title>", "text/html; charset=utf-8", '"1"'),
    "app.js": StaticFile(b"1 + 1", "text/javascript; charset=utf-8", '"2"'),
}


class Answer:
    """
    A response, as far as it has come.

    @ivar status: its code; 0 if nothing has come.
    @ivar headers: by lower case name; of several, the last.
    @ivar body: decoded, as far as it has come.
    @ivar complete: is that all?
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.cookies: list[str] = []
        self.body = b""
        self.complete = False

    @property
    def json(self) -> Any:
        """The body's value."""
        assert self.headers["content-type"] == "application/json; charset=utf-8"
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence that says why not."""
        [(key, sentence)] = self.json.items()
        assert key == "error" and isinstance(sentence, str)
        return sentence


class Visitor:
    """
    A connection.

    @ivar transport: its server's side.
    """

    def __init__(self, lab: WebLab, address: str | None = "192.0.2.50") -> None:
        """
        @param address: where it comes from; L{None}: a local socket.
        """
        self._lab = lab
        peer: IAddress = (
            UNIXAddress(None) if address is None else IPv4Address("TCP", address, 50000)
        )
        protocol = lab.endpoint.factory.buildProtocol(peer)
        self.refused = protocol is None
        if protocol is not None:
            self.transport = MemoryTransport(lab.network, protocol, peer)
        self._parser = h11.Connection(h11.CLIENT)
        self._fed = 0

    @property
    def closed(self) -> bool:
        """Is the connection over?"""
        return self.transport.closed is not None

    def say(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.say(data)
        self._lab.network.advance(0)

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        version: str = "1.1",
    ) -> Answer:
        """Send a request; the answer grows with L{read}."""
        self.begin(method)
        every = {"Host": "192.0.2.10:8085", **(headers or {})}
        if body:
            every.setdefault("Content-Length", str(len(body)))
        head = f"{method} {target} HTTP/{version}\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in every.items())
        answer = Answer()
        self.say((head + lines + "\r\n").encode() + body)
        self.read(answer)
        return answer

    def begin(self, method: str = "GET") -> None:
        """Expect an answer to a request of one's own making."""
        if self._parser.our_state is h11.DONE:
            self._parser.start_next_cycle()
        request = h11.Request(method=method, target="/", headers=[("Host", "x")])
        self._parser.send(request)
        self._parser.send(h11.EndOfMessage())

    def read(self, answer: Answer) -> Answer:
        """Read on."""
        self._lab.network.advance(0)
        data = bytes(self.transport.taken[self._fed :])
        self._fed += len(data)
        if data:
            self._parser.receive_data(data)
        if self.closed and self._parser.their_state is not h11.ERROR:
            self._parser.receive_data(b"")
        while not answer.complete:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError:
                assert self.closed  # in the middle of something
                return answer
            match event:
                case h11.Response() | h11.InformationalResponse():
                    answer.status = event.status_code
                    for name, value in event.headers:
                        if name == b"date":
                            continue  # by a real clock: no two need be the same
                        answer.headers[name.decode()] = value.decode()
                        if name == b"set-cookie":
                            answer.cookies.append(value.decode())
                    if event.status_code == 101:
                        return answer
                case h11.Data():
                    answer.body += bytes(event.data)
                case h11.EndOfMessage():
                    answer.complete = True
                case _:
                    break
        return answer


class Socket:
    """
    A WebSocket's client.

    @ivar status: of the answer to the handshake; 101: it is open.
    @ivar texts: messages.
    @ivar pieces: binary messages.
    @ivar code: that it was closed with.
    @ivar deaf: does not answer pings.
    """

    def __init__(
        self,
        lab: WebLab,
        target: str,
        headers: Mapping[str, str] | None = None,
        address: str = "192.0.2.50",
    ) -> None:
        self.status = 0
        self.texts: list[str] = []
        self.pieces: list[bytes] = []
        self.code: int | None = None
        self.deaf = False
        self.pings = 0
        self.visitor = Visitor(lab, address)
        self._lab = lab
        self._fed = 0
        self._connection = WSConnection(ConnectionType.CLIENT)
        extra = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        self.send(Request(host="192.0.2.10:8085", target=target, extra_headers=extra))

    @property
    def transport(self) -> MemoryTransport:
        """The server's side."""
        return self.visitor.transport

    @property
    def starts(self) -> list[Any]:
        """The text messages' values."""
        return [json.loads(text) for text in self.texts]

    def send(self, event: Event) -> None:
        """Say something."""
        self.visitor.say(self._connection.send(event))
        self.read()

    def read(self) -> None:
        """Read on."""
        self._lab.network.advance(0)
        data = bytes(self.transport.taken[self._fed :])
        self._fed += len(data)
        if data:
            self._connection.receive_data(data)
        text = ""
        for event in self._connection.events():
            match event:
                case AcceptConnection():
                    self.status = 101
                    assert not event.extensions
                case RejectConnection():
                    self.status = event.status_code
                case TextMessage():
                    text += event.data
                    if event.message_finished:
                        self.texts.append(text)
                        text = ""
                case BytesMessage():
                    assert event.message_finished
                    self.pieces.append(bytes(event.data))
                case Ping():
                    self.pings += 1
                    if not self.deaf:
                        self.visitor.say(self._connection.send(event.response()))
                case CloseConnection():
                    self.code = event.code
                case _:
                    pass


def atOnce(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Does as if it were a thread."""
    return maybeDeferred(function, *args)


class WebLab(Lab):
    """
    A laboratory with a server.

    @ivar fleet: its cameras: one, C{garden}.
    @ivar web: the server.
    @ivar endpoint: where it listens.
    """

    def __init__(
        self,
        config: WebConfig | None = None,
        *,
        camera: Mapping[str, Any] | None = None,
        connect: bool = True,
        files: Mapping[str, StaticFile] | None = None,
        inThread: Any = atOnce,
        **how: Any,
    ) -> None:
        """
        @param camera: how the client sees it.
        @param connect: wait until it is connected.
        @param how: as for L{Lab}.
        """
        super().__init__(**how)
        settings = {"name": "garden", "password": "888888", **(camera or {})}
        self.garden: Camera = self.camera(**settings)
        self.fleet = Fleet(self.discovery, [self.garden])
        self.latencies = Latencies()
        self.broadcasts = Broadcasts(self.pc, self.latencies.measure)
        self.endpoint = MemoryEndpoint()
        self.web = WebService(
            self.pc,
            self.fleet,
            config or WebConfig(),
            self.broadcasts,
            self.latencies,
            inThread=inThread,
            endpoint=self.endpoint,
            files=PAGE if files is None else files,
        )
        self.fleet.startService()
        self.web.startService()
        if connect:
            self.network.advance(3)

    def stop(self) -> list[Deferred[None]]:
        """
        Stop everything.

        @return: what fires when the server, and the cameras, are done.
        """
        return [self.web.stopService(), self.fleet.stopService()]

    def visit(self, address: str | None = "192.0.2.50") -> Visitor:
        """A new connection."""
        return Visitor(self, address)

    def get(self, target: str, **headers: str) -> Answer:
        """Ask for something, on a connection of its own."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.visit().ask("GET", target, named)

    def post(self, target: str, value: object, **headers: str) -> Answer:
        """Post something, as the page does, and wait for the answer."""
        named = {
            "Content-Type": "application/json",
            "X-Twistedcam": "1",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        visitor = self.visit()
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        answer = visitor.ask("POST", target, named, content)
        self.network.advance(1)
        return visitor.read(answer)

    def socket(self, target: str, **headers: str) -> Socket:
        """Open a WebSocket."""
        return Socket(self, target, headers)
