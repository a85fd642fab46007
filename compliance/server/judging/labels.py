"""What an administrator calls a host: intervals, as all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping

from compliance.errors import ComplianceError
from compliance.server.storage.clock import OPEN, to_ms, to_text
from compliance.server.storage.engine import Store

ADMIN = "admin"


def label(store: Store, host_id: int, values: Mapping[str, str | None], now: int) -> None:
    """None takes a label away. The host's contact is touched: it is to be judged anew, after all that it was judged."""
    with store.session() as db:
        db.begin()
        contact = db.query(
            f"SELECT seen_at FROM host_contact WHERE host_id = ?{store.dialect.for_update}",
            [host_id],
        )
        judged = db.query("SELECT judged_until FROM judged WHERE host_id = ?", [host_id])
        rows = db.query(
            "SELECT name, value, first_seen_at FROM host_label WHERE host_id = ? AND source = ? AND ended_at = ?",
            [host_id, ADMIN, OPEN],
        )
        there = {name: value for name, value, _ in rows}
        unknown = [name for name, value in values.items() if value is None and name not in there]
        if unknown:
            raise ComplianceError(f"The host has no label {unknown[0]!r} that was given by hand.")
        moved = {name: value for name, value in values.items() if there.get(name) != value}
        before = [*(seen for (seen,) in contact + judged if seen is not None), *(since for *_, since in rows)]
        moment = to_text(max([now, *(to_ms(text) + 1 for text in before)]))
        key = ("host_id", "name", "source")
        ended = [(host_id, name, ADMIN, moment) for name in moved if name in there]
        db.update_many("host_label", key, ("ended_at",), ended, where=f"ended_at = '{OPEN}'")
        opened = [(host_id, name, ADMIN, moment, OPEN, value) for name, value in moved.items() if value is not None]
        db.insert_new("host_label", (*key, "first_seen_at", "ended_at", "value"), opened)
        if moved:
            db.execute("UPDATE host_contact SET revision = revision + 1 WHERE host_id = ?", [host_id])
        db.commit()
