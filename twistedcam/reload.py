"""
A new configuration for a service that runs.

A L{Reloader} reads the file when it is told to.  The parts of the service, each a
L{Reloadable}, compare what they run with what they should, and change no more than
that.  A file that cannot be used changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from .errors import ConfigError
from .observers import Observers

C = TypeVar("C")
V = TypeVar("V")
_ConfigIn = TypeVar("_ConfigIn", contravariant=True)


class Reloadable(Protocol[_ConfigIn]):
    """A part of a service, made from a part of its configuration."""

    def apply(self, config: _ConfigIn) -> Deferred[str]:
        """
        Become as the configuration wants it; what is so already goes on untouched.

        @return: fires with what was done, in words for the log; empty: nothing.
        """


class Reloader(Service, Generic[C]):
    """
    Reads the configuration again, and has the parts follow it.

    @ivar problem: why the last file was of no use, or empty.
    """

    log = Logger()

    def __init__(
        self, load: Callable[[], C], parts: Sequence[Reloadable[C]] = ()
    ) -> None:
        """
        @param load: reads the configuration, or raises L{ConfigError}.
        @param parts: follow it, one after another.
        """
        self.problem = ""
        self._load = load
        self._parts = tuple(parts)
        self._asked = False
        self._working = False
        self._waiting: list[Deferred[None]] = []
        self._observers: Observers[[bool]] = Observers()

    def onReload(self, callback: Callable[[bool], object]) -> Callable[[], None]:
        """
        Have C{callback} called with C{True} when reloading begins, and with
        C{False} when it has ended, well or not.

        @return: call it to unsubscribe.
        """
        return self._observers.add(callback)

    def reload(self) -> Deferred[None]:
        """
        Read the file, and follow it.  While that is under way it is done once
        more afterwards, however often it was asked for: the file may have changed.

        @return: fires when the service is as the file, of now or later, wants it,
            or when the reason why not was logged.  Nothing happens unless the
            service runs.
        """
        if not self.running:
            return succeed(None)
        self._asked = True
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if not self._working:
            Deferred.fromCoroutine(self._work()).addErrback(
                lambda failure: self.log.failure("reloading", failure)
            )
        return done

    def stopService(self) -> Deferred[None]:
        """Nothing is begun any more; fires when what is under way has ended."""
        super().stopService()
        self._asked = False
        if not self._working:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        return done

    async def _work(self) -> None:
        self._working = True
        try:
            while self._asked:
                self._asked = False
                self._observers.tell(True)
                try:
                    await self._once()
                finally:
                    self._observers.tell(False)
        finally:
            self._working = False
            waiting, self._waiting = self._waiting, []
            for done in waiting:
                done.callback(None)

    async def _once(self) -> None:
        try:
            config = self._load()
        except ConfigError as e:
            self.problem = str(e)
            self.log.error(
                "configuration not reloaded, all stays as it is: {problem}",
                problem=self.problem,
            )
            return
        self.problem = ""
        changes = []
        for part in self._parts:
            if not self.running:
                return  # the end of everything has come in between
            try:
                changes.append(await part.apply(config))
            except Exception:
                # The others can follow nevertheless.
                self.log.failure("{part} does not follow", part=type(part).__name__)
        self.log.info(
            "configuration reloaded: {changes}",
            changes="; ".join(filter(None, changes)) or "nothing changed",
        )


class Restarted(Generic[C, V]):
    """
    A part that is made anew when its section of the configuration has changed, and
    is left alone, with its listening sockets, when it has not.

    @ivar service: what runs at present, if anything.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        parent: MultiService,
        section: Callable[[C], V | None],
        make: Callable[[V], IService],
    ) -> None:
        """
        @param name: for the log.
        @param parent: where the service is attached.
        @param section: finds the values that C{make} gets; L{None}: there is no
            such service.
        @param make: makes the service.
        """
        self.service: IService | None = None
        self._name = name
        self._parent = parent
        self._find = section
        self._make = make
        self._section: V | None = None

    def begin(self, config: C) -> None:
        """Make the first one; what is wrong with it is raised."""
        self._start(self._find(config))

    def apply(self, config: C) -> Deferred[str]:
        """See L{Reloadable}."""
        return Deferred.fromCoroutine(self._apply(self._find(config)))

    async def _apply(self, section: V | None) -> str:
        before = self._section
        if section == before:
            return ""
        await self._stop()
        if self._tryToStart(section):
            if section is None:
                return f"{self._name} stopped"
            return f"{self._name} {'started' if before is None else 'restarted'}"
        await self._stop()
        if self._tryToStart(before):
            # Of a server it is good to know where.
            endpoint = getattr(self.service, "endpoint", "")
            return f"{self._name} as before{endpoint and f', at {endpoint}'}"
        await self._stop()
        return f"{self._name} stopped"

    def _start(self, section: V | None) -> None:
        if section is not None:
            self.service = self._make(section)
            # A parent that runs starts it, too.
            self.service.setServiceParent(self._parent)
        self._section = section

    def _tryToStart(self, section: V | None) -> bool:
        try:
            self._start(section)
        except (
            CannotListenError,
            ConfigError,
            OSError,
            OverflowError,
            ValueError,
        ) as e:
            self.log.error(
                "{part} cannot be started: {problem}", part=self._name, problem=str(e)
            )
        except Exception:
            self.log.failure("{part} cannot be started", part=self._name)
        else:
            return True
        return False

    async def _stop(self) -> None:
        service: Any = self.service
        self.service = self._section = None
        if service is not None and service.parent is not None:
            await maybeDeferred(service.disownServiceParent)
