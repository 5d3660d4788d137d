"""Tests for L{twistedcam.session.dialogue}: commands, and what answers them."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.defer import fail as failed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import (
    CameraFull,
    CommandFailed,
    CommandTimeout,
    LoginLocked,
    LoginRejected,
    NotConnected,
    NotDelivered,
    NotSupported,
    SessionClosed,
    WireError,
)
from twistedcam.session.dialogue import (
    ANSWER_WITHIN,
    MAX_WAITING,
    SILENT_CONSENT,
    Answer,
    Dialogue,
)
from twistedcam.wire.cgi import CODES, SPECIAL, Record, RecordReader, Reply

from .vectors import VECTORS

OK = "result= 0;\r\n"
REFUSED = "result=-1;\r\n"
FULL = "var current_users=5;\r\nvar max_support_users=4;\r\n" + 8 * "\0"
JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"
GONE = SessionClosed("the camera went silent")

#: Two that are answered, and not on any list.
FIRST, SECOND = "get_params", "get_misc"

#: Those that need not be answered.
SILENT = ("livestream", "reboot", "restore_factory")


class DialogueCase(SynchronousTestCase):
    """
    A dialogue whose other side the test plays.

    @ivar written: what went out: its bytes, and the Deferred that tells of their
        delivery.
    @ivar told: statuses, alarms and full houses, in their order.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.written: list[tuple[bytes, Deferred[None]]] = []
        self.told: list[object] = []
        self.dialogue = Dialogue(
            self.clock,
            self.write,
            onStatus=self.told.append,
            onAlarm=self.told.append,
            onFull=self.told.append,
        )

    def write(self, data: bytes) -> Deferred[None]:
        """The session's side."""
        delivery: Deferred[None] = Deferred()
        self.written.append((data, delivery))
        return delivery

    def ask(self, name: str, within: float = ANSWER_WITHIN) -> Deferred[Answer]:
        """A command."""
        return self.dialogue.command(name, {}, {"loginuse": "me"}, within)

    def hear(self, name: str | int, body: str | bytes = OK) -> None:
        """The camera sends a record with a code, or with a command's own."""
        code = CODES[name] if isinstance(name, str) else name
        data = body.encode() if isinstance(body, str) else body
        self.dialogue.received(Record(code, data).encode())

    @property
    def names(self) -> list[str]:
        """The names of the commands that went out."""
        reader = RecordReader()
        return [
            record.body.decode().partition("/")[2].partition(".")[0]
            for data, _ in self.written
            for record in reader.feed(data)
        ]

    def replyOf(self, answer: Deferred[Answer]) -> Reply:
        """The text that answered a command."""
        reply = self.successResultOf(answer)
        assert isinstance(reply, Reply)
        return reply

    def assertFree(self) -> None:
        """Nobody waits, there is no timer, and the next command goes out at once."""
        self.assertEqual([], self.clock.getDelayedCalls())
        count = len(self.written)
        answer = self.ask(SECOND)
        self.assertEqual(SECOND, self.names[count])
        self.hear(SECOND)
        self.assertEqual(0, self.replyOf(answer).result)


