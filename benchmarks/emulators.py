"""
Emulated cameras in a process of their own, for C{media.py}, so that what they cost
is not mistaken for what the client costs.

The parent describes them by L{Spec}, as JSON on the command line.  This process
says C{ready} when they are on air, and goes on until its standard input is closed;
then it prints a L{Report}.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Self, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort, IReadDescriptor
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import globalLogBeginner
from zope.interface import implementer

from twistedcam.emulator import Doors, EmulatedCamera, Faults
from twistedcam.media.assembly import FrameAssembler
from twistedcam.media.frame import Frame
from twistedcam.media.timeline import CameraClock, Timeline
from twistedcam.wire import drw
from twistedcam.wire.deviceid import DeviceId

#: Ports that nobody else on this machine uses.
DH_PORT, LAN_PORT = 18600, 28108


@dataclass(frozen=True)
class Spec:
    """
    The cameras.

    @ivar count: how many, each at an address of its own.
    @ivar bitrate: bits per second of each.
    @ivar fps: frames per second.
    @ivar psk: what their obfuscation is keyed by.
    @ivar loss: see L{Faults}; each camera has dice of its own.
    @ivar reorder: likewise.
    @ivar stamped: note when the last datagram of each frame was sent; not for
        cameras that obfuscate.
    """

    count: int = 1
    bitrate: int = 2_000_000
    fps: int = 25
    psk: str = ""
    loss: float = 0.0
    reorder: float = 0.0
    stamped: bool = False


@dataclass(frozen=True)
class Report:
    """
    What it was like.

    @ivar cpu: seconds used since the last mark.
    @ivar wall: seconds that have gone by since then.
    @ivar sent: by camera, when each frame's last datagram was sent: C{(number,
        seconds of the monotonic clock)}.
    """

    cpu: float
    wall: float
    sent: list[list[tuple[int, float]]] = field(default_factory=list)


def address(place: int) -> str:
    """Where a camera is."""
    return f"127.0.{1 + place // 200}.{1 + place % 200}"


def deviceId(place: int) -> DeviceId:
    """Who it is."""
    return DeviceId("VSTB", 700_000 + place, "BENCH")


class Emulators:
    """The child process, as its parent sees it."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, __file__, json.dumps(asdict(spec))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        answer = cast(IO[str], self._process.stdout).readline()
        if answer != "ready\n":
            raise RuntimeError("the emulated cameras did not get on air")
        return self

    def mark(self) -> None:
        """Here begins what is measured."""
        stdin = cast(IO[str], self._process.stdin)
        stdin.write("mark\n")
        stdin.flush()

    def finish(self) -> Report:
        """Here it ends; the cameras go off air."""
        output, _ = self._process.communicate()
        return Report(**json.loads(output))

    def __exit__(self, *details: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Notebook:
    """When the last datagram of each frame of one camera left."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, float]] = []
        self._index = 0
        self._time = 0.0
        self._assembler = FrameAssembler(self._whole, Timeline(CameraClock()), True)

    def left(self, datagram: bytes, when: float) -> None:
        """A datagram was sent at that time."""
        if datagram[:2] != drw.DRW_START:
            return
        _, _, _, _, channel, index = drw.HEAD.unpack_from(datagram)
        if channel == drw.VIDEO and index == self._index:
            self._index = (index + 1) & 0xFFFF
            self._time = when
            self._assembler.feed(datagram[drw.HEAD.size :], when)

    def _whole(self, frame: Frame) -> None:
        self.sent.append((frame.number, self._time))


class Stamping:
    """A port's transport that notes what leaves."""

    def __init__(self, transport: Any, notebook: Notebook) -> None:
        self._transport = transport
        self._notebook = notebook

    def write(self, datagram: bytes, to: tuple[str, int]) -> None:
        """The time is taken before the kernel has it."""
        when = time.monotonic()
        self._transport.write(datagram, to)
        self._notebook.left(datagram, when)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class StampingReactor:
    """A camera's reactor whose ports note what leaves."""

    def __init__(self, reactor: Any, notebook: Notebook) -> None:
        self._reactor = reactor
        self._notebook = notebook
        self.seconds = reactor.seconds
        self.callLater = reactor.callLater

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> IListeningPort:
        """Open a port like any other."""
        opened: IListeningPort = self._reactor.listenUDP(
            port, protocol, interface, maxPacketSize
        )
        protocol.transport = Stamping(protocol.transport, self._notebook)  # type: ignore[assignment]
        return opened


@implementer(IReadDescriptor)
class Parent:
    """
    What the parent says, by standard input.

    @ivar cpu: the CPU's seconds when it said so last; in the end, those since then.
    @ivar wall: likewise, of the monotonic clock.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.wall, self.cpu = time.monotonic(), cpuSeconds()

    def fileno(self) -> int:
        """Standard input."""
        return 0

    def logPrefix(self) -> str:
        """The reactor wants that."""
        return "parent"

    def doRead(self) -> Any:
        """Whatever it says is a mark; nothing is the end."""
        if not os.read(0, 1024):
            return ConnectionDone()
        self.wall, self.cpu = time.monotonic(), cpuSeconds()
        return None

    def connectionLost(self, reason: object) -> None:
        """That was all."""
        self.wall = time.monotonic() - self.wall
        self.cpu = cpuSeconds() - self.cpu
        self._reactor.stop()


def cpuSeconds() -> float:
    """What this process has used so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Be those cameras."""
    from twisted.internet import reactor as installed

    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    reactor: Any = installed
    spec = Spec(**json.loads(sys.argv[1]))
    notebooks: list[Notebook] = []
    for place in range(spec.count):
        ports = reactor
        if spec.stamped:
            notebooks.append(Notebook())
            ports = StampingReactor(reactor, notebooks[-1])
        doors = Doors(reactor, address(place), DH_PORT, LAN_PORT)
        doors.open()
        EmulatedCamera(
            ports,
            deviceId(place),
            doors=doors,
            psk=spec.psk,
            fps=spec.fps,
            bitrate=spec.bitrate,
            faults=Faults(seed=place, loss=spec.loss, reorder=spec.reorder),
        ).start()
    parent = Parent(reactor)
    reactor.addReader(parent)
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()
    report = Report(parent.cpu, parent.wall, [notebook.sent for notebook in notebooks])
    print(json.dumps(asdict(report)), flush=True)


if __name__ == "__main__":
    main()
