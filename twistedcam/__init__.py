"""
LAN cameras of the VStarcam / CS2 PPPP family, without the vendor's cloud.

L{Camera} keeps one camera connected, L{Fleet} many, as a Twisted service;
L{Discovery} tells who is on the LAN.
"""

from .answers import ImageSettings, Recording, Status, Users, WifiNetwork
from .camera import Camera
from .consent import Allow, Risk
from .discovery import Discovery, Found
from .errors import (
    AlreadyStarted,
    CameraFull,
    CommandError,
    CommandFailed,
    CommandTimeout,
    ConfigError,
    ConnectTimeout,
    ConsentRequired,
    Disconnected,
    LoginError,
    LoginLocked,
    LoginRejected,
    NotConnected,
    NotDelivered,
    NotSupported,
    SessionClosed,
    TwistedcamError,
    WireError,
)
from .fleet import Fleet
from .keeper import CameraState
from .media.frame import Codec, Frame
from .session.machine import Reason
from .statistics import Statistics
from .streams import Stream
from .trace import Trace
from .wire.cgi import Reply
from .wire.deviceid import DeviceId

__all__ = [
    "Allow",
    "AlreadyStarted",
    "Camera",
    "CameraFull",
    "CameraState",
    "Codec",
    "CommandError",
    "CommandFailed",
    "CommandTimeout",
    "ConfigError",
    "ConnectTimeout",
    "ConsentRequired",
    "DeviceId",
    "Disconnected",
    "Discovery",
    "Fleet",
    "Found",
    "Frame",
    "ImageSettings",
    "LoginError",
    "LoginLocked",
    "LoginRejected",
    "NotConnected",
    "NotDelivered",
    "NotSupported",
    "Reason",
    "Recording",
    "Reply",
    "Risk",
    "SessionClosed",
    "Statistics",
    "Status",
    "Stream",
    "Trace",
    "TwistedcamError",
    "Users",
    "WifiNetwork",
    "WireError",
]
