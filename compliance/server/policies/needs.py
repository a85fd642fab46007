"""Which facts a policy reads, so that nothing else has to be fetched for it, and whether time alone can change it."""

from __future__ import annotations

from msgspec import Struct

from compliance.server.policies.facts import Kind
from compliance.server.policies.policy import Policy, Scope
from compliance.server.policies.rules import (
    AccountRule,
    AgentRule,
    ClockRule,
    CpuRule,
    FreshnessRule,
    KernelRule,
    Leaf,
    OsRule,
    OsSupportedRule,
    PackageRule,
    PortRule,
    ProcessRule,
    SessionRule,
    leaves,
)
from compliance.server.policies.spans import milliseconds

KINDS: dict[type, tuple[Kind, ...]] = {
    ProcessRule: ("processes",),
    SessionRule: ("sessions", "report"),
    PortRule: ("ports",),
    PackageRule: ("packages",),
    AccountRule: ("accounts",),
    OsSupportedRule: ("os",),
    OsRule: ("os",),
    KernelRule: ("os",),
    CpuRule: ("cpu", "contact"),
    FreshnessRule: ("contact",),
    ClockRule: ("report",),
    AgentRule: ("report",),
}


class Needs(Struct, frozen=True):
    """What has to be known of a host to judge it."""

    kinds: frozenset[Kind]
    cpu_ms: int = 0
    """How far back processor samples are read; and the last one before that."""
    by_clock: bool = False
    """Whether the verdict can change while no fact does: `Verdict.changes_at` says when."""


def needs(policy: Policy) -> Needs:
    parts = leaves(policy.rule)
    scopes = [policy.scope, *(one.hosts for one in policy.exceptions)]
    kinds: set[Kind] = {kind for leaf in parts for kind in KINDS[type(leaf)]}
    kinds.update(kind for scope in scopes for kind in _scope_kinds(scope))
    cpu_ms = max((milliseconds(leaf.span) for leaf in parts if isinstance(leaf, CpuRule)), default=0)
    return Needs(frozenset(kinds), cpu_ms, bool(policy.exceptions) or any(map(_is_by_clock, parts)))


def _scope_kinds(scope: Scope) -> set[Kind]:
    given: dict[Kind, object] = {"labels": scope.labels, "os": scope.os, "host": scope.names}
    found = {kind for kind, value in given.items() if value}
    return found | (_scope_kinds(scope.unless) if scope.unless is not None else set())


def _is_by_clock(leaf: Leaf) -> bool:
    if isinstance(leaf, SessionRule):
        return any(like.older_than is not None for like in (leaf, *leaf.unless))
    return isinstance(leaf, CpuRule | FreshnessRule | OsSupportedRule)
