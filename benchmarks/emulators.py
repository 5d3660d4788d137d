"""
Emulated cameras in a process of their own, so that what they cost is not mistaken
for what the client costs.

The parent describes them by L{Spec}, as JSON on the command line.  This process
says C{ready} when they are on air, and goes on until its standard input is closed;
then it prints a L{Report}.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Self, cast

from orders import Orders
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import globalLogBeginner

from twistedcam.emulator import Doors, EmulatedCamera, Faults
from twistedcam.emulator.video import Shot, VideoFeed
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
    @ivar numbered: each frame bears its number, see L{numbersIn}; that makes it
        larger.
    @ivar dhPort: where they are searched for.
    @ivar lanPort: likewise.
    """

    count: int = 1
    bitrate: int = 2_000_000
    fps: int = 25
    psk: str = ""
    loss: float = 0.0
    reorder: float = 0.0
    stamped: bool = False
    numbered: bool = False
    dhPort: int = DH_PORT
    lanPort: int = LAN_PORT


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
            start_new_session=True,  # Ctrl-C is for the parent
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def __enter__(self) -> Self:
        answer = cast(IO[str], self._process.stdout).readline()
        if answer != "ready\n":
            raise RuntimeError("the emulated cameras did not get on air")
        return self

    def mark(self) -> None:
        """Here begins what is measured."""
        self._order("mark")

    def reboot(self, place: int, downFor: float) -> None:
        """Switch a camera off, and on again after so many seconds."""
        self._order(f"reboot {place} {downFor}")

    def _order(self, line: str) -> None:
        stdin = cast(IO[str], self._process.stdin)
        stdin.write(f"{line}\n")
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


#: What a frame's number is written like, and how often, so that some of it is in one
#: piece whatever the frame is cut into.
_NUMBER, _OFTEN = b"#%08d", 100
_NUMBERS = re.compile(rb"#(\d{8})")

#: A filler NAL unit of H.264, which decoders throw away.
_FILLER, _FILLED = b"\x00\x00\x00\x01\x0c", b"\x80"


def numbersIn(data: bytes) -> set[int]:
    """The numbers of the frames that are in there, whatever they are packed in."""
    return set(map(int, set(_NUMBERS.findall(data))))


class Numbered(tuple[bytes, ...]):
    """
    Frames that bear a number.

    @ivar number: which.
    """

    number: int

    def __getitem__(self, place: Any) -> Any:
        number = _NUMBER % self.number
        return super().__getitem__(place) + _FILLER + number * _OFTEN + _FILLED


def numberAll() -> None:
    """From now on all cameras of this process send such frames."""
    take = VideoFeed.take

    def takeNumbered(feed: VideoFeed, shot: Shot) -> None:
        frames = Numbered(shot.frames)
        frames.number = shot.number
        take(feed, shot._replace(frames=frames))

    VideoFeed.take = takeNumbered  # type: ignore[assignment, method-assign]


class Work:
    """
    What the parent wants.

    @ivar cpu: the CPU's seconds when it said so last; in the end, those since then.
    @ivar wall: likewise, of the monotonic clock.
    """

    def __init__(self, reactor: Any, cameras: list[EmulatedCamera]) -> None:
        self._reactor = reactor
        self._cameras = cameras
        self._mark()

    def _mark(self) -> None:
        self.wall, self.cpu = time.monotonic(), cpuSeconds()

    def order(self, line: str) -> None:
        """It says something."""
        match line.split():
            case ["mark"]:
                self._mark()
            case ["reboot", place, downFor]:
                self._cameras[int(place)].reboot(float(downFor))

    def end(self) -> None:
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
    cameras: list[EmulatedCamera] = []
    if spec.numbered:
        numberAll()
    for place in range(spec.count):
        ports = reactor
        if spec.stamped:
            notebooks.append(Notebook())
            ports = StampingReactor(reactor, notebooks[-1])
        doors = Doors(reactor, address(place), spec.dhPort, spec.lanPort)
        doors.open()
        camera = EmulatedCamera(
            ports,
            deviceId(place),
            doors=doors,
            psk=spec.psk,
            fps=spec.fps,
            bitrate=spec.bitrate,
            faults=Faults(seed=place, loss=spec.loss, reorder=spec.reorder),
        )
        camera.start()
        cameras.append(camera)
    work = Work(reactor, cameras)
    reactor.addReader(Orders(work.order, work.end))
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()
    report = Report(work.cpu, work.wall, [notebook.sent for notebook in notebooks])
    print(json.dumps(asdict(report)), flush=True)


if __name__ == "__main__":
    main()
