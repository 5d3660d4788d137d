"""
The dialogue on channel 0: one command at a time, each with its answer.

A camera tells by a code what an answer belongs to, and otherwise keeps the order;
but some answers carry another code than their command, some commands are not
answered at all, and some records come without being asked for.  All of that is
sorted out here; timers come from the clock, bytes go out through C{write}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from struct import Struct

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from ..errors import (
    CameraFull,
    CommandError,
    CommandFailed,
    CommandTimeout,
    LoginError,
    LoginLocked,
    LoginRejected,
    NotSupported,
    SessionClosed,
)
from ..reactors import Timers
from ..wire import cgi

#: Seconds that an answer may take, unless the caller says otherwise.
ANSWER_WITHIN = 10.0

#: Seconds after which a command that need not be answered counts as obeyed.
SILENT_CONSENT = 1.0

#: Commands that may wait; nobody types that fast.
MAX_WAITING = 256

#: Older firmware does not answer these when all is well.
_OFTEN_SILENT = frozenset(("livestream", "reboot", "restore_factory"))

_JPEG = b"\xff\xd8"

#: An alarm's kind.
_ALARM = Struct("<I")

#: The variable of the answer that tells of a lock.
_LOCK_TIME = "RecoveryLoginTime"

#: What a negative result means.
_REFUSALS = {
    -1: "wrong user or password",
    -2: "the camera wants an account of its vendor",
    -3: "wrong password",
}

Answer = cgi.Reply | bytes


@dataclass(eq=False)
class _Command:
    """
    A command that waits, or is being answered.

    @ivar abandoned: its caller has given up, but the camera will answer it.
    """

    name: str
    record: bytes = field(repr=False)
    within: float
    result: Deferred[Answer]
    timer: IDelayedCall | None = None
    abandoned: bool = False

    @property
    def code(self) -> int | None:
        """The code of its answer; L{None} if it is not known."""
        return cgi.CODES.get(self.name)


class Dialogue:
    """
    Commands and answers of one session.

    @ivar skipped: bytes from the camera that belonged to no record.
    @ivar unclaimed: answers that nobody waited for (any more).
    """

    def __init__(
        self,
        clock: Timers,
        write: Callable[[bytes], Deferred[None]],
        *,
        onStatus: Callable[[cgi.Reply], None] = lambda reply: None,
        onAlarm: Callable[[int], None] = lambda kind: None,
        onFull: Callable[[CameraFull], None] = lambda problem: None,
        onRefused: Callable[[LoginError], None] = lambda problem: None,
    ) -> None:
        """
        @param write: sends bytes on channel 0; its result fails if the camera does
            not acknowledge them.
        @param onStatus: gets a status that came unasked.
        @param onAlarm: gets the kind of an alarm.
        @param onFull: told that the camera will close the session, because it
            serves as many clients as it can.
        @param onRefused: told that a login was refused, before anybody else.
        """
        self.unclaimed = 0
        self._clock = clock
        self._write = write
        self._onStatus = onStatus
        self._onAlarm = onAlarm
        self._onFull = onFull
        self._onRefused = onRefused
        self._reader = cgi.RecordReader()
        self._alarms = cgi.RecordReader()
        self._waiting: deque[_Command] = deque()
        self._current: _Command | None = None
        self._sending = False
        self._closed: BaseException | None = None

    @property
    def skipped(self) -> int:
        """Bytes that belonged to no record."""
        return self._reader.skipped

    @property
    def closed(self) -> bool:
        """Is it over?  Then every command fails at once."""
        return self._closed is not None

    def command(
        self,
        name: str,
        parameters: Mapping[str, object],
        login: Mapping[str, str],
        within: float = ANSWER_WITHIN,
    ) -> Deferred[Answer]:
        """
        Send a command when its turn has come.

        @param within: seconds for the answer, from when the command is sent.
        @return: fires with the answer: a L{cgi.Reply}, or the bytes of a JPEG.
            Fails with L{LoginRejected}, L{LoginLocked}, L{NotSupported},
            L{CommandFailed}, L{CommandTimeout}, L{CameraFull}, or with what the
            session ended with.  Cancelling it keeps a waiting command from being
            sent; one that was sent is obeyed all the same.
        @raise WireError: this is no command that could be sent.
        @raise ValueError: C{within} is no time.
        """
        if not 0 <= within < float("inf"):
            raise ValueError(f"within is a number of seconds, not {within!r}")
        record = cgi.encodeCommand(name, parameters, login)
        if self._closed is not None:
            return fail(self._closed)
        if len(self._waiting) >= MAX_WAITING:
            return fail(CommandFailed(f"{name}: {MAX_WAITING} commands wait already"))
        command = _Command(
            name, record, within, Deferred(lambda _: self._cancelled(command))
        )
        self._waiting.append(command)
        self._next()
        return command.result

    def received(self, data: bytes) -> None:
        """Take a piece of channel 0's stream."""
        for record in self._reader.feed(data):
            self._record(record)

    def lost(self, packets: int) -> None:
        """A part of the stream is missing here."""
        self._reader.lose()

    def alarmReceived(self, data: bytes) -> None:
        """Take a piece of channel 5's stream, which carries alarms only."""
        for record in self._alarms.feed(data):
            self._record(record)

    def alarmsLost(self, packets: int) -> None:
        """A part of channel 5's stream is missing here."""
        self._alarms.lose()

    def close(self, problem: BaseException) -> None:
        """The session is over: nothing will be answered any more."""
        self._closed = problem
        waiting = [self._finish(), *self._waiting]
        self._waiting.clear()
        for command in waiting:
            if command is not None and not command.abandoned:
                command.result.errback(problem)

    # Sending.

    def _next(self) -> None:
        """Send the next command, if none is on its way."""
        if self._sending:
            return  # the loop below is at work, further out
        self._sending = True
        try:
            while self._current is None and self._waiting:
                self._send(self._waiting.popleft())
        finally:
            self._sending = False

    def _send(self, command: _Command) -> None:
        self._current = command
        silent = command.name in _OFTEN_SILENT
        within = min(SILENT_CONSENT, command.within) if silent else command.within
        command.timer = self._clock.callLater(within, self._unanswered, command)
        self._write(command.record).addErrback(self._undelivered, command)

    def _cancelled(self, command: _Command) -> None:
        """The caller does not want to know any more."""
        if command in self._waiting:
            self._waiting.remove(command)
        else:
            command.abandoned = True

    def _undelivered(self, failure: Failure, command: _Command) -> None:
        assert failure.value is not None
        if failure.check(SessionClosed):
            # Failing the waiting ones one by one would try to send each.
            self.close(failure.value)
        else:
            self._settle(command, failure.value)

    def _unanswered(self, command: _Command) -> None:
        if command.name in _OFTEN_SILENT:
            self._settle(command, cgi.Reply({}, None, ""))
        else:
            self._settle(
                command,
                CommandTimeout(f"{command.name}: no answer in {command.within:g} s"),
            )

    def _settle(self, command: _Command, answer: Answer | BaseException) -> None:
        """A command has its answer, or never will; the next one may go."""
        if command is not self._current:
            return
        self._finish()
        if isinstance(answer, LoginError):
            self._refuse(answer)
        if not command.abandoned:
            if isinstance(answer, BaseException):
                command.result.errback(answer)
            else:
                command.result.callback(answer)
        self._next()

    def _refuse(self, problem: LoginError) -> None:
        """Those that wait carry the same login: it must not be tried again."""
        self._onRefused(problem)
        waiting, self._waiting = self._waiting, deque()
        for command in waiting:
            command.result.errback(problem)

    def _finish(self) -> _Command | None:
        """Take the present command off the stage."""
        command, self._current = self._current, None
        if command is not None and command.timer is not None:
            if command.timer.active():
                command.timer.cancel()
            command.timer = None
        return command

    # Receiving.

    def _record(self, record: cgi.Record) -> None:
        """Find out what a record belongs to."""
        command = self._current
        if record.code == cgi.ALARM:
            if len(record.body) >= _ALARM.size:
                self._onAlarm(_ALARM.unpack_from(record.body)[0])
            return
        if record.body.startswith(_JPEG):
            if command is not None and command.name == "snapshot":
                self._settle(command, record.body)
            else:
                self.unclaimed += 1
            return
        reply = cgi.Reply.fromText(record.body)
        if record.code == cgi.FULL_HOUSE and self._isFullHouse(reply):
            users = reply.number("current_users")
            full = CameraFull(f"the camera has {users} clients already")
            self._onFull(full)
            self.close(full)
        elif command is not None and _answers(record.code, reply, command):
            self._settle(command, _judge(record.code, reply, command.name))
        elif record.code == cgi.STATUS and not reply.result:
            self._onStatus(reply)
        else:
            self.unclaimed += 1

    def _isFullHouse(self, reply: cgi.Reply) -> bool:
        """C{trans_cmd_string} has the same code, but not these variables."""
        users = reply.number("current_users"), reply.number("max_support_users")
        return None not in users


def _answers(code: int, reply: cgi.Reply, command: _Command) -> bool:
    """Is this the answer to that command?"""
    if code == cgi.LOCKED and _LOCK_TIME in reply:
        return True
    if code == cgi.STATUS and command.code != cgi.STATUS:
        return command.name in cgi.SPECIAL and bool(reply.result)
    # A command that the camera does not know has code 0, and one that we do not
    # know may have any.
    return command.code is None or code in (command.code, cgi.UNKNOWN)


def _judge(code: int, reply: cgi.Reply, name: str) -> cgi.Reply | CommandError:
    """What an answer means."""
    if _LOCK_TIME in reply:
        return LoginLocked(reply.number(_LOCK_TIME) or 0)
    if reply.result is not None and reply.result < 0:
        return LoginRejected(_REFUSALS.get(reply.result, f"result {reply.result}"))
    if code == cgi.UNKNOWN:
        return NotSupported(f"the camera does not know {name}")
    if reply.outcome not in ("", "ok"):
        return CommandFailed(f"{name}: the camera says {reply.outcome[:40]!r}")
    return reply
