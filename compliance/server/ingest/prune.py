"""Forgets what ended long ago: the horizon is written first, since before it the past is unknown, not empty.

Reports go on being written meanwhile, so it takes a few hosts at a time, and of them a day a transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from compliance.server.ingest.dictionary import Dictionary
from compliance.server.ingest.intervals import INTERVALS
from compliance.server.ingest.patience import patiently
from compliance.server.storage.clock import now_ms, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOSTS = 20
"""Hosts of one transaction."""
IDS = 500
"""Dictionary entries of one transaction."""

_ENDED = (
    "host_boot",
    *(interval.table for interval in INTERVALS.values()),
    "blind_spot",
    "gap",
    "host_label",
    "verdict",
)
_UNUSED = {
    "command": "NOT EXISTS (SELECT 1 FROM process WHERE process.command_id = command.id)",
    "program": "NOT EXISTS (SELECT 1 FROM command WHERE command.program_id = program.id)",
    "operating_system": "NOT EXISTS (SELECT 1 FROM host_os WHERE host_os.operating_system_id = operating_system.id)",
    "finding": "NOT EXISTS (SELECT 1 FROM verdict WHERE verdict.finding_id = finding.id)",
    "account": "NOT EXISTS (SELECT 1 FROM process WHERE process.account_id = account.id)"
    " AND NOT EXISTS (SELECT 1 FROM session WHERE session.account_id = account.id)",
}


@dataclass(frozen=True)
class Pruned:
    """What went: rows by table, and the hours that their samples were folded into."""

    kept_from: int
    rows: dict[str, int]
    hours: int


def prune(store: Store, older_than_days: int) -> Pruned:
    """Keeps what was true at any time since; CPU samples before that become one row an hour."""
    with store.dialect.explained():
        return _prune(store, older_than_days)


def _prune(store: Store, older_than_days: int) -> Pruned:
    horizon = to_text((now_ms() - older_than_days * DAY_MS) // HOUR_MS * HOUR_MS)
    dictionary = Dictionary()
    kept_from = patiently(store, dictionary, partial(_move_horizon, text=horizon))
    rows: Counter[str] = Counter()
    hours = 0
    with store.session() as db:
        numbers = [number for (number,) in db.query("SELECT id FROM host ORDER BY id")]
    for hosts in _parts(numbers, HOSTS):
        while day := patiently(store, dictionary, partial(_prune_a_day, hosts=hosts, text=kept_from)):
            rows += day.rows
            hours += day.hours
    for table, unused in _UNUSED.items():
        rows[table] += _forget_unused(store, dictionary, table, unused)
    return Pruned(to_ms(kept_from), {table: count for table, count in rows.items() if count}, hours)


def _parts(numbers: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + most] for start in range(0, len(numbers), most))


def _move_horizon(db: Db, text: str) -> str:
    """Never back: what was pruned once stays unknown."""
    db.insert_missing("horizon", ("id", "kept_from"), [(1, text)], key=("id",))
    db.execute("UPDATE horizon SET kept_from = ? WHERE id = 1 AND kept_from < ?", [text, text])
    kept_from: str = db.query("SELECT kept_from FROM horizon WHERE id = 1")[0][0]
    return kept_from


@dataclass(frozen=True)
class _Day:
    rows: Counter[str]
    hours: int


def _prune_a_day(db: Db, hosts: Sequence[int], text: str) -> _Day | None:
    """The oldest day of theirs that lies before; None where nothing does."""
    places = ",".join("?" * len(hosts))
    of_them = f"host_id IN ({places})"
    found = [f"SELECT MIN(ended_at) AS oldest FROM {table} WHERE {of_them} AND ended_at <= ?" for table in _ENDED]
    found.append(f"SELECT MIN(seen_at) FROM cpu_sample WHERE {of_them} AND seen_at < ?")
    union = " UNION ALL ".join(found)
    oldest = db.query(f"SELECT MIN(oldest) FROM ({union}) AS each_table", [*hosts, text] * len(found))[0][0]
    if oldest is None:
        return None
    until = min(text, to_text((to_ms(oldest) // DAY_MS + 1) * DAY_MS))
    rows: Counter[str] = Counter()
    db.begin()
    for table in _ENDED:
        rows[table] = db.execute(f"DELETE FROM {table} WHERE {of_them} AND ended_at <= ?", [*hosts, until])
    hours = _fold_samples(db, of_them, [*hosts, until])
    rows["cpu_sample"] = db.execute(f"DELETE FROM cpu_sample WHERE {of_them} AND seen_at < ?", [*hosts, until])
    db.commit()
    return _Day(rows, hours)


def _fold_samples(db: Db, of_them: str, args: list[Any]) -> int:
    """Hours are written for the samples that are about to go."""
    hour = "SUBSTR(CAST(seen_at AS CHAR(23)), 1, 13)"
    new = db.query(
        f"SELECT host_id, {hour}, COUNT(*), AVG(percent), MAX(percent) FROM cpu_sample WHERE {of_them}"
        f" AND seen_at < ? GROUP BY host_id, {hour}",
        args,
    )
    if not new:
        return 0
    first = min(f"{at}:00:00.000" for _, at, *_ in new)
    columns = ("host_id", "hour_at", "samples", "percent_mean", "percent_max")
    there = db.query(
        f"SELECT {', '.join(columns)} FROM cpu_hour WHERE {of_them} AND hour_at < ? AND hour_at >= ?", [*args, first]
    )
    # An hour that is there already: of it a backlog brought more, after its first samples had been folded.
    kept = {(host, at): rest for host, at, *rest in there}
    hours = [_joined(host, f"{at}:00:00.000", one, kept) for host, at, *one in new]
    db.upsert("cpu_hour", columns, hours, key=columns[:2], update=columns[2:])
    return len(hours)


def _joined(host: int, at: str, one: list[Any], kept: dict[tuple[int, str], list[Any]]) -> tuple[Any, ...]:
    count, mean, most = one
    before, mean_before, most_before = kept.get((host, at), (0, 0.0, 0.0))
    together = count + before
    return host, at, together, (count * mean + before * mean_before) / together, max(most, most_before)


def _forget_unused(store: Store, dictionary: Dictionary, table: str, unused: str) -> int:
    """A writer may hold such an id in its cache: its insert fails on the foreign key, and it looks again."""
    with store.session(answer_seconds=3600.0) as db:
        ids = [number for (number,) in db.query(f"SELECT id FROM {table} WHERE {unused}")]
    return sum(_forget(store, dictionary, table, unused, part) for part in _parts(ids, IDS))


def _forget(store: Store, dictionary: Dictionary, table: str, unused: str, ids: Sequence[int]) -> int:
    sql = f"DELETE FROM {table} WHERE id IN ({','.join('?' * len(ids))}) AND {unused}"
    try:
        return patiently(store, dictionary, lambda db: db.execute(sql, ids))
    except Exception as error:
        if not store.dialect.is_still_named(error):
            raise
        return 0  # one of them was taken up again in this moment: the next prune finds the others
