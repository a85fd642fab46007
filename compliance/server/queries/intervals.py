"""What processes and sessions have in common when they are asked for: a moment, filters, and a stable order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from compliance.server.queries import cursor
from compliance.server.queries.hosts import find_host, marks, public_id
from compliance.server.queries.unknown import unknown
from compliance.server.storage.clock import OPEN, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import Page
from compliance.wire.messages import Kind

Item = TypeVar("Item")


FIRST_STEP, MOST_STEP = 8, 500
"""Hosts that are read at once."""
_THERE = "(h.retired_at IS NULL OR h.retired_at > ?)"
"""Not retired before: the rows of a retired host stay open, for nobody looks any more."""


class NoSuchHost(Exception):
    """Nobody answers to that name at that moment."""


@dataclass(frozen=True)
class Question:
    """What is asked of every kind of interval."""

    at: int
    host: str | None = None
    user: str | None = None
    since: int | None = None
    """What was there at any time after it, until `at`."""
    cursor: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Source:
    """Where a kind is found: the table `x`, what is joined and selected, and its order after host_id."""

    kind: Kind
    table: str
    select: str
    joins: str
    order: dict[str, type]


async def ask(
    store: Store,
    source: Source,
    question: Question,
    item: Callable[[dict[str, Any], int], Item],
    filters: dict[str, str | None],
    *,
    selective: bool = False,
) -> Page[Item]:
    """A page of the intervals open at the moment, or at any time since. `filters`: SQL with one `?`, and its value.

    `selective`: an index leads from a filter to few rows, wherever they are.
    """
    at, key = question.at, None
    if question.cursor is not None:
        at, key = cursor.decode(question.cursor, int, *source.order.values())
    host_id = None if question.host is None else await host_id_of(store, question.host, at)
    read = _Reading(store, source, at, _from(question, at), filters, key)
    if host_id is not None:
        rows = await read.of_hosts([host_id], question.limit + 1)
    elif selective:
        rows = await read.of_all(question.limit + 1)
    else:
        rows = await read.host_by_host(question.limit + 1)
    more_to_come = len(rows) > question.limit
    rows = rows[: question.limit]
    following = None
    if more_to_come:
        last = [rows[-1][column.removeprefix("x.")] for column in read.columns]
        following = cursor.encode(at, [part.hex() if isinstance(part, bytes) else part for part in last])
    blanks = [] if key is not None else await unknown(store, source.kind, at, host_id, question.since)
    return Page(at=at, items=[item(row, at) for row in rows], next=following, unknown=blanks)


class _Reading:
    """The rows of one question that follow on `key`, in the order of host and of what the source says."""

    def __init__(
        self, store: Store, source: Source, at: int, start: int, filters: dict[str, str | None], key: list[Any] | None
    ) -> None:
        self.store = store
        self.source = source
        self.columns = ["x.host_id", *source.order]
        self._moment, self._start = to_text(at), to_text(start)
        self._first_host = 0 if key is None else key[0]
        # Unary plus: SQLite then finds the rows by their end; by their beginning it would read a host's whole past.
        self._where = ["+x.first_seen_at <= ?", "x.ended_at > ?"]
        self._args: list[Any] = [self._moment, self._start]
        for sql, value in filters.items():
            if value is not None:
                self._add(sql, [value])
        if key is not None:
            stored = [_stored(part, name) for part, name in zip(key, self.columns, strict=True)]
            self._add(*cursor.after(self.columns, stored))

    def _add(self, sql: str, args: list[Any]) -> None:
        self._where.append(sql)
        self._args += args

    async def of_hosts(self, host_ids: list[int], most: int) -> list[dict[str, Any]]:
        return await self._rows(f"x.host_id IN ({marks(host_ids)})", host_ids, most)

    async def of_all(self, most: int) -> list[dict[str, Any]]:
        return await self._rows(_THERE, [self._start], most)

    async def host_by_host(self, most: int) -> list[dict[str, Any]]:
        """A few hosts at a time: no index has the order of a whole fleet, and sorting it would cost more each page."""
        found: list[dict[str, Any]] = []
        after, step = self._first_host - 1, FIRST_STEP
        while len(found) < most:
            sql = f"SELECT h.id FROM host h WHERE h.id > ? AND {_THERE} ORDER BY h.id LIMIT {step}"
            ids = [row["id"] for row in await self.store.raw(sql, [after, self._start])]
            if not ids:
                break
            found += await self.of_hosts(ids, most - len(found))
            after, step = ids[-1], min(MOST_STEP, step * 4)
        return found

    async def _rows(self, which: str, of: list[Any], most: int) -> list[dict[str, Any]]:
        source = self.source
        return await self.store.raw(
            f"SELECT x.*, h.source, h.identity, f.hostname, c.{source.kind}_looked_at AS looked_at, {source.select}"
            f" FROM {source.table} x JOIN host h ON h.id = x.host_id JOIN host_contact c ON c.host_id = x.host_id"
            f" LEFT JOIN host_fact f ON f.host_id = x.host_id AND f.first_seen_at <= ? AND f.ended_at > ?"
            f" {source.joins} WHERE {' AND '.join([which, *self._where])}"
            f" ORDER BY {', '.join(self.columns)} LIMIT {most}",
            [self._moment, self._moment, *of, *self._args],
        )


def _stored(part: Any, column: str) -> Any:
    if column != "x.digest":
        return part
    try:
        return bytes.fromhex(part)
    except ValueError:
        raise cursor.stranger() from None


def _from(question: Question, at: int) -> int:
    return at if question.since is None else min(question.since, at)


ACCOUNT = "x.account_id IN (SELECT a.id FROM account a WHERE HEX(a.name) = HEX(?))"
"""By a user's name, byte for byte: MySQL's own comparison leaves out spaces at the end."""


async def host_id_of(store: Store, name: str, at: int) -> int:
    found = await find_host(store, name, at)
    if found is None:
        raise NoSuchHost(f"No host answered to {name!r} then: `compliance report hosts` lists them.")
    return found


def common(row: dict[str, Any], at: int) -> dict[str, Any]:
    """The members that every interval's answer has. An end that lies after the moment was not known then."""
    ended = None if row["ended_at"] == OPEN or row["ended_at"] > to_text(at) else to_ms(row["ended_at"])
    last = row["looked_at"] if row["ended_at"] == OPEN else row["last_seen_at"]
    known = last is not None and last <= to_text(at)
    return {
        "host": public_id(row["source"], row["identity"]),
        "hostname": row["hostname"],
        "first_seen_at": to_ms(row["first_seen_at"]),
        "ended_at": ended,
        "last_seen_at": to_ms(last) if known else None,
    }


def moment(text: str | None) -> int | None:
    return None if text is None else to_ms(text)
