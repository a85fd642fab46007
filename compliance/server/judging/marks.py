"""Up to where each host was judged, and which hosts are to be judged anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from compliance.server.storage.clock import OPEN, to_ms, to_text
from compliance.server.storage.pool import Session as Db

KINDS = ("host", "os", "cpu", "processes", "sessions")
"""Kinds of fact that the server keeps and policies read."""
_CONTACT = ("seen_at", "revision", "skew_ms", "interval_s", *(f"{kind}_looked_at" for kind in KINDS))
_JUDGED = ("turn", "revision", "policies", "facts_until", "judged_until", "due_at", "is_watched")


class Mark(Struct, frozen=True):
    """Up to where a host was judged; the columns are explained in `storage/tables`."""

    turn: int
    revision: int
    policies: int
    facts_until: int | None
    judged_until: int
    due_at: int
    is_watched: bool


class Subject(Struct, frozen=True):
    """A host that is to be judged: its contact as it stands, and its mark; None: it was never judged."""

    host_id: int
    source: str
    enrolled_at: int
    seen_at: int | None
    revision: int
    skew_ms: int | None
    interval_s: int | None
    looked_at: Mapping[str, int]
    mark: Mark | None

    @property
    def facts_until(self) -> int:
        """The report up to which facts were known when it was judged last; -1: none was."""
        known = -1 if self.mark is None or self.mark.facts_until is None else self.mark.facts_until
        return known if self.seen_at is None else min(known, self.seen_at)

    @property
    def has_news(self) -> bool:
        """Whether anything but the policies changed."""
        return self.mark is None or self.mark.revision != self.revision or self.mark.facts_until != self.seen_at


_SELECT = (
    f"SELECT c.host_id, h.source, h.enrolled_at, {', '.join(f'c.{name}' for name in _CONTACT)},"
    f" {', '.join(f'j.{name}' for name in _JUDGED)}"
    " FROM host_contact c JOIN host h ON h.id = c.host_id LEFT JOIN judged j ON j.host_id = c.host_id"
    " WHERE h.retired_at IS NULL"
)
_STALE = (
    " AND (j.host_id IS NULL OR j.revision <> c.revision OR j.policies <> ? OR j.due_at <= ?"
    " OR (j.is_watched = 1 AND c.seen_at > j.facts_until))"
)


def stale(db: Db, policies: int, now: int, among: Collection[int] | None = None) -> list[Subject]:
    """Hosts with facts, labels or policies that they were not judged by, or that time may have changed."""
    args: list[Any] = [policies, to_text(now)]
    if among is None:
        return [_subject(row) for row in db.query(f"{_SELECT}{_STALE} ORDER BY c.host_id", args)]
    return [_subject(row) for row in db.query_in(f"{_SELECT}{_STALE} AND c.host_id IN ({{in}})", among, args=args)]


def everybody(db: Db, at: int) -> list[Subject]:
    """The hosts that there were at the moment."""
    sql = _SELECT.replace("h.retired_at IS NULL", "(h.retired_at IS NULL OR h.retired_at > ?) AND h.enrolled_at <= ?")
    return [_subject(row) for row in db.query(f"{sql} ORDER BY c.host_id", [to_text(at), to_text(at)])]


def _subject(row: tuple[Any, ...]) -> Subject:
    host_id, source, enrolled_at, seen_at, revision, skew_ms, interval_s, *rest = row
    looks, judged = rest[: len(KINDS)], rest[len(KINDS) :]
    mark = None
    if judged[0]:  # 0: a row to lock, made by a turn that did not come to its end
        turn, known, policies, facts_until, until, due_at, watched = judged
        mark = Mark(turn, known, policies, _ms(facts_until), to_ms(until), to_ms(due_at), bool(watched))
    looked_at = {kind: to_ms(look) for kind, look in zip(KINDS, looks, strict=True) if look is not None}
    return Subject(host_id, source, to_ms(enrolled_at), _ms(seen_at), revision, skew_ms, interval_s, looked_at, mark)


def _ms(text: str | None) -> int | None:
    return None if text is None else to_ms(text)


def make(db: Db, host_ids: Collection[int]) -> None:
    """Rows for hosts that were never judged, so that there is something to lock."""
    columns = ("host_id", "turn", "revision", "policies", "judged_until", "due_at", "is_watched")
    rows = [(host_id, 0, 0, 0, to_text(0), OPEN, 0) for host_id in sorted(host_ids)]
    db.insert_missing("judged", columns, rows, key=("host_id",))


def hold(db: Db, subjects: Collection[Subject], for_update: str) -> list[Subject]:
    """Locks their marks until the transaction ends, in key order; without those that another worker moved since."""
    by_id = {one.host_id: one for one in subjects}
    sql = f"SELECT host_id, turn FROM judged WHERE host_id IN ({{in}}) ORDER BY host_id{for_update}"
    turns = dict(db.query_in(sql, sorted(by_id)))
    return [one for number, one in by_id.items() if turns.get(number) == (0 if one.mark is None else one.mark.turn)]


def move(db: Db, marks: Mapping[int, Mark]) -> None:
    rows = [
        (
            host_id,
            mark.turn,
            mark.revision,
            mark.policies,
            None if mark.facts_until is None else to_text(mark.facts_until),
            to_text(mark.judged_until),
            to_text(mark.due_at),
            int(mark.is_watched),
        )
        for host_id, mark in sorted(marks.items())
    ]
    db.update_many("judged", ("host_id",), _JUDGED, rows)
