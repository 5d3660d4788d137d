"""
Whatever anybody sends, and whenever: nothing breaks, nothing grows.
"""

from __future__ import annotations

from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from twistedcam import AlreadyStarted, CameraState, Disconnected, Reason
from twistedcam.discovery import MAX_SIGHTINGS
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B
from twistedcam.session.machine import State
from twistedcam.session.protocol import CameraSession
from twistedcam.testing import Address, MemoryNetwork
from twistedcam.wire import dh, pppp
from twistedcam.wire.drw import Drw

from . import strategies
from .lab import CAMERA, OTHER_UID, STRANGER, UID, Lab

#: What is said of what was dropped: a fixed set, never taken from a packet.
KINDS = {
    "from elsewhere",
    "malformed",
    "of another camera",
    "of no open channel",
    "too early",
    "that could not be sent",
    "from other searchers",
    "reports that name another address",
    "no answers",
}

#: Messages that mean something to the victim.
handshakes: list[pppp.Message] = [
    pppp.PunchPkt(UID),
    pppp.P2pRdy(UID),
    pppp.TryLanTcp(UID),
    pppp.PunchPkt(OTHER_UID),
    pppp.P2pRdy(OTHER_UID),
    pppp.Alive(),
    pppp.AliveAck(),
    pppp.Close(),
]
pointed: st.SearchStrategy[bytes] = st.one_of(
    st.sampled_from(handshakes).map(pppp.encode),
    st.builds(Drw, st.integers(0, 7), st.integers(0, 40), st.binary(max_size=40)).map(
        pppp.encode
    ),
    st.builds(
        dh.DhReport,
        ip=st.sampled_from([CAMERA, STRANGER, "nonsense"]),
        uid=st.sampled_from([UID.compact, OTHER_UID.compact, "nonsense"]),
        user=st.sampled_from(["", UID.compact]),
    ).map(dh.encode),
    strategies.dhMessages.map(dh.encode),
)
datagrams = st.one_of(
    pointed, strategies.datagrams, strategies.nearMessages, strategies.garbage
)

#: Where it comes from; port 0 stands for the camera's session port.
sources: st.SearchStrategy[Address] = st.tuples(
    st.sampled_from([CAMERA, CAMERA, STRANGER]),
    st.sampled_from([0, 0, pppp.LAN_PORT, dh.DH_PORT, 1, 65535]),
)


