"""
What an emulated camera sends: chosen by its clients, by the program, and on the
command line.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.usage import UsageError

from twistedcam.cli import emulate
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, EmulatedCamera
from twistedcam.emulator.rates import MAIN, SUB, THIRD, choose
from twistedcam.emulator.streaming import Streaming

from .test_emulator import UID
from .test_emulator_commands import CommandBench
from .test_emulator_media import MediaBench


class OptionTests(MediaBench):
    """The command line of a camera's video."""

    def test_video(self) -> None:
        """Codec, frames and bits are as told."""
        self.assertFreed()
        command = emulate.Emulate()
        command.parseOptions(["--codec=H265", "--fps=5", "--bitrate=1000000"])
        running = Deferred.fromCoroutine(command.run(self.host))
        self.client = self.dial()
        self.start()
        frames = self.after(2)
        self.assertEqual(11, len(frames))
        self.assertEqual((16, 17), (frames[0].type, frames[1].type))
        self.assertEqual({25_000}, {len(frame.data) for frame in frames})
        self.assertEqual((19, 1), (frames[0].head[27], frames[1].head[27]))
        running.cancel()
        self.network.advance(1)
        self.failureResultOf(running, CancelledError)
        self.assertEqual([], list(self.network.getDelayedCalls()))

    def test_refused(self) -> None:
        """What makes no sense is refused."""
        for args in (
            ["--codec=vp9"],
            ["--codec=h265", "--firmware=a"],
            ["--fps=0"],
            ["--fps=61"],
            ["--bitrate=0"],
            ["--bitrate=3000000", "--fps=1"],
        ):
            with self.assertRaises(UsageError, msg=args):
                emulate.Emulate().parseOptions(args)


class ChoiceTests(CommandBench):
    """The tables of streams and rates."""

    def test_substreams(self) -> None:
        """substream chooses queue, rate and bit rate."""
        table = {
            **{n: (MAIN, 15, 768) for n in (0, 14, 16, 20, 23, 99, -1)},
            **{n: (MAIN, 15, 1024) for n in (15, 17, 21)},
            18: (MAIN, 15, 1536),
            19: (MAIN, 15, 512),
            22: (MAIN, 15, 2048),
            **{n: (SUB, 15, 768) for n in (2, 13)},
            **{n: (SUB, 15, 512) for n in (3, 12)},
            **{n: (SUB, 15, 384) for n in (10, 11)},
            4: (THIRD, 15, 256),
            5: (THIRD, 15, 128),
            6: (THIRD, 10, 256),
            7: (SUB, 10, 256),
            8: (SUB, 10, 384),
            9: (SUB, 15, 256),
        }
        for firmware, first in ((FIRMWARE_A, (25, 2048)), (FIRMWARE_B, (15, 768))):
            for substream, choice in {**table, 1: (MAIN, *first)}.items():
                streaming = Streaming(substream=substream, res=1)
                self.assertEqual(choice, choose(streaming, firmware), substream)

    def test_res(self) -> None:
        """res only names a queue, and counts only alone."""
        for res, queue in ((None, SUB), (0, SUB), (1, THIRD), (3, MAIN), (4, MAIN)):
            choice = choose(Streaming(res=res), FIRMWARE_B)
            self.assertEqual((queue, None, None), choice)

    def test_refused(self) -> None:
        """Nonsense is refused when the camera is made."""
        for firmware, how in (
            (FIRMWARE_B, {"codec": "h266"}),
            (FIRMWARE_A, {"codec": "h265"}),
            (FIRMWARE_B, {"fps": 0}),
            (FIRMWARE_B, {"fps": 61}),
            (FIRMWARE_B, {"bitrate": 0}),
            (FIRMWARE_B, {"bitrate": 21_000_000}),
            (FIRMWARE_B, {"bitrate": 3_000_000, "fps": 1}),
        ):
            options: dict[str, Any] = {"firmware": firmware, **how}
            with self.assertRaises(ValueError, msg=how):
                EmulatedCamera(self.host, UID, doors=self.doors, **options)

    def test_size(self) -> None:
        """The settings tell the size that the pictures have."""
        values = self.values("get_camera_params")
        self.assertEqual("640", values["MainStreamWidth"])
        self.assertEqual("360", values["MainStreamHeight"])
