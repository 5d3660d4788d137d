"""
Is everything in the wheel that must be, and nothing that must not?
"""

from __future__ import annotations

import sys
from zipfile import ZipFile

WANTED = {
    "twistedcam/py.typed",
    "twistedcam/session/machine.py",
    "twisted/plugins/twistedcam_plugins.py",
}


def main(path: str) -> None:
    """Look at its list of files."""
    with ZipFile(path) as wheel:
        names = set(wheel.namelist())
    rooms = ("twistedcam/", "twisted/plugins/", "twistedcam-")
    strangers = {name for name in names if not name.startswith(rooms)}
    strangers |= {n for n in names if n.endswith((".cache", ".pyc"))}
    strangers |= names & {"twisted/__init__.py", "twisted/plugins/__init__.py"}
    if WANTED - names or strangers:
        sys.exit(f"missing: {sorted(WANTED - names)}; too many: {sorted(strangers)}")
    print(f"{len(names)} files in {path.rpartition('/')[2]}")


if __name__ == "__main__":
    main(sys.argv[1])
