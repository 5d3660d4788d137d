"""
A camera: what one can ask of it, and the machine that keeps it connected.

A session is one life; a camera outlives many.  It is searched for, connected to,
and whenever the session ends, for whatever reason, it is searched for again,
after a while that grows with every failure.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from automat import TypeMachineBuilder
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .discovery import Discovery, Found
from .errors import AlreadyStarted, ConnectTimeout, Disconnected
from .reactors import DatagramReactor, Timers
from .session.machine import Reason
from .session.protocol import CameraSession
from .tally import Tally
from .trace import Trace
from .wire.cipher import Cipher
from .wire.deviceid import DeviceId

#: Seconds to wait before the next try: the first time, at most, and how far the
#: dice may move it, so that cameras that lost power together come back apart.
BACKOFF, MAX_BACKOFF, BACKOFF_JITTER = 1.0, 60.0, 0.25

#: Seconds of being up after which the next failure counts as the first.
STEADY = 30.0


class CameraState(Enum):
    """The states, by the names that the log and the docs use."""

    STOPPED = "Stopped"
    SEARCHING = "Searching"
    CONNECTING = "Connecting"
    UP = "Up"
    WAITING = "Waiting"
    STOPPING = "Stopping"


class Keeper(Protocol):
    """What can happen to a camera."""

    def connect(self) -> None:
        """The owner wants it."""

    def disconnect(self) -> None:
        """The owner is done with it."""

    def _found(self, found: Found) -> None:
        """Discovery has it."""

    def _connected(self) -> None:
        """The session's handshake is complete."""

    def _closed(self, reason: Reason) -> None:
        """The session is over."""

    def _retry(self) -> None:
        """Waited long enough."""


class Backstage(Protocol):
    """What the machine needs done."""

    def search(self) -> Deferred[Found]:
        """Look for the camera."""

    def sighted(self, found: Found) -> None:
        """It was found."""

    def openSession(
        self,
        found: Found,
        connected: Callable[[], None],
        closed: Callable[[Reason], None],
    ) -> CameraSession:
        """Begin a session with it."""

    def entered(self, state: CameraState) -> None:
        """The camera is in another state now."""

    def up(self) -> None:
        """The camera can be used."""

    def lost(self, reason: Reason, delay: float) -> None:
        """The camera is lost; the next try is in C{delay} seconds."""

    def stopped(self) -> None:
        """Everything is freed: forget the camera."""


@dataclass
class Core:
    """
    What all transitions share.

    @ivar session: the present life, if there is one.
    @ivar upSince: when it was up, or L{None} if it never was.
    @ivar failures: how often in a row it did not work.
    """

    clock: Timers
    backstage: Backstage
    dice: random.Random
    session: CameraSession | None = None
    upSince: float | None = None
    failures: int = 0

    def nextDelay(self) -> float:
        """Seconds until the next try; longer each time."""
        if self.upSince is not None and self.clock.seconds() - self.upSince >= STEADY:
            self.failures = 0
        delay: float = min(BACKOFF * 2**self.failures, MAX_BACKOFF)
        if delay < MAX_BACKOFF:
            self.failures += 1
        return delay * self.dice.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER)


