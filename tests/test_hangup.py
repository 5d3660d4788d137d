"""Tests for L{twistedcam.hangup}."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedcam import hangup
from twistedcam.hangup import Hangup

from .programs import PATIENCE


class Reactor:
    """
    Does later what it is given.

    @ivar queue: what it was given.
    @ivar stopped: whether it was told to stop.
    """

    def __init__(self) -> None:
        self.queue: list[Callable[[], object]] = []
        self.stopped = False

    def callFromThread(self, act: Callable[[], object]) -> None:
        """As reactors do."""
        self.queue.append(act)

    def stop(self) -> None:
        """Likewise."""
        self.stopped = True

    def turn(self) -> None:
        """One turn."""
        queue, self.queue = self.queue, []
        for act in queue:
            act()


class HangupTests(SynchronousTestCase):
    """The signal, in this very process."""

    def setUp(self) -> None:
        """No terminal, wherever the tests run."""
        self.reactor = Reactor()
        self.calls: list[str] = []
        self.terminal = False
        has = patch.object(hangup, "hasTerminal", lambda: self.terminal)
        has.start()
        self.addCleanup(has.stop)
        self.addCleanup(signal.signal, signal.SIGHUP, signal.getsignal(signal.SIGHUP))
        self.service = Hangup(self.reactor, lambda: self.calls.append("reload"))

    def hangUp(self) -> None:
        """Send it."""
        os.kill(os.getpid(), signal.SIGHUP)

    def test_called(self) -> None:
        """Each signal is handed to the reactor, and does nothing by itself."""
        self.service.startService()
        for _ in range(2):
            self.hangUp()
        self.assertEqual([], self.calls)
        self.reactor.turn()
        self.assertEqual(["reload"] * 2, self.calls)
        self.service.stopService()

    def test_restored(self) -> None:
        """After its end the signal means what it meant before, each time."""
        for before in signal.SIG_IGN, signal.SIG_DFL, lambda number, frame: None:
            handler: Any = before
            signal.signal(signal.SIGHUP, handler)
            for _ in range(2):
                self.service.startService()
                self.assertNotEqual(handler, signal.getsignal(signal.SIGHUP))
                self.service.stopService()
                self.assertEqual(handler, signal.getsignal(signal.SIGHUP))
        # Stopped, it restores nothing.
        self.service.stopService()
        self.assertEqual(handler, signal.getsignal(signal.SIGHUP))

    def test_late(self) -> None:
        """A signal just before the end comes too late."""
        self.service.startService()
        self.hangUp()
        self.service.stopService()
        self.reactor.turn()
        self.assertEqual([], self.calls)

    def test_terminalClosed(self) -> None:
        """Started in a terminal that is none any more: it ends."""
        self.terminal = True
        self.service.startService()
        self.hangUp()
        self.reactor.turn()
        self.assertEqual((["reload"], False), (self.calls, self.reactor.stopped))
        self.terminal = False
        self.hangUp()
        self.reactor.turn()
        self.assertEqual((["reload"], True), (self.calls, self.reactor.stopped))
        self.service.stopService()

    def test_nohup(self) -> None:
        """Where it was ignored no terminal counts, but it can be reloaded."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.terminal = True
        self.service.startService()
        self.terminal = False
        self.hangUp()
        self.reactor.turn()
        self.assertEqual((["reload"], False), (self.calls, self.reactor.stopped))
        self.service.stopService()

    def test_anotherThread(self) -> None:
        """Where Python has no signals nothing is done, and nothing fails."""
        before = signal.getsignal(signal.SIGHUP)
        problems: list[BaseException] = []

        def work() -> None:
            try:
                self.service.startService()
                self.service.stopService()
            except BaseException as e:
                problems.append(e)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual([], problems)
        self.assertEqual(before, signal.getsignal(signal.SIGHUP))


PROGRAM = """
from twisted.internet import reactor
from twistedcam.hangup import Hangup
service = Hangup(reactor, lambda: print("reload", flush=True))
service.startService()
reactor.callWhenRunning(print, "running", flush=True)
reactor.run()
service.stopService()
print("ended", flush=True)
"""


class TerminalTests(TestCase):
    """A real reactor, with and without a real terminal."""

    timeout = 60

    def test_reactor(self) -> Deferred[object]:
        """A reactor that has nothing else to do wakes up, again and again."""

        def act() -> None:
            with subprocess.Popen(
                [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True
            ) as process:
                guard = threading.Timer(PATIENCE, process.kill)
                guard.start()
                assert process.stdout is not None
                self.assertEqual("running\n", process.stdout.readline())
                for _ in range(3):
                    process.send_signal(signal.SIGHUP)
                    self.assertEqual("reload\n", process.stdout.readline())
                process.terminate()
                self.assertEqual("ended\n", process.stdout.readline())
                guard.cancel()

        return deferToThread(act)

    def test_terminal(self) -> Deferred[object]:
        """
        The same in a terminal, where a signal that somebody sends is another thing
        than the end of the terminal.
        """

        def act() -> None:
            reader, writer = os.pipe()
            ours, theirs = pty.openpty()
            login = (
                "import fcntl, os, sys, termios; os.setsid();"
                "fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
                "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
            )
            with subprocess.Popen(
                [sys.executable, "-c", login, PROGRAM], stdin=theirs, stdout=writer
            ) as process:
                guard = threading.Timer(PATIENCE, process.kill)
                guard.start()
                os.close(theirs)
                os.close(writer)
                with os.fdopen(reader) as output:
                    self.assertEqual("running\n", output.readline())
                    process.send_signal(signal.SIGHUP)
                    self.assertEqual("reload\n", output.readline())
                    os.close(ours)
                    self.assertEqual("ended\n", output.readline())
                guard.cancel()

        return deferToThread(act)
