"""
The page's files, as far as that can be seen without a browser: C{tests/browser} has
one.
"""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

FOLDER = files("twistedcam.restream.web").joinpath("static")

#: Where a style sheet or a script may lead to: what begins so is elsewhere.
_ELSEWHERE = re.compile(r"""["'(`]\s*((https?|wss?)://|//[a-z])""", re.IGNORECASE)

#: The one address that is a name: nothing is loaded from there.
_SVG = "http://www.w3.org/2000/svg"


@cache
def read(name: str) -> str:
    """A file of the page."""
    return FOLDER.joinpath(name).read_text("utf-8")


@cache
def names(ending: str) -> tuple[str, ...]:
    """The files whose names end so."""
    found = (file.name for file in FOLDER.iterdir())
    return tuple(sorted(name for name in found if name.endswith(ending)))


class _Reader(HTMLParser):
    """
    Notes what is in the page.

    @ivar elements: kinds and attributes.
    @ivar texts: what stands in scripts and styles.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        """What follows is not in it."""
        self._within = ""

    def handle_data(self, data: str) -> None:
        """Note what a browser would run."""
        if self._within in ("script", "style") and data.strip():
            self.texts.append(data)


@cache
def page() -> _Reader:
    """The page, read."""
    reader = _Reader()
    reader.feed(read("index.html"))
    return reader


@cache
def identifiers() -> tuple[str, ...]:
    """All ids in the page."""
    return tuple(
        cast(str, attributes["id"])
        for _, attributes in page().elements
        if "id" in attributes
    )


class PageTests(SynchronousTestCase):
    """C{index.html}."""

    def test_nothingInline(self) -> None:
        """The policy allows neither scripts nor styles in the page itself."""
        self.assertEqual([], page().texts)
        for tag, attributes in page().elements:
            self.assertNotIn("style", attributes, tag)
            handlers = [name for name in attributes if name.startswith("on")]
            self.assertEqual([], handlers, tag)
            self.assertNotEqual("style", tag)

    def test_filesExist(self) -> None:
        """All that the page loads is in this package, at paths that are served."""
        loaded = []
        for tag, attributes in page().elements:
            for name in ("src", "href"):
                value = attributes.get(name)
                if value is None or (tag in ("use", "a") and value.startswith("#")):
                    continue
                self.assertTrue(value.startswith("/static/"), value)
                loaded.append(value.removeprefix("/static/"))
        self.assertIn("app.js", loaded)
        self.assertIn("icon.svg", loaded)
        for name in loaded:
            self.assertTrue(FOLDER.joinpath(name).is_file(), name)

    def test_identifiersAreUnique(self) -> None:
        """No id is there twice, and none can be the name of a camera, to which a
        browser would scroll."""
        self.assertEqual(len(set(identifiers())), len(identifiers()))
        for identifier in identifiers():
            self.assertNotRegex(identifier, r"^[a-z0-9-]*$")

    def test_identifiersAreThere(self) -> None:
        """Every id that the page refers to exists."""
        for tag, attributes in page().elements:
            for name in ("aria-labelledby", "aria-describedby", "for", "aria-controls"):
                for identifier in (attributes.get(name) or "").split():
                    self.assertIn(identifier, identifiers(), tag)
            if tag == "use":
                self.assertIn((attributes["href"] or "")[1:], identifiers())

    def test_language(self) -> None:
        """The language and the title are told, and there is one main heading."""
        tags = [tag for tag, _ in page().elements]
        self.assertIn(("html", {"lang": "en"}), page().elements)
        self.assertEqual(1, tags.count("title"))
        self.assertEqual(1, tags.count("h1"))

    def test_buttonsDoNotSubmit(self) -> None:
        """Every button is one by its type, or tells the dialog's result."""
        for tag, attributes in page().elements:
            if tag == "button":
                self.assertTrue(
                    attributes.get("type") == "button" or "value" in attributes,
                    attributes,
                )


class FileTests(SynchronousTestCase):
    """Scripts, the style sheet and the icon."""

    def test_identifiersOfScripts(self) -> None:
        """Every id that a script looks for exists, and most are looked for."""
        wanted = set()
        for name in names(".js"):
            script = read(name)
            wanted |= set(re.findall(r"(?:getElementById|byId)\(\"(\w+)\"\)", script))
            wanted |= set(re.findall(r"\"#(icon\w+)\"", script))
            wanted |= set(re.findall(r"\"(\w+Announcer)\"", script))
        self.assertLess(20, len(wanted))
        self.assertEqual(set(), wanted - set(identifiers()))

    def test_classesOfScripts(self) -> None:
        """Every class that a script looks for is in the page."""
        classes = {
            word
            for _, attributes in page().elements
            for word in (attributes.get("class") or "").split()
        }
        for name in names(".js"):
            for wanted in re.findall(
                r"querySelector(?:All)?\(\"\.(\w+)\"\)", read(name)
            ):
                self.assertIn(wanted, classes, name)

    def test_imports(self) -> None:
        """Every module that is imported exists, exports what is wanted, and all of
        them are reached."""
        reached = {"app.js"}
        for name in names(".js"):
            found = re.findall(
                r"^import \{([^}]*)\} from \"\./(\w+\.js)\";", read(name), re.MULTILINE
            )
            every = re.findall(r"^import ", read(name), re.MULTILINE)
            self.assertEqual(len(every), len(found), name)
            for imported, module in found:
                reached.add(module)
                for wanted in imported.replace(",", " ").split():
                    self.assertRegex(
                        read(module),
                        rf"export (async )?(class|function|const) {wanted}\b",
                        name,
                    )
        self.assertEqual(reached, set(names(".js")))

    def test_nothingFromElsewhere(self) -> None:
        """No file refers to another server, but by the name of SVG."""
        for name in (*names(".js"), *names(".css"), *names(".html"), *names(".svg")):
            text = read(name).replace(f'"{_SVG}"', '""')
            self.assertIsNone(_ELSEWHERE.search(text), name)
            self.assertNotIn("@import", text, name)

    def test_noMarkupFromText(self) -> None:
        """No script makes markup, or code, of text: a camera's title is a stranger's."""
        for name in names(".js"):
            self.assertNotRegex(
                read(name),
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b"
                r"|new Function|setAttribute\(\"(style|on\w+)\"",
                name,
            )

    def test_small(self) -> None:
        """Modules are small."""
        for name in names(".js"):
            self.assertLess(read(name).count("\n"), 340, name)

    def test_kinds(self) -> None:
        """There is nothing that the server would not serve."""
        for file in FOLDER.iterdir():
            self.assertRegex(file.name, r"^\w+\.(html|js|css|svg)$")

    def test_preferences(self) -> None:
        """The style sheet heeds what users prefer."""
        style = read("style.css")
        for preference in (
            "prefers-color-scheme: dark",
            "prefers-reduced-motion: reduce",
            "forced-colors: active",
            ":focus-visible",
        ):
            self.assertIn(preference, style)
