"""
RTSP's methods: what a client may ask for, and what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred, gatherResults

from ...camera import Camera
from ...media.mux import NotMuxable
from ..observatory import titleOf
from .carrier import Carrier, InConnection
from .describe import CameraAway, Description, describe
from .message import Headers, Request, Response
from .sdp import sdp
from .session import TIMEOUT, Session, World
from .target import Target, Track
from .transport import Interleave, Route, Unicast, chooseRoute
from .udp import ByUdp, NoWay

#: Seconds after which it may be worth while to ask for a camera that is away.
RETRY_AFTER = 5


@dataclass(frozen=True)
class Peer:
    """
    Who asks.

    @ivar address: his.
    @ivar local: ours, which he knows.
    @ivar write: writes to the connection.
    @ivar ended: called with the reason when his session has to end.
    @ivar mayBegin: is there room for one more session?
    """

    address: str
    local: str
    write: Callable[[bytes], object]
    ended: Callable[[str], object]
    mayBegin: Callable[[], bool]


class Refused(Exception):
    """
    The answer is no.

    @ivar response: how it is said.
    """

    def __init__(self, status: int, text: str = "", headers: Headers = ()) -> None:
        super().__init__(status)
        if text:
            headers = (*headers, ("Content-Type", "text/plain; charset=utf-8"))
        self.response = Response(status, headers, text.encode())


class Methods:
    """
    Answers the requests of one connection, which has one session at most.

    @ivar session: the session, or L{None}.
    @ivar after: to be called when the answer is written, or L{None}.
    """

    def __init__(self, world: World, cameras: Mapping[str, Camera], peer: Peer) -> None:
        """
        @param cameras: by name.
        """
        self.session: Session | None = None
        self.after: Callable[[], None] | None = None
        self._world = world
        self._cameras = cameras
        self._peer = peer
        self._described: tuple[tuple[str, bool], Description] | None = None
        # What the client's channels mean: of which track, and is it its reports?
        self._channels: dict[int, tuple[Track, bool]] = {}
        self._freeing: list[Deferred[None]] = []
        self._methods = {
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._parameter,
            "SET_PARAMETER": self._parameter,
        }

    async def answer(self, request: Request, target: Target | None) -> Response:
        """
        Do it.

        @param target: what the URL points at; L{None}: nothing.
        """
        method = self._methods.get(request.method)
        public = ("Public", ", ".join(("OPTIONS", *self._methods)))
        try:
            if wanted := request.get("Require"):
                raise Refused(551, headers=(("Unsupported", wanted),))
            if request.method == "OPTIONS":
                return Response(200, (public,))
            if method is None:
                raise Refused(501, headers=(public,))
            if target is None:
                raise Refused(404)
            return await method(request, target)
        except Refused as refused:
            return refused.response

    def interleaved(self, channel: int, data: bytes) -> None:
        """The client sends something in between: reports, and what is for nobody."""
        track, isReport = self._channels.get(channel, (None, False))
        if self.session is not None and track is not None and isReport:
            self.session.heard(track, data)

    def end(self, reason: str, goodbye: bool = True) -> None:
        """End the session, if there is one."""
        session, self.session = self.session, None
        self._channels.clear()
        if session is not None:
            self._free(session.end(reason, goodbye))

    def freed(self) -> Deferred[None]:
        """Fires when nothing is held any more of the sessions that are over."""
        return gatherResults(self._freeing).addCallback(lambda _: None)

    def _free(self, freeing: Deferred[None]) -> None:
        self._freeing = [each for each in self._freeing if not each.called]
        self._freeing.append(freeing)

    # The methods.

    async def _describe(self, request: Request, target: Target) -> Response:
        accepted = request.get("Accept", "*/*").lower()
        if not any(kind in accepted for kind in ("application/sdp", "*/*")):
            raise Refused(406)
        camera = self._camera(target)
        try:
            found = await describe(
                self._world.reactor, camera, target.sub, bool(target.sounds)
            )
        except CameraAway as problem:
            retry = ("Retry-After", str(RETRY_AFTER))
            raise Refused(503, f"{problem}", (retry,)) from problem
        except NotMuxable as problem:
            raise Refused(
                415,
                f"{problem}: see /cameras/{camera.name}/stream.mjpeg of the web server",
            ) from problem
        self._described = target.stream, found
        text = sdp(
            titleOf(camera),
            self._peer.local,
            int(self._world.reactor.seconds()),
            found.codec,
            found.sets,
            target.sounds if found.heard else (),
        )
        headers = (
            ("Content-Base", f"{target.base}/"),
            ("Content-Type", "application/sdp"),
        )
        return Response(200, headers, text.encode())

    async def _setup(self, request: Request, target: Target) -> Response:
        camera = self._camera(target)
        session = self.session
        if target.track is None:
            raise Refused(459)
        if session is None and request.get("Session"):
            raise Refused(454)
        if session is None:
            if not self._peer.mayBegin():
                raise Refused(453)
            session = self._begin(camera, target)
        else:
            self._own(request, target)
            if session.playing:
                raise Refused(455)
        others = session.tracks != () and session.tracks != (target.track,)
        taken = [n for n, (track, _) in self._channels.items() if track != target.track]
        route = chooseRoute(request.get("Transport"), taken)
        if route is None or (others and isinstance(route, Unicast) != session.byUdp):
            raise Refused(461)
        carrier = self._carrier(session, target.track, route)
        self.session = session
        self._assign(target.track, route)
        self._free(session.setUp(target.track, carrier, isinstance(route, Unicast)))
        ssrc = session.ssrc(target.track)
        return self._ok(("Transport", f"{carrier.header};ssrc={ssrc:08X}"))

    async def _play(self, request: Request, target: Target) -> Response:
        session = self._own(request, target)
        if not session.tracks:
            raise Refused(455)
        info = session.rtpInfo(target.base)
        self.after = session.play
        return self._ok(("Range", "npt=now-"), ("RTP-Info", info))

    async def _pause(self, request: Request, target: Target) -> Response:
        session = self._own(request, target)
        if not session.playing:
            raise Refused(455)
        session.rest()
        return self._ok()

    async def _teardown(self, request: Request, target: Target) -> Response:
        self._own(request, target)
        response = self._ok()
        self.end("it has left")
        return response

    async def _parameter(self, request: Request, target: Target) -> Response:
        if request.get("Session"):
            self._own(request, target)
        if request.body.strip():
            raise Refused(451)
        return Response() if self.session is None else self._ok()

    # What they have in common.

    def _camera(self, target: Target) -> Camera:
        camera = self._cameras.get(target.camera)
        if camera is None:
            raise Refused(404)
        return camera

    def _own(self, request: Request, target: Target) -> Session:
        """The session that is meant."""
        given = request.get("Session").partition(";")[0].strip()
        session = self.session
        if session is None or given not in ("", session.id):
            # Without a session, there is none in a state for anything.
            raise Refused(454 if given else 455)
        if target.camera and target.stream != (session.camera.name, session.sub):
            raise Refused(455)
        return session

    def _ok(self, *headers: tuple[str, str]) -> Response:
        assert self.session is not None
        name = ("Session", f"{self.session.id};timeout={TIMEOUT}")
        return Response(200, (name, *headers))

    def _begin(self, camera: Camera, target: Target) -> Session:
        described = self._described
        known = described is not None and described[0] == target.stream
        return Session(
            self._world,
            camera,
            target.sub,
            described[1] if described is not None and known else None,
            self._peer.address,
            self._peer.ended,
        )

    def _carrier(self, session: Session, track: Track, route: Route) -> Carrier:
        if isinstance(route, Interleave):
            return InConnection(self._peer.write, route.channels)
        try:
            return ByUdp(
                self._world.reactor,
                session.pacer,
                self._peer.local,
                self._peer.address,
                route.ports,
                lambda packet: session.heard(track, packet),
            )
        except NoWay as problem:
            raise Refused(461, str(problem)) from problem

    def _assign(self, track: Track, route: Route) -> None:
        """From now on the channels mean this track."""
        for channel, (other, _) in list(self._channels.items()):
            if other == track:
                del self._channels[channel]
        if isinstance(route, Interleave):
            packets, reports = route.channels
            self._channels[packets] = (track, False)
            self._channels[reports] = (track, True)
