"""
One connection: bytes, patience, and logins; what is asked for is done by L{Methods}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ...camera import Camera
from ..access import Access, Slowdown
from ..sparing import Sparing
from .auth import Gate, Verdict
from .message import Headers, Interleaved, ProtocolError, Reader, Request, Response
from .methods import Methods, Peer
from .session import World
from .target import Target, parseTarget

#: Requests that wait for the answer to the one before; players wait for it.
MAX_WAITING = 8

#: Seconds that a connection without a viewer in it may be silent.
IDLE = 60.0

#: Seconds from the first byte of a request to the last.
PATIENCE = 10.0

#: Seconds in which somebody may take nothing of what is sent to him.
DEAF = 300.0

#: Seconds that what is left to be sent may take when we hang up.
LINGER = 2.0

_SERVER = ("Server", "twistedcam")

#: Where those are who come by a way without addresses.
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Shared:
    """
    What all connections share.

    @ivar cameras: by name.
    @ivar wrongLogins: by address, when the log has to tell of them.
    @ivar mayBegin: is there room for one more session?
    """

    world: World
    cameras: Mapping[str, Camera]
    access: Access
    slowdown: Slowdown
    wrongLogins: Sparing
    mayBegin: Callable[[], bool]


@implementer(IPushProducer)
class Connection(Protocol):
    """
    Answers requests, one after another.

    @ivar methods: what does it.
    """

    log = Logger()
    transport: ITCPTransport

    def __init__(
        self,
        shared: Shared,
        come: Callable[[Connection], object],
        gone: Callable[[Connection], object],
    ) -> None:
        """
        @param come: called when the connection is made.
        @param gone: called when the connection is lost, and everything is freed.
        """
        self.methods: Methods
        self._shared = shared
        self._clock = shared.world.reactor
        self._come = come
        self._gone = gone
        self._reader = Reader()
        self._gate = Gate(self._clock, shared.access)
        self._requests: deque[Request] = deque()
        self._answering: Deferred[None] | None = None
        self._full = False
        self._over = False
        self._address = _LOOPBACK
        # How long it may be silent, until a request is complete, until something is
        # taken, until it is gone.
        self._idle: IDelayedCall | None = None
        self._half: IDelayedCall | None = None
        self._deaf: IDelayedCall | None = None
        self._linger: IDelayedCall | None = None

    # What Twisted tells.

    def connectionMade(self) -> None:
        """Somebody is there."""
        peer, local = self.transport.getPeer(), self.transport.getHost()
        if isinstance(peer, IPv4Address | IPv6Address):
            self._address = peer.host
            self.transport.setTcpKeepAlive(True)
            # Packets come in bursts, and none of them should wait for another.
            self.transport.setTcpNoDelay(True)
        cast(IConsumer, self.transport).registerProducer(self, True)
        who = Peer(
            self._address,
            local.host if isinstance(local, IPv4Address | IPv6Address) else _LOOPBACK,
            self.transport.write,
            self.hangUp,
            self._shared.mayBegin,
        )
        self.methods = Methods(self._shared.world, self._shared.cameras, who)
        self._idle = self._clock.callLater(IDLE, self._isIdle)
        self._come(self)

    def dataReceived(self, data: bytes) -> None:
        """Requests, or parts of them."""
        if self._over:
            return
        self._reader.feed(data)
        try:
            while (message := self._reader.take()) is not None and not self._over:
                if isinstance(message, Interleaved):
                    self.methods.interleaved(message.channel, message.data)
                elif len(self._requests) == MAX_WAITING:
                    raise ProtocolError("too many requests wait")
                else:
                    self._requests.append(message)
                    self._next()
        except ProtocolError as problem:
            self.log.debug(
                "{address}: {problem}", address=self._address, problem=str(problem)
            )
            self.transport.write(Response(problem.status, (_SERVER,)).toBytes())
            self.hangUp("what came was no RTSP")
        self._watch()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        self._over = True
        for timer in (self._idle, self._half, self._deaf, self._linger):
            if timer is not None and timer.active():
                timer.cancel()
        if self._answering is not None:
            self._answering.cancel()
        self._end("the connection is lost", goodbye=False)
        self.methods.freed().addBoth(lambda _: self._gone(self))

    def pauseProducing(self) -> None:
        """He is slow: packets and answers have to wait."""
        self._full = True
        if self._deaf is None:
            self._deaf = self._clock.callLater(DEAF, self._isDeaf)
        if self.methods.session is not None and not self.methods.session.byUdp:
            self.methods.session.pause()

    def resumeProducing(self) -> None:
        """There is room again."""
        self._full = False
        if self._deaf is not None and self._deaf.active():
            self._deaf.cancel()
        self._deaf = None
        if self.methods.session is not None and not self.methods.session.byUdp:
            self.methods.session.resume()
        self._next()

    def stopProducing(self) -> None:
        """The connection is lost, which is told otherwise as well."""

    # The end.

    def hangUp(self, reason: str) -> None:
        """
        End the session, and the connection.

        @param reason: for the log.
        """
        if self._over:
            return
        self._over = True
        self._end(reason)
        cast(IConsumer, self.transport).unregisterProducer()
        self.transport.loseConnection()
        self._linger = self._clock.callLater(LINGER, self.transport.abortConnection)

    def _end(self, reason: str, goodbye: bool = True) -> None:
        """End the session; no bug in there may keep the connection."""
        try:
            self.methods.end(reason, goodbye)
        except Exception:
            self.log.failure("RTSP: the end of a session")

    # Requests.

    def _watch(self) -> None:
        """Is something half said?"""
        if self._reader.inside and not self._over:
            if self._half is None:
                self._half = self._clock.callLater(PATIENCE, self._isSlow)
        elif self._half is not None:
            if self._half.active():
                self._half.cancel()
            self._half = None

    def _isSlow(self) -> None:
        self._half = None
        self.hangUp("a request was not complete in time")

    def _isDeaf(self) -> None:
        self.hangUp(f"it has taken nothing for {DEAF:.0f} s")

    def _isIdle(self) -> None:
        session = self.methods.session
        # A viewer by UDP has other ways of saying that he is there.
        watches = session is not None and (session.playing or session.byUdp)
        self._idle = self._clock.callLater(IDLE, self._isIdle)
        if not watches and self._answering is None:
            self.hangUp("nothing was asked for")

    def _next(self) -> None:
        """Begin with the next request, if it is time."""
        busy = self._answering is not None or self._full or self._over
        if busy or not self._requests:
            return
        request = self._requests.popleft()
        if self._idle is not None:
            self._idle.reset(IDLE)
        if self.methods.session is not None:
            self.methods.session.touch()
        answering = Deferred.fromCoroutine(self._answer(request))
        self._answering = answering
        answering.addErrback(self._failed, request).addBoth(self._answered)

    def _answered(self, result: object) -> None:
        self._answering = None
        after, self.methods.after = self.methods.after, None
        if after is not None and not self._over:
            after()
        self._next()

    async def _answer(self, request: Request) -> None:
        number = request.get("CSeq")
        if not (number.isascii() and number.isdigit() and len(number) < 20):
            self._say(request, Response(400))
            return
        try:
            target = None if request.uri == "*" else parseTarget(request.uri)
        except ProtocolError as problem:
            self._say(request, Response(problem.status))
            return
        if request.method != "OPTIONS":
            denied = await self._deny(request, target)
            if denied is not None:
                self._say(request, denied)
                return
        self._say(request, await self.methods.answer(request, target))

    async def _deny(self, request: Request, target: Target | None) -> Response | None:
        """The answer to somebody who may not come in; L{None}: he may."""
        slowdown = self._shared.slowdown
        token = "" if target is None else target.token
        # A token is too long to be guessed: the right one counts at any time.
        known = self._gate.passed or self._shared.access.checkToken(token)
        if self._shared.access.required and not known:
            if wait := slowdown.refused(self._address):
                return Response(503, (("Retry-After", f"{wait:.0f}"),))
        verdict = self._gate.check(request, token)
        if verdict is Verdict.RIGHT:
            return None
        if verdict is Verdict.WRONG:
            self._tellWrong()
            late: Deferred[None] = Deferred()
            timer = self._clock.callLater(
                slowdown.wrong(self._address), late.callback, None
            )
            try:
                await late
            finally:
                if timer.active():
                    timer.cancel()
        challenges = self._gate.challenges(verdict is Verdict.STALE)
        return Response(401, tuple(("WWW-Authenticate", each) for each in challenges))

    def _tellWrong(self) -> None:
        more = self._shared.wrongLogins.due(self._address)
        if more is not None:
            self.log.warn(
                "wrong login from {address}{more}", address=self._address, more=more
            )

    def _say(self, request: Request, response: Response) -> None:
        if self._over:
            return
        headers: Headers = (_SERVER,)
        for name in ("Timestamp", "CSeq"):
            if value := request.get(name):
                headers = ((name, value), *headers)
        headers = (*headers, *response.headers)
        answer = Response(response.status, headers, response.body)
        self.transport.write(answer.toBytes())

    def _failed(self, failure: Failure, request: Request) -> None:
        """Cancelled, or a bug."""
        if not failure.check(CancelledError):
            self.log.failure("RTSP", failure)
            self._say(request, Response(500))
