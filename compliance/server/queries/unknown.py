"""What could not be seen of a kind at a moment, and why. What was not seen is unknown, never fine."""

from __future__ import annotations

from typing import Any

from compliance.server.queries.hosts import public_id
from compliance.server.storage.clock import OPEN, now_ms, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import Unknown
from compliance.wire.messages import Kind

SILENT_AFTER = 3
"""Intervals without a report, after which a host is silent."""
MOST = 200
"""Hosts named in one answer."""
BEGINNING = to_text(0)


async def unknown(store: Store, kind: Kind, at: int, host_id: int | None = None) -> list[Unknown]:
    """For one host, or for all that there were at the moment (the first of them)."""
    horizon = await kept_from(store)
    if horizon is not None and at < horizon:
        return [Unknown(host="*", hostname=None, kind=kind, since=None, until=horizon, reason="pruned")]
    moment = to_text(at)
    only = "(h.retired_at IS NULL OR h.retired_at > ?)" if host_id is None else "h.id = ?"
    rows = await store.raw(
        f"SELECT h.source, h.identity, f.hostname, c.seen_at, c.interval_s, c.refused_at,"
        f" c.{kind}_looked_at AS looked_at, g.started_at, g.ended_at, g.reason,"
        " CASE WHEN h.source = 'original' THEN h.enrolled_at ELSE"
        " (SELECT MIN(b.first_seen_at) FROM host_boot b WHERE b.host_id = h.id) END AS begun_at"
        " FROM host h JOIN host_contact c ON c.host_id = h.id"
        " LEFT JOIN host_fact f ON f.host_id = h.id AND f.first_seen_at <= ? AND f.ended_at > ?"
        " LEFT JOIN gap g ON g.host_id = h.id AND g.kind = ? AND g.started_at < ? AND g.ended_at > ?"
        f" WHERE {only} ORDER BY h.id, g.started_at",
        [moment, moment, kind, moment, moment, moment if host_id is None else host_id],
    )
    found: dict[str, Unknown] = {}
    for row in rows:
        told = _told(row, kind, at)
        if told is not None:
            found.setdefault(told.host, told)
    return list(found.values())[:MOST]


def _told(row: dict[str, Any], kind: Kind, at: int) -> Unknown | None:
    def because(since: str | None, until: str | None, reason: str) -> Unknown:
        return Unknown(
            host=public_id(row["source"], row["identity"]),
            hostname=row["hostname"],
            kind=kind,
            since=None if since is None or since == BEGINNING else to_ms(since),
            until=None if until is None or until == OPEN else to_ms(until),
            reason=reason,
        )

    moment = to_text(at)
    if row["reason"] is not None:
        return because(row["started_at"], row["ended_at"], row["reason"])
    if row["seen_at"] is None or (row["begun_at"] is not None and moment < row["begun_at"]):
        return because(None, row["begun_at"], "it had not reported yet")
    if row["looked_at"] is None:
        return because(None, None, "not part of its reports")
    if row["refused_at"] is not None and row["refused_at"] <= moment:
        return because(row["looked_at"], None, "refused: two machines report with its identity")
    if is_silent(row["seen_at"], row["interval_s"], at):
        return because(row["looked_at"], None, "no report since")
    if is_silent(row["looked_at"], row["interval_s"], at):
        return because(row["looked_at"], None, "not part of its reports any more")
    return None


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
        [host_id, to_text(min(at, now_ms() + 1))],
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
