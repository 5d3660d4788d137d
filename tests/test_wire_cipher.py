"""Tests for L{twistedcam.wire.cipher}."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.wire import pppp
from twistedcam.wire.cipher import (
    _PERMUTATION,
    KNOWN,
    PLAIN,
    Cipher,
    forPrefix,
    joined,
    recognise,
)
from twistedcam.wire.header import frame

from . import strategies
from .vectors import VECTORS

#: PSK, its key, and then under it LAN_SEARCH, LAN_SEARCH_EXT, ALIVE, ALIVE_ACK
#: and CLOSE, as three independent programs compute them.
KEYS = """
camera            6997cc19  2cba5f5d  2cb8c415  2c6ada84  2c6b0ad7  2c7a4555
SHIX              3cc4680a  9fa1eeb9  9fa38f2d  9f71d6f0  9f70fbde  9f61eb8e
vstarcam2018      2cd46006  49b573d5  49b7ed6c  4965fe3e  4964126f  497550bb
vstarcam2019      2dd36107  e43b4322  e4393006  e4eb7d14  e4ea667a  e4fbe8f7
vstarcam2021      26da5e0c  2837c099  28358c3f  28e7166b  28e60df2  28f74ac6
SSD@cs2-network.  9769d65b  b1a6bb9a  b1a4cc94  b176202e  b177dfaa  b1666e0d
@@@@....          b8489000  5d782818  5d7a23a1  5da80ef4  5da96394  5db87828
VMSV              4cb46c1e  d19e23ab  d19c32f4  d14e9550  d14fc7cf  d15e51de
FERRY@88          38c8ba1a  a92a6297  a9280e81  a9faf6b0  a9fbf70b  a9ea826e
mycamera          4fb1180d  aa66af5c  aa64659a  aab6770a  aab7b44a  aaa63967
Deng123abc        3ac60f78  5bd2e68e  5bd023a5  5b020b02  5b03e5a2  5b12c41e
Duncom            669acb3e  a5938099  a5910579  a543d8f0  a5427b0f  a553b363
JX20130716        36caba12  2b2b1b15  2b29166a  2bfb7b24  2bfaf6b0  2beb44f8
hyWHzyhtzH        11ef5723  faa80fd1  faaa9c8f  fa787329  fa7934b5  fa68d5b4
JYDGAOZHANP2P     c13f3a31  9d65825c  9d67f55a  9db5b6ea  9db4a4ee  9da56259
SZGMBESTER        06faff14  2d310517  2d3338f0  2de1f3b2  2de099ad  2df16054
"""
CLEAR = ("f1300000", "f1320000", "f1e00000", "f1e10000", "f1f00000")

#: The vectors that L{VectorTests} takes.
COVERED = frozenset(name for name, v in VECTORS.items() if v.encrypted_with)


def naiveKey(psk: bytes) -> tuple[int, int, int, int]:
    """The four key bytes: sum, its negative, sum of the thirds, exclusive or."""
    k0 = k1 = k2 = k3 = 0
    for b in psk[:20]:
        k0 = (k0 + b) % 256
        k1 = (k1 - b) % 256
        k2 = (k2 + ((b * 0xAB) >> 9)) % 256
        k3 = k3 ^ b
    return k0, k1, k2, k3


def naiveCipher(psk: bytes, data: bytes, deciphering: bool) -> bytes:
    """The algorithm byte by byte, as the wire format notes have it."""
    if not psk:
        return data
    k = naiveKey(psk)
    out = bytearray()
    previous = 0
    for b in data:
        result = b ^ _PERMUTATION[(k[previous & 3] + previous) & 255]
        previous = b if deciphering else result
        out.append(result)
    return bytes(out)


class KeyTests(SynchronousTestCase):
    """From a PSK to a key."""

    def test_permutation(self) -> None:
        """The table of the protocol holds each byte once, in the known order."""
        self.assertEqual(sorted(_PERMUTATION), list(range(256)))
        self.assertEqual(sha256(_PERMUTATION).hexdigest()[:16], "1c62d8d6e42ae091")

    def test_known(self) -> None:
        """Each public PSK gives its known key and known datagrams."""
        rows = [line.split() for line in KEYS.split("\n") if line]
        self.assertEqual({psk for psk, *_ in rows}, {c.label for c in KNOWN[1:]})
        for psk, key, *ciphered in rows:
            cipher = Cipher(psk)
            self.assertEqual((cipher.key.hex(), cipher.label), (key, psk))
            for clear, expected in zip(CLEAR, ciphered, strict=True):
                found = cipher.encipher(bytes.fromhex(clear)).hex()
                self.assertEqual(found, expected, f"{clear} under {psk}")

    @strategies.cheap
    @given(strategies.psks)
    def test_derivation(self, psk: bytes) -> None:
        """The key is the one of the notes' four sums, of 20 bytes at most."""
        key = Cipher(psk).key
        self.assertEqual(tuple(key), naiveKey(psk))
        self.assertEqual(Cipher(psk[:20]), Cipher(psk))
        self.assertEqual(((key[0] + key[1]) & 0xFF, (key[0] ^ key[3]) & 1), (0, 0))

    def test_plain(self) -> None:
        """No PSK means no obfuscation at all."""
        self.assertTrue(PLAIN.plain)
        self.assertEqual(KNOWN[0], PLAIN)
        for data in (b"", b"\xf1\xe0\0\0"):
            self.assertEqual(PLAIN.encipher(data), data)
            self.assertEqual(PLAIN.decipher(data), data)

    def test_zeroKey(self) -> None:
        """A PSK whose key is all zeros does obfuscate."""
        cipher = Cipher(b"\0")
        self.assertFalse(cipher.plain)
        self.assertEqual(cipher.encipher(b"\0"), _PERMUTATION[:1])

    def test_sameKey(self) -> None:
        """Ciphers are equal if they do the same, whatever the PSK."""
        self.assertEqual(Cipher("aremac"), Cipher("camera"))
        self.assertEqual(len({Cipher("aremac"), Cipher(b"camera"), PLAIN}), 2)
        self.assertNotEqual(Cipher("one"), Cipher("another"))
        self.assertNotEqual(Cipher("SHIX"), "SHIX")

    def test_private(self) -> None:
        """A PSK that is not public never shows."""
        self.assertEqual(repr(Cipher("a secret")), "<Cipher private key>")
        self.assertEqual(repr(Cipher("SHIX")), "<Cipher SHIX>")
        self.assertEqual(repr(PLAIN), "<Cipher plain>")


