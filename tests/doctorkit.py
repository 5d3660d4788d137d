"""
A computer that is examined in a laboratory, and how it is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from ipaddress import IPv4Interface
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from twistedcam.doctor import Computer, Examination, Finding, Level, Nic, Patient
from twistedcam.testing import Datagram, MemoryHost, MemoryNetwork

from .lab import Lab, LabCase

LOOPBACK = Nic("lo", IPv4Interface("127.0.0.1/8"), True)

#: Far more seconds than any examination takes.
LONG = 60


class MemoryComputer(Computer):
    """
    A computer on a simulated network.

    @ivar others: what it has besides the interfaces of its host.
    @ivar defaultRoute: what it says of that, and so on.
    """

    def __init__(self, host: MemoryHost) -> None:
        super().__init__()
        self._host = host
        self.others = [LOOPBACK]
        self.up = True
        self.defaultRoute: bool | None = True
        self.kind = ""
        self.granted = 8 << 20
        self.drops: dict[int, list[int]] = {}
        self.neighbours: dict[str, bool] = {}
        self.active: tuple[str, ...] = ()

    def nics(self) -> list[Nic]:
        own = [
            Nic(f"eth{number}", interface, self.up)
            for number, interface in enumerate(self._host.interfaces())
        ]
        return [*self.others, *own]

    def hasDefaultRoute(self) -> bool | None:
        return self.defaultRoute

    def container(self) -> str:
        return self.kind

    def receiveBuffer(self) -> int:
        return self.granted

    def dropped(self, port: int) -> int | None:
        counts = self.drops.setdefault(0, [0])
        return counts.pop(0) if len(counts) > 1 else counts[0]

    def neighbour(self, address: str) -> bool | None:
        return self.neighbours.get(address)

    def firewalls(self) -> tuple[str, ...]:
        return self.active


class DoctorCase(LabCase):
    """Examinations in a laboratory."""

    def setUp(self) -> None:
        """A computer and a camera."""
        self.use(name="Garden", password="sesame")

    def use(self, *args: Any, **how: Any) -> None:
        """Another laboratory instead, in which it is some time in 2027."""
        network = MemoryNetwork(captureLimit=None)
        network.rightNow = 1_800_000_000.0
        self.lab = Lab(*args, network=network, **how)
        self.computer = MemoryComputer(self.lab.pc)

    def start(self, **patient: Any) -> tuple[list[Finding], Deferred[None]]:
        """Begin; gives where findings go, and what fires in the end."""
        findings: list[Finding] = []
        patient.setdefault("deviceId", self.lab.emulated.deviceId)
        examination = Examination(
            self.lab.pc,
            self.computer,
            Patient(**patient),
            findings.append,
            maybeDeferred,
        )
        return findings, Deferred.fromCoroutine(examination.run())

    def examine(self, **patient: Any) -> list[Finding]:
        """
        All that is found, with the right password unless told otherwise.  Nothing is
        left open, no secret is told, and each problem has its advice.
        """
        patient.setdefault("password", "sesame")
        before = set(self.lab.pc.ports)
        findings, done = self.start(**patient)
        self.resultAfter(self.lab.network, LONG, done)
        self.assertEqual(before, set(self.lab.pc.ports))
        told = json.dumps([asdict(one) for one in findings], default=str)
        for secret in patient["password"], patient.get("psk"):
            if secret and secret not in ("plain", "888888"):
                self.assertNotIn(secret, told)
        for one in findings:
            if one.level is Level.PROBLEM:
                self.assertTrue(one.advice, one)
        return findings

    def kinds(self, findings: list[Finding], level: Level) -> list[str]:
        """The kinds of findings of one level."""
        return [one.kind for one in findings if one.level is level]

    def assertFound(
        self, findings: list[Finding], *problems: str, notes: tuple[str, ...] = ()
    ) -> None:
        """These problems and notes, and no others."""
        self.assertEqual(
            (list(problems), list(notes)),
            (
                self.kinds(findings, Level.PROBLEM),
                self.kinds(findings, Level.NOTE),
            ),
            findings,
        )

    def one(self, findings: list[Finding], kind: str) -> Finding:
        """The only finding of that kind."""
        (found,) = (one for one in findings if one.kind == kind)
        return found


def firewall(
    admits: Callable[[Datagram], bool],
) -> Callable[[Datagram], list[float]]:
    """The fate of datagrams, where those to the computer have to be admitted."""

    def fate(datagram: Datagram) -> list[float]:
        dropped = datagram.receivers == ("pc",) and not admits(datagram)
        return [] if dropped else [0.0005]

    return fate
