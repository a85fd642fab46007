"""Which installed packages a rule speaks of, and which of them are too old."""

from __future__ import annotations

from compliance.server.policies.facts import PackageRow
from compliance.server.policies.patterns import matcher, say
from compliance.server.policies.rules import PackageFilter, PackageRule
from compliance.server.policies.truth import Truth, opposite
from compliance.server.policies.versions import at_least

OWN_ORDER = frozenset({"dpkg", "rpm"})
"""Managers whose versions nobody else's order can compare."""


def weigh(like: PackageFilter, row: PackageRow) -> Truth:
    return all(
        texts is None or matcher(texts)(value)
        for texts, value in ((like.name, row.name), (like.manager, row.manager), (like.version, row.version))
    )


def is_older(rule: PackageRule, row: PackageRow) -> Truth:
    """Unknown where the two versions cannot be compared."""
    if rule.scheme is None or rule.at_least is None:
        return False
    if row.manager != rule.scheme and OWN_ORDER & {row.manager, rule.scheme}:
        return None
    return opposite(at_least(rule.scheme, row.version, rule.at_least))


def call(row: PackageRow) -> str:
    return f"{row.name} {row.version}"


def describe(like: PackageFilter) -> str:
    parts = (("named", like.name), ("installed by", like.manager), ("of version", like.version))
    return " ".join(["package", *(f"{word} {say(texts)}" for word, texts in parts if texts is not None)])
