"""Tests for L{twistedcam.testing}."""

from __future__ import annotations

import gc
from collections.abc import Callable
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EBADF, EINVAL, ENETUNREACH
from ipaddress import IPv4Interface
from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import (
    CannotListenError,
    InvalidAddressError,
    MessageLengthError,
)
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IReactorTime,
    IReactorUDP,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock, LoopingCall, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from twistedcam import testing
from twistedcam.testing import Address, Datagram, MemoryHost, MemoryNetwork

LIMITED = "255.255.255.255"

# What each of some timers does to the first pending one, and all their delays.
PLANS = st.lists(
    st.sampled_from(["reset", "delay", "cancel", "callLater"]), max_size=10
).flatmap(
    lambda actions: st.tuples(
        st.just(actions), st.permutations(range(2 * len(actions)))
    )
)


class Recorder(DatagramProtocol):
    """Notes what happens to it."""

    noisy = False
    transport: IUDPTransport

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Address]] = []
        self.refusals = 0
        self.events: list[str] = []

    def startProtocol(self) -> None:
        self.events.append("start")

    def stopProtocol(self) -> None:
        self.events.append("stop")

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        self.received.append((datagram, addr))

    def connectionRefused(self) -> None:
        self.refusals += 1

    @property
    def payloads(self) -> list[bytes]:
        return [datagram for datagram, _ in self.received]

    def send(self, host: str, port: int = 5000, payload: bytes = b"x") -> None:
        self.transport.write(payload, (host, port))


def listen(host: MemoryHost, port: int = 5000, interface: str = "") -> Recorder:
    """A L{Recorder} at work, allowed to broadcast."""
    recorder = Recorder()
    host.listenUDP(port, recorder, interface).setBroadcastAllowed(True)
    return recorder


class NetworkTestCase(SynchronousTestCase):
    """A camera at 192.0.2.7, a PC at 192.0.2.10, in one domain."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.camera = self.network.host("camera", "192.0.2.7/24")
        self.pc = self.network.host("pc", "192.0.2.10/24")

    def heard(self, *recorders: Recorder) -> list[list[bytes]]:
        """What each recorder has heard after a second."""
        self.network.advance(1)
        return [recorder.payloads for recorder in recorders]

    def assertErrno(
        self, code: int, function: Callable[..., object], *args: object
    ) -> None:
        """The call fails with this C{errno}."""
        self.assertEqual(self.assertRaises(OSError, function, *args).errno, code)

    def assertNoListen(self, code: int, port: int, interface: str = "") -> None:
        """The PC cannot listen, because of this C{errno}."""
        error = self.assertRaises(
            CannotListenError, self.pc.listenUDP, port, Recorder(), interface
        )
        self.assertEqual(error.socketError.errno, code)
        self.assertEqual((error.interface, error.port), (interface, port))


class InterfaceTests(NetworkTestCase):
    """What is provided."""

    def test_network(self) -> None:
        """A network provides L{IReactorTime}."""
        self.assertTrue(verifyObject(IReactorTime, self.network))

    def test_host(self) -> None:
        """A host provides L{IReactorTime} and L{IReactorUDP}."""
        self.assertTrue(verifyObject(IReactorTime, self.pc))
        self.assertTrue(verifyObject(IReactorUDP, self.pc))

    def test_port(self) -> None:
        """A port provides L{IListeningPort} and L{IUDPTransport}."""
        port = self.pc.listenUDP(0, Recorder())
        self.assertTrue(verifyObject(IListeningPort, port))
        self.assertTrue(verifyObject(IUDPTransport, port))

    def test_hostKeepsNetworkTime(self) -> None:
        """A host's time and timers are those of the network."""
        call = self.pc.callLater(2, lambda **kw: None, key=1)
        self.assertEqual(self.network.getDelayedCalls(), [call])
        self.network.advance(1.5)
        self.assertEqual(self.pc.seconds(), 1.5)
        self.assertEqual(self.camera.getDelayedCalls(), [call])


