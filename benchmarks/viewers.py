"""
Viewers in a process of their own, for C{soak.py} and C{serving.py}.

They are light: they look at what comes only as far as it takes to know how much it
is, and when it stays away.  Whoever's stream ends comes back a second later.

The parent says who watches what, as JSON in one line: a list of L{Wish}es.  It is
answered by a line of JSON each time it says C{report}; C{down PLACE SECONDS} tells of
a camera that is switched off just now and on again then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import IO, Any, ClassVar, Self, cast

from emulators import cpuSeconds, numbersIn
from orders import Orders, tellMistakes
from rtsp import HOST, Rtsp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.web.websocket import (
    ConnectionRejected,
    WebSocketClientEndpoint,
    WebSocketTransport,
)

#: Seconds without anything that count as a stall.
GAP = 5.0

#: Seconds that a camera, once it is on air again, may take until it is watched again;
#: and after which somebody who still has nothing counts as stuck.
RECOVERY, STUCK = 30.0, 60.0

#: Seconds until somebody whose stream has ended comes back.
RETRY = 1.0


@dataclass(frozen=True)
class Wish:
    """
    Some who watch a camera in the same way.

    @ivar kind: a key of L{KINDS}.
    @ivar place: the camera's number; 0 is the first.
    @ivar name: what the service calls it.
    @ivar port: where it is served.
    @ivar count: how many they are.
    @ivar noting: the first one notes when each frame came, which must be numbered.
    """

    kind: str
    place: int
    name: str
    port: int
    count: int = 1
    noting: bool = False


@dataclass
class Report:
    """
    How they fare; it is of all the time, but where it says otherwise.

    @ivar connected: how many have a stream now.
    @ivar bytes: that came, by kind.
    @ivar pieces: by kind; pictures, where they can be told apart.
    @ivar endings: how often a stream ended, by kind.
    @ivar refused: how often there was none to be had, by kind.
    @ivar stalls: how often nothing came for L{GAP}, with the camera on air.
    @ivar stuck: who has had nothing for L{STUCK} just now, with the camera on air.
    @ivar recoveries: since the last report, for each who saw a camera come back: its
        place, and how long after it was on air again.
    @ivar seen: of those who note, the time (of the monotonic clock) when the end of
        each frame came, by its number, since the last report.
    @ivar cpu: seconds.
    """

    connected: int = 0
    bytes: Counter[str] = field(default_factory=Counter)
    pieces: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    stalls: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)
    recoveries: list[tuple[int, float]] = field(default_factory=list)
    seen: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    cpu: float = 0.0


class Viewers:
    """The child process, as its parent sees it."""

    def __init__(self, wishes: list[Wish]) -> None:
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        self._order(json.dumps([asdict(wish) for wish in wishes]))

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def down(self, place: int, seconds: float) -> None:
        """This camera is off for so long."""
        self._order(f"down {place} {seconds}")

    def report(self) -> Report:
        """How they fare."""
        self._order("report")
        answer = cast(IO[str], self._process.stdout).readline()
        report = Report(**json.loads(answer))
        for name in ("bytes", "pieces", "endings", "refused", "stalls"):
            setattr(report, name, Counter(getattr(report, name)))
        return report

    def _order(self, line: str) -> None:
        stdin = cast(IO[str], self._process.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        try:
            self._process.communicate(timeout=5)
        except (subprocess.TimeoutExpired, OSError):
            self._process.kill()
            self._process.communicate()


class Station:
    """
    A camera, as far as it is known when it is on air.

    @ivar downAt: when it was switched off last.
    @ivar upAt: when it is on air again.
    """

    def __init__(self, now: float) -> None:
        self.downAt = self.upAt = now

    def excuses(self, begin: float, end: float) -> bool:
        """May there be nothing to see in that time?"""
        return begin <= self.upAt + RECOVERY and end >= self.downAt


class Viewer:
    """
    Somebody who watches, again and again.

    @ivar last: when there was something to be seen.
    @ivar name: for people.
    """

    kind: ClassVar[str]

    def __init__(
        self, reactor: Any, wish: Wish, number: int, station: Station, report: Report
    ) -> None:
        self.wish = wish
        self.name = f"{wish.name}/{wish.kind}/{number}"
        self.reactor = reactor
        self.last = time.monotonic()
        self._station = station
        self._report = report
        self._stalled = False
        self._waits = True
        self._begun = False
        self._seen: dict[int, float] | None = (
            {} if wish.noting and number == 0 else None
        )

    def connect(self) -> Deferred[Any]:
        """Begin; may fail."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to watch."""
        self._begun = False
        self.connect().addErrback(lambda _: self.over())

    def watched(self, data: bytes | bytearray, pieces: int = 1) -> None:
        """Something came."""
        now = time.monotonic()
        self.check(now)
        self.last = now
        self._stalled = False
        if not self._begun:
            self._begun = True
            self._report.connected += 1
        if self._waits and now >= self._station.upAt:
            self._waits = False
            self._report.recoveries.append((self.wish.place, now - self._station.upAt))
        self._report.bytes[self.wish.kind] += len(data)
        self._report.pieces[self.wish.kind] += pieces
        if self._seen is not None:
            self._seen.update(dict.fromkeys(numbersIn(bytes(data)), now))

    def check(self, now: float) -> None:
        """Has it been too long?"""
        late = now - self.last > GAP and not self._stalled
        if late and not self._station.excuses(self.last, now):
            self._stalled = True
            self._report.stalls[self.wish.kind] += 1

    def isStuck(self, now: float) -> bool:
        """Has it been far too long?"""
        return now - max(self.last, self._station.upAt) > STUCK

    def rebooting(self) -> None:
        """The camera goes, and should come back."""
        self._waits = True

    def over(self) -> None:
        """There is no stream, or none any more."""
        if self._begun:
            self._report.connected -= 1
            self._report.endings[self.wish.kind] += 1
        else:
            self._report.refused[self.wish.kind] += 1
        self._begun = False
        self.reactor.callLater(RETRY, self.start)

    def takeSeen(self) -> list[tuple[int, float]] | None:
        """What was noted."""
        if self._seen is None:
            return None
        seen = list(self._seen.items())
        self._seen.clear()
        return seen

    def _tcp(self, protocol: Protocol) -> Deferred[Any]:
        factory = Factory.forProtocol(lambda: protocol)
        factory.noisy = False
        endpoint = TCP4ClientEndpoint(self.reactor, HOST, self.wish.port)
        return endpoint.connect(factory)


