"""
A camera, kept connected: what one can ask of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address

from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.logger import Logger

from .commands import Commands
from .companion import Companion
from .consent import Allow, demand
from .discovery import Discovery, Found
from .errors import (
    AlreadyStarted,
    CameraFull,
    ConnectTimeout,
    Disconnected,
    NotConnected,
    SessionClosed,
    TwistedcamError,
)
from .keeper import CameraState, Core, KeeperMachine
from .login import Login
from .media.sound import AlawEncoder
from .media.timeline import CameraClock
from .observers import Observers
from .reactors import AnyReactor, datagrams
from .session.dialogue import ANSWER_WITHIN, Answer, Dialogue
from .session.machine import Reason
from .session.protocol import CameraSession
from .statistics import Statistics
from .streams import MAIN, SUB, DecodedSound, SoundStream, Stream
from .tally import Tally
from .trace import Trace
from .wire.cgi import Reply
from .wire.cipher import Cipher
from .wire.deviceid import DeviceId
from .wire.drw import ALARMS, AUDIO, COMMANDS, VIDEO


class Camera(Commands):
    """
    One camera, kept connected.

    @ivar name: what logs, addresses and file names call it.
    @ivar state: where it is.
    @ivar found: where and how it answered last, or L{None}.
    @ivar problem: why it is not up, in words; empty: it is, or nobody knows yet.
    @ivar video: its pictures; the camera is asked for them while somebody watches.
    @ivar audio: its sound, likewise, as it is sent.
    @ivar sound: the same as AAC.
    @ivar alaw: the same as G.711 A-law.
    @ivar twin: the same camera in its lower quality, once somebody has asked for
        L{subVideo}.
    """

    log = Logger()

    def __init__(
        self,
        reactor: AnyReactor,
        *,
        deviceId: DeviceId | str | None = None,
        address: str | None = None,
        pinAddress: bool = False,
        user: str = "admin",
        password: str | None = None,
        psk: str | None = None,
        name: str | None = None,
        title: str = "",
        discovery: Discovery | None = None,
        trace: Trace | None = None,
        dice: random.Random | None = None,
        substream: int = MAIN,
    ) -> None:
        """
        @param deviceId: the camera's identity, as on its label.  Without it, the
            first camera that answers from C{address} is taken (and its identity
            kept until L{disconnect}); with neither, the first that answers at all.
        @param address: where to look for it as well as by broadcast, dotted.
        @param pinAddress: C{address} is the only place where it can be.
        @param user: the login.
        @param password: never sent to a camera that was not named by C{deviceId}
            or C{address}.
        @param psk: the obfuscation's string, where the camera has a private one;
            empty: it has none.
        @param name: default: the identity, or else the address.
        @param title: what people call it.
        @param discovery: default: the one shared by all cameras of C{reactor}.
        @param trace: sees every datagram of its sessions, deciphered: C{(now, sent,
            peer, datagram)}.
        @param dice: for the backoff.
        @param substream: the quality of L{video}, as cameras number it.
        @raise WireError: C{deviceId} is none.
        @raise ValueError: C{address} is none.
        """
        if address is not None:
            address = str(IPv4Address(address))
        reactor = datagrams(reactor)
        if isinstance(deviceId, str):
            deviceId = DeviceId.fromText(deviceId)
        self.name = name or str(deviceId or address or "camera").lower()
        self.title = title
        self.state = CameraState.STOPPED
        self.found: Found | None = None
        self.problem = ""
        self._reactor = reactor
        self._configuredId = self._deviceId = deviceId
        self._address = address
        self._pinAddress = pinAddress
        # Nobody asked for a camera that merely was the first to answer.
        self._named = deviceId is not None or address is not None
        self._login = Login(reactor, user, password)
        # A companion shares it, but must not try a rejected one again.
        self._ownsLogin = True
        self._dialogue: Dialogue | None = None
        self._ciphers = () if psk is None else (Cipher(psk),)
        self._discovery = discovery or Discovery.shared(reactor)
        self._trace = trace
        self._tally = Tally(reactor, self.log, self.name)
        # From connect() until all is freed; the machine may lag behind.
        self._wanted = False
        # From disconnect() to the next connect().
        self._leaving = False
        self._waiting: list[Deferred[None]] = []
        self._parting: list[Deferred[None]] = []
        self._upObservers: Observers[[]] = Observers()
        self._lostObservers: Observers[[Reason, float]] = Observers()
        self._statusObservers: Observers[[Reply]] = Observers()
        self._alarmObservers: Observers[[int]] = Observers()
        self._stateObservers: Observers[[CameraState]] = Observers()
        clock = CameraClock()
        self.video = Stream(
            reactor,
            f"{self.name} video",
            video=True,
            cameraClock=clock,
            ask=partial(self.call, "livestream", streamid=10, substream=substream),
            end=partial(self.call, "livestream", streamid=16, substream=substream),
            refusalIsNews=lambda: self._login.isNews(),
        )
        self.audio = Stream(
            reactor,
            f"{self.name} audio",
            video=False,
            cameraClock=clock,
            ask=self._askForAudio,
            end=partial(self.call, "audiostream", streamid=16),
            refusalIsNews=lambda: self._login.isNews(),
        )
        decoded = DecodedSound(self.audio)
        self.sound = SoundStream(decoded)
        self.alaw = SoundStream(decoded, AlawEncoder)
        self._session: CameraSession | None = None
        self._lastReason: Reason | None = None
        self.twin: Camera | None = None
        self._companion: Companion | None = None
        self._machine = KeeperMachine(Core(reactor, self, dice or random.Random()))

    def __repr__(self) -> str:
        return f"<Camera {self.name} {self.state.value}>"

    @property
    def deviceId(self) -> DeviceId | None:
        """The identity, configured or adopted."""
        return self._deviceId

    @property
    def subVideo(self) -> Stream:
        """
        Its pictures in a lower quality.  A camera sends one quality in one session,
        so this takes a second one of the few that it has, while somebody watches.
        """
        if self._companion is None:
            twin = self.twin = Camera(
                self._reactor,
                deviceId=self._deviceId,
                address=self._address,
                pinAddress=self._pinAddress,
                name=f"{self.name}-sub",
                discovery=self._discovery,
                trace=self._trace,
                substream=SUB,
            )
            twin._login = self._login
            twin._ownsLogin = False
            twin._named = self._named
            twin._ciphers = self._ciphers
            self._companion = Companion(twin)
            self._allowCompanion()
        return self._companion.video

    def _allowCompanion(self) -> None:
        """The second session may begin as soon as it is known with whom."""
        if self._companion is None or not self._wanted or self._leaving:
            return
        if self._deviceId is not None:
            self._companion.allow(self._deviceId)

    def identify(self, deviceId: DeviceId) -> None:
        """While it is stopped: this is the camera to connect to."""
        if not self._wanted:
            self._configuredId = self._deviceId = deviceId

    def connect(self, timeout: float | None = None) -> Deferred[None]:
        """
        Find the camera, connect to it, and keep it connected until L{disconnect}.

        @param timeout: seconds after which the result fails with
            L{ConnectTimeout}; the camera goes on trying.
        @return: fires when the camera is up for the first time; fails with
            L{AlreadyStarted} if it is not stopped, with L{Disconnected} if it is
            before the camera was up.  Cancelling it changes nothing else.
        """
        if self._wanted:
            return fail(
                AlreadyStarted(
                    f"{self.name} is {self.state.value} already: disconnect it first"
                )
            )
        self._wanted = True
        self._leaving = False
        if self._ownsLogin:
            self._login.retry()
        self._lastReason = None
        result = self.whenUp()
        self._machine.connect()
        self._allowCompanion()
        if timeout is not None:
            result.addTimeout(timeout, self._reactor, self._tooLate)  # type: ignore[arg-type]
        return result

    def whenUp(self) -> Deferred[None]:
        """Fires when the camera is up: now, or as soon as it is."""
        if self._usable:
            return succeed(None)
        result: Deferred[None] = Deferred(partial(_forget, self._waiting))
        self._waiting.append(result)
        return result

    @property
    def _usable(self) -> bool:
        """
        Can it be asked?  The state lags behind for a moment when a session ends.
        """
        return (
            self.state is CameraState.UP
            and self._dialogue is not None
            and not self._dialogue.closed
        )

    def disconnect(self) -> Deferred[None]:
        """
        Part from the camera and forget where it was; works in every state.

        @return: fires when everything is freed that this camera held; the ports
            for searching belong to its L{Discovery}.
        """
        if not self._wanted:
            return succeed(None)
        result: Deferred[None] = Deferred(partial(_forget, self._parting))
        self._parting.append(result)
        self._leaving = True
        self.log.info("{name}: closing", name=self.name)
        self._machine.disconnect()
        if self._companion is None:
            return result
        alone = self._companion.allow(None)
        both = gatherResults([result, alone]).addCallback(lambda _: None)
        # Cancelling this must not reach into those two.
        parted: Deferred[None] = Deferred()
        both.chainDeferred(parted)
        return parted

    def statistics(self) -> Statistics:
        """How well it is received."""
        video, audio = self.video, self.audio
        receivers = self._session.receivers if self._session is not None else []
        senders = self._session.senders if self._session is not None else []
        return Statistics(
            frames=video.assembler.frames,
            bytes=video.bytes + audio.bytes,
            damaged=video.assembler.damaged,
            held=video.assembler.held,
            soundFrames=audio.assembler.frames,
            lost=sum(receiver.lost for receiver in receivers),
            duplicates=sum(receiver.duplicates for receiver in receivers),
            resent=sum(sender.resent for sender in senders),
            requests=video.requests,
        )

    @property
    def localPort(self) -> int | None:
        """The UDP port of the present session, if there is one."""
        return None if self._session is None else self._session.localPort

    def onState(self, callback: Callable[[CameraState], object]) -> Callable[[], None]:
        """
        Have C{callback} called with each state that the camera enters.

        @return: call it to unsubscribe.
        """
        return self._stateObservers.add(callback)

    def onConnected(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have C{callback} called each time the camera comes up.

        @return: call it to unsubscribe.
        """
        return self._upObservers.add(callback)

    def onLost(self, callback: Callable[[Reason, float], object]) -> Callable[[], None]:
        """
        Have C{callback} called each time a session ends that was not stopped, or
        could not be had: with the reason, and the seconds until the next try.

        @return: call it to unsubscribe.
        """
        return self._lostObservers.add(callback)

    def onStatus(self, callback: Callable[[Reply], object]) -> Callable[[], None]:
        """
        Have C{callback} called with each status that the camera tells unasked.

        @return: call it to unsubscribe.
        """
        return self._statusObservers.add(callback)

    def onAlarm(self, callback: Callable[[int], object]) -> Callable[[], None]:
        """
        Have C{callback} called with the kind of each alarm: 1 is movement; the
        others differ by model.

        @return: call it to unsubscribe.
        """
        return self._alarmObservers.add(callback)

    def setLogin(self, user: str, password: str) -> None:
        """Use these from now on; also after the camera rejected others."""
        self._login.change(user, password)

    def call(
        self,
        name: str,
        /,
        *,
        allow: Allow = "move",
        within: float | None = None,
        **parameters: object,
    ) -> Deferred[Answer]:
        """
        Send a command, when those before it are answered.

        @param name: the CGI's, without C{.cgi}, such as C{"get_status"}.
        @param allow: what the command may do: C{"move"} (and read), C{"write"}
            (change a setting) or C{"dangerous"} (anything).
        @param within: seconds that the answer may take.
        @param parameters: the command's own; the login is added.
        @return: fires with a L{Reply}, or with bytes for a JPEG.  Fails with
            L{NotConnected}, L{ConsentRequired}, L{LoginRejected}, L{LoginLocked},
            L{NotSupported}, L{CommandFailed}, L{CommandTimeout}, L{CameraFull}, or
            L{SessionClosed} if the session ends before.  Cancel it to keep a
            command that waits from being sent.
        @raise WireError: this is no command that could be sent.
        @raise ValueError: C{allow} or C{within} is out of the question.
        """
        try:
            demand(name, parameters, allow)
            if self._dialogue is None or self.state is not CameraState.UP:
                raise NotConnected(f"{self.name} is {self.state.value}")
            login = self._login.parameters() if self._named else {}
        except TwistedcamError as problem:
            return fail(problem)
        return self._dialogue.command(
            name, parameters, login, ANSWER_WITHIN if within is None else within
        )

    def _tooLate(self, result: object, timeout: float) -> None:
        if self.state is CameraState.SEARCHING and self._lastReason is None:
            why = "it does not answer the search"
        elif self._lastReason is not None:
            why = self._lastReason.value
        else:
            why = f"it is still {self.state.value}"
        raise ConnectTimeout(f"{self.name}: not connected in {timeout:g} s: {why}")

    # What the machine asks for: see L{Backstage}.

    def _search(self) -> Deferred[Found]:
        """Look for the camera."""
        return self._discovery.find(
            self._deviceId,
            address=self._address,
            pinned=self._pinAddress,
            ciphers=self._ciphers,
        )

    def _missing(self) -> None:
        """Tell that nobody answers, who may be misspelt, or elsewhere."""
        who = "nobody" if self._deviceId is None else f"nobody with {self._deviceId}"
        only = self._address is not None and (self._pinAddress or not self._deviceId)
        where = f" at {self._address}" if only else ""
        self.problem = f"{who}{where} answers"
        self.log.warn(
            "{name}: {problem}; still searching", name=self.name, problem=self.problem
        )

    def _sighted(self, found: Found) -> None:
        """Note it, and tell."""
        self.found = found
        self.log.info(
            "{name}: found {deviceId} at {address}, {details}",
            name=self.name,
            deviceId=str(found.deviceId),
            address=found.address,
            details=found.details,
        )

    def _openSession(
        self,
        found: Found,
        connected: Callable[[], None],
        closed: Callable[[Reason], None],
    ) -> CameraSession:
        """Begin a session with it."""
        session = CameraSession(
            self._reactor,
            found.sessionId,
            found.address,
            ciphers=self._ciphers or found.ciphers,
            lanPort=found.lanPort,
            localAddress=self._discovery.localAddress,
            name=self.name,
            connected=connected,
            tally=self._tally,
            trace=self._trace,
        )
        dialogue = Dialogue(
            self._reactor,
            partial(session.write, COMMANDS),
            onStatus=self._statusObservers.tell,
            onAlarm=self._alarmObservers.tell,
            onFull=self._full,
            onRefused=self._login.refused,
        )
        session.listen(COMMANDS, dialogue.received, dialogue.lost)
        session.listen(ALARMS, dialogue.alarmReceived, dialogue.alarmsLost)
        session.listen(VIDEO, self.video.received, self.video.assembler.lost)
        session.listen(AUDIO, self.audio.received, self.audio.assembler.lost)
        self._dialogue = dialogue
        self._session = session

        def over(reason: Reason) -> None:
            dialogue.close(SessionClosed(reason.value))
            self.video.down()
            self.audio.down()
            closed(reason)

        session.whenClosed().addCallback(over)
        session.start()
        return session

    def _askForAudio(self) -> Deferred[Answer]:
        """
        Ask for sound.  In the decoder's I{reset} mode, which forgives losses.
        """
        if self._session is not None:
            self._session.mayRestart(AUDIO)
        return self.call("audiostream", streamid=1)

    def _full(self, problem: CameraFull) -> None:
        self.log.warn("{name}: {problem}", name=self.name, problem=str(problem))

    def _entered(self, state: CameraState) -> None:
        """Tell the story."""
        self.log.info(
            "{name}: {old} -> {new}",
            name=self.name,
            old=self.state.value,
            new=state.value,
        )
        self.state = state
        self._stateObservers.tell(state)

    def _up(self) -> None:
        """Tell those who wait, and those who watch."""
        if self._deviceId is None and self.found is not None:
            # Not before: whoever merely answered the search may be nobody.
            self._deviceId = self.found.deviceId
            self.log.info(
                "{name}: taking {deviceId}, as no other was asked for",
                name=self.name,
                deviceId=str(self._deviceId),
            )
        self.problem = ""
        self._allowCompanion()
        waiting, self._waiting = self._waiting, []
        self.video.up()
        self.audio.up()
        self._upObservers.tell()
        for result in waiting:
            result.callback(None)

    def _lost(self, reason: Reason, delay: float) -> None:
        """Tell those who watch."""
        self._lastReason = reason
        self.problem = reason.value
        self.log.warn(
            "{name}: lost: {reason}; next try in {delay:.1f} s",
            name=self.name,
            reason=reason.value,
            delay=delay,
        )
        self._lostObservers.tell(reason, delay)

    def _stopped(self) -> None:
        """Forget the camera, and tell those who wait."""
        self._entered(CameraState.STOPPED)
        self._wanted = False
        self.found = None
        self.problem = ""
        self._dialogue = self._session = None
        self.video.close()
        self.audio.close()
        self._deviceId = self._configuredId
        self.log.info("{name}: closed", name=self.name)
        waiting, self._waiting = self._waiting, []
        parting, self._parting = self._parting, []
        for result in waiting:
            result.errback(Disconnected(f"{self.name} was disconnected"))
        for done in parting:
            done.callback(None)


def _forget(waiting: list[Deferred[None]], one: Deferred[None]) -> None:
    """Somebody waits no longer; he may have been told already."""
    if one in waiting:
        waiting.remove(one)
