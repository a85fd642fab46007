"""What SQLite's error codes mean to us."""

import sqlite3
from pathlib import Path

from compliance.errors import Broken, ComplianceError, Unreachable
from compliance.server.storage.pool import Dialect


def cause(error: BaseException) -> BaseException:
    """The driver's error behind one of ours."""
    if isinstance(error, ComplianceError) and error.__cause__ is not None:
        return error.__cause__
    return error


def code(error: BaseException) -> int:
    """SQLite's primary result code (the low byte of the extended one), or -1."""
    return _extended(error) & 0xFF if _extended(error) >= 0 else -1


def _extended(error: BaseException) -> int:
    return getattr(cause(error), "sqlite_errorcode", -1)


class SqliteDialect(Dialect):
    name = "sqlite"
    for_update = ""

    def __init__(self, path: Path) -> None:
        self.path = path

    def now_sql(self, plus_seconds: int = 0) -> str:
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '{plus_seconds:+d} seconds')"

    def is_retryable(self, error: BaseException) -> bool:
        return code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

    def is_disconnect(self, error: BaseException) -> bool:
        # A file has no other end; but after an I/O error or a vanished file only a new connection can be right again.
        return code(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) or _extended(error) == (
            sqlite3.SQLITE_READONLY_DBMOVED
        )

    def is_missing_parent(self, error: BaseException) -> bool:
        return _extended(error) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY

    def is_still_named(self, error: BaseException) -> bool:
        return self.is_missing_parent(error)  # one code for both

    def is_duplicate(self, error: BaseException) -> bool:
        return _extended(error) in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)

    def is_already_there(self, error: BaseException) -> bool:
        text = str(cause(error))
        return isinstance(cause(error), sqlite3.OperationalError) and (
            "already exists" in text or "duplicate column name" in text
        )

    def trouble(self, error: BaseException) -> ComplianceError | None:
        if isinstance(error, ComplianceError):
            return error
        if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error):
            return Broken(f"The database {self.path} lacks a table: run `compliance server migrate`. ({error})")
        match code(error):
            case sqlite3.SQLITE_FULL:
                return Broken(f"The disk that holds the database {self.path} is full: free some space, and it goes on.")
            case sqlite3.SQLITE_READONLY:
                return Broken(f"The database {self.path} cannot be written: check who owns it, its mode, and the disk.")
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return Broken(f"The file {self.path} is damaged or no database: restore it from a backup. ({error})")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                return Broken(f"The database {self.path} cannot be opened: check the folder, its owner and its mode.")
            case sqlite3.SQLITE_IOERR:
                return Broken(f"The disk failed under the database {self.path}: check the disk. ({error})")
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return Unreachable(f"Another process holds the database {self.path}: try again.")
        return None
