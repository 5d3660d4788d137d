"""
SIGHUP: read the configuration again.

The same signal says that a terminal was closed, and ends whatever runs there.  The
two can be told apart: in the second case there was a terminal, and is none any more.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, cast

from twisted.application.service import Service
from twisted.logger import Logger


def hasTerminal() -> bool:
    """Does this process run in a terminal, in the foreground or not?"""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


class Hangup(Service):
    """
    Has a function called at each SIGHUP, while it runs.  In another thread than the
    main one Python has no signals, and nothing is done.
    """

    log = Logger()

    def __init__(self, reactor: object, act: Callable[[], object]) -> None:
        """
        @param reactor: provides C{IReactorFromThreads} and C{IReactorCore}.
        @param act: called by the reactor, never by the signal itself.
        """
        self._reactor = cast(Any, reactor)
        self._act = act
        self._installed = False
        self._before: Any = None
        self._terminal = False

    def startService(self) -> None:
        """Listen to the signal."""
        super().startService()
        if threading.current_thread() is not threading.main_thread():
            return
        self._before = signal.signal(signal.SIGHUP, self._received)
        self._installed = True
        # nohup has it ignored: then no terminal counts.
        self._terminal = self._before != signal.SIG_IGN and hasTerminal()

    def stopService(self) -> None:
        """Whatever it meant before, it means again."""
        super().stopService()
        if self._installed:
            self._installed = False
            before = signal.SIG_DFL if self._before is None else self._before
            signal.signal(signal.SIGHUP, before)

    def _received(self, number: int, frame: object) -> None:
        """Somewhere between two instructions of whatever runs at the moment."""
        self._reactor.callFromThread(self._look)

    def _look(self) -> None:
        if not self.running:
            return
        if self._terminal and not hasTerminal():
            self.log.info("the terminal was closed")
            self._reactor.stop()
        else:
            self._act()
