"""
The emulated camera's live video, and a client that does not acknowledge it.
"""

from __future__ import annotations

from twistedcam.emulator import FIRMWARE_A, Firmware

from .test_emulator import ALIVE
from .test_emulator_media import MediaBench

#: With as many bytes unacknowledged nothing more is sent; a frame at most.
CONGESTED = LONGEST = 262144


class CongestionTests(MediaBench):
    """A client that does not acknowledge, with the newer firmware."""

    def setUp(self) -> None:
        self.build(bitrate=2_000_000)
        self.client = self.dial()

    def deaf(self, seconds: float) -> int:
        """
        Do not acknowledge anything for so long, but be alive.

        @return: how many bytes waited at most.
        """
        self.client.deaf = True
        most = 0
        for _ in range(round(seconds * 10)):
            self.network.advance(0.1)
            self.client.say(ALIVE)
            most = max(most, self.session.queued(1))
        self.client.deaf = False
        return most

    def test_bounded(self) -> None:
        """The camera stops sending to him, and begins again at a keyframe."""
        self.start()
        before = self.after(1)
        most = self.deaf(20)
        self.assertTrue(CONGESTED <= most < CONGESTED + 20_000, most)
        frames = before + self.after(10)
        self.assertLess(len(frames), 15 * 13)
        last, jumps = frames[0], 0
        for frame in frames[1:]:
            if frame.number != last.number + 1:
                jumps += 1
                self.assertEqual(0, frame.type)
            last = frame
        self.assertEqual(1, jumps)
        self.assertTrue(
            all(f.data[:5] == b"\0\0\0\1\x67" for f in frames if not f.type)
        )

    def test_others(self) -> None:
        """Whoever acknowledges misses nothing."""
        other = self.dial(self.phone)
        self.start(client=other)
        self.start()
        self.deaf(5)
        frames = self.after(0.1, other)
        self.assertEqual(
            list(range(len(frames))), [f.number - frames[0].number for f in frames]
        )
        self.assertGreater(len(frames), 75)

    def test_largest(self) -> None:
        """Nor do the largest frames take more."""
        self.build(fps=5, bitrate=8 * 5 * 262_000)
        self.client = self.dial()
        self.start()
        self.assertLess(self.deaf(10), 2 * LONGEST)

    def test_held(self) -> None:
        """Some frames are held back, and come when there is room again."""
        self.start()
        self.deaf(1.2)
        frames = self.after(3)
        # Nothing is missing: 1.2 s and some are less than 350,000 bytes.
        self.assertEqual(len(frames) - 1, frames[-1].number - frames[0].number)
        self.deaf(1.6)
        frames = self.after(3)
        self.assertLess(len(frames) - 1, frames[-1].number - frames[0].number)

    def test_endsWhileDeaf(self) -> None:
        """To end then leaves nothing."""
        self.start()
        self.deaf(3)
        self.assertFreed()


class OlderCongestionTests(CongestionTests):
    """The same, with the older firmware, which holds nothing back."""

    firmware: Firmware = FIRMWARE_A

    def test_held(self) -> None:
        """What there is no room for is gone."""
        self.start()
        self.deaf(1.2)
        frames = self.after(3)
        self.assertLess(len(frames) - 1, frames[-1].number - frames[0].number)
