"""What could not be seen of a kind at a moment, or at any time since one, and why. Unknown is never fine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from compliance.server.queries.hosts import public_id
from compliance.server.storage.clock import OPEN, now_ms, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import Unknown
from compliance.wire.messages import Kind

SILENT_AFTER = 3
"""Intervals without a report, after which a host is silent."""
MOST = 200
"""Stretches named in one answer."""
BEGINNING = to_text(0)

Row = dict[str, Any]
Stretch = tuple[str | None, str | None, str]
"""From a moment (None: the beginning) until one (None: it lasts), and why."""


async def unknown(
    store: Store, kind: Kind, at: int, host_id: int | None = None, since: int | None = None
) -> list[Unknown]:
    """For one host, or for all that there were (the first of them): what is unknown at the moment, or since one."""
    start = at if since is None else min(since, at)
    # One host, or those that were not retired yet: the same whose rows are told.
    only = (
        ("h.id = ?", host_id) if host_id is not None else ("h.retired_at IS NULL OR h.retired_at > ?", to_text(start))
    )
    horizon = await kept_from(store)
    found: list[Unknown] = []
    if horizon is not None and start < horizon:
        found.append(Unknown(host="*", hostname=None, kind=kind, since=None, until=horizon, reason="pruned"))
        start = horizon
    if start <= at:
        rows = await _rows(store, kind, at, start, only)
        for _, of_host in groupby(rows, lambda row: row["id"]):
            found += _of_host(list(of_host), kind, at, start)
    return found[:MOST]


async def _rows(store: Store, kind: Kind, at: int, start: int, only: tuple[str, int | str]) -> list[Row]:
    """A row for each host and gap; hosts without a gap have one row all the same."""
    moment, (where, which) = to_text(at), only
    return await store.raw(
        f"SELECT h.id, h.source, h.identity, h.retired_at, f.hostname, c.seen_at, c.interval_s, c.refused_at,"
        f" c.{kind}_looked_at AS looked_at, g.started_at, g.ended_at, g.reason,"
        " CASE WHEN h.source = 'original' THEN h.enrolled_at ELSE"
        " (SELECT MIN(b.first_seen_at) FROM host_boot b WHERE b.host_id = h.id) END AS begun_at"
        " FROM host h JOIN host_contact c ON c.host_id = h.id"
        " LEFT JOIN host_fact f ON f.host_id = h.id AND f.first_seen_at <= ? AND f.ended_at > ?"
        " LEFT JOIN gap g ON g.host_id = h.id AND g.kind = ? AND g.started_at < ? AND g.ended_at > ?"
        f" WHERE {where} ORDER BY h.id, g.started_at",
        [moment, moment, kind, moment, to_text(start), which],
    )


def _of_host(rows: list[Row], kind: Kind, at: int, start: int) -> Iterator[Unknown]:
    row = rows[0]
    gaps = [(gap["started_at"], gap["ended_at"], gap["reason"]) for gap in rows if gap["reason"] is not None]
    for since, until, reason in [*_before(row, gaps, at, start), *gaps, *_after(row, gaps, at)]:
        yield Unknown(
            host=public_id(row["source"], row["identity"]),
            hostname=row["hostname"],
            kind=kind,
            since=None if since is None or since == BEGINNING else to_ms(since),
            until=None if until is None or until == OPEN else to_ms(until),
            reason=reason,
        )


def _before(row: Row, gaps: Iterable[Stretch], at: int, start: int) -> Iterator[Stretch]:
    """Until its first report; where the kind came later still, a gap from the beginning says so."""
    begun = row["begun_at"]
    if any(gap[0] == BEGINNING for gap in gaps):
        return
    if row["seen_at"] is not None and row["looked_at"] is None and (begun is None or to_ms(begun) <= at):
        yield None, None, "not part of its reports"
    elif row["seen_at"] is None or (begun is not None and start < to_ms(begun)):
        yield None, begun, "it had not reported yet"


def _after(row: Row, gaps: Iterable[Stretch], at: int) -> Iterator[Stretch]:
    """After the last look there is nothing but a promise: broken by now, it was broken from that look on."""
    last, retired = row["looked_at"], row["retired_at"]
    moment, latest = to_text(at), max(at, now_ms())
    if last is None or last >= moment or any(gap[1] == OPEN for gap in gaps):
        return
    if row["refused_at"] is not None:
        yield last, None, "refused: two machines report with its identity"
    elif is_silent(row["seen_at"], row["interval_s"], latest):
        yield last, None, "no report since"
    elif is_silent(last, row["interval_s"], latest):
        yield last, None, "not part of its reports any more"
    elif retired is not None and max(last, retired) < moment:
        yield max(last, retired), None, "retired: nobody has looked since"


def is_silent(seen_at: str, interval_s: int | None, at: int) -> bool:
    """More than three intervals after the last report; a host that promised none is never silent."""
    return interval_s is not None and at - to_ms(seen_at) > SILENT_AFTER * interval_s * 1000


async def kept_from(store: Store) -> int | None:
    """What ended before may have been pruned."""
    rows = await store.raw("SELECT kept_from FROM horizon WHERE id = 1")
    return to_ms(rows[0]["kept_from"]) if rows else None


async def gaps(store: Store, host_id: int, host: str, hostname: str | None, at: int, most: int = 20) -> list[Unknown]:
    """A host's gaps that had begun by the moment, newest first."""
    rows = await store.raw(
        "SELECT kind, started_at, ended_at, reason FROM gap WHERE host_id = ? AND started_at <= ?"
        f" ORDER BY started_at DESC, kind LIMIT {most}",
        [host_id, to_text(at)],
    )
    return [
        Unknown(
            host=host,
            hostname=hostname,
            kind=row["kind"],
            since=None if row["started_at"] == BEGINNING else to_ms(row["started_at"]),
            until=None if row["ended_at"] == OPEN else to_ms(row["ended_at"]),
            reason=row["reason"],
        )
        for row in rows
    ]
