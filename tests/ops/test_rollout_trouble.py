"""Deployments that fail, are interrupted, or turn out otherwise; what moto does not have is the Stubber's."""

from pathlib import Path

import pytest

from compliance.errors import ComplianceError, WrongUsage
from compliance.ops.errors import Declined, Failed
from compliance.ops.plan import Planner
from compliance.ops.rollout import Rollout
from compliance.ops.stacks import read_stacks
from tests.ops.aws import REGION, TEMPLATES
from tests.ops.rollouts import IMAGE, deploy, states
from tests.ops.stubs import Stubbed, event
from tests.ops.voices import Scripted

pytestmark = pytest.mark.usefixtures("aws")


def broken(folder: Path) -> Path:
    """A network whose second zone has a range that is none."""
    path = folder / "network.yaml"
    path.write_text(path.read_text().replace("!Select [1, !Cidr [!Ref Range, 4, 8]]", "10.99.0.0/24"))
    return folder


def test_a_creation_that_fails_says_the_first_reason_and_the_next_command(folder):
    voice = Scripted()
    with pytest.raises(Failed) as raised:
        deploy(voice, folder=broken(folder))
    sentence = str(raised.value)
    assert sentence.startswith("compliance-tiny-network failed at SubnetB (AWS::EC2::Subnet): ")
    assert "10.99.0.0/24" in sentence
    assert "`compliance ops events --stack tiny --template network`" in sentence
    assert sentence.endswith("`compliance ops deploy --stack tiny` goes on.")
    assert states()["compliance-tiny-network"] == "ROLLBACK_COMPLETE"
    assert "compliance-tiny-server" not in states()


def test_what_a_failure_left_is_told_with_its_reason_and_removed_if_that_is_agreed_to(folder):
    with pytest.raises(Failed):
        deploy(Scripted(), folder=broken(folder))
    voice = Scripted()
    deploy(voice)
    assert "ROLLBACK_COMPLETE: SubnetB: " in voice.asked[0]
    assert "remove it, and make it anew?" in voice.asked[0]
    assert set(states().values()) == {"CREATE_COMPLETE"}


def test_what_a_failure_left_stays_if_that_is_not_agreed_to(folder):
    with pytest.raises(Failed):
        deploy(Scripted(), folder=broken(folder))
    with pytest.raises(Declined):
        deploy(Scripted(no_to="remove it"))
    assert states()["compliance-tiny-network"] == "ROLLBACK_COMPLETE"


def test_a_missing_value_is_asked_for_before_anything_is_made(folder):
    path = folder / "server.yaml"
    path.write_text(
        path.read_text().replace("  Stack: {Type: String}", "  Stack: {Type: String}\n  Email: {Type: String}")
    )
    with pytest.raises(WrongUsage, match=r"tiny needs a value for Email \(server\): give --parameter Email=\.\.\."):
        deploy(Scripted(), folder=folder)
    assert states() == {}


# What only AWS itself has, by the Stubber


def alone(aws: Stubbed, voice: Scripted) -> Rollout:
    """A stack of one template, whose name is the Stubber's."""
    stack = read_stacks(TEMPLATES)["storage"]
    server = read_stacks(TEMPLATES)["tiny"].templates[2]
    one = type(stack)("prod", "", (server,), {})
    return Rollout(Planner(one, aws.deployer, {}, REGION, "1"), aws.deployer, voice)


def test_a_stack_in_progress_is_waited_for():
    aws, voice = Stubbed(), Scripted()
    begun, ended = event(1, "UPDATE_IN_PROGRESS", reason="User Initiated"), event(2, "UPDATE_COMPLETE")
    aws.stands("UPDATE_IN_PROGRESS").tells(begun)
    aws.stands("UPDATE_IN_PROGRESS").tells(begun)
    aws.stands("UPDATE_COMPLETE").tells(begun, ended)
    aws.stands("UPDATE_COMPLETE")
    standing = alone(aws, voice).settle()["server"]
    assert standing is not None
    assert standing.cloudformation == "UPDATE_COMPLETE"
    assert voice.said == ["compliance-prod-server is being worked on (UPDATE_IN_PROGRESS): waiting for it."]
    assert [one.id for one in voice.watched["compliance-prod-server"]] == ["event-1", "event-2"]
    aws.done()


