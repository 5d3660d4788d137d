"""
Logins by RTSP.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.restream.access import Access
from twistedcam.restream.rtsp.auth import NONCE_LIFE, Gate, Verdict
from twistedcam.restream.rtsp.message import Request

URL = "rtsp://10.0.0.1/garden"
RIGHT, MISSING, STALE, WRONG = Verdict


def digest(
    challenge: str,
    method: str,
    uri: str = URL,
    user: str = "me",
    password: str = "secret",
    count: int | None = None,
    **changed: str,
) -> str:
    """
    What a client answers to a challenge, by RFC 7616, or by RFC 2069 if it does not
    count.
    """
    given = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge.partition(" ")[2]))
    given |= changed
    kind = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[
        given.get("algorithm", "MD5")
    ]

    def hashed(text: str) -> str:
        return kind(text.encode()).hexdigest()

    first = hashed(f"{user}:{given['realm']}:{password}")
    second = hashed(f"{method}:{uri}")
    fields = {
        "username": user,
        "realm": given["realm"],
        "nonce": given["nonce"],
        "uri": uri,
        "algorithm": given["algorithm"],
    }
    if count is None:
        fields["response"] = hashed(f"{first}:{given['nonce']}:{second}")
    else:
        number = f"{count:08x}"
        fields["response"] = hashed(
            f"{first}:{given['nonce']}:{number}:abc:auth:{second}"
        )
        fields |= {"qop": "auth", "nc": number, "cnonce": "abc"}
    return "Digest " + ", ".join(f'{k}="{v}"' for k, v in fields.items())


def basic(login: str) -> str:
    """The same for Basic."""
    return "Basic " + b64encode(login.encode()).decode()


class GateTests(SynchronousTestCase):
    """One connection's logins."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.access = Access("me", "secret", "t0ken")
        self.gate = Gate(self.clock, self.access)

    def check(
        self, authorization: str = "", method: str = "PLAY", uri: str = URL
    ) -> Verdict:
        """What a request is worth."""
        headers = (("Authorization", authorization),) if authorization else ()
        return self.gate.check(Request(method, uri, headers), "")

    def challenge(self, algorithm: str = "MD5", stale: bool = False) -> str:
        """The first challenge with this algorithm."""
        challenges = self.gate.challenges(stale)
        return next(each for each in challenges if f'"{algorithm}"' in each)

    def test_open(self) -> None:
        """Without a login there is none to be wrong."""
        self.gate = Gate(self.clock, Access())
        for login in ("", "Basic x", "Digest x", "x"):
            self.assertIs(RIGHT, self.check(login))

    def test_missing(self) -> None:
        """Whoever gives none is told how."""
        self.assertIs(MISSING, self.check())
        challenges = self.gate.challenges(False)
        # Some clients know only the first, others only the last Digest.
        for challenge in (challenges[0], challenges[-1]):
            self.assertTrue(challenge.startswith("Digest "))
            self.assertIn('algorithm="MD5"', challenge)
        self.assertIn('Basic realm="twistedcam"', challenges)
        self.assertEqual(4, len(challenges))
        self.assertFalse(any("stale" in each for each in challenges))
        nonces = set(re.findall('nonce="([0-9a-f]+)"', " ".join(challenges)))
        self.assertEqual(1, len(nonces))
        self.assertNotIn(nonces.pop(), "".join(self.gate.challenges(True)))
        self.assertIn("stale=true", self.gate.challenges(True)[0])

    def test_digest(self) -> None:
        """Digest by either hash, with and without counting."""
        for algorithm in ("MD5", "SHA-256"):
            for count in (None, 1):
                challenge = self.challenge(algorithm)
                login = digest(challenge, "PLAY", count=count)
                self.assertIs(RIGHT, self.check(login), login)
        self.assertTrue(self.gate.passed)

    def test_known(self) -> None:
        """The example of RFC 2617, as far as it can be ours."""
        gate = Gate(self.clock, Access("Mufasa", "Circle Of Life"))
        gate.challenges(False)
        gate._nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
        # Calculated by hand: the realm is another.
        fields = (
            'username="Mufasa", realm="twistedcam", uri="/dir/index.html", qop=auth,'
            ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", nc=00000001,'
            ' cnonce="0a4f113b", response="{}"'
        )
        first = hashlib.md5(b"Mufasa:twistedcam:Circle Of Life").hexdigest()
        second = "39aff3a2bab6126f332b942af96d3366"  # of GET:/dir/index.html
        middle = "dcd98b7102dd2f0e8b11d0f600bfb0c093:00000001:0a4f113b:auth"
        whole = hashlib.md5(f"{first}:{middle}:{second}".encode()).hexdigest()
        login = "Digest " + fields.format(whole)
        request = Request("GET", "/dir/index.html", (("Authorization", login),))
        self.assertIs(RIGHT, gate.check(request, ""))

    def test_wrong(self) -> None:
        """Anything that is wrong in it makes it wrong."""
        challenge = self.challenge()
        cases: tuple[dict[str, Any], ...] = (
            {"user": "you"},
            {"password": "Secret"},
            {"realm": "elsewhere"},
            {"method": "PAUSE"},
            {"uri": URL + "/sub"},
            {"count": 1, "password": "x"},
        )
        for case in cases:
            login = digest(challenge, **{"method": "PLAY", **case})
            self.assertIs(WRONG, self.check(login), case)
        good = digest(challenge, "PLAY", count=1)
        for old, new in (
            ("auth", "auth-int"),
            ("MD5", "MD5-sess"),
            ("MD5", "CRC"),
            ("00000001", "1"),
            ("00000001", "0000000g"),
            ("nonce=", "once="),
            ("response=", "answer="),
            ("Digest", "Bearer"),
        ):
            self.assertIs(WRONG, self.check(good.replace(old, new)), new)
        self.assertFalse(self.gate.passed)
        self.assertIs(RIGHT, self.check(good))

    def test_slash(self) -> None:
        """A last slash more or less is no difference."""
        login = digest(self.challenge(), "PLAY", URL + "/")
        self.assertIs(RIGHT, self.check(login))

    def test_otherMethod(self) -> None:
        """A login for one request is none for another."""
        challenge = self.challenge()
        login = digest(challenge, "DESCRIBE")
        self.assertIs(RIGHT, self.check(login, "DESCRIBE"))
        self.assertIs(WRONG, self.check(login, "SETUP"))
        self.assertIs(WRONG, self.check(login, "DESCRIBE", URL + "/video"))

    def test_replayed(self) -> None:
        """Each number counts once; who cannot count may say the same again."""
        challenge = self.challenge()
        for count, expected in ((1, RIGHT), (1, STALE), (3, RIGHT), (2, STALE)):
            login = digest(challenge, "PLAY", count=count)
            self.assertIs(expected, self.check(login), count)
        login = digest(challenge, "PLAY")
        self.assertEqual([RIGHT] * 2, [self.check(login), self.check(login)])
        # With a new nonce, counting begins anew.
        login = digest(self.challenge(), "PLAY", count=1)
        self.assertIs(RIGHT, self.check(login))

    def test_overheard(self) -> None:
        """What somebody overheard is of no use in another connection."""
        login = digest(self.challenge(), "PLAY")
        self.assertIs(RIGHT, self.check(login))
        self.gate = Gate(self.clock, self.access)
        self.assertIs(STALE, self.check(login))
        self.gate.challenges(True)
        self.assertIs(STALE, self.check(login))

    def test_guessing(self) -> None:
        """Nobody learns whether he is right from an old nonce, but who is."""
        challenge = self.challenge()
        self.challenge()
        self.assertIs(WRONG, self.check(digest(challenge, "PLAY", password="x")))
        self.assertIs(STALE, self.check(digest(challenge, "PLAY")))

    def test_old(self) -> None:
        """A nonce has a limited life, which begins anew with each use."""
        challenge = self.challenge()
        for _ in range(3):
            self.clock.advance(NONCE_LIFE - 1)
            self.assertIs(RIGHT, self.check(digest(challenge, "PLAY")))
        self.clock.advance(NONCE_LIFE + 1)
        self.assertIs(STALE, self.check(digest(challenge, "PLAY")))
        login = digest(self.challenge(stale=True), "PLAY")
        self.assertIs(RIGHT, self.check(login))
        self.clock.rightNow -= 5  # the clock is set back
        self.assertIs(STALE, self.check(login))

    def test_basic(self) -> None:
        """Basic, with whatever is in the password."""
        self.assertIs(RIGHT, self.check(basic("me:secret")))
        self.assertIs(RIGHT, self.check(basic("me:secret").replace("B", "b", 1)))
        for login in ("me:Secret", "you:secret", "me", "", "secret:me", "me:secret:"):
            self.assertIs(WRONG, self.check(basic(login)), login)
        for login in ("Basic", "Basic !", "Basic /w==", "Basic \u00fc"):
            self.assertIs(WRONG, self.check(login), login)
        self.gate = Gate(self.clock, Access(None, "se:cr\u00e9t"))
        self.assertIs(RIGHT, self.check(basic("anybody:se:cr\u00e9t")))

    def test_anyName(self) -> None:
        """Where no user is configured, anybody may come in with the password."""
        self.gate = Gate(self.clock, Access(None, "secret"))
        challenge = self.challenge()
        self.assertIs(RIGHT, self.check(digest(challenge, "PLAY", user="x\u00fc")))
        self.assertIs(WRONG, self.check(digest(challenge, "PLAY", password="x")))

    def test_token(self) -> None:
        """A token in the first URL opens the connection."""
        request = Request("DESCRIBE", URL)
        self.assertIs(WRONG, self.gate.check(request, "token"))
        self.assertIs(MISSING, self.gate.check(request, ""))
        self.assertIs(RIGHT, self.gate.check(request, "t0ken"))
        self.assertIs(RIGHT, self.gate.check(request, ""))

    def test_tokenOnly(self) -> None:
        """Without a password, no password is right."""
        self.gate = Gate(self.clock, Access(token="t0ken"))
        challenge = self.challenge()
        for password in ("", "None", "t0ken"):
            login = digest(challenge, "PLAY", password=password)
            self.assertIs(WRONG, self.check(login))
            self.assertIs(WRONG, self.check(basic(f"me:{password}")))
