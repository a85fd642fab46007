"""The rows that gaps, failures and blind spots leave in the tables; what they answer is in test_gaps.py."""

from msgspec import UNSET

from compliance.wire.messages import Blind, Dropped
from tests.server.ingest.reporting import (
    HOUR,
    MINUTE,
    NOON,
    failed,
    process,
    same,
    sample,
    session,
    whole,
)


def test_reports_in_time_leave_no_gap(machine, gaps):
    for minute in (0, 1, 2, 5):
        machine.say(NOON + minute * MINUTE, cpu=sample(), processes=whole(process(1)))
    assert gaps() == []


def test_more_than_three_intervals_of_silence_are_a_gap_of_every_kind_that_is_looked_at(machine, gaps):
    machine.say(cpu=sample(), processes=whole())
    machine.say(NOON + 3 * MINUTE + 1, cpu=sample(), processes=whole())
    reason = "no report for 180 s, where one was due every 60 s"
    end = 3 + 1 / MINUTE
    assert gaps() == [("cpu", 0, end, reason), ("processes", 0, end, reason)]


def test_silence_is_measured_on_the_fleets_axis_not_by_the_hosts_clock(machine, gaps):
    machine.say(NOON, NOON, cpu=sample())
    machine.say(NOON - 5 * HOUR, NOON + MINUTE, cpu=sample())
    machine.say(NOON + 5 * HOUR, NOON + 2 * MINUTE, cpu=sample())
    assert gaps() == []


def test_a_backlog_that_comes_late_is_no_gap(machine, gaps, history):
    machine.say(processes=whole(process(1)))
    for minute in (1, 2, 3):
        taken = NOON + minute * MINUTE
        assert machine.say(taken, NOON + HOUR, sent=NOON + HOUR, processes=whole(process(minute))).outcome == "applied"
    assert gaps() == []
    assert history("process", "pid") == [(1, 0, 2, 1), (2, 2, 3, 2), (3, 3, None, None)]


def test_a_host_that_promised_no_report_leaves_no_gap(machine, gaps):
    machine.say(interval=UNSET, cpu=sample())
    machine.say(NOON + HOUR, interval=UNSET, cpu=sample())
    assert gaps() == []


def test_the_promise_that_counts_is_the_one_of_the_report_before(machine, gaps):
    machine.say(interval=3600, cpu=sample())
    machine.say(NOON + HOUR, interval=60, cpu=sample())
    assert gaps() == []
    machine.say(NOON + 2 * HOUR, interval=3600, cpu=sample())
    assert [gap[:3] for gap in gaps()] == [("cpu", 60, 120)]


def test_reports_that_were_lost_are_a_gap_whatever_time_has_passed(machine, gaps):
    machine.say(cpu=sample(), processes=whole())
    lost = Dropped(reports=3, reason="the spool was full")
    machine.say(NOON + MINUTE, dropped=lost, cpu=sample(), processes=whole())
    reason = "3 reports were lost: the spool was full"
    assert gaps() == [("cpu", 0, 1, reason), ("processes", 0, 1, reason)]


def test_what_is_lost_of_a_kind_that_this_report_lacks_is_unknown_until_it_is_looked_at_again(machine, gaps):
    machine.say(cpu=sample(), sessions=whole(session()))
    machine.say(NOON + MINUTE, dropped=Dropped(reports=3, reason="the spool was full"), cpu=sample())
    reason = "3 reports were lost: the spool was full"
    assert gaps("sessions") == [("sessions", 0, None, reason)]
    assert gaps("processes") == []
    machine.say(NOON + 2 * MINUTE, cpu=sample(), sessions=whole(session()))
    assert gaps("sessions") == [("sessions", 0, 2, reason)]


def test_a_long_reason_is_cut_to_what_the_table_holds(machine, gaps):
    machine.say(cpu=sample())
    machine.say(NOON + MINUTE, dropped=Dropped(reports=3, reason="é" * 255), cpu=sample())
    assert len(gaps()[0][3]) == 255


