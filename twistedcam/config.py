"""
The configuration file: TOML into typed, frozen values.

Unknown keys are refused, and every complaint names the place, so that a typing
error does not quietly leave a camera alone::

    [[camera]]
    uid = "VSTB-668515-UZCPK"
    name = "garden"
    password-file = "garden.password"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

import msgspec
from twisted.internet.endpoints import serverFromString

from .errors import ConfigError, WireError
from .restream.access import Access, checkExposure
from .wire.deviceid import DeviceId

_NAME = re.compile(r"[a-z0-9-]{1,32}")

#: As browsers send it: without scheme, port and path, and in ASCII.
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}")

EXAMPLE_ADDRESS = "192.168.1.20"
EXAMPLE_ENDPOINT = "tcp:8085:interface=127.0.0.1"

#: Where an endpoint names a file.
_ENDPOINT_FILE = re.compile(
    r"(?:privateKey|certKey|extraCertChain|dhParameters)=((?:\\.|[^\\:])*)"
)

#: Where it names a port.
_ENDPOINT_PORT = re.compile(r"(?:^(?:tcp[46]?|ssl):(?:port=)?|(?<!\\):port=)(-?[0-9]+)")

#: What msgspec says of a secret that stands in the file itself.
_SECRET_KEY = re.compile(
    r"unknown field `(?:(password)` - at `\$\.camera|(password|token)` - at `\$\.(?:web|rtsp))"
)

#: Characters of a token at least.  Wrong passwords are slowed down; a token that is
#: right counts even while somebody at the same address guesses.
_LEAST_TOKEN = 16

#: A password file longer than this (bytes) is some other file.
_MAX_PASSWORD_FILE = 1024


@dataclass(frozen=True)
class CameraConfig:
    """
    What L{twistedcam.camera.Camera} wants to know of a camera; the fields are its
    parameters.
    """

    deviceId: DeviceId | None = None
    address: str | None = None
    pinAddress: bool = False
    user: str = "admin"
    password: str | None = field(default=None, repr=False)
    psk: str | None = field(default=None, repr=False)
    name: str | None = None
    title: str = ""


@dataclass(frozen=True)
class RecordConfig:
    """
    What is recorded, and what is kept.

    @ivar directory: the folder.
    @ivar cameras: the names of those to record; empty: all.
    @ivar segment: seconds of one file.
    @ivar keepDays: days after which a recording is deleted; 0: never.
    @ivar keepBytes: the oldest are deleted as long as there is more; 0: never.
    """

    directory: Path
    cameras: tuple[str, ...] = ()
    segment: float = 600.0
    keepDays: float = 0
    keepBytes: int = 0


@dataclass(frozen=True)
class ServeConfig:
    """
    A way out, by the web or by RTSP.

    @ivar endpoint: where to listen, as for C{serverFromString}; L{None}: where it is
        usual; empty: nowhere.
    @ivar user: who may come in with the password; L{None}: whatever he calls himself.
    @ivar password: L{None}: nobody comes in with a password.
    @ivar token: L{None}: nobody comes in with a token.
    @ivar open: let everybody in, wherever he comes from.
    @ivar hosts: names under which browsers may ask for the page without a login,
        besides those that no stranger can have.
    @ivar certificates: what tells whether the files that C{endpoint} names are still
        the same.
    """

    endpoint: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    open: bool = False
    hosts: tuple[str, ...] = ()
    certificates: str = ""

    @property
    def access(self) -> Access:
        """Who may come in."""
        return Access(self.user, self.password, self.token)

    def at(self, endpoint: str) -> ServeConfig:
        """
        The same at an endpoint.

        @raise ConfigError: there is no such endpoint, or other machines could come in
            there, and nobody said so.
        """
        if endpoint:
            parseEndpoint(endpoint)
            checkExposure(endpoint, self.access, self.open)
        return replace(self, endpoint=endpoint, certificates=_fingerprint(endpoint))


@dataclass(frozen=True)
class Config:
    """
    A whole file.

    @ivar cameras: at least one, names all different.
    @ivar record: what to record; L{None}: nothing.
    @ivar web: the page.
    @ivar rtsp: for players and recorders.
    """

    cameras: tuple[CameraConfig, ...]
    record: RecordConfig | None = None
    web: ServeConfig = ServeConfig()
    rtsp: ServeConfig = ServeConfig()


class _Table(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename=lambda name: re.sub("[A-Z]", lambda match: "-" + match[0].lower(), name),
):
    """Tables of the file have kebab-case keys."""

    # The generated one would show the psk.
    __repr__ = object.__repr__


class _CameraTable(_Table, frozen=True):
    """C{[[camera]]}, as it is written."""

    uid: str | None = None
    name: str | None = None
    title: str = ""
    address: str | None = None
    pinAddress: bool = False
    user: str = "admin"
    passwordFile: str | None = None
    psk: str | None = None


class _RecordTable(_Table, frozen=True):
    """C{[record]}, as it is written."""

    directory: str
    cameras: tuple[str, ...] = ()
    segment: Annotated[float, msgspec.Meta(ge=1)] = 600.0
    keepDays: Annotated[float, msgspec.Meta(ge=0)] = 0
    keepBytes: Annotated[int, msgspec.Meta(ge=0)] = 0


class _ServeTable(_Table, frozen=True):
    """C{[web]} and C{[rtsp]}, as they are written."""

    endpoint: str | None = None
    user: str | None = None
    passwordFile: str | None = None
    tokenFile: str | None = None
    open: bool = False


class _WebTable(_ServeTable, frozen=True):
    """C{[web]}."""

    hosts: tuple[str, ...] = ()


class _File(_Table, frozen=True):
    """The file, as it is written."""

    camera: tuple[_CameraTable, ...] = ()
    record: _RecordTable | None = None
    web: _WebTable = _WebTable()
    rtsp: _ServeTable = _ServeTable()


def loadConfig(path: str) -> Config:
    """
    Read a configuration file.

    @raise ConfigError: it cannot be used; the text names the file and the place.
    """
    try:
        with open(path, "rb") as stream:
            file = msgspec.convert(tomllib.load(stream), _File)
        folder = Path(path).parent
        cameras = tuple(_cameras(file, folder))
        return Config(
            cameras,
            _record(file, cameras, folder),
            _serve(file.web, folder, "$.web", file.web.hosts),
            _serve(file.rtsp, folder, "$.rtsp"),
        )
    except OSError as e:
        raise ConfigError(f"cannot read {path}: {e.strerror}") from e
    except (msgspec.ValidationError, ConfigError) as e:
        raise ConfigError(f"{path}: {e}{_hint(str(e))}") from e
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"{path} is not TOML: {e}") from e


def _hint(problem: str) -> str:
    """What else helps."""
    secret = _SECRET_KEY.search(problem)
    if secret is None:
        return ""
    return f": put it into a file and name that: {secret[1] or secret[2]}-file"


def _record(
    file: _File, cameras: tuple[CameraConfig, ...], folder: Path
) -> RecordConfig | None:
    table = file.record
    if table is None:
        return None
    known = {camera.name for camera in cameras}
    for number, name in enumerate(table.cameras):
        place = f"$.record.cameras[{number}]"
        if name not in known:
            raise ConfigError(f"no camera is named {name!r} - at `{place}`")
        if name in table.cameras[:number]:
            raise ConfigError(f"{name!r} once more - at `{place}`")
    if "\0" in table.directory:
        raise ConfigError("a NUL in it - at `$.record.directory`")
    return RecordConfig(
        directory=folder / table.directory,
        cameras=table.cameras,
        segment=table.segment,
        keepDays=table.keepDays,
        keepBytes=table.keepBytes,
    )


def _serve(
    table: _ServeTable, folder: Path, place: str, hosts: tuple[str, ...] = ()
) -> ServeConfig:
    key = ".user"
    try:
        if table.user is not None and table.passwordFile is None:
            raise ConfigError("a user without a password-file")
        key = ".password-file"
        password = _readSecret(table.passwordFile, folder)
        key = ".hosts"
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ConfigError(f"not the name of a host alone: {host!r}")
        key = ".token-file"
        token = _readSecret(table.tokenFile, folder)
        if token is not None and len(token) < _LEAST_TOKEN:
            raise ConfigError(
                f"a token has {_LEAST_TOKEN} characters or more, since it must not be"
                " guessed: openssl rand -hex 16 makes one"
            )
        config = ServeConfig(None, table.user, password, token, table.open, hosts)
        key = ".endpoint"
        if table.endpoint is not None:
            config = config.at(table.endpoint)
    except ConfigError as e:
        raise ConfigError(f"{e} - at `{place}{key}`") from e
    return config


def _fingerprint(endpoint: str) -> str:
    """What tells whether the files that an endpoint names have changed."""
    digest = sha256()
    for path in _ENDPOINT_FILE.findall(endpoint):
        with suppress(OSError):  # whoever listens there will complain
            digest.update(Path(path.replace("\\:", ":")).read_bytes())
    return digest.hexdigest()


def _readSecret(path: str | None, folder: Path) -> str | None:
    return None if path is None else readPassword(folder / path)


def _cameras(file: _File, folder: Path) -> Iterator[CameraConfig]:
    if not file.camera:
        raise ConfigError("no [[camera]] in it")
    names: set[str] = set()
    uids: dict[DeviceId, str] = {}
    for number, table in enumerate(file.camera):
        place = f"$.camera[{number}]"
        camera = _camera(table, folder, place)
        assert camera.name is not None
        if camera.name in names:
            raise ConfigError(f"a second camera named {camera.name!r} - at `{place}`")
        if camera.deviceId in uids:
            raise ConfigError(
                f"{camera.deviceId} is {uids[camera.deviceId]!r} already"
                f" - at `{place}.uid`"
            )
        names.add(camera.name)
        if camera.deviceId is not None:
            uids[camera.deviceId] = camera.name
        yield camera


def _camera(table: _CameraTable, folder: Path, place: str) -> CameraConfig:
    key = ""
    try:
        key = ".uid"
        deviceId = None if table.uid is None else DeviceId.fromText(table.uid)
        key = ".address"
        address = None if table.address is None else parseAddress(table.address)
        key = ".name"
        name = table.name
        if name is None and deviceId is not None:
            name = str(deviceId).lower()
        elif name is None or not _NAME.fullmatch(name):
            wish = "a camera without uid wants a name" if name is None else repr(name)
            raise ConfigError(f"{wish}: 1 to 32 of a-z, 0-9 and -")
        key = ".pin-address"
        if table.pinAddress and address is None:
            raise ConfigError("there is no address to pin")
        key = ""
        if deviceId is None and address is None:
            raise ConfigError("a camera needs a uid or an address")
        key = ".password-file"
        password = _readSecret(table.passwordFile, folder)
    except (ConfigError, WireError) as e:
        raise ConfigError(f"{e} - at `{place}{key}`") from e
    return CameraConfig(
        deviceId=deviceId,
        address=address,
        pinAddress=table.pinAddress,
        user=table.user,
        password=password,
        psk=table.psk,
        name=name,
        title=table.title,
    )


def parseAddress(text: str) -> str:
    """
    A dotted IPv4 address, in its one proper form.

    @raise ConfigError: it is none.
    """
    try:
        return str(IPv4Address(text.strip()))
    except ValueError as e:
        raise ConfigError(
            f"not an IPv4 address such as {EXAMPLE_ADDRESS}: {text!r}"
        ) from e


def parseEndpoint(text: str) -> str:
    """
    Where a server listens, as L{serverFromString} takes it.

    @raise ConfigError: it would not take it.
    """
    try:
        # Parsing touches no reactor; it reads the files of ssl: endpoints.
        serverFromString(None, text)
    except ModuleNotFoundError as e:
        raise ConfigError(f"{text!r} needs twistedcam[tls] to be installed") from e
    except Exception as e:  # each kind of endpoint has complaints of its own
        reason = f"{e}; such as {EXAMPLE_ENDPOINT!r}"
        raise ConfigError(f"not an endpoint: {text!r}: {reason}") from e
    for number in _ENDPOINT_PORT.findall(text):
        if not 0 <= int(number) <= 65535:
            raise ConfigError(f"not an endpoint: {text!r}: a port is 0 to 65535")
    return text


def readPassword(path: str | Path) -> str:
    """
    The first line of a password file.

    @raise ConfigError: there is none to be read.
    """
    # An error is one line, whatever the name.
    shown = str(path) if str(path).isprintable() else repr(str(path))
    try:
        with open(path, "rb") as stream:
            content = stream.read(_MAX_PASSWORD_FILE + 1)
    except OSError as e:
        raise ConfigError(f"cannot read password file {shown}: {e.strerror}") from e
    except ValueError as e:  # a NUL in the path
        raise ConfigError(f"cannot read password file {shown}: {e}") from e
    if len(content) > _MAX_PASSWORD_FILE:
        raise ConfigError(f"password file {shown} is longer than a password")
    try:
        first, *_ = content.decode().splitlines() or [""]
    except UnicodeDecodeError as e:
        raise ConfigError(f"password file {shown} is not UTF-8 text") from e
    if not first:
        raise ConfigError(f"password file {shown} is empty")
    return first
