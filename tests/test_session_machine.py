"""
The session machine alone: what it sends and when, on a clock and a wire that are
none.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.session.machine import (
    Address,
    Core,
    Reason,
    Session,
    SessionMachine,
    State,
)
from twistedcam.testing import MemoryNetwork
from twistedcam.wire.pppp import Alive, AliveAck, Close, Message, PunchPkt

from .lab import CAMERA, UID

PEER: Address = (CAMERA, 12345)

#: What each input leads to; what is not listed cannot happen.
TABLE = """
Idle        start        Punching
Idle        stop         Closed
Idle        noPort       Closed
Punching    _again       Punching
Punching    punched      Confirming
Punching    _impatient   Closed
Punching    stop         Closed
Confirming  _again       Confirming
Confirming  tcpOffered   Confirming
Confirming  alive        Confirming
Confirming  aliveAcked   Confirming
Confirming  ready        Connected
Confirming  _impatient   Closed
Confirming  closed       Closed
Confirming  stop         Closing
Connected   _quiet       Connected
Connected   _judge       Connected
Connected   alive        Connected
Connected   aliveAcked   Connected
Connected   ready        Connected
Connected   tcpOffered   Connected
Connected   _silent      Closed
Connected   closed       Closed
Connected   refused      Closed
Connected   undelivered  Closed
Connected   stop         Closing
Closing     _again       Closing
Closing     stop         Closing
Closing     undelivered  Closing
Closing     ready        Closing
Closing     tcpOffered   Closing
Closing     alive        Closing
Closing     aliveAcked   Closing
Closing     closed       Closed
Closing     _impatient   Closed
Closing     refused      Closed
Closed      stop         Closed
"""


class FakeWire:
    """
    Notes what the machine wants.

    @ivar done: the time and what was wanted.
    """

    def __init__(self, clock: MemoryNetwork) -> None:
        self.clock = clock
        self.lastSent = self.lastHeard = float("-inf")
        self.done: list[tuple[float, object]] = []
        self.state = State.IDLE
        self.reason: Reason | None = None

    def note(self, what: object) -> None:
        """It happened now."""
        self.done.append((round(self.clock.seconds(), 6), what))

    def search(self) -> None:
        self.lastSent = self.clock.seconds()
        self.note("search")

    def lockOn(self, peer: Address) -> None:
        self.note(("lock on", peer))

    def bind(self) -> None:
        self.note("bind")

    def send(self, message: Message) -> None:
        self.lastSent = self.clock.seconds()
        self.note(message)

    def entered(self, state: State) -> None:
        self.state = state

    def ended(self, reason: Reason) -> None:
        self.state = State.CLOSED
        self.reason = reason
        self.note(reason)


class MachineCase(SynchronousTestCase):
    """
    A machine on a fake wire.
    """

    def setUp(self) -> None:
        self.clock = MemoryNetwork()
        self.wire = FakeWire(self.clock)
        self.session: Session = SessionMachine(Core(self.clock, UID, self.wire))

    def take(self) -> list[tuple[float, object]]:
        """What was done since the last time."""
        done, self.wire.done = self.wire.done, []
        return done

    def times(self, what: object) -> list[float]:
        """When this was done since the last time."""
        return [time for time, done in self.take() if done == what]

    def hear(self, happening: Callable[[], None]) -> None:
        """A packet comes in."""
        self.wire.lastHeard = self.clock.seconds()
        happening()

    def bring(self, state: State) -> float:
        """
        Have the machine in this state; what was done until then is forgotten.

        @return: the time.
        """
        if state is not State.IDLE:
            self.session.start()
        if state in (State.CONFIRMING, State.CONNECTED, State.CLOSING, State.CLOSED):
            self.clock.advance(0.001)
            self.hear(lambda: self.session.punched(PEER))
        if state in (State.CONNECTED, State.CLOSING, State.CLOSED):
            self.clock.advance(0.1)
            self.hear(self.session.ready)
        if state in (State.CLOSING, State.CLOSED):
            self.session.stop()
        if state is State.CLOSED:
            self.session.closed()
        self.assertIs(state, self.wire.state)
        self.take()
        return self.clock.seconds()

    def assertOver(self, reason: Reason) -> None:
        """The session is over, and no timer is left."""
        self.assertIs(State.CLOSED, self.wire.state)
        self.assertIs(reason, self.wire.reason)
        self.assertEqual([], list(self.clock.getDelayedCalls()))


class TableTests(MachineCase):
    """The machine as a whole."""

    def test_table(self) -> None:
        """Its transitions are those of the table."""
        automaton = SessionMachine.__automat_automaton__  # type: ignore[attr-defined]
        actual = sorted(
            (old.name, happening, new.name)
            for old, happening, new, _ in automaton.allTransitions()
        )
        expected = sorted(
            tuple(row.split()) for row in TABLE.splitlines() if row.strip()
        )
        self.assertEqual(expected, actual)

    def test_stopInEveryState(self) -> None:
        """
        It can be stopped in every state; then it ends by itself, and no timer is
        left.
        """
        for state in State:
            self.setUp()
            self.bring(state)
            self.session.stop()
            self.session.stop()
            self.clock.advance(0.251)
            self.assertOver(Reason.STOPPED)
            self.clock.advance(100)
            self.assertLessEqual(len(self.take()), 4)

    def test_everyEnd(self) -> None:
        """Whatever ends it, in whatever state, leaves no timer."""
        for state, end, reason in (
            (State.IDLE, "noPort", Reason.NO_PORT),
            (State.CONFIRMING, "closed", Reason.CLOSED_BY_CAMERA),
            (State.CONNECTED, "closed", Reason.CLOSED_BY_CAMERA),
            (State.CONNECTED, "refused", Reason.REFUSED),
            (State.CONNECTED, "undelivered", Reason.UNDELIVERED),
            (State.CLOSING, "closed", Reason.STOPPED),
            (State.CLOSING, "refused", Reason.STOPPED),
        ):
            self.setUp()
            self.bring(state)
            getattr(self.session, end)()
            self.assertOver(reason)


class PunchingTests(MachineCase):
    """Punching."""

    def test_searches(self) -> None:
        """LAN_SEARCH at 0 and 0.3 s, then each second; the end after five."""
        self.session.start()
        self.clock.advance(4.999)
        self.assertEqual([0, 0.3, 1.3, 2.3, 3.3, 4.3], self.times("search"))
        self.assertIs(State.PUNCHING, self.wire.state)
        self.clock.advance(0.001)
        self.assertEqual([(5, Reason.NO_ANSWER)], self.take())
        self.assertOver(Reason.NO_ANSWER)

    def test_punched(self) -> None:
        """PUNCH_PKT tells the address; no LAN_SEARCH follows."""
        self.session.start()
        self.clock.advance(0.001)
        self.session.punched(PEER)
        self.assertIs(State.CONFIRMING, self.wire.state)
        self.clock.advance(0.05)
        self.assertEqual([(0, "search"), (0.001, ("lock on", PEER))], self.take())
        self.assertEqual(2, len(self.clock.getDelayedCalls()))


class ConfirmingTests(MachineCase):
    """Confirming."""

    def test_echoes(self) -> None:
        """
        The echo 60 ms after the LAN_SEARCH, again after 0.1 s, 0.3 s, then each
        second; the end after five, with a CLOSE for a camera that was not heard.
        """
        began = self.bring(State.CONFIRMING)
        self.assertEqual(0.001, began)
        self.clock.advance(4.999)
        self.assertIs(State.CONFIRMING, self.wire.state)
        self.assertEqual(
            [0.06, 0.16, 0.36, 1.36, 2.36, 3.36, 4.36], self.times(PunchPkt(UID))
        )
        self.clock.advance(0.001)
        self.assertEqual([(5.001, Close()), (5.001, Reason.NO_HANDSHAKE)], self.take())
        self.assertOver(Reason.NO_HANDSHAKE)

    def test_notTooSoon(self) -> None:
        """It is the last LAN_SEARCH that counts, not the one that was answered."""
        self.session.start()
        self.clock.advance(0.301)
        self.session.punched(PEER)
        self.clock.advance(0.1)
        self.assertEqual([0.36], self.times(PunchPkt(UID)))

    def test_atOnce(self) -> None:
        """If the LAN_SEARCH is long ago, the echo does not wait."""
        self.session.start()
        self.clock.advance(0.25)
        self.session.punched(PEER)
        self.clock.advance(0)
        self.assertEqual([0.25], self.times(PunchPkt(UID)))

    def test_ready(self) -> None:
        """P2P_RDY: the port is bound, and no echo follows."""
        self.bring(State.CONFIRMING)
        self.clock.advance(0.07)
        self.take()
        self.hear(self.session.ready)
        self.assertIs(State.CONNECTED, self.wire.state)
        self.clock.advance(0.9)
        self.assertEqual([(0.071, "bind")], self.take())
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_readyBeforeTheEcho(self) -> None:
        """P2P_RDY may come before the echo was sent: then none is."""
        self.bring(State.CONFIRMING)
        self.hear(self.session.ready)
        self.clock.advance(0.9)
        self.assertEqual([(0.001, "bind")], self.take())

    def test_tcp(self) -> None:
        """
        A camera that would rather have TCP is not answered; if there is nothing
        else, that is the reason.
        """
        self.bring(State.CONFIRMING)
        self.clock.advance(0.061)
        for _ in range(51):
            self.session.tcpOffered()
        self.clock.advance(5)
        kinds = {type(what) for _, what in self.take()}
        self.assertEqual({PunchPkt, Close, Reason}, kinds)
        self.assertOver(Reason.INSISTS_ON_TCP)

    def test_tcpFirst(self) -> None:
        """A camera that thinks better of it is welcome."""
        self.bring(State.CONFIRMING)
        self.clock.advance(0.061)
        self.session.tcpOffered()
        self.clock.advance(0.25)
        self.hear(self.session.ready)
        self.assertIs(State.CONNECTED, self.wire.state)

    def test_early(self) -> None:
        """ALIVE and its answer are too early, and harmless."""
        self.bring(State.CONFIRMING)
        self.session.alive()
        self.session.aliveAcked()
        self.assertEqual([], self.take())

    def test_stop(self) -> None:
        """The camera is told, in case it thinks that there is a session."""
        self.bring(State.CONFIRMING)
        self.session.stop()
        self.assertIs(State.CLOSING, self.wire.state)
        self.assertEqual([(0.001, Close())], self.take())
        self.assertEqual(1, len(self.clock.getDelayedCalls()))


class ConnectedTests(MachineCase):
    """Connected."""

    def setUp(self) -> None:
        super().setUp()
        self.began = self.bring(State.CONNECTED)

    def since(self) -> list[tuple[float, object]]:
        """What was done, by the time since the session was up."""
        return [(round(time - self.began, 6), what) for time, what in self.take()]

    def pings(self) -> list[float]:
        """When we asked."""
        return [time for time, what in self.since() if what == Alive()]

    def test_answers(self) -> None:
        """Each ALIVE is answered at once."""
        for _ in range(5):
            self.clock.advance(0.1)
            self.hear(self.session.alive)
        self.assertEqual(
            [(time / 10, AliveAck()) for time in range(1, 6)], self.since()
        )

    def test_asks(self) -> None:
        """An own ALIVE for each second in which nothing was sent."""
        for _ in range(5):
            self.clock.advance(0.5)
            self.hear(self.session.aliveAcked)
            self.clock.advance(0.5)
            self.hear(self.session.aliveAcked)
        # The first second counts from the last echo, 40 ms earlier.
        self.assertEqual([1, 2, 3, 4, 5], [round(time) for time in self.pings()])

    def test_exactly(self) -> None:
        """Not before that second is over."""
        self.clock.advance(0.3)
        self.hear(self.session.alive)
        self.take()
        self.clock.advance(0.9)
        self.hear(self.session.aliveAcked)
        self.clock.advance(0.0999)
        self.assertEqual([], self.since())
        self.clock.advance(0.0002)
        self.assertEqual([(1.3, Alive())], self.since())

    def test_busy(self) -> None:
        """None is needed while something is sent, and heard, all the time."""
        for _ in range(100):
            self.clock.advance(0.1)
            self.hear(self.session.alive)
        self.assertEqual({AliveAck()}, {what for _, what in self.since()})

    def test_silence(self) -> None:
        """
        Nothing heard: seven ALIVEs, the first after a second, the end half a
        second after the seventh, with a CLOSE in case that it hears us.
        """
        self.clock.advance(7.499)
        self.assertIs(State.CONNECTED, self.wire.state)
        self.assertEqual([1, 2, 3, 4, 5, 6, 7], self.pings())
        self.clock.advance(0.002)
        self.assertEqual([(7.5, Close()), (7.5, Reason.SILENT)], self.since())
        self.assertOver(Reason.SILENT)

    def test_undelivered(self) -> None:
        """A camera that lives, but takes nothing, is parted from."""
        self.session.undelivered()
        self.assertEqual([(0, Close()), (0, Reason.UNDELIVERED)], self.since())
        self.assertOver(Reason.UNDELIVERED)

    def test_undeliveredSinceGone(self) -> None:
        """One that was not heard for as long takes nothing because it is gone."""
        self.clock.advance(5)
        self.since()
        self.session.undelivered()
        self.assertEqual([(5, Close()), (5, Reason.SILENT)], self.since())
        self.assertOver(Reason.SILENT)

    def test_silenceWhileSending(self) -> None:
        """The same if we send all the time, but hear nothing."""
        for _ in range(749):
            self.clock.advance(0.01)
            self.wire.lastSent = self.clock.seconds()
        self.assertIs(State.CONNECTED, self.wire.state)
        self.assertEqual(7, len(self.pings()))
        self.clock.advance(0.02)
        self.assertOver(Reason.SILENT)

    def test_talkative(self) -> None:
        """A camera that talks all the time is alive, also if it never answers."""
        for _ in range(1000):
            self.clock.advance(0.1)
            self.hear(self.session.aliveAcked)
        self.assertIs(State.CONNECTED, self.wire.state)
        self.assertEqual(list(range(1, 100)), [int(time) for time in self.pings()])

    def test_lastChance(self) -> None:
        """An answer to the seventh ALIVE is early enough, and all counts anew."""
        for _ in range(3):
            self.clock.advance(self.began + 7.3 - self.clock.seconds())
            self.assertEqual(7, len(self.pings()))
            self.hear(self.session.aliveAcked)
            self.began += 7
        self.clock.advance(7.1)
        self.assertIs(State.CONNECTED, self.wire.state)
        self.clock.advance(0.2)
        self.assertOver(Reason.SILENT)

    def test_anySign(self) -> None:
        """Any sign of life will do, if there is one in six and a half seconds."""
        for _ in range(100):
            self.clock.advance(6.49)
            self.hear(self.session.ready)
        self.assertIs(State.CONNECTED, self.wire.state)

    def test_repeats(self) -> None:
        """P2P_RDY and TRY_LAN_TCP again, and answers to ALIVE, change nothing."""
        for happening in (
            self.session.ready,
            self.session.tcpOffered,
            self.session.aliveAcked,
        ):
            self.hear(happening)
        self.assertEqual([], self.since())
        self.assertIs(State.CONNECTED, self.wire.state)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))


class ClosingTests(MachineCase):
    """Closing."""

    def setUp(self) -> None:
        super().setUp()
        self.began = self.bring(State.CONNECTED)
        self.session.stop()

    def since(self) -> list[tuple[float, object]]:
        """What was done, by the time since the goodbye."""
        return [(round(time - self.began, 6), what) for time, what in self.take()]

    def test_goodbye(self) -> None:
        """CLOSE three times, 50 ms apart; 150 ms later it is over."""
        self.clock.advance(0.249)
        self.assertEqual([(0, Close()), (0.05, Close()), (0.1, Close())], self.since())
        self.assertIs(State.CLOSING, self.wire.state)
        self.clock.advance(0.002)
        self.assertEqual([(0.25, Reason.STOPPED)], self.since())
        self.assertOver(Reason.STOPPED)

    def test_answered(self) -> None:
        """An answer ends it, before or after the last CLOSE."""
        for seconds, closes in ((0.02, 1), (0.07, 2), (0.2, 3)):
            self.setUp()
            self.clock.advance(seconds)
            self.session.closed()
            self.assertOver(Reason.STOPPED)
            self.clock.advance(1)
            self.assertEqual(closes, len(self.times(Close())))

    def test_deafToTheRest(self) -> None:
        """What else comes is not answered."""
        for happening in (
            self.session.alive,
            self.session.aliveAcked,
            self.session.ready,
            self.session.tcpOffered,
            self.session.stop,
        ):
            self.hear(happening)
        self.assertEqual([(0, Close())], self.since())
        self.assertIs(State.CLOSING, self.wire.state)
