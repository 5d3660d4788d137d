"""
Tells twistd and twist of C{camclient}.
"""

from twisted.application.service import ServiceMaker

camclient = ServiceMaker(
    "twistedcam client",
    "twistedcam.tap",
    "Find LAN cameras of the VStarcam / CS2 PPPP family and keep them connected.",
    "camclient",
)
