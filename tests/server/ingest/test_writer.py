import asyncio
import logging

import pytest

from compliance.errors import Broken, Unreachable
from compliance.server.ingest import writer as writers
from compliance.server.ingest.apply import Arrival, apply
from compliance.server.ingest.decide import HostGone
from compliance.server.ingest.writer import Busy, Poisoned, Writer
from compliance.server.storage.clock import OPEN
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.server.storage.mysql import connect as mysql_connect
from compliance.server.storage.sqlite import connect as sqlite_connect
from tests.server.ingest.reporting import (
    MINUTE,
    NOON,
    Machine,
    change,
    everything,
    failed,
    process,
    report,
    same,
    sample,
    session,
    whole,
    with_writer,
    write_all,
    written,
)
from tests.server.ingest.trouble import REFUSED_PID, another, at_first_retry, refusing_a_pid, waiting_connection


@pytest.fixture
def batches(monkeypatch):
    """How many reports each transaction took, as the writer makes them."""
    sizes = []

    def counting(db, for_update, dictionary, batch):
        sizes.append(len(batch))
        return apply(db, for_update, dictionary, batch)

    monkeypatch.setattr(writers, "apply", counting)
    return sizes


def outcomes(answers):
    return [getattr(answer, "outcome", answer) for answer in answers]


def open_pids(rows, machine):
    sql = "SELECT pid FROM process WHERE host_id = ? AND ended_at = ? ORDER BY pid"
    return [pid for (pid,) in rows.ask(sql, machine.host_id, OPEN)]


def test_what_was_answered_is_committed(store, database, machine):
    async def talk(writer):
        await writer.write(machine.arrival(processes=whole(process(7))), 1000)
        with another(database) as db:
            return db.query("SELECT pid FROM process")

    assert with_writer(store, talk) == [(7,)]


def test_what_was_answered_survives_a_power_cut(own_mariadb):
    store = open_store(own_mariadb.url("fleet"))
    migrate(store, MIGRATIONS)
    machine = Machine(store)

    async def talk(writer):
        await writer.write(machine.arrival(processes=whole(process(7))), 1000)
        own_mariadb.kill()
        own_mariadb.start()
        again = await writer.write(machine.arrival(NOON + MINUTE, processes=same(process(7))), 1000)
        with store.session() as db:
            return again.outcome, db.query("SELECT pid FROM process")

    assert with_writer(store, talk) == ("applied", [(7,)])
    store.close()


def test_reports_that_wait_go_in_one_transaction(store, batches):
    machines = [Machine(store, number) for number in range(1, 6)]
    answers = written(store, *(machine.arrival(processes=whole(process())) for machine in machines))
    assert outcomes(answers) == ["applied"] * 5
    assert batches == [5]


def test_a_hosts_reports_go_one_a_transaction_and_in_order(store, machine, batches, rows):
    other = Machine(store, 2)
    chain = [machine.arrival(NOON + n * MINUTE, processes=whole(process(n + 1))) for n in range(3)]
    answers = written(store, chain[0], chain[1], other.arrival(cpu=sample()), chain[2])
    assert outcomes(answers) == ["applied"] * 4
    assert [answer.last for answer in answers[:2]] == [arrival.report.id for arrival in chain[:2]]
    assert batches == [2, 1, 1]
    assert open_pids(rows, machine) == [3]


@pytest.mark.parametrize(("name", "most"), [("MAX_REPORTS", 2), ("MAX_ROWS", 4), ("MAX_BYTES", 2000)])
def test_a_transaction_is_bounded_in_reports_rows_and_bytes(store, batches, monkeypatch, name, most):
    monkeypatch.setattr(writers, name, most)
    machines = [Machine(store, number) for number in range(1, 6)]
    answers = written(store, *(machine.arrival(processes=whole(process(1), process(2))) for machine in machines))
    assert outcomes(answers) == ["applied"] * 5
    assert batches == [2, 2, 1]


