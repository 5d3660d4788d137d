"""
Examination of the session: does the camera let us in, and how far away is it?
"""

from __future__ import annotations

from typing import NamedTuple

from ..session.machine import Reason
from .computer import Computer
from .findings import COMMAND, Examiner
from .firewall import openings
from .survey import Sighting
from .visit import PINGS, Visit

#: Seconds there and back that are too many on a LAN.
SLOW_PING = 0.100

#: Places of a camera, shared with its owner's telephone.
_FREE_A_PLACE = (
    "Close the app on every telephone and tablet, and other programs that watch it"
    " (recorders, Home Assistant); each takes one of its places, four as a rule.",
    "A program that ended without a goodbye keeps its place for some seconds. If"
    " nothing helps, switch the camera off and on.",
)


class _Trouble(NamedTuple):
    """Why there is no session, in the words of an examination."""

    kind: str
    text: str
    advice: tuple[str, ...]


_TROUBLES = {
    Reason.NO_ANSWER: _Trouble(
        "no-answer",
        "it has answered the search, but does not when a session is to begin",
        (
            "It may be busy or far away: try again nearer to it. If it answers"
            " broadcasts only, its address or netmask may be wrong.",
        ),
    ),
    Reason.NO_HANDSHAKE: _Trouble(
        "no-handshake",
        "it answers the search, but not the handshake",
        (
            "Another client may hold it, or all its places may be taken.",
            *_FREE_A_PLACE,
        ),
    ),
    Reason.INSISTS_ON_TCP: _Trouble(
        "tcp-only",
        "it insists on TCP: a model without sessions over UDP, which twistedcam does"
        " not support",
        ("go2rtc (github.com/AlexxIT/go2rtc) knows some of these.",),
    ),
    Reason.CLOSED_BY_CAMERA: _Trouble(
        "closed-at-once",
        "it takes the session, and closes it at once",
        ("It may have no place left, or be about to restart.", *_FREE_A_PLACE),
    ),
    Reason.SILENT: _Trouble(
        "silent",
        "it takes the session, and then falls silent",
        ("Its Wi-Fi is too weak, or it has restarted. Try again nearer to it.",),
    ),
    Reason.REFUSED: _Trouble(
        "port-gone",
        "it takes the session, and then its port is gone",
        ("It has restarted, or ended the session without a word: try again.",),
    ),
    Reason.UNDELIVERED: _Trouble(
        "deaf",
        "it is alive, but acknowledges nothing that is sent to it",
        ("Its Wi-Fi is too weak, or it is overloaded. Try again nearer to it.",),
    ),
    Reason.NO_PORT: _Trouble(
        "no-port",
        "this computer has no UDP port for a session",
        ("Is --local-address right? What this computer has:", COMMAND + "ss -ulpn"),
    ),
}


async def examineSession(
    say: Examiner, visit: Visit, sighting: Sighting, computer: Computer
) -> bool:
    """
    Open the session.

    @return: is there one that can be used?
    """
    reason = await visit.open()
    if visit.full is not None:
        tellFull(say)
        return False
    if reason is not None:
        kind, text, advice = _TROUBLES[reason]
        firewalls = (
            openings(computer, sighting.address)
            if reason in (Reason.NO_ANSWER, Reason.NO_HANDSHAKE)
            else ()
        )
        say.problem(kind, text, *advice, *firewalls, reason=reason.value)
        return False
    assert visit.session.peer is not None
    port = visit.session.peer[1]
    say.ok(
        "session",
        f"a session with its UDP port {port} is up after {visit.took:.2f} s",
        seconds=round(visit.took, 3),
        port=port,
    )
    _tellPings(say, visit.pings)
    return True


def _tellPings(say: Examiner, pings: list[float]) -> None:
    """The way there and back."""
    if not pings:
        say.note("no-pings", "it answers none of our ALIVEs, which some models do not")
        return
    best, worst = (1000 * one for one in (min(pings), max(pings)))
    span = dict.fromkeys(f"{one:.1f}" for one in (best, worst))
    text = f"there and back takes {' to '.join(span)} ms"
    facts = {"best": round(best, 2), "worst": round(worst, 2), "answered": len(pings)}
    if len(pings) < PINGS or worst > 1000 * SLOW_PING:
        say.note(
            "slow-pings",
            f"{text}; {len(pings)} of {PINGS} ALIVEs were answered in time",
            "On a LAN it takes some milliseconds: the Wi-Fi is weak or crowded, or the"
            " camera is busy.",
            **facts,
        )
    else:
        say.ok("pings", text, **facts)


def tellFull(say: Examiner) -> None:
    """It has no place for us."""
    say.problem(
        "camera-full",
        "the camera is full: other clients have all the places that it has",
        *_FREE_A_PLACE,
    )
