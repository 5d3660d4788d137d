"""Tests for L{twistedcam.wire.cgi}."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import WireError
from twistedcam.wire import cgi
from twistedcam.wire.cgi import (
    CODES,
    HEAD,
    MASK,
    MAX_COMMAND,
    MAX_NAMES,
    MAX_PLACES,
    Record,
    RecordReader,
    Reply,
    encodeCommand,
    isSecret,
)
from twistedcam.wire.drw import Drw
from twistedcam.wire.pppp import decode

from . import strategies
from .vectors import VECTORS

SHORT_LOGIN = {"loginuse": "admin", "loginpas": "888888"}
LOGIN = {**SHORT_LOGIN, "user": "admin", "pwd": "888888"}

#: The commands among the vectors: name, parameters, login, and what is behind.
COMMANDS: dict[str, tuple[str, dict[str, object], dict[str, str], bytes]] = {
    "cgi_check_user": ("check_user", {"name": 300000000}, LOGIN, b"&"),
    "cgi_trans_cmd_2001": (
        "trans_cmd_string",
        {"cmd": 2001, "command": 0},
        SHORT_LOGIN,
        b"",
    ),
    "cgi_get_status": ("get_status", {}, LOGIN, b""),
    "cgi_livestream_start": (
        "livestream",
        {"streamid": 10, "substream": 0},
        LOGIN,
        b"",
    ),
    "cgi_livestream_stop": ("livestream", {"streamid": 16, "substream": 0}, LOGIN, b""),
}

#: The answers: channel, code, text or bytes.
ANSWERS = {
    "cgi_check_user_reply": (
        0,
        0x60A0,
        b"result= 0;\r\nvar current_users=1;\r\nvar max_support_users=4;\r\n",
    ),
    "cgi_auth_fail_reply": (0, 0x6001, b"result=-1;\r\n"),
    "cgi_alarm_push_ch5": (5, 0x6040, b"\1\0\0\0"),
}

#: The beginnings of the four packets of one long answer.
PARTS = (
    "cgi_multipart_first_16",
    "cgi_multipart_hdr_2",
    "cgi_multipart_hdr_3",
    "cgi_multipart_hdr_4",
)

COVERED = frozenset(COMMANDS) | frozenset(ANSWERS) | frozenset(PARTS)

#: Records of many kinds: empty, with heads inside, and around 255 bytes.
RECORDS = [
    Record(0x6001, b"result= 0;\r\n"),
    Record(0, b""),
    Record(0x6015, b"\xff\xd8\1\x0a\1\1\x0a\0\xff\xd9"),
    Record(0x0A01, bytes(255)),
    Record(0x6002, b"\1" * 256),
    Record(0xFFFF, b"\1\x0a" * 150),
]
STREAM = b"".join(record.encode() for record in RECORDS)


def payload(name: str) -> bytes:
    """What the DRW of a vector carries."""
    message = decode(VECTORS[name].data)
    assert isinstance(message, Drw)
    return message.payload


def readAll(pieces: Iterable[bytes]) -> list[Record]:
    """What a new reader makes of these pieces."""
    reader = RecordReader()
    return [record for piece in pieces for record in reader.feed(piece)]


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """A stream in pieces, of which some may be empty."""
    borders = [0, *sorted(places), len(stream)]
    return [stream[start:end] for start, end in pairwise(borders)]


class VectorTests(SynchronousTestCase):
    """Captured, published and derived packets."""

    def test_complete(self) -> None:
        """No vector of the dialect is left out."""
        found = {n for n, vector in VECTORS.items() if vector.dialect == "cgi"}
        self.assertEqual(found, COVERED)

    def test_commands(self) -> None:
        """Each command is what we encode, byte for byte."""
        for vector, (name, parameters, login, behind) in COMMANDS.items():
            (theirs,) = readAll([payload(vector)])
            (ours,) = readAll([encodeCommand(name, parameters, login)])
            self.assertEqual(theirs, Record(0, ours.body + behind), vector)
            self.assertEqual(payload(vector), theirs.encode(version=0), vector)
            if not behind:
                self.assertEqual(
                    payload(vector), encodeCommand(name, parameters, login), vector
                )

    def test_answers(self) -> None:
        """Each answer is one record with version 0x0100."""
        for vector, (channel, code, body) in ANSWERS.items():
            message = decode(VECTORS[vector].data)
            assert isinstance(message, Drw)
            self.assertEqual(message.channel, channel, vector)
            self.assertEqual(readAll([message.payload]), [Record(code, body)], vector)
            self.assertEqual(message.payload, Record(code, body).encode(), vector)

    def test_checkUserReply(self) -> None:
        """The accepted login, and who is there."""
        _, code, body = ANSWERS["cgi_check_user_reply"]
        reply = Reply.fromText(body)
        self.assertEqual(code, CODES["check_user"])
        self.assertEqual((reply.result, reply.outcome), (0, ""))
        self.assertEqual(dict(reply), {"current_users": 1, "max_support_users": 4})

    def test_refusal(self) -> None:
        """The refused login has the result, and nothing else."""
        _, code, body = ANSWERS["cgi_auth_fail_reply"]
        reply = Reply.fromText(body)
        self.assertEqual(code, cgi.STATUS)
        self.assertEqual((reply.result, reply.outcome, dict(reply)), (-1, "", {}))

    def test_alarm(self) -> None:
        """An alarm's body is its kind, and its code is known."""
        _, code, body = ANSWERS["cgi_alarm_push_ch5"]
        self.assertEqual((code, body), (cgi.ALARM, (1).to_bytes(4, "little")))

    def test_parts(self) -> None:
        """Only the first part of a long answer has a head; the last completes it."""
        first = VECTORS[PARTS[0]].data
        head = HEAD.unpack(first[8:])
        self.assertEqual(head, (0x0A01, CODES["get_params"], 0x0EC8, 0x0100))
        sizes = [int.from_bytes(VECTORS[n].data[2:4], "big") - 4 for n in PARTS]
        self.assertEqual(sizes, [1024, 1024, 1024, 720])
        text = b"x" * 0x0EC8
        stream = first[8:] + text
        self.assertEqual(len(stream), sum(sizes))
        reader = RecordReader()
        pieces = cut(stream, [1024, 2048, 3072])
        read = [list(reader.feed(piece)) for piece in pieces]
        self.assertEqual(read, [[], [], [], [Record(0x6002, text)]])


