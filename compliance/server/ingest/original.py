"""Writes what agents of the original contract say: each POST is a whole look at one kind, seen when it arrives."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from compliance.server.ingest import contact as contacts
from compliance.server.ingest.apply import write
from compliance.server.ingest.contact import Contact
from compliance.server.ingest.dictionary import Dictionary, Known, Texts
from compliance.server.ingest.diff import differences
from compliance.server.ingest.intervals import INTERVALS, Values, session_digest
from compliance.server.ingest.patience import patiently
from compliance.server.ingest.plan import BEGINNING, Plan
from compliance.server.storage.clock import OPEN, now_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db
from compliance.wire.facts import OperatingSystem

SOURCE = "original"


def write_system(store: Store, ip: str, name: str | None, version: str | None) -> None:
    """The host, made where it is new, and its operating system where that is told."""
    if name is None:
        _write(store, ip, None, Texts(), lambda known: [])
        return
    texts = Texts()
    system = OperatingSystem(name=name, version=version)
    texts.add_system(system)
    _write(store, ip, "os", texts, lambda known: [(known.system(system),)])


def write_processes(store: Store, ip: str, rows: Collection[tuple[int, str | None]]) -> None:
    """Pids and their users: all that run."""
    texts = _accounts(user for _, user in rows)

    def drawn(known: Known) -> list[Values]:
        return [(pid, 0, None, None, None if user is None else known.account(user), None) for pid, user in rows]

    _write(store, ip, "processes", texts, drawn)


def write_users(store: Store, ip: str, names: Collection[str]) -> None:
    """Everybody with an open session."""

    def drawn(known: Known) -> list[Values]:
        return [(session_digest((name, "", "", 0)), known.account(name), None, None, None) for name in names]

    _write(store, ip, "sessions", _accounts(names), drawn)


def write_cpu(store: Store, ip: str, percent: float) -> None:
    """A sample."""
    _write(store, ip, "cpu", Texts(), lambda known: [(percent, None, None, None, None)])


def _accounts(names: Any) -> Texts:
    texts = Texts()
    for name in names:
        if name is not None:
            texts.add_account(name)
    return texts


def _write(store: Store, ip: str, kind: str | None, texts: Texts, drawn: Any) -> None:
    dictionary = Dictionary()

    def work(db: Db) -> None:
        known = dictionary.learn(db, texts)
        db.begin()
        host_id = _host(db, ip)
        held = contacts.lock(db, [host_id], store.dialect.for_update)
        write(db, _planned(db, held[host_id], kind, drawn(known)))
        contacts.save(db, held.values())
        db.commit()

    with store.dialect.explained():
        patiently(store, dictionary, work)


def _host(db: Db, ip: str) -> int:
    """Its number; two that make it at once find the same row."""
    find = "SELECT id FROM host WHERE source = ? AND identity = ?"
    found = db.query(find, [SOURCE, ip])
    if found:
        return int(found[0][0])
    row = (SOURCE, ip, to_text(now_ms()))
    db.insert_missing("host", ("source", "identity", "enrolled_at"), [row], key=("source", "identity"))
    number = int(db.query(find, [SOURCE, ip])[0][0])
    columns = ("host_id", "recent", "boots", "skew_ms", "revision", "corrections", "forks")
    db.insert_missing("host_contact", columns, [(number, b"", b"", 0, 0, 0, 0)], key=("host_id",))
    return number


def _planned(db: Db, contact: Contact, kind: str | None, rows: list[Values]) -> Plan:
    plan = Plan()
    seen = to_text(max(now_ms(), contact.seen_ms + 1))
    if kind is not None and contact.looked_at(kind) is None and contact.seen_at is not None:
        plan.gaps.append((contact.host_id, kind, BEGINNING, seen, "not part of the reports before"))
    contact.seen_at = contact.received_at = seen
    contact.revision += 1
    if kind is None:
        return plan
    if kind == "cpu":
        plan.samples = [(contact.host_id, seen, *row) for row in rows]
    else:
        interval = INTERVALS[kind]
        width = len(interval.key)
        sql = f"SELECT {', '.join(interval.columns)} FROM {interval.table} WHERE host_id = ? AND ended_at = ?"
        closed, opened = differences(db.query(sql, [contact.host_id, OPEN]), rows, width)
        plan.closed[kind] = [(contact.host_id, *key, seen, contact.looked_at(kind)) for key in closed]
        plan.opened[kind] = [(contact.host_id, *row[:width], seen, OPEN, *row[width:]) for row in opened]
    setattr(contact, f"{kind}_looked_at", seen)
    return plan
