"""Tests for L{twistedcam.answers}: what cameras answer, as values."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.answers import ImageSettings, Recording, Status, Users, WifiNetwork
from twistedcam.wire.cgi import Reply

from . import strategies
from .vectors import VECTORS


def reply(*lines: str) -> Reply:
    """A reply of these lines."""
    return Reply.fromText("\r\n".join(("result= 0;", *lines)).encode())


#: A reply that tells nothing.
EMPTY = reply()


class ValueTests(SynchronousTestCase):
    """Values of one reply each."""

    def test_users(self) -> None:
        """Who is connected, as captured."""
        raw = Reply.fromText(VECTORS["cgi_check_user_reply"].data[16:])
        users = Users.fromReply(raw)
        self.assertEqual((1, 4), (users.current, users.maximum))
        self.assertIs(raw, users.raw)

    def test_status(self) -> None:
        """How the camera is."""
        raw = reply(
            'var alias="Gate";',
            'var deviceid="VSTB668515UZCPK";',
            'var sys_ver="48.53.64.67";',
            'var app_version="10.0.1";',
            "var now=1767225600;",
            'var mac="00:11:22:33:44:55";',
            "var sdtotal=30436;",
            "var sdfree=128;",
        )
        self.assertEqual(
            Status(
                alias="Gate",
                deviceId="VSTB668515UZCPK",
                systemVersion="48.53.64.67",
                appVersion="10.0.1",
                mac="00:11:22:33:44:55",
                now=1767225600,
                cardTotal=30436,
                cardFree=128,
                raw=raw,
            ),
            Status.fromReply(raw),
        )

    def test_deviceId(self) -> None:
        """The real device id goes before another, unless it is empty."""
        for real, expected in ("VSTB000002AAAAA", "VSTB000002AAAAA"), ("", "X"):
            raw = reply('deviceid="X";', f'realdeviceid="{real}";')
            self.assertEqual(expected, Status.fromReply(raw).deviceId)

    def test_imageSettings(self) -> None:
        """How the picture is made."""
        raw = reply(
            "vbright=1;vcontrast=2;vhue=3;vsaturation=4;OSDEnable=1;mode=0;flip=5;",
            "ircut=6;",
        )
        self.assertEqual(
            ImageSettings(
                brightness=1,
                contrast=2,
                saturation=4,
                hue=3,
                flip=5,
                infrared=6,
                raw=raw,
            ),
            ImageSettings.fromReply(raw),
        )

    def test_missing(self) -> None:
        """What a camera does not tell is None, or empty."""
        self.assertEqual(Users(None, None, EMPTY), Users.fromReply(EMPTY))
        self.assertEqual(
            Status("", "", "", "", "", None, None, None, EMPTY),
            Status.fromReply(EMPTY),
        )
        self.assertEqual(
            ImageSettings(None, None, None, None, None, None, EMPTY),
            ImageSettings.fromReply(EMPTY),
        )

    def test_mixedUp(self) -> None:
        """So is what is of another kind than it should be."""
        raw = reply("alias=5;", 'now="x";', "sdfree[0]=1;", "mac[0]=1;", "sys_ver=-1;")
        status = Status.fromReply(raw)
        self.assertEqual(
            ("5", "-1", ""), (status.alias, status.systemVersion, status.mac)
        )
        self.assertEqual((None, None), (status.now, status.cardFree))

    def test_rawIsHidden(self) -> None:
        """The whole reply is not shown with the values."""
        raw = reply('alias="Gate";', 'user1_pwd="hush";', 'wpa="hush";')
        for value in map(repr, (Status.fromReply(raw), Users.fromReply(raw))):
            self.assertNotIn("hush", value)
            self.assertNotIn("raw", value)


class WifiTests(SynchronousTestCase):
    """Wireless networks."""

    def test_networks(self) -> None:
        """One for each name."""
        raw = reply(
            "ap_number=2;",
            "var ap_ssid=new Array();",
            'ap_ssid[0]="Home; sweet";',
            'ap_ssid[1]="";',
            'ap_mac[0]="00:11:22:33:44:55";',
            'ap_mac[1]="00:11:22:33:44:66";',
            "ap_channel[0]=11;ap_channel[1]=1;",
            "ap_security[0]=4;ap_security[1]=0;",
            "ap_dbm0[0]=-43;ap_dbm0[1]=88;",
        )
        self.assertEqual(
            [
                WifiNetwork("Home; sweet", "00:11:22:33:44:55", 11, 4, -43),
                WifiNetwork("", "00:11:22:33:44:66", 1, 0, 88),
            ],
            WifiNetwork.listFromReply(raw),
        )

    def test_newer(self) -> None:
        """Newer firmware tells the signal by another name."""
        raw = reply("support_correct=1;", 'ap_ssid[0]="x";', "ap_rssi[0]=70;")
        self.assertEqual(
            [WifiNetwork("x", "", None, None, 70)], WifiNetwork.listFromReply(raw)
        )

    def test_unequal(self) -> None:
        """Columns may be shorter, longer, or of another kind."""
        raw = reply(
            'ap_ssid[0]="x";',
            "ap_ssid[2]=123;",
            'ap_channel[0]="eleven";',
            "ap_mac=5;",
            "ap_security[9]=1;",
        )
        self.assertEqual(
            [
                WifiNetwork("x", "", None, None, None),
                WifiNetwork("", "", None, None, None),
                WifiNetwork("123", "", None, None, None),
            ],
            WifiNetwork.listFromReply(raw),
        )

    def test_none(self) -> None:
        """No network is an empty list."""
        self.assertEqual([], WifiNetwork.listFromReply(EMPTY))
        self.assertEqual([], WifiNetwork.listFromReply(reply('ap_ssid="x";')))


class RecordingTests(SynchronousTestCase):
    """Recordings."""

    def test_recordings(self) -> None:
        """One for each name, with the time that the name tells."""
        raw = reply(
            "var record_name0=new Array();",
            'record_name0[0]="20260102030405_010.h264";',
            'record_name0[1]="alarm.avi";',
            'record_name0[2]="20261399000000_010.h264";',
            "record_size0[0]=1048576;record_size0[1]=0;",
            "record_num0=3;PageIndex=0;PageSize=100;RecordCount=3;PageCount=1;",
        )
        self.assertEqual(
            [
                Recording(
                    "20260102030405_010.h264", 1048576, datetime(2026, 1, 2, 3, 4, 5)
                ),
                Recording("alarm.avi", 0, None),
                Recording("20261399000000_010.h264", None, None),
            ],
            Recording.listFromReply(raw),
        )

    def test_none(self) -> None:
        """No recording is an empty list."""
        self.assertEqual([], Recording.listFromReply(EMPTY))


class AnythingTests(SynchronousTestCase):
    """Firmware tells more, and less, than anybody expects."""

    @strategies.cheap
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    "alias deviceid now sdfree vbright flip current_users ap_ssid"
                    " ap_mac ap_channel ap_dbm0 record_name0 record_size0".split()
                ),
                st.sampled_from(("", "[0]", "[3]")),
                st.sampled_from(("1", "-1", '"x"', "", "new Array()", '"20260102"')),
            ),
            max_size=20,
        )
    )
    def test_anything(self, lines: list[tuple[str, str, str]]) -> None:
        """Whatever is told, it makes values."""
        raw = reply(*(f"var {name}{place}={value};" for name, place, value in lines))
        Users.fromReply(raw)
        Status.fromReply(raw)
        ImageSettings.fromReply(raw)
        networks = WifiNetwork.listFromReply(raw)
        self.assertEqual(len(raw.array("ap_ssid")), len(networks))
        recordings = Recording.listFromReply(raw)
        self.assertEqual(len(raw.array("record_name0")), len(recordings))
