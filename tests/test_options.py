"""Tests for L{twistedcam.options}."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from errno import EADDRINUSE
from importlib.metadata import version
from io import StringIO
from unittest.mock import patch

from twisted.internet.error import CannotListenError
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from twistedcam import options
from twistedcam.errors import ConfigError
from twistedcam.trace import printPacket
from twistedcam.wire.deviceid import DeviceId

from .folders import temporaryFolder
from .lab import BROADCAST, Lab, LabCase, sentTo


def parse(*args: str) -> options.SearchOptions:
    """Parse a command line."""
    parsed = options.SearchOptions()
    parsed.parseOptions(args)
    return parsed


class ValueTests(SynchronousTestCase):
    """One value each."""

    def test_number(self) -> None:
        """A number in the range is taken, its ends included."""
        for text, value in (("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-1", 0.1)):
            self.assertEqual(value, options.number(text, 0, 1, "a part"))

    def test_noNumber(self) -> None:
        """Anything else is refused, with the range."""
        for text in "", "x", "-0.01", "1.01", "nan", "inf", "-inf":
            error = self.assertRaises(UsageError, options.number, text, 0, 1, "a part")
            self.assertEqual(f"{text!r} is not a part (0 to 1)", str(error))

    def test_whole(self) -> None:
        """A whole number has no fraction, and is an int."""
        self.assertIsInstance(options.whole("3", 1, 5, "a few"), int)
        for text in "2.5", "0", "6", "x":
            error = self.assertRaises(UsageError, options.whole, text, 1, 5, "a few")
            self.assertEqual(f"{text!r} is not a few (1 to 5)", str(error))

    def test_port(self) -> None:
        """Ports go from 1 to 65535."""
        self.assertEqual([1, 65535], [options.port("1"), options.port("65535")])
        for text in "0", "65536", "-1", "http":
            self.assertRaises(UsageError, options.port, text)

    def test_deviceId(self) -> None:
        """A UID is taken as on the label, or refused in words."""
        expected = DeviceId("VSTB", 668515, "UZCPK")
        self.assertEqual(expected, options.deviceId("vstb668515uzcpk"))
        error = self.assertRaises(UsageError, options.deviceId, "x")
        self.assertEqual("not a device id: 'x'", str(error))

    def test_address(self) -> None:
        """An address is dotted."""
        self.assertEqual("192.0.2.7", options.address("192.0.2.7"))
        for text in "", "localhost":
            error = self.assertRaises(UsageError, options.address, text)
            self.assertEqual(
                f"not an IPv4 address such as 192.168.1.20: {text!r}", str(error)
            )

    def test_text(self) -> None:
        """A text that cannot be encoded is refused, and not shown."""
        self.assertEqual("schlüssel", options.text("schlüssel"))
        error = self.assertRaises(UsageError, options.text, "tree\udcff")
        self.assertNotIn("tree", str(error))


class PasswordTests(SynchronousTestCase):
    """A file, or the environment."""

    def setUp(self) -> None:
        """There is a file."""
        file = temporaryFolder(self) / "password"
        file.write_text("sesame\n")
        self.path = str(file)

    def environment(self, value: str) -> None:
        """Have this in the variable."""
        patcher = patch.dict(os.environ, {options.PASSWORD_VARIABLE: value})
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_none(self) -> None:
        """Without either there is no password, and an empty variable is none."""
        self.environment("")
        self.assertIsNone(options.password(None))
        del os.environ[options.PASSWORD_VARIABLE]
        self.assertIsNone(options.password(None))

    def test_environment(self) -> None:
        """The variable holds the password just as it is."""
        self.environment(" tree ")
        self.assertEqual("TWISTEDCAM_PASSWORD", options.PASSWORD_VARIABLE)
        self.assertEqual(" tree ", options.password(None))

    def test_file(self) -> None:
        """The file wins."""
        self.environment("tree")
        self.assertEqual("sesame", options.password(self.path))

    def test_badFile(self) -> None:
        """The file alone counts if it is named, be it unreadable."""
        self.environment("tree")
        for path in self.path + "x", "":
            error = self.assertRaises(UsageError, options.password, path)
            self.assertIn("cannot read password file", str(error))

    def test_badEnvironment(self) -> None:
        """A variable that is no text is refused, and not shown."""
        self.environment("tree\udcff")
        error = self.assertRaises(UsageError, options.password, None)
        self.assertNotIn("tree", str(error))


class ExplainTests(SynchronousTestCase):
    """One line about what is in the way."""

    def test_port(self) -> None:
        """A port that cannot be had is told with address, number and reason."""
        reason = OSError(EADDRINUSE, "Address already in use")
        for address, number, expected in (
            ("192.0.2.7", 8600, "UDP port 8600 on 192.0.2.7"),
            ("192.0.2.7", 0, "a UDP port on 192.0.2.7"),
            ("", 8600, "UDP port 8600 on all addresses"),
        ):
            error = CannotListenError(address, number, reason)
            self.assertEqual(
                f"cannot open {expected}: Address already in use",
                options.explain(error),
            )

    def test_reason(self) -> None:
        """A reason without an error number is shown as it is."""
        error = CannotListenError("", 8600, "no luck")
        self.assertTrue(options.explain(error).endswith(": no luck"))

    def test_others(self) -> None:
        """Others speak for themselves."""
        self.assertEqual("no such file", options.explain(ConfigError("no such file")))


class SearchTests(LabCase):
    """The options of all who search."""

    def test_defaults(self) -> None:
        """Without options the cameras' usual ports are asked, and nothing is shown."""
        parsed = parse()
        self.assertEqual((8600, 32108), (parsed["dh-port"], parsed["lan-port"]))
        self.assertEqual([], parsed["search-address"])
        self.assertIsNone(parsed.trace)
        self.assertEqual("", parsed.makeDiscovery(Lab().pc).localAddress)

    def test_all(self) -> None:
        """What is given is used."""
        parsed = parse("--local-address", "192.0.2.10", "--trace")
        self.assertIs(printPacket, parsed.trace)
        self.assertEqual("192.0.2.10", parsed.makeDiscovery(Lab().pc).localAddress)

    def test_searched(self) -> None:
        """The addresses given are asked, all of them, at the ports given."""
        lab = Lab()
        places = "192.0.2.77", BROADCAST
        parsed = parse(
            *(f"--search-address={place}" for place in places),
            "--dh-port=8601",
            "--lan-port=32109",
        )
        discovery = parsed.makeDiscovery(lab.pc)
        result = discovery.find()
        lab.network.advance(0)
        for place in places:
            ports = {datagram.destination[1] for datagram in sentTo(lab.network, place)}
            self.assertEqual({8601, 32109}, ports)
        result.cancel()
        self.failureResultOf(result)

    def test_refused(self) -> None:
        """Bad values are refused."""
        for args in (
            ["--dh-port", "0"],
            ["--lan-port", "x"],
            ["--local-address", "eth0"],
            ["--local-address", ""],
            ["--search-address", "::1"],
            ["--search-address", ""],
            ["stray"],
        ):
            self.assertRaises(UsageError, parse, *args)

    def test_repr(self) -> None:
        """Options may hold secrets: their repr holds none."""
        parsed = parse("--search-address", "192.0.2.77")
        self.assertEqual("<twistedcam.options.SearchOptions>", repr(parsed))

    def test_version(self) -> None:
        """The version asked for is ours, not Twisted's."""
        output = StringIO()
        with redirect_stdout(output):
            end = self.assertRaises(SystemExit, parse, "--version")
        self.assertFalse(end.code)
        self.assertEqual(f"twistedcam {version('twistedcam')}\n", output.getvalue())

    def test_help(self) -> None:
        """No text is broken by the width of our source, none shows an empty default."""
        usage = parse().getUsage(width=200)
        self.assertNotIn("[default: ]", usage)
        for line in usage.splitlines()[2:]:
            self.assertNotIn("   ", line.strip().partition("  ")[2].strip())
