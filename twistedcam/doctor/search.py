"""
Examination of the search: does the camera answer, and if not, what is in the way?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..wire.cipher import PLAIN, Cipher, forPrefix
from ..wire.deviceid import DeviceId
from .absence import Absence
from .computer import Computer
from .findings import COMMAND, Examiner
from .firewall import openings
from .network import within
from .survey import Question, Sighting, Survey, Way

#: Seconds in which a camera is asked directly, when broadcasts were not enough.
DIRECTLY = 2.0

#: Cameras in a table.
_MOST_ROWS = 64


class SearchExamination:
    """
    Who answers, and does the one that is wanted?
    """

    def __init__(
        self,
        computer: Computer,
        survey: Survey,
        say: Examiner,
        *,
        deviceId: DeviceId | None,
        address: str | None,
        psk: Cipher | None,
        dhPort: int,
        lanPort: int,
        broadcasts: bool,
    ) -> None:
        """
        @param deviceId: the camera that is wanted.
        @param address: where it is said to be.
        @param psk: its private obfuscation, as far as its owner knows.
        @param broadcasts: are questions asked by broadcast?
        """
        self._computer = computer
        self._survey = survey
        self._say = say
        self._deviceId = deviceId
        self._address = address
        self._psk = psk
        self._dhPort = dhPort
        self._lanPort = lanPort
        self._broadcasts = broadcasts
        self._absence = Absence(say, computer, survey, dhPort, lanPort)

    async def run(self, seconds: float) -> Sighting | None:
        """
        Ask, and tell.

        @return: the camera that is wanted, if a session with it makes sense.
        """
        known = [] if self._address is None else [self._address]
        await self._survey.ask(seconds, *known)
        wanted = self._wanted()
        if wanted and (wanted.cipher is None or self._isFar(wanted)):
            # It tells more to ask where it says that it is.
            await self._survey.ask(DIRECTLY, wanted.address, around=False)
        self._tellWhoAnswers()
        if self._deviceId is None and self._address is None:
            self._nobodyWanted()
            return None
        wanted = self._wanted()
        if wanted is None:
            await self._absence.examine(self._deviceId, self._address)
            return None
        return wanted if self._found(wanted) else None

    def _wanted(self) -> Sighting | None:
        """The camera in question; of several, the one that can be talked to."""
        fitting = self._fitting()
        fitting.sort(key=lambda one: (one.cipher is None, one.report is None))
        return fitting[0] if fitting else None

    def _fitting(self) -> list[Sighting]:
        return [one for one in self._survey.sightings if self._fits(one)]

    def _fits(self, one: Sighting) -> bool:
        if self._deviceId is not None:
            return one.isA(self._deviceId)
        return self._address == one.address

    # Who answers.

    def _tellWhoAnswers(self) -> None:
        sightings = self._survey.sightings
        unreachable = [one.address for one in sightings if self._isUnreachable(one)]
        for complaint in self._survey.complaints:
            if any(f" {address}:" in complaint for address in unreachable):
                continue  # there is more to tell of that
            # One of several interfaces may be of no use, such as a VPN.
            tell = self._say.note if sightings else self._say.problem
            tell(
                "cannot-send",
                f"a question could not be sent: {complaint}",
                "If this is not permitted, a firewall here forbids it; if it is"
                " unreachable, the network is not configured.",
            )
        if sightings:
            count = len(sightings)
            self._say.ok(
                "answers",
                "one camera answers" if count == 1 else f"{count} cameras answer",
                cameras=[_row(one) for one in sightings[:_MOST_ROWS]],
            )
        for address in sorted(self._survey.strangers):
            self._say.note(
                "stranger", f"{address} sends what is no answer of such a camera"
            )

    def _nobodyWanted(self) -> None:
        """Without a name there is no more than to tell what is odd."""
        sightings = self._survey.sightings
        if not sightings:
            self._absence.nothingAnswers(None, None)
        for one in sightings:
            if one.cipher is None:
                self._dhOnly(one)
            self._oddities(one)
        for deviceId in dict.fromkeys(one.deviceId for one in sightings):
            self._duplicates([one for one in sightings if one.isA(deviceId)])

    # The camera in question answers.

    def _found(self, wanted: Sighting) -> bool:
        """Tell how it answers; can a session be tried?"""
        self._duplicates(self._fitting())
        self._oddities(wanted)
        if wanted.cipher is None:
            self._dhOnly(wanted)
            return False
        if self._isUnreachable(wanted) or self._onlyRelated(wanted):
            return False
        how = f"{_under(wanted)}, from its UDP port {wanted.lanPorts[0]}"
        if wanted.answered(Question.DH):
            self._say.ok("found", f"{wanted.deviceId} answers both questions, {how}")
        else:
            self._say.ok(
                "found",
                f"{wanted.deviceId} answers LAN_SEARCH, {how}; not DH, which suffices",
            )
        self._compareWays(wanted)
        return True

    def _compareWays(self, wanted: Sighting) -> None:
        """Does it make a difference how it is asked?"""
        around = wanted.answered(Question.LAN, Way.BROADCAST)
        if not around and self._broadcasts:
            self._say.note(
                "broadcast-blocked",
                f"it answers when {wanted.address} is asked directly, and not by"
                " broadcast",
                "Broadcasts pass no router, and firewalls let answers to them in less"
                f' readily. Put address = "{wanted.address}" into the configuration.',
                *openings(self._computer, wanted.address),
            )

    def _onlyRelated(self, wanted: Sighting) -> bool:
        """Does it understand the question of another family only?"""
        if wanted.answered(Question.LAN, Way.BROADCAST, Way.DIRECT):
            return False
        self._say.problem(
            "binary-dialect",
            f"{wanted.deviceId} answers another family's search (0x32) only: it is an"
            " iLnk or Yunni camera, which twistedcam does not know",
            "Try cam-reverse (github.com/DavidVentura/cam-reverse).",
        )
        return True

    def _dhOnly(self, wanted: Sighting) -> None:
        """It tells of itself, but its sessions cannot be had."""
        family = forPrefix(wanted.sessionId.prefix)
        labels = " or ".join(one.label for one in family)
        key = (
            f"Its prefix {wanted.sessionId.prefix} is known to use {labels}, which was"
            " tried."
            if family
            else f"The prefix {wanted.sessionId.prefix} is not known: its key may be a"
            " private one. Give it by --psk."
        )
        if self._psk is not None:
            key += " It does not answer under the --psk that was given either."
        firewall = (
            "A firewall that admits answers only from the port that was asked lets DH"
            " through, but not LAN_SEARCH, which is answered from another port.",
            *openings(self._computer, wanted.address),
        )
        # The likeliest first.
        reasons = (*firewall, key) if family else (key, *firewall)
        self._say.problem(
            "dh-only",
            f"{wanted.deviceId} at {wanted.address} answers DH (UDP {self._dhPort}),"
            f" but not LAN_SEARCH (UDP {self._lanPort}), without which there is no"
            " session",
            *reasons,
            "Or it is a model for TCP only, or a forged report: nothing confirms it.",
            *self._foreignAdvice(wanted.address),
        )

    def _oddities(self, one: Sighting) -> None:
        """What is unusual, and may be in the way."""
        if one.dhPorts and self._dhPort not in one.dhPorts:
            port = min(one.dhPorts)
            self._say.note(
                "other-port",
                f"{one.deviceId} answers DH from UDP port {port}, not from"
                f" {self._dhPort}, where it was asked: some firewalls drop that",
                port=port,
            )
        for claim in sorted(one.claims):
            self._say.note(
                "other-address",
                f"a report of {one.deviceId} came from {one.address} and says that the"
                f" camera is at {claim}: forged, or a camera with two interfaces",
            )
        if self._isUnreachable(one):
            self._say.problem(
                "foreign-address",
                f"{one.deviceId} is on the wire with the address {one.address}, which"
                " is in none of this computer's networks, and is not reached there",
                *self._foreignAdvice(one.address),
            )
        if self._psk is not None and one.cipher not in (None, self._psk):
            self._say.problem(
                "wrong-psk",
                f"{one.deviceId} answers {_under(one)}, not under the --psk that was"
                " given",
                "Leave --psk, or psk in the configuration, out: this key is known.",
            )

    def _isFar(self, one: Sighting) -> bool:
        """Did a broadcast reach it, although it is in none of our networks?"""
        nics = self._computer.nics()
        heard = any(way is Way.BROADCAST for _, way in one.answers)
        return self._broadcasts and heard and not within(one.address, nics)

    def _isUnreachable(self, one: Sighting) -> bool:
        """Is it heard, and cannot be spoken to?"""
        return self._isFar(one) and not one.answered(Question.LAN, Way.DIRECT)

    def _foreignAdvice(self, address: str) -> list[str]:
        """What to do about an address that cannot be reached."""
        nics = self._computer.nics()
        if not nics or within(address, nics):
            return []
        name = next((nic.name for nic in nics if nic.usable), "eth0")
        near = address.rpartition(".")[0] + (
            ".254" if not address.endswith(".254") else ".253"
        )
        return [
            "Give this computer an address in the camera's network as well (a free"
            " one), then let the camera use DHCP, with its app:",
            f"{COMMAND}sudo ip address add {near}/24 dev {name}",
        ]

    def _duplicates(self, same: Sequence[Sighting]) -> None:
        """One identity at several addresses."""
        if len(same) < 2:
            return
        places = ", ".join(one.address for one in same)
        if sum(one.cipher is not None for one in same) > 1:
            self._say.problem(
                "duplicate",
                f"{same[0].deviceId} answers from several addresses: {places}",
                "Is it connected by cable and by Wi-Fi? Unplug one. If these are two"
                " cameras, or one is forged, set pin-address in the configuration.",
            )
        else:
            self._say.note(
                "duplicate",
                f"{same[0].deviceId} reports from several addresses ({places}), of"
                " which LAN_SEARCH confirms one at most: a forged or an old report",
            )


def _under(one: Sighting) -> str:
    """How it obfuscates."""
    if one.cipher is None:
        return ""
    if one.cipher == PLAIN:
        return "plain"
    return f"under the key {one.cipher.label}"


def _row(one: Sighting) -> dict[str, Any]:
    """A row of the table of those who answered."""
    answered = [
        name
        for name, question in (("DH", Question.DH), ("LAN", Question.LAN))
        if one.answered(question)
    ]
    report = one.report
    ports = [*sorted(one.dhPorts)[:1], *one.lanPorts[:1]]
    return {
        "uid": str(one.deviceId),
        "address": one.address,
        "answered": "+".join(answered),
        "from port": " ".join(map(str, ports)),
        "key": one.cipher.label if one.cipher is not None else "unknown",
        "firmware": report.systemVersion if report is not None else "",
        "name": report.name[:24] if report is not None else "",
    }
