"""
A laboratory: a simulated LAN with a computer and a camera made of software.

This is all that a program which embeds twistedcam needs for tests without a
camera, without sockets and without waiting::

    lab = Lab()
    camera = lab.camera()
    up = camera.connect()
    lab.network.advance(1)
    self.successResultOf(up)
"""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from twistedcam import Camera, DeviceId, Discovery
from twistedcam.emulator import FIRMWARE_B, Doors, EmulatedCamera, Firmware
from twistedcam.session.protocol import CameraSession
from twistedcam.testing import Address, Datagram, MemoryHost, MemoryNetwork
from twistedcam.wire import pppp
from twistedcam.wire.cipher import PLAIN, Cipher

T = TypeVar("T")

UID = DeviceId("VSTB", 668515, "UZCPK")
OTHER_UID = DeviceId("VSTB", 668516, "UZCPK")
CAMERA, PC, STRANGER = "192.0.2.7", "192.0.2.10", "192.0.2.66"
EVERYBODY, BROADCAST = "255.255.255.255", "192.0.2.255"


class Lab:
    """
    A network with a computer and a camera.

    @ivar network: the clock, and the cables.
    @ivar pc: what a program on the computer takes for its reactor.
    @ivar host: the same of the camera.
    @ivar doors: the camera's well-known ports.
    @ivar emulated: the camera made of software, on air.
    @ivar cipher: its key.
    @ivar discovery: the computer's searcher.
    """

    def __init__(
        self,
        firmware: Firmware = FIRMWARE_B,
        *,
        network: MemoryNetwork | None = None,
        deviceId: DeviceId = UID,
        psk: str = "",
        **how: Any,
    ) -> None:
        """
        @param psk: the string that the camera's key is made of.
        @param how: for L{EmulatedCamera}.
        """
        self.cipher = Cipher(psk)
        self.network = network or MemoryNetwork(captureLimit=None)
        self.pc = self.network.host("pc", f"{PC}/24")
        # Without a default route its broadcasts would not leave.
        self.host = self.network.host("camera", f"{CAMERA}/24", defaultRoute=True)
        self.doors = Doors(self.host)
        self.doors.open()
        self.emulated = EmulatedCamera(
            self.host, deviceId, doors=self.doors, firmware=firmware, psk=psk, **how
        )
        self.emulated.start()
        self.discovery = Discovery(self.pc, interfaces=self.pc.interfaces)

    def camera(self, **how: Any) -> Camera:
        """A client's camera on the computer; by default one that is named."""
        how.setdefault("deviceId", self.emulated.deviceId)
        return Camera(self.pc, discovery=self.discovery, **how)

    def session(self, *ciphers: Cipher, **how: Any) -> CameraSession:
        """A client's session with the camera, whose address is known."""
        return CameraSession(
            self.pc,
            self.emulated.deviceId,
            CAMERA,
            ciphers=ciphers or (self.cipher,),
            **how,
        )

    def remove(self) -> None:
        """Take the camera off air for good."""
        self.emulated.stop()
        self.doors.close()
        self.network.advance(0)


class Socket(DatagramProtocol):
    """
    Somebody's UDP port, to be spoken with by hand.

    @ivar heard: when what came, and from where.
    @ivar number: the port's number.
    """

    noisy = False
    transport: IUDPTransport

    def __init__(
        self, host: MemoryHost, number: int = 0, cipher: Cipher = PLAIN
    ) -> None:
        """Open the port."""
        self._host = host
        self._cipher = cipher
        self.heard: list[tuple[float, bytes, Address]] = []
        self.port = host.listenUDP(number, self)
        self.number = self.port.getHost().port
        self.transport.setBroadcastAllowed(True)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Note it."""
        clear = self._cipher.decipher(datagram)
        self.heard.append((self._host.seconds(), clear, addr))

    def say(self, message: pppp.Message | bytes, to: Address) -> None:
        """Send a message under the key, or bytes just as they are."""
        if not isinstance(message, bytes):
            message = self._cipher.encipher(pppp.encode(message))
        self.transport.write(message, to)

    def take(self) -> list[pppp.Message]:
        """What came since the last time, read."""
        heard, self.heard = self.heard, []
        return [pppp.decode(datagram) for _, datagram, _ in heard]


class LabCase(SynchronousTestCase):
    """Helpers for tests in a laboratory."""

    def assertNothingLeft(self, network: MemoryNetwork, *hosts: MemoryHost) -> None:
        """There is no timer, and no port on these hosts."""
        network.advance(0)
        self.assertEqual([], list(network.getDelayedCalls()))
        self.assertEqual([], [port for host in hosts for port in host.ports])

    def resultAfter(
        self, network: MemoryNetwork, seconds: float, deferred: Deferred[T]
    ) -> T:
        """The result that a Deferred has by then."""
        network.advance(seconds)
        result: T = self.successResultOf(deferred)
        return result


def kinds(datagrams: list[Datagram], source: str = PC) -> list[str]:
    """The names of the PPPP messages, not enciphered, that a host sent."""
    return [
        pppp.NAMES[d.payload[1]]
        for d in datagrams
        if d.source[0] == source and d.payload[:1] == b"\xf1"
    ]


def sentTo(network: MemoryNetwork, address: str) -> list[Datagram]:
    """What was sent to this address and no other."""
    return [d for d in network.captured if d.destination[0] == address]
