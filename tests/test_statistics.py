"""Tests for L{twistedcam.statistics}."""

from __future__ import annotations

from dataclasses import fields

from tests.lab import Lab, LabCase
from twistedcam.emulator import Faults
from twistedcam.statistics import Statistics
from twistedcam.testing import Datagram


class SinceTests(LabCase):
    """Differences."""

    def test_since(self) -> None:
        """What has come since then, field by field."""
        names = [field.name for field in fields(Statistics)]
        before = Statistics(*range(len(names)))
        now = Statistics(*(100 + 2 * n for n in range(len(names))))
        self.assertEqual(
            Statistics(*(100 + n for n in range(len(names)))), now.since(before)
        )

    def test_anew(self) -> None:
        """What began anew with another session counts from zero."""
        before = Statistics(frames=10, lost=7, duplicates=3)
        now = Statistics(frames=15, lost=2, duplicates=3)
        self.assertEqual(Statistics(frames=5, lost=2), now.since(before))

    def test_nothing(self) -> None:
        """Nothing since now."""
        now = Statistics(frames=10, bytes=5)
        self.assertEqual(Statistics(), now.since(now))
        self.assertEqual(now, now.since(Statistics()))


class CameraTests(LabCase):
    """A camera's numbers."""

    def test_numbers(self) -> None:
        """They tell what was received, and how."""
        lab = Lab()
        camera = lab.camera(password="888888")
        self.assertEqual(Statistics(), camera.statistics())
        camera.connect()
        lab.network.advance(1)
        self.assertEqual(Statistics(), camera.statistics())
        sizes: list[int] = []
        for stream in (camera.video, camera.audio):
            stream.subscribe(lambda frame: sizes.append(len(frame.data)))
        lab.network.advance(4.05)
        numbers = camera.statistics()
        self.assertEqual(sum(sizes), numbers.bytes)
        self.assertEqual(len(sizes), numbers.frames + numbers.soundFrames)
        self.assertIn(numbers.frames, range(58, 63))
        self.assertIn(numbers.soundFrames, range(29, 32))
        self.assertEqual(
            (0, 0, 0, 0, 0, 1),
            (
                numbers.damaged,
                numbers.held,
                numbers.lost,
                numbers.duplicates,
                numbers.resent,
                numbers.requests,
            ),
        )
        lab.emulated.faults = Faults(seed=3, loss=0.05, duplicate=0.05)
        lab.network.advance(10)
        worse = camera.statistics().since(numbers)
        self.assertGreater(worse.duplicates, 10)
        self.assertIn(worse.frames, range(140, 155))

    def test_lost(self) -> None:
        """Packets that never come, and what that costs, are counted."""
        lab = Lab()
        camera = lab.camera(password="888888")
        camera.connect()
        lab.network.advance(1)
        camera.video.subscribe(lambda frame: None)
        lab.network.advance(3)
        before = camera.statistics()
        # One packet of the picture is lost, whenever it is sent.
        victim: list[bytes] = []

        def fate(datagram: Datagram) -> list[float]:
            payload = datagram.payload
            if payload[:6] == b"\xf1\xd0" + payload[2:4] + b"\xd1\x01":
                if not victim:
                    victim.append(payload[6:8])
                if payload[6:8] == victim[0]:
                    return []
            return [0.0005]

        lab.network.fate = fate
        lab.network.advance(5)
        numbers = camera.statistics().since(before)
        self.assertEqual(1, numbers.lost)
        self.assertGreater(numbers.held, 0)
        self.assertEqual(75, numbers.frames + numbers.held + 1)
