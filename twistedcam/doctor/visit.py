"""
One session with the camera, watched closely.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred

from ..errors import CameraFull, SessionClosed
from ..media.timeline import CameraClock
from ..reactors import DatagramReactor
from ..session.dialogue import ANSWER_WITHIN, Answer, Dialogue
from ..session.machine import Reason, State
from ..session.protocol import CameraSession
from ..streams import MAIN, Stream
from ..trace import Trace
from ..wire import drw, pppp
from ..wire.drw import ALARMS, AUDIO, COMMANDS, VIDEO
from .dialects import Dialect, jsonQuestion, ofRecord
from .survey import Sighting, sleep

#: Seconds that a new session is watched before it is trusted: a camera that is full
#: says so at once, and some hang up.
PROBATION = 1.0

#: ALIVEs that we send meanwhile, to measure the way there and back.
PINGS = 4

#: C{livestream.cgi}: the main stream, with the rates of its encoder left alone.
_UNTOUCHED = {"streamid": 10, "res": 3}

#: What all other commands ask for; it sets rates, for all who watch.
_USUAL = {"streamid": 10, "substream": MAIN}

_MASK, _HALF = 0xFFFF, 0x8000


class Arrivals:
    """
    How the packets of a channel arrive, whatever becomes of them later.

    @ivar packets: as many as the camera has counted.
    @ivar missed: those that others overtook: late, or sent again, or lost.
    """

    def __init__(self) -> None:
        self.packets = self.missed = 0
        self._expected = 0

    def seen(self, index: int) -> None:
        """A packet came."""
        ahead = (index - self._expected) & _MASK
        if ahead < _HALF:
            self.packets += ahead + 1
            self.missed += ahead
            self._expected = (index + 1) & _MASK


class Visit:
    """
    The session.

    @ivar session: the session itself.
    @ivar video: its pictures.
    @ivar audio: its sound.
    @ivar arrivals: how the packets of its video arrive.
    @ivar pings: seconds there and back, of each ALIVE that was answered.
    @ivar took: seconds until the session was up.
    @ivar dialect: what it speaks, if that is none of ours.
    @ivar full: set when it says that it has no place for us.
    """

    def __init__(
        self,
        reactor: DatagramReactor,
        sighting: Sighting,
        *,
        lanPort: int,
        localAddress: str,
        login: dict[str, str],
        trace: Trace | None,
    ) -> None:
        """
        @param sighting: the camera, which has answered LAN_SEARCH.
        @param login: what commands carry; may be empty.
        @param trace: sees every datagram, deciphered.
        """
        assert sighting.cipher is not None
        self.full: CameraFull | None = None
        self.dialect: Dialect | None = None
        self.arrivals = Arrivals()
        self.pings: list[float] = []
        self.took = 0.0
        self._asked: list[float] = []
        self._reactor = reactor
        self._login = login
        self._furtherTrace = trace
        self._up: Deferred[None] = Deferred()
        self._beginning = b""
        self.session = CameraSession(
            reactor,
            sighting.sessionId,
            sighting.address,
            ciphers=(sighting.cipher,),
            lanPort=lanPort,
            localAddress=localAddress,
            connected=self._connected,
            trace=self._see,
        )
        self._dialogue = Dialogue(
            reactor, partial(self.session.write, COMMANDS), onFull=self._isFull
        )
        clock = CameraClock()
        self.video = Stream(
            reactor,
            "video",
            video=True,
            cameraClock=clock,
            ask=self._askForVideo,
            end=partial(self.command, "livestream", streamid=16),
        )
        self.audio = Stream(
            reactor,
            "sound",
            video=False,
            cameraClock=clock,
            ask=self._askForAudio,
            end=partial(self.command, "audiostream", streamid=16),
        )
        listen = self.session.listen
        listen(COMMANDS, self._commands, self._dialogue.lost)
        listen(ALARMS, self._dialogue.alarmReceived, self._dialogue.alarmsLost)
        listen(VIDEO, self.video.received, self.video.assembler.lost)
        listen(AUDIO, self.audio.received, self.audio.assembler.lost)

    async def open(self) -> Reason | None:
        """
        Open the session, and watch it for a moment.

        @return: why there is none; L{None} if there is, or if the camera is L{full}.
        """
        start = self._reactor.seconds()
        self.session.whenClosed().addCallback(self._closed)
        self.session.start()
        await self._up
        self.took = self._reactor.seconds() - start
        if not self._isUp():
            return self.session.reason
        for _ in range(PINGS):
            self.session.send(pppp.Alive())
            await sleep(self._reactor, PROBATION / PINGS)
        return None if self._isUp() or self.full is not None else self.session.reason

    def _isUp(self) -> bool:
        return self.session.state is State.CONNECTED

    async def close(self) -> None:
        """Part from the camera, whatever the state."""
        for stream in self.video, self.audio:
            stream.close()
        await self.session.stop()

    def command(
        self, name: str, /, within: float = ANSWER_WITHIN, **parameters: object
    ) -> Deferred[Answer]:
        """
        Send a command, with the login.  See L{Dialogue.command}.
        """
        return self._dialogue.command(name, parameters, self._login, within)

    async def askInJson(self, seconds: float) -> Dialect | None:
        """
        Ask in another dialect.

        @return: what it is that was answered, if anything was.
        """
        self.session.write(COMMANDS, jsonQuestion()).addErrback(lambda _: None)
        end = self._reactor.seconds() + seconds
        while self.dialect is None and self._reactor.seconds() < end:
            await sleep(self._reactor, 0.1)
        return self.dialect

    # What happens.

    def _connected(self) -> None:
        self.video.up()
        self.audio.up()
        self._arrive()

    def _closed(self, reason: Reason) -> None:
        self._dialogue.close(SessionClosed(reason.value))
        self.video.down()
        self.audio.down()
        self._arrive()

    def _arrive(self) -> None:
        if not self._up.called:
            self._up.callback(None)

    def _isFull(self, problem: CameraFull) -> None:
        self.full = problem

    def _commands(self, data: bytes) -> None:
        """A piece of the command channel."""
        if len(self._beginning) < 2:
            self._beginning += data[:2]
            self.dialect = ofRecord(self._beginning)
        self._dialogue.received(data)

    def _askForVideo(self) -> Deferred[Answer]:
        """Disturb nobody; unless that is in vain."""
        return self.command(
            "livestream", **_UNTOUCHED if self.video.requests == 1 else _USUAL
        )

    def _askForAudio(self) -> Deferred[Answer]:
        self.session.mayRestart(AUDIO)
        return self.command("audiostream", streamid=1)

    def _see(
        self, now: float, sent: bool, peer: tuple[str, int], datagram: bytes
    ) -> None:
        """Look at every datagram."""
        if self._furtherTrace is not None:
            self._furtherTrace(now, sent, peer, datagram)
        kind = datagram[1] if len(datagram) > 1 else None
        if kind == pppp.ALIVE and sent:
            self._asked.append(now)
        elif kind == pppp.ALIVE_ACK and not sent and self._asked:
            # Should an earlier one have been lost, this answers the last.
            self.pings.append(now - self._asked[-1])
            self._asked.clear()
        elif kind == drw.DRW and not sent and len(datagram) >= drw.HEAD.size:
            *_, channel, index = drw.HEAD.unpack_from(datagram)
            if channel == VIDEO:
                self.arrivals.seen(index)
