"""Which hosts a policy or an exception is about."""

from __future__ import annotations

from collections.abc import Iterable

from compliance.server.policies.facts import Facts, Unseen
from compliance.server.policies.kinds.systems import DAY, call, day_of, start_of
from compliance.server.policies.patterns import globbed
from compliance.server.policies.policy import Exemption, Scope
from compliance.server.policies.truth import Truth, all_true, opposite


def is_meant(scope: Scope, facts: Facts) -> Truth:
    """Labels are the server's own knowledge; a name or a system may not have been seen."""
    return all_true(
        (
            all(
                label in facts.labels and globbed((value,), facts.labels[label])
                for label, value in scope.labels.items()
            ),
            scope.names is None or _has_name(scope.names, facts),
            scope.os is None or _has_system(scope.os, facts),
            scope.unless is None or opposite(is_meant(scope.unless, facts)),
        )
    )


def exemption_of(exceptions: Iterable[Exemption], facts: Facts, at: int) -> Exemption | None:
    """The exception that stands for a host, the one that lasts longest. Who may be meant is not meant."""
    day = day_of(at)
    standing = [
        one for one in exceptions if (one.since or day) <= day <= one.until and is_meant(one.hosts, facts) is True
    ]
    return max(standing, key=lambda one: one.until, default=None)


def scope_changes_at(exceptions: Iterable[Exemption], at: int) -> int | None:
    """When the next exception begins or ends."""
    moments = [start_of(one.until) + DAY for one in exceptions]
    moments += [start_of(one.since) for one in exceptions if one.since is not None]
    return min((moment for moment in moments if moment > at), default=None)


def _has_name(names: tuple[str, ...], facts: Facts) -> Truth:
    if isinstance(facts.host, Unseen) or not facts.host.rows:
        return None
    return globbed(names, facts.host.rows[0].hostname)


def _has_system(systems: tuple[str, ...], facts: Facts) -> Truth:
    if isinstance(facts.os, Unseen) or not facts.os.rows:
        return None
    row = facts.os.rows[0]
    return globbed(systems, row.name) or globbed(systems, call(row))
