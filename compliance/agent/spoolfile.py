"""The file of the spool: opened, checked, and set aside where it is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from compliance.errors import Broken

VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    taken_at INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accepted (kind TEXT PRIMARY KEY, rows BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS said (kind TEXT PRIMARY KEY, rows BLOB NOT NULL) WITHOUT ROWID;
"""


class Damaged(Exception):
    """It is no database, or one with a hole in it."""


@dataclass(frozen=True)
class Standing:
    """What `status` tells of the spool."""

    waiting: int
    waiting_bytes: int
    oldest_taken_at: int | None
    last_report: str | None
    accepted_at: int | None
    dropped: int
    set_aside: int


NO_SPOOL = Standing(
    waiting=0, waiting_bytes=0, oldest_taken_at=None, last_report=None, accepted_at=None, dropped=0, set_aside=0
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What goes wrong with the file as a sentence of ours."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise Broken(f"Cannot keep the agent's state in {path} ({error}): make room, or make it writable.") from error
    except sqlite3.Error as error:
        raise Broken(f"{path} is damaged ({error}): the next `compliance agent send` begins a new one.") from error


def open_spool(path: Path) -> sqlite3.Connection:
    """The database, made where it is missing. Raise Damaged, or Broken with what to do."""
    with explained(path):
        path.touch(mode=0o600)
        path.chmod(0o600)  # whatever the umask; SQLite gives the files beside it the same
        db = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            _check(db, path)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_TABLES)
            if _version(db) != VERSION:
                db.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            db.close()
            raise
    return db


def set_damaged_aside(path: Path) -> Path:
    """In the place of an earlier one, so that a bad disk is not filled with them."""
    aside = path.with_name(f"{path.name}.damaged")
    with explained(path):
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(aside.with_name(aside.name + suffix))
            else:
                aside.with_name(aside.name + suffix).unlink(missing_ok=True)
    return aside


def read_standing(path: Path) -> Standing | None:
    """Without the lock, and without touching anything; None where there is no spool."""
    with explained(path):
        if not path.exists():
            return None
        try:
            with closing(_reading(path)) as db:
                _check(db, path)
                return _standing(db)
        except Damaged as error:
            raise Broken(f"{path} is damaged: the next `compliance agent send` begins a new one.") from error


def _reading(path: Path) -> sqlite3.Connection:
    place = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(place, uri=True, timeout=30)
    try:
        _version(db)
    except sqlite3.DatabaseError as error:
        db.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise Damaged from error
        # A folder that nobody can write to: then nobody changes the file either.
        db = sqlite3.connect(f"{place}&immutable=1", uri=True, timeout=30)
    return db


def _check(db: sqlite3.Connection, path: Path) -> None:
    try:
        if _version(db) > VERSION:
            raise Broken(f"{path} was written by a newer compliance: upgrade this agent.")
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise Damaged
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise Damaged from error


def _version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def _standing(db: sqlite3.Connection) -> Standing:
    count, size, oldest = db.execute("SELECT COUNT(*), COALESCE(SUM(size), 0), MIN(taken_at) FROM waiting").fetchone()
    notes = dict(db.execute("SELECT name, value FROM note").fetchall())
    return Standing(
        waiting=count,
        waiting_bytes=size,
        oldest_taken_at=oldest,
        last_report=notes.get("last"),
        accepted_at=notes.get("accepted_at"),
        dropped=notes.get("dropped", 0),
        set_aside=notes.get("set_aside", 0),
    )
