"""
An RTSP client that looks at packets no further than it takes to count them.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Protocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

HOST = "127.0.0.1"


class _Datagrams(DatagramProtocol):
    """A port for RTP or RTCP."""

    noisy = False

    def __init__(self, received: Callable[[bytes], object]) -> None:
        self._receivedBy = received

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Hand it on."""
        self._receivedBy(datagram)

    def connectionRefused(self) -> None:
        """Nobody is there any more."""


#: A channel's packet within RTSP's connection.
_DOLLAR = 0x24


class Rtsp(Protocol):
    """
    Watches, and says what has to be said for that.
    """

    transport: Any

    def __init__(
        self,
        reactor: Any,
        url: str,
        overUdp: bool,
        watched: Callable[[bytes, int], object],
        over: Callable[[], object],
    ) -> None:
        """
        @param url: of the camera.
        @param overUdp: or else within the connection.
        @param watched: called with each packet of video, and how many frames it ends.
        @param over: called at the end.
        """
        self._reactor = reactor
        self._url = url
        self._overUdp = overUdp
        self._watched = watched
        self._over = over
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._answered: Callable[[dict[str, str], str], None] = self._described
        self._tracks: list[str] = []
        self._setUp = 0
        self._session = ""
        self._keepAlive: LoopingCall | None = None
        self._ports: list[Any] = []

    def connectionMade(self) -> None:
        """What is there?"""
        self._ask("DESCRIBE", self._url, Accept="application/sdp")

    def _ask(self, method: str, url: str, **headers: str) -> None:
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {next(self._numbers)}"]
        if self._session:
            lines.append(f"Session: {self._session}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode())

    def dataReceived(self, data: bytes) -> None:
        """Packets and answers."""
        data = self._buffer + data if self._buffer else data
        place, size = 0, len(data)
        while size - place >= 4:
            if data[place] == _DOLLAR:
                end = place + 4 + int.from_bytes(data[place + 2 : place + 4], "big")
                if end > size:
                    break
                if data[place + 1] == 0:
                    self._packet(data[place + 4 : end])
                place = end
            elif (end := self._answer(data, place)) > place:
                place = end
            else:
                break
        self._buffer = data[place:]

    def _packet(self, packet: bytes) -> None:
        """Of video; the last one of a frame is marked."""
        self._watched(packet, packet[1] >> 7)

    def _answer(self, data: bytes, place: int) -> int:
        head, end, _ = data[place:].partition(b"\r\n\r\n")
        if not end:
            return place
        first, *lines = head.decode().split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        begin = place + len(head) + 4
        stop = begin + int(headers.get("content-length", "0"))
        if stop > len(data):
            return place
        if first.split()[1:2] != ["200"]:
            self.transport.abortConnection()
        else:
            self._answered(headers, data[begin:stop].decode())
        return stop

    def _described(self, headers: dict[str, str], sdp: str) -> None:
        base = headers.get("content-base", self._url + "/")
        controls = re.findall(r"^m=.*?^a=control:(\S+)", sdp, re.M | re.S)
        self._tracks = [
            control if "://" in control else base + control for control in controls
        ]
        self._answered = self._prepared
        self._next()

    def _prepared(self, headers: dict[str, str], _: str) -> None:
        self._session, _, rest = headers["session"].partition(";")
        timeout = re.search(r"timeout=(\d+)", rest)
        self._timeout = int(timeout[1]) if timeout else 60
        if self._overUdp:
            self._reportTo(headers["transport"])
        self._setUp += 1
        self._next()

    def _next(self) -> None:
        """Set up the next track, or play."""
        if self._setUp < len(self._tracks):
            if self._overUdp:
                way = f"RTP/AVP;unicast;client_port={self._openPorts()}"
            else:
                one = 2 * self._setUp
                way = f"RTP/AVP/TCP;unicast;interleaved={one}-{one + 1}"
            self._ask("SETUP", self._tracks[self._setUp], Transport=way)
        else:
            self._answered = self._played
            self._ask("PLAY", self._url, Range="npt=0.000-")

    def _played(self, headers: dict[str, str], _: str) -> None:
        self._answered = lambda headers, body: None
        self._keepAlive = LoopingCall(self._ask, "GET_PARAMETER", self._url)
        self._keepAlive.clock = self._reactor
        self._keepAlive.start(self._timeout / 2, now=False)

    # By UDP.

    def _openPorts(self) -> str:
        """Two in a row."""
        listen = self._reactor.listenUDP
        video = self._setUp == 0
        for _ in range(100):
            rtp = listen(0, _Datagrams(self._packet if video else len), HOST)
            number = rtp.getHost().port
            try:
                rtcp = listen(number + 1, _Datagrams(len), HOST)
            except CannotListenError:
                rtp.stopListening()
                continue
            self._ports += [rtp, rtcp]
            return f"{number}-{number + 1}"
        raise CannotListenError(HOST, 0, OSError("no two ports in a row"))

    def _reportTo(self, transport: str) -> None:
        """Receiver reports without any contents, as a sign of life."""
        match = re.search(r"server_port=(\d+)-(\d+)", transport)
        if match is None:
            return
        port, to = self._ports[-1], (HOST, int(match[2]))
        packet = b"\x80\xc9\x00\x01" + os.urandom(4)

        def tell() -> None:
            if port in self._ports:
                port.write(packet, to)
                self._reactor.callLater(5.0, tell)

        tell()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        """That was it."""
        if self._keepAlive is not None:
            self._keepAlive.stop()
        for port in self._ports:
            port.stopListening()
        self._ports = []
        self._over()