class Bare(Protocol):
    """Whatever comes."""

    transport: Any

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def dataReceived(self, data: bytes) -> None:
        """It is all of the stream."""
        self._viewer.watched(data)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        """That was it."""
        self._viewer.over()


class BareViewer(Viewer):
    """Connects, and no more."""

    def connect(self) -> Deferred[Any]:
        """Begin."""
        return self._tcp(Bare(self))


class _Download(Bare):
    """One GET without end."""

    def __init__(self, viewer: Viewer, path: str) -> None:
        super().__init__(viewer)
        self._path = path
        self._head: bytes | None = b""

    def connectionMade(self) -> None:
        """Ask."""
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Connection: close\r\n\r\n".encode()
        )

    def dataReceived(self, data: bytes) -> None:
        """The sizes of the chunks count as part of it."""
        if self._head is not None:
            self._head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                return
            if not self._head.startswith(b"HTTP/1.1 200 "):
                self.transport.abortConnection()
                return
            self._head = None
            if not data:
                return
        super().dataReceived(data)


class HttpViewer(Viewer):
    """Somebody with a player, or, of C{/events}, with a list of all cameras."""

    def connect(self) -> Deferred[Any]:
        """Begin."""
        path = {
            "ts": f"/cameras/{self.wish.name}/stream.ts",
            "mp4": f"/cameras/{self.wish.name}/live.mp4",
            "events": "/events",
        }[self.wish.kind]
        return self._tcp(_Download(self, path))


