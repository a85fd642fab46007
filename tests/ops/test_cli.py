"""`compliance ops ...` from end to end, with moto's server as AWS: what is printed where, and the exit codes."""

import json

import pytest

from tests.ops.rollouts import IMAGE, OTHER_IMAGE


@pytest.fixture
def deployed(aws, ops):
    said = ops("deploy", "--stack", "tiny", "--yes", "--image", IMAGE)
    assert said.code == 0, said.err
    return said


def test_validate_needs_no_aws(ops):
    said = ops("validate")
    assert said.code == 0
    assert said.err == "tiny, storage: everything fits together.\n"
    assert [line.split()[:2] for line in said.out.splitlines()[2:]] == [
        ["tiny", "registry"],
        ["tiny", "network"],
        ["tiny", "server"],
        ["storage", "store"],
        ["storage", "beside"],
    ]


def test_validate_tells_what_does_not_hold(ops):
    said = ops("validate", "--stack", "tiny", "--parameter", "Zones=3")
    assert said.code == 1
    assert "has to be at most 2 (from --parameter)" in said.out
    assert said.err == "Error: 1 of this would fail on AWS: put the templates or stacks.toml right.\n"


def test_validate_for_programs(ops):
    rows = json.loads(ops("validate", "--stack", "tiny", "-o", "json").out)
    assert rows[2] == {
        "stack": "tiny",
        "template": "server",
        "resources": 4,
        "data": False,
        "ours": 2,
        "given": 0,
        "file": 0,
        "outputs": 2,
        "defaults": 2,
        "ask": [],
    }


def test_a_stack_that_is_not_there_is_wrong_usage(ops):
    said = ops("plan", "--stack", "tinny")
    assert (said.code, said.err) == (2, "Error: There is no stack 'tinny'; did you mean 'tiny'?\n")


def test_a_plan_from_nothing_is_shown_and_nothing_is_done(aws, ops):
    said = ops("plan", "--stack", "tiny", "--image", IMAGE)
    assert said.code == 0
    assert said.out.count(" add ") == 8
    assert "add: 8." in said.err
    assert json.loads(ops("status", "--stack", "tiny", "-o", "json").out)[0]["state"] == "missing"


def test_deploy_tells_each_step_and_what_to_do_next(deployed):
    assert "Deploy tiny in eu-west-1? Yes, as --yes says." in deployed.err
    assert "compliance-tiny-server  Group  CREATE_COMPLETE" in deployed.err
    assert deployed.err.splitlines()[-2:] == [
        "tiny is deployed.",
        "`compliance ops status --stack tiny` tells how it is, `ops outputs --stack tiny` where.",
    ]


def test_deploying_the_same_again_is_a_success(deployed, ops):
    said = ops("deploy", "--stack", "tiny", "--image", IMAGE)
    assert said.code == 0
    assert "nothing to do" in said.err


def test_without_a_yes_and_without_a_person_nothing_is_done(deployed, ops):
    said = ops("deploy", "--stack", "tiny", "--image", OTHER_IMAGE)
    assert said.code == 1
    assert "--yes says yes" in said.err
    assert not json.loads(ops("plan", "--stack", "tiny", "--image", IMAGE, "-o", "json").out)


def test_status_tells_each_template_and_is_0_when_all_is_well(deployed, ops):
    said = ops("status", "--stack", "tiny", "-o", "json")
    assert said.code == 0
    rows = json.loads(said.out)
    assert [(row["template"], row["state"], row["cloudformation"]) for row in rows] == [
        ("registry", "ready", "CREATE_COMPLETE"),
        ("network", "ready", "CREATE_COMPLETE"),
        ("server", "ready", "CREATE_COMPLETE"),
    ]
    assert rows[1]["outputs"]["VpcId"].startswith("vpc-")
    assert rows[0]["version"]


def test_status_is_1_when_half_a_stack_is_missing(deployed, ops):
    ops("delete", "--stack", "tiny", "--yes")
    ops("deploy", "--stack", "storage", "--yes")
    assert ops("status").code == 0
    from compliance.ops.aws import connect

    connect().api("cloudformation").ask("delete_stack", StackName="compliance-storage-beside")
    said = ops("status")
    assert said.code == 1
    assert "Error: compliance-storage-beside is missing. `compliance ops events --stack storage`" in said.err


def test_outputs_are_shown_or_printed_alone(deployed, ops):
    rows = json.loads(ops("outputs", "--stack", "tiny", "-o", "json").out)
    values = {row["name"]: row["value"] for row in rows}
    assert set(values) == {"RepositoryUri", "VpcId", "SubnetIds", "GroupId", "SecretArn"}
    assert ops("outputs", "--stack", "tiny", "VpcId").out == f"{values['VpcId']}\n"
    said = ops("outputs", "--stack", "tiny", "Nothing")
    assert said.code == 1
    assert "tiny has no output Nothing; it has RepositoryUri" in said.err


def test_outputs_of_what_is_not_deployed(aws, ops):
    assert "tiny is not deployed" in ops("outputs", "--stack", "tiny").err
    assert ops("outputs", "--stack", "tiny", "VpcId").code == 1


def test_events_are_the_newest_of_all_templates_oldest_first(deployed, ops):
    rows = json.loads(ops("events", "--stack", "tiny", "-o", "json", "--limit", "5").out)
    assert len(rows) == 5
    assert rows[-1]["state"] == "CREATE_COMPLETE"
    assert [row["at_ms"] for row in rows] == sorted(row["at_ms"] for row in rows)
    only = json.loads(ops("events", "--stack", "tiny", "--template", "network", "-o", "json").out)
    assert {row["stack"] for row in only} == {"compliance-tiny-network"}


def test_events_of_a_template_that_is_none(aws, ops):
    said = ops("events", "--stack", "tiny", "--template", "nothing")
    assert (said.code, said.err) == (2, "Error: tiny has no template 'nothing'; it has registry, network, server.\n")
    assert "there are no events" in ops("events", "--stack", "tiny").err


def test_delete_asks_and_deletes(deployed, ops):
    assert ops("delete", "--stack", "tiny").code == 1
    said = ops("delete", "--stack", "tiny", "--yes")
    assert said.code == 0
    assert said.err.splitlines()[-1] == "tiny is deleted."


def test_data_is_not_deleted_by_a_yes(aws, ops):
    ops("deploy", "--stack", "storage", "--yes")
    said = ops("delete", "--stack", "storage", "--yes")
    assert said.code == 1
    assert "it takes the stack's name, typed or as --confirm storage" in said.err
    assert ops("delete", "--stack", "storage", "--confirm", "storage").code == 0


def test_no_credentials_is_wrong_usage_in_one_sentence(aws, ops, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = ops("status")
    assert said.code == 2
    assert said.err.startswith("Error: No AWS credentials were found: ")
    assert said.err.count("\n") == 1


def test_aws_that_does_not_answer_is_exit_3(aws, ops, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert ops("status").code == 3


def test_a_region_that_is_mistyped_gets_a_guess(aws, ops, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    said = ops("status", "--region", "eu-wst-1")
    assert (said.code, said.err) == (2, "Error: There is no AWS region 'eu-wst-1'; did you mean eu-west-1?\n")
