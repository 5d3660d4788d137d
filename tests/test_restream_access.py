"""
Tests of L{twistedcam.restream.access}.
"""

from __future__ import annotations

import hmac
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.errors import ConfigError
from twistedcam.restream import access as module
from twistedcam.restream.access import (
    FIRST_DELAY,
    FORGIVEN,
    MAX_BACKLOG,
    MAX_DELAY,
    Access,
    Slowdown,
    checkExposure,
)


class AccessTests(SynchronousTestCase):
    """Right and wrong logins."""

    def test_nothing(self) -> None:
        """Without a secret no login is needed, and none is right."""
        access = Access()
        self.assertFalse(access.required)
        self.assertFalse(access.checkPassword("", ""))
        self.assertFalse(access.checkToken(""))

    def test_password(self) -> None:
        """User and password have to be right, both of them."""
        access = Access("me", "geheim")
        self.assertTrue(access.required)
        self.assertTrue(access.checkPassword("me", "geheim"))
        for user, password in (
            ("me", "Geheim"),
            ("me", ""),
            ("you", "geheim"),
            ("", "geheim"),
            ("geheim", "me"),
            ("me", "geheim\0"),
        ):
            self.assertFalse(access.checkPassword(user, password), (user, password))
        self.assertFalse(access.checkToken("geheim"))

    def test_anyUser(self) -> None:
        """Without a user, any will do."""
        access = Access(password="geheim")
        self.assertTrue(access.checkPassword("who", "geheim"))
        self.assertTrue(access.checkPassword("", "geheim"))
        self.assertFalse(access.checkPassword("who", "else"))

    def test_token(self) -> None:
        """A token is no password."""
        access = Access(token="0123")
        self.assertTrue(access.required)
        self.assertTrue(access.checkToken("0123"))
        self.assertFalse(access.checkToken("0124"))
        self.assertFalse(access.checkPassword("", "0123"))

    @given(st.text(), st.text())
    def test_anyText(self, one: str, other: str) -> None:
        """Any text may be a password, and equals itself only."""
        if one:
            access = Access(password=one)
            self.assertTrue(access.checkPassword("x", one))
            self.assertEqual(one == other, access.checkPassword("x", other))

    def test_undecodable(self) -> None:
        """What was no UTF-8 is wrong, and does not raise."""
        self.assertFalse(Access(password="x").checkPassword("\udcff", "\udcfe"))
        self.assertFalse(Access(token="x").checkToken("\udcff"))

    def test_surrogate(self) -> None:
        """Even half a character is wrong, and does not raise."""
        self.assertFalse(Access(password="x").checkPassword("\ud800", "\ud800"))

    def test_refused(self) -> None:
        """Empty secrets, and users without a password, are mistakes."""
        for wrong in (("me", None, None), ("me", "", None), (None, None, "")):
            self.assertRaises(ConfigError, Access, *wrong)

    def test_repr(self) -> None:
        """It shows no secret."""
        shown = repr(Access("benutzer", "geheim", "zeichen"))
        for secret in ("benutzer", "geheim", "zeichen"):
            self.assertNotIn(secret, shown)

    def test_constantTime(self) -> None:
        """Both are compared, whatever the first result, by the constant-time way."""
        compared = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append((len(one), len(other)))
            return one == other

        with patch.object(hmac, "compare_digest", compare):
            Access("me", "geheim").checkPassword("wrong and long", "x" * 999)
        self.assertEqual([(32, 32), (32, 32)], compared)


