"""
Fragmented MP4: an init segment, and fragments that each can be played when complete.

Whatever ends the file, even the power, all complete fragments are readable.  Two
flavours: L{Mp4Muxer} has pictures and sound in one file, for recordings and for
players that read one; L{TrackMuxer} has one track, and a fragment for each frame,
for Media Source Extensions (a SourceBuffer a track: libavformat makes pictures
unreadable when a file of two tracks has a fragment for each frame).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from struct import unpack_from
from typing import TYPE_CHECKING

from .frame import Codec, Frame
from .mux import VIDEO_RATE, Muxer, Piece
from .parameters import codecString
from .sound import SOUND_RATE

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

#: The length (microseconds) at which a fragment is handed out.
FRAGMENT = "200000"

#: A track that starts late keeps its time: by default libavformat moves all tracks so
#: that the file starts at zero, and then each of them, whatever its first time stamp.
_FLAGS = "empty_moov+default_base_moof+frag_discont"
_COMMON = {
    "avoid_negative_ts": "disabled",
    "use_editlist": "0",
    "video_track_timescale": str(VIDEO_RATE),
}
_RATES = {True: VIDEO_RATE, False: SOUND_RATE}

#: Flags of tfhd and trun (ISO 14496-12), and of a sample that is no keyframe.
_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _DEFAULT_FLAGS = 1, 2, 8, 0x10, 0x20
_DATA_OFFSET, _FIRST_FLAGS, _EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_OFFSET = (
    1,
    4,
    0x100,
    0x200,
    0x400,
    0x800,
)
_NOT_SYNC = 0x10000


class FragmentedMuxer(Muxer):
    """Base of the two: cuts at init segments and fragments."""

    container = "MP4"
    _rest = b""

    def _adjust(self, stream: Stream, codec: Codec) -> None:
        if codec is Codec.H265:
            # Parameter sets in the header only, as Apple's players want it.
            stream.codec_context.codec_tag = "hvc1"

    def _mime(self, codecs: str) -> str:
        kind = "video" if self._pictures else "audio"
        return f'{kind}/mp4; codecs="{codecs}"'

    def _pieces(self, writes: list[bytes]) -> list[Piece]:
        data = b"".join((self._rest, *writes))
        pieces = []
        start = place = 0
        moof = b""
        while place + 8 <= len(data):
            length, kind = unpack_from(">I4s", data, place)
            if length < 8 or place + length > len(data):
                break
            box = data[place : place + length] if kind in (b"moof", b"mfra") else b""
            place += length
            if kind == b"moof":
                moof = box
            elif kind == b"moov":
                pieces.append(Piece(data[start:place], init=True))
                start = place
            elif kind == b"mdat":
                pieces.append(self._fragment(data[start:place], moof))
                start = place
            elif kind == b"mfra":
                pieces.append(Piece(box, time=self._newest))
                start = place
        self._rest = data[start:]
        return pieces

    def _fragment(self, data: bytes, moof: bytes) -> Piece:
        """What a fragment says of its first track, pictures if there are any."""
        tracks = [
            _readTrack(moof, start, end)
            for kind, start, end in _boxes(moof, 8, len(moof))
            if kind == b"traf"
        ]
        number, first, ticks, keyframe = min(tracks)
        pictures = number == 1 and self._pictures
        rate = _RATES[pictures]
        return Piece(
            data,
            keyframe=keyframe and (pictures or not self._pictures),
            time=first / rate,
            duration=ticks / rate,
        )


class Mp4Muxer(FragmentedMuxer):
    """
    Pictures and sound in one file, a fragment about each 200 ms and at each keyframe.

    With sound, each picture waits for the next one, so that its duration is known.
    libavformat, when sound ends a fragment, takes the duration on trust, and moves the
    pictures that follow if it was too long.
    """

    codecs = frozenset((Codec.H264, Codec.H265, Codec.MJPEG))

    def __init__(
        self,
        deliver: Callable[[Piece], object],
        *,
        sound: bool = False,
        origin: float | None = None,
        index: bool = False,
    ) -> None:
        """
        @param deliver: gets each piece.
        @param sound: is there a track of sound?
        @param origin: what the frames' times count from, in seconds; L{None}: the
            first frame.
        @param index: end the file with an index, for a player to seek in; until then
            it is kept in memory (some 300 bytes a second): not for endless files.
        """
        super().__init__(deliver, sound=sound, origin=origin)
        self._index = index
        self._waiting: Packet[Stream] | None = None

    def _open(self, video: Codec | None) -> tuple[str, dict[str, str]]:
        flags = _FLAGS if self._index else _FLAGS + "+skip_trailer"
        if video is not Codec.MJPEG:  # each of those is a keyframe
            flags += "+frag_keyframe"
        return "mp4", {
            "movflags": flags,
            "frag_duration": FRAGMENT,
            **_COMMON,
        }

    def _ready(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        if not self._sound or (packet and packet.stream.type != "video"):
            return super()._ready(packet)
        before, self._waiting = self._waiting, packet
        if before is None:
            return []
        if packet is not None:
            assert packet.pts is not None and before.pts is not None
            before.duration = packet.pts - before.pts
        return [before]


class TrackMuxer(FragmentedMuxer):
    """
    One track, a fragment for each frame: it is delivered when the next frame comes,
    since only then is its duration known.
    """

    codecs = frozenset((Codec.H264, Codec.H265))

    def __init__(
        self,
        deliver: Callable[[Piece], object],
        *,
        sound: bool = False,
        origin: float | None = None,
    ) -> None:
        """
        @param deliver: gets each piece.
        @param sound: the track is sound, or else pictures; frames of the other kind
            are dropped.
        @param origin: what the frames' times count from, in seconds; L{None}: the
            first frame.  Sound needs the pictures' origin, to go with them.
        """
        super().__init__(deliver, pictures=not sound, sound=sound, origin=origin)

    def _open(self, video: Codec | None) -> tuple[str, dict[str, str]]:
        return "mp4", {
            "movflags": _FLAGS + "+skip_trailer+frag_every_frame",
            **_COMMON,
        }


class TracksMuxer:
    """
    Pictures and, perhaps, sound, each track a file of its own: L{Piece.track} tells
    them apart, 0 and 1.

    @ivar mimeTypes: of the tracks; empty before the first frame.
    """

    def __init__(
        self, deliver: Callable[[Piece], object], *, sound: bool = False
    ) -> None:
        """
        @param deliver: gets each piece.
        @param sound: is there a track of sound?
        """
        self._deliver = deliver
        self._pictures = TrackMuxer(deliver)
        self._withSound = sound
        self._sound: TrackMuxer | None = None

    @property
    def mimeTypes(self) -> tuple[str, ...]:
        """Of the tracks; empty before the first frame."""
        pictures = self._pictures.mimeType
        if pictures is None:
            return ()
        if not self._withSound:
            return (pictures,)
        return pictures, f'audio/mp4; codecs="{codecString(Codec.AAC)}"'

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self._pictures.size

    def mux(self, frame: Frame) -> None:
        """See L{Muxer.mux}.  Sound from before the first picture is dropped."""
        if frame.codec.isVideo:
            self._pictures.mux(frame)
        elif self._withSound and self._pictures.origin is not None:
            if self._sound is None:
                self._sound = TrackMuxer(
                    self._deliverSound, sound=True, origin=self._pictures.origin
                )
            self._sound.mux(frame)

    def _deliverSound(self, piece: Piece) -> None:
        self._deliver(replace(piece, track=1))

    def close(self) -> None:
        """Deliver what is left; may be called more than once."""
        self._pictures.close()
        if self._sound is not None:
            self._sound.close()


def _boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """Type, start and end of the content, of each box in a part of C{data}."""
    found = []
    while start + 8 <= end:
        length, kind = unpack_from(">I4s", data, start)
        found.append((kind, start + 8, start + length))
        start += max(length, 8)
    return found


def _readTrack(moof: bytes, start: int, end: int) -> tuple[int, int, int, bool]:
    """
    Read a C{traf}.

    @return: number of the track, time of its first sample and duration of all of
        them, in ticks, and whether the first is a keyframe.
    """
    number = time = ticks = usualTicks = usualFlags = 0
    flags: int | None = None
    for kind, place, _ in _boxes(moof, start, end):
        (head,) = unpack_from(">I", moof, place)
        place += 4
        if kind == b"tfhd":
            (number,) = unpack_from(">I", moof, place)
            place += 4 + 8 * bool(head & _BASE_OFFSET) + 4 * bool(head & _DESCRIPTION)
            if head & _DURATION:
                (usualTicks,) = unpack_from(">I", moof, place)
                place += 4
            place += 4 * bool(head & _SIZE)
            if head & _DEFAULT_FLAGS:
                (usualFlags,) = unpack_from(">I", moof, place)
        elif kind == b"tfdt":
            (time,) = unpack_from(">Q" if head >> 24 else ">I", moof, place)
        elif kind == b"trun":
            (count,) = unpack_from(">I", moof, place)
            place += 4 + 4 * bool(head & _DATA_OFFSET)
            if head & _FIRST_FLAGS:
                if flags is None:
                    (flags,) = unpack_from(">I", moof, place)
                place += 4
            each = 4 * (
                bool(head & _EACH_DURATION)
                + bool(head & _EACH_SIZE)
                + bool(head & _EACH_FLAGS)
                + bool(head & _EACH_OFFSET)
            )
            if flags is None and head & _EACH_FLAGS:
                before = 4 * (bool(head & _EACH_DURATION) + bool(head & _EACH_SIZE))
                (flags,) = unpack_from(">I", moof, place + before)
            if head & _EACH_DURATION:
                ticks += sum(
                    unpack_from(">I", moof, place + sample * each)[0]
                    for sample in range(count)
                )
            else:
                ticks += usualTicks * count
    if flags is None:
        flags = usualFlags
    return number, time, ticks, not flags & _NOT_SYNC
