import asyncio

from compliance.server.ingest.decide import HostGone
from compliance.server.ingest.writer import Writer
from tests.server.ingest.reporting import (
    MINUTE,
    NOON,
    Machine,
    change,
    everything,
    failed,
    outcomes,
    process,
    same,
    sample,
    session,
    whole,
    with_writer,
    write_all,
    written,
)


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


def test_two_writers_of_one_database_keep_each_hosts_chain(store, rows, open_pids):
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
    assert [open_pids(machine) for machine in machines] == [[4]] * 5
    assert rows.ask("SELECT COUNT(*) FROM process") == [(20,)]


def test_a_change_against_rows_that_another_worker_wrote_fits(store, machine, rows, open_pids):
    first = machine.arrival(processes=whole(process(1)))
    second = machine.arrival(NOON + MINUTE, processes=change((process(1),), (process(2),)))
    assert outcomes(written(store, first)) == ["applied"]
    assert outcomes(written(store, second)) == ["applied"]
    assert open_pids(machine) == [2]


def test_a_look_that_goes_on_failing_costs_no_statement_more(store, machine, rows):
    for minute in range(2):
        machine.say(NOON + minute * MINUTE, cpu=sample(), sessions=failed())
    arrival = machine.arrival(NOON + 2 * MINUTE, cpu=sample(), sessions=failed())

    async def talk(writer):
        answer = await writer.write(arrival, 1)
        return answer.outcome, store._pool._idle[-1].statements

    assert with_writer(store, talk) == ("applied", 3)
    assert rows.ask("SELECT kind, reason FROM gap") == [("sessions", "no privilege")]
