"""Runs a policy's own tests."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from compliance.server.policies.cases import Case, facts_of
from compliance.server.policies.judge import Verdict, judge
from compliance.server.policies.policy import Policy
from compliance.server.policies.truth import Outcome

OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "unknown")


class Trial(Struct, frozen=True):
    """A case, and what the policy says of it; None: it is not about such a host."""

    number: int
    case: Case
    verdict: Verdict | None

    @property
    def succeeded(self) -> bool:
        return self.verdict is not None and self.verdict.outcome == self.case.verdict

    def __str__(self) -> str:
        said = "nothing: it is not about such a host" if self.verdict is None else self.verdict.outcome
        because = "" if self.verdict is None else f" ({self.verdict.observed})"
        return f"case {self.number} expects {self.case.verdict}, the policy says {said}{because}"


def run(policy: Policy) -> Iterator[Trial]:
    for number, case in enumerate(policy.cases, 1):
        yield Trial(number, case, judge(policy, facts_of(case), case.moment))


def untried(policy: Policy) -> list[Outcome]:
    """The outcomes that no case of the policy expects."""
    return [outcome for outcome in OUTCOMES if outcome not in {case.verdict for case in policy.cases}]
