"""What goes wrong with a MySQL server: what a person is told, and how it comes back by itself."""

import asyncio
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from compliance.errors import Refused, Unreachable, WrongUsage
from compliance.server.storage.engine import Store, open_store
from tests.mariadb import MariaDB
from tests.server.storage.fixtures import Room, with_tables


def kill_all(store: Store, url: str) -> None:
    """KILL, from another connection, of every connection that the store keeps."""
    other = open_store(url, pool_size=1)
    with other.session() as db:
        for session in store._pool._idle:
            db.execute(f"KILL {session.connection_id}")  # type: ignore[attr-defined]
    other.close()


def test_a_lost_connection_is_replaced(mysql_url: str) -> None:
    store = with_tables(open_store(mysql_url))

    async def main() -> None:
        await asyncio.gather(*(store.raw("SELECT SLEEP(0.05)") for _ in range(3)))
        assert len(store._pool._idle) >= 2
        kill_all(store, mysql_url)
        for _ in range(5):
            await store.rows(Room.insert(Room(name="after", cooled=False)))
        assert await store.rows(Room.count()) == 5

    asyncio.run(main())
    store.close()


def test_a_connection_lost_in_a_transaction_fails_it_and_the_next_one_works(mysql_url: str) -> None:
    store = with_tables(open_store(mysql_url))
    killer = open_store(mysql_url)

    async def main() -> None:
        with pytest.raises(Unreachable) as lost:
            async with store.transaction():
                await store.rows(Room.insert(Room(name="lost", cooled=False)))
                (row,) = await store.raw("SELECT CONNECTION_ID() AS id")
                await killer.raw(f"KILL {row['id']}")
                await store.rows(Room.insert(Room(name="lost too", cooled=False)))
        assert store.dialect.is_disconnect(lost.value)
        assert not store.dialect.is_retryable(lost.value)
        async with store.transaction():
            await store.rows(Room.insert(Room(name="kept", cooled=False)))
        assert await store.rows(Room.select(Room.name)) == [{"name": "kept"}]

    asyncio.run(main())
    killer.close()
    store.close()


def test_a_server_that_went_down_is_told_and_found_again(own_mariadb: MariaDB) -> None:
    store = with_tables(open_store(own_mariadb.url("fleet")))
    asyncio.run(store.ready())
    own_mariadb.kill()
    with pytest.raises(Unreachable, match="Cannot reach the database at 127.0.0.1") as down:
        asyncio.run(store.ready())
    assert store.dialect.is_disconnect(down.value)
    with pytest.raises(Unreachable), store.session():
        pytest.fail("lent a connection to a dead server")
    own_mariadb.start()
    asyncio.run(store.ready())
    store.close()


def test_a_read_only_server_is_told_and_its_connections_are_dropped(own_mariadb: MariaDB) -> None:
    """As after a failover: the old primary answers reads, and refuses writes to anybody but an administrator."""
    root = with_tables(open_store(own_mariadb.url("fleet")))
    with root.session() as db:
        db.execute("CREATE USER app@'127.0.0.1' IDENTIFIED BY 'pw'")
        db.execute("GRANT ALL ON fleet.* TO app@'127.0.0.1'")
        db.execute("SET GLOBAL read_only = 1")
    store = open_store(f"mysql://app:pw@127.0.0.1:{own_mariadb.port}/fleet")

    async def fill_pool() -> None:
        await asyncio.gather(*(store.raw("SELECT SLEEP(0.05)") for _ in range(3)))

    asyncio.run(fill_pool())
    assert len(store._pool._idle) >= 2
    with pytest.raises(Unreachable, match="takes no writes now") as refusal:
        asyncio.run(store.ready())
    assert store.dialect.is_disconnect(refusal.value)
    assert store._pool._idle == []
    with root.session() as db:
        db.execute("SET GLOBAL read_only = 0")
    asyncio.run(store.ready())
    root.close()
    store.close()


