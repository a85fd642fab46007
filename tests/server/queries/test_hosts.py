import asyncio

import pytest

from compliance.errors import WrongUsage
from compliance.server.queries.hosts import find_host
from tests.server.queries.rows import HOUR, NOON, host_key


def found(store, name, at=NOON):
    return asyncio.run(find_host(store, name, at))


def test_a_host_answers_to_its_id_its_name_and_its_address(store, rows):
    number = rows.host(host_key(1), "web-1")
    rows.interval("host_address", number, NOON - HOUR, address="10.0.0.1", interface="eth0", is_primary=1)
    rows.interval("host_address", number, NOON - HOUR, address="fd00::1", interface="eth0", is_primary=0)
    assert [found(store, name) for name in (host_key(1), "web-1", "10.0.0.1", "FD00:0::1")] == [number] * 4


def test_a_name_that_nobody_has_finds_nobody(store, rows):
    rows.host(host_key(1), "web-1")
    assert [found(store, name) for name in ("web-2", "WEB-1", "web-1 ", "10.0.0.1", host_key(2), "original:x")] == [
        None
    ] * 6


def test_a_name_counts_at_the_moment_that_is_asked_for(store, rows):
    number = rows.host(host_key(1))
    rows.interval("host_fact", number, NOON - 3 * HOUR, NOON - HOUR, hostname="old")
    rows.interval("host_fact", number, NOON - HOUR, hostname="new")
    assert (found(store, "old"), found(store, "new")) == (None, number)
    assert (found(store, "old", NOON - 2 * HOUR), found(store, "new", NOON - 2 * HOUR)) == (number, None)


def test_two_hosts_of_one_name_are_told_by_their_ids(store, rows):
    rows.host(host_key(1), "web")
    rows.host(host_key(2), "web")
    with pytest.raises(WrongUsage, match=f"2 hosts answer to 'web'.*{host_key(1)}, {host_key(2)}"):
        found(store, "web")


def test_a_machine_enrolled_anew_has_its_name_to_itself(store, rows):
    retired = rows.host(host_key(1), "web", retired=NOON - HOUR)
    anew = rows.host(host_key(2), "web", since=NOON - HOUR)
    assert (found(store, "web"), found(store, "web", NOON - 2 * HOUR)) == (anew, retired)


def test_a_retired_host_is_found_by_its_name_while_no_other_has_it(store, rows):
    retired = rows.host(host_key(1), "web", retired=NOON - HOUR)
    assert found(store, "web") == retired


def test_a_host_of_the_original_contract_answers_to_its_address(store, rows):
    number = rows.host("10.0.0.9", source="original", interval=None)
    assert (found(store, "original:10.0.0.9"), found(store, "10.0.0.9")) == (number, number)
