"""Deployments from nothing to deletion, on moto; failures of the kinds that it does not have are the Stubber's."""

import shutil
from pathlib import Path

import boto3
import pytest

from compliance.errors import ComplianceError, WrongUsage
from compliance.ops.aws import connect
from compliance.ops.deployer import Deployer
from compliance.ops.errors import Declined, Failed
from compliance.ops.plan import Planner
from compliance.ops.rollout import Image, Rollout, needs_image
from compliance.ops.stacks import read_stacks
from tests.ops.aws import REGION, TEMPLATES, made_types
from tests.ops.rollouts import IMAGE, OTHER_IMAGE, Fixed, Making
from tests.ops.stubs import Stubbed, event
from tests.ops.voices import Scripted

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    return tmp_path / "templates"


def rollout(voice: Scripted, stack: str = "tiny", given=None, folder: Path = TEMPLATES, version: str = "1") -> Rollout:
    deployer = Deployer(connect().api("cloudformation"), lambda _: None)
    return Rollout(Planner(read_stacks(folder)[stack], deployer, given or {}, REGION, version), deployer, voice)


def deploy(voice: Scripted, image: Image | None = None, stack: str = "tiny", **more) -> None:
    rollout(voice, stack, **more).deploy(image or (Fixed() if stack == "tiny" else None))


def states() -> dict[str, str]:
    client = boto3.client("cloudformation", region_name=REGION)
    return {one["StackName"]: one["StackStatus"] for one in client.describe_stacks()["Stacks"]}


def parameter(name: str) -> str:
    found = boto3.client("ssm", region_name=REGION).get_parameter(Name=f"/compliance/{name}")
    return str(found["Parameter"]["Value"])


def test_from_nothing_each_template_is_made_in_order_with_the_outputs_of_those_before():
    voice = Scripted()
    deploy(voice)
    assert list(voice.watched) == ["compliance-tiny-registry", "compliance-tiny-network", "compliance-tiny-server"]
    assert states() == dict.fromkeys(voice.watched, "CREATE_COMPLETE")
    assert made_types("compliance-tiny-server") == (
        {"AWS::EC2::SecurityGroup", "AWS::SSM::Parameter", "AWS::SecretsManager::Secret"},
        set(),
    )
    assert parameter("tiny/image") == IMAGE
    ec2 = boto3.client("ec2", region_name=REGION)
    groups = ec2.describe_security_groups(Filters=[{"Name": "description", "Values": ["The server"]}])["SecurityGroups"]
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"]
    assert [one["VpcId"] for one in groups] == [one["VpcId"] for one in vpcs]


def test_each_stack_says_whose_it_is():
    deploy(Scripted(), version="1.2.3")
    tags = boto3.client("cloudformation", region_name=REGION).describe_stacks(StackName="compliance-tiny-server")
    assert {one["Key"]: one["Value"] for one in tags["Stacks"][0]["Tags"]} == {
        "compliance:stack": "tiny",
        "compliance:template": "server",
        "compliance:version": "1.2.3",
    }


def test_the_same_again_is_nothing_to_do_and_a_success():
    deploy(Scripted())
    voice = Scripted()
    deploy(voice)
    assert voice.said == ["tiny is as it should be: nothing to do."]
    assert (voice.asked, voice.watched) == ([], {})


def test_a_change_touches_only_the_template_that_it_is_in():
    deploy(Scripted())
    voice = Scripted()
    deploy(voice, Fixed(OTHER_IMAGE))
    assert list(voice.watched) == ["compliance-tiny-server"]
    assert "compliance-tiny-network: no changes." in voice.said
    assert parameter("tiny/image") == OTHER_IMAGE


def test_a_no_leaves_aws_as_it_was():
    with pytest.raises(Declined):
        deploy(Scripted(no_to="Deploy tiny?"))
    assert states() == {}


def test_a_no_to_an_update_leaves_no_change_set_behind():
    deploy(Scripted())
    client = boto3.client("cloudformation", region_name=REGION)
    before = client.list_change_sets(StackName="compliance-tiny-server")["Summaries"]
    with pytest.raises(Declined):
        deploy(Scripted(no_to="Deploy"), Fixed(OTHER_IMAGE))
    assert client.list_change_sets(StackName="compliance-tiny-server")["Summaries"] == before
    assert parameter("tiny/image") == IMAGE


