"""
C{twistedcam doctor}: what is the matter, and what is to be done?
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from getpass import getpass
from typing import Any

from twisted.logger import LogLevel
from twisted.python import usage

from .. import options as door
from ..config import parseAddress
from ..doctor import Computer, Examination, Finding, Level, Patient
from ..doctor.examination import SEARCH_FOR
from ..doctor.findings import COMMAND
from ..errors import ConfigError, WireError
from ..reactors import DatagramReactor
from ..threads import threads
from ..wire.deviceid import DeviceId
from .ask import somebodyTypes
from .command import INTERRUPTED, NOT_FOUND, OK, printable, seconds, table

#: Columns of a line at most, and where sentences and commands begin.
_WIDTH, _INDENT, _COMMANDS = 98, 20, 8


class Doctor(door.SearchOptions):
    """C{twistedcam doctor}"""

    synopsis = "[UID] [address] [options]"
    longdesc = (
        "Examines why a camera does not work, and says what to do: this computer's"
        " network, who answers, the session, the login, the video. Without a camera,"
        " the network only. It changes nothing, and tries no password but the one that"
        " it is given, once. The exit code is 1 if there is a problem."
    )
    # What goes wrong is told as a finding.
    logLevel = LogLevel.error
    optParameters = [
        ["user", None, "admin", "The camera's login.", door.text],
        [
            "password-file",
            None,
            None,
            f"Its first line is the password; or set {door.PASSWORD_VARIABLE}, or be"
            " asked for it. Without any, login and video are left out.",
        ],
        ["psk", None, None, "The string of a private obfuscation.", door.text],
        ["timeout", None, SEARCH_FOR, "Seconds to search.", seconds],
    ]
    optFlags = [["json", None, "Print one object of JSON, at the end."]]

    def parseArgs(self, *targets: str) -> None:
        """The camera: its UID, its address, or both."""
        self["uid"] = self["address"] = None
        for target in targets:
            kind, value = _target(target)
            if self[kind] is not None:
                raise usage.UsageError(f"one camera at a time: what is {target!r}?")
            self[kind] = value

    def postOptions(self) -> None:
        """Find a password, unless it is about no camera in particular."""
        super().postOptions()
        self["password"] = door.password(self["password-file"])
        named = self["uid"] is not None or self["address"] is not None
        if named and self["password"] is None and somebodyTypes():
            try:
                self["password"] = getpass("Password (Enter: do without): ") or None
            except EOFError:
                print(file=sys.stderr)
            except KeyboardInterrupt:
                sys.exit(INTERRUPTED)

    async def run(self, reactor: DatagramReactor) -> int:
        """Examine, and print each finding as it comes."""
        findings: list[Finding] = []
        printer = Printer()

        def tell(finding: Finding) -> None:
            findings.append(finding)
            if not self["json"]:
                printer.show(finding)

        patient = Patient(
            deviceId=self["uid"],
            address=self["address"],
            user=self["user"],
            password=self["password"],
            psk=self["psk"],
            searchAddresses=self["search-address"],
            localAddress=self["local-address"] or "",
            dhPort=self["dh-port"],
            lanPort=self["lan-port"],
            seconds=self["timeout"],
            trace=self.trace,
        )
        examination = Examination(reactor, Computer(), patient, tell, threads(reactor))
        await examination.run()
        count = Counter(finding.level for finding in findings)
        if self["json"]:
            print(json.dumps(_asJson(findings, count), ensure_ascii=False))
        else:
            print(f"\n{_verdict(count, patient)}")
        return NOT_FOUND if count[Level.PROBLEM] else OK


class Printer:
    """Findings for people: a line each, and what to do below it."""

    def __init__(self) -> None:
        self._examination = ""

    def show(self, finding: Finding) -> None:
        """Print it."""
        # The same word again and again would only be in the way.
        new = finding.examination != self._examination
        self._examination = finding.examination
        title = finding.examination if new else ""
        head = f"{title:10} {finding.level.value:8} "
        print(_wrapped(head, printable(finding.text)), flush=True)
        for line in self._below(finding):
            print(line, flush=True)

    def _below(self, finding: Finding) -> Iterator[str]:
        rows: list[dict[str, Any]] = finding.facts.get("cameras", [])
        if rows:
            for row in table(rows).splitlines():
                yield f"{'':4}{row}"
        for advice in finding.advice:
            if advice.startswith(COMMAND):
                # To be copied, so it stays in one line.
                yield f"{'':{_COMMANDS}}{printable(advice.removeprefix(COMMAND))}"
            else:
                yield _wrapped(f"{'':{_INDENT}}-> ", printable(advice))


def _wrapped(head: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _target(text: str) -> tuple[str, DeviceId | str]:
    """A word for a camera, and what kind of word it is."""
    try:
        return "address", parseAddress(text)
    except ConfigError:
        try:
            return "uid", DeviceId.fromText(text)
        except WireError:
            raise usage.UsageError(
                f"neither a UID nor an IPv4 address: {text!r}"
            ) from None


def _verdict(count: Counter[Level], patient: Patient) -> str:
    """The last line."""
    problems, notes = count[Level.PROBLEM], count[Level.NOTE]
    said = [
        f"{number} {word}{'s' * (number > 1)}"
        for number, word in ((problems, "problem"), (notes, "note"))
        if number
    ]
    verdict = ", ".join(said) if said else "All is well."
    if not problems and not patient.named:
        verdict += " Of one camera it tells more: twistedcam doctor UID"
    return verdict


def _asJson(findings: list[Finding], count: Counter[Level]) -> dict[str, Any]:
    return {
        "problems": count[Level.PROBLEM],
        "notes": count[Level.NOTE],
        "findings": [
            {**asdict(one), "level": one.level.value.lower()} for one in findings
        ],
    }
