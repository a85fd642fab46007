"""The rule about processors that are busy without a pause."""

from __future__ import annotations

from itertools import pairwise

from compliance.server.policies.facts import Contact, CpuRow, Facts, Unseen
from compliance.server.policies.findings import Finding, unseen
from compliance.server.policies.rules import CpuRule
from compliance.server.policies.spans import milliseconds, say

PATIENCE = 3
"""Intervals between two samples, beyond which what lay between was not seen."""


def judge_cpu(rule: CpuRule, facts: Facts, at: int) -> Finding:
    """One calm sample proves a pause. That there was none is known only where the samples cover the whole time."""
    figure = f"{rule.below:g}%"
    expected = f"The processors are below {figure} at least once in {say(rule.span)}."
    if isinstance(facts.cpu, Unseen):
        return unseen(facts.cpu, "The processors were", expected)
    span, start = milliseconds(rule.span), at - milliseconds(rule.span)
    rows = [row for row in facts.cpu.rows if row.seen_at <= at]
    inside = tuple(row for row in rows if row.seen_at > start)
    patience = _patience(facts.contact)
    changes = _changes_at(rows, at, span, patience)
    calm = tuple(row for row in inside if row.percent < rule.below)
    if calm:
        return Finding(True, f"They were below {figure} in that time.", expected, calm[-1:], changes)
    if inside and patience is not None and _covers(rows, start, at, patience):
        return Finding(False, f"They were at {figure} or more in every look.", expected, inside, changes)
    return Finding(None, "The looks do not cover the whole time.", expected, inside, changes)


def _patience(contact: Contact | Unseen) -> int | None:
    interval = None if isinstance(contact, Unseen) else contact.interval_s
    return None if interval is None else PATIENCE * interval * 1000


def _covers(rows: list[CpuRow], start: int, at: int, patience: int) -> bool:
    """A sample speaks of the time since the one before it: so one at the start or earlier is needed."""
    before = [row.seen_at for row in rows if row.seen_at <= start][-1:]
    looks = [*before, *(row.seen_at for row in rows if row.seen_at > start), at]
    return bool(before) and all(later - earlier <= patience for earlier, later in pairwise(looks))


def _changes_at(rows: list[CpuRow], at: int, span: int, patience: int | None) -> int | None:
    """When a sample leaves the time that is looked at, or the next one is overdue."""
    moments = [row.seen_at + span for row in rows]
    if rows and patience is not None:
        moments.append(rows[-1].seen_at + patience + 1)
    return min((moment for moment in moments if moment > at), default=None)
