"""
The messages of a session, deciphered.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import accepted, check
from twistedcam.trace import describe
from twistedcam.wire import pppp
from twistedcam.wire.deviceid import DeviceId
from twistedcam.wire.drw import MAX_ACKS, MAX_PAYLOAD, Drw, DrwAck

MAX_LEN = 2060


def target(data: bytes) -> None:
    """What is read can be shown, and be written again."""
    check(describe(data).isprintable(), "the trace prints what is not printable")
    message = accepted(pppp.decode, data)
    if message is None:
        return
    repr(message)
    match message:
        case Drw(payload=payload) if len(payload) > MAX_PAYLOAD:
            return  # read, but nothing that we would send
        case DrwAck(indices=indices) if len(indices) > MAX_ACKS:
            return
        case _:
            pass
    again = pppp.encode(message)
    check(len(again) <= len(data), "it has grown")
    check(pppp.decode(again) == message, "written and read again, it is another one")


def seeds() -> Iterator[bytes]:
    """Real messages, and one of each kind from the emulated camera."""
    from fuzz.traffic import conversation, vectors

    yield from vectors("pppp")
    yield from {
        d[:2]: d
        for older in (False, True)
        for d in conversation(older)
        if d[:1] == b"\xf1"
    }.values()
    for message in (
        pppp.LanSearchExt(),
        pppp.TryLanTcp(),
        pppp.CloseAck(),
        pppp.LanTcpRdy(DeviceId("VSTB", 668515, "UZCPK", b"\1\2\3\4")),
        DrwAck(1, tuple(range(65500, 65500 + 36))),
    ):
        yield pppp.encode(message)
