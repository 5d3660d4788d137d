"""
Writes what docs/ shows of the state machines: the tables of docs/machines.md, and
with --draw the pictures too.

The pictures are automat-visualize's, tidied.  On its own it orders them anew in
each run, and the inputs that change nothing hide those that do; these stand in
the tables only.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from twistedcam.keeper import KeeperMachine
from twistedcam.session.machine import SessionMachine

DOCS = Path(__file__).resolve().parent.parent / "docs"

MACHINES: dict[str, Any] = {"session": SessionMachine, "camera": KeeperMachine}

#: What automat calls the behaviour of a row that has none.
NOTHING = "returns(None)"

FONT = "Helvetica"


class Row(NamedTuple):
    """A transition, in words."""

    state: str
    happening: str
    after: str
    behaviour: tuple[str, ...]


class Tidy:
    """
    What automat's drawing wants to know of an automaton: its states by their
    distance from the first, and their rows, in one box where they lead from and to
    the same states.
    """

    def __init__(self, machine: Any) -> None:
        self._rows = [r for r in rowsOf(machine) if r.behaviour or r.state != r.after]
        self.initialState: str = machine.__automat_automaton__.initialState.name
        self._states = [self.initialState]
        for state in self._states:
            reached = {row.after for row in self._rows if row.state == state}
            self._states += sorted(reached.difference(self._states))

    def states(self) -> list[str]:
        """All states, nearest first."""
        return self._states

    def allTransitions(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """Rows of the same ends as one."""

        def ends(row: Row) -> tuple[int, int]:
            return self._states.index(row.state), self._states.index(row.after)

        return [
            (
                self._states[start],
                ", ".join(row.happening for row in rows),
                self._states[end],
                tuple(dict.fromkeys(name for row in rows for name in row.behaviour)),
            )
            for (start, end), group in groupby(sorted(self._rows, key=ends), ends)
            for rows in [list(group)]
        ]


def rowsOf(machine: Any) -> list[Row]:
    """All rows of a machine, sorted."""
    return sorted(
        Row(
            state.name,
            happening,
            after.name,
            tuple(o.name for o in outputs if o.name != NOTHING),
        )
        for state, happening, after, outputs in (
            machine.__automat_automaton__.allTransitions()
        )
    )


def table(machine: Any) -> str:
    """All rows of a machine, in Markdown."""
    lines = ["| state | input | next state |", "|---|---|---|"]
    lines += [f"| {a} | `{what}` | {b} |" for a, what, b, _ in rowsOf(machine)]
    return "\n".join(lines)


def rewrite(text: str, name: str, machine: Any) -> str:
    """Put a machine's table between its markers."""
    begin, end = f"<!-- {name}: rows -->", f"<!-- {name}: end -->"
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        sys.exit(f"docs/machines.md lacks {begin} or {end}")
    return f"{before}{begin}\n\n{table(machine)}\n\n{end}{after}"


def draw(name: str, machine: Any) -> None:
    """Write a machine's picture."""
    from automat._visualize import makeDigraph

    digraph = makeDigraph(Tidy(machine), str, str, str)  # type: ignore[arg-type]
    digraph.graph_attr.update(dpi="72", nodesep="0.1", ranksep="0.2", bgcolor="white")
    digraph.node_attr["fontname"] = digraph.edge_attr["fontname"] = FONT
    digraph.body = [
        line.replace("menlo-italic", FONT).replace("Menlo", FONT)
        for line in digraph.body
    ]
    picture = DOCS / "machines" / f"{name}.svg"
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(digraph.pipe("svg"))
    print(picture)


def main(arguments: list[str]) -> None:
    """Rewrite the tables, and draw if asked to."""
    page = DOCS / "machines.md"
    text = page.read_text()
    for name, machine in MACHINES.items():
        text = rewrite(text, name, machine)
        if "--draw" in arguments:
            draw(name, machine)
    page.write_text(text)
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