def test_a_full_queue_is_busy_at_once_and_takes_more_when_it_was_emptied(store):
    machines = [Machine(store, number) for number in range(1, 5)]

    async def main():
        writer = Writer(store, queue_bytes=2500)
        writer.start()
        first = await write_all(writer, *(machine.arrival(cpu=sample()) for machine in machines))
        later = await writer.write(Arrival(machines[3].host_id, report(cpu=sample()), NOON), 2500)
        await writer.stop()
        return first, later

    first, later = asyncio.run(main())
    assert outcomes(first[:2]) == ["applied", "applied"]
    assert [type(answer) for answer in first[2:]] == [Busy, Busy]
    assert "send it again" in str(first[2])
    assert later.outcome == "applied"


def test_a_report_larger_than_the_queue_is_taken_alone(store, machine):
    async def main():
        writer = Writer(store, queue_bytes=10)
        writer.start()
        answers = await write_all(writer, machine.arrival(cpu=sample()))
        await writer.stop()
        return answers

    assert outcomes(asyncio.run(main())) == ["applied"]


def test_a_cancelled_request_is_no_error_of_the_writers(store, machine, caplog):
    other = Machine(store, 2)

    async def talk(writer):
        gone = asyncio.create_task(writer.write(machine.arrival(processes=whole(process())), 1000))
        stays = asyncio.create_task(writer.write(other.arrival(cpu=sample()), 1000))
        await asyncio.sleep(0)
        gone.cancel()
        first = await stays
        second = await writer.write(machine.arrival(NOON + MINUTE, processes=same(process())), 1000)
        return gone.cancelled(), outcomes([first, second]), writer.alive

    assert with_writer(store, talk) == (True, ["applied", "applied"], True)
    assert caplog.records == []


def test_a_poisoned_report_is_refused_alone_and_the_others_are_kept(store, rows, caplog):
    machines = [Machine(store, number) for number in range(1, 10)]
    poison = {5: [process(REFUSED_PID, name="p4ssw0rd")]}
    arrivals = [
        machine.arrival(processes=whole(process(number), *poison.get(number, ())))
        for number, machine in enumerate(machines, 1)
    ]
    with refusing_a_pid(store):
        answers = written(store, *arrivals)
    assert isinstance(answers[4], Poisoned)
    assert outcomes(answers[:4] + answers[5:]) == ["applied"] * 8
    kept = rows.ask("SELECT host_id, pid FROM process ORDER BY pid")
    assert kept == [(machine.host_id, number) for number, machine in enumerate(machines, 1) if number != 5]
    assert rows.ask("SELECT report_id FROM host_contact WHERE host_id = ?", machines[4].host_id) == [(None,)]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert arrivals[4].report.id in line
    assert "p4ssw0rd" not in caplog.text


def test_the_host_of_a_poisoned_report_goes_on_with_its_next_one(store, machine):
    with refusing_a_pid(store):
        (refused,) = written(store, Arrival(machine.host_id, report(processes=whole(process(REFUSED_PID))), NOON))
        assert isinstance(refused, Poisoned)
        assert machine.say(processes=whole(process(1))).outcome == "applied"


def test_a_store_in_trouble_fails_everybody_with_its_sentence_and_nobody_is_to_blame(store, database, monkeypatch):
    machines = [Machine(store, 1), Machine(store, 2)]
    with store.session() as db:
        db.execute("ALTER TABLE cpu_sample RENAME TO cpu_sample_away")
    try:
        answers = written(store, *(machine.arrival(cpu=sample()) for machine in machines))
    finally:
        with store.session() as db:
            db.execute("ALTER TABLE cpu_sample_away RENAME TO cpu_sample")
    assert [type(answer) for answer in answers] == [Broken, Broken]
    assert "lacks a table" in str(answers[0])


class Tripping:
    """The store, but so often as told it fails in a place where no failure of a database is."""

    def __init__(self, store, times):
        self._store, self.times = store, times

    def __getattr__(self, name):
        if name == "dialect" and self.times:
            self.times -= 1
            raise RuntimeError("tripped")
        return getattr(self._store, name)


