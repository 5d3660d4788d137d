"""
What twistedcam raises on purpose; errors of containers and of recordings stand where
those are made.
"""

from __future__ import annotations


class TwistedcamError(Exception):
    """The root of the tree: catch this to catch them all."""


class WireError(TwistedcamError, ValueError):
    """
    Bytes (or text) that are not what the protocol says.

    @ivar reason: what is wrong, in words.
    @ivar offset: where in the datagram the offending byte stands, from 0;
        L{None} if the fault has no place (a text, a value to encode).
    @ivar byte: the offending byte's value; L{None} if it is missing.
    """

    def __init__(
        self, reason: str, offset: int | None = None, byte: int | None = None
    ) -> None:
        super().__init__(reason, offset, byte)
        self.reason = reason
        self.offset = offset
        self.byte = byte

    def __str__(self) -> str:
        if self.offset is None:
            return self.reason
        found = "the end" if self.byte is None else f"0x{self.byte:02x}"
        return f"{self.reason}: {found} at offset {self.offset}"


class ConfigError(TwistedcamError):
    """A configuration that cannot be used; the text names file and place."""


class AlreadyStarted(TwistedcamError):
    """Somebody started what is running: stop it first."""


class SessionClosed(TwistedcamError):
    """
    A session ended, or never came to be.

    @ivar reason: why, in words fit for a log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ConnectTimeout(TwistedcamError, TimeoutError):
    """The camera was not up in the time that the caller gave."""


class Disconnected(TwistedcamError):
    """C{disconnect} was called while something still waited for the camera."""


class NotConnected(TwistedcamError):
    """The camera is not up, so there is nobody to ask."""


class NotDelivered(TwistedcamError):
    """The camera did not acknowledge what was sent to it."""


class CommandError(TwistedcamError):
    """A command did not do what it should have done."""


class CommandTimeout(CommandError, TimeoutError):
    """The camera did not answer in time.  It may have obeyed all the same."""


class CommandFailed(CommandError):
    """The camera says that it could not do it."""


class NotSupported(CommandError):
    """The camera does not know this command."""


class ConsentRequired(CommandError):
    """
    The command changes something, or nobody knows what it does: say C{allow=}.
    """


class LoginError(CommandError):
    """The camera does not let us in."""


class LoginRejected(LoginError):
    """
    Wrong user or password.  It is not tried again: ten wrong ones within a
    minute lock some cameras for an hour.
    """


class LoginLocked(LoginError):
    """
    After too many wrong passwords, from whomever, the camera refuses right ones.

    @ivar seconds: how long it will do so.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the camera is locked for {seconds} s more")
        self.seconds = seconds


class CameraFull(CommandError):
    """
    The camera serves as many clients as it can.
    """
