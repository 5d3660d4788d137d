"""
What does it cost to receive one DRW?

The same datagrams are drained from the kernel's buffer by a bare C{recvfrom} loop
and by a session, which also deciphers, orders, acknowledges and delivers them.
Both run in turns in this process, over loopback; medians of the CPU's time are
compared.  With
C{aiopppp} installed, its packet path gets the same datagrams, beside an asyncio
protocol that does nothing with them.

Run it by C{make bench}.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from twistedcam.session.protocol import CameraSession
from twistedcam.wire import drw, pppp
from twistedcam.wire.cipher import PLAIN, Cipher
from twistedcam.wire.deviceid import DeviceId

#: Bytes of receive buffer that we ask the kernel for, and that one datagram takes.
BUFFER, PLACE = 4 << 20, 2560


def _granted() -> int:
    """What the kernel makes of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        return one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


#: Datagrams in one round: as many as the buffer is sure to hold.
ROUND = min(800, _granted() // PLACE)
ROUNDS = 15
PAYLOAD = bytes(range(256)) * 4
CAMERA = DeviceId("VSTB", 668515, "UZCPK")

#: What we want to keep to, in multiples of the bare loop.
TARGETS = {"plain": 3.0, "obfuscated": 5.0}

Order = Callable[[list[int], random.Random], list[int]]


def untouched(indices: list[int], dice: random.Random) -> list[int]:
    """Everything arrives as sent."""
    return indices


def losing(share: float) -> Order:
    """Some are lost, and sent again by the camera forty packets later."""

    def order(indices: list[int], dice: random.Random) -> list[int]:
        places = [
            (place + 40.5 if dice.random() < share else place, index)
            for place, index in enumerate(indices)
        ]
        return [index for _, index in sorted(places)]

    return order


def reordering(indices: list[int], dice: random.Random) -> list[int]:
    """Each may overtake up to four others."""
    places = [(place + dice.uniform(0, 5), i) for place, i in enumerate(indices)]
    return [index for _, index in sorted(places)]


ORDERS: dict[str, Order] = {
    "no loss": untouched,
    "1 % loss": losing(0.01),
    "5 % loss": losing(0.05),
    "reordering": reordering,
}


class Link:
    """A sender's socket, and rounds of datagrams for a receiver."""

    def __init__(
        self,
        cipher: Cipher,
        order: Order,
        payloads: Iterator[bytes] | None = None,
    ) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self._cipher = cipher
        self._order = order
        self._payloads = payloads or itertools.repeat(PAYLOAD)
        self._dice = random.Random(1)

    def rounds(self) -> Iterator[list[bytes]]:
        """Datagrams with indices that go on and wrap, as a session wants them."""
        for number in range(ROUNDS):
            first = number * ROUND
            indices = [i % (1 << 16) for i in range(first, first + ROUND)]
            datagrams = {
                index: self._cipher.encipher(drw.encodeDrw(drw.VIDEO, index, payload))
                for index, payload in zip(indices, self._payloads, strict=False)
            }
            yield [datagrams[index] for index in self._order(indices, self._dice)]

    def fill(self, datagrams: list[bytes], to: tuple[str, int]) -> None:
        """Put a round into the receiver's buffer."""
        for datagram in datagrams:
            self.socket.sendto(datagram, to)

    def forget(self) -> None:
        """Drop the acknowledgements."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(2048)
        except BlockingIOError:
            pass


class Bare:
    """The baseline."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind(("127.0.0.1", 0))
        self.address = self._socket.getsockname()

    def drain(self) -> float:
        """The CPU's seconds for a round."""
        receive = self._socket.recvfrom
        begin = time.process_time()
        for _ in range(ROUND):
            receive(2048)
        return time.process_time() - begin


class Ours:
    """A session that is connected to the link."""

    def __init__(self, link: Link, cipher: Cipher) -> None:
        from twisted.internet import reactor

        self._reactor: Any = reactor
        self.delivered = 0
        peer = link.socket.getsockname()
        session = CameraSession(reactor, CAMERA, peer[0], ciphers=[cipher])  # type: ignore[arg-type]
        session.listen(drw.VIDEO, self.deliver)
        session.start()
        for message in (pppp.PunchPkt(CAMERA), pppp.P2pRdy(CAMERA)):
            session.datagramReceived(cipher.encipher(pppp.encode(message)), peer)
        port: Any = session._port
        self._port = port
        self.address = ("127.0.0.1", port.getHost().port)

    def deliver(self, payload: bytes) -> None:
        """The channel's next bytes."""
        self.delivered += 1

    def drain(self) -> float:
        """The CPU's seconds for a round."""
        wanted = self.delivered + ROUND
        begin = time.process_time()
        while self.delivered < wanted:
            self._port.doRead()
            self._reactor.runUntilCurrent()
        return time.process_time() - begin


def compare(
    cipher: Cipher,
    link: Link,
    kind: type[Ours] = Ours,
) -> tuple[float, float]:
    """The CPU's microseconds for a datagram: of the bare loop, and ours."""
    bare, ours = Bare(), kind(link, cipher)
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for datagrams in link.rounds():
        receivers: tuple[Bare | Ours, ...] = (bare, ours)
        for receiver, taken in zip(receivers, times, strict=True):
            link.fill(datagrams, receiver.address)
            taken.append(receiver.drain())
            link.forget()
    bareTime, ourTime = (statistics.median(taken) / ROUND * 1e6 for taken in times)
    return bareTime, ourTime


def compareAiopppp() -> tuple[float, float, float] | None:
    """
    Microseconds for a datagram: of the bare loop, of an asyncio protocol that does
    nothing, and of aiopppp's packet path (without putting frames together).
    """
    try:
        from aiopppp.session import JsonSession  # type: ignore[import-untyped]
        from aiopppp.types import DeviceDescriptor  # type: ignore[import-untyped]
    except ImportError:
        return None
    link, bare = Link(PLAIN, untouched), Bare()
    peer = link.socket.getsockname()

    class Nothing(asyncio.DatagramProtocol):
        count = 0

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.count += 1

    async def run() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        nothing = Nothing()
        idle, _ = await loop.create_datagram_endpoint(
            lambda: nothing, local_addr=("127.0.0.1", 0)
        )
        session = JsonSession(DeviceDescriptor("X", *peer), None)
        session.transport = await session.create_udp()
        session.start_packet_queue()
        for transport in (idle, session.transport):
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER
            )
        times: tuple[list[float], ...] = ([], [], [])
        seen = 0
        for datagrams in link.rounds():
            link.fill(datagrams, bare.address)
            times[0].append(bare.drain())
            link.fill(datagrams, idle.get_extra_info("sockname"))
            begin, wanted = time.process_time(), nothing.count + ROUND
            while nothing.count < wanted:  # noqa: ASYNC110 - turn by turn
                await asyncio.sleep(0)
            times[1].append(time.process_time() - begin)
            link.fill(datagrams, session.transport.get_extra_info("sockname"))
            begin, seen = time.process_time(), seen + ROUND
            while session.video_chunk_queue.qsize() < seen:  # noqa: ASYNC110
                await asyncio.sleep(0)
            times[2].append(time.process_time() - begin)
            link.forget()
        a, b, c = (statistics.median(taken) / ROUND * 1e6 for taken in times)
        return a, b, c

    return asyncio.run(run())


def main() -> int:
    """Print the table; the exit code is 0 whatever it says."""
    print(f"python {sys.version.split()[0]}, {ROUNDS} rounds of {ROUND} datagrams")
    print(f"{'a DRW of 1024 bytes':30}{'bare us':>9}{'ours us':>9}{'ratio':>8}  target")
    for kind, cipher in ("plain", PLAIN), ("obfuscated", Cipher("vstarcam2019")):
        for name, order in ORDERS.items():
            bare, ours = compare(cipher, Link(cipher, order))
            verdict = "ok" if ours / bare <= TARGETS[kind] else "missed"
            print(
                f"{kind + ', ' + name:30}{bare:9.2f}{ours:9.2f}{ours / bare:8.2f}"
                f"  <= {TARGETS[kind]:g} {verdict}"
            )
    if (other := compareAiopppp()) is None:
        print("aiopppp is not installed: left out")
    else:
        bare, loop, path = other
        print(
            f"{'aiopppp, plain, no loss':30}{bare:9.2f}{path:9.2f}{path / bare:8.2f}"
            f"  of which asyncio's loop {loop:.2f} us"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
