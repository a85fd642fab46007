import asyncio

import pytest

from compliance.server.queries.unknown import unknown
from compliance.server.storage import clock
from tests.server.queries.rows import HOUR, MINUTE, NOON, host_key, text


@pytest.fixture(autouse=True)
def at_noon(monkeypatch):
    at(NOON, monkeypatch)


def at(moment, monkeypatch):
    """The server's clock stands there."""
    monkeypatch.setattr(clock, "read", lambda: moment * 1_000_000)


def told(store, at=NOON, host=None, kind="processes", since=None):
    found = asyncio.run(unknown(store, kind, at, host, since))
    return [(one.hostname, one.since, one.until, one.reason) for one in found]


def test_a_host_that_reports_leaves_nothing_unknown(store, rows):
    rows.host(host_key(1), "web")
    assert told(store) == []


def test_a_host_that_never_reported_is_unknown(store, rows):
    number = rows.host(host_key(1), seen=None)
    assert told(store, host=number) == [(None, None, None, "it had not reported yet")]


def test_before_its_first_report_a_host_is_unknown(store, rows):
    rows.host(host_key(1), "web", since=NOON - HOUR)
    assert told(store, NOON - HOUR - 1) == [(None, None, NOON - HOUR, "it had not reported yet")]
    assert told(store, NOON - HOUR) == []


def test_a_kind_that_was_never_part_of_its_reports_is_unknown(store, rows):
    rows.host(host_key(1), "web", looked={"processes": None})
    assert told(store) == [("web", None, None, "not part of its reports")]
    assert told(store, kind="sessions") == []


def test_a_gap_is_unknown_strictly_between_its_ends(store, rows):
    number = rows.host(host_key(1), "web")
    start, end = NOON - 3 * HOUR, NOON - HOUR
    rows.gap(number, "processes", start, end, "2 reports were lost: disk full")
    assert [told(store, moment) for moment in (start, end)] == [[], []]
    expected = [("web", start, end, "2 reports were lost: disk full")]
    assert [told(store, moment) for moment in (start + 1, end - 1)] == [expected, expected]
    assert told(store, start + 1, kind="sessions") == []


def test_a_silence_that_lasts_is_derived_when_it_is_read(store, rows):
    rows.host(host_key(1), "web", seen=NOON)
    assert told(store, NOON + 3 * MINUTE) == []
    assert told(store, NOON + 3 * MINUTE + 1) == [("web", NOON, None, "no report since")]


def test_a_silence_by_now_is_one_from_the_last_look_on(store, rows, monkeypatch):
    """As it is once a later report has ended it, and made a gap of it."""
    rows.host(host_key(1), "web", seen=NOON)
    assert told(store, NOON + 1) == []
    at(NOON + 4 * MINUTE, monkeypatch)
    assert told(store, NOON) == []
    assert told(store, NOON + 1) == [("web", NOON, None, "no report since")]


def test_a_host_that_promised_no_next_report_is_never_silent(store, rows):
    rows.host(host_key(1), "web", interval=None)
    assert told(store, NOON + 1000 * HOUR) == []


def test_a_kind_that_left_the_reports_of_a_host_is_unknown_since_its_last_look(store, rows):
    rows.host(host_key(1), "web", looked={"processes": NOON - HOUR})
    assert told(store) == [("web", NOON - HOUR, None, "not part of its reports any more")]


def test_a_refused_host_is_unknown_since_its_last_look(store, rows):
    rows.host(host_key(1), "web", seen=NOON, refused_at=text(NOON + 5))
    assert told(store) == []
    assert [one[1:3] for one in told(store, NOON + 1)] == [(NOON, None)]


def test_before_the_horizon_all_is_unknown(store, rows):
    rows.host(host_key(1), "web")
    rows.put("horizon", id=1, kept_from=text(NOON - HOUR))
    assert told(store, NOON - HOUR - 1) == [(None, None, NOON - HOUR, "pruned")]
    assert told(store, NOON - HOUR) == []


def test_a_retired_host_is_no_longer_missed_unless_it_is_asked_for(store, rows):
    number = rows.host(host_key(1), "web", seen=NOON - 2 * HOUR, retired=NOON - HOUR)
    assert told(store) == []
    assert told(store, host=number) == [("web", NOON - 2 * HOUR, None, "no report since")]


def test_after_its_retirement_a_host_that_promised_nothing_is_unknown(store, rows):
    number = rows.host(host_key(1), "web", seen=NOON - 2 * HOUR, interval=None, retired=NOON - HOUR)
    assert told(store, NOON - HOUR, host=number) == []
    assert told(store, host=number) == [("web", NOON - HOUR, None, "retired: nobody has looked since")]


def test_since_a_moment_every_stretch_is_told_that_lies_in_between(store, rows):
    number = rows.host(host_key(1), "web", since=NOON - 9 * HOUR)
    for hours, reason in ((8, "first"), (5, "second"), (2, "third")):
        rows.gap(number, "processes", NOON - hours * HOUR, NOON - (hours - 1) * HOUR, reason)
    assert [one[3] for one in told(store, since=NOON - 6 * HOUR)] == ["second", "third"]
    assert [one[3] for one in told(store, NOON - 3 * HOUR, since=NOON - 6 * HOUR)] == ["second"]
    assert [one[3] for one in told(store, since=NOON - 10 * HOUR)] == [
        "it had not reported yet",
        "first",
        "second",
        "third",
    ]


def test_since_a_moment_before_the_horizon_it_is_told_that_some_was_pruned(store, rows):
    number = rows.host(host_key(1), "web")
    rows.gap(number, "processes", NOON - 5 * HOUR, NOON - 4 * HOUR, "over before")
    rows.gap(number, "processes", NOON - 2 * HOUR, NOON - HOUR, "kept")
    rows.put("horizon", id=1, kept_from=text(NOON - 3 * HOUR))
    assert told(store, since=NOON - 6 * HOUR) == [
        (None, None, NOON - 3 * HOUR, "pruned"),
        ("web", NOON - 2 * HOUR, NOON - HOUR, "kept"),
    ]
    assert [one[3] for one in told(store, since=NOON - 2 * HOUR - 1)] == ["kept"]


def test_since_a_moment_those_hosts_are_told_of_whose_rows_are_though_the_horizon_came_in_between(store, rows):
    rows.host(host_key(1), "gone", seen=NOON - 8 * HOUR, retired=NOON - 6 * HOUR)
    rows.put("horizon", id=1, kept_from=text(NOON - 5 * HOUR))
    assert told(store, since=NOON - 7 * HOUR) == [
        (None, None, NOON - 5 * HOUR, "pruned"),
        ("gone", NOON - 8 * HOUR, None, "no report since"),
    ]
    assert [one[3] for one in told(store, since=NOON - 6 * HOUR)] == ["pruned"]


def test_only_the_host_that_is_asked_about_is_told(store, rows):
    number = rows.host(host_key(1), "web-1", seen=NOON - HOUR)
    rows.host(host_key(2), "web-2", seen=NOON - HOUR)
    assert [one[0] for one in told(store, host=number)] == ["web-1"]
    assert [one[0] for one in told(store)] == ["web-1", "web-2"]


def test_a_host_of_the_original_contract_is_unknown_where_it_never_said_anything(store, rows):
    rows.host("10.0.0.1", source="original", interval=None, looked={"processes": None})
    assert told(store) == [(None, None, None, "not part of its reports")]
    assert told(store, kind="sessions") == []
