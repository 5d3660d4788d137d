"""
The session machine: one life of one camera's UDP session.

It knows no socket and no bytes from the network.  What has happened comes in as
inputs, already checked; what is to be sent goes out through L{Wire}.  Timers are
data of a state: entering arms them, leaving cancels them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from automat import TypeMachineBuilder
from twisted.internet.interfaces import IDelayedCall

from ..reactors import Timers
from ..wire.deviceid import DeviceId
from ..wire.pppp import Alive, AliveAck, Close, Message, PunchPkt

Address = tuple[str, int]

#: Seconds from one asking of a question to the next, for the first times: LAN_SEARCH
#: goes out at 0 and 0.3 s, the echo at 0, 0.1 and 0.3 s...
SEARCH_AGAIN = (0.3,)
ECHO_AGAIN = (0.1, 0.2)
#: ... and from then on.
THEN_EACH = 1.0

#: Seconds that the camera has for each of the two questions.
PATIENCE = 5.0

#: Seconds from the last LAN_SEARCH to the first echo of a PUNCH_PKT at least: a
#: camera of the newer firmware that gets it within 50 ms first insists on TCP.
ECHO_NOT_BEFORE = 0.060

#: Seconds without sending, or without hearing, after which we send an ALIVE.
ALIVE_AFTER = 1.0

#: As many of our ALIVEs may stay without any sign of life...
UNANSWERED = 7
#: ... before, this many seconds after the last one, the camera counts as gone.
ANSWER_WAIT = 0.5

#: Seconds without any sign of life after which what was not delivered has nobody to
#: be delivered to: somewhat less than a message is tried for.
GONE_AFTER = 4.0

#: CLOSE may get lost: how often we say it, and seconds in between.
CLOSES, CLOSE_AGAIN = 3, 0.050
#: Seconds to wait for an answer to the last one, so that it meets an open port.
LINGER = 0.150


class State(Enum):
    """The states, by the names that the log and the docs use."""

    IDLE = "Idle"
    PUNCHING = "Punching"
    CONFIRMING = "Confirming"
    CONNECTED = "Connected"
    CLOSING = "Closing"
    CLOSED = "Closed"


class Reason(Enum):
    """Why a session ended; the values are words for the log."""

    NO_ANSWER = "no answer"
    NO_HANDSHAKE = "no answer to the handshake"
    INSISTS_ON_TCP = "insists on TCP"
    CLOSED_BY_CAMERA = "closed by the camera"
    SILENT = "silent"
    REFUSED = "its port is gone"
    UNDELIVERED = "does not acknowledge what we send"
    NO_PORT = "no port to be had on this machine"
    NO_SEARCHER = "the search was stopped"
    STOPPED = "stopped"


class Session(Protocol):
    """What can happen to a session."""

    def start(self) -> None:
        """The owner wants the camera."""

    def stop(self) -> None:
        """The owner is done with it."""

    def punched(self, peer: Address) -> None:
        """A PUNCH_PKT of the wanted camera came from this address."""

    def ready(self) -> None:
        """A P2P_RDY of the wanted camera came."""

    def tcpOffered(self) -> None:
        """A TRY_LAN_TCP came."""

    def alive(self) -> None:
        """An ALIVE came."""

    def aliveAcked(self) -> None:
        """An ALIVE_ACK came."""

    def closed(self) -> None:
        """A CLOSE came."""

    def refused(self) -> None:
        """The camera's machine says that nobody listens on the session's port."""

    def undelivered(self) -> None:
        """The camera did not acknowledge what we sent."""

    def noPort(self) -> None:
        """We could not open a port of our own."""

    def _again(self) -> None:
        """It is time to repeat the question."""

    def _impatient(self) -> None:
        """The camera had its time."""

    def _quiet(self) -> None:
        """Nothing was sent for a while."""

    def _judge(self) -> None:
        """The last ALIVE of those that count had its time to be answered."""

    def _silent(self) -> None:
        """None of them was answered."""


class Wire(Protocol):
    """What a session needs from the one who holds the socket."""

    #: When something was sent last, in seconds of the clock.
    lastSent: float

    #: When something was heard from the camera last.
    lastHeard: float

    def search(self) -> None:
        """Send LAN_SEARCH to the camera."""

    def lockOn(self, peer: Address) -> None:
        """From now on the camera is this address and no other."""

    def bind(self) -> None:
        """Have the kernel keep everybody else out, too."""

    def send(self, message: Message) -> None:
        """Send to the camera.  Never raises."""

    def entered(self, state: State) -> None:
        """The session is in another state now."""

    def ended(self, reason: Reason) -> None:
        """The session is over: free everything."""


@dataclass
class Core:
    """
    What all transitions share.

    @ivar deviceId: what to echo.
    """

    clock: Timers
    deviceId: DeviceId
    wire: Wire


@dataclass
class Asking:
    """
    A question that is repeated while patience lasts.

    @ivar delays: seconds until the next repetitions, as far as they are special.
    @ivar tcpOffered: has the camera asked for TCP instead?
    """

    again: IDelayedCall
    patience: IDelayedCall
    delays: tuple[float, ...]
    tcpOffered: bool = False

    def nextDelay(self) -> float:
        """Seconds until the next repetition."""
        if not self.delays:
            return THEN_EACH
        delay, *rest = self.delays
        self.delays = tuple(rest)
        return delay

    def cancel(self) -> None:
        """Leave the state."""
        for call in (self.again, self.patience):
            if call.active():
                call.cancel()


@dataclass
class Watching:
    """
    Keeping the session alive.

    @ivar timer: fires when an ALIVE may be due, or when the last one had its time.
    @ivar asked: when we sent our last ALIVE.
    @ivar unanswered: how many of them brought no sign of life.
    """

    timer: IDelayedCall
    asked: float
    unanswered: int = 0

    def due(self, wire: Wire) -> float:
        """When the next ALIVE is to be sent."""
        return max(min(wire.lastSent, wire.lastHeard), self.asked) + ALIVE_AFTER


@dataclass
class Parting:
    """
    Saying goodbye.

    @ivar left: how many CLOSEs are still to be said.
    """

    timer: IDelayedCall
    left: int


def _build() -> Callable[[Core], Session]:
    machine = TypeMachineBuilder(Session, Core)

    def punch(session: Session, core: Core) -> Asking:
        core.wire.entered(State.PUNCHING)
        core.wire.search()
        return Asking(
            core.clock.callLater(SEARCH_AGAIN[0], session._again),
            core.clock.callLater(PATIENCE, session._impatient),
            SEARCH_AGAIN[1:],
        )

    def confirm(session: Session, core: Core, peer: Address) -> Asking:
        core.wire.lockOn(peer)
        core.wire.entered(State.CONFIRMING)
        # Nothing was sent since the last LAN_SEARCH.
        wait = core.wire.lastSent + ECHO_NOT_BEFORE - core.clock.seconds()
        return Asking(
            core.clock.callLater(max(wait, 0), session._again),
            core.clock.callLater(PATIENCE, session._impatient),
            ECHO_AGAIN,
        )

    def watch(session: Session, core: Core) -> Watching:
        core.wire.bind()
        core.wire.entered(State.CONNECTED)
        return Watching(
            core.clock.callLater(ALIVE_AFTER, session._quiet), core.wire.lastSent
        )

    def part(session: Session, core: Core) -> Parting:
        core.wire.entered(State.CLOSING)
        core.wire.send(Close())
        return Parting(
            core.clock.callLater(CLOSE_AGAIN, session._again), left=CLOSES - 1
        )

    idle = machine.state("Idle")
    punching = machine.state("Punching", punch)
    confirming = machine.state("Confirming", confirm)
    connected = machine.state("Connected", watch)
    closing = machine.state("Closing", part)
    closed = machine.state("Closed")

    idle.upon(Session.start).to(punching).returns(None)

    @idle.upon(Session.stop).to(closed)
    def neverStarted(session: Session, core: Core) -> None:
        core.wire.ended(Reason.STOPPED)

    @idle.upon(Session.noPort).to(closed)
    def portless(session: Session, core: Core) -> None:
        core.wire.ended(Reason.NO_PORT)

    @punching.upon(Session._again).loop()
    def searchAgain(session: Session, core: Core, asking: Asking) -> None:
        asking.again = core.clock.callLater(asking.nextDelay(), session._again)
        core.wire.search()

    @punching.upon(Session.punched).to(confirming)
    def found(session: Session, core: Core, asking: Asking, peer: Address) -> None:
        asking.cancel()

    @punching.upon(Session._impatient).to(closed)
    def noAnswer(session: Session, core: Core, asking: Asking) -> None:
        asking.cancel()
        core.wire.ended(Reason.NO_ANSWER)

    @punching.upon(Session.stop).to(closed)
    def stopSearching(session: Session, core: Core, asking: Asking) -> None:
        asking.cancel()
        core.wire.ended(Reason.STOPPED)

    @confirming.upon(Session._again).loop()
    def echo(session: Session, core: Core, asking: Asking) -> None:
        asking.again = core.clock.callLater(asking.nextDelay(), session._again)
        core.wire.send(PunchPkt(core.deviceId))

    @confirming.upon(Session.tcpOffered).loop()
    def noThanks(session: Session, core: Core, asking: Asking) -> None:
        asking.tcpOffered = True

    @confirming.upon(Session.ready).to(connected)
    def shaken(session: Session, core: Core, asking: Asking) -> None:
        asking.cancel()

    @confirming.upon(Session._impatient).to(closed)
    def noHandshake(session: Session, core: Core, asking: Asking) -> None:
        asking.cancel()
        # The camera may hold a place for us, all its P2P_RDY having got lost.
        core.wire.send(Close())
        core.wire.ended(
            Reason.INSISTS_ON_TCP if asking.tcpOffered else Reason.NO_HANDSHAKE
        )

    @confirming.upon(Session.closed).to(closed)
    def turnedAway(session: Session, core: Core, asking: Asking) -> None:
        asking.cancel()
        core.wire.ended(Reason.CLOSED_BY_CAMERA)

    @confirming.upon(Session.stop).to(closing)
    def changeOfMind(session: Session, core: Core, asking: Asking) -> None:
        asking.cancel()

    @connected.upon(Session.alive).loop()
    def answer(session: Session, core: Core, watching: Watching) -> None:
        core.wire.send(AliveAck())

    @connected.upon(Session._quiet).loop()
    def ask(session: Session, core: Core, watching: Watching) -> None:
        now = core.clock.seconds()
        wait = watching.due(core.wire) - now
        if wait > 0:
            watching.timer = core.clock.callLater(wait, session._quiet)
            return
        if core.wire.lastHeard >= watching.asked:
            watching.unanswered = 0
        watching.asked = now
        watching.unanswered += 1
        if watching.unanswered < UNANSWERED:
            watching.timer = core.clock.callLater(ALIVE_AFTER, session._quiet)
        else:
            watching.timer = core.clock.callLater(ANSWER_WAIT, session._judge)
        core.wire.send(Alive())

    @connected.upon(Session._judge).loop()
    def judge(session: Session, core: Core, watching: Watching) -> None:
        if core.wire.lastHeard >= watching.asked:
            watching.timer = core.clock.callLater(0, session._quiet)
        else:
            session._silent()

    @connected.upon(Session.closed).to(closed)
    def closedByCamera(session: Session, core: Core, watching: Watching) -> None:
        watching.timer.cancel()
        core.wire.ended(Reason.CLOSED_BY_CAMERA)

    @connected.upon(Session.refused).to(closed)
    def gone(session: Session, core: Core, watching: Watching) -> None:
        watching.timer.cancel()
        core.wire.ended(Reason.REFUSED)

    @connected.upon(Session._silent).to(closed)
    def silent(session: Session, core: Core, watching: Watching) -> None:
        # Perhaps it hears us, although we do not hear it.
        core.wire.send(Close())
        core.wire.ended(Reason.SILENT)

    @connected.upon(Session.undelivered).to(closed)
    def deaf(session: Session, core: Core, watching: Watching) -> None:
        watching.timer.cancel()
        core.wire.send(Close())
        quiet = core.clock.seconds() - core.wire.lastHeard
        core.wire.ended(Reason.SILENT if quiet >= GONE_AFTER else Reason.UNDELIVERED)

    @connected.upon(Session.stop).to(closing)
    def sayGoodbye(session: Session, core: Core, watching: Watching) -> None:
        watching.timer.cancel()

    @closing.upon(Session._again).loop()
    def sayItAgain(session: Session, core: Core, parting: Parting) -> None:
        parting.left -= 1
        if parting.left:
            parting.timer = core.clock.callLater(CLOSE_AGAIN, session._again)
        else:
            parting.timer = core.clock.callLater(LINGER, session._impatient)
        core.wire.send(Close())

    @closing.upon(Session.closed).to(closed)
    def goodbyeAnswered(session: Session, core: Core, parting: Parting) -> None:
        parting.timer.cancel()
        core.wire.ended(Reason.STOPPED)

    @closing.upon(Session._impatient).to(closed)
    def goodbyeUnanswered(session: Session, core: Core, parting: Parting) -> None:
        core.wire.ended(Reason.STOPPED)

    @closing.upon(Session.refused).to(closed)
    def nobodyToHear(session: Session, core: Core, parting: Parting) -> None:
        parting.timer.cancel()
        core.wire.ended(Reason.STOPPED)

    # Repeated, early and late ones are normal life.  What cannot be told apart
    # from a stranger's packet never gets here.
    for happening in (Session.alive, Session.aliveAcked):
        confirming.upon(happening).loop().returns(None)
    for happening in (Session.ready, Session.tcpOffered, Session.aliveAcked):
        connected.upon(happening).loop().returns(None)
    for happening in (
        Session.stop,
        Session.undelivered,
        Session.ready,
        Session.tcpOffered,
        Session.alive,
        Session.aliveAcked,
    ):
        closing.upon(happening).loop().returns(None)
    closed.upon(Session.stop).loop().returns(None)

    return machine.build()


SessionMachine = _build()
