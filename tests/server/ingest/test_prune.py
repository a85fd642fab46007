import asyncio
import threading
from typing import Any

import pytest

from compliance.server.ingest import prune as pruning
from compliance.server.ingest.prune import prune
from compliance.server.queries import cpu, processes
from compliance.server.queries.intervals import Question
from compliance.server.storage.clock import OPEN, to_text
from compliance.wire.facts import OperatingSystem, Process
from tests.server.ingest.reporting import (
    HOUR,
    MINUTE,
    NOON,
    Machine,
    change,
    everything,
    process,
    same,
    sample,
    system,
    whole,
    with_writer,
)
from tests.server.ingest.trouble import another, waiting_connection
from tests.server.queries.rows import host_key

DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    """It is noon, and older than ten days is before NOON - 10 * DAY."""
    monkeypatch.setattr(pruning, "now_ms", lambda: NOON)


HORIZON = NOON - 10 * DAY


@pytest.fixture
def host(rows):
    return rows.host(host_key(1), "web-1", since=NOON - 100 * DAY)


def pids(rows):
    return [pid for (pid,) in rows.ask("SELECT pid FROM process ORDER BY pid")]


def test_what_ended_before_the_horizon_goes_and_what_is_open_or_overlaps_it_stays(store, rows, host):
    start = NOON - 50 * DAY
    rows.process(host, 1, start, HORIZON - 1)
    rows.process(host, 2, start, HORIZON)
    rows.process(host, 3, start, HORIZON + 1)
    rows.process(host, 4, start)
    pruned = prune(store, 10)
    assert pids(rows) == [3, 4]
    assert (pruned.kept_from, pruned.rows["process"]) == (HORIZON, 2)


@pytest.mark.parametrize("table", ["host_boot", "host_fact", "host_address", "session", "blind_spot", "host_os", "gap"])
def test_every_kind_of_interval_is_pruned_alike(store, rows, host, table):
    columns: dict[str, dict[str, Any]] = {
        "host_boot": {"boot_id": "old", "agent": "0.9"},
        "host_fact": {"hostname": "old"},
        "host_address": {"address": "10.0.0.1", "interface": "eth0", "is_primary": 1},
        "blind_spot": {"kind": "processes", "lacking_rows": 1, "lacking_fields": 0, "reason": "hidepid"},
    }

    def put(start, end):
        if table == "session":
            rows.session(host, f"user {start}", start, end)
        elif table == "gap":
            rows.gap(host, "cpu", start, end, "no report")
        elif table == "host_os":
            rows.interval(table, host, start, end, operating_system_id=rows.word("operating_system", name="Debian"))
        else:
            rows.interval(table, host, start, end, **columns[table])

    before = rows.ask(f"SELECT COUNT(*) FROM {table}")[0][0]
    put(NOON - 60 * DAY, HORIZON - DAY)
    put(NOON - 50 * DAY, HORIZON + DAY)
    pruned = prune(store, 10)
    assert rows.ask(f"SELECT COUNT(*) FROM {table}")[0][0] == before + 1
    assert pruned.rows[table] == 1


def test_samples_become_hours(store, rows, host):
    hour = HORIZON - 5 * HOUR
    for minute, percent in ((0, 10.0), (1, 20.0), (59, 60.0), (60, 40.0)):
        rows.sample(host, hour + minute * MINUTE, percent)
    rows.sample(host, HORIZON - 1, 70.0)
    rows.sample(host, HORIZON, 80.0)
    pruned = prune(store, 10)
    assert (pruned.rows["cpu_sample"], pruned.hours) == (5, 3)
    assert rows.ask("SELECT percent FROM cpu_sample") == [(80.0,)]
    assert rows.ask("SELECT hour_at, samples, percent_mean, percent_max FROM cpu_hour ORDER BY hour_at") == [
        (to_text(hour), 3, 30.0, 60.0),
        (to_text(hour + HOUR), 1, 40.0, 40.0),
        (to_text(HORIZON - HOUR), 1, 70.0, 70.0),
    ]


def test_hosts_do_not_share_their_hours(store, rows, host):
    other = rows.host(host_key(2), "web-2")
    rows.sample(host, HORIZON - HOUR, 10.0)
    rows.sample(other, HORIZON - HOUR, 90.0)
    prune(store, 10)
    assert rows.ask("SELECT host_id, percent_mean FROM cpu_hour ORDER BY host_id") == [(host, 10.0), (other, 90.0)]


