"""
The emulated camera: who it is, whom it lets in, and its ups and downs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..errors import AlreadyStarted
from ..reactors import AnyReactor, datagrams
from ..wire.cipher import Cipher
from ..wire.deviceid import DeviceId
from ..wire.dh import encode
from .alarms import MOTION, alarm
from .commands import Commands
from .doors import Doors
from .faults import Faults, Weather
from .firmware import FIRMWARE_B, Firmware
from .media import Media
from .reception import Reception
from .relative import JsonCommands
from .report import Nameplate, Reporter
from .session import Session
from .state import State
from .world import Address, Timer

#: What cameras may understand.
CGI, JSON = DIALECTS = ("cgi", "json")


class EmulatedCamera:
    """
    A camera made of software.

    Its datagrams come and go through L{Doors}, which it shares with others and
    neither opens nor closes, and through one UDP port per session.

    @ivar deviceId: its identity.
    @ivar firmware: the generation of firmware it behaves as.
    @ivar state: its settings, accounts, clock and motors.
    @ivar sessions: the live ones, oldest first; with firmware A a client too
        many is among them until it is closed.
    @ivar onSession: called with each new L{Session} that is served; for tests
        and demonstrations.
    """

    log = Logger()

    def __init__(
        self,
        reactor: AnyReactor,
        deviceId: DeviceId | str,
        *,
        doors: Doors,
        firmware: Firmware = FIRMWARE_B,
        name: str = "IPCAM",
        user: str = "admin",
        password: str = "888888",
        psk: str = "",
        faults: Faults | None = None,
        virtualId: DeviceId | str | None = None,
        codec: str = "h264",
        fps: int | None = None,
        bitrate: int | None = None,
        dialect: str = CGI,
    ) -> None:
        """
        @param name: what the owner calls it, 80 bytes at most.
        @param user: the administrator's name; firmware B takes any.
        @param password: the administrator's password.
        @param psk: the string its obfuscation is keyed by; empty for none.
        @param virtualId: the identity its report shows instead of the real one.
        @param codec: what its video is: C{"h264"}, C{"h265"} or C{"mjpeg"}.
        @param fps: frames per second of its video, 1 to 60, whatever clients ask
            for: the same pictures go by faster or slower.
        @param bitrate: bits per second that each of its video streams is padded
            to, without frames getting longer than 262,144 bytes.
        @param dialect: what it understands; with L{JSON} it is no camera for this
            package, see L{twistedcam.emulator.relative}.
        @raise WireError: an id is none, or the name is too long.
        @raise ValueError: this firmware knows no virtual ids, or no H.265, or there
            is no such C{codec}, C{fps}, C{bitrate} or C{dialect}.
        """
        reactor = datagrams(reactor)
        if dialect not in DIALECTS:
            raise ValueError(f"no dialect {dialect!r}: {', '.join(DIALECTS)}")
        self.deviceId = _asId(deviceId)
        self.firmware = firmware
        self.onSession: Callable[[Session], object] | None = None
        if virtualId is not None:
            if not firmware.virtualIds:
                raise ValueError(f"firmware {firmware.name} knows no virtual ids")
            virtualId = _asId(virtualId)
        self._plate = Nameplate(firmware, self.deviceId, virtualId, name)
        encode(self._plate.report("0.0.0.0", 0))
        self._reactor = reactor
        self._doors = doors
        self.state = State(reactor, firmware, self._plate, user, password)
        self._media = Media(reactor, self.state, codec, fps, bitrate)
        self._dialect = dialect
        self._clients: dict[Session, Commands] = {}
        self._weather = Weather(reactor, faults or Faults())
        self._reporter = Reporter(reactor, self._plate, self._weather, doors)
        # The same camera chooses the same ports in every run.
        self._luck = Random(self.deviceId.compact)
        self._reception = Reception(
            reactor,
            firmware,
            self.deviceId,
            Cipher(psk),
            doors,
            self._weather,
            self._luck,
            self._serve,
        )
        self.sessions = self._reception.sessions
        self._running = False
        self._booting = False
        self._wake = Timer(reactor, self._awake)
        self._restart = Timer(reactor, self.reboot)
        self._dhFrom = float("-inf")

    def __repr__(self) -> str:
        return f"<EmulatedCamera {self.deviceId} firmware {self.firmware.name}>"

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._plate.name

    @property
    def httpPort(self) -> int:
        """The HTTP port in the report; nothing listens there."""
        return self._reporter.httpPort

    @property
    def faults(self) -> Faults:
        """What goes wrong around it; to be set at any time."""
        return self._weather.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._weather.change(faults)

    def start(self) -> None:
        """
        Go on air, as a camera that has been up for a while: firmware A answers
        DH at once, too.

        @raise AlreadyStarted: it is.
        """
        if self._running:
            raise AlreadyStarted(f"{self.deviceId} is on air")
        self._running = True
        self._dhFrom = float("-inf")
        self._choosePorts()
        self._doors.enter(self)
        self.log.info(
            "{deviceId} is on air with firmware {firmware}",
            deviceId=self.deviceId,
            firmware=self.firmware.name,
        )

    def stop(self) -> Deferred[None]:
        """
        Go off air, saying CLOSE to every session; fires when all ports are
        closed.  To stop what is stopped does no harm.
        """
        if self._running:
            self._running = self._booting = False
            self._doors.leave(self)
            self._wake.cancel()
            self._restart.cancel()
            self._reporter.forget()
            self._reception.dismiss("the camera stops")
            self._weather.flush()
            self._weather.clear()
            self._weather.silent = False
            self.log.info("{deviceId} is off air", deviceId=self.deviceId)
        return self._reception.shut()

    def reboot(self, downFor: float = 5.0) -> None:
        """
        Switch it off and on.  Sessions vanish without a goodbye; nothing is
        heard or said for C{downFor} seconds; then come new ports, and firmware A
        answers DH only 66 seconds later.
        """
        if not self._running:
            return
        self._restart.cancel()
        self.log.info(
            "{deviceId} reboots and is down for {seconds} s",
            deviceId=self.deviceId,
            seconds=downFor,
        )
        self._booting = self._weather.silent = True
        self._lose("the camera reboots", keepLinks=True)
        self.state.rebooted()
        self._media.rebooted()
        self._dhFrom = self._reactor.seconds() + downFor + self.firmware.dhBootDelay
        self._wake.arm(downFor)

    def fallSilent(self, seconds: float) -> None:
        """
        Neither hear nor say anything for so long, as with its aerial off.  Its
        sessions go on meanwhile, and end if the silence outlasts their patience.
        """
        if self._running and not self._booting:
            self._weather.silent = True
            self._wake.arm(seconds)
            self.log.info(
                "{deviceId} falls silent for {seconds} s",
                deviceId=self.deviceId,
                seconds=seconds,
            )

    def setClock(self, offsetSeconds: float) -> None:
        """
        Let the camera's clock be so many seconds ahead of the right time, which is
        the reactor's, or behind it.  Frames of video and sound bear its time.
        """
        self.state.setClock(offsetSeconds)

    # What it says unasked.

    def alarm(self, kind: int = MOTION) -> None:
        """
        Something happened: tell every client on channel 5, unless one has too much
        there that it has not acknowledged.

        @param kind: the camera's own number: 1 motion, 2 the alarm input; 4, 5,
            9, 10; others are told as "other".
        """
        self.state.note(f"alarm {kind}")
        for session in self._clients:
            alarm(session, kind)

    def pushStatus(self) -> None:
        """Tell every client the status, as if it had asked."""
        for commands in self._clients.values():
            commands.pushStatus()

    @property
    def refusedDangers(self) -> Counter[str]:
        """
        How often each dangerous command, such as C{"upgrade_firmware"}, was said
        to be done but was not.
        """
        return self.state.refusedDangers

    # What the doors tell.

    def heardDh(self, datagram: bytes, address: Address) -> None:
        """A datagram came in at the DH port."""
        self._weather.hear(lambda: self._dh(datagram, address))

    def heardLan(self, datagram: bytes, address: Address) -> None:
        """A datagram came in at the LAN_SEARCH port."""
        self._weather.hear(lambda: self._lan(datagram, address))

    def moved(self) -> None:
        """The address has changed."""
        self._lose("the address changed")
        self._reception.shut()

    def _dh(self, datagram: bytes, address: Address) -> None:
        awake = self._running and self._reactor.seconds() >= self._dhFrom
        if awake and self._dialect == CGI:
            self._reporter.heard(datagram, address)

    def _lan(self, datagram: bytes, address: Address) -> None:
        if self._running:
            self._reception.heard(datagram, address)

    def _serve(self, session: Session) -> None:
        if self._dialect == JSON:
            JsonCommands(self.state, session)
        else:
            self._serveFully(session)
        if self.onSession is not None:
            self.onSession(session)

    def _serveFully(self, session: Session) -> None:
        self._clients[session] = Commands(
            self._reactor,
            self.state,
            session,
            self._weather,
            lambda: len(self._clients),
            self._restart.arm,
        )
        session.endings.append(lambda: self._clients.pop(session))
        self._media.serve(session)

    # Ups and downs.

    def _choosePorts(self) -> None:
        self._reporter.httpPort = self._luck.randint(1024, 65535)

    def _lose(self, reason: str, keepLinks: bool = False) -> None:
        """Everything that goes on is gone, and nobody is told."""
        self._weather.clear()
        self._reporter.forget()
        self._reception.lose(reason, keepLinks)

    def _awake(self) -> None:
        self._weather.silent = False
        if self._booting:
            self._booting = False
            self._reception.shut()
            self._choosePorts()
        self.log.info("{deviceId} is on air again", deviceId=self.deviceId)


def _asId(deviceId: DeviceId | str) -> DeviceId:
    return DeviceId.fromText(deviceId) if isinstance(deviceId, str) else deviceId
