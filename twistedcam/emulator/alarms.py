"""
Alarms: records on a channel of their own.
"""

from __future__ import annotations

from struct import pack

from .records import record
from .session import Session
from .table import ALARM

#: Alarms travel on this channel.
CHANNEL = 5

#: An alarm is told while fewer bytes than this wait there.
MAX_QUEUED = 8192

#: The camera's own number of the commonest kind.
MOTION = 1

#: How the camera's own numbers are told; any other as the last one.
_TOLD = {1: 1, 2: 2, 4: 3, 5: 5, 9: 20, 10: 24}
_OTHER = 4


def alarm(session: Session, kind: int) -> None:
    """Tell one client."""
    if session.queued(CHANNEL) < MAX_QUEUED:
        body = pack("<I", _TOLD.get(kind, _OTHER))
        session.write(CHANNEL, record(ALARM, body))
