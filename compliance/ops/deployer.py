"""Makes, follows and removes CloudFormation stacks. Nothing is printed here: what happens is yielded as events.

standing = deployer.look("compliance-dev-server")
proposal = deployer.propose("compliance-dev-server", template, values, tags)
for event in deployer.execute(proposal): ...
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from compliance.errors import ComplianceError, Unreachable
from compliance.ops import events
from compliance.ops.aws import Api
from compliance.ops.errors import Failed, NotThere
from compliance.ops.events import Event
from compliance.ops.proposal import Change, Proposal, read_change
from compliance.ops.standing import Standing, read_standing
from compliance.ops.status import Drift, State, fold
from compliance.ops.template import Template
from compliance.ops.wiring import Source, Value

T = TypeVar("T")

LOOK_SECONDS = 3.0
MOST_SECONDS = 30.0
PATIENCE = 20
"""Failed looks in a row before a wait is given up: about eight minutes without AWS, which goes on without us."""
NOTHING_CHANGED = ("didn't contain changes", "No updates are to be performed")


class Deployer:
    """`api` calls CloudFormation; `sleep` is an edge, so that a test need not wait."""

    def __init__(self, api: Api, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api, self._sleep = api, sleep

    def look(self, name: str) -> Standing | None:
        """How a stack stands; None where there is none. A deleted one is only found by its id."""
        try:
            answer = self._api.ask("describe_stacks", StackName=name)
        except NotThere:
            return None
        return read_standing(answer["Stacks"][0]) if answer["Stacks"] else None

    def defaults(self, name: str) -> dict[str, str]:
        """The Defaults of the template that is deployed."""
        answer = self._api.ask("get_template_summary", StackName=name)
        return {one["ParameterKey"]: one["DefaultValue"] for one in answer["Parameters"] if "DefaultValue" in one}

    def propose(
        self, name: str, template: Template, values: Mapping[str, Value], tags: Mapping[str, str], new: bool
    ) -> Proposal:
        """A change set, ready to be executed or discarded; an `empty` one is neither, AWS has nothing to do."""
        change_set = f"compliance-{time.time_ns() // 1_000_000}"
        made = self._api.ask(
            "create_change_set",
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateBody=template.body,
            Parameters=_parameters(values),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
        proposal = Proposal(id=made["Id"], name=change_set, stack=name, stack_id=made["StackId"], new=new)
        try:
            answer = self._wait_for_change_set(proposal)
        except BaseException:
            # Ctrl-C too: nobody would know of it any more.
            self.discard(proposal)
            raise
        if answer["Status"] == "FAILED":
            self.discard(proposal)
            reason = str(answer.get("StatusReason", "no reason was given"))
            if any(words in reason for words in NOTHING_CHANGED):
                return proposal.emptied()
            raise Failed(f"CloudFormation refuses what {name} would be: {reason.rstrip('.')}.")
        return proposal.holding(self._changes(proposal, answer))

    def discard(self, proposal: Proposal) -> None:
        """Forget a change set, and the empty shell of a stack that only it had made."""
        with suppress(NotThere):
            self._api.ask("delete_change_set", ChangeSetName=proposal.id)
        if proposal.new:
            standing = self.look(proposal.stack_id)
            if standing is not None and standing.cloudformation == "REVIEW_IN_PROGRESS":
                self._api.ask("delete_stack", StackName=proposal.stack_id)

    def execute(self, proposal: Proposal) -> Iterator[Event]:
        before = self._newest(proposal.stack_id)
        self._api.ask("execute_change_set", ChangeSetName=proposal.id)
        yield from self._follow(proposal.stack_id, before, good=_ready)

    def resume(self, standing: Standing) -> Iterator[Event]:
        """Follow what somebody else, or we before a Ctrl-C, had begun."""
        told = self.events(standing.id)
        began = len(told) - len(events.last_operation(told))
        yield from self._follow(standing.id, told[began - 1].id if began else None, good=_not_failed)

    def remove(self, standing: Standing) -> Iterator[Event]:
        """Delete the stack; what its templates say of snapshots is AWS's to do."""
        before = self._newest(standing.id)
        if standing.protected:
            self._api.ask("update_termination_protection", StackName=standing.name, EnableTerminationProtection=False)
        self._api.ask("delete_stack", StackName=standing.name)
        yield from self._follow(standing.id, before, good=_gone)

    def undo(self, standing: Standing) -> Iterator[Event]:
        """Go on undoing an update whose undoing failed."""
        before = self._newest(standing.id)
        self._api.ask("continue_update_rollback", StackName=standing.name)
        yield from self._follow(standing.id, before, good=_undone)

    def protect(self, name: str) -> None:
        self._api.ask("update_termination_protection", StackName=name, EnableTerminationProtection=True)

    def events(self, name: str, most: int | None = None) -> list[Event]:
        """The newest `most` events of a stack, or all of them, oldest first."""
        found: list[Event] = []
        for page in self._api.pages("describe_stack_events", StackName=name):
            found += [events.read(one) for one in page["StackEvents"]]
            if most is not None and len(found) >= most:
                break
        return found[:most][::-1]

    def drift(self, name: str) -> list[Drift] | None:
        """What is not as the template says; None where AWS could not tell."""
        asked = self._api.ask("detect_stack_drift", StackName=name)["StackDriftDetectionId"]
        while True:
            answer = self._patiently(
                lambda: self._api.ask("describe_stack_drift_detection_status", StackDriftDetectionId=asked)
            )
            if answer["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            self._sleep(LOOK_SECONDS)
        if answer["DetectionStatus"] == "DETECTION_FAILED":
            return None
        pages = self._api.pages(
            "describe_stack_resource_drifts",
            StackName=name,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
        )
        return [_drift(one) for page in pages for one in page["StackResourceDrifts"]]

    def _wait_for_change_set(self, proposal: Proposal) -> dict[str, Any]:
        while True:
            answer = self._patiently(lambda: self._api.ask("describe_change_set", ChangeSetName=proposal.id))
            if answer["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                return answer
            self._sleep(LOOK_SECONDS / 3)

    def _changes(self, proposal: Proposal, page: dict[str, Any]) -> tuple[Change, ...]:
        found = [read_change(one) for one in page.get("Changes", [])]
        while page.get("NextToken"):
            page = self._api.ask("describe_change_set", ChangeSetName=proposal.id, NextToken=page["NextToken"])
            found += [read_change(one) for one in page.get("Changes", [])]
        return tuple(found)

    def _newest(self, name: str) -> str | None:
        own = self.events(name, 1)
        return own[0].id if own else None

    def _follow(self, id: str, before: str | None, good: Callable[[str | None], bool]) -> Iterator[Event]:
        """Events after the one called `before`, until the stack rests; Failed where its last state is not good."""
        seen: list[Event] = []
        known: set[str] = set()
        while True:
            # The state first: whatever led to it is then among the events.
            standing = self._patiently(lambda: self.look(id))
            for event in self._patiently(lambda: self._after(id, before)):
                if event.id not in known:
                    known.add(event.id)
                    seen.append(event)
                    yield event
            state = standing.cloudformation if standing else None
            if fold(state) is not State.working:
                break
            self._sleep(LOOK_SECONDS)
        if not good(state):
            raise Failed(_failure(id, standing, seen))

    def _after(self, id: str, before: str | None) -> list[Event]:
        """Oldest first. Pages are read only as far back as they are new."""
        found: list[Event] = []
        for page in self._api.pages("describe_stack_events", StackName=id):
            for one in page["StackEvents"]:
                if one["EventId"] == before:
                    return found[::-1]
                found.append(events.read(one))
        return found[::-1]

    def _patiently(self, look: Callable[[], T]) -> T:
        """A look that fails for a while ends no deployment: CloudFormation works on meanwhile."""
        pause = LOOK_SECONDS
        for _ in range(PATIENCE - 1):
            try:
                return look()
            except Unreachable:
                self._sleep(pause)
                pause = min(2 * pause, MOST_SECONDS)
        return look()


def _ready(state: str | None) -> bool:
    return fold(state) is State.ready


def _not_failed(state: str | None) -> bool:
    return fold(state) is not State.failed


def _gone(state: str | None) -> bool:
    return fold(state) is State.missing


def _undone(state: str | None) -> bool:
    return state == "UPDATE_ROLLBACK_COMPLETE"


def _parameters(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    """A Default is left to the template; a value that is kept is named, but not said: it may be a secret."""
    told: list[dict[str, Any]] = []
    for name, value in values.items():
        if value.source is Source.missing or value.is_to_come:
            raise ComplianceError(f"The parameter {name} has no value: give it with --parameter {name}=...")
        if value.source is Source.kept:
            told.append({"ParameterKey": name, "UsePreviousValue": True})
        elif value.source is not Source.default:
            told.append({"ParameterKey": name, "ParameterValue": value.text})
    return told


def _failure(id: str, standing: Standing | None, seen: list[Event]) -> str:
    name = standing.name if standing else id
    first = events.first_failure(seen)
    if first is not None:
        what = name if first.own else f"{first.resource} ({first.type})"
        return f"{name} failed at {what}: {(first.reason or '').rstrip('.')}."
    told = f": {standing.reason.rstrip('.')}" if standing and standing.reason else ""
    return f"{name} is in the state {standing.cloudformation if standing else 'of not being there'}{told}."


def _drift(answer: Mapping[str, Any]) -> Drift:
    changed = tuple(one["PropertyPath"] for one in answer.get("PropertyDifferences", []))
    how = "deleted" if answer["StackResourceDriftStatus"] == "DELETED" else "changed"
    return Drift(answer["LogicalResourceId"], answer["ResourceType"], how, changed)
