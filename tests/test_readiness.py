"""Tests for L{twistedcam.readiness}."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from twistedcam import Fleet
from twistedcam.emulator import EmulatedCamera
from twistedcam.errors import ConfigError
from twistedcam.readiness import Notifier, Readiness
from twistedcam.reload import Reloader

from .folders import temporaryFolder
from .lab import OTHER_UID, UID, Lab, LabCase


class Systemd:
    """Who listens."""

    def __init__(self, case: SynchronousTestCase, address: str = "") -> None:
        """
        @param address: default: a path of one's own.
        """
        self.address = address or str(temporaryFolder(case) / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(self.address.replace("@", "\0", 1))
        case.addCleanup(self.socket.close)

    def heard(self) -> list[str]:
        """What came since the last time."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


class NotifierTests(SynchronousTestCase):
    """The socket."""

    def make(self, **environment: str) -> Notifier | None:
        """One that the environment asks for."""
        notifier = Notifier.fromEnvironment(environment)
        if notifier is not None:
            self.addCleanup(notifier.close)
        self.assertEqual({}, environment)
        return notifier

    def test_unasked(self) -> None:
        """Without systemd there is none."""
        self.assertIsNone(self.make())
        self.assertIsNone(self.make(WATCHDOG_USEC="1000000"))

    def test_path(self) -> None:
        """What is told arrives, in one datagram."""
        systemd = Systemd(self)
        notifier = self.make(NOTIFY_SOCKET=systemd.address)
        assert notifier is not None
        notifier.tell(RELOADING=1, MONOTONIC_USEC=5)
        notifier.tell(STATUS="fünf")
        self.assertEqual(
            ["RELOADING=1\nMONOTONIC_USEC=5", "STATUS=fünf"], systemd.heard()
        )
        self.assertEqual(0, notifier.watchdog)

    def test_abstract(self) -> None:
        """The socket may be one that no folder has."""
        systemd = Systemd(self, f"@twistedcam-{os.getpid()}-{id(self)}")
        notifier = self.make(NOTIFY_SOCKET=systemd.address)
        assert notifier is not None
        notifier.tell(READY=1)
        self.assertEqual(["READY=1"], systemd.heard())

    def test_watchdog(self) -> None:
        """The watchdog is meant for one process, and has a period."""
        systemd = Systemd(self)
        for expected, environment in (
            (20.0, {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}),
            (0.5, {"WATCHDOG_USEC": "500000"}),
            (0.0, {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}),
            (0.0, {"WATCHDOG_USEC": "soon"}),
            (0.0, {"WATCHDOG_USEC": "-1"}),
        ):
            notifier = self.make(NOTIFY_SOCKET=systemd.address, **environment)
            assert notifier is not None
            self.assertEqual(expected, notifier.watchdog)

    def test_nobodyThere(self) -> None:
        """A socket that is none is complained of, and that is all."""
        for address in "/no/such/socket", "vsock:2:1", "@", "/\0":
            with capturedLogs() as events:
                self.assertIsNone(self.make(NOTIFY_SOCKET=address))
            (event,) = events
            self.assertIn("cannot notify", formatEvent(event))

    def test_gone(self) -> None:
        """So is, once, one that goes away, or does not listen."""
        systemd = Systemd(self)
        notifier = self.make(NOTIFY_SOCKET=systemd.address)
        assert notifier is not None
        systemd.socket.close()
        with capturedLogs() as events:
            for _ in range(3):
                notifier.tell(WATCHDOG=1)
        (event,) = events
        self.assertIn("cannot notify systemd: ", formatEvent(event))