def test_an_image_is_built_before_aws_is_touched_and_pushed_once_its_repository_is_there():
    voice, image = Scripted(), Making()
    deploy(voice, image)
    repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/compliance-tiny"
    assert image.log == ["ready", "build for None", f"push {repository}"]
    assert voice.asked == ["Build the image and deploy tiny?"]
    assert parameter("tiny/image") == f"{repository}@sha256:{'c' * 64}"


def test_an_image_is_built_for_the_machines_that_run_it(folder):
    path, name = folder / "server.yaml", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default"
    machine = f"  Machine: {{Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>', Default: {name}-x86_64}}\n"
    text = path.read_text().replace("Value: !Ref InstanceType", "Value: !Ref Machine")
    path.write_text(text.replace("Parameters:\n", f"Parameters:\n{machine}"))
    first, chosen, kept = Making(), Making(), Making()
    deploy(Scripted(), first, folder=folder)
    deploy(Scripted(), chosen, folder=folder, given={"Machine": f"{name}-arm64"})
    deploy(Scripted(), kept, folder=folder)
    builds = [image.log[1] for image in (first, chosen, kept)]
    assert builds == ["build for linux/amd64", "build for linux/arm64", "build for linux/arm64"]


def test_a_build_that_fails_ends_before_aws_is_touched():
    with pytest.raises(Failed, match="the build failed"):
        deploy(Scripted(), Making("build"))
    assert states() == {}


def test_a_stack_without_a_registry_needs_an_image_that_is_somewhere(folder):
    text = (folder / "stacks.toml").read_text()
    (folder / "stacks.toml").write_text(text.replace('"registry", ', ""))
    with pytest.raises(Failed, match="give the image with --image"):
        deploy(Scripted(), Making(), folder=folder)


def test_only_a_stack_that_runs_an_image_needs_one():
    stacks = read_stacks(TEMPLATES)
    assert (needs_image(stacks["tiny"]), needs_image(stacks["storage"])) == (True, False)


# Failures


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


# Data


def test_what_holds_data_is_protected_once_it_is_there():
    deploy(Scripted(), stack="storage")
    client = boto3.client("cloudformation", region_name=REGION)
    stacks = {one["StackName"]: one for one in client.describe_stacks()["Stacks"]}
    protected = {name: one["EnableTerminationProtection"] for name, one in stacks.items()}
    assert protected == {"compliance-storage-store": True, "compliance-storage-beside": False}


def test_data_is_deleted_only_when_the_name_was_typed():
    deploy(Scripted(), stack="storage")
    voice = Scripted(typed="yes")
    with pytest.raises(Declined):
        rollout(voice, "storage").delete()
    assert len(states()) == 2
    assert "store (Bucket stays)" in voice.warned[0]
    assert voice.asked == []
    rollout(Scripted(typed="storage"), "storage").delete()
    assert states() == {}


def test_a_change_that_takes_away_where_data_is_wants_the_name_typed(folder):
    deploy(Scripted(), stack="storage", folder=folder)
    path = folder / "store.yaml"
    head, _, tail = path.read_text().partition("  Label:")
    path.write_text(head + tail[tail.index("Outputs:") :])
    voice = Scripted(typed="yes")
    with pytest.raises(Declined):
        deploy(voice, stack="storage", folder=folder)
    assert voice.warned == ["This replaces or removes what holds data: store: Label (remove)."]
    assert parameter("storage/label") == "1"
    deploy(Scripted(typed="storage"), stack="storage", folder=folder)
    with pytest.raises(Exception, match="ParameterNotFound"):
        parameter("storage/label")


# Deleting


def test_deleting_goes_backwards_and_leaves_nothing():
    deploy(Scripted())
    voice = Scripted()
    rollout(voice).delete()
    assert list(voice.watched) == [f"compliance-tiny-{name}: deleting" for name in ("server", "network", "registry")]
    assert states() == {}


def test_deleting_what_is_not_there_is_nothing_to_do():
    voice = Scripted()
    rollout(voice).delete()
    assert voice.said == ["tiny is not deployed: nothing to do."]


def test_deleting_goes_on_where_it_stopped():
    deploy(Scripted())
    boto3.client("cloudformation", region_name=REGION).delete_stack(StackName="compliance-tiny-server")
    voice = Scripted()
    rollout(voice).delete()
    assert voice.asked == ["Delete compliance-tiny-network, compliance-tiny-registry?"]
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
