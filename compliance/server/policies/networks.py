"""Where a session comes from, and which addresses a socket listens on."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

Network = Annotated[str, Meta(min_length=2, max_length=50, description="10.0.0.0/8, 2001:db8::/32, or one address.")]
Networks = Annotated[tuple[Network, ...], Meta(min_length=1, max_length=200)]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOCAL = "local"
HERE = re.compile(r":\d+(\.\d+)?$|tmux\(|login screen$")


def origin(remote_host: str | None) -> Address | str | None:
    """An address, `local`, or None for a name that says nothing about the network.

    utmp holds what the login program wrote: `:0` and `tmux(81).%0` are this machine, screen and mosh add their own.
    """
    if not remote_host or HERE.match(remote_host):
        return LOCAL
    text = remote_host.partition(" via mosh")[0].partition(":S.")[0].partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return LOCAL if text == "localhost" else None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return LOCAL if address.is_loopback else address


def lies_in(address: Address, networks: Networks) -> bool:
    return any(address in network for network in parsed(networks))


@lru_cache(maxsize=1024)
def parsed(networks: Networks) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """ValueError names the one that is no network."""
    found = []
    for one in networks:
        try:
            found.append(ipaddress.ip_network(one))
        except ValueError as error:
            raise ValueError(f"{one!r} is no network: {error}") from error
    return tuple(found)


def is_loopback(address: str) -> bool:
    """Whether nobody else can reach what listens there. What cannot be read is taken for reachable."""
    try:
        parsed_address = ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return False
    mapped = parsed_address.ipv4_mapped if isinstance(parsed_address, ipaddress.IPv6Address) else None
    return (mapped or parsed_address).is_loopback
