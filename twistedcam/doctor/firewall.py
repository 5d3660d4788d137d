"""
How the usual firewalls are told to let cameras' answers in.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

from .computer import Computer, Nic
from .findings import COMMAND

_OPENINGS = {
    "ufw": "sudo ufw allow proto udp from {source}",
    "firewalld": "sudo firewall-cmd --zone=trusted --add-source={source}",
    "nftables": (
        "sudo nft insert rule inet filter input ip saddr {source} ip protocol udp accept"
    ),
}


def openings(computer: Computer, address: str | None) -> list[str]:
    """
    What to type to let in UDP.

    @param address: from this camera; L{None}: from the networks of this computer.
    @return: advice: for the firewall that is on, or for the usual ones.
    """
    active = computer.firewalls()
    sources = [address] if address is not None else networks(computer.nics())
    if not sources or all(IPv4Network(one).is_loopback for one in sources):
        return []
    tools = active or tuple(_OPENINGS)
    said = " and ".join(active) + (" is" if len(active) == 1 else " are")
    intro = (
        f"{said} switched on here: let in UDP from {_listed(sources)}"
        if active
        else f"A firewall here has to let in UDP from {_listed(sources)};"
        " one of these, by its kind"
    )
    return [
        f"{intro}:",
        *(
            COMMAND + _OPENINGS[tool].format(source=source)
            for tool in tools
            for source in sources
        ),
    ]


def networks(nics: Sequence[Nic]) -> list[str]:
    """The networks that cameras may be in."""
    found: list[IPv4Network] = [n.interface.network for n in nics if n.usable]
    return [str(network) for network in dict.fromkeys(found)]


def _listed(sources: Sequence[str]) -> str:
    return " and ".join(sources)
