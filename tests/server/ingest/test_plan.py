"""What a report leaves in the tables, told by the writer's own way in."""

from msgspec import UNSET

from compliance.server.ingest.decide import CloneFound
from compliance.server.storage.clock import to_ms
from compliance.wire.facts import Host
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
    new_id,
    process,
    same,
    sample,
    session,
    system,
    whole,
    written,
)


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
        machine.last, name = first, new_id()
        machine.last = machine.say(NOON + turn * MINUTE, id=name, cpu=sample()).last
        answer = machine.say(NOON + turn * MINUTE, id=name, cpu=sample())
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
