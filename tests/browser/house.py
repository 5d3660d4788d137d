"""
A house with emulated cameras and a server, for a browser to look at: a process of its
own, over UDP and TCP on loopback, which can be told what should happen.

Run as a program it obeys lines of JSON on its standard input, C{[name, arguments]},
and answers each with one on its standard output.  L{House} talks to it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Spec:
    """
    One camera.

    @ivar how: for L{EmulatedCamera}.
    @ivar absent: it is never on air.
    """

    name: str
    title: str = ""
    how: Mapping[str, Any] = field(default_factory=dict)
    absent: bool = False


#: What the tests look at.  The second one calls itself something nasty.
GARDEN = Spec("garden", "Garden")
HOSTILE = Spec("hostile", "<script>alert(1)</script><b>Attic</b>")
MODERN = Spec("modern", "Barn", {"codec": "h265"})
OLD = Spec("old", "Old one", {"codec": "mjpeg"})


class House:
    """
    The process.

    @ivar port: where its server listens.
    """

    def __init__(self, specs: tuple[Spec, ...], port: int = 0, token: str = "") -> None:
        """
        @param port: where the server shall listen; 0: somewhere.
        @param token: what visitors have to know; their password, too.
        """
        self.specs = specs
        self._token = token
        self._process = self._start(port)
        self.port: int = self.ask("port")

    def _start(self, port: int) -> subprocess.Popen[str]:
        specs = [[s.name, s.title, dict(s.how), s.absent] for s in self.specs]
        return subprocess.Popen(
            [sys.executable, __file__, json.dumps([specs, port, self._token])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{LOOPBACK}:{self.port}/"

    def ask(self, what: str, *arguments: Any) -> Any:
        """Have something done; gives what comes of it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([what, arguments]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the house has fallen down: see above")
        return json.loads(line)

    def motors(self, name: str) -> dict[str, float]:
        """Where a camera looks."""
        where: dict[str, float] = self.ask("motors", name)
        return where

    def kill(self) -> None:
        """As by a power cut."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def rebuild(self) -> None:
        """After L{kill}: the same, at the same port."""
        self._process = self._start(self.port)
        self.ask("port")


@contextmanager
def house(*specs: Spec, token: str = "") -> Iterator[House]:
    """A house that is gone afterwards."""
    built = House(specs, token=token)
    try:
        yield built
    finally:
        built.kill()


# From here on: inside that process.


def _main() -> None:
    sys.path.insert(0, str(ROOT))
    from twisted.internet import reactor
    from twisted.internet.stdio import StandardIO
    from twisted.logger import (
        FilteringLogObserver,
        LogLevel,
        LogLevelFilterPredicate,
        globalLogBeginner,
        textFileLogObserver,
    )
    from twisted.protocols.basic import LineReceiver

    from twistedcam import Camera, Discovery, Fleet
    from twistedcam.emulator import Doors, EmulatedCamera
    from twistedcam.restream.access import Access
    from twistedcam.restream.broadcast import Broadcasts
    from twistedcam.restream.web import WebConfig, WebService

    observer = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.error)]
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)

    clock: Any = reactor
    specs, port, token = json.loads(sys.argv[1])
    doors = Doors(clock, LOOPBACK, dhPort=0, lanPort=0)
    doors.open()
    discovery = Discovery(
        clock,
        searchAddresses=[LOOPBACK],
        dhPort=doors.dhPort,
        lanPort=doors.lanPort,
    )
    fleet = Fleet(discovery, [])
    emulated: dict[str, EmulatedCamera] = {}

    def build(name: str, title: str, how: dict[str, Any], absent: bool) -> None:
        uid = f"VSTB-{len(emulated) + 668515}-UZCPK"
        emulated[name] = EmulatedCamera(clock, uid, doors=doors, **how)
        if not absent:
            emulated[name].start()
        fleet.add(
            Camera(
                clock,
                deviceId=uid,
                password="888888",
                name=name,
                title=title,
                discovery=discovery,
            )
        )

    for spec in specs:
        build(*spec)
    config = WebConfig(
        endpoint=f"tcp:{port}:interface={LOOPBACK}",
        access=Access(password=token or None, token=token or None),
    )
    server = WebService(clock, fleet, config, Broadcasts(clock))

    class Orders(LineReceiver):
        """What may be asked."""

        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            what, arguments = json.loads(line)
            result = getattr(self, f"do_{what}")(*arguments)
            self.sendLine(json.dumps(result).encode())

        def connectionLost(self, reason: Any = None) -> None:
            clock.stop()

        def do_port(self) -> int | None:
            return getattr(server.address, "port", None)

        def do_reboot(self, name: str, downFor: float) -> None:
            emulated[name].reboot(downFor)

        def do_alarm(self, name: str) -> None:
            emulated[name].alarm()

        def do_motors(self, name: str) -> dict[str, float]:
            pan, tilt = emulated[name].state.motors.where(clock.seconds())
            return {"pan": pan, "tilt": tilt}

        def do_settings(self, name: str) -> dict[str, Any]:
            state = emulated[name].state
            return {"light": state.light, **state.image}

        def do_sessions(self, name: str) -> int:
            return len(emulated[name].sessions)

        def do_zero(self, name: str) -> float | None:
            """When its clip began for the one who watches, seconds since 1970."""
            feeds = emulated[name]._media._encoders[0].feeds
            return feeds[0].zero if feeds else None

        def do_shrink(self, name: str) -> None:
            """Its owner chooses a smaller picture."""
            encoder = emulated[name]._media._encoders[0]
            encoder._name, encoder._frames = "h264-sub", None
            for feed in encoder.feeds:
                feed._place = 0.0  # it begins with a keyframe

        def do_add(self, *spec: Any) -> None:
            build(*spec)

        def do_remove(self, name: str) -> None:
            fleet.remove(name)

    clock.callWhenRunning(fleet.startService)
    clock.callWhenRunning(server.startService)
    clock.callWhenRunning(lambda: StandardIO(Orders()))
    clock.run()


if __name__ == "__main__":
    _main()
