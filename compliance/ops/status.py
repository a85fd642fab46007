"""Pure: CloudFormation's many states folded to four words, and what they mean together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How a template stands.

    ready     what was asked is there
    working   CloudFormation is at it
    failed    the last thing asked was not reached; an earlier version may well run
    missing   not deployed
    """

    ready = "ready"
    working = "working"
    failed = "failed"
    missing = "missing"


class Health(StrEnum):
    """What the server says of itself at /health/ready; `unknown` when nobody could ask it."""

    ready = "ready"
    unready = "unready"
    unknown = "unknown"


@dataclass(frozen=True)
class Answer:
    """Of the server: `url` was asked, `sentence` says what came."""

    health: Health
    url: str
    sentence: str


@dataclass(frozen=True)
class Drift:
    """A resource that is not as its template says any more."""

    resource: str
    type: str
    how: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class TemplateStatus:
    """One line of `ops status`. `drift` is None where nobody looked, or nobody could see."""

    stack: str
    template: str
    name: str
    state: State
    cloudformation: str | None = None
    reason: str | None = None
    created_ms: int | None = None
    updated_ms: int | None = None
    version: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    health: Answer | None = None
    drift: list[Drift] | None = None
    drift_unseen: str | None = None
    """Why nobody knows of a drift that was asked for."""


def fold(cloudformation: str | None) -> State:
    """A state that is newer than this program is folded by its ending."""
    if cloudformation in (None, "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
        return State.missing
    assert cloudformation is not None
    if cloudformation.endswith("_IN_PROGRESS"):
        return State.working
    # What was undone is complete in CloudFormation's words only: nobody got what was asked for.
    if "ROLLBACK" in cloudformation or not cloudformation.endswith("_COMPLETE"):
        return State.failed
    return State.ready


def meaning(cloudformation: str | None) -> str:
    """What a person should know of the state, where the word alone does not say it."""
    return MEANINGS.get(cloudformation or "", "")


MEANINGS = {
    "CREATE_FAILED": "its creation failed; `ops deploy` offers to remove what is left",
    "ROLLBACK_COMPLETE": "its creation failed and was undone; `ops deploy` offers to remove what is left",
    "ROLLBACK_FAILED": "its creation failed, and undoing it too; `ops deploy` offers to remove what is left",
    "DELETE_FAILED": "it was not deleted to the end; `ops delete` goes on",
    "UPDATE_ROLLBACK_COMPLETE": "the last update failed and was undone; what was there before runs",
    "UPDATE_ROLLBACK_FAILED": "the last update failed, and undoing it too; `ops deploy` offers to go on undoing",
    "UPDATE_FAILED": "the last update failed and was not undone",
}


def troubles(rows: Sequence[TemplateStatus]) -> list[tuple[str, str]]:
    """(stack, what keeps it from being well); nothing for a stack that was never deployed."""
    found = []
    for name in dict.fromkeys(row.stack for row in rows):
        own = [row for row in rows if row.stack == name]
        states = {row.state for row in own}
        if states == {State.missing}:
            continue
        told = [f"{row.name} has failed" for row in own if row.state is State.failed]
        told += [f"{row.name} is missing" for row in own if row.state is State.missing]
        told += [f"{row.name} has drifted" for row in own if row.drift]
        told += [row.health.sentence for row in own if row.health and row.health.health is Health.unready]
        found += [(name, sentence) for sentence in told]
    return found