class SlowdownTests(SynchronousTestCase):
    """Wrong logins are slow."""

    def setUp(self) -> None:
        """Make one."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.slowdown = Slowdown(self.clock)

    def test_slower(self) -> None:
        """Whoever waits for each answer waits twice as long each time, to a point."""
        waits = []
        for _ in range(7):
            self.assertEqual(0, self.slowdown.refused("192.0.2.1"))
            waits.append(self.slowdown.wrong("192.0.2.1"))
            self.clock.advance(waits[-1])
        self.assertEqual([0.5, 1, 2, 4, 8, 8, 8], waits)
        self.assertEqual((FIRST_DELAY, MAX_DELAY), (waits[0], waits[-1]))

    def test_parallel(self) -> None:
        """
        Whoever does not wait is not heard any more, until the answers are nearly out.
        """
        tries = 0
        while not self.slowdown.refused("192.0.2.1"):
            wait = self.slowdown.wrong("192.0.2.1")
            tries += 1
            self.assertLess(tries, 20)
        self.assertEqual(7, tries)
        self.assertEqual(wait - MAX_BACKLOG, self.slowdown.refused("192.0.2.1"))
        self.clock.advance(self.slowdown.refused("192.0.2.1"))
        self.assertEqual(0, self.slowdown.refused("192.0.2.1"))

    def test_rate(self) -> None:
        """In ten minutes nobody guesses more than some eighty times."""
        tries = 0
        for _ in range(6000):
            while not self.slowdown.refused("192.0.2.1"):
                self.slowdown.wrong("192.0.2.1")
                tries += 1
            self.clock.advance(0.1)
        self.assertLess(tries, 600 / MAX_DELAY + 10)

    def test_others(self) -> None:
        """Others are not slowed down."""
        for _ in range(10):
            self.slowdown.wrong("192.0.2.1")
        self.assertEqual(0, self.slowdown.refused("192.0.2.2"))
        self.assertEqual(FIRST_DELAY, self.slowdown.wrong("192.0.2.2"))

    def test_forgiven(self) -> None:
        """After a while all is forgiven."""
        for _ in range(3):
            self.slowdown.wrong("192.0.2.1")
        self.clock.advance(FORGIVEN)
        self.assertEqual(FIRST_DELAY, self.slowdown.wrong("192.0.2.1"))

    def test_bounded(self) -> None:
        """The memory is bounded; the newest are remembered."""
        for number in range(module.MAX_ADDRESSES + 100):
            self.slowdown.wrong(f"10.0.{number >> 8}.{number & 255}")
        self.assertEqual(module.MAX_ADDRESSES, self.slowdown.remembered)
        last = module.MAX_ADDRESSES + 99
        wait = self.slowdown.wrong(f"10.0.{last >> 8}.{last & 255}")
        self.assertGreater(wait, FIRST_DELAY)

    def test_neighbours(self) -> None:
        """In a network at home, one neighbour is not taken for all of them."""
        for one, other in (
            ("fe80::1%eth0", "fe80::2%eth0"),
            ("fe80::1", "fe80::2"),
            ("fd00:1:2:3::1", "fd00:1:2:3::2"),
        ):
            for _ in range(20):
                self.slowdown.wrong(one)
            self.assertGreater(self.slowdown.refused(one), 0)
            self.assertEqual(0, self.slowdown.refused(other))
            self.assertEqual(FIRST_DELAY, self.slowdown.wrong(other))

    def test_network6(self) -> None:
        """All addresses of an IPv6 network count as one, IPv4's in them as such."""
        self.slowdown.wrong("2001:db8:1:2::1")
        self.slowdown.wrong("2001:db8:1:3::1")
        self.slowdown.wrong("192.0.2.1")
        self.assertGreater(self.slowdown.wrong("2001:db8:1:2:ffff::5"), FIRST_DELAY)
        self.assertGreater(self.slowdown.wrong("::ffff:192.0.2.1"), FIRST_DELAY)
        self.assertEqual(3, self.slowdown.remembered)

    def test_clockSetBack(self) -> None:
        """When the clock is set back, nobody is shut out for ever."""
        for _ in range(10):
            self.slowdown.wrong("192.0.2.1")
        self.clock.rightNow -= 900
        self.assertLessEqual(self.slowdown.refused("192.0.2.1"), MAX_BACKLOG)

    @given(st.lists(st.tuples(st.text(max_size=80), st.floats(0, 200)), max_size=50))
    def test_anything(self, visits: list[tuple[str, float]]) -> None:
        """Any text is an address; waits are positive and bounded."""
        clock = Clock()
        slowdown = Slowdown(clock)
        for address, passed in visits:
            clock.advance(passed)
            if not slowdown.refused(address):
                wait = slowdown.wrong(address)
                self.assertGreater(wait, 0)
                self.assertLessEqual(wait, MAX_BACKLOG + MAX_DELAY)


class ExposureTests(SynchronousTestCase):
    """What other machines can reach needs a login."""

    LOCAL = (
        "tcp:8085:interface=127.0.0.1",
        "tcp:8085:interface=127.1.2.3:backlog=5",
        "tcp:8085:127.0.0.1",
        "tcp:interface=127.0.0.1:port=8085",
        "tcp:8085:interface=localhost",
        "tcp6:8085:interface=\\:\\:1",
        "ssl:8085:interface=127.0.0.1:privateKey=a\\:b.pem",
        "unix:/run/twistedcam.socket",
        "unix:address=/run/x:mode=660",
    )
    EXPOSED = (
        "tcp:8085",
        "tcp:8085:interface=",
        "tcp:8085:interface=0.0.0.0",
        "tcp:8085:interface=192.168.1.2",
        "tcp:8085:interface=camera.lan",
        "tcp:8085:interface=127.0.0.1.example",
        "tcp:8085:interface=127.0.0.1:interface=0.0.0.0",
        "tcp6:8085",
        "tcp6:8085:interface=\\:\\:",
        "tcp6:8085:interface=\\:\\:ffff\\:127.0.0.1",
        "ssl:8085:privateKey=interface=127.0.0.1",
        "ssl:8085:privateKey=x\\:interface=127.0.0.1",
        "systemd:domain=INET:index=0",
        "haproxy:tcp:8085:interface=127.0.0.1",
        "fd:3",
        "8085",
        "",
        ":",
    )

    def test_local(self) -> None:
        """Loopback and sockets in the file system do not."""
        for endpoint in self.LOCAL:
            checkExposure(endpoint, Access(), False)

    def test_exposed(self) -> None:
        """Everything else does; the complaint is one line."""
        for endpoint in self.EXPOSED:
            with self.assertRaises(ConfigError, msg=endpoint) as caught:
                checkExposure(endpoint, Access(), False)
            self.assertEqual(1, len(str(caught.exception).splitlines()))

    def test_allowed(self) -> None:
        """With a login, or when it was said, it may."""
        for endpoint in self.EXPOSED:
            checkExposure(endpoint, Access(password="x"), False)
            checkExposure(endpoint, Access(token="x"), False)
            checkExposure(endpoint, Access(), True)

    @given(st.text())
    def test_anything(self, endpoint: str) -> None:
        """No text is too strange."""
        try:
            checkExposure(endpoint, Access(), False)
        except ConfigError:
            pass
