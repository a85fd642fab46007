"""What a report of a host on which nothing happened costs: bytes on the wire, statements, rows touched.

This machine's own look, sent whole and then again as a change without rows, on both stores. At most 1,000 bytes and 3
statements; no process and no session row.
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from compliance import __version__
from compliance.agent import changes
from compliance.agent.collectors import COLLECTORS, Memory
from compliance.agent.snapshot import Snapshot, take
from compliance.server.ingest.apply import Arrival, apply
from compliance.server.ingest.dictionary import Dictionary
from compliance.server.storage.clock import now_ms, to_text
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.server.storage.pool import Session
from compliance.wire.codec import compress, encode
from compliance.wire.messages import Report
from tests.mariadb import start_mariadb

TABLES = ("process", "session", "host_fact", "host_os", "host_address", "host_boot", "gap", "blind_spot")


def report(snapshot: Snapshot, after: Report | None) -> Report:
    said = {} if after is None else changes.fold({}, after)
    return Report(
        id=secrets.token_hex(16),
        after=None if after is None else after.id,
        taken_at=snapshot.taken_at,
        sent_at=snapshot.taken_at,
        boot_id=snapshot.boot_id,
        agent=__version__,
        interval=60,
        sections=changes.sections(snapshot.looks, said),
    )


def rows(db: Session) -> list[object]:
    return [db.query(f"SELECT * FROM {table}") for table in TABLES]


def measure(name: str, url: str, reports: list[Report]) -> None:
    store = open_store(url)
    migrate(store, MIGRATIONS)
    dictionary = Dictionary()
    with store.session() as db:
        db.insert_new("host", ("id", "source", "identity", "enrolled_at"), [(1, "agent", "1" * 32, to_text(now_ms()))])
        columns = ("host_id", "recent", "boots", "skew_ms", "revision", "corrections", "forks")
        db.insert_new("host_contact", columns, [(1, b"", b"", 0, 0, 0, 0)])
        apply(db, store.dialect.for_update, dictionary, [Arrival(1, reports[0], now_ms())])
        before, sent = rows(db), db.statements
        (answer,) = apply(db, store.dialect.for_update, dictionary, [Arrival(1, reports[1], now_ms())])
        assert getattr(answer, "outcome", "") == "applied"
        statements = db.statements - sent
        print(f"{name}: {statements} statements (at most 3), rows unchanged: {rows(db) == before}")
    store.close()


def main() -> None:
    # Without a CPU sample in between nothing differs: the same look, told a minute later.
    first = take(COLLECTORS, Memory())
    second = Snapshot(first.taken_at + 60_000, first.boot_id, first.looks, {})
    reports = [report(first, None)]
    reports.append(report(second, reports[0]))
    whole, unchanged = (len(compress(encode(one))[0]) for one in reports)
    processes = len(reports[0].sections.processes.rows)  # type: ignore[union-attr]
    print(f"on the wire: whole {whole:,} bytes ({processes} processes), unchanged {unchanged:,} bytes (at most 1,000)")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/compliance.db", reports)
        with start_mariadb(Path(folder) / "mariadb") as mariadb:
            measure("MariaDB", mariadb.url("bench"), reports)


if __name__ == "__main__":
    main()
