"""
What the HTTP server wants to be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..access import Access

#: Where it listens, unless told otherwise.
ENDPOINT = "tcp:8085:interface=127.0.0.1"


@dataclass(frozen=True)
class WebConfig:
    """
    How to serve.

    @ivar endpoint: as for C{serverFromString}.
    @ivar access: who may come in.
    @ivar open: anybody may, from wherever.
    @ivar hosts: names by which browsers may address this server, besides those that
        no stranger can have: without a login, all others are refused, since a page
        on the Internet could make its own name point here.
    """

    endpoint: str = ENDPOINT
    access: Access = field(default_factory=Access)
    open: bool = False
    hosts: tuple[str, ...] = ()