class AlgorithmTests(SynchronousTestCase):
    """The fast way, against the naive one."""

    @strategies.cheap
    @given(strategies.psks, st.binary(max_size=1100))
    def test_inverse(self, psk: bytes, data: bytes) -> None:
        """Deciphering undoes enciphering, and the other way round."""
        cipher = Cipher(psk)
        self.assertEqual(cipher.decipher(cipher.encipher(data)), data)
        self.assertEqual(cipher.encipher(cipher.decipher(data)), data)

    @strategies.cheap
    @given(strategies.psks, st.binary(max_size=300))
    def test_naive(self, psk: bytes, data: bytes) -> None:
        """Both directions equal the loop over single bytes."""
        cipher = Cipher(psk)
        self.assertEqual(cipher.encipher(data), naiveCipher(psk, data, False))
        self.assertEqual(cipher.decipher(data), naiveCipher(psk, data, True))

    @strategies.cheap
    @given(strategies.ciphers, st.binary(min_size=1, max_size=64), st.data())
    def test_damage(self, cipher: Cipher, data: bytes, draw: st.DataObject) -> None:
        """A damaged byte spoils itself and at most the next one."""
        place = draw.draw(st.integers(0, len(data) - 1))
        damaged = bytearray(cipher.encipher(data))
        damaged[place] ^= draw.draw(st.integers(1, 255))
        read = cipher.decipher(bytes(damaged))
        wrong = [at for at, byte in enumerate(data) if read[at] != byte]
        self.assertIn(place, wrong)
        self.assertLessEqual(set(wrong), {place, place + 1})


class VectorTests(SynchronousTestCase):
    """The published and the computed datagrams."""

    def test_vectors(self) -> None:
        """Each is under the key that it names, in both directions."""
        self.assertEqual(len(COVERED), 63)
        for name in COVERED:
            vector = VECTORS[name]
            cipher = Cipher(vector.encrypted_with or "")
            self.assertEqual(cipher.decipher(vector.data), vector.plain, name)
            self.assertEqual(cipher.encipher(vector.plain), vector.data, name)
            self.assertEqual(recognise(vector.data), (cipher, vector.plain), name)
            self.assertEqual(cipher.label, vector.encrypted_with, name)
            self.assertIn(vector.key4, (None, cipher.key.hex()), name)

    def test_plain(self) -> None:
        """Whole datagrams of a session are recognised as plain, others not at all."""
        for name in VECTORS.keys() - COVERED:
            vector = VECTORS[name]
            session = vector.data[:1] == b"\xf1" and vector.data[1] in pppp.NAMES
            found = recognise(vector.data)
            if session and not vector.truncated:
                self.assertEqual(found, (PLAIN, vector.data), name)
            else:
                self.assertIsNone(found, name)


