"""What `compliance ops` shows: rows of templates, changes, events and outputs, and the sentences beneath them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from compliance import console
from compliance.console import BAD, GOOD, QUIET, UNKNOWN, WARN, Column, Format
from compliance.ops.events import Event
from compliance.ops.proposal import Act, Change
from compliance.ops.status import Health, State, TemplateStatus, meaning
from compliance.ops.validate import Complaint, Wired
from compliance.ops.wiring import Source

if TYPE_CHECKING:
    from compliance.ops.plan import Plan, Step

STATES = {State.ready: GOOD, State.working: WARN, State.failed: BAD, State.missing: QUIET}
HEALTHS = {Health.ready: GOOD, Health.unready: BAD, Health.unknown: UNKNOWN}
ACTS = {Act.add: GOOD, Act.change: WARN, Act.swap: BAD, Act.remove: BAD}


def show_wired(rows: Iterable[Wired], format: Format) -> None:
    told = [
        {
            "stack": row.stack,
            "template": row.template,
            "resources": row.resources,
            "data": row.holds_data,
            "ours": row.count(Source.special),
            "given": row.count(Source.given),
            "file": row.count(Source.file),
            "outputs": row.count(Source.output),
            "defaults": row.count(Source.default),
            "ask": row.asked,
        }
        for row in rows
    ]
    columns = (
        Column("stack", "Stack"),
        Column("template", "Template"),
        Column("resources", "Resources", justify="right"),
        Column("data", "Holds data", format=lambda yes: "yes" if yes else "no", style=lambda yes: WARN if yes else ""),
        Column("ours", "Ours", justify="right", droppable=1),
        Column("given", "Given", justify="right", droppable=1),
        Column("file", "stacks.toml", justify="right", droppable=1),
        Column("outputs", "Outputs", justify="right", droppable=1),
        Column("defaults", "Defaults", justify="right", droppable=1),
        Column("ask", "You give", format=", ".join),
    )
    console.show(
        told, columns, format, title="Stacks, and where their parameters come from", empty="No stack is there."
    )


def show_complaints(rows: Sequence[Complaint]) -> None:
    columns = (
        Column("stack", "Stack"),
        Column("template", "Template"),
        Column("where", "Where"),
        Column("what", "What is wrong", flexible=True, style=BAD),
    )
    console.show(rows, columns, Format.table, title="What does not hold", empty="")


def show_plan(plan: Plan, format: Format) -> None:
    rows = [row for step in plan.steps for row in _changes(step)]
    columns: tuple[Column, ...] = (
        Column("template", "Template"),
        Column("act", "Change", format=str, style=lambda act: ACTS[Act(act.removesuffix("?"))]),
        Column("resource", "Resource"),
        Column("type", "Type", flexible=True),
        Column("because", "Because of", format=", ".join, flexible=True, droppable=1),
        Column("kept", "Kept", droppable=2),
    )
    if format is Format.table:
        columns = tuple(one for one in columns if any(row[one.name] for row in rows))
    empty = f"{plan.stack.name}: no resource changes."
    console.show(rows, columns, format, title=f"What a deployment of {plan.stack.name} does", empty=empty)
    if format is Format.table:
        for sentence in plan_sentences(plan):
            console.say(sentence)


def plan_sentences(plan: Plan) -> list[str]:
    told = []
    for step in plan.steps:
        told += [
            f"{step.name}: {shift.name} {shift.old or '(secret)'} -> {shift.new or '(secret)'}" for shift in step.shifts
        ]
        if step.waits_for and not step.new:
            told.append(
                f"{step.name} waits for {', '.join(step.waits_for)}: what it changes is shown when they are there."
            )
        if step.proposal is not None and not step.proposal.empty and not step.changes:
            told.append(f"{step.name}: no resource changes, only outputs or tags.")
    counts = {act: sum(_counted(step, act) for step in plan.steps) for act in Act}
    if any(counts.values()):
        told.append(", ".join(f"{act}: {count}" for act, count in counts.items() if count) + ".")
    if any(not change.certain for step in plan.steps for change in step.changes):
        told.append("`?`: AWS knows it only when it gets there.")
    return told


def _counted(step: Step, act: Act) -> int:
    return sum(change.act is act for change in step.changes)


def _changes(step: Step) -> list[dict[str, Any]]:
    return [
        {
            "stack": step.name,
            "template": step.template.name,
            **asdict(change),
            "act": _word(change),
        }
        for change in step.changes
    ]


def _word(change: Change) -> str:
    return str(change.act) if change.certain else f"{change.act}?"


def show_status(rows: Sequence[TemplateStatus], format: Format, region: str) -> None:
    now = time.time_ns() // 1_000_000
    columns = (
        Column("stack", "Stack"),
        Column("template", "Template"),
        Column("state", "State", style=lambda state: STATES[state]),
        Column("changed_ms", "Since", format=lambda ms: console.ago(ms, now)),
        Column("version", "Version", droppable=2),
        Column("health", "Server", format=lambda it: str(it["health"]), style=lambda it: HEALTHS[it["health"]]),
        Column("drift", "Drift", format=_drifted, style=lambda found: BAD if found else GOOD, droppable=1),
        Column("outputs", "Outputs", format=_pairs, flexible=True, droppable=3),
    )
    told = [{**asdict(row), "changed_ms": row.updated_ms or row.created_ms} for row in rows]
    console.show(told, columns, format, title=f"Stacks in {region}", empty="No stack is there.")
    if format is Format.table:
        for sentence in status_sentences(rows):
            console.say(sentence)


def status_sentences(rows: Sequence[TemplateStatus]) -> list[str]:
    told = []
    for row in rows:
        why = [part for part in (meaning(row.cloudformation), row.reason) if part]
        if row.state is State.failed:
            told.append(f"{row.name} ({row.cloudformation}): {'; '.join(why) or 'CloudFormation gives no reason'}.")
        if row.health is not None:
            told.append(f"{row.health.sentence}.")
        if row.drift_unseen is not None:
            told.append(f"{row.name}: its drift is unknown, {row.drift_unseen}.")
        for one in row.drift or ():
            what = f": {', '.join(one.properties)}" if one.properties else ""
            told.append(f"{row.name}: {one.resource} ({one.type}) was {one.how} by somebody else{what}.")
    return told


def _drifted(found: list[Any]) -> str:
    return f"{len(found)} drifted" if found else "none"


def _pairs(outputs: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in outputs.items())


def show_events(rows: Sequence[Event], format: Format, empty: str) -> None:
    columns = (
        Column("at_ms", "When", format=console.moment),
        Column("stack", "Stack", droppable=2),
        Column("resource", "Resource"),
        Column("type", "Type", droppable=3),
        Column("state", "State", style=event_style),
        Column("reason", "Reason", flexible=True),
    )
    console.show(rows, columns, format, title="What CloudFormation did", empty=empty)


def event_style(state: str) -> str:
    if state.endswith("_FAILED"):
        return BAD
    if state.endswith("_IN_PROGRESS"):
        return WARN
    return GOOD if state.endswith("_COMPLETE") and "ROLLBACK" not in state else QUIET


def show_outputs(rows: Sequence[dict[str, Any]], format: Format, empty: str) -> None:
    columns = (
        Column("template", "Template"),
        Column("name", "Output"),
        Column("value", "Value"),
        Column("description", "What it is", flexible=True, droppable=1),
    )
    console.show(rows, columns, format, title="Outputs", empty=empty)
