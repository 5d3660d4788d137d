"""
One viewer: the tracks that he has set up, and what he gets while he plays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from secrets import token_hex

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ...camera import Camera
from ...media.frame import Codec, Frame
from ...media.mux import MuxError, Piece
from ...media.parameters import parameterSets
from ...media.rtp import CLOCK_RATES, Burst
from ...reactors import DatagramReactor
from ..broadcast import Broadcasts
from ..watcher import Start, Watcher
from .carrier import Carrier
from .describe import Description
from .rtcp import receptions
from .sender import Sender
from .target import Track
from .tracks import RTP, SoundTracks
from .udp import Pacer

#: Seconds without a sign of life after which a viewer by UDP is gone, as he is told;
#: and how much later than that he may be.
TIMEOUT, GRACE = 60, 10

#: Seconds from one of our reports to the next.
REPORT_EVERY = 5.0

_TRACKS: dict[Codec, Track] = {
    Codec.H264: "video",
    Codec.H265: "video",
    Codec.MJPEG: "video",
    Codec.AAC: "aac",
    Codec.G711A: "pcma",
}
_CODECS = {track: codec for codec, track in _TRACKS.items()}

#: For those who only listen, a broadcast begins with this.
_NO_PICTURE = Start((), Frame(Codec.AAC, b"", True, 0.0, 0, 0.0))


@dataclass(frozen=True)
class World:
    """
    What all sessions share.

    @ivar reactor: for timers and UDP ports.
    @ivar broadcasts: pictures.
    @ivar sounds: sound.
    """

    reactor: DatagramReactor
    broadcasts: Broadcasts
    sounds: SoundTracks


@dataclass
class _Lane:
    """
    A track on its way to the viewer.

    @ivar newest: the time of the last that he got; before that, infinitely long ago.
    """

    sender: Sender
    carrier: Carrier
    newest: float = float("-inf")


class Session:
    """
    A viewer's session; it lives no longer than his connection.

    @ivar id: what he calls it.
    @ivar camera: what he watches.
    @ivar sub: in the lower quality?
    @ivar pacer: what sends his datagrams.
    @ivar byUdp: does he want any?
    @ivar playing: does he get packets?
    """

    log = Logger()

    def __init__(
        self,
        world: World,
        camera: Camera,
        sub: bool,
        description: Description | None,
        address: str,
        ended: Callable[[str], object],
    ) -> None:
        """
        @param description: what he was told of the stream, if he was.
        @param address: where he is.
        @param ended: called with the reason when the session is over, unless he has
            left by himself.
        """
        self.id = token_hex(8)
        self.camera = camera
        self.sub = sub
        self.byUdp = False
        self.playing = False
        self.pacer = Pacer(world.reactor, self.pause, self.resume)
        self._world = world
        self._address = address
        self._endedBy = ended
        # What the pictures have to go on with.
        self._expected = description and (description.codec, description.sets)
        self._lanes: dict[Track, _Lane] = {}
        self._watcher: Watcher | None = None
        self._full = False
        self._leaves: list[Callable[[], None]] = []
        self._over = False
        self._freed: Deferred[None] | None = None
        # The moment whose time stamps the viewer knows, and the newest one that he
        # got, with the time by our clock.
        self._origin: float | None = None
        self._newest = (float("-inf"), 0.0)
        self._skips = 0
        self._since: float | None = None
        self._silence: IDelayedCall | None = None
        self._reports: IDelayedCall | None = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What he has set up."""
        return tuple(self._lanes)

    def ssrc(self, track: Track) -> int:
        """Who sends him a track."""
        return self._lanes[track].sender.ssrc

    # What the viewer does.

    def setUp(self, track: Track, carrier: Carrier, byUdp: bool) -> Deferred[None]:
        """
        Prepare a track, perhaps once more.

        @return: fires when what was there before is freed.
        """
        before = self._lanes.get(track)
        self._lanes[track] = _Lane(Sender(CLOCK_RATES[_CODECS[track]]), carrier)
        self.byUdp = byUdp
        self._unwatch()
        self.touch()
        return gatherResults([before.carrier.close()] if before else []).addCallback(
            lambda _: None
        )

    def rtpInfo(self, base: str) -> str:
        """
        What the first packets will look like.

        @param base: the stream's URL.
        """
        parts = []
        for track, lane in self._lanes.items():
            info = f"url={base}/{track};seq={lane.sender.number & 0xFFFF}"
            if self._origin is None:
                info += f";rtptime={lane.sender.stamp}"
            parts.append(info)
        return ",".join(parts)

    def play(self) -> None:
        """Begin, or go on."""
        if self.playing or self._over:
            return
        self.playing = True
        if self._since is None:
            self._since = self._world.reactor.seconds()
            self.log.info(
                "{name}: {address} watches by RTSP ({tracks}, {way})",
                name=self._name,
                address=self._address,
                tracks="+".join(self._lanes),
                way="UDP" if self.byUdp else "TCP",
            )
        watcher = self._watcher = Watcher(self._began, self._send, self._failed)
        if self._full:
            watcher.pauseProducing()
        self._reports = self._world.reactor.callLater(REPORT_EVERY, self._report)
        if "video" in self._lanes:
            broadcasts = self._world.broadcasts
            broadcasts.of(self.camera, RTP, sub=self.sub).join(watcher)
        else:
            watcher.begin(_NO_PICTURE, ())
        for track in self._lanes:
            if track != "video" and self._watcher is watcher:
                self._listen(track, watcher)

    def rest(self) -> None:
        """Get nothing for a while."""
        self.playing = False
        leaves, self._leaves = self._leaves, []
        for leave in leaves:
            leave()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            self._skips += watcher.skips
            watcher.close()
        self.pacer.stop()
        if self.byUdp:
            self._full = False
        if self._reports is not None:
            self._reports.cancel()
            self._reports = None

    def touch(self) -> None:
        """The viewer is there."""
        if not self.byUdp or self._over:
            return
        if self._silence is None:
            self._silence = self._world.reactor.callLater(TIMEOUT + GRACE, self._silent)
        else:
            self._silence.reset(TIMEOUT + GRACE)

    def heard(self, track: Track, packet: bytes) -> None:
        """A report of the viewer's."""
        found = receptions(packet)
        if found is not None and track in self._lanes:
            self._lanes[track].sender.heard(found)
            self.touch()

    # What the connection tells.

    def pause(self) -> None:
        """There is no room for more packets."""
        self._full = True
        if self._watcher is not None:
            self._watcher.pauseProducing()

    def resume(self) -> None:
        """There is."""
        self._full = False
        if self._watcher is not None:
            self._watcher.resumeProducing()

    # The end.

    def fail(self, reason: str) -> None:
        """It has to end."""
        if not self._over:
            self._endedBy(reason)

    def end(self, reason: str, goodbye: bool = True) -> Deferred[None]:
        """
        End it; may be called more than once.

        @param reason: for the log.
        @param goodbye: is there still a way to tell the viewer?
        @return: fires when everything is freed.
        """
        if self._freed is not None:
            return self._freed
        self._over = True
        if goodbye and self.playing:
            self._sayGoodbye()
        self.rest()
        self._unwatch()
        if self._since is not None:
            self._tell(reason)
        closed = [lane.carrier.close() for lane in self._lanes.values()]
        self._freed = gatherResults(closed).addCallback(lambda _: None)
        return self._freed

    @property
    def _name(self) -> str:
        return f"{self.camera.name}{'-sub' if self.sub else ''}"

    def _tell(self, reason: str) -> None:
        senders = [lane.sender for lane in self._lanes.values()]
        lost = sum(s.reception.lost for s in senders if s.reception is not None)
        assert self._since is not None
        self.log.info(
            "{name}: {address} has watched by RTSP for {seconds:.0f} s: {megabytes:.1f}"
            " MB in {packets} packets, {lost} lost, {skips} skips; {reason}",
            name=self._name,
            address=self._address,
            seconds=self._world.reactor.seconds() - self._since,
            megabytes=sum(sender.octets for sender in senders) / 1e6,
            packets=sum(sender.packets for sender in senders),
            lost=max(lost, 0) + self.pacer.unsent,
            skips=self._skips,
            reason=reason,
        )

    # What is to be watched.

    def _listen(self, track: Track, watcher: Watcher) -> None:
        alone = "video" not in self._lanes
        before, leave = self._world.sounds.join(
            self.camera, track, lambda burst: self._soundCame(watcher, burst, alone)
        )
        self._leaves.append(leave)
        if not alone:
            for burst in before:
                self._soundCame(watcher, burst, alone)

    def _soundCame(self, watcher: Watcher, burst: Burst, alone: bool) -> None:
        watcher.put(replace(burst, track=0) if alone else burst)

    def _began(self, start: Start) -> None:
        """A file begins; for us that means that nothing was cut off."""
        if start is _NO_PICTURE:
            return
        frame = start.video
        present = (frame.codec, parameterSets(frame.codec, frame.data))
        if self._expected is not None and self._expected != present:
            self.fail("its pictures are others now")
        self._expected = present

    def _failed(self, problem: MuxError) -> None:
        self.fail(str(problem))

    def _send(self, piece: Piece) -> None:
        assert isinstance(piece, Burst)
        lane = self._lanes.get(_TRACKS[piece.codec])
        if lane is None or self._over:
            return
        if self._origin is None:
            self._origin = piece.time
        # Sound from before the first picture, or what he had before he paused.
        if piece.time < self._origin or piece.time <= lane.newest:
            return
        if lane.newest < self._origin:
            lane.sender.begin(self._origin)
            lane.carrier.report(lane.sender.report(piece.time, self.id))
        lane.newest = piece.time
        self._newest = max(self._newest, (piece.time, self._world.reactor.seconds()))
        lane.carrier.carry(lane.sender.send(piece))

    def _report(self) -> None:
        self._reports = self._world.reactor.callLater(REPORT_EVERY, self._report)
        if self._full and not self.byUdp:
            return  # he has more than enough to read
        for lane in self._lanes.values():
            if lane.sender.packets:
                lane.carrier.report(lane.sender.report(self._now, self.id))

    @property
    def _now(self) -> float:
        """The present as a presentation time."""
        time, when = self._newest
        return time + self._world.reactor.seconds() - when

    def _sayGoodbye(self) -> None:
        for lane in self._lanes.values():
            if lane.sender.packets:
                lane.carrier.report(lane.sender.goodbye(self._now, self.id))

    def _unwatch(self) -> None:
        """His silence means nothing."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _silent(self) -> None:
        self._silence = None
        self.fail(f"nothing heard of it for {TIMEOUT + GRACE} s")
