"""Tests for L{twistedcam.limits}."""

from __future__ import annotations

import resource
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.limits import allowFiles

ANY = resource.RLIM_INFINITY


class FilesTests(SynchronousTestCase):
    """The limit of open files."""

    def raised(self, soft: int, hard: int) -> list[tuple[int, int]]:
        """What is asked for when the limits are like this."""
        asked: list[tuple[int, int]] = []
        with (
            patch.object(resource, "getrlimit", lambda what: (soft, hard)),
            patch.object(
                resource, "setrlimit", lambda what, limits: asked.append(limits)
            ),
        ):
            allowFiles(8192)
        return asked

    def test_raised(self) -> None:
        """A low limit is raised, as far as is allowed."""
        self.assertEqual([(8192, 524288)], self.raised(1024, 524288))
        self.assertEqual([(4096, 4096)], self.raised(1024, 4096))
        self.assertEqual([(8192, ANY)], self.raised(1024, ANY))

    def test_leftAlone(self) -> None:
        """A higher one is left alone."""
        for soft in (8192, 10000, ANY):
            self.assertEqual([], self.raised(soft, ANY))

    def test_refused(self) -> None:
        """Where that is not allowed, it stays as it is."""
        with (
            patch.object(resource, "getrlimit", lambda what: (64, ANY)),
            patch.object(resource, "setrlimit", side_effect=OSError),
        ):
            allowFiles()
