"""Tests for L{twistedcam.restream.picture}."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import av
from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred

from twistedcam import Camera
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B
from twistedcam.emulator.clips import CODECS, clip
from twistedcam.errors import CommandTimeout
from twistedcam.media.jpeg import NoPicture
from twistedcam.restream.picture import pictureFromVideo
from twistedcam.threads import InThread

from .lab import Lab, LabCase


class PictureTests(LabCase):
    """A picture out of the video."""

    def build(self, **how: Any) -> Camera:
        """The laboratory, with a camera that is up."""
        self.lab = Lab(**how)
        camera = self.lab.camera(password="888888")
        camera.connect()
        self.lab.network.advance(3)
        return camera

    def take(
        self, camera: Camera, inThread: InThread = maybeDeferred, **how: float
    ) -> Deferred[bytes]:
        """Take one."""
        return Deferred.fromCoroutine(
            pictureFromVideo(self.lab.pc, camera, inThread, **how)
        )

    def end(self, camera: Camera) -> None:
        """Part; nothing is left, and nobody watches any more."""
        self.assertEqual(0, camera.video.audience)
        self.resultAfter(self.lab.network, 1, camera.disconnect())
        self.resultAfter(self.lab.network, 1, self.lab.discovery.stop())
        self.lab.remove()
        self.assertNothingLeft(self.lab.network, self.lab.pc, self.lab.host)

    def test_codecs(self) -> None:
        """Of any codec, it is a JPEG as large as the video."""
        for firmware, codec in (
            (FIRMWARE_A, "h264"),
            (FIRMWARE_B, "h265"),
            (FIRMWARE_B, "mjpeg"),
        ):
            camera = self.build(firmware=firmware, codec=codec)
            picture = self.resultAfter(self.lab.network, 6, self.take(camera))
            self.assertEqual((b"\xff\xd8", b"\xff\xd9"), (picture[:2], picture[-2:]))
            with av.open(BytesIO(picture), "r", format="mjpeg") as file:
                stream = file.streams.video[0]
                main = clip(CODECS[codec].main)
                self.assertEqual(
                    (main.width, main.height), (stream.width, stream.height)
                )
            self.end(camera)

    def test_watched(self) -> None:
        """If somebody watches already, there is one at once."""
        camera = self.build()
        leave = camera.video.subscribe(lambda frame: None)
        self.lab.network.advance(5)
        self.assertTrue(self.successResultOf(self.take(camera)))
        leave()
        self.end(camera)

    def test_thread(self) -> None:
        """It is decoded in a thread, when nobody watches any more."""
        camera = self.build()
        decoding: Deferred[Any] = Deferred()
        taken = self.take(camera, lambda function, *args: decoding)
        self.lab.network.advance(6)
        self.assertNoResult(taken)
        self.assertEqual(0, camera.video.audience)
        decoding.callback(b"picture")
        self.assertEqual(b"picture", self.successResultOf(taken))
        self.end(camera)

    def test_tooLate(self) -> None:
        """If there is none in time, that is told."""
        camera = self.build()
        self.lab.network.loss = 1.0
        taken = self.take(camera, within=2)
        self.lab.network.advance(1.9)
        self.assertNoResult(taken)
        self.lab.network.advance(0.2)
        problem = self.failureResultOf(taken, CommandTimeout)
        self.assertEqual(
            "vstb-668515-uzcpk: no picture in 2 s", problem.getErrorMessage()
        )
        self.lab.network.loss = 0.0
        self.end(camera)

    def test_undecodable(self) -> None:
        """So is one that cannot be decoded."""
        camera = self.build()
        taken = self.take(camera, lambda *_: fail(NoPicture("nothing")))
        self.lab.network.advance(6)
        self.failureResultOf(taken, NoPicture)
        self.end(camera)

    def test_cancelled(self) -> None:
        """It can be given up."""
        camera = self.build()
        taken = self.take(camera)
        taken.cancel()
        self.failureResultOf(taken, CancelledError)
        self.end(camera)
