"""What should be said, by one who has every look, label and policy before him, and judges at each moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from compliance.server.judging.book import Book
from compliance.server.policies.facts import Contact, Facts, Seen, Unseen
from compliance.server.policies.judge import Verdict, judge
from compliance.wire.messages import Failed, Sample, Whole


@dataclass(frozen=True)
class Look:
    """What one report told, and when it was seen."""

    seen: int
    sections: dict[str, Any]


@dataclass
class Life:
    """A host as it really was."""

    enrolled_at: int
    interval_s: int
    looks: list[Look] = field(default_factory=list)
    labels: list[tuple[int, int, str, str]] = field(default_factory=list)
    """Since, until, name, value."""

    def verdict(self, book: Book, policy_id: int, at: int) -> tuple[int, Verdict] | None:
        """The version that stood and what it says; None where it says nothing."""
        if at < max(self.enrolled_at, book.begins or 0):
            return None
        for period in book.standing(at):
            if period.policy_id == policy_id:
                verdict = judge(period.policy, self.facts(at), at)
                return None if verdict is None else (period.version, verdict)
        return None

    def facts(self, at: int) -> Facts:
        looks = [one for one in self.looks if one.seen <= at]
        samples = [(one.seen, one.sections["cpu"].row.percent) for one in looks if "cpu" in one.sections]
        kinds = ("host", "os", "processes", "sessions", "cpu")
        looked = {kind: _last(looks, kind) for kind in kinds}
        return Facts(
            host=_sight(looked["host"], "host"),
            os=_sight(looked["os"], "os"),
            processes=_sight(looked["processes"], "processes"),
            sessions=_sight(looked["sessions"], "sessions"),
            cpu=Seen(tuple(_Sample(*one) for one in samples)) if samples else Unseen("never"),
            report=Seen((_Report("1.0", 0),)) if looks else Unseen("never"),
            contact=Contact(
                enrolled_at=self.enrolled_at,
                seen_at=looks[-1].seen if looks else None,
                interval_s=self.interval_s,
                looked_at={kind: look.seen for kind, look in looked.items() if look is not None},
            ),
            labels={name: value for since, until, name, value in self.labels if since <= at < until},
        )


@dataclass(frozen=True)
class _Sample:
    seen_at: int
    percent: float


@dataclass(frozen=True)
class _Report:
    agent: str
    skew_ms: int


def _last(looks: list[Look], kind: str) -> Look | None:
    """The last one that saw the kind."""
    seen = [one for one in looks if isinstance(one.sections.get(kind), Whole | Sample)]
    return seen[-1] if seen else None


def _sight(look: Look | None, kind: str) -> Any:
    if look is None:
        return Unseen("never")
    section = look.sections[kind]
    assert not isinstance(section, Failed)
    return Seen(section.rows, None if section.blind is UNSET else section.blind)
