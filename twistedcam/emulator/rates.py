"""
Which of the camera's streams a livestream.cgi means, and what it does to its
encoder.
"""

from __future__ import annotations

from typing import NamedTuple

from .firmware import Firmware
from .streaming import Streaming

#: The camera's streams.
MAIN, SUB, THIRD = range(3)

#: What the names of their settings begin with.
PREFIXES = ("enc_", "sub_enc_", "sub_sub_enc_")


class Choice(NamedTuple):
    """
    @ivar queue: L{MAIN}, L{SUB} or L{THIRD}.
    @ivar rate: frames per second, for all who watch this stream; L{None} if that
        stays as it is.
    @ivar kilobits: bit rate, kbit/s; likewise.
    """

    queue: int
    rate: int | None = None
    kilobits: int | None = None


#: By C{substream}.  Of the older firmware only the first is known, which is a field
#: of L{Firmware}; it has the same queues.
_SUBSTREAMS = {
    2: Choice(SUB, 15, 768),
    3: Choice(SUB, 15, 512),
    4: Choice(THIRD, 15, 256),
    5: Choice(THIRD, 15, 128),
    6: Choice(THIRD, 10, 256),
    7: Choice(SUB, 10, 256),
    8: Choice(SUB, 10, 384),
    9: Choice(SUB, 15, 256),
    10: Choice(SUB, 15, 384),
    11: Choice(SUB, 15, 384),
    12: Choice(SUB, 15, 512),
    13: Choice(SUB, 15, 768),
    14: Choice(MAIN, 15, 768),
    15: Choice(MAIN, 15, 1024),
    16: Choice(MAIN, 15, 768),
    17: Choice(MAIN, 15, 1024),
    18: Choice(MAIN, 15, 1536),
    19: Choice(MAIN, 15, 512),
    20: Choice(MAIN, 15, 768),
    21: Choice(MAIN, 15, 1024),
    22: Choice(MAIN, 15, 2048),
}

#: Any other C{substream}.
_OTHER = Choice(MAIN, 15, 768)

#: By C{res}, which only counts without a C{substream}; any other means L{SUB}.
_QUEUES = {0: SUB, 1: THIRD, 3: MAIN, 4: MAIN}


def choose(streaming: Streaming, firmware: Firmware) -> Choice:
    """What the client has asked for."""
    substream = streaming.substream
    if substream == 1:
        return Choice(MAIN, *firmware.firstRate)
    if substream is not None:
        return _SUBSTREAMS.get(substream, _OTHER)
    if streaming.res is not None:
        return Choice(_QUEUES.get(streaming.res, SUB))
    return Choice(SUB)
