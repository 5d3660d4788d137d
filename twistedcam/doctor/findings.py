"""
What an examination finds: one line each, with what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

#: How an advice begins that is a command to be typed.
COMMAND = "$ "


class Level(Enum):
    """How bad it is; the values are what people read."""

    OK = "OK"
    NOTE = "note"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that was found.

    @ivar examination: the word for what was examined, such as C{"search"}.
    @ivar level: how bad it is.
    @ivar kind: a name that programs can rely on, such as C{"nothing-answers"}.
    @ivar text: what it is, in a sentence.
    @ivar advice: what to do, a step each; what begins with L{COMMAND} is to be
        typed as it stands.
    @ivar facts: figures, for programs; no secrets.
    """

    examination: str
    level: Level
    kind: str
    text: str
    advice: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


#: Gets findings, in their order.
Tell = Callable[[Finding], None]


class Examiner:
    """Tells findings of one examination."""

    def __init__(self, examination: str, tell: Tell) -> None:
        self._examination = examination
        self._tell = tell

    def ok(self, kind: str, text: str, **facts: Any) -> None:
        """All is well."""
        self._say(Level.OK, kind, text, (), facts)

    def note(self, kind: str, text: str, *advice: str, **facts: Any) -> None:
        """Something to know."""
        self._say(Level.NOTE, kind, text, advice, facts)

    def problem(self, kind: str, text: str, *advice: str, **facts: Any) -> None:
        """Something is wrong; C{advice} says what to do."""
        self._say(Level.PROBLEM, kind, text, advice, facts)

    def _say(
        self,
        level: Level,
        kind: str,
        text: str,
        advice: tuple[str, ...],
        facts: Mapping[str, Any],
    ) -> None:
        self._tell(Finding(self._examination, level, kind, text, advice, facts))
