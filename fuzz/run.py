"""
Runs the fuzz targets, each in a process of its own.

    python fuzz/run.py --seconds 60           all of them, a minute each
    python fuzz/run.py --total 100            all of them, in 100 seconds
    python fuzz/run.py wire_dh session_whole  these, ten seconds each
    python fuzz/run.py --replay               the committed corpus, without atheris
    python fuzz/run.py --input FILE TARGET    one input, without atheris

It begins with the committed corpus and never changes it, unless C{--keep} says so.
The exit code is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

HERE = Path(__file__).resolve().parent

#: Inputs to begin with; and those that once showed a defect, which stay.
CORPUS, FOUND = HERE / "corpus", HERE / "found"

# This is run as a script, too, and then the folder above is not on the path.
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from fuzz.checks import prepare  # noqa: E402
from fuzz.choose import choose  # noqa: E402
from fuzz.targets import Target, load, names  # noqa: E402

#: Seconds that one input may take, and MiB that the process may have.
TIMEOUT, MEMORY = 25, 400

#: Seconds that a process needs before it begins, and that it may take longer than it
#: was told.
STARTING, GRACE = 3, 120

#: What is kept of a target's corpus at most.
MAX_FILES, MAX_BYTES = 60, 32_000

#: Files are fast there.
_MEMORY = Path("/dev/shm")

_STATUS = re.compile(r"^#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/")
_STATISTIC = re.compile(r"^stat::(\w+):\s+(\d+)")
_ARTIFACT = re.compile(r"Test unit written to (\S+)")


@dataclass
class Outcome:
    """
    What a run of one target came to.

    @ivar coverage: places in the code, and with them features (how often, in which
        way), that were reached.
    @ivar added: inputs that reached something new.
    @ivar artifact: the input that showed a defect.
    """

    status: int
    output: str
    seconds: float
    executions: int = 0
    coverage: int = 0
    features: int = 0
    added: int = 0
    memory: int = 0
    artifact: str = ""


def corpus(name: str) -> list[Path]:
    """The committed inputs of a target."""
    folders = [folder / name for folder in (CORPUS, FOUND)]
    return sorted(
        path for folder in folders if folder.is_dir() for path in folder.iterdir()
    )


def replay(target: Target, inputs: Sequence[Path]) -> list[str]:
    """
    Run inputs without atheris.

    @return: what went wrong.
    """
    troubles = []
    gc.freeze()  # targets look for garbage of their own
    try:
        for path in inputs:
            try:
                target.run(path.read_bytes())
            except Exception:
                troubles.append(f"{target.name} {path}\n{traceback.format_exc()}")
    finally:
        gc.unfreeze()
    return troubles


def fuzz(name: str, seconds: int, work: Path, artifacts: Path) -> Outcome:
    """
    Run one target under atheris.

    @param work: gets new inputs; those that are there are used.
    @param artifacts: gets the input that shows a defect.
    """
    work.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-reload=0"]
    return _libFuzzer(
        name, options, [work, CORPUS / name, FOUND / name], artifacts, seconds
    )


def keep(name: str, work: Path, artifacts: Path) -> tuple[int, int]:
    """
    Make the committed corpus anew, small, out of itself, the target's seeds and what
    was found.

    @return: its files and bytes.
    """
    with TemporaryDirectory() as scratch:
        seeds, merged = Path(scratch, "seeds"), Path(scratch, "merged")
        seeds.mkdir()
        merged.mkdir()
        for number, seed in enumerate(load(name).seeds()):
            (seeds / str(number)).write_bytes(seed)
        sources = [seeds, CORPUS / name, work]
        outcome = _libFuzzer(name, ["-merge=1"], [merged, *sources], artifacts, 3600)
        if outcome.status:
            sys.exit(f"{outcome.output}\n{name}: cannot be merged")
        inputs = [path.read_bytes() for path in sorted(merged.iterdir())]
    folder = CORPUS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for data in choose(load(name).run, inputs, MAX_FILES, MAX_BYTES):
        (folder / sha1(data, usedforsecurity=False).hexdigest()[:16]).write_bytes(data)
    files = corpus(name)
    return len(files), sum(file.stat().st_size for file in files)


def _libFuzzer(
    name: str, options: list[str], folders: list[Path], artifacts: Path, seconds: int
) -> Outcome:
    target = load(name)
    artifacts.mkdir(parents=True, exist_ok=True)
    existing = [str(folder) for folder in folders if folder.is_dir()]
    command = [
        sys.executable,
        str(HERE / "child.py"),
        name,
        *options,
        f"-max_len={target.maxLen}",
        f"-timeout={TIMEOUT}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={artifacts.resolve()}/{name}-",
        *existing,
    ]
    began = time.monotonic()
    # What the targets leave behind, since libFuzzer does not end as programs do.
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as scratch:
        try:
            run = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": scratch},
                timeout=seconds + GRACE,
                check=False,
            )
            status, said = run.returncode, run.stdout
        except subprocess.TimeoutExpired as late:
            status, said = 1, (late.output or b"") + b"\nkilled: it does not end\n"
    output = said.decode(errors="replace")
    outcome = Outcome(status, output, time.monotonic() - began)
    for line in output.splitlines():
        if match := _STATUS.match(line):
            outcome.coverage, outcome.features = int(match[1]), int(match[2])
        elif match := _STATISTIC.match(line):
            value = int(match[2])
            if match[1] == "number_of_executed_units":
                outcome.executions = value
            elif match[1] == "new_units_added":
                outcome.added = value
            elif match[1] == "peak_rss_mb":
                outcome.memory = value
        elif match := _ARTIFACT.search(line):
            outcome.artifact = match[1]
    return outcome


def _report(name: str, outcome: Outcome) -> None:
    rate = outcome.executions / max(outcome.seconds, 1)
    print(
        f"{name:20} {outcome.seconds:6.0f} s {outcome.executions:10} runs"
        f" {rate:8.0f}/s  coverage {outcome.coverage:5} features {outcome.features:6}"
        f"  new {outcome.added:5}  {outcome.memory:4} MiB"
        f"{'' if outcome.status == 0 else '  FAILED'}",
        flush=True,
    )
    if outcome.status:
        lines = outcome.output.splitlines()
        # What libFuzzer tells about its progress is of no interest now.
        telling = [line for line in lines if not re.match(r"#\d+\s|INFO: ", line)]
        print("\n".join(telling[-60:]), flush=True)
        if outcome.artifact:
            print(f"Again: python fuzz/run.py --input {outcome.artifact} {name}")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Fuzz twistedcam.", epilog=f"targets: {', '.join(names())}"
    )
    parser.add_argument("target", nargs="*", help="default: all of them")
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument(
        "--total", type=float, help="seconds for all targets together, instead"
    )
    parser.add_argument(
        "--replay", action="store_true", help="run the committed corpus, no more"
    )
    parser.add_argument("--input", type=Path, help="run this file, no more")
    parser.add_argument(
        "--work", type=Path, help="where new inputs go, and are taken from next time"
    )
    parser.add_argument(
        "--artifacts", type=Path, help="where inputs go that show a defect"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="afterwards make the committed corpus anew, with what was found",
    )
    options = parser.parse_args(arguments)
    for name in options.target:
        if name not in names():
            parser.error(f"there is no target {name!r}")
    if options.input and len(options.target) != 1:
        parser.error("--input wants one target")
    return options


def main(arguments: list[str]) -> int:
    """Run what the command line says; the exit code."""
    options = _parse(arguments)
    wanted = options.target or names()
    prepare()
    if options.input or options.replay:
        troubles = []
        for name in wanted:
            began = time.monotonic()
            inputs = [options.input] if options.input else corpus(name)
            troubles += replay(load(name), inputs)
            took = (time.monotonic() - began) * 1000
            print(f"{name:20} {len(inputs):4} inputs {took:6.0f} ms", flush=True)
        print("\n".join(troubles), end="")
        return bool(troubles)
    if find_spec("atheris") is None:
        sys.exit("atheris is missing: pip install -e '.[fuzz]'; or say --replay")
    artifacts = options.artifacts or Path(mkdtemp(prefix="fuzz-artifacts-"))
    failed = False
    end = None if options.total is None else time.monotonic() + options.total
    with TemporaryDirectory(prefix="fuzz-") as scratch:
        work = options.work or Path(scratch)
        for number, name in enumerate(wanted):
            seconds = options.seconds
            if end is not None:
                share = (end - time.monotonic()) / (len(wanted) - number)
                seconds = max(1, int(share - STARTING))
            if seconds:
                outcome = fuzz(name, seconds, work / name, artifacts)
                _report(name, outcome)
                failed |= outcome.status != 0
            if options.keep:
                files, size = keep(name, work / name, artifacts)
                print(f"{name:20} keeps {files} inputs, {size} bytes", flush=True)
    if not options.artifacts and not any(artifacts.iterdir()):
        artifacts.rmdir()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
