"""
The DH search and its report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

from fuzz.checks import accepted, check
from twistedcam.errors import WireError
from twistedcam.trace import describe
from twistedcam.wire import dh

MAX_LEN = 1100


def target(data: bytes) -> None:
    """What is read can be shown, and written again."""
    check(describe(data).isprintable(), "the trace prints what is not printable")
    message = accepted(dh.decode, data)
    if not isinstance(message, dh.DhReport):
        return
    for text in astuple(message):
        check(not isinstance(text, str) or text.isprintable(), f"not fit: {text!r}")
    for name in ("deviceId", "sessionId"):
        try:
            str(getattr(message, name))
        except WireError:
            pass
    services = dh.DhServices.fromReport(data)
    check(repr(services) == repr(dh.DhServices()), "a secret in a repr")
    try:
        again = dh.encode(message, services)
    except WireError:
        return  # what stands in for unprintable bytes is longer than they were
    check(dh.decode(again) == message, "written and read again, it is another one")
    check(dh.DhServices.fromReport(again) == services, "so are its services")


def seeds() -> Iterator[bytes]:
    """Real reports, and the emulated camera's."""
    from fuzz.traffic import conversation, vectors

    yield from vectors("dh")
    yield from {d for d in conversation() if d[:2] == b"DH"}