def _build() -> Callable[[Core], Keeper]:
    machine = TypeMachineBuilder(Keeper, Core)

    def search(keeper: Keeper, core: Core) -> Deferred[None]:
        core.backstage.entered(CameraState.SEARCHING)
        return core.backstage.search().addCallbacks(keeper._found, givenUp)

    def givenUp(failure: Failure) -> None:
        """By us, or by the searcher being stopped: nothing is left to do."""
        failure.trap(CancelledError, Disconnected)

    def wait(keeper: Keeper, core: Core, reason: Reason) -> IDelayedCall:
        delay = core.nextDelay()
        core.backstage.lost(reason, delay)
        core.session = core.upSince = None
        core.backstage.entered(CameraState.WAITING)
        return core.clock.callLater(delay, keeper._retry)

    stopped = machine.state("Stopped")
    searching = machine.state("Searching", search)
    connecting = machine.state("Connecting")
    up = machine.state("Up")
    waiting = machine.state("Waiting", wait)
    stopping = machine.state("Stopping")

    stopped.upon(Keeper.connect).to(searching).returns(None)
    stopped.upon(Keeper.disconnect).loop().returns(None)

    @searching.upon(Keeper._found).to(connecting)
    def open(
        keeper: Keeper, core: Core, searching: Deferred[None], found: Found
    ) -> None:
        core.backstage.sighted(found)
        core.backstage.entered(CameraState.CONNECTING)
        core.session = core.backstage.openSession(
            found, keeper._connected, keeper._closed
        )

    @searching.upon(Keeper.disconnect).to(stopped)
    def giveUp(keeper: Keeper, core: Core, searching: Deferred[None]) -> None:
        searching.cancel()
        core.backstage.stopped()

    @connecting.upon(Keeper._connected).to(up)
    def use(keeper: Keeper, core: Core) -> None:
        core.upSince = core.clock.seconds()
        core.backstage.entered(CameraState.UP)
        core.backstage.up()

    connecting.upon(Keeper._closed).to(waiting).returns(None)
    up.upon(Keeper._closed).to(waiting).returns(None)
    waiting.upon(Keeper._retry, nodata=True).to(searching).returns(None)

    @waiting.upon(Keeper.disconnect).to(stopped)
    def waitNoMore(keeper: Keeper, core: Core, timer: IDelayedCall) -> None:
        timer.cancel()
        core.backstage.stopped()

    @connecting.upon(Keeper.disconnect).to(stopping)
    @up.upon(Keeper.disconnect).to(stopping)
    def stop(keeper: Keeper, core: Core) -> None:
        core.backstage.entered(CameraState.STOPPING)
        assert core.session is not None
        core.session.stop()

    stopping.upon(Keeper.disconnect).loop().returns(None)

    @stopping.upon(Keeper._closed).to(stopped)
    def allDone(keeper: Keeper, core: Core, reason: Reason) -> None:
        core.session = core.upSince = None
        core.backstage.stopped()

    return machine.build()


KeeperMachine = _build()


