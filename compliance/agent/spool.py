"""The agent's memory on disk: reports that wait, in order, and what the server is known to have.

One SQLite file, so that a report leaves the queue in the same transaction in which its rows become what is accepted.
A report that has to be dropped (the spool is full) or set aside (the server finds it malformed) folds into those rows,
while the server's last id stays: the next report then goes whole and says that something was lost.

What was said, which is what is accepted with all that waits folded in, is kept beside it: a look compares with that,
and a long backlog makes no look slower.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from compliance.agent.changes import FACTS, Rows, Said, by_key, fold, moved
from compliance.agent.spoolfile import Damaged, explained, open_spool, set_damaged_aside
from compliance.settings import write_private
from compliance.wire.codec import decode_report, encode
from compliance.wire.messages import Receipt, Report, Whole

CAP = 64 * 2**20
"""Bytes of waiting reports, at most."""
SET_ASIDE = 100
"""Refused reports that are kept for a person to look at."""


class Spool:
    """Durable queue and accepted state. Whoever opens it holds the state folder's lock."""

    def __init__(self, folder: Path, cap: int = CAP) -> None:
        self.folder = folder
        self.path = folder / "agent.db"
        self.rejected = folder / "rejected"
        self.cap = cap
        self.healed: str | None = None
        """A sentence, when a damaged file had to be set aside."""
        try:
            self._db = open_spool(self.path)
        except Damaged:
            aside = set_damaged_aside(self.path)
            self._db = open_spool(self.path)
            with self._transaction() as db:
                self._count_loss(db, "the spool was damaged")
            self.healed = f"The spool was damaged and is set aside as {aside}; what waited is lost, and is told so."

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise

    def note(self, name: str, default: Any = None) -> Any:
        with explained(self.path):
            row = self._db.execute("SELECT value FROM note WHERE name = ?", [name]).fetchone()
        return default if row is None else row[0]

    def write_note(self, name: str, value: Any) -> None:
        with self._transaction() as db:
            self._note(db, name, value)

    def accepted(self) -> Said:
        """What the server is known to have, by kind."""
        return self._rows("accepted", FACTS)

    def said(self) -> Said:
        """What the server will have once all that waits was accepted."""
        return self._rows("said", FACTS)

    def waiting(self) -> int:
        """How many reports wait."""
        return self._size()[0]

    def first(self) -> Report | None:
        """The oldest report that waits, as it was taken. One that cannot be read any more is set aside."""
        while True:
            with explained(self.path):
                row = self._db.execute("SELECT place, body FROM waiting ORDER BY place LIMIT 1").fetchone()
            if row is None:
                return None
            try:
                return decode_report(row[1])
            except msgspec.DecodeError:
                self._set_unread_aside(*row)

    def add(self, report: Report) -> None:
        """On disk when this returns; older ones are dropped where the cap is passed."""
        body = encode(report)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO waiting (id, taken_at, size, body) VALUES (?, ?, ?, ?)",
                [report.id, report.taken_at, len(body), body],
            )
            self._fold_into(db, "said", report)
            for kind in moved(report):
                if isinstance(getattr(report.sections, kind), Whole):
                    self._note(db, f"whole {kind}", f"{report.taken_at} {report.boot_id}")
        # Each in a transaction of its own: a report that cannot be read is set aside on the way.
        while self._is_over():
            self._drop_oldest()

    def whole_told(self, kind: str) -> tuple[int, str] | None:
        """When, and in which boot, the kind was last said whole."""
        mark = self.note(f"whole {kind}")
        if mark is None:
            return None
        taken_at, _, boot_id = mark.partition(" ")
        return int(taken_at), boot_id

    def _size(self) -> tuple[int, int]:
        """Reports, and their bytes."""
        with explained(self.path):
            count, size = self._db.execute("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM waiting").fetchone()
        return count, size

    def _is_over(self) -> bool:
        count, size = self._size()
        return count > 1 and size > self.cap

    def _drop_oldest(self) -> None:
        report = self.first()
        if report is not None:
            with self._transaction() as db:
                self._leave(db, report)
                self._count_loss(db, "the spool was full")

    def accept(self, report: Report, receipt: Receipt) -> None:
        """The server has it."""
        with self._transaction() as db:
            self._leave(db, report)
            self._note(db, "last", receipt.last)
            self._note(db, "accepted_at", time.time_ns() // 1_000_000)
            self._note(db, "untold", 0)

    def reject(self, report: Report, why: str) -> None:
        """The server can never take it: set aside for a person, counted as lost, and in nobody's way."""
        self._set_aside(report.id, encode(report))
        with self._transaction() as db:
            self._leave(db, report)
            self._count_loss(db, f"the server refused one: {why}"[:200])
            self._note(db, "set_aside", self.note("set_aside", 0) + 1)

    def _set_unread_aside(self, place: int, body: bytes) -> None:
        """Nobody knows what it would have changed: all rows are unknown now, until they are said whole again."""
        self._set_aside(f"unread-{place}", body)
        with self._transaction() as db:
            db.execute("DELETE FROM waiting WHERE place = ?", [place])
            db.execute("DELETE FROM accepted")
            db.execute("DELETE FROM said")
            self._count_loss(db, "a report on disk was damaged")
            self._note(db, "set_aside", self.note("set_aside", 0) + 1)

    def _set_aside(self, name: str, body: bytes) -> None:
        with explained(self.path):
            self.rejected.mkdir(mode=0o700, exist_ok=True)
            self.rejected.chmod(0o700)  # whatever the umask
            oldest_first = sorted(self.rejected.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            for old in oldest_first[: -SET_ASIDE + 1]:
                old.unlink()
        write_private(self.rejected / f"{name}.json", body)

    def untold(self) -> tuple[int, str]:
        """Reports lost since the last accepted one, and why."""
        return self.note("untold", 0), self.note("untold_why", "")

    def _count_loss(self, db: sqlite3.Connection, why: str) -> None:
        self._note(db, "untold", self.note("untold", 0) + 1)
        self._note(db, "dropped", self.note("dropped", 0) + 1)
        self._note(db, "untold_why", why)

    def _leave(self, db: sqlite3.Connection, report: Report) -> None:
        """Takes it from the queue and folds it into what is accepted."""
        self._fold_into(db, "accepted", report)
        db.execute("DELETE FROM waiting WHERE id = ?", [report.id])

    def _rows(self, state: str, kinds: Collection[str]) -> Said:
        with explained(self.path):
            found = self._db.execute(f"SELECT kind, rows FROM {state}").fetchall()
        decoded = {kind: _decoded(kind, rows) for kind, rows in found if kind in kinds}
        return {kind: rows for kind, rows in decoded.items() if rows is not None}

    def _fold_into(self, db: sqlite3.Connection, state: str, report: Report) -> None:
        """Touches the kinds that the report says something new of, and no other."""
        kinds = moved(report)
        if not kinds:
            return
        after = fold(self._rows(state, kinds), report)
        changed = [(kind, msgspec.json.encode(list(after[kind].values()))) for kind in kinds if kind in after]
        db.executemany(f"INSERT OR REPLACE INTO {state} VALUES (?, ?)", changed)

    @staticmethod
    def _note(db: sqlite3.Connection, name: str, value: Any) -> None:
        db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", [name, value])

    def forget(self) -> None:
        """For a new identity: what is here is another host's."""
        with self._transaction() as db:
            for table in ("waiting", "accepted", "said", "note"):
                db.execute(f"DELETE FROM {table}")

    def forget_server(self) -> None:
        """For a new server, which has nothing yet: what waits is for it now, and it will want all of it whole."""
        with self._transaction() as db:
            db.execute("DELETE FROM note WHERE name IN ('last', 'accepted_at')")


def _decoded(kind: str, body: bytes) -> Rows | None:
    """None for what cannot be read any more: unknown, as if it had never been said."""
    kind_of_rows: Any = list[FACTS[kind]]  # type: ignore[valid-type]
    try:
        return by_key(msgspec.json.decode(body, type=kind_of_rows))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
