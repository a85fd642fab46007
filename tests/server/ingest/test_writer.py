import asyncio
import logging

import pytest

from compliance.errors import Broken, Unreachable
from compliance.server.ingest import writer as writers
from compliance.server.ingest.apply import Arrival, apply
from compliance.server.ingest.writer import Busy, Poisoned, Writer
from tests.server.ingest.reporting import (
    MINUTE,
    NOON,
    Machine,
    outcomes,
    process,
    report,
    same,
    sample,
    whole,
    with_writer,
    write_all,
    written,
)
from tests.server.ingest.trouble import REFUSED_PID, another, refusing_a_pid


@pytest.fixture
def batches(monkeypatch):
    """How many reports each transaction took, as the writer makes them."""
    sizes = []

    def counting(db, for_update, dictionary, batch):
        sizes.append(len(batch))
        return apply(db, for_update, dictionary, batch)

    monkeypatch.setattr(writers, "apply", counting)
    return sizes


def test_what_was_answered_is_committed(store, database, machine):
    async def talk(writer):
        await writer.write(machine.arrival(processes=whole(process(7))), 1000)
        with another(database) as db:
            return db.query("SELECT pid FROM process")

    assert with_writer(store, talk) == [(7,)]


def test_reports_that_wait_go_in_one_transaction(store, batches):
    machines = [Machine(store, number) for number in range(1, 6)]
    answers = written(store, *(machine.arrival(processes=whole(process())) for machine in machines))
    assert outcomes(answers) == ["applied"] * 5
    assert batches == [5]


def test_a_hosts_reports_go_one_a_transaction_and_in_order(store, machine, batches, rows, open_pids):
    other = Machine(store, 2)
    chain = [machine.arrival(NOON + n * MINUTE, processes=whole(process(n + 1))) for n in range(3)]
    answers = written(store, chain[0], chain[1], other.arrival(cpu=sample()), chain[2])
    assert outcomes(answers) == ["applied"] * 4
    assert [answer.last for answer in answers[:2]] == [arrival.report.id for arrival in chain[:2]]
    assert batches == [2, 1, 1]
    assert open_pids(machine) == [3]


@pytest.mark.parametrize(("name", "most"), [("MAX_REPORTS", 2), ("MAX_ROWS", 4), ("MAX_BYTES", 2000)])
def test_a_transaction_is_bounded_in_reports_rows_and_bytes(store, batches, monkeypatch, name, most):
    monkeypatch.setattr(writers, name, most)
    machines = [Machine(store, number) for number in range(1, 6)]
    answers = written(store, *(machine.arrival(processes=whole(process(1), process(2))) for machine in machines))
    assert outcomes(answers) == ["applied"] * 5
    assert batches == [2, 2, 1]


def test_a_full_queue_is_busy_at_once_and_takes_as_much_again_when_it_was_emptied(store):
    machines = [Machine(store, number) for number in range(1, 5)]

    async def main():
        writer = Writer(store, queue_bytes=2500)
        writer.start()
        first = await write_all(writer, *(machine.arrival(cpu=sample()) for machine in machines))
        later = [Arrival(machine.host_id, report(cpu=sample()), NOON) for machine in machines[2:]]
        second = await write_all(writer, *later)
        await writer.stop()
        return first, second

    first, second = asyncio.run(main())
    assert outcomes(first[:2]) == ["applied", "applied"]
    assert [type(answer) for answer in first[2:]] == [Busy, Busy]
    assert "send it again" in str(first[2])
    assert outcomes(second) == ["applied", "applied"]


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


def test_stopping_writes_what_is_queued_and_takes_no_more(store, machine, rows, open_pids):
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
    assert open_pids(machine) == [3]
