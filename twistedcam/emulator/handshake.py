"""
From a client's LAN_SEARCH to the moment when its session is up.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire.deviceid import SIZE, DeviceId
from ..wire.header import frame
from ..wire.pppp import P2P_RDY, PUNCH_PKT, TRY_LAN_TCP
from .firmware import Firmware
from .link import Link
from .world import Address, Reactor, Timer

#: How long a port waits for the client to punch back (seconds): as long as a
#: patient client tries.
PENDING_PATIENCE = 5.0

#: TRY_LAN_TCP is sent 51 times, 5 ms apart, over 250 ms.
TCP_TRIES = 51
TCP_PATIENCE = 0.250

#: What follows the device id in a TRY_LAN_TCP (44 bytes in all): not known.
_TCP_REST = bytes(24)


class Handshake:
    """
    A port that sent PUNCH_PKT and waits for the client to answer, with its own
    PUNCH_PKT or with P2P_RDY, from whatever address.

    @ivar link: the port.
    """

    def __init__(
        self,
        reactor: Reactor,
        firmware: Firmware,
        deviceId: DeviceId,
        link: Link,
        client: Address,
        mayStart: Callable[[Address], bool],
        done: Callable[[bool], None],
        tcpOnly: Callable[[], bool],
    ) -> None:
        """
        @param client: where the LAN_SEARCH came from.
        @param mayStart: asked whether a session with this address may begin.
        @param done: called once, with true when the link's peer now has a
            session, and with false when nobody answered in time.
        @param tcpOnly: tells whether there are sessions over TCP only, hence none.
        """
        self._reactor = reactor
        self._firmware = firmware
        self._did = deviceId.toBytes()[:SIZE]
        self._client = client
        self._mayStart = mayStart
        self._done = done
        self._tcpOnly = tcpOnly
        self._searchedAt = 0.0
        self._tcpTries = 0
        self._patience = Timer(reactor, lambda: done(False))
        self._tcp = Timer(reactor, self._tryTcp)
        self.link = link
        link.receiver = self._received

    def searched(self) -> None:
        """The client's LAN_SEARCH: answered by one PUNCH_PKT."""
        if self._tcp.armed:
            return
        self._searchedAt = self._reactor.seconds()
        self._patience.arm(PENDING_PATIENCE)
        self.link.send(frame(PUNCH_PKT, self._did), self._client)

    def cancel(self) -> None:
        """Stop all timers."""
        self._patience.cancel()
        self._tcp.cancel()

    def _received(self, kind: int, body: bytes, address: Address) -> None:
        if self._tcp.armed or kind not in (PUNCH_PKT, P2P_RDY) or body != self._did:
            return
        if not self._mayStart(address):
            return
        self._patience.cancel()
        self.link.peer = address
        elapsed = self._reactor.seconds() - self._searchedAt
        hasty = kind == PUNCH_PKT and elapsed < self._firmware.tcpWithin
        if hasty or self._tcpOnly():
            self._tryTcp()
        else:
            self._done(True)

    def _tryTcp(self) -> None:
        # The client might come by TCP: none is expected to, so after the last
        # try UDP it is.
        if self._tcpTries == TCP_TRIES:
            if self._tcpOnly():
                self._tcpTries = 0
                self._patience.arm(PENDING_PATIENCE)
            else:
                self._done(True)
            return
        self._tcpTries += 1
        self.link.send(frame(TRY_LAN_TCP, self._did + _TCP_REST))
        self._tcp.arm(TCP_PATIENCE / (TCP_TRIES - 1))
