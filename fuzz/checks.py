"""
What targets have in common: how to say that something is a defect.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, TypeVar

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogBeginner,
    globalLogPublisher,
)
from zope.interface import provider

from twistedcam.errors import WireError
from twistedcam.testing import MemoryHost, MemoryNetwork

T = TypeVar("T")

#: What Twisted makes of an event whose fields do not fit its format.
_UNFIT = "Unable to format event"


class Defect(Exception):
    """
    Something is not as it should be.

    @cvar seen: all of them, also those that somebody has caught.
    """

    seen: ClassVar[list[Defect]] = []

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.seen.append(self)


def check(condition: bool, text: str) -> None:
    """
    Insist.

    @param text: what is wrong if the condition is not met.
    @raise Defect: it is not met.
    """
    if not condition:
        raise Defect(text)


def accepted(decode: Callable[[bytes], T], datagram: bytes) -> T | None:
    """
    What C{decode} makes of a datagram; L{None} if it refuses it.

    @raise Defect: the L{WireError} names another byte than the one at its offset.
    """
    try:
        return decode(datagram)
    except WireError as error:
        str(error)
        if error.offset is not None:
            check(0 <= error.offset <= len(datagram), f"outside: {error}")
            there = datagram[error.offset : error.offset + 1]
            named = b"" if error.byte is None else bytes((error.byte,))
            check(there == named, f"not what stands there: {error}")
        return None


@contextmanager
def nothingLogged() -> Iterator[None]:
    """
    Reactors log what protocols raise, and Deferreds log what nobody handled; here it
    is a defect.  What is to be looked at has to be garbage at the end of the block.
    """
    troubles: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        text = formatEvent(event)
        if event["log_level"] >= LogLevel.error or text.startswith(_UNFIT):
            failure = event.get("log_failure")
            trace = failure.getTraceback() if failure is not None else ""
            troubles.append(f"{text}\n{trace}")

    Defect.seen.clear()
    globalLogPublisher.addObserver(observe)
    try:
        yield
        gc.collect()  # so that failures that nobody handled are told
    finally:
        globalLogPublisher.removeObserver(observe)
    for defect in Defect.seen:
        raise defect  # that a Deferred has swallowed
    check(not troubles, "\n".join(["logged as errors:", *troubles[:3]]))


def nothingLeft(network: MemoryNetwork, *hosts: MemoryHost) -> None:
    """
    Insist that there are no timers, and no ports on these hosts.

    @raise Defect: there are.
    """
    network.advance(0)
    timers = [str(call) for call in network.getDelayedCalls()]
    check(not timers, f"timers are left: {timers}")
    ports = [repr(port) for host in hosts for port in host.ports]
    check(not ports, f"ports are left: {ports}")


def prepare() -> None:
    """
    Tell the logging system that there is nobody to tell; until then it keeps what is
    logged.  And garbage is searched for often, but not among what is there already.
    """
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    gc.collect()
    gc.freeze()
