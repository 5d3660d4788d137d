"""
The machine that benchmarks run on, by its facts.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


def processor() -> str:
    """The CPU's model."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.machine()


def facts() -> str:
    """All that may matter, in one line."""
    return (
        f"{processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()},"
        f" Twisted {version('twisted')}"
    )


def load() -> str:
    """How busy the machine is."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())