class _Socket:
    """A WebSocket of fragments."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        """Not yet."""

    def negotiationFinished(self) -> None:
        """Now."""

    def pongReceived(self, payload: bytes) -> None:
        """We send no pings."""

    def textMessageReceived(self, message: str) -> None:
        """What it will be."""

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """A fragment; the first track is the video."""
        if data[:1] == b"\0":
            self._viewer.watched(data)

    def connectionLost(self, reason: Failure) -> None:
        """That was it."""
        self._viewer.over()


class MseViewer(Viewer):
    """Somebody with the page open."""

    def connect(self) -> Deferred[Any]:
        """Begin."""
        url = f"ws://{HOST}:{self.wish.port}/cameras/{self.wish.name}/mse?sound=1"
        endpoint = WebSocketClientEndpoint.new(self.reactor, url)
        socket = self

        class Sockets:
            def buildProtocol(self, url: str) -> _Socket:
                return _Socket(socket)

        return Deferred.fromCoroutine(endpoint.connect(Sockets())).addErrback(
            self._rejected
        )

    def _rejected(self, failure: Failure) -> None:
        # The end of that connection is told anyway.
        failure.trap(ConnectionRejected)


class RtspViewer(Viewer):
    """Somebody with a recorder."""

    def connect(self) -> Deferred[Any]:
        """Begin."""
        url = f"rtsp://{HOST}:{self.wish.port}/{self.wish.name}"
        overUdp = self.wish.kind == "rtsp-udp"
        return self._tcp(Rtsp(self.reactor, url, overUdp, self.watched, self.over))


KINDS: dict[str, type[Viewer]] = {
    "bare": BareViewer,
    "events": HttpViewer,
    "ts": HttpViewer,
    "mp4": HttpViewer,
    "mse": MseViewer,
    "rtsp": RtspViewer,
    "rtsp-udp": RtspViewer,
}


class Crowd:
    """All of them."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._report = Report()
        self._stations: dict[int, Station] = {}
        self._viewers: list[Viewer] = []
        self._checking = LoopingCall(self._check)

    def order(self, line: str) -> None:
        """The parent says something."""
        match line.split():
            case ["report"]:
                self._tell()
            case ["down", place, seconds]:
                self._down(int(place), float(seconds))
            case _:
                self._come([Wish(**wish) for wish in json.loads(line)])

    def _come(self, wishes: list[Wish]) -> None:
        delay = 0.0
        for wish in wishes:
            station = self._stations.setdefault(wish.place, Station(time.monotonic()))
            for number in range(wish.count):
                viewer = KINDS[wish.kind](
                    self._reactor, wish, number, station, self._report
                )
                self._viewers.append(viewer)
                self._reactor.callLater(delay, viewer.start)
                delay += 0.01
        self._checking.start(1.0)

    def _check(self) -> None:
        now = time.monotonic()
        for viewer in self._viewers:
            viewer.check(now)

    def _down(self, place: int, seconds: float) -> None:
        station = self._stations[place]
        station.downAt = time.monotonic()
        station.upAt = station.downAt + seconds
        for viewer in self._viewers:
            if viewer.wish.place == place:
                viewer.rebooting()

    def _tell(self) -> None:
        now, report = time.monotonic(), self._report
        report.stuck = [one.name for one in self._viewers if one.isStuck(now)]
        report.seen = {
            viewer.wish.kind: seen
            for viewer in self._viewers
            if (seen := viewer.takeSeen()) is not None
        }
        report.cpu = cpuSeconds()
        print(json.dumps(vars(report)), flush=True)
        report.recoveries = []


def main() -> None:
    """Be those viewers."""
    from twisted.internet import reactor as installed

    tellMistakes()
    reactor: Any = installed
    crowd = Crowd(reactor)
    reactor.addReader(Orders(crowd.order, reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main()
