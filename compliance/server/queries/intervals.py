"""What processes and sessions have in common when they are asked for: a moment, filters, and a stable order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from compliance.server.queries import cursor
from compliance.server.queries.hosts import find_host, public_id
from compliance.server.queries.unknown import unknown
from compliance.server.storage.clock import OPEN, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import Page
from compliance.wire.messages import Kind

Item = TypeVar("Item")


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
) -> Page[Item]:
    """A page of the intervals open at the moment, or at any time since. `filters`: SQL with one `?`, and its value."""
    at, key = question.at, None
    columns = ["x.host_id", *source.order]
    if question.cursor is not None:
        at, key = cursor.decode(question.cursor, int, *source.order.values())
    host_id = None if question.host is None else await host_id_of(store, question.host, at)
    moment = to_text(at)
    where = ["x.first_seen_at <= ?", "x.ended_at > ?"]
    args: list[Any] = [moment, to_text(_from(question, at))]
    for sql, value in {**_only(host_id, args[1]), **filters}.items():
        if value is not None:
            where.append(sql)
            args.append(value)
    if key is not None:
        sql, more = cursor.after(columns, [_stored(part, name) for part, name in zip(key, columns, strict=True)])
        where.append(sql)
        args += more
    rows = await store.raw(
        f"SELECT x.*, h.source, h.identity, f.hostname, c.{source.kind}_looked_at AS looked_at, {source.select}"
        f" FROM {source.table} x JOIN host h ON h.id = x.host_id JOIN host_contact c ON c.host_id = x.host_id"
        f" LEFT JOIN host_fact f ON f.host_id = x.host_id AND f.first_seen_at <= ? AND f.ended_at > ? {source.joins}"
        f" WHERE {' AND '.join(where)} ORDER BY {', '.join(columns)} LIMIT {question.limit + 1}",
        [moment, moment, *args],
    )
    more_to_come = len(rows) > question.limit
    rows = rows[: question.limit]
    following = None
    if more_to_come:
        last = [rows[-1][column.removeprefix("x.")] for column in columns]
        following = cursor.encode(at, [part.hex() if isinstance(part, bytes) else part for part in last])
    blanks = [] if key is not None else await unknown(store, source.kind, at, host_id)
    return Page(at=at, items=[item(row, at) for row in rows], next=following, unknown=blanks)


def _stored(part: Any, column: str) -> Any:
    if column != "x.digest":
        return part
    try:
        return bytes.fromhex(part)
    except ValueError:
        raise cursor.stranger() from None


def _from(question: Question, at: int) -> int:
    return at if question.since is None else min(question.since, at)


def _only(host_id: int | None, start: str) -> dict[str, Any]:
    """One host, or those that were not retired yet: the rows of a retired one stay open, for nobody looks any more."""
    if host_id is None:
        return {"(h.retired_at IS NULL OR h.retired_at > ?)": start}
    return {"x.host_id = ?": host_id}


def same(column: str) -> str:
    """SQL: byte for byte. MySQL's own comparison leaves out spaces at the end."""
    return f"HEX({column}) = HEX(?)"


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