class Camera:
    """
    One camera, kept connected.

    @ivar name: what logs, addresses and file names call it.
    @ivar state: where it is.
    @ivar found: where and how it answered last, or L{None}.
    """

    log = Logger()

    def __init__(
        self,
        reactor: DatagramReactor,
        *,
        deviceId: DeviceId | str | None = None,
        address: str | None = None,
        pinAddress: bool = False,
        user: str = "admin",
        password: str | None = None,
        psk: str | None = None,
        name: str | None = None,
        title: str = "",
        discovery: Discovery | None = None,
        trace: Trace | None = None,
        dice: random.Random | None = None,
    ) -> None:
        """
        @param deviceId: the camera's identity, as on its label.  Without it, the
            first camera that answers from C{address} is taken (and its identity
            kept until L{disconnect}); with neither, the first that answers at all.
        @param address: where to look for it as well as by broadcast, dotted.
        @param pinAddress: C{address} is the only place where it can be.
        @param user: the login.
        @param password: never sent to a camera that was not named by C{deviceId}
            or C{address}.
        @param psk: the obfuscation's string, where the camera has a private one;
            empty: it has none.
        @param name: default: the identity, or else the address.
        @param title: what people call it.
        @param discovery: default: the one shared by all cameras of C{reactor}.
        @param trace: sees every datagram of its sessions, deciphered: C{(now, sent,
            peer, datagram)}.
        @param dice: for the backoff.
        @raise WireError: C{deviceId} is none.
        """
        if isinstance(deviceId, str):
            deviceId = DeviceId.fromText(deviceId)
        self.name = name or str(deviceId or address or "camera").lower()
        self.title = title
        self.state = CameraState.STOPPED
        self.found: Found | None = None
        self._reactor = reactor
        self._configuredId = self._deviceId = deviceId
        self._address = address
        self._pinAddress = pinAddress
        self._user = user
        self._password = password
        self._ciphers = () if psk is None else (Cipher(psk),)
        self._discovery = discovery or Discovery.shared(reactor)
        self._trace = trace
        self._tally = Tally(reactor, self.log, self.name)
        self._waiting: list[Deferred[None]] = []
        self._parting: list[Deferred[None]] = []
        self._upObservers: list[Callable[[], None]] = []
        self._lostObservers: list[Callable[[Reason, float], None]] = []
        self._machine = KeeperMachine(Core(reactor, self, dice or random.Random()))

    def __repr__(self) -> str:
        return f"<Camera {self.name} {self.state.value}>"

    @property
    def deviceId(self) -> DeviceId | None:
        """The identity, configured or adopted."""
        return self._deviceId

    def connect(self, timeout: float | None = None) -> Deferred[None]:
        """
        Find the camera, connect to it, and keep it connected until L{disconnect}.

        @param timeout: seconds after which the result fails with
            L{ConnectTimeout}; the camera goes on trying.
        @return: fires when the camera is up for the first time; fails with
            L{AlreadyStarted} if it is not stopped, with L{Disconnected} if it is
            before the camera was up.  Cancelling it changes nothing else.
        """
        if self.state is not CameraState.STOPPED:
            return fail(
                AlreadyStarted(
                    f"{self.name} is {self.state.value} already: disconnect it first"
                )
            )
        result = self.whenUp()
        self._machine.connect()
        if timeout is not None:
            result.addTimeout(timeout, self._reactor, self._tooLate)  # type: ignore[arg-type]
        return result

    def whenUp(self) -> Deferred[None]:
        """Fires when the camera is up: now, or as soon as it is."""
        if self.state is CameraState.UP:
            return succeed(None)
        result: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(result)
        return result

    def disconnect(self) -> Deferred[None]:
        """
        Part from the camera and forget where it was; works in every state.

        @return: fires when everything is freed.
        """
        if self.state is CameraState.STOPPED:
            return succeed(None)
        result: Deferred[None] = Deferred(self._parting.remove)
        self._parting.append(result)
        self.log.info("{name}: closing", name=self.name)
        self._machine.disconnect()
        return result

    def onConnected(self, callback: Callable[[], None]) -> None:
        """Have C{callback} called each time the camera comes up."""
        self._upObservers.append(callback)

    def onLost(self, callback: Callable[[Reason, float], None]) -> None:
        """
        Have C{callback} called each time a session ends that was not stopped, or
        could not be had: with the reason, and the seconds until the next try.
        """
        self._lostObservers.append(callback)

    def _tooLate(self, result: object, timeout: float) -> None:
        raise ConnectTimeout(f"{self.name} is not up after {timeout:g} s")

    # What the machine asks for: see L{Backstage}.

    def search(self) -> Deferred[Found]:
        """Look for the camera."""
        return self._discovery.find(
            self._deviceId,
            address=self._address,
            pinned=self._pinAddress,
            ciphers=self._ciphers,
        )

    def sighted(self, found: Found) -> None:
        """Note it, and adopt it if any would have done."""
        self.found = found
        self.log.info(
            "{name}: found {deviceId} at {address}, {details}",
            name=self.name,
            deviceId=str(found.deviceId),
            address=found.address,
            details=found.details,
        )
        if self._deviceId is None:
            self._deviceId = found.deviceId
            self.log.info(
                "{name}: taking {deviceId}, as no other was asked for",
                name=self.name,
                deviceId=str(found.deviceId),
            )

    def openSession(
        self,
        found: Found,
        connected: Callable[[], None],
        closed: Callable[[Reason], None],
    ) -> CameraSession:
        """Begin a session with it."""
        session = CameraSession(
            self._reactor,
            found.sessionId,
            found.address,
            ciphers=self._ciphers or found.ciphers,
            lanPort=found.lanPort,
            localAddress=self._discovery.localAddress,
            name=self.name,
            connected=connected,
            tally=self._tally,
            trace=self._trace,
        )
        session.whenClosed().addCallback(closed)
        session.start()
        return session

    def entered(self, state: CameraState) -> None:
        """Tell the story."""
        self.log.info(
            "{name}: {old} -> {new}",
            name=self.name,
            old=self.state.value,
            new=state.value,
        )
        self.state = state

    def up(self) -> None:
        """Tell those who wait, and those who watch."""
        for result in self._waiting[:]:
            self._waiting.remove(result)
            result.callback(None)
        for callback in self._upObservers[:]:
            callback()

    def lost(self, reason: Reason, delay: float) -> None:
        """Tell those who watch."""
        self.log.warn(
            "{name}: lost: {reason}; next try in {delay:.1f} s",
            name=self.name,
            reason=reason.value,
            delay=delay,
        )
        for callback in self._lostObservers[:]:
            callback(reason, delay)

    def stopped(self) -> None:
        """Forget the camera, and tell those who wait."""
        self.entered(CameraState.STOPPED)
        self.found = None
        self._deviceId = self._configuredId
        self.log.info("{name}: closed", name=self.name)
        for result in self._waiting[:]:
            self._waiting.remove(result)
            result.errback(Disconnected(f"{self.name} was disconnected"))
        parting, self._parting = self._parting, []
        for done in parting:
            done.callback(None)