class ReaderTests(SynchronousTestCase):
    """Records out of a stream."""

    def test_whole(self) -> None:
        """Several records in one piece."""
        self.assertEqual(readAll([STREAM]), RECORDS)

    def test_everySplit(self) -> None:
        """Cut in two at any byte, the stream is the same."""
        for place in range(len(STREAM) + 1):
            self.assertEqual(
                readAll([STREAM[:place], STREAM[place:]]), RECORDS, f"at {place}"
            )

    def test_byteByByte(self) -> None:
        """So it is in single bytes; and each record comes with its last one."""
        reader = RecordReader()
        ends = []
        for place in range(len(STREAM)):
            ends += [place + 1 for _ in reader.feed(STREAM[place : place + 1])]
        sizes = [HEAD.size + len(record.body) for record in RECORDS]
        self.assertEqual(ends, [sum(sizes[: i + 1]) for i in range(len(sizes))])
        self.assertEqual(reader.skipped, 0)

    @strategies.cheap
    @given(st.lists(st.integers(0, len(STREAM)), max_size=40))
    def test_anyPieces(self, places: list[int]) -> None:
        """Cut anyhow, also into empty pieces, it is the same."""
        self.assertEqual(readAll(cut(STREAM, places)), RECORDS)

    def test_lengths(self) -> None:
        """The length has 16 bits, all of which count."""
        for size in 0, 1, 255, 256, 257, 4095, 4096, 65535:
            record = Record(0x6002, b"\1" * size)
            encoded = record.encode()
            self.assertEqual(encoded[4:6], size.to_bytes(2, "little"))
            self.assertEqual(readAll([encoded + STREAM]), [record, *RECORDS])
            self.assertEqual(readAll(cut(encoded, range(0, size, 1024))), [record])

    def test_tooLong(self) -> None:
        """A body that the length field cannot tell is refused."""
        with self.assertRaises(WireError):
            Record(0, bytes(65536)).encode()

    def test_version(self) -> None:
        """Answers have version 0x0100; any is accepted."""
        self.assertEqual(Record(0x6001, b"x").encode().hex(), "010a01600100000178")
        for version in 0, 1, 0x100, 0xFFFF:
            record = Record(0x6001, b"x")
            self.assertEqual(readAll([record.encode(version)]), [record])

    def test_garbage(self) -> None:
        """Garbage in front of records is skipped, and counted."""
        for garbage in (
            b"\0",
            b"\1",
            b"\x0a",
            b"\1\1\1",
            b"\x0a\1\x0b\1",
            b"HTTP/1.1 200 OK\r\n\r\n",
            bytes(5000),
        ):
            stream = b"".join(garbage + record.encode() for record in RECORDS)
            for pieces in ([stream], [bytes((byte,)) for byte in stream]):
                reader = RecordReader()
                read = [record for piece in pieces for record in reader.feed(piece)]
                self.assertEqual(read, RECORDS, garbage[:20])
                self.assertEqual(reader.skipped, len(garbage) * len(RECORDS))

    @strategies.cheap
    @given(
        st.lists(
            st.binary(max_size=40).filter(
                lambda g: (g + b"\1\x0a").find(b"\1\x0a") == len(g)
            ),
            min_size=len(RECORDS),
            max_size=len(RECORDS),
        ),
        st.lists(st.integers(0, len(STREAM)), max_size=10),
    )
    def test_anyGarbage(self, garbage: list[bytes], places: list[int]) -> None:
        """Whatever garbage stands between records, all are found."""
        stream = b"".join(
            g + record.encode() for g, record in zip(garbage, RECORDS, strict=True)
        )
        self.assertEqual(readAll(cut(stream, places)), RECORDS)

    def test_halfAHead(self) -> None:
        """The first half of a head at the end of garbage is kept."""
        reader = RecordReader()
        self.assertEqual(list(reader.feed(bytes(20) + b"\1")), [])
        self.assertEqual(reader.skipped, 20)
        self.assertEqual(list(reader.feed(b"\x0a" + STREAM[2:])), RECORDS)

    def test_lose(self) -> None:
        """After a gap, what was begun is dropped, and the next record is found."""
        whole = RECORDS[4].encode()
        for place in range(1, len(whole)):
            reader = RecordReader()
            self.assertEqual(list(reader.feed(whole[:place])), [])
            reader.lose()
            self.assertEqual(reader.skipped, place)
            self.assertEqual(list(reader.feed(STREAM)), RECORDS)

    def test_loseTheHead(self) -> None:
        """After a gap, the rest of a record without its head is skipped."""
        reader = RecordReader()
        list(reader.feed(Record(0x6002, b"y" * 2000).encode()[:1024]))
        reader.lose()
        self.assertEqual(list(reader.feed(b"y" * 500 + STREAM)), RECORDS)
        self.assertEqual(reader.skipped, 1524)

    def test_loseNothing(self) -> None:
        """A gap between two records costs nothing."""
        reader = RecordReader()
        list(reader.feed(STREAM))
        reader.lose()
        self.assertEqual(reader.skipped, 0)
        self.assertEqual(list(reader.feed(STREAM)), RECORDS)

    @strategies.cheap
    @given(
        st.lists(
            st.binary(max_size=64)
            | st.text("\0\1\x0a\xff", max_size=64).map(lambda t: t.encode("latin-1"))
            | st.sampled_from([record.encode() for record in RECORDS]),
            max_size=30,
        )
    )
    def test_anything(self, pieces: list[bytes]) -> None:
        """Each byte belongs to a record, is skipped, or waits; few can wait."""
        reader = RecordReader()
        taken = 0
        for piece in pieces:
            taken += sum(HEAD.size + len(record.body) for record in reader.feed(piece))
            self.assertLess(len(reader._buffer), HEAD.size + 65536)
        waiting = len(reader._buffer)
        self.assertEqual(taken + reader.skipped + waiting, sum(map(len, pieces)))


