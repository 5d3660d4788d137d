"""
The session description, as libavformat reads it.
"""

from __future__ import annotations

from io import BytesIO

import av
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.clips import clip
from twistedcam.media.frame import Codec
from twistedcam.media.parameters import parameterSets
from twistedcam.media.sound import AacEncoder
from twistedcam.restream.rtsp.sdp import sdp
from twistedcam.restream.rtsp.target import Track

CLIPS = {Codec.H264: "h264-main", Codec.H265: "h265-main", Codec.MJPEG: "mjpeg"}


class SdpTests(SynchronousTestCase):
    """Descriptions."""

    def describe(
        self,
        codec: Codec = Codec.H264,
        sounds: tuple[Track, ...] = ("aac", "pcma"),
        title: str = "Garden",
        address: str = "10.0.0.1",
    ) -> list[str]:
        """The lines."""
        sets = parameterSets(codec, clip(CLIPS[codec]).frames[0])
        text = sdp(title, address, 12, codec, sets, sounds)
        self.assertTrue(text.endswith("\r\n"))
        return text.split("\r\n")[:-1]

    def test_lines(self) -> None:
        """All that players want to know, in the order that the standard wants."""
        lines = self.describe()
        self.assertEqual(
            [
                "v=0",
                "o=- 12 12 IN IP4 10.0.0.1",
                "s=Garden",
                "c=IN IP4 0.0.0.0",
                "t=0 0",
                "a=tool:twistedcam",
                "a=control:*",
                "a=range:npt=now-",
                "m=video 0 RTP/AVP 96",
                "a=rtpmap:96 H264/90000",
            ],
            lines[:10],
        )
        self.assertTrue(lines[10].startswith("a=fmtp:96 packetization-mode=1;"))
        self.assertEqual("a=control:video", lines[11])
        self.assertEqual(
            ["m=audio 0 RTP/AVP 97", "m=audio 0 RTP/AVP 8"],
            [line for line in lines if line.startswith("m=audio")],
        )
        self.assertEqual(
            ["a=control:*", "a=control:video", "a=control:aac", "a=control:pcma"],
            [line for line in lines if line.startswith("a=control")],
        )

    def test_read(self) -> None:
        """A player knows the parameters before the first packet."""
        expected = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MJPEG: "mjpeg"}
        for codec, name in expected.items():
            text = "\r\n".join([*self.describe(codec), ""]).encode()
            with av.open(
                BytesIO(text),
                format="sdp",
                options={"sdp_flags": "custom_io", "analyzeduration": "1"},
            ) as container:
                video, aac, pcma = container.streams
                self.assertEqual(name, video.codec_context.name)
                self.assertEqual("aac", aac.codec_context.name)
                self.assertEqual("pcm_alaw", pcma.codec_context.name)
                assert isinstance(pcma.codec_context, av.AudioCodecContext)
                self.assertEqual(8000, pcma.codec_context.sample_rate)
                self.assertEqual(AacEncoder().extradata, aac.codec_context.extradata)
                sets = parameterSets(codec, clip(CLIPS[codec]).frames[0])
                if codec is not Codec.MJPEG:
                    extradata = video.codec_context.extradata or b""
                    self.assertEqual(sets, parameterSets(codec, extradata))

    def test_fewer(self) -> None:
        """Tracks that are not wanted, or not there, are not in it."""
        for sounds in ((), ("aac",), ("pcma",)):
            lines = self.describe(sounds=sounds)
            self.assertEqual(1 + len(sounds), sum(line[0] == "m" for line in lines))

    def test_title(self) -> None:
        """A title is one line of text, whatever it is."""
        for title, expected in (
            ("Caf\xe9 \u2603", "s=Caf\xe9 \u2603"),
            ("a\r\nm=video 0 RTP/AVP 9\x85x", "s=a m=video 0 RTP/AVP 9 x"),
            (" \n ", "s=-"),
            ("", "s=-"),
        ):
            lines = self.describe(title=title)
            self.assertEqual(expected, lines[2])
            self.assertEqual(len(self.describe()), len(lines))

    def test_ip6(self) -> None:
        """A server may have an IPv6 address."""
        lines = self.describe(address="fd00::1")
        self.assertEqual("o=- 12 12 IN IP6 fd00::1", lines[1])
        self.assertEqual("c=IN IP6 ::", lines[3])
