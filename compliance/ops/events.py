"""What CloudFormation tells while it works, oldest first. Pure: dicts in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STACK_TYPE = "AWS::CloudFormation::Stack"
STARTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS")
AFTERMATH = ("cancelled", "The following resource(s) failed")
"""Reasons of failures that only follow from another one."""


@dataclass(frozen=True)
class Event:
    """One step of one resource, or of the stack itself (`own`)."""

    id: str
    at_ms: int
    stack: str
    resource: str
    type: str
    state: str
    reason: str | None
    own: bool

    @property
    def failed(self) -> bool:
        return self.state.endswith("_FAILED")


def read(answer: Mapping[str, Any]) -> Event:
    """One of DescribeStackEvents' StackEvents."""
    return Event(
        id=answer["EventId"],
        at_ms=int(answer["Timestamp"].timestamp() * 1000),
        stack=answer["StackName"],
        resource=answer.get("LogicalResourceId", ""),
        type=answer.get("ResourceType", ""),
        state=answer.get("ResourceStatus", ""),
        reason=answer.get("ResourceStatusReason") or None,
        own=answer.get("ResourceType") == STACK_TYPE and answer.get("PhysicalResourceId") == answer["StackId"],
    )


def last_operation(events: Sequence[Event]) -> Sequence[Event]:
    """Of events oldest first: those since the last create, update or delete began."""
    for place in range(len(events) - 1, -1, -1):
        if events[place].own and events[place].state in STARTS:
            return events[place:]
    return events


def first_failure(events: Iterable[Event]) -> Event | None:
    """Why it failed: the first failure that is not only the echo of another; the stack's own words at last."""
    failed = [event for event in events if event.failed and event.reason]
    real = [event for event in failed if not any(word in (event.reason or "") for word in AFTERMATH)]
    resources = [event for event in real if not event.own]
    return next(iter(resources or real or failed), None)
