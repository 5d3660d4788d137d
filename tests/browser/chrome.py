"""
A real Chromium without a window, as a user has it: a new profile, no favours.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")

BROWSER, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"

#: It needs no sandbox where nothing is loaded from elsewhere, and none where root
#: runs it; the others keep it from talking to the Internet.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

#: Seconds that anything may take, unless told otherwise.
PATIENCE = 15.0


class TooLate(AssertionError):
    """Something did not happen in time."""


def within(seconds: float, look: Callable[[], T], what: str) -> T:
    """
    Look until there is something.

    @return: the first result that counts as true.
    @raise TooLate: there was none.
    """
    end = time.monotonic() + seconds
    while True:
        if result := look():
            return result
        if time.monotonic() > end:
            raise TooLate(f"not within {seconds:g} s: {what}; it is {result!r}")
        time.sleep(0.02)


@dataclass
class Trouble:
    """
    What a browser complained about.

    @ivar console: errors and warnings in the console.
    @ivar failures: requests that failed, or were refused.
    @ivar elsewhere: addresses of other machines that were asked for.
    """

    console: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.console or self.failures or self.elsewhere)


class Post(NamedTuple):
    """What a page posted, and where to: below C{/cameras/}."""

    path: str
    body: Any


class Browser:
    """
    One browser.

    @ivar driver: Selenium's, for all that has no method here.
    @ivar downloads: where it saves what is downloaded.
    @ivar posts: what the page has posted, as far as L{listen} was called.
    """

    def __init__(self, size: tuple[int, int], folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        options = ChromeOptions()
        options.binary_location = BROWSER
        for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.add_argument(f"--window-size={size[0]},{size[1]}")
        options.set_capability(
            "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
        )
        self.driver = Chrome(options, ChromeService(DRIVER))
        self.posts: list[Post] = []
        self._found = Trouble()
        self._requests: dict[str, str] = {}
        self._cdp(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(self.downloads),
        )
        self.resize(*size)

    def _cdp(self, command: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)

    # How it looks.

    def resize(self, width: int, height: int, phone: bool = False) -> None:
        """Give the page so many pixels; a phone has fingers, too."""
        self._cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self._cdp("Emulation.setTouchEmulationEnabled", enabled=phone)

    def prefer(self, scheme: str = "light", motion: str = "no-preference") -> None:
        """What the user prefers."""
        self._cdp(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": motion},
            ],
        )

    def picture(self, path: Path) -> Path:
        """Save what is to be seen."""
        path.write_bytes(self.driver.get_screenshot_as_png())
        return path

    # What is in it.

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page."""
        return self.driver.execute_script(script, *arguments)

    @contextmanager
    def before(self, script: str) -> Iterator[None]:
        """Run a script before the page's own, whenever it is loaded meanwhile."""
        made = self._cdp("Page.addScriptToEvaluateOnNewDocument", source=script)
        try:
            yield
        finally:
            self._cdp("Page.removeScriptToEvaluateOnNewDocument", **made)

    def all(self, selector: str) -> list[WebElement]:
        """All elements that match."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        """The first element that matches."""
        return self.driver.find_element("css selector", selector)

    def wait(self, script: str, what: str, seconds: float = PATIENCE) -> Any:
        """Wait until the body of a function returns something true."""
        return within(seconds, lambda: self.run(script), what)

    # What it did.

    def trouble(self) -> Trouble:
        """What it complained about since the last time."""
        self.listen()
        found, self._found = self._found, Trouble()
        return found

    def listen(self) -> None:
        """Read the browser's logs."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING"):
                self._found.console.append(entry["message"])
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            self._note(message["method"], message["params"])

    def posted(self) -> list[Post]:
        """What was posted since the last time."""
        self.listen()
        posts, self.posts = self.posts, []
        return posts

    def _note(self, method: str, params: dict[str, Any]) -> None:
        found = self._found
        if method == "Network.requestWillBeSent":
            request = params["request"]
            url = self._requests[params["requestId"]] = request["url"]
            if not url.startswith(("http://127.0.0.1", "data:", "blob:", "chrome:")):
                found.elsewhere.append(url)
            if request["method"] == "POST":
                body = json.loads(request.get("postData", "null"))
                self.posts.append(Post(url.partition("/cameras/")[2], body))
        elif method == "Network.responseReceived":
            status = params["response"]["status"]
            if status >= 400:
                found.failures.append(f"{status} {params['response']['url']}")
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            # Of what the browser does for itself only the failure is told.
            if url := self._requests.get(params["requestId"]):
                found.failures.append(f"{params['errorText']} {url}")
        elif method == "Network.webSocketFrameError":
            found.failures.append(f"WebSocket: {params['errorMessage']}")


@contextmanager
def browser(size: tuple[int, int] = (1280, 800)) -> Iterator[Browser]:
    """A browser that is gone afterwards, with all that it kept."""
    folder = Path(tempfile.mkdtemp(prefix="twistedcam-browser-"))
    try:
        opened = Browser(size, folder)
        try:
            yield opened
        finally:
            opened.driver.quit()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
