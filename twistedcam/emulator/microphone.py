"""
Live sound: the microphone, and those who listen.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from ..wire import av
from ..wire.av import FrameHead
from ..wire.drw import AUDIO
from .session import Session
from .sound import BLOCK, BLOCK_TIME, RATE, adpcm, alaw, samples
from .state import State
from .video import CONGESTED, clockFields, sessionByte


class Microphone:
    """
    It works while somebody listens, and gives a packet when its last sample is
    taken; the head tells the time of the first one.

    Everybody who listens has his own place in the sound, and an encoder for it.

    @ivar kept: the encoder's state runs on from packet to packet, and the head
        tells it; otherwise it is zero in front of each packet.
    @ivar last: the state (predictor, index) that an encoder was left in.
    @ivar feeds: who listens.
    @ivar due: when the next packet is, in the reactor's seconds; infinite while
        nobody listens.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._number = 0
        self._counted = state.uptime
        self.kept = False
        self.last = (0, 0)
        self.feeds: list[SoundFeed] = []
        self.due = inf

    def join(
        self, session: Session, isAlaw: bool, zero: Callable[[], float | None]
    ) -> SoundFeed:
        """
        Somebody starts to listen.

        @param isAlaw: A-law rather than ADPCM?
        @param zero: tells when the clip's second 0 was seen, as
            L{VideoFeed.zero <video.VideoFeed.zero>}, so that the sound fits.
        """
        # An encoder that has been running for long starts anywhere.
        feed = SoundFeed(session, isAlaw, self.last, zero)
        if not self.feeds:
            now = self._state.uptime
            self.due = now + BLOCK_TIME
            self._number += int((now - self._counted) / BLOCK_TIME)
        self.feeds.append(feed)
        return feed

    def leave(self, feed: SoundFeed) -> None:
        """Somebody has heard enough."""
        self.feeds.remove(feed)
        if not self.feeds:
            self.due = inf
            self._counted = self._state.uptime

    def reset(self) -> None:
        """As after boot."""
        self.kept, self.last = False, (0, 0)

    def work(self, due: float) -> None:
        """
        Make a packet.

        @param due: the moment that it ends.
        """
        begin = due - BLOCK_TIME
        time = self._state.now - self._state.uptime + begin
        self.due = due + BLOCK_TIME
        for feed in self.feeds:
            kind, data, state = feed.take(begin, self.kept)
            self.last = feed.last
            if feed.session.queued(AUDIO) < CONGESTED:
                head = self._head(feed.session, kind, time, len(data), state)
                feed.session.write(AUDIO, head + data)
        self._number += 1

    def _head(
        self,
        session: Session,
        kind: int,
        time: float,
        length: int,
        state: tuple[int, int],
    ) -> bytes:
        seconds, milliseconds = clockFields(time)
        predictor, index = state
        return FrameHead(
            type=kind,
            stream=1,
            milliseconds=milliseconds,
            seconds=seconds,
            number=self._number & 0xFFFFFFFF,
            length=length,
            small=bytes((0, 0, sessionByte(self._state.firmware, session), *bytes(5))),
            first=predictor,
            second=index,
        ).toBytes()


class SoundFeed:
    """
    The sound of one session.

    @ivar session: whose.
    @ivar isAlaw: A-law rather than ADPCM?
    @ivar last: the state that its ADPCM encoder is in.
    """

    def __init__(
        self,
        session: Session,
        isAlaw: bool,
        last: tuple[int, int],
        zero: Callable[[], float | None],
    ) -> None:
        self._zero = zero
        self._fits: float | None = None
        self._place = 0
        self.session = session
        self.isAlaw = isAlaw
        self.last = last

    def take(self, begin: float, kept: bool) -> tuple[int, bytes, tuple[int, int]]:
        """
        The next packet.

        @param begin: when its first sample is taken, in the reactor's seconds.
        @param kept: as of L{Microphone}.
        @return: its type, its data, and the state for its head.
        """
        zero = self._zero()
        if zero is not None and zero != self._fits:
            self._fits = zero
            self._place = round((begin - zero) * RATE) % len(samples())
        place = self._place
        self._place = (place + BLOCK) % len(samples())
        if self.isAlaw:
            return av.G711A, alaw(place), (0, 0)
        data, *state = adpcm(place, *(self.last if kept else (0, 0)))
        self.last = (state[0], state[1])
        return av.ADPCM, data, self.last if kept else (0, 0)
