import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.agent.schedule import BACKOFF_CAP, PACE, Schedule, backoff


def walk(schedule: Schedule, until: float, up, latency: float = 0.0) -> tuple[list[float], list[float]]:
    """Moments of looks and of reports that were taken; `up(moment)` says whether the server answers."""
    looks, sent, waiting = [], [], 0
    while (now := schedule.next()) < until:
        if now >= schedule.look_at:
            waiting += 1
            looks.append(now)
            schedule.looked(now, schedule.interval)
        elif up(now):
            waiting -= 1
            sent.append(now)
            schedule.sent(now + latency, more=waiting > 0)
        else:
            schedule.failed(now, None)
    return looks, sent


def test_the_first_look_is_anywhere_in_the_interval_and_the_others_keep_it():
    first = [Schedule(60, 1000.0).look_at - 1000 for _ in range(500)]
    assert 0 <= min(first) < 5
    assert 55 < max(first) <= 60
    looks, sent = walk(Schedule(60, 0.0, first_look=7), 600, up=lambda now: True)
    assert looks == [7 + 60 * number for number in range(10)]
    assert sent == looks


def test_an_outage_delays_reports_and_loses_no_look():
    looks, sent = walk(Schedule(60, 0.0, first_look=0), 6 * 3600, up=lambda now: not 600 <= now < 2400)
    assert looks == [60.0 * number for number in range(360)]
    assert len(sent) == len(looks)
    assert not [moment for moment in sent if 600 <= moment < 2400]


def test_a_backlog_drains_at_three_reports_an_interval_at_most():
    _, sent = walk(Schedule(60, 0.0, first_look=0), 3 * 3600, up=lambda now: now >= 1800)
    assert all(later - earlier >= 60 / PACE - 1e-6 for earlier, later in pairwise(sent))
    assert max(sent[:40]) - sent[0] < 40 * 60 / PACE


def test_what_the_server_asks_for_is_waited_for():
    schedule = Schedule(60, 0.0, first_look=0)
    schedule.looked(0.0, 60)
    assert schedule.failed(0.0, asked=700.0) == 700.0
    assert schedule.send_at == 700.0
    schedule.looked(60.0, 60)
    assert schedule.send_at == 700.0


def test_nothing_is_sent_while_nothing_waits():
    schedule = Schedule(60, 0.0, first_look=0)
    schedule.looked(0.0, 60)
    schedule.sent(0.0, more=False)
    assert math.isinf(schedule.send_at)


def test_looks_that_were_slept_through_are_not_made_up_for():
    schedule = Schedule(60, 0.0, first_look=0)
    schedule.looked(7200.0, 60)
    assert schedule.look_at == 7200.0
    schedule.looked(7200.0, 60)
    assert schedule.look_at == 7260.0


@given(st.integers(1, 200), st.floats(1, 86_400), st.none() | st.floats(0, 3600), st.integers(0, 9))
def test_a_pause_is_capped_first_and_jittered_fully(failures: int, interval: float, asked: float | None, seed: int):
    random.seed(seed)
    pause = backoff(failures, interval, asked)
    assert max(1.0, asked or 0.0) <= pause <= max(BACKOFF_CAP, asked or 0.0)


def test_pauses_after_a_long_outage_are_spread_over_all_of_the_cap():
    random.seed(1)
    pauses = [backoff(28, 60, None) for _ in range(2000)]
    assert sum(pause < 60 for pause in pauses) == pytest.approx(400, rel=0.2)
    assert sum(pause > 240 for pause in pauses) == pytest.approx(400, rel=0.2)
