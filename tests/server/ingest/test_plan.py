"""What a report leaves in the tables, told by the writer's own way in."""

import pytest
from msgspec import UNSET

from compliance.server.ingest.decide import CloneFound
from compliance.server.storage.clock import OPEN, to_ms
from compliance.wire.facts import Host
from compliance.wire.messages import Blind, Dropped
from tests.server.ingest.reporting import (
    HOUR,
    MINUTE,
    NOON,
    Machine,
    address,
    change,
    everything,
    failed,
    hostname,
    process,
    same,
    sample,
    session,
    system,
    whole,
    written,
)


def minutes(text):
    """Since noon; None for what has no end."""
    if text is None or text == OPEN:
        return None
    return "ever" if to_ms(text) == 0 else (to_ms(text) - NOON) / MINUTE


@pytest.fixture
def history(rows):
    """The intervals of a table: the columns asked for, then first seen, ended and last seen, in minutes since noon."""

    def ask(table, *columns, where="1 = 1"):
        names = ", ".join([*columns, "first_seen_at", "ended_at", "last_seen_at"])
        found = rows.ask(f"SELECT {names} FROM {table} WHERE {where} ORDER BY first_seen_at, {columns[0]}")
        return [(*row[:-3], *map(minutes, row[-3:])) for row in found]

    return ask


@pytest.fixture
def gaps(rows):
    def ask(kind=None):
        found = rows.ask("SELECT kind, started_at, ended_at, reason FROM gap ORDER BY kind, started_at")
        return [(k, minutes(start), minutes(end), why) for k, start, end, why in found if kind in (None, k)]

    return ask


@pytest.fixture
def contact(rows, machine):
    def ask(*columns):
        return rows.ask(f"SELECT {', '.join(columns)} FROM host_contact WHERE host_id = ?", machine.host_id)[0]

    return ask


def test_a_first_report_opens_everything_at_its_moment(machine, history, rows):
    first = machine.say(**everything(process(1), process(2, name="nginx", user="www", exe="/usr/sbin/nginx")))
    assert (first.outcome, first.last) == ("applied", machine.last)
    assert history("host_boot", "boot_id", "agent") == [("boot-1", "0.1.0", 0, None, None)]
    assert history("host_fact", "hostname", "machine_id") == [("web-1", "m1", 0, None, None)]
    assert history("host_address", "address", "interface", "is_primary") == [("10.0.0.1", "eth0", 1, 0, None, None)]
    assert history("process", "pid", "ticks") == [(1, 7, 0, None, None), (2, 7, 0, None, None)]
    assert history("session", "terminal") == [("pts/0", 0, None, None)]
    assert history("host_os", "host_id") == [(machine.host_id, 0, None, None)]
    assert rows.ask("SELECT name, version, kernel, architecture FROM operating_system") == [
        ("Debian GNU/Linux", "12", "6.1", "x86_64")
    ]
    found = rows.ask(
        "SELECT p.pid, g.name, g.exe, c.arguments, a.name FROM process p JOIN command c ON c.id = p.command_id"
        " JOIN program g ON g.id = c.program_id JOIN account a ON a.id = p.account_id ORDER BY p.pid"
    )
    assert found == [(1, "sshd", None, None, "root"), (2, "nginx", "/usr/sbin/nginx", None, "www")]
    assert rows.ask("SELECT percent, cores, load_1, load_5 FROM cpu_sample") == [(12.5, 2, 0.5, None)]


def test_what_starts_opens_and_what_ends_closes_with_the_look_that_saw_it_last(machine, history):
    machine.say(processes=whole(process(1), process(2)))
    machine.say(NOON + MINUTE, processes=change((process(1), process(2)), (process(1), process(3))))
    assert history("process", "pid") == [(1, 0, None, None), (2, 0, 1, 0), (3, 1, None, None)]


