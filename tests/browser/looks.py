"""
What the page looks like, and whether everybody can use it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Keys

from tests.browser.cases import World, check

AUDIT = (Path(__file__).parent / "audit.js").read_text()

#: What WCAG 2 wants of text, and of what is no text; pixels of a finger.
TEXT_CONTRAST, OTHER_CONTRAST, FINGER = 4.5, 3, 44


def _audit(world: World, function: str, *arguments: Any) -> Any:
    world.page.run(AUDIT)
    return world.page.run(f"return audit.{function}(...arguments)", *arguments)


def _checkNone(complaints: list[str], where: str) -> None:
    check(not complaints, f"{where}: {complaints}")


def _openLargeWithAll(world: World) -> None:
    """Large, with all that can be shown."""
    world.openLarge()
    world.page.one("#imageDetails summary").click()
    world.page.wait("return !imageForm.elements.brightness.disabled", "the settings")


def hasNames(world: World) -> None:
    """All controls have names, headings are in order, there is one h1."""
    world.open()
    world.whenLive()
    for function in ("unnamed", "structure"):
        _checkNone(_audit(world, function), f"grid, {function}")
    _openLargeWithAll(world)
    for function in ("unnamed", "structure"):
        _checkNone(_audit(world, function), f"large, {function}")


def hasContrast(world: World) -> str:
    """Text has a contrast of 4.5 at least, light and dark."""
    worst = []
    try:
        for scheme in ("light", "dark"):
            world.page.prefer(scheme)
            world.open()
            world.whenLive()
            world.house.ask("alarm", "garden")
            world.page.wait(
                "return !document.querySelector('[data-camera=garden] .alarm').hidden",
                "an alarm",
            )
            found = [_audit(world, "faint", TEXT_CONTRAST)]
            _openLargeWithAll(world)
            world.page.one("#storeButton").click()
            world.page.one("[data-lamp=light]").click()
            world.page.wait("return largeMessage.textContent !== ''", "a message")
            found.append(_audit(world, "faint", TEXT_CONTRAST))
            _checkNone(
                _audit(world, "faintBorders", OTHER_CONTRAST), f"{scheme}, borders"
            )
            for part in found:
                _checkNone(part["complaints"], scheme)
            worst.append(f"{scheme} {min(part['worst'] for part in found):.1f}")
            page = world.page.run("return getComputedStyle(document.body).color")
            check((page == "rgb(238, 242, 245)") == (scheme == "dark"), page)
    finally:
        world.page.prefer("light")
    return f"worst: {', '.join(worst)}"


def isReachableByTab(world: World) -> str:
    """Tab reaches all controls, and one always sees where one is."""
    counts = []
    for open in (world.open, lambda: _openLargeWithAll(world)):
        open()
        if open == world.open:
            world.whenLive()
        world.page.run(AUDIT)
        controls = world.page.run("return audit.controls().map(audit.describe)")
        expected = set(controls)
        world.page.run("document.activeElement.blur()")
        reached = set()
        for _ in range(len(controls) + 5):
            ActionChains(world.page.driver).send_keys(Keys.TAB).perform()
            what = world.page.run(
                "return document.activeElement === document.body"
                " ? null : audit.describe(document.activeElement)"
            )
            if what is not None:
                reached.add(what)
                check(world.page.run("return audit.isFocusSeen()"), f"unseen: {what}")
        check(expected <= reached, f"not reached: {expected - reached}")
        counts.append(str(len(controls)))
    return f"{' and '.join(counts)} controls"


def fitsPhones(world: World) -> None:
    """On a phone, nothing is wider than the screen nor smaller than a finger."""
    world.page.resize(360, 740, phone=True)
    wide = (
        "const root = document.scrollingElement, view = document.querySelector("
        "'dialog[open]') ?? root;"
        "return Math.max(root.scrollWidth, view.scrollWidth);"
    )
    try:
        world.open()
        world.whenLive()
        check(world.page.run(wide) <= 360, f"grid: {world.page.run(wide)}")
        _checkNone(_audit(world, "small", FINGER), "grid")
        _openLargeWithAll(world)
        check(world.page.run(wide) <= 360, f"large: {world.page.run(wide)}")
        _checkNone(_audit(world, "small", FINGER), "large")
    finally:
        world.page.resize(1280, 800)
    world.openLarge()
    _checkNone(_audit(world, "small", FINGER), "desktop")


def keepsStill(world: World) -> None:
    """Whoever wants no motion sees none but the video's."""
    world.page.prefer("light", "reduce")
    try:
        world.open()
        world.whenLive()
        world.house.ask("alarm", "garden")
        world.page.wait(
            "return !document.querySelector('[data-camera=garden] .alarm').hidden",
            "an alarm",
        )
        moving = world.page.run("return document.getAnimations().length")
        check(moving == 0, f"{moving} animations")
    finally:
        world.page.prefer("light")


def takePictures(world: World, folder: Path) -> None:
    """Keep what it looks like."""
    for scheme in ("light", "dark"):
        world.page.prefer(scheme)
        for device, size in (("desktop", (1280, 800)), ("phone", (360, 740))):
            world.page.resize(*size, phone=device == "phone")
            prefix = f"{scheme}-{device}"
            world.open()
            world.whenLive()
            world.whenLive("hostile")
            time.sleep(3)
            world.page.picture(folder / f"{prefix}-grid.png")
            _openLargeWithAll(world)
            time.sleep(2)
            world.page.picture(folder / f"{prefix}-large.png")
            for number in (1, 2):
                world.page.run(f"largeView.scrollTop = {600 * number}")
                time.sleep(0.3)
                world.page.picture(folder / f"{prefix}-large-{number}.png")
    world.page.prefer("light")
    world.page.resize(1280, 800)
