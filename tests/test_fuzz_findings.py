"""
What fuzzing has found, each as a test that people can read.  The inputs themselves are
in C{fuzz/found}.
"""

from __future__ import annotations

import gc

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.config import loadConfig
from twistedcam.errors import ConfigError
from twistedcam.media.fmp4 import Mp4Muxer
from twistedcam.media.frame import Codec, Frame
from twistedcam.media.jpeg import NoPicture, decodeToJpeg
from twistedcam.media.mux import Piece
from twistedcam.media.parameters import MAX_PIXELS, pictureSize
from twistedcam.wire.drw import COMMANDS

from .folders import temporaryFolder
from .lab import Lab, LabCase

#: A keyframe of H.264: parameter sets that say 16,256 times 8,192, and a slice that
#: ends at once.
HUGE = bytes.fromhex(
    "000000016742003ef4007f000803200000000168ce388000000001658884"
    "0c80808080808080808080808080808080808080808080808080808080808080808080808080"
)


class CameraFindings(LabCase):
    """A camera that is watched in both qualities."""

    def setUp(self) -> None:
        """It is up."""
        self.lab = Lab(password="x")
        self.camera = self.lab.camera(password="x")
        self.camera.connect()
        self.lab.network.advance(2)

    def assertParted(self) -> None:
        """Nothing is left of it."""
        self.lab.network.advance(1)
        self.assertEqual([], self.lab.emulated.sessions)
        self.lab.discovery.stop()
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc)

    def test_cancelledDisconnect(self) -> None:
        """Whoever does not wait for the end still has it, and no error is logged."""
        leave = self.camera.subVideo.subscribe(lambda frame: None)
        self.lab.network.advance(2)
        self.assertEqual(2, len(self.lab.emulated.sessions))
        leave()
        parted = self.camera.disconnect()
        parted.cancel()
        self.failureResultOf(parted, CancelledError)
        del parted
        self.assertParted()
        gc.collect()
        self.assertEqual([], self.flushLoggedErrors())

    def test_watchedWhileParting(self) -> None:
        """Whoever comes while a camera is parted from begins no second session."""
        parted = self.camera.disconnect()
        self.camera.subVideo.subscribe(lambda frame: None)
        self.lab.network.advance(5)
        self.successResultOf(parted)
        self.assertParted()

    def test_watchedAgain(self) -> None:
        """When it is connected to again, he gets his pictures."""
        self.camera.disconnect()
        frames: list[Frame] = []
        leave = self.camera.subVideo.subscribe(frames.append)
        self.lab.network.advance(5)
        self.camera.connect()
        self.lab.network.advance(5)
        self.assertNotEqual([], frames)
        leave()
        self.camera.disconnect()
        self.assertParted()


class ConfigFindings(SynchronousTestCase):
    """Configuration files."""

    def test_nameOfTwoLines(self) -> None:
        """A complaint about a file is one line, even if the file's name is not."""
        path = temporaryFolder(self) / "cameras.toml"
        path.write_text(
            '[[camera]]\nuid = "VSTB-668515-UZCPK"\npassword-file = "a\\nb"\n'
        )
        error = self.assertRaises(ConfigError, loadConfig, str(path))
        self.assertNotIn("\n", str(error))
        self.assertIn(r"a\nb': No such file", str(error))


class DiscoveryFindings(LabCase):
    """Searching."""

    def test_cancelledStop(self) -> None:
        """Whoever does not wait for the end of a search spoils it for nobody else."""
        lab = Lab()
        lab.discovery.search(10).addErrback(
            lambda failure: failure.trap(CancelledError)
        )
        lab.network.advance(1)
        hasty, patient = lab.discovery.stop(), lab.discovery.stop()
        hasty.cancel()
        self.failureResultOf(hasty, CancelledError)
        self.assertIs(None, self.resultAfter(lab.network, 1, patient))
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc)


class EmulatorFindings(LabCase):
    """The emulated camera."""

    def test_halfASurrogate(self) -> None:
        """A password in JSON that is no text is a wrong one."""
        lab = Lab(dialect="json")
        session = lab.session()
        heard: list[bytes] = []
        session.listen(COMMANDS, heard.append)
        session.start()
        lab.network.advance(1)
        question = b'{"pro": "check_user", "cmd": 100, "pwd": "\\ud83d"}'
        size = len(question).to_bytes(4, "little")
        session.write(COMMANDS, b"\x06\x0a\xa0\x80" + size + question)
        lab.network.advance(1)
        self.assertIn(b'"result": -1', b"".join(heard))
        session.stop()
        lab.network.advance(1)
        lab.remove()


class MediaFindings(SynchronousTestCase):
    """Pictures."""

    frame = Frame(Codec.H264, HUGE, True, 0.0, 0, 0.0)

    def test_hugePictureIsNotMuxed(self) -> None:
        """A few bytes cannot make libavformat take hundreds of megabytes."""
        pieces: list[Piece] = []
        muxer = Mp4Muxer(pieces.append)
        muxer.mux(self.frame)
        muxer.close()
        self.assertEqual((1, []), (muxer.dropped, pieces))

    def test_hugePictureHasNoSize(self) -> None:
        """Nor is it told how large it is; one within the limit is."""
        self.assertEqual((0, 0), pictureSize(Codec.H264, HUGE))
        self.assertLess(MAX_PIXELS, 16_256 * 8_192)

    def test_hugePictureIsNotDecoded(self) -> None:
        """Nor is there a snapshot."""
        self.assertRaises(NoPicture, decodeToJpeg, [self.frame])
