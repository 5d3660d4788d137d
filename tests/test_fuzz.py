"""
The fuzz targets, with the corpus that is committed: what was found once stays mended.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fuzz.choices import Choices, Script
from fuzz.run import corpus, replay
from fuzz.targets import load, names


class CorpusTests(SynchronousTestCase):
    """Without atheris: each input once."""

    def test_everyTargetHasInputs(self) -> None:
        """There is a corpus for each target, and of nothing else."""
        self.assertEqual([], [name for name in names() if not corpus(name)])

    def test_corpus(self) -> None:
        """No input of the corpus shows a defect."""
        troubles = [
            trouble for name in names() for trouble in replay(load(name), corpus(name))
        ]
        self.assertEqual([], troubles, "\n".join(troubles))


class ChoicesTests(SynchronousTestCase):
    """What seeds are written with is what targets read."""

    def test_roundTrip(self) -> None:
        """What a script says is chosen."""
        script = Script(1).byte(2, 3).u16(0x1234).u32(0x12345678).blob(b"abc")
        choices = Choices(script.blob(bytes(300)).byte(5).raw(b"rest").done())
        self.assertEqual([1, 2, 3], [choices.byte() for _ in range(3)])
        self.assertEqual((0x1234, 0x12345678), (choices.u16(), choices.u32()))
        self.assertEqual((b"abc", bytes(300)), (choices.blob(), choices.blob()))
        self.assertEqual("b", choices.one("abcd"))
        self.assertTrue(choices)
        self.assertEqual(b"rest", choices.rest())

    def test_nothingLeft(self) -> None:
        """When the bytes are used up, all choices are nothing."""
        choices = Choices(b"\x09a")
        self.assertEqual(b"a", choices.blob())
        self.assertFalse(choices)
        self.assertEqual((0, 0, b""), (choices.byte(), choices.u32(), choices.blob()))
        self.assertEqual("first", choices.one(("first", "second")))
        self.assertFalse(choices.flag())
