"""
Telling systemd how the service is: see C{sd_notify(3)}.

Everything is one datagram to the socket that the environment names.  Without one
nobody wants to know, and nothing is told.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from .fleet import Fleet
from .keeper import CameraState
from .reactors import Timers
from .reload import Reloader

#: A status is one line of this many characters at most.
_MAX_STATUS = 500


class Notifier:
    """
    The socket.

    @ivar watchdog: seconds within which systemd wants to hear from us, again and
        again, or 0.
    """

    log = Logger()

    def __init__(self, address: str, watchdog: float = 0.0) -> None:
        """
        @param address: a path, or an abstract name with an C{@} before it.
        @raise OSError: nobody listens there.
        """
        self.watchdog = watchdog
        self._complained = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            # Now: later on there may be another root directory.
            self._socket.connect(
                "\0" + address[1:] if address.startswith("@") else address
            )
        except OSError:
            self._socket.close()
            raise

    @classmethod
    def fromEnvironment(
        cls, environment: MutableMapping[str, str] = os.environ
    ) -> Notifier | None:
        """
        What the environment asks for.  It is taken out of there, since it does not
        concern any child of this process.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        period = environment.pop("WATCHDOG_USEC", "")
        whom = environment.pop("WATCHDOG_PID", "")
        if not address:
            return None
        ours = whom in ("", str(os.getpid()))
        watchdog = int(period) / 1e6 if ours and period.isdecimal() else 0.0
        try:
            return cls(address, watchdog)
        except (OSError, ValueError) as e:
            cls.log.warn(
                "cannot notify {address}: {problem}", address=address, problem=str(e)
            )
            return None

    def tell(self, **news: object) -> None:
        """Tell systemd, or complain once that it cannot be told."""
        message = "\n".join(f"{name}={value}" for name, value in news.items())
        try:
            self._socket.send(message.encode(errors="replace"))
        except OSError as e:
            if not self._complained:
                self._complained = True
                self.log.warn("cannot notify systemd: {problem}", problem=str(e))

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()


class Readiness(Service):
    """
    Tells when the service is ready, what it does, and that it is alive.
    """

    def __init__(
        self,
        reactor: Timers,
        notifier: Notifier,
        fleet: Fleet,
        reloader: Reloader[Any] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        @param fleet: how many of its cameras are up is the status.
        @param reloader: reloads the configuration.
        @param monotonic: the seconds of C{CLOCK_MONOTONIC}.
        """
        self._reactor = reactor
        self._notifier = notifier
        self._fleet = fleet
        self._reloader = reloader
        self._monotonic = monotonic
        self._status = ""
        self._timer: IDelayedCall | None = None
        self._leave: list[Callable[[], None]] = []
        self._leaveCameras: list[Callable[[], None]] = []

    def startService(self) -> None:
        """Tell it as soon as everything has started."""
        super().startService()
        self._leave.append(self._fleet.onChanged(self._follow))
        if self._reloader is not None:
            self._leave.append(self._reloader.onReload(self._reloading))
        # Then the reactor runs, and all services have been started.
        self._timer = self._reactor.callLater(0, self._ready)

    def stopService(self) -> None:
        """Tell that the end is near."""
        super().stopService()
        for leave in [*self._leave, *self._leaveCameras]:
            leave()
        self._leave.clear()
        self._leaveCameras.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._notifier.tell(STOPPING=1)

    def _ready(self) -> None:
        self._timer = None
        self._notifier.tell(READY=1)
        self._follow()
        if self._notifier.watchdog:
            self._alive()

    def _alive(self) -> None:
        """Twice as often as needed."""
        self._notifier.tell(WATCHDOG=1)
        self._timer = self._reactor.callLater(self._notifier.watchdog / 2, self._alive)

    def _reloading(self, begins: bool) -> None:
        if begins:
            self._notifier.tell(
                RELOADING=1, MONOTONIC_USEC=int(self._monotonic() * 1_000_000)
            )
        else:
            self._notifier.tell(READY=1)
            self._tellStatus()

    def _follow(self) -> None:
        """Listen to the cameras that there are now."""
        for leave in self._leaveCameras:
            leave()
        self._leaveCameras = [
            camera.onState(lambda state: self._tellStatus())
            for camera in self._fleet.cameras.values()
        ]
        self._tellStatus()

    def _tellStatus(self) -> None:
        states = [camera.state for camera in self._fleet.cameras.values()]
        status = f"{states.count(CameraState.UP)} of {len(states)} cameras up"
        if self._reloader is not None and self._reloader.problem:
            status += f"; configuration not reloaded: {self._reloader.problem}"
        status = " ".join(status.split())[:_MAX_STATUS]
        if status != self._status:
            self._status = status
            self._notifier.tell(STATUS=status)
