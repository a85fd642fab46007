"""Trouble made for real: triggers that refuse a row, locks that others hold, connections that are killed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from compliance.server.storage.engine import Store, open_store
from compliance.server.storage.pool import Session

REFUSED_PID = 666


@contextmanager
def refusing_a_pid(store: Store) -> Iterator[None]:
    """The store itself refuses every process with that pid."""
    name = "refuse_pid"
    if store.dialect.name == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'not that one'); END"
        head = f"CREATE TRIGGER {name} BEFORE INSERT ON process WHEN NEW.pid = {REFUSED_PID}"
    else:
        refuse = f"IF NEW.pid = {REFUSED_PID} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not that one'; END IF"
        head = f"CREATE TRIGGER {name} BEFORE INSERT ON process FOR EACH ROW"
    with store.session() as db:
        db.execute(f"{head} {refuse}")
    try:
        yield
    finally:
        with store.session() as db:
            db.execute(f"DROP TRIGGER {name}")


@contextmanager
def another(url: str) -> Iterator[Session]:
    """A connection of somebody else."""
    store = open_store(url, pool_size=1)
    try:
        with store.session() as db:
            yield db
    finally:
        store.close()


@contextmanager
def at_first_retry(act: Callable[[], None]) -> Iterator[list[str]]:
    """Calls it, in the writer's thread, when a transaction failed and is about to be tried again."""
    seen: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())
            if len(seen) == 1:
                act()

    log, ear = logging.getLogger("compliance.server.ingest.patience"), Ear()
    log.addHandler(ear)
    try:
        yield seen
    finally:
        log.removeHandler(ear)


def waiting_connection(db: Session) -> int:
    """The number of the MariaDB connection that waits for a lock, once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = db.query("SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        if found:
            return int(found[0][0])
        time.sleep(0.15)  # the server shows an older picture to whoever asks again within 0.1 s
    raise AssertionError("nobody waits for a lock")
