"""What is shown of plans and states: words, colours where there are any, and sentences beneath."""

import csv
import io
import json

from compliance.console import Format
from compliance.ops.events import read
from compliance.ops.plan import Plan, Shift, Step
from compliance.ops.proposal import Act, Change, Proposal
from compliance.ops.stacks import read_stacks
from compliance.ops.status import Answer, Drift, Health, State, TemplateStatus
from compliance.ops.tables import (
    ACTS,
    event_style,
    plan_sentences,
    show_events,
    show_plan,
    show_status,
    status_sentences,
)
from tests.ops.aws import TEMPLATES
from tests.ops.stubs import event

STACK = read_stacks(TEMPLATES)["tiny"]
SERVER = STACK.templates[2]
CHANGES = (
    Change(Act.add, "Alarm", "AWS::CloudWatch::Alarm"),
    Change(Act.change, "Group", "AWS::EC2::SecurityGroup", because=("Ingress (Port)",)),
    Change(Act.swap, "Db", "AWS::RDS::DBInstance", kept="snapshot"),
    Change(Act.swap, "Host", "AWS::EC2::Instance", certain=False),
    Change(Act.remove, "Old", "AWS::SNS::Topic"),
)
PROPOSAL = Proposal("id", "one", "compliance-tiny-server", "stack", new=False, changes=CHANGES)
STEP = Step(
    SERVER,
    "compliance-tiny-server",
    {},
    False,
    CHANGES,
    PROPOSAL,
    shifts=(Shift("Size", "1", "2"), Shift("Note", None, None)),
)


def test_a_plan_is_a_table_with_a_word_for_each_change(capsys):
    show_plan(Plan(STACK, (STEP,)), Format.table)
    out = capsys.readouterr().out
    assert [line.split()[:3] for line in out.splitlines()[2:]] == [
        ["server", "add", "Alarm"],
        ["server", "change", "Group"],
        ["server", "replace", "Db"],
        ["server", "replace?", "Host"],
        ["server", "remove", "Old"],
    ]
    assert "Ingress (Port)" in out
    assert "snapshot" in out


def test_what_takes_away_is_red():
    assert [ACTS[act] for act in Act] == ["green", "yellow", "bold red", "bold red"]


def test_beneath_a_plan_stand_values_counts_and_doubts():
    waiting = Step(STACK.templates[1], "compliance-tiny-network", {}, False, waits_for=("VpcId",))
    outputs_only = Step(STACK.templates[0], "compliance-tiny-registry", {}, False, (), PROPOSAL.holding(()))
    assert plan_sentences(Plan(STACK, (outputs_only, waiting, STEP))) == [
        "compliance-tiny-registry: no resource changes, only outputs or tags.",
        "compliance-tiny-network waits for VpcId: what it changes is shown when they are there.",
        "compliance-tiny-server: Size 1 -> 2",
        "compliance-tiny-server: Note (secret) -> (secret)",
        "add: 1, change: 1, replace: 2, remove: 1.",
        "`?`: AWS knows it only when it gets there.",
    ]


def test_a_plan_for_programs_is_all_of_it(capsys):
    show_plan(Plan(STACK, (STEP,)), Format.json)
    rows = json.loads(capsys.readouterr().out)
    assert rows[2] == {
        "stack": "compliance-tiny-server",
        "template": "server",
        "act": "replace",
        "resource": "Db",
        "type": "AWS::RDS::DBInstance",
        "certain": True,
        "because": [],
        "kept": "snapshot",
    }


def test_a_plan_without_changes_says_so(capsys):
    show_plan(Plan(STACK, ()), Format.table)
    assert capsys.readouterr().err == "tiny: no resource changes.\n"


ROWS = [
    TemplateStatus(
        "prod", "network", "compliance-prod-network", State.ready, "CREATE_COMPLETE", created_ms=0, version="1.0",
        outputs={"VpcId": "vpc-1"}, drift=[Drift("Vpc", "AWS::EC2::VPC", "changed", ("/Tags",))],
    ),
    TemplateStatus("prod", "server", "compliance-prod-server", State.failed, "UPDATE_ROLLBACK_COMPLETE", "no capacity"),
    TemplateStatus(
        "prod", "edge", "compliance-prod-edge", State.ready, "CREATE_COMPLETE", created_ms=0, updated_ms=1,
        health=Answer(Health.unready, "https://x", "https://x answers 503"), drift=[],
    ),
    TemplateStatus("prod", "guard", "compliance-prod-guard", State.missing, drift_unseen="AWS could not find out"),
]  # fmt: skip


def test_a_status_is_a_line_a_template(capsys):
    show_status(ROWS, Format.table, "eu-west-1")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["prod", "network", "ready"],
        ["prod", "server", "failed"],
        ["prod", "edge", "ready"],
        ["prod", "guard", "missing"],
    ]
    assert "VpcId=vpc-1" in lines[2]
    assert "1 drifted" in lines[2]
    assert "unready" in lines[4]


def test_beneath_a_status_stands_what_needs_words():
    assert status_sentences(ROWS) == [
        "compliance-prod-network: Vpc (AWS::EC2::VPC) was changed by somebody else: /Tags.",
        "compliance-prod-server (UPDATE_ROLLBACK_COMPLETE): the last update failed and was undone; what was there "
        "before runs; no capacity.",
        "https://x answers 503.",
        "compliance-prod-guard: its drift is unknown, AWS could not find out.",
    ]


def test_a_status_for_programs_tells_what_was_not_looked_at_apart_from_what_is_fine(capsys):
    show_status(ROWS, Format.json, "eu-west-1")
    rows = json.loads(capsys.readouterr().out)
    assert [row["drift"] if row["drift"] is None else len(row["drift"]) for row in rows] == [1, None, 0, None]
    assert rows[2]["health"] == {"health": "unready", "url": "https://x", "sentence": "https://x answers 503"}
    assert [row["changed_ms"] for row in rows] == [0, None, 1, None]


def test_a_status_as_csv_has_a_line_a_template(capsys):
    show_status(ROWS, Format.csv, "eu-west-1")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["state"] for row in rows] == ["ready", "failed", "ready", "missing"]


def test_events_are_told_literally(capsys):
    show_events([read(event(1, "CREATE_FAILED", "Group", "no \x1b[2J"))], Format.table, "")
    assert "no \\x1b[2J" in capsys.readouterr().out


def test_a_state_of_a_resource_has_a_colour():
    states = ("CREATE_FAILED", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "ROLLBACK_COMPLETE")
    assert [event_style(state) for state in states] == ["bold red", "yellow", "green", "dim"]
