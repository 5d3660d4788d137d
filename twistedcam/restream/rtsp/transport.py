"""
How packets shall travel: the header C{Transport}.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .message import parameters

#: Players have no other ports; those below belong to servers.
_FIRST_PORT, _LAST_PORT = 1024, 65535

#: Ways that a client may offer; more are not even looked at.
_MAX_OFFERS = 8


@dataclass(frozen=True, slots=True)
class Interleave:
    """
    In the connection itself.

    @ivar channels: of packets and of reports.
    """

    channels: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Unicast:
    """
    By UDP.

    @ivar ports: the client's for packets and for reports.
    """

    ports: tuple[int, int]


Route = Interleave | Unicast


def chooseRoute(header: str, taken: Collection[int]) -> Route | None:
    """
    The first of the ways offered that can be taken; L{None}: there is none.

    @param header: the client's.
    @param taken: the channels that have a meaning already.
    """
    offers = header.split(",")[:_MAX_OFFERS]
    return next((route for each in offers if (route := _route(each, taken))), None)


def _route(offer: str, taken: Collection[int]) -> Route | None:
    (protocol, _), *rest = [*parameters(offer, ";"), ("", "")]
    options = dict(rest)
    if "multicast" in options or options.get("mode", "play").lower() != "play":
        return None
    if protocol == "rtp/avp/tcp":
        if "interleaved" not in options:
            free = next(_free(taken), None)
            return None if free is None else Interleave((free, free + 1))
        channels = _pair(options["interleaved"], 0, 255)
        if channels is None or set(channels) & set(taken):
            return None
        return Interleave(channels)
    if protocol in ("rtp/avp", "rtp/avp/udp"):
        ports = _pair(options.get("client_port", ""), _FIRST_PORT, _LAST_PORT)
        return None if ports is None else Unicast(ports)
    return None


def _free(taken: Collection[int]) -> Iterator[int]:
    return (n for n in range(0, 256, 2) if not {n, n + 1} & set(taken))


def _pair(text: str, low: int, high: int) -> tuple[int, int] | None:
    """Two different numbers in a range, or one, which the next one goes with."""
    first, dash, second = text.partition("-")
    if not (_isNumber(first) and (_isNumber(second) if dash else True)):
        return None
    one = int(first)
    other = int(second) if dash else one + 1
    if one == other or not (low <= one <= high and low <= other <= high):
        return None
    return one, other


def _isNumber(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5
