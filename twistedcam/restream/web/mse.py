"""
Video for Media Source Extensions, over WebSockets.

A text message tells the tracks, binary messages are their pieces: see the table of
paths in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.websocket import WebSocketResource, WebSocketTransport
from wsproto import ConnectionType
from wsproto.handshake import H11Handshake
from wsproto.utilities import LocalProtocolError, RemoteProtocolError
from zope.interface import implementer

from ...media.frame import Codec
from ...media.mux import MuxError, NotMuxable, Piece
from ..broadcast import MSE
from ..watcher import Start, Watcher
from .pages import Refusal, checkOrigin, wantsSound, wantsSub
from .site import Connection, WebRequest, abort
from .streaming import Patience
from .tools import CameraPage, Tools
from .watching import Watching

#: Seconds between two pings, and without an answer to one until somebody is gone.
PING_EVERY, PONG_WITHIN = 20.0, 90.0

#: Bytes that a client may send: nothing that it says is of interest.  For each ping
#: there is some more, for the answer.
ALLOWANCE, PING_ALLOWANCE = 16384, 64

#: Codes of closing: all is well, and the server stops.
_NORMAL, _GOING_AWAY = 1000, 1001

#: A piece's track, in front of it.
_TRACKS = tuple(bytes((track,)) for track in range(256))


class MsePage(CameraPage):
    """A camera's video for Media Source Extensions."""

    methods = (b"GET",)

    def answer(self, request: WebRequest) -> None:
        """Change to WebSocket."""
        _checkHandshake(request)
        checkOrigin(request)
        sub, sound = wantsSub(request), wantsSound(request, False)
        self._tools.viewers.check()
        connection = cast(Connection, request.channel.transport)

        def open(_: Any) -> _Socket:
            watching = Watching(self._tools, self._camera, sub, "mse", request)
            return _Socket(self._tools, watching, connection, sub, sound)

        WebSocketResource(_Factory(open)).render_GET(request)


class _Factory:
    """What C{WebSocketResource} wants."""

    def __init__(self, open: Callable[[Any], _Socket]) -> None:
        self.buildProtocol = open


@implementer(IPushProducer)
class _Socket:
    """
    Who watches that; a C{WebSocketProtocol}.

    @ivar camera: what is watched.
    """

    def __init__(
        self,
        tools: Tools,
        watching: Watching,
        connection: Connection,
        sub: bool,
        sound: bool,
    ) -> None:
        self.camera = watching.camera
        self._watching = watching
        self._tools = tools
        self._connection = connection
        self._sub = sub
        self._sound = sound
        self._transport: WebSocketTransport | None = None
        self._watcher = Watcher(self._began, self._send, self._failed)
        self._patience = Patience(tools.clock)
        self._pinged = self._heard = tools.clock.seconds()
        self._over = False

    # What the WebSocket tells.

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        """The connection is ours."""
        self._transport = transport
        # HTTP has registered itself.
        transport.detachProducer()
        transport.attachProducer(self)
        self._connection.allowance = ALLOWANCE
        self._tools.viewers.enter(self)

    def negotiationFinished(self) -> None:
        """Pieces may go."""
        broadcast = self._tools.broadcasts.of(
            self.camera, MSE, sub=self._sub, sound=self._sound
        )
        broadcast.join(self._watcher)

    def pongReceived(self, payload: bytes) -> None:
        """He is still there."""
        self._heard = self._tools.clock.seconds()

    def textMessageReceived(self, message: str) -> None:
        """Of no interest."""

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """Of no interest."""

    def connectionLost(self, reason: Failure) -> None:
        """He is gone."""
        self._finish()

    # What the broadcast tells.

    def _began(self, start: Start) -> None:
        tracks: list[dict[str, object]] = []
        for mime in start.mimeTypes:
            kind = mime.partition("/")[0]
            track: dict[str, object] = {
                "kind": "sound" if kind == "audio" else kind,
                "mime": mime,
            }
            if kind == "video":
                track |= {"width": start.width, "height": start.height}
            tracks.append(track)
        self._sayText({"tracks": tracks})

    def _send(self, piece: Piece) -> None:
        self._say(
            lambda transport: transport.sendBytesMessage(
                _TRACKS[piece.track] + piece.data
            )
        )
        if not self._over:
            self._watching.sent(len(piece.data))

    def _failed(self, problem: MuxError) -> None:
        if isinstance(problem, NotMuxable):
            # Of all that cameras send, only these do not go into it.
            self._sayText({"tracks": [], "codec": Codec.MJPEG.value})
        self._close(_NORMAL)

    # What the audience tells.

    def tick(self, now: float) -> None:
        """Is he still there?"""
        if self._patience.over or now - self._heard >= PONG_WITHIN:
            self._finish()
            abort(self._connection)
        elif now - self._pinged >= PING_EVERY:
            self._pinged = now
            if self._connection.allowance is not None:
                self._connection.allowance += PING_ALLOWANCE
            self._say(lambda transport: transport.ping())

    def end(self) -> None:
        """It is over."""
        self._close(_GOING_AWAY)

    # What the transport tells.

    def pauseProducing(self) -> None:
        """He takes no more."""
        self._patience.pause()
        self._watcher.pauseProducing()

    def resumeProducing(self) -> None:
        """He does."""
        self._patience.resume()
        self._watcher.resumeProducing()

    def stopProducing(self) -> None:
        """He is gone."""
        self._finish()

    # Saying.

    def _sayText(self, value: object) -> None:
        text = msgspec.json.encode(value).decode()
        self._say(lambda transport: transport.sendTextMessage(text))

    def _say(self, say: Callable[[WebSocketTransport], None]) -> None:
        if self._over or self._transport is None:
            return
        try:
            say(self._transport)
        except LocalProtocolError:
            self._finish()  # he has said goodbye

    def _close(self, code: int) -> None:
        """Say goodbye, unless he does not listen."""
        if self._over:
            return
        paused = self._patience.paused
        self._finish()
        assert self._transport is not None
        if paused:
            abort(self._connection)
            return
        try:
            self._transport.loseConnection(code)
        except LocalProtocolError:
            self._connection.loseConnection()

    def _finish(self) -> None:
        """Free everything; may be called more than once."""
        if self._over:
            return
        self._over = True
        self._tools.viewers.leave(self)
        self._watcher.close()
        self._watching.ended()
        if self._transport is not None:
            self._transport.detachProducer()


def _checkHandshake(request: WebRequest) -> None:
    """
    Is this the beginning of a WebSocket?

    Twisted would find that out as well, but write the request into the log.

    @raise Refusal: it is not.
    """
    headers = [
        (name, value)
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
    try:
        handshake = H11Handshake(ConnectionType.SERVER)
        handshake.initiate_upgrade_connection(headers, request.path)
    except (RemoteProtocolError, LocalProtocolError, ValueError) as problem:
        raise Refusal(
            426,
            "this is for WebSockets only",
            {"Upgrade": "websocket", "Connection": "Upgrade"},
        ) from problem
