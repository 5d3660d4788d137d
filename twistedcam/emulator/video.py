"""
Live video: the encoder of one of the camera's streams, and those who watch it.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import NamedTuple

from ..wire.av import FrameHead
from ..wire.drw import VIDEO
from .clips import CODECS, Clip, clip
from .firmware import Firmware
from .padding import padded
from .rates import MAIN, PREFIXES, THIRD
from .session import Session
from .state import State

#: Bytes of a channel that the client has not acknowledged: with as many the camera
#: sends neither pictures nor sound.
CONGESTED = 262144

#: Frames per second that an encoder can be set to.
MIN_RATE, MAX_RATE = 1, 30

#: What heads call the resolution of the main stream and of the second one.
_MAIN_RESOLUTION, _SUB_RESOLUTION = 2, 0

#: How heads of the newer firmware name every session.
ANY_SESSION = 0xFF


class Shot(NamedTuple):
    """
    What an encoder does at one moment.

    @ivar due: the moment, in the reactor's seconds.
    @ivar time: the same by the camera's clock, Unix seconds.
    @ivar number: counts them.
    @ivar rate: frames per second.
    @ivar frames: the frames of the clip, padded or not.
    """

    due: float
    time: float
    number: int
    rate: int
    frames: tuple[bytes, ...]


class Encoder:
    """
    The encoder of one stream.  It counts its frames all the time, but works only
    while somebody watches.

    Everybody who watches has his own place in the clip, which begins at its first
    keyframe.  A faster or slower encoder shows the same pictures faster or slower;
    JPEGs, which need no others, it repeats or leaves out instead.

    @ivar feeds: who watches.
    @ivar due: when the next frame is, in the reactor's seconds; infinite while
        nobody watches.
    """

    def __init__(
        self,
        state: State,
        queue: int,
        codec: str,
        fps: int | None,
        bitrate: int | None,
    ) -> None:
        """
        @param queue: L{MAIN}, L{SUB <rates.SUB>} or L{THIRD}.
        @param codec: a key of L{CODECS}.
        @param fps: frames per second, whatever the settings say.
        @param bitrate: bits per second that the stream is padded to.
        """
        self._state = state
        self._queue = queue
        self._codec = CODECS[codec]
        self._name = self._codec.main if queue == MAIN else self._codec.sub
        self._still = codec == "mjpeg"
        self._fps = fps
        self._bitrate = bitrate
        self._frames: tuple[int, tuple[bytes, ...]] | None = None
        self._number = 0
        self._counted = state.uptime
        self.feeds: list[VideoFeed] = []
        self.due = inf

    @property
    def clip(self) -> Clip:
        """What it shows."""
        return clip(self._name)

    @property
    def rate(self) -> int:
        """Frames per second."""
        if self._fps is not None:
            return self._fps
        rate = self._state.image[PREFIXES[self._queue] + "framerate"]
        assert isinstance(rate, int)
        return min(max(rate, MIN_RATE), MAX_RATE)

    def join(self, session: Session) -> VideoFeed:
        """Somebody starts to watch, from the next frame on."""
        feed = VideoFeed(session, self)
        if not self.feeds:
            self.due = self._state.uptime
            self._number += int((self.due - self._counted) * self.rate)
        self.feeds.append(feed)
        return feed

    def leave(self, feed: VideoFeed) -> None:
        """Somebody has seen enough."""
        self.feeds.remove(feed)
        if not self.feeds:
            self.due = inf
            self._counted = self._state.uptime

    def work(self, due: float) -> None:
        """
        Make a frame.

        @param due: the moment that it shows.
        """
        rate = self.rate
        if self._frames is None or self._frames[0] != rate:
            self._frames = rate, self._film(rate)
        _, frames = self._frames
        time = self._state.now - self._state.uptime + due
        shot = Shot(due, time, self._number, rate, frames)
        self._number += 1
        self.due = due + 1 / rate
        for feed in self.feeds:
            feed.take(shot)

    def _film(self, rate: int) -> tuple[bytes, ...]:
        if self._bitrate is None:
            return self.clip.frames
        return padded(self._name, rate, self._bitrate)

    def step(self, rate: int) -> float:
        """How many of the clip's frames one frame takes."""
        return self.clip.rate / rate if self._still else 1

    def head(self, session: Session, shot: Shot, key: bool, length: int) -> bytes:
        """What goes in front of a frame for one session."""
        firmware = self._state.firmware
        codec = self._codec
        small = (
            firmware.headVersion,
            self._resolution(firmware),
            sessionByte(firmware, session),
            0,
            0,
            0,
            0,
            codec.raw[0 if key else 1],
        )
        seconds, milliseconds = clockFields(shot.time)
        return FrameHead(
            type=codec.types[0 if key else 1],
            stream=0,
            milliseconds=milliseconds,
            seconds=seconds,
            number=shot.number & 0xFFFFFFFF,
            length=length,
            small=bytes(small),
            first=shot.rate,
            second=shot.rate,
        ).toBytes()

    def _resolution(self, firmware: Firmware) -> int:
        if self._queue == MAIN:
            return _MAIN_RESOLUTION
        if self._queue == THIRD:
            return firmware.thirdResolution
        return _SUB_RESOLUTION


class VideoFeed:
    """
    The video of one session.

    A client that does not acknowledge gets no more frames until there is room
    again, and then begins at a keyframe.  The newer firmware holds some frames back
    for it meanwhile; when those become too many, it drops them up to the next
    keyframe.

    @ivar zero: when this client saw or will have seen the clip's second 0, in the
        reactor's seconds; L{None} before its first frame.
    """

    def __init__(self, session: Session, encoder: Encoder) -> None:
        self._session = session
        self._encoder = encoder
        self._place = 0.0
        self._lost = True
        self._held: deque[tuple[bool, bytes]] = deque()
        self._heldBytes = 0
        self.zero: float | None = None

    @property
    def encoder(self) -> Encoder:
        """Whose frames it gets."""
        return self._encoder

    def take(self, shot: Shot) -> None:
        """The next frame is due."""
        if self.zero is None:
            self.zero = shot.due
        # So much too early is nothing, thirds being what they are.
        place = int(self._place + 1e-6) % len(shot.frames)
        self._place = self._place % len(shot.frames) + self._encoder.step(shot.rate)
        key = place in self._encoder.clip.keys
        if not self._lost or key:
            data = shot.frames[place]
            head = self._encoder.head(self._session, shot, key, len(data))
            self._lost = False
            self._held.append((key, head + data))
            self._heldBytes += len(head) + len(data)
        while self._held and self._session.queued(VIDEO) < CONGESTED:
            self._session.write(VIDEO, self._next())
        while self._held and self._tooMuch:
            self._next()
            while self._held and not self._held[0][0]:
                self._next()
            self._lost = not self._held

    @property
    def _tooMuch(self) -> bool:
        waiting = self._session.queued(VIDEO) + self._heldBytes
        return waiting >= self._session.firmware.maxWaiting

    def _next(self) -> bytes:
        _, data = self._held.popleft()
        self._heldBytes -= len(data)
        return data


def clockFields(time: float) -> tuple[int, int]:
    """Seconds and milliseconds of a head."""
    seconds, milliseconds = divmod(round(time * 1000), 1000)
    return seconds & 0xFFFFFFFF, milliseconds


def sessionByte(firmware: Firmware, session: Session) -> int:
    """How a head calls the session."""
    return session.number & 0xFF if firmware.headSession else ANY_SESSION
