"""What policies would say of the fleet at a moment, past included. Nothing is written.

Two times are asked for: that of the facts, and that of the policies; what is said names both. A gap at the moment makes
its facts unseen, and what is unknown only by that is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from compliance.errors import ComplianceError
from compliance.server.judging import marks
from compliance.server.judging.book import FOREVER, Period, read_book
from compliance.server.judging.course import row_kinds
from compliance.server.judging.history import History
from compliance.server.judging.marks import Subject
from compliance.server.judging.memory import Memory
from compliance.server.judging.reading import read_histories
from compliance.server.policies.fleet import Fleet, judge_fleet
from compliance.server.policies.judge import Verdict
from compliance.server.policies.policy import Policy
from compliance.server.policies.truth import Outcome
from compliance.server.queries.hosts import public_id
from compliance.server.storage.clock import to_ms
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

HOSTS = 2000
"""Judged together."""


class Said(Struct, frozen=True):
    """A verdict that nobody passed."""

    host: str
    hostname: str | None
    policy: str
    severity: str
    outcome: Outcome
    observed: str
    expected: str
    exempt_until: str | None = None
    """The last day of the exception that stands."""


def stood(store: Store, at: int) -> list[Policy]:
    """The policies of that day."""
    with store.session() as db:
        return [one.policy for one in read_book(db).standing(at)]


def would_say(store: Store, policies: Sequence[Policy], at: int, host_id: int | None = None) -> list[Said]:
    """Of every host that there was, or of one. Raise ComplianceError for a moment of which nothing is kept."""
    memory = Memory()
    periods = [Period(-number, 1, policy, 0, FOREVER, "folder") for number, policy in enumerate(policies, 1)]
    found: list[Said] = []
    with store.session() as db:
        _check_kept(db, at)
        subjects = [_then(one, at) for one in marks.everybody(db, at) if host_id in (None, one.host_id)]
        names = dict(db.query("SELECT id, identity FROM host"))
        for start in range(0, len(subjects), HOSTS):
            histories = read_histories(db, memory, subjects[start : start + HOSTS], periods, at - 1, at)
            for period in periods:
                for number, verdict in sorted(_judge(period, histories, at).items()):
                    history = histories[number]
                    if verdict is not None:
                        host = public_id(history.subject.source, names[number])
                        found.append(_said(host, history, period.policy, verdict, at))
    return found


def _check_kept(db: Db, at: int) -> None:
    for (kept_from,) in db.query("SELECT kept_from FROM horizon WHERE id = 1"):
        if at < to_ms(kept_from):
            raise ComplianceError(f"History is kept from {kept_from[:16]} UTC on: what was before is unknown.")


def _then(subject: Subject, at: int) -> Subject:
    """How far a host's clock was from ours is known of its last report only."""
    is_past = subject.seen_at is not None and at < subject.seen_at
    return structs.replace(subject, mark=None, skew_ms=None) if is_past else structs.replace(subject, mark=None)


def _judge(period: Period, histories: dict[int, History], at: int) -> dict[int, Verdict | None]:
    key = (period.policy_id, period.version)
    frames = {number: one.frame(at, True, gaps_count=True) for number, one in histories.items()}
    rows = {
        kind: {number: found for number, one in histories.items() if (found := one.rows_at(kind, key, at, True))}
        for kind in row_kinds(period)
    }
    return judge_fleet(period.policy, Fleet(frames), rows, at)


def _said(host: str, history: History, policy: Policy, verdict: Verdict, at: int) -> Said:
    name = next((span.what.hostname for span in history.single["host"] if span.since <= at < span.until), None)
    return Said(
        host=host,
        hostname=name,
        policy=policy.id,
        severity=policy.severity,
        outcome=verdict.outcome,
        observed=verdict.observed,
        expected=verdict.expected,
        exempt_until=None if verdict.exemption is None else verdict.exemption.until.isoformat(),
    )
