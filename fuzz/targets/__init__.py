"""
The targets: a module each, with

  - C{target(data)}: raises only if there is a defect;
  - C{seeds()}: inputs to begin with;
  - C{MAX_LEN}, if it is not L{MAX_LEN}: longer inputs are not tried.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

#: Bytes of an input at most, unless a target says otherwise.
MAX_LEN = 4096


@dataclass(frozen=True)
class Target:
    """One of them."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    maxLen: int


def names() -> list[str]:
    """All of them; nothing is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Target:
    """
    Import a target.

    @raise ModuleNotFoundError: there is none of that name.
    """
    module = import_module(f"{__name__}.{name}")
    return Target(
        name, module.target, module.seeds, getattr(module, "MAX_LEN", MAX_LEN)
    )
