"""
Cameras in browsers and players: the HTTP server.
"""

from .config import WebConfig
from .service import WebService

__all__ = ["WebConfig", "WebService"]
