"""Tests for L{twistedcam.errors}."""

from __future__ import annotations

import pickle

from twisted.trial.unittest import SynchronousTestCase

from twistedcam import errors


class TreeTests(SynchronousTestCase):
    """One root, and the built-in kin that callers may expect."""

    def test_root(self) -> None:
        """Everything in the module is a L{errors.TwistedcamError}."""
        for name, error in vars(errors).items():
            if isinstance(error, type):
                self.assertTrue(issubclass(error, errors.TwistedcamError), name)

    def test_kin(self) -> None:
        """Bad bytes are a bad value, and no time left is a timeout."""
        self.assertTrue(issubclass(errors.WireError, ValueError))
        self.assertTrue(issubclass(errors.ConnectTimeout, TimeoutError))

    def test_reason(self) -> None:
        """A closed session says why, as an attribute and as its text."""
        error = errors.SessionClosed("the camera went silent")
        self.assertEqual(error.reason, "the camera went silent")
        self.assertEqual(str(error), "the camera went silent")


class WireErrorTests(SynchronousTestCase):
    """The error that points at a byte."""

    def test_place(self) -> None:
        """The text names the offending byte and where it stands."""
        error = errors.WireError("no PPPP magic", 0, 0x0A)
        self.assertEqual(str(error), "no PPPP magic: 0x0a at offset 0")
        self.assertEqual(
            (error.reason, error.offset, error.byte), ("no PPPP magic", 0, 0x0A)
        )

    def test_end(self) -> None:
        """A byte that is missing is called the end."""
        error = errors.WireError("a device id is cut off", 17)
        self.assertEqual(str(error), "a device id is cut off: the end at offset 17")
        self.assertIsNone(error.byte)

    def test_noPlace(self) -> None:
        """A fault that is in no datagram has a reason only."""
        error = errors.WireError("no channel 8")
        self.assertEqual(str(error), "no channel 8")
        self.assertEqual((error.offset, error.byte), (None, None))

    def test_pickle(self) -> None:
        """The error survives the way to another process."""
        again = pickle.loads(pickle.dumps(errors.WireError("cut off", 3, 4)))
        self.assertEqual((again.reason, again.offset, again.byte), ("cut off", 3, 4))
