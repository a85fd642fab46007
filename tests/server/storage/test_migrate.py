import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from compliance.errors import Broken, ComplianceError, Refused, Unreachable
from compliance.server.storage import migrate as runner
from compliance.server.storage.engine import Store, open_store
from compliance.server.storage.migrate import check_schema, migrate, pending
from compliance.server.storage.migration import Migration
from compliance.server.storage.pool import Session

FIRST = Migration(
    1,
    "rooms",
    (
        "CREATE TABLE IF NOT EXISTS room (room_id {id}, name {text:40} NOT NULL) {table_options}",
        "CREATE TABLE IF NOT EXISTS rack (rack_id {id}, room {ref} NOT NULL) {table_options}",
        "{index:room_name ON room (name)|a room by its name}",
    ),
)
SECOND = Migration(
    2,
    "rooms have a floor",
    (
        "ALTER TABLE room ADD COLUMN floor {i64} NOT NULL DEFAULT 0",
        "UPDATE room SET floor = 1 WHERE name LIKE '1%'",
        "CREATE INDEX room_floor ON room (floor) {comment:rooms of a floor}",
    ),
)
THIRD = Migration(
    3,
    "machines",
    (
        "CREATE TABLE IF NOT EXISTS machine (machine_id {id}, room {ref} NOT NULL,"
        " FOREIGN KEY (room) REFERENCES room (room_id)) {table_options}",
    ),
)
ALL = (FIRST, SECOND, THIRD)
STEPS = sum(len(migration.statements) for migration in ALL)


def schema(store: Store) -> list[tuple[object, ...]]:
    """Every column and index of our own tables."""
    with store.session() as db:
        if store.dialect.name == "sqlite":
            rows = db.query("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name")
            return [(name, re.sub(r"\s+", " ", sql)) for name, sql in rows]
        columns = db.query(
            "SELECT table_name, column_name, column_type, collation_name, is_nullable FROM information_schema.columns"
            " WHERE table_schema = DATABASE() ORDER BY 1, 2"
        )
        indexes = db.query(
            "SELECT table_name, index_name, seq_in_index, column_name, index_comment FROM information_schema.statistics"
            " WHERE table_schema = DATABASE() ORDER BY 1, 2, 3"
        )
        return columns + indexes


def records(store: Store) -> list[tuple[int, int, str]]:
    with store.session() as db:
        return db.query("SELECT number, step, name FROM migration ORDER BY number, step")


EXPECTED = [(m.number, step, m.name) for m in ALL for step in range(1, len(m.statements) + 1)]


@contextmanager
def another(url: str) -> Iterator[Store]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def expected(store_kind: str, request: pytest.FixtureRequest) -> list[tuple[object, ...]]:
    """The schema of a database that was migrated in one go; made once for each kind."""
    if store_kind not in _EXPECTED:
        url = request.getfixturevalue("database_url")
        with another(url) as store:
            migrate(store, ALL)
            _EXPECTED[store_kind] = schema(store)
            with store.session() as db:
                for table in ("machine", "rack", "room", "migration", "migration_lease"):
                    db.execute(f"DROP TABLE {table}")
    return _EXPECTED[store_kind]


_EXPECTED: dict[str, list[tuple[object, ...]]] = {}


def test_an_empty_database_gets_every_migration_and_each_step_is_recorded(empty_store: Store) -> None:
    assert pending(empty_store, ALL) == ["rooms", "rooms have a floor", "machines"]
    assert migrate(empty_store, ALL) == ["rooms", "rooms have a floor", "machines"]
    assert records(empty_store) == EXPECTED
    assert pending(empty_store, ALL) == []


def test_migrating_again_does_nothing(empty_store: Store) -> None:
    migrate(empty_store, ALL)
    before = schema(empty_store)
    assert migrate(empty_store, ALL) == []
    assert schema(empty_store) == before


@pytest.mark.parametrize("version", [1, 2])
def test_every_earlier_version_arrives_at_the_same_schema(
    version: int, expected: list[tuple[object, ...]], empty_store: Store
) -> None:
    migrate(empty_store, ALL[:version])
    with empty_store.session() as db:
        db.insert_new("room", ("name",), [("101",), ("201",)])
    assert migrate(empty_store, ALL) == [migration.name for migration in ALL[version:]]
    assert schema(empty_store) == expected
    if version == 1:
        with empty_store.session() as db:
            assert db.query("SELECT name, floor FROM room ORDER BY name") == [("101", 1), ("201", 0)]


