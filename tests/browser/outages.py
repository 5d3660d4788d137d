"""
Cameras and servers that go away, and come back.
"""

from __future__ import annotations

import time

from tests.browser.cases import World, check, rough
from tests.browser.chrome import within
from tests.browser.large import VIDEO
from tests.browser.tiles import checkAdvances

#: Notes all that is written on a picture.
NOTE_VEIL = """
window.veils = [];
const veil = document.querySelector("[data-camera=garden] .veil");
const note = () => window.veils.push(veil.textContent);
new MutationObserver(note).observe(veil, { childList: true, characterData: true });
"""


def _checkAway(world: World, selector: str, start: float) -> str:
    """See that it is shown as away, soon."""
    isAway = f"return document.querySelector('{selector}').dataset.live === 'false'"
    world.page.wait(isAway, "it is not live", 3)
    took = time.monotonic() - start
    check(took < 2, f"shown after {took:.1f} s")
    veil = world.page.one(f"{selector} .veil")
    check(veil.is_displayed() and "Garden" in veil.text, f"it says {veil.text!r}")
    return f"shown after {took:.1f} s as {veil.text!r}"


def survivesReboot(world: World) -> str:
    """A camera that reboots is shown away within two seconds, and comes back."""
    world.open()
    world.whenLive()
    world.page.run(NOTE_VEIL)
    world.house.ask("reboot", "garden", 3)
    start = time.monotonic()
    told = _checkAway(world, "[data-camera=garden]", start)
    grey = world.page.run(
        "return getComputedStyle(document.querySelector("
        "'[data-camera=garden] .screen')).filter"
    )
    check("grayscale(1)" in grey, f"the last picture: {grey}")

    def sentence() -> str:
        return world.page.one("[data-camera=garden] .veil").text

    within(10, lambda: "Garden is away: " in sentence(), "the reason")
    reason = sentence()
    world.whenLive(seconds=25)
    took = time.monotonic() - start
    checkAdvances(world)
    said = world.page.one("#pageAnnouncer").get_attribute("textContent")
    check(said == "Garden is connected.", f"it says aloud: {said!r}")
    # It refuses the first question or two, which is nobody's business.
    veils = world.page.run("return window.veils")
    check(not any(text.startswith("No pictures") for text in veils[1:]), f"{veils}")
    return f"{told}, then {reason!r}, live again after {took:.1f} s"


def survivesRebootLarge(world: World) -> str:
    """The same while it is large."""
    world.openLarge()
    world.house.ask("reboot", "garden", 2)
    start = time.monotonic()
    told = _checkAway(world, "#largeStage", start)
    world.whenLargeIsLive(25)
    took = time.monotonic() - start
    checkAdvances(world, VIDEO)
    return f"{told}, live again after {took:.1f} s"


@rough
def survivesServer(world: World) -> str:
    """A server that is killed is told by a banner, and all comes back with it."""
    world.open()
    world.whenLive()
    banner = world.page.one("#serverBanner")
    check(not banner.is_displayed(), "no banner so far")
    start = time.monotonic()
    world.house.kill()
    within(5, banner.is_displayed, "the banner")
    shown = time.monotonic() - start
    text = banner.text
    check(
        world.page.one("[data-camera=garden]").get_attribute("data-live") == "false",
        "the tile is not live",
    )
    time.sleep(3)
    world.house.rebuild()
    start = time.monotonic()
    within(15, lambda: not banner.is_displayed(), "the banner goes")
    world.whenLive()
    checkAdvances(world)
    back = time.monotonic() - start
    return f"{text!r} after {shown:.1f} s, live {back:.1f} s after it came back"


@rough
def survivesServerWithLogin(world: World) -> str:
    """With a login, the page is loaded anew, once; the browser logs in, or asks."""
    page = world.page
    byToken = f"{world.house.address}?token=s3same"
    page.driver.get("about:blank")
    page.driver.get(byToken)
    world.whenLive()
    check("token" not in page.driver.current_url, page.driver.current_url)
    page.run("document.querySelector('.tileLink').click()")
    world.whenLargeIsLive()
    check(page.driver.current_url == f"{world.house.address}#garden", "its address")
    page.driver.back()
    _restart(world)
    page.wait("return window.isOld === undefined", "the page is loaded again", 20)
    # A browser without a window cannot ask.
    within(5, lambda: not page.all("#cameraGrid"), "the browser asks")

    page.driver.get(byToken)
    world.whenLive()
    # It will not go on loading for ever.
    _restart(world)
    banner = page.one("#serverBanner")
    within(20, lambda: "login" in banner.text, "it says so")
    check(page.run("return window.isOld"), "it was loaded again")
    told = banner.text
    # Now the browser knows the password.
    named = world.house.address.replace("//", "//anybody:s3same@")
    page.driver.get(f"{named}static/icon.svg")
    page.run("sessionStorage.clear()")
    world.open()
    world.whenLive()
    _restart(world)
    page.wait("return window.isOld === undefined", "the page is loaded again", 20)
    world.whenLive()
    checkAdvances(world)
    return told


def _restart(world: World) -> None:
    """Restart the server, which knows nobody then."""
    world.page.run("window.isOld = true")
    world.house.kill()
    world.house.rebuild()


def tellsWrongPassword(world: World) -> str:
    """A camera that refuses the password is told to do so, on its picture, at once."""
    page = world.page
    told = "No pictures come from Garden: wrong user or password"

    def checkTold(veil: str, badge: str) -> None:
        within(5, lambda: told in page.one(veil).text, f"the reason on {veil}")
        mark = page.one(badge)
        check(mark.text == "No pictures", mark.text)
        check(mark.get_attribute("data-mood") == "middling", "it is no good")

    world.open()
    checkTold("[data-camera=garden] .veil", "[data-camera=garden] .badge")
    start = time.monotonic()
    page.run("location.hash = 'garden'")
    checkTold("#largeStage .veil", "#largeState")
    took = time.monotonic() - start
    check(took < 1, f"large, after {took:.1f} s")
    world.open("#garden")
    checkTold("#largeStage .veil", "#largeState")
    return f"{page.one('#largeStage .veil').text!r}, large after {took:.1f} s"
