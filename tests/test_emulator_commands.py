"""
The emulated camera's commands, seen by a client that knows nothing but bytes.
"""

from __future__ import annotations

import re
from struct import pack, unpack_from
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Faults, Firmware, Session
from twistedcam.emulator.table import _COMMANDS
from twistedcam.testing import MemoryHost

from .test_emulator import ALIVE, ALIVE_ACK, CLOSE, PUNCH, SEARCH, UID, Bench, Caller
from .test_emulator_session import ack, drw
from .vectors import VECTORS

FIRMWARES = st.sampled_from([FIRMWARE_A, FIRMWARE_B])

LOGIN = "loginuse=admin&loginpas=888888"
OPERATOR = "loginuse=operator&loginpas=operator"
VISITOR = "loginuse=visitor&loginpas=visitor"
OK = b'result= 0;\r\nvar result="ok";\r\n'
DENIED = b'result= 0;\r\nvar result="Auth Failed";\r\n'
REFUSED = b"result=-1;\r\n"

Answer = tuple[int, bytes]


def request(text: str | bytes, start: int = 0x0A01, code: int = 0) -> bytes:
    """A command's record."""
    body = text.encode() if isinstance(text, str) else text
    return pack("<4H", start, code, len(body), 0) + body


class Client(Caller):
    """
    A client with a session: it acknowledges, sorts, sends again.

    @ivar streams: what came, by channel.
    @ivar deaf: do not acknowledge anything.
    """

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.streams: dict[int, bytearray] = {}
        self.deaf = False
        self._expected: dict[int, int] = {}
        self._held: dict[tuple[int, int], bytes] = {}
        self._next: dict[int, int] = {}
        self._unacked: dict[tuple[int, int], bytes] = {}

    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        super().datagramReceived(datagram, address)
        if datagram == ALIVE:
            self.say(ALIVE_ACK)
        elif datagram[:2] == b"\xf1\xd1":
            channel, count = unpack_from(">BH", datagram, 5)
            for index in unpack_from(f">{count}H", datagram, 8):
                self._unacked.pop((channel, index), None)
        elif datagram[:2] == b"\xf1\xd0" and not self.deaf:
            channel, index = unpack_from(">BH", datagram, 5)
            self.say(ack(channel, index))
            expected = self._expected.get(channel, 0)
            if (index - expected) & 0xFFFF < 0x8000:
                self._held[channel, index] = datagram[8:]
            while (piece := self._held.pop((channel, expected), None)) is not None:
                self.streams.setdefault(channel, bytearray()).extend(piece)
                expected = (expected + 1) & 0xFFFF
            self._expected[channel] = expected

    def write(self, data: bytes, channel: int = 0, size: int = 1024) -> None:
        """Send bytes on a channel, in packets of so many."""
        for start in range(0, len(data), size):
            index = self._next.get(channel, 0)
            self._next[channel] = (index + 1) & 0xFFFF
            packet = drw(channel, index, data[start : start + size])
            self._unacked[channel, index] = packet
            self.say(packet)

    def again(self) -> None:
        """Send everything again that is not acknowledged."""
        for packet in self._unacked.values():
            self.say(packet)

    def records(self, channel: int = 0) -> list[Answer]:
        """Codes and bodies of the whole records so far, which are forgotten."""
        stream = self.streams.get(channel, bytearray())
        found = []
        while len(stream) >= 8:
            start, code, length, flags = unpack_from("<4H", stream)
            assert (start, flags) == (0x0A01, 0x0100), bytes(stream[:8])
            if len(stream) < 8 + length:
                break
            found.append((code, bytes(stream[8 : 8 + length])))
            del stream[: 8 + length]
        return found


