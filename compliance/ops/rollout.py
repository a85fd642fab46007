"""From a plan to a stack: what is left over, what is confirmed, in which order, and what is said when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from compliance.ops import events
from compliance.ops.deployer import Deployer
from compliance.ops.errors import Declined, Failed
from compliance.ops.events import Event
from compliance.ops.image import platform_of
from compliance.ops.plan import Plan, Planner, Standings, Step, is_missing, is_new
from compliance.ops.proposal import Proposal
from compliance.ops.stacks import IMAGE, Stack
from compliance.ops.standing import STUCK, Standing
from compliance.ops.status import State
from compliance.ops.template import Template

MACHINE_IMAGE = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
"""The type of a parameter that names what the instances boot from, and so their architecture."""
PROTECTION = "DeletionProtection"
"""The parameter of a template whose resources AWS deletes only when it is false."""
REPOSITORY = "RepositoryUri"
"""The output that tells where an image that was built here is pushed to."""


class Voice(Protocol):
    """Who is asked and told; the terminal, or a test."""

    def say(self, sentence: str) -> None: ...
    def show(self, plan: Plan) -> None: ...
    def agree(self, question: str) -> None:
        """Return for a yes; raise Declined otherwise."""

    def type_name(self, sentence: str, name: str) -> None:
        """Return when the name was typed; raise Declined otherwise."""

    def watch(self, title: str, happening: Iterator[Event]) -> None: ...


class Image(Protocol):
    """The image that the server runs: given, or built here."""

    def ready(self) -> str | None:
        """The URI by digest, where nothing has to be built or pushed."""

    def build(self, platform: str | None) -> None:
        """For the architecture of the instances."""

    def push(self, repository: str) -> str:
        """The URI by digest, in that repository."""


class Rollout:
    """Deploys and deletes one stack."""

    def __init__(self, planner: Planner, deployer: Deployer, voice: Voice) -> None:
        self._planner, self._deployer, self._voice = planner, deployer, voice
        self._stack = planner.stack

    def deploy(self, image: Image | None) -> None:
        """`image` is None for a stack that runs none."""
        uri = image.ready() if image else None
        standings = self.settle()
        plan = self._planner.plan(standings, uri)
        try:
            self._voice.show(plan)
            building = image is not None and uri is None
            if plan.is_nothing and not building:
                self._voice.say(f"{self._stack.name} is as it should be: nothing to do.")
                return
            self._confirm(plan, building)
            if image is not None and building:
                self._voice.say("Building the image from this checkout.")
                image.build(_platform(plan, standings))
        except BaseException:
            self._planner.discard(plan.steps)
            raise
        self._run(plan, image, uri)

    def delete(self) -> None:
        standings = {
            name: found for name, found in self._planner.standings().items() if found and not is_missing(found)
        }
        there = [one for one in reversed(self._stack.templates) if one.name in standings]
        if not there:
            self._voice.say(f"{self._stack.name} is not deployed: nothing to do.")
            return
        self._refuse_what_is_protected(there, standings)
        names = ", ".join(self._stack.called(one) for one in there)
        data = [one for one in there if one.holds_data]
        if data:
            what = "; ".join(f"{one.name} {_fate(one)}" for one in data)
            where = self._planner.region
            self._voice.type_name(f"This deletes {names} in {where}, and data with it: {what}.", self._stack.name)
        else:
            self._voice.agree(f"Delete {names} in {self._planner.region}?")
        for template in there:
            self._delete(template, standings[template.name])
        self._voice.say(f"{self._stack.name} is deleted.")

    def _refuse_what_is_protected(self, there: list[Template], standings: Standings) -> None:
        """Before anything is deleted: AWS would refuse only once everything else is gone."""
        for template in there:
            standing = standings[template.name]
            if standing is not None and standing.parameters.get(PROTECTION) == "true":
                raise Declined(
                    f"{standing.name} protects its data ({PROTECTION}=true), so nothing was deleted: first run"
                    f" `compliance ops deploy --stack {self._stack.name} --parameter {PROTECTION}=false`."
                )

    def settle(self) -> dict[str, Standing | None]:
        """Waits for what is in progress, and removes what failed creations left, if that is agreed to."""
        standings = self._planner.standings()
        for template in self._stack.templates:
            standings[template.name] = self._settled(template, standings[template.name])
        return standings

    def _settled(self, template: Template, standing: Standing | None) -> Standing | None:
        if standing is not None and standing.state is State.working:
            self._voice.say(f"{standing.name} is being worked on ({standing.cloudformation}): waiting for it.")
            with self._next_command(template):
                self._voice.watch(standing.name, self._deployer.resume(standing))
            standing = self._deployer.look(standing.name)
        if standing is not None and standing.is_leftover:
            self._ask_to_remove(template, standing)
            with self._next_command(template):
                self._voice.watch(f"{standing.name}: removing what is left", self._deployer.remove(standing))
            return None
        if standing is not None and standing.cloudformation == STUCK:
            why = self._first_reason(standing)
            self._voice.agree(f"The last update of {standing.name} failed, and undoing it too{why}. Go on undoing it?")
            with self._next_command(template):
                self._voice.watch(f"{standing.name}: undoing", self._deployer.undo(standing))
            return self._deployer.look(standing.name)
        return standing

    def _ask_to_remove(self, template: Template, standing: Standing) -> None:
        why = self._first_reason(standing)
        left = f"{standing.name} is what a failed attempt left ({standing.cloudformation}{why}). It takes no update"
        if template.holds_data and standing.cloudformation == "DELETE_FAILED":
            self._voice.type_name(f"{left}; removing it {_fate(template)}.", self._stack.name)
        else:
            self._voice.agree(f"{left}: remove it, and make it anew?")

    def _first_reason(self, standing: Standing) -> str:
        first = events.first_failure(events.last_operation(self._deployer.events(standing.id)))
        return f": {first.resource}: {(first.reason or '').rstrip('.')}" if first else ""

    def _confirm(self, plan: Plan, building: bool) -> None:
        losing = [step for step in plan.steps if step.loses_data]
        if losing:
            self._warn_of(losing)
        else:
            first = "Build the image and deploy" if building else "Deploy"
            self._voice.agree(f"{first} {self._stack.name} in {self._planner.region}?")

    def _warn_of(self, steps: list[Step]) -> None:
        lost = ", ".join(
            f"{step.template.name}: {change.resource} ({change.act})"
            for step in steps
            for change in step.changes
            if change.loses
        )
        self._voice.type_name(f"This replaces or removes what holds data: {lost}.", self._stack.name)

    def _run(self, plan: Plan, image: Image | None, uri: str | None) -> None:
        outputs: dict[str, str | None] = {}
        waiting = list(plan.steps)
        try:
            for planned in plan.steps:
                if image is not None and uri is None and IMAGE in planned.template.parameters:
                    uri = self._push(image, outputs)
                step = self._current(planned, outputs, uri)
                waiting.remove(planned)
                self._execute(step)
                outputs |= self._outputs(step)
        finally:
            self._planner.discard(waiting)
        self._voice.say(f"{self._stack.name} is deployed.")

    def _push(self, image: Image, outputs: dict[str, str | None]) -> str:
        repository = outputs.get(REPOSITORY)
        if repository is None:
            raise Failed(f"No template before the server has the output {REPOSITORY}: give the image with --image.")
        self._voice.say(f"Pushing the image to {repository}.")
        return image.push(repository)

    def _current(self, planned: Step, outputs: dict[str, str | None], uri: str | None) -> Step:
        """The planned step, with a change set; a fresh one where its values are others by now."""
        standing = self._deployer.look(planned.name)
        values = self._planner.values(planned.template, standing, outputs, uri)
        if planned.proposal is not None and values == planned.values:
            return planned
        if planned.proposal is not None:
            self._planner.discard([planned])
        proposal = self._planner.propose(planned.template, values, is_new(standing))
        step = replace(planned, values=values, proposal=proposal, changes=proposal.changes, waits_for=())
        self._confirm_what_is_new(planned, step, proposal)
        return step

    def _confirm_what_is_new(self, planned: Step, step: Step, proposal: Proposal) -> None:
        """What the plan could not show, and would take something away, is asked for by itself."""
        shown = {(change.resource, change.act) for change in planned.changes}
        worse = [change for change in step.changes if change.loses and (change.resource, change.act) not in shown]
        if not worse:
            return
        try:
            if step.template.holds_data:
                self._warn_of([step])
            else:
                told = ", ".join(f"{change.resource} ({change.act})" for change in worse)
                self._voice.agree(f"{step.name} turns out to do more than was planned: {told}. Go on?")
        except BaseException:
            self._deployer.discard(proposal)
            raise

    def _execute(self, step: Step) -> None:
        assert step.proposal is not None
        if step.proposal.empty:
            self._voice.say(f"{step.name}: no changes.")
            return
        with self._next_command(step.template):
            self._voice.watch(step.name, self._deployer.execute(step.proposal))

    def _outputs(self, step: Step) -> dict[str, str | None]:
        standing = self._deployer.look(step.name)
        if standing is None:
            raise Failed(f"{step.name} is gone: somebody else has deleted it.")
        if step.template.holds_data and not standing.protected:
            self._deployer.protect(step.name)
        return dict(standing.outputs)

    def _delete(self, template: Template, standing: Standing) -> None:
        if standing.state is State.working:
            self._voice.say(f"{standing.name} is being worked on ({standing.cloudformation}): waiting for it.")
            try:
                self._voice.watch(standing.name, self._deployer.resume(standing))
            except Failed as error:
                self._voice.say(str(error))
            found = self._deployer.look(standing.name)
            if found is None:
                return
            standing = found
        with self._next_command(template, "delete"):
            self._voice.watch(f"{standing.name}: deleting", self._deployer.remove(standing))

    @contextmanager
    def _next_command(self, template: Template, command: str = "deploy") -> Iterator[None]:
        again = f"compliance ops {command} --stack {self._stack.name}"
        try:
            yield
        except Failed as error:
            raise Failed(
                f"{error} `compliance ops events --stack {self._stack.name} --template {template.name}` shows all of"
                f" it; when it is put right, `{again}` goes on."
            ) from error
        except KeyboardInterrupt:
            self._voice.say(f"CloudFormation goes on without us: `{again}` waits for it and goes on.")
            raise


def _fate(template: Template) -> str:
    """What the template says becomes of its resources."""
    kept = {
        name: str(resource["DeletionPolicy"]).lower()
        for name, resource in template.resources.items()
        if resource.get("DeletionPolicy") in ("Retain", "Snapshot", "RetainExceptOnCreate")
    }
    told = [f"{name} leaves a snapshot" if how == "snapshot" else f"{name} stays" for name, how in kept.items()]
    return f"({', '.join(told)})" if told else "(nothing of it is kept)"


def _platform(plan: Plan, standings: Standings) -> str | None:
    """Of the instances that run the image, by the name of what they boot from."""
    for step in plan.steps:
        standing = standings[step.template.name]
        for name, parameter in step.template.parameters.items():
            if parameter.type == MACHINE_IMAGE and IMAGE in step.template.parameters:
                kept = standing.parameters.get(name, "") if standing else ""
                return platform_of(step.values[name].text or kept)
    return None


def needs_image(stack: Stack) -> bool:
    return any(IMAGE in template.parameters for template in stack.templates)
