"""The hosts there are, or were at a moment, a line each."""

from __future__ import annotations

from typing import Any

from compliance.errors import WrongUsage
from compliance.server.queries import cursor
from compliance.server.queries.hosts import find_host, marks, public_id
from compliance.server.queries.unknown import is_silent, kept_from
from compliance.server.storage.clock import to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import HostAnswer, Page, Unknown

STATES = ("reporting", "silent", "once", "never", "refused", "retired")
LEAST_READ = 200
"""Hosts of a step, at least, where only those of one state are asked for."""

_HOSTS = (
    "SELECT h.id, h.source, h.identity, h.retired_at, c.seen_at, c.interval_s, c.refused_at, c.processes_looked_at,"
    " c.sessions_looked_at, f.hostname, COALESCE(f.hostname, '') AS sort_name, s.name AS os_name,"
    " s.version AS os_version, b.agent, b.first_seen_at AS boot_at,"
    " (SELECT MAX(u.seen_at) FROM cpu_sample u WHERE u.host_id = h.id AND u.seen_at <= ?) AS sampled_at,"
    " (SELECT MAX(g.started_at) FROM gap g WHERE g.host_id = h.id AND g.started_at < ? AND g.ended_at > ?"
    " AND g.reason LIKE 'no report for %') AS quiet_since"
    " FROM host h JOIN host_contact c ON c.host_id = h.id"
    " LEFT JOIN host_fact f ON f.host_id = h.id AND f.first_seen_at <= ? AND f.ended_at > ?"
    " LEFT JOIN host_boot b ON b.host_id = h.id AND b.first_seen_at <= ? AND b.ended_at > ?"
    " LEFT JOIN host_os o ON o.host_id = h.id AND o.first_seen_at <= ? AND o.ended_at > ?"
    " LEFT JOIN operating_system s ON s.id = o.operating_system_id"
)


