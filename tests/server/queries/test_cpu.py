import asyncio

import pytest

from compliance.server.queries.cpu import cpu
from compliance.server.queries.intervals import Question
from tests.server.queries.rows import HOUR, MINUTE, NOON, host_key, text


def asked(store, at=NOON, **filters):
    return asyncio.run(cpu(store, Question(at, **filters)))


def told(page):
    return [(item.hostname, item.seen_at, item.percent) for item in page.items]


def test_the_samples_of_the_last_hour_are_answered_unless_another_start_is_said(store, rows):
    number = rows.host(host_key(1), "web")
    for minutes in (120, 60, 59, 0, -1):
        rows.sample(number, NOON - minutes * MINUTE, float(minutes % 100))
    assert told(asked(store)) == [("web", NOON - 59 * MINUTE, 59.0), ("web", NOON, 0.0)]
    assert len(asked(store, since=NOON - 2 * HOUR - 1).items) == 4
    assert len(asked(store, since=NOON - 2 * HOUR).items) == 3


def test_a_sample_has_its_cores_and_its_load(store, rows):
    rows.sample(rows.host(host_key(1), "web"), NOON, 12.5)
    (item,) = asked(store).items
    assert (item.host, item.percent, item.percent_max, item.samples) == (host_key(1), 12.5, 12.5, 1)
    assert (item.cores, item.load_1, item.load_5, item.load_15) == (4, 0.5, None, None)


def test_hours_stand_for_the_samples_that_pruning_took(store, rows):
    number = rows.host(host_key(1), "web")
    hour = {"samples": 60, "percent_mean": 20.0, "percent_max": 90.0}
    rows.put("cpu_hour", host_id=number, hour_at=text(NOON - 4 * HOUR), **hour)
    rows.sample(number, NOON - HOUR, 5.0)
    first, second = asked(store, since=NOON - 6 * HOUR).items
    assert (first.seen_at, first.percent, first.percent_max, first.samples) == (NOON - 4 * HOUR, 20.0, 90.0, 60)
    assert (first.cores, first.load_1) == (None, None)
    assert (second.seen_at, second.samples) == (NOON - HOUR, 1)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_go_on_through_hosts_samples_and_hours(store, rows, limit):
    expected = []
    for number in range(2):
        host = rows.host(host_key(number), f"web-{number}")
        rows.put("cpu_hour", host_id=host, hour_at=text(NOON - 3 * HOUR), samples=2, percent_mean=1.0, percent_max=2.0)
        for minutes in (2, 1):
            rows.sample(host, NOON - minutes * MINUTE, 3.0)
        moments = (NOON - 3 * HOUR, NOON - 2 * MINUTE, NOON - MINUTE)
        expected += [(f"web-{number}", moment) for moment in moments]
    items, following = [], None
    while True:
        page = asked(store, since=NOON - 4 * HOUR, limit=limit, cursor=following)
        items += [(item.hostname, item.seen_at) for item in page.items]
        following = page.next
        if following is None:
            break
    assert items == expected


def test_one_host_is_asked_for_by_its_name(store, rows):
    for number in range(2):
        rows.sample(rows.host(host_key(number), f"web-{number}"), NOON, float(number))
    assert told(asked(store, host="web-1")) == [("web-1", NOON, 1.0)]


def test_a_host_that_cannot_tell_its_usage_is_unknown_not_idle(store, rows):
    rows.host(host_key(1), "web", looked={"cpu": None})
    page = asked(store)
    assert page.items == []
    assert [(one.host, one.kind, one.since) for one in page.unknown] == [(host_key(1), "cpu", None)]