class OrderTests(DialogueCase):
    """One at a time, in order."""

    def test_one(self) -> None:
        """A command goes out at once, and its answer is what its code says."""
        answer = self.ask(FIRST)
        self.assertEqual([FIRST], self.names)
        self.assertNoResult(answer)
        self.hear(FIRST, OK + 'var alias="x";\r\n')
        reply = self.replyOf(answer)
        self.assertEqual((0, {"alias": "x"}), (reply.result, dict(reply)))
        self.assertFree()

    def test_bytes(self) -> None:
        """What goes out is the record, with parameters and login."""
        self.dialogue.command(
            "livestream",
            {"streamid": 10, "substream": 0},
            {"loginuse": "admin", "loginpas": "888888", "user": "admin"}
            | {"pwd": "888888"},
        )
        vector = VECTORS["cgi_livestream_start"].data
        self.assertEqual([vector[8:]], [data for data, _ in self.written])

    def test_queue(self) -> None:
        """The next one goes out when the one before it is answered."""
        names = [FIRST, SECOND, FIRST, "get_log"]
        answers = [self.ask(name) for name in names]
        for count, name in enumerate(names, 1):
            self.assertEqual(names[:count], self.names)
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
            self.hear(name, f"{OK}n={count};")
        self.assertEqual([1, 2, 3, 4], [self.replyOf(a)["n"] for a in answers])
        self.assertFree()

    def test_delivery(self) -> None:
        """That a command has arrived is no answer."""
        answer = self.ask(FIRST)
        self.written[0][1].callback(None)
        self.assertNoResult(answer)
        self.hear(FIRST)
        self.replyOf(answer)

    def test_answeredBeforeDelivered(self) -> None:
        """An answer may come before the acknowledgement of its command."""
        answer = self.ask(FIRST)
        self.hear(FIRST)
        self.replyOf(answer)
        self.written[0][1].errback(NotDelivered("late"))
        self.assertFree()

    def test_pieces(self) -> None:
        """Answers may come in any pieces, and several in one."""
        stream = b"".join(
            Record(CODES[n], OK.encode()).encode() for n in (FIRST, SECOND)
        )
        for size in 1, 7, 12, 1024:
            answers = [self.ask(FIRST), self.ask(SECOND)]
            for start in range(0, len(stream), size):
                self.dialogue.received(stream[start : start + size])
            for answer in answers:
                self.replyOf(answer)
        self.assertFree()

    def test_garbage(self) -> None:
        """What belongs to no record is skipped, and counted."""
        answer = self.ask(FIRST)
        self.dialogue.received(b"\0\0\0")
        self.hear(FIRST)
        self.replyOf(answer)
        self.assertEqual(3, self.dialogue.skipped)

    def test_lost(self) -> None:
        """An answer of which a part is missing is none; the next one is read."""
        answer = self.ask(FIRST, 5)
        record = Record(CODES[FIRST], OK.encode() * 200).encode()
        self.dialogue.received(record[:1024])
        self.dialogue.lost(1)
        self.dialogue.received(b"\r\n" * 100)
        self.clock.advance(5)
        self.failureResultOf(answer, CommandTimeout)
        self.assertFree()
        self.assertEqual(1224, self.dialogue.skipped)

    def test_nextWhenAnswered(self) -> None:
        """Who gets an answer may send the next command: it is the last in the row."""
        answers: list[Deferred[Answer]] = []

        def again(answer: Answer) -> None:
            answers.append(self.ask("get_log"))

        self.ask(FIRST).addCallback(again)
        second = self.ask(SECOND)
        self.hear(FIRST)
        self.assertEqual([FIRST, SECOND], self.names)
        self.hear(SECOND)
        self.hear("get_log")
        self.replyOf(second)
        self.replyOf(answers[0])
        self.assertEqual([FIRST, SECOND, "get_log"], self.names)
        self.assertFree()

    def test_nextWhenFailed(self) -> None:
        """So may who gets none."""
        answers: list[Deferred[Answer]] = []

        def again(failure: Failure) -> None:
            failure.trap(CommandTimeout)
            answers.append(self.ask(SECOND))

        self.ask(FIRST, 1).addErrback(again)
        self.clock.advance(1)
        self.hear(SECOND)
        self.replyOf(answers[0])
        self.assertFree()

    def test_tooMany(self) -> None:
        """256 may wait, besides the one that is being answered."""
        answers = [self.ask(FIRST) for _ in range(1 + MAX_WAITING)]
        failure = self.failureResultOf(self.ask(SECOND), CommandFailed)
        self.assertIn("256 commands wait", str(failure.value))
        self.hear(FIRST)
        last = self.ask(SECOND)
        for answer in answers:
            self.replyOf(answer)
            self.hear(FIRST)
        self.hear(SECOND)
        self.replyOf(last)
        self.assertFree()

    def test_noCommand(self) -> None:
        """What cannot be sent is refused at once, and is not in the way."""
        with self.assertRaises(WireError):
            self.ask("no command")
        with self.assertRaises(WireError):
            self.dialogue.command(FIRST, {"a": "x" * 5000}, {})
        self.assertEqual([], self.written)
        self.assertFree()


