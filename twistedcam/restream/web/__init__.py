"""
Cameras in browsers and players: the HTTP server.
"""

from .config import ENDPOINT, WebConfig
from .service import WebService

__all__ = ["ENDPOINT", "WebConfig", "WebService"]