class ReadinessTests(LabCase):
    """What is told, and when."""

    def setUp(self) -> None:
        self.systemd = Systemd(self)
        self.notifier = Notifier(self.systemd.address)
        self.addCleanup(self.notifier.close)
        self.lab = Lab()
        self.other = EmulatedCamera(self.lab.host, OTHER_UID, doors=self.lab.doors)
        self.fleet = Fleet(
            self.lab.discovery,
            [
                self.lab.camera(deviceId=UID, name="garden"),
                self.lab.camera(deviceId=OTHER_UID, name="door"),
            ],
        )
        self.load: Callable[[], str] = lambda: ""
        self.slow: Deferred[str] | None = None
        self.reloader = Reloader(lambda: self.load(), [self])
        self.readiness = Readiness(
            self.lab.pc, self.notifier, self.fleet, self.reloader, lambda: 1234.5
        )

    def apply(self, config: str) -> Deferred[str]:
        """To be reloaded, slowly if wished."""
        return self.slow or succeed("")

    def start(self) -> list[str]:
        """Start everything; what was told of it."""
        self.readiness.startService()
        self.reloader.startService()
        self.fleet.startService()
        self.assertEqual([], self.systemd.heard())
        self.lab.network.advance(0)
        return self.systemd.heard()

    def stop(self) -> list[str]:
        """Stop everything; what was told of it."""
        self.readiness.stopService()
        self.reloader.stopService()
        self.resultAfter(self.lab.network, 1, self.fleet.stopService())
        told = self.systemd.heard()
        self.other.stop()
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)
        return told

    def test_life(self) -> None:
        """It is ready when all has been started, and tells that it ends."""
        self.assertEqual(["READY=1", "STATUS=0 of 2 cameras up"], self.start())
        self.assertEqual(["STOPPING=1"], self.stop())

    def test_stoppedAtOnce(self) -> None:
        """Or it has never been ready."""
        self.readiness.startService()
        self.readiness.stopService()
        self.lab.network.advance(1)
        self.assertEqual(["STOPPING=1"], self.systemd.heard())

    def test_status(self) -> None:
        """Cameras that come up, are lost, come and go are counted, once each."""
        self.start()
        self.lab.network.advance(2)
        self.assertEqual(["STATUS=1 of 2 cameras up"], self.systemd.heard())
        self.other.start()
        self.lab.network.advance(10)
        self.assertEqual(["STATUS=2 of 2 cameras up"], self.systemd.heard())
        self.lab.emulated.sessions[0].close()
        self.lab.network.advance(5)
        self.assertEqual(
            ["STATUS=1 of 2 cameras up", "STATUS=2 of 2 cameras up"],
            self.systemd.heard(),
        )
        self.fleet.remove("door")
        self.assertEqual(["STATUS=1 of 1 cameras up"], self.systemd.heard())
        self.fleet.add(self.lab.camera(deviceId=OTHER_UID, name="yard"))
        self.lab.network.advance(5)
        self.assertEqual(
            ["STATUS=1 of 2 cameras up", "STATUS=2 of 2 cameras up"],
            self.systemd.heard(),
        )
        self.assertEqual(["STOPPING=1"], self.stop())

    def test_reload(self) -> None:
        """While the configuration is reloaded systemd knows it."""
        self.start()
        self.slow = Deferred()
        self.reloader.reload()
        self.assertEqual(
            ["RELOADING=1\nMONOTONIC_USEC=1234500000"], self.systemd.heard()
        )
        self.slow.callback("")
        self.assertEqual(["READY=1"], self.systemd.heard())
        self.stop()

    def test_reloadFails(self) -> None:
        """It is ready afterwards as before; the status has why."""

        def broken() -> str:
            raise ConfigError("cameras.toml:\nno uid " + "x" * 1000)

        self.start()
        load, self.load = self.load, broken
        self.reloader.reload()
        _, ready, status = self.systemd.heard()
        self.assertEqual("READY=1", ready)
        expected = "STATUS=0 of 2 cameras up; configuration not reloaded: cameras.toml:"
        self.assertEqual(f"{expected} no uid ", status[: len(expected) + 8])
        self.assertEqual(507, len(status))
        self.load = load
        self.reloader.reload()
        self.assertEqual(
            ["READY=1", "STATUS=0 of 2 cameras up"], self.systemd.heard()[1:]
        )
        self.stop()

    def test_watchdog(self) -> None:
        """It shows that it is alive, twice as often as it has to."""
        self.notifier.watchdog = 20.0
        self.assertIn("WATCHDOG=1", self.start())
        self.lab.network.advance(2)
        self.systemd.heard()
        self.lab.network.advance(31)
        self.assertEqual(["WATCHDOG=1"] * 3, self.systemd.heard())
        self.stop()
