import asyncio

import pytest

from compliance.errors import WrongUsage
from compliance.server.queries import fleet
from tests.server.queries.rows import HOUR, MINUTE, NOON, Rows, host_key, text


def asked(store, at=NOON, **filters):
    return asyncio.run(fleet.hosts(store, at, **filters))


def states(page):
    return {item.hostname: item.state for item in page.items}


def test_an_empty_fleet_is_an_empty_page(store):
    page = asked(store)
    assert (page.at, page.items, page.next, page.unknown) == (NOON, [], None, [])


def test_a_host_is_one_line_with_what_runs_on_it(store, rows):
    number = rows.host(host_key(1), "web-1")
    rows.host(host_key(2), "web-2")
    system = rows.word("operating_system", name="Debian GNU/Linux", version="12")
    rows.interval("host_os", number, NOON - HOUR, operating_system_id=system)
    rows.interval("host_address", number, NOON - HOUR, address="10.0.0.1", interface="eth0", is_primary=1)
    rows.interval("host_address", number, NOON - HOUR, address="10.0.0.0", interface="eth1", is_primary=0)
    rows.process(number, 1, NOON - HOUR)
    rows.process(number, 2, NOON - HOUR)
    rows.process(number, 3, NOON - HOUR, NOON)
    rows.session(number, "ada", NOON - HOUR)
    rows.sample(number, NOON - MINUTE, 10.0)
    rows.sample(number, NOON, 12.5)
    line, other = asked(store).items
    assert (line.id, line.hostname, line.address, line.agent) == (host_key(1), "web-1", "10.0.0.1", "1.0")
    assert (line.os_name, line.os_version) == ("Debian GNU/Linux", "12")
    assert (line.processes, line.sessions, line.cpu_percent) == (2, 1, 12.5)
    assert (line.state, line.seen_at, line.interval_s) == ("reporting", NOON, 60)
    assert (other.processes, other.sessions, other.cpu_percent, other.address) == (0, 0, None, None)


def test_every_state_has_its_word(store, rows):
    rows.host(host_key(1), "fresh", seen=NOON - 3 * MINUTE)
    rows.host(host_key(2), "late", seen=NOON - 3 * MINUTE - 1)
    rows.host(host_key(3), "single", seen=NOON - 20 * HOUR, interval=None)
    rows.host(host_key(4), "unheard", seen=None, interval=None)
    rows.host(host_key(5), "twin", refused_at=text(NOON - HOUR))
    rows.host(host_key(6), "gone", retired=NOON - HOUR)
    expected = {"fresh": "reporting", "late": "silent", "single": "once", "unheard": "never", "twin": "refused"}
    assert states(asked(store)) == expected
    for name, state in {**expected, "gone": "retired"}.items():
        assert states(asked(store, state=state)) == {name: state}


def test_a_state_that_is_none_is_refused_with_those_there_are(store):
    with pytest.raises(WrongUsage, match="no state 'asleep'.*reporting, silent"):
        asked(store, state="asleep")


def test_a_retired_host_is_still_listed_for_the_time_before_and_when_it_is_asked_for(store, rows):
    rows.host(host_key(1), "gone", retired=NOON - HOUR)
    assert asked(store).items == []
    assert states(asked(store, NOON - 2 * HOUR)) == {"gone": "reporting"}
    assert states(asked(store, host=host_key(1))) == {"gone": "retired"}


def test_a_host_is_not_there_before_it_enrolled(store, rows):
    rows.host(host_key(1), "new", since=NOON - HOUR)
    assert asked(store, NOON - HOUR - 1).items == []
    assert states(asked(store, NOON - HOUR)) == {"new": "reporting"}


def test_what_was_not_looked_at_has_no_count(store, rows):
    rows.host(host_key(1), "a", looked={"sessions": None})
    rows.host(host_key(2), "b", seen=None)
    assert [(item.processes, item.sessions) for item in asked(store).items] == [(0, None), (None, None)]


def test_a_silence_that_has_ended_is_still_seen_in_the_past(store, rows):
    number = rows.host(host_key(1), "web")
    for kind in ("host", "processes"):
        rows.gap(number, kind, NOON - 3 * HOUR, NOON - HOUR, "no report for 7200 s, where one was due every 60 s")
    (during,) = asked(store, NOON - 2 * HOUR).items
    assert (during.state, during.seen_at) == ("silent", NOON - 3 * HOUR)
    assert states(asked(store, NOON - 3 * HOUR + MINUTE)) == {"web": "reporting"}
    assert states(asked(store, NOON - 30 * MINUTE)) == {"web": "reporting"}


def walked(store, limit, **filters):
    names, cursor = [], None
    while True:
        page = asked(store, after=cursor, limit=limit, **filters)
        names += [item.hostname for item in page.items]
        if page.next is None:
            return names
        assert len(page.items) == limit
        cursor = page.next


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_pages_hold_every_host_once_in_the_order_of_their_names(store, rows, limit):
    for number, name in enumerate(["c", "a", "é", "B", "a", None]):
        rows.host(host_key(number), name)
    assert walked(store, limit) == [None, "B", "a", "a", "c", "é"]


def test_pages_of_one_state_leave_out_the_others(store, rows):
    for number in range(9):
        rows.host(host_key(number), f"web-{number}", seen=NOON if number % 3 else NOON - HOUR)
    assert walked(store, 2, state="silent") == ["web-0", "web-3", "web-6"]


def test_later_pages_answer_for_the_same_moment_while_the_fleet_changes(store, rows):
    for number in (1, 3):
        rows.host(host_key(number), f"web-{number}")
    first = asked(store, limit=1)
    rows.host(host_key(2), "web-2", since=NOON + 1, seen=NOON + 2)
    second = asked(store, NOON + HOUR, after=first.next)
    assert (second.at, [item.hostname for item in second.items]) == (NOON, ["web-3"])


def test_a_page_takes_the_same_number_of_statements_however_many_hosts_it_holds(store, rows, monkeypatch):
    counts: list[int] = []
    raw = store.raw

    async def counted(sql, args=()):
        counts[-1] += 1
        return await raw(sql, args)

    monkeypatch.setattr(store, "raw", counted)
    for number in range(20):
        rows.host(host_key(number), f"web-{number}")
        if number in (0, 19):
            counts.append(0)
            assert len(asked(store).items) == number + 1
    assert counts[0] == counts[1]


def test_before_the_horizon_the_fleet_is_unknown(store, rows: Rows):
    rows.put("horizon", id=1, kept_from=text(NOON - HOUR))
    (told,) = asked(store, NOON - 2 * HOUR).unknown
    assert (told.since, told.until, told.reason) == (None, NOON - HOUR, "pruned")
    assert asked(store).unknown == []


def test_no_nought_is_counted_where_nobody_could_look(store, rows):
    number = rows.host(host_key(1), "web")
    rows.gap(number, "processes", NOON - 2 * HOUR, NOON - HOUR, "the machine was started anew")
    rows.session(number, "ada", NOON - 2 * HOUR)
    rows.gap(number, "sessions", NOON - 2 * HOUR, NOON - HOUR, "no report for 3600 s")
    (inside,), (after,) = (asked(store, moment).items for moment in (NOON - HOUR - 1, NOON - HOUR))
    assert (inside.processes, inside.sessions) == (None, 1)
    assert (after.processes, after.sessions) == (0, 1)
