"""A batch of reports, one a host, into the tables: one transaction of a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compliance.server.ingest import contact as contacts
from compliance.server.ingest import plan as plans
from compliance.server.ingest.contact import Contact
from compliance.server.ingest.decide import Apply, CloneFound, HostGone, decide
from compliance.server.ingest.dictionary import Dictionary, Known, Texts
from compliance.server.ingest.intervals import INTERVALS, Values
from compliance.server.ingest.plan import Plan
from compliance.server.storage.clock import OPEN, to_text
from compliance.server.storage.pool import Session as Db
from compliance.wire.messages import Receipt, Report


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report as it came in: whose it is, and when, by the server's clock."""

    host_id: int
    report: Report
    received_ms: int


Answer = Receipt | CloneFound | HostGone
Accepted = list[tuple[Contact, Arrival, Apply]]


def apply(db: Db, for_update: str, dictionary: Dictionary, batch: Sequence[Arrival]) -> list[Answer]:
    """An answer for each arrival, all of it committed. Raises the driver's errors; then nothing was applied."""
    texts = Texts()
    for arrival in batch:
        texts.add(arrival.report)
    known = dictionary.learn(db, texts)
    db.begin()
    # Locked first: every decision below comes from rows that were read after this.
    held = contacts.lock(db, {arrival.host_id for arrival in batch}, for_update)
    answers: list[Answer] = []
    accepted: Accepted = []
    for arrival in batch:
        contact = held.get(arrival.host_id)
        if contact is None:
            answers.append(HostGone())
            continue
        decision = decide(contact, arrival.report, arrival.received_ms)
        if isinstance(decision, Apply):
            accepted.append((contact, arrival, decision))
            answers.append(Receipt(outcome="applied", last=arrival.report.id))
        else:
            answers.append(decision)
    write(db, _planned(db, accepted, known))
    contacts.save(db, held.values())
    db.commit()
    return answers


def _planned(db: Db, accepted: Accepted, known: Known) -> Plan:
    plan = Plan()
    kept = _read_kept(db, accepted)
    for contact, arrival, decision in accepted:
        plans.add(plan, contact, arrival.report, decision, kept, known, to_text(arrival.received_ms))
    return plan


def _read_kept(db: Db, accepted: Accepted) -> plans.Kept:
    kept: plans.Kept = {}
    for kind, interval in INTERVALS.items():
        hosts = [c.host_id for c, arrival, decision in accepted if plans.needs_kept(c, arrival.report, decision, kind)]
        columns = ", ".join(("host_id", *interval.columns))
        sql = f"SELECT {columns} FROM {interval.table} WHERE ended_at = ? AND host_id IN ({{in}})"
        for row in db.query_in(sql, hosts, args=(OPEN,)):
            kept.setdefault((kind, row[0]), []).append(row[1:])
    return kept


_OPEN = f"ended_at = '{OPEN}'"
_TABLES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "boot": ("host_boot", (), ("boot_id", "agent")),
    **{kind: (interval.table, interval.key, interval.values) for kind, interval in INTERVALS.items()},
}


def write(db: Db, plan: Plan) -> None:
    """Ends before beginnings: a key may be closed and opened in the same report."""
    for host_id, kind, ended_at, last_seen_at in plan.reboots:
        sql = f"UPDATE {INTERVALS[kind].table} SET ended_at = ?, last_seen_at = ? WHERE host_id = ? AND {_OPEN}"
        db.execute(sql, [ended_at, last_seen_at, host_id])
    for kind, (table, key, columns) in _TABLES.items():
        if plan.closed[kind]:
            db.update_many(table, ("host_id", *key), ("ended_at", "last_seen_at"), plan.closed[kind], where=_OPEN)
        if plan.opened[kind]:
            db.insert_new(table, ("host_id", *key, "first_seen_at", "ended_at", *columns), plan.opened[kind])
    if plan.samples:
        db.insert_new(
            "cpu_sample", ("host_id", "seen_at", "percent", "cores", "load_1", "load_5", "load_15"), plan.samples
        )
    if plan.gap_ends:
        db.update_many("gap", ("host_id", "kind"), ("ended_at",), plan.gap_ends, where=_OPEN)
    if plan.gaps or plan.failures:
        columns = ("host_id", "kind", "started_at", "ended_at", "reason")
        db.insert_missing("gap", columns, [*plan.gaps, *plan.failures], key=("host_id", "kind", "started_at"))
    _write_blind(db, plan)


def _write_blind(db: Db, plan: Plan) -> None:
    if not plan.blind:
        return
    columns = "host_id, kind, lacking_rows, lacking_fields, reason"
    sql = f"SELECT {columns} FROM blind_spot WHERE {_OPEN} AND host_id IN ({{in}})"
    there = {(host, kind): what for host, kind, *what in db.query_in(sql, [host for host, _, _ in plan.blind])}
    closed: list[Values] = []
    opened: list[Values] = []
    for host_id, seen, now in plan.blind:
        for kind, what in now.items():
            kept = there.get((host_id, kind))
            if kept == (None if what is None else list(what)):
                continue
            if kept is not None:
                closed.append((host_id, kind, seen, None))
            if what is not None:
                opened.append((host_id, kind, seen, OPEN, *what))
    db.update_many("blind_spot", ("host_id", "kind"), ("ended_at", "last_seen_at"), closed, where=_OPEN)
    names = ("host_id", "kind", "first_seen_at", "ended_at", "lacking_rows", "lacking_fields", "reason")
    db.insert_new("blind_spot", names, opened)
