"""
The emulated camera's live sound, seen by a client that knows nothing but bytes.
"""

from __future__ import annotations

from array import array
from math import cos, hypot, pi, sin
from struct import pack, unpack_from

from twistedcam.emulator import FIRMWARE_A, Firmware
from twistedcam.emulator.sound import BLOCK, BLOCK_TIME, samples
from twistedcam.wire.audio import AdpcmDecoder, decodeAlaw

from .test_emulator import CLOSE
from .test_emulator_commands import Client
from .test_emulator_media import (
    BEGINNING,
    COMMAND_TIME,
    MediaBench,
    Received,
)

#: With as many bytes unacknowledged nothing more is sent.
CONGESTED = 262144

#: How much ADPCM may differ from the sound, by the mean of squares: 16 dB; and how
#: many samples it takes to get there from zero, perhaps in the midst of a beep.
NOISE, START = 0.025, 64


class SoundBench(MediaBench):
    """A client that listens."""

    def listen(self, query: str, client: Client | None = None) -> None:
        """Ask for sound."""
        self.command(f"audiostream.cgi?{query}", client)

    def heard(
        self, seconds: float = 0.0, client: Client | None = None
    ) -> list[Received]:
        """The packets of a while."""
        self.network.advance(seconds)
        return self.take(client, 2)

    def state(self, packet: Received) -> tuple[int, int]:
        """Predictor and index of a head."""
        predictor, index = unpack_from("<hH", packet.head, 28)
        return predictor, index

    def decode(self, packets: list[Received]) -> array[int]:
        """ADPCM as a client hears it."""
        decoder = AdpcmDecoder()
        decoded = array("h")
        for packet in packets:
            self.assertEqual((6, 512), (packet.type, len(packet.data)))
            decoded += decoder.decode(packet.data, *self.state(packet))
        return decoded

    def assertSound(self, decoded: array[int], place: int = 0) -> None:
        """This is the sound of the clip from one sample on, but for noise."""
        whole = samples()
        self.assertGreaterEqual(len(decoded), BLOCK - START)
        right = [whole[(place + n) % len(whole)] for n in range(len(decoded))]
        noise = sum((a - b) ** 2 for a, b in zip(decoded, right, strict=True))
        self.assertLess(noise, NOISE * sum(sample**2 for sample in right))


