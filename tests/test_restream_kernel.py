"""
Tests of L{twistedcam.restream.kernel}.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.restream.kernel import KernelDrops, parseDrops

HEADING = (
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
    "   uid  timeout inode ref pointer drops             \n"
)


def line(port: int, drops: int, address: str = "0100007F") -> str:
    """A socket's line."""
    return (
        f" 1234: {address}:{port:04X} 00000000:0000 07 00000000:00000000 00:00000000"
        f" 00000000     0        0 25555 2 00000000a3a3a3a3 {drops}           \n"
    )


class ParseTests(SynchronousTestCase):
    """Reading the kernel's list."""

    def test_real(self) -> None:
        """Ports are hexadecimal; drops stand last."""
        text = HEADING + line(0x8124, 0) + line(40000, 17)
        self.assertEqual({0x8124: 0, 40000: 17}, parseDrops(text))

    def test_severalSockets(self) -> None:
        """Sockets on the same port are added up."""
        text = HEADING + line(1000, 2) + line(1000, 3, "0A00000A")
        self.assertEqual({1000: 5}, parseDrops(text))

    def test_otherKernel(self) -> None:
        """Without that column nothing is known."""
        text = HEADING.replace(" drops", "") + line(1000, 2)
        self.assertEqual({}, parseDrops(text))

    def test_nothing(self) -> None:
        """An empty file is no trouble."""
        self.assertEqual({}, parseDrops(""))

    def test_nonsense(self) -> None:
        """Lines that are not as expected are left out."""
        text = HEADING + "x\n\n1: zz:zz 3\n" + line(1000, 2) + "2: 0:10 many\n"
        self.assertEqual({1000: 2}, parseDrops(text))

    @given(st.text())
    def test_anything(self, text: str) -> None:
        """No text is too strange."""
        parseDrops(text)
        parseDrops(HEADING + text)

    def test_thisMachine(self) -> None:
        """What this machine's kernel says can be read, if it says anything."""
        KernelDrops().update({"garden": [1]})


class DropsTests(SynchronousTestCase):
    """Adding up."""

    def setUp(self) -> None:
        """Make a list of one's own."""
        self.path = Path(self.mktemp())
        self.drops = KernelDrops(self.path)

    def update(self, *sockets: tuple[int, int], **ports: list[int]) -> dict[str, int]:
        """What the kernel says, and who has which ports."""
        self.path.write_text(HEADING + "".join(line(*each) for each in sockets))
        return self.drops.update(ports)

    def test_grows(self) -> None:
        """Each look adds what is new."""
        self.assertEqual({"a": 3, "b": 0}, self.update((1, 3), a=[1], b=[2]))
        self.assertEqual({"a": 3, "b": 0}, self.update((1, 3), a=[1], b=[2]))
        self.assertEqual({"a": 5, "b": 1}, self.update((1, 5), (2, 1), a=[1], b=[2]))

    def test_nextSession(self) -> None:
        """A new port begins with zero, and does not make the sum shrink."""
        self.update((1, 5), a=[1])
        self.assertEqual({"a": 5}, self.update((2, 0), a=[2]))
        self.assertEqual({"a": 7}, self.update((2, 2), a=[2]))

    def test_samePortAgain(self) -> None:
        """The same port may come again, with another socket."""
        self.update((1, 5), a=[1])
        self.assertEqual({"a": 6}, self.update((1, 1), a=[1]))

    def test_away(self) -> None:
        """Between two sessions the sum stays."""
        self.update((1, 5), a=[1])
        self.assertEqual({"a": 5}, self.update(a=[]))
        self.assertEqual({"a": 6}, self.update((1, 1), a=[1]))

    def test_twoPorts(self) -> None:
        """Both sessions of a camera count."""
        self.assertEqual({"a": 5}, self.update((1, 2), (2, 3), a=[1, 2]))

    def test_forgotten(self) -> None:
        """A camera that was removed is forgotten."""
        self.update((1, 5), a=[1])
        self.assertEqual({}, self.update((1, 5)))
        self.assertEqual({"a": 6}, self.update((1, 6), a=[1]))

    def test_noFile(self) -> None:
        """Where there is no such file, nothing was dropped."""
        self.assertEqual({"a": 0}, self.drops.update({"a": [1]}))