class MeaningTests(DialogueCase):
    """What answers mean."""

    def failureOf(
        self, error: type[Exception], code: str | int, text: str, name: str = FIRST
    ) -> str:
        """What a command fails with when this comes; the next one may go then."""
        answer = self.ask(name)
        self.hear(code, text)
        failure = self.failureResultOf(answer, error)
        self.assertFree()
        return str(failure.value)

    def test_refused(self) -> None:
        """Results -1, -2 and -3, and any other below 0, are refused logins."""
        for result, words in (
            (-1, "wrong user or password"),
            (-2, "the camera wants an account of its vendor"),
            (-3, "wrong password"),
            (-7, "result -7"),
        ):
            said = self.failureOf(LoginRejected, FIRST, f"result={result};\r\n")
            self.assertEqual(words, said)

    def test_refusedStatus(self) -> None:
        """So they are if the command was the status itself."""
        self.failureOf(LoginRejected, 0x6001, REFUSED, "get_status")

    def test_refusedSpecial(self) -> None:
        """For the special list the refusal has the code of the status."""
        refusal = VECTORS["cgi_auth_fail_reply"].data[8:]
        for name in sorted(SPECIAL):
            answer = self.ask(name)
            self.dialogue.received(refusal)
            self.failureResultOf(answer, LoginRejected)
            self.failureOf(LoginRejected, name, REFUSED, name)
        self.assertEqual([], self.told)

    def test_refusedOther(self) -> None:
        """For others it does not: such a one belongs to nobody."""
        answer = self.ask(FIRST)
        self.hear(0x6001, REFUSED)
        self.assertNoResult(answer)
        self.assertEqual((1, []), (self.dialogue.unclaimed, self.told))

    def test_acceptedSpecial(self) -> None:
        """A good status does not answer a command of the special list."""
        answer = self.ask("snapshot")
        self.hear(0x6001)
        self.assertNoResult(answer)
        self.assertEqual(1, len(self.told))

    def test_locked(self) -> None:
        """A lock is answered with a code of its own, to whatever was asked."""
        for name in FIRST, "snapshot", "check_user", "livestream", "get_status":
            answer = self.ask(name)
            self.hear(0x60A0, REFUSED + "var RecoveryLoginTime=3123;\r\n")
            failure = self.failureResultOf(answer, LoginLocked)
            assert isinstance(failure.value, LoginLocked)
            self.assertEqual(3123, failure.value.seconds, name)
            self.assertFree()

    def test_lockedUnreadable(self) -> None:
        """A lock that does not tell how long is one all the same."""
        self.failureOf(LoginLocked, 0x60A0, REFUSED + "var RecoveryLoginTime=?;\r\n")

    def test_notLocked(self) -> None:
        """The same code without a time answers nothing but check_user."""
        answer = self.ask(FIRST)
        self.hear(0x60A0)
        self.assertNoResult(answer)
        self.hear(FIRST)
        self.replyOf(answer)
        self.failureOf(LoginRejected, 0x60A0, REFUSED, "check_user")

    def test_notSupported(self) -> None:
        """Code 0: the camera does not know the command."""
        text = OK + 'var cgi="not support";\r\n'
        said = self.failureOf(NotSupported, 0, text)
        self.assertEqual(f"the camera does not know {FIRST}", said)
        self.failureOf(NotSupported, 0, text, "livestream")
        self.failureOf(NotSupported, 0, text, "never_heard_of")

    def test_unknownToUs(self) -> None:
        """A command that we do not know may be answered with any code."""
        for code in 0x7A03, 0x60D1, 0x6002:
            answer = self.ask("never_heard_of")
            self.hear(code, OK + "n=1;")
            self.assertEqual(1, self.replyOf(answer)["n"])

    def test_failed(self) -> None:
        """A second result other than ok: the camera could not do it."""
        for outcome in "failed", "Auth Failed", "erro":
            said = self.failureOf(
                CommandFailed, "set_alias", f'{OK}result="{outcome}";', "set_alias"
            )
            self.assertEqual(f"set_alias: the camera says {outcome.lower()!r}", said)

    def test_failedAtLength(self) -> None:
        """Of a long complaint, only the beginning is told."""
        said = self.failureOf(CommandFailed, FIRST, f'{OK}result="{"x" * 9999}";')
        self.assertLess(len(said), 100)

    def test_done(self) -> None:
        """A second result ok, or none: it is done."""
        for text in OK, f'{OK}var result="ok";\r\n', f'{OK}var result="OK";\r\n', "":
            answer = self.ask("set_alias")
            self.hear("set_alias", text)
            self.replyOf(answer)

    def test_jpeg(self) -> None:
        """A snapshot is a picture, without any text."""
        answer = self.ask("snapshot")
        self.hear("snapshot", JPEG)
        self.assertEqual(JPEG, self.successResultOf(answer))
        self.assertFree()

    def test_longJpeg(self) -> None:
        """It may be as long as a record can be, and hold what looks like heads."""
        picture = JPEG[:2] + b"\1\x0a\x01\x60" * 16383
        answer = self.ask("snapshot")
        record = Record(CODES["snapshot"], picture).encode()
        for start in range(0, len(record), 1024):
            self.dialogue.received(record[start : start + 1024])
        self.assertEqual(picture, self.successResultOf(answer))

    def test_strayJpeg(self) -> None:
        """A picture that nobody asked for is counted."""
        self.hear("snapshot", JPEG)
        answer = self.ask(FIRST)
        self.hear(FIRST, JPEG)
        self.assertNoResult(answer)
        self.assertEqual(2, self.dialogue.unclaimed)

    def test_transparent(self) -> None:
        """The answer to trans_cmd_string has the code of the full house; it is not."""
        answer = self.ask("trans_cmd_string")
        self.hear(0x60D1, f"{OK}cmd=2109;\r\ncommand=1;\r\n")
        self.assertEqual(2109, self.replyOf(answer)["cmd"])
        self.hear(0x60D1, "cmd=1;current_users=5;")
        self.assertEqual(([], 1), (self.told, self.dialogue.unclaimed))
        self.assertFree()


