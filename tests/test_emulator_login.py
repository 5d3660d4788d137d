"""
Who may do what with the emulated camera.
"""

from __future__ import annotations

from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B
from twistedcam.emulator.table import _COMMANDS

from .test_emulator_commands import (
    DENIED,
    LOGIN,
    OK,
    OPERATOR,
    REFUSED,
    VISITOR,
    Answer,
    CommandBench,
)

LOCKED = 0x60A0


def wrong(password: object) -> str:
    """A login as administrator with this password."""
    return f"loginuse=admin&loginpas={password}"


class RefusalTests(CommandBench):
    """What a wrong or missing login gets, with the newer firmware."""

    special = (
        "snapshot livestream audiostream wifi_scan camera_control set_users"
        " eye4_authentication"
    )

    def test_codes(self) -> None:
        """It is refused under the command's code, or 0x6001 for special ones."""
        special = self.special.split()
        for _, command in _COMMANDS[self.firmware.name]:
            code = 0x6001 if command.name in special else command.code
            for login in ("", "loginuse=admin", "loginpas=888888"):
                answer = self.ask(command.name, login)
                self.assertEqual((code, REFUSED), answer, command.name)

    def test_unknown(self) -> None:
        """So is a command that the camera does not know."""
        self.assertEqual((0, REFUSED), self.ask("get_lost", wrong("x")))

    def test_nothingDone(self) -> None:
        """What is refused is not obeyed."""
        self.ask("set_alias?alias=x", wrong("x"))
        self.ask("upgrade_firmware", wrong("x"))
        self.assertEqual("IPCAM", self.camera.name)
        self.assertEqual(0, self.camera.refusedDangers.total())


class RefusalTestsA(RefusalTests):
    """The same with the older firmware."""

    firmware = FIRMWARE_A
    special = (
        "snapshot livestream audiostream wifi_scan camera_control set_users"
        " set_datetime"
    )


class SessionLoginTests(CommandBench):
    """The newer firmware wants the password once in a session."""

    def test_once(self) -> None:
        """After the first accepted command no login is needed."""
        self.assertEqual(REFUSED, self.ask("get_misc", "")[1])
        self.assertNotEqual(REFUSED, self.ask("check_user")[1])
        for login in ("", wrong("x")):
            self.assertNotEqual(REFUSED, self.ask("get_misc", login)[1])

    def test_ownSession(self) -> None:
        """Another session has to log in itself."""
        self.ask("check_user")
        other = self.dial(self.phone)
        self.assertEqual(REFUSED, self.ask("get_misc", "", other)[1])

    def test_anyName(self) -> None:
        """Any name will do, but there must be one."""
        self.assertEqual(REFUSED, self.ask("get_misc", "loginuse=&loginpas=888888")[1])
        login = "loginuse=nobody&loginpas=888888"
        self.assertNotEqual(REFUSED, self.ask("get_misc", login)[1])

    def test_onlyOneForm(self) -> None:
        """C{user} and C{pwd} are not looked at."""
        self.assertEqual(REFUSED, self.ask("get_misc", "user=admin&pwd=888888")[1])

    def test_noLock(self) -> None:
        """Any number of wrong passwords does not lock it."""
        for number in range(20):
            self.ask("get_misc", wrong(number))
        self.assertNotEqual(REFUSED, self.ask("get_misc")[1])

    def test_significant(self) -> None:
        """31 bytes of a password count."""
        self.build(password="x" * 31 + "y")
        client = self.dial()
        self.assertEqual(REFUSED, self.ask("get_misc", wrong("x" * 30), client)[1])
        login = wrong("x" * 31 + "z")
        self.assertNotEqual(REFUSED, self.ask("get_misc", login, client)[1])


class AccountTests(CommandBench):
    """The older firmware wants a login in every command, and has levels."""

    firmware = FIRMWARE_A

    def test_always(self) -> None:
        """An accepted command helps the next one nothing."""
        self.ask("check_user")
        self.assertEqual(REFUSED, self.ask("get_misc", "")[1])

    def test_bothForms(self) -> None:
        """C{user} and C{pwd} will do if the others are missing, but only then."""
        login = "user=admin&pwd=888888"
        self.assertNotEqual(REFUSED, self.ask("get_misc", login)[1])
        for mixed in (f"{login}&loginuse=admin", f"{wrong('x')}&{login}"):
            self.assertEqual(REFUSED, self.ask("get_misc", mixed)[1])

    def test_names(self) -> None:
        """The name has to be right; accounts without one do not exist."""
        self.ask("set_users?user1=&pwd1=")
        for login in ("loginuse=nobody&loginpas=888888", "loginuse=&loginpas="):
            self.assertEqual(REFUSED, self.ask("get_misc", login)[1])

    def test_levels(self) -> None:
        """A visitor looks, an operator moves, and the administrator changes."""
        move, change = "decoder_control?command=1", "set_alias?alias=x"
        for login, moved, changed in (
            (VISITOR, DENIED, DENIED),
            (OPERATOR, OK, DENIED),
            (LOGIN, OK, OK),
        ):
            self.assertNotIn(self.ask("get_misc", login)[1], (REFUSED, DENIED))
            self.assertEqual((0x6019, moved), self.ask(move, login))
            self.assertEqual((0x600F, changed), self.ask(change, login))

    def test_administrative(self) -> None:
        """An operator neither deletes, upgrades nor reboots."""
        for name in ("del_file", "upgrade_firmware", "reboot", "restore_factory"):
            self.assertEqual(DENIED, self.ask(name, OPERATOR)[1])
        self.assertEqual(0, self.camera.refusedDangers.total())


