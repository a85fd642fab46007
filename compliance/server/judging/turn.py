"""One turn: the hosts of which something changed are judged from that moment on, and what is new is written.

Reading and judging hold no lock. Verdicts are written a few thousand at a time, each host's with its mark, and only
where no other worker moved that mark in between: then this host was judged by the other one.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, structs

from compliance.server.judging import marks
from compliance.server.judging.book import FOREVER, Book, Period, read_book
from compliance.server.judging.course import Course, Step
from compliance.server.judging.history import History
from compliance.server.judging.marks import Mark, Subject
from compliance.server.judging.memory import Memory
from compliance.server.judging.patience import patiently
from compliance.server.judging.reading import read_histories
from compliance.server.judging.revision import Revision, Said, revise
from compliance.server.storage.clock import OPEN, now_ms, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

log = logging.getLogger(__name__)

HOSTS = 2000
"""Judged together."""
ROWS = 4000
"""Written in one transaction, so that a writer of reports never waits long."""
HOUR = 3_600_000

Place = tuple[int, int]
"""A host and a policy."""


class Judgement(Struct):
    """What a part of a turn found: revisions by host and policy, and where each host's mark goes."""

    revisions: dict[int, dict[int, Revision]]
    marks: dict[int, Mark]


def take_turn(store: Store, memory: Memory, among: Collection[int] | None = None) -> int:
    """How many hosts were judged: of those, or of all. Raises the driver's errors; what was committed stays."""
    with store.session() as db:
        memory.book = read_book(db, memory.book)
        subjects = marks.stale(db, memory.book.number, now_ms(), among) if memory.book.changes else []
    for part in _parts(subjects):
        patiently(store, memory, partial(_judge_part, store, memory, memory.book, part))
    return len(subjects)


def _parts(subjects: Sequence[Subject]) -> Iterator[Sequence[Subject]]:
    """Hosts of which only the policies changed apart from the others: they are judged by those alone."""
    now = now_ms()
    for is_still in (True, False):
        kin = [one for one in subjects if _is_still(one, now) is is_still]
        yield from (kin[start : start + HOSTS] for start in range(0, len(kin), HOSTS))


def _is_still(subject: Subject, now: int) -> bool:
    mark = subject.mark
    if mark is None or mark.revision != subject.revision or mark.due_at <= now:
        return False
    return not mark.is_watched or mark.facts_until == subject.seen_at


def _judge_part(store: Store, memory: Memory, book: Book, subjects: Sequence[Subject], db: Db) -> None:
    found = judge_part(db, memory, book, subjects)
    fresh = [one.host_id for one in subjects if one.mark is None]
    if fresh:
        marks.make(db, fresh)
    for group in _grouped(subjects, found):
        write(db, found, group, store.dialect.for_update)


def judge_part(db: Db, memory: Memory, book: Book, subjects: Sequence[Subject]) -> Judgement:
    """What has to be written of these hosts."""
    is_still = all(_is_still(one, now_ms()) for one in subjects)
    until = max([now_ms(), *book.changes.values(), *(one.seen_at or 0 for one in subjects)])
    until = max([until, *(one.mark.judged_until + 1 for one in subjects if one.mark is not None)])
    after = min(_known_until(one, book) for one in subjects)
    periods = [one for one in book.since(after) if not is_still or _changed(one, after)]
    histories = read_histories(db, memory, subjects, periods, after, until)
    starts = {number: _start(one, book, until, is_still) for number, one in histories.items()}
    begun = {number: start for number, start in starts.items() if start is not None}
    course = Course({number: histories[number] for number in begun}, begun, until)
    steps = [(period, course.steps(period)) for period in periods] if begun else []
    wanted = _worded(db, memory, steps)
    said = _said(db, begun, {one.policy_id for one in periods} if is_still else None)
    revisions: dict[int, dict[int, Revision]] = {number: {} for number in begun}
    for host, policy in said.keys() | wanted.keys():
        mark = histories[host].subject.mark
        judged_until = -1 if mark is None else mark.judged_until
        stands = [one for one in said.get((host, policy), ()) if one.until > begun[host]]
        revision = revise(stands, wanted.get((host, policy), ()), begun[host], judged_until)
        if any(revision):
            revisions[host][policy] = revision
    moved = {one.host_id: _mark(one, book, until, is_still, one.host_id in begun) for one in subjects}
    return Judgement(revisions, _due(moved, steps, until, is_still))


def _known_until(subject: Subject, book: Book) -> int:
    """Before any moment of which more is known now."""
    if subject.mark is None:
        return max(book.begins or 0, subject.enrolled_at) - 1
    changed = book.changed_after(subject.mark.policies)
    before = [subject.facts_until, subject.mark.due_at - 1]
    return min(before if changed is None else [*before, changed - 1])


def _changed(period: Period, after: int) -> bool:
    """Whether it began or ended since."""
    return period.since > after or period.until != FOREVER


def _start(history: History, book: Book, until: int, is_still: bool) -> int | None:
    """The first moment of which more is known than when the host was judged last; None: there is none."""
    subject, mark = history.subject, history.subject.mark
    if mark is None:
        return max(book.begins or 0, subject.enrolled_at)
    known = subject.facts_until
    changed = book.changed_after(mark.policies)
    moments = [] if changed is None else [changed]
    if not is_still:
        moments += [moment for moment in history.all_edges() if known < moment <= until]
        moments += [mark.due_at] if mark.due_at <= until else []
        moments += [moment for moment in history.reports if moment > known] if mark.is_watched else []
    return max(min(moments), subject.enrolled_at) if moments else None


