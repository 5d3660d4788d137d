"""
The console command C{twistedcam}.

Exit codes: 0 ok, 1 not found or unreachable, 2 usage, 3 login rejected or locked,
4 the camera refused, 5 timeout, 130 interrupted.
"""

from .program import main

__all__ = ["main"]