class CommandBench(Bench):
    """A client with a session."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.dial()

    def dial(self, host: MemoryHost | None = None) -> Client:
        """A client that has just connected."""
        self.network.advance(1.1)
        client = Client(self.network)
        port = (host or self.pc).listenUDP(0, client)
        self.addCleanup(port.stopListening)
        client.say(SEARCH, 32108)
        self.network.advance(0.001)
        client.camera = client.heard[-1][2]
        self.network.advance(0.060)
        client.say(PUNCH)
        self.network.advance(0.035)
        client.take()
        return client

    @property
    def session(self) -> Session:
        """The youngest session."""
        return self.camera.sessions[-1]

    def tell(self, *texts: str | bytes, client: Client | None = None) -> list[Answer]:
        """Send commands, and what comes of it within a while."""
        client = client or self.client
        client.write(b"".join(map(request, texts)))
        self.network.advance(0.1)
        return client.records()

    def ask(
        self, text: str, login: str = LOGIN, client: Client | None = None
    ) -> Answer:
        """Send a command (name and parameters) and get its one answer."""
        name, _, parameters = text.partition("?")
        query = "&".join(part for part in (parameters, login) if part)
        answers = self.tell(f"GET /{name}.cgi?{query}", client=client)
        self.assertEqual(1, len(answers), text)
        return answers[0]

    def values(self, text: str) -> dict[str, str]:
        """The same, as the variables of an answer, texts with their quotes."""
        lines = self.ask(text)[1].decode().split("\r\n")
        self.assertEqual("result= 0;", lines.pop(0))
        self.assertEqual("", lines.pop())
        found: dict[str, str] = {}
        for line in lines:
            match = re.fullmatch(r"(?:var )?([\w\[\]]+)=(.*);", line)
            assert match is not None, line
            self.assertNotIn(match[1], found)
            found[match[1]] = match[2]
        return found


class DialectTests(CommandBench):
    """Records, names and codes, with the newer firmware."""

    def test_unknown(self) -> None:
        """An unknown command is answered under the code 0."""
        self.assertEqual(
            (0, b'result= 0;\r\nvar cgi="not support";\r\n'), self.ask("get_lost")
        )

    def test_noCgi(self) -> None:
        """A text without "cgi" is not answered at all."""
        self.assertEqual([], self.tell(f"GET /check_user?{LOGIN}", b"", b"\0" * 99))
        self.assertEqual(0x60A0, self.ask("check_user")[0])

    def test_codeIgnored(self) -> None:
        """The code in a request does not matter."""
        text = f"GET /get_misc.cgi?{LOGIN}"
        self.client.write(request(text, code=0x6002))
        self.network.advance(0.1)
        self.assertEqual([0x6005], [code for code, _ in self.client.records()])

    def test_substring(self) -> None:
        """The name is found wherever it stands, special ones before others."""
        for text, code in (
            (f"get_misc.cgi {LOGIN}?{LOGIN}", 0x6005),
            (f"POST /x?y=get_misc.cgi&{LOGIN}", 0x6005),
            (f"GET /get_misc.cgi?{LOGIN}&x=get_status.cgi", 0x6001),
            (f"GET /get_status.cgi?{LOGIN}&x=camera_control.cgi", 0x6012),
            (f"GET /get_record_file.cgi?{LOGIN}&PageSize=1", 0x6007),
        ):
            self.assertEqual([code], [each for each, _ in self.tell(text)], text)

    def test_unambiguous(self) -> None:
        """No command's name hides in another's."""
        for commands in _COMMANDS.values():
            needles = {needle for needle, _ in commands}
            for one in needles:
                self.assertEqual([one], [two for two in needles if one in two])

    def test_codes(self) -> None:
        """Every command is answered under its own code, with a good login."""
        silent = {"snapshot", "reboot"}
        if self.firmware is FIRMWARE_A:
            silent.add("livestream")
        for _, command in _COMMANDS[self.firmware.name]:
            if command.name not in silent:
                code, body = self.ask(command.name)
                self.assertEqual(command.code, code, command.name)
                self.assertTrue(body.startswith(b"result= 0;\r\n"), command.name)

    def test_wellFormed(self) -> None:
        """Whatever is told is a list of assignments, each name once."""
        for _, command in _COMMANDS[self.firmware.name]:
            if command.name.startswith("get_"):
                self.values(command.name)

    def test_severalInOne(self) -> None:
        """Several commands in a packet are answered in order, sharing packets."""
        names = "get_misc", "get_rtsp", "check_user", "get_misc"
        answers = self.tell(*[f"GET /{name}.cgi?{LOGIN}" for name in names])
        codes = [code for code, _ in answers]
        self.assertEqual([0x6005, 0x60AA, 0x60A0, 0x6005], codes)
        packets = [d for d in self.client.take() if d[:2] == b"\xf1\xd0"]
        self.assertEqual(1, len(packets))

    def test_bytewise(self) -> None:
        """A command may come a byte at a time."""
        self.client.write(request(f"GET /get_misc.cgi?{LOGIN}"), size=1)
        self.network.advance(0.1)
        self.assertEqual([0x6005], [code for code, _ in self.client.records()])

    def test_long(self) -> None:
        """4095 bytes are a command."""
        text = f"GET /get_misc.cgi?{LOGIN}&x="
        answers = self.tell(text + "y" * (4095 - len(text)))
        self.assertEqual([0x6005], [code for code, _ in answers])

    def test_tooLong(self) -> None:
        """4096 bytes are not, and all that has come goes with them."""
        one = request(f"GET /get_misc.cgi?{LOGIN}")
        self.client.write(one + request(b"x" * 4096) + one)
        self.network.advance(0.1)
        self.assertEqual([0x6005], [code for code, _ in self.client.records()])
        # The rest of the packet after the wrong head went, too; what follows it
        # in the next ones is no record either, until one is.
        self.network.advance(1)
        self.assertEqual(0x6005, self.ask("get_misc")[0])

    def test_wrongStart(self) -> None:
        """What does not begin like a record is thrown away."""
        one = request(f"GET /get_misc.cgi?{LOGIN}")
        self.client.write(request(f"GET /get_misc.cgi?{LOGIN}", start=0x0A02) + one)
        self.network.advance(0.1)
        self.assertEqual([], self.client.records())
        self.assertEqual(0x6005, self.ask("get_misc")[0])

    def test_decoded(self) -> None:
        """Values are URL-decoded, plus signs are not; the first one counts."""
        self.ask("set_alias?alias=%22a%26b%3d%3B+%C3%BC&alias=c")
        self.assertEqual('""a&b=;+\u00fc"', self.values("get_status")["alias"])
        self.assertEqual('"a&b=;+\u00fc', self.camera.name)

    def test_lossy(self) -> None:
        """On a bad network long answers arrive whole and in order all the same."""
        self.network.loss = self.network.duplicate = self.network.reorder = 0.1
        names = ["get_params", "get_record_file", "check_user", "get_params"] * 3
        for name in names:
            self.client.write(request(f"GET /{name}.cgi?{LOGIN}"))
        for _ in range(100):
            self.network.advance(0.1)
            self.client.again()
        answers = self.client.records()
        codes = [0x6002, 0x6007, 0x60A0, 0x6002] * 3
        self.assertEqual(codes, [code for code, _ in answers])
        self.assertEqual(1, len({body for code, body in answers if code == 0x6007}))

    def test_deaf(self) -> None:
        """A client that acknowledges nothing cannot make the camera grow."""
        self.client.deaf = True
        one = request(f"GET /get_record_file.cgi?{LOGIN}")
        for _ in range(200):
            self.client.write(one)
            self.network.advance(0.02)
        self.assertLessEqual(self.session.queued(0), 1 << 20)

    def test_answerAfterEnd(self) -> None:
        """What follows in a packet after the command that ended it is nothing."""
        self.client.write(request(f"GET /get_misc.cgi?{LOGIN}"))
        self.client.say(CLOSE)
        self.network.advance(0.1)
        self.assertEqual([], self.camera.sessions)
        self.assertEqual([], self.client.records())


class DialectTestsA(DialectTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A

    def test_tooLong(self) -> None:
        """4096 bytes end the session."""
        self.tell(b"x" * 4095)
        self.assertEqual(1, len(self.camera.sessions))
        self.client.take()
        self.tell(b"x" * 4096)
        self.assertEqual([CLOSE], self.client.take()[-1:])
        self.assertEqual([], self.camera.sessions)

    def test_wrongStart(self) -> None:
        """The older firmware does not look at the start."""
        self.client.write(request(f"GET /get_misc.cgi?{LOGIN}", start=0x0A02))
        self.network.advance(0.1)
        self.assertEqual([0x6005], [code for code, _ in self.client.records()])


class ArbitraryTests(CommandBench):
    """What no test would think of."""

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(1, 1024), min_size=1, max_size=30), FIRMWARES)
    def test_cutting(self, sizes: list[int], firmware: Firmware) -> None:
        """However the stream is cut, the answers are the same."""
        self.build(firmware=firmware)
        client = self.dial()
        names = "check_user", "get_misc", "get_rtsp", "get_camera_params"
        stream = b"".join(request(f"GET /{name}.cgi?{LOGIN}") for name in names)
        while stream:
            size = sizes.pop(0) if sizes else len(stream)
            client.write(stream[:size])
            stream = stream[size:]
        self.network.advance(0.2)
        codes = [code for code, _ in client.records()]
        self.assertEqual([0x60A0, 0x6005, 0x60AA, 0x6003], codes)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=300), max_size=8), FIRMWARES)
    def test_noise(self, pieces: list[bytes], firmware: Firmware) -> None:
        """Arbitrary bytes do no harm to others, with or without a head."""
        self.build(firmware=firmware)
        client = self.dial()
        for piece in pieces:
            client.write(piece)
        client.write(request(b"".join(pieces)))
        client.write(request(b"x.cgi?" + b"&".join(pieces)))
        self.network.advance(0.1)
        client.records()
        other = self.dial(self.phone)
        self.assertEqual(0x60A0, self.ask("check_user", client=other)[0])


class VectorTests(CommandBench):
    """To the byte."""

    firmware = FIRMWARE_A

    def test_checkUser(self) -> None:
        """The captured question has the captured answer: 60 bytes of text."""
        self.client.say(VECTORS["cgi_check_user"].data)
        self.network.advance(0.02)
        heard = [d for d in self.client.take() if d != ALIVE]
        self.assertEqual([ack(0, 0), VECTORS["cgi_check_user_reply"].data], heard)

    def test_checkUserNewer(self) -> None:
        """With the newer firmware it ends with "ok": 78 bytes."""
        self.build(firmware=FIRMWARE_B)
        client = self.dial()
        old = VECTORS["cgi_check_user_reply"].data[16:]
        (answer,) = self.tell(
            VECTORS["cgi_check_user"].data[16:].decode(), client=client
        )
        self.assertEqual((0x60A0, old + b'var result="ok";\r\n'), answer)
        self.assertEqual(78, len(answer[1]))

    def test_refusal(self) -> None:
        """A wrong login."""
        self.tell("GET /get_status.cgi?loginuse=admin&loginpas=x")
        heard = [d for d in self.client.take() if d[:2] == b"\xf1\xd0"]
        self.assertEqual([VECTORS["cgi_auth_fail_reply"].data], heard)

    def test_alarm(self) -> None:
        """Motion is told on channel 5."""
        self.camera.alarm(1)
        self.network.advance(0.02)
        heard = [d for d in self.client.take() if d != ALIVE]
        self.assertEqual([VECTORS["cgi_alarm_push_ch5"].data], heard)

    def test_getStatus(self) -> None:
        """Published questions are understood."""
        for name, code in (("cgi_get_status", 0x6001), ("cgi_trans_cmd_2001", 0x60D1)):
            ((answered, _),) = self.tell(VECTORS[name].data[16:])
            self.assertEqual(code, answered)

    def test_livestream(self) -> None:
        """Start and stop of the video."""
        self.assertEqual([], self.tell(VECTORS["cgi_livestream_start"].data[16:]))
        self.assertTrue(self.session.streaming.video)
        self.assertEqual([], self.tell(VECTORS["cgi_livestream_stop"].data[16:]))
        self.assertFalse(self.session.streaming.video)


class ReadingTests(CommandBench):
    """What the camera tells."""

    statusEnd = ("IcType", "OEM_CODE", "ptz_pan", "ptz_tilt")

    def test_status(self) -> None:
        """get_status: what it is, in the order of the firmware."""
        values = self.values("get_status")
        self.assertEqual(f'"{UID}"', values["deviceid"])
        self.assertEqual(f'"{self.firmware.systemVersion}"', values["sys_ver"])
        self.assertEqual('"IPCAM"', values["alias"])
        names = tuple(values)
        self.assertEqual(("alias", "deviceid", "sys_ver", "app_version"), names[:4])
        self.assertEqual(self.statusEnd, names[-len(self.statusEnd) :])

    def test_params(self) -> None:
        """get_params: a long text with all the secrets."""
        code, body = self.ask("get_params")
        self.assertEqual(0x6002, code)
        self.assertGreater(len(body), 3 * 1024)
        values = self.values("get_params")
        self.assertEqual('"888888"', values["user3_pwd"])
        self.assertIn("wifi_wpa_psk", values)
        self.assertEqual("now", next(iter(values)))

    def test_recordings(self) -> None:
        """get_record_file: page by page, every recording once."""
        found: list[str] = []
        for page in range(4):
            values = self.values(f"get_record_file?PageSize=97&PageIndex={page}")
            count = int(values["record_num0"])
            found += [values[f"record_name0[{n}]"] for n in range(count)]
            self.assertEqual("300", values["RecordCount"])
            self.assertEqual("4", values["PageCount"])
            self.assertGreater(int(values["record_size0[0]"]), 0)
        self.assertEqual(300, len(set(found)))
        self.assertEqual(sorted(found, reverse=True), found)

    def test_allRecordings(self) -> None:
        """All in one answer, which takes a dozen packets and more."""
        code, body = self.ask("get_record_file?PageSize=1000&PageIndex=0")
        self.assertEqual(0x6007, code)
        self.assertEqual(300, body.count(b".h264"))
        packets = [d for d in self.client.take() if d[:2] == b"\xf1\xd0"]
        self.assertGreater(len(packets), 12)
        self.assertEqual({1032}, {len(packet) for packet in packets[:-1]})

    def test_beyondRecordings(self) -> None:
        """There is nothing on a page too far, and nonsense is no page."""
        values = self.values("get_record_file?PageSize=10&PageIndex=99")
        self.assertEqual("0", values["record_num0"])
        self.values("get_record_file?PageSize=-1&PageIndex=-7")
        self.values("get_record_file?PageSize=x&PageIndex=99999999999999999999")

    def test_wifiScan(self) -> None:
        """wifi_scan: the networks as arrays."""
        values = self.values("wifi_scan")
        self.assertEqual("5", values["ap_number"])
        self.assertEqual("new Array()", values["ap_ssid"])
        self.assertEqual('"Test card"', values["ap_ssid[0]"])
        self.assertEqual("-41", values["ap_dbm0[0]"])
        self.assertEqual('"Caf\u00e9 "Zum Hirschen""', values["ap_ssid[2]"])
        newer = self.firmware is FIRMWARE_B
        self.assertEqual(newer, "support_correct" in values)
        self.assertEqual(newer, "ap_rssi[0]" in values)

    def test_users(self) -> None:
        """check_user counts the sessions."""
        self.dial(self.phone)
        self.assertEqual("2", self.values("check_user")["current_users"])

    def test_log(self) -> None:
        """get_log: what happened, in one text."""
        self.camera.alarm(2)
        self.assertRegex(
            self.values("get_log")["log_text"], r'^"20\d\d-.* alarm 2(\\n.*)?"$'
        )

    def test_rtsp(self) -> None:
        """set_rtsp changes what get_rtsp tells."""
        self.assertEqual(OK, self.ask("set_rtsp?rtspuser=x&rtspport=554")[1])
        values = self.values("get_rtsp")
        self.assertEqual(['"x"', "554"], [values["rtspuser"], values["rtspport"]])

    def test_snapshot(self) -> None:
        """snapshot: the bare JPEG, in three sizes."""
        for res, size in ((0, (640, 360)), (1, (320, 180)), (2, (1280, 720))):
            code, body = self.ask(f"snapshot?res={res}")
            self.assertEqual(0x6015, code)
            self.assertEqual(size, jpegSize(body))
            self.assertLess(len(body), 30_000)
        self.assertEqual((320, 180), jpegSize(self.ask("snapshot")[1]))


class ReadingTestsA(ReadingTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A
    statusEnd = ("haveHorn", "haveMotor", "ptz_pan", "ptz_tilt")


def jpegSize(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG."""
    assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
    place = 2
    while True:
        marker, length = unpack_from(">HH", data, place)
        if marker in (0xFFC0, 0xFFC2):
            height, width = unpack_from(">HH", data, place + 5)
            return width, height
        place += 2 + length


