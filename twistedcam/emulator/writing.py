"""
Commands that change settings.
"""

from __future__ import annotations

from dataclasses import replace

from .replies import FAILED, OK, outcome
from .request import Handler, Request
from .settings import Settings
from .state import change

#: The longest name, in bytes: what the DH report has room for.
MAX_ALIAS = 80

#: Parameters of set_users: name and password of the three accounts.
_ACCOUNTS = [(f"user{number}", f"pwd{number}") for number in (1, 2, 3)]

#: Longest name and password of an account, in characters.
MAX_CREDENTIAL = 64


def setAlias(request: Request) -> str:
    """The name, told by the DH report as well."""
    alias = request.parameters.get("alias", "")
    try:
        size = len(alias.encode())
    except UnicodeEncodeError:
        return outcome(FAILED)
    if not 0 < size <= MAX_ALIAS:
        return outcome(FAILED)
    request.state.plate.name = alias
    return outcome(OK)


def setUsers(request: Request) -> str:
    """
    Names and passwords, valid at once.  Only what is given changes, and the
    administrator keeps some name.
    """
    state, parameters = request.state, request.parameters
    accounts = []
    for account, names in zip(state.accounts, _ACCOUNTS, strict=True):
        name, password = (parameters.get(parameter) for parameter in names)
        accounts.append(
            replace(
                account,
                name=account.name if name is None else name,
                password=account.password if password is None else password,
            )
        )
    texts = [text for each in accounts for text in (each.name, each.password)]
    if not accounts[-1].name or max(map(len, texts)) > MAX_CREDENTIAL:
        return outcome(FAILED)
    state.accounts[:] = accounts
    state.note("accounts changed")
    return outcome(OK)


def setDatetime(request: Request) -> str:
    """The zone and NTP; and, if C{now} is given and not 0, the clock."""
    _update(request, request.state.params, "", only=("tz", "ntp_enable", "ntp_svr"))
    now = request.number("now", 0)
    if 0 < now < 1 << 32:
        request.state.now = now
        request.state.note("clock set")
    return outcome(OK)


def setMisc(request: Request) -> str:
    """Motors and lamp."""
    _update(request, request.state.misc, "")
    return outcome(OK)


def setRecording(request: Request) -> str:
    """What and when is recorded, with or without the prefix of the names."""
    _update(request, request.state.recording, "")
    _update(request, request.state.recording, "record_")
    return outcome(OK)


def setMedia(request: Request) -> str:
    """The encoder."""
    _update(request, request.state.image, "")
    return outcome(OK)


def setRtsp(request: Request) -> str:
    """The RTSP server; its parameters bear the names that get_rtsp tells."""
    params, parameters = request.state.params, request.parameters
    for name in ("user", "pwd", "port"):
        if (value := parameters.get(f"rtsp{name}")) is not None:
            change(params, f"rtsp_{name}", value)
    if (value := parameters.get("rtspenable")) is not None:
        change(params, "rtsp_auth_enable", value)
    return outcome(OK)


def _setter(prefix: str) -> Handler:
    """For a group of settings, named in the command without their prefix."""

    def set_(request: Request) -> str:
        _update(request, request.state.params, prefix)
        return outcome(OK)

    return set_


def _update(
    request: Request,
    settings: Settings,
    prefix: str,
    only: tuple[str, ...] = (),
) -> None:
    """Unknown parameters, and numbers that are none, are passed over."""
    # Those of the login would otherwise become those of the server.
    own = {"loginuse", "loginpas"}
    if request.firmware.accounts and "loginuse" not in request.parameters:
        own |= {"user", "pwd"}
    for name, text in request.parameters.items():
        if name not in own and (not only or name in only):
            change(settings, prefix + name, text)


HANDLERS: dict[str, Handler] = {
    "set_alias": setAlias,
    "set_users": setUsers,
    "set_datetime": setDatetime,
    "set_misc": setMisc,
    "set_recordsch": setRecording,
    "set_media": setMedia,
    "set_rtsp": setRtsp,
    "set_alarm": _setter("alarm_"),
    "set_wifi": _setter("wifi_"),
    "set_mail": _setter("mail_"),
    "set_ftp": _setter("ftp_"),
    "set_ddns": _setter("ddns_"),
    "set_network": _setter(""),
    "set_devices": _setter(""),
    "set_upnp": _setter("upnp_"),
}