def test_a_backlog_joins_the_hour_that_was_folded_before_it_came(store, rows, host):
    for minute in range(3):
        rows.sample(host, HORIZON - HOUR + minute * MINUTE, 10.0)
    prune(store, 10)
    rows.sample(host, HORIZON - HOUR + 30 * MINUTE, 50.0)
    prune(store, 10)
    assert rows.ask("SELECT samples, percent_mean, percent_max FROM cpu_hour") == [(4, 20.0, 50.0)]


def test_years_of_history_and_many_hosts_are_pruned_whole(store, rows, monkeypatch):
    monkeypatch.setattr(pruning, "HOSTS", 2)
    monkeypatch.setattr(pruning, "IDS", 2)
    for number in range(5):
        host = rows.host(host_key(number), since=NOON - 3000 * DAY)
        for age in (2900, 400, 399, 20):
            rows.process(host, age, NOON - (age + 1) * DAY, NOON - age * DAY, name=f"{number}-{age}")
            rows.sample(host, NOON - age * DAY, 5.0)
    pruned = prune(store, 10)
    assert pruned.rows == {"process": 20, "cpu_sample": 20, "command": 20, "program": 20, "account": 1}
    assert pruned.hours == 20


def test_entries_of_the_dictionaries_that_nothing_names_any_more_go(store, rows, host):
    rows.process(host, 1, NOON - 50 * DAY, HORIZON - DAY, name="gone", user="left")
    rows.process(host, 2, NOON - 50 * DAY, name="here", user="stays")
    rows.session(host, "went", NOON - 50 * DAY, HORIZON - DAY)
    rows.session(host, "sits", NOON - 50 * DAY)
    old, new = (rows.word("operating_system", name="Debian", version=version) for version in ("11", "12"))
    rows.interval("host_os", host, NOON - 50 * DAY, HORIZON - DAY, operating_system_id=old)
    rows.interval("host_os", host, HORIZON - DAY, operating_system_id=new)
    prune(store, 10)
    assert rows.ask("SELECT name FROM program") == [("here",)]
    assert rows.ask("SELECT COUNT(*) FROM command") == [(1,)]
    assert sorted(rows.ask("SELECT name FROM account")) == [("sits",), ("stays",)]
    assert rows.ask("SELECT version FROM operating_system") == [("12",)]


def test_a_second_prune_is_harmless(store, rows, host):
    rows.process(host, 1, NOON - 50 * DAY, HORIZON - DAY)
    rows.process(host, 2, NOON - 50 * DAY)
    rows.sample(host, HORIZON - DAY, 10.0)
    prune(store, 10)
    tables = ("process", "cpu_hour", "cpu_sample", "command", "account", "horizon", "host_boot")
    before = [rows.ask(f"SELECT * FROM {table}") for table in tables]
    again = prune(store, 10)
    assert (again.kept_from, again.rows, again.hours) == (HORIZON, {}, 0)
    assert [rows.ask(f"SELECT * FROM {table}") for table in tables] == before


def test_an_empty_fleet_is_pruned_too(store):
    assert prune(store, 1).rows == {}


def test_the_horizon_never_moves_back(store, rows, host):
    prune(store, 10)
    rows.process(host, 1, HORIZON - 3 * DAY, HORIZON - 2 * DAY)
    pruned = prune(store, 100)
    assert pruned.kept_from == HORIZON
    assert rows.ask("SELECT kept_from FROM horizon") == [(to_text(HORIZON),)]
    assert pids(rows) == []


def test_the_horizon_is_a_whole_hour_so_that_no_hour_is_folded_in_part(store, monkeypatch):
    monkeypatch.setattr(pruning, "now_ms", lambda: NOON + 59 * MINUTE + 999)
    assert prune(store, 1).kept_from == NOON - DAY


def test_the_horizon_is_there_before_anything_goes(store, database, rows, host):
    """A prune that is cut off leaves a past that says it is unknown."""
    rows.process(host, 1, NOON - 50 * DAY, HORIZON - DAY)
    with store.session() as db:
        db.execute("ALTER TABLE gap RENAME TO gap_away")
    try:
        with pytest.raises(Exception, match="gap"):
            prune(store, 10)
    finally:
        with store.session() as db:
            db.execute("ALTER TABLE gap_away RENAME TO gap")
    assert rows.ask("SELECT kept_from FROM horizon") == [(to_text(HORIZON),)]
    assert pids(rows) == [1]


