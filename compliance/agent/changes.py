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
LOST = "This look was kept as a change, and what it started from was lost with a damaged spool."


def by_key(rows: Iterable[Any]) -> Rows:
    return {row.key: row for row in rows}


def sections(looks: dict[Any, Look | Failed], said: Said) -> Sections:
    """A section for each look: a change of what was said, whole for a kind of which nothing was."""
    made: dict[str, Any] = {
        kind: look if isinstance(look, Failed) else section(kind, look, said.get(kind)) for kind, look in looks.items()
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


def moved(report: Report) -> list[str]:
    """The kinds that the report says something new of."""
    return [kind for kind in FACTS if _moves(getattr(report.sections, kind))]


def fold(said: Said, report: Report) -> Said:
    """What is said once the report has been added. What it did not see stays as it was, unknown stays unknown."""
    after = dict(said)
    for kind in moved(report):
        part = getattr(report.sections, kind)
        if isinstance(part, Whole):
            after[kind] = by_key(part.rows)
        elif kind in after:
            after[kind] = _changed(after[kind], part)
    return after


def made_whole(report: Report, said: Said, kinds: Collection[str]) -> Report:
    """The same report with these kinds whole: what was said before it, and its changes."""
    after = fold(said, report)
    whole = {
        kind: _whole(after.get(kind), part)
        for kind in kinds
        if isinstance(part := getattr(report.sections, kind), Change)
    }
    return msgspec.structs.replace(report, sections=msgspec.structs.replace(report.sections, **whole))


def _moves(part: Any) -> bool:
    return isinstance(part, Whole) or (isinstance(part, Change) and bool(part.started or part.ended))


def _whole(rows: Rows | None, part: Change[Any, Any]) -> Whole[Any] | Failed:
    """Never a guess: where the rows are not those that the look saw, the look is lost."""
    if rows is None or digest(rows.values()) != part.state:
        return Failed(reason=LOST)
    return Whole(rows=tuple(rows.values()), state=part.state, blind=part.blind)


def _changed(rows: Rows, change: Change[Any, Any]) -> Rows:
    ended = set(change.ended)
    return {key: row for key, row in rows.items() if key not in ended} | by_key(change.started)
