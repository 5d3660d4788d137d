"""
Hypothesis strategies for what travels on the wire, and how much of each to draw.
"""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_uppercase

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from twistedcam.errors import WireError
from twistedcam.wire import pppp
from twistedcam.wire.cipher import Cipher
from twistedcam.wire.deviceid import DeviceId
from twistedcam.wire.dh import DhMessage, DhReport, DhSearch, DhServices
from twistedcam.wire.drw import CHANNELS, MAX_ACKS, MAX_PAYLOAD, Drw, DrwAck
from twistedcam.wire.header import MAGIC, MAX_DATAGRAM

#: For properties that cost some microseconds, or some milliseconds, an example.
cheap = settings(max_examples=200, deadline=None)
dear = settings(max_examples=40, deadline=None)

u8s = st.integers(0, 0xFF)
u16s = st.integers(0, 0xFFFF)
u32s = st.integers(0, 0xFFFFFFFF)

# Device ids.


def _letters(least: int, most: int) -> SearchStrategy[str]:
    return st.text(ascii_uppercase, min_size=least, max_size=most)


prefixes = _letters(2, 7)
checks = _letters(1, 7)

#: Device ids of the 20 byte form, of the 24 byte form, and of either.
shortIds = st.builds(DeviceId, prefixes, u32s, checks)
longIds = st.builds(DeviceId, prefixes, u32s, checks, st.binary(min_size=4, max_size=4))
deviceIds = shortIds | longIds

# Messages.

drws = st.builds(
    Drw, st.integers(0, CHANNELS - 1), u16s, st.binary(max_size=MAX_PAYLOAD)
)
drwAcks = st.builds(
    DrwAck,
    st.integers(0, CHANNELS - 1),
    st.lists(u16s, max_size=MAX_ACKS).map(tuple),
)
tryLanTcps = st.just(pppp.TryLanTcp()) | st.builds(
    pppp.TryLanTcp, shortIds, st.binary(max_size=64)
)

#: A strategy for each type of message.
messagesByType: dict[type, SearchStrategy[pppp.Message]] = {
    pppp.LanSearch: st.just(pppp.LanSearch()),
    pppp.LanSearchExt: st.just(pppp.LanSearchExt()),
    pppp.PunchPkt: st.builds(pppp.PunchPkt, deviceIds),
    pppp.P2pRdy: st.builds(pppp.P2pRdy, deviceIds),
    pppp.TryLanTcp: tryLanTcps,
    pppp.LanTcpRdy: st.builds(pppp.LanTcpRdy, deviceIds),
    Drw: drws,
    DrwAck: drwAcks,
    pppp.Alive: st.just(pppp.Alive()),
    pppp.AliveAck: st.just(pppp.AliveAck()),
    pppp.Close: st.just(pppp.Close()),
    pppp.CloseAck: st.just(pppp.CloseAck()),
}
messages: SearchStrategy[pppp.Message] = st.one_of(*messagesByType.values())

# DH.


def texts(size: int) -> SearchStrategy[str]:
    """Text that is fit to be shown, of at most C{size} bytes of UTF-8."""
    letters = st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" ")
    return st.text(letters, max_size=size).map(
        lambda text: text.encode()[:size].decode(errors="ignore")
    )


dhReports = st.builds(
    DhReport,
    ip=texts(16),
    netmask=texts(16),
    gateway=texts(16),
    dns1=texts(16),
    dns2=texts(16),
    mac=st.binary(min_size=6, max_size=6),
    httpPort=u16s,
    uid=texts(32),
    name=texts(80),
    systemVersion=texts(16),
    appVersion=texts(16),
    user=texts(32),
    password=texts(32),
    sysMode=u8s,
    dhcp=u8s,
    smartConnect=u8s,
    other=u8s,
    wifiMac=st.binary(min_size=6, max_size=6),
    deviceType=u8s,
    streamId=u8s,
    reserved=st.binary(min_size=12, max_size=12),
)
dhServices = st.builds(
    DhServices, server=texts(64), host=texts(64), user=texts(32), password=texts(32)
)
dhMessages: SearchStrategy[DhMessage] = st.just(DhSearch()) | dhReports

# Datagrams and keys.

#: Well-formed PPPP datagrams, not ciphered.
datagrams = messages.map(pppp.encode)

#: Anything at all, sometimes longer than a datagram may be.
garbage = st.binary(max_size=256) | st.binary(
    min_size=MAX_DATAGRAM - 2, max_size=MAX_DATAGRAM + 2
)

#: A header of a known type that tells the truth, with anything behind it.
nearMessages = st.builds(
    lambda kind, body, padding: (
        bytes((MAGIC, kind)) + len(body).to_bytes(2, "big") + body + padding
    ),
    st.sampled_from(sorted(pppp.NAMES)),
    st.binary(max_size=64),
    st.binary(max_size=4),
)

psks = st.binary(max_size=24)
ciphers = psks.map(Cipher)


def refusal(decode: Callable[[bytes], object], datagram: bytes) -> WireError | None:
    """
    What C{decode} has against a datagram; L{None} if it takes it.

    @raise AssertionError: the error's byte is not the one at its offset.
    """
    try:
        decode(datagram)
    except WireError as error:
        assert error.offset is not None, f"no place: {error}"
        assert 0 <= error.offset <= len(datagram), f"outside: {error}"
        found = datagram[error.offset : error.offset + 1]
        assert found == (b"" if error.byte is None else bytes((error.byte,))), (
            f"not what stands there: {error}"
        )
        return error
    return None
