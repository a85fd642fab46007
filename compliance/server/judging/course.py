"""What each policy says of each host from a moment on: judged at every moment at which a fact that it reads changed.

Between two such moments time alone changes a verdict, and says when it will. Hosts are judged together where the moment
has no part in the verdict, or is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compliance.server.judging.book import FOREVER, Period
from compliance.server.judging.history import History
from compliance.server.policies.facts import Facts, Kind
from compliance.server.policies.fleet import ROW_KINDS, Fleet, judge_fleet, with_rows
from compliance.server.policies.judge import Verdict, judge

Moments = Mapping[int, int]
"""By host."""


class Step(NamedTuple):
    """From `since` until `until` (exclusive; FOREVER: as far as can be seen) a version of a policy says this."""

    since: int
    until: int
    verdict: Verdict | None


class Course:
    """Histories and what they are judged by; frames and groups of hosts are shared by the policies."""

    def __init__(self, histories: Mapping[int, History], starts: Moments, until: int) -> None:
        self._histories = histories
        self._starts = starts
        self._until = until
        self._fleets: dict[tuple[int, bool], Fleet[int]] = {}
        # Of most hosts nothing changed since their start: they are not asked again for each policy.
        self._quiet = {
            host for host, start in starts.items() if not any(start < at <= until for at in histories[host].all_edges())
        }

    def steps(self, period: Period) -> dict[int, list[Step]]:
        """By host, for those that were judged in the period; without a hole from the host's start on."""
        end = min(self._until + 1, period.until)
        todo = {host: max(start, period.since) for host, start in self._starts.items()}
        todo = {host: moment for host, moment in todo.items() if moment < end}
        edges = {host: self._edges(period, host, moment, end) for host, moment in todo.items()}
        found: dict[int, list[tuple[int, Verdict | None]]] = {host: [] for host in todo}
        first = True
        while todo:
            verdicts = self._judge(period, todo, first)
            first = False
            later: dict[int, int] = {}
            for host, moment in todo.items():
                verdict = verdicts.get(host)
                found[host].append((moment, verdict))
                after = _next(edges[host], moment, verdict, end)
                if after is not None:
                    later[host] = after
            todo = later
        last = period.until if period.until <= self._until else FOREVER
        return {host: _joined(steps, last) for host, steps in found.items()}

    def _edges(self, period: Period, host: int, start: int, end: int) -> list[int]:
        """Latest first."""
        if host in self._quiet and not period.needs.kinds & {"contact", "cpu"}:
            return []
        edges = self._histories[host].edges(period.needs.kinds, (period.policy_id, period.version))
        return sorted((moment for moment in edges if start < moment < end), reverse=True)

    def _judge(self, period: Period, moments: Moments, is_first: bool) -> dict[int, Verdict | None]:
        if len(moments) == 1:
            return {host: self._judge_one(period, host, at) for host, at in moments.items()}
        if not period.is_exact:
            return self._judge_together(period, moments, 0, is_first)
        found: dict[int, Verdict | None] = {}
        groups: dict[int, dict[int, int]] = {}
        for host, at in moments.items():
            groups.setdefault(at, {})[host] = at
        for at, group in groups.items():
            if len(group) == 1:
                found.update({host: self._judge_one(period, host, at) for host in group})
            else:
                found.update(self._judge_together(period, group, at, is_first and len(group) == len(self._starts)))
        return found

    def _judge_one(self, period: Period, host: int, at: int) -> Verdict | None:
        history, key = self._histories[host], (period.policy_id, period.version)
        frame = history.frame(at, period.is_exact)
        rows = {kind: history.rows_at(kind, key, at, period.is_exact) for kind in row_kinds(period)}
        rows = {kind: found for kind, found in rows.items() if found}
        return judge(period.policy, with_rows(frame, rows) if rows else frame, at)

    def _judge_together(self, period: Period, moments: Moments, at: int, is_whole: bool) -> dict[int, Verdict | None]:
        key = (period.policy_id, period.version)
        rows: dict[Kind, dict[int, tuple[object, ...]]] = {}
        for kind in row_kinds(period):
            of_hosts = {
                host: self._histories[host].rows_at(kind, key, moment, period.is_exact)
                for host, moment in moments.items()
            }
            rows[kind] = {host: found for host, found in of_hosts.items() if found}
        return judge_fleet(period.policy, self._fleet(period, moments, is_whole), rows, at)

    def _fleet(self, period: Period, moments: Moments, is_whole: bool) -> Fleet[int]:
        """Shared where all hosts are judged from their start on, or all from the policy's."""
        key = None
        if is_whole and len(moments) == len(self._starts):
            if period.since <= min(self._starts.values()):
                key = -1
            elif period.since >= max(self._starts.values()):
                key = period.since
        if key is None:
            return Fleet(self._frames(moments, period.is_exact))
        if (key, period.is_exact) not in self._fleets:
            self._fleets[key, period.is_exact] = Fleet(self._frames(moments, period.is_exact))
        return self._fleets[key, period.is_exact]

    def _frames(self, moments: Moments, is_exact: bool) -> dict[int, Facts]:
        return {host: self._histories[host].frame(at, is_exact) for host, at in moments.items()}


def row_kinds(period: Period) -> Sequence[Kind]:
    return [kind for kind in ROW_KINDS if kind in period.needs.kinds and kind in ("processes", "sessions")]


def _next(edges: list[int], moment: int, verdict: Verdict | None, end: int) -> int | None:
    """The next moment to judge at; what lies behind is taken off the edges."""
    while edges and edges[-1] <= moment:
        edges.pop()
    moments = edges[-1:]
    if verdict is not None and verdict.changes_at is not None and verdict.changes_at < end:
        moments = [*moments, verdict.changes_at]
    return min(moments, default=None)


def _joined(steps: list[tuple[int, Verdict | None]], last: int) -> list[Step]:
    ends = [*(since for since, _ in steps[1:]), last]
    return [Step(since, until, verdict) for (since, verdict), until in zip(steps, ends, strict=True)]
