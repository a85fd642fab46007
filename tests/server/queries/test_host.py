import asyncio

from compliance.server.queries.host import host
from compliance.server.storage import clock
from tests.server.queries.rows import HOUR, NOON, host_key, text


def asked(store, name, at=NOON):
    return asyncio.run(host(store, name, at))


def test_nobody_answers_to_a_name_that_is_none(store):
    assert asked(store, "web-1") is None


def test_a_host_is_answered_with_all_that_is_known_of_it(store, rows):
    number = rows.host(host_key(1), skew_ms=-40)
    rows.interval("host_fact", number, NOON - HOUR, hostname="web-1", machine_id="m1", booted_at=text(NOON - 2 * HOUR))
    system = rows.word("operating_system", name="Debian", version="12", kernel="6.1", architecture="x86_64")
    rows.interval("host_os", number, NOON - HOUR, operating_system_id=system)
    rows.interval("host_address", number, NOON - HOUR, address="10.0.0.9", interface="eth0", is_primary=1)
    rows.interval("host_address", number, NOON - HOUR, address="10.0.0.1", interface="eth1", is_primary=0)
    blind = {"kind": "processes", "lacking_rows": 0, "lacking_fields": 3, "reason": "no privilege"}
    rows.interval("blind_spot", number, NOON - HOUR, **blind)
    found = asked(store, "web-1")
    assert (found.at, found.host.id, found.host.hostname, found.host.os_name) == (NOON, host_key(1), "web-1", "Debian")
    assert (found.machine_id, found.kernel, found.architecture, found.boot_id) == ("m1", "6.1", "x86_64", "boot")
    assert (found.booted_at, found.enrolled_at, found.skew_ms) == (NOON - 2 * HOUR, NOON - 24 * HOUR, -40)
    assert (found.retired_at, found.refused_at, found.unknown, found.gaps) == (None, None, [], [])
    assert [(one.address, one.primary) for one in found.addresses] == [("10.0.0.9", True), ("10.0.0.1", False)]
    assert [(one.kind, one.rows, one.fields, one.reason) for one in found.blind] == [
        ("processes", 0, 3, "no privilege")
    ]
    assert found.looked_at == dict.fromkeys(("host", "os", "addresses", "cpu", "processes", "sessions"), NOON)


def test_in_the_past_a_host_is_what_it_was(store, rows):
    number = rows.host(host_key(1), retired=NOON)
    rows.interval("host_fact", number, NOON - 3 * HOUR, NOON - HOUR, hostname="old")
    rows.interval("host_fact", number, NOON - HOUR, hostname="new")
    before, now = asked(store, host_key(1), NOON - 2 * HOUR), asked(store, host_key(1))
    assert (before.host.hostname, now.host.hostname) == ("old", "new")
    assert (before.retired_at, now.retired_at) == (None, NOON)
    assert (before.looked_at, now.looked_at["host"]) == ({}, NOON)


def test_a_host_that_never_reported_is_unknown_in_every_kind(store, rows):
    rows.host(host_key(1), seen=None)
    found = asked(store, host_key(1))
    assert (found.host.state, found.skew_ms, found.looked_at) == ("never", None, {})
    assert [one.kind for one in found.unknown] == ["host", "os", "addresses", "cpu", "processes", "sessions"]


def test_the_gaps_of_a_host_are_told_newest_first(store, rows):
    number = rows.host(host_key(1), "web")
    rows.gap(number, "processes", NOON - 5 * HOUR, NOON - 4 * HOUR, "first")
    rows.gap(number, "cpu", NOON - 2 * HOUR, NOON - HOUR, "second")
    rows.gap(number, "os", 0, NOON - 5 * HOUR, "before")
    told = [(one.kind, one.since, one.until, one.reason) for one in asked(store, "web").gaps]
    assert told == [
        ("cpu", NOON - 2 * HOUR, NOON - HOUR, "second"),
        ("processes", NOON - 5 * HOUR, NOON - 4 * HOUR, "first"),
        ("os", None, NOON - 5 * HOUR, "before"),
    ]


def test_gaps_are_told_up_to_the_moment_also_where_the_servers_clock_went_back(store, rows, monkeypatch):
    monkeypatch.setattr(clock, "read", lambda: (NOON - 6 * HOUR) * 1_000_000)
    number = rows.host(host_key(1), "web")
    rows.gap(number, "processes", NOON - 2 * HOUR, NOON - HOUR, "before the clock went back")
    assert [len(asked(store, "web", NOON - hours * HOUR).gaps) for hours in (3, 2, 0)] == [0, 1, 1]