class RecogniseTests(SynchronousTestCase):
    """Which key is this datagram under?"""

    @strategies.cheap
    @given(st.sampled_from(KNOWN), strategies.datagrams, st.integers(0, 8))
    def test_everyKey(self, cipher: Cipher, datagram: bytes, zeros: int) -> None:
        """Every message under every known key is told, padding with zeros or not."""
        padded = datagram + bytes(zeros)
        self.assertEqual(recognise(cipher.encipher(padded)), (cipher, padded))

    def test_firstByte(self) -> None:
        """The known keys differ in what they make of the first byte."""
        self.assertEqual(len({c.encipher(b"\xf1") for c in KNOWN}), len(KNOWN))

    @strategies.cheap
    @given(strategies.garbage)
    def test_garbage(self, datagram: bytes) -> None:
        """Garbage is under no key, or is something that one could have sent."""
        found = recognise(datagram)
        if found is not None:
            self.assertEqual(found[1], found[0].decipher(datagram))
            self.assertIn(found[1][1], pppp.NAMES)

    def test_given(self) -> None:
        """Only the ciphers given are tried."""
        shix, vmsv = Cipher("SHIX"), Cipher("VMSV")
        datagram = shix.encipher(frame(pppp.ALIVE))
        self.assertEqual(recognise(datagram, [vmsv, shix]), (shix, frame(pppp.ALIVE)))
        self.assertIsNone(recognise(datagram, [vmsv]))
        self.assertIsNone(recognise(datagram, []))

    def test_implausible(self) -> None:
        """What has the right first byte is still looked at."""
        cipher = Cipher("vstarcam2019")
        for clear in (
            "f1",  # cut off
            "f1100000",  # a type that no session has
            "f1e00004",  # shorter than it says
            "f1e0000001",  # padded, but not with zeros
            "f1410014" + "00" * 20,  # no device id in it
            "f1420004" + "56535442",
            "f141000d5653544200000000000a336355" + "00" * 7,  # ends in the padding
        ):
            self.assertIsNone(recognise(cipher.encipher(bytes.fromhex(clear))), clear)
            self.assertIsNone(recognise(bytes.fromhex(clear)), clear)


class PrefixTests(SynchronousTestCase):
    """Which keys does a family use?"""

    def test_families(self) -> None:
        """One prefix of each family, and the key that its cameras are under."""
        for prefix, label in {
            "VSTB": "plain",
            "XHA": "plain",
            "VSTG": "vstarcam2018",
            "ELSC": "vstarcam2018",
            "VSTJ": "vstarcam2019",
            "VC": "vstarcam2019",
            "VSGM": "vstarcam2021",
            "DGOK": "camera",
            "XIAODOU": "SHIX",
            "ACCQ": "@@@@....",
            "VMS": "VMSV",
            "FYPPCS": "FERRY@88",
            "PPIL": "mycamera",
            "LIUX": "Deng123abc",
            "DUNIOTA": "Duncom",
            "AYS": "JX20130716",
            "THPC": "hyWHzyhtzH",
            "JYDGZ": "JYDGAOZHANP2P",
            "XGAK": "SZGMBESTER",
        }.items():
            self.assertEqual([c.label for c in forPrefix(prefix)], [label], prefix)

    def test_disputed(self) -> None:
        """Where sources disagree all answers are given, the likelier first."""
        labels = [cipher.label for cipher in forPrefix("VE")]
        self.assertEqual(labels, ["vstarcam2018", "vstarcam2019"])

    def test_unknown(self) -> None:
        """An unknown family has no known key."""
        for prefix in ("ZZZZ", "", "VST", "vstb"):
            self.assertEqual(forPrefix(prefix), (), prefix)

    def test_joined(self) -> None:
        """Likely keys come first and none comes twice."""
        likely = forPrefix("VE")
        every = joined(likely, KNOWN)
        self.assertEqual(every[:2], likely)
        self.assertEqual(len(every), len(KNOWN))
        self.assertEqual(set(every), set(KNOWN))