def test_a_process_that_called_exec_closes_and_opens_at_that_moment(machine, history, rows):
    before, after = process(1, name="sh"), process(1, name="nginx")
    machine.say(processes=whole(before))
    machine.say(NOON + MINUTE, processes=change((before,), (after,)))
    assert history("process", "pid", "ticks") == [(1, 7, 0, 1, 0), (1, 7, 1, None, None)]
    names = "SELECT g.name FROM process p JOIN command c ON c.id = p.command_id JOIN program g ON g.id = c.program_id"
    assert rows.ask(f"{names} ORDER BY p.first_seen_at") == [("sh",), ("nginx",)]


def test_a_pid_used_anew_is_another_process(machine, history):
    machine.say(processes=whole(process(1, ticks=7)))
    machine.say(NOON + MINUTE, processes=change((process(1, ticks=7),), (process(1, ticks=900),)))
    assert history("process", "pid", "ticks") == [(1, 7, 0, 1, 0), (1, 900, 1, None, None)]


def test_a_process_that_came_and_went_between_two_looks_and_back_is_two_rows(machine, history):
    machine.say(processes=whole(process(1)))
    machine.say(NOON + MINUTE, processes=change((process(1),), ()))
    machine.say(NOON + 2 * MINUTE, processes=change((), (process(1),)))
    assert history("process", "pid") == [(1, 0, 1, 0), (1, 2, None, None)]


def test_an_end_that_is_told_twice_and_one_of_something_unknown_change_nothing_more(machine, history):
    machine.say(processes=whole(process(1)))
    ends = change((process(1), process(9)), ())
    twice = type(ends)(base=whole(process(1)).state, state=ends.state, ended=(*ends.ended, *ends.ended))
    assert machine.say(NOON + MINUTE, processes=twice).outcome == "applied"
    assert history("process", "pid") == [(1, 0, 1, 0)]


def test_a_whole_section_leaves_what_is_as_it_was_said(machine, history, contact):
    machine.say(**everything(process(1)))
    before = contact("revision", "corrections")
    machine.say(NOON + MINUTE, **{**everything(process(1)), "cpu": UNSET})
    assert contact("revision", "corrections") == before
    assert history("process", "pid") == [(1, 0, None, None)]
    assert history("session", "terminal") == [("pts/0", 0, None, None)]
    assert history("host_address", "address") == [("10.0.0.1", 0, None, None)]


def test_rows_that_a_whole_section_finds_wrong_are_corrected_and_counted(machine, history, contact, store):
    machine.say(processes=whole(process(1), process(2), process(3)))
    with store.session() as db:
        db.execute("DELETE FROM process WHERE pid = 1")
        db.execute("UPDATE process SET ppid = 99 WHERE pid = 2")
    machine.say(NOON + MINUTE, processes=whole(process(1), process(2), process(3)))
    assert contact("corrections") == (3,)  # one missing, and one closed and opened
    open_now = [row[:2] for row in history("process", "pid", "ppid") if row[-2] is None]
    assert sorted(open_now) == [(1, None), (2, None), (3, None)]


def test_changes_that_a_whole_section_brings_are_no_corrections(machine, contact):
    machine.say(processes=whole(process(1)))
    machine.say(NOON + MINUTE, processes=whole(process(2)))
    assert contact("corrections") == (0,)


def test_a_whole_section_after_wanted_ends_what_went_in_between(machine, history):
    machine.say(processes=whole(process(1), process(2)))
    unfit = machine.say(NOON + MINUTE, processes=change((process(9),), (process(2), process(3))))
    assert (unfit.outcome, unfit.wanted) == ("wanted", ("processes",))
    machine.say(NOON + MINUTE, processes=whole(process(2), process(3)))
    assert history("process", "pid") == [(1, 0, 1, 0), (2, 0, None, None), (3, 1, None, None)]


def test_what_is_wanted_leaves_no_trace(machine, rows, contact):
    machine.say(processes=whole(process(1)))
    before = contact("report_id", "revision", "seen_at"), rows.ask("SELECT * FROM process")
    machine.say(NOON + MINUTE, cpu=sample(), processes=same(process(9)))
    assert (contact("report_id", "revision", "seen_at"), rows.ask("SELECT * FROM process")) == before
    assert rows.ask("SELECT * FROM cpu_sample") == []


