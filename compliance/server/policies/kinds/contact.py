"""Rules about the reports themselves: how old they are, by which clock, from which agent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from compliance.server.policies.facts import Contact, Facts, ReportRow, Seen, Unseen
from compliance.server.policies.findings import Finding, enumerate_words, plain
from compliance.server.policies.rules import AgentRule, ClockRule, FreshnessRule
from compliance.server.policies.spans import milliseconds, round_figure, say
from compliance.server.policies.versions import at_least


def judge_freshness(rule: FreshnessRule, facts: Facts, at: int) -> Finding:
    """A silence is not unknown: the server knows for certain that nothing came. A new host is given the time first."""
    what = f"a look at its {enumerate_words(list(rule.of))}" if rule.of else "a report"
    expected = f"There was {what} in the last {say(rule.within)}."
    contact = facts.contact
    if isinstance(contact, Unseen):
        return Finding(None, f"When it reported was not seen: {plain(contact.reason)}.", expected)
    within = milliseconds(rule.within)
    last = _oldest(rule, contact)
    if last is None:
        due = contact.enrolled_at + within
        if at <= due:
            return Finding(None, "It was enrolled so lately that none is due yet.", expected, changes_at=due + 1)
        return Finding(False, "There never was one.", expected)
    if at - last <= within:
        return Finding(True, "There was one in that time.", expected, changes_at=last + within + 1)
    return Finding(False, f"The last one was at {say_moment(last)}.", expected)


def judge_clock(rule: ClockRule, facts: Facts) -> Finding:
    expected = f"The clock is at most {say(rule.within)} ahead of the server's or behind it."
    row = _only(facts)
    if isinstance(row, str):
        return Finding(None, row, expected)
    if row.skew_ms is None:
        return Finding(None, "How far its clock is from ours was not told.", expected, (row,))
    if abs(row.skew_ms) <= milliseconds(rule.within):
        return Finding(True, "It is not further away than that.", expected, (row,))
    side = "ahead" if row.skew_ms > 0 else "behind"
    return Finding(False, f"It is {round_figure(abs(row.skew_ms))} {side}.", expected, (row,))


def judge_agent(rule: AgentRule, facts: Facts) -> Finding:
    expected = f"The agent is version {rule.at_least} or newer."
    row = _only(facts)
    if isinstance(row, str):
        return Finding(None, row, expected)
    holds = at_least("generic", row.agent, rule.at_least)
    return Finding(holds, f"It is version {row.agent}.", expected, (row,))


def say_moment(ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _oldest(rule: FreshnessRule, contact: Contact) -> int | None:
    """The last report, or of the kinds that are asked for the one that was looked at longest ago; None: never."""
    if not rule.of:
        return contact.seen_at
    looks = [contact.looked_at.get(kind) for kind in rule.of]
    known = [look for look in looks if look is not None]
    return min(known) if len(known) == len(looks) else None


def _only(facts: Facts) -> ReportRow | str:
    if isinstance(facts.report, Unseen):
        return f"Its last report is no witness for now: {plain(facts.report.reason)}."
    seen: Seen[ReportRow] = facts.report
    return seen.rows[0] if seen.rows else "There is no report of it."
