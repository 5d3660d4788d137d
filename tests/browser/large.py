"""
One camera, large, and what can be done with it.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from selenium.webdriver import ActionChains, Keys

from tests.browser.cases import World, check
from tests.browser.chrome import within
from tests.browser.tiles import AGE, checkAdvances, state

#: What is beneath it comes next.
VIDEO = "#largeStage .screen > video:last-child"

#: Stands for what is not known.
DASH = "\N{EN DASH}"


def act(world: World) -> ActionChains:
    """A new one each time: they repeat all that they have done."""
    return ActionChains(world.page.driver)


def isStill(world: World) -> bool:
    before = world.house.motors("garden")
    time.sleep(0.25)
    return world.house.motors("garden") == before


def lookAhead(world: World) -> None:
    world.page.one("[data-direction=home]").click()
    within(
        15,
        lambda: world.house.motors("garden") == {"pan": 0, "tilt": 0},
        "it looks straight ahead",
    )


def _focused(world: World) -> str:
    found: str = world.page.run(
        "const e = document.activeElement;"
        "return e.id || e.getAttribute('href') || e.tagName;"
    )
    return found


def _checkIsLarge(world: World) -> None:
    world.whenLargeIsLive()
    check(world.page.one("#largeTitle").text == "Garden", "its title")
    check(world.page.driver.current_url.endswith("#garden"), "its address")
    focus = _focused(world)
    check(
        world.page.run("return largeView.contains(document.activeElement)"),
        f"the focus is on {focus}",
    )


def _checkIsGrid(world: World) -> None:
    within(3, lambda: not world.page.one("#largeView").is_displayed(), "it closes")
    check("#garden" not in world.page.driver.current_url, "the address, too")
    check(_focused(world) == "#garden", f"the focus is on {_focused(world)}")
    world.whenLive()


def clickTile(world: World) -> None:
    tile = world.page.one("[data-camera=garden] .picture")
    act(world).move_to_element(tile).click().perform()


def opensByClick(world: World) -> str:
    """A click opens a camera large; back, Esc and the button lead back."""
    world.open()
    world.whenLive()
    start = time.monotonic()
    clickTile(world)
    _checkIsLarge(world)
    took = time.monotonic() - start
    checkAdvances(world, VIDEO)
    playing = world.page.run(
        "return [...document.querySelectorAll('.tile video')].length"
    )
    check(playing == 0, f"{playing} tiles go on beneath")
    world.page.driver.back()
    _checkIsGrid(world)
    clickTile(world)
    _checkIsLarge(world)
    act(world).send_keys(Keys.ESCAPE).perform()
    _checkIsGrid(world)
    clickTile(world)
    _checkIsLarge(world)
    world.page.one("#largeClose").click()
    _checkIsGrid(world)
    return f"live after {1000 * took:.0f} ms"


def opensByKeyboard(world: World) -> None:
    """Tab and Enter open it, Esc leads back to where one was."""
    world.open()
    world.whenLive()
    act(world).send_keys(Keys.TAB).perform()
    check(_focused(world) == "#garden", f"the focus is on {_focused(world)}")
    act(world).send_keys(Keys.ENTER).perform()
    _checkIsLarge(world)
    act(world).send_keys(Keys.ESCAPE).perform()
    _checkIsGrid(world)
    act(world).send_keys(Keys.ENTER).perform()
    _checkIsLarge(world)


def opensByAddress(world: World) -> None:
    """An address with a camera's name opens it; an unknown one opens the grid."""
    world.openLarge()
    world.page.one("#largeClose").click()
    _checkIsGrid(world)
    world.open("#nobody")
    world.whenLive()
    check(not world.page.one("#largeView").is_displayed(), "nothing is large")


def sounds(world: World) -> str:
    """A click brings the sound, and the picture does not go away meanwhile."""
    world.openLarge()
    check(state(world, VIDEO)["muted"], "silent at first")
    button = world.page.one("#soundButton")
    world.page.run(
        "window.blank = 0;"
        "window.look = setInterval(() => {"
        " const picture = document.querySelector('#largeStage .screen').lastChild;"
        " if (!(picture?.getVideoPlaybackQuality?.().totalVideoFrames > 0))"
        "  window.blank += 1; }, 5);"
    )
    start = time.monotonic()
    button.click()
    within(8, lambda: not state(world, VIDEO)["muted"], "it is not muted")
    took = time.monotonic() - start
    blank = world.page.run("clearInterval(window.look); return window.blank")
    check(blank == 0, f"nothing to be seen, {blank} times")
    before = state(world, VIDEO)["sound"]
    within(5, lambda: state(world, VIDEO)["sound"] > before, "sound is decoded")
    check(button.get_attribute("aria-pressed") == "true", "the button says so")
    checkAdvances(world, VIDEO)
    time.sleep(3)
    zero = world.house.ask("zero", "garden")
    behind, ages = [], []
    for _ in range(20):
        behind.append(1000 * state(world, VIDEO)["behind"])
        ages.append(1000 * world.page.run(AGE, VIDEO, zero))
        time.sleep(0.1)
    check(max(behind) < 600, f"behind: {behind}")
    button.click()
    within(8, lambda: state(world, VIDEO)["muted"], "it is muted")
    return (
        f"after {1000 * took:.0f} ms; behind {statistics.median(behind):.0f} ms"
        f" (at most {max(behind):.0f}),"
        f" from camera to eye {statistics.median(ages):.0f} ms"
    )