class LockTests(CommandBench):
    """The tenth wrong password locks the older firmware for an hour."""

    firmware = FIRMWARE_A

    def fail(self, *passwords: object) -> None:  # type: ignore[override]
        """Try these in vain."""
        for password in passwords:
            answer = self.ask("get_misc", wrong(password))
            self.assertEqual((0x6005, REFUSED), answer)

    def locked(self, login: str = LOGIN) -> int:
        """It is locked for so many seconds."""
        return lockedFor(self.ask("get_misc", login))

    def assertOpen(self) -> None:
        """It is not locked."""
        self.assertEqual(0x6005, self.ask("get_misc")[0])

    def test_tenth(self) -> None:
        """Nine are not enough; after the tenth even the right one is locked out."""
        self.fail(*range(9))
        self.fail(9)
        self.assertIn(self.locked(), range(3595, 3601))
        self.assertIn(self.locked(wrong("x")), range(3595, 3601))

    def test_good(self) -> None:
        """A good login clears the count."""
        self.fail(*range(9))
        self.assertOpen()
        self.fail(*range(10, 19))
        self.assertOpen()

    def test_same(self) -> None:
        """The same wrong password again is not counted."""
        self.fail(*["x"] * 30)
        self.fail(*range(8))
        self.fail(7)
        self.assertOpen()

    def test_alternating(self) -> None:
        """Only the last one is remembered."""
        self.fail(*["x", "y"] * 5)
        self.locked()

    def test_window(self) -> None:
        """The count starts again when 60 s have passed since its first."""
        self.fail(*range(9))
        self.network.advance(60)
        self.fail(*range(10, 19))
        self.assertOpen()

    def test_inWindow(self) -> None:
        """Within 60 s it does not."""
        self.fail(*range(5))
        self.network.advance(57)
        self.fail(*range(10, 15))
        self.locked()

    def test_everySession(self) -> None:
        """All sessions count together and are locked out together."""
        self.fail(*range(5))
        other = self.dial(self.phone)
        for number in range(10, 15):
            self.ask("get_misc", wrong(number), other)
        self.locked()
        lockedFor(self.ask("get_misc", client=other))

    def test_withoutPassword(self) -> None:
        """Without a password nothing is counted, and the answer is the usual one."""
        for _ in range(30):
            self.assertEqual((0x6005, REFUSED), self.ask("get_misc", "loginuse=a"))
        self.fail(*range(10))
        self.assertEqual((0x6005, REFUSED), self.ask("get_misc", "loginuse=a"))

    def test_special(self) -> None:
        """Special commands are locked out under the same code."""
        self.fail(*range(10))
        lockedFor(self.ask("snapshot"))

    def test_hour(self) -> None:
        """After an hour it is open again, and counts from the start."""
        self.fail(*range(10))
        for _ in range(35):
            before = self.locked()
            self.network.advance(99.9)
            self.assertAlmostEqual(100, before - self.locked(), delta=1)
        self.network.advance(100)
        self.assertOpen()
        self.fail(*range(10, 19))
        self.assertOpen()

    def test_reboot(self) -> None:
        """So it is after a restart."""
        self.fail(*range(10))
        self.camera.reboot()
        self.network.advance(6)
        self.client = self.dial()
        self.assertOpen()


def lockedFor(answer: Answer) -> int:
    """The seconds in an answer that says that the camera is locked."""
    code, body = answer
    head, tail = b"result=-1;\r\nvar RecoveryLoginTime=", b";\r\n"
    assert code == LOCKED and body.startswith(head) and body.endswith(tail), answer
    return int(body[len(head) : -len(tail)])


class DefaultTests(CommandBench):
    """Whose camera it is."""

    def test_given(self) -> None:
        """Name and password are the ones that the camera was made with."""
        for firmware in (FIRMWARE_A, FIRMWARE_B):
            self.build(firmware=firmware, user="me", password="mine")
            client = self.dial()
            self.assertEqual(REFUSED, self.ask("get_misc", client=client)[1])
            login = "loginuse=me&loginpas=mine"
            self.assertNotEqual(REFUSED, self.ask("get_misc", login, client)[1])
