"""
The emulated camera's motors.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedcam.emulator.ptz import PAN_LIMIT, TILT_HIGH, TILT_LOW, Motors

from .test_emulator_commands import OK, CommandBench

UP, DOWN, LEFT, RIGHT, STOP, CENTRE = 0, 2, 4, 6, 1, 25


class MotorsTests(SynchronousTestCase):
    """At 40 degrees a second."""

    def setUp(self) -> None:
        self.now = 100.0
        self.motors = Motors(self.now)

    def do(self, code: int, seconds: float = 0.0, oneStep: bool = False) -> None:
        """Give a command and let so much time pass."""
        self.assertTrue(self.motors.command(code, oneStep, self.now))
        self.now += seconds

    def assertAt(self, pan: float, tilt: float) -> None:
        """It looks there."""
        where = self.motors.where(self.now)
        self.assertAlmostEqual(pan, where[0])
        self.assertAlmostEqual(tilt, where[1])

    def test_directions(self) -> None:
        """Right and up are positive; it moves until it is stopped."""
        for code, pan, tilt in (
            (UP, 0, 20),
            (DOWN, 0, -20),
            (LEFT, -20, 0),
            (RIGHT, 20, 0),
            (90, -20, 20),
            (91, 20, 20),
            (92, -20, -20),
            (93, 20, -20),
        ):
            self.motors = Motors(self.now)
            self.do(code, 0.5)
            self.assertAt(pan, tilt)
            self.do(STOP, 5)
            self.assertAt(pan, tilt)

    def test_limits(self) -> None:
        """It stops by itself where it can go no further."""
        for code, pan, tilt in (
            (UP, 0, TILT_HIGH),
            (LEFT, -PAN_LIMIT, TILT_HIGH),
            (DOWN, -PAN_LIMIT, TILT_LOW),
            (RIGHT, PAN_LIMIT, TILT_LOW),
        ):
            self.do(code, 60)
            self.assertAt(pan, tilt)

    def test_oneStep(self) -> None:
        """A single step is five degrees, and takes its time."""
        self.do(RIGHT, 0.0625, oneStep=True)
        self.assertAt(2.5, 0)
        self.now += 60
        self.assertAt(5, 0)

    def test_speed(self) -> None:
        """The speed is a setting."""
        self.motors.speed = 1
        self.do(RIGHT, 1)
        self.assertAt(8, 0)

    def test_centre(self) -> None:
        """It can be told to look straight ahead."""
        self.do(RIGHT, 1)
        self.do(UP, 1)
        self.do(CENTRE, 0.5)
        self.assertAt(20, 20)
        self.now += 60
        self.assertAt(0, 0)

    def test_presets(self) -> None:
        """Even codes keep a place, odd ones go there; unkept ones do nothing."""
        self.do(RIGHT, 1)
        self.do(34)
        self.do(CENTRE, 10)
        self.do(37, 10)
        self.assertAt(0, 0)
        self.do(35, 0.5)
        self.assertAt(20, 0)
        self.now += 60
        self.assertAt(40, 0)

    def test_presetDeleted(self) -> None:
        """A deleted place is nowhere."""
        self.do(30)
        self.do(RIGHT, 1)
        self.do(STOP)
        self.do(62)
        self.do(31, 10)
        self.assertAt(40, 0)

    def test_patrol(self) -> None:
        """Patrols go from end to end, until stopped."""
        self.do(28, PAN_LIMIT / 40 + 1)
        self.assertAt(PAN_LIMIT - 40, 0)
        self.now += 2 * PAN_LIMIT / 40
        self.assertAt(-PAN_LIMIT + 40, 0)
        self.do(29, 60)
        self.assertAt(-PAN_LIMIT + 40, 0)
        self.do(26, 60 * 60 * 24 * 365)
        self.assertTrue(TILT_LOW <= self.motors.where(self.now)[1] <= TILT_HIGH)

    def test_cruise(self) -> None:
        """A cruise goes round the kept places, if there are two at least."""
        self.do(22, 10)
        self.assertAt(0, 0)
        self.do(30)
        self.do(22, 10)
        self.assertAt(0, 0)
        self.do(RIGHT, 1)
        self.do(32)
        self.do(22, 1.5)
        self.assertAt(20, 0)
        self.do(23, 60)
        self.assertAt(20, 0)

    def test_unknown(self) -> None:
        """There are codes without a meaning."""
        for code in (-1, 8, 67, 1000):
            self.assertFalse(self.motors.command(code, False, self.now))

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 100),
                st.booleans(),
                st.floats(0, 1e6, allow_nan=False),
                st.integers(1, 10),
            )
        )
    )
    def test_anything(self, orders: list[tuple[int, bool, float, int]]) -> None:
        """Whatever it is told, it stays within its limits, and never hangs."""
        motors, now = Motors(0.0), 0.0
        for code, oneStep, seconds, speed in orders:
            motors.speed = speed
            motors.command(code, oneStep, now)
            now += seconds
            pan, tilt = motors.where(now)
            self.assertTrue(-PAN_LIMIT <= pan <= PAN_LIMIT)
            self.assertTrue(TILT_LOW <= tilt <= TILT_HIGH)


class DecoderControlTests(CommandBench):
    """The motors by command."""

    def pan(self) -> int:
        """Where it looks, in degrees."""
        return int(self.values("get_status")["ptz_pan"])

    def test_moves(self) -> None:
        """It turns as long as it may, and get_status tells."""
        self.assertEqual((0x6019, OK), self.ask("decoder_control?command=6&onestep=0"))
        self.network.advance(0.9)
        self.ask("decoder_control?command=7&onestep=0")
        here = self.pan()
        self.assertIn(here, range(38, 46))
        self.network.advance(10)
        self.assertEqual(here, self.pan())

    def test_speed(self) -> None:
        """camera_control sets the speed."""
        self.ask("camera_control?param=100&value=10")
        self.ask("decoder_control?command=6&onestep=0")
        self.network.advance(0.9)
        self.assertIn(self.pan(), range(78, 100))

    def test_oneStep(self) -> None:
        """One step is five degrees."""
        self.ask("decoder_control?command=4&onestep=1")
        self.network.advance(1)
        self.assertEqual(-5, self.pan())

    def test_unknown(self) -> None:
        """Codes without a meaning are an error."""
        for query in ("command=99", "command=x", ""):
            answer = self.ask(f"decoder_control?{query}")[1]
            self.assertEqual(b'result= 0;\r\nvar result="erro";\r\n', answer)

    def test_reboot(self) -> None:
        """After a restart it looks straight ahead, and still knows its presets."""
        self.ask("decoder_control?command=6&onestep=1")
        self.network.advance(1)
        self.ask("decoder_control?command=30")
        self.camera.reboot()
        self.network.advance(6)
        self.client = self.dial()
        self.assertEqual(0, self.pan())
        self.ask("decoder_control?command=31")
        self.network.advance(1)
        self.assertEqual(5, self.pan())
