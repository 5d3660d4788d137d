"""
Seeds: real packets, and what the emulated camera and a client say to each other.
"""

from __future__ import annotations

from functools import cache

from tests.lab import CAMERA, PC, Lab
from tests.vectors import VECTORS
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B
from twistedcam.wire import pppp
from twistedcam.wire.drw import Drw


@cache
def vectors(dialect: str = "") -> tuple[bytes, ...]:
    """The deciphered datagrams of C{tests/vectors}."""
    return tuple(
        vector.plain
        for vector in VECTORS.values()
        if vector.dialect == dialect or not dialect
    )


@cache
def conversation(older: bool = False, codec: str = "h264") -> tuple[bytes, ...]:
    """
    All datagrams of some seconds between a client and an emulated camera, plain, in
    their order: searching, handshake, commands, video, sound, goodbye.
    """
    lab = Lab(FIRMWARE_A if older else FIRMWARE_B, password="secret", codec=codec)
    camera = lab.camera(password="secret")
    camera.connect()
    lab.network.advance(3)
    for asked in (
        camera.status(),
        camera.params(),
        camera.imageSettings(),
        camera.wifiNetworks(),
        camera.records(),
        camera.setImage(brightness=99),
        camera.move("left"),
        camera.call("no_such_thing", allow="dangerous"),
        camera.checkUser(),
    ):
        asked.addErrback(lambda _: None)
    lab.network.advance(2)
    stops = [
        camera.video.subscribe(lambda frame: None),
        camera.audio.subscribe(lambda frame: None),
    ]
    lab.network.advance(1)
    lab.emulated.alarm()
    for stop in stops:
        stop()
    lab.network.advance(1)
    camera.disconnect()
    lab.network.advance(1)
    lab.remove()
    return tuple(
        datagram.payload
        for datagram in lab.network.captured
        if datagram.source[0] in (CAMERA, PC)
    )


@cache
def stream(channel: int, toCamera: bool = False, codec: str = "h264") -> bytes:
    """The byte stream of a channel in L{conversation}."""
    parts: dict[int, bytes] = {}
    for datagram in conversation(codec=codec):
        if datagram[:2] != b"\xf1\xd0":
            continue
        message = pppp.decode(datagram)
        if isinstance(message, Drw) and message.channel == channel:
            # On channel 0 both speak; a client's are commands.
            if (b"GET /" in message.payload) == toCamera:
                parts.setdefault(message.index, message.payload)
    return b"".join(parts[index] for index in sorted(parts))
