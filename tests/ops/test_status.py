"""Many states in four words, and what is wrong in a sentence."""

import boto3
import pytest

from compliance.ops.status import MEANINGS, Answer, Drift, Health, State, TemplateStatus, fold, meaning, troubles

WORDS = {
    None: "missing",
    "REVIEW_IN_PROGRESS": "missing",
    "DELETE_COMPLETE": "missing",
    "CREATE_COMPLETE": "ready",
    "UPDATE_COMPLETE": "ready",
    "IMPORT_COMPLETE": "ready",
    "CREATE_IN_PROGRESS": "working",
    "UPDATE_IN_PROGRESS": "working",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "working",
    "ROLLBACK_IN_PROGRESS": "working",
    "UPDATE_ROLLBACK_IN_PROGRESS": "working",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "working",
    "DELETE_IN_PROGRESS": "working",
    "IMPORT_IN_PROGRESS": "working",
    "IMPORT_ROLLBACK_IN_PROGRESS": "working",
    "CREATE_FAILED": "failed",
    "ROLLBACK_FAILED": "failed",
    "ROLLBACK_COMPLETE": "failed",
    "DELETE_FAILED": "failed",
    "UPDATE_FAILED": "failed",
    "UPDATE_ROLLBACK_FAILED": "failed",
    "UPDATE_ROLLBACK_COMPLETE": "failed",
    "IMPORT_ROLLBACK_FAILED": "failed",
    "IMPORT_ROLLBACK_COMPLETE": "failed",
}


@pytest.mark.parametrize(("cloudformation", "word"), WORDS.items())
def test_each_state_is_one_of_four_words(cloudformation, word):
    assert fold(cloudformation) == word


def test_every_state_that_aws_has_is_told_here():
    shape = boto3.client("cloudformation", region_name="eu-west-1").meta.service_model.shape_for("StackStatus")
    assert set(shape.enum) == set(WORDS) - {None}


def test_a_state_that_is_newer_than_this_is_folded_by_its_ending():
    assert [fold(f"NEW_{end}") for end in ("IN_PROGRESS", "COMPLETE", "FAILED", "ROLLBACK_COMPLETE", "ODD")] == [
        "working",
        "ready",
        "failed",
        "failed",
        "failed",
    ]


def test_what_failed_has_a_meaning_and_what_is_fine_needs_none():
    assert all(fold(state) is State.failed for state in MEANINGS)
    assert "what was there before runs" in meaning("UPDATE_ROLLBACK_COMPLETE")
    assert meaning("CREATE_COMPLETE") == meaning(None) == ""


def row(template: str, state: State, stack: str = "prod", **more) -> TemplateStatus:
    return TemplateStatus(stack, template, f"compliance-{stack}-{template}", state, **more)


def test_a_stack_that_was_never_deployed_is_no_trouble():
    assert troubles([row("network", State.missing), row("server", State.missing)]) == []


def test_a_stack_at_work_is_no_trouble():
    assert troubles([row("network", State.ready), row("server", State.working)]) == []


def test_half_a_stack_is_a_trouble():
    assert troubles([row("network", State.ready), row("server", State.missing)]) == [
        ("prod", "compliance-prod-server is missing")
    ]


def test_failures_drift_and_an_unready_server_are_troubles_each():
    answer = Answer(Health.unready, "https://x", "https://x answers 503: The writer does not run")
    rows = [
        row("network", State.failed, "dev"),
        row("network", State.ready, drift=[Drift("Vpc", "AWS::EC2::VPC", "changed")]),
        row("server", State.ready, drift=[], health=answer),
    ]
    assert troubles(rows) == [
        ("dev", "compliance-dev-network has failed"),
        ("prod", "compliance-prod-network has drifted"),
        ("prod", "https://x answers 503: The writer does not run"),
    ]


def test_a_server_that_nobody_could_ask_is_unknown_and_no_trouble():
    assert troubles([row("server", State.ready, health=Answer(Health.unknown, "https://x", "wants a key"))]) == []
