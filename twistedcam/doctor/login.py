"""
Examination of the login, and of what the camera tells whoever has one.

A password is sent once, and none is ever tried out.
"""

from __future__ import annotations

from ..answers import Status, Users
from ..errors import (
    CameraFull,
    CommandError,
    CommandTimeout,
    LoginLocked,
    LoginRejected,
    NotSupported,
    SessionClosed,
    TwistedcamError,
)
from ..wire.cgi import Reply
from ..wire.deviceid import DeviceId
from .dialects import tellOfAnswer
from .findings import COMMAND, Examiner
from .session import tellFull
from .visit import Visit

#: Passwords that cameras leave the factory with.
FACTORY_PASSWORDS = frozenset(
    ("888888", "6666", "admin", "123456", "12345", "password")
)

#: Seconds in which a camera has to answer a command here.
ANSWER_WITHIN = 5.0

#: Seconds in which a relative has to answer a question in its own dialect.
_RELATIVE_WITHIN = 2.0

#: Seconds that a clock may be wrong.
CLOCK_TOLERANCE = 60.0


class LoginExamination:
    """
    Is the password right, and how is the camera?
    """

    def __init__(
        self,
        say: Examiner,
        sayClock: Examiner,
        sayDialect: Examiner,
        visit: Visit,
        deviceId: DeviceId,
        password: str | None,
    ) -> None:
        """
        @param password: what was given; L{None}: nothing was.
        """
        self._say = say
        self._sayClock = sayClock
        self._sayDialect = sayDialect
        self._visit = visit
        self._deviceId = deviceId
        self._password = password

    async def run(self, now: float) -> bool:
        """
        Log in once.

        @param now: seconds since the epoch.
        @return: does the camera obey us?
        """
        try:
            if self._password is None:
                status = await self._status()
                self._say.problem(
                    "no-login",
                    "it obeys without a password: whoever is in this network can watch"
                    " it and move it",
                    "Set a password in its app, and give the cameras a network of their"
                    " own.",
                )
            else:
                await self._users()
                status = await self._status()
        except LoginRejected as problem:
            self._rejected(problem)
            return False
        except TwistedcamError as problem:
            await self._failed(problem)
            return False
        self._tellStatus(status)
        self._tellClock(status, now)
        return True

    async def _users(self) -> None:
        """Who is there?  Carries the password, for the only time that counts."""
        try:
            users = Users.fromReply(await self._ask("check_user"))
        except NotSupported:
            return
        places = ""
        if users.current is not None and users.maximum is not None:
            places = f"; places in use: {users.current} of {users.maximum}"
        self._say.ok(
            "login",
            f"user and password are right{places}",
            users=users.current,
            places=users.maximum,
        )
        if self._password in FACTORY_PASSWORDS:
            self._say.note(
                "factory-password",
                "the password is one that cameras leave the factory with, which"
                " everybody knows",
                "Change it in the camera's app.",
            )
        if places and (users.current or 0) >= (users.maximum or 0):
            self._say.note(
                "crowded",
                "that was the last place: the next client is turned away, or, with"
                " newer firmware, puts out the oldest",
                "Close the app on every telephone and tablet that does not need it.",
            )

    async def _status(self) -> Status:
        return Status.fromReply(await self._ask("get_status"))

    async def _ask(self, name: str) -> Reply:
        answer = await self._visit.command(name, within=ANSWER_WITHIN)
        assert isinstance(answer, Reply)
        return answer

    # What it says.

    def _rejected(self, problem: LoginRejected) -> None:
        """It does not let us in."""
        if self._password is None:
            self._say.note(
                "no-password",
                "no password was given: login and video are not examined",
                "Give it by --password-file FILE, or by the environment variable"
                " TWISTEDCAM_PASSWORD.",
            )
        elif "vendor" in str(problem):
            self._say.problem(
                "vendor-account",
                f"{problem}: this firmware wants to be unlocked by the vendor's"
                " servers, which twistedcam does without",
                "In the app, switch off the sign-in with an account or by two factors,"
                " if it has that; or reset the camera and do not bind it to an"
                " account.",
            )
        else:
            self._say.problem(
                "wrong-password",
                f"{problem}; it was sent once, and is not tried again",
                "It is the password of the camera, not of the app's account. Look for"
                " upper and lower case, blanks, and the first line of the password"
                " file.",
                "Older cameras want the user as well: --user. After ten wrong ones"
                " within a minute they are locked for an hour.",
                "Forgotten? The reset button sets it back to what is printed on the"
                " camera.",
            )

    async def _failed(self, problem: TwistedcamError) -> None:
        """There is no answer of use."""
        if isinstance(problem, LoginLocked):
            self._say.problem(
                "locked",
                f"after too many wrong passwords, from whomever, {problem}",
                "Wait so long, and stop the program that sends wrong ones. Switching"
                " the camera off and on helps as well.",
                seconds=problem.seconds,
            )
        elif isinstance(problem, CameraFull):
            tellFull(self._say)
        elif isinstance(problem, SessionClosed):
            self._say.problem(
                "closed-at-login",
                f"the session ended at the first command: {problem}",
                "The camera may have restarted, or given our place to another client:"
                " try again, with the apps closed.",
            )
        elif isinstance(problem, CommandTimeout):
            await self._unanswered(problem)
        else:
            assert isinstance(problem, CommandError)
            self._say.problem(
                "no-status", f"{problem}", "Please report this, with --trace."
            )

    async def _unanswered(self, problem: CommandTimeout) -> None:
        """Perhaps it understands something else."""
        dialect = self._visit.dialect
        if dialect is None:
            dialect = await self._visit.askInJson(_RELATIVE_WITHIN)
        if dialect is not None:
            tellOfAnswer(self._sayDialect, dialect, self._deviceId)
            return
        self._say.problem(
            "mute",
            f"the session is up, but a command is not answered ({problem})",
            "Switch the camera off and on, and try again. If it stays so, it may speak"
            " a dialect that is not known here.",
        )

    def _tellStatus(self, status: Status) -> None:
        name = f"{status.alias}: " if status.alias else ""
        version = status.systemVersion or "unknown"
        self._say.ok(
            "status",
            f"{name}firmware {version}, application {status.appVersion or 'unknown'}",
            firmware=status.systemVersion,
        )

    def _tellClock(self, status: Status, now: float) -> None:
        if status.now is None:
            return
        ahead = status.now - now
        facts = {"ahead": round(ahead)}
        if abs(ahead) <= CLOCK_TOLERANCE:
            self._sayClock.ok("clock", "its clock is right", **facts)
            return
        self._sayClock.note(
            "clock",
            f"its clock is {duration(abs(ahead))} {'ahead' if ahead > 0 else 'behind'},"
            " if this computer's is right: the times in its recordings are wrong",
            "Set it; its time zone stays as it is:",
            f"{COMMAND}twistedcam set {self._deviceId} time=now",
            **facts,
        )


def duration(seconds: float) -> str:
    """A time in words, roughly."""
    for size, unit in ((86400 * 365, "years"), (86400, "days"), (3600, "h")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
