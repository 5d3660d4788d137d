"""
All examinations of one patient, in their order, as far as each makes sense.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface

from ..reactors import DatagramReactor
from ..threads import InThread
from ..trace import Trace
from ..wire import dh, pppp
from ..wire.cipher import Cipher
from ..wire.deviceid import DeviceId
from .buffer import examineBuffer
from .computer import Computer
from .dialects import ofFamily, tellOfFamily
from .findings import Examiner, Tell
from .login import LoginExamination
from .network import examineNetwork
from .search import SearchExamination
from .session import examineSession
from .survey import Sighting, Survey
from .video import examineVideo
from .visit import Visit

#: Seconds to search.
SEARCH_FOR = 3.0

#: Seconds in which a relative confirms its dialect.
_CONFIRM_WITHIN = 2.0


@dataclass(frozen=True)
class Patient:
    """
    The camera that does not work, and how to look for it.

    @ivar deviceId: who it is; without it and C{address}, whoever answers is listed.
    @ivar address: where it is said to be.
    @ivar password: L{None}: do without.
    @ivar psk: the string of its private obfuscation; L{None}: it has none.
    @ivar searchAddresses: ask these instead of the broadcast addresses.
    @ivar localAddress: the only address of ours that is to be used, or empty.
    @ivar seconds: how long to search.
    @ivar trace: sees every datagram, deciphered.
    """

    deviceId: DeviceId | None = None
    address: str | None = None
    user: str = "admin"
    password: str | None = field(default=None, repr=False)
    psk: str | None = field(default=None, repr=False)
    searchAddresses: Sequence[str] = ()
    localAddress: str = ""
    dhPort: int = dh.DH_PORT
    lanPort: int = pppp.LAN_PORT
    seconds: float = SEARCH_FOR
    trace: Trace | None = None

    @property
    def named(self) -> bool:
        """Is it about one camera?"""
        return self.deviceId is not None or self.address is not None

    @property
    def login(self) -> dict[str, str]:
        """What commands carry."""
        if self.password is None:
            return {}
        return {
            "loginuse": self.user,
            "loginpas": self.password,
            "user": self.user,
            "pwd": self.password,
        }


class Examination:
    """
    Examines, and changes nothing, neither here nor in the camera.
    """

    def __init__(
        self,
        reactor: DatagramReactor,
        computer: Computer,
        patient: Patient,
        tell: Tell,
        inThread: InThread,
    ) -> None:
        """
        @param tell: gets each finding as soon as there is one.
        @param inThread: calls a function in a thread: decoding takes a moment.
        """
        self._reactor = reactor
        self._computer = computer
        self._patient = patient
        self._tell = tell
        self._inThread = inThread

    async def run(self) -> None:
        """
        Do it all; takes up to half a minute.

        @raise CannotListenError: the only address to be used is none of ours.
        """
        patient = self._patient
        canAsk = examineNetwork(
            self._computer,
            self._tell,
            searchAddresses=patient.searchAddresses,
            localAddress=patient.localAddress,
            address=patient.address,
        )
        sighting = await self._search() if canAsk else None
        visit = None
        try:
            if sighting is not None:
                visit = await self._visit(sighting)
            examineBuffer(self._examiner("buffer"), self._computer)
            if visit is not None and sighting is not None:
                await self._inside(visit, sighting)
        finally:
            if visit is not None:
                await visit.close()

    def _examiner(self, examination: str) -> Examiner:
        return Examiner(examination, self._tell)

    async def _search(self) -> Sighting | None:
        """Who answers?"""
        patient = self._patient
        psk = None if patient.psk is None else Cipher(patient.psk)
        survey = Survey(
            self._reactor,
            interfaces=self._interfaces,
            searchAddresses=patient.searchAddresses,
            localAddress=patient.localAddress,
            dhPort=patient.dhPort,
            lanPort=patient.lanPort,
            ciphers=() if psk is None else (psk,),
            trace=patient.trace,
        )
        search = SearchExamination(
            self._computer,
            survey,
            self._examiner("search"),
            deviceId=patient.deviceId,
            address=patient.address,
            psk=psk,
            dhPort=patient.dhPort,
            lanPort=patient.lanPort,
            broadcasts=not patient.searchAddresses,
        )
        survey.check()
        try:
            found = await search.run(patient.seconds)
        finally:
            await survey.close()
        sightings = [found] if patient.named else survey.sightings
        for one in sightings:
            self._family(one)
        return found

    def _interfaces(self) -> list[IPv4Interface]:
        nics = self._computer.nics()
        return [nic.interface for nic in nics if not nic.loopback]

    def _family(self, sighting: Sighting | None) -> None:
        """Is it a relative, by its name?"""
        if sighting is None:
            return
        dialect = ofFamily(sighting.sessionId, sighting.cipher)
        if dialect is not None:
            tellOfFamily(self._examiner("dialect"), dialect, sighting.deviceId)

    async def _visit(self, sighting: Sighting) -> Visit | None:
        """Open a session; L{None} if there is none of use."""
        patient = self._patient
        visit = Visit(
            self._reactor,
            sighting,
            lanPort=patient.lanPort,
            localAddress=patient.localAddress,
            login=patient.login,
            trace=patient.trace,
        )
        usable = False
        try:
            usable = await examineSession(
                self._examiner("session"), visit, sighting, self._computer
            )
        finally:
            if not usable:
                await visit.close()
        return visit if usable else None

    async def _inside(self, visit: Visit, sighting: Sighting) -> None:
        """What a session is good for."""
        if ofFamily(sighting.sessionId, sighting.cipher) is not None:
            # No password is sent to who does not understand it.
            dialect = await visit.askInJson(_CONFIRM_WITHIN)
            if dialect is not None:
                self._examiner("dialect").note(
                    "dialect-confirmed", f"it has just answered in {dialect.name}"
                )
                return
        login = LoginExamination(
            self._examiner("login"),
            self._examiner("clock"),
            self._examiner("dialect"),
            visit,
            sighting.deviceId,
            self._patient.password,
        )
        if await login.run(self._reactor.seconds()):
            await examineVideo(
                self._examiner("video"),
                visit,
                self._reactor,
                self._computer,
                self._inThread,
            )
