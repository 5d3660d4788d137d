"""
Turning a camera, and that it stops.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from selenium.webdriver import Keys

from tests.browser.cases import World, check
from tests.browser.chrome import within
from tests.browser.large import VIDEO, act, clickTile, isStill, lookAhead
from tests.browser.tiles import checkAdvances


def _touch(world: World, kind: str, *points: tuple[float, float]) -> None:
    """A finger comes, moves or goes; where is that of the window."""
    world.page.driver.execute_cdp_cmd(
        "Input.dispatchTouchEvent",
        {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
    )


def _pressed(world: World) -> list[str]:
    """The directions whose buttons are marked."""
    found: list[str] = world.page.run(
        "return [...document.querySelectorAll('#movePad .pressed')]"
        ".map((button) => button.dataset.direction)"
    )
    return found


def _checkTurns(
    world: World,
    begin: Callable[[], Any],
    end: Callable[[], Any],
    axis: str,
    sign: int,
) -> str:
    """See that it turns between the one and the other, by one command each."""
    world.page.posted()
    before = world.house.motors("garden")[axis]
    begin()
    within(
        3,
        lambda: sign * (world.house.motors("garden")[axis] - before) > 5,
        f"{axis} goes the right way",
    )
    pressed = _pressed(world)
    end()
    start = time.monotonic()
    within(3, lambda: isStill(world), "it stops")
    took = time.monotonic() - start
    directions = [
        post.body["direction"]
        for post in world.page.posted()
        if post.path == "garden/ptz"
    ]
    check(
        len(directions) == 2 and directions[1] == "stop",
        f"commands: {directions}",
    )
    check(pressed == directions[:1], f"marked: {pressed}")
    within(1, lambda: not _pressed(world), "no button is marked any more")
    return f"{directions}, still {1000 * (took - 0.25):.0f} ms after it was let go"


def turnsByButton(world: World) -> str:
    """A button turns the camera as long as it is held; home leads home."""
    world.openLarge()
    button = world.page.one("[data-direction=left]")
    told = _checkTurns(
        world,
        lambda: act(world).click_and_hold(button).perform(),
        lambda: act(world).release().perform(),
        "pan",
        -1,
    )
    diagonal = world.page.one("[data-direction=right-up]")
    for axis in ("pan", "tilt"):
        _checkTurns(
            world,
            lambda: act(world).click_and_hold(diagonal).perform(),
            lambda: act(world).release().perform(),
            axis,
            1,
        )
    # Pulled away and let go elsewhere.
    _checkTurns(
        world,
        lambda: act(world).click_and_hold(button).perform(),
        lambda: (
            act(world)
            .move_to_element(world.page.one("#largeTitle"))
            .release()
            .perform()
        ),
        "pan",
        -1,
    )
    # Home at once after something else is not forgotten.
    act(world).click_and_hold(button).perform()
    within(3, lambda: _pressed(world) == ["left"], "it is marked")
    act(world).release().perform()
    lookAhead(world)
    told += f", {world.page.one('#largeMessage').text!r}"
    check("to the middle" in told, told)
    return told


def _key(world: World, kind: str, key: str, repeat: bool = False) -> None:
    world.page.driver.execute_cdp_cmd(
        "Input.dispatchKeyEvent",
        {
            "type": kind,
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": {
                "ArrowLeft": 37,
                "ArrowUp": 38,
                "ArrowRight": 39,
                "ArrowDown": 40,
            }[key],
            "autoRepeat": repeat,
        },
    )


def turnsByKeys(world: World) -> str:
    """An arrow key turns it while it is held, two of them slantwise; repeats do not
    count."""
    world.openLarge()

    def hold() -> None:
        _key(world, "rawKeyDown", "ArrowRight")
        for _ in range(10):
            _key(world, "rawKeyDown", "ArrowRight", repeat=True)

    told = _checkTurns(
        world, hold, lambda: _key(world, "keyUp", "ArrowRight"), "pan", 1
    )
    world.page.posted()
    _key(world, "rawKeyDown", "ArrowLeft")
    _key(world, "rawKeyDown", "ArrowDown")
    time.sleep(0.5)
    _key(world, "keyUp", "ArrowLeft")
    time.sleep(0.3)
    _key(world, "keyUp", "ArrowDown")
    within(3, lambda: isStill(world), "it stops")
    turned = [post.body["direction"] for post in world.page.posted()]
    check(
        turned == ["left", "stop", "left-down", "stop", "down", "stop"],
        f"commands: {turned}",
    )
    act(world).send_keys(Keys.HOME).perform()
    within(
        15,
        lambda: world.house.motors("garden") == {"pan": 0, "tilt": 0},
        "Home leads home",
    )
    return told


def turnsByKeyOnButton(world: World) -> None:
    """Enter on a button turns it while it is held."""
    world.openLarge()
    world.page.run("document.querySelector('[data-direction=up]').focus()")
    _checkTurns(
        world,
        lambda: act(world).key_down(Keys.ENTER).perform(),
        lambda: act(world).key_up(Keys.ENTER).perform(),
        "tilt",
        1,
    )
    # As a screen reader does it: a step.
    before = world.house.motors("garden")["tilt"]
    world.page.run("document.querySelector('[data-direction=up]').click()")
    within(
        3,
        lambda: world.house.motors("garden")["tilt"] == before + 5,
        "one step",
    )
    message = world.page.one("#largeMessage")
    within(3, lambda: message.text == "One step: up.", "it is told")
    lookAhead(world)


def turnsByDragging(world: World) -> str:
    """Dragging on the picture turns it."""
    world.openLarge()
    stage = world.page.one("#largeStage")
    return _checkTurns(
        world,
        lambda: act(world).click_and_hold(stage).move_by_offset(90, 5).perform(),
        lambda: act(world).release().perform(),
        "pan",
        1,
    )


def turnsByFinger(world: World) -> str:
    """On a phone a finger turns it, on a button or on the picture."""
    world.page.resize(360, 740, phone=True)
    try:
        world.openLarge()
        button = world.page.one("[data-direction=down]")
        world.page.run("arguments[0].scrollIntoView({ block: 'center' })", button)

        box = world.page.run(
            "const { x, y } = arguments[0].getBoundingClientRect();"
            "return [x + 20, y + 20];",
            button,
        )
        told = _checkTurns(
            world,
            lambda: _touch(world, "touchStart", box),
            lambda: _touch(world, "touchEnd"),
            "tilt",
            -1,
        )
        # On the picture, too: it must not be taken for scrolling.
        world.page.run("largeView.scrollTop = 0")
        stage = world.page.one("#largeStage").rect
        x, y = stage["x"] + 180, stage["y"] + 80

        def drag() -> None:
            _touch(world, "touchStart", (x, y))
            for step in range(1, 8):
                _touch(world, "touchMove", (x, y - 8 * step))

        _checkTurns(world, drag, lambda: _touch(world, "touchEnd"), "tilt", 1)
        check(world.page.run("return largeView.scrollTop") == 0, "it scrolls")
        lookAhead(world)
        return told
    finally:
        world.page.resize(1280, 800)


def stopsWhenUnseen(world: World) -> None:
    """It stops when the window loses the focus, is hidden, or leaves."""
    for event in (
        "window.dispatchEvent(new Event('blur'))",
        "Object.defineProperty(document, 'hidden', { value: true,"
        " configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'));",
        "location.reload()",
        "history.back()",
    ):
        world.open()
        world.whenLive()
        clickTile(world)
        world.whenLargeIsLive()
        button = world.page.one("[data-direction=left]")
        before = world.house.motors("garden")["pan"]
        act(world).click_and_hold(button).perform()
        within(3, lambda at=before: world.house.motors("garden")["pan"] < at, "turns")  # type: ignore[misc]
        world.page.run(event)
        within(2, lambda: isStill(world), f"it stops after {event}")
        act(world).release().perform()
        world.openLarge()
        lookAhead(world)


def fillsScreen(world: World) -> None:
    """The picture fills the screen, and the keys turn the camera there."""
    world.openLarge()
    world.page.one("#fullButton").click()
    full = "return document.fullscreenElement?.id === 'largeStage'"
    world.page.wait(full, "full screen")
    checkAdvances(world, VIDEO)
    _checkTurns(
        world,
        lambda: _key(world, "rawKeyDown", "ArrowLeft"),
        lambda: _key(world, "keyUp", "ArrowLeft"),
        "pan",
        -1,
    )
    world.page.run("document.exitFullscreen()")
    world.page.wait("return document.fullscreenElement === null", "it is over")
    check(world.page.one("#largeView").is_displayed(), "it is still large")
    lookAhead(world)
