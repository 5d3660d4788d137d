"""
What there is to be seen and heard of a camera: one has to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from ...camera import Camera
from ...errors import TwistedcamError
from ...media.frame import Codec, Frame
from ...media.parameters import areComplete, parameterSets
from ...media.rtp import checkRtp
from ...reactors import Timers
from ..broadcast import SOUND_WITHIN

T = TypeVar("T")

#: Seconds to wait for the first keyframe: cameras that are there send one within a
#: few, and players wait for an answer for ten and more.
WITHIN = 10.0


class CameraAway(TwistedcamError):
    """No picture came in time."""


@dataclass(frozen=True, slots=True)
class Description:
    """
    What a stream is.

    @ivar codec: of the pictures.
    @ivar sets: their parameter sets.
    @ivar heard: is there sound?
    """

    codec: Codec
    sets: tuple[bytes, ...] = field(repr=False)
    heard: bool


async def describe(
    clock: Timers, camera: Camera, sub: bool, listen: bool
) -> Description:
    """
    Look, and listen.

    @param sub: at the lower quality.
    @param listen: does anybody want to know whether there is sound?
    @raise CameraAway: there is no picture in time.
    @raise NotMuxable: these pictures do not go into RTP.
    """
    found: Deferred[Frame] = Deferred()
    heard: Deferred[bool] = Deferred()

    def picture(frame: Frame) -> None:
        if not found.called and frame.keyframe:
            if areComplete(frame.codec, parameterSets(frame.codec, frame.data)):
                found.callback(frame)

    def sound(frame: Frame) -> None:
        if not heard.called:
            heard.callback(True)

    leaves: list[Callable[[], None]] = []
    try:
        if listen:
            leaves.append(camera.audio.subscribe(sound))
        video = camera.subVideo if sub else camera.video
        leaves.append(video.subscribe(picture))
        frame = await _within(clock, WITHIN, found)
        if frame.codec is Codec.MJPEG:
            checkRtp(frame)
        isHeard = listen and await _soundHeard(clock, heard)
    except DeferredTimeout:
        raise CameraAway(f"no picture of {camera.name} in {WITHIN:g} s") from None
    finally:
        for leave in leaves:
            leave()
    return Description(frame.codec, parameterSets(frame.codec, frame.data), isHeard)


async def _soundHeard(clock: Timers, heard: Deferred[bool]) -> bool:
    try:
        return await _within(clock, SOUND_WITHIN, heard)
    except DeferredTimeout:
        return False


def _within(clock: Timers, seconds: float, deferred: Deferred[T]) -> Deferred[T]:
    deferred.addTimeout(seconds, cast(IReactorTime, clock))
    return deferred