def goesToPresets(world: World) -> None:
    """A position is stored after a question, and gone to by a click."""
    world.openLarge()
    page = world.page
    lookAhead(world)
    button = page.one("[data-direction=right]")
    act(world).click_and_hold(button).perform()
    time.sleep(0.6)
    act(world).release().perform()
    within(3, lambda: isStill(world), "it stops")
    there = world.house.motors("garden")
    page.posted()
    page.one("#storeButton").click()
    page.one("[data-preset='3']").click()
    dialog = page.one("#storeDialog")
    within(3, dialog.is_displayed, "the question")
    check("position 3" in dialog.text, dialog.text)
    act(world).send_keys(Keys.ESCAPE).perform()
    within(3, lambda: not dialog.is_displayed(), "Esc says no")
    check(page.one("#largeView").is_displayed(), "to the question only")
    check(page.posted() == [], "nothing was stored")
    page.one("[data-preset='3']").click()
    page.one("#storeDialog [value=store]").click()
    within(3, lambda: page.one("#largeMessage").text == "Stored as position 3.", "done")
    check(
        page.one("#storeButton").get_attribute("aria-pressed") == "false",
        "the next click stores nothing",
    )
    lookAhead(world)
    page.one("[data-preset='3']").click()
    within(5, lambda: world.house.motors("garden") == there, "it goes there")
    lookAhead(world)


def switchesLamps(world: World) -> None:
    """Lamp and infrared go on and off."""
    world.openLarge()

    def settings() -> dict[str, Any]:
        found: dict[str, Any] = world.house.ask("settings", "garden")
        return found

    for lamp, setting in (("light", "light"), ("infrared", "ircut")):
        on = f"[data-lamp={lamp}][data-on]"
        off = f"[data-lamp={lamp}]:not([data-on])"
        values = []
        for button, text in ((on, "on."), (off, "off."), (on, "on.")):
            world.page.one(button).click()
            within(
                3,
                lambda end=text: world.page.one("#largeMessage").text.endswith(end),  # type: ignore[misc]
                f"{lamp} {text}",
            )
            values.append(settings()[setting])
        check(values[0] == values[2] != values[1], f"{lamp}: {values}")


def setsPicture(world: World) -> None:
    """The settings of the picture are shown, and changed by a slider's keys, which do
    not turn the camera."""
    world.openLarge()
    page = world.page
    slider = page.one("#imageForm [name=brightness]")
    page.one("#imageDetails summary").click()
    within(3, slider.is_enabled, "they are read")
    before = world.house.ask("settings", "garden")["vbright"]
    check(slider.get_attribute("value") == str(before), "as it is")
    page.posted()
    slider.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    within(
        3,
        lambda: world.house.ask("settings", "garden")["vbright"] == before - 2,
        "darker by two",
    )
    check(all(post.path == "garden/image" for post in page.posted()), "it turns")
    message = page.one("#largeMessage")
    within(3, lambda: message.text == f"Brightness {before - 2}.", "it is told")
    flip = page.one("#imageForm [name=flip]")
    flip.send_keys("mirr")
    within(
        3, lambda: world.house.ask("settings", "garden")["flip"] == 2, "it is mirrored"
    )
    within(3, lambda: message.text == "Turned: mirrored.", "that is told instead")
    within(4, lambda: message.text == "", "for a moment")


def savesSnapshot(world: World) -> str:
    """A click saves a JPEG under the camera's name and the time."""
    world.openLarge()
    folder = world.page.downloads
    world.page.one("#snapshotLink").click()
    within(5, lambda: list(folder.glob("*.jpg")), "a file")
    (file,) = folder.glob("*.jpg")
    check(file.read_bytes()[:3] == b"\xff\xd8\xff", "it is a JPEG")
    check(file.name.startswith("garden"), file.name)
    check(file.name in world.page.one("#largeMessage").text, "it is told")
    file.unlink()
    return file.name


def facts(world: World) -> dict[str, str]:
    """What is told of the reception."""
    rows = world.page.all("#largeFacts > div")
    pairs = (row.text.split("\n") for row in rows)
    return {name: value for name, value in pairs}


def showsSubQuality(world: World) -> str:
    """The low quality is another stream, and the high one comes back."""
    world.openLarge()
    check(state(world, VIDEO)["width"] == 640, "high at first")
    low = world.page.one("[data-quality=sub]")
    start = time.monotonic()
    low.click()
    within(10, lambda: state(world, VIDEO)["width"] == 320, "low")
    took = time.monotonic() - start
    checkAdvances(world, VIDEO)
    check(low.get_attribute("aria-pressed") == "true", "the button says so")
    resolution = "320 \N{MULTIPLICATION SIGN} 180"
    within(5, lambda: facts(world)["Resolution"] == resolution, "the facts, too")
    within(5, lambda: facts(world)["Frames a second"] != DASH, "all of them")
    world.page.one("[data-quality=main]").click()
    within(10, lambda: state(world, VIDEO)["width"] == 640, "high again")
    check(facts(world)["Resolution"].startswith("640"), "and its facts")
    return f"after {1000 * took:.0f} ms"


def tellsFacts(world: World) -> str:
    """It tells how the camera is received."""
    world.openLarge()
    within(8, lambda: facts(world)["Frames a second"].startswith("1"), "frames")
    told = facts(world)
    check(told["Video"] == "H.264", str(told))
    check(told["Resolution"] == "640 \N{MULTIPLICATION SIGN} 360", str(told))
    check(told["Bit rate"].endswith("kbit/s"), str(told))
    check(told["State since"].startswith("Connected, "), str(told))
    check(told["Last error"] == "none", str(told))
    return ", ".join(f"{name} {value}" for name, value in told.items())
