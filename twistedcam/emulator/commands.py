"""
The command channel of one session: from bytes to answers.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from . import acting, reading, writing
from .faults import Weather
from .login import ADMIN, credentials, same
from .records import MAX_ANSWER, CommandReader, TooLong, record
from .replies import DENIED, OK, REFUSED, accepted, outcome, variable
from .request import Handler, Request, parse
from .session import Session
from .state import State
from .table import LOCKED, STATUS, UNKNOWN, Command, find
from .world import Reactor, Timer

#: Commands travel on this channel.
COMMANDS = 0

#: Answers that are late at most; more commands than that are not obeyed.
MAX_LATE = 64

_HANDLERS: dict[str, Handler] = {
    **reading.HANDLERS,
    **writing.HANDLERS,
    **acting.HANDLERS,
}

#: Besides the C{set_} ones, these are the administrator's.
_ADMINISTRATIVE = frozenset(("reboot", "del_file", "set_default", *acting.DANGERS))


class Commands:
    """Obeys one client."""

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        state: State,
        session: Session,
        weather: Weather,
        sessions: Callable[[], int],
        reboot: Callable[[float], None],
    ) -> None:
        """
        @param weather: tells which answers fail to come, or are late.
        @param sessions: tells how many sessions are in use.
        @param reboot: called with the seconds after which to restart.
        """
        self._reactor = reactor
        self._state = state
        self._session = session
        self._weather = weather
        self._sessions = sessions
        self._reboot = reboot
        self._reader = CommandReader(state.firmware)
        self._loggedIn = False
        self._late: set[Timer] = set()
        session.read(COMMANDS, self._received)
        session.endings.append(self._forget)

    def pushStatus(self) -> None:
        """Tell the status without being asked."""
        text = reading.status(self._state, self._sessions())
        self._write(record(STATUS, accepted(text)))

    def _received(self, data: bytes) -> None:
        if self._session.over:
            return
        try:
            commands = self._reader.feed(data)
        except TooLong as tooLong:
            commands = list(tooLong.args)
            for text in commands:
                self._obey(text)
            self._session.close("the client's command is too long")
            return
        for text in commands:
            self._obey(text)

    def _obey(self, text: bytes) -> None:
        if self._session.over or b"cgi" not in text:
            return
        faults = self._weather.faults
        if len(self._late) >= MAX_LATE:
            return
        command = find(text, self._state.firmware) or Command("", UNKNOWN, UNKNOWN)
        code, answer = self._answer(command, parse(text))
        if answer is None or command.name in faults.mute:
            return
        if not faults.slow:
            self._write(record(code, answer[:MAX_ANSWER]))
            return
        timer = Timer(self._reactor, lambda: self._tell(timer, code, answer))
        self._late.add(timer)
        timer.arm(faults.slow)

    def _tell(self, timer: Timer, code: int, answer: bytes) -> None:
        self._late.discard(timer)
        self._write(record(code, answer[:MAX_ANSWER]))

    def _write(self, data: bytes) -> None:
        try:
            self._session.write(COMMANDS, data)
        except BufferError:
            self.log.debug(
                "session {number}: the client takes no answers",
                number=self._session.number,
            )

    def _forget(self) -> None:
        for timer in self._late:
            timer.cancel()
        self._late.clear()

    # From a command to the code and the body of its answer.

    def _answer(
        self, command: Command, parameters: dict[str, str]
    ) -> tuple[int, bytes | None]:
        state = self._state
        name, password = credentials(parameters, both=state.firmware.accounts)
        if state.firmware.locksOut and password is not None:
            left = state.lock.remaining(state.uptime)
            if left:
                return LOCKED, REFUSED + variable("RecoveryLoginTime", left).encode()
        level = self._level(name, password)
        if level is None:
            return command.refusal, REFUSED
        return command.code, self._execute(command, parameters, level)

    def _level(self, name: str | None, password: str | None) -> int | None:
        """What the client may do; L{None} for a wrong or missing login."""
        state = self._state
        if not state.firmware.accounts:
            if not self._loggedIn and name and password is not None:
                self._loggedIn = same(password, state.accounts[-1].password)
            return ADMIN if self._loggedIn else None
        if name is None or password is None:
            return None
        level = state.levelOf(name, password)
        if level is not None:
            state.lock.good()
        elif state.lock.bad(password, state.uptime):
            state.note("locked after too many wrong passwords")
            self.log.info(
                "locked for an hour after too many wrong passwords, the last one"
                " from {host}",
                host=self._session.peer[0],
            )
        return level

    def _execute(
        self, command: Command, parameters: dict[str, str], level: int
    ) -> bytes | None:
        if command.code == UNKNOWN:
            return accepted(variable("cgi", "not support"))
        name = command.name
        if level < ADMIN and (name.startswith("set_") or name in _ADMINISTRATIVE):
            return accepted(outcome(DENIED))
        request = Request(
            state=self._state,
            session=self._session,
            parameters=parameters,
            level=level,
            sessions=self._sessions(),
            reboot=self._reboot,
        )
        handler = _HANDLERS.get(name)
        if handler is None:
            # Known, and of no consequence here.
            return accepted("" if name.startswith("get_") else outcome(OK))
        answer = handler(request)
        return accepted(answer) if isinstance(answer, str) else answer
