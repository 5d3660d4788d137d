"""
A simulated day: nothing breaks, nothing grows.
"""

from __future__ import annotations

import gc
import tracemalloc

from twisted.logger import Logger, capturedLogs

from twistedcam import CameraState, Reason
from twistedcam.emulator import FIRMWARE_A, FIRMWARE_B, Firmware
from twistedcam.testing import MemoryNetwork

from .lab import Lab, LabCase

MINUTE, HOUR = 60, 3600

#: Bytes that may come and go: some sessions' worth of caches and log events, but
#: not one byte for each of an hour's packets.
SLACK = 20_000


class LongRunTests(LabCase):
    """Ping and pong, with a tenth of all packets lost each way."""

    def stay(self, firmware: Firmware, hours: int) -> None:
        """Stay connected for so long."""
        lab = Lab(firmware, network=MemoryNetwork(seed=7, captureLimit=100))
        lab.network.loss = 0.1
        losses: list[Reason] = []
        camera = lab.camera()
        camera.onLost(lambda reason, delay: losses.append(reason))
        camera.connect()
        lab.network.advance(MINUTE)
        self.assertIs(CameraState.UP, camera.state)
        (session,) = lab.emulated.sessions
        losses.clear()
        with capturedLogs() as events:
            for hour in range(hours):
                lab.network.advance(HOUR)
                self.assertEqual([], losses, f"in hour {hour}")
                self.assertEqual([session], lab.emulated.sessions)
                self.assertEqual(1, len(lab.pc.ports))
                self.assertLess(len(lab.network.getDelayedCalls()), 10)
                self.assertLess(len(camera._tally.counts), 10)
        # One line for a hundred pings, and nothing else.
        self.assertLess(len(events), 50 * hours)
        self.resultAfter(lab.network, 1, camera.disconnect())
        lab.remove()
        self.assertNothingLeft(lab.network, lab.pc, lab.host)

    def test_dayWithTheNewerFirmware(self) -> None:
        """The session stays up all day."""
        self.stay(FIRMWARE_B, 24)

    def test_hourWithTheOlderFirmware(self) -> None:
        """So it does with the older firmware, for an hour."""
        self.stay(FIRMWARE_A, 1)

    def assertNoGrowth(self, network: MemoryNetwork, seconds: float) -> None:
        """So much time takes no memory."""
        # Under some test runners the log remembers every event.
        self.patch(Logger, "emit", lambda *args, **fields: None)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        network.advance(seconds / 2)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        network.advance(seconds / 2)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess(after - before, SLACK)

    def test_memory(self) -> None:
        """Being connected for longer takes no more memory."""
        lab = Lab(network=MemoryNetwork(seed=7, captureLimit=100))
        lab.network.loss = 0.1
        camera = lab.camera()
        camera.connect()
        lab.network.advance(5 * MINUTE)
        self.assertNoGrowth(lab.network, HOUR)
        self.assertIs(CameraState.UP, camera.state)

    def test_memoryWhileSearching(self) -> None:
        """Nor does searching in vain for longer."""
        lab = Lab(network=MemoryNetwork(captureLimit=100))
        lab.emulated.stop()
        connected = lab.camera().connect()
        lab.network.advance(5 * MINUTE)
        self.assertNoGrowth(lab.network, 4 * HOUR)
        self.assertNoResult(connected)