def test_settings_of_the_server_do_not_change_how_a_session_behaves(own_mariadb: MariaDB) -> None:
    with open_store(own_mariadb.url("fleet")).session() as db:
        db.execute("SET GLOBAL sql_mode = 'NO_ZERO_DATE,NO_BACKSLASH_ESCAPES,NO_ZERO_IN_DATE'")
        db.execute("SET GLOBAL time_zone = '+05:00'")
        db.execute("SET GLOBAL tx_isolation = 'SERIALIZABLE'")
        db.execute("SET GLOBAL autocommit = 0")
    for mode in (None, "''", "'NO_BACKSLASH_ESCAPES'"):
        if mode:
            with open_store(own_mariadb.url("fleet")).session() as db:
                db.execute(f"SET GLOBAL sql_mode = {mode}")
        store = with_tables(open_store(own_mariadb.url("fleet")))
        with store.session() as db:
            ((modes, zone, level, auto),) = db.query("SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@autocommit")
            assert {"STRICT_TRANS_TABLES", "ANSI_QUOTES", "PIPES_AS_CONCAT"} <= set(modes.split(","))
            assert ("NO_ZERO_DATE" in modes) == (mode is None)
            assert (zone, level, auto) == ("+00:00", "READ-COMMITTED", 1)
            db.insert_new("room", ("name", "cooled"), [("it's a \\ b", 1)])
            assert db.query("SELECT name FROM room WHERE name = ?", ["it's a \\ b"]) == [("it's a \\ b",)]
            db.execute("DELETE FROM room")
        store.close()


def test_a_deadlock_may_be_tried_again(mysql_url: str) -> None:
    store = with_tables(open_store(mysql_url))
    errors: list[BaseException] = []
    with store.session() as db:
        db.insert_new("room", ("room_id", "name", "cooled"), [(1, "a", 0), (2, "b", 0)])
    both = threading.Barrier(2)

    def lock(first: int, second: int) -> None:
        try:
            with store.session() as db:
                db.begin()
                db.execute("UPDATE room SET cooled = 1 WHERE room_id = ?", [first])
                both.wait()
                db.execute("UPDATE room SET cooled = 1 WHERE room_id = ?", [second])
                db.commit()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (error,) = errors
    assert store.dialect.is_retryable(error)
    assert isinstance(store.dialect.trouble(error), Unreachable)
    store.close()


def test_a_wrong_password_is_told_without_it(own_mariadb: MariaDB) -> None:
    for password in ("hunter2", "pässwörd€"):
        with pytest.raises(Refused, match="refused 'root': check the URL") as refusal:
            open_store(f"mysql://root:{quote(password)}@127.0.0.1:{own_mariadb.port}/fleet")
        assert password not in f"{refusal.value}{refusal.value.__cause__}"


def test_a_password_may_hold_any_character(own_mariadb: MariaDB) -> None:
    password = "p:/@#%é€ '\"\\"
    root = open_store(own_mariadb.url("fleet"))
    with root.session() as db:
        db.execute("CREATE USER ana@'127.0.0.1' IDENTIFIED BY ?", [password])
        db.execute("GRANT ALL ON fleet.* TO ana@'127.0.0.1'")
    root.close()
    store = open_store(f"mysql://ana:{quote(password, safe='')}@127.0.0.1:{own_mariadb.port}/fleet")
    assert password not in repr(store.url) + str(store.url)
    store.close()


def test_a_database_that_is_missing_is_made_with_our_character_set(own_mariadb: MariaDB) -> None:
    store = open_store(own_mariadb.url("new%20fleet-1"))
    with store.session() as db:
        assert db.query("SELECT DATABASE(), @@character_set_database, @@collation_database") == [
            ("new fleet-1", "utf8mb4", "utf8mb4_bin")
        ]
    store.close()


def test_a_user_who_may_not_make_the_database_is_told_the_line_to_run(own_mariadb: MariaDB) -> None:
    root = open_store(own_mariadb.url("fleet"))
    with root.session() as db:
        db.execute("CREATE USER app@'127.0.0.1' IDENTIFIED BY 'hunter2'")
    with pytest.raises(Refused) as refusal:
        open_store(f"mysql://app:hunter2@127.0.0.1:{own_mariadb.port}/wanted")
    line = str(refusal.value).partition("run: ")[2]
    assert "CREATE DATABASE `wanted` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" in line
    assert "hunter2" not in str(refusal.value)
    with root.session() as db:
        for statement in filter(None, line.replace("'app'", "app@'127.0.0.1'").split(";")):
            db.execute(statement.strip())
    open_store(f"mysql://app:hunter2@127.0.0.1:{own_mariadb.port}/wanted").close()
    root.close()


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="Cannot reach the database at 127.0.0.1:1/fleet"):
        open_store("mysql://ana:hunter2@127.0.0.1:1/fleet")


def test_certificate_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="missing.pem"):
        open_store(f"mysql://ana:hunter2@127.0.0.1:1/fleet?ssl-ca={tmp_path}/missing.pem")