class CutOff(BaseException):
    """As a kill would end it: nothing of ours handles it."""


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("after", range(STEPS))
def test_a_run_cut_off_after_any_step_goes_on_from_there(
    after: int,
    recorded: bool,
    expected: list[tuple[object, ...]],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off behind the statement, before its record; and behind both."""
    run, books = runner._run, list(runner._BOOKS)
    count = 0

    def cut_off(store: Store, db: Session, statement: str) -> None:
        nonlocal count
        if statement in books:
            return run(store, db, statement)
        if recorded and count == after:
            raise CutOff
        run(store, db, statement)
        count += 1
        if not recorded and count == after + 1:
            raise CutOff

    with another(database_url) as store:
        monkeypatch.setattr(runner, "_run", cut_off)
        with pytest.raises(CutOff):
            migrate(store, ALL)
        monkeypatch.setattr(runner, "_run", run)
        assert records(store) == EXPECTED[:after]
    with another(database_url) as store:
        migrate(store, ALL)
        assert records(store) == EXPECTED
        assert schema(store) == expected


def test_a_migrating_server_that_was_killed_loses_its_lease(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LEASE_SECONDS", 1)
    with another(database_url) as store:
        migrate(store, [FIRST])
        with store.session() as db:
            assert runner._Lease(store).take(db)
        with pytest.raises(Unreachable, match="has been migrating this database for over 0.3 s"):
            migrate(store, ALL, wait=0.3)
        assert migrate(store, ALL, wait=10) == ["rooms have a floor", "machines"]


def test_the_lease_is_kept_while_a_statement_takes_longer_than_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LEASE_SECONDS", 1)
    run = runner._run
    started = threading.Event()

    def slowly(store: Store, db: Session, statement: str) -> None:
        if statement == FIRST.statements[0]:
            started.set()
            time.sleep(2.5)
        run(store, db, statement)

    monkeypatch.setattr(runner, "_run", slowly)
    found: list[list[str]] = []
    with another(database_url) as one, another(database_url) as two:
        thread = threading.Thread(target=lambda: found.append(migrate(one, [FIRST])))
        thread.start()
        started.wait(10)
        begun = time.monotonic()
        assert migrate(two, [FIRST], wait=30) == []
        assert time.monotonic() - begun > 1.5
        thread.join()
    assert found == [["rooms"]]


def test_a_server_that_lost_its_lease_stops(empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runner._run

    def stolen(store: Store, db: Session, statement: str) -> None:
        run(store, db, statement)
        if statement == FIRST.statements[1]:
            db.execute("UPDATE migration_lease SET holder = 'another'")

    monkeypatch.setattr(runner, "_run", stolen)
    with pytest.raises(Broken, match="Another server took over"):
        migrate(empty_store, ALL)
    assert records(empty_store) == EXPECTED[:2]


def test_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    stores = [open_store(database_url) for _ in range(4)]
    found: list[list[str] | BaseException] = []
    together = threading.Barrier(len(stores))

    def start(store: Store) -> None:
        together.wait()
        try:
            found.append(migrate(store, ALL))
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=start, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == sorted(map(str, [[m.name for m in ALL], [], [], []]))
    assert records(stores[0]) == EXPECTED
    for store in stores:
        store.close()


def test_a_newer_database_is_refused(empty_store: Store) -> None:
    migrate(empty_store, ALL)
    with pytest.raises(Refused, match=r"newer compliance \(schema 3; this one knows 1\): upgrade this server"):
        migrate(empty_store, [FIRST])
    with pytest.raises(Refused):
        check_schema(empty_store, [])
    check_schema(empty_store, ALL)


def test_a_database_of_another_kind_of_history_is_no_newer_one(empty_store: Store) -> None:
    check_schema(empty_store, [])
    check_schema(empty_store, ALL)


def test_a_statement_that_is_wrong_stops_there_and_is_told(empty_store: Store) -> None:
    wrong = Migration(2, "wrong", ("CREATE TABLE fine (fine_id {id}) {table_options}", "CREATE TABEL oops (a {u8})"))
    with pytest.raises(ComplianceError, match="(?i)refused a statement.*syntax"):
        migrate(empty_store, [FIRST, wrong])
    assert records(empty_store) == [*EXPECTED[:3], (2, 1, "wrong")]
    with empty_store.session() as db:
        assert db.query("SELECT holder FROM migration_lease") == [("",)]
