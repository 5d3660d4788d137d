"""
Folders for a test's files.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase


def temporaryFolder(case: SynchronousTestCase) -> Path:
    """
    A folder that is gone after the test.  (That of C{mktemp} stays, where pytest
    runs: in the middle of the sources.)
    """
    folder = TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    return Path(folder.name)
