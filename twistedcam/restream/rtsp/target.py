"""
What a client points at: a camera, one of its streams, a track of that.

C{rtsp://host/garden} is a camera's main stream, C{rtsp://host/garden/sub} its smaller
one; behind that come C{/video}, C{/aac} or C{/pcma} for one track alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote

from .message import ProtocolError

#: Tracks, as URLs name them.
Track = Literal["video", "aac", "pcma"]
TRACKS: tuple[Track, ...] = get_args(Track)

#: What C{?sound=} may say: which tracks of it there are to be.
SOUNDS: dict[str, tuple[Track, ...]] = {
    "aac": ("aac",),
    "pcma": ("pcma",),
    "off": (),
}

_URL = re.compile(
    r"(?:(?P<scheme>rtsps?)://(?:[^/?#@]*@)?(?P<host>[^/?#@]*))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Target:
    """
    What a URL says.

    @ivar camera: its name; empty: none was named.
    @ivar sub: in the lower quality?
    @ivar track: L{None}: all of them.
    @ivar sounds: the tracks of sound that are wanted, in this order.
    @ivar token: what was given as C{?token=}, or empty.
    @ivar base: the URL of the stream, without track, login and query.
    """

    camera: str
    sub: bool = False
    track: Track | None = None
    sounds: tuple[Track, ...] = ("aac", "pcma")
    token: str = ""
    base: str = ""

    def __repr__(self) -> str:
        # Not the token.
        return f"<Target {self.base} {self.track or 'all'}>"

    @property
    def stream(self) -> tuple[str, bool]:
        """Which stream of which camera."""
        return self.camera, self.sub


def parseTarget(uri: str) -> Target | None:
    """
    Take a URL apart.

    @return: L{None}: there is nothing of this kind.
    @raise ProtocolError: this is no URL for RTSP, or its query cannot be understood.
    """
    match = _URL.fullmatch(uri)
    if match is None:
        raise ProtocolError("no URL for RTSP")
    host, path, query = (match[part] or "" for part in ("host", "path", "query"))
    # Some clients put a track's name behind the query.
    query, _, behind = query.partition("/")
    parts = [unquote(part) for part in f"{path}/{behind}".split("/") if part]
    track: Track | None = None
    if len(parts) > 1 and parts[-1] in TRACKS:
        track = parts.pop()  # type: ignore[assignment]
    sub = len(parts) > 1 and parts[-1] == "sub"
    if sub:
        parts.pop()
    if len(parts) > 1:
        return None
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=16))
    except ValueError:
        raise ProtocolError("too much of a query") from None
    sound = options.get("sound")
    if sound is not None and sound not in SOUNDS:
        raise ProtocolError("sound is aac, pcma or off")
    camera = parts[0] if parts else ""
    return Target(
        camera,
        sub,
        track,
        ("aac", "pcma") if sound is None else SOUNDS[sound],
        options.get("token", ""),
        f"{(match['scheme'] or 'rtsp').lower()}://{host}/{camera}{'/sub' * sub}",
    )
