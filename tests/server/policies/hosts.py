"""A host whose facts a test gives, all others not looked at."""

import msgspec

from compliance.server.policies.cases import Case, CaseFacts, facts_of
from compliance.server.policies.judge import judge_rule
from compliance.server.policies.rules import Rule
from tests.server.policies.strategies import NOON


def facts(**told):
    """As in a policy's cases: `facts(processes=[{"name": "nc"}])`."""
    return facts_of(Case(verdict="pass", facts=msgspec.convert(told, CaseFacts, strict=False)))


def rule(**fields):
    return msgspec.convert(fields, Rule, strict=False)


def finding(asked, at=NOON, **told):
    return judge_rule(asked, facts(**told), at)


def verdict(asked, at=NOON, **told):
    """True, False or None."""
    return finding(asked, at, **told).holds
