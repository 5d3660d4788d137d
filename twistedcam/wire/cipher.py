"""
The obfuscation that some families put over every datagram.

It is no encryption: the whole key has 23 bits, and one known byte gives most of
it away.  A string (the PSK, at most 20 bytes of it) gives four key bytes; the
keystream byte for each place comes from a fixed permutation of 0..255, looked
up by a key byte and the previous I{ciphered} byte.  It runs over the whole
datagram, padding included.  An empty PSK means no obfuscation.

Because a keystream byte depends on one ciphered byte only, deciphering is one
table translation and one exclusive or of whole datagrams; only enciphering has
to go byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import WireError
from .deviceid import SIZE, DeviceId
from .header import HEADER, MAGIC, unframe
from .pppp import NAMES, P2P_RDY, PUNCH_PKT

_PERMUTATION = bytes.fromhex(
    "7c9ce84a13dedcb22f2123e4307b3d8cbc0b270c3cf79ae7087196009785efc1"
    "1fc4dba1c2ebd901faba3b05b81587832872d18b5ad6da9358feaacc6e1bf0a3"
    "88ab43c00db545384f502266207f075b14981d9ba72ab9a8cbf1fc4947063eb1"
    "0e043a945eee541134dd4df9ecc7c9e3781a6f706ba4bda95dd5f8e5bb26af42"
    "37d8e1020aae5f1cc573094e6924906d12b319ad748a2940f52dbea559e0f479"
    "d24bce8982488425c6912ba2fb8fe9a6b09e3f65f603312eac0f952c5ced39b7"
    "336c567eb4a0fd7a815351868d9f77ff6a80dfe2bf10d775645776f355cdd0c8"
    "18e6364162cf99f2324c67606192cad3ea637d16b68ed46835c3529d46441e17"
)

#: Bytes of a PSK that count.
_PSK_BYTES = 20

#: The strings that are known to be in use, and the prefixes that use them.
#: A prefix may stand in more than one row: sources disagree, all are tried.
_FAMILIES: dict[str, str] = {
    "": "AES ASH BRTC BRTD CTW ESN EST GBE HWAA ICB IKB JWEV KBC LAM MATE MEYE MIL"
    " OBJ OEMAAAA OEMAAAB OEMAAAH OPCS PPCN PPCS PROCAM RTOS SPCN TSD VSTB VSTC"
    " WXH WXO XHA XLT ZSKJ",
    "vstarcam2018": "VSTG VSTH ELSC VE",
    "vstarcam2019": "VSTJ VSTK VSTL VSTM VSTN VSTP VC VE",
    "vstarcam2021": "VSGG VSGM VSGS",
    "camera": "DGB DGHA DGHG DGKA DGKB DGKC DGOA DGOB DGOC DGOD DGOE DGOF DGOG DGOH"
    " DGOI DGOJ DGOK NMSA NMSB NMSZ PETA PETAA",
    "SHIX": "AAA ABC ABCF DDD EEE FFF HBW NNN PIXA PIXB PIXC PIXD XIAODOU",
    "SSD@cs2-network.": "",
    "@@@@....": "ACCQ ACCR ACCS BCCQ",
    "VMSV": "VMA VMP VMS VMV",
    "FERRY@88": "FYIOT FYPPCS FYRTOS",
    "mycamera": "PPIL PPLL PPSL",
    "Deng123abc": "LIUX PIR TUT",
    "Duncom": "DUNIOTA NANOIOT",
    "JX20130716": "AYS XYX",
    "hyWHzyhtzH": "THPC",
    "JYDGAOZHANP2P": "JYDGZ",
    "SZGMBESTER": "XGAK",
}


_number = int.from_bytes


class Cipher:
    """
    One key of the obfuscation.

    @ivar key: the four bytes that the PSK boils down to.
    @ivar label: a name fit to be shown: C{"plain"}, a publicly known PSK, or
        C{"private key"}.
    """

    __slots__ = ("_stream", "key", "label")

    def __init__(self, psk: str | bytes) -> None:
        text = psk.encode() if isinstance(psk, str) else psk
        self.key = _deriveKey(text[:_PSK_BYTES])
        self.label = _LABELS.get(text, "private key")
        # The keystream byte that follows each ciphered byte.
        self._stream = text and bytes(
            _PERMUTATION[(self.key[c & 3] + c) & 0xFF] for c in range(256)
        )

    @property
    def plain(self) -> bool:
        """Does this cipher leave datagrams as they are?"""
        return not self._stream

    def decipher(self, datagram: bytes) -> bytes:
        """Undo L{encipher}: some microseconds for a datagram of any size."""
        stream, size = self._stream, len(datagram)
        if not stream:
            return datagram
        mask = (b"\0" + datagram).translate(stream)[:size]
        return (_number(datagram, "little") ^ _number(mask, "little")).to_bytes(
            size, "little"
        )

    def encipher(self, datagram: bytes) -> bytes:
        """Obfuscate a whole datagram."""
        stream = self._stream
        if not stream:
            return datagram
        previous = 0
        return bytes([previous := byte ^ stream[previous] for byte in datagram])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cipher):
            return NotImplemented
        return self._stream == other._stream

    def __hash__(self) -> int:
        return hash(self._stream)

    def __repr__(self) -> str:
        return f"<Cipher {self.label}>"


def _deriveKey(psk: bytes) -> bytes:
    parity = 0
    for byte in psk:
        parity ^= byte
    total = sum(psk)
    return bytes((total & 0xFF, -total & 0xFF, sum(b // 3 for b in psk) & 0xFF, parity))


_LABELS = {psk.encode(): psk or "plain" for psk in _FAMILIES}

#: No obfuscation.
PLAIN = Cipher("")

#: Plain, and every publicly known key.
KNOWN: tuple[Cipher, ...] = tuple(Cipher(psk) for psk in _FAMILIES)


def _byPrefix() -> dict[str, tuple[Cipher, ...]]:
    table: dict[str, tuple[Cipher, ...]] = {}
    for cipher, prefixes in zip(KNOWN, _FAMILIES.values(), strict=True):
        for prefix in prefixes.split():
            table[prefix] = (*table.get(prefix, ()), cipher)
    return table


_BY_PREFIX = _byPrefix()


def forPrefix(prefix: str) -> tuple[Cipher, ...]:
    """
    The ciphers that a family of cameras is known to use, likeliest first; empty
    for an unknown family: then all of L{KNOWN} have to be tried.
    """
    return _BY_PREFIX.get(prefix, ())


def recognise(
    datagram: bytes, ciphers: Iterable[Cipher] = KNOWN
) -> tuple[Cipher, bytes] | None:
    """
    Find the key that a datagram is under.

    @return: the first of C{ciphers} under which this is a well-formed PPPP
        datagram of a known type (for a PUNCH_PKT or P2P_RDY: with a device id in
        it), and the deciphered datagram; L{None} if there is none.
    """
    choice = tuple(ciphers)
    for cipher in choice:
        # The first ciphered byte is the same for every packet under a key.
        if datagram[:1] != cipher.encipher(_FIRST):
            continue
        clear = cipher.decipher(datagram)
        if _plausible(clear, guessing=len(choice) > 1):
            return cipher, clear
    return None


_FIRST = bytes((MAGIC,))


def _plausible(clear: bytes, guessing: bool) -> bool:
    """Is it a packet?  With many keys to choose from, no oddity is accepted."""
    try:
        kind, end = unframe(clear)
        if kind in (PUNCH_PKT, P2P_RDY):
            DeviceId.fromBytes(clear[:end], HEADER.size, SIZE)
    except WireError:
        return False
    return kind in NAMES and not (guessing and any(clear[end:]))


def joined(ciphers: Sequence[Cipher], more: Sequence[Cipher]) -> tuple[Cipher, ...]:
    """Both sequences in order, each cipher once."""
    return tuple(dict.fromkeys((*ciphers, *more)))
