"""The agent's memory on disk: reports that wait, in order, and what the server is known to have.

One SQLite file, so that a report leaves the queue in the same transaction in which its rows become what is accepted.
A report that has to be dropped (the spool is full) or set aside (the server finds it malformed) folds into those rows,
while the server's last id stays: the next report then goes whole and says that something was lost.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from compliance.agent.changes import FACTS, Said, by_key, fold
from compliance.errors import Broken
from compliance.settings import write_private
from compliance.wire.codec import decode_report, encode
from compliance.wire.messages import Receipt, Report

CAP = 64 * 2**20
"""Bytes of waiting reports, at most."""
SET_ASIDE = 100
"""Refused reports that are kept for a person to look at."""
VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    taken_at INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accepted (kind TEXT PRIMARY KEY, rows BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Standing:
    """What `status` tells of the spool."""

    waiting: int
    waiting_bytes: int
    oldest_taken_at: int | None
    last_report: str | None
    accepted_at: int | None
    accepted_taken_at: int | None
    dropped: int
    set_aside: int


class Spool:
    """Durable queue and accepted state. Whoever opens it holds the state folder's lock."""

    def __init__(self, folder: Path, cap: int = CAP) -> None:
        self.folder = folder
        self.path = folder / "agent.db"
        self.cap = cap
        self.healed: str | None = None
        """A sentence, when a damaged file had to be set aside."""
        with self._explained():
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._heal()
                self._db = self._open()
                self._lose(1, "the spool was damaged")

    def close(self) -> None:
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        self.path.touch(mode=0o600)
        self.path.chmod(0o600)
        db = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("damaged")
            if db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                raise Broken(f"{self.path} was written by a newer compliance: upgrade this agent.")
            db.executescript(_TABLES)
            db.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            db.close()
            raise
        return db

    def _heal(self) -> None:
        aside = self.path.with_name(f"agent.db.damaged-{int(time.time())}")
        self.path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.healed = f"The spool was damaged and is set aside as {aside}; what waited in it is lost, and is told so."

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Broken(
                f"Cannot keep the agent's state in {self.path} ({error}): make room, or make it writable."
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def note(self, name: str, default: Any = None) -> Any:
        with self._explained():
            row = self._db.execute("SELECT value FROM note WHERE name = ?", [name]).fetchone()
        return default if row is None else row[0]

    def write_note(self, name: str, value: Any) -> None:
        with self._explained():
            self._db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", [name, value])

    def accepted(self) -> Said:
        """What the server is known to have, by kind."""
        with self._explained():
            found = dict(self._db.execute("SELECT kind, rows FROM accepted").fetchall())
        said: Said = {}
        for kind, body in found.items():
            if kind in FACTS:
                rows_of_kind: Any = list[FACTS[kind]]  # type: ignore[valid-type]
                said[kind] = by_key(msgspec.json.decode(body, type=rows_of_kind))
        return said

    def said(self) -> Said:
        """What the server will have once all that waits was accepted."""
        said = self.accepted()
        for report in self.waiting():
            said = fold(said, report)
        return said

    def waiting(self) -> Iterator[Report]:
        """Every report that waits, oldest first."""
        with self._explained():
            bodies = self._db.execute("SELECT body FROM waiting ORDER BY place").fetchall()
        return (decode_report(body) for (body,) in bodies)

    def first(self) -> Report | None:
        """The oldest report that waits, as it was taken."""
        with self._explained():
            row = self._db.execute("SELECT body FROM waiting ORDER BY place LIMIT 1").fetchone()
        return None if row is None else decode_report(row[0])

    def add(self, report: Report) -> None:
        """On disk when this returns; older ones are dropped where the cap is passed."""
        body = encode(report)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO waiting (id, taken_at, size, body) VALUES (?, ?, ?, ?)",
                [report.id, report.taken_at, len(body), body],
            )
            self._note(db, "boot_id", report.boot_id)
            while self._over(db):
                self._drop_oldest(db)

    def _over(self, db: sqlite3.Connection) -> bool:
        count, size = db.execute("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM waiting").fetchone()
        return bool(count > 1 and size > self.cap)

    def _drop_oldest(self, db: sqlite3.Connection) -> None:
        report = self.first()
        if report is not None:
            self._leave(db, report)
            self._count_loss(db, 1, "the spool was full")

    def accept(self, report: Report, receipt: Receipt) -> None:
        """The server has it."""
        with self._transaction() as db:
            self._leave(db, report)
            self._note(db, "last", receipt.last)
            self._note(db, "accepted_at", time.time_ns() // 1_000_000)
            self._note(db, "accepted_taken_at", report.taken_at)
            self._note(db, "untold", 0)

    def reject(self, report: Report, why: str) -> None:
        """The server can never take it: set aside for a person, counted as lost, and in nobody's way."""
        rejected = self.folder / "rejected"
        with self._explained():
            rejected.mkdir(mode=0o700, exist_ok=True)
            for old in sorted(rejected.iterdir(), key=lambda path: path.stat().st_mtime)[: -SET_ASIDE + 1]:
                old.unlink()
        write_private(rejected / f"{report.id}.json", encode(report))
        with self._transaction() as db:
            self._leave(db, report)
            self._count_loss(db, 1, f"the server refused one: {why}"[:200])
            self._note(db, "set_aside", self.note("set_aside", 0) + 1)

    def untold(self) -> tuple[int, str]:
        """Reports lost since the last accepted one, and why."""
        return self.note("untold", 0), self.note("untold_why", "")

    def _lose(self, count: int, why: str) -> None:
        with self._transaction() as db:
            self._count_loss(db, count, why)

    def _count_loss(self, db: sqlite3.Connection, count: int, why: str) -> None:
        self._note(db, "untold", self.note("untold", 0) + count)
        self._note(db, "dropped", self.note("dropped", 0) + count)
        self._note(db, "untold_why", why)

    def _leave(self, db: sqlite3.Connection, report: Report) -> None:
        """Takes it from the queue and folds it into what is accepted."""
        said = self.accepted()
        after = fold(said, report)
        for kind, rows in after.items():
            if said.get(kind) is not rows:
                body = msgspec.json.encode(list(rows.values()))
                db.execute("INSERT OR REPLACE INTO accepted VALUES (?, ?)", [kind, body])
        db.execute("DELETE FROM waiting WHERE id = ?", [report.id])

    @staticmethod
    def _note(db: sqlite3.Connection, name: str, value: Any) -> None:
        db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", [name, value])

    def forget(self) -> None:
        """For a new identity: the server knows nothing of this host yet."""
        with self._transaction() as db:
            for table in ("waiting", "accepted", "note"):
                db.execute(f"DELETE FROM {table}")

    def standing(self) -> Standing:
        with self._explained():
            count, size, oldest = self._db.execute(
                "SELECT COUNT(*), COALESCE(SUM(size), 0), MIN(taken_at) FROM waiting"
            ).fetchone()
        names = ("last", "accepted_at", "accepted_taken_at")
        last, accepted_at, taken_at = (self.note(name) for name in names)
        return Standing(
            count, size, oldest, last, accepted_at, taken_at, self.note("dropped", 0), self.note("set_aside", 0)
        )
