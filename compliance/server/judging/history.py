"""The facts of a host over a time, and what policies are judged on at any moment of it.

Facts that are equal are the same object: hosts are told alike by that. Gaps do not make facts unseen: they are laid
over verdicts when these are read, but for the question what policies would say (`gaps_count`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from compliance.server.judging.marks import Subject
from compliance.server.judging.memory import Key
from compliance.server.policies.facts import Contact, Facts, Kind, Seen, Unseen
from compliance.wire.messages import Blind

T = TypeVar("T")

NOT_YET = Unseen("it had not reported yet")
NEVER = Unseen("not part of its reports")
SILENT_AFTER = 3
"""Intervals without a report, after which a host is silent."""


class Pool:
    """The one object for each of what is equal."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def same(self, key: Hashable, make: Callable[..., T], *of: Any) -> T:
        """`make(*of)`, once a key."""
        found: T | None = self._known.get(key)
        if found is None:
            found = self._known[key] = make(*of)
        return found


class Name(Struct, frozen=True):
    hostname: str


class System(Struct, frozen=True):
    name: str
    version: str | None
    kernel: str | None


class Running(Struct, frozen=True):
    """A process. Its number is 2, or its parent's, where it is a thread of the kernel; else it says nothing."""

    name: str | None
    exe: str | None
    arguments: str | None
    user: str | None
    pid: int
    ppid: int | None


class LoggedIn(Struct, frozen=True):
    user: str
    remote_host: str | None
    opened_at: int | None


class Sample(Struct, frozen=True):
    seen_at: int
    percent: float


class Report(Struct, frozen=True):
    agent: str
    skew_ms: int | None


class Span(NamedTuple):
    """Something that was so from `since` until `until` (exclusive)."""

    since: int
    until: int
    what: Any


class Row(NamedTuple):
    """A row that a policy may mean; `rough` is the same without what only the clock's rules read."""

    since: int
    until: int
    exact: Any
    rough: Any


