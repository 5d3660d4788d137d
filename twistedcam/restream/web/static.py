"""
The page and its files: read once, served from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from .pages import Denied, Page, Refusal, send
from .site import WebRequest

#: What a browser may do with the page: load what is from here, and nothing else.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:;"
    " object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)

#: By the end of a file's name; others are not served.
TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "json": "application/json; charset=utf-8",
    "webmanifest": "application/manifest+json; charset=utf-8",
    "woff2": "font/woff2",
    "txt": "text/plain; charset=utf-8",
}

#: The file that C{/} is.
INDEX = "index.html"


@dataclass(frozen=True)
class StaticFile:
    """
    A file.

    @ivar etag: changes with the content.
    """

    content: bytes
    contentType: str
    etag: str


def loadFiles() -> dict[str, StaticFile]:
    """The files that come with this package, by name; folders are left out."""
    found: dict[str, StaticFile] = {}
    folder = files(__package__).joinpath("static")
    if not folder.is_dir():
        return found
    for file in folder.iterdir():
        kind = TYPES.get(file.name.rpartition(".")[2])
        if kind is not None and not file.name.startswith(".") and file.is_file():
            content = file.read_bytes()
            etag = f'"{sha256(content).hexdigest()[:32]}"'
            found[file.name] = StaticFile(content, kind, etag)
    return found


class StaticPage(Page):
    """One of them."""

    isLeaf = True

    def __init__(self, file: StaticFile) -> None:
        super().__init__()
        self._file = file

    def answer(self, request: WebRequest) -> None:
        """The file, unless the browser has it."""
        file = self._file
        headers = {
            "ETag": file.etag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
        }
        asked = ",".join(request.headers("If-None-Match"))
        known = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
        if known & {file.etag, "*"}:
            send(request, b"", None, 304, headers)
        else:
            send(request, file.content, file.contentType, 200, headers)


class StaticFolder(Page):
    """All of them."""

    def __init__(self, files: Mapping[str, StaticFile]) -> None:
        super().__init__()
        self.files = files

    def answer(self, request: WebRequest) -> None:
        """There is no list of them."""
        raise Refusal(404, "there is nothing here")

    def getChild(self, path: bytes, request: Any) -> Page:
        """By name: nothing is looked up anywhere else than in memory."""
        file = self.files.get(path.decode("utf-8", "replace"))
        # A path that goes on does not lead to a file.
        if file is None or request.postpath:
            return Denied(Refusal(404, "there is no such file"))
        return StaticPage(file)
