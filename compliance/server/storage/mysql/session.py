"""One PyMySQL connection as a Session."""

import select
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from compliance.server.storage.mysql import statements as build
from compliance.server.storage.pool import Row, Session

_PING_AFTER = 30.0
"""Seconds idle after which a connection is asked whether it is alive: firewalls forget quiet ones without a word."""


class MysqlSession(Session):
    def __init__(self, connection: "Connection[Cursor]", key_casts: Callable[[Session, str], dict[str, str]]) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._key_casts = key_casts
        self._open = False
        self._used = time.monotonic()

    @property
    def connection_id(self) -> int:
        """The server's number of this connection, as KILL takes it."""
        return int(self._connection.thread_id())  # type: ignore[no-untyped-call]

    @property
    def in_transaction(self) -> bool:
        return self._open

    def begin(self) -> None:
        self._connection.begin()
        self._open = True

    def commit(self) -> None:
        self._connection.commit()
        self._open = False

    def rollback(self) -> None:
        self._connection.rollback()
        self._open = False

    def table(self, sql: str, args: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        self._send(build.as_format(sql), args)
        if self._cursor.description is None:
            return [], []
        return [column[0] for column in self._cursor.description], list(self._cursor.fetchall())

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        count = self._send(build.as_format(sql), args)
        self.last_id = self._cursor.lastrowid or None
        return count

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._send(build.as_format(sql), args)
        return list(self._cursor.fetchall())

    def insert_new(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        self._send_all(build.inserts(table, columns, rows))

    def insert_missing(self, table: str, columns: Sequence[str], rows: Iterable[Row], key: Sequence[str]) -> None:
        self._send_all(build.inserts(table, columns, rows, f' ON DUPLICATE KEY UPDATE "{key[0]}" = "{key[0]}"'))

    def upsert(
        self, table: str, columns: Sequence[str], rows: Iterable[Row], key: Sequence[str], update: Sequence[str]
    ) -> None:
        # MySQL calls VALUES() deprecated since 8.0.20, but MariaDB lacks what replaces it; both still take it.
        sets = ", ".join(f'"{column}" = VALUES("{column}")' for column in update)
        self._send_all(build.inserts(table, columns, rows, f" ON DUPLICATE KEY UPDATE {sets}"))

    def update_many(
        self, table: str, key: Sequence[str], columns: Sequence[str], rows: Iterable[Row], where: str = ""
    ) -> int:
        known = self._key_casts(self, table)
        casts = [known.get(column, "{}") for column in key]
        return self._send_all(build.updates(table, key, casts, columns, rows, where))

    def is_usable(self) -> bool:
        if not self._connection.open or self._is_readable():
            return False
        if time.monotonic() - self._used > _PING_AFTER:
            try:
                self._connection.ping()
            except (pymysql.MySQLError, OSError):
                return False
            self._used = time.monotonic()
        return True

    def close(self) -> None:
        with suppress(pymysql.MySQLError, OSError):
            self._connection.close()

    def _is_readable(self) -> bool:
        # Between statements a server says nothing, except that it hangs up. Asking the socket is no round trip.
        sock = self._connection._sock  # type: ignore[attr-defined]
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(sock, select.POLLIN)
                return bool(poll.poll(0))
            return bool(select.select([sock], [], [], 0)[0])
        except (OSError, ValueError):
            return True

    def _send(self, sql: str, args: Sequence[Any] | None) -> int:
        self.statements += 1
        self._used = time.monotonic()
        return self._cursor.execute(sql, None if args is None else tuple(args))

    def _send_all(self, texts: Iterable[str]) -> int:
        return sum(self._send(text, None) for text in texts)
