"""
A picture out of the video: for cameras without snapshots, or with small ones.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from ..camera import Camera
from ..errors import CommandTimeout
from ..media.frame import Frame
from ..media.jpeg import decodeToJpeg
from ..reactors import Timers
from ..threads import InThread


async def pictureFromVideo(
    clock: Timers, camera: Camera, inThread: InThread, within: float = 10.0
) -> bytes:
    """
    The next keyframe of a camera's video as a JPEG.

    @param inThread: calls a function in a thread: decoding takes some milliseconds.
    @param within: seconds to wait for the keyframe.
    @raise CommandTimeout: there is none in time.
    @raise NoPicture: it cannot be decoded.
    """
    found: Deferred[Frame] = Deferred()

    def seen(frame: Frame) -> None:
        if frame.keyframe and not found.called:
            found.callback(frame)

    leave = camera.video.subscribe(seen)
    found.addTimeout(within, cast(IReactorTime, clock))
    try:
        frame = await found
    except DeferredTimeout:
        raise CommandTimeout(f"{camera.name}: no picture in {within:g} s") from None
    finally:
        leave()
    picture: Any = await inThread(decodeToJpeg, [frame])
    return cast(bytes, picture)