class SoundTests(SoundBench):
    """Sound, with the newer firmware."""

    #: How to ask for state that runs on, and for such that does not.
    kept: tuple[str, ...] = (
        "streamid=1&adpcm_ver=1",
        "streamid=1&adpcm_ver=0",
        "streamid=4&adpcm_ver=5",
    )
    reset: tuple[str, ...] = ("streamid=1", "streamid=4", "x=1")

    def small(self) -> bytes:
        """The eight bytes in the middle of a head."""
        return b"\0\0\xff" + bytes(5)

    def test_beep(self) -> None:
        """There is 1 kHz in the first tenth of each second, and then little."""
        whole = samples()
        self.assertEqual(0, len(whole) % 8000)
        for tenth in range(len(whole) // 800):
            part = whole[800 * tenth : 800 * tenth + 800]
            re = sum(s * cos(2 * pi * n / 8) for n, s in enumerate(part))
            im = sum(s * sin(2 * pi * n / 8) for n, s in enumerate(part))
            loud = hypot(re, im) / 400
            self.assertTrue(loud > 5000 if tenth % 10 == 0 else loud < 50, tenth)

    def test_heads(self) -> None:
        """Heads are as real ones, byte by byte."""
        for query in (self.kept[0], self.reset[0]):
            self.listen(query)
            started = self.network.seconds() - COMMAND_TIME + self.network.latency
            packets = self.heard(3)
            self.assertEqual(23, len(packets))
            number = packets[0].number
            self.assertApproximates(started / BLOCK_TIME, number, 3)
            for place, packet in enumerate(packets):
                time = round((BEGINNING + started + place * BLOCK_TIME) * 1000)
                head = pack(
                    "<4sBBHIII8shH",
                    b"\x55\xaa\x15\xa8",
                    6,
                    1,
                    time % 1000,
                    time // 1000,
                    number + place,
                    512,
                    self.small(),
                    *((0, 0) if query in self.reset else self.state(packet)),
                )
                self.assertEqual(head, packet.head)
            self.listen("streamid=16")
            self.heard()

    def test_kept(self) -> None:
        """State that runs on: heads tell it, and it decodes to the clip's sound."""
        self.listen(self.kept[0])
        packets = self.heard(10.9)
        self.assertEqual(85, len(packets))
        decoded = self.decode(packets)
        self.assertSound(decoded)
        for end, packet in enumerate(packets, 1):
            self.assertEqual(decoded[end * BLOCK - 1], self.state(packet)[0])

    def test_keptLater(self) -> None:
        """A client that comes later is right after one packet."""
        other = self.dial(self.phone)
        self.listen(self.kept[0], other)
        self.network.advance(5 * BLOCK_TIME)
        self.listen(self.kept[0])
        packets = self.heard(5)
        decoded = self.decode(packets)
        self.assertNotEqual(decoded[BLOCK - 1], self.state(packets[0])[0])
        self.assertEqual(decoded[2 * BLOCK - 1], self.state(packets[1])[0])
        self.assertSound(decoded[BLOCK:], BLOCK)

    def test_reset(self) -> None:
        """State that is zero in front of each packet: heads are zero, too."""
        self.listen(self.reset[0])
        packets = self.heard(11)
        self.assertEqual({(0, 0)}, set(map(self.state, packets)))
        for place, packet in enumerate(packets):
            decoded = self.decode([packet])[START:]
            self.assertSound(decoded, place * BLOCK + START)

    def test_modes(self) -> None:
        """Who asks last chooses the mode for the whole camera."""
        for query in (*self.kept, *self.reset, *self.kept):
            other = self.dial(self.phone)
            self.listen(self.reset[0])
            self.listen(query, other)
            self.heard()
            for client in (self.client, other):
                # The first ones may come from before; the first of all is zero.
                states = set(map(self.state, self.heard(0.6, client)[2:]))
                self.assertEqual(query in self.reset, states == {(0, 0)}, query)
            other.say(CLOSE)

    def test_alaw(self) -> None:
        """A-law is just the clip's sound."""
        self.listen("streamid=7")
        packets = self.heard(5)
        decoded = array("h")
        for packet in packets:
            self.assertEqual((7, 1024), (packet.type, len(packet.data)))
            self.assertEqual((0, 0), self.state(packet))
            decoded += decodeAlaw(packet.data)
        whole = samples() * 6
        self.assertEqual(whole[: len(decoded)], decoded)

    def test_both(self) -> None:
        """A client can change from one to the other, and goes on."""
        self.listen("streamid=7")
        first = self.heard(1)
        self.listen(self.kept[0])
        second = self.heard(1)
        self.assertEqual(second[0].number, first[-1].number + 1)
        self.assertSound(self.decode(second), len(first) * BLOCK)

    def test_fitsVideo(self) -> None:
        """
        Picture and sound fit, whichever comes first: by the clocks of the heads the
        beep comes with the full seconds of the picture.
        """
        self.start()
        self.network.advance(0.3)
        self.listen(self.reset[0])
        self.checkFit()
        self.stop()
        self.network.advance(0.3)
        self.take()
        self.start()
        self.checkFit()
        self.listen("streamid=16")
        self.heard()
        self.listen(self.reset[0])
        self.checkFit(self.zero)

    def checkFit(self, zero: float | None = None) -> None:
        """Check it, the picture having begun at C{zero} or now."""
        self.network.advance(3)
        self.zero = self.take()[0].time if zero is None else zero
        packets = [packet for packet in self.heard() if packet.time > self.zero]
        self.assertGreater(len(packets), 20)
        for packet in packets:
            place = round((packet.time - self.zero) * 8000) + START
            decoded = self.decode([packet])[START:]
            # The clocks are exact to a millisecond: eight samples.
            near = (self.isSound(decoded, place + n) for n in range(-8, 9))
            self.assertTrue(any(near), packet.time)

    def isSound(self, decoded: array[int], place: int) -> bool:
        """As L{assertSound}."""
        try:
            self.assertSound(decoded, place)
        except self.failureException:
            return False
        return True

    def test_stop(self) -> None:
        """After the stop nothing more comes, and no timer of it is left."""
        self.network.advance(1)
        timers = len(self.network.getDelayedCalls())
        self.listen(self.kept[0])
        self.assertNotEqual([], self.heard(1))
        self.listen("streamid=16")
        self.heard()
        self.assertEqual([], self.heard(3))
        self.assertEqual(timers, len(self.network.getDelayedCalls()))

    def test_reboot(self) -> None:
        """After a reboot the encoder starts from zero."""
        self.listen(self.kept[0])
        self.start()
        self.network.advance(1)
        self.camera.reboot(1)
        self.network.advance(1.1)
        self.client = self.dial()
        self.listen(self.kept[0])
        self.assertSound(self.decode(self.heard(1)))
        self.assertFreed()

    def test_congestion(self) -> None:
        """A client that does not acknowledge gets no more than there is room for."""
        self.listen(self.kept[0])
        self.client.deaf = True
        for _ in range(90):
            self.network.advance(1)
            self.client.say(b"\xf1\xe0\0\0")
        most = self.session.queued(2)
        self.assertTrue(CONGESTED <= most < CONGESTED + 544, most)
        self.client.deaf = False
        packets = self.heard(10)
        self.assertGreater(packets[-1].number - packets[0].number, 700)
        self.assertSound(self.decode(packets[:480]))


class OlderSoundTests(SoundTests):
    """The same, with the older firmware."""

    firmware: Firmware = FIRMWARE_A
    kept = ("streamid=4", "streamid=5", "streamid=1&adpcm_ver=1")
    reset = ("streamid=1", "streamid=7", "x=1", "streamid=1&adpcm_ver=0")

    def small(self) -> bytes:
        """The eight bytes in the middle of a head."""
        return bytes((0, 0, self.session.number, 0, 0, 0, 0, 0))

    def test_alaw(self) -> None:
        """There is no A-law: the same question brings ADPCM."""
        self.listen("streamid=7")
        self.assertSound(self.decode(self.heard(3)))

    def test_both(self) -> None:
        """A client can change from one mode to the other, and goes on."""
        self.listen(self.reset[0])
        first = self.heard(1)
        self.listen(self.kept[0])
        second = self.heard(1)
        self.assertEqual(second[0].number, first[-1].number + 1)
        decoded = self.decode(second)
        self.assertSound(decoded[BLOCK:], (len(first) + 1) * BLOCK)