class CommandTests(SynchronousTestCase):
    """Commands."""

    def text(self, **parameters: object) -> str:
        """The text of a command with these parameters."""
        (record,) = readAll([encodeCommand("set_alias", parameters, {})])
        return record.body.decode("ascii")

    def test_head(self) -> None:
        """A command has code 0 and version 0, and its length exactly."""
        self.assertEqual(
            encodeCommand("reboot", {}, {}), b"\1\x0a\0\0\x10\0\0\0GET /reboot.cgi?"
        )

    def test_order(self) -> None:
        """Parameters come in the order given, the login last."""
        (record,) = readAll([encodeCommand("x", {"b": 1, "a": "2"}, {"c": "3"})])
        self.assertEqual(record.body, b"GET /x.cgi?b=1&a=2&c=3")

    def test_encoding(self) -> None:
        """What has a meaning in the text is URL-encoded."""
        self.assertEqual(
            self.text(alias="a&b=c\r\nd#e?f%g h/i+j\0"),
            "GET /set_alias.cgi?alias=a%26b%3Dc%0D%0Ad%23e%3Ff%25g%20h%2Fi%2Bj%00",
        )
        self.assertEqual(
            self.text(alias="Tür☃"), "GET /set_alias.cgi?alias=T%C3%BCr%E2%98%83"
        )

    def test_noOtherCommand(self) -> None:
        """A camera searches all of the text for commands: values hold none."""
        self.assertEqual(
            self.text(alias="/reboot.cgi?"),
            "GET /set_alias.cgi?alias=%2Freboot.%63gi%3F",
        )

    @strategies.cheap
    @given(st.text(st.characters(codec="utf-8")), st.sampled_from(sorted(CODES)))
    def test_anyValue(self, value: str, name: str) -> None:
        """Whatever the value: it is one command, and the camera reads the value."""
        for text in value, f"{value}{name}.cgi{value}":
            encoded = self.text(alias=text, sit=1)
            _, _, query = encoded.partition("?")
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
            self.assertEqual(pairs, [("alias", text), ("sit", "1")])
            self.assertEqual(encoded.count(".cgi"), 1)
            self.assertTrue(encoded.isprintable())

    def test_noUnicode(self) -> None:
        """A value that has no UTF-8 is refused, without being told."""
        with self.assertRaises(WireError) as caught:
            encodeCommand("set_wifi", {}, {"pwd": "secret\ud800"})
        self.assertEqual(str(caught.exception), "the value of pwd is no Unicode")
        self.assertIsNone(caught.exception.__cause__)
        self.assertTrue(caught.exception.__suppress_context__)

    def test_tooLong(self) -> None:
        """A camera takes 4095 bytes of text, and ends the session over more."""
        room = MAX_COMMAND - len(self.text(alias=""))
        self.assertEqual(MAX_COMMAND, 4095)
        self.assertEqual(len(self.text(alias="x" * room)), 4095)
        for value in "x" * (room + 1), "☃" * (room // 9 + 1):
            with self.assertRaises(WireError) as caught:
                self.text(alias=value)
            self.assertNotIn(value[:3], str(caught.exception).replace("bytes", ""))

    def test_names(self) -> None:
        """A command's name is small letters, digits and underscores."""
        for name in (
            "",
            "x.cgi",
            "Reboot",
            "a b",
            "a/b",
            "a?b",
            "a\n",
            "ä",
            "x" * 65,
        ):
            with self.assertRaises(WireError, msg=name):
                encodeCommand(name, {}, {})
        encodeCommand("x" * 64, {}, {})

    def test_keys(self) -> None:
        """So is a parameter's, with capitals; of the login as well."""
        for key in "", "a=b", "a&b", "a b", "a\r\n", "a%", "ä", "x" * 65:
            with self.assertRaises(WireError, msg=key):
                encodeCommand("x", {key: 1}, {})
            with self.assertRaises(WireError, msg=key):
                encodeCommand("x", {}, {key: "1"})
        encodeCommand("x", {"PageSize_0": 1}, {})

    def test_allNames(self) -> None:
        """Every name of the table is one that can be sent, and none is in another."""
        names = [f"{name}.cgi" for name in CODES]
        for name in CODES:
            encodeCommand(name, {}, LOGIN)
            self.assertEqual(
                [n for n in names if n in f"/{name}.cgi?"], [f"{name}.cgi"]
            )
        self.assertLessEqual(cgi.SPECIAL, CODES.keys())


class ReplyTests(SynchronousTestCase):
    """Answers."""

    def assertValues(self, text: str, **values: cgi.Value) -> Reply:
        """The variables of a reply."""
        reply = Reply.fromText(text.encode())
        self.assertEqual(dict(reply), values, text)
        return reply

    def test_login(self) -> None:
        """The first result is the login's, whatever comes behind."""
        for text, expected in (
            ("result= 0;", 0),
            ("result=0;", 0),
            ("var result=-1;", -1),
            ("result=-1;", -1),
            ("result=-2;", -2),
            ("result=-3;", -3),
            ("result = 0 ;", 0),
            ("result=-1", -1),
            ("result= 0;\r\nresult=-1;\r\n", 0),
            ("", None),
            ("var current_users=1;", None),
            ("result=;", None),
        ):
            self.assertEqual(Reply.fromText(text.encode()).result, expected, text)

    def test_outcome(self) -> None:
        """A second result in quotes tells how it went."""
        for text, expected in (
            ('result= 0;\r\nvar result="ok";\r\n', "ok"),
            ('result= 0;\r\nvar result="Auth Failed";\r\n', "auth failed"),
            ('result= 0;\r\nvar result="failed";\r\n', "failed"),
            ('result= 0;\r\nvar result="erro";\r\n', "erro"),
            ("result= 0;\r\nvar result=ok;\r\n", "ok"),
            ('result= 0;\r\nvar result="failed";\r\nvar result="ok";\r\n', "failed"),
            ("result= 0;\r\n", ""),
        ):
            reply = Reply.fromText(text.encode())
            self.assertEqual((reply.result, reply.outcome), (0, expected), text)
            self.assertNotIn("result", reply)

    def test_numbers(self) -> None:
        """Digits are a number, with a sign before them or not."""
        self.assertValues("var a=1;\r\nvar b=-12;\r\nc= 007;\r\n", a=1, b=-12, c=7)
        self.assertValues("a=999999999999999999;", a=999_999_999_999_999_999)

    def test_noNumbers(self) -> None:
        """What only looks like a number stays text; also if it is endless."""
        for text in (
            "1.5",
            "+1",
            "0x10",
            "1 2",
            "--1",
            "-",
            "\u0661",
            "9" * 19,
            "9" * 5000,
        ):
            self.assertValues(f"var a={text};", a=text)
        self.assertValues('var a="5";', a="5")

    def test_texts(self) -> None:
        """Quotes are taken off, and nothing between them counts."""
        for text in (
            "",
            "IPCAM",
            "a;b",
            'say "hi"; go',
            "x=y",
            " blanks ",
            "Tür☃",
            "two\u2028lines\x0b\x0c\x1c\x85",
            "[0]",
            "//",
        ):
            self.assertValues(f'var a="{text}";\r\nvar b=1;\r\n', a=text, b=1)

    def test_oneLine(self) -> None:
        """Statements without quotes may share a line."""
        self.assertValues("cmd=2109;command=0;light=1;", cmd=2109, command=0, light=1)

    def test_untidy(self) -> None:
        """Missing ends, other line ends, blanks and unclosed quotes are forgiven."""
        self.assertValues("a=1\nb=2\rvar\tc = 3 ; \r\n\r\n", a=1, b=2, c=3)
        self.assertValues('a="x\r\nb="\r\nc=";', a="x", b="", c="")
        self.assertValues("a=;", a="")

    def test_noStatements(self) -> None:
        """What is no statement is ignored."""
        self.assertValues(
            "HTTP/1.1 200 OK\r\n<html>\r\na b=1;\r\n1a=1;\r\na[x]=1;\r\na[-1]=1;\r\n"
            f"=1;\r\n{'n' * 65}=1;\r\na==;ok=1;\r\n",
            a="=",
            ok=1,
        )

    def test_lastWins(self) -> None:
        """A variable that is told twice has the second value."""
        self.assertValues("a=1;\r\na=2;\r\n", a=2)

    def test_nuls(self) -> None:
        """NULs behind the text, as the fifth client gets them, are no part of it."""
        text = "var current_users=5;\r\nvar max_support_users=4;\r\n"
        self.assertValues(text + "\0" * 8, current_users=5, max_support_users=4)
        self.assertValues("a=1;\0b=2;\0", a=1, b=2)

    def test_invalidUtf8(self) -> None:
        """Bytes that are no UTF-8 are replaced, not refused."""
        reply = Reply.fromText(b'var a="x\xff\xc3";\r\nb\xff=1;\r\nc=2;\r\n')
        self.assertEqual(dict(reply), {"a": "x\ufffd\ufffd", "c": 2})

    def test_arrays(self) -> None:
        """Announced or not, in order or not, with gaps or without."""
        cases: list[tuple[str, list[int | str]]] = [
            ('a[0]="x";\r\na[1]="y;z";', ["x", "y;z"]),
            ("a[1]=1;\r\na[0]=0;", [0, 1]),
            ("var a[3]=-3;\r\na[1]=1;", ["", 1, "", -3]),
            ("a[0]=1;a[0]=2;a[1]=3;", [2, 3]),
        ]
        for announcement in "", "var a=new Array();", "var a = new  Array( );":
            for text, expected in cases:
                self.assertValues(f"{announcement}\r\n{text}\r\n", a=expected)

    def test_emptyArray(self) -> None:
        """An array of nothing."""
        reply = self.assertValues("var ap_ssid=new Array();", ap_ssid=[])
        self.assertEqual(reply.array("ap_ssid"), [])

    def test_mixedUp(self) -> None:
        """A name that was a plain value becomes an array, and back."""
        self.assertValues("a=1;\r\na[0]=2;\r\n", a=[2])
        self.assertValues("a[0]=2;\r\na=1;\r\n", a=1)
        self.assertValues("a[0]=new Array();\r\nb=1;", a=[], b=1)

    def test_hugePlaces(self) -> None:
        """Places that no reply could have are ignored."""
        self.assertValues("a[0]=1;a[999999999]=2;a[99999999999]=3;", a=[1])
        reply = Reply.fromText(f"a[{MAX_PLACES}]=1;b[{MAX_PLACES - 1}]=2;".encode())
        self.assertEqual(reply["a"], [])
        self.assertEqual(len(reply.array("b")), MAX_PLACES)

    def test_manyPlaces(self) -> None:
        """All arrays of a reply together have as many places as one may have."""
        text = "".join(f"a{i:x}[4095]=1\n" for i in range(4000))
        reply = Reply.fromText(text.encode()[:65535])
        total = sum(len(reply.array(name)) for name in reply)
        self.assertEqual(total, MAX_PLACES)
        self.assertLess(sum(sys.getsizeof(v) for v in reply.values()), 1 << 20)

    def test_manyNames(self) -> None:
        """Of thousands of names the first are kept, which may change further."""
        text = "".join(f"v{i}=1;" for i in range(MAX_NAMES + 50))
        reply = Reply.fromText(f"{text}v0=2;w[0]=3;v1[0]=4;".encode())
        self.assertEqual(len(reply), MAX_NAMES)
        self.assertEqual((reply["v0"], reply["v1"]), (2, [4]))
        self.assertNotIn("w", reply)
        self.assertNotIn(f"v{MAX_NAMES}", reply)

    def test_longLines(self) -> None:
        """Nothing takes more than a moment, such as blanks without an end."""
        blanks = b" " * 65000
        for body in (
            b'a="x' + blanks + b'y"',
            b"a=x" + blanks + b"y",
            b"a" + blanks + b"y",
            b"a" + blanks + b"=" + blanks,
            blanks + b"!",
            b"var" + blanks + b"!",
            b"var " * 16000,
            b";" * 65535,
            b"a[" + b"1" * 65000,
            b"x" * 65535,
            b"=" * 65535,
            b'"' * 65535,
            b"\r\n" * 32000,
        ):
            Reply.fromText(body)

    @strategies.cheap
    @given(
        st.binary(max_size=400)
        | st.lists(
            st.sampled_from(
                [
                    *("var ", "a", "result", "[", "]", "0", "4095", "=", '"', ";"),
                    *("new Array()", " ", "-1", "ok", "\0", "\r\n", "ü", "user1_pwd"),
                ]
            ),
            max_size=60,
        ).map(lambda parts: "".join(parts).encode())
    )
    def test_anything(self, body: bytes) -> None:
        """Whatever a camera says, it is read without a word, and can be shown."""
        reply = Reply.fromText(body)
        self.assertLessEqual(len(reply), len(body))
        self.assertLessEqual(sum(len(reply.array(n)) for n in reply), MAX_PLACES)
        repr(reply)

    def test_lookUps(self) -> None:
        """Typed look-ups give what there is, or the nothing of their type."""
        reply = Reply.fromText(b'n=5;\r\nt="x";\r\na[0]=1;\r\n')
        names = ("n", "t", "a", "nix")
        self.assertEqual([reply.text(n) for n in names], ["5", "x", "", ""])
        self.assertEqual([reply.number(n) for n in names], [5, None, None, None])
        self.assertEqual([reply.array(n) for n in names], [[], [], [1], []])
        with self.assertRaises(KeyError):
            reply["nix"]

    def test_arraysAreCopies(self) -> None:
        """Who changes a list changes nobody else's."""
        reply = Reply.fromText(b"a[0]=1;")
        reply.array("a").append(2)
        self.assertEqual(reply.array("a"), [1])


class SecretTests(SynchronousTestCase):
    """What nobody is shown."""

    SECRET = (
        "pwd",
        "user1_pwd",
        "loginpas",
        "password",
        "wifi_wpa_psk",
        "wifi_key1",
        "rtsppwd",
        "ddns_user",
        "mail_sender",
        "ftp_svr",
        "user1_name",
        "user3_pwd",
        "dev2_pwd",
        "alarm_pwd",
        "loginToken",
        "PWD",
    )
    OPEN = (
        "enc_keyframe",
        "sub_enc_keyframe",
        "sub_sub_enc_keyframe",
        "alias",
        "deviceid",
        "current_users",
        "max_support_users",
        "userId",
        "now",
        "ap_ssid",
    )

    def test_names(self) -> None:
        """Which names are secret: passwords, keys, accounts; not keyframes."""
        for name in self.SECRET:
            self.assertTrue(isSecret(name), name)
        for name in self.OPEN:
            self.assertFalse(isSecret(name), name)

    def test_masked(self) -> None:
        """Secrets are masked where they are shown, and there when looked up."""
        for name in self.SECRET:
            reply = Reply.fromText(f'result= 0;\r\nvar {name}="hush";\r\n'.encode())
            self.assertEqual(reply[name], "hush")
            self.assertEqual(reply.text(name), "hush")
            self.assertEqual(reply.masked(), {name: MASK})
            for shown in repr(reply), str(reply), f"{reply}", repr([reply]):
                self.assertNotIn("hush", shown)
                self.assertIn(name, shown)

    def test_shown(self) -> None:
        """What is no secret is shown; of secrets it is shown that there is none."""
        reply = Reply.fromText(
            b'result= 0;\r\nenc_keyframe=30;\r\nalias="garden";\r\nmail_pwd="";\r\n'
            b'user1_pwd=0;\r\nkey1[0]="hush";\r\nkey2=new Array();\r\n'
            b'var result="ok";\r\n'
        )
        self.assertEqual(
            repr(reply),
            "<Reply 0 'ok' {'enc_keyframe': 30, 'alias': 'garden', 'mail_pwd': '',"
            " 'user1_pwd': '***', 'key1': '***', 'key2': []}>",
        )

    def test_record(self) -> None:
        """A record shows its code only."""
        self.assertEqual(repr(Record(24642, b"pwd=hush")), "Record(code=24642)")
