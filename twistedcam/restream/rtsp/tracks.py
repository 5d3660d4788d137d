"""
A camera's tracks as RTP, packed once for all viewers.

Pictures are a broadcast like those of other containers; sound is apart from it, since
some players want none, or in another codec.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ...camera import Camera
from ...media.frame import Frame
from ...media.rtp import Burst, RtpMuxer, SoundPackets
from ...observers import Observers
from ...streams import Joinable
from ..broadcast import Packaging
from .target import Track

#: Bursts of sound that are kept for newcomers, since they get pictures of some seconds
#: ago: of A-law ten seconds and more, of AAC a minute.
KEPT = 400

#: Pictures.
RTP = Packaging("RTP", RtpMuxer, lambda camera: ())


class SoundTrack:
    """
    Sound in one codec.  It takes frames as long as somebody listens.
    """

    def __init__(self, source: Joinable) -> None:
        self._source = source
        self._packets = SoundPackets()
        self._listeners: Observers[[Burst]] = Observers()
        self._kept: deque[Burst] = deque(maxlen=KEPT)
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def audience(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def join(
        self, listener: Callable[[Burst], object]
    ) -> tuple[list[Burst], Callable[[], None]]:
        """
        Begin to listen.

        @param listener: gets each burst from now on.
        @return: those before, and what is to be called to leave.
        """
        if self._unsubscribe is None:
            self._unsubscribe = self._source.subscribe(self._frame)
        remove = self._listeners.add(listener)

        def leave() -> None:
            remove()
            if self._unsubscribe is not None and not self.audience:
                self._unsubscribe()
                self._unsubscribe = None
                self._kept.clear()

        return list(self._kept), leave

    def _frame(self, frame: Frame) -> None:
        for burst in self._packets.pack(frame):
            self._kept.append(burst)
            self._listeners.tell(burst)


class SoundTracks:
    """
    The tracks of sound that somebody listens to: whoever wants the same gets the same.
    """

    def __init__(self) -> None:
        self._tracks: dict[tuple[Camera, Track], SoundTrack] = {}

    def __len__(self) -> int:
        return len(self._tracks)

    def join(
        self, camera: Camera, track: Track, listener: Callable[[Burst], object]
    ) -> tuple[list[Burst], Callable[[], None]]:
        """
        Listen to a camera: see L{SoundTrack.join}.
        """
        key = (camera, track)
        sound = self._tracks.get(key)
        if sound is None:
            source = camera.sound if track == "aac" else camera.alaw
            sound = self._tracks[key] = SoundTrack(source)
        before, leaveTrack = sound.join(listener)

        def leave() -> None:
            leaveTrack()
            if not sound.audience and self._tracks.get(key) is sound:
                del self._tracks[key]

        return before, leave
