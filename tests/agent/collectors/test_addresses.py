"""Addresses: which are told, in which form and order."""

import socket

import msgspec
import psutil
import pytest

from compliance.agent.collectors import Memory, addresses
from compliance.wire.facts import Address

FOUND = [
    ("lo", "127.0.0.1"),
    ("lo", "::1"),
    ("eth1", "10.0.0.9"),
    ("eth0", "10.0.0.20"),
    ("eth0", "fe80::1%eth0"),
    ("eth0", "2001:DB8:0:0::1%eth0"),
    ("eth0", "169.254.3.4"),
    ("docker0", "172.17.0.1"),
    ("bad", "not an address"),
    ("any", "0.0.0.0"),
]


def told(rows: tuple[Address, ...]) -> list[tuple[str, str, bool]]:
    return [(row.address, row.interface, row.primary) for row in rows]


def test_the_primary_is_first_and_the_rest_by_number() -> None:
    assert told(addresses.rows(FOUND, ["172.17.0.1", "2001:db8::1"])) == [
        ("172.17.0.1", "docker0", True),
        ("10.0.0.9", "eth1", False),
        ("10.0.0.20", "eth0", False),
        ("169.254.3.4", "eth0", False),
        ("2001:db8::1", "eth0", False),
    ]


def test_where_no_ipv4_leads_out_the_ipv6_way_is_primary() -> None:
    assert told(addresses.rows(FOUND, ["2001:db8::1"]))[0] == ("2001:db8::1", "eth0", True)


@pytest.mark.parametrize("sources", [[], ["203.0.113.1"], ["127.0.0.1"], ["nonsense"]])
def test_without_a_known_way_out_none_is_primary(sources: list[str]) -> None:
    assert not any(primary for _, _, primary in told(addresses.rows(FOUND, sources)))


def test_an_address_on_two_interfaces_is_told_once_and_always_the_same() -> None:
    found = [("eth1", "10.0.0.1"), ("eth0", "10.0.0.1")]
    assert told(addresses.rows(found, [])) == told(addresses.rows(found[::-1], [])) == [("10.0.0.1", "eth0", False)]


def test_an_interface_that_is_down_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = psutil.net_if_stats()
    up = {name: state._replace(isup=True) for name, state in real.items()}
    down = {name: state._replace(isup=False) for name, state in real.items()}
    entry = psutil.net_if_addrs()[next(iter(real))][0]
    fake = {name: [entry._replace(family=socket.AF_INET, address="10.1.2.3")] for name in real}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: fake)
    monkeypatch.setattr(psutil, "net_if_stats", lambda: up)
    assert len(addresses.collect(Memory()).rows) == 1
    monkeypatch.setattr(psutil, "net_if_stats", lambda: down)
    assert addresses.collect(Memory()).rows == ()


def test_the_addresses_of_this_machine_can_be_stored() -> None:
    rows = addresses.collect(Memory()).rows
    assert msgspec.json.decode(msgspec.json.encode(rows), type=tuple[Address, ...]) == rows
    assert sum(row.primary for row in rows if isinstance(row, Address)) <= 1


def test_a_host_without_any_way_out_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert not any(row.primary for row in addresses.collect(Memory()).rows if isinstance(row, Address))