class UnaskedTests(DialogueCase):
    """What comes without being asked for."""

    def test_status(self) -> None:
        """A status goes to who wants it, whether something is being answered or not."""
        self.hear(0x6001, OK + "sdstatus=1;")
        answer = self.ask(FIRST)
        self.hear(0x6001, "sdstatus=2;")
        self.assertNoResult(answer)
        self.hear(FIRST)
        self.replyOf(answer)
        self.hear(0x6001, OK + "sdstatus=3;")
        seen = [reply["sdstatus"] for reply in self.told if isinstance(reply, Reply)]
        self.assertEqual([1, 2, 3], seen)
        self.assertEqual(0, self.dialogue.unclaimed)

    def test_alarm(self) -> None:
        """So does an alarm's kind, on its own channel or on that of commands."""
        alarm = VECTORS["cgi_alarm_push_ch5"].data[8:]
        answer = self.ask(FIRST)
        self.dialogue.alarmReceived(alarm)
        self.dialogue.received(alarm)
        for byte in alarm.replace(b"\1\0\0\0", b"\x18\0\0\1"):
            self.dialogue.alarmReceived(bytes((byte,)))
        self.assertEqual([1, 1, 0x01000018], self.told)
        self.assertNoResult(answer)

    def test_longerAlarm(self) -> None:
        """An alarm may tell more than we know, but not less."""
        self.hear(0x6040, b"\2\0\0\0more")
        self.hear(0x6040, b"\2\0\0")
        self.hear(0x6040, b"")
        self.assertEqual([2], self.told)

    def test_alarmsLost(self) -> None:
        """A gap in one channel does not hurt the other."""
        alarm = VECTORS["cgi_alarm_push_ch5"].data[8:]
        answer = self.ask(FIRST)
        record = Record(CODES[FIRST], OK.encode()).encode()
        self.dialogue.received(record[:9])
        self.dialogue.alarmReceived(alarm[:9])
        self.dialogue.alarmsLost(1)
        self.dialogue.alarmReceived(alarm)
        self.dialogue.received(record[9:])
        self.assertEqual([1], self.told)
        self.replyOf(answer)

    def test_stray(self) -> None:
        """Whatever belongs to nothing is counted."""
        self.hear(FIRST)
        self.hear(0x7777, "")
        answer = self.ask(FIRST)
        self.hear(SECOND)
        self.assertNoResult(answer)
        self.assertEqual(3, self.dialogue.unclaimed)

    def test_nobodyCares(self) -> None:
        """Nobody need listen."""
        dialogue = Dialogue(self.clock, self.write)
        for code, text in (0x6001, OK), (0x6040, "\1\0\0\0"), (0x60D1, FULL):
            dialogue.received(Record(code, text.encode()).encode())


