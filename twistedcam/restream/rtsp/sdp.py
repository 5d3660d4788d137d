"""
The session description (RFC 4566): what a player has to know of the tracks.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache

from ...media.frame import Codec
from ...media.rtp import PAYLOAD_TYPES
from ...media.sound import AacEncoder
from .target import Track

#: What separates lines, or words, in a description has no place in a title.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

#: How H.265's parameter sets are called, by their type.
_SETS = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}


def sdp(
    title: str,
    address: str,
    number: int,
    codec: Codec,
    sets: tuple[bytes, ...],
    sounds: Iterable[Track],
) -> str:
    """
    Describe a camera's stream.

    @param title: what people call it.
    @param address: of the server.
    @param number: of the description.
    @param codec: of the pictures.
    @param sets: their parameter sets, complete.
    @param sounds: the tracks of sound.
    """
    kind = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=- {number} {number} IN {kind} {address}",
        f"s={_CONTROLS.sub(' ', title).strip() or '-'}",
        f"c=IN {kind} {'::' if kind == 'IP6' else '0.0.0.0'}",
        "t=0 0",
        "a=tool:twistedcam",
        "a=control:*",
        "a=range:npt=now-",
        *_video(codec, sets),
    ]
    for track in sounds:
        lines += _aac() if track == "aac" else _pcma()
    return "\r\n".join([*lines, ""])


def _video(codec: Codec, sets: tuple[bytes, ...]) -> list[str]:
    kind = PAYLOAD_TYPES[codec]
    names = {Codec.H264: "H264", Codec.H265: "H265", Codec.MJPEG: "JPEG"}
    lines = [f"m=video 0 RTP/AVP {kind}", f"a=rtpmap:{kind} {names[codec]}/90000"]
    parameters = ""
    if codec is Codec.H264:
        parameters = ";".join(_h264(sets))
    elif codec is Codec.H265:
        parameters = ";".join(_h265(sets))
    if parameters:
        lines.append(f"a=fmtp:{kind} {parameters}")
    return [*lines, "a=control:video"]


def _h264(sets: tuple[bytes, ...]) -> list[str]:
    """RFC 6184."""
    sps = next(one for one in sets if one[0] & 0x1F == 7)
    inOrder = sorted(sets, key=lambda one: one[0] & 0x1F)
    return [
        "packetization-mode=1",
        f"profile-level-id={sps[1:4].hex().upper()}",
        f"sprop-parameter-sets={','.join(map(_base64, inOrder))}",
    ]


def _h265(sets: tuple[bytes, ...]) -> list[str]:
    """RFC 7798."""
    return [
        f"{name}={','.join(_base64(one) for one in sets if one[0] >> 1 & 0x3F == kind)}"
        for kind, name in _SETS.items()
    ]


def _aac() -> list[str]:
    """RFC 3640."""
    kind = PAYLOAD_TYPES[Codec.AAC]
    parameters = (
        "streamtype=5",
        "profile-level-id=1",
        "mode=AAC-hbr",
        "sizelength=13",
        "indexlength=3",
        "indexdeltalength=3",
        f"config={_audioConfig().hex().upper()}",
    )
    return [
        f"m=audio 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} MPEG4-GENERIC/8000/1",
        f"a=fmtp:{kind} {';'.join(parameters)}",
        "a=control:aac",
    ]


def _pcma() -> list[str]:
    """RFC 3551."""
    kind = PAYLOAD_TYPES[Codec.G711A]
    return [
        f"m=audio 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} PCMA/8000",
        "a=control:pcma",
    ]


@cache
def _audioConfig() -> bytes:
    """The AudioSpecificConfig, which is always the same."""
    return AacEncoder().extradata


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
