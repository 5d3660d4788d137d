"""
One target under atheris, in a process of its own: started by C{fuzz/run.py}, which
passes the target's name and what libFuzzer wants to know.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped, unused-ignore]

#: Instrumented: ours, and what reads for us in Python.  All the rest, Twisted and the
#: targets included, runs as it is.
WATCHED = ["twistedcam", "tomllib"]


def main(arguments: list[str]) -> None:
    """Does not return: libFuzzer ends the process."""
    name, *options = arguments
    # It tells of each module.
    before = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        with atheris.instrument_imports(include=WATCHED):
            from fuzz.targets import load

            target = load(name)
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
    from fuzz.checks import prepare

    prepare()
    # To merge, libFuzzer starts itself again, by a shell.
    again = shlex.join([sys.executable, str(Path(__file__).resolve()), name])
    atheris.Setup([again, *options], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main(sys.argv[1:])
