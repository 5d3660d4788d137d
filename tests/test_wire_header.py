"""Tests for L{twistedcam.wire.header}, and for what this room may import."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import twistedcam.wire
from twistedcam.errors import WireError
from twistedcam.wire.header import HEADER, MAX_DATAGRAM, at, frame, unframe

from . import strategies


class HeaderTests(SynchronousTestCase):
    """The four bytes in front of every message."""

    def test_layout(self) -> None:
        """Magic, type, and the body's length with the high byte first."""
        self.assertEqual(frame(0xE0).hex(), "f1e00000")
        self.assertEqual(frame(0xD0, bytes(0x155))[:4].hex(), "f1d00155")

    @strategies.cheap
    @given(strategies.u8s, st.binary(max_size=64), st.binary(max_size=64))
    def test_padding(self, kind: int, body: bytes, padding: bytes) -> None:
        """The body ends where the header says, whatever follows."""
        end = HEADER.size + len(body)
        self.assertEqual(unframe(frame(kind, body) + padding), (kind, end))

    def test_shorterThanAHeader(self) -> None:
        """Fewer than four bytes are refused, at their end."""
        for size in range(HEADER.size):
            error = strategies.refusal(unframe, bytes.fromhex("f1e000")[:size])
            self.assertEqual(error and error.offset, size)

    def test_noMagic(self) -> None:
        """A wrong first byte is refused, whatever it is."""
        for byte in set(range(256)) - {0xF1}:
            error = strategies.refusal(unframe, bytes((byte, 0xE0, 0, 0)))
            assert error is not None
            self.assertEqual((error.offset, error.byte), (0, byte))

    def test_cutOff(self) -> None:
        """A datagram shorter than its header says is refused, at its end."""
        whole = frame(0x41, bytes(20))
        for size in range(HEADER.size, len(whole)):
            error = strategies.refusal(unframe, whole[:size])
            assert error is not None
            self.assertEqual((error.offset, error.byte), (size, None))

    def test_longest(self) -> None:
        """2048 bytes are a datagram, one more is not, in both directions."""
        longest = frame(0xD0, bytes(MAX_DATAGRAM - HEADER.size))
        self.assertEqual(unframe(longest), (0xD0, 2048))
        error = strategies.refusal(unframe, longest + b"!")
        assert error is not None
        self.assertEqual((error.offset, error.byte), (2048, ord("!")))
        with self.assertRaises(WireError):
            frame(0xD0, bytes(MAX_DATAGRAM - HEADER.size + 1))

    def test_at(self) -> None:
        """Behind the end there is no byte to report."""
        self.assertEqual([at(b"ab", offset) for offset in range(3)], [97, 98, None])


#: Standard modules that would bring the time or the network into this room.
OUTSIDE_WORLD = frozenset(
    "asyncio random select selectors signal socket ssl subprocess threading time".split()
)


class RoomTests(SynchronousTestCase):
    """C{wire} turns bytes into values and back, and knows of nothing else."""

    def imports(self, source: Path) -> set[str]:
        """
        The modules that a file imports: relative ones as dots and name, others
        by their topmost package.
        """
        found = set()
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.ImportFrom):
                dots = "." * node.level
                names = [node.module] if node.module else [a.name for a in node.names]
                found |= {f"{dots}{name}" for name in names}
        return found

    def test_imports(self) -> None:
        """Its modules import the standard library, each other and the errors."""
        [folder] = map(Path, twistedcam.wire.__path__)
        sources = sorted(folder.rglob("*.py"))
        self.assertGreaterEqual(len(sources), 7)
        allowed = (
            (sys.stdlib_module_names - OUTSIDE_WORLD)
            | {f".{source.stem}" for source in sources}
            | {"..errors"}
        )
        for source in sources:
            self.assertEqual(self.imports(source) - allowed, set(), source.name)
