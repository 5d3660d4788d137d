"""
Where the two known generations of camera firmware differ.

Family A is the older one (CS2 library of the third generation), family B the
newer (version 4.5).  Whatever both do alike is a constant of the module that
does it; whatever they do differently is a field here, so that no other module
has to ask which family it emulates.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Sessions that the application serves, and that the library can hold.
MAX_SESSIONS, MAX_LIBRARY_SESSIONS = 4, 5


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
    @ivar maxPackets: packets of a channel, ready or unacknowledged, at most: 256
        (A), 128 (B).
    @ivar refusesFifth: a fifth client is told that the house is full and closed
        after 2 s (A), or taken in place of the oldest session (B).
    @ivar startChecked: bytes on the command channel that begin no record make B
        throw away all it has of the stream; A does not look at the start word.
    @ivar tooLongEnds: a command of more than 4095 bytes ends the session (A), or
        has B throw away all it has of the stream.
    @ivar accounts: every command carries the login of one of three accounts (A),
        or the first one of a session the administrator's password (B).
    @ivar locksOut: ten wrong passwords lock the camera for an hour (A).
    @ivar streamAnswered: a livestream.cgi that succeeds is answered (B).
    @ivar userCheckResult: what check_user ends with C{var result="ok";} (B).
    @ivar rebootAnswered: reboot.cgi is answered before it is obeyed (B).
    @ivar h265: there are models with H.265 (B).
    @ivar headVersion: byte 0x14 of a video frame's head: 0x80 (A), 0x81 (B).
    @ivar headSession: byte 0x16 is the session's number (A), or 0xFF (B).
    @ivar thirdResolution: byte 0x15 for the third stream: 1 (A), 0 (B).
    @ivar firstRate: what livestream.cgi with C{substream=1} sets: frames per
        second and kbit/s.
    @ivar maxWaiting: bytes of video that wait for a client: with as many, B drops
        those that it holds back up to the next keyframe.  A holds none back.
    @ivar alawStream: audiostream.cgi with this C{streamid} means A-law; L{None}:
        there is none (A).
    @ivar keptStreams: audiostream.cgi with one of these C{streamid} has the state
        of ADPCM run on from packet to packet; otherwise each starts from zero.
    @ivar keptVersions: the same goes for one of these C{adpcm_ver}: 1 (A), or
        L{None} for any (B).
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
    maxPackets: int
    refusesFifth: bool
    startChecked: bool
    tooLongEnds: bool
    accounts: bool
    locksOut: bool
    streamAnswered: bool
    userCheckResult: bool
    rebootAnswered: bool
    h265: bool
    headVersion: int
    headSession: bool
    thirdResolution: int
    firstRate: tuple[int, int]
    maxWaiting: int
    alawStream: int | None
    keptStreams: frozenset[int]
    keptVersions: frozenset[int] | None


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
    maxPackets=256,
    refusesFifth=True,
    startChecked=False,
    tooLongEnds=True,
    accounts=True,
    locksOut=True,
    streamAnswered=False,
    userCheckResult=False,
    rebootAnswered=False,
    h265=False,
    headVersion=0x80,
    headSession=True,
    thirdResolution=1,
    firstRate=(25, 2048),
    maxWaiting=0,
    alawStream=None,
    keptStreams=frozenset((4, 5)),
    keptVersions=frozenset((1,)),
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
    maxPackets=128,
    refusesFifth=False,
    startChecked=True,
    tooLongEnds=False,
    accounts=False,
    locksOut=False,
    streamAnswered=True,
    userCheckResult=True,
    rebootAnswered=True,
    h265=True,
    headVersion=0x81,
    headSession=False,
    thirdResolution=0,
    firstRate=(15, 768),
    maxWaiting=350_000,
    alawStream=7,
    keptStreams=frozenset((7,)),
    keptVersions=None,
)
