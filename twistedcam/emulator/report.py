"""
How a camera answers DH searches.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from hashlib import sha256
from struct import Struct

from twisted.logger import Logger

from ..wire.deviceid import DeviceId
from ..wire.dh import DhReport, encode
from .doors import Doors
from .faults import Weather
from .firmware import Firmware
from .world import Address, Reactor, Timer

#: "Who is there?": whatever follows these four bytes does not matter.
SEARCH = b"DH\x01\x01"

#: The short "get camera", and the head of its answer.
SHORT_SEARCH = b"DH\x05\x01"
SHORT_REPORT = b"DH\x05\x08"

#: The unicast copy of a short answer goes to this fixed port of the requester.
SHORT_PORT = 8900

#: After each datagram a camera sleeps so long (seconds); others queue meanwhile.
REQUEST_INTERVAL = 0.200

#: Requests in the queue at most: a minute's work is more than any client waits.
MAX_REQUESTS = 300

#: The second copy of every answer goes to everybody.
EVERYBODY = "255.255.255.255"

#: Where forged reports say that the camera is.
FOREIGN = "198.51.100.66"

# Name, IP, device id, wireless MAC as text, HTTP port, DHCP flag, stream id.
_SHORT = Struct("<4s16s16x16s32x32s64x17s3xHBxBxxx")


@dataclass(slots=True)
class Nameplate:
    """
    What a camera says about itself.

    @ivar deviceId: its identity.
    @ivar virtualId: the identity it goes by instead, or L{None}.
    @ivar name: what the owner calls it.
    """

    firmware: Firmware
    deviceId: DeviceId
    virtualId: DeviceId | None
    name: str

    @property
    def macs(self) -> tuple[bytes, bytes]:
        """The wired and the wireless MAC: made up, but the same for the same id."""
        digest = sha256(self.deviceId.compact.encode()).digest()
        wired = bytes((0x02, *digest[:4], digest[4] & 0xFE))
        return wired, wired[:5] + bytes((wired[5] | 1,))

    def report(self, ip: str, httpPort: int) -> DhReport:
        """
        The full report, sent as 524 bytes with nothing but zeros from 0x144 on.

        @raise WireError: (on encoding) the name has more than 80 bytes.
        """
        wired, wireless = self.macs
        firmware = self.firmware
        gateway = ip.rpartition(".")[0] + ".1"
        return DhReport(
            ip=ip,
            netmask="255.255.255.0",
            gateway=gateway,
            dns1=gateway,
            dns2="0.0.0.0",
            mac=wired if firmware.wiredMac else wireless,
            httpPort=httpPort,
            uid=(self.virtualId or self.deviceId).compact,
            name=self.name,
            systemVersion=firmware.systemVersion,
            appVersion=firmware.appVersion,
            user=self.deviceId.compact if self.virtualId else "",
            dhcp=1,
            wifiMac=wireless if firmware.wiredMac else bytes(6),
        )

    def shortReport(self, ip: str, httpPort: int) -> bytes:
        """The answer to "get camera": 208 bytes."""
        mac = self.macs[1].hex(":").upper().encode()
        name = self.name.encode()[:16]
        uid = (self.virtualId or self.deviceId).compact.encode()
        return _SHORT.pack(SHORT_REPORT, name, ip.encode(), uid, mac, httpPort, 1, 0)


class Reporter:
    """
    Answers DH searches: one datagram every 200 ms, each answer twice, to the
    requester's address and port and then to everybody at that same port.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        plate: Nameplate,
        weather: Weather,
        doors: Doors,
    ) -> None:
        self._plate = plate
        self._weather = weather
        self._doors = doors
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._asleep = Timer(reactor, self._wakeUp)
        self._lastAsker = ""
        self.httpPort = 0

    def heard(self, datagram: bytes, address: Address) -> None:
        """A datagram came in.  Even one that is not answered takes its time."""
        if not self._asleep.armed:
            self._handle(datagram, address)
        elif len(self._queue) < MAX_REQUESTS:
            self._queue.append((datagram[: len(SEARCH)], address))

    def forget(self) -> None:
        """Drop everything that waits."""
        self._queue.clear()
        self._asleep.cancel()

    def _wakeUp(self) -> None:
        if self._queue:
            self._handle(*self._queue.popleft())

    def _handle(self, datagram: bytes, address: Address) -> None:
        self._asleep.arm(REQUEST_INTERVAL)
        # Requests to change the network settings, and whatever else there is,
        # are not answered; nothing here could be changed.
        if datagram.startswith(SEARCH):
            self._answer(address)
        elif datagram.startswith(SHORT_SEARCH):
            ip = self._doors.addressFor(address[0])
            answer = self._plate.shortReport(ip, self.httpPort)
            self._transmit(answer, (address[0], SHORT_PORT))
            self._transmit(answer, (EVERYBODY, address[1]))

    def _answer(self, address: Address) -> None:
        if address[0] != self._lastAsker:
            self._lastAsker = address[0]
            self.log.info(
                "{deviceId} searched (DH) by {host}:{port}",
                deviceId=self._plate.deviceId,
                host=address[0],
                port=address[1],
            )
        report = self._plate.report(self._doors.addressFor(address[0]), self.httpPort)
        datagrams = [encode(report)]
        if self._weather.faults.forgedReports:
            datagrams.append(encode(replace(report, ip=FOREIGN)))
            stranger = replace(
                self._plate.deviceId, serial=(self._plate.deviceId.serial + 1) % 10**6
            )
            datagrams.append(encode(replace(report, uid=stranger.compact)))
        for to in (address, (EVERYBODY, address[1])):
            for datagram in datagrams:
                self._transmit(datagram, to)

    def _transmit(self, datagram: bytes, to: Address) -> None:
        otherPort = self._weather.faults.otherPort
        self._weather.send(lambda: self._doors.sendDh(datagram, to, otherPort))