def _worded(db: Db, memory: Memory, steps: Iterable[tuple[Period, dict[int, list[Step]]]]) -> dict[Place, list[Said]]:
    """Verdicts as rows have them: a sentence is kept once."""
    told = [
        (host, period, step)
        for period, by_host in steps
        for host, of_host in by_host.items()
        for step in of_host
        if step.verdict is not None
    ]
    texts = {(one.verdict.observed, one.verdict.expected) for _, _, one in told if one.verdict is not None}
    ids = memory.findings.learn(db, texts)
    wanted: dict[Place, list[Said]] = defaultdict(list)
    for host, period, (since, until, verdict) in told:
        assert verdict is not None
        exemption = None if verdict.exemption is None else period.policy.exceptions.index(verdict.exemption)
        finding = ids[verdict.observed, verdict.expected]
        wanted[host, period.policy_id].append(Said(since, until, period.version, verdict.outcome, finding, exemption))
    return wanted


_COLUMNS = ("first_seen_at", "ended_at", "version", "outcome", "finding_id", "exemption")


def _said(db: Db, starts: dict[int, int], policies: Collection[int] | None) -> dict[Place, list[Said]]:
    """What stands and reaches beyond the first of these moments."""
    if not starts:
        return {}
    only = "" if policies is None else f" AND policy_id IN ({', '.join(map(str, sorted(policies)))})"
    sql = (
        f"SELECT host_id, policy_id, {', '.join(_COLUMNS)} FROM verdict WHERE ended_at > ? AND superseded_at = ?"
        f"{only} AND host_id IN ({{in}})"
    )
    said: dict[Place, list[Said]] = defaultdict(list)
    args = [to_text(min(starts.values())), OPEN]
    for host, policy, since, until, *content in db.query_in(sql, sorted(starts), args=args):
        said[host, policy].append(Said(to_ms(since), to_ms(until), *content))
    return said


def _mark(subject: Subject, book: Book, until: int, is_still: bool, is_judged: bool) -> Mark:
    """`_due` completes it."""
    old = subject.mark
    if old is None:
        return Mark(1, subject.revision, book.number, subject.seen_at, until, FOREVER, False)
    mark = structs.replace(old, turn=old.turn + 1, policies=book.number, judged_until=until)
    if is_still:
        return mark
    mark = structs.replace(mark, revision=subject.revision, facts_until=subject.seen_at)
    return structs.replace(mark, due_at=FOREVER, is_watched=False) if is_judged else mark


def _due(
    marks: dict[int, Mark], steps: Iterable[tuple[Period, dict[int, list[Step]]]], until: int, is_still: bool
) -> dict[int, Mark]:
    due: dict[int, int] = defaultdict(lambda: FOREVER)
    watched: set[int] = set()
    for period, by_host in steps:
        if period.until <= until:
            continue
        reads_reports = period.is_exact and bool(period.needs.kinds & {"contact", "cpu", "report"})
        # How far a host's clock is from ours moves without a trace in the tables: it is looked at once an hour.
        latest = until + HOUR if "report" in period.needs.kinds and period.is_exact else FOREVER
        for host, of_host in by_host.items():
            verdict = of_host[-1].verdict
            changes_at = FOREVER if verdict is None or verdict.changes_at is None else verdict.changes_at
            due[host] = min(due[host], latest, changes_at)
            if reads_reports and verdict is not None and verdict.outcome != "pass":
                watched.add(host)
    return {
        host: structs.replace(mark, due_at=min(mark.due_at, due[host]), is_watched=mark.is_watched or host in watched)
        for host, mark in marks.items()
    }


def _grouped(subjects: Sequence[Subject], found: Judgement) -> Iterator[list[Subject]]:
    group: list[Subject] = []
    size = 0
    for subject in subjects:
        group.append(subject)
        size += 1 + sum(one.size for one in found.revisions.get(subject.host_id, {}).values())
        if size >= ROWS:
            yield group
            group, size = [], 0
    if group:
        yield group


_KEY = ("host_id", "policy_id", "first_seen_at", "superseded_at")
_NEW = (*_KEY[:2], *_COLUMNS, "recorded_at", "closed_at", "superseded_at")


def write(db: Db, found: Judgement, subjects: Sequence[Subject], for_update: str) -> None:
    """Verdicts and marks of these hosts, committed together; those that another worker judged meanwhile are left."""
    db.begin()
    held = {one.host_id for one in marks.hold(db, subjects, for_update)}
    superseded: list[tuple[Any, ...]] = []
    closed: list[tuple[Any, ...]] = []
    opened: list[tuple[Any, ...]] = []
    for host in held:
        recorded = to_text(found.marks[host].judged_until)
        for policy, revision in found.revisions.get(host, {}).items():
            superseded += [(host, policy, to_text(one.since), OPEN, recorded) for one in revision.superseded]
            closed += [(host, policy, to_text(one.since), OPEN, to_text(end), recorded) for one, end in revision.closed]
            for one in revision.opened:
                since, until, *content = one
                end = None if until == FOREVER else recorded
                opened.append((host, policy, to_text(since), to_text(until), *content, recorded, end, OPEN))
    db.update_many("verdict", _KEY, ("superseded_at",), superseded)
    db.update_many("verdict", _KEY, ("ended_at", "closed_at"), closed)
    db.insert_new("verdict", _NEW, opened)
    marks.move(db, {host: found.marks[host] for host in held})
    db.commit()
