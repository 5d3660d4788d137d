"""Tests for L{twistedcam.observers}: callbacks that others register."""

from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.observers import Observers


class ObserversTests(SynchronousTestCase):
    """Whoever registered is told."""

    def setUp(self) -> None:
        self.observers: Observers[[int]] = Observers()
        self.told: list[tuple[str, int]] = []

    def hearAs(self, name: str, number: int) -> None:
        """Note what was told."""
        self.told.append((name, number))

    def test_nobody(self) -> None:
        """Nobody is no problem."""
        self.observers.tell(1)
        self.assertEqual(0, len(self.observers))

    def test_everybody(self) -> None:
        """All are told, in the order in which they came."""
        for name in "a", "b":
            self.observers.add(partial(self.hearAs, name))
        self.observers.tell(1)
        self.observers.tell(2)
        self.assertEqual([("a", 1), ("b", 1), ("a", 2), ("b", 2)], self.told)

    def test_unregister(self) -> None:
        """Who unregistered is not told any more; others are."""
        forget = self.observers.add(partial(self.hearAs, "a"))
        self.observers.add(partial(self.hearAs, "b"))
        self.assertEqual(2, len(self.observers))
        forget()
        self.assertEqual(1, len(self.observers))
        self.observers.tell(1)
        self.assertEqual([("b", 1)], self.told)

    def test_twice(self) -> None:
        """Who registers twice is told twice, and unregisters one by one."""
        heard: list[int] = []
        forgets = [self.observers.add(heard.append) for _ in range(2)]
        self.observers.tell(1)
        forgets[0]()
        self.observers.tell(2)
        forgets[1]()
        self.observers.tell(3)
        self.assertEqual([1, 1, 2], heard)

    def test_raising(self) -> None:
        """What one of them raises is logged, and the others are told."""

        def bad(number: int) -> None:
            raise ZeroDivisionError(number)

        self.observers.add(bad)
        self.observers.add(partial(self.hearAs, "b"))
        self.observers.tell(1)
        self.observers.tell(2)
        self.assertEqual([("b", 1), ("b", 2)], self.told)
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_unregisterWhenTold(self) -> None:
        """Who is told may unregister; nobody is left out because of it."""

        def once(number: int) -> None:
            self.hearAs("once", number)
            forget()

        forget = self.observers.add(once)
        self.observers.add(partial(self.hearAs, "b"))
        self.observers.tell(1)
        self.observers.tell(2)
        self.assertEqual([("once", 1), ("b", 1), ("b", 2)], self.told)

    def test_registerWhenTold(self) -> None:
        """Who is told may register others: they are told from the next time on."""

        def more(number: int) -> None:
            self.observers.add(partial(self.hearAs, "more"))

        forget = self.observers.add(more)
        self.observers.tell(1)
        forget()
        self.observers.tell(2)
        self.assertEqual([("more", 2)], self.told)
