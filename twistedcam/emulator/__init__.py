"""
A camera made of software, for tests and demonstrations.

It shares no code with the client's session: it is an independent reading of how
real cameras behave, and as strict as they are.
"""

from .camera import EmulatedCamera
from .doors import Doors
from .faults import Faults
from .firmware import FIRMWARE_A, FIRMWARE_B, Firmware
from .session import Session

__all__ = [
    "FIRMWARE_A",
    "FIRMWARE_B",
    "Doors",
    "EmulatedCamera",
    "Faults",
    "Firmware",
    "Session",
]
