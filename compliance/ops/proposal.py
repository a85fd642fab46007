"""What CloudFormation would do: a change set as data, read from its answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Act(StrEnum):
    """What happens to a resource. To replace is to make a new one and to delete the old one."""

    add = "add"
    change = "change"
    swap = "replace"
    remove = "remove"


@dataclass(frozen=True)
class Change:
    """`certain` is False where AWS says that it will only know when it gets there. `because` names what changed."""

    act: Act
    resource: str
    type: str
    certain: bool = True
    because: tuple[str, ...] = ()
    kept: str | None = None
    """`snapshot` or `retain`, where the template lets something stay of what is removed."""

    @property
    def loses(self) -> bool:
        return self.act in (Act.swap, Act.remove)


@dataclass(frozen=True)
class Proposal:
    """A change set that waits at AWS; `new` where the stack is made by it."""

    id: str
    name: str
    stack: str
    stack_id: str
    new: bool
    changes: tuple[Change, ...] = ()
    empty: bool = False

    def emptied(self) -> Proposal:
        return replace(self, empty=True)

    def holding(self, changes: tuple[Change, ...]) -> Proposal:
        return replace(self, changes=changes)


def read_change(answer: Mapping[str, Any]) -> Change:
    """One of DescribeChangeSet's Changes."""
    told = answer.get("ResourceChange", {})
    acts = {"Add": Act.add, "Import": Act.add, "Remove": Act.remove}
    act, certain = acts.get(told.get("Action", ""), Act.change), told.get("Action") != "Dynamic"
    if act is Act.change and told.get("Replacement") in ("True", "Conditional"):
        act, certain = Act.swap, told["Replacement"] == "True"
    policies = {
        "Retain": "retain",
        "Snapshot": "snapshot",
        "ReplaceAndRetain": "retain",
        "ReplaceAndSnapshot": "snapshot",
    }
    return Change(
        act=act,
        resource=told.get("LogicalResourceId", ""),
        type=told.get("ResourceType", ""),
        certain=certain,
        because=tuple(dict.fromkeys(filter(None, map(_cause, told.get("Details", []))))) if act is not Act.add else (),
        kept=policies.get(told.get("PolicyAction", "")),
    )


def _cause(detail: Mapping[str, Any]) -> str | None:
    """The property that changes, and the parameter or resource that makes it change."""
    target = detail.get("Target", {})
    name, attribute = target.get("Name"), target.get("Attribute", "")
    what = str(name or attribute or "")
    source = detail.get("CausingEntity")
    return f"{what} ({source})" if what and source and source != what else what or None
