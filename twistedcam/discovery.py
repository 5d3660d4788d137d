"""
Who is on the LAN?  One searcher for a whole process, shared by all cameras.

Two questions are asked at once, because no camera answers both reliably: "DH"
(UDP 8600, answered with a detailed report, unauthenticated and easily forged) and
LAN_SEARCH (UDP 32108, answered with a PUNCH_PKT under the camera's own key).  The
second is asked plain and under every known key, so that its answer also tells how
the camera obfuscates.

Whoever waits for a camera shares the same rounds of questions: at most one a
second, and one in ten seconds when nothing has come of them for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import ClassVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from .errors import Disconnected, WireError
from .lan import Address, LanPorts, Link, localInterfaces
from .observers import Observers
from .reactors import AnyReactor, DatagramReactor, datagrams
from .tally import Tally
from .trace import Trace, guarded
from .wire import dh, pppp
from .wire.cipher import KNOWN, PLAIN, Cipher, forPrefix, joined, recognise
from .wire.deviceid import DeviceId

#: Seconds between the first rounds of questions, and from then on.
ROUND_DELAYS = (1.0, 1.0, 1.0, 2.0, 4.0, 8.0)
ROUND_DELAY = 10.0

#: Seconds that a camera which answered DH has to answer LAN_SEARCH as well, before
#: the report alone is taken for good.  A camera that has just taken another client
#: is deaf for a second; a forged report is never confirmed.
CONFIRM_WITHIN = 2.0

#: How many cameras we remember: a class C network is full with 254.
MAX_SIGHTINGS = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """
    A camera that answered.

    @ivar deviceId: the identity it goes by (its label).
    @ivar address: where it is, dotted.
    @ivar lanPort: where it listens for LAN_SEARCH.
    @ivar sessionId: the identity that its sessions carry; another one than
        C{deviceId} where that is a "virtual" one.
    @ivar report: what it told of itself; L{None} if it answered LAN_SEARCH only.
    @ivar cipher: the obfuscation it answered under; L{None} if it answered DH only.
    """

    deviceId: DeviceId
    address: str
    lanPort: int
    sessionId: DeviceId
    report: dh.DhReport | None = None
    cipher: Cipher | None = None

    @property
    def name(self) -> str:
        """What the owner called it, as far as is known."""
        return self.report.name if self.report is not None else ""

    @property
    def answered(self) -> str:
        """The questions that it answered."""
        answers = (("DH", self.report), ("LAN", self.cipher))
        return "+".join(name for name, answer in answers if answer is not None)

    @property
    def details(self) -> str:
        """How it answered, for people."""
        cipher = self.cipher.label if self.cipher is not None else "key not known yet"
        name = f", named {self.name}" if self.name else ""
        return f"answered {self.answered}, {cipher}{name}"

    @property
    def ciphers(self) -> tuple[Cipher, ...]:
        """The obfuscations that are worth trying, likeliest first."""
        if self.cipher is not None:
            return (self.cipher,)
        return forPrefix(self.sessionId.prefix) or KNOWN

    def isA(self, deviceId: DeviceId) -> bool:
        """Does this camera go by that identity?"""
        return deviceId in (self.deviceId, self.sessionId)


@dataclass(eq=False)
class _Waiter:
    """Somebody who waits for one camera; without C{deviceId}, for any."""

    deviceId: DeviceId | None
    address: str | None
    pinned: bool
    ciphers: tuple[Cipher, ...]
    result: Deferred[Found]
    fallback: IDelayedCall | None = None

    def wants(self, found: Found) -> bool:
        """Is this the camera?"""
        if self.deviceId is not None and not found.isA(self.deviceId):
            return False
        # Without an identity the address is all there is to go by.
        strict = self.pinned or self.deviceId is None
        return not strict or self.address in (None, found.address)

    def leave(self) -> None:
        """Wait no longer."""
        if self.fallback is not None and self.fallback.active():
            self.fallback.cancel()


def _checked(addresses: Sequence[str]) -> tuple[str, ...]:
    """Addresses as they can be sent to."""
    return tuple(str(IPv4Address(address)) for address in addresses)


class Discovery:
    """
    The searcher.  It holds ports only while somebody waits.
    """

    log = Logger()
    _shared: ClassVar[WeakValueDictionary[DatagramReactor, Discovery]] = (
        WeakValueDictionary()
    )

    def __init__(
        self,
        reactor: AnyReactor,
        *,
        interfaces: Callable[[], Iterable[IPv4Interface]] = localInterfaces,
        searchAddresses: Sequence[str] = (),
        localAddress: str = "",
        dhPort: int = dh.DH_PORT,
        lanPort: int = pppp.LAN_PORT,
        trace: Trace | None = None,
    ) -> None:
        """
        @param interfaces: lists our addresses; asked again before each round.
        @param searchAddresses: ask these instead of the interfaces' broadcast
            addresses.
        @param localAddress: use this address of ours only.
        @param dhPort: the cameras' DH port.
        @param lanPort: the cameras' LAN_SEARCH port.
        @param trace: sees every datagram, deciphered.
        @raise ValueError: an address is none.
        """
        reactor = datagrams(reactor)
        searchAddresses = _checked(searchAddresses)
        self.localAddress = localAddress and str(IPv4Address(localAddress))
        self._reactor = reactor
        self._dhPort = dhPort
        self._lanPort = lanPort
        self._trace = guarded(trace)
        self._tally = Tally(reactor, self.log, "discovery")
        self._waiters: list[_Waiter] = []
        self._searches: dict[Deferred[list[Found]], Sequence[str]] = {}
        self._observers: Observers[[Found]] = Observers()
        self._sightings: dict[tuple[DeviceId, str], Found] = {}
        self._timer: IDelayedCall | None = None
        self._lastRound = float("-inf")
        self._rounds = 0
        self._known = KNOWN
        self._ports = LanPorts(
            reactor, self._received, interfaces, searchAddresses, localAddress
        )

    @classmethod
    def shared(cls, reactor: AnyReactor) -> Discovery:
        """
        The searcher of this reactor, with the defaults; made when nobody has one.
        """
        reactor = datagrams(reactor)
        if (discovery := cls._shared.get(reactor)) is None:
            # A simulated machine has its own.
            interfaces = getattr(reactor, "interfaces", localInterfaces)
            discovery = cls._shared[reactor] = cls(reactor, interfaces=interfaces)
        return discovery

    def checkLocalAddress(self) -> None:
        """
        Can we have the address that we were told to use?

        @raise CannotListenError: no.
        """
        self._ports.check()

    # Asking.

    def find(
        self,
        deviceId: DeviceId | None = None,
        *,
        address: str | None = None,
        pinned: bool = False,
        ciphers: Sequence[Cipher] = (),
    ) -> Deferred[Found]:
        """
        Search until the camera answers, for ever if need be.

        @param deviceId: the camera; L{None} takes the first that answers.
        @param address: ask there as well; without C{deviceId}, only a camera
            there will do.
        @param pinned: the camera can be at C{address} only.
        @param ciphers: private obfuscations to ask under, besides the known ones.
        @return: fires with the camera.  Cancel it to give up.
        @raise ValueError: C{address} is none.
        """
        if address is not None:
            address = str(IPv4Address(address))
        waiter = _Waiter(
            deviceId,
            address,
            pinned,
            tuple(ciphers),
            Deferred(lambda _: self._leave(waiter)),
        )
        self._waiters.append(waiter)
        self._wake()
        return waiter.result

    def search(
        self, timeout: float, *, addresses: Sequence[str] = ()
    ) -> Deferred[list[Found]]:
        """
        Ask for C{timeout} seconds.

        @param addresses: ask there as well.
        @return: fires with everybody who answered, in that order.
        @raise ValueError: an address is none.
        """
        addresses = _checked(addresses)
        found: dict[tuple[DeviceId, str], Found] = {}

        def add(one: Found) -> None:
            key = (one.sessionId, one.address)
            if key in found or len(found) < MAX_SIGHTINGS:
                found[key] = one

        unsubscribe = self.onFound(add)

        def done() -> None:
            end()
            result.callback(list(found.values()))

        def end() -> None:
            unsubscribe()
            del self._searches[result]
            self._rest()

        def cancelled(_: Deferred[list[Found]]) -> None:
            timer.cancel()
            end()

        result: Deferred[list[Found]] = Deferred(cancelled)
        timer = self._reactor.callLater(timeout, done)
        self._searches[result] = addresses
        self._wake()
        return result

    def onFound(self, callback: Callable[[Found], object]) -> Callable[[], None]:
        """
        Have C{callback} called with every answer while somebody searches: once
        for each new camera, and again when more becomes known of it.

        @return: call it to unsubscribe.
        """
        return self._observers.add(callback)

    def stop(self) -> Deferred[None]:
        """
        Send everybody home and free everything.  The searcher can be used again.
        """
        for waiter in self._waiters[:]:
            if waiter in self._waiters:  # the others may have taken it along
                self._leave(waiter)
                waiter.result.errback(Disconnected("the search was stopped"))
        for search in list(self._searches):
            search.cancel()
        self._rest()
        return self._ports.close()

    # Rounds.

    def _wake(self) -> None:
        """Somebody new waits: ask soon, but not more than once a second."""
        self._known = joined(KNOWN, [c for w in self._waiters for c in w.ciphers])
        self._rounds = 0
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        wait = self._lastRound + ROUND_DELAYS[0] - self._reactor.seconds()
        self._timer = self._reactor.callLater(max(wait, 0), self._round)

    def _leave(self, waiter: _Waiter) -> None:
        waiter.leave()
        self._waiters.remove(waiter)
        self._rest()

    def _rest(self) -> None:
        """Free everything if nobody waits any more."""
        if self._waiters or self._searches:
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        self._ports.close()
        self._sightings.clear()

    def _round(self) -> None:
        """Ask everybody both questions, and arrange for the next round."""
        early = self._rounds < len(ROUND_DELAYS)
        delay = ROUND_DELAYS[self._rounds] if early else ROUND_DELAY
        self._timer = self._reactor.callLater(delay, self._round)
        self._lastRound = self._reactor.seconds()
        self._rounds += 1
        search = pppp.encode(pppp.LanSearch())
        targets = list(dict.fromkeys(self._targets()))
        for link, destination in targets:
            self._send(link, (destination, self._dhPort), dh.encode(dh.DhSearch()))
            for cipher in self._known:
                self._send(link, (destination, self._lanPort), search, cipher)
        if early or self._rounds % 6 == 0:
            self.log.info(
                "search sent to {destinations}",
                destinations=", ".join(dict.fromkeys(d for _, d in targets))
                or "nobody: this machine has no network",
                round=self._rounds,
            )

    def _targets(self) -> Iterator[tuple[Link, str]]:
        """Whom to ask in this round, and from which of our ports."""
        if self._searches or not all(waiter.pinned for waiter in self._waiters):
            yield from self._ports.everybody(self._rounds)
        addresses = [w.address for w in self._waiters if w.address is not None]
        addresses += [address for some in self._searches.values() for address in some]
        yield from self._ports.somebody(addresses)

    def _send(
        self, link: Link, to: Address, clear: bytes, cipher: Cipher = PLAIN
    ) -> None:
        if self._trace is not None:
            self._trace(self._reactor.seconds(), True, to, clear)
        link.send(cipher.encipher(clear), to)

    # Answers.

    def _received(self, datagram: bytes, addr: Address) -> None:
        """An answer, or anything else that a stranger may send."""
        try:
            if datagram[:2] == b"DH":
                self._reported(datagram, addr)
            elif (recognised := recognise(datagram, self._known)) is not None:
                self._punched(*recognised, addr)
            else:
                self._tally.count("malformed")
        except WireError:
            self._tally.count("malformed")

    def _reported(self, datagram: bytes, addr: Address) -> None:
        if self._trace is not None:
            self._trace(self._reactor.seconds(), False, addr, datagram)
        report = dh.decode(datagram)
        if not isinstance(report, dh.DhReport):
            self._tally.count("from other searchers")
        elif report.ip != addr[0]:
            # Forged, or a camera with two interfaces: LAN_SEARCH will tell.
            self._tally.count("reports that name another address")
        else:
            self._saw(
                Found(
                    report.deviceId,
                    addr[0],
                    self._lanPort,
                    report.sessionId,
                    report=report,
                )
            )

    def _punched(self, cipher: Cipher, clear: bytes, addr: Address) -> None:
        if self._trace is not None:
            self._trace(self._reactor.seconds(), False, addr, clear)
        message = pppp.decode(clear)
        if isinstance(message, pppp.PunchPkt):
            deviceId = message.deviceId
            self._saw(Found(deviceId, addr[0], self._lanPort, deviceId, cipher=cipher))
        else:
            self._tally.count("no answers")

    def _saw(self, found: Found) -> None:
        """Put what is known of a camera together, and see who waits for it."""
        key = (found.sessionId, found.address)
        before = self._sightings.pop(key, None)
        if before is not None:
            found = Found(
                before.deviceId if before.report is not None else found.deviceId,
                found.address,
                found.lanPort,
                found.sessionId,
                report=found.report or before.report,
                cipher=found.cipher or before.cipher,
            )
        elif len(self._sightings) >= MAX_SIGHTINGS:
            del self._sightings[next(iter(self._sightings))]
        self._sightings[key] = found
        if found != before:
            self._observers.tell(found)
        for waiter in [w for w in self._waiters if w.wants(found)]:
            if found.cipher is not None:
                self._satisfy(waiter, found)
            elif waiter.fallback is None:
                waiter.fallback = self._reactor.callLater(
                    CONFIRM_WITHIN, self._satisfy, waiter, found
                )

    def _satisfy(self, waiter: _Waiter, found: Found) -> None:
        if waiter in self._waiters:
            self._leave(waiter)
            waiter.result.callback(found)
