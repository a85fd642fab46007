"""Rules about the operating system: supported, this one and not older, the kernel."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from compliance.server.policies.facts import Facts, OsRow, Seen, Unseen
from compliance.server.policies.findings import Finding, plain
from compliance.server.policies.lifecycle import Release, Support, find, support
from compliance.server.policies.patterns import matcher, say
from compliance.server.policies.releases import RELEASES
from compliance.server.policies.rules import KernelRule, OsRule, OsSupportedRule
from compliance.server.policies.spans import milliseconds
from compliance.server.policies.spans import say as say_span
from compliance.server.policies.truth import Truth
from compliance.server.policies.versions import at_least

DAY = 86_400_000


def judge_support(rule: OsSupportedRule, facts: Facts, at: int) -> Finding:
    """By the day in UTC; `ahead` asks of a later one."""
    ahead = milliseconds(rule.ahead) if rule.ahead else 0
    later = f" for another {say_span(rule.ahead)}" if rule.ahead else ""
    expected = f"An operating system that gets security updates{later} ({COUNTED[rule.counting]})."
    row = _only(facts)
    if isinstance(row, str):
        return Finding(None, row, expected)
    release = find(row.name, row.version, RELEASES)
    if release is None:
        return Finding(None, f"{call(row)} is not in the table of releases.", expected, (row,))
    told = support(release, day_of(at + ahead), rule.counting)
    observed = f"{call(row)}: {told.sentence} ({release.source}, as of {release.as_of})."
    return Finding(told.lasts, observed, expected, (row,), _changes_at(told, release, ahead))


COUNTED = {
    "regular": "from its maker, ordinary support",
    "free": "ordinary or free long-term support",
    "paid": "ordinary, free or paid support",
}


def judge_system(rule: OsRule, facts: Facts) -> Finding:
    expected = f"The operating system is {say(rule.name)}{f' {rule.at_least} or newer' if rule.at_least else ''}."
    row = _only(facts)
    if isinstance(row, str):
        return Finding(None, row, expected)
    holds: Truth = matcher(rule.name)(row.name)
    if holds and rule.at_least is not None:
        holds = None if row.version is None else at_least("generic", row.version, rule.at_least)
    return Finding(holds, _observed(call(row), holds), expected, (row,))


def judge_kernel(rule: KernelRule, facts: Facts) -> Finding:
    expected = f"The running kernel is {rule.at_least} or newer."
    row = _only(facts)
    if isinstance(row, str):
        return Finding(None, row, expected)
    holds = None if row.kernel is None else at_least("generic", row.kernel, rule.at_least)
    return Finding(holds, _observed(f"the kernel {row.kernel or 'was not told'}", holds), expected, (row,))


def call(row: OsRow) -> str:
    return f"{row.name} {row.version}" if row.version else row.name


def day_of(at: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).date()


def start_of(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000


def _changes_at(told: Support, release: Release, ahead: int) -> int | None:
    return None if told.until is None else start_of(told.until) + DAY - ahead


def _only(facts: Facts) -> OsRow | str:
    """The one row, or the sentence why there is none."""
    if isinstance(facts.os, Unseen):
        return f"The operating system was not seen: {plain(facts.os.reason)}."
    seen: Seen[OsRow] = facts.os
    return seen.rows[0] if seen.rows else "The operating system was not seen: the look found none."


def _observed(what: str, holds: Truth) -> str:
    if holds is None:
        return f"It is {what}, of which a version cannot be compared."
    return f"It is {what}."