class FullHouseTests(DialogueCase):
    """The fifth client."""

    def test_full(self) -> None:
        """All that waits fails, and who owns the session is told."""
        answers = [self.ask(FIRST), self.ask(SECOND), self.ask("trans_cmd_string")]
        self.hear(0x60D1, FULL)
        for answer in answers:
            failure = self.failureResultOf(answer, CameraFull)
            self.assertIn("5 clients", str(failure.value))
        (full,) = self.told
        self.assertIsInstance(full, CameraFull)
        self.assertEqual([FIRST], self.names)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_fullTransparent(self) -> None:
        """It is recognised also where trans_cmd_string is being answered."""
        answer = self.ask("trans_cmd_string")
        self.hear(0x60D1, FULL)
        self.failureResultOf(answer, CameraFull)

    def test_unasked(self) -> None:
        """It comes as soon as the session is up: later commands fail as well."""
        self.hear(0x60D1, FULL)
        self.failureResultOf(self.ask(FIRST), CameraFull)
        self.assertEqual((1, []), (len(self.told), self.written))
        self.dialogue.close(GONE)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_unreadable(self) -> None:
        """Numbers that are none do not make a full house, nor an error's text."""
        self.hear(0x60D1, 'current_users="<script>";\r\nmax_support_users=4;\r\n')
        self.assertEqual(([], 1), (self.told, self.dialogue.unclaimed))


class TimeTests(DialogueCase):
    """Answers that do not come."""

    def test_timeout(self) -> None:
        """After 10 s a command fails, and the next one goes out."""
        answer, second = self.ask(FIRST), self.ask(SECOND)
        self.clock.advance(9.9)
        self.assertNoResult(answer)
        self.clock.advance(0.1)
        failure = self.failureResultOf(answer, CommandTimeout)
        self.assertEqual("get_params: no answer in 10 s", str(failure.value))
        self.assertEqual([FIRST, SECOND], self.names)
        # Its own time has just begun.
        self.clock.advance(9.9)
        self.assertNoResult(second)
        self.hear(SECOND)
        self.replyOf(second)
        self.assertFree()
        self.assertEqual(10.0, ANSWER_WITHIN)

    def test_within(self) -> None:
        """A caller may have more patience, or less."""
        answer = self.ask(FIRST, 30)
        self.clock.advance(29)
        self.assertNoResult(answer)
        self.clock.advance(1)
        self.failureResultOf(answer, CommandTimeout)
        answer = self.ask(FIRST, 0.5)
        self.clock.advance(0.5)
        self.failureResultOf(answer, CommandTimeout)

    def test_late(self) -> None:
        """A late answer is counted, and does not answer the next command."""
        self.failureResultOf(self.timedOut(FIRST), CommandTimeout)
        answer = self.ask(SECOND)
        self.hear(FIRST)
        self.assertNoResult(answer)
        self.assertEqual(1, self.dialogue.unclaimed)
        self.hear(SECOND)
        self.replyOf(answer)

    def timedOut(self, name: str) -> Deferred[Answer]:
        """A command that was not answered in time."""
        answer = self.ask(name)
        self.clock.advance(ANSWER_WITHIN)
        return answer

    def test_silent(self) -> None:
        """Some commands count as obeyed after a second without an answer."""
        for name in SILENT:
            answer = self.ask(name)
            self.clock.advance(0.9)
            self.assertNoResult(answer)
            self.clock.advance(0.1)
            reply = self.replyOf(answer)
            self.assertEqual((None, "", {}), (reply.result, reply.outcome, dict(reply)))
            self.assertFree()
        self.assertEqual(1.0, SILENT_CONSENT)

    def test_silentAnswers(self) -> None:
        """But if they are answered, the answer counts; if late, it is counted."""
        for name in SILENT:
            answer = self.ask(name)
            self.hear(name, OK + "n=1;")
            self.assertEqual(1, self.replyOf(answer)["n"])
            self.hear(name)
        self.assertEqual(len(SILENT), self.dialogue.unclaimed)
        answer = self.ask("livestream")
        self.hear("livestream", REFUSED)
        self.failureResultOf(answer, LoginRejected)

    def test_silentAndHasty(self) -> None:
        """Who gives it less than a second gets the consent earlier."""
        answer = self.ask("livestream", 0.25)
        self.clock.advance(0.25)
        self.replyOf(answer)


