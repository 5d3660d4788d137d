"""Tests for L{twistedcam.threads}."""

from __future__ import annotations

from threading import get_ident

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from twistedcam.threads import InThread, threads


class ThreadsTests(TestCase):
    """Functions in the reactor's threads."""

    timeout = 20

    def inThread(self) -> InThread:
        """What calls them."""
        from twisted.internet import reactor

        return threads(reactor)

    async def test_elsewhere(self) -> None:
        """A function is called in another thread, with its arguments."""

        def work(*args: object, **how: object) -> object:
            return args, how, get_ident()

        args, how, thread = await self.inThread()(work, 1, "two", three=3)
        self.assertEqual(((1, "two"), {"three": 3}), (args, how))
        self.assertNotEqual(get_ident(), thread)

    async def test_back(self) -> None:
        """Its result comes back in the reactor's thread."""
        result = self.inThread()(int).addCallback(lambda _: get_ident())
        self.assertEqual(get_ident(), await result)

    async def test_failure(self) -> None:
        """So does what it raises."""
        try:
            await self.inThread()(int, "x")
        except ValueError as problem:
            self.assertIn("'x'", str(problem))
        else:
            self.fail("no error")

    async def test_many(self) -> None:
        """Many wait for each other where need be, and all get their own results."""
        results = [self.inThread()(abs, -number) for number in range(50)]
        self.assertEqual(list(range(50)), await gatherResults(results))
