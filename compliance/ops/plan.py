"""What a deployment would do, as data: a step for each template, made before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compliance.errors import Unreachable, WrongUsage
from compliance.ops.conditions import COMING, made, present_outputs
from compliance.ops.deployer import Deployer
from compliance.ops.proposal import Act, Change, Proposal
from compliance.ops.stacks import IMAGE, Stack
from compliance.ops.standing import Standing
from compliance.ops.status import State
from compliance.ops.template import Template
from compliance.ops.wiring import Source, Value, kept_parameters, known, objection, wire

Values = Mapping[str, Value]
Standings = Mapping[str, Standing | None]
"""By the template's name."""


@dataclass(frozen=True)
class Shift:
    """A parameter whose value would be another; a secret is not shown."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Step:
    """One template of the plan.

    new         it would be made; its changes are read from the template itself, as AWS was asked nothing
    proposal    the change set that waits at AWS for an update
    waits_for   outputs of earlier templates that are yet to come: what it does is known when they are there
    """

    template: Template
    name: str
    values: Values
    new: bool
    changes: tuple[Change, ...] = ()
    proposal: Proposal | None = None
    waits_for: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not self.new and not self.waits_for and (self.proposal is None or self.proposal.empty)

    @property
    def loses_data(self) -> bool:
        return self.template.holds_data and any(change.loses for change in self.changes)


@dataclass(frozen=True)
class Plan:
    stack: Stack
    steps: tuple[Step, ...]

    @property
    def is_nothing(self) -> bool:
        return all(step.is_nothing for step in self.steps)


class Planner:
    """Makes plans. Nothing changes at AWS but for change sets, which wait to be executed or discarded."""

    def __init__(self, stack: Stack, deployer: Deployer, given: Mapping[str, str], region: str, version: str) -> None:
        self.stack, self._deployer, self._given, self.region = stack, deployer, given, region
        self._version = version

    def standings(self) -> dict[str, Standing | None]:
        return {template.name: self._deployer.look(self.stack.called(template)) for template in self.stack.templates}

    def plan(self, standings: Standings, image: str | None) -> Plan:
        steps: list[Step] = []
        outputs: dict[str, str | None] = {}
        try:
            for template in self.stack.templates:
                step = self.step(template, standings[template.name], outputs, image)
                steps.append(step)
                outputs |= self._outputs(step, standings[template.name])
        except BaseException:
            self.discard(steps)
            raise
        return Plan(self.stack, tuple(steps))

    def step(
        self, template: Template, standing: Standing | None, outputs: Mapping[str, str | None], image: str | None
    ) -> Step:
        """With a change set, where the stack is there and all values are known."""
        name, new = self.stack.called(template), is_new(standing)
        if standing is not None and standing.state is State.working:
            raise Unreachable(f"{name} is being worked on ({standing.cloudformation}): plan again when it is at rest.")
        values = self.values(template, standing, outputs, image)
        waits = tuple(key for key, value in values.items() if value.is_to_come)
        shifts = () if new or standing is None else _shifts(template, standing, values)
        if new:
            return Step(template, name, values, new, self._all_of(template, values), waits_for=waits)
        if waits:
            return Step(template, name, values, new, waits_for=waits, shifts=shifts)
        proposal = self.propose(template, values, new)
        return Step(template, name, values, new, proposal.changes, proposal, shifts=shifts)

    def propose(self, template: Template, values: Values, new: bool) -> Proposal:
        tags = {
            "compliance:stack": self.stack.name,
            "compliance:template": template.name,
            "compliance:version": self._version,
        }
        return self._deployer.propose(self.stack.called(template), template, values, tags, new)

    def discard(self, steps: list[Step] | tuple[Step, ...]) -> None:
        for step in steps:
            if step.proposal is not None and not step.proposal.empty:
                self._deployer.discard(step.proposal)

    def values(
        self, template: Template, standing: Standing | None, outputs: Mapping[str, str | None], image: str | None
    ) -> dict[str, Value]:
        """WrongUsage for a value that is missing or that the template does not take."""
        kept: set[str] = set()
        if standing is not None and not is_new(standing):
            kept = kept_parameters(template, standing.parameters, self._deployer.defaults(standing.name))
            # What an earlier template gave, and gives no more, names what is gone: it is not a person's choice to keep.
            kept -= {name for other in self.stack.templates for name in other.outputs}
        values = wire(self.stack, template, self._given, outputs, image, kept)
        for name, value in values.items():
            if value.source is Source.missing and name != IMAGE:
                raise WrongUsage(
                    f"{self.stack.name} needs a value for {name} ({template.name}): give --parameter {name}=..."
                )
            wrong = None if value.text is None else objection(template.parameters[name], value.text)
            if wrong and value.source in (Source.special, Source.given, Source.file):
                raise WrongUsage(f"{name} ({template.name}, from {value.source}) {wrong}.")
        return values

    def _all_of(self, template: Template, values: Values) -> tuple[Change, ...]:
        """Every resource that the template would make; uncertain where its condition hangs on what is yet to come."""
        there = made(template, self._known(values))
        return tuple(
            Change(Act.add, name, template.resources[name]["Type"], certain=is_made is True)
            for name, is_made in there.items()
            if is_made is not False
        )

    def _known(self, values: Values) -> dict[str, str]:
        coming = {name: COMING for name, value in values.items() if value.is_to_come}
        return {"AWS::Region": self.region, **coming, **known(values)}

    def _outputs(self, step: Step, standing: Standing | None) -> dict[str, str | None]:
        """What later templates may take: as it is now, or None for what is yet to come."""
        now: dict[str, str | None] = {} if step.new or standing is None else dict(standing.outputs)
        coming = present_outputs(step.template, self._known(step.values))
        return {name: None for name, there in coming.items() if there or step.new} | now


def is_missing(standing: Standing | None) -> bool:
    return standing is None or standing.state is State.missing


def is_new(standing: Standing | None) -> bool:
    """Whether it would be made from nothing; what a failed attempt left is removed before."""
    return standing is None or is_missing(standing) or standing.is_leftover


def _shifts(template: Template, standing: Standing, values: Values) -> tuple[Shift, ...]:
    found = []
    for name, value in values.items():
        old = standing.parameters.get(name)
        if value.source is Source.kept or value.is_to_come or value.text == old:
            continue
        secret = template.parameters[name].secret
        found.append(Shift(name, None if secret else old, None if secret else value.text))
    return tuple(found)
