"""
Examination of the receive buffer: a keyframe comes as a burst of datagrams.
"""

from __future__ import annotations

import sys

from ..session.protocol import BUFFER_NEEDED, BUFFER_WANTED
from .computer import Computer
from .findings import COMMAND, Examiner

#: What to type for a larger one.
ENLARGE = f"{COMMAND}sudo sysctl net.core.rmem_max={BUFFER_WANTED}"
_KEEP = (
    f"{COMMAND}echo net.core.rmem_max={BUFFER_WANTED} |"
    " sudo tee /etc/sysctl.d/60-twistedcam.conf"
)


def examineBuffer(say: Examiner, computer: Computer) -> None:
    """How much does the kernel keep for us while we are busy?"""
    granted = computer.receiveBuffer()
    facts = {"granted": granted, "wanted": BUFFER_WANTED}
    if granted >= BUFFER_NEEDED:
        say.ok(
            "buffer", f"the kernel grants {_kib(granted)} of receive buffer", **facts
        )
        return
    linux = sys.platform.startswith("linux")
    say.problem(
        "small-buffer",
        f"the kernel grants {_kib(granted)} of receive buffer instead of"
        f" {_kib(BUFFER_NEEDED)}: bursts of video may get lost",
        "Allow more (in a container: on the host), now and after the next start:"
        if linux
        else f"Allow {BUFFER_WANTED} bytes for UDP sockets; each system has its own way.",
        *((ENLARGE, _KEEP) if linux else ()),
        **facts,
    )


def _kib(size: int) -> str:
    return f"{size // 1024} KiB"
