"""
Logins at the RTSP server.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from enum import IntEnum

from twisted.internet.task import Clock

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.restream.access import Access
from twistedcam.restream.rtsp.auth import NONCE_LIFE, REALM, Gate, Verdict
from twistedcam.restream.rtsp.message import Request

_USER, _PASSWORD, _TOKEN = "viewer", "correct horse", "battery staple"
_URI = "rtsp://h/garden"
_NONCE = "0" * 32


class Act(IntEnum):
    """What may happen."""

    ANY = 0
    BASIC = 1
    DIGEST = 2
    TOKEN = 3
    TIME = 4
    CHALLENGE = 5
    NEAR = 6


ACTS = tuple(Act)


def target(data: bytes) -> None:
    """Nobody comes in without the password, and everybody with it does."""
    choices = Choices(data)
    clock = Clock()
    user = choices.one((_USER, None))
    gate = Gate(clock, Access(user, _PASSWORD, _TOKEN))
    other = Gate(clock, Access(user, f"not {_PASSWORD}", f"not {_TOKEN}"))
    trusted = False
    # Of the nonce: when it was used last, and the last number.
    used, last = float("-inf"), 0
    while choices:
        act = choices.one(ACTS)
        token, header, right = "", "", False
        if act is Act.TIME:
            clock.advance(choices.byte() * 2.0)
            continue
        if act is Act.CHALLENGE:
            for each in (gate, other):
                lines = each.challenges(choices.flag())
                check(all(line.isprintable() for line in lines), "unfit for a header")
                each._nonce = _NONCE
            used, last = clock.seconds(), 0
            continue
        if act is Act.TOKEN:
            token = choices.one((_TOKEN, _text(choices)))
            right = trusted = trusted or token == _TOKEN
        elif act is Act.BASIC:
            name = choices.one((_USER, _text(choices)))
            password = choices.one((_PASSWORD, _text(choices)))
            right = password == _PASSWORD and name in (user or name, _USER)
            right &= ":" not in name
            login = f"{name}:{password}".encode()
            header = f"Basic {b64encode(login).decode()}"
        elif act is Act.DIGEST:
            count = choices.byte()
            header = _digest(count, choices.one(("MD5", "SHA-256")))
            right = clock.seconds() - used <= NONCE_LIFE and count > last
            if right and not trusted:
                used, last = clock.seconds(), count
        elif act is Act.NEAR:
            header = _digest(choices.byte(), "MD5")
            place = choices.u16() % len(header)
            header = header[:place] + _text(choices) + header[place + choices.byte() :]
        else:
            header = _text(choices)
        request = Request("DESCRIBE", _URI, (("Authorization", header),))
        verdict = gate.check(request, token)
        if right or trusted:
            check(verdict is Verdict.RIGHT, f"{verdict}: {header}")
        elif act in (Act.BASIC, Act.DIGEST, Act.TOKEN):
            check(verdict is not Verdict.RIGHT, f"came in by {header!r}")
        if verdict is Verdict.RIGHT and act in (Act.ANY, Act.NEAR) and not trusted:
            return  # it was a right one after all, and counts
        check(other.check(request, token) is not Verdict.RIGHT, "the wrong door opens")


def _digest(count: int, algorithm: str) -> str:
    name = "md5" if algorithm == "MD5" else "sha256"

    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    login = hashed(f"{_USER}:{REALM}:{_PASSWORD}")
    action = hashed(f"DESCRIBE:{_URI}")
    response = hashed(f"{login}:{_NONCE}:{count:08x}:c:auth:{action}")
    return (
        f'Digest username="{_USER}", realm="{REALM}", nonce="{_NONCE}", uri="{_URI}",'
        f" algorithm={algorithm}, qop=auth, nc={count:08x},"
        f' cnonce="c", response="{response}"'
    )


def _text(choices: Choices) -> str:
    return choices.blob().decode("utf-8", "replace")


def seeds() -> Iterator[bytes]:
    """Right and wrong ones."""
    yield Script(0, Act.CHALLENGE, 0, Act.DIGEST, 1, 0, Act.DIGEST, 2, 1).done()
    yield Script(1, Act.CHALLENGE, 1, Act.DIGEST, 3, 0, Act.DIGEST, 3, 0).done()
    yield Script(0, Act.BASIC, 0, 0, 0, 0, Act.TIME, 160, Act.TOKEN, 0, 0).done()
    yield Script(0, Act.ANY).blob(b"Basic !!!").byte(Act.ANY).blob(b"Digest").done()
    yield Script(0, Act.ANY).blob(_digest(1, "MD5").encode()).byte(Act.NEAR, 1).done()
