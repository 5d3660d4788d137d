"""
Examination of an absence: why does the camera not answer?
"""

from __future__ import annotations

from difflib import get_close_matches

from ..wire.deviceid import DeviceId
from .computer import Computer
from .findings import Examiner
from .firewall import openings
from .network import within
from .survey import Survey


class Absence:
    """
    Tells what may be the matter with a camera that was searched for in vain.
    """

    def __init__(
        self,
        say: Examiner,
        computer: Computer,
        survey: Survey,
        dhPort: int,
        lanPort: int,
    ) -> None:
        self._say = say
        self._computer = computer
        self._survey = survey
        self._dhPort = dhPort
        self._lanPort = lanPort

    async def examine(self, deviceId: DeviceId | None, address: str | None) -> None:
        """
        Why does it not answer?

        @param deviceId: the camera, as far as it is known.
        @param address: where it is said to be, likewise.
        """
        addresses = {one.address for one in self._survey.sightings}
        if address is not None and address not in addresses:
            await self._notThere(address)
        elif not addresses:
            self.nothingAnswers(deviceId, address)
        if deviceId is not None and addresses:
            self._othersAnswer(deviceId, address)

    def _othersAnswer(self, deviceId: DeviceId, address: str | None) -> None:
        """Others do."""
        others = [str(one.deviceId) for one in self._survey.sightings]
        here = [str(o.deviceId) for o in self._survey.sightings if o.address == address]
        close = get_close_matches(str(deviceId), others, 1, 0.8)
        which = "another one does" if len(others) == 1 else f"{len(others)} others do"
        advice = [
            f"Did you mean {close[0]}? Compare the label."
            if close
            else "Is the UID right? Compare the label.",
            "Is it on, and in this network, not in another one or in the Wi-Fi's guest"
            " network? The older ones begin to answer a minute after they are"
            " switched on.",
        ]
        if address is None:
            advice.append(
                f"If its address is known: twistedcam doctor {deviceId} ADDRESS"
            )
        self._say.problem(
            "others-answer",
            f"{deviceId} does not answer; {which}"
            + (f": {here[0]} answers at {address}" if here else ""),
            *advice,
        )

    def nothingAnswers(self, deviceId: DeviceId | None, address: str | None) -> None:
        """Nobody does."""
        who = "" if deviceId is None else f": neither {deviceId} nor any other camera"
        self._say.problem(
            "nothing-answers",
            f"nothing answers DH (UDP {self._dhPort}) or LAN_SEARCH (UDP"
            f" {self._lanPort}){who}",
            "Is the camera on, and in this network? The older ones begin to answer a"
            " minute after they are switched on; a new one has to be taken into the"
            " Wi-Fi with its app first.",
            "Is it in another network or VLAN? Name its address, which the router"
            " knows: twistedcam doctor ADDRESS",
            "Does the Wi-Fi isolate its clients (guest networks do)? Switch that off in"
            " the router, or use a cable.",
            *openings(self._computer, address),
        )

    async def _notThere(self, address: str) -> None:
        """A place that says nothing: is there anything?"""
        refused = await self._survey.refuses(address)
        present = self._computer.neighbour(address)
        if present is False:
            self._say.problem(
                "absent",
                f"no computer or camera on this network has the address {address}",
                "Is the camera on? Its address may have changed: search by its UID, or"
                " look into the router's list of devices.",
                "Does the Wi-Fi isolate its clients (guest networks do)? Switch that"
                " off in the router.",
            )
        elif refused:
            near = within(address, self._computer.nics())
            who = address if near else f"{address}, or a router before it,"
            self._say.problem(
                "refused",
                f"{who} is there and says that nothing listens on its UDP ports"
                f" {self._dhPort} and {self._lanPort}",
                "It is no camera of this kind, or it is still starting. Is the address"
                " right? Search by the UID.",
            )
        else:
            sure = (
                f"{address} is there, but"
                if present
                else f"{address}: nothing comes back;"
            )
            self._say.problem(
                "nothing-answers",
                f"{sure} neither DH (UDP {self._dhPort}) nor LAN_SEARCH (UDP"
                f" {self._lanPort}) is answered",
                "Is the address right, and the camera on?",
                *openings(self._computer, address),
                "Between networks a router has to let UDP through in both directions,"
                " from any port of the camera.",
            )
