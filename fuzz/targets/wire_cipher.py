"""
The obfuscation.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.checks import check
from fuzz.choices import Choices, Script
from twistedcam.errors import WireError
from twistedcam.wire.cipher import KNOWN, Cipher, recognise
from twistedcam.wire.header import unframe
from twistedcam.wire.pppp import NAMES, decode

MAX_LEN = 2100


def target(data: bytes) -> None:
    """What was enciphered can be deciphered, under any key; keys are recognised."""
    choices = Choices(data)
    cipher = Cipher(choices.blob())
    clear = choices.rest()
    secret = cipher.encipher(clear)
    check(len(secret) == len(clear), "another length")
    check(cipher.decipher(secret) == clear, "deciphered, it is another text")
    check(cipher.encipher(cipher.decipher(clear)) == clear, "likewise")
    published = next((known for known in KNOWN if known == cipher), None)
    if "private" not in cipher.label:
        check(published is not None, "a private key with a published label")
    for choice in ((cipher,), KNOWN):
        found = recognise(secret, choice)
        if found is not None:
            theirs, text = found
            check(theirs in choice, "a key out of nowhere")
            check(theirs.decipher(secret) == text, "not what the key gives")
            kind, _ = unframe(text)
            check(kind in NAMES, "an unknown type")
        elif choice == (cipher,):
            try:
                message = decode(clear)
            except WireError:
                continue
            check(False, f"not recognised under its own key: {message}")


def seeds() -> Iterator[bytes]:
    """Real messages under some of the known keys, and others."""
    from fuzz.traffic import vectors

    psks = (b"", b"vstarcam2018", b"SSD@cs2-network.", b"camera", bytes(range(30)))
    for number, datagram in enumerate(vectors("pppp") + vectors("cipher")):
        yield Script().blob(psks[number % len(psks)]).raw(datagram).done()
