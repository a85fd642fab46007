"""A writer whose database is locked, killed, restarted or cut off from its power."""

import asyncio

import pytest

from compliance.errors import Unreachable
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.server.storage.mysql import connect as mysql_connect
from compliance.server.storage.sqlite import connect as sqlite_connect
from tests.server.ingest.reporting import (
    MINUTE,
    NOON,
    Machine,
    outcomes,
    process,
    same,
    sample,
    whole,
    with_writer,
    write_all,
    written,
)
from tests.server.ingest.trouble import another, at_first_retry, waiting_connection


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
def test_a_connection_killed_in_the_middle_is_replaced_and_nothing_is_lost(store, database, machine, rows, open_pids):
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
    assert open_pids(machine) == [7]


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
