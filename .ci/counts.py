"""
Reads what make test printed.

trial skips functions, and whole modules that it does not like, and still says
PASSED; so both runners must have run the same number of tests, those of
tests/pytest_only aside, which are pytest's alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def only(pattern: str, text: str) -> re.Match[str]:
    """The one place where it stands."""
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if len(found) != 1:
        sys.exit(
            f"expected {pattern!r} once in the output, found it {len(found)} times"
        )
    return found[0]


def pytestOnly() -> int:
    """How many tests are pytest's alone."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    run = subprocess.run(
        [*command, "tests/pytest_only"], capture_output=True, text=True, check=False
    )
    if run.returncode == 5:  # there are none
        return 0
    return int(only(r"^(\d+) tests? collected", run.stdout)[1])


def main(arguments: list[str]) -> None:
    """Compare, or show the results."""
    log = re.sub(r"\x1b\[[\d;]*m", "", Path(arguments[-1]).read_text())
    byTrial = only(r"^Ran (\d+) tests in .*", log)
    byPytest = only(r"^collected (\d+) items?", log)
    if "--results" in arguments:
        verdict = only(r"^(PASSED|FAILED) .*", log)
        summary = only(r"^=+ (.*\d+ passed.*) in [\d.]+s.*", log)
        count = {
            word: int(number) for number, word in re.findall(r"(\d+) (\w+)", summary[1])
        }
        print(f"trial:  {byTrial[0]}, {verdict[0]}")
        print(f"pytest: {summary[1]}")
        print(f"{count['passed']} passed, {count.get('failed', 0)} failed")
        return
    own = pytestOnly()
    print(f"trial ran {byTrial[1]}; pytest {byPytest[1]}, of which {own} are its own")
    if int(byTrial[1]) == 0 or int(byTrial[1]) != int(byPytest[1]) - own:
        sys.exit("these numbers do not agree")


if __name__ == "__main__":
    main(sys.argv[1:])
