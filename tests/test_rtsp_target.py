"""
What RTSP's URLs and the header Transport mean.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.restream.rtsp.message import ProtocolError
from twistedcam.restream.rtsp.target import Target, parseTarget
from twistedcam.restream.rtsp.transport import (
    Interleave,
    Route,
    Unicast,
    chooseRoute,
)

from .strategies import cheap

HOST = "rtsp://10.0.0.1:8554"


class TargetTests(SynchronousTestCase):
    """URLs."""

    def parse(self, uri: str) -> tuple[str, bool, str | None, tuple[str, ...]]:
        """Camera, quality, track, and tracks of sound."""
        target = parseTarget(uri)
        assert target is not None
        return target.camera, target.sub, target.track, target.sounds

    def test_streams(self) -> None:
        """Cameras, their qualities and their tracks."""
        both = ("aac", "pcma")
        for path, expected in (
            ("/garden", ("garden", False, None, both)),
            ("/garden/", ("garden", False, None, both)),
            ("/garden/sub", ("garden", True, None, both)),
            ("/garden/sub/", ("garden", True, None, both)),
            ("/garden/video", ("garden", False, "video", both)),
            ("/garden/sub/pcma", ("garden", True, "pcma", both)),
            ("//garden//aac", ("garden", False, "aac", both)),
            ("/g%61rden", ("garden", False, None, both)),
            # Cameras may be called that, too.
            ("/sub", ("sub", False, None, both)),
            ("/sub/sub", ("sub", True, None, both)),
            ("/video", ("video", False, None, both)),
            ("/video/video", ("video", False, "video", both)),
            ("/", ("", False, None, both)),
            ("", ("", False, None, both)),
        ):
            self.assertEqual(expected, self.parse(HOST + path), path)

    def test_sound(self) -> None:
        """The query says which sound there shall be."""
        for query, expected in (
            ("sound=aac", ("aac",)),
            ("sound=pcma", ("pcma",)),
            ("sound=off", ()),
            ("x=y", ("aac", "pcma")),
            ("sound=aac&x", ("aac",)),
        ):
            self.assertEqual(expected, self.parse(f"{HOST}/garden?{query}")[3])
        for query in ("sound=opus", "sound=", "&".join("x=y" for _ in range(30))):
            self.assertRaises(ProtocolError, parseTarget, f"{HOST}/garden?{query}")

    def test_behindQuery(self) -> None:
        """Clients that put a track behind the query are understood."""
        self.assertEqual(
            ("garden", True, "video", ("pcma",)),
            self.parse(f"{HOST}/garden/sub?sound=pcma/video"),
        )

    def test_base(self) -> None:
        """The stream's URL, as the client calls the server, without any login."""
        for uri, expected in (
            (f"{HOST}/garden/sub/video?token=x", f"{HOST}/garden/sub"),
            ("rtsp://u:secret@cam.lan/garden/", "rtsp://cam.lan/garden"),
            ("RTSP://[::1]:554/garden", "rtsp://[::1]:554/garden"),
            ("rtsps://cam.lan/garden", "rtsps://cam.lan/garden"),
        ):
            target = parseTarget(uri)
            assert target is not None
            self.assertEqual(expected, target.base)

    def test_token(self) -> None:
        """A token is found, and not shown."""
        target = parseTarget(f"{HOST}/garden?token=s%65cret")
        assert target is not None
        self.assertEqual("secret", target.token)
        self.assertNotIn("secret", repr(target))

    def test_nothing(self) -> None:
        """Other paths lead nowhere; other URLs are none."""
        for path in ("/garden/video/sub", "/a/b", "/../garden/x", "/garden/SUB"):
            self.assertIsNone(parseTarget(HOST + path), path)
        for uri in ("http://h/garden", "garden", "*", "rtsp:garden", "rtsp://h#x"):
            self.assertRaises(ProtocolError, parseTarget, uri)

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
    @cheap
    def test_anything(self, text: str) -> None:
        """Whatever it is, there is an answer."""
        for uri in (text, f"{HOST}/{text}", f"{HOST}/g?{text}"):
            try:
                found = parseTarget(uri)
            except ProtocolError:
                continue
            self.assertIsInstance(found, Target | None)


class RouteTests(SynchronousTestCase):
    """How packets shall travel."""

    def test_offers(self) -> None:
        """The first way that can be taken."""
        tcp, udp = Interleave, Unicast
        cases: tuple[tuple[str, Route | None], ...] = (
            ("RTP/AVP/TCP;unicast;interleaved=0-1", tcp((0, 1))),
            ("RTP/AVP/TCP;interleaved=4", tcp((4, 5))),
            ("RTP/AVP/TCP;unicast;interleaved=7-3;mode=PLAY", tcp((7, 3))),
            ("rtp/avp/tcp;unicast", tcp((0, 1))),
            ("RTP/AVP;unicast;client_port=5000-5001", udp((5000, 5001))),
            ("RTP/AVP/UDP;unicast;client_port=5000", udp((5000, 5001))),
            ('RTP/AVP;client_port=5000-5001;mode="PLAY"', udp((5000, 5001))),
            ("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", tcp((0, 1))),
            ("RTP/AVP;unicast;client_port=1024-1025,RTP/AVP/TCP", udp((1024, 1025))),
            ("RTP/SAVP;unicast;client_port=1-2 , RTP/AVP/TCP;unicast", tcp((0, 1))),
            ("", None),
            ("RTP/AVP;unicast", None),
            ("RTP/AVP;multicast;client_port=1-2", None),
            ("RTP/AVP/TCP;interleaved=0-1;mode=record", None),
            ("RTP/AVP/TCP;interleaved=0-0", None),
            ("RTP/AVP/TCP;interleaved=255", None),
            ("RTP/AVP/TCP;interleaved=a-b", None),
            ("RTP/AVP/TCP;interleaved=0-", None),
            ("RTP/AVP;unicast;client_port=0-1", None),
            # Nobody plays there.
            ("RTP/AVP;unicast;client_port=53-5000", None),
            ("RTP/AVP;unicast;client_port=1023", None),
            ("RTP/AVP;unicast;client_port=1023-1024,RTP/AVP/TCP", tcp((0, 1))),
            ("RTP/AVP;unicast;client_port=65535-65536", None),
            ("RTP/AVP;unicast;client_port=\u0665-6", None),
            (",".join(["RTP/AVP"] * 20 + ["RTP/AVP/TCP"]), None),
        )
        for header, expected in cases:
            self.assertEqual(expected, chooseRoute(header, ()), header)

    def test_taken(self) -> None:
        """No channel has two meanings; who does not care gets a free one."""
        self.assertIsNone(chooseRoute("RTP/AVP/TCP;interleaved=1-2", (0, 1)))
        self.assertEqual(Interleave((2, 3)), chooseRoute("RTP/AVP/TCP", (0, 1)))
        self.assertEqual(Interleave((0, 1)), chooseRoute("RTP/AVP/TCP", (2, 3)))
        self.assertIsNone(chooseRoute("RTP/AVP/TCP", range(256)))

    @given(st.text())
    @cheap
    def test_anything(self, text: str) -> None:
        """Whatever it is, there is an answer."""
        chooseRoute(text, ())
        chooseRoute(f"RTP/AVP/TCP;interleaved={text}", ())
