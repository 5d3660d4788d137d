"""
The documents tell the truth, as far as a program can see, and the package is built
as they say.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

import twistedcam
from twistedcam import tap
from twistedcam.cli import program as cli
from twistedcam.keeper import KeeperMachine
from twistedcam.session.machine import SessionMachine

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(twistedcam.__file__).parent


class MachinesTests(SynchronousTestCase):
    """docs/machines.md."""

    def assertDocumented(self, name: str, machine: Any) -> None:
        """Every row stands in the table of that name, and no other."""
        text = (ROOT / "docs/machines.md").read_text()
        text = text.partition(f"<!-- {name}: rows -->")[2]
        text = text.partition(f"<!-- {name}: end -->")[0]
        documented = re.findall(
            r"^\| (\w+) \| `(\w+)` \| (\w+) \|$", text, re.MULTILINE
        )
        rows = machine.__automat_automaton__.allTransitions()
        self.assertEqual(
            sorted((state.name, what, after.name) for state, what, after, _ in rows),
            documented,
            "run: make machines",
        )

    def test_session(self) -> None:
        """The rows of the session machine are those of the table."""
        self.assertDocumented("session", SessionMachine)

    def test_camera(self) -> None:
        """The rows of the camera machine are those of the table."""
        self.assertDocumented("camera", KeeperMachine)

    def test_states(self) -> None:
        """The tables for people know every state."""
        text = (ROOT / "docs/machines.md").read_text()
        for machine in (SessionMachine, KeeperMachine):
            for state in states(machine):
                self.assertRegex(text, rf"(?m)^\| {state} \| ([^`|]* )?\| [^|]*\|$")

    def test_drawings(self) -> None:
        """The pictures know every state."""
        for name, machine in (("session", SessionMachine), ("camera", KeeperMachine)):
            picture = (ROOT / f"docs/machines/{name}.svg").read_text()
            for state in states(machine):
                self.assertIn(f">{state}<", picture)


class LinksTests(SynchronousTestCase):
    """What the documents point to."""

    def test_local(self) -> None:
        """Links to files of ours lead somewhere, and links to headings too."""
        pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        self.assertIn(ROOT / "README.md", pages)
        dead = [
            f"{page.relative_to(ROOT)}: {link}"
            for page in pages
            for link in self.links(page)
            if not self.leads(page, link)
        ]
        self.assertEqual([], dead)

    def links(self, page: Path) -> list[str]:
        """All links of a page, but those to other sites."""
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.DOTALL)
        found = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
        links = [markdown or html for markdown, html in found]
        return [link for link in links if not re.match(r"[a-z]+:", link)]

    def leads(self, page: Path, link: str) -> bool:
        """Is there such a file, and in it such a heading?"""
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists():
            return False
        return not anchor or anchor in {
            re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        }


class ClaimsTests(SynchronousTestCase):
    """docs/security.md."""

    def test_held(self) -> None:
        """Each test that it names exists, and each claim names one."""
        text = (ROOT / "docs/security.md").read_text()
        rows = re.findall(r"^\| ([^|]+) \| ([^|]*`test_[^|]*) \|$", text, re.MULTILINE)
        self.assertGreater(len(rows), 20)
        missing = []
        for _, tests in rows:
            for name in re.findall(r"`(test_[\w.]+)`", tests):
                module, *path = name.split(".")
                found: object = import_module(f"tests.{module}")
                for part in path:
                    found = getattr(found, part, None)
                if found is None:
                    missing.append(name)
        self.assertEqual([], missing)

    def test_noPasswordOption(self) -> None:
        """No command takes a password on the command line, but that which emulates."""
        commands: list[Any] = cli.Options.subCommands
        makers = [tap.Options, *(parser for name, _, parser, _ in commands)]
        options = {
            (maker.__name__, name) for maker in makers for name in maker().longOpt
        }
        self.assertIn(("Options", "password-file="), options)
        self.assertEqual(
            {("Emulate", "password=")},
            {each for each in options if each[1] in ("password=", "token=")},
        )


class PluginTests(SynchronousTestCase):
    """How twistd finds us."""

    def test_noPackage(self) -> None:
        """
        C{twisted} and C{twisted.plugins} are Twisted's packages: an
        C{__init__.py} of ours would hide it, or us from it.
        """
        for folder in ("twisted", "twisted/plugins"):
            self.assertFalse((ROOT / folder / "__init__.py").exists(), folder)

    def test_found(self) -> None:
        """Twisted finds the plugin, once."""
        names = [plugin.tapname for plugin in getPlugins(IServiceMaker)]
        self.assertEqual(1, names.count("camclient"))


#: Who may not see whom: a part of the package, and what it does not import.
FORBIDDEN = (
    ("wire", ("twisted", "zope", "automat", "socket", "time", "asyncio")),
    ("errors", ("twisted", "twistedcam", "socket")),
    ("testing", ("twistedcam", "socket", "asyncio")),
    (
        "emulator",
        (
            "twistedcam.camera",
            "twistedcam.discovery",
            "twistedcam.fleet",
            "twistedcam.lan",
            "twistedcam.restream",
            "twistedcam.session.dialogue",
            "twistedcam.session.machine",
            "twistedcam.session.protocol",
        ),
    ),
    ("session", ("twistedcam.media", "twistedcam.restream", "twistedcam.camera")),
    ("discovery", ("twistedcam.session", "twistedcam.camera", "twistedcam.fleet")),
    ("media", ("twisted.internet", "socket", "asyncio")),
    ("restream", ("socket", "asyncio", "time")),
    ("restream.web", ("twistedcam.restream.rtsp", "twistedcam.restream.record")),
    ("restream.rtsp", ("twistedcam.restream.web", "twistedcam.restream.record")),
    (
        "doctor",
        (
            "twistedcam.restream",
            "twistedcam.cli",
            "twistedcam.fleet",
            "twistedcam.emulator",
        ),
    ),
    ("cli", ("twistedcam.tap", "twistedcam.outlets", "socket")),
    ("reload", ("twistedcam.camera", "twistedcam.fleet", "twistedcam.restream")),
    ("hangup", ("twistedcam.reload", "twistedcam.fleet", "twistedcam.restream")),
    ("readiness", ("twistedcam.session", "twistedcam.restream")),
    ("jsonlog", ("twistedcam",)),
    ("camera", ("socket", "twistedcam.restream")),
    ("keeper", ("socket", "twistedcam.camera", "twistedcam.restream")),
    ("fleet", ("socket", "twistedcam.session", "twistedcam.restream")),
)

#: What each part may import of ours, if not everything.
ALLOWED = (
    ("wire", ("twistedcam.wire", "twistedcam.errors")),
    (
        "media",
        (
            "twistedcam.media",
            "twistedcam.wire",
            "twistedcam.errors",
            "twistedcam.observers",
        ),
    ),
    (
        "restream",
        (
            "twistedcam.restream",
            "twistedcam.camera",
            "twistedcam.commands",
            "twistedcam.errors",
            "twistedcam.fleet",
            "twistedcam.keeper",
            "twistedcam.media",
            "twistedcam.observers",
            "twistedcam.reactors",
            "twistedcam.statistics",
            "twistedcam.streams",
            "twistedcam.threads",
        ),
    ),
)


class RoomsTests(SynchronousTestCase):
    """Who sees whom inside the package."""

    def modules(self, room: str) -> Iterator[tuple[str, set[str]]]:
        """The modules of a part, each with all that it imports."""
        for path in sorted(PACKAGE.rglob("*.py")):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            if within(name, (f"twistedcam.{room}",)):
                yield name, set(imports(path, name))

    def test_forbidden(self) -> None:
        """No part imports what it must not know."""
        wrong = [
            f"{name} imports {what}"
            for room, forbidden in FORBIDDEN
            for name, imported in self.modules(room)
            for what in sorted(imported)
            if within(what, forbidden)
        ]
        self.assertEqual([], wrong)

    def test_allowed(self) -> None:
        """The lower parts import only those below them."""
        wrong = [
            f"{name} imports {what}"
            for room, allowed in ALLOWED
            for name, imported in self.modules(room)
            for what in sorted(imported)
            if within(what, ("twistedcam",)) and not within(what, allowed)
        ]
        self.assertEqual([], wrong)

    def test_looked(self) -> None:
        """The two tests above saw something to judge."""
        for room, known in (
            ("wire", "twistedcam.errors.WireError"),
            ("testing", "twisted.internet.task.Clock"),
            ("emulator", "twistedcam.wire.dh.encode"),
            ("session", "twistedcam.wire.pppp"),
            ("restream", "twistedcam.fleet.Fleet"),
            ("restream.web", "twistedcam.restream.access.Access"),
            ("doctor", "twistedcam.session.machine.Reason"),
        ):
            imported = {what for _, some in self.modules(room) for what in some}
            self.assertIn(known, imported)

    def test_reactor(self) -> None:
        """
        Nobody imports the global reactor, or what installs it, with the module:
        whoever uses the package chooses the reactor.
        """
        installing = (
            "klein",
            "prometheus_client.twisted",
            "twisted.internet.reactor",
        )
        wrong = []
        for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
            for what in imports(path, "", atOnce=True):
                if within(what, installing):
                    wrong.append(f"{path.relative_to(ROOT)} imports {what}")
        self.assertEqual([], wrong)


def states(machine: Any) -> list[str]:
    """The names of a machine's states."""
    return [state.name for state in machine.__automat_automaton__.states()]


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Is it one of these, or in one of them?"""
    return any(name == one or name.startswith(f"{one}.") for one in packages)


def imports(path: Path, module: str, atOnce: bool = False) -> Iterator[str]:
    """
    The full names of what a file imports, also if only for type checkers.

    @param module: its own name.
    @param atOnce: leave out what functions import when they are called.
    """
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    todo: list[ast.AST] = [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif not (atOnce and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            todo += ast.iter_child_nodes(node)
