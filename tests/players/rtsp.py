"""
Players at the RTSP server: whether everything arrives, without a word of complaint.

Run it as a program::

    python -m tests.players.rtsp [SECONDS]

Emulated cameras (H.264, H.265 and MJPEG, each with sound) are served on loopback, with
a login.  Each is watched for so many seconds (60, unless told otherwise) by PyAV, which
looks at every picture and every bit of sound, and by ffmpeg, if it is there, which
decodes them; both by TCP and by UDP, all at the same time.  The exit code is 0 if
nothing was missing, and nobody had anything to say.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.procutils import which

from ..rtsphouse import CAMERAS, RtspHouse, complaints, watch

#: Seconds that a player may take for the beginning and the end.
EXTRA = 40.0

#: Pictures keep their times: rounded to the places of a frame rate, two that tremble
#: may come to the same.
OUTPUT = "-map 0 -fps_mode passthrough -enc_time_base -1 -f null -"

#: ffmpeg guesses ports for UDP, and says so when somebody has the first one.
GUESSED = b"bind failed: Address already in use"


async def look(house: RtspHouse, name: str, transport: str, seconds: float) -> bool:
    """Watch by PyAV; true if there was nothing to complain of."""
    watched = await deferToThread(watch, house.url(name), transport, seconds)
    found = list(complaints(house, name, watched))
    counts = {codec.value: len(data) for codec, data in watched.tracks.items()}
    print(f"{name} by {transport}, PyAV: {found or 'fine'} {counts}")
    return not found


async def decode(
    reactor: Any, house: RtspHouse, name: str, transport: str, seconds: float
) -> bool:
    """Watch by ffmpeg; likewise."""
    for ffmpeg in which("ffmpeg")[:1]:
        options = (
            f"-nostdin -v warning -rtsp_transport {transport} -i {house.url(name)}"
        )
        watching: Deferred[Any] = getProcessOutputAndValue(
            ffmpeg,
            f"{options} -t {seconds:g} {OUTPUT}".split(),
            env=None,
            reactor=reactor,
        )
        watching.addTimeout(seconds + EXTRA, reactor)
        try:
            output, errors, code = await watching
        except Exception as problem:
            print(f"{name} by {transport}, ffmpeg: {problem!r}")
            return False
        lines = [
            line
            for line in (output + errors).splitlines()
            if line and GUESSED not in line
        ]
        fine = code == 0 and not lines
        print(f"{name} by {transport}, ffmpeg: {'fine' if fine else code}")
        if not fine:
            print(b"\n".join(lines).decode("utf-8", "replace")[-2000:])
        return fine
    return True


async def main(reactor: Any, seconds: str = "60") -> None:
    """Watch everything."""
    house = RtspHouse(reactor)
    try:
        await house.up()
        views: list[Coroutine[Any, Any, bool]] = []
        for name in CAMERAS:
            for transport in ("tcp", "udp"):
                views += [
                    look(house, name, transport, float(seconds)),
                    decode(reactor, house, name, transport, float(seconds)),
                ]
        fine = await gatherResults([Deferred.fromCoroutine(view) for view in views])
    finally:
        await house.close()
    if not all(fine):
        raise SystemExit(1)


if __name__ == "__main__":
    react(main, sys.argv[1:2])
