"""
A camera's live video and sound: who gets what, and when.
"""

from __future__ import annotations

from math import inf

from .clips import CODECS
from .firmware import Firmware
from .microphone import Microphone, SoundFeed
from .padding import MAX_DATA
from .rates import MAIN, PREFIXES, SUB, THIRD, choose
from .session import Session
from .state import State
from .video import Encoder, VideoFeed
from .world import Reactor, Timer

#: Frames per second that can be asked for.
MAX_FPS = 60

#: Frames per second that the bit rate must fit without frames beyond the largest:
#: the slowest rate that livestream.cgi sets.
_SLOWEST = 10

#: How late (seconds) what is due may be made up for; beyond that it is left out.
_TOO_LATE = 1.0

#: So much too early (seconds) counts as due: times are floats.
_ALMOST = 1e-6


def check(firmware: Firmware, codec: str, fps: int | None, bitrate: int | None) -> None:
    """
    Can a camera be like that?  The parameters are those of L{Media}.

    @raise ValueError: one of them is out of range, or this firmware has no H.265.
    """
    if codec not in CODECS:
        raise ValueError(f"no codec {codec!r}: {', '.join(CODECS)}")
    if codec == "h265" and not firmware.h265:
        raise ValueError(f"firmware {firmware.name} has no H.265")
    if fps is not None and not 1 <= fps <= MAX_FPS:
        raise ValueError(f"{fps} frames a second are not 1 to {MAX_FPS}")
    most = 8 * MAX_DATA * (fps or _SLOWEST)
    if bitrate is not None and not 1 <= bitrate <= most:
        raise ValueError(f"{bitrate} bits a second are not 1 to {most}")


class Media:
    """
    The encoders and the microphone of one camera.  There is one timer, and none
    while nobody watches or listens.
    """

    def __init__(
        self,
        reactor: Reactor,
        state: State,
        codec: str,
        fps: int | None,
        bitrate: int | None,
    ) -> None:
        """
        @param codec: C{"h264"}, C{"h265"} or C{"mjpeg"}.
        @param fps: frames per second; L{None} for what the settings say.
        @param bitrate: bits per second of each stream, padded if need be; L{None}
            for what the pictures take.
        @raise ValueError: as of L{check}.
        """
        check(state.firmware, codec, fps, bitrate)
        self._reactor = reactor
        self._state = state
        self._encoders = [
            Encoder(state, queue, codec, fps, bitrate) for queue in (MAIN, SUB, THIRD)
        ]
        self._microphone = Microphone(state)
        self._sources: list[Encoder | Microphone] = [
            *self._encoders,
            self._microphone,
        ]
        self._timer = Timer(reactor, self._work)
        main = self._encoders[MAIN].clip
        state.image["MainStreamWidth"] = main.width
        state.image["MainStreamHeight"] = main.height

    def serve(self, session: Session) -> None:
        """From now on this session gets what it asks for."""
        _Viewer(self, session)

    def rebooted(self) -> None:
        """It was switched off and on; its sessions are gone."""
        self._microphone.reset()

    def schedule(self) -> None:
        """Wake up when the next thing is due."""
        due = min(source.due for source in self._sources)
        if due == inf:
            self._timer.cancel()
        else:
            self._timer.arm(max(0.0, due - self._reactor.seconds()))

    def _work(self) -> None:
        now = self._reactor.seconds()
        for source in self._sources:
            if source.due <= now + _ALMOST:
                source.work(now if now - source.due > _TOO_LATE else source.due)
        self.schedule()

    # What sessions ask for.

    def watch(self, session: Session, feed: VideoFeed | None) -> VideoFeed | None:
        """
        Give it the video that it asks for.

        @param feed: what it has so far.
        @return: what it has now.
        """
        wanted = None
        if session.streaming.video and not session.over:
            queue, rate, kilobits = choose(session.streaming, self._state.firmware)
            if rate is not None and kilobits is not None:
                self._state.image[f"{PREFIXES[queue]}framerate"] = rate
                self._state.image[f"{PREFIXES[queue]}bitrate"] = kilobits
            wanted = self._encoders[queue]
        if feed is not None and feed.encoder is not wanted:
            feed.encoder.leave(feed)
            feed = None
        if wanted is not None and feed is None:
            feed = wanted.join(session)
        return feed

    def listen(self, viewer: _Viewer, feed: SoundFeed | None) -> SoundFeed | None:
        """
        Give it the sound that it asks for, in the way that it asks for, which
        changes the way of the whole camera.

        @param feed: what it has so far.
        @return: what it has now.
        """
        session, firmware = viewer.session, self._state.firmware
        streamid, version = session.streaming.audio, session.streaming.adpcmVersion
        if streamid is None or session.over:
            if feed is not None:
                self._microphone.leave(feed)
            return None
        versions = firmware.keptVersions
        self._microphone.kept = streamid in firmware.keptStreams or (
            version is not None and (versions is None or version in versions)
        )
        isAlaw = streamid == firmware.alawStream
        if feed is None:
            return self._microphone.join(session, isAlaw, viewer.zero)
        feed.isAlaw = isAlaw
        return feed


class _Viewer:
    """A session that may watch and listen."""

    def __init__(self, media: Media, session: Session) -> None:
        self._media = media
        self._video: VideoFeed | None = None
        self._sound: SoundFeed | None = None
        self.session = session
        session.streaming.videoChanged = self._videoChanged
        session.streaming.audioChanged = self._audioChanged
        session.endings.append(self._ended)

    def zero(self) -> float | None:
        """When it saw the clip's second 0, in the reactor's seconds."""
        return None if self._video is None else self._video.zero

    def _videoChanged(self) -> None:
        self._video = self._media.watch(self.session, self._video)
        self._media.schedule()

    def _audioChanged(self) -> None:
        self._sound = self._media.listen(self, self._sound)
        self._media.schedule()

    def _ended(self) -> None:
        self._videoChanged()
        self._audioChanged()
