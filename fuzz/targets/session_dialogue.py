"""
The dialogue: a client that asks, and a camera that says whatever it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from fuzz.checks import check, nothingLogged
from fuzz.choices import Choices, Script
from twistedcam.errors import (
    NotConnected,
    NotDelivered,
    SessionClosed,
    TwistedcamError,
    WireError,
)
from twistedcam.session.dialogue import MAX_WAITING, Answer, Dialogue
from twistedcam.wire.cgi import CODES, FULL_HOUSE, HEAD, Record

COMMANDS = (
    "get_status",
    "snapshot",
    "livestream",
    "set_users",
    "trans_cmd_string",
    "check_user",
    "no_such_thing",
    "reboot",
)
TEXTS = (
    b"result= 0;\r\n",
    b"result=-1;",
    b"result= 0;\r\nvar result=ok;",
    b'result= 0;\r\nvar result="error";',
    b"result=-1;var RecoveryLoginTime=3599;",
    b"var current_users=5;\r\nvar max_support_users=4;\r\n",
    b"result= 0;\r\nvar cgi=not support;",
    b"\xff\xd8picture\xff\xd9",
)
_CODES = (
    0,
    *(CODES[name] for name in COMMANDS if name in CODES),
    FULL_HOUSE,
    0x6040,
    0xFFFF,
)
_DELAYS = (0.0, 0.5, 1.0, 9.9, 10.0)


class Act(IntEnum):
    """What may happen."""

    ASK = 0
    ANSWER = 1
    STREAM = 2
    ALARMS = 3
    LOST = 4
    TIME = 5
    CANCEL = 6
    FAIL = 7
    OVER = 8
    FLOOD = 9


ACTS = tuple(Act)


def _look(what: object) -> None:
    """Whatever we are told can be shown."""
    repr(what), str(what)


class _Client:
    """Asks, and follows what becomes of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.dialogue = Dialogue(
            self.clock,
            self.write,
            onStatus=_look,
            onFull=_look,
            onRefused=_look,
        )
        self.asked: list[Deferred[None]] = []
        self.open = 0
        self.failing = 0
        self.eager = False

    def write(self, record: bytes) -> Deferred[None]:
        """A command goes out; perhaps it never arrives."""
        sent: Deferred[None] = Deferred()
        if self.failing == 1:
            sent.errback(NotDelivered("no"))
        elif self.failing == 2:
            sent.errback(SessionClosed("gone"))
        elif self.failing == 3:
            self.clock.callLater(0.1, sent.errback, NotConnected("not yet"))
        self.failing = 0
        return sent

    def ask(self, name: str, within: float) -> None:
        """Send a command."""
        answer = self.dialogue.command(name, {"a": 1}, {"loginuse": "x"}, within)
        self.open += 1
        told = False

        def answered(result: Answer | Failure) -> None:
            nonlocal told
            check(not told, "answered twice")
            told = True
            self.open -= 1
            repr(result)
            if isinstance(result, Failure):
                result.trap(TwistedcamError, CancelledError)
                str(result.value)
            if self.eager:
                self.eager = False
                self.ask(name, within)

        self.asked.append(answer.addBoth(answered))

    def step(self, choices: Choices) -> None:
        """Something happens."""
        dialogue = self.dialogue
        match choices.one(ACTS):
            case Act.ASK:
                self.eager = choices.flag()
                self.ask(choices.one(COMMANDS), choices.one(_DELAYS))
            case Act.ANSWER:
                text = choices.one(TEXTS) + choices.blob()
                dialogue.received(Record(choices.one(_CODES), text).encode())
            case Act.STREAM:
                dialogue.received(choices.blob())
            case Act.ALARMS:
                dialogue.alarmReceived(choices.blob())
            case Act.LOST:
                dialogue.lost(choices.byte())
                dialogue.alarmsLost(1)
            case Act.TIME:
                self.clock.advance(choices.one(_DELAYS) / 2)
            case Act.CANCEL:
                if self.asked:
                    choices.one(self.asked).cancel()
            case Act.FAIL:
                self.failing = choices.byte() % 4
            case Act.OVER:
                dialogue.close(SessionClosed("over"))
            case Act.FLOOD:
                for _ in range(choices.byte()):
                    self.ask("get_status", 10.0)
        check(len(dialogue._waiting) <= MAX_WAITING, "too many wait")
        for reader in (dialogue._reader, dialogue._alarms):
            check(len(reader._buffer) < HEAD.size + (1 << 16), "the buffer grows")


def target(data: bytes) -> None:
    """Every command is answered once, or fails; no timer is left."""
    with nothingLogged():
        _story(Choices(data))


def _story(choices: Choices) -> None:
    client = _Client()
    try:
        while choices:
            client.step(choices)
    except WireError:
        check(False, "a good command was refused")
    client.eager = False
    client.dialogue.close(SessionClosed("the end"))
    client.clock.advance(1)
    check(client.open == 0, f"{client.open} commands were never answered")
    timers = client.clock.getDelayedCalls()
    check(not timers, f"timers are left: {timers}")


def seeds() -> Iterator[bytes]:
    """Each command with an answer to it, and what the emulated camera says."""
    from fuzz.traffic import stream

    for place in range(len(COMMANDS)):
        script = Script(Act.ASK, 0, place, 4, Act.ASK, 1, 0, 3)
        yield (
            script.byte(Act.ANSWER, place)
            .blob(b"var a=1;")
            .byte(place + 1, Act.TIME, 4)
            .done()
        )
    yield (
        Script(Act.FLOOD, 255, Act.FLOOD, 3, Act.CANCEL, 2, Act.ANSWER, 5)
        .blob(b"")
        .byte(9)
        .done()
    )
    yield Script(
        Act.FAIL,
        1,
        Act.ASK,
        0,
        0,
        4,
        Act.FAIL,
        2,
        Act.ASK,
        0,
        1,
        4,
        Act.FAIL,
        3,
        Act.ASK,
    ).done()
    yield Script(Act.ASK, 1, 0, 4, Act.ASK, 0, 1, 4, Act.OVER, Act.ASK, 0, 0, 0).done()
    yield (
        Script(Act.ASK, 0, 0, 4, Act.STREAM)
        .blob(stream(0)[:1500])
        .byte(Act.LOST, 1)
        .done()
    )
    yield Script(Act.ALARMS).blob(stream(5)).byte(Act.STREAM).blob(stream(5)).done()
