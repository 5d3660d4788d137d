"""
Examination of the video: does it flow, and how much gets lost on the way?
"""

from __future__ import annotations

from dataclasses import dataclass

import av
from twisted.internet.defer import Deferred

from ..media.frame import Codec, Frame
from ..media.parameters import PICTURE_LIMITS
from ..reactors import DatagramReactor
from ..threads import InThread
from .buffer import ENLARGE
from .computer import Computer
from .findings import Examiner
from .survey import sleep
from .visit import Visit

#: Seconds of video to look at.
SECONDS = 5.0

#: The share of packets that may come late or again, and of those that may come twice.
TOLERABLE_LOSS, TOLERABLE_DUPLICATES = 0.01, 0.05

#: Seconds to the first picture that are many.
SLOW_START = 3.0

#: How people call the codecs.
_NAMES = {
    Codec.H264: "H.264",
    Codec.H265: "H.265",
    Codec.MJPEG: "JPEGs",
    Codec.ADPCM: "ADPCM",
    Codec.G711A: "A-law",
}

_WIFI = (
    "By Wi-Fi: bring camera and access point nearer together, use the 2.4 GHz band's"
    " channel 1, 6 or 11, whichever is the least used, and no repeater.",
    "See whether a cable makes it better, for the camera or for this computer: that"
    " tells which of the two ways is the bad one.",
)


@dataclass
class _Seen:
    """The frames of one stream, as they came."""

    first: Frame | None = None
    last: Frame | None = None
    count: int = 0
    bytes: int = 0

    def see(self, frame: Frame) -> None:
        """One more."""
        self.first = self.first or frame
        self.last = frame
        self.count += 1
        self.bytes += len(frame.data)


async def examineVideo(
    say: Examiner,
    visit: Visit,
    reactor: DatagramReactor,
    computer: Computer,
    inThread: InThread,
) -> None:
    """
    Watch for some seconds.

    @param inThread: decodes a picture, to see how large it is.
    """
    pictures, sounds = _Seen(), _Seen()
    port = visit.session.localPort
    droppedBefore = (computer.dropped(port) or 0) if port is not None else 0
    start = reactor.seconds()
    leave = [visit.video.subscribe(pictures.see), visit.audio.subscribe(sounds.see)]
    try:
        await sleep(reactor, SECONDS)
    finally:
        for each in leave:
            each()
    dropped = (computer.dropped(port) or 0) - droppedBefore if port is not None else 0
    if visit.session.reason is not None:
        say.problem(
            "closed-at-video",
            f"the session ended while it should send video:"
            f" {visit.session.reason.value}",
            "Its power supply or its Wi-Fi may be too weak, or another client took our"
            " place: try again, with the apps closed.",
        )
    elif pictures.first is None:
        _noVideo(say, visit)
    else:
        size = await pictureSize(pictures.first, inThread)
        _tellVideo(say, pictures, pictures.first.arrived - start, size)
    if pictures.count or visit.arrivals.packets:
        _tellLosses(say, visit, max(dropped, 0))
    _tellSound(say, sounds)


def _noVideo(say: Examiner, visit: Visit) -> None:
    arrived = visit.arrivals.packets
    came = (
        f"{arrived} packets came, but no whole picture with which one could begin"
        if arrived
        else f"nothing came, though it was asked {visit.video.requests} times"
    )
    say.problem(
        "no-video",
        f"no video in {SECONDS:g} s: {came}",
        "Does its app show a picture? If not, switch the camera off and on; if so,"
        " close the app and try again.",
        packets=arrived,
    )


def _tellVideo(
    say: Examiner, seen: _Seen, delay: float, size: tuple[int, int] | None
) -> None:
    assert seen.first is not None and seen.last is not None
    took = seen.last.arrived - seen.first.arrived
    rate = (seen.count - 1) / took if took else 0.0
    kilobits = (seen.bytes - len(seen.last.data)) * 8 / 1000 / took if took else 0.0
    codec = _NAMES.get(seen.first.codec, seen.first.codec.value)
    pixels = f" {size[0]}x{size[1]}" if size else ""
    facts = {
        "codec": seen.first.codec.value,
        "size": size,
        "frames": seen.count,
        "framesPerSecond": round(rate, 1),
        "kilobitsPerSecond": round(kilobits),
        "firstPicture": round(delay, 3),
    }
    say.ok(
        "video",
        f"{codec}{pixels}, {rate:.1f} pictures/s, {kilobits:.0f} kbit/s; the first"
        f" after {delay:.2f} s",
        **facts,
    )
    if delay > SLOW_START:
        say.note(
            "slow-start",
            f"the first picture took {delay:.1f} s: the camera sends keyframes rarely,"
            " or they get lost",
        )


def _tellLosses(say: Examiner, visit: Visit, dropped: int) -> None:
    """What did not come at once, and what never came."""
    arrivals, receivers = visit.arrivals, visit.session.receivers
    lost = sum(receiver.lost for receiver in receivers)
    duplicates = sum(receiver.duplicates for receiver in receivers)
    damaged = visit.video.assembler.damaged
    missed = arrivals.missed / arrivals.packets if arrivals.packets else 0.0
    facts = {
        "packets": arrivals.packets,
        "missed": arrivals.missed,
        "lost": lost,
        "damaged": damaged,
        "duplicates": duplicates,
        "dropped": dropped,
    }
    again = f"{100 * missed:.1f} % of {arrivals.packets} packets came late or again"
    text = f"{again}, {lost} never; {damaged} pictures are damaged"
    if dropped:
        say.problem(
            "kernel-drops",
            f"the kernel here dropped {dropped} datagrams, for want of room; {text}",
            "This program is too slow for the camera, or the receive buffer is too"
            " small: see what else takes processor time, and allow more:",
            ENLARGE,
            **facts,
        )
    elif missed > TOLERABLE_LOSS or lost or damaged:
        say.problem("loss", text, *_WIFI, **facts)
    else:
        say.ok("losses", f"{again}, none is missing", **facts)
    if arrivals.packets and duplicates > TOLERABLE_DUPLICATES * arrivals.packets:
        say.note(
            "duplicates",
            f"{duplicates} packets came twice: our acknowledgements get lost, or this"
            " computer is too busy to send them in time",
        )


def _tellSound(say: Examiner, sounds: _Seen) -> None:
    if sounds.first is None:
        say.note(
            "no-sound",
            "no sound: a model without a microphone, or it is switched off there",
        )
    else:
        codec = _NAMES.get(sounds.first.codec, sounds.first.codec.value)
        say.ok("sound", f"sound comes as {codec}", codec=sounds.first.codec.value)


def pictureSize(frame: Frame, inThread: InThread) -> Deferred[tuple[int, int] | None]:
    """Width and height of a keyframe; L{None} if it cannot be decoded."""
    return inThread(_size, frame.codec, frame.data)


def _size(codec: Codec, data: bytes) -> tuple[int, int] | None:
    try:
        decoder = av.CodecContext.create(codec.value, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.thread_count = 1
        decoder.options = PICTURE_LIMITS
        pictures = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except (av.FFmpegError, ValueError):
        return None
    return (pictures[0].width, pictures[0].height) if pictures else None
