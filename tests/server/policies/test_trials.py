"""A policy's own tests, and the short way that their facts are written in."""

from datetime import UTC, datetime

import pytest

from compliance.server.policies.cases import facts_of
from compliance.server.policies.facts import Contact, Seen, Unseen
from compliance.server.policies.trials import run, untried
from tests.server.policies.strategies import NOON
from tests.server.policies.test_reading import HEAD, RULE, policies

CASES = """\
cases:
  - {verdict: fail, facts: {processes: [{name: nc}]}}
  - {verdict: pass, facts: {processes: []}}
  - {verdict: unknown}
"""


def case(text):
    (policy,) = policies(f"{HEAD}{RULE}cases: [{{verdict: pass, {text}}}]")
    return policy.cases[0]


def test_a_policy_is_tried_with_its_own_cases():
    (policy,) = policies(HEAD + RULE + CASES)
    assert [trial.succeeded for trial in run(policy)] == [True, True, True]
    assert untried(policy) == []


def test_a_case_that_is_not_met_says_what_was_found():
    (policy,) = policies(HEAD + RULE + "cases: [{verdict: pass, facts: {processes: [{name: nc}]}}]")
    (trial,) = run(policy)
    assert (trial.succeeded, str(trial)) == (
        False,
        "case 1 expects pass, the policy says fail (There is nc (user root).)",
    )
    assert untried(policy) == ["fail", "unknown"]


def test_a_case_of_a_host_that_is_not_meant_is_not_met():
    (policy,) = policies(HEAD + RULE + "scope: {labels: {a: b}}\n" + CASES)
    assert str(next(iter(run(policy)))) == "case 1 expects fail, the policy says nothing: it is not about such a host"


def test_a_kind_that_is_left_out_was_not_looked_at():
    facts = facts_of(case("facts: {}"))
    assert isinstance(facts.processes, Unseen)
    assert isinstance(facts.os, Unseen)
    assert facts.contact == Contact(enrolled_at=NOON - 30 * 86_400_000, seen_at=NOON - 1000, interval_s=60)


def test_rows_may_be_blind_or_unseen():
    facts = facts_of(case("facts: {processes: {rows: [{name: a}], blind: {rows: 2}}, ports: {unseen: why}}"))
    assert isinstance(facts.processes, Seen)
    assert (facts.processes.lacks_rows, facts.processes.lacks_fields, len(facts.processes.rows)) == (True, False, 1)
    assert facts.ports == Unseen("why")


def test_times_are_told_as_ages():
    facts = facts_of(case("facts: {sessions: [{user: a, age: 1h}], contact: {seen: 2m, looked: {os: 1d}}}"))
    assert isinstance(facts.sessions, Seen)
    assert isinstance(facts.contact, Contact)
    assert facts.sessions.rows[0].opened_at == NOON - 3_600_000
    assert (facts.contact.seen_at, facts.contact.looked_at) == (NOON - 120_000, {"os": NOON - 86_400_000})


def test_the_moment_may_be_another_one():
    assert case("at: 2026-03-01T12:00:00Z").moment == int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)


def test_processor_looks_are_a_minute_apart():
    facts = facts_of(case("facts: {cpu: [10, 20, 30]}"))
    assert isinstance(facts.cpu, Seen)
    assert [(row.seen_at - NOON, row.percent) for row in facts.cpu.rows] == [(-120_000, 10), (-60_000, 20), (0, 30)]


@pytest.mark.parametrize(("skew", "ms"), [("0", 0), ("3m", 180_000), ("-90s", -90_000)])
def test_a_clock_may_be_ahead_or_behind(skew, ms):
    report = facts_of(case(f"facts: {{report: {{skew: {skew}}}}}")).report
    assert isinstance(report, Seen)
    assert report.rows[0].skew_ms == ms
