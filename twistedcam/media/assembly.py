"""
Frames out of a channel's ordered bytes.

Each frame is a head of 32 bytes and as much data as the head says; packets' borders
mean nothing.  A frame is handed on with its last byte, not when the next begins.
Where packets are missing, everything up to the next head is dropped, and video
waits for its next keyframe, since pictures in between would be smeared.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import WireError
from ..wire.av import HEAD, MAGIC, FrameHead
from .codec import audioCodec, isKeyframe, videoCodec
from .frame import Frame
from .timeline import Timeline


class FrameAssembler:
    """
    One channel's frames.

    @ivar frames: handed on.
    @ivar damaged: begun, but not completed, or not what their heads say.
    @ivar held: complete, but of no use before a keyframe.
    @ivar skipped: bytes that belonged to no frame.
    """

    def __init__(
        self,
        deliver: Callable[[Frame], None],
        timeline: Timeline,
        video: bool,
    ) -> None:
        """
        @param deliver: gets each frame.
        @param timeline: makes presentation times.
        @param video: pictures, or else sound.
        """
        self.frames = self.damaged = self.held = self.skipped = 0
        self._deliver = deliver
        self._timeline = timeline
        self._video = video
        self._head: FrameHead | None = None
        self._missing = 0
        self._parts: list[bytes] = []
        # Between frames: what has come of the next head.
        self._rest = b""
        self._gap = False
        self._waitForKey = video

    def feed(self, payload: bytes, now: float) -> None:
        """
        Take the next bytes of the channel.

        @param now: when they arrived.
        """
        if not payload:
            return
        if self._head is not None:
            if payload.startswith(MAGIC) and _isHead(payload):
                # The head lied, or the camera gave the frame up: here is the next.
                self._damage()
            elif len(payload) < self._missing:
                self._parts.append(payload)
                self._missing -= len(payload)
                return
        self._take(payload, now)

    def lost(self, packets: int) -> None:
        """
        Bytes are missing at this place.

        @param packets: how many packets; 0: the camera has begun anew.
        """
        if self._head is not None:
            self._damage()
        self.skipped += len(self._rest)
        self._rest = b""
        self._hold()

    def _take(self, payload: bytes, now: float) -> None:
        """Complete frames, and begin others, with what C{payload} has of them."""
        data = payload
        while True:
            if self._head is not None:
                if len(data) < self._missing:
                    self._parts.append(data)
                    self._missing -= len(data)
                    return
                self._parts.append(data[: self._missing])
                data = data[self._missing :]
                self._complete(now)
            data, self._rest = self._rest + data, b""
            if len(data) < HEAD.size:
                if not data or MAGIC.startswith(data[:4]):
                    self._rest = data
                    return
            elif (head := _head(data)) is not None:
                self._head = head
                self._missing = head.length
                data = data[HEAD.size :]
                continue
            data = self._resynchronise(data)

    def _resynchronise(self, data: bytes) -> bytes:
        """Go on at the next magic; what may be the beginning of one is kept."""
        place = data.find(MAGIC, 1)
        if place < 0:
            place = len(data) - next(
                (n for n in (3, 2, 1) if data[-n:] == MAGIC[:n] and n < len(data)), 0
            )
        self.skipped += place
        self._hold()
        return data[place:]

    def _complete(self, now: float) -> None:
        """A frame is whole."""
        head = self._head
        assert head is not None
        data = b"".join(self._parts)
        self._begin()
        if not data:
            return  # alarms, and the ends of recorded files
        codec = videoCodec(head.type, data) if self._video else audioCodec(head.type)
        if codec is None:
            self.damaged += 1
            self._hold()
            return
        keyframe = isKeyframe(codec, data)
        if self._waitForKey and not keyframe:
            self.held += 1
            return
        self._waitForKey = False
        gap, self._gap = self._gap, False
        self.frames += 1
        self._deliver(
            Frame(
                codec,
                data,
                keyframe,
                self._timeline.present(head.time, now),
                head.number,
                now,
                gap,
                head.first,
                head.second,
            )
        )

    def _begin(self) -> None:
        self._head = None
        self._parts = []
        self._missing = 0

    def _damage(self) -> None:
        """What was begun is of no use."""
        self.damaged += 1
        self._begin()
        self._hold()

    def _hold(self) -> None:
        """Something is missing from here on."""
        self._gap = True
        self._waitForKey = self._video


def _head(data: bytes) -> FrameHead | None:
    try:
        return FrameHead.fromBytes(data)
    except WireError:
        return None


def _isHead(data: bytes) -> bool:
    return _head(data) is not None
