"""
ffmpeg at the HTTP server: whether it plays everything for some time without a word.

Run it as a program::

    python -m tests.players.http [SECONDS]

Emulated cameras (one of H.264, one of H.265) are served on loopback, and one ffmpeg
for each kind of stream watches for so many seconds (60, unless told otherwise), all at
the same time.  The exit code is 0 if none of them had anything to say.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.procutils import which

from ..webhouse import CAMERAS, House

STREAMS = (
    "stream.ts",
    "stream.ts?sound=0",
    "stream.ts?quality=sub",
    "live.mp4",
    "live.mp4?sound=0",
    "live.mp4?quality=sub",
)

#: Seconds that a player may take for the beginning and the end.
EXTRA = 30.0


async def play(reactor: Any, ffmpeg: str, url: str, seconds: float) -> bool:
    """Watch; true if there was nothing to complain of."""
    watching: Deferred[Any] = getProcessOutputAndValue(
        ffmpeg,
        # With the times as they are: rounded to the usual distance of pictures, two
        # may fall together where a camera was late, which ffmpeg says of its output.
        f"-nostdin -v warning -i {url} -t {seconds:g} -enc_time_base -1 -f null -".split(),
        env=None,
        reactor=reactor,
    )
    watching.addTimeout(seconds + EXTRA, reactor)
    try:
        output, errors, code = await watching
    except Exception as problem:
        print(f"{url}: {problem!r}")
        return False
    fine = code == 0 and not output and not errors
    print(f"{url}: {'fine' if fine else f'exit code {code}'}")
    if not fine:
        print((output + errors).decode("utf-8", "replace")[-2000:])
    return fine


async def main(reactor: Any, seconds: str = "60") -> None:
    """Watch everything."""
    [ffmpeg] = which("ffmpeg")[:1] or sys.exit("there is no ffmpeg here")
    house = House(reactor)
    try:
        await house.up()
        fine = await gatherResults(
            [
                Deferred.fromCoroutine(
                    play(
                        reactor,
                        ffmpeg,
                        f"{house.url}/cameras/{name}/{stream}",
                        float(seconds),
                    )
                )
                for name in CAMERAS
                for stream in STREAMS
            ]
        )
    finally:
        await house.close()
    if not all(fine):
        raise SystemExit(1)


if __name__ == "__main__":
    react(main, sys.argv[1:2])