def test_before_the_horizon_everything_is_unknown_and_from_it_on_it_is_not(store, rows, host):
    rows.process(host, 1, NOON - 50 * DAY)
    rows.sample(host, HORIZON - 5 * DAY, 10.0)
    prune(store, 10)

    def blanks(at, ask=processes.processes):
        return [(u.reason, u.until) for u in asyncio.run(ask(store, Question(at))).unknown]

    assert blanks(HORIZON - 1) == [("pruned", HORIZON)]
    assert blanks(HORIZON - 5 * DAY + MINUTE, cpu.cpu) == [("pruned", HORIZON)]
    assert blanks(HORIZON) == []
    hours = asyncio.run(cpu.cpu(store, Question(HORIZON - 5 * DAY + MINUTE, since=HORIZON - 6 * DAY))).items
    assert [(item.percent, item.samples) for item in hours] == [(10.0, 1)]


def test_a_writer_that_remembers_what_was_pruned_goes_on(store, rows):
    """Its cache holds ids of texts that are gone: it looks again, and nobody notices."""
    machine = Machine(store)
    nginx = process(1, name="nginx", user="www", arguments="nginx -g")
    then = NOON - 50 * DAY

    async def talk(writer):
        first = everything(nginx)
        await writer.write(machine.arrival(then, **first), 1000)
        gone: dict[str, Any] = {
            "processes": change((nginx,), ()),
            "sessions": change(first["sessions"].rows, ()),
            "os": change((system(),), (OperatingSystem(name="Alpine"),)),
        }
        await writer.write(machine.arrival(then + MINUTE, **gone), 1000)
        pruned = await asyncio.to_thread(prune, store, 10)
        assert {"command", "program", "account", "operating_system"} <= set(pruned.rows)
        back = {"processes": whole(nginx), "sessions": first["sessions"], "os": whole(system())}
        return await writer.write(machine.arrival(NOON, **back), 1000)

    assert with_writer(store, talk).outcome == "applied"
    found = rows.ask(
        "SELECT g.name, c.arguments, a.name FROM process p JOIN command c ON c.id = p.command_id"
        " JOIN program g ON g.id = c.program_id JOIN account a ON a.id = p.account_id WHERE p.ended_at = ?",
        OPEN,
    )
    assert found == [("nginx", "nginx -g", "www")]


def test_reports_are_taken_while_it_prunes(store, rows, monkeypatch):
    """Each host changes at every report what others forget at the same time; nothing that is open may go."""
    monkeypatch.setattr(pruning, "HOSTS", 1)
    machines = [Machine(store, number) for number in range(1, 5)]
    over = threading.Event()
    failures: list[BaseException] = []

    def go_on_pruning():
        try:
            while not over.is_set():
                prune(store, 10)
        except BaseException as error:
            failures.append(error)

    async def talk(writer):
        last: dict[Machine, tuple[Process]] = {}
        for turn in range(25):
            taken = NOON - 40 * DAY + turn * MINUTE
            row = process(turn + 1, name=f"job-{turn % 3}", user=f"user-{turn % 3}")
            said = dict.fromkeys(machines, (row,))
            arrivals = [
                m.arrival(taken, processes=change(last[m], rows) if m in last else whole(*rows))
                for m, rows in said.items()
            ]
            for answer in await asyncio.gather(*(writer.write(arrival, 1000) for arrival in arrivals)):
                assert answer.outcome == "applied"
            last = said
        return

    pruner = threading.Thread(target=go_on_pruning)
    pruner.start()
    try:
        with_writer(store, talk)
    finally:
        over.set()
        pruner.join()
    assert failures == []
    assert rows.ask("SELECT pid FROM process WHERE ended_at = ?", OPEN) == [(25,)] * 4
    prune(store, 10)
    assert pids(rows) == [25] * 4


@pytest.mark.parametrize("store_kind", ["mysql"])
def test_a_text_that_is_taken_up_in_that_moment_stays(store, database, rows, host):
    """The writer's transaction names the command, and has not committed yet."""
    rows.process(host, 1, NOON - 50 * DAY, HORIZON - DAY, name="nginx")
    command, account = rows.ask("SELECT command_id, account_id FROM process")[0]
    with another(database) as writing, another(database) as watching:
        writing.begin()
        columns = ("host_id", "pid", "first_seen_at", "ended_at", "ticks", "account_id", "command_id")
        writing.insert_new("process", columns, [(host, 2, to_text(NOON), OPEN, 7, account, command)])
        pruner = threading.Thread(target=prune, args=(store, 10))
        pruner.start()
        waiting_connection(watching)
        writing.commit()
        pruner.join()
    assert pids(rows) == [2]
    assert rows.ask("SELECT name FROM program") == [("nginx",)]


def test_the_chain_goes_on_after_a_prune(store, rows):
    machine = Machine(store)
    machine.say(NOON - 50 * DAY, processes=whole(process(1)), cpu=sample())
    prune(store, 10)
    assert machine.say(NOON, processes=same(process(1))).outcome == "applied"
    assert pids(rows) == [1]
