"""The IP addresses of interfaces that are up.

Loopback is left out, and so are link-local IPv6 addresses: every interface has one, and it says
nothing without its zone.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import psutil

from compliance.agent.collectors.look import Look, Memory
from compliance.agent.text import within
from compliance.wire.facts import Address

ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses (RFC 5737, RFC 3849): asking for the way there sends no packet."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def collect(memory: Memory) -> Look:
    """The primary first, then IPv4 before IPv6, by number; an address on two interfaces is told once."""
    states = psutil.net_if_stats()
    found = [
        (name, entry.address)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6) and (name not in states or states[name].isup)
    ]
    return Look(rows(found, _sources()))


def rows(found: Iterable[tuple[str, str]], sources: Iterable[str]) -> tuple[Address, ...]:
    """From (interface, address) pairs; `sources` are the addresses that packets leave by, the preferred one first."""
    interfaces: dict[IpAddress, str] = {}
    for interface, text in sorted(found):
        address = parse(text)
        if address is not None:
            interfaces.setdefault(address, interface)
    leaving = (parse(source) for source in sources)
    primary = next((source for source in leaving if source in interfaces), None)
    ordered = sorted(interfaces, key=lambda address: (address != primary, address.version, int(address)))
    return tuple(
        Address(address=str(address), interface=within(interfaces[address], 255) or "?", primary=address == primary)
        for address in ordered
    )


def parse(text: str) -> IpAddress | None:
    """Without its zone; `None` for what is left out."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified or (address.version == 6 and address.is_link_local):
        return None
    return address


def _sources() -> list[str]:
    found = []
    for family, elsewhere in ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:  # no way out by this family
            continue
    return found
