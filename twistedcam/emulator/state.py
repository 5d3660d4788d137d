"""
What a camera remembers: its settings, its accounts, what it has recorded and how
its motors stand.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import md5
from random import Random

from . import settings
from .firmware import Firmware
from .login import ADMIN, OPERATOR, VISITOR, Account, Lock, same
from .ptz import Motors
from .replies import Value, variables
from .report import Nameplate
from .settings import Settings
from .world import Reactor

#: A simulated clock starts at 0; the camera's then shows the start of 2026.
_PLAUSIBLE, _BEGINNING = 1_000_000_000, 1_767_225_600

#: Bytes of a text setting at most; a stranger with the password must not be able
#: to make an answer longer than its head can tell.
MAX_TEXT = 128

#: Lines of the log that are kept.
MAX_LOG = 100

#: Recordings on the card, and seconds between the starts of two.
RECORDINGS, RECORDING_EVERY = 300, 600

#: The card, in megabytes.
CARD, CARD_FREE = 30436, 11274


@dataclass(frozen=True, slots=True)
class Network:
    """
    A wireless network in the neighbourhood.

    @ivar security: 0 open, 1 WEP, 2.. kinds of WPA.
    @ivar decibels: how well it is received (dBm).
    """

    ssid: str
    mac: str
    security: int
    decibels: int
    channel: int


#: What a scan finds.
NETWORKS = (
    Network("Test card", "02:00:5E:00:00:01", 4, -41, 6),
    Network("Neighbours upstairs", "02:00:5E:00:00:02", 4, -67, 1),
    Network('Caf\u00e9 "Zum Hirschen"', "02:00:5E:00:00:03", 0, -72, 11),
    Network("", "02:00:5E:00:00:04", 4, -80, 13),
    Network("printer-5f2a", "02:00:5E:00:00:05", 3, -88, 6),
)


class State:
    """
    The state of one camera.

    @ivar plate: what it says about itself to whoever searches.
    @ivar accounts: visitor, operator and administrator, in this order.
    @ivar lock: counts wrong passwords.
    @ivar params: the settings of get_params, but for accounts.
    @ivar image: the settings of get_camera_params.
    @ivar misc: the settings of get_misc.
    @ivar recording: the settings of get_record.
    @ivar recordings: names and sizes (bytes) of what is on the card, newest first.
    @ivar motors: where it looks.
    @ivar light: is the white light on? 0 or 1.
    @ivar siren: does the siren sound? 0 or 1.
    @ivar refusedDangers: how often each dangerous command was not obeyed.
    """

    def __init__(
        self,
        reactor: Reactor,
        firmware: Firmware,
        plate: Nameplate,
        user: str,
        password: str,
    ) -> None:
        self._reactor = reactor
        self._right = 0.0 if reactor.seconds() > _PLAUSIBLE else _BEGINNING
        self._offset = self._right
        self.firmware = firmware
        self.plate = plate
        self.accounts = [
            Account("visitor", "visitor", VISITOR),
            Account("operator", "operator", OPERATOR),
            Account(user, password, ADMIN),
        ]
        self.lock = Lock()
        self.params: Settings = {
            **settings.clockSettings(),
            **settings.network(),
            **settings.devices(),
            **settings.wireless(),
            **settings.rtsp(),
            **settings.services(),
            **settings.alarm(),
        }
        self.image = settings.image()
        self.misc = settings.misc()
        self.recording = settings.recording()
        self.motors = Motors(reactor.seconds())
        self.light = self.siren = 0
        self.refusedDangers: Counter[str] = Counter()
        self._log: deque[str] = deque(maxlen=MAX_LOG)
        self.recordings = self._record()

    @property
    def now(self) -> float:
        """The time by the camera's own clock, Unix seconds."""
        return self._reactor.seconds() + self._offset

    @now.setter
    def now(self, seconds: float) -> None:
        self._offset = seconds - self._reactor.seconds()

    def setClock(self, offset: float) -> None:
        """Let the clock be so many seconds ahead of the right time."""
        self._offset = self._right + offset

    @property
    def uptime(self) -> float:
        """The reactor's seconds, for what must not jump when the clock is set."""
        return self._reactor.seconds()

    @property
    def log(self) -> list[str]:
        """What happened, oldest first."""
        return list(self._log)

    def note(self, event: str) -> None:
        """Add a line to the log."""
        self._log.append(f"{self.date(self.now):%Y-%m-%d %H:%M:%S} {event}")

    def date(self, seconds: float) -> datetime:
        """A time as the camera's clock on the wall shows it."""
        zone = self.params["tz"]
        shift = zone if isinstance(zone, int) and abs(zone) < 86400 else 0
        return datetime.fromtimestamp(
            min(max(seconds, 0), 4e9), timezone(timedelta(seconds=-shift))
        )

    def digest(self) -> str:
        """Changes whenever a setting does."""
        text = variables({**self.users(), **self.params, **self.image, **self.misc})
        return md5(
            (self.plate.name + text).encode("utf-8", "surrogateescape"),
            usedforsecurity=False,
        ).hexdigest()

    def users(self) -> Settings:
        """The accounts as settings."""
        return {
            f"user{number}_{name}": value
            for number, account in enumerate(self.accounts, 1)
            for name, value in (("name", account.name), ("pwd", account.password))
        }

    def levelOf(self, name: str, password: str) -> int | None:
        """Firmware A: the level of an account, or L{None}."""
        for account in reversed(self.accounts):
            if not account.name or not same(account.name, name):
                continue
            if same(account.password, password):
                return account.level
        return None

    def rebooted(self) -> None:
        """It was switched off and on."""
        self.lock.reset()
        self.motors.restart(self._reactor.seconds())
        self.light = self.siren = 0
        self.note("system start")

    def _record(self) -> list[tuple[str, int]]:
        luck = Random(self.plate.deviceId.compact)
        latest = int(self.now) // RECORDING_EVERY * RECORDING_EVERY
        return [
            (
                f"{self.date(latest - number * RECORDING_EVERY):%Y%m%d%H%M%S}_010.h264",
                luck.randint(2_000_000, 40_000_000),
            )
            for number in range(1, RECORDINGS + 1)
        ]


def change(settings: Settings, name: str, text: str) -> bool:
    """
    Give a setting that exists a new value; it stays a number or a text.

    @return: whether it could be done.
    """
    old = settings.get(name)
    if old is None:
        return False
    new: Value = text
    if isinstance(old, int):
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
            return False
        new = int(text)
    elif len(text.encode("utf-8", "surrogateescape")) > MAX_TEXT:
        return False
    settings[name] = new
    return True
