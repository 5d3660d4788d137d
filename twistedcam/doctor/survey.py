"""
Who answers which question, how it was asked, and from which port?

This asks what L{twistedcam.discovery} asks, but keeps apart what that puts together:
an answer to a broadcast from one to a question that was asked directly, and the
ports that answers come from.  Each way of asking has ports of its own, so that an
answer tells by the port that it comes to what it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from ipaddress import IPv4Interface
from typing import cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTime, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from ..errors import WireError
from ..lan import Address, LanPorts, Link
from ..reactors import DatagramReactor
from ..trace import Trace, guarded
from ..wire import dh, pppp
from ..wire.cipher import KNOWN, PLAIN, Cipher, joined, recognise
from ..wire.deviceid import DeviceId

#: Seconds between two rounds of questions: a camera that has just taken a client is
#: deaf for a second.
ROUND = 1.0

#: Cameras, and senders of rubbish, that are kept in mind.
MAX_SIGHTINGS, MAX_STRANGERS = 256, 64

#: Ports of one camera that are kept in mind.
_MAX_PORTS = 8

#: How often, and how many seconds apart, a port is asked that may not be there: after
#: our questions a kernel says so no more than once a second.
_PROBES, _PROBE_AGAIN = 5, 0.7


class Way(Enum):
    """How a question was asked."""

    BROADCAST = "broadcast"
    DIRECT = "direct"
    #: As a related family asks, by broadcast.
    RELATED = "related"


class Question(Enum):
    """Which question was answered."""

    DH = "DH"
    LAN = "LAN_SEARCH"


@dataclass(eq=False)
class Sighting:
    """
    Somebody who answered.

    @ivar deviceId: the identity it goes by.
    @ivar sessionId: the identity that its sessions carry.
    @ivar address: where the answers came from.
    @ivar report: what it told of itself, if it did.
    @ivar cipher: the obfuscation it answered under, if it answered LAN_SEARCH.
    @ivar answers: which questions it answered, and how those were asked.
    @ivar dhPorts: the ports that DH reports came from.
    @ivar lanPorts: the ports that answers to LAN_SEARCH came from.
    @ivar claims: other addresses that its reports named as its own.
    """

    deviceId: DeviceId
    sessionId: DeviceId
    address: str
    report: dh.DhReport | None = None
    cipher: Cipher | None = None
    answers: set[tuple[Question, Way]] = field(default_factory=set)
    dhPorts: set[int] = field(default_factory=set)
    lanPorts: list[int] = field(default_factory=list)
    claims: set[str] = field(default_factory=set)

    def answered(self, question: Question, *ways: Way) -> bool:
        """Did it, when asked in one of these ways?  Without any, in whichever."""
        return any((question, way) in self.answers for way in ways or Way)

    def isA(self, deviceId: DeviceId) -> bool:
        """Does it go by that identity?"""
        return deviceId in (self.deviceId, self.sessionId)


class Survey:
    """
    Asks, and remembers who answered.

    @ivar sightings: who answered, in that order.
    @ivar strangers: addresses that sent what is no answer, under no known key.
    """

    def __init__(
        self,
        reactor: DatagramReactor,
        *,
        interfaces: Callable[[], Iterable[IPv4Interface]],
        searchAddresses: Sequence[str] = (),
        localAddress: str = "",
        dhPort: int = dh.DH_PORT,
        lanPort: int = pppp.LAN_PORT,
        ciphers: Sequence[Cipher] = (),
        trace: Trace | None = None,
    ) -> None:
        """
        @param interfaces: lists our addresses, loopback left out.
        @param ciphers: private obfuscations to ask under, besides the known ones.
        @param trace: sees every datagram, deciphered.
        """
        self._reactor = reactor
        self._dhPort = dhPort
        self._lanPort = lanPort
        self._localAddress = localAddress
        self._ciphers = joined(KNOWN, ciphers)
        self._trace = guarded(trace)
        self._found: dict[tuple[DeviceId, str], Sighting] = {}
        self.strangers: set[str] = set()
        self._ports = {
            way: LanPorts(
                reactor,
                partial(self._received, way),
                interfaces,
                searchAddresses,
                localAddress,
            )
            for way in Way
        }

    @property
    def sightings(self) -> list[Sighting]:
        """Who answered."""
        return list(self._found.values())

    @property
    def complaints(self) -> list[str]:
        """What could not be sent, in words."""
        said = {text for ports in self._ports.values() for text in ports.complaints}
        return sorted(said)

    def check(self) -> None:
        """
        Can we have the address that we were told to use?

        @raise CannotListenError: no.
        """
        self._ports[Way.DIRECT].check()

    async def ask(self, seconds: float, *addresses: str, around: bool = True) -> None:
        """
        Ask for some seconds.

        @param addresses: whom to ask directly.
        @param around: ask everybody by broadcast.
        """
        left = seconds
        turn = 0
        while left > 0:
            turn += 1
            if around:
                self._questions(self._ports[Way.BROADCAST].everybody(turn))
                for link, to in self._ports[Way.RELATED].everybody(turn):
                    self._send(link, (to, self._lanPort), _RELATED)
            self._questions(self._ports[Way.DIRECT].somebody(addresses))
            await sleep(self._reactor, min(left, ROUND))
            left -= ROUND

    async def refuses(self, address: str) -> bool:
        """
        Does that computer say that nothing listens at the cameras' ports?
        """
        probes = [
            _Probe(self._reactor, self._localAddress, (address, port), question)
            for port, question in (
                (self._lanPort, _SEARCH),
                (self._dhPort, _DH_SEARCH),
            )
        ]
        try:
            for _ in range(_PROBES):
                for probe in probes:
                    probe.ask()
                await sleep(self._reactor, _PROBE_AGAIN)
                if all(probe.refused for probe in probes):
                    return True
            return False
        finally:
            for probe in probes:
                await probe.close()

    def close(self) -> Deferred[None]:
        """Free everything; fires when all ports are closed."""
        closing = [ports.close() for ports in self._ports.values()]
        return gatherResults(closing).addCallback(lambda _: None)

    # Asking.

    def _questions(self, targets: Iterable[tuple[Link, str]]) -> None:
        for link, to in targets:
            self._send(link, (to, self._dhPort), _DH_SEARCH)
            for cipher in self._ciphers:
                self._send(link, (to, self._lanPort), _SEARCH, cipher)

    def _send(
        self, link: Link, to: Address, clear: bytes, cipher: Cipher = PLAIN
    ) -> None:
        if self._trace is not None:
            self._trace(self._reactor.seconds(), True, to, clear)
        link.send(cipher.encipher(clear), to)

    # Answers.

    def _received(self, way: Way, datagram: bytes, addr: Address) -> None:
        """An answer, or whatever else a stranger may send."""
        try:
            if datagram[:2] == b"DH":
                self._reported(way, datagram, addr)
            elif (recognised := recognise(datagram, self._ciphers)) is not None:
                self._punched(way, *recognised, addr)
            else:
                self._strange(addr)
        except WireError:
            self._strange(addr)

    def _strange(self, addr: Address) -> None:
        if len(self.strangers) < MAX_STRANGERS:
            self.strangers.add(addr[0])

    def _reported(self, way: Way, datagram: bytes, addr: Address) -> None:
        if self._trace is not None:
            self._trace(self._reactor.seconds(), False, addr, datagram)
        report = dh.decode(datagram)
        if not isinstance(report, dh.DhReport):
            return  # somebody else is searching
        if (seen := self._sighting(report.sessionId, addr[0])) is None:
            return
        if len(seen.dhPorts) < _MAX_PORTS:
            seen.dhPorts.add(addr[1])
        if report.ip != addr[0] and len(seen.claims) < _MAX_PORTS:
            seen.claims.add(report.ip)
        elif report.ip == addr[0]:
            seen.deviceId, seen.report = report.deviceId, report
        seen.answers.add((Question.DH, way))

    def _punched(self, way: Way, cipher: Cipher, clear: bytes, addr: Address) -> None:
        if self._trace is not None:
            self._trace(self._reactor.seconds(), False, addr, clear)
        message = pppp.decode(clear)
        if not isinstance(message, pppp.PunchPkt):
            return
        if (seen := self._sighting(message.deviceId, addr[0])) is None:
            return
        seen.cipher = cipher
        if addr[1] not in seen.lanPorts and len(seen.lanPorts) < _MAX_PORTS:
            seen.lanPorts.append(addr[1])
        seen.answers.add((Question.LAN, way))

    def _sighting(self, sessionId: DeviceId, address: str) -> Sighting | None:
        key = sessionId, address
        if (seen := self._found.get(key)) is None and len(self._found) < MAX_SIGHTINGS:
            seen = self._found[key] = Sighting(sessionId, sessionId, address)
        return seen


_SEARCH = pppp.encode(pppp.LanSearch())
_RELATED = pppp.encode(pppp.LanSearchExt())
_DH_SEARCH = dh.encode(dh.DhSearch())


class _Probe(DatagramProtocol):
    """
    A port that is connected, which is how the kernel lets us know of a refusal.

    @ivar refused: nothing listens there.
    """

    noisy = False
    transport: IUDPTransport

    def __init__(
        self, reactor: DatagramReactor, own: str, to: Address, question: bytes
    ) -> None:
        self.refused = False
        self._question = question
        self._closing = False
        self._port: IListeningPort | None = None
        try:
            self._port = reactor.listenUDP(0, self, own)
            self.transport.connect(*to)
        except (CannotListenError, OSError):
            self._closing = True  # nobody can be asked, so nobody refuses

    def ask(self) -> None:
        """Ask, unless there was an answer."""
        if self._port is not None and not self.refused and not self._closing:
            with suppress(OSError):
                self.transport.write(self._question, None)

    def connectionRefused(self) -> None:
        """So it is."""
        self.refused = True

    def stopProtocol(self) -> None:
        """On some reactors (epoll, poll) this is what becomes of a refused port."""
        self._port = None
        if not self._closing:
            self.refused = True

    async def close(self) -> None:
        """Free the port."""
        self._closing = True
        if self._port is not None:
            await cast("Deferred[None]", self._port.stopListening())


async def sleep(reactor: DatagramReactor, seconds: float) -> None:
    """Wait."""
    await deferLater(cast(IReactorTime, reactor), seconds)