class WritingTests(CommandBench):
    """What the camera lets change."""

    def test_image(self) -> None:
        """camera_control changes what get_camera_params tells."""
        for param, name, value in (
            (1, "vbright", 200),
            (2, "vcontrast", 7),
            (5, "flip", 3),
            (8, "vsaturation", 9),
            (9, "vhue", 10),
            (14, "ircut", 0),
            (100, "speed", 3),
        ):
            answer = self.ask(f"camera_control?param={param}&value={value}")
            self.assertEqual((0x6012, OK), answer)
            self.assertEqual(str(value), self.values("get_camera_params")[name])

    def test_imageDefaults(self) -> None:
        """Parameter 7 puts the picture back."""
        before = self.values("get_camera_params")
        self.ask("camera_control?param=1&value=200")
        self.assertEqual(OK, self.ask("camera_control?param=7&value=0")[1])
        self.assertEqual(before, self.values("get_camera_params"))

    def test_imageNonsense(self) -> None:
        """There are wrong parameters and wrong values."""
        for nonsense in ("", "?param=1", "?param=1&value=x", "?param=99&value=1"):
            answer = self.ask(f"camera_control{nonsense}")[1]
            self.assertEqual(b'result= 0;\r\nvar result="erro";\r\n', answer)

    def test_videoSize(self) -> None:
        """The newer firmware does not let the size of the video be changed."""
        answer = self.ask("camera_control?param=0&value=1")[1]
        self.assertEqual(self.firmware is FIRMWARE_A, answer == OK)

    def test_alias(self) -> None:
        """set_alias: in get_status, and in the report to whoever searches."""
        self.assertEqual(OK, self.ask("set_alias?alias=T%C3%BCr")[1])
        self.assertEqual('"T\u00fcr"', self.values("get_status")["alias"])
        self.client.take()
        self.client.say(b"DH\x01\x01", 8600)
        self.network.advance(0.01)
        report = next(d for d in self.client.take() if d[:2] == b"DH")
        self.assertEqual("T\u00fcr".encode() + b"\0", report[0x7C:0x81])

    def test_aliasNonsense(self) -> None:
        """A name is text of 1 to 80 bytes."""
        for nonsense in ("", "?alias=", "?alias=%ff", "?alias=" + "x" * 81):
            answer = self.ask(f"set_alias{nonsense}")[1]
            self.assertEqual(b'result= 0;\r\nvar result="failed";\r\n', answer)
        self.assertEqual("IPCAM", self.camera.name)

    def test_datetime(self) -> None:
        """set_datetime: zone, NTP and the clock, which goes on."""
        query = "set_datetime?tz=-3600&ntp_enable=0&ntp_svr=ntp.example&now=2000000000"
        self.assertEqual(OK, self.ask(query)[1])
        self.network.advance(60)
        values = self.values("get_params")
        self.assertIn(int(values["now"]), range(2000000060, 2000000062))
        told = [values[name] for name in ("tz", "ntp_enable", "ntp_svr")]
        self.assertEqual(["-3600", "0", '"ntp.example"'], told)

    def test_zoneOnly(self) -> None:
        """Without C{now} the clock stays."""
        before = int(self.values("get_params")["now"])
        self.ask("set_datetime?tz=3600&now=0")
        self.assertAlmostEqual(before, int(self.values("get_params")["now"]), delta=1)

    def test_groups(self) -> None:
        """The other groups of settings, by the names of their parameters."""
        for command, parameters, tells, name, value in (
            ("set_misc", "led_mode=2", "get_misc", "led_mode", "2"),
            ("set_alarm", "motion_armed=1", "get_params", "alarm_motion_armed", "1"),
            ("set_wifi", "ssid=a%20b", "get_params", "wifi_ssid", '"a b"'),
            ("set_mail", "svr=m", "get_params", "mail_svr", '"m"'),
            ("set_ftp", "port=2121", "get_params", "ftp_port", "2121"),
            ("set_network", "port=81", "get_params", "port", "81"),
            ("set_recordsch", "record_timer=5", "get_record", "record_timer", "5"),
            ("set_recordsch", "timer=6", "get_record", "record_timer", "6"),
            ("set_media", "enc_bitrate=99", "get_camera_params", "enc_bitrate", "99"),
        ):
            self.assertEqual(OK, self.ask(f"{command}?{parameters}")[1])
            self.assertEqual(value, self.values(tells)[name])

    def test_digest(self) -> None:
        """A changed setting changes the digest of all settings."""
        before = self.values("get_status")["params_md5"]
        self.ask("set_alarm?motion_armed=1")
        self.assertNotEqual(before, self.values("get_status")["params_md5"])

    def test_settingNonsense(self) -> None:
        """Numbers stay numbers, texts stay short, and nothing is invented."""
        before = self.values("get_misc")
        self.ask("set_misc?led_mode=x&nonsense=1&ptruntimes=99999999999")
        self.assertEqual(before, self.values("get_misc"))
        self.ask(f"set_wifi?ssid={'x' * 129}")
        self.assertEqual('"Test card"', self.values("get_params")["wifi_ssid"])

    def test_password(self) -> None:
        """set_users changes the password at once, for all to come."""
        self.assertEqual((0x600E, OK), self.ask("set_users?user3=admin&pwd3=s%26cret"))
        other = self.dial(self.phone)
        self.assertEqual(REFUSED, self.ask("get_misc", client=other)[1])
        good = "loginuse=admin&loginpas=s%26cret"
        self.assertNotEqual(REFUSED, self.ask("get_misc", good, other)[1])

    def test_usersNonsense(self) -> None:
        """The administrator needs a name, and nobody a long one."""
        for nonsense in ("user3=", f"pwd1={'x' * 65}"):
            answer = self.ask(f"set_users?{nonsense}")[1]
            self.assertEqual(b'result= 0;\r\nvar result="failed";\r\n', answer)
        self.assertNotEqual(REFUSED, self.ask("get_misc")[1])

    def test_deleteFile(self) -> None:
        """del_file removes a recording, which must be one."""
        values = self.values("get_record_file?PageSize=1&PageIndex=0")
        name = values["record_name0[0]"].strip('"')
        self.assertEqual(OK, self.ask(f"del_file?name={name}")[1])
        self.assertNotEqual(OK, self.ask(f"del_file?name={name}")[1])
        self.assertEqual("299", self.values("get_record_file")["RecordCount"])

    def test_lights(self) -> None:
        """Light and siren go on and off, and can be asked for."""
        self.ask("trans_cmd_string?cmd=2109&command=0&light=1")
        values = self.values("trans_cmd_string?cmd=2109&command=2")
        self.assertEqual(["1", "0"], [values["light"], values["siren"]])
        code, body = self.ask("trans_cmd_string?cmd=2109&command=0&siren=1&light=0")
        self.assertEqual(0x60D1, code)
        self.assertTrue(body.endswith(b'var result="ok";\r\n'))
        values = self.values("trans_cmd_string?cmd=2109&command=2")
        self.assertEqual(["0", "1"], [values["light"], values["siren"]])

    def test_dangers(self) -> None:
        """Dangerous commands say "ok", do nothing, and are counted."""
        before = self.values("get_params")
        dangers = [
            "upgrade_firmware?url=http://x",
            "restore_factory",
            "set_formatsd",
            "trans_cmd_string?cmd=2101&command=1",
            "upgrade_firmware",
        ]
        for danger in dangers:
            self.assertEqual(OK, self.ask(danger)[1])
        self.network.advance(10)
        self.assertEqual(2, self.camera.refusedDangers["upgrade_firmware"])
        self.assertEqual(5, self.camera.refusedDangers.total())
        after = self.values("get_params")
        self.assertEqual({**before, "now": ""}, {**after, "now": ""})

    def test_audio(self) -> None:
        """audiostream is answered, and remembered."""
        answer = self.ask("audiostream?streamid=1&adpcm_ver=1")
        self.assertEqual((0x6031, b"result= 0;\r\n"), answer)
        streaming = self.session.streaming
        self.assertEqual((1, 1), (streaming.audio, streaming.adpcmVersion))
        self.ask("audiostream?streamid=16")
        self.assertIsNone(streaming.audio)

    def test_playback(self) -> None:
        """livestream 4 and 17 play a recording; others do nothing."""
        streaming = self.session.streaming
        for query, video, filename in (
            ("streamid=0", False, None),
            ("streamid=4&filename=x.h264", False, "x.h264"),
            ("streamid=10&substream=2", True, "x.h264"),
            ("streamid=99", True, "x.h264"),
            ("streamid=17", True, None),
            ("streamid=16", False, None),
        ):
            self.tell(f"GET /livestream.cgi?{query}&{LOGIN}")
            self.assertEqual((video, filename), (streaming.video, streaming.filename))
        self.assertEqual(2, streaming.substream)

    def test_livestreamAnswer(self) -> None:
        """Only the newer firmware answers a livestream that begins."""
        answers = self.tell(f"GET /livestream.cgi?streamid=10&{LOGIN}")
        newer = [(0x6037, b"result= 0;\r\n")]
        self.assertEqual(newer if self.firmware is FIRMWARE_B else [], answers)

    def test_reboot(self) -> None:
        """reboot: only the newer firmware answers; either goes and comes back."""
        answers = self.tell(f"GET /reboot.cgi?{LOGIN}")
        newer = [(0x6027, OK)]
        self.assertEqual(newer if self.firmware is FIRMWARE_B else [], answers)
        self.network.advance(1)
        self.assertEqual([], self.camera.sessions)
        self.network.advance(6)
        self.assertEqual(0x6005, self.ask("get_misc", client=self.dial())[0])

    def test_rebootCancelled(self) -> None:
        """A camera that is stopped does not restart."""
        self.tell(f"GET /reboot.cgi?{LOGIN}")
        self.network.advance(6)
        self.tell(f"GET /reboot.cgi?{LOGIN}", client=self.dial())
        self.assertFreed()


