"""Rules about rows: that there is one, that there is none, that none is too old."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from compliance.server.policies.facts import Facts, Kind, Seen, Unseen
from compliance.server.policies.findings import (
    Finding,
    Found,
    capital,
    enumerate_words,
    find,
    name_rows,
    plain,
    unseen,
    weigh_filters,
)
from compliance.server.policies.kinds import accounts, packages, ports, processes, sessions
from compliance.server.policies.rules import AccountRule, PackageRule, PortRule, ProcessRule, RowRule, SessionRule
from compliance.server.policies.truth import Truth, all_true, opposite


class Subject(NamedTuple):
    """How a kind of row is spoken of."""

    kind: Kind
    plural: str
    describe: Callable[[Any], str]
    call: Callable[[Any], str]
    doubt: str
    """Why a row may not be told, where its look was not blind."""


SUBJECTS: dict[type, Subject] = {
    ProcessRule: Subject(
        "processes",
        "processes",
        processes.describe,
        processes.call,
        "its name, or the whole of its command line, is not kept",
    ),
    SessionRule: Subject(
        "sessions",
        "sessions",
        sessions.describe,
        sessions.call,
        "where it came from, or when, is not told as an address and a time",
    ),
    PortRule: Subject("ports", "listening ports", ports.describe, ports.call, "who listens there was not seen"),
    PackageRule: Subject(
        "packages", "packages", packages.describe, packages.call, "its version cannot be compared in that order"
    ),
    AccountRule: Subject(
        "accounts", "local accounts", accounts.describe, accounts.call, "its password or its shell was not seen"
    ),
}


def judge_rows(rule: RowRule, facts: Facts, at: int) -> Finding:
    subject = SUBJECTS[type(rule)]
    expected = expect(rule, subject)
    sight: Seen[Any] | Unseen = getattr(facts, subject.kind)
    if isinstance(sight, Unseen):
        return unseen(sight, f"{capital(subject.plural)} were", expected)
    skew_ms = _skew(facts)
    found = find(sight, lambda row: weigh(rule, row, sight.lacks_fields, at, skew_ms))
    older = _older(rule, found)
    holds = _holds(rule, found, older)
    rows, observed = _observe(subject, holds, older if older and older.sure + older.doubtful else found)
    changes = sessions.changes_at(rule, sight.rows, at, skew_ms) if isinstance(rule, SessionRule) else None
    return Finding(holds, observed, expected, rows, changes)


def weigh(rule: RowRule, row: Any, lacks_fields: bool, at: int, skew_ms: int) -> Truth:
    """Whether the rule speaks of that row."""

    def one(like: Any) -> Truth:
        if isinstance(rule, ProcessRule):
            return processes.weigh(like, row, lacks_fields)
        if isinstance(rule, SessionRule):
            return sessions.weigh(like, row, at, skew_ms)
        if isinstance(rule, PortRule):
            return ports.weigh(like, row)
        if isinstance(rule, PackageRule):
            return packages.weigh(like, row)
        return accounts.weigh(like, row)

    return weigh_filters(rule, rule.unless, one)


def expect(rule: RowRule, subject: Subject) -> str:
    """The sentence of what should be."""
    text = f"{'No' if rule.expect == 'absent' else 'At least one'} {subject.describe(rule)}"
    if rule.unless:
        text += f", besides {enumerate_words([f'any {subject.describe(one)}' for one in rule.unless])}"
    if isinstance(rule, PackageRule) and rule.at_least is not None:
        text += f", and none older than {rule.at_least} in the order of {rule.scheme}"
    return f"{text}."


def _holds(rule: RowRule, found: Found, older: Found | None) -> Truth:
    if rule.expect == "absent":
        return opposite(found.there_is_one)
    return found.there_is_one if older is None else all_true((found.there_is_one, opposite(older.there_is_one)))


def _older(rule: RowRule, found: Found) -> Found | None:
    """The installed ones that are too old, where that is asked."""
    if not isinstance(rule, PackageRule) or rule.at_least is None:
        return None
    among = Seen(found.sure + found.doubtful, found.seen.blind)
    return find(among, lambda row: packages.is_older(rule, row))


def _observe(subject: Subject, holds: Truth, found: Found) -> tuple[tuple[Any, ...], str]:
    """What decides: what was surely seen; where that is not enough, what is doubtful or hidden."""
    blind = found.seen.blind
    if holds is not None:
        return found.sure, f"There is {name_rows(found.sure, subject.call)}." if found.sure else "There is none."
    if found.doubtful:
        reason = blind.reason if blind is not None and found.seen.lacks_fields else subject.doubt
        return found.doubtful, f"It cannot be told of {name_rows(found.doubtful, subject.call)}: {plain(reason)}."
    return (), f"Not all {subject.plural} were seen: {plain(blind.reason if blind is not None else '')}."


def _skew(facts: Facts) -> int:
    """How far the host's clock is ahead, as far as that is known."""
    rows = facts.report.rows if isinstance(facts.report, Seen) else ()
    return rows[0].skew_ms or 0 if rows else 0
