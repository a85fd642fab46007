"""Pure: what is different between what was last said and what is seen now, and back again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from compliance.agent.collectors import Look
from compliance.wire.codec import digest
from compliance.wire.facts import Address, Fact, Host, OperatingSystem, Process, Session
from compliance.wire.messages import Change, Failed, Report, Sample, Sections, Whole

Rows = dict[Any, Any]
"""The rows of a kind by their key."""
Said = dict[str, Rows]
"""What was said last, by kind; a kind that is not there was never said."""

FACTS: dict[str, type[Fact]] = {
    "host": Host,
    "os": OperatingSystem,
    "addresses": Address,
    "processes": Process,
    "sessions": Session,
}
"""The kinds whose rows have a state; `cpu` is a sample."""


def by_key(rows: Iterable[Any]) -> Rows:
    return {row.key: row for row in rows}


def sections(looks: dict[Any, Look | Failed], said: Said, whole: bool) -> Sections:
    """A section for each look. `whole`: say everything, whatever was said before."""
    made: dict[str, Any] = {
        kind: look if isinstance(look, Failed) else section(kind, look, None if whole else said.get(kind))
        for kind, look in looks.items()
    }
    return Sections(**made)


def section(kind: str, look: Look, said: Rows | None) -> Whole[Any] | Change[Any, Any] | Sample[Any]:
    """What a look says to somebody who knows `said`; None is somebody who knows nothing."""
    if kind not in FACTS:
        return Sample(row=look.rows[0])
    blind = look.blind or UNSET
    seen = by_key(look.rows)
    if said is None:
        rows = tuple(seen.values())
        return Whole(rows=rows, state=digest(rows), blind=blind)
    return Change(
        base=digest(said.values()),
        state=digest(seen.values()),
        started=tuple(row for key, row in seen.items() if said.get(key) != row),
        ended=tuple(key for key, row in said.items() if seen.get(key) != row),
        blind=blind,
    )


def fold(said: Said, report: Report) -> Said:
    """What is said once the report has been added; what it did not see stays as it was."""
    after = dict(said)
    for kind in FACTS:
        part = getattr(report.sections, kind)
        if isinstance(part, Whole):
            after[kind] = by_key(part.rows)
        elif isinstance(part, Change):
            after[kind] = _changed(after.get(kind, {}), part)
    return after


def made_whole(report: Report, said: Said, kinds: Collection[str]) -> Report:
    """The same report with these kinds whole: what was said before it, and its changes."""
    after = fold(said, report)
    whole = {
        kind: Whole(rows=tuple(after[kind].values()), state=part.state, blind=part.blind)
        for kind in kinds
        if isinstance(part := getattr(report.sections, kind), Change)
    }
    return msgspec.structs.replace(report, sections=msgspec.structs.replace(report.sections, **whole))


def _changed(rows: Rows, change: Change[Any, Any]) -> Rows:
    ended = set(change.ended)
    return {key: row for key, row in rows.items() if key not in ended} | by_key(change.started)
