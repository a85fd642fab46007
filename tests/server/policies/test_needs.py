"""What a policy says it needs is all that its verdict depends on."""

import msgspec
from hypothesis import given

from compliance.server.policies.facts import Facts
from compliance.server.policies.judge import judge
from compliance.server.policies.needs import needs
from compliance.server.policies.policy import Policy
from tests.server.policies.strategies import FACTS, HOUR, NOON, RULES


def policy(rule, **fields):
    return Policy(id="x", title="t", why="w", severity="low", remedy="r", rule=rule, **fields)


def asked(scope=None, exceptions=(), **rule):
    made = {"id": "x", "title": "t", "why": "w", "severity": "low", "remedy": "r", "rule": rule}
    return needs(msgspec.convert({**made, "scope": scope or {}, "exceptions": exceptions}, Policy, strict=False))


@given(RULES, FACTS)
def test_facts_that_are_not_needed_change_nothing(rule, facts):
    needed = needs(policy(rule))
    fewer = Facts(**{kind: getattr(facts, kind) for kind in needed.kinds})
    assert judge(policy(rule), fewer, NOON) == judge(policy(rule), facts, NOON)


@given(RULES, FACTS)
def test_what_is_not_by_the_clock_names_no_moment(rule, facts):
    if not needs(policy(rule)).by_clock:
        verdict = judge(policy(rule), facts, NOON)
        assert verdict is not None
        assert verdict.changes_at is None


def test_a_rule_needs_its_own_kind():
    assert asked(kind="process", expect="absent", name="nc").kinds == {"processes"}
    session = asked(kind="session", expect="absent", **{"older-than": "1h"})
    assert (session.kinds, session.by_clock) == ({"sessions", "report"}, True)
    assert not asked(kind="session", expect="absent", user="root").by_clock


def test_a_scope_needs_what_it_asks_for():
    process = {"kind": "process", "expect": "absent", "name": "nc"}
    assert asked({"labels": {"a": "b"}, "unless": {"os": ["x"]}}, **process).kinds == {"processes", "labels", "os"}
    exception = {"hosts": {"names": ["a"]}, "owner": "o", "reason": "r", "until": "2027-01-01"}
    found = asked(exceptions=[exception], **process)
    assert (found.kinds, found.by_clock) == ({"processes", "host"}, True)


def test_samples_are_needed_as_far_back_as_the_longest_rule():
    cpu = {"kind": "cpu", "below": "90"}
    found = asked(kind="all", of=[{**cpu, "for": "5m"}, {"kind": "not", "rule": {**cpu, "for": "1h"}}])
    assert (found.cpu_ms, found.kinds) == (HOUR, {"cpu", "contact"})