async def hosts(
    store: Store,
    at: int,
    host: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[HostAnswer]:
    """In the order of name and number; retired ones only where they are asked for."""
    if state not in (None, *STATES):
        raise WrongUsage(f"There is no state {state!r}: choose one of {', '.join(STATES)}.")
    key, step = None, limit if state is None else max(limit, LEAST_READ)
    if after is not None:
        at, key = cursor.decode(after, str, int)
    host_id = None if host is None else await find_host(store, host, at) or -1
    found: list[HostAnswer] = []
    following = None
    while len(found) < limit:
        rows = await _rows(store, at, key, step + 1, host_id, state == "retired")
        page = rows[:step]
        answers = await _answers(store, page, at)
        for row, answer in zip(page, answers, strict=True):
            key = [row["sort_name"], row["id"]]
            if state in (None, answer.state):
                found.append(answer)
            if len(found) == limit:
                break
        if len(rows) <= step and (not page or key == [page[-1]["sort_name"], page[-1]["id"]]):
            break
        if len(found) == limit and key is not None:
            following = cursor.encode(at, key)
    return Page(at=at, items=found, next=following, unknown=await _pruned(store, at))


async def _pruned(store: Store, at: int) -> list[Unknown]:
    horizon = await kept_from(store)
    if horizon is None or at >= horizon:
        return []
    return [Unknown(host="*", hostname=None, kind="host", since=None, until=horizon, reason="pruned")]


async def _rows(
    store: Store, at: int, key: list[Any] | None, count: int, host_id: int | None, retired: bool
) -> list[dict[str, Any]]:
    moment = to_text(at)
    where, args = ["(h.enrolled_at <= ? OR c.seen_at <= ? OR b.host_id IS NOT NULL)"], [moment, moment]
    if host_id is not None:
        where.append("h.id = ?")
        args.append(host_id)  # type: ignore[arg-type]
    elif not retired:
        where.append("(h.retired_at IS NULL OR h.retired_at > ?)")
        args.append(moment)
    if key is not None:
        sql, more = cursor.after(["COALESCE(f.hostname, '')", "h.id"], key)
        where.append(sql)
        args += more
    sql = f"{_HOSTS} WHERE {' AND '.join(where)} ORDER BY sort_name, h.id LIMIT {count}"
    return await store.raw(sql, [*[moment] * 9, *args])


async def answer_one(store: Store, host_id: int, at: int) -> HostAnswer | None:
    """One host's line, retired or not."""
    rows = await _rows(store, at, None, 1, host_id, True)
    return (await _answers(store, rows, at))[0] if rows else None


async def _answers(store: Store, rows: list[dict[str, Any]], at: int) -> list[HostAnswer]:
    """Counts, addresses and samples for all of them at once, however many they are."""
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    moment = to_text(at)
    there = f"host_id IN ({marks(ids)}) AND first_seen_at <= ? AND ended_at > ?"
    args = [*ids, moment, moment]
    counts = {
        table: await _by_host(store, f"SELECT host_id, COUNT(*) AS v FROM {table} WHERE {there} GROUP BY host_id", args)
        for table in ("process", "session")
    }
    addresses = await _by_host(
        store,
        f"SELECT host_id, MIN(address) AS v FROM host_address WHERE {there} AND is_primary = 1 GROUP BY host_id",
        args,
    )
    busy = await _by_host(
        store,
        "SELECT u.host_id, u.percent AS v FROM cpu_sample u"
        " JOIN (SELECT host_id, MAX(seen_at) AS seen_at FROM cpu_sample"
        f" WHERE host_id IN ({marks(ids)}) AND seen_at <= ? GROUP BY host_id) l"
        " ON l.host_id = u.host_id AND l.seen_at = u.seen_at",
        [*ids, moment],
    )
    gaps = await store.raw(
        "SELECT host_id, kind FROM gap WHERE kind IN ('processes', 'sessions') AND started_at < ? AND ended_at > ?"
        f" AND host_id IN ({marks(ids)})",
        [moment, moment, *ids],
    )
    unseen = {(gap["host_id"], gap["kind"]) for gap in gaps}
    return [_answer(row, at, counts, unseen, addresses, busy) for row in rows]


async def _by_host(store: Store, sql: str, args: list[Any]) -> dict[int, Any]:
    return {row["host_id"]: row["v"] for row in await store.raw(sql, args)}


def _answer(
    row: dict[str, Any],
    at: int,
    counts: dict[str, dict[int, int]],
    unseen: set[tuple[int, str]],
    addresses: dict[int, str],
    busy: dict[int, float],
) -> HostAnswer:
    seen = _seen(row, to_text(at))

    def number(table: str, kind: str) -> int | None:
        """None is said where a nought would be: nobody had looked, or nobody could."""
        count = counts[table].get(row["id"], 0)
        blank = seen is None or row[f"{kind}_looked_at"] is None or (row["id"], kind) in unseen
        return None if blank and not count else count

    return HostAnswer(
        id=public_id(row["source"], row["identity"]),
        hostname=row["hostname"],
        address=row["identity"] if row["source"] == "original" else addresses.get(row["id"]),
        os_name=row["os_name"],
        os_version=row["os_version"],
        state=_state(row, seen, at),
        seen_at=None if seen is None else to_ms(seen),
        interval_s=row["interval_s"],
        agent=row["agent"],
        processes=number("process", "processes"),
        sessions=number("session", "sessions"),
        cpu_percent=busy.get(row["id"]),
    )


def _seen(row: dict[str, Any], moment: str) -> str | None:
    """The last report at or before the moment; for the past, as far as a sample or a boot shows it."""
    if row["seen_at"] is None or row["seen_at"] <= moment:
        return row["seen_at"]  # type: ignore[no-any-return]
    known = [text for text in (row["sampled_at"], row["boot_at"], row["quiet_since"]) if text is not None]
    return max(known, default=None)


def _state(row: dict[str, Any], seen: str | None, at: int) -> str:
    moment = to_text(at)
    if row["retired_at"] is not None and row["retired_at"] <= moment:
        return "retired"
    if row["refused_at"] is not None and row["refused_at"] <= moment:
        return "refused"
    if seen is None:
        return "never"
    if row["interval_s"] is None:
        return "once"
    if row["seen_at"] > moment and row["quiet_since"] is None:
        return "reporting"  # a silence that a later report ended was written down
    return "silent" if is_silent(seen, row["interval_s"], at) else "reporting"
