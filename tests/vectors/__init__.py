"""
Datagrams to test against: captured ones, other programs' published tests, and
computed ones (the C{kind} of each says which).

C{encrypted_with} names the PSK that C{hex} is under, C{plain_hex} is the same
datagram deciphered.  Of a C{truncated} one only the first bytes are known.  The
credentials inside have long been public.
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of C{vectors.json}."""

    name: str
    hex: str
    len: int
    meaning: str
    source: str
    dialect: str
    encrypted_with: str | None
    kind: str
    plain_hex: str | None = None
    decoded_hex: str | None = None
    key4: str | None = None
    truncated: bool = False
    udp_checksum_verified: bool = False
    udp: dict[str, str] | None = None

    @property
    def data(self) -> bytes:
        """The datagram (or its first bytes) as it was on the wire."""
        return bytes.fromhex(self.hex)

    @property
    def plain(self) -> bytes:
        """The datagram, deciphered."""
        return bytes.fromhex(self.plain_hex or self.hex)


#: All vectors by their names, in the order of the file.
VECTORS: dict[str, Vector] = {
    vector.name: vector
    for vector in msgspec.json.decode(
        Path(__file__).with_name("vectors.json").read_bytes(), type=list[Vector]
    )
}

#: The dialects whose contents no test reads yet, beyond the DRW head in front of
#: them.  Whoever adds the tests of one takes it out of here.
LATER = frozenset(("binary", "json", "miss", "pppp-relay", "pppp-tcp"))
