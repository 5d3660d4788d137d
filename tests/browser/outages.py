"""
Cameras and servers that go away, and come back.
"""

from __future__ import annotations

import time

from tests.browser.cases import World, check, rough
from tests.browser.chrome import within
from tests.browser.large import VIDEO
from tests.browser.tiles import checkAdvances


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
    """With a login, the page logs in anew by itself, once."""
    page = world.page
    page.driver.get("about:blank")
    page.driver.get(f"{world.house.address}?token=s3same")
    world.whenLive()
    page.run("window.isOld = true; document.querySelector('.tileLink').click()")
    world.whenLargeIsLive()
    check("?token=s3same#garden" in page.driver.current_url, page.driver.current_url)
    page.driver.back()
    world.house.kill()
    world.house.rebuild()
    page.wait("return window.isOld === undefined", "the page is loaded again", 20)
    world.whenLive()
    checkAdvances(world)
    # It will not go on loading for ever.
    page.run("window.isOld = true; history.replaceState(null, '', '/')")
    world.house.kill()
    world.house.rebuild()
    banner = page.one("#serverBanner")
    within(20, lambda: "login" in banner.text, "it says so")
    check(page.run("return window.isOld"), "it was loaded again")
    return banner.text
