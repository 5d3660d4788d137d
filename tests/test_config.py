"""Tests for L{twistedcam.config}."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.config import (
    CameraConfig,
    Config,
    RecordConfig,
    ServeConfig,
    loadConfig,
    parseAddress,
    parseEndpoint,
)
from twistedcam.config import readPassword as read
from twistedcam.errors import ConfigError
from twistedcam.wire.deviceid import DeviceId

from .folders import temporaryFolder
from .strategies import cheap, dear

UID = DeviceId("VSTB", 668515, "UZCPK")
ONE = '[[camera]]\nuid = "VSTB-668515-UZCPK"\n'

# TOML.

KEYS = ["uid", "name", "title", "address", "pin-address", "user", "password-file"]
KEYS += ["psk", "pinAddress", "camera", "passwordFile"]

#: Text as TOML has it: no surrogates.
letters = st.text(st.characters(codec="utf-8"), max_size=40)
scalars: SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    letters,
    st.sampled_from(["VSTB-668515-UZCPK", "192.0.2.7", "garden", "\0", "", "."]),
)


def tables(
    keys: SearchStrategy[str], values: SearchStrategy[Any]
) -> SearchStrategy[dict[str, Any]]:
    """Tables with these keys and values."""
    return st.dictionaries(keys, values, max_size=6)


values = st.recursive(
    scalars, lambda some: st.lists(some, max_size=3) | tables(letters, some)
)
cameras = tables(st.sampled_from(KEYS), scalars) | tables(letters, values)
files = tables(letters, values) | st.fixed_dictionaries(
    {"camera": st.lists(cameras, max_size=4) | values}
)


def toml(value: object) -> str:
    """A value as TOML's inline notation has it."""
    match value:
        case dict():
            pairs = (f"{toml(key)} = {toml(one)}" for key, one in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


class ConfigCase(SynchronousTestCase):
    """A folder for files."""

    def setUp(self) -> None:
        """Make it."""
        self.folder = temporaryFolder(self)

    def write(self, content: str | bytes, name: str = "cameras.toml") -> str:
        """A file in the folder; its path."""
        raw = content if isinstance(content, bytes) else content.encode()
        path = self.folder / name
        path.write_bytes(raw)
        return str(path)

    def load(self, content: str | bytes) -> Config:
        """What a file with this content says."""
        return loadConfig(self.write(content))

    def refusal(self, content: str | bytes) -> str:
        """What is said of a file with this content, after its path."""
        path = self.write(content)
        error = str(self.assertRaises(ConfigError, loadConfig, path))
        self.assertTrue(error.startswith(path), error)
        self.assertNotIn("\n", error)
        return error.removeprefix(path)


class LoadTests(ConfigCase):
    """Files that are as they should be."""

    def test_least(self) -> None:
        """A UID is enough; everything else has its default."""
        (camera,) = self.load(ONE).cameras
        self.assertEqual(CameraConfig(deviceId=UID, name="vstb-668515-uzcpk"), camera)
        self.assertEqual(("admin", False, ""), (camera.user, camera.pinAddress, ""))
        self.assertIsNone(camera.psk)
        self.assertIsNone(camera.password)

    def test_all(self) -> None:
        """Every key arrives in its field."""
        self.write("open sesame\nrest\n", "secret")
        content = (
            '[[camera]]\nuid = "vstb668515uzcpk"\nname = "garden-1"\n'
            'title = "Gärtchen"\naddress = " 192.0.2.7"\npin-address = true\n'
            'user = "me"\npassword-file = "secret"\npsk = "tree"\n'
        )
        expected = CameraConfig(
            deviceId=UID,
            address="192.0.2.7",
            pinAddress=True,
            user="me",
            password="open sesame",
            psk="tree",
            name="garden-1",
            title="Gärtchen",
        )
        self.assertEqual((expected,), self.load(content).cameras)

    def test_order(self) -> None:
        """Cameras come in the order of the file."""
        content = ONE + '[[camera]]\nname = "b"\naddress = "192.0.2.8"\n'
        names = [camera.name for camera in self.load(content).cameras]
        self.assertEqual(["vstb-668515-uzcpk", "b"], names)

    def test_emptyPsk(self) -> None:
        """An empty psk is a statement, other than none."""
        self.assertEqual("", self.load(ONE + 'psk = ""').cameras[0].psk)

    def test_absolutePassword(self) -> None:
        """An absolute path to a password is taken as it is."""
        path = os.path.abspath(self.write("sesame", "elsewhere"))
        config = self.load(ONE + f"password-file = {toml(path)}")
        self.assertEqual("sesame", config.cameras[0].password)

    def test_longestNames(self) -> None:
        """A name may have 32 letters, and so has the longest default."""
        name = "a" * 32
        self.assertEqual(name, self.load(ONE + f'name = "{name}"').cameras[0].name)
        longest = DeviceId("A" * 7, (1 << 32) - 1, "B" * 7)
        content = f'[[camera]]\nuid = "{longest}"\n'
        self.assertEqual(str(longest).lower(), self.load(content).cameras[0].name)

    def test_secrets(self) -> None:
        """Passwords and psk are in no repr, on whatever level."""
        self.write("sesame", "secret")
        config = self.load(ONE + 'password-file = "secret"\npsk = "tree"')
        for value in (config, config.cameras, config.cameras[0]):
            self.assertNotIn("sesame", repr(value))
            self.assertNotIn("tree", repr(value))

    def test_innerSecrets(self) -> None:
        """Nor are they in the repr of the tables that a debugger would show."""
        seen = []
        convert = msgspec.convert

        def watching(*args: Any) -> Any:
            seen.append(convert(*args))
            return seen[-1]

        with patch.object(msgspec, "convert", watching):
            self.load(ONE + 'psk = "tree"')
        self.assertEqual("tree", seen[0].camera[0].psk)
        self.assertNotIn("tree", repr(seen) + repr(seen[0].camera))


class RecordTests(ConfigCase):
    """The C{[record]} section."""

    def record(self, content: str) -> RecordConfig | None:
        """What it says."""
        garden = ONE + 'name = "garden"\n'
        house = '[[camera]]\nname = "house"\naddress = "192.0.2.8"\n'
        return self.load(garden + house + content).record

    def refused(self, content: str) -> str:
        """What is said of it, after the path."""
        return self.refusal(ONE + 'name = "garden"\n[record]\n' + content)

    def test_none(self) -> None:
        """Without it nothing is recorded."""
        self.assertIsNone(self.record(""))

    def test_least(self) -> None:
        """A folder is enough: everything is recorded, and kept forever."""
        record = self.record('[record]\ndirectory = "films"\n')
        assert record is not None
        self.assertEqual(RecordConfig(directory=self.folder / "films"), record)
        self.assertEqual(
            ((), 600, 0, 0),
            (record.cameras, record.segment, record.keepDays, record.keepBytes),
        )

    def test_all(self) -> None:
        """Every key arrives in its field."""
        expected = RecordConfig(
            directory=Path("/srv/films"),
            cameras=("house", "garden"),
            segment=60.5,
            keepDays=1.5,
            keepBytes=500_000_000_000,
        )
        content = (
            '[record]\ndirectory = "/srv/films"\ncameras = ["house", "garden"]\n'
            "segment = 60.5\nkeep-days = 1.5\nkeep-bytes = 500_000_000_000\n"
        )
        self.assertEqual(expected, self.record(content))

    def test_refused(self) -> None:
        """What makes no sense is refused, with its place."""
        for content, expected in (
            ("", "Object missing required field `directory` - at `$.record`"),
            ("segment = 0.5", "Expected `float` >= 1.0 - at `$.record.segment`"),
            ("segment = nan", "Expected `float` >= 1.0 - at `$.record.segment`"),
            ("keep-days = -1", "Expected `float` >= 0.0 - at `$.record.keep-days`"),
            ("keep-bytes = -1", "Expected `int` >= 0 - at `$.record.keep-bytes`"),
            (
                'keep-bytes = "5 GB"',
                "Expected `int`, got `str` - at `$.record.keep-bytes`",
            ),
            (
                "keep_days = 1",
                "Object contains unknown field `keep_days` - at `$.record`",
            ),
            (
                'cameras = "garden"',
                "Expected `array`, got `str` - at `$.record.cameras`",
            ),
            (
                'cameras = ["garden", "x"]',
                "no camera is named 'x' - at `$.record.cameras[1]`",
            ),
            (
                'cameras = ["garden", "garden"]',
                "'garden' once more - at `$.record.cameras[1]`",
            ),
        ):
            if content:
                content = 'directory = "films"\n' + content
            self.assertEqual(f": {expected}", self.refused(content))

    def test_directory(self) -> None:
        """A folder that cannot be one is refused."""
        self.assertEqual(
            ": a NUL in it - at `$.record.directory`",
            self.refused('directory = "a\\u0000b"'),
        )

    def test_uid(self) -> None:
        """Cameras without a name go by their UID."""
        content = '[record]\ndirectory = "x"\ncameras = ["vstb-668515-uzcpk"]\n'
        record = self.load(ONE + content).record
        assert record is not None
        self.assertEqual(("vstb-668515-uzcpk",), record.cameras)


class ServeTests(ConfigCase):
    """C{[web]} and C{[rtsp]}."""

    def test_absent(self) -> None:
        """Without the tables it is as usual."""
        config = self.load(ONE)
        self.assertEqual((ServeConfig(), ServeConfig()), (config.web, config.rtsp))
        self.assertFalse(config.web.access.required)

    def test_all(self) -> None:
        """Every key arrives in its field."""
        self.write("sesame\n", "secret")
        self.write("abracadabra-simsalabim\n", "token")
        table = (
            'endpoint = "tcp:80"\nuser = "me"\npassword-file = "secret"\n'
            'token-file = "token"\nopen = true\n'
        )
        config = self.load(f"{ONE}[web]\n{table}hosts = ['a.b']\n[rtsp]\n{table}")
        expected = ServeConfig("tcp:80", "me", "sesame", "abracadabra-simsalabim", True)
        self.assertEqual(expected, replace(config.rtsp, certificates=""))
        expected = replace(expected, hosts=("a.b",))
        self.assertEqual(expected, replace(config.web, certificates=""))
        self.assertTrue(config.web.access.checkPassword("me", "sesame"))
        self.assertTrue(config.web.access.checkToken("abracadabra-simsalabim"))
        for secret in ("sesame", "abracadabra"):
            self.assertNotIn(secret, repr(config))

    def test_off(self) -> None:
        """An empty endpoint is none."""
        self.assertEqual("", self.load(f'{ONE}[web]\nendpoint = ""').web.endpoint)

    def test_exposed(self) -> None:
        """What other machines can reach needs a login, or the word that it does not."""
        self.write("sesame-open-yourself", "secret")
        for endpoint, good in (
            ("tcp:80", False),
            ("tcp:80:interface=192.0.2.1", False),
            ("tcp:80:interface=127.0.0.1", True),
        ):
            for name in ("web", "rtsp"):
                table = f'{ONE}[{name}]\nendpoint = "{endpoint}"\n'
                if not good:
                    error = self.refusal(table)
                    self.assertIn("can be reached by other machines", error)
                    self.assertIn(f"at `$.{name}.endpoint`", error)
                    self.assertEqual(
                        endpoint == "tcp:80",
                        "; tcp:80:interface=127.0.0.1 keeps it on this machine"
                        in error,
                    )
                for more in ("open = true", 'token-file = "secret"'):
                    self.load(table + more)

    def test_token(self) -> None:
        """A token that could be guessed is refused, and not repeated."""
        self.write("sesame-sesame-1", "token")
        error = self.refusal(f'{ONE}[web]\ntoken-file = "token"')
        self.assertIn("16 characters or more", error)
        self.assertNotIn("sesame", error)

    def test_certificates(self) -> None:
        """Another certificate in the same file is a change."""
        folder = Path(self.write("key", "key.pem")).parent
        endpoint = f"ssl:443:privateKey={folder}/key.pem:certKey={folder}/cert.pem"
        seen = []
        with patch("twistedcam.config.serverFromString"):
            for content in ("one", "one", "another"):
                self.write(content, "cert.pem")
                seen.append(ServeConfig(password="sesame").at(endpoint))
        self.assertEqual(seen[0], seen[1])
        self.assertNotEqual(seen[0], seen[2])

    def test_refused(self) -> None:
        """Each mistake is told with its place."""
        for table, place in (
            ('endpoint = "8085"', ".endpoint"),
            ('endpoint = "tcp:99999:interface=127.0.0.1"', ".endpoint"),
            ('endpoint = "ssl:443:privateKey=/nonexistent"', ".endpoint"),
            ('user = "me"', ".user"),
            ('password-file = "nonexistent"', ".password-file"),
            ('token-file = "nonexistent"', ".token-file"),
            ("hosts = 1", ".hosts"),
            ('hosts = ["https://a.b"]', ".hosts"),
            ('hosts = ["a.b:8085"]', ".hosts"),
            ("open = 1", ".open"),
        ):
            self.assertIn(f"`$.web{place}`", self.refusal(f"{ONE}[web]\n{table}"))
        self.assertIn("hosts", self.refusal(f"{ONE}[rtsp]\nhosts = []"))

    def test_ports(self) -> None:
        """A port is one that there can be."""
        for text, good in (
            ("tcp:{}", True),
            ("tcp:{}:interface=127.0.0.1", True),
            ("tcp:interface=127.0.0.1:port={}", True),
            ("tcp6:port={}:interface=\\:\\:1", True),
            ("tcp:80:backlog={}", False),
        ):
            for port in 0, 65535, 65536, 99999, -1:
                endpoint = text.format(port)
                if good and not 0 <= port <= 65535:
                    error = self.assertRaises(ConfigError, parseEndpoint, endpoint)
                    self.assertIn(f"{endpoint!r}: a port is 0 to 65535", str(error))
                else:
                    self.assertEqual(endpoint, parseEndpoint(endpoint))


class RefusalTests(ConfigCase):
    """Files that are not; one line names file and place."""

    def test_unreadable(self) -> None:
        """A file that cannot be read is named, with the reason."""
        error = self.assertRaises(ConfigError, loadConfig, "/nonexistent.toml")
        self.assertEqual(
            "cannot read /nonexistent.toml: No such file or directory", str(error)
        )
        error = self.assertRaises(ConfigError, loadConfig, str(self.folder))
        self.assertIn("Is a directory", str(error))

    def test_notToml(self) -> None:
        """What is not TOML is called so, whatever the parser stumbles over."""
        for content in (
            "[[camera]\n",
            b"\xff",
            "n = " + "1" * 5000,
            "n = " + "[" * 20000,
            ONE + 'uid = "VSTB-668515-UZCPK"',
        ):
            self.assertTrue(self.refusal(content).startswith(" is not TOML: "))

    def test_unknownKeys(self) -> None:
        """An unknown key is named with its place, on either level."""
        error = self.refusal(ONE + ONE + "pinadress = true")
        self.assertEqual(
            ": Object contains unknown field `pinadress` - at `$.camera[1]`", error
        )
        self.assertIn("`cameras`", self.refusal("cameras = 3\n" + ONE))

    def test_camelCase(self) -> None:
        """Keys are kebab-case, and not also what our fields are called."""
        for key, value in ("pinAddress", "true"), ("passwordFile", '"x"'):
            self.assertIn(f"`{key}`", self.refusal(ONE + f"{key} = {value}"))

    def test_types(self) -> None:
        """A value of the wrong type is told of with its place."""
        self.assertIn("`$.camera[0].title`", self.refusal(ONE + "title = 3"))
        self.assertIn("`$.camera[0].psk`", self.refusal(ONE + "psk = 3"))
        self.assertIn("`$.camera`", self.refusal('[camera]\nuid = "x"'))
        error = self.refusal(ONE + 'address = "192.0.2.7"\npin-address = "yes"')
        self.assertIn("`$.camera[0].pin-address`", error)

    def test_none(self) -> None:
        """A file without cameras is of no use."""
        for content in "", "camera = []":
            self.assertEqual(": no [[camera]] in it", self.refusal(content))

    def test_names(self) -> None:
        """A name has 1 to 32 of a-z, 0-9 and -."""
        for name in "", "a" * 33, "Garden", "gärtchen", "a b", "a\n", "a/b", "..":
            error = self.refusal(ONE + f"name = {toml(name)}")
            self.assertIn("1 to 32 of a-z, 0-9 and -", error)
            self.assertIn("`$.camera[0].name`", error)

    def test_nameWanted(self) -> None:
        """Only a UID stands in for a name."""
        error = self.refusal('[[camera]]\naddress = "192.0.2.7"')
        self.assertIn("without uid wants a name", error)

    def test_sameName(self) -> None:
        """No two cameras have one name, be it a default one."""
        self.assertIn("`$.camera[1]`", self.refusal(ONE + ONE))
        other = '[[camera]]\naddress = "192.0.2.7"\nname = "vstb-668515-uzcpk"\n'
        self.assertIn("second camera", self.refusal(ONE + other))

    def test_sameUid(self) -> None:
        """No two cameras are the same, however that is written."""
        for uid in "VSTB-668515-UZCPK", "vstb668515uzcpk":
            error = self.refusal(
                f'{ONE}name = "garden"\n[[camera]]\nuid = "{uid}"\nname = "b"\n'
            )
            self.assertEqual(
                ": VSTB-668515-UZCPK is 'garden' already - at `$.camera[1].uid`", error
            )
        others = "".join(
            f'[[camera]]\naddress = "192.0.2.{n}"\nname = "c{n}"\n' for n in (1, 2)
        )
        self.assertEqual(3, len(self.load(ONE + others).cameras))

    def test_secretsInside(self) -> None:
        """A secret in the file itself is refused, not repeated, and has a place."""
        for table, key, hint in (
            (ONE, "password", True),
            (ONE, "token", False),
            (ONE + "[web]\n", "password", True),
            (ONE + "[web]\n", "token", True),
            (ONE + "[rtsp]\n", "password", True),
            (ONE + '[record]\ndirectory = "x"\n', "password", False),
        ):
            error = self.refusal(f'{table}{key} = "sesame"')
            self.assertIn(f"unknown field `{key}`", error)
            self.assertNotIn("sesame", error)
            expected = f"put it into a file and name that: {key}-file"
            self.assertEqual(hint, error.endswith(expected), error)

    def test_uid(self) -> None:
        """A UID that is none is told of with its place."""
        error = self.refusal('[[camera]]\nuid = "VSTB-x"')
        self.assertEqual(": not a device id: 'VSTB-x' - at `$.camera[0].uid`", error)

    def test_addresses(self) -> None:
        """An address is a dotted one."""
        for address in "", "camera.example", "::1", "192.0.2", "192.0.2.7:80":
            error = self.refusal(ONE + f"address = {toml(address)}")
            self.assertIn("not an IPv4 address", error)
            self.assertIn("`$.camera[0].address`", error)

    def test_nothingToPin(self) -> None:
        """To pin an address there has to be one."""
        error = self.refusal(ONE + "pin-address = true")
        self.assertIn("no address to pin - at `$.camera[0].pin-address`", error)

    def test_nobody(self) -> None:
        """A camera without UID and address could be any."""
        error = self.refusal('[[camera]]\nname = "garden"')
        self.assertIn("needs a uid or an address - at `$.camera[0]`", error)

    def test_passwordFile(self) -> None:
        """A password file that cannot be used is told of with its place."""
        for name in "nope", "", "a\0b", "x" * 300:
            error = self.refusal(ONE + f"password-file = {toml(name)}")
            self.assertIn("cannot read password file", error)
            self.assertIn("`$.camera[0].password-file`", error)

    def test_noSecrets(self) -> None:
        """Complaints repeat neither a password nor a psk."""
        self.write("sesame" * 200, "secret")
        content = ONE + 'psk = "tree"\npassword-file = "secret"'
        self.assertNotIn("sesame", self.refusal(content))
        self.assertNotIn("tree", self.refusal(ONE + 'psk = "tree"\nname = "A"'))
        self.assertNotIn("tree", self.refusal(ONE + "psk = tree"))

    @dear
    @given(files)
    def test_anything(self, file: dict[str, Any]) -> None:
        """Whatever a file says, it is taken or refused with its path."""
        content = "".join(f"{toml(k)} = {toml(v)}\n" for k, v in file.items())
        path = self.write(content)
        try:
            names = [camera.name for camera in loadConfig(path).cameras]
        except ConfigError as e:
            self.assertTrue(str(e).startswith(path), str(e))
        else:
            self.assertEqual(len(names), len(set(names)))

    @cheap
    @given(st.binary(max_size=100))
    def test_garbage(self, content: bytes) -> None:
        """Bytes that are no TOML are refused, too."""
        try:
            self.load(content)
        except ConfigError:
            pass


class PasswordTests(ConfigCase):
    """The first line of a file."""

    def test_firstLine(self) -> None:
        """Only the first line counts, without its end, however it ends."""
        for end in "", "\n", "\r\n", "\nmore\n":
            self.assertEqual(" pass word ", read(self.write(" pass word " + end)))

    def test_unfit(self) -> None:
        """Empty, binary or huge files hold no password; the text does not quote."""
        for content in b"", b"\n", b"\nsesame", b"sesame\xff", b"sesame" * 171:
            path = self.write(content)
            error = str(self.assertRaises(ConfigError, read, path))
            self.assertIn(path, error)
            self.assertNotIn("sesame", error)

    def test_longest(self) -> None:
        """A file of 1024 bytes is not yet too long."""
        self.assertEqual("x" * 1024, read(self.write("x" * 1024)))

    def test_endless(self) -> None:
        """A file without end is not read to its end."""
        error = self.assertRaises(ConfigError, read, "/dev/zero")
        self.assertIn("longer than a password", str(error))


class AddressTests(SynchronousTestCase):
    """Dotted addresses."""

    def test_good(self) -> None:
        """The one proper form comes out."""
        self.assertEqual("192.0.2.7", parseAddress(" 192.0.2.7\n"))

    def test_bad(self) -> None:
        """Anything else is refused, and shown."""
        for text in "", "1", "192.0.2.07", "192.0.2.256", "::1", "localhost":
            error = self.assertRaises(ConfigError, parseAddress, text)
            self.assertEqual(
                f"not an IPv4 address such as 192.168.1.20: {text!r}", str(error)
            )
