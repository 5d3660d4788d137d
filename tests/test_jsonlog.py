"""Tests for L{twistedcam.jsonlog}."""

from __future__ import annotations

import json
import math
import signal
import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogBeginner, Logger, LogPublisher
from twisted.logger._legacy import publishToNewObserver
from twisted.python.failure import Failure
from twisted.python.log import textFromEventDict
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from twistedcam import jsonlog

from . import programs
from .folders import temporaryFolder
from .programs import TWISTD


class Secretive:
    """Something whose C{repr} tells too much."""

    def __repr__(self) -> str:
        return "hunter2"


class JsonTests(SynchronousTestCase):
    """Events become lines."""

    def setUp(self) -> None:
        self.stream = StringIO()
        with redirect_stdout(self.stream):
            self.observer = jsonlog.observer()
        self.log = Logger("garden.shed", observer=self.observer)

    def take(self) -> dict[str, Any]:
        """The one line that there is, read."""
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        self.assertTrue(text.endswith("\n"))
        self.assertEqual(1, text.count("\n"), text)
        record: dict[str, Any] = json.loads(text, parse_constant=self.fail)
        return record

    def test_interface(self) -> None:
        """It is what twistd takes."""
        verifyObject(ILogObserver, self.observer)

    def test_event(self) -> None:
        """An event is what it says, and what that was made from."""
        self.log.warn(
            "{name}: lost: {reason}; next try in {delay:.1f} s",
            name="garden",
            reason="silent",
            delay=1.25,
            tries=3,
            last=None,
            final=False,
        )
        record = self.take()
        self.assertRegex(
            record.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
        )
        self.assertEqual(
            {
                "level": "warn",
                "namespace": "garden.shed",
                "message": "garden: lost: silent; next try in 1.2 s",
                "name": "garden",
                "reason": "silent",
                "delay": 1.25,
                "tries": 3,
                "last": None,
                "final": False,
            },
            record,
        )

    def test_time(self) -> None:
        """The time is UTC, whatever the machine's zone."""
        self.observer({"log_time": 1764000000.5, "log_format": "x"})
        self.assertEqual("2025-11-24T16:00:00.500000Z", self.take()["time"])

    def test_failure(self) -> None:
        """A failure is told as text, with its end if it is too long."""
        try:
            raise RuntimeError("x" * 2 * jsonlog.MAX_TEXT + " in the end")
        except RuntimeError:
            failure = Failure()
        self.log.failure("{name}: broken", failure, name="garden")
        record = self.take()
        self.assertEqual("garden: broken", record["message"])
        self.assertEqual("critical", record["level"])
        self.assertTrue(record["traceback"].rstrip().endswith("in the end"))
        self.assertEqual(jsonlog.MAX_TEXT, len(record["traceback"]))
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            self.log.failure("again")
        traceback = self.take()["traceback"]
        self.assertIn("Traceback", traceback)
        self.assertIn("ZeroDivisionError: division by zero", traceback)

    def test_objects(self) -> None:
        """Objects are left out, and with them what their reprs tell."""
        self.log.info(
            "done", one=Secretive(), many=[Secretive()], more={"password": "hunter2"}
        )
        self.assertNotIn("hunter2", self.stream.getvalue())
        self.assertEqual({"time", "level", "namespace", "message"}, self.take().keys())

    def test_reserved(self) -> None:
        """A field cannot pass for something else."""
        self.log.info("true", time="never", namespace="none", message="false")
        record = self.take()
        self.assertEqual("true", record["message"])
        self.assertEqual("garden.shed", record["namespace"])
        self.assertNotEqual("never", record["time"])

    def test_long(self) -> None:
        """Lines are no longer than collectors like them, nor have many fields."""
        self.log.info("{text}", text="x" * 100_000)
        self.assertEqual(jsonlog.MAX_TEXT + 3, len(self.take()["text"]))
        many: dict[str, Any] = {f"f{number}": number for number in range(1000)}
        self.log.info("many", **many)
        self.assertEqual(4 + jsonlog.MAX_FIELDS, len(self.take()))

    def test_unformattable(self) -> None:
        """What cannot be formatted is a line as well."""
        self.log.info("{missing}")
        self.assertIn("missing", self.take()["message"])

    def test_legacy(self) -> None:
        """Events of the old kind have their message, and no fields."""
        publishToNewObserver(
            self.observer,
            {"message": ("Site", "starting"), "system": "-", "isError": 0, "time": 1.0},
            textFromEventDict,
        )
        record = self.take()
        self.assertEqual({"time", "level", "namespace", "message"}, record.keys())
        self.assertEqual("Site starting", record["message"])

    def test_publisher(self) -> None:
        """What programs print becomes lines as well, once logging has begun."""
        output = StringIO()
        published = LogPublisher()

        class System:
            stdout: object = None
            stderr: object = None

        beginner = LogBeginner(published, StringIO(), System, warnings)
        with redirect_stdout(output):
            observer = jsonlog.observer()
        beginner.beginLoggingTo([observer], redirectStandardIO=True)
        System.stdout.write("printed\n")  # type: ignore[attr-defined]
        lines = [json.loads(line) for line in output.getvalue().splitlines()]
        self.assertEqual(["printed"], [line["message"] for line in lines])

    @given(
        st.text(),
        st.dictionaries(
            st.text(),
            st.one_of(
                st.text(), st.floats(), st.integers(), st.booleans(), st.binary()
            ),
        ),
    )
    def test_anything(self, text: str, fields: dict[str, Any]) -> None:
        """Whatever is logged, it is one line of proper JSON."""
        event = {"text": text, **fields, "log_format": "{text!s}"}
        line = jsonlog.line(event)
        self.assertTrue(line.isascii())
        self.assertEqual(1, len(line.splitlines()))
        record = json.loads(line, parse_constant=self.fail)
        for value in record.values():
            if isinstance(value, str):
                value.encode()
            self.assertFalse(isinstance(value, float) and not math.isfinite(value))


class TwistdTests(TestCase):
    """twistd with it."""

    timeout = 60

    def test_twistd(self) -> Deferred[object]:
        """All that twistd prints are such lines; no password is among them."""

        def act() -> None:
            password = temporaryFolder(self) / "password"
            password.write_text("hunter2\n")
            args = (
                "--nodaemon",
                "--pidfile=",
                "--logger=twistedcam.jsonlog.observer",
                "camclient",
                "--camera=VSTB-668515-UZCPK",
                "--psk=dragon",
                f"--password-file={password}",
                "--search-address=127.0.0.1",
                f"--lan-port={programs.freePort()}",
                f"--dh-port={programs.freePort()}",
            )
            with programs.running(TWISTD, *args) as process:
                process.waitFor("search sent to 127.0.0.1")
                process.end(signal.SIGTERM)
            records = [json.loads(line) for line in process.output.splitlines()]
            self.assertIn(
                "vstb-668515-uzcpk", [record.get("name") for record in records]
            )
            self.assertIn(
                "vstb-668515-uzcpk: Stopped -> Searching",
                [record["message"] for record in records],
            )
            for secret in "hunter2", "dragon":
                self.assertNotIn(secret, process.output)

        return deferToThread(act)
