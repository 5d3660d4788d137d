"""
Examination of this computer's network: can a question get out at all?
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from ..lan import EVERYBODY
from .computer import Computer, Nic
from .findings import COMMAND, Examiner, Tell

#: Interfaces that are told of, one by one.
_MOST = 16


def examineNetwork(
    computer: Computer,
    tell: Tell,
    *,
    searchAddresses: Sequence[str],
    localAddress: str,
    address: str | None,
) -> bool:
    """
    Which interfaces are there, and where do broadcasts go?

    @param searchAddresses: asked instead of the broadcast addresses.
    @param localAddress: the only address of ours that is to be used, or empty.
    @param address: where the camera is said to be.
    @return: can a question get out?
    """
    say = Examiner("network", tell)
    nics = computer.nics()
    outward = [nic for nic in nics if not nic.loopback]
    if searchAddresses:
        say.ok(
            "search-addresses",
            f"questions go to {', '.join(searchAddresses)}, not to broadcast addresses",
            addresses=list(searchAddresses),
        )
        if all(IPv4Address(one).is_loopback for one in searchAddresses):
            return True
    if localAddress and IPv4Address(localAddress).is_loopback:
        say.ok("loopback", f"only {localAddress}, this computer itself, is searched")
        return True
    if not any(nic.usable for nic in nics):
        _nothing(say, nics)
        return False
    for nic in outward[:_MOST]:
        if not localAddress or str(nic.interface.ip) == localAddress:
            _interface(say, nic, bool(searchAddresses))
    if computer.hasDefaultRoute() is False:
        say.note(
            "no-default-route",
            "there is no default route: twistedcam does without, as it broadcasts from"
            " each interface; other programs may find no camera",
        )
    if kind := computer.container():
        say.note(
            "container",
            f"this is a container ({kind}) with a network of its own, which broadcasts"
            " do not leave",
            "Start it with the host's network (docker run --network host ...), or name"
            " the camera's address.",
        )
    if address is not None and not within(address, nics):
        say.note(
            "other-network",
            f"{address} is in none of these networks: no broadcast gets there, and a"
            " router has to let UDP through in both directions",
        )
    return True


def within(address: str, nics: Sequence[Nic]) -> bool:
    """Is this address in one of our networks?"""
    return any(IPv4Address(address) in nic.interface.network for nic in nics)


def _nothing(say: Examiner, nics: Sequence[Nic]) -> None:
    """There is no way out."""
    unplugged = [nic for nic in nics if nic.up is False and not nic.loopback]
    if unplugged:
        names = ", ".join(dict.fromkeys(nic.name for nic in unplugged))
        text = f"no interface is connected to anything: {names}: no cable, or no Wi-Fi"
    elif nics:
        names = ", ".join(dict.fromkeys(nic.name for nic in nics))
        text = f"no interface: there is nothing but {names}, which leads to no camera"
    else:
        text = "no interface: this computer has no IPv4 address at all"
    say.problem(
        "no-interface",
        text,
        "Plug in the cable, or join the Wi-Fi that the camera is in. What there is:",
        COMMAND + "ip -brief address",
        "In a container: start it with the host's network (docker run --network host).",
        interfaces=[str(nic) for nic in nics],
    )


def _interface(say: Examiner, nic: Nic, elsewhere: bool) -> None:
    """One of our interfaces."""
    facts = {"name": nic.name, "address": str(nic.interface)}
    if nic.up is False:
        say.note(
            "interface-down", f"{nic}: not connected: no cable, or no Wi-Fi", **facts
        )
    elif elsewhere:
        say.ok("interface", f"{nic}", **facts)
    elif nic.inward:
        say.ok("interface", f"{nic}: leads to containers here", **facts)
    elif not nic.broadcasts:
        say.note(
            "point-to-point",
            f"{nic}: a network of one, such as a VPN: no broadcast gets through it",
            **facts,
        )
    else:
        own = str(nic.interface.network.broadcast_address)
        say.ok(
            "interface",
            f"{nic}: broadcasts go to {own} and {EVERYBODY}",
            **facts,
            broadcast=[own, EVERYBODY],
        )
