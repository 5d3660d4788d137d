"""
How well a camera is received, in numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Statistics:
    """
    Counters; they only grow, except that those of packets begin anew with each
    session.

    @ivar frames: pictures received whole.
    @ivar bytes: of pictures and sound.
    @ivar damaged: pictures that were not.
    @ivar held: pictures that came whole, but between a loss and the next keyframe.
    @ivar soundFrames: packets of sound.
    @ivar lost: packets that never came.
    @ivar duplicates: packets that the camera sent again, though we had them.
    @ivar resent: packets of ours that we had to send again.
    @ivar requests: how often video was asked for.
    """

    frames: int = 0
    bytes: int = 0
    damaged: int = 0
    held: int = 0
    soundFrames: int = 0
    lost: int = 0
    duplicates: int = 0
    resent: int = 0
    requests: int = 0

    def since(self, before: Statistics) -> Statistics:
        """What has come since then; what began anew counts from zero."""
        return Statistics(
            *(
                now - then if (now := getattr(self, name)) >= then else now
                for name, then in (
                    (field.name, getattr(before, field.name)) for field in fields(self)
                )
            )
        )
