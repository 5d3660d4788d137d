"""
Browsers that cannot do everything, or do it badly: scripts that run before the page's
own make them so.
"""

from __future__ import annotations

import time

from tests.browser.cases import World, check
from tests.browser.chrome import within
from tests.browser.large import VIDEO
from tests.browser.tiles import checkAdvances, state

#: As on telephones of Apple's.
MANAGED = """
window.ManagedMediaSource = window.MediaSource;
delete window.MediaSource;
"""

#: As on older ones.
NO_MEDIA_SOURCE = "delete window.MediaSource; delete window.ManagedMediaSource;"

#: The memory is full, three times.
FULL = """
window.full = 0;
const append = SourceBuffer.prototype.appendBuffer;
SourceBuffer.prototype.appendBuffer = function (data) {
  if (performance.now() > 1500 && window.full < 3) {
    window.full += 1;
    throw new DOMException("full", "QuotaExceededError");
  }
  append.call(this, data);
};
"""

#: Pictures are broken as long as window.broken says so.
BROKEN = """
window.broken = %s;
const append = SourceBuffer.prototype.appendBuffer;
SourceBuffer.prototype.appendBuffer = function (data) {
  const bytes = new Uint8Array(data);
  if (window.broken && bytes.length < 700) bytes.fill(7, 4, 60);
  append.call(this, bytes);
};
"""

#: No sound without a click; and no video either.
REFUSE = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  if (%s) return Promise.reject(new DOMException("no", "NotAllowedError"));
  return play.call(this);
};
"""

#: The sound ends as soon as window.dumb says so.
DUMB = """
const add = MediaSource.prototype.addSourceBuffer;
MediaSource.prototype.addSourceBuffer = function (mime) {
  const buffer = add.call(this, mime);
  if (mime.startsWith("audio")) {
    const append = buffer.appendBuffer;
    buffer.appendBuffer = function (data) {
      if (!window.dumb) append.call(buffer, data);
    };
  }
  return buffer;
};
"""


def playsManaged(world: World) -> None:
    """A browser that has ManagedMediaSource only plays."""
    with world.page.before(MANAGED):
        world.open()
        world.whenLive()
        checkAdvances(world)
        check(world.page.run("return window.MediaSource === undefined"), "really")


def playsWithoutMediaSource(world: World) -> str:
    """Without Media Source Extensions there is MJPEG, and snapshots beyond two."""
    with world.page.before(NO_MEDIA_SOURCE):
        world.open()
        world.page.wait(
            "const shown = [...document.querySelectorAll('.screen img')];"
            "return shown.length === 4 && shown.every((image) => image.naturalWidth)",
            "four pictures",
        )
        modes = world.page.run(
            "return [...document.querySelectorAll('.tile')].map((t) => t.dataset.mode)"
        )
        check(sorted(modes) == ["mjpeg", "mjpeg", "snapshots", "snapshots"], modes)
        world.page.one("[data-camera=old] a").click()
        world.page.wait(
            "return document.querySelector('#largeStage img')?.naturalWidth > 0",
            "it is large",
        )
        stage = world.page.one("#largeStage")
        check(stage.get_attribute("data-mode") == "mjpeg", "it moves")
        world.page.one("#soundButton").click()
        message = world.page.one("#largeMessage")
        within(3, lambda: "No sound" in message.text, "it has no sound")
        world.page.driver.back()
        return ", ".join(modes)


def survivesQuota(world: World) -> None:
    """A browser whose memory is full goes on."""
    with world.page.before(FULL):
        world.open()
        world.whenLive()
        world.page.wait("return window.full === 3", "it was full")
        time.sleep(1)
        world.whenLive()
        checkAdvances(world)


def survivesBrokenPictures(world: World) -> None:
    """After broken pictures it begins anew."""
    with world.page.before(BROKEN % "false"):
        world.openLarge()
        world.page.run("window.broken = true")
        before = world.page.one(VIDEO)
        within(8, lambda: _isGone(world, before), "the video is given up")
        world.page.run("window.broken = false")
        world.whenLargeIsLive()
        checkAdvances(world, VIDEO)


def _isGone(world: World, element: object) -> bool:
    gone: bool = world.page.run(
        "return !arguments[0].isConnected || arguments[0].error !== null", element
    )
    return gone


def givesUpDecoding(world: World) -> str:
    """What cannot be decoded, ever again, is shown by snapshots, until asked anew."""
    with world.page.before(BROKEN % "true"):
        world.open("#garden")
        world.page.wait(
            "return document.querySelector('#largeStage img')?.naturalWidth > 0",
            "a snapshot",
        )
        note = world.page.one("#largeStage .note").text
        check("cannot decode" in note, note)
        world.page.run("window.broken = false")
        world.page.one("#againButton").click()
        world.whenLargeIsLive()
        checkAdvances(world, VIDEO)
        check(not world.page.one("#againButton").is_displayed(), "nothing to try")
        return note


def isRefusedSound(world: World) -> str:
    """A browser that allows no sound plays without, and that is told."""
    with world.page.before(REFUSE % "!this.muted"):
        world.openLarge()
        world.page.one("#soundButton").click()
        message = world.page.one("#largeMessage")
        within(5, lambda: "allows no sound" in message.text, "it is told")
        told = message.text
        checkAdvances(world, VIDEO)
        check(state(world, VIDEO)["muted"], "it is silent")
        button = world.page.one("#soundButton")
        check(button.get_attribute("aria-pressed") == "false", "the button says so")
        return told


def isRefusedVideo(world: World) -> str:
    """A browser that plays nothing by itself shows snapshots."""
    with world.page.before(REFUSE % "true"):
        world.open()
        world.page.wait(
            "return document.querySelector('[data-camera=garden] img')"
            "?.naturalWidth > 0",
            "a snapshot",
        )
        note = world.page.one("[data-camera=garden] .note").text
        check("plays no video by itself" in note, note)
        return note


def losesSound(world: World) -> str:
    """When the sound ends, the picture goes on without."""
    with world.page.before(DUMB):
        world.openLarge()
        world.page.one("#soundButton").click()
        within(8, lambda: not state(world, VIDEO)["muted"], "sound")
        world.page.run("window.dumb = true")
        message = world.page.one("#largeMessage")
        within(10, lambda: "No sound" in message.text, "it is told")
        told = message.text
        within(5, lambda: state(world, VIDEO)["muted"], "it is silent")
        checkAdvances(world, VIDEO)
        return told


def changesParameters(world: World) -> str:
    """When the resolution changes, the new picture takes the old one's place."""
    world.open()
    world.whenLive()
    check(state(world)["width"] == 640, "large at first")
    world.page.run(
        "window.blank = 0;"
        "window.look = setInterval(() => {"
        " const shown = document.querySelector('[data-camera=garden] .screen');"
        " const frames = shown.lastChild?.getVideoPlaybackQuality?.()"
        "  .totalVideoFrames;"
        " if (!(frames > 0)) window.blank += 1; }, 5);"
    )
    start = time.monotonic()
    world.house.ask("shrink", "garden")
    within(5, lambda: state(world)["width"] == 320, "smaller")
    took = 1000 * (time.monotonic() - start)
    checkAdvances(world)
    blank = world.page.run("clearInterval(window.look); return window.blank")
    check(blank == 0, f"nothing to be seen, {blank} times")
    return f"after {took:.0f} ms"