def test_a_repeat_is_accepted_and_changes_nothing(machine, rows):
    arrival = machine.arrival(**everything(process(1)))
    tables = ("process", "cpu_sample", "host_contact", "session", "gap")
    (first,) = written(machine.store, arrival)
    before = [rows.ask(f"SELECT * FROM {table}") for table in tables]
    (again,) = written(machine.store, arrival)
    assert (first.outcome, again.outcome, again.last) == ("applied", "repeat", arrival.report.id)
    assert [rows.ask(f"SELECT * FROM {table}") for table in tables] == before


def test_a_clones_reports_are_refused_from_the_second_fork_on(machine, rows, contact):
    machine.say(cpu=sample())
    first = machine.last
    machine.say(NOON + MINUTE, cpu=sample())
    for turn in range(2, 4):
        machine.last = first
        answer = machine.say(NOON + turn * MINUTE, cpu=sample())
        if isinstance(answer, CloneFound):
            break
        machine.last = answer.last
        machine.say(NOON + turn * MINUTE, cpu=sample())
    assert isinstance(answer, CloneFound)
    assert contact("forks") == (2,)
    before = rows.ask("SELECT COUNT(*) FROM cpu_sample")
    assert isinstance(machine.say(NOON + HOUR, cpu=sample()), CloneFound)
    assert rows.ask("SELECT COUNT(*) FROM cpu_sample") == before


def test_a_start_of_the_machine_ends_processes_and_sessions_and_nothing_else(machine, history):
    machine.say(**everything(process(1), process(2)))
    machine.say(NOON + MINUTE, cpu=sample())
    machine.say(NOON + 2 * MINUTE, boot="boot-2", processes=whole(process(1, ticks=9)), addresses=same(address()))
    assert history("host_boot", "boot_id") == [("boot-1", 0, 2, 1), ("boot-2", 2, None, None)]
    assert history("process", "pid", "ticks") == [(1, 7, 0, 2, 0), (2, 7, 0, 2, 0), (1, 9, 2, None, None)]
    assert history("session", "terminal") == [("pts/0", 0, 2, 0)]
    assert history("host_address", "address") == [("10.0.0.1", 0, None, None)]
    assert history("host_fact", "hostname") == [("web-1", 0, None, None)]


def test_the_same_process_key_on_another_boot_is_another_process(machine, history, contact):
    machine.say(processes=whole(process(1)))
    machine.say(NOON + MINUTE, boot="boot-2", processes=whole(process(1)))
    assert history("process", "pid") == [(1, 0, 1, 0), (1, 1, None, None)]
    assert contact("corrections") == (0,)


def test_a_new_agent_is_a_new_row_beside_the_same_boot(machine, history):
    machine.say(cpu=sample())
    machine.say(NOON + MINUTE, agent="0.1.1", cpu=sample())
    assert history("host_boot", "boot_id", "agent") == [
        ("boot-1", "0.1.0", 0, 1, 0),
        ("boot-1", "0.1.1", 1, None, None),
    ]


def test_facts_of_the_host_change_by_interval(machine, history):
    machine.say(host=hostname("web-1"), os=whole(system("12")), addresses=whole(address("10.0.0.1")))
    machine.say(
        NOON + MINUTE,
        host=change((Host(hostname="web-1", machine_id="m1"),), (Host(hostname="web-2", machine_id="m1"),)),
        os=change((system("12"),), (system("13"),)),
        addresses=change((address("10.0.0.1"),), (address("10.0.0.1", primary=False), address("fd00::1"))),
    )
    assert history("host_fact", "hostname") == [("web-1", 0, 1, 0), ("web-2", 1, None, None)]
    assert [row[1:] for row in history("host_os", "host_id")] == [(0, 1, 0), (1, None, None)]
    assert history("host_address", "address", "is_primary") == [
        ("10.0.0.1", 1, 0, 1, 0),
        ("10.0.0.1", 0, 1, None, None),
        ("fd00::1", 1, 1, None, None),
    ]


