"""
For pytest only; trial does not read this.
"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    pytest-twisted starts the reactor for its first test and keeps it running; a
    trial test case that wants to run it itself cannot do so from then on.
    """
    items.sort(key=lambda item: "pytest_only" in item.path.parts)
