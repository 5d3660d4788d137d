"""
Emulated cameras, an RTSP server of them over real sockets on loopback, and what
libavformat sees there.

What a player gets is compared with what the camera sent: of H.264 and H.265 the NAL
units of each picture, but for parameter sets and delimiters, which may be moved or
added; of JPEG what was compressed, since receivers make the headers themselves; of
sound, the very bytes.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import isnan
from typing import Any

import av
from twisted.internet.defer import gatherResults

from twistedcam.camera import Camera
from twistedcam.discovery import Discovery
from twistedcam.emulator import Doors, EmulatedCamera
from twistedcam.emulator.clips import CODECS, clip
from twistedcam.fleet import Fleet
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.sound import TOLERANCE
from twistedcam.restream.access import Access
from twistedcam.restream.broadcast import Broadcasts
from twistedcam.restream.rtsp import RtspConfig, RtspService
from twistedcam.wire.audio import decodeAlaw
from twistedcam.wire.deviceid import DeviceId

from .mediakit import digest
from .test_media_rtp import scan

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "me", "secret"

#: Names, which are codecs, identities, and pictures a second.  Emulated cameras choose
#: their ports by their identities: those of another process must not be in the way.
CAMERAS = {
    "h264": (DeviceId("VSTB", os.getpid(), "UZCPK"), 15),
    "h265": (DeviceId("VSTJ", os.getpid(), "ABCDE"), 15),
    "mjpeg": (DeviceId("VSTC", os.getpid(), "EDCBA"), 5),
}

_NAMES = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "mjpeg": Codec.MJPEG,
    "aac": Codec.AAC,
    "pcm_alaw": Codec.G711A,
}


class RtspHouse:
    """
    The cameras, and the server, which wants a login.

    @ivar sent: the sound that each camera has made, by codec.
    """

    def __init__(self, reactor: Any) -> None:
        self._doors = Doors(reactor, LOOPBACK, dhPort=0, lanPort=0)
        self._doors.open()
        self.emulated = {
            name: EmulatedCamera(
                reactor, deviceId, doors=self._doors, name=name, codec=name, fps=fps
            )
            for name, (deviceId, fps) in CAMERAS.items()
        }
        for emulated in self.emulated.values():
            emulated.start()
        discovery = Discovery(
            reactor,
            searchAddresses=[LOOPBACK],
            dhPort=self._doors.dhPort,
            lanPort=self._doors.lanPort,
        )
        self.cameras = {
            name: Camera(
                reactor,
                deviceId=deviceId,
                name=name,
                password="888888",
                discovery=discovery,
            )
            for name, (deviceId, _) in CAMERAS.items()
        }
        self._fleet = Fleet(discovery, self.cameras.values())
        self.rtsp = RtspService(
            reactor,
            self._fleet,
            RtspConfig(f"tcp:0:interface={LOOPBACK}", Access(USER, PASSWORD)),
            Broadcasts(reactor),
        )
        self.sent: dict[tuple[str, Codec], list[bytes]] = {}
        self._leaves = []
        self._fleet.startService()
        self.rtsp.startService()
        for name, camera in self.cameras.items():
            for codec, stream in (
                (Codec.AAC, camera.sound),
                (Codec.G711A, camera.alaw),
            ):
                sound = self.sent[name, codec] = []
                self._leaves.append(stream.subscribe(partial(_keep, sound)))
        address: Any = self.rtsp.address
        self.place = f"{LOOPBACK}:{address.port}"

    def url(self, path: str) -> str:
        """Where a player finds it, with the login."""
        return f"rtsp://{USER}:{PASSWORD}@{self.place}/{path}"

    async def up(self) -> None:
        """All cameras are connected."""
        await gatherResults([camera.whenUp() for camera in self.cameras.values()])

    async def close(self) -> None:
        """Free everything."""
        for leave in self._leaves:
            leave()
        await self.rtsp.stopService()
        await self._fleet.stopService()
        await gatherResults([each.stop() for each in self.emulated.values()])
        await self._doors.close()


def _keep(to: list[bytes], frame: Frame) -> None:
    to.append(frame.data)


@dataclass
class Watched:
    """
    What a player has got.

    @ivar tracks: the data of packets, by codec.
    @ivar times: when they are to be presented, in seconds.
    """

    tracks: dict[Codec, list[bytes]] = field(default_factory=dict)
    times: dict[Codec, list[float]] = field(default_factory=dict)


def watch(url: str, transport: str, seconds: float) -> Watched:
    """
    Watch by libavformat; this blocks.

    @param transport: C{"tcp"} or C{"udp"}.
    @param seconds: how long, by the clock on the wall.
    """
    found = Watched()
    options = {"rtsp_transport": transport, "timeout": "15000000"}
    with av.open(url, options=options) as container:
        end = time.monotonic() + seconds
        for packet in container.demux():
            codec = _NAMES[packet.stream.codec_context.name]
            found.tracks.setdefault(codec, []).append(bytes(packet))
            stamp = packet.pts
            known = float("nan") if stamp is None else float(stamp * packet.time_base)
            found.times.setdefault(codec, []).append(known)
            if time.monotonic() > end:
                break
    return found


def fingerprint(codec: Codec, data: bytes) -> str:
    """Of a picture, however it came."""
    if codec is Codec.MJPEG:
        return hashlib.sha256(scan(data)).hexdigest()[:16]
    return digest(codec, data)


def complaints(house: RtspHouse, name: str, watched: Watched) -> Iterator[str]:
    """What is wrong with what a player has got of a camera, in both kinds of sound."""
    codec = {"h264": Codec.H264, "h265": Codec.H265, "mjpeg": Codec.MJPEG}[name]
    film = [fingerprint(codec, frame) for frame in clip(CODECS[name].main).frames]
    seen = [fingerprint(codec, frame) for frame in watched.tracks.get(codec, [])]
    places = [film.index(one) if one in film else -1 for one in seen]
    if len(places) < 3:
        yield f"{name}: only {len(places)} pictures"
    if -1 in places:
        yield f"{name}: {places.count(-1)} of {len(places)} pictures are none of its"
    steps = {(b - a) % len(film) for a, b in pairwise(places)}
    if not steps <= {1}:
        yield f"{name}: pictures are missing, or come twice: {places}"
    # The first one has to be one that a decoder can start with.
    if places and places[0] not in clip(CODECS[name].main).keys:
        yield f"{name}: it begins in the middle"
    for kind in (Codec.AAC, Codec.G711A):
        heard = watched.tracks.get(kind, [])
        if not heard:
            yield f"{name}: no {kind.value}"
        elif b"".join(heard) not in b"".join(house.sent[name, kind]):
            yield f"{name}: {kind.value} is not what was sent"
    if name != "mjpeg":
        yield from _together(name, codec, watched)


def _together(name: str, codec: Codec, watched: Watched) -> Iterator[str]:
    """
    A beep has to be heard when a second begins to be shown, as far as the encoder of
    sound takes that seriously.
    """
    film = [fingerprint(codec, frame) for frame in clip(CODECS[name].main).frames]
    _, rate = CAMERAS[name]
    seconds = [
        time
        for time, data in zip(watched.times[codec], watched.tracks[codec], strict=True)
        # The first one has none, sometimes.
        if not isnan(time) and film.index(fingerprint(codec, data)) % rate == 0
    ]
    beeps = list(_beeps(watched))
    off = [min((beep - second for second in seconds), key=abs) for beep in beeps]
    inside = [each for each in off if abs(each) < 0.5]
    if not inside:
        yield f"{name}: no beep"
    elif max(map(abs, inside)) > TOLERANCE + 0.05:
        yield f"{name}: sound is {max(inside, key=abs):+.3f} s off"


def _beeps(watched: Watched) -> Iterator[float]:
    """When beeps begin."""
    last = None
    for start, data in zip(
        watched.times.get(Codec.G711A, []),
        watched.tracks.get(Codec.G711A, []),
        strict=True,
    ):
        for place, sample in enumerate(decodeAlaw(data)):
            if abs(sample) > 4000:
                now = start + place / 8000
                if last is not None and now - last > 0.5:
                    yield now
                last = now