def test_a_failure_is_a_gap_from_the_last_look_until_the_next_one(machine, gaps, contact):
    machine.say(processes=whole(process(1)))
    before = contact("revision")[0]
    for minute in (1, 2):
        machine.say(NOON + minute * MINUTE, processes=failed("no privilege"))
    assert gaps() == [("processes", 0, None, "no privilege")]
    assert contact("revision") == (before + 1,)  # the second failure says nothing new
    machine.say(NOON + 3 * MINUTE, processes=same(process(1)))
    assert gaps() == [("processes", 0, 3, "no privilege")]


def test_a_kind_that_always_failed_is_unknown_from_the_beginning(machine, gaps):
    machine.say(sessions=failed("no logind"))
    machine.say(NOON + MINUTE, sessions=failed("no logind"))
    assert gaps() == [("sessions", "ever", None, "no logind")]
    machine.say(NOON + 2 * MINUTE, sessions=whole())
    assert gaps() == [("sessions", "ever", 2, "no logind")]


def test_a_kind_that_was_not_part_of_earlier_reports_is_unknown_before_its_first_look(machine, gaps):
    machine.say(cpu=sample())
    machine.say(NOON + MINUTE, cpu=sample(), sessions=whole())
    assert gaps() == [("sessions", "ever", 1, "not part of the reports before")]


def test_two_failures_with_a_look_between_them_are_two_gaps(machine, gaps):
    machine.say(processes=whole())
    machine.say(NOON + MINUTE, processes=failed("first"))
    machine.say(NOON + 2 * MINUTE, processes=same())
    machine.say(NOON + 3 * MINUTE, processes=failed("second"))
    assert gaps() == [("processes", 0, 1 + 1, "first"), ("processes", 2, None, "second")]


def test_a_failure_that_ends_in_silence_stays_one_gap(machine, gaps):
    machine.say(processes=whole())
    machine.say(NOON + MINUTE, processes=failed())
    machine.say(NOON + HOUR, processes=same())
    assert gaps() == [("processes", 0, 60, "no privilege")]


def blind(rows=0, fields=0, reason="hidepid"):
    return Blind(rows=rows, fields=fields, reason=reason)


def spots(history):
    return history("blind_spot", "kind", "lacking_rows", "lacking_fields", "reason")


def test_a_blind_spot_is_kept_while_its_reason_lasts_though_its_counts_waver(machine, history):
    machine.say(processes=whole(blind=blind(fields=10)))
    machine.say(NOON + MINUTE, processes=same(blind=blind(fields=11)))
    machine.say(NOON + 2 * MINUTE, processes=same(blind=blind(fields=9)))
    assert spots(history) == [("processes", 0, 10, "hidepid", 0, None, None)]


def test_another_reason_or_many_more_rows_are_another_blind_spot_and_sight_ends_it(machine, history):
    machine.say(processes=whole(blind=blind(fields=10)))
    machine.say(NOON + MINUTE, processes=same(blind=blind(fields=40)))
    machine.say(NOON + 2 * MINUTE, processes=same(blind=blind(fields=40, reason="container")))
    machine.say(NOON + 3 * MINUTE, processes=same())
    assert [row[1:6] for row in spots(history)] == [
        (0, 10, "hidepid", 0, 1),
        (0, 40, "hidepid", 1, 2),
        (0, 40, "container", 2, 3),
    ]


def test_a_blind_spot_stays_while_nobody_looks(machine, history):
    machine.say(processes=whole(blind=blind(rows=3)), sessions=whole())
    machine.say(NOON + MINUTE, cpu=sample())
    machine.say(NOON + 2 * MINUTE, processes=same(blind=blind(rows=3)), sessions=same())
    assert spots(history) == [("processes", 3, 0, "hidepid", 0, None, None)]
