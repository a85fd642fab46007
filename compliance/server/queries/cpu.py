"""How busy the hosts were: samples, and the hours that pruning left of them."""

from __future__ import annotations

from typing import Any

from compliance.server.queries import cursor
from compliance.server.queries.hosts import public_id
from compliance.server.queries.intervals import Question, host_id_of
from compliance.server.queries.unknown import unknown
from compliance.server.storage.clock import to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import CpuAnswer, Page

HOUR_MS = 3_600_000

_HOST = "h.id AS host_id, h.source, h.identity"
_SAMPLE = (
    f"SELECT {_HOST}, u.seen_at, u.percent, u.percent AS percent_max, 1 AS samples, u.cores, u.load_1, u.load_5,"
    " u.load_15 FROM host h JOIN cpu_sample u ON u.host_id = h.id"
)
_HOUR = (
    f"SELECT {_HOST}, u.hour_at AS seen_at, u.percent_mean AS percent, u.percent_max, u.samples, NULL AS cores,"
    " NULL AS load_1, NULL AS load_5, NULL AS load_15 FROM host h JOIN cpu_hour u ON u.host_id = h.id"
)


async def cpu(store: Store, question: Question) -> Page[CpuAnswer]:
    """Between `since` (an hour before, unless told) and the moment, in the order of host and time."""
    at, key = question.at, None
    if question.cursor is not None:
        at, key = cursor.decode(question.cursor, int, str)
    since = at - HOUR_MS if question.since is None else question.since
    host_id = None if question.host is None else await host_id_of(store, question.host, at)
    moment, most = to_text(at), question.limit + 1
    samples, args = _part(_SAMPLE, "seen_at", to_text(max(since, 0)), moment, host_id, key, most)
    hours, more = _part(_HOUR, "hour_at", to_text(max(since, 0)), moment, host_id, key, most)
    rows = await store.raw(
        f"SELECT x.*, f.hostname FROM ({samples} UNION ALL {hours}) x"
        " LEFT JOIN host_fact f ON f.host_id = x.host_id AND f.first_seen_at <= ? AND f.ended_at > ?"
        f" ORDER BY x.host_id, x.seen_at LIMIT {most}",
        [*args, *more, moment, moment],
    )
    following = None
    if len(rows) > question.limit:
        rows = rows[: question.limit]
        following = cursor.encode(at, [rows[-1]["host_id"], rows[-1]["seen_at"]])
    blanks = [] if key is not None else await unknown(store, "cpu", at, host_id, since)
    return Page(at=at, items=[_answer(row) for row in rows], next=following, unknown=blanks)


def _part(
    sql: str, column: str, since: str, until: str, host_id: int | None, key: list[Any] | None, most: int
) -> tuple[str, list[Any]]:
    """The rows of one table, limited by themselves: neither store carries a condition into a UNION by its own."""
    where, args = f"u.{column} > ? AND u.{column} <= ?", [since, until]
    only, of = ("(h.retired_at IS NULL OR h.retired_at > ?)", since) if host_id is None else ("h.id = ?", host_id)
    after, more = ("1 = 1", []) if key is None else cursor.after(["u.host_id", f"u.{column}"], key)
    limited = f"{sql} WHERE {where} AND {only} AND {after} ORDER BY u.host_id, u.{column} LIMIT {most}"
    return f"SELECT * FROM ({limited}) {column}_part", [*args, of, *more]


def _answer(row: dict[str, Any]) -> CpuAnswer:
    return CpuAnswer(
        host=public_id(row["source"], row["identity"]),
        hostname=row["hostname"],
        seen_at=to_ms(row["seen_at"]),
        percent=row["percent"],
        percent_max=row["percent_max"],
        samples=row["samples"],
        cores=row["cores"],
        load_1=row["load_1"],
        load_5=row["load_5"],
        load_15=row["load_15"],
    )
