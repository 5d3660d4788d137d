"""
The page in a real browser: does it do what it should, for somebody who uses it?

Run it by C{python tests/browser/page.py}; it needs Chromium with its driver, and
Selenium (C{pip install selenium}); without Chromium it says SKIPPED.  Neither trial
nor pytest collect it.  A word runs the cases only that have it in their names;
C{--pictures FOLDER} keeps what the page looks like.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.browser import hardships, large, looks, outages, tiles, turning
from tests.browser.cases import Case, Results, World
from tests.browser.chrome import BROWSER, DRIVER, Browser, browser
from tests.browser.house import (
    GARDEN,
    HOSTILE,
    MODERN,
    OLD,
    Spec,
    house,
)

_HOUSE = (GARDEN, HOSTILE, MODERN, OLD)
_CASES: tuple[Case, ...] = (
    tiles.plays,
    tiles.showsFirstPicture,
    tiles.staysClose,
    tiles.showsTitlesAsText,
    tiles.showsModern,
    tiles.showsOld,
    tiles.marksAlarms,
    tiles.restsWhenHidden,
    tiles.comesBackToLife,
    large.opensByClick,
    large.opensByKeyboard,
    large.opensByAddress,
    large.sounds,
    turning.turnsByButton,
    turning.turnsByKeys,
    turning.turnsByKeyOnButton,
    turning.turnsByDragging,
    turning.turnsByFinger,
    turning.stopsWhenUnseen,
    large.goesToPresets,
    large.switchesLamps,
    large.setsPicture,
    large.savesSnapshot,
    large.showsSubQuality,
    turning.fillsScreen,
    large.tellsFacts,
    hardships.playsManaged,
    hardships.playsWithoutMediaSource,
    hardships.survivesQuota,
    hardships.survivesBrokenPictures,
    hardships.givesUpDecoding,
    hardships.isRefusedSound,
    hardships.isRefusedVideo,
    hardships.losesSound,
    looks.hasNames,
    looks.hasContrast,
    looks.isReachableByTab,
    looks.fitsPhones,
    looks.keepsStill,
    outages.survivesReboot,
    outages.survivesRebootLarge,
    outages.survivesServer,
)
_FORBIDDEN = Spec("garden", "Garden", {"password": "another"})
_MANY = tuple(Spec(f"camera-{number:02}") for number in range(30))


def main() -> int:
    """
    Run the cases.

    @return: the exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    for program in (BROWSER, DRIVER):
        if not Path(program).exists():
            print(f"SKIPPED: there is no {program}")
            return 0
    results = Results(options.word)
    with browser() as page:
        _run(results, page, _HOUSE, *_CASES)
        _run(results, page, (GARDEN,), hardships.changesParameters)
        _run(results, page, (_FORBIDDEN,), outages.tellsWrongPassword)
        _run(results, page, (), tiles.explainsEmptiness)
        _run(results, page, _MANY, tiles.playsWhatIsSeen)
        _run(results, page, (GARDEN,), outages.survivesServerWithLogin, token="s3same")
        if options.pictures is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            with house(*_HOUSE, Spec("shed", "Shed", absent=True)) as built:
                looks.takePictures(World(built, page), options.pictures)
    # In a browser of its own: after so many attempts it lets WebSockets wait.
    with browser() as page:
        _run(results, page, (GARDEN,), tiles.changesItsMind)
    print(f"{results.passed} passed, {len(results.failed)} failed")
    for sentence in results.failed:
        print(f"FAILED  {sentence}")
    return 1 if results.failed or not results.passed else 0


def _run(
    results: Results,
    page: Browser,
    specs: tuple[Spec, ...],
    *cases: Case,
    token: str = "",
) -> None:
    if results.wants(cases):
        with house(*specs, token=token) as built:
            results.run(World(built, page), *cases)


if __name__ == "__main__":
    sys.exit(main())
