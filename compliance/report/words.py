"""What every report says in the same words: ages, states, and what could not be seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.console import BAD, GOOD, QUIET, UNKNOWN, WARN, Column, ago, moment
from compliance.wire.answers import Unknown

KINDS = ("host", "os", "addresses", "cpu", "processes", "sessions")
STATES = {
    "reporting": GOOD,
    "silent": BAD,
    "refused": BAD,
    "once": WARN,
    "never": WARN,
    "unknown": UNKNOWN,
    "retired": QUIET,
}
SENTENCES = 12
"""Of what was not seen, shown beneath a table; the rest is counted."""

BUSY, VERY_BUSY = 75, 90


@dataclass(frozen=True)
class Moment:
    """The moment that a report is about; `past` when it was asked for, so that no age is taken for one of today."""

    ms: int
    past: bool

    def age(self, then: int) -> str:
        words = ago(then, self.ms)
        if not self.past:
            return words
        return "just then" if words == "just now" else words.replace(" ago", " earlier")

    def title(self, what: str) -> str | None:
        return f"{what} as of {moment(self.ms)}" if self.past else None

    def clock(self, ms: int) -> str:
        """`14:03 UTC` on the day of the report, with its date on another."""
        text = moment(ms)
        day, minute = text[:10], f"{text[11:16]} UTC"
        return minute if day == moment(self.ms)[:10] else f"{day} {minute}"


def state_style(state: str) -> str:
    return STATES.get(state, UNKNOWN)


def busy_style(percent: float) -> str:
    return BAD if percent >= VERY_BUSY else WARN if percent >= BUSY else ""


def user_style(user: str) -> str:
    return WARN if user in {"root", "SYSTEM", "NT AUTHORITY\\SYSTEM"} else ""


def gone_style(_: Any) -> str:
    return QUIET


def called(hostname: str | None, host: str) -> str:
    """A host that never told its name is called by the start of its id."""
    return hostname or (host[:12] if len(host) == 32 else host)


def raw_columns(row: type) -> tuple[Column, ...]:
    """Every member of an answer: what CSV is read for."""
    return tuple(Column(name, name) for name in row.__struct_fields__)  # type: ignore[attr-defined]


def blind_sentences(unknown: Iterable[Unknown], moment: Moment) -> list[str]:
    """`web-1: processes unknown since 14:03 UTC: no report for 12 min`, the kinds of one stretch in one sentence."""
    stretches: dict[tuple[str, int | None, int | None, str], list[str]] = {}
    for one in unknown:
        key = (called(one.hostname, one.host), one.since, one.until, one.reason)
        stretches.setdefault(key, []).append(one.kind)
    return [
        f"{host}: {_kinds(kinds)} {_stretch(since, until, moment)}: {reason.rstrip('.')}"
        for (host, since, until, reason), kinds in stretches.items()
    ]


def cut(sentences: Sequence[str], most: int = SENTENCES) -> list[str]:
    if len(sentences) <= most:
        return list(sentences)
    return [*sentences[:most], f"and {len(sentences) - most} more: -o json shows them all"]


def counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def in_order(names: Iterable[str]) -> list[str]:
    given = set(names)
    return [*(kind for kind in KINDS if kind in given), *sorted(given - set(KINDS))]


def _kinds(kinds: Sequence[str]) -> str:
    ordered = in_order(kinds)
    if ordered == list(KINDS):
        return "everything"
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} and {ordered[-1]}"


def _stretch(since: int | None, until: int | None, moment: Moment) -> str:
    if since is None:
        return "never seen" if until is None else f"not seen before {moment.clock(until)}"
    if until is None:
        return f"unknown since {moment.clock(since)}"
    return f"unknown from {moment.clock(since)} to {moment.clock(until)}"