class CancellingTests(DialogueCase):
    """Callers that do not want to know any more."""

    def test_waiting(self) -> None:
        """A command that waits is not sent at all."""
        first, second, third = map(self.ask, (FIRST, SECOND, "get_log"))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.hear(FIRST)
        self.assertEqual([FIRST, "get_log"], self.names)
        self.hear("get_log")
        self.replyOf(first)
        self.replyOf(third)
        self.assertFree()

    def test_sent(self) -> None:
        """The answer to one that was sent is awaited, and is not the next one's."""
        first, second = self.ask(FIRST), self.ask(FIRST)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual([FIRST], self.names)
        self.hear(FIRST, "n=1;")
        self.assertEqual([FIRST, FIRST], self.names)
        self.assertNoResult(second)
        self.hear(FIRST, "n=2;")
        self.assertEqual(2, self.replyOf(second)["n"])
        self.assertFree()

    def test_sentAndRefused(self) -> None:
        """Nobody hears what becomes of it: refusal, silence, or a failed delivery."""
        for name in FIRST, "livestream":
            for end in (
                lambda: self.hear(0x60A0, "RecoveryLoginTime=5;"),
                lambda: self.clock.advance(ANSWER_WITHIN),
                lambda: self.written[-1][1].errback(NotDelivered("x")),
            ):
                answer = self.ask(name)
                answer.cancel()
                self.failureResultOf(answer, CancelledError)
                end()
                self.assertFree()

    def test_answered(self) -> None:
        """After the answer, there is nothing to cancel."""
        answer = self.ask(FIRST)
        self.hear(FIRST)
        answer.cancel()
        self.replyOf(answer)
        self.assertFree()

    def test_closed(self) -> None:
        """Nor after the end; and the end does not tell again who cancelled."""
        answers = [self.ask(FIRST), self.ask(SECOND), self.ask("get_log")]
        answers[0].cancel()
        answers[1].cancel()
        self.dialogue.close(GONE)
        answers[2].cancel()
        self.failureResultOf(answers[0], CancelledError)
        self.failureResultOf(answers[1], CancelledError)
        self.failureResultOf(answers[2], SessionClosed)

    def test_fromAnAnswer(self) -> None:
        """Who gets an answer may cancel the others."""
        others: list[Deferred[Answer]] = []

        def cancelOthers(answer: Answer) -> None:
            for other in others:
                other.cancel()

        self.ask(FIRST).addCallback(cancelOthers)
        others += [self.ask(SECOND), self.ask("get_log")]
        self.hear(FIRST)
        for other in others:
            self.failureResultOf(other, CancelledError)
        self.assertEqual([FIRST], self.names)
        self.assertFree()


class EndTests(DialogueCase):
    """The session ends."""

    def test_close(self) -> None:
        """Everything fails with the reason, once; nothing is left."""
        answers = [self.ask(FIRST), self.ask(SECOND), self.ask("get_log")]
        failures: list[Failure] = []
        for answer in answers:
            answer.addErrback(failures.append)
        self.dialogue.close(GONE)
        self.dialogue.close(SessionClosed("again"))
        self.assertEqual([GONE] * 3, [failure.value for failure in failures])
        self.assertEqual([FIRST], self.names)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_afterwards(self) -> None:
        """A later command fails as well; what comes yet is counted."""
        self.ask(FIRST).addErrback(lambda _: None)
        self.dialogue.close(GONE)
        self.failureResultOf(self.ask(SECOND), SessionClosed)
        self.hear(FIRST)
        self.written[0][1].errback(GONE)
        self.assertEqual(([FIRST], 1), (self.names, self.dialogue.unclaimed))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_askWhenClosed(self) -> None:
        """Who is told of the end cannot send any more."""
        results: list[Deferred[Answer]] = []

        def again(failure: Failure) -> None:
            results.append(self.ask(SECOND))

        self.ask(FIRST).addErrback(again)
        self.ask(FIRST).addErrback(again)
        self.dialogue.close(GONE)
        for result in results:
            self.failureResultOf(result, SessionClosed)
        self.assertEqual(2, len(results))

    def test_cancelWhenClosed(self) -> None:
        """But may cancel what will be told next."""
        answers = [self.ask(FIRST)]
        answers[0].addErrback(lambda _: answers[1].cancel())
        answers.append(self.ask(SECOND))
        self.dialogue.close(GONE)
        self.failureResultOf(answers[1], CancelledError)

    def test_closeWhenAnswered(self) -> None:
        """Who gets an answer may end it all, with records still to be read."""
        self.ask(FIRST).addCallback(lambda _: self.dialogue.close(GONE))
        second = self.ask(SECOND)
        record = Record(CODES[FIRST], OK.encode()).encode()
        self.dialogue.received(record * 3)
        self.failureResultOf(second, SessionClosed)
        self.assertEqual(2, self.dialogue.unclaimed)


