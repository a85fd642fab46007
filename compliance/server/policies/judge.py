"""Judges one host by one policy: pure, and the meaning of every faster way to do the same.

`judge(policy, facts, at)` is the verdict of one host, None for a host that the policy is not about. `judge_rule` is the
part without scope and exceptions. A verdict is unknown where what was not seen could change it, and only there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from compliance.server.policies.facts import Facts
from compliance.server.policies.findings import Finding
from compliance.server.policies.kinds.contact import judge_agent, judge_clock, judge_freshness
from compliance.server.policies.kinds.cpu import judge_cpu
from compliance.server.policies.kinds.rows import judge_rows
from compliance.server.policies.kinds.systems import judge_kernel, judge_support, judge_system
from compliance.server.policies.policy import Exemption, Policy
from compliance.server.policies.rules import (
    AccountRule,
    AgentRule,
    AllRule,
    AnyRule,
    ClockRule,
    CpuRule,
    FreshnessRule,
    KernelRule,
    NotRule,
    OsRule,
    OsSupportedRule,
    PackageRule,
    PortRule,
    ProcessRule,
    Rule,
    SessionRule,
)
from compliance.server.policies.scope import exemption_of, is_meant, scope_changes_at
from compliance.server.policies.truth import Outcome, all_true, any_true, opposite, outcome

JUDGES: dict[type, Callable[[Any, Facts, int], Finding]] = {
    ProcessRule: judge_rows,
    SessionRule: judge_rows,
    PortRule: judge_rows,
    PackageRule: judge_rows,
    AccountRule: judge_rows,
    OsSupportedRule: judge_support,
    OsRule: lambda rule, facts, at: judge_system(rule, facts),
    KernelRule: lambda rule, facts, at: judge_kernel(rule, facts),
    CpuRule: judge_cpu,
    FreshnessRule: judge_freshness,
    ClockRule: lambda rule, facts, at: judge_clock(rule, facts),
    AgentRule: lambda rule, facts, at: judge_agent(rule, facts),
}


class Verdict(Struct, frozen=True, kw_only=True):
    """What a policy says of a host at a moment."""

    outcome: Outcome
    observed: str
    """What was seen, in sentences that stay the same while the verdict lasts."""
    expected: str
    rows: tuple[Any, ...] = ()
    """The facts that decided: offenders where it fails."""
    exemption: Exemption | None = None
    """The exception that stands; the outcome is what it is all the same."""
    changes_at: int | None = None
    """From this moment on the same facts may get another verdict or lose their exception; None: never."""


def judge(policy: Policy, facts: Facts, at: int) -> Verdict | None:
    """None: the policy is not about this host. That is not known where its name or system was not seen."""
    meant = is_meant(policy.scope, facts)
    if meant is False:
        return None
    finding = judge_rule(policy.rule, facts, at)
    exemption = exemption_of(policy.exceptions, facts, at)
    changes = earliest(finding.changes_at, scope_changes_at(policy.exceptions, at))
    if meant is None:
        observed = "Whether the policy is about this host is not known: its name or its operating system was not seen."
        return Verdict(
            outcome="unknown", observed=observed, expected=finding.expected, exemption=exemption, changes_at=changes
        )
    return Verdict(
        outcome=outcome(finding.holds),
        observed=finding.observed,
        expected=finding.expected,
        rows=finding.rows,
        exemption=exemption,
        changes_at=changes,
    )


def judge_rule(rule: Rule, facts: Facts, at: int) -> Finding:
    """What a rule finds, whoever it is about."""
    if isinstance(rule, AllRule | AnyRule):
        return combine(rule, [judge_rule(part, facts, at) for part in rule.of])
    if isinstance(rule, NotRule):
        inner = judge_rule(rule.rule, facts, at)
        expected = f"Not so: {inner.expected}"
        return Finding(opposite(inner.holds), inner.observed, expected, inner.rows, inner.changes_at)
    return JUDGES[type(rule)](rule, facts, at)


def combine(rule: AllRule | AnyRule, parts: list[Finding]) -> Finding:
    """Says what the parts say that decided: all that failed, or all that held, or all that are unknown."""
    together = all_true if isinstance(rule, AllRule) else any_true
    holds = together(part.holds for part in parts)
    deciding = [part for part in parts if part.holds is holds]
    if len(parts) == 1:
        return parts[0]
    word = "All of these" if isinstance(rule, AllRule) else "At least one of these"
    expected = f"{word}: {' '.join(part.expected for part in parts)}"
    return Finding(
        holds,
        " ".join(dict.fromkeys(part.observed for part in deciding)),
        expected,
        tuple(row for part in deciding for row in part.rows),
        earliest(*(part.changes_at for part in parts)),
    )


def earliest(*moments: int | None) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)
