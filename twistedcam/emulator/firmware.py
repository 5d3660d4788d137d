"""
Where the two known generations of camera firmware differ.

Family A is the older one (CS2 library of the third generation), family B the
newer (version 4.5).  Whatever both do alike is a constant of the module that
does it; whatever they do differently is a field here, so that no other module
has to ask which family it emulates.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Firmware:
    """
    One generation of firmware.  All times are in seconds.

    @ivar name: what the log calls it.
    @ivar systemVersion: the report's system version, a dotted text.
    @ivar appVersion: the report's application version.
    @ivar wiredMac: the report carries the wired MAC at 0x54 and the wireless one
        at 0x130 (B), rather than the wireless one at 0x54 and zeros (A).
    @ivar virtualIds: the camera may go by a virtual device id, its real one then
        standing in the report's user field at 0xEC (B).
    @ivar dhBootDelay: how long after boot DH searches are answered: A waits up
        to 61 + 5 s for the network, B starts at once.
    @ivar readyInterval: between the four P2P_RDY: A sends them back to back, B
        10 ms apart.
    @ivar readyRepeat: B repeats P2P_RDY every 41 ms until the client's first
        packet; 0 means that it is not repeated (A).
    @ivar tcpWithin: a PUNCH_PKT sooner than this after the client's LAN_SEARCH
        makes B ask for TCP first; 0 means never (A).
    @ivar punchAnswered: a PUNCH_PKT from an address that already has a session
        is answered as if it were new (A), or ignored until that session ends (B).
    @ivar listenPause: A waits 1 s after a session came up before it listens for
        LAN_SEARCH again; B goes on at once.
    @ivar receiveWait: how long one wait for a datagram takes: 40 ms (A), 41 ms
        (B, which shortens it with the round trip time; not emulated).
    @ivar tick: how long an acknowledgement waits for company: 10 ms (A); B
        starts at 40 ms and shrinks to the best round trip time + 1 ms, which on
        a LAN is shorter still: 10 ms stand for it.
    @ivar aliveStart: where the count of unanswered ALIVE starts: A at 0, B at 3,
        so that a client that never speaks is dropped after some 4 s, not 7.
    @ivar resendBurst: packets of a channel sent again after one silent receive
        wait: up to 3 (A), 1 (B).
    @ivar refusesFifth: a fifth client is told that the house is full and closed
        after 2 s (A), or taken in place of the oldest session (B).
    """

    name: str
    systemVersion: str
    appVersion: str
    wiredMac: bool
    virtualIds: bool
    dhBootDelay: float
    readyInterval: float
    readyRepeat: float
    tcpWithin: float
    punchAnswered: bool
    listenPause: float
    receiveWait: float
    tick: float
    aliveStart: int
    resendBurst: int
    refusesFifth: bool


#: The older firmware.
FIRMWARE_A = Firmware(
    name="A",
    systemVersion="70.1.2.5",
    appVersion="70.1.2.5",
    wiredMac=False,
    virtualIds=False,
    dhBootDelay=66.0,
    readyInterval=0.0,
    readyRepeat=0.0,
    tcpWithin=0.0,
    punchAnswered=True,
    listenPause=1.0,
    receiveWait=0.040,
    tick=0.010,
    aliveStart=0,
    resendBurst=3,
    refusesFifth=True,
)

#: The newer firmware.
FIRMWARE_B = Firmware(
    name="B",
    systemVersion="48.53.72.104",
    appVersion="48.53.72.104",
    wiredMac=True,
    virtualIds=True,
    dhBootDelay=0.0,
    readyInterval=0.010,
    readyRepeat=0.041,
    tcpWithin=0.050,
    punchAnswered=False,
    listenPause=0.0,
    receiveWait=0.041,
    tick=0.010,
    aliveStart=3,
    resendBurst=1,
    refusesFifth=False,
)
