"""
How many files, which sockets are as well, this process may open.
"""

from __future__ import annotations

from contextlib import suppress

#: Enough for all who may connect, the UDP ports of those who watch by RTSP, the
#: cameras, and the recordings.
FILES = 8192


def allowFiles(wanted: int = FILES) -> None:
    """
    Have the usual limit raised, as far as that needs nobody's permission.

    @param wanted: files; a higher limit is left alone.
    """
    try:
        import resource
    except ImportError:  # not a Unix
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
