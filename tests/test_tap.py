"""Tests for L{twistedcam.tap}, and of C{twistd} and C{twist} with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import cast
from unittest.mock import patch

from twisted.application.service import IService, IServiceMaker, MultiService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from twistedcam import Camera, CameraState, Fleet, tap
from twistedcam.config import CameraConfig
from twistedcam.emulator import Doors, EmulatedCamera
from twistedcam.media.frame import Codec
from twistedcam.options import PASSWORD_VARIABLE
from twistedcam.restream.record import RecordingService
from twistedcam.trace import printPacket

from . import programs
from .folders import temporaryFolder
from .lab import BROADCAST, CAMERA, OTHER_UID, UID, Lab, LabCase, kinds, sentTo
from .mediakit import look
from .programs import SERVICE, TWIST, TWISTD

SEARCH = f"--search-address={BROADCAST}"

#: Any port that is free.
ANYWHERE = "--web=tcp:0:interface=127.0.0.1", "--rtsp=tcp:0:interface=127.0.0.1"

#: A simulated computer has no TCP.
SHUT = "--web=", "--rtsp="
NOWHERE = "--search-address=192.0.2.99"


def parse(*args: str) -> tap.Options:
    """Parse a command line."""
    options = tap.Options()
    options.parseOptions(args)
    return options


class OptionsCase(SynchronousTestCase):
    """Without a password in the environment."""

    def setUp(self) -> None:
        """Take it away."""
        environment = patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop(PASSWORD_VARIABLE, None)

    def write(self, content: str) -> str:
        """A file with this content."""
        file = temporaryFolder(self) / "file"
        file.write_text(content)
        return str(file)

    def refusal(self, *args: str) -> str:
        """What is said of a command line, in one line that ends the program."""
        end = self.assertRaises(SystemExit, parse, *args)
        self.assertIsInstance(end.code, str)
        text: str = str(end.code)
        self.assertTrue(text.startswith("camclient: "), text)
        self.assertNotIn("\n", text)
        return text.removeprefix("camclient: ")


class CameraTests(OptionsCase):
    """Which cameras are meant."""

    def test_any(self) -> None:
        """Without options it is the first that answers."""
        self.assertEqual((CameraConfig(),), parse().configuration.cameras)

    def test_named(self) -> None:
        """C{--camera} may be repeated; a repetition of the same is one."""
        options = parse(f"--camera={UID}", f"--camera={OTHER_UID}", f"--camera={UID}")
        expected = CameraConfig(deviceId=UID), CameraConfig(deviceId=OTHER_UID)
        self.assertEqual(expected, options.configuration.cameras)

    def test_all(self) -> None:
        """Every option arrives in its field."""
        options = parse(
            f"--camera={UID}",
            f"--address={CAMERA}",
            "--user=me",
            "--password-file=" + self.write("sesame\n"),
            "--psk=tree",
        )
        expected = CameraConfig(
            deviceId=UID, address=CAMERA, user="me", password="sesame", psk="tree"
        )
        self.assertEqual((expected,), options.configuration.cameras)

    def test_shared(self) -> None:
        """The login is that of all cameras named."""
        options = parse(f"--camera={UID}", f"--camera={OTHER_UID}", "--psk=tree")
        self.assertEqual(
            ["tree", "tree"], [c.psk for c in options.configuration.cameras]
        )

    def test_address(self) -> None:
        """An address alone is enough."""
        expected = CameraConfig(address=CAMERA)
        self.assertEqual(
            (expected,), parse(f"--address={CAMERA}").configuration.cameras
        )

    def test_environment(self) -> None:
        """The environment may hold the password."""
        os.environ[PASSWORD_VARIABLE] = "sesame"
        self.assertEqual("sesame", parse().configuration.cameras[0].password)

    def test_emptyPsk(self) -> None:
        """An empty psk is a statement, other than none."""
        self.assertEqual("", parse("--psk=").configuration.cameras[0].psk)
        self.assertIsNone(parse().configuration.cameras[0].psk)

    def test_config(self) -> None:
        """C{--config} has them from a file."""
        path = self.write(f'[[camera]]\nname = "garden"\naddress = "{CAMERA}"\n')
        expected = CameraConfig(name="garden", address=CAMERA)
        self.assertEqual((expected,), parse("--config", path).configuration.cameras)

    def test_repr(self) -> None:
        """No repr has a secret."""
        options = parse(
            "--psk=tree", "--password-file", self.write("sesame"), f"--address={CAMERA}"
        )
        shown = repr(options) + repr(options.configuration.cameras) + str(options)
        self.assertIn(CAMERA, shown)
        self.assertNotIn("tree", shown)
        self.assertNotIn("sesame", shown)


class RefusalTests(OptionsCase):
    """What makes no sense is told in one line."""

    def test_values(self) -> None:
        """Values that are none."""
        for args, expected in (
            (["--camera=x"], "not a device id: 'x'"),
            (["--address=x"], "not an IPv4 address such as 192.168.1.20: 'x'"),
            (["--address="], "not an IPv4 address such as 192.168.1.20: ''"),
            (["--dh-port=0"], "'0' is not a port number (1 to 65535)"),
            (["--local-address=x"], "not an IPv4 address such as 192.168.1.20: 'x'"),
            (["--nonsense"], "option --nonsense not recognized"),
            (["--psk"], "option --psk requires argument"),
            (["stray"], "Wrong number of arguments."),
            (["--config=/no"], "cannot read /no: No such file or directory"),
        ):
            self.assertEqual(expected, self.refusal(*args))

    def test_passwordFile(self) -> None:
        """A password file that cannot be read, though the environment has one."""
        os.environ[PASSWORD_VARIABLE] = "sesame"
        self.assertEqual(
            "cannot read password file /no: No such file or directory",
            self.refusal("--password-file=/no"),
        )

    def test_config(self) -> None:
        """A file that is wrong is told of with its place."""
        path = self.write(f'[[camera]]\nuid = "{UID}"\npinadress = true\n')
        self.assertEqual(
            f"{path}: Object contains unknown field `pinadress` - at `$.camera[0]`",
            self.refusal("--config", path),
        )

    def test_configAndFlags(self) -> None:
        """A file does not go with flags that describe a camera, be they empty."""
        path = self.write(f'[[camera]]\nuid = "{UID}"\n')
        for flag in (
            f"--camera={UID}",
            f"--address={CAMERA}",
            "--user=",
            "--password-file=x",
            "--psk=",
        ):
            name = flag.partition("=")[0]
            self.assertEqual(
                f"--config and {name} exclude each other",
                self.refusal("--config", path, flag),
            )

    def test_demoAndCameras(self) -> None:
        """The demonstration has a camera of its own."""
        for flag in "--config=", f"--camera={UID}", "--psk=":
            name = flag.partition("=")[0]
            expected = f"--demo and {name} exclude each other"
            self.assertEqual(expected, self.refusal("--demo", flag))

    def test_twoAtOneAddress(self) -> None:
        """An address is that of one camera."""
        self.assertEqual(
            "--address goes with one --camera at most",
            self.refusal(
                f"--camera={UID}", f"--camera={OTHER_UID}", f"--address={CAMERA}"
            ),
        )

    def test_text(self) -> None:
        """What is not text cannot be sent; it is not shown."""
        for option in "--psk", "--user":
            self.assertNotIn("tree", self.refusal(f"{option}=tree\udcff"))


class ServiceTests(OptionsCase, LabCase):
    """The service on a simulated network."""

    def setUp(self) -> None:
        """A computer and a camera."""
        super().setUp()
        self.lab = Lab()

    def make(self, *args: str) -> Fleet:
        """Start the service; its cameras."""
        self.service = tap.makeService(parse(*SHUT, *args), reactor=self.lab.pc)
        self.assertTrue(verifyObject(IService, self.service))
        self.service.startService()
        assert isinstance(self.service, MultiService)
        (fleet,) = (one for one in self.service if isinstance(one, Fleet))
        assert isinstance(fleet, Fleet)
        return fleet

    def only(self, *args: str) -> Camera:
        """Start the service, and give it some time; its only camera."""
        (camera,) = self.make(*args).cameras.values()
        self.lab.network.advance(3)
        return camera

    def stop(self) -> None:
        """Stop; it takes less than a second, and nothing is left."""
        stopped: Deferred[object] = self.service.stopService()
        self.resultAfter(self.lab.network, 0.9, stopped)
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_any(self) -> None:
        """The first camera that answers is taken, and left with CLOSE."""
        camera = self.only(SEARCH)
        self.assertEqual((CameraState.UP, UID), (camera.state, camera.deviceId))
        self.lab.network.captured.clear()
        self.stop()
        sent = kinds(list(self.lab.network.captured))
        self.assertIn("CLOSE", sent)

    def test_named(self) -> None:
        """Only the camera named will do."""
        self.assertIs(CameraState.UP, self.only(SEARCH, f"--camera={UID}").state)
        self.stop()

    def test_otherNamed(self) -> None:
        """Another one will not."""
        camera = self.only(SEARCH, f"--camera={OTHER_UID}")
        self.assertIs(CameraState.SEARCHING, camera.state)
        self.stop()

    def test_address(self) -> None:
        """An address is asked besides the search addresses."""
        camera = self.only(NOWHERE, f"--address={CAMERA}")
        self.assertIs(CameraState.UP, camera.state)
        self.stop()

    def test_psk(self) -> None:
        """A private obfuscation is found by its string only."""
        self.lab = Lab(psk="tree")
        self.assertIs(CameraState.UP, self.only(SEARCH, "--psk=tree").state)
        self.stop()

    def test_ports(self) -> None:
        """Cameras may have other ports than the usual ones."""
        doors = Doors(self.lab.host, dhPort=8601, lanPort=32109)
        doors.open()
        other = EmulatedCamera(self.lab.host, OTHER_UID, doors=doors)
        other.start()
        camera = self.only(SEARCH, "--dh-port=8601", "--lan-port=32109")
        self.assertEqual((CameraState.UP, OTHER_UID), (camera.state, camera.deviceId))
        other.stop()
        doors.close()
        self.stop()

    def test_config(self) -> None:
        """A file may name many."""
        other = EmulatedCamera(self.lab.host, OTHER_UID, doors=self.lab.doors)
        other.start()
        path = self.write(
            f'[[camera]]\nuid = "{UID}"\nname = "garden"\ntitle = "Garden"\n'
            f'[[camera]]\nuid = "{OTHER_UID}"\n'
        )
        cameras = self.make(SEARCH, "--config", path).cameras
        self.lab.network.advance(5)
        self.assertEqual(
            {"garden": CameraState.UP, str(OTHER_UID).lower(): CameraState.UP},
            {name: camera.state for name, camera in cameras.items()},
        )
        self.assertEqual("Garden", cameras["garden"].title)
        other.stop()
        self.stop()

    def test_localAddress(self) -> None:
        """Everything leaves from the address given, if it is ours."""
        self.lab.pc = self.lab.network.host("two", "192.0.2.20/24", "192.0.2.21/24")
        camera = self.only(SEARCH, "--local-address=192.0.2.21")
        self.assertIs(CameraState.UP, camera.state)
        heard = sentTo(self.lab.network, CAMERA) + sentTo(self.lab.network, BROADCAST)
        self.assertEqual({"192.0.2.21"}, {d.source[0] for d in heard})
        self.stop()

    def test_notOurs(self) -> None:
        """An address that is not ours ends the program before anything starts."""
        options = parse("--local-address=192.0.2.99")
        end = self.assertRaises(
            SystemExit, tap.makeService, options, reactor=self.lab.pc
        )
        self.assertEqual(
            "camclient: cannot open a UDP port on 192.0.2.99:"
            " Cannot assign requested address",
            end.code,
        )

    def test_lateTrouble(self) -> None:
        """A port that cannot be had on starting ends it in one line, too."""
        service = tap.makeService(parse(*SHUT, "--demo"), reactor=self.lab.pc)
        error = CannotListenError("127.0.0.1", 0, OSError("no luck"))
        with patch.object(self.lab.pc, "listenUDP", side_effect=error):
            end = self.assertRaises(SystemExit, service.startService)
        expected = "camclient: cannot open a UDP port on 127.0.0.1: no luck"
        self.assertEqual(expected, end.code)

    def test_trace(self) -> None:
        """C{--trace} shows the packets of search and session."""
        output = StringIO()
        with redirect_stdout(output):
            self.only(SEARCH, "--trace")
        for words in "-> 192.0.2.255:8600 DH search", "PUNCH_PKT", "ALIVE_ACK":
            self.assertIn(words, output.getvalue())
        self.stop()

    def test_noTrace(self) -> None:
        """Without it, nothing is printed."""
        output = StringIO()
        with redirect_stdout(output):
            self.only(SEARCH)
        self.assertEqual("", output.getvalue())
        self.stop()

    def test_demo(self) -> None:
        """C{--demo} has its own camera, on the same machine."""
        output = StringIO()
        options = parse(*SHUT, "--demo", "--trace")
        self.service = tap.makeService(options, reactor=self.lab.pc)
        with redirect_stdout(output):
            self.service.startService()
            self.lab.network.advance(3)
        self.assertIn("<- 127.0.0.1:", output.getvalue())
        self.assertIn("ALIVE_ACK", output.getvalue())
        self.assertEqual([], sentTo(self.lab.network, CAMERA))
        self.stop()

    def test_everyField(self) -> None:
        """A camera is made of all that its configuration says."""
        config = CameraConfig(
            deviceId=UID,
            address=CAMERA,
            pinAddress=True,
            user="me",
            password="sesame",
            psk="tree",
            name="garden",
            title="Garden",
        )
        made = []

        def make(*args: object, **how: object) -> Camera:
            made.append((args, how))
            return Camera(self.lab.pc)

        with patch.object(tap, "Camera", make):
            tap.makeCamera(self.lab.pc, self.lab.discovery, printPacket, config)
        ((args, how),) = made
        self.assertEqual((self.lab.pc,), args)
        expected = {"discovery": self.lab.discovery, "trace": printPacket}
        self.assertEqual(vars(config) | expected, how)


class RecordTests(OptionsCase, LabCase):
    """The service with a C{[record]} section."""

    def setUp(self) -> None:
        """A computer, two cameras, and a folder."""
        super().setUp()
        self.lab = Lab()
        self.other = EmulatedCamera(self.lab.host, OTHER_UID, doors=self.lab.doors)
        self.other.start()
        self.folder = temporaryFolder(self)
        at_once = patch.object(tap, "threads", lambda reactor: maybeDeferred)
        at_once.start()
        self.addCleanup(at_once.stop)

    def make(self, record: str) -> MultiService:
        """The service, not started."""
        (self.folder / "password").write_text("888888\n")
        path = self.folder / "cameras.toml"
        path.write_text(
            f'[[camera]]\nuid = "{UID}"\nname = "garden"\n'
            'password-file = "password"\n'
            f'[[camera]]\nuid = "{OTHER_UID}"\npassword-file = "password"\n'
            f'[record]\ndirectory = "films"\n{record}'
        )
        options = parse(*SHUT, SEARCH, "--config", str(path))
        return cast(MultiService, tap.makeService(options, reactor=self.lab.pc))

    def recorded(self, record: str, seconds: float = 20) -> list[str]:
        """Record for a while; nothing is left but these files."""
        service = self.make(record)
        service.startService()
        self.lab.network.advance(seconds)
        stopped: Deferred[object] = service.stopService()
        self.resultAfter(self.lab.network, 0.9, stopped)
        self.other.stop()
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)
        return sorted(path.name for path in (self.folder / "films").iterdir())

    def test_all(self) -> None:
        """All cameras are recorded, each once, with sound."""
        names = self.recorded("")
        self.assertEqual(
            ["garden", str(OTHER_UID).lower()],
            [name.partition("_")[0] for name in names],
        )
        for name in names:
            seen = look((self.folder / "films" / name).read_bytes())
            self.assertGreater(len(seen[Codec.H264]), 200)
            self.assertGreater(len(seen[Codec.AAC]), 100)

    def test_some(self) -> None:
        """Or those that are named, in files as long as wished."""
        names = self.recorded('cameras = ["garden"]\nsegment = 4\n')
        self.assertEqual({"garden"}, {name.partition("_")[0] for name in names})
        self.assertIn(len(names), (4, 5))

    def test_keep(self) -> None:
        """What is too old or too much is deleted."""
        films = self.folder / "films"
        films.mkdir()
        old, other = films / "garden_1969-01-01_00-00-00.mp4", films / "other.mp4"
        for path in old, other:
            path.touch()
            os.utime(path, (-200_000, -200_000))
        names = self.recorded('cameras = ["garden"]\nkeep-days = 1\n')
        self.assertNotIn(old.name, names)
        self.assertIn("other.mp4", names)

    def test_settings(self) -> None:
        """All settings arrive where they belong."""
        service = self.make("keep-days = 2\nkeep-bytes = 1000\nsegment = 7\n")
        (recording,) = (s for s in service if isinstance(s, RecordingService))
        archives = {id(recorder._archive) for recorder in recording.recorders}
        self.assertEqual(1, len(archives))
        for recorder in recording.recorders:
            archive = recorder._archive
            self.assertEqual(
                (self.folder / "films", 2 * 86400, 1000, 7),
                (
                    archive.directory,
                    archive.keepSeconds,
                    archive.keepBytes,
                    recorder._segment,
                ),
            )
        self.other.stop()

    def test_nothing(self) -> None:
        """Without the section nothing is recorded."""
        service = tap.makeService(parse(*SHUT, SEARCH), reactor=self.lab.pc)
        self.assertFalse(any(isinstance(s, RecordingService) for s in service))  # type: ignore[attr-defined]


class PluginTests(SynchronousTestCase):
    """What twistd and twist know."""

    def test_listed(self) -> None:
        """C{camclient} is among the plugins, once, with our options."""
        (plugin,) = (
            plugin
            for plugin in getPlugins(IServiceMaker)
            if plugin.tapname == "camclient"
        )
        self.assertIs(tap.Options, plugin.options)
        self.assertIs(tap.makeService, plugin.makeService)

    def test_namespace(self) -> None:
        """Our folder of plugins does not shadow Twisted itself."""
        folder = Path(tap.__file__).parents[1] / "twisted"
        for place in folder, folder / "plugins":
            self.assertFalse((place / "__init__.py").exists())


class ProgramTests(TestCase):
    """The programs themselves, with real sockets."""

    timeout = 60

    def inThread(self, act: Callable[..., object], *args: object) -> Deferred[object]:
        """Do what blocks."""
        from twisted.internet.threads import deferToThread

        return deferToThread(act, *args)

    def forBoth(self, act: Callable[[str], object]) -> Deferred[list[object]]:
        """Do it with both programs at once."""
        return gatherResults([self.inThread(act, one) for one in (TWISTD, TWIST)])

    def test_refused(self) -> Deferred[list[object]]:
        """A mistake gives one line and a bad exit code, nothing else."""
        mistakes: list[tuple[str | bytes, str]] = [
            ("--password-file=/no", "cannot read password file /no: No such"),
            (b"--psk=tree\xff", "the value of an option is not UTF-8 text"),
            (
                "--local-address=192.0.2.99",
                "cannot open a UDP port on 192.0.2.99: Cannot assign",
            ),
        ]

        def refused(program: str, option: str | bytes, expected: str) -> None:
            ended = programs.run(program, *SERVICE[program], "camclient", option)
            self.assertEqual((1, ""), (ended.code, ended.output))
            self.assertEqual(1, len(ended.errors.splitlines()), ended.errors)
            self.assertTrue(ended.errors.startswith("camclient: " + expected))

        return gatherResults(
            [
                self.inThread(refused, program, *mistake)
                for program in SERVICE
                for mistake in mistakes
            ]
        )

    def test_daemon(self) -> Deferred[object]:
        """Nor does a daemon start in vain, with its complaint in a log only."""
        folder = temporaryFolder(self)

        def refused() -> None:
            args = f"--pidfile={folder}/pid", f"--logfile={folder}/log"
            ended = programs.run(
                TWISTD, *args, "camclient", "--local-address=192.0.2.99"
            )
            self.assertEqual(1, ended.code)
            self.assertTrue(ended.errors.startswith("camclient: cannot open"))
            self.assertEqual([], list(folder.iterdir()))

        return self.inThread(refused)

    def test_help(self) -> Deferred[list[object]]:
        """Help explains itself and the options, and all is well."""

        def helped(program: str) -> None:
            args = *SERVICE[program], "camclient", "--help"
            ended = programs.run(program, *args)
            self.assertEqual((0, ""), (ended.code, ended.errors))
            for words in (
                "Usage: ",
                "--config=",
                "--camera=",
                "--demo",
                "[default: 8600]",
                PASSWORD_VARIABLE,
            ):
                self.assertIn(words, ended.output)

        return self.forBoth(helped)

    def signalled(self, number: signal.Signals) -> Deferred[list[object]]:
        """The demonstration, ended by a signal."""

        def demonstrate(program: str) -> None:
            args = *SERVICE[program], "camclient", "--demo", "--trace", *ANYWHERE
            with programs.running(program, *args) as process:
                process.waitFor("garden: Connecting -> Up")
                process.waitFor("ALIVE")
                code, took = process.end(number)
            self.assertEqual(-number, code)
            self.assertLess(took, 1)
            self.assertIn("CLOSE", process.output)
            self.assertIn("garden: closed", process.output)
            self.assertIn("VSTB-668515-UZCPK is off air", process.output)
            self.assertNotIn("Traceback", process.output)

        return self.forBoth(demonstrate)

    def test_terminate(self) -> Deferred[list[object]]:
        """SIGTERM parts from the camera, and is the exit status."""
        return self.signalled(signal.SIGTERM)

    def test_interrupt(self) -> Deferred[list[object]]:
        """So does Ctrl-C."""
        return self.signalled(signal.SIGINT)

    def test_elsewhere(self) -> Deferred[object]:
        """A camera in another process is found, under its key and at its ports."""

        def connect() -> None:
            dhPort, lanPort = (str(programs.freePort()) for _ in range(2))
            ports = "--dh-port", dhPort, "--lan-port", lanPort
            emulate = "emulate", "--address=127.0.0.1", "--psk=tree", *ports
            search = "--search-address=127.0.0.1", "--psk=tree", *ports
            with programs.running(programs.TWISTEDCAM, *emulate) as camera:
                camera.waitFor("is on air")
                args = *SERVICE[TWISTD], "camclient", *search
                with programs.running(TWISTD, *args) as client:
                    client.waitFor("camera: Connecting -> Up")
                    client.end(signal.SIGTERM)
                camera.waitFor("closed by the client")
                camera.end(signal.SIGTERM)
            self.assertNotIn("tree", client.output + camera.output)

        return self.inThread(connect)
