"""
One track as one viewer gets it.

The packets are shared by all who watch; their numbers, time stamps and sender are his
own.  So numbers have no holes where he was too slow, which would look like losses,
and his reports are about what he got.
"""

from __future__ import annotations

from secrets import randbits
from struct import Struct

from ...media.rtp import HEAD, Burst
from . import rtcp

_HEAD = Struct(">BBHII")


class Sender:
    """
    Numbers and stamps packets.

    @ivar ssrc: the sender's identity.
    @ivar number: of the next packet, without an upper bound.
    @ivar stamp: the time stamp of the L{origin}.
    @ivar packets: sent.
    @ivar octets: sent in them, without heads.
    @ivar reception: what the viewer told last, or L{None}.
    """

    def __init__(self, rate: int) -> None:
        """
        @param rate: ticks a second.
        """
        self.ssrc = randbits(32)
        # Some receivers do not expect the numbers to begin anew at once.
        self.number = randbits(15)
        self.stamp = randbits(32)
        self.packets = self.octets = 0
        self.reception: rtcp.Reception | None = None
        self._rate = rate
        self._origin = 0

    def begin(self, time: float) -> None:
        """
        Say which moment has the time stamp L{stamp}.

        @param time: as L{Frame.time}.
        """
        self._origin = round(time * self._rate)

    def send(self, burst: Burst) -> list[bytes]:
        """The packets for this viewer."""
        stamp = (self.stamp + burst.ticks - self._origin) & 0xFFFFFFFF
        packets = []
        for packet in burst.packets:
            head = _HEAD.pack(
                packet[0], packet[1], self.number & 0xFFFF, stamp, self.ssrc
            )
            packets.append(head + packet[HEAD:])
            self.number += 1
        self.packets += len(packets)
        self.octets += len(burst.data) - HEAD * len(packets)
        return packets

    def report(self, time: float, cname: str) -> bytes:
        """
        A report about this moment.

        @param time: as L{Frame.time}.
        @param cname: what the session is called.
        """
        stamp = self.stamp + round(time * self._rate) - self._origin
        return rtcp.senderReport(
            self.ssrc, time, stamp, self.packets, self.octets, cname
        )

    def goodbye(self, time: float, cname: str) -> bytes:
        """The last one."""
        return rtcp.goodbye(self.ssrc, self.report(time, cname))

    def heard(self, receptions: list[rtcp.Reception]) -> None:
        """The viewer reports."""
        for reception in receptions:
            if reception.ssrc == self.ssrc:
                self.reception = reception
