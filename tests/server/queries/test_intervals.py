import asyncio
import random

import pytest

from compliance.errors import WrongUsage
from compliance.server.queries import cursor
from compliance.server.queries.intervals import FIRST_STEP, NoSuchHost, Question
from compliance.server.queries.processes import processes
from compliance.server.queries.sessions import sessions
from tests.server.queries.rows import HOUR, MINUTE, NOON, host_key


def asked(store, at=NOON, name=None, **filters):
    return asyncio.run(processes(store, Question(at, **filters), name))


def on_hosts(store, at=NOON, **filters):
    return asyncio.run(sessions(store, Question(at, **filters)))


def pids(page):
    return [item.pid for item in page.items]


def test_a_process_is_answered_with_all_that_is_known_of_it(store, rows):
    number = rows.host(host_key(1), "web-1")
    rows.process(number, 7, NOON - HOUR, ppid=1, started_at="2026-03-03 09:00:00.250")
    (item,) = asked(store).items
    assert (item.host, item.hostname, item.pid, item.ppid) == (host_key(1), "web-1", 7, 1)
    assert (item.name, item.exe, item.arguments, item.user) == ("sshd", "/usr/bin/sshd", "sshd --serve", "root")
    assert (item.started_at, item.first_seen_at) == (NOON - 3 * HOUR + 250, NOON - HOUR)
    assert (item.ended_at, item.last_seen_at) == (None, NOON)


def test_a_process_of_which_only_the_pid_is_known_is_listed_too(store, rows):
    number = rows.host("10.0.0.1", source="original", interval=None)
    rows.interval("process", number, NOON - HOUR, pid=7, ticks=0)
    (item,) = asked(store).items
    assert (item.host, item.user, item.name, item.exe, item.arguments) == ("original:10.0.0.1", None, None, None, None)


def test_a_process_is_there_from_its_first_look_and_not_at_its_end(store, rows):
    number = rows.host(host_key(1))
    rows.process(number, 7, NOON - 2 * HOUR, NOON - HOUR)
    moments = (NOON - 2 * HOUR - 1, NOON - 2 * HOUR, NOON - HOUR - 1, NOON - HOUR)
    assert [pids(asked(store, moment)) for moment in moments] == [[], [7], [7], []]


def test_an_end_that_came_later_was_not_known_then(store, rows):
    number = rows.host(host_key(1))
    rows.process(number, 7, NOON - 2 * HOUR, NOON - HOUR, last_seen_at="2026-03-03 10:59:00.000")
    (before,) = asked(store, NOON - 90 * MINUTE).items
    (after,) = asked(store, since=NOON - 90 * MINUTE).items
    assert (before.ended_at, before.last_seen_at) == (None, None)
    assert (after.ended_at, after.last_seen_at) == (NOON - HOUR, NOON - HOUR - MINUTE)


def test_since_answers_all_that_was_there_after_it(store, rows):
    number = rows.host(host_key(1))
    since = NOON - HOUR
    rows.process(number, 1, NOON - 3 * HOUR, since)
    rows.process(number, 2, NOON - 3 * HOUR, since + 1)
    rows.process(number, 3, since + MINUTE, since + 2 * MINUTE)
    rows.process(number, 4, NOON)
    rows.process(number, 5, NOON + 1)
    assert pids(asked(store, since=since)) == [2, 3, 4]
    assert pids(asked(store)) == [4]


def test_filters_name_a_host_a_program_and_a_user_byte_for_byte(store, rows):
    first, second = rows.host(host_key(1), "web-1"), rows.host(host_key(2), "web-2")
    rows.process(first, 1, NOON, name="nginx", user="www")
    rows.process(first, 2, NOON, name="Nginx", user="Www")
    rows.process(second, 3, NOON, name="nginx ", user="www ")
    rows.process(second, 4, NOON, name="nginx", user="root")
    assert pids(asked(store, name="nginx")) == [1, 4]
    assert pids(asked(store, user="www")) == [1]
    assert pids(asked(store, name="nginx", user="root", host="web-2")) == [4]
    assert pids(asked(store, host="web-1")) == [1, 2]


