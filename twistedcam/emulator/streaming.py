"""
What media a client has asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: livestream.cgi: streamid of live video, on and off, and of a recording.
LIVE, LIVE_STOP, PLAY, PLAY_STOP = 10, 16, 4, 17

#: audiostream.cgi: the streamid that stops it; any other starts it.
AUDIO_STOP = 16


def _nobodyCares() -> None:
    pass


@dataclass(slots=True)
class Streaming:
    """
    The media of one session.

    @ivar video: is live video wanted?
    @ivar substream: the C{substream} it was asked for with, or L{None}.
    @ivar res: the C{res}, which counts only without a C{substream}, or L{None}.
    @ivar audio: the streamid of the audio wanted, or L{None} for none.
    @ivar adpcmVersion: the C{adpcm_ver} it was asked for with, or L{None}.
    @ivar filename: the recording wanted, or L{None}.
    @ivar videoChanged: called when live video was asked for, or not wanted any
        more.
    @ivar audioChanged: likewise for sound.
    """

    video: bool = False
    substream: int | None = None
    res: int | None = None
    audio: int | None = None
    adpcmVersion: int | None = None
    filename: str | None = None
    videoChanged: Callable[[], None] = _nobodyCares
    audioChanged: Callable[[], None] = _nobodyCares

    def livestream(self, parameters: Mapping[str, str]) -> None:
        """livestream.cgi: streamids that mean nothing do nothing."""
        streamid = number(parameters.get("streamid"))
        if streamid == LIVE:
            self.video = True
            self.substream = number(parameters.get("substream"))
            self.res = number(parameters.get("res"))
            self.videoChanged()
        elif streamid == LIVE_STOP:
            self.video = False
            self.videoChanged()
        elif streamid == PLAY:
            self.filename = parameters.get("filename", "")
        elif streamid == PLAY_STOP:
            self.filename = None

    def audiostream(self, parameters: Mapping[str, str]) -> None:
        """audiostream.cgi; without a streamid it is 0, as in C."""
        streamid = number(parameters.get("streamid")) or 0
        self.audio = None if streamid == AUDIO_STOP else streamid
        self.adpcmVersion = number(parameters.get("adpcm_ver"))
        self.audioChanged()


def number(text: str | None) -> int | None:
    """
    A parameter as a number.

    @return: L{None} if it is missing or no decimal number of at most 18 digits.
    """
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        return None
    return int(text)
