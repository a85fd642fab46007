"""Runs migrations, one recorded statement after the other: a run that was cut off goes on where it stopped.

MySQL commits every DDL statement by itself, so there is nothing to roll back: each statement is safe to repeat, and its
record follows it. One server migrates at a time, by a lease in a row (GET_LOCK is per node on a Galera cluster) that is
kept alive while a statement runs; the others wait for it, and then find nothing to do.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from compliance.errors import Broken, ComplianceError, Refused, Unreachable
from compliance.server.storage.clock import now_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.migration import Migration, render
from compliance.server.storage.pool import Session

LEASE_SECONDS = 60
WAIT_SECONDS = 600.0
STATEMENT_SECONDS = 6 * 3600.0
"""How long one statement may take: an index on a large table takes its time."""

_BOOKS = (
    "CREATE TABLE IF NOT EXISTS migration (number {u32} NOT NULL, step {u32} NOT NULL, name {text:255} NOT NULL,"
    " applied_at {time} NOT NULL, PRIMARY KEY (number, step)) {table_options}",
    "CREATE TABLE IF NOT EXISTS migration_lease (id {u32} NOT NULL, holder {ascii:64} NOT NULL,"
    " lease_until {time} NOT NULL, PRIMARY KEY (id)) {table_options}",
)

log = logging.getLogger(__name__)


def migrate(store: Store, migrations: Sequence[Migration], wait: float = WAIT_SECONDS) -> list[str]:
    """Brings the store to the last migration, and returns the names of those that had something left to do.

    Refused for a store that is newer than us, Unreachable when another server still migrates after `wait` seconds.
    """
    check_schema(store, migrations)
    if not pending(store, migrations):
        return []
    try:
        with store.session(answer_seconds=STATEMENT_SECONDS) as db:
            _make_books(store, db)
            with _lease(store, db, wait) as lease:
                check_schema(store, migrations)
                return [migration.name for migration in migrations if _apply(store, db, lease, migration)]
    except ComplianceError:
        raise
    except Exception as error:
        raise store.dialect.explain(error) from error


def check_schema(store: Store, migrations: Sequence[Migration]) -> None:
    """Refused when the store was migrated by a newer version than this one."""
    known = max((migration.number for migration in migrations), default=0)
    found = max((number for number, _ in _applied(store)), default=0)
    if found > known:
        raise Refused(
            f"This database was written by a newer compliance (schema {found}; this one knows {known}): "
            "upgrade this server."
        )


def pending(store: Store, migrations: Sequence[Migration]) -> list[str]:
    """Names of the migrations that are not, or not wholly, applied."""
    done = _applied(store)
    return [m.name for m in migrations if any((m.number, step) not in done for step in _steps(m))]


def _steps(migration: Migration) -> range:
    return range(1, len(migration.statements) + 1)


def _applied(store: Store) -> set[tuple[int, int]]:
    with store.session() as db:
        if not _has_books(store, db):
            return set()
        return {(number, step) for number, step in db.query("SELECT number, step FROM migration")}


def _has_books(store: Store, db: Session) -> bool:
    if store.dialect.name == "sqlite":
        return bool(db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'"))
    return bool(
        db.query("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migration'")
    )


def _make_books(store: Store, db: Session) -> None:
    for statement in _BOOKS:
        _run(store, db, statement)
    columns = ("id", "holder", "lease_until")
    db.insert_missing("migration_lease", columns, [(1, "", "1970-01-01 00:00:00.000")], key=("id",))


def _apply(store: Store, db: Session, lease: "_Lease", migration: Migration) -> bool:
    done = {step for (step,) in db.query("SELECT step FROM migration WHERE number = ?", [migration.number])}
    steps = [step for step in _steps(migration) if step not in done]
    for step in steps:
        lease.extend(db)
        log.info("migration %d (%s), step %d of %d", migration.number, migration.name, step, len(migration.statements))
        _run(store, db, migration.statements[step - 1])
        row = (migration.number, step, migration.name, to_text(now_ms()))
        db.insert_missing("migration", ("number", "step", "name", "applied_at"), [row], key=("number", "step"))
    return bool(steps)


def _run(store: Store, db: Session, statement: str) -> None:
    try:
        db.execute(render(statement, store.dialect.name))
    except Exception as error:
        if not store.dialect.is_already_there(error):
            raise


class _Lease:
    """The one row that says who migrates, and until when; the store's own clock decides, for servers' clocks differ."""

    def __init__(self, store: Store) -> None:
        self.holder = uuid.uuid4().hex
        self._now = store.dialect.now_sql()
        self._until = store.dialect.now_sql(LEASE_SECONDS)

    def take(self, db: Session) -> bool:
        sql = f"UPDATE migration_lease SET holder = ?, lease_until = {self._until}"
        return db.execute(f"{sql} WHERE id = 1 AND (holder = '' OR lease_until < {self._now})", [self.holder]) == 1

    def extend(self, db: Session) -> None:
        sql = f"UPDATE migration_lease SET lease_until = {self._until} WHERE id = 1 AND holder = ?"
        if db.execute(sql, [self.holder]) != 1:
            raise Broken("Another server took over this migration, for this one was silent too long: start it again.")

    def release(self, db: Session) -> None:
        db.execute("UPDATE migration_lease SET holder = '' WHERE id = 1 AND holder = ?", [self.holder])


@contextmanager
def _lease(store: Store, db: Session, wait: float) -> Iterator[_Lease]:
    lease = _Lease(store)
    deadline = time.monotonic() + wait
    while not lease.take(db):
        if time.monotonic() > deadline:
            raise Unreachable(f"Another server has been migrating this database for over {wait:g} s: wait for it.")
        time.sleep(0.2)
    try:
        with _kept_alive(store, lease):
            yield lease
    finally:
        lease.release(db)


@contextmanager
def _kept_alive(store: Store, lease: _Lease) -> Iterator[None]:
    """Extends the lease from a thread while a long statement keeps the migrating connection busy."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(LEASE_SECONDS / 4):
            try:
                with store.session() as db:
                    lease.extend(db)
            except Exception as error:  # the next statement finds out for itself whether the lease is still ours
                log.warning("the lease of this migration could not be extended: %s", error)

    thread = threading.Thread(target=beat, name="migration-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