def test_a_writer_that_died_fails_what_it_held_and_says_so_until_it_starts_again(store, caplog, monkeypatch):
    monkeypatch.setattr(writers, "RESTART_SECONDS", 3600.0)
    machines = [Machine(store, 1), Machine(store, 2)]

    async def main():
        writer = Writer(Tripping(store, times=2))  # type: ignore[arg-type]
        alive = [writer.alive]
        writer.start()
        alive.append(writer.alive)
        failures = await write_all(writer, *(machine.arrival(cpu=sample()) for machine in machines))
        alive.append(writer.alive)
        await writer.stop()
        return failures, [*alive, writer.alive]

    failures, alive = asyncio.run(main())
    assert [type(failure) for failure in failures] == [Unreachable, Unreachable]
    assert "send it again" in str(failures[0])
    assert alive == [False, True, False, False]
    assert "the writer failed and starts again" in caplog.text


def test_a_writer_that_started_again_writes(store, machine, monkeypatch):
    monkeypatch.setattr(writers, "RESTART_SECONDS", 0.0)

    async def main():
        writer = Writer(Tripping(store, times=2))  # type: ignore[arg-type]
        writer.start()
        (failure,) = await write_all(writer, Arrival(machine.host_id, report(cpu=sample()), NOON))
        (answer,) = await write_all(writer, machine.arrival(cpu=sample()))
        alive = writer.alive
        await writer.stop()
        return type(failure), outcomes([answer]), alive

    assert asyncio.run(main()) == (Unreachable, ["applied"], True)


def test_a_writer_that_fails_while_it_stops_leaves_nobody_waiting(store):
    machines = [Machine(store, number) for number in range(1, 4)]

    async def main():
        writer = Writer(Tripping(store, times=100))  # type: ignore[arg-type]
        writer.start()
        asked = [
            asyncio.create_task(writer.write(Arrival(machine.host_id, report(cpu=sample()), NOON), 1000))
            for machine in [*machines, *machines]
        ]
        await asyncio.sleep(0)
        await writer.stop()
        return await asyncio.gather(*asked, return_exceptions=True)

    assert all(isinstance(answer, Unreachable) for answer in asyncio.run(main()))


def test_a_writer_whose_task_was_ended_answers_everybody_and_takes_nothing_more(store, machine):
    async def main():
        writer = Writer(store)
        writer.start()
        await asyncio.sleep(0)
        waiting = asyncio.create_task(writer.write(machine.arrival(cpu=sample()), 1000))
        writer._task.cancel()  # type: ignore[union-attr]
        held = await asyncio.gather(waiting, return_exceptions=True)
        later = await write_all(writer, machine.arrival(cpu=sample()))
        await writer.stop()
        return [*held, *later]

    assert [type(answer) for answer in asyncio.run(main())] == [Busy, Busy]


def test_stopping_writes_what_is_queued_and_takes_no_more(store, machine, rows):
    chain = [machine.arrival(NOON + n * MINUTE, processes=whole(process(n + 1))) for n in range(3)]

    async def main():
        writer = Writer(store)
        writer.start()
        asked = [asyncio.create_task(writer.write(arrival, 1000)) for arrival in chain]
        await asyncio.sleep(0)
        await writer.stop()
        with pytest.raises(Busy, match="stopping"):
            await writer.write(machine.arrival(), 1000)
        return outcomes([task.result() for task in asked])

    assert asyncio.run(main()) == ["applied"] * 3
    assert open_pids(rows, machine) == [3]


def test_an_unchanged_report_takes_three_statements_and_touches_no_process_or_session(store, machine, rows):
    rows_there = (process(1), process(2, name="nginx"))
    tables = ("process", "session", "command", "program", "account", "host_fact", "host_boot", "host_address", "gap")

    def contents():
        return [sorted(map(repr, rows.ask(f"SELECT * FROM {table}"))) for table in tables]

    async def talk(writer):
        await writer.write(machine.arrival(**everything(*rows_there)), 1000)
        before = contents()
        unchanged = {"cpu": sample(), "processes": same(*rows_there), "sessions": same(session())}
        answer = await writer.write(machine.arrival(NOON + MINUTE, **unchanged), 1000)
        return answer.outcome, store._pool._idle[-1].statements, before

    outcome, statements, before = with_writer(store, talk)
    assert (outcome, statements) == ("applied", 3)
    assert contents() == before