class WritingTestsA(WritingTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A


class UnaskedTests(CommandBench):
    """What the camera says of its own accord, and what it withholds."""

    def test_kinds(self) -> None:
        """The camera's own numbers of alarms are told as others."""
        for kind, told in ((1, 1), (2, 2), (4, 3), (5, 5), (9, 20), (10, 24), (3, 4)):
            self.camera.alarm(kind)
            self.network.advance(0.02)
            self.assertEqual([(0x6040, pack("<I", told))], self.client.records(5))

    def test_everybody(self) -> None:
        """An alarm goes to every client."""
        other = self.dial(self.phone)
        self.camera.alarm()
        self.network.advance(0.02)
        self.assertEqual(self.client.records(5), other.records(5))

    def test_tooManyAlarms(self) -> None:
        """A client that acknowledges none gets some 8 KiB of them."""
        self.client.deaf = True
        for _ in range(2000):
            self.camera.alarm()
        self.assertLess(self.session.queued(5), 8192 + 12)
        self.assertGreaterEqual(self.session.queued(5), 8192)

    def test_status(self) -> None:
        """A status comes unasked, in the form of an answer."""
        self.camera.pushStatus()
        self.network.advance(0.1)
        ((code, body),) = self.client.records()
        self.assertEqual(0x6001, code)
        self.assertEqual(self.ask("get_status"), (code, body))

    def test_mute(self) -> None:
        """Some answers fail to come; the command is obeyed."""
        self.camera.faults = Faults(mute=frozenset(("set_alias", "get_misc")))
        self.assertEqual([], self.tell(f"GET /set_alias.cgi?alias=x&{LOGIN}"))
        self.assertEqual([], self.tell(f"GET /get_misc.cgi?{LOGIN}"))
        self.assertEqual('"x"', self.values("get_status")["alias"])

    def test_slow(self) -> None:
        """All answers take their time, and stay in order."""
        self.camera.faults = Faults(slow=2.0)
        names = "get_misc", "get_rtsp"
        self.assertEqual([], self.tell(*[f"GET /{n}.cgi?{LOGIN}" for n in names]))
        self.network.advance(1.8)
        self.assertEqual([], self.client.records())
        self.network.advance(0.2)
        codes = [code for code, _ in self.client.records()]
        self.assertEqual([0x6005, 0x60AA], codes)

    def test_slowEnds(self) -> None:
        """An answer that is late when the session ends never comes."""
        self.camera.faults = Faults(slow=2.0)
        self.tell(f"GET /get_misc.cgi?{LOGIN}")
        self.assertFreed()

    def test_slowBounded(self) -> None:
        """Not any number of answers can be late."""
        self.camera.faults = Faults(slow=2.0)
        self.tell(*[f"GET /get_misc.cgi?{LOGIN}"] * 100)
        self.network.advance(3)
        self.assertEqual(64, len(self.client.records()))

    def test_fullHouse(self) -> None:
        """A client too many is not obeyed (older firmware)."""
        self.build(firmware=FIRMWARE_A)
        clients = [self.dial() for _ in range(5)]
        answers = self.tell(f"GET /get_misc.cgi?{LOGIN}", client=clients[4])
        text = b"var current_users=5;\r\nvar max_support_users=4;\r\n" + bytes(8)
        self.assertEqual([(0x60D1, text)], answers)
        self.assertIn(b"current_users=4", self.ask("check_user", client=clients[0])[1])
