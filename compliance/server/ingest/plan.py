"""Pure: what a batch of accepted reports changes in the tables, collected so that each table takes one statement."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from msgspec import UNSET
from msgspec.json import encode

from compliance.server.ingest.contact import KINDS, Contact
from compliance.server.ingest.decide import Apply
from compliance.server.ingest.dictionary import Known
from compliance.server.ingest.diff import differences
from compliance.server.ingest.intervals import INTERVALS, Values
from compliance.server.storage.clock import OPEN, to_ms, to_text
from compliance.wire.messages import Change, Failed, Report, Sample, Whole

BEGINNING = to_text(0)
"""Where a gap starts that nothing was seen before."""
UNSURE = bytes(16)
"""A mark that no report has."""
SILENT_AFTER = 3
"""Intervals without a report, after which the time between is a gap."""

Kept = dict[tuple[str, int], list[Values]]
"""Open rows by kind and host, for the hosts that brought a section whole."""


@dataclass
class Plan:
    """Rows by kind; `boot` stands beside the kinds. A closed row: host, key, ended_at, last_seen_at."""

    reboots: list[tuple[int, str, str, str | None]] = field(default_factory=list)
    """Host, kind, ended_at, last_seen_at: every open row of it ends."""
    closed: dict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    opened: dict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    samples: list[Values] = field(default_factory=list)
    gap_ends: list[Values] = field(default_factory=list)
    gaps: list[Values] = field(default_factory=list)
    failures: list[Values] = field(default_factory=list)
    """Gaps that last, as every failing look names them again."""
    blind: list[tuple[int, str, dict[str, tuple[int, int, str] | None]]] = field(default_factory=list)
    """Host, moment, and by kind what it could not see now."""


def needs_kept(contact: Contact, report: Report, decision: Apply, kind: str) -> bool:
    """Whether the rows kept have to be read: for a whole section of which something may be kept."""
    if not isinstance(getattr(report.sections, kind), Whole) or contact.looked_at(kind) is None:
        return False
    return not (decision.rebooted and INTERVALS[kind].boot_bound)


def add(plan: Plan, contact: Contact, report: Report, decision: Apply, kept: Kept, known: Known, received: str) -> None:
    """Enters one report into the plan, and moves its host's contact to it."""
    seen, changes = decision.seen, _rows_planned(plan)
    _add_boot(plan, contact, report, decision)
    failed: dict[str, str] = {}
    for kind in KINDS:
        section = getattr(report.sections, kind)
        if section is UNSET:
            _add_absence(plan, contact, report, decision, kind)
            continue
        if isinstance(section, Failed):
            failed[kind] = section.reason
            continue
        _add_gaps(plan, contact, report, kind, seen)
        if isinstance(section, Sample):
            row = section.row
            plan.samples.append((contact.host_id, seen, row.percent, row.cores, row.load_1, row.load_5, row.load_15))
        else:
            _add_rows(plan, contact, kind, section, seen, kept, known)
        setattr(contact, f"{kind}_looked_at", seen)
    _add_unseen(plan, contact, report, seen, failed)
    contact.revision += _rows_planned(plan) != changes
    contact.seen_at, contact.received_at = seen, received
    contact.skew_ms = report.sent_at - to_ms(received)
    contact.slowed = None if report.slowed is UNSET else report.slowed
    contact.interval_s = _promise(report)
    contact.remember_report(bytes.fromhex(report.id))


def _rows_planned(plan: Plan) -> int:
    by_kind = sum(map(len, plan.closed.values())) + sum(map(len, plan.opened.values()))
    unseen = len(plan.gaps) + len(plan.gap_ends) + len(plan.failures) + len(plan.blind)
    return by_kind + unseen + len(plan.reboots)


def _add_boot(plan: Plan, contact: Contact, report: Report, decision: Apply) -> None:
    if decision.rebooted:
        for kind, interval in INTERVALS.items():
            if interval.boot_bound and contact.looked_at(kind) is not None:
                plan.reboots.append((contact.host_id, kind, decision.seen, contact.looked_at(kind)))
                setattr(contact, f"{kind}_state", None)
    if (contact.boot_id, contact.agent) == (report.boot_id, report.agent):
        return
    if contact.boot_id is not None:
        plan.closed["boot"].append((contact.host_id, decision.seen, contact.seen_at))
    plan.opened["boot"].append((contact.host_id, decision.seen, OPEN, report.boot_id, report.agent))
    contact.agent = report.agent
    contact.remember_boot(report.boot_id)