def test_a_stack_in_progress_that_fails_tells_why_and_what_to_do():
    aws = Stubbed()
    begun, failed = event(1, "UPDATE_IN_PROGRESS"), event(2, "UPDATE_FAILED", "Group", "no capacity")
    aws.stands("UPDATE_IN_PROGRESS").tells(begun)
    aws.stands("UPDATE_ROLLBACK_COMPLETE").tells(begun, failed)
    with pytest.raises(Failed, match=r"failed at Group .*: no capacity\. `compliance ops events --stack prod"):
        alone(aws, Scripted()).settle()


def test_a_stuck_undoing_is_told_and_goes_on_if_that_is_agreed_to():
    aws, voice = Stubbed(), Scripted()
    failed = event(2, "UPDATE_FAILED", "Group", "no capacity")
    aws.stands("UPDATE_ROLLBACK_FAILED").tells(event(1, "UPDATE_IN_PROGRESS"), failed)
    aws.tells(failed).answers("continue_update_rollback", {})
    aws.stands("UPDATE_ROLLBACK_COMPLETE").tells(failed, event(3, "UPDATE_ROLLBACK_COMPLETE"))
    aws.stands("UPDATE_ROLLBACK_COMPLETE")
    standing = alone(aws, voice).settle()["server"]
    assert standing is not None
    assert "undoing it too: Group: no capacity. Go on undoing it?" in voice.asked[0]
    aws.done()


def test_ctrl_c_says_that_cloudformation_goes_on_and_how_to_come_back():
    class Interrupted(Scripted):
        def watch(self, title, happening):
            next(happening)
            raise KeyboardInterrupt

    aws, voice = Stubbed(), Interrupted()
    begun = event(1, "CREATE_IN_PROGRESS")
    aws.stands("CREATE_IN_PROGRESS").tells(begun).stands("CREATE_IN_PROGRESS").tells(begun)
    with pytest.raises(KeyboardInterrupt):
        alone(aws, voice).settle()
    assert voice.said[-1] == (
        "CloudFormation goes on without us: `compliance ops deploy --stack prod` waits for it and goes on."
    )


def test_a_change_set_that_turns_out_worse_than_the_plan_is_asked_for_by_itself():
    """The values of the plan were to come; with the real ones AWS replaces a resource."""
    aws, voice = Stubbed(), Scripted(no_to="turns out to do more")
    made = alone(aws, voice)
    aws.stands("CREATE_COMPLETE")
    standing = made._planner.standings()["server"]
    planned = made._planner.step(
        made._stack.templates[0], standing=None, outputs={"VpcId": None, "SubnetIds": None}, image=IMAGE
    )
    aws.stands("CREATE_COMPLETE").answers("get_template_summary", {"Parameters": []})
    aws.answers("create_change_set", {"Id": "arn:aws:cloudformation:x:1:changeSet/one/1", "StackId": "id"})
    worse = {"ResourceChange": {"Action": "Modify", "Replacement": "True", "LogicalResourceId": "Group"}}
    aws.answers("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": [worse]})
    aws.answers("delete_change_set", {})
    assert standing is not None
    with pytest.raises(Declined):
        made._current(planned, {"VpcId": "vpc-1", "SubnetIds": "subnet-1"}, IMAGE)
    assert voice.asked == ["compliance-prod-server turns out to do more than was planned: Group (replace). Go on?"]
    aws.done()


def test_a_permission_that_is_missing_ends_it_in_one_sentence():
    aws = Stubbed().refuses(
        "describe_stacks", "AccessDenied", "not authorized to perform: cloudformation:DescribeStacks"
    )
    with pytest.raises(ComplianceError, match="may not do cloudformation:DescribeStacks"):
        alone(aws, Scripted()).settle()
