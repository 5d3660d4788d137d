"""
The configuration file: any text.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from fuzz.checks import check
from twistedcam.config import loadConfig
from twistedcam.errors import ConfigError


@cache
def _folder(process: int) -> Path:
    """A folder with a password in it; libFuzzer leaves it to whoever runs it."""
    folder = Path(mkdtemp(prefix="fuzz-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    (folder / "garden.password").write_text("secret\n")
    (folder / "empty.password").write_text("")
    return folder


def target(data: bytes) -> None:
    """A configuration, or one line that says what is wrong with it."""
    if b"/" in data:
        return  # the password may be in any file, such as one that never ends
    path = _folder(os.getpid()) / "cameras.toml"
    path.write_bytes(data)
    try:
        config = loadConfig(str(path))
    except ConfigError as error:
        text = str(error)
        check("\n" not in text, f"an error of two lines: {text!r}")
        check(text.startswith((str(path), "cannot read")), f"where? {text!r}")
        return
    check(bool(config.cameras), "no cameras")
    names = [camera.name for camera in config.cameras]
    check(len(set(names)) == len(names), "two of the same name")
    for served in (config.web, config.rtsp):
        check("secret" not in repr((served, served.access)), "a secret in a repr")
    for camera in config.cameras:
        check(camera.deviceId is not None or camera.address is not None, "who?")
        check("secret" not in repr(camera), "a secret in a repr")


def seeds() -> Iterator[bytes]:
    """Good ones, and typing errors."""
    garden = b'[[camera]]\nuid = "VSTB-668515-UZCPK"\nname = "garden"\n'
    yield garden
    yield garden + b'password-file = "garden.password"\nuser = "x"\npsk = ""\n'
    yield garden + b'\n[[camera]]\nname = "b"\naddress = "192.168.7.20"\n' * 2
    yield garden + b'[record]\ndirectory = "r"\ncameras = ["garden"]\nsegment = 60.5\n'
    yield garden + b'[record]\ndirectory = "r"\nkeep-days = 1e3\nkeep-bytes = 5_0\n'
    yield garden + b'pin-address = true\ntitle = "\\u00e4\\n"\n'
    yield garden + b'password-file = "empty.password"\n'
    yield b"camera = [{uid='VSTB-668515-UZCPK', address='1.2.3.4',pin-address=true}]"
    yield garden + b'[web]\nendpoint = "tcp:8085:interface=127.0.0.1"\nhosts = ["x"]\n'
    yield (
        garden + b'[web]\nuser = "x"\npassword-file = "garden.password"\nopen = true\n'
        b'[rtsp]\nendpoint = "tcp:8554"\ntoken-file = "garden.password"\n'
    )
    yield b"camera = 1\n"
    yield b"a" + b".a" * 500 + b" = 1"
    yield b"x = " + b"[" * 300
    yield b"x = 1979-05-27T07:32:00Z\ny = inf\nz = 0xff\n"
    yield b"\xff\xfe"
