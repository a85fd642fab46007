"""A policy's whole verdict: scope, exceptions, and rules put together."""

from datetime import date
from typing import Any

import msgspec
import pytest

from compliance.server.policies import judge as judging
from compliance.server.policies.judge import judge_rule
from compliance.server.policies.needs import KINDS
from compliance.server.policies.policy import Policy
from compliance.server.policies.rules import AllRule, AnyRule, Leaf, NotRule
from tests.server.policies.hosts import facts, finding, rule
from tests.server.policies.strategies import NOON

DAY = 86_400_000
NO_NC = {"kind": "process", "expect": "absent", "name": "nc"}
SSHD = {"kind": "process", "expect": "present", "name": "sshd"}
HAS_NC, HAS_SSHD = [{"name": "nc"}], [{"name": "sshd"}]


def judge(policy, facts, at) -> Any:
    return judging.judge(policy, facts, at)


def policy(**fields):
    made = {"id": "x", "title": "t", "why": "w", "severity": "low", "remedy": "r", "rule": NO_NC, **fields}
    return msgspec.convert(made, Policy, strict=False)


def outcome(of, at=NOON, **told):
    verdict = judge(of, facts(**told), at)
    return None if verdict is None else verdict.outcome


def test_a_verdict_says_what_was_seen_and_what_should_be():
    verdict = judge(policy(), facts(processes=HAS_NC), NOON)
    assert (verdict.outcome, verdict.observed, verdict.expected) == (
        "fail",
        "There is nc (user root).",
        "No process named nc.",
    )
    assert [row.name for row in verdict.rows] == ["nc"]
    assert (verdict.exemption, verdict.changes_at) == (None, None)


def test_all_says_what_failed():
    both = rule(kind="all", of=[NO_NC, SSHD])
    found = finding(both, processes=HAS_NC)
    assert (found.holds, found.observed) == (False, "There is nc (user root). There is none.")
    assert found.expected == "All of these: No process named nc. At least one process named sshd."
    assert finding(both, processes=HAS_SSHD).holds is True


def test_any_says_what_held():
    one = rule(kind="any", of=[SSHD, {"kind": "package", "expect": "present", "name": "sshd"}])
    found = finding(one, processes=HAS_SSHD)
    assert (found.holds, found.observed) == (True, "There is sshd (user root).")
    assert found.expected.startswith("At least one of these: ")
    unknown = finding(one, processes=[])
    assert (unknown.holds, unknown.observed) == (None, "Packages were not seen: not part of its reports.")


def test_not_turns_a_verdict_around_and_leaves_the_unknown_alone():
    turned = rule(kind="not", rule=SSHD)
    found = finding(turned, processes=HAS_SSHD)
    assert (found.holds, found.expected) == (False, "Not so: At least one process named sshd.")
    assert [row.name for row in found.rows] == ["sshd"]
    assert finding(turned, processes=[]).holds is True
    assert finding(turned).holds is None


def test_of_a_single_rule_all_and_any_say_the_same():
    for kind in ("all", "any"):
        assert finding(rule(kind=kind, of=[NO_NC]), processes=HAS_NC) == finding(rule(**NO_NC), processes=HAS_NC)


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        ({}, True),
        ({"labels": {"role": "web"}}, True),
        ({"labels": {"role": "*", "env": "prod*"}}, True),
        ({"labels": {"role": "db"}}, False),
        ({"labels": {"tier": "*"}}, False),
        ({"os": ["debian*"]}, True),
        ({"os": ["Ubuntu", "Debian GNU/Linux 12"]}, True),
        ({"os": ["Debian GNU/Linux 13"]}, False),
        ({"names": ["WEB-*"]}, True),
        ({"names": ["db-*"]}, False),
        ({"names": ["web-*"], "labels": {"role": "db"}}, False),
        ({"names": ["web-*"], "unless": {"os": ["Debian*"]}}, False),
        ({"names": ["web-*"], "unless": {"os": ["Ubuntu"]}}, True),
    ],
)
def test_a_policy_is_about_the_hosts_of_its_scope(scope, meant):
    told = {
        "host": {"name": "web-1"},
        "os": {"name": "Debian GNU/Linux", "version": "12"},
        "labels": {"role": "web", "env": "production"},
        "processes": [],
    }
    assert outcome(policy(scope=scope), **told) == ("pass" if meant else None)


def test_whether_an_unseen_host_is_meant_is_unknown():
    for scope in ({"os": ["Debian*"]}, {"names": ["web-*"]}):
        verdict = judge(policy(scope=scope), facts(processes=HAS_NC), NOON)
        assert verdict.outcome == "unknown"
        assert verdict.observed.startswith("Whether the policy is about this host is not known")
    assert outcome(policy(scope={"os": ["Debian*"], "labels": {"role": "db"}}), processes=[]) is None


def excepted(**fields):
    one = {"hosts": {"names": ["web-*"]}, "owner": "ana", "reason": "moves in July", "until": "2026-06-10", **fields}
    return policy(exceptions=[one])


def test_an_exception_stands_beside_the_verdict_and_changes_nothing_of_it():
    told = facts(host={"name": "web-1"}, processes=HAS_NC)
    verdict = judge(excepted(), told, NOON)
    assert (verdict.outcome, verdict.exemption.owner) == ("fail", "ana")
    assert verdict.changes_at == NOON + 9 * DAY + DAY // 2


def test_an_exception_lasts_through_its_last_day():
    told = facts(host={"name": "web-1"}, processes=HAS_NC)
    end = judge(excepted(), told, NOON).changes_at
    assert judge(excepted(), told, end - 1).exemption is not None
    assert judge(excepted(), told, end).exemption is None
    early = excepted(since="2026-06-03")
    assert judge(early, told, NOON).exemption is None
    assert judge(early, told, judge(early, told, NOON).changes_at).exemption is not None


def test_a_host_that_may_be_meant_has_no_exception():
    assert judge(excepted(), facts(processes=HAS_NC), NOON).exemption is None
    assert judge(excepted(), facts(host={"name": "db-1"}, processes=HAS_NC), NOON).exemption is None


def test_of_several_exceptions_the_longest_is_shown():
    one = {"hosts": {}, "owner": "ana", "reason": "r"}
    both = policy(exceptions=[{**one, "until": "2026-07-01"}, {**one, "until": "2026-08-01"}])
    assert judge(both, facts(), NOON).exemption.until == date(2026, 8, 1)


def test_an_exception_that_ends_before_it_begins_is_refused():
    with pytest.raises(msgspec.ValidationError, match="an exception ends after it begins"):
        excepted(since="2026-07-01")


def test_every_kind_of_rule_has_its_judge_and_says_what_it_needs():
    kinds = set(Leaf.__args__)
    assert set(judging.JUDGES) == set(KINDS) == kinds
    assert not kinds & {AllRule, AnyRule, NotRule}


def test_a_host_of_which_nothing_is_known_is_unknown():
    nothing = facts()
    for asked in (NO_NC, SSHD, {"kind": "os-supported"}, {"kind": "all", "of": [NO_NC, SSHD]}):
        assert judge_rule(rule(**asked), nothing, NOON).holds is None
