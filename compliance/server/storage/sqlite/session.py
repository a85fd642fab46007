"""One sqlite3 connection as a Session. Statements are prepared once and cached, so a batch is one executemany."""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from compliance.server.storage.pool import Row, Session

CHUNK = 1000


class SqliteSession(Session):
    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file = _identity(path)
        self._closed = False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def begin(self) -> None:
        # IMMEDIATE: a transaction that reads first and writes later would fail instead of waiting for the other writer.
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def table(self, sql: str, args: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self._send(sql, args)
        if cursor.description is None:
            return [], []
        return [column[0] for column in cursor.description], cursor.fetchall()

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        cursor = self._send(sql, args)
        self.last_id = cursor.lastrowid
        return max(cursor.rowcount, 0)

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._send(sql, args).fetchall()

    def insert_new(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        self._send_many(_insert(table, columns), rows)

    def insert_missing(self, table: str, columns: Sequence[str], rows: Iterable[Row], key: Sequence[str]) -> None:
        self._send_many(f"{_insert(table, columns)} ON CONFLICT ({_names(key)}) DO NOTHING", rows)

    def upsert(
        self, table: str, columns: Sequence[str], rows: Iterable[Row], key: Sequence[str], update: Sequence[str]
    ) -> None:
        sets = ", ".join(f'"{column}" = excluded."{column}"' for column in update)
        self._send_many(f"{_insert(table, columns)} ON CONFLICT ({_names(key)}) DO UPDATE SET {sets}", rows)

    def update_many(
        self, table: str, key: Sequence[str], columns: Sequence[str], rows: Iterable[Row], where: str = ""
    ) -> int:
        sets = ", ".join(f'"{column}" = ?' for column in columns)
        found = " AND ".join(f'"{column}" = ?' for column in key)
        sql = f'UPDATE "{table}" SET {sets} WHERE {found}' + (f" AND ({where})" if where else "")
        width = len(key)
        return self._send_many(sql, ((*row[width:], *row[:width]) for row in rows))

    def is_usable(self) -> bool:
        """Not after the file was moved, deleted or replaced: what is written then is read by nobody."""
        return not self._closed and _identity(self._path) == self._file

    def close(self) -> None:
        self._closed = True
        self._connection.close()

    def _send(self, sql: str, args: Sequence[Any]) -> sqlite3.Cursor:
        self.statements += 1
        return self._connection.execute(sql, args)

    def _send_many(self, sql: str, rows: Iterable[Row]) -> int:
        # One transaction for what is one call: alone, every row would be synced to the disk by itself.
        alone = not self.in_transaction
        if alone:
            self.begin()
        try:
            count = self._send_chunks(sql, rows)
        except BaseException:
            if alone:
                self.rollback()
            raise
        if alone:
            self.commit()
        return count

    def _send_chunks(self, sql: str, rows: Iterable[Row]) -> int:
        count = 0
        source = iter(rows)
        while chunk := list(islice(source, CHUNK)):
            self.statements += 1
            count += max(self._connection.executemany(sql, chunk).rowcount, 0)
        return count


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _names(columns: Iterable[str]) -> str:
    return ",".join(f'"{column}"' for column in columns)


def _insert(table: str, columns: Sequence[str]) -> str:
    return f'INSERT INTO "{table}" ({_names(columns)}) VALUES ({",".join("?" * len(columns))})'