class History:
    """One host, as far as it was read: from just after `known_from` until its last report."""

    def __init__(self, subject: Subject, pool: Pool) -> None:
        self.subject = subject
        self.pool = pool
        self.begun: int | None = None
        """Its first report, where that lies in the time that was read; else it is older."""
        self.single: dict[str, list[Span]] = defaultdict(list)
        """host, os, boot (the agent's version)."""
        self.labels: list[tuple[str, str, Span]] = []
        """Name, source, and when it was which value."""
        self.blind: dict[str, list[Span]] = defaultdict(list)
        self.gaps: dict[str, list[Span]] = defaultdict(list)
        self.reports: list[int] = []
        self.samples: list[Sample] = []
        self.rows: dict[str, dict[Key, list[Row]]] = {"processes": defaultdict(list), "sessions": defaultdict(list)}
        self._frames: dict[tuple[int, bool], Facts] = {}

    def settle(self) -> None:
        """After everything was read."""
        if self.subject.seen_at is not None:
            self.reports.append(self.subject.seen_at)
        if self.subject.facts_until >= 0:
            self.reports.append(self.subject.facts_until)
        self.reports += [one.seen_at for one in self.samples]
        self.reports += [moment for spans in self.single.values() for moment in _edges(spans)]
        # A gap begins with a look and ends with one.
        self.reports += [
            moment for spans in self.gaps.values() for span in spans for moment in span[:2] if span.since > 0
        ]
        last = -1 if self.subject.seen_at is None else self.subject.seen_at
        self.reports = sorted({moment for moment in self.reports if moment <= last})

    def edges(self, kinds: Iterable[Kind], key: Key) -> set[int]:
        """The moments at which something changed that a version of a policy reads."""
        found: set[int] = set()
        for kind in kinds:
            found.update(_edges(self.single[kind]))
            found.update(_edges(self.blind[kind]))
            found.update(_edges(self.rows.get(kind, {}).get(key, ())))
            found.update(span.until for span in self.gaps[kind] if span.since <= 0)
            if kind == "labels":
                found.update(_edges(span for _, _, span in self.labels))
            elif kind == "report":
                found.update(_edges(self.single["boot"]))
            elif kind == "contact":
                found.update(self.reports)
            elif kind == "cpu":
                found.update(one.seen_at for one in self.samples)
        if self.begun is not None:
            found.add(self.begun)
        return found

    def all_edges(self) -> set[int]:
        """Those of every kind and policy; of the labels and of the first report too."""
        found = {moment for spans in (*self.single.values(), *self.blind.values()) for moment in _edges(spans)}
        found.update(_edges(span for _, _, span in self.labels))
        found.update(span.until for spans in self.gaps.values() for span in spans if span.since <= 0)
        found.update(moment for kind in self.rows.values() for rows in kind.values() for moment in _edges(rows))
        return found if self.begun is None else found | {self.begun}

    def frame(self, at: int, is_exact: bool, gaps_count: bool = False) -> Facts:
        """What was known, without the rows of kinds that have many."""
        key = (at, is_exact)
        if key not in self._frames:
            self._frames[key] = self._frame(at, is_exact, gaps_count)
        return self._frames[key]

    def _frame(self, at: int, is_exact: bool, gaps_count: bool) -> Facts:
        def seen(kind: Kind, rows: tuple[Any, ...] = ()) -> Any:
            unseen = self._unseen(kind, at, gaps_count)
            if unseen is not None:
                return unseen
            blind = _at(self.blind[kind], at)
            return self.pool.same((tuple(map(id, rows)), blind), Seen, rows, blind)

        return Facts(
            host=seen("host", self._single("host", at)),
            os=seen("os", self._single("os", at)),
            processes=seen("processes"),
            sessions=seen("sessions"),
            cpu=self._cpu(at, gaps_count) if is_exact else NEVER,
            report=self._report(at, is_exact, gaps_count),
            contact=self._contact(at) if is_exact else NEVER,
            labels=self._labels(at),
        )

    def _single(self, kind: str, at: int) -> tuple[Any, ...]:
        found = _at(self.single[kind], at)
        return () if found is None else (found,)

    def _unseen(self, kind: str, at: int, gaps_count: bool) -> Unseen | None:
        """Never looked at until then. A gap from the beginning tells when that ended, and why it was so."""
        is_before = self.subject.source == "agent" and _at(self.single["boot"], at) is None
        if self.subject.seen_at is None or is_before:
            return NOT_YET
        for gap in self.gaps[kind]:
            if gap.since <= 0 and at < gap.until:
                return self.pool.same(("unseen", gap.what), Unseen, gap.what)
            if gaps_count and gap.since < at < gap.until:
                return Unseen(gap.what, gap.since)
        looked = self.subject.looked_at.get(kind)
        if looked is None:
            return NEVER
        return self._silence(at, looked) if gaps_count else None

    def _silence(self, at: int, looked: int) -> Unseen | None:
        interval = self.subject.interval_s
        if interval is None or at <= looked or at - looked <= SILENT_AFTER * interval * 1000:
            return None
        return Unseen("no report since", looked)

    def _cpu(self, at: int, gaps_count: bool) -> Any:
        unseen = self._unseen("cpu", at, gaps_count)
        return unseen or Seen(tuple(one for one in self.samples if one.seen_at <= at))

    def _report(self, at: int, is_exact: bool, gaps_count: bool) -> Any:
        if gaps_count and self.subject.seen_at is not None:
            silent = self._silence(at, self.subject.seen_at)
            if silent is not None:
                return silent
        agent = _at(self.single["boot"], at)
        if agent is None:
            return NOT_YET if self.subject.source == "agent" else NEVER
        skew = self.subject.skew_ms if is_exact else 0
        return self.pool.same(("report", agent, skew), Seen, (Report(agent, skew),))

    def _contact(self, at: int) -> Contact:
        seen = self._last_report(at)
        looked = {} if seen is None else {kind: self._last_look(kind, at, seen) for kind in self.subject.looked_at}
        return Contact(
            enrolled_at=self.subject.enrolled_at,
            seen_at=seen,
            interval_s=self.subject.interval_s,
            looked_at={kind: look for kind, look in looked.items() if look is not None},
        )

    def _last_report(self, at: int) -> int | None:
        place = bisect_right(self.reports, at)
        return self.reports[place - 1] if place else None

    def _last_look(self, kind: str, at: int, seen: int) -> int | None:
        for gap in self.gaps[kind]:
            if gap.since < at < gap.until:
                return None if gap.since <= 0 else gap.since
        return min(seen, self.subject.looked_at[kind])

    def _labels(self, at: int) -> Mapping[str, str]:
        found = {}
        # What an administrator says stands above what the agent's file says: sorted, it comes last.
        for name, _, span in sorted(self.labels, key=lambda one: one[1] == "admin"):
            if span.since <= at < span.until:
                found[name] = span.what
        return self.pool.same(("labels", tuple(sorted(found.items()))), dict, found)

    def rows_at(self, kind: str, key: Key, at: int, is_exact: bool) -> tuple[Any, ...]:
        """Those that the version of the policy may mean, each once."""
        rows = self.rows[kind].get(key)
        if not rows:
            return ()
        found = {(row.exact if is_exact else row.rough) for row in rows if row.since <= at < row.until}
        if not found:
            return ()
        ordered = tuple(sorted(found, key=id))
        return self.pool.same(("rows", tuple(map(id, ordered))), tuple, ordered)


def _at(spans: Iterable[Span], at: int) -> Any:
    return next((span.what for span in spans if span.since <= at < span.until), None)


def _edges(spans: Iterable[Any]) -> Iterable[int]:
    for span in spans:
        yield span[0]
        yield span[1]


def blindness(rows: int, fields: int, reason: str) -> Blind:
    return Blind(rows=rows, fields=fields, reason=reason)
