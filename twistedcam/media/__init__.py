"""
Frames: put together, timed, handed out, and put into containers.

Nothing here knows a socket or a timer: data and the time come in from outside.
"""