def test_a_look_that_goes_on_failing_costs_no_statement_more(store, machine, rows):
    for minute in range(2):
        machine.say(NOON + minute * MINUTE, cpu=sample(), sessions=failed())
    arrival = machine.arrival(NOON + 2 * MINUTE, cpu=sample(), sessions=failed())

    async def talk(writer):
        answer = await writer.write(arrival, 1)
        return answer.outcome, store._pool._idle[-1].statements

    assert with_writer(store, talk) == ("applied", 3)
    assert rows.ask("SELECT kind, reason FROM gap") == [("sessions", "no privilege")]


def test_as_many_unchanged_reports_take_no_more_statements(store):
    machines = [Machine(store, number) for number in range(1, 21)]

    async def talk(writer):
        await write_all(writer, *(machine.arrival(**everything(process())) for machine in machines))
        later = [machine.arrival(NOON + MINUTE, cpu=sample(), processes=same(process())) for machine in machines]
        answers = await write_all(writer, *later)
        return outcomes(answers), store._pool._idle[-1].statements

    assert with_writer(store, talk) == (["applied"] * 20, 3)


def test_ids_that_vanished_behind_the_cache_are_looked_up_again(store, machine, rows):
    async def talk(writer):
        await writer.write(machine.arrival(**everything(process(1, name="nginx", user="www"))), 1000)
        gone = {"processes": whole(), "sessions": whole(), "os": whole(everything()["os"].rows[0])}
        await writer.write(machine.arrival(NOON + MINUTE, **gone), 1000)
        with store.session() as db:
            for table in ("process", "session", "host_os", "command", "program", "account", "operating_system"):
                db.execute(f"DELETE FROM {table}")
        again = everything(process(1, name="nginx", user="www"))
        return await writer.write(machine.arrival(NOON + 2 * MINUTE, **again), 1000)

    assert with_writer(store, talk).outcome == "applied"
    found = rows.ask(
        "SELECT p.pid, g.name, a.name FROM process p JOIN command c ON c.id = p.command_id"
        " JOIN program g ON g.id = c.program_id JOIN account a ON a.id = p.account_id"
    )
    assert found == [(1, "nginx", "www")]


def test_a_host_whose_rows_are_gone_is_told_apart_and_costs_nobody_else(store, machine, rows):
    gone = Machine(store, 2)
    with store.session() as db:
        for table in ("host_token", "host_contact", "host"):
            column = "id" if table == "host" else "host_id"
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", [gone.host_id])
    answers = written(store, gone.arrival(cpu=sample()), machine.arrival(cpu=sample()))
    assert answers[0] == HostGone()
    assert answers[1].outcome == "applied"


def test_a_lock_that_others_hold_too_long_is_waited_for_again(store, store_kind, database, machine, monkeypatch):
    monkeypatch.setattr(sqlite_connect, "BUSY_SECONDS", 0.05)
    shorter = tuple(line.replace(f"= {mysql_connect.LOCK_SECONDS}", "= 1") for line in mysql_connect._SETTINGS)
    assert shorter != mysql_connect._SETTINGS
    monkeypatch.setattr(mysql_connect, "_SETTINGS", shorter)
    hasty = open_store(database)
    with another(database) as other:
        other.begin()
        other.execute("UPDATE host_contact SET skew_ms = 9 WHERE host_id = ?", [machine.host_id])
        with at_first_retry(other.commit) as retries:
            (answer,) = written(hasty, machine.arrival(cpu=sample()))
    hasty.close()
    assert answer.outcome == "applied"
    assert len(retries) == 1


