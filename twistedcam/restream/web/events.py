"""
C{/events}: what happens to the cameras, as server-sent events.

Whoever is slow misses the single steps, and gets the whole list once he is ready for
more; alarms wait for him, the newest of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ..observatory import Alarm, CameraReport, Observatory
from .pages import Page, sendHead
from .site import WebRequest
from .streaming import Streaming
from .tools import Tools

#: Alarms that wait for a slow listener.
MAX_ALARMS = 32

_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8"}

#: Milliseconds until a browser asks again.
_BEGINNING = b"retry: 1000\n\n"


def event(kind: str, value: object) -> bytes:
    """One event.  There are no line ends in JSON."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(value))


@implementer(IPushProducer)
class _Listener:
    """
    Somebody who listens.

    @ivar send: writes to him.
    """

    def __init__(self, makeList: Callable[[], bytes]) -> None:
        self.send: Callable[[bytes], object] = lambda data: None
        self._makeList = makeList
        self._paused = False
        self._missed = False
        self._alarms: deque[bytes] = deque(maxlen=MAX_ALARMS)

    def tell(self, data: bytes) -> None:
        """Something that the list says as well."""
        if self._paused:
            self._missed = True
        else:
            self.send(data)

    def alarm(self, data: bytes) -> None:
        """Something that it does not."""
        if self._paused:
            self._alarms.append(data)
        else:
            self.send(data)

    def pauseProducing(self) -> None:
        """Enough for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on, as far as he takes it."""
        self._paused = False
        if self._missed:
            self._missed = False
            self.send(self._makeList())
        while self._alarms and not self._paused:
            self.send(self._alarms.popleft())

    def stopProducing(self) -> None:
        """He is gone."""
        self._paused = True
        self._alarms.clear()


class Events:
    """
    Tells all who listen; each event is made once for all of them.
    """

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory
        self._listeners: set[_Listener] = set()
        self._unsubscribe: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin."""
        self._unsubscribe = [
            self._observatory.onList.add(self._list),
            self._observatory.onCamera.add(self._camera),
            self._observatory.onAlarm.add(self._alarm),
        ]

    def stop(self) -> None:
        """End."""
        unsubscribe, self._unsubscribe = self._unsubscribe, []
        for each in unsubscribe:
            each()

    def join(self, tools: Tools, request: WebRequest) -> None:
        """One more."""
        listener = _Listener(self._makeList)
        response = Streaming(tools.clock, tools.listeners, request, _HEADERS, listener)
        listener.send = response.write
        self._listeners.add(listener)
        request.notifyFinish().addBoth(lambda _: self._listeners.discard(listener))
        listener.tell(_BEGINNING + self._makeList())

    def statistics(self, news: list[CameraReport]) -> None:
        """Once a second: what is new."""
        self._tell(event("statistics", news) if self._listeners else b"")

    def _makeList(self) -> bytes:
        return event("list", self._observatory.reports())

    def _list(self) -> None:
        self._tell(self._makeList() if self._listeners else b"")

    def _camera(self, report: CameraReport) -> None:
        self._tell(event("camera", report) if self._listeners else b"")

    def _tell(self, data: bytes) -> None:
        for listener in list(self._listeners):
            listener.tell(data)

    def _alarm(self, alarm: Alarm) -> None:
        data = event("alarm", alarm)
        for listener in list(self._listeners):
            listener.alarm(data)


class EventsPage(Page):
    """Events."""

    isLeaf = True

    def __init__(self, tools: Tools, events: Events) -> None:
        super().__init__()
        self._tools = tools
        self._events = events

    def answer(self, request: WebRequest) -> None:
        """Begin; it ends when either side has enough."""
        if request.method == b"HEAD":
            sendHead(request, _HEADERS)
            return
        self._tools.listeners.check()
        self._events.join(self._tools, request)
