"""Pure: what a report's types cannot say. What passes here can be stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from compliance import __version__
from compliance.server.ingest.intervals import INTERVALS
from compliance.wire.codec import digest
from compliance.wire.messages import Change, Report, Whole

OURS = tuple(map(int, __version__.split(".")[:2]))


class Malformed(ValueError):
    """The sentence names the place: `processes.rows[3].pid`."""


def check(report: Report) -> None:
    """Raise Malformed for a key that comes twice, or rows that do not have the digest they claim."""
    for kind in INTERVALS:
        section = getattr(report.sections, kind)
        if isinstance(section, Whole):
            _check_keys(kind, "rows", section.rows)
            if kind in ("host", "os") and len(section.rows) != 1:
                raise Malformed(f"{kind}.rows: one row is expected, not {len(section.rows)}")
            if not is_newer(report.agent) and digest(section.rows) != section.state:
                raise Malformed(f"{kind}.state: not the digest of the rows (docs/wire.md says how it is made)")
        elif isinstance(section, Change):
            _check_keys(kind, "started", section.started)


def is_newer(agent: str) -> bool:
    """Than this server: its rows may have members that are not known here, and its digests are of those too."""
    try:
        major, minor = map(int, agent.split(".")[:2])
    except ValueError:
        return False
    return (major, minor) > OURS


def _check_keys(kind: str, part: str, rows: Sequence[Any]) -> None:
    key = "pid" if kind == "processes" else "key"
    keys = [row.pid for row in rows] if kind == "processes" else [row.key for row in rows]
    if len(set(keys)) != len(keys):
        raise Malformed(f"{kind}.{part}[{_second(keys)}].{key}: it comes twice in one report")


def _second(keys: Iterable[Any]) -> int:
    seen = set()
    for place, key in enumerate(keys):
        if key in seen:
            return place
        seen.add(key)
    raise AssertionError("no key comes twice")