@pytest.mark.parametrize("store_kind", ["mysql"])
def test_a_deadlock_is_tried_again_from_the_start(store, database, rows):
    first, second = Machine(store, 1), Machine(store, 2)

    def deadlocks():
        return int(rows.ask("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0][1])

    before = deadlocks()

    async def talk(writer):
        with another(database) as other, another(database) as watching:
            other.begin()
            # The heavier transaction wins: ours has changed nothing yet when both wait.
            other.insert_new("account", ("digest", "name"), [(bytes([n]) * 16, "heavy") for n in range(200)])
            other.execute("UPDATE host_contact SET skew_ms = 9 WHERE host_id = ?", [second.host_id])
            both = (machine.arrival(processes=whole(process())) for machine in (first, second))
            asked = asyncio.create_task(write_all(writer, *both))
            await asyncio.to_thread(waiting_connection, watching)
            await asyncio.to_thread(
                other.execute, "UPDATE host_contact SET skew_ms = 9 WHERE host_id = ?", [first.host_id]
            )
            other.rollback()
            return await asked

    with at_first_retry(lambda: None) as retries:
        answers = with_writer(store, talk)
    assert outcomes(answers) == ["applied", "applied"]
    assert deadlocks() == before + 1
    assert "1213" in retries[0]
    assert rows.ask("SELECT COUNT(*) FROM process") == [(2,)]


@pytest.mark.parametrize("store_kind", ["mysql"])
def test_a_connection_killed_in_the_middle_is_replaced_and_nothing_is_lost(store, database, machine, rows):
    async def talk(writer):
        with another(database) as other, another(database) as killer:
            other.begin()
            other.execute("UPDATE host_contact SET skew_ms = 9 WHERE host_id = ?", [machine.host_id])
            asked = asyncio.create_task(writer.write(machine.arrival(processes=whole(process(7))), 1000))
            killer.execute(f"KILL {await asyncio.to_thread(waiting_connection, killer)}")
            other.rollback()
            return await asked

    with at_first_retry(lambda: None) as retries:
        assert with_writer(store, talk).outcome == "applied"
    assert len(retries) == 1
    assert open_pids(rows, machine) == [7]


def test_a_server_that_is_down_is_told_and_found_again(own_mariadb):
    store = open_store(own_mariadb.url("fleet"))
    migrate(store, MIGRATIONS)
    machine = Machine(store)
    arrival = machine.arrival(processes=whole(process()))

    async def talk(writer):
        own_mariadb.stop()
        (down,) = await write_all(writer, arrival)
        own_mariadb.start()
        (up,) = await write_all(writer, arrival)
        return down, up, writer.alive

    down, up, alive = with_writer(store, talk)
    assert isinstance(down, Unreachable)
    assert "Cannot reach the database" in str(down)
    assert (up.outcome, alive) == ("applied", True)
    store.close()


def test_two_writers_of_one_database_keep_each_hosts_chain(store, rows):
    """As two worker processes do: each has a queue, a cache and a connection of its own."""
    machines = [Machine(store, number) for number in range(1, 6)]
    chains = [[m.arrival(NOON + n * MINUTE, processes=whole(process(n + 1))) for n in range(4)] for m in machines]

    async def main():
        pair = [Writer(store), Writer(store)]
        for writer in pair:
            writer.start()
        answers = []
        for step in zip(*chains, strict=True):
            # Both get every report: one applies it, for the other it is a repeat.
            both = await asyncio.gather(*(write_all(writer, *step) for writer in pair))
            answers += [sorted(outcomes(twins)) for twins in zip(*both, strict=True)]
        for writer in pair:
            await writer.stop()
        return answers

    assert asyncio.run(main()) == [["applied", "repeat"]] * 20
    assert [open_pids(rows, machine) for machine in machines] == [[4]] * 5
    assert rows.ask("SELECT COUNT(*) FROM process") == [(20,)]


def test_a_change_against_rows_that_another_worker_wrote_fits(store, machine, rows):
    first = machine.arrival(processes=whole(process(1)))
    second = machine.arrival(NOON + MINUTE, processes=change((process(1),), (process(2),)))
    assert outcomes(written(store, first)) == ["applied"]
    assert outcomes(written(store, second)) == ["applied"]
    assert open_pids(rows, machine) == [2]
