"""Forgets what ended long ago: the horizon is written first, since before it the past is unknown, not empty."""

from __future__ import annotations

from dataclasses import dataclass

from compliance.server.ingest.intervals import INTERVALS
from compliance.server.storage.clock import now_ms, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_INTERVAL_TABLES = ("host_boot", *(interval.table for interval in INTERVALS.values()), "blind_spot")
_UNUSED = {
    "command": "NOT EXISTS (SELECT 1 FROM process WHERE process.command_id = command.id)",
    "program": "NOT EXISTS (SELECT 1 FROM command WHERE command.program_id = program.id)",
    "operating_system": "NOT EXISTS (SELECT 1 FROM host_os WHERE host_os.operating_system_id = operating_system.id)",
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
    horizon = (now_ms() - older_than_days * DAY_MS) // HOUR_MS * HOUR_MS
    text = to_text(horizon)
    rows: dict[str, int] = {}
    with store.session(answer_seconds=3600.0) as db:
        horizon = _move_horizon(db, text)
        text = to_text(horizon)
        for table in _INTERVAL_TABLES:
            rows[table] = db.execute(f"DELETE FROM {table} WHERE ended_at <= ?", [text])
        rows["gap"] = db.execute("DELETE FROM gap WHERE ended_at <= ?", [text])
        rows["cpu_sample"], hours = _fold_samples(db, text)
        for table, unused in _UNUSED.items():
            # A writer may hold such an id in its cache: its insert fails on the foreign key, and it looks again.
            rows[table] = db.execute(f"DELETE FROM {table} WHERE {unused}")
    return Pruned(horizon, {table: count for table, count in rows.items() if count}, hours)


def _move_horizon(db: Db, text: str) -> int:
    """Never back: what was pruned once stays unknown."""
    before = db.query("SELECT kept_from FROM horizon WHERE id = 1")
    kept_from: str = max(text, before[0][0]) if before else text
    db.upsert("horizon", ("id", "kept_from"), [(1, kept_from)], key=("id",), update=("kept_from",))
    return to_ms(kept_from)


def _fold_samples(db: Db, text: str) -> tuple[int, int]:
    """A day a transaction: sample rows deleted, hours written."""
    deleted = hours = 0
    oldest = db.query("SELECT MIN(seen_at) FROM cpu_sample WHERE seen_at < ?", [text])[0][0]
    while oldest is not None:
        until = min(text, to_text((to_ms(oldest) // DAY_MS + 1) * DAY_MS))
        hour = "SUBSTR(CAST(seen_at AS CHAR(23)), 1, 13)"
        db.begin()
        found = db.query(
            f"SELECT host_id, {hour}, COUNT(*), AVG(percent), MAX(percent) FROM cpu_sample WHERE seen_at < ?"
            f" GROUP BY host_id, {hour}",
            [until],
        )
        folded = [(host, f"{at}:00:00.000", count, mean, most) for host, at, count, mean, most in found]
        columns = ("host_id", "hour_at", "samples", "percent_mean", "percent_max")
        # An hour that is there already came before a backlog that arrived after it: the larger part stands.
        db.insert_missing("cpu_hour", columns, folded, key=("host_id", "hour_at"))
        deleted += db.execute("DELETE FROM cpu_sample WHERE seen_at < ?", [until])
        db.commit()
        hours += len(folded)
        oldest = db.query("SELECT MIN(seen_at) FROM cpu_sample WHERE seen_at < ?", [text])[0][0]
    return deleted, hours
