"""How one CloudFormation stack stands. Pure: DescribeStacks' dict in, a Standing out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.ops.status import State, fold

LEFTOVERS = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
"""States that no update leads out of: the stack has to be removed before it can be made."""
STUCK = "UPDATE_ROLLBACK_FAILED"


@dataclass(frozen=True)
class Standing:
    """`parameters` are as AWS shows them: a secret one is asterisks."""

    id: str
    name: str
    cloudformation: str
    reason: str | None = None
    created_ms: int | None = None
    updated_ms: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @property
    def state(self) -> State:
        return fold(self.cloudformation)

    @property
    def is_leftover(self) -> bool:
        return self.cloudformation in LEFTOVERS


def read_standing(answer: Mapping[str, Any]) -> Standing:
    outputs = answer.get("Outputs") or ()
    return Standing(
        id=answer["StackId"],
        name=answer["StackName"],
        cloudformation=answer["StackStatus"],
        reason=answer.get("StackStatusReason") or None,
        created_ms=_ms(answer.get("CreationTime")),
        updated_ms=_ms(answer.get("LastUpdatedTime")),
        outputs={one["OutputKey"]: one.get("OutputValue", "") for one in outputs},
        descriptions={one["OutputKey"]: one["Description"] for one in outputs if one.get("Description")},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in answer.get("Parameters") or ()},
        tags={one["Key"]: one["Value"] for one in answer.get("Tags") or ()},
        protected=bool(answer.get("EnableTerminationProtection")),
    )


def _ms(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
