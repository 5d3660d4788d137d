"""
Cases: functions that look at a page, each with a sentence that it shows to be true.
"""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.browser.chrome import Browser
from tests.browser.house import House


@dataclass(frozen=True)
class World:
    """
    What a case looks at.

    @ivar house: the cameras and the server.
    @ivar page: the browser.
    """

    house: House
    page: Browser

    def open(self, hash: str = "") -> None:
        """Open the page anew."""
        self.page.driver.get("about:blank")
        self.page.driver.get(self.house.address + hash)

    def whenLive(self, name: str = "garden", seconds: float = 15.0) -> None:
        """Wait until a camera's tile shows live video."""
        self.page.wait(
            f"return document.querySelector('[data-camera={name}][data-live=true]')"
            " !== null",
            f"{name} is live",
            seconds,
        )

    def openLarge(self, name: str = "garden") -> None:
        """Open the page with one camera large, and wait for its video."""
        self.open(f"#{name}")
        self.whenLargeIsLive()

    def whenLargeIsLive(self, seconds: float = 15.0) -> None:
        """Wait for the video of the large one."""
        self.page.wait(
            "return document.querySelector('#largeStage[data-live=true] video:last-child')"
            "?.readyState >= 2",
            "it is large, and live",
            seconds,
        )


Case = Callable[[World], str | None]

#: Those whose page complains, since that is what they are about.
_rough: set[Case] = set()


def rough(case: Case) -> Case:
    """Mark a case in which requests fail."""
    _rough.add(case)
    return case


def check(isTrue: object, what: str) -> None:
    """
    See that something is as it should be.

    @raise AssertionError: it is not.
    """
    if not isTrue:
        raise AssertionError(what)


class Results:
    """
    What came of it.

    @ivar failed: the sentences that are not true.
    """

    def __init__(self, pattern: str = "") -> None:
        """
        @param pattern: run the cases only that have this in their names.
        """
        self.failed: list[str] = []
        self.passed = 0
        self._pattern = pattern
        self._folder: Path | None = None

    def wants(self, cases: tuple[Case, ...]) -> bool:
        """Is there anything to be done?"""
        return any(self._pattern in case.__name__ for case in cases)

    def run(self, world: World, *cases: Case) -> None:
        """Run cases one after another; tell each result."""
        for case in cases:
            if self._pattern in case.__name__:
                self._run(world, case)

    def _run(self, world: World, case: Case) -> None:
        sentence = (case.__doc__ or case.__name__).strip().rstrip(".")
        start = time.monotonic()
        world.page.trouble()
        try:
            detail = case(world)
            trouble = world.page.trouble()
            if case not in _rough:
                check(not trouble, f"the browser complains: {trouble}")
        except Exception as problem:
            self.failed.append(sentence)
            print(f"FAILED  {sentence}", flush=True)
            traceback.print_exception(problem, limit=-4)
            self._keepPicture(world, case)
        else:
            self.passed += 1
            seconds = time.monotonic() - start
            more = f": {detail}" if detail else ""
            print(f"ok {seconds:5.1f} s  {sentence}{more}", flush=True)

    def _keepPicture(self, world: World, case: Case) -> None:
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="twistedcam-"))
        path = self._folder / f"{case.__name__}.png"
        try:
            print(f"        {world.page.picture(path)}")
        except Exception as problem:
            print(f"        no picture: {problem}")