class Siege(RuleBasedStateMachine):
    """A camera and a client of it, and somebody who means no good."""

    @initialize(
        firmware=st.sampled_from([FIRMWARE_A, FIRMWARE_B]),
        psk=st.sampled_from(["", "vstarcam2018"]),
        named=st.booleans(),
    )
    def build(self, firmware: Any, psk: str, named: bool) -> None:
        """Set all up."""
        self.troubles: list[Any] = []
        globalLogPublisher.addObserver(cast(Any, self.observe))
        self.lab = Lab(firmware, psk=psk, network=MemoryNetwork(captureLimit=200))
        self.network = self.lab.network
        self.camera = self.lab.camera(deviceId=UID if named else None)
        self.reasons: list[object] = []
        self.camera.onLost(lambda reason, delay: self.reasons.append(reason))

    def observe(self, event: Any) -> None:
        """Nothing may be logged that is an error."""
        if event["log_level"] >= LogLevel.error:
            self.troubles.append(event)

    # What the owner does, and what happens anyway.

    @rule(seconds=st.sampled_from([0.0, 0.0006, 0.0016, 0.01, 0.2]))
    def connect(self, seconds: float) -> None:
        """The owner wants it; then it is Searching, Punching, Confirming, Up..."""
        expected = (
            Disconnected if self.camera.state is CameraState.STOPPED else AlreadyStarted
        )
        self.camera.connect().addErrback(lambda failure: failure.trap(expected))
        self.network.advance(seconds)

    @rule()
    def disconnect(self) -> None:
        """The owner is done with it."""
        self.camera.disconnect()

    @rule(seconds=st.sampled_from([0.0, 0.0006, 0.01, 0.07, 0.5, 2.0, 9.0, 70.0]))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.network.advance(seconds)

    @rule(downFor=st.sampled_from([0.1, 5.0]))
    def reboot(self, downFor: float) -> None:
        """The camera reboots."""
        self.lab.emulated.reboot(downFor)

    @rule(host=st.sampled_from(["pc", "camera"]), plugged=st.booleans())
    def cable(self, host: str, plugged: bool) -> None:
        """Somebody trips over a cable, or puts it in again."""
        if plugged:
            self.network.hosts[host].plug()
        else:
            self.network.hosts[host].unplug()

    @rule(channel=st.integers(0, 7), data=st.binary(max_size=3000))
    def speak(self, channel: int, data: bytes) -> None:
        """The camera itself says something."""
        for session in self.lab.emulated.sessions:
            try:
                session.write(channel, data)
            except BufferError:
                pass  # the client has not taken what came before

    # What the attacker does.

    @rule(
        what=st.lists(st.tuples(datagrams, sources, st.booleans()), max_size=8),
    )
    def attack(self, what: list[tuple[bytes, Address, bool]]) -> None:
        """Say anything, from anywhere, to every open port."""
        for datagram, source, enciphered in what:
            if enciphered:
                datagram = self.lab.cipher.encipher(datagram)
            self.deliver(datagram, source)

    @precondition(lambda self: self.network.captured)
    @rule(
        which=st.integers(1, 200),
        place=st.integers(0, 600),
        flip=st.integers(0, 255),
        longer=st.binary(max_size=3),
        cut=st.integers(0, 10),
        source=sources,
    )
    def replay(
        self,
        which: int,
        place: int,
        flip: int,
        longer: bytes,
        cut: int,
        source: Address,
    ) -> None:
        """Say again what was said before, a little different."""
        captured = self.network.captured
        datagram = bytearray(captured[-min(which, len(captured))].payload)
        if datagram:
            datagram[place % len(datagram)] ^= flip
        self.deliver(bytes(datagram[: len(datagram) - cut] + longer), source)

    def deliver(self, datagram: bytes, source: Address) -> None:
        """Have a datagram arrive at every port that still listens."""
        host, number = source
        for port in self.lab.pc.ports:
            if not port._reading:
                continue
            protocol = port.protocol
            if not number and isinstance(protocol, CameraSession) and protocol.peer:
                number = protocol.peer[1]
            protocol.datagramReceived(datagram, (host, number or 12345))

    # What has to be true all the time.

    @invariant()
    def sound(self) -> None:
        """No trouble, no unknown state, no growth."""
        if not hasattr(self, "troubles"):
            return  # before the beginning
        assert not self.troubles, self.troubles
        assert self.camera.state in CameraState
        assert set(self.reasons) <= set(Reason)
        tallies = (self.camera._tally, self.lab.discovery._tally)
        assert {kind for tally in tallies for kind in tally.counts} <= KINDS
        assert len(self.lab.discovery._sightings) <= MAX_SIGHTINGS
        sessions = [
            port.protocol
            for port in self.lab.pc.ports
            if isinstance(port.protocol, CameraSession)
        ]
        live = [session for session in sessions if session.state is not State.CLOSED]
        assert len(live) <= 1
        assert len(self.lab.pc.ports) <= 6, self.lab.pc.ports
        assert len(self.network.getDelayedCalls()) <= 60
        if self.camera.state is CameraState.UP:
            # It hears of the end as soon as the port is free, in a moment.
            assert len(sessions) == 1, sessions
            assert sessions[0].state in (State.CONNECTED, State.CLOSED)

    def teardown(self) -> None:
        """Whatever has happened: it can be parted from, and nothing is left."""
        if not hasattr(self, "troubles"):
            return
        try:
            parted: Deferred[None] = self.camera.disconnect()
            result: list[object] = []
            parted.addBoth(result.append)
            self.network.advance(0.3)
            assert result == [None], result
            assert self.lab.pc.ports == []
            self.lab.remove()
            self.network.advance(0)
            assert list(self.network.getDelayedCalls()) == []
            self.sound()
        finally:
            globalLogPublisher.removeObserver(cast(Any, self.observe))


class SiegeTests(SynchronousTestCase):
    """The siege."""

    def test_siege(self) -> None:
        """Nothing that anybody sends, at any time, harms anybody."""
        run_state_machine_as_test(
            Siege,
            settings=settings(max_examples=80, stateful_step_count=40, deadline=None),
        )
