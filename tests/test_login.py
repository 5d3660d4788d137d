"""Tests for L{twistedcam.login}: the login, and the memory of its refusal."""

from __future__ import annotations

import traceback

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import CommandTimeout, LoginLocked, LoginRejected
from twistedcam.login import Login

REJECTION = LoginRejected("wrong user or password")


class LoginTests(SynchronousTestCase):
    """A login on a clock that has been running for a while."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.login = Login(self.clock, "me", "hush")

    def assertGood(self, user: str = "me", password: str = "hush") -> None:
        """The login would be sent."""
        self.assertEqual(
            {"loginuse": user, "loginpas": password, "user": user, "pwd": password},
            self.login.parameters(),
        )

    def assertLocked(self, seconds: int) -> None:
        """It would not for so many seconds."""
        with self.assertRaises(LoginLocked) as caught:
            self.login.parameters()
        self.assertEqual(seconds, caught.exception.seconds)

    def assertRejected(self) -> None:
        """It would not until somebody says so."""
        with self.assertRaises(LoginRejected) as caught:
            self.login.parameters()
        self.assertEqual(
            "wrong user or password (not tried again)", str(caught.exception)
        )

    def test_parameters(self) -> None:
        """Both pairs that cameras look for, in the order of the vendor's program."""
        self.assertGood()
        names = ["loginuse", "loginpas", "user", "pwd"]
        self.assertEqual(names, list(self.login.parameters()))

    def test_noPassword(self) -> None:
        """No password is an empty one."""
        self.login = Login(self.clock, "me", None)
        self.assertGood(password="")

    def test_rejected(self) -> None:
        """A rejected login is not sent again, however much time passes."""
        self.login.refused(REJECTION)
        for _ in range(3):
            self.assertRejected()
            self.clock.advance(100_000)

    def test_retry(self) -> None:
        """Unless the owner says that it is worth another try: one."""
        self.login.refused(REJECTION)
        self.login.retry()
        self.assertGood()
        self.login.refused(REJECTION)
        self.assertRejected()

    def test_news(self) -> None:
        """That it is refused is told once, until somebody wants another try."""
        for again in (
            lambda: self.login.retry(),
            lambda: self.login.change("you", "other"),
            lambda: None,
        ):
            self.assertEqual([True, False], [self.login.isNews() for _ in range(2)])
            again()
        self.assertFalse(self.login.isNews())

    def test_change(self) -> None:
        """Or has another one."""
        self.login.refused(REJECTION)
        self.login.change("you", "other")
        self.assertGood("you", "other")
        self.login.change("you", "")
        self.assertGood("you", "")

    def test_locked(self) -> None:
        """A locked camera is left alone until the lock is over, to the second."""
        self.login.refused(LoginLocked(3600))
        self.clock.advance(0.5)
        self.assertLocked(3600)
        self.clock.advance(3000)
        self.assertLocked(600)
        self.clock.advance(599)
        self.assertLocked(1)
        self.clock.advance(0.5)
        self.assertGood()

    def test_lockStays(self) -> None:
        """It is the camera's: another login, or a try, does not lift it."""
        self.login.refused(LoginLocked(60))
        self.login.retry()
        self.assertLocked(61)
        self.login.change("you", "other")
        self.assertLocked(61)
        self.clock.advance(60)
        self.assertGood("you", "other")

    def test_lockedAgain(self) -> None:
        """What the camera said last counts."""
        self.login.refused(LoginLocked(3600))
        self.login.refused(LoginLocked(10))
        self.clock.advance(10)
        self.assertGood()

    def test_lockedAndRejected(self) -> None:
        """After the lock, a rejection is still one."""
        self.login.refused(REJECTION)
        self.login.refused(LoginLocked(10))
        self.assertLocked(11)
        self.clock.advance(10)
        self.assertRejected()

    def test_otherProblems(self) -> None:
        """Other problems have nothing to do with it."""
        for problem in CommandTimeout("no answer"), OSError(), LoginLocked(0):
            self.login.refused(problem)
            self.assertGood()

    def test_hidden(self) -> None:
        """The password is in no text."""
        self.login.refused(REJECTION)
        shown = [repr(self.login), str(self.login), f"{[self.login]}"]
        try:
            self.login.parameters()
        except LoginRejected:
            shown.append(traceback.format_exc())
        for text in shown:
            self.assertNotIn("hush", text)
        self.assertEqual("<Login 'me' ***>", repr(self.login))