class TimeTests(SynchronousTestCase):
    """L{MemoryNetwork} as a clock."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.fired: list[float] = []

    def fire(self) -> None:
        self.fired.append(self.network.seconds())

    def test_timersSeeTheirOwnTime(self) -> None:
        """In one long step each timer runs at its due time, chained ones too."""

        def again() -> None:
            self.fire()
            self.network.callLater(10, again)

        self.network.callLater(10, again)
        self.network.advance(35)
        self.assertEqual(self.fired, [10, 20, 30])
        self.assertEqual(self.network.seconds(), 35)

    def test_loopingCall(self) -> None:
        """A L{LoopingCall} runs each time, as if time had not leapt."""
        loop = LoopingCall(self.fire)
        loop.clock = self.network
        loop.start(1)
        self.network.advance(3)
        loop.stop()
        self.assertEqual(self.fired, [0, 1, 2, 3])

    def test_callNow(self) -> None:
        """What a timer schedules for now runs in the same step."""
        self.network.callLater(0, self.network.callLater, 0, self.fire)
        self.network.advance(0)
        self.assertEqual(self.fired, [0])

    def test_pump(self) -> None:
        """C{pump} advances step by step, as that of L{Clock}."""
        self.network.callLater(1, self.fire)
        self.network.pump([0.5] * 3)
        self.assertEqual((self.fired, self.network.seconds()), ([1], 1.5))

    def test_cancel(self) -> None:
        """A cancelled timer never runs."""
        self.network.callLater(1, self.fire).cancel()
        self.assertEqual(self.network.getDelayedCalls(), [])
        self.network.advance(2)
        self.assertEqual(self.fired, [])

    def test_resetSeveralTimes(self) -> None:
        """A timer put off, brought forward and put off again runs once."""
        call = self.network.callLater(5, self.fire)
        call.delay(5)
        call.reset(3)
        call.reset(5.5)
        self.network.advance(20)
        self.assertEqual(self.fired, [5.5])

    def test_delayedCallsSorted(self) -> None:
        """The pending timers come in the order they will run."""
        late = self.network.callLater(1, self.fire)
        soon = self.network.callLater(2, self.fire)
        late.delay(2)
        self.assertEqual(self.network.getDelayedCalls(), [soon, late])

    def test_exception(self) -> None:
        """A timer's exception comes out with the clock at that instant."""
        self.network.callLater(1, lambda: 1 // 0)
        self.network.callLater(2, self.fire)
        self.assertRaises(ZeroDivisionError, self.network.advance, 10)
        self.assertEqual(self.network.seconds(), 1)
        self.network.advance(10)
        self.assertEqual((self.fired, self.network.seconds()), ([2], 11))

    def test_nested(self) -> None:
        """Advancing from within a timer never turns time back."""
        self.network.callLater(1, self.network.advance, 5)
        self.network.callLater(2, self.fire)
        self.network.callLater(6.5, self.fire)
        self.network.advance(3)
        self.assertEqual((self.fired, self.network.seconds()), ([2], 6))

    @given(PLANS)
    def test_likeClock(self, plan: tuple[list[str], list[int]]) -> None:
        """
        Timers that meddle with each other run as on a L{Clock} which is taken
        from each due time to the next.
        """
        actions, exponents = plan
        # Sums of different powers of two: exact, and no two timers ever tie.
        amounts = [2.0**exponent for exponent in exponents]

        def run(clock: Clock, advance: Callable[[], object]) -> list[tuple[str, float]]:
            ran: list[tuple[str, float]] = []
            calls: list[IDelayedCall] = []

            def act(action: str, amount: float) -> None:
                ran.append((action, clock.seconds()))
                if action == "callLater":
                    calls.append(clock.callLater(amount, act, "last", 0))
                for call in calls:
                    if call.active() and action in ("reset", "delay"):
                        getattr(call, action)(amount)
                        break
                    if call.active() and action == "cancel":
                        call.cancel()
                        break

            for action in actions:
                delay, amount = amounts[len(calls) * 2 :][:2]
                calls.append(clock.callLater(delay, act, action, amount))
            advance()
            return ran

        def leap() -> None:
            for call in iter(lambda: (*clock.getDelayedCalls(), None)[0], None):
                clock.advance(call.getTime() - clock.seconds())

        clock, network = Clock(), MemoryNetwork()
        expected = run(clock, leap)
        self.assertEqual(run(network, lambda: network.advance(2.0**40)), expected)


class UnicastTests(NetworkTestCase):
    """Datagrams from one host to another."""

    def test_arrives(self) -> None:
        """A datagram arrives after the latency, with its sender's address."""
        camera, pc = listen(self.camera), listen(self.pc)
        pc.send("192.0.2.7")
        self.assertEqual(camera.received, [])
        self.network.advance(self.network.latency)
        self.assertEqual(camera.received, [(b"x", ("192.0.2.10", 5000))])
        camera.send("192.0.2.10", payload=b"")
        self.assertEqual(self.heard(pc), [[b""]])

    def test_inFlightIsNoTimer(self) -> None:
        """A datagram in flight does not look like a timer left behind."""
        listen(self.pc).send("192.0.2.7")
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_copied(self) -> None:
        """A mutable buffer may be used again once it is written."""
        camera, pc = listen(self.camera), listen(self.pc)
        buffer = bytearray(b"abc")
        pc.send("192.0.2.7", payload=buffer)  # type: ignore[arg-type]
        buffer[:] = b"xyz"
        self.assertEqual(self.heard(camera), [[b"abc"]])

    def test_specific(self) -> None:
        """A port bound to the address hears its unicast."""
        camera, pc = listen(self.camera, interface="192.0.2.7"), listen(self.pc)
        pc.send("192.0.2.7")
        self.assertEqual(self.heard(camera), [[b"x"]])

    def test_closedPort(self) -> None:
        """An unconnected port hears nothing of a datagram to a closed port."""
        pc = listen(self.pc)
        pc.send("192.0.2.7", 9)
        self.assertEqual(self.heard(pc), [[]])
        self.assertEqual(pc.refusals, 0)

    def test_nobody(self) -> None:
        """What goes to an address that nobody has is lost."""
        listen(self.pc).send("192.0.2.99")
        self.network.advance(1)
        self.assertEqual(self.network.captured[-1].receivers, ())

    def test_otherSubnet(self) -> None:
        """Without a default route a foreign subnet is unreachable."""
        pc = listen(self.pc)
        self.assertErrno(ENETUNREACH, pc.send, "198.51.100.1")
        self.assertEqual(list(self.network.captured), [])

    def test_otherSubnetByDefaultRoute(self) -> None:
        """With one it is lost, even if a host in the domain has the address."""
        routed = self.network.host("routed", "192.0.2.11/24", defaultRoute=True)
        other = listen(self.network.host("other", "198.51.100.1/24"))
        listen(routed).send("198.51.100.1")
        self.assertEqual(self.heard(other), [[]])
        self.assertEqual(self.network.captured[-1].source, ("192.0.2.11", 5000))

    def test_domains(self) -> None:
        """Hosts of different domains do not hear each other."""
        stranger = listen(self.network.host("x", "192.0.2.8/24", domain="cellar"))
        listen(self.pc).send("192.0.2.8")
        listen(self.camera, interface="192.0.2.7").send(LIMITED)
        stranger.send("192.0.2.10")
        stranger.send("192.0.2.255")
        self.assertEqual(self.heard(stranger), [[b"x"]])  # its own broadcast

    def test_twoDomains(self) -> None:
        """A host in two domains answers each from its address there."""
        both = self.network.host(
            "both", "192.0.2.8/24", ("198.51.100.8/24", "cellar"), domain="lan"
        )
        deep = self.network.host("deep", "198.51.100.9/24", domain="cellar")
        here, there, middle = listen(self.pc), listen(deep), listen(both)
        middle.send("192.0.2.10")
        middle.send("198.51.100.9")
        self.network.advance(1)
        self.assertEqual(here.received, [(b"x", ("192.0.2.8", 5000))])
        self.assertEqual(there.received, [(b"x", ("198.51.100.8", 5000))])

    def test_maxPacketSize(self) -> None:
        """Longer datagrams are cut, as by C{recvfrom}."""
        camera = Recorder()
        self.camera.listenUDP(5000, camera, maxPacketSize=4)
        listen(self.pc).send("192.0.2.7", payload=b"123456")
        self.assertEqual(self.heard(camera), [[b"1234"]])

    def test_tooLong(self) -> None:
        """What exceeds an IP packet cannot be written."""
        pc = listen(self.pc)
        pc.send("192.0.2.7", payload=b"x" * 65507)
        with self.assertRaises(MessageLengthError):
            pc.send("192.0.2.7", payload=b"x" * 65508)

    def test_invalidAddress(self) -> None:
        """Host names and IPv6 addresses are refused."""
        pc = listen(self.pc)
        for host in ("camera.example", "", "2001:db8::1"):
            self.assertRaises(InvalidAddressError, pc.send, host)

    def test_portZero(self) -> None:
        """Nothing can be sent to port 0."""
        self.assertErrno(EINVAL, listen(self.pc).send, "192.0.2.7", 0)

    def test_protocolFails(self) -> None:
        """A protocol's exception is logged and the port works on."""

        class Broken(Recorder):
            def datagramReceived(self, datagram: bytes, addr: Address) -> None:
                super().datagramReceived(datagram, addr)
                raise ZeroDivisionError

        camera, pc = Broken(), listen(self.pc)
        self.camera.listenUDP(5000, camera)
        pc.send("192.0.2.7")
        pc.send("192.0.2.7")
        self.assertEqual(self.heard(camera), [[b"x", b"x"]])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class LoopbackTests(NetworkTestCase):
    """Datagrams from a host to itself."""

    def test_loopback(self) -> None:
        """127.0.0.1 reaches ports bound to all or to it, on this host only."""
        every, one = listen(self.pc), listen(self.pc, 5001, "127.0.0.1")
        other = listen(self.camera)
        every.send("127.0.0.1", 5001)
        one.send("127.0.0.1", 5000)
        self.assertEqual(self.heard(every, one, other), [[b"x"], [b"x"], []])
        self.assertEqual(one.received[0][1], ("127.0.0.1", 5000))

    def test_otherLoopbackAddress(self) -> None:
        """A port bound to 127.0.0.2 hears just what is sent there."""
        port = listen(self.pc, interface="127.0.0.2")
        sender = listen(self.pc, 0)
        sender.send("127.0.0.1")
        sender.send("127.0.0.2", payload=b"y")
        self.assertEqual(self.heard(port), [[b"y"]])

    def test_ownAddress(self) -> None:
        """A host reaches itself by its own address."""
        one, two = listen(self.pc), listen(self.pc, 5001, "192.0.2.10")
        one.send("192.0.2.10", 5001)
        two.send("127.0.0.1", 5000)
        self.network.advance(1)
        self.assertEqual(two.received, [(b"x", ("192.0.2.10", 5000))])
        self.assertEqual(one.received, [(b"x", ("192.0.2.10", 5001))])

    def test_loopbackBroadcast(self) -> None:
        """127.255.255.255 reaches ports bound to all or to it."""
        every = listen(self.pc, 5000)
        itself = listen(self.pc, 5001, "127.255.255.255")
        one = listen(self.pc, 5002, "127.0.0.1")
        for port in (5000, 5001, 5002):
            every.send("127.255.255.255", port)
        one.send(LIMITED, 5000, b"y")
        self.assertEqual(self.heard(every, itself, one), [[b"x", b"y"], [b"x"], []])
        itself.send("127.0.0.1")
        self.network.advance(1)
        self.assertEqual(every.received[-1][1], ("127.0.0.1", 5001))

    def test_doesNotLeave(self) -> None:
        """A port bound to loopback cannot send to the LAN."""
        port = listen(self.pc, interface="127.0.0.1")
        self.assertErrno(EINVAL, port.send, "192.0.2.7")


class BroadcastTests(NetworkTestCase):
    """Broadcasts."""

    def test_notAllowed(self) -> None:
        """A port may not broadcast until it is allowed to."""
        pc = Recorder()
        port = self.pc.listenUDP(0, pc, "192.0.2.10")
        self.assertFalse(port.getBroadcastAllowed())
        for address in ("192.0.2.255", LIMITED, "127.255.255.255"):
            self.assertErrno(EACCES, pc.send, address)
            self.assertErrno(EACCES, port.connect, address, 5000)
        port.setBroadcastAllowed(True)
        self.assertTrue(port.getBroadcastAllowed())
        pc.send("192.0.2.255")

    def test_subnet(self) -> None:
        """A subnet's broadcast reaches all its hosts, the sending port included."""
        camera, pc = listen(self.camera), listen(self.pc)
        other = listen(self.network.host("other", "198.51.100.1/24"))
        pc.send("192.0.2.255")
        self.assertEqual(self.heard(camera, pc, other), [[b"x"], [b"x"], []])
        self.assertEqual(camera.received[0][1], ("192.0.2.10", 5000))
        self.assertEqual(self.network.captured[-1].receivers, ("camera", "pc"))

    def test_limited(self) -> None:
        """255.255.255.255 reaches every host in the domain, on any subnet."""
        camera, pc = listen(self.camera), listen(self.pc, interface="192.0.2.10")
        other = listen(self.network.host("other", "198.51.100.1/24"))
        pc.send(LIMITED)
        pc.send("<broadcast>")
        self.assertEqual(self.heard(camera, other), [[b"x", b"x"], [b"x", b"x"]])
        self.assertEqual(self.network.captured[-1].destination, (LIMITED, 5000))

    def test_boundPortsAreDeaf(self) -> None:
        """A port bound to a unicast address hears no broadcast, its own neither."""
        camera = listen(self.camera, interface="192.0.2.7")
        pc = listen(self.pc, interface="192.0.2.10")
        pc.send("192.0.2.255")
        pc.send(LIMITED)
        self.assertEqual(self.heard(camera, pc), [[], []])

    def test_boundToBroadcast(self) -> None:
        """A port bound to a broadcast address hears just that one."""
        camera = listen(self.camera, interface="192.0.2.255")
        pc = listen(self.pc, interface="192.0.2.10")
        pc.send("192.0.2.255", payload=b"subnet")
        pc.send(LIMITED)
        pc.send("192.0.2.7")
        self.assertEqual(self.heard(camera), [[b"subnet"]])
        camera.send("192.0.2.10")
        self.network.advance(1)
        self.assertEqual(pc.received, [(b"x", ("192.0.2.7", 5000))])

    def test_limitedNeedsRoute(self) -> None:
        """From a port bound to all, 255.255.255.255 needs a default route."""
        camera, pc = listen(self.camera), listen(self.pc)
        self.assertErrno(ENETUNREACH, pc.send, LIMITED)
        routed = self.network.host(
            "routed", "192.0.2.11/24", ("198.51.100.1/24", "dmz"), defaultRoute=True
        )
        far = listen(self.network.host("far", "198.51.100.2/24", domain="dmz"))
        listen(routed).send(LIMITED)
        self.assertEqual(self.heard(camera, far), [[b"x"], []])
        self.assertEqual(camera.received[0][1], ("192.0.2.11", 5000))

    def test_closedPortDoesNotRefuse(self) -> None:
        """A broadcast to closed ports is not refused."""
        pc = listen(self.pc)
        pc.transport.connect("192.0.2.255", 9)
        pc.transport.write(b"x", None)
        self.network.advance(1)
        self.assertEqual(pc.refusals, 0)

    def test_noBroadcastInTinySubnets(self) -> None:
        """In a /31 the last address is a host like any other."""
        one = Recorder()
        host = self.network.host("one", "203.0.113.0/31")
        host.listenUDP(5000, one)
        two = listen(self.network.host("two", "203.0.113.1/31"))
        one.send("203.0.113.1")
        self.assertEqual(self.heard(one, two), [[], [b"x"]])


class PortTests(NetworkTestCase):
    """Opening, connecting and closing ports."""

    def test_start(self) -> None:
        """Listening gives the protocol its transport and starts it."""
        pc = Recorder()
        port = self.pc.listenUDP(5000, pc)
        self.assertIs(pc.transport, port)
        self.assertEqual(pc.events, ["start"])
        self.assertEqual(self.pc.ports, [port])
        self.assertIn("pc", repr(port))

    def test_getHost(self) -> None:
        """A port knows its address, 0.0.0.0 if bound to all."""
        for interface, host in [("", "0.0.0.0"), ("192.0.2.10", "192.0.2.10")]:
            address = self.pc.listenUDP(0, Recorder(), interface).getHost()
            self.assertEqual((address.type, address.host), ("UDP", host))

    def test_ephemeral(self) -> None:
        """Port 0 is a new number each time, skipping those in use."""
        first = self.pc.listenUDP(0, Recorder())
        number = first.getHost().port
        listen(self.pc, number + 1)
        self.successResultOfLater(first.stopListening())
        second = self.pc.listenUDP(0, Recorder())
        self.assertEqual(second.getHost().port, number + 2)

    def successResultOfLater(self, stopped: Deferred[None] | None) -> None:
        """The Deferred has not fired, but does on the next turn."""
        assert stopped is not None
        self.assertNoResult(stopped)
        self.network.advance(0)
        self.successResultOf(stopped)

    def test_ephemeralWrapsAround(self) -> None:
        """Numbers come again after all others, and may run out."""
        self.patch(testing, "EPHEMERAL", range(50000, 50003))
        host = self.network.host("small", "192.0.2.8/24")
        ports = [host.listenUDP(0, Recorder()) for _ in range(3)]
        self.assertEqual([p.getHost().port for p in ports], [50000, 50001, 50002])
        self.assertRaises(CannotListenError, host.listenUDP, 0, Recorder())
        self.successResultOfLater(ports[1].stopListening())
        self.assertEqual(host.listenUDP(0, Recorder()).getHost().port, 50001)

    def test_inUse(self) -> None:
        """A port bound to all conflicts with any other of that number."""
        listen(self.pc, 5000)
        listen(self.pc, 5001, "192.0.2.10")
        for port, interface in [
            (5000, ""),
            (5000, "192.0.2.10"),
            (5000, "127.0.0.1"),
            (5001, ""),
            (5001, "192.0.2.10"),
        ]:
            self.assertNoListen(EADDRINUSE, port, interface)
        listen(self.pc, 5001, "127.0.0.1")
        listen(self.camera, 5000)
        self.assertRaises(
            CannotListenError, self.pc.listenUDP, 5000, Recorder(), "0.0.0.0"
        )

    def test_foreignAddress(self) -> None:
        """Only addresses of the host can be bound."""
        for interface in ("192.0.2.7", "198.51.100.255", "::1"):
            self.assertNoListen(EADDRNOTAVAIL, 0, interface)
        self.assertRaises(
            InvalidAddressError, self.pc.listenUDP, 0, Recorder(), "localhost"
        )
        self.assertEqual(self.pc.ports, [])

    def test_stop(self) -> None:
        """Stopping ends on the next turn of the clock; nothing is heard after."""
        pc = listen(self.pc)
        listen(self.camera).send("192.0.2.10")
        [port] = self.pc.ports
        stopped = port.stopListening()
        self.assertEqual((pc.events, self.pc.ports), (["start"], [port]))
        self.successResultOfLater(stopped)
        self.assertEqual((pc.events, self.pc.ports), (["start", "stop"], []))
        self.assertIsNone(pc.transport)
        self.assertEqual(self.heard(pc), [[]])
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_stopTwice(self) -> None:
        """Who stops a port again waits for the same end, or not at all."""
        port = self.pc.listenUDP(5000, Recorder())
        first, second = port.stopListening(), port.stopListening()
        assert first is not None
        self.successResultOfLater(second)
        self.successResultOf(first)
        self.assertIsNone(port.stopListening())

    def test_restart(self) -> None:
        """A stopped port can start again."""
        pc = Recorder()
        port = self.pc.listenUDP(5000, pc)
        self.successResultOfLater(port.stopListening())
        port.startListening()
        listen(self.camera).send("192.0.2.10")
        self.assertEqual(self.heard(pc), [[b"x"]])
        self.assertEqual(pc.events, ["start", "stop", "start"])

    def test_writeWhileStopping(self) -> None:
        """Until it is closed a stopping port still sends but does not hear."""
        camera, pc = listen(self.camera), listen(self.pc)
        self.network.latency = 0
        camera.send("192.0.2.10")
        self.pc.ports[0].stopListening()
        pc.send("192.0.2.7")
        self.assertEqual(self.heard(camera, pc), [[b"x"], []])

    def test_writeAfterStop(self) -> None:
        """Writing to a closed port is an C{OSError}."""
        port = self.pc.listenUDP(5000, Recorder())
        self.successResultOfLater(port.stopListening())
        self.assertErrno(EBADF, port.write, b"x", ("192.0.2.7", 5000))
        self.assertEqual(list(self.network.captured), [])

    def test_connect(self) -> None:
        """A connected port needs no address and hears only its peer."""
        camera, pc = listen(self.camera), listen(self.pc)
        other = listen(self.camera, 5001)
        pc.transport.connect("192.0.2.7", 5000)
        self.assertEqual(self.pc.ports[0].getHost().host, "192.0.2.10")
        pc.transport.write(b"one", None)
        pc.transport.write(b"two", ("192.0.2.7", 5000))
        other.send("192.0.2.10")
        self.assertEqual(self.heard(camera, other, pc), [[b"one", b"two"], [], []])
        camera.send("192.0.2.255")
        camera.send("192.0.2.10", payload=b"y")
        self.assertEqual(self.heard(pc), [[b"y"]])

    def test_connectOnce(self) -> None:
        """A port connects once, to an IP address, and writes only there."""
        pc = listen(self.pc)
        self.assertRaises(InvalidAddressError, pc.transport.connect, "camera", 1)
        self.assertErrno(ENETUNREACH, pc.transport.connect, "198.51.100.1", 1)
        self.assertRaises(AssertionError, pc.transport.write, b"x", None)
        pc.transport.connect("192.0.2.7", 5000)
        self.assertRaises(RuntimeError, pc.transport.connect, "192.0.2.7", 5000)
        self.assertRaises(AssertionError, pc.send, "192.0.2.7", 5001)

    def refusals(self, address: str = "192.0.2.7") -> int:
        """How often a connected port is refused that wrote to a closed one."""
        pc = listen(self.pc)
        pc.transport.connect(address, 5001)
        pc.transport.write(b"x", None)
        self.network.advance(1.5 * self.network.latency)
        self.assertEqual(pc.refusals, 0)
        self.network.advance(self.network.latency)
        return pc.refusals

    def test_refused(self) -> None:
        """A closed port refuses a connected one, a round trip later."""
        self.assertEqual(self.refusals(), 1)

    def test_refusedByItself(self) -> None:
        """So it does on loopback."""
        self.assertEqual(self.refusals("127.0.0.1"), 1)

    def test_refusedByConnected(self) -> None:
        """A port connected to somebody else is as good as closed."""
        listen(self.camera, 5001).transport.connect("192.0.2.99", 1)
        self.assertEqual(self.refusals(), 1)

    def test_notRefusedByStopping(self) -> None:
        """A stopped port not yet closed does not refuse."""
        self.network.latency = 0
        listen(self.camera)
        pc = listen(self.pc)
        pc.transport.connect("192.0.2.7", 5000)
        pc.transport.write(b"x", None)
        self.camera.ports[0].stopListening()
        self.network.advance(1)
        self.assertEqual((pc.refusals, self.camera.ports), (0, []))

    def test_notRefusedByNobody(self) -> None:
        """An address that nobody has refuses nothing."""
        self.assertEqual(self.refusals("192.0.2.99"), 0)

    def test_notRefusedThroughUnplugged(self) -> None:
        """A refusal travels the same cables."""
        self.camera.callLater(1.2 * self.network.latency, self.camera.unplug)
        self.assertEqual(self.refusals(), 0)

    def test_refusalCloses(self) -> None:
        """If so wished a refusal closes the port, as with the epoll reactor."""
        self.network.refusalCloses = True
        pc = Recorder()
        port = self.pc.listenUDP(0, pc)
        port.connect("192.0.2.7", 9)
        port.write(b"one", None)
        port.write(b"two", None)
        self.network.advance(1)
        self.assertEqual((pc.events, pc.refusals), (["start", "stop"], 0))
        self.assertIsNone(port.stopListening())
        self.assertEqual(self.pc.ports, [])

    def test_refusedFails(self) -> None:
        """An exception in C{connectionRefused} is logged."""

        class Broken(Recorder):
            def connectionRefused(self) -> None:
                raise ZeroDivisionError

        pc = Broken()
        self.pc.listenUDP(0, pc).connect("192.0.2.7", 9)
        pc.transport.write(b"x", None)
        self.network.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class HostTests(NetworkTestCase):
    """Hosts, their addresses and cables."""

    def test_interfaces(self) -> None:
        """The interfaces come in the order given, without loopback."""
        host = self.network.host("x", "192.0.2.8/24", ("198.51.100.8/25", "dmz"))
        self.assertEqual(
            host.interfaces(),
            [IPv4Interface("192.0.2.8/24"), IPv4Interface("198.51.100.8/25")],
        )
        self.assertIs(self.network.hosts["x"], host)

    def test_noInterface(self) -> None:
        """A host without addresses has only its loopback."""
        host = self.network.host("x", defaultRoute=True)
        port = listen(host)
        self.assertErrno(ENETUNREACH, port.send, LIMITED)
        port.send("127.0.0.1")
        self.assertEqual(self.heard(port), [[b"x"]])

    def test_taken(self) -> None:
        """Names, and addresses in a domain, are unique."""
        self.assertRaises(ValueError, self.network.host, "pc", "192.0.2.8/24")
        self.assertRaises(ValueError, self.network.host, "x", "192.0.2.7/25")
        self.assertRaises(ValueError, self.network.host, "x", "192.0.2.300/24")
        self.network.host("x", "192.0.2.7/24", domain="dmz")
        self.assertRaises(
            ValueError, self.camera.readdress, "192.0.2.7/24", "192.0.2.10/24"
        )
        self.assertEqual(list(self.network.hosts), ["camera", "pc", "x"])

    def test_newHost(self) -> None:
        """A host that joins is heard at once."""
        pc = listen(self.pc)
        pc.send("192.0.2.8")
        late = listen(self.network.host("late", "192.0.2.8/24"))
        pc.send("192.0.2.8", payload=b"y")
        self.assertEqual(self.heard(late), [[b"y"]])

    def test_readdress(self) -> None:
        """Ports bound to the old address go deaf, those bound to all do not."""
        every = listen(self.camera)
        one = listen(self.camera, 5001, "192.0.2.7")
        pc = listen(self.pc)
        pc.send("192.0.2.7", payload=b"underway")
        self.camera.readdress("192.0.2.7/24", "192.0.2.9/24")
        self.assertEqual(self.camera.interfaces(), [IPv4Interface("192.0.2.9/24")])
        for address in ("192.0.2.7", "192.0.2.9"):
            pc.send(address, 5000, address.encode())
            pc.send(address, 5001, address.encode())
        self.assertEqual(self.heard(every, one), [[b"192.0.2.9"], []])
        self.assertErrno(EINVAL, one.send, "192.0.2.10")
        self.assertNoListen(EADDRNOTAVAIL, 0, "192.0.2.7")
        every.send("192.0.2.10")
        self.network.advance(1)
        self.assertEqual(pc.received, [(b"x", ("192.0.2.9", 5000))])

    def test_readdressUnknown(self) -> None:
        """Only an address of the host can change."""
        self.assertRaises(
            ValueError, self.camera.readdress, "192.0.2.8/24", "192.0.2.9/24"
        )

    def test_unplugged(self) -> None:
        """An unplugged host hears nobody, reaches itself, and cannot write."""
        camera, pc = listen(self.camera), listen(self.pc)
        self.camera.unplug()
        pc.send("192.0.2.7")
        self.assertErrno(ENETUNREACH, camera.send, "192.0.2.10")
        self.assertErrno(ENETUNREACH, camera.send, "192.0.2.255")
        camera.send("127.0.0.1", payload=b"y")
        camera.send("192.0.2.7", payload=b"z")
        self.assertEqual(self.heard(camera), [[b"y", b"z"]])
        self.camera.plug()
        camera.send("192.0.2.10")
        self.assertEqual(self.heard(pc), [[b"x"]])

    def test_unpluggedUnderway(self) -> None:
        """What is underway to a host when it is unplugged is lost."""
        camera, pc = listen(self.camera), listen(self.pc)
        pc.send("192.0.2.7")
        self.camera.unplug()
        self.assertEqual(self.heard(camera), [[]])


class MisfortuneTests(NetworkTestCase):
    """Delay, loss, duplication and disorder."""

    def setUp(self) -> None:
        super().setUp()
        self.heardByCamera = listen(self.camera)
        self.sender = listen(self.pc, 0)

    def numbers(self, n: int) -> list[int]:
        """Send so many numbers, a millisecond apart: those that arrive."""
        self.heardByCamera.received.clear()
        for number in range(n):
            self.sender.send("192.0.2.7", payload=number.to_bytes(2))
            self.network.advance(0.001)
        self.network.advance(1)
        return [int.from_bytes(p) for p in self.heardByCamera.payloads]

    def test_order(self) -> None:
        """Datagrams sent at one instant arrive in that order."""
        for number in range(100):
            self.sender.send("192.0.2.7", payload=bytes([number]))
        [payloads] = self.heard(self.heardByCamera)
        self.assertEqual(payloads, [bytes([number]) for number in range(100)])

    def test_loss(self) -> None:
        """Some get lost, in order; the knob turns at any moment."""
        self.network.loss = 0.3
        some = self.numbers(1000)
        self.assertEqual(some, sorted(set(some)))
        self.assertTrue(600 < len(some) < 800, len(some))
        self.network.loss = 1
        self.assertEqual(self.numbers(10), [])
        self.network.loss = 0
        self.assertEqual(self.numbers(10), [*range(10)])

    def test_duplicate(self) -> None:
        """Some come twice."""
        self.network.duplicate = 0.3
        some = self.numbers(1000)
        self.assertEqual(set(some), {*range(1000)})
        self.assertTrue(1200 < len(some) < 1400, len(some))

    def test_reorder(self) -> None:
        """Some come later than their successors, none is lost."""
        self.network.reorder = 0.3
        some = self.numbers(1000)
        self.assertEqual(sorted(some), [*range(1000)])
        self.assertNotEqual(some, sorted(some))

    def test_reorderDelay(self) -> None:
        """The delay of the reordered is C{reorderDelay}."""
        self.network.reorder, self.network.reorderDelay = 1, 5
        self.sender.send("192.0.2.7")
        self.network.advance(5)
        self.assertEqual(self.heardByCamera.received, [])
        self.network.advance(self.network.latency)
        self.assertEqual(self.heardByCamera.payloads, [b"x"])

    def test_jitter(self) -> None:
        """Delays lie between C{latency} and C{latency + jitter}."""
        self.network.latency, self.network.jitter = 1, 2
        for _ in range(100):
            self.sender.send("192.0.2.7")
        counts = []
        for amount in (0.99, 1.01, 1):
            self.network.advance(amount)
            counts.append(len(self.heardByCamera.received))
        self.assertEqual((counts[0], counts[2]), (0, 100))
        self.assertTrue(0 < counts[1] < 100)

    def test_perReceiver(self) -> None:
        """Each receiver of a broadcast has its own luck."""
        others = [
            listen(self.network.host(str(n), f"192.0.2.{n}/24"))
            for n in range(100, 200)
        ]
        self.network.loss = 0.5
        self.sender.send("192.0.2.255")
        lucky = sum(map(len, self.heard(*others)))
        self.assertTrue(20 < lucky < 80, lucky)

    @given(st.integers(), st.tuples(*[st.floats(0, 1)] * 4))
    def test_seed(self, seed: int, knobs: tuple[float, ...]) -> None:
        """The same seed gives the same run."""
        loss, duplicate, reorder, jitter = knobs

        def run() -> list[tuple[bytes, Address]]:
            network = MemoryNetwork(
                seed, loss=loss, duplicate=duplicate, reorder=reorder, jitter=jitter
            )
            receiver = listen(network.host("a", "192.0.2.1/24"))
            sender = listen(network.host("b", "192.0.2.2/24"))
            for number in range(20):
                sender.send("192.0.2.1", payload=bytes([number]))
                network.advance(0.01)
            network.advance(5)
            return receiver.received

        self.assertEqual(run(), run())

    @given(st.lists(st.lists(st.integers(0, 50), max_size=3), max_size=20))
    def test_fate(self, fates: list[list[int]]) -> None:
        """Fate decides when each copy of a datagram arrives, and if any does."""
        network = MemoryNetwork(loss=1)
        receiver = listen(network.host("a", "192.0.2.1/24"))
        sender = listen(network.host("b", "192.0.2.2/24"))
        turn = iter(fates)
        network.fate = lambda datagram: next(turn)
        for number in range(len(fates)):
            sender.send("192.0.2.1", payload=bytes([number]))
        network.advance(50)
        expected = sorted(
            (delay, number) for number, fate in enumerate(fates) for delay in fate
        )
        self.assertEqual(receiver.payloads, [bytes([number]) for _, number in expected])

    def test_fateOfEachReceiver(self) -> None:
        """Fate is asked for each receiver of a broadcast, by name."""
        asked: list[Datagram] = []

        def fate(datagram: Datagram) -> list[float]:
            asked.append(datagram)
            return [0.0] if datagram.receivers == ("camera",) else []

        self.network.fate = fate
        other = listen(self.network.host("other", "192.0.2.8/24"))
        self.sender.send("192.0.2.255")
        self.assertEqual(self.heard(self.heardByCamera, other), [[b"x"], []])
        self.assertEqual(
            [d.receivers for d in asked], [("camera",), ("pc",), ("other",)]
        )

    def test_everySingleLoss(self) -> None:
        """A test can lose each datagram of a conversation in turn."""
        for lost in range(5):
            turn = count()
            self.network.fate = lambda d, turn=turn, lost=lost: (
                [] if next(turn) == lost else [0.001]
            )
            self.assertEqual(self.numbers(5), [n for n in range(5) if n != lost])


class CaptureTests(NetworkTestCase):
    """L{MemoryNetwork.captured}."""

    def test_captured(self) -> None:
        """Everything sent is noted, what gets lost too."""
        self.network.loss = 1
        pc = listen(self.pc)
        self.network.advance(3)
        pc.send("192.0.2.7", 9, b"abc")
        self.assertEqual(
            list(self.network.captured),
            [Datagram(3, ("192.0.2.10", 5000), ("192.0.2.7", 9), b"abc", ("camera",))],
        )

    def test_limit(self) -> None:
        """The capture holds the last ones."""
        network = MemoryNetwork(captureLimit=2)
        port = listen(network.host("x", "192.0.2.1/24"))
        for payload in (b"1", b"2", b"3"):
            port.send("192.0.2.2", payload=payload)
        self.assertEqual([d.payload for d in network.captured], [b"2", b"3"])


class RealityTests(TestCase):
    """The same program on real loopback sockets and in memory."""

    def conversation(
        self, reactor: IReactorUDP, turn: Callable[[], Deferred[None]]
    ) -> Deferred[list[object]]:
        """
        Exercise a reactor.

        @param turn: lets what is underway arrive
        """
        notes: list[object] = []

        def note(function: Callable[..., object], *args: object) -> None:
            try:
                notes.append(function(*args))
            except Exception as error:
                notes.append((type(error), getattr(error, "errno", None)))

        def on(interface: str = "127.0.0.1", size: int = 8192) -> Recorder:
            recorder = Recorder()
            reactor.listenUDP(0, recorder, interface, size)
            return recorder

        def number(recorder: Recorder) -> int:
            return recorder.transport.getHost().port

        one, two, every, small = on(), on(), on(""), on(size=3)
        bystander, allRound = on(), on("127.255.255.255")
        recorders = [one, two, every, small, bystander, allRound]
        closed = on()
        closedPort = number(closed)
        names = {number(r): i for i, r in enumerate(recorders)}

        async def talk() -> list[object]:
            stopped = closed.transport.stopListening()
            assert stopped is not None
            await stopped
            notes.append((closed.transport, closed.events))
            note(one.send, "localhost", 1)
            note(one.send, "::1", 1)
            note(one.send, "127.0.0.1", 0)
            note(one.send, "127.255.255.255", 1)
            note(one.send, "127.0.0.1", 1, b"x" * 65508)
            note(reactor.listenUDP, number(one), Recorder(), "127.0.0.1", 1)
            note(reactor.listenUDP, number(one), Recorder(), "", 1)
            note(reactor.listenUDP, 0, Recorder(), "203.0.113.77", 1)
            note(reactor.listenUDP, 0, Recorder(), "localhost", 1)
            note(every.transport.getBroadcastAllowed)
            every.transport.setBroadcastAllowed(True)
            note(every.transport.getBroadcastAllowed)
            every.send("127.255.255.255", number(allRound), b"all")
            every.send("127.255.255.255", number(bystander), b"all")
            every.send("127.255.255.255", number(every), b"all")
            allRound.send("127.0.0.1", number(one), b"from broadcast")
            every.send("127.0.0.7", number(every), b"seven")
            one.send("127.0.0.1", number(small), b"123456")
            one.send("127.0.0.1", closedPort)
            await turn()
            two.transport.connect("127.0.0.1", number(one))
            every.transport.connect("127.0.0.1", number(bystander))
            note(lambda: every.transport.getHost().host)
            note(two.transport.connect, "127.0.0.1", 1)
            note(two.send, "127.0.0.1", number(small))
            two.transport.write(b"connected", None)
            every.transport.write(b"elsewhere", None)
            bystander.send("127.0.0.1", number(two), b"not the peer")
            await turn()
            for recorder in recorders:
                for payload, (host, port) in recorder.received:
                    notes.append((payload, host, names[port]))
            ends = [recorder.transport.stopListening() for recorder in recorders]
            one.send("127.0.0.1", number(small))
            await gatherResults([end for end in ends if end is not None])
            return notes

        return Deferred.fromCoroutine(talk())

    async def test_sameStory(self) -> None:
        """Memory and kernel agree on results, errors and who hears what."""
        from twisted.internet import reactor

        network = MemoryNetwork()
        host = network.host("x", "192.0.2.1/24")
        imagined = self.conversation(host, lambda: deferLater(network, 0.05))
        network.advance(1)
        self.assertEqual((host.ports, network.getDelayedCalls()), ([], []))
        time = IReactorTime(reactor)
        real = self.conversation(IReactorUDP(reactor), lambda: deferLater(time, 0.05))
        self.assertEqual(await imagined, await real)
        # The real reactor forgets to close a socket it could not bind.
        gc.collect()
        self.flushWarnings()

    async def test_sameRefusal(self) -> None:
        """Memory and the reactor in use agree on what a refusal does."""
        from twisted.internet import reactor

        async def refusal(udp: IReactorUDP, time: IReactorTime) -> Recorder:
            closed, recorder = Recorder(), Recorder()
            port = udp.listenUDP(0, closed, "127.0.0.1", 8192)
            udp.listenUDP(0, recorder, "127.0.0.1", 8192)
            recorder.transport.connect("127.0.0.1", closed.transport.getHost().port)
            await maybeDeferred(port.stopListening)
            recorder.transport.write(b"x", None)
            await deferLater(time, 0.05)
            if recorder.transport is not None:
                recorder.transport.stopListening()
                await deferLater(time, 0)
            return recorder

        network = MemoryNetwork()
        kind = type(reactor).__name__
        network.refusalCloses = kind in ("EPollReactor", "PollReactor")
        host = network.host("x")
        imagined = Deferred.fromCoroutine(refusal(host, host))
        network.advance(1)
        real = await refusal(IReactorUDP(reactor), IReactorTime(reactor))
        self.assertEqual(vars(await imagined), vars(real))