def test_two_texts_that_only_look_alike_stay_two(machine, rows):
    names = ["Root", "root", "root ", "Röot", "root\u0000", "root\U0001f600"]
    machine.say(processes=whole(*(process(pid, user=name, name=name) for pid, name in enumerate(names, 1))))
    found = rows.ask(
        "SELECT a.name, g.name FROM process p JOIN account a ON a.id = p.account_id"
        " JOIN command c ON c.id = p.command_id JOIN program g ON g.id = c.program_id ORDER BY p.pid"
    )
    assert found == [(name, name) for name in names]


def test_arguments_are_cut_for_keeping_and_told_apart_by_the_whole(machine, rows):
    long = "x" * 5000
    machine.say(processes=whole(process(1, arguments=long), process(2, arguments=long + "y")))
    assert rows.ask("SELECT arguments FROM command") == [(long[:4096],), (long[:4096],)]
    machine.say(NOON + MINUTE, processes=whole(process(1, arguments=long), process(2, arguments=long + "y")))
    assert rows.ask("SELECT COUNT(*) FROM process") == [(2,)]


def test_what_nobody_looked_at_stays_and_what_could_not_be_seen_stays_too(machine, history, contact):
    machine.say(processes=whole(process(1)), sessions=whole(session()))
    looked = contact("processes_looked_at", "sessions_looked_at")
    machine.say(NOON + MINUTE, cpu=sample(), sessions=failed())
    assert history("process", "pid") == [(1, 0, None, None)]
    assert history("session", "terminal") == [("pts/0", 0, None, None)]
    assert contact("processes_looked_at", "sessions_looked_at") == looked


# Gaps


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


# Blind spots


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


# What is known of the host itself


def test_skew_interval_and_moments_are_those_of_the_last_report(machine, contact):
    machine.say(NOON, NOON + 5000, sent=NOON + 2000, interval=30, cpu=sample())
    skew, interval, seen_at, received_at = contact("skew_ms", "interval_s", "seen_at", "received_at")
    assert (skew, interval, to_ms(seen_at), to_ms(received_at)) == (-3000, 30, NOON + 3000, NOON + 5000)
    machine.say(NOON + MINUTE, interval=UNSET, cpu=sample())
    assert contact("interval_s") == (None,)


def test_extreme_clocks_can_be_stored(machine, contact):
    latest = 4_102_444_800_000
    assert machine.say(0, NOON, sent=latest, cpu=sample()).outcome == "applied"
    assert machine.say(latest, NOON + MINUTE, sent=0, cpu=sample()).outcome == "applied"
    assert contact("skew_ms") == (-NOON - MINUTE,)


def test_the_revision_moves_when_something_happened_and_only_then(machine, contact):
    revisions = []
    for minute, said in enumerate(
        (
            everything(process(1)),
            {"cpu": sample(), "processes": same(process(1)), "sessions": same(session())},
            {"cpu": sample(), "processes": change((process(1),), (process(2),)), "sessions": same(session())},
            {"processes": same(process(2)), "sessions": same(session()), "cpu": sample()},
            {"cpu": sample(), "processes": same(process(2)), "sessions": failed()},
            {"cpu": sample(), "processes": same(process(2)), "sessions": failed()},
            {"cpu": sample(), "processes": same(process(2)), "sessions": same(session())},
        )
    ):
        machine.say(NOON + minute * MINUTE, **said)
        revisions.append(contact("revision")[0])
    steps = [after - before for before, after in zip([0, *revisions], revisions, strict=False)]
    assert steps == [1, 0, 1, 0, 1, 0, 1]


def test_hosts_do_not_touch_each_other(store, history, machine):
    other = Machine(store, 2)
    machine.say(processes=whole(process(1)))
    other.say(processes=whole(process(1)))
    machine.say(NOON + MINUTE, boot="boot-2", processes=whole())
    left = history("process", "pid", where=f"host_id = {other.host_id}")
    assert left == [(1, 0, None, None)]
