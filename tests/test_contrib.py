"""What is in C{contrib} fits the programs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.scripts._twistd_unix import ServerOptions
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedcam.tap import Options

from .folders import temporaryFolder

CONTRIB = Path(__file__).parents[1] / "contrib"
CONFIG = "/etc/twistedcam/cameras.toml"


class ContribTests(SynchronousTestCase):
    """The commands in there are understood."""

    def parse(self, command: list[str]) -> Any:
        """twistd's options, as it would have them."""
        config = temporaryFolder(self) / "cameras.toml"
        config.write_text('[[camera]]\nuid = "VSTB-668515-UZCPK"\n')
        self.assertIn(CONFIG, command)
        options = ServerOptions()
        options.parseOptions(
            [str(config) if word == CONFIG else word for word in command[1:]]
        )
        return options

    def assertUnderstood(self, command: list[str]) -> None:
        """It runs our service in the foreground, and leaves no files around."""
        self.assertTrue(command[0].endswith("twistd"))
        options = self.parse(command)
        self.assertIsInstance(options.subOptions, Options)
        self.assertTrue(options["nodaemon"])
        self.assertEqual("", options["pidfile"])
        self.assertEqual("-", options["logfile"])

    def unit(self) -> str:
        """The systemd unit."""
        return (CONTRIB / "systemd" / "twistedcam.service").read_text()

    def test_unit(self) -> None:
        """systemd starts what there is."""
        found = re.search(r"(?m)^ExecStart=(.*)$", self.unit())
        assert found is not None
        self.assertUnderstood(found[1].split())

    def test_container(self) -> None:
        """So does a container."""
        text = (CONTRIB / "container" / "Containerfile").read_text()
        command: list[str] = []
        for word in "ENTRYPOINT", "CMD":
            found = re.search(rf"(?m)^{word} (\[.*\])$", text)
            assert found is not None
            command += json.loads(found[1])
        self.assertUnderstood(command)

    def test_verified(self) -> None:
        """systemd has no complaints about the unit."""
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("there is no systemd-analyze")
        unit = temporaryFolder(self) / "twistedcam.service"
        installed = self.unit().replace("/opt/twistedcam/bin/twistd", sys.executable)
        self.assertIn(sys.executable, installed)
        unit.write_text(installed)
        done = subprocess.run(
            ["systemd-analyze", "verify", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(("", 0), (done.stderr, done.returncode))
