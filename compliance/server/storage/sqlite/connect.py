"""From a path to connections that all behave alike; the folder and the file are made for their owner alone."""

import os
import sqlite3
from pathlib import Path

from compliance.errors import Broken
from compliance.server.storage.pool import Session
from compliance.server.storage.sqlite.dialect import SqliteDialect
from compliance.server.storage.sqlite.session import SqliteSession
from compliance.server.storage.url import SqliteURL

BUSY_SECONDS = 20.0
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL: what was answered survives a power cut, too; WAL's usual NORMAL only survives a crash of the program.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # LIKE tells A from a, as it does with MySQL's binary collation.
    "PRAGMA case_sensitive_like = ON",
    "PRAGMA cache_size = -16000",
)


class SqliteDriver:
    def __init__(self, url: SqliteURL) -> None:
        self.path = Path(os.path.abspath(url.path))
        self.dialect = SqliteDialect(self.path)

    def prepare(self) -> None:
        try:
            _make_folder(self.path.parent)
            _make_file(self.path)
        except OSError as error:
            raise Broken(
                f"The database {self.path} cannot be made or opened ({error.strerror or error}): "
                "check the folder, its owner and its mode, or name another file."
            ) from error
        session = self.connect()
        try:
            session.query("SELECT count(*) FROM sqlite_master")
        finally:
            session.close()

    def connect(self, answer_seconds: float = 0) -> Session:
        """`answer_seconds` is another store's: a file has nobody who might not answer."""
        # mode=rw: a database deleted under a running server is an error, not an empty new one.
        uri = f"{self.path.as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return SqliteSession(connection, self.path)


def _make_folder(folder: Path) -> None:
    """Like mkdir -p, but every folder made is 0700; those that exist stay as they are."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        os.close(os.open(path, os.O_RDWR))
    else:
        # A umask can also take rights from the owner. SQLite gives its -wal and -shm files the mode of this one.
        path.chmod(0o600)
