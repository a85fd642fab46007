"""The naive model: every snapshot that the server accepted, kept whole, with its moment on the fleet's axis.

Written from the design, not from the code: it knows nothing of changes, digests, intervals in tables or gaps in rows.
Each answer is computed anew from all that was heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import UNSET

from compliance.agent.collectors import Look
from compliance.agent.snapshot import Snapshot
from compliance.wire.messages import Failed, Report

SILENT_AFTER = 3
"""Intervals."""
BOOT_BOUND = ("processes", "sessions")
"""Kinds of which nothing outlives a start of the machine."""

NOT_YET, NEVER, SILENT, DROPPED, REBOOTED, REFUSED, RETIRED, PRUNED = (
    "not yet",
    "never looked at",
    "silent",
    "dropped",
    "rebooted",
    "refused",
    "retired",
    "pruned",
)
FAILED = "failed: "


@dataclass(frozen=True)
class Heard:
    """An accepted report: the whole snapshot behind it, whatever the report said of it."""

    report_id: str
    seen: int
    boot_id: str
    interval: int | None
    dropped: bool
    looks: dict[Any, Look | Failed]

    def saw(self, kind: str) -> bool:
        return isinstance(self.looks.get(kind), Look)

    def rows(self, kind: str) -> tuple[Any, ...]:
        look = self.looks[kind]
        assert isinstance(look, Look)
        return look.rows


@dataclass
class Interval:
    """A row from the look that found it to the one that missed it."""

    row: Any
    first: int
    last: int
    """The last look that saw it."""
    ended: int | None = None


@dataclass(frozen=True)
class Stretch:
    """Unknown strictly between `since` and `until`; None is the beginning, or no end yet."""

    since: int | None
    until: int | None
    whys: frozenset[str]
    """Any of them is a true answer."""

    def covers(self, moment: int) -> bool:
        return self.meets(moment, moment)

    def meets(self, since: int, at: int) -> bool:
        """Whether some of it lies after `since` and until `at`."""
        return (self.since is None or self.since < at) and (self.until is None or self.until > since)


@dataclass
class HostModel:
    """One identity."""

    id: str
    enrolled_at: int
    retired_at: int | None = None
    refused_at: int | None = None
    heard: list[Heard] = field(default_factory=list)

    def accept(self, report: Report, snapshot: Snapshot, received: int) -> Heard:
        """The report was taken: it is the host's next moment."""
        seen = received - (report.sent_at - report.taken_at)
        seen = max(min(seen, received), 0)
        if self.heard:
            seen = max(seen, self.heard[-1].seen + 1)
        interval = None if report.interval is UNSET else report.interval
        one = Heard(report.id, seen, report.boot_id, interval, report.dropped is not UNSET, dict(snapshot.looks))
        self.heard.append(one)
        return one

    @property
    def known_from(self) -> int:
        """The first moment at which there is anything to tell of it."""
        return min([self.enrolled_at, *(one.seen for one in self.heard[:1])])

    def looks(self, kind: str) -> list[Heard]:
        return [one for one in self.heard if one.saw(kind)]

    def last_heard(self, moment: int) -> Heard | None:
        return next((one for one in reversed(self.heard) if one.seen <= moment), None)

    def last_look(self, kind: str, moment: int) -> Heard | None:
        return next((one for one in reversed(self.looks(kind)) if one.seen <= moment), None)

    def intervals(self, kind: str) -> list[Interval]:
        """Every row that was ever seen, in the order of the looks that found them."""
        found: list[Interval] = []
        there: dict[Any, Interval] = {}
        last = 0
        boot_id = None
        for one in self.heard:
            if kind in BOOT_BOUND and boot_id not in (None, one.boot_id):
                _end(there, list(there), one.seen, last)
            boot_id = one.boot_id
            if not one.saw(kind):
                continue
            rows = one.rows(kind)
            _end(there, [row for row in there if row not in rows], one.seen, last)
            for row in rows:
                if row not in there:
                    there[row] = Interval(row, one.seen, one.seen)
                    found.append(there[row])
            last = one.seen
        for interval in there.values():
            interval.last = last
        return found

    def at(self, kind: str, moment: int) -> list[Any]:
        """The rows that were there."""
        return [one.row for one in self.intervals(kind) if one.first <= moment and (one.ended or moment + 1) > moment]

    def stretches(self, kind: str, now: int) -> Iterator[Stretch]:
        """All that is unknown of a kind, as it looks at `now`."""
        looks = self.looks(kind)
        if not looks:
            yield Stretch(None, None, frozenset([NOT_YET, NEVER, *self._failed(kind, None, None)]))
            return
        yield Stretch(None, looks[0].seen, frozenset([NOT_YET, NEVER, *self._failed(kind, None, looks[0])]))
        for look, following in zip(looks, [*looks[1:], None], strict=True):
            whys = self._broken(kind, look, following, now)
            if whys:
                yield Stretch(look.seen, None if following is None else following.seen, frozenset(whys))
            elif following is None and self.retired_at is not None:
                yield Stretch(max(look.seen, self.retired_at), None, frozenset([RETIRED]))

    def _broken(self, kind: str, look: Heard, following: Heard | None, now: int) -> list[str]:
        """Why nothing is known between a look and the one that followed."""
        start = self.heard.index(look)
        end = len(self.heard) if following is None else self.heard.index(following)
        after = self.heard[start + 1 : end + 1]
        whys = self._failed(kind, look, following)
        if any(one.dropped for one in after):
            whys.append(DROPPED)
        boots = [one.boot_id for one in self.heard[start:end]]
        if kind in BOOT_BOUND and any(boot_id != look.boot_id for boot_id in boots):
            whys.append(REBOOTED)
        # Each report renews the promise of the next one; the kind is late by what was promised at the time.
        ends = [one.seen for one in after] + ([now] if following is None else [])
        promises = [one.interval for one in self.heard[start : start + len(ends)]]
        for until, interval in zip(ends, promises, strict=True):
            if interval is not None and until - look.seen > SILENT_AFTER * interval * 1000:
                whys.append(SILENT)
        if following is None and self.refused_at is not None:
            whys.append(REFUSED)
        return whys

    def _failed(self, kind: str, look: Heard | None, following: Heard | None) -> list[str]:
        start = -1 if look is None else self.heard.index(look)
        end = len(self.heard) if following is None else self.heard.index(following)
        sections = [one.looks.get(kind) for one in self.heard[start + 1 : end]]
        return [FAILED + section.reason for section in sections if isinstance(section, Failed)]


def _end(there: dict[Any, Interval], rows: list[Any], moment: int, last: int) -> None:
    for row in rows:
        interval = there.pop(row)
        interval.ended, interval.last = moment, last


class Model:
    """What the server is known to have been told; it can be copied and put back as the server is."""

    def __init__(self) -> None:
        self.hosts: dict[str, HostModel] = {}
        """In the order of their enrollment."""
        self.horizon: int | None = None

    def copy(self) -> Model:
        kept = Model()
        kept.put_back(self)
        return kept

    def put_back(self, kept: Model) -> None:
        self.hosts = {name: replace(host, heard=list(host.heard)) for name, host in kept.hosts.items()}
        self.horizon = kept.horizon
