"""
Makes docs/screenshot.png: the page with two emulated cameras, in a real browser.

It needs Chromium with its driver, and Selenium (C{pip install selenium}).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from base64 import b64decode
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.cases import World
from tests.browser.chrome import browser
from tests.browser.house import Spec, house

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "screenshot.png"

#: Pixels of the window, and how many of the picture's go into one of them.
WINDOW, SCALE = (1280, 800), 1.5

#: Bytes of the picture at most: it is in the repository.
MOST = 400_000

#: Seconds from one camera's picture to the other's: clocks that show the same would
#: look like one.
APART = 2.3

#: Servers have few fonts, and the first of them is not the one people see.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family"><string>DejaVu Sans</string></test>
    <edit name="family" mode="assign" binding="strong">
      <string>Liberation Sans</string>
    </edit>
  </match>
</fontconfig>
"""


def main() -> int:
    """
    Make the picture.

    @return: the exit code.
    """
    with tempfile.TemporaryDirectory() as folder:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS)
        os.environ["FONTCONFIG_FILE"] = str(fonts)
        with house(Spec("garden", "Garden")) as built, browser(WINDOW) as page:
            world = World(built, page)
            world.open()
            world.whenLive("garden")
            time.sleep(APART)
            built.ask("add", "front-door", "Front door", {}, False)
            world.whenLive("front-door")
            time.sleep(3)  # until both are as close as they get
            height = page.run(
                "return document.querySelector('main').getBoundingClientRect().bottom"
            )
            shot = page.driver.execute_cdp_cmd(
                "Page.captureScreenshot",
                {
                    "format": "png",
                    "clip": {
                        "x": 0,
                        "y": 0,
                        "width": WINDOW[0],
                        "height": height + 20,
                        "scale": SCALE,
                    },
                },
            )
    data = b64decode(shot["data"])
    if len(data) > MOST:
        print(f"{len(data)} bytes are too many: {MOST} at most", file=sys.stderr)
        return 1
    TARGET.write_bytes(data)
    print(f"{TARGET.relative_to(ROOT)}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
