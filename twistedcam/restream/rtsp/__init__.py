"""
The way out by RTSP, for players and recorders.
"""

from .service import ENDPOINT, RtspConfig, RtspService

__all__ = ["ENDPOINT", "RtspConfig", "RtspService"]