def _add_rows(plan: Plan, contact: Contact, kind: str, section: Any, seen: str, kept: Kept, known: Known) -> None:
    interval = INTERVALS[kind]
    width = len(interval.key)
    if isinstance(section, Change):
        opened = [interval.row(row, known) for row in section.started]
        ended = {interval.ended(key) for key in section.ended}
        closed = list(ended if interval.one_open else ended | {row[:width] for row in opened})
    else:
        before = kept.get((kind, contact.host_id), [])
        closed, opened = differences(before, [interval.row(row, known) for row in section.rows], width)
        if contact.state(kind) == bytes.fromhex(section.state):
            contact.corrections += len(closed) + len(opened)
    last = contact.looked_at(kind)
    plan.closed[kind] += [(contact.host_id, *key, seen, last) for key in closed]
    plan.opened[kind] += [(contact.host_id, *row[:width], seen, OPEN, *row[width:]) for row in opened]
    setattr(contact, f"{kind}_state", bytes.fromhex(section.state))


def _add_absence(plan: Plan, contact: Contact, report: Report, decision: Apply, kind: str) -> None:
    """Nobody looked at it this time: that makes a gap from its last look on, where more is told than that."""
    last = contact.looked_at(kind)
    if last is None:
        return
    reason = _loss(report)
    if decision.rebooted and kind in INTERVALS and INTERVALS[kind].boot_bound:
        reason = reason or "the machine was started anew, and nobody had looked since"
    # A promise that is replaced can be held beside the silence only now.
    if _promise(report) != contact.interval_s:
        reason = reason or _silence(contact, last, decision.seen)
    if reason is not None:
        plan.failures.append((contact.host_id, kind, last, OPEN, reason))


def _loss(report: Report) -> str | None:
    dropped = report.dropped
    return None if dropped is UNSET else f"{dropped.reports} reports were lost: {dropped.reason}"[:255]


def _silence(contact: Contact, last: str, seen: str) -> str | None:
    """Whether more time passed than was promised last."""
    silence = to_ms(seen) - to_ms(last)
    if contact.interval_s is None or silence <= SILENT_AFTER * contact.interval_s * 1000:
        return None
    return f"no report for {silence // 1000} s, where one was due every {contact.interval_s} s"


def _promise(report: Report) -> int | None:
    return None if report.interval is UNSET else report.interval


def _add_gaps(plan: Plan, contact: Contact, report: Report, kind: str, seen: str) -> None:
    """This look sees: a failure that lasted until now ends, and a silence before it is written down."""
    last = contact.looked_at(kind)
    if contact.seen_at is not None and last != contact.seen_at:
        plan.gap_ends.append((contact.host_id, kind, seen))
    if last is None:
        if contact.seen_at is not None:
            plan.gaps.append((contact.host_id, kind, BEGINNING, seen, "not part of the reports before"))
        return
    reason = _loss(report) or _silence(contact, last, seen)
    if reason is not None:
        plan.gaps.append((contact.host_id, kind, last, seen, reason))


def _add_unseen(plan: Plan, contact: Contact, report: Report, seen: str, failed: dict[str, str]) -> None:
    """Failures, and blind spots in what was seen; by the contact's mark both are told once, not with every report."""
    now: dict[str, tuple[int, int, str] | None] = {}
    for kind in INTERVALS:
        section = getattr(report.sections, kind)
        if isinstance(section, Whole | Change):
            blind = section.blind
            now[kind] = None if blind is UNSET else (blind.rows, blind.fields, blind.reason)
    if contact.blind is None and not failed and not any(now.values()):
        return
    # Counts waver from look to look: only another reason, or twice as many, makes another row.
    shape = {kind: (what[0].bit_length(), what[1].bit_length(), what[2]) for kind, what in now.items() if what}
    mark = blake2b(encode((shape, sorted(failed))), digest_size=16).digest() if shape or failed else None
    if mark != contact.blind:
        for kind, reason in failed.items():
            # From the last look that saw: a failure that is told again names the same row.
            plan.failures.append((contact.host_id, kind, contact.looked_at(kind) or BEGINNING, OPEN, reason))
        plan.blind.append((contact.host_id, seen, now))
        # The mark tells of all kinds: where this report lacks some, what is kept of those has to be read again.
        sure = contact.blind is None or INTERVALS.keys() <= now.keys() | failed.keys()
        contact.blind = mark if sure else UNSURE