def test_a_host_that_nobody_is_says_so(store):
    with pytest.raises(NoSuchHost, match="No host answered to 'web-9'"):
        asked(store, host="web-9")


def test_what_a_retired_host_ran_last_is_shown_only_when_it_is_asked_for(store, rows):
    number = rows.host(host_key(1), "web-1", retired=NOON - HOUR)
    rows.process(number, 1, NOON - 2 * HOUR)
    assert pids(asked(store)) == []
    assert pids(asked(store, host=host_key(1))) == [1]
    assert pids(asked(store, NOON - 90 * MINUTE)) == [1]
    assert pids(asked(store, since=NOON - 90 * MINUTE)) == [1]


def test_a_session_is_answered_with_all_that_is_known_of_it(store, rows):
    number = rows.host(host_key(1), "web-1")
    rows.session(number, "ada", NOON - HOUR)
    rows.session(number, "bob", NOON - 2 * HOUR, NOON - HOUR)
    (item,) = on_hosts(store).items
    assert (item.host, item.hostname, item.user, item.terminal) == (host_key(1), "web-1", "ada", "pts/0")
    assert (item.remote_host, item.opened_at, item.first_seen_at, item.ended_at) == (None, None, NOON - HOUR, None)
    assert [one.user for one in on_hosts(store, NOON - 90 * MINUTE).items] == ["bob"]
    assert [one.user for one in on_hosts(store, since=NOON - 90 * MINUTE, user="bob").items] == ["bob"]


def walked(ask, limit):
    items, following = [], None
    while True:
        page = ask(cursor=following, limit=limit)
        items += page.items
        if page.next is None:
            return items
        assert len(page.items) == limit
        following = page.next


@pytest.mark.parametrize("limit", [1, 4, 7, 1000])
def test_pages_hold_every_row_once_in_their_order(store, rows, limit):
    chance = random.Random(5)
    hosts = [rows.host(host_key(number), "same") for number in range(3)]
    for number in hosts:
        for pid in chance.sample(range(100), 4):
            rows.process(number, pid, NOON - 2 * HOUR, NOON - HOUR)
            rows.process(number, pid, NOON - HOUR)
            rows.session(number, f"user-{pid}", NOON - HOUR)
    told = walked(lambda **page: asked(store, since=NOON - 3 * HOUR, **page), limit)
    keys = [(item.host, item.pid, item.first_seen_at) for item in told]
    assert keys == sorted(set(keys))
    assert len(keys) == 24
    there = walked(lambda **page: on_hosts(store, **page), limit)
    assert len({(item.host, item.user) for item in there}) == len(there) == 12
    assert [item.host for item in there] == sorted(item.host for item in there)


def test_a_row_is_found_behind_many_hosts_that_have_none(store, rows):
    for number in range(2 * FIRST_STEP + 1):
        rows.host(host_key(number), f"web-{number}")
    last = rows.host(host_key(99), "web-99")
    rows.process(last, 7, NOON - HOUR)
    assert pids(asked(store)) == [7]


def test_later_pages_answer_for_the_moment_of_the_first(store, rows):
    number = rows.host(host_key(1))
    for pid in (1, 3):
        rows.process(number, pid, NOON - HOUR, NOON + 1)
    first = asked(store, limit=1)
    rows.process(number, 2, NOON + 1)
    second = asked(store, NOON + HOUR, cursor=first.next)
    assert (second.at, pids(second), second.next) == (NOON, [3], None)


@pytest.mark.parametrize("digest", ["zz", "0", "é"])
def test_a_session_cursor_with_a_digest_that_is_none_is_refused(store, digest):
    with pytest.raises(WrongUsage, match="cursor"):
        on_hosts(store, cursor=cursor.encode(NOON, [1, "2026-03-03 12:00:00.000", digest]))