class UndeliveredTests(DialogueCase):
    """What cannot be written."""

    def test_notDelivered(self) -> None:
        """The command fails, and the next one is tried."""
        first, second = self.ask(FIRST), self.ask(SECOND)
        self.written[0][1].errback(NotDelivered("too much"))
        self.failureResultOf(first, NotDelivered)
        self.assertEqual([FIRST, SECOND], self.names)
        self.hear(SECOND)
        self.replyOf(second)
        self.assertFree()

    def test_ended(self) -> None:
        """If the session is over, all fail, without being tried."""
        answers = [self.ask(FIRST) for _ in range(1 + MAX_WAITING)]
        self.written[0][1].errback(GONE)
        for answer in answers:
            self.failureResultOf(answer, SessionClosed)
        self.failureResultOf(self.ask(FIRST), SessionClosed)
        self.assertEqual([FIRST], self.names)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_late(self) -> None:
        """If its command has failed already, that is all."""
        answer, second = self.ask(FIRST), self.ask(SECOND)
        self.clock.advance(ANSWER_WITHIN)
        self.failureResultOf(answer, CommandTimeout)
        self.written[0][1].errback(NotDelivered("late"))
        self.assertNoResult(second)
        self.hear(SECOND)
        self.replyOf(second)

    def failAll(self, problem: Exception) -> list[Deferred[Answer]]:
        """From some moment on, each write fails at once; 256 commands wait."""
        first = self.ask(FIRST)
        answers = [self.ask(SECOND) for _ in range(MAX_WAITING)]
        writes = self.written

        def write(data: bytes) -> Deferred[None]:
            writes.append((data, succeed(None)))
            return failed(problem)

        self.dialogue._write = write
        self.hear(FIRST)
        self.replyOf(first)
        return answers

    def test_allAtOnce(self) -> None:
        """Each of 256 is tried, and fails, without digging into the stack."""
        for problem in NotDelivered("broken"), NotConnected("closing"):
            self.setUp()
            for answer in self.failAll(problem):
                self.failureResultOf(answer, type(problem))
            self.assertEqual(1 + MAX_WAITING, len(self.written))
            self.assertEqual([], self.clock.getDelayedCalls())
            self.dialogue._write = self.write
            self.assertFree()

    def test_allEnded(self) -> None:
        """If the first says that the session is over, the others are not tried."""
        for answer in self.failAll(GONE):
            self.failureResultOf(answer, SessionClosed)
        self.assertEqual(2, len(self.written))

    def test_again(self) -> None:
        """Who is told of a failed delivery may ask again, and again."""
        asked: list[Deferred[Answer]] = []

        def again(failure: Failure) -> Failure:
            if len(asked) < 1000:
                asked.append(self.ask(SECOND).addErrback(again))
            return failure

        first = self.ask(FIRST)
        asked.append(self.ask(SECOND).addErrback(again))
        self.dialogue._write = lambda data: failed(NotDelivered("broken"))
        self.hear(FIRST)
        self.replyOf(first)
        for answer in asked:
            self.failureResultOf(answer, NotDelivered)
        self.assertEqual(1000, len(asked))
        self.dialogue._write = self.write
        self.assertFree()
