"""
LAN cameras of the VStarcam / CS2 PPPP family, without the vendor's cloud.

L{Camera} keeps one camera connected, L{Fleet} many, as a Twisted service;
L{Discovery} tells who is on the LAN.
"""

from .camera import Camera
from .discovery import Discovery, Found
from .errors import (
    AlreadyStarted,
    ConfigError,
    ConnectTimeout,
    Disconnected,
    TwistedcamError,
    WireError,
)
from .fleet import Fleet
from .keeper import CameraState
from .session.machine import Reason
from .wire.deviceid import DeviceId

__all__ = [
    "AlreadyStarted",
    "Camera",
    "CameraState",
    "ConfigError",
    "ConnectTimeout",
    "DeviceId",
    "Disconnected",
    "Discovery",
    "Fleet",
    "Found",
    "Reason",
    "TwistedcamError",
    "WireError",
]
