"""
What stands in RTSP's headers and URLs, and the reports of players.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.restream.rtsp.message import ProtocolError, parameters
from twistedcam.restream.rtsp.rtcp import goodbye, receptions, senderReport
from twistedcam.restream.rtsp.target import SOUNDS, TRACKS, parseTarget
from twistedcam.restream.rtsp.transport import Interleave, Unicast, chooseRoute


def target(data: bytes) -> None:
    """Whatever stands there is understood, or refused."""
    choices = Choices(data)
    taken = {choices.byte() for _ in range(choices.byte() & 7)}
    text = choices.blob().decode("utf-8", "replace")
    for separator in ",;":
        for name, value in parameters(text, separator):
            check(bool(name) and name == name.lower(), f"a name like {name!r}")
            check(len(name) + len(value) <= 2 * len(text), "more than there was")
    match chooseRoute(text, taken):
        case Interleave(channels):
            check(len({*channels}) == 2 and not {*channels} & taken, f"{channels}")
            check(all(0 <= channel <= 255 for channel in channels), f"{channels}")
        case Unicast(ports):
            check(len({*ports}) == 2, f"{ports}")
            check(all(0 < port < 1 << 16 for port in ports), f"{ports}")
    _url(choices.blob().decode("utf-8", "replace"))
    found = receptions(choices.rest())
    for one in found or ():
        check(0 <= one.fraction < 1 and abs(one.lost) < 1 << 24, f"{one}")


def _url(text: str) -> None:
    try:
        wanted = parseTarget(text)
    except ProtocolError as error:
        check("\n" not in str(error), "an error of two lines")
        return
    if wanted is None:
        return
    check(wanted.track is None or wanted.track in TRACKS, f"track {wanted.track}")
    check(wanted.sounds in (*SOUNDS.values(), ("aac", "pcma")), f"{wanted.sounds}")
    if len(wanted.token) > 8:
        check(wanted.token not in repr(wanted) or wanted.token in wanted.base, "shown")


def seeds() -> Iterator[bytes]:
    """What players say."""
    headers = (
        b"RTP/AVP/TCP;unicast;interleaved=0-1",
        b"RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=4-5",
        b'Digest username="a\\"b", realm="x", nonce="y", qop=auth, nc=00000001',
        b"RTP/AVP;multicast",
        b'a="b',
    )
    urls = (
        b"rtsp://user:pw@host:8554/garden/sub/video?sound=pcma&token=abcdefghijkl",
        b"rtsp://h/%67arden?sound=off/video",
        b"/",
        b"*",
        b"rtsp://h/a/b/c",
    )
    report = senderReport(1, 1.8e9, 5, 6, 7, "name")
    reports = (
        report,
        goodbye(1, report),
        bytes.fromhex("81c90007" + "00000001" + "00" * 24),
        b"\x80\xc9\0\1\0\0\0\1",
        b"\x9f\xc8\0\0",
    )
    for header, url, packet in zip(headers, urls, reports, strict=True):
        yield Script(2, 0, 1).blob(header).blob(url).raw(packet).done()
