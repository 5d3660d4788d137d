"""
TCP in memory: connections whose peers read as much as they want.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IListeningPort,
    IProtocolFactory,
    IPushProducer,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

#: What a transport keeps before its producer has to pause: as Twisted's does.
BUFFER = 2**16

HOST = IPv4Address("TCP", "192.0.2.10", 8085)


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTransport:
    """
    A TCP connection as the server sees it, with a peer who reads as much as he wants.

    @ivar taken: what the peer has read.
    @ivar window: how many bytes he reads yet; L{None}: all.
    @ivar buffer: what waits for him.
    @ivar closed: why it is over, or L{None}.
    """

    disconnecting = False

    def __init__(self, clock: Any, protocol: Any, peer: IAddress) -> None:
        self.taken = bytearray()
        self.window: int | None = None
        self.buffer = bytearray()
        self.closed: Failure | None = None
        self.producer: Any = None
        self.reading = True
        self._clock = clock
        self._protocol = protocol
        self._peer = peer
        self._paused = False
        self._due = False
        self._incoming = bytearray()
        protocol.makeConnection(self)

    # The peer's side.

    def say(self, data: bytes) -> None:
        """The peer sends."""
        self._incoming += data
        self._pass()

    def hangUp(self) -> None:
        """The peer is gone."""
        self._lose(ConnectionDone())

    def _pass(self) -> None:
        if self._incoming and self.reading and self.closed is None:
            data = bytes(self._incoming)
            self._incoming.clear()
            self._protocol.dataReceived(data)

    # The server's side.

    def write(self, data: bytes) -> None:
        """As a socket's: bytes go out later."""
        assert isinstance(data, bytes)
        if self.closed is not None or self.disconnecting:
            return
        self.buffer += data
        if len(self.buffer) > BUFFER and self.producer and not self._paused:
            self._paused = True
            self.producer.pauseProducing()
        self._soon()

    def writeSequence(self, data: Any) -> None:
        """All at once."""
        self.write(b"".join(data))

    def loseConnection(self, *_: object) -> None:
        """When all is written."""
        self._disconnect()

    def _disconnect(self) -> None:
        if self.closed is None:
            self.disconnecting = True
            self._soon()

    def abortConnection(self) -> None:
        """Now."""
        self.disconnecting = True
        self._clock.callLater(0, self._lose, ConnectionAborted())

    def getPeer(self) -> IAddress:
        """The visitor."""
        return self._peer

    def getHost(self) -> IAddress:
        """The server."""
        return HOST

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """One at a time."""
        if self.producer is not None:
            raise RuntimeError("there is a producer")
        if self.closed is not None:
            producer.stopProducing()
            return
        self.producer = producer
        self._paused = False

    def unregisterProducer(self) -> None:
        """No more."""
        self.producer = None
        if self.disconnecting:
            self._soon()

    def pauseProducing(self) -> None:
        """Read no more."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Read."""
        self.reading = True
        self._clock.callLater(0, self._pass)

    def stopProducing(self) -> None:
        """Never again."""
        self.loseConnection()

    # The cable.

    def _soon(self) -> None:
        if not self._due:
            self._due = True
            self._clock.callLater(0, self._flush)

    def flush(self) -> None:
        """The peer reads more: C{window} was changed."""
        self._soon()

    def _flush(self) -> None:
        self._due = False
        if self.closed is not None:
            return
        amount = len(self.buffer) if self.window is None else self.window
        self.taken += self.buffer[:amount]
        amount = min(amount, len(self.buffer))
        del self.buffer[:amount]
        if self.window is not None:
            self.window -= amount
        if self.buffer:
            return
        if self._paused and self.producer is not None:
            self._paused = False
            self.producer.resumeProducing()
        elif self.disconnecting:
            self._lose(ConnectionDone())

    def _lose(self, why: Exception) -> None:
        if self.closed is not None:
            return
        self.closed = Failure(why)
        self.buffer.clear()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self._protocol.connectionLost(self.closed)


@implementer(IListeningPort)
class _MemoryPort:
    def __init__(self, endpoint: MemoryEndpoint) -> None:
        self._endpoint = endpoint

    def getHost(self) -> IAddress:
        return HOST

    def startListening(self) -> None:
        raise NotImplementedError

    def stopListening(self) -> Deferred[None]:
        factory, self._endpoint.factory = self._endpoint.factory, None
        if factory is not None:
            factory.doStop()
        return succeed(None)


@implementer(IStreamServerEndpoint)
class MemoryEndpoint:
    """
    Where visitors come in.

    @ivar factory: whose protocols they get; L{None}: closed.
    """

    def __init__(self) -> None:
        self.factory: Any = None

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Open."""
        self.factory = factory
        factory.doStart()
        return succeed(_MemoryPort(self))
