"""
Commands that move, show or start something; and those that a camera made of
software had better not obey.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from . import settings
from .login import OPERATOR
from .replies import DENIED, ERROR, FAILED, OK, accepted, outcome, variables
from .request import Handler, Request
from .streaming import number

#: Sizes of the pictures, by snapshot.cgi's C{res}.
PICTURES = {0: "640x360", 1: "320x180", 2: "1280x720"}
DEFAULT_PICTURE = 1

#: Longest JPEG (bytes) that is sent: what a record of the older firmware carries.
MAX_PICTURE = 65535

#: Which setting camera_control changes.
IMAGE = {
    0: "resolution",
    1: "vbright",
    2: "vcontrast",
    3: "mode",
    5: "flip",
    6: "enc_framerate",
    8: "vsaturation",
    9: "vhue",
    10: "OSDEnable",
    12: "sub_enc_framerate",
    13: "enc_bitrate",
    14: "ircut",
    15: "resolutionsub",
    17: "sub_sub_enc_framerate",
    19: "sub_enc_bitrate",
    20: "sub_sub_enc_bitrate",
    21: "enc_ratemode",
    22: "sub_enc_ratemode",
    23: "sub_sub_enc_ratemode",
    24: "involume",
    25: "outvolume",
    100: "speed",
}
VIDEO_SIZE, DEFAULTS, ZOOM, PTZ_SPEED = 0, 7, (30, 31, 32), 100

#: What "defaults" puts back.
_REPAIRED = ("vbright", "vcontrast", "vhue", "vsaturation")

#: Fastest setting of the motors; 0 is the slowest, too.
MAX_SPEED = 10

#: trans_cmd_string: families of commands.
TELNET, LIGHTS = 2101, 2109

#: In such a family: change, and tell.
CHANGE, TELL = 0, 2

#: Seconds between an answer to reboot.cgi and its consequence.
REBOOT_DELAY = 1.0


def cameraControl(request: Request) -> str:
    """Change one setting of picture or sound: C{param}, C{value}."""
    param, value = request.number("param", -1), number(request.parameters.get("value"))
    image = request.state.image
    if param == DEFAULTS:
        fresh = settings.image()
        image.update({name: fresh[name] for name in _REPAIRED})
    elif param in ZOOM:
        pass
    elif param == VIDEO_SIZE and not request.firmware.accounts:
        return outcome(FAILED)
    elif param not in IMAGE or value is None or not 0 <= value <= 0xFFFF:
        return outcome(ERROR)
    else:
        image[IMAGE[param]] = value
    if param == PTZ_SPEED and value is not None:
        request.state.motors.where(request.state.uptime)
        request.state.motors.speed = min(max(value, 1), MAX_SPEED)
    return outcome(OK)


def decoderControl(request: Request) -> str:
    """Move: C{command}, C{onestep}."""
    if request.level < OPERATOR:
        return outcome(DENIED)
    state = request.state
    oneStep = request.number("onestep", 0) == 1
    known = state.motors.command(request.number("command", -1), oneStep, state.uptime)
    return outcome(OK if known else ERROR)


def snapshot(request: Request) -> bytes | None:
    """The bare JPEG."""
    size = PICTURES.get(request.number("res", DEFAULT_PICTURE))
    data = picture(size or PICTURES[DEFAULT_PICTURE])
    return data if len(data) <= MAX_PICTURE else None


@cache
def picture(size: str) -> bytes:
    """The JPEG of a size such as C{"640x360"}."""
    return (files(__package__) / "pictures" / f"{size}.jpg").read_bytes()


def livestream(request: Request) -> str | None:
    """Video on and off."""
    request.session.streaming.livestream(request.parameters)
    return "" if request.firmware.streamAnswered else None


def audiostream(request: Request) -> str:
    """Sound on and off."""
    request.session.streaming.audiostream(request.parameters)
    return ""


def transCommand(request: Request) -> str:
    """A family of numbered commands: C{cmd}, C{command}, and more."""
    family, command = request.number("cmd", 0), request.number("command", 0)
    head = {"cmd": family, "command": command}
    state = request.state
    if family == TELNET:
        return refuse(request, "telnet")
    if family != LIGHTS:
        return variables(head)
    if command == TELL:
        return variables({**head, "light": state.light, "siren": state.siren})
    if command != CHANGE:
        return variables(head) + outcome(FAILED)
    state.light = int(bool(request.number("light", state.light)))
    state.siren = int(bool(request.number("siren", state.siren)))
    return variables(head) + outcome(OK)


def reboot(request: Request) -> bytes | None:
    """
    Restart.  The newer firmware answers and restarts a second later; the older
    one restarts at once, and nobody gets an answer.
    """
    request.state.note("reboot")
    if not request.firmware.rebootAnswered:
        request.reboot(0.0)
        return None
    request.reboot(REBOOT_DELAY)
    return accepted(outcome(OK))


def deleteFile(request: Request) -> str:
    """Delete a recording: C{name}."""
    recordings = request.state.recordings
    wanted = request.parameters.get("name", "")
    kept = [each for each in recordings if each[0] != wanted]
    if len(kept) == len(recordings):
        return outcome(FAILED)
    recordings[:] = kept
    return outcome(OK)


def refuse(request: Request, name: str) -> str:
    """Say that it is done, do nothing, and count it."""
    request.state.refusedDangers[name] += 1
    return outcome(OK)


def _danger(name: str) -> Handler:
    return lambda request: refuse(request, name)


#: Commands that could break a real camera.
DANGERS = (
    "auto_download_file",
    "restore_factory",
    "set_default",
    "set_formatsd",
    "set_test_auto_upgrade",
    "upgrade_factory_params",
    "upgrade_firmware",
    "upgrade_htmls",
)

HANDLERS: dict[str, Handler] = {
    "audiostream": audiostream,
    "camera_control": cameraControl,
    "decoder_control": decoderControl,
    "del_file": deleteFile,
    "livestream": livestream,
    "reboot": reboot,
    "snapshot": snapshot,
    "trans_cmd_string": transCommand,
    **{name: _danger(name) for name in DANGERS},
}
