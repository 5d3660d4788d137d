"""
Runs a demonstration as a person would: reads along, presses Ctrl-C, and sees
whether it ends at once and without complaint.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time

#: What has to be read, in this order, and within how many seconds.
STORY = (
    r"garden: found VSTB-\d+-\w+ at ",
    "handshake complete",
    "ALIVE number 2 answered",
)
PATIENCE = 60.0

#: ... and after Ctrl-C.
GOODBYE = ("closed by the client", "garden: closed", "Server Shut Down")
IN_TIME = 1.0


def main(command: list[str]) -> None:
    """Run it; exit with what is wrong, if anything."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    late = threading.Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    late.start()
    lines: list[str] = []
    interrupted = 0.0
    story = list(STORY)
    for line in process.stdout:
        lines.append(line)
        if story and re.search(story[0], line):
            print(line, end="", flush=True)
            del story[0]
            if not story:
                os.killpg(process.pid, signal.SIGINT)
                interrupted = time.monotonic()
    process.wait()
    took = time.monotonic() - interrupted
    late.cancel()
    text = "".join(lines)
    wrong = [f"{part!r} was not seen" for part in story]
    wrong += [f"{part!r} was not seen" for part in GOODBYE if part not in text]
    wrong += [
        f"{part!r} was seen" for part in ("Traceback", "Unhandled") if part in text
    ]
    if took > IN_TIME:
        wrong.append(f"it took {took:.1f} s to end")
    if wrong:
        sys.exit(f"{text}\n{'; '.join(wrong)}")
    print(f"ended {took:.2f} s after Ctrl-C with status {process.returncode}")


if __name__ == "__main__":
    main(sys.argv[1:])
