"""Deployments from nothing to deletion, on moto's server."""

import boto3
import pytest

from compliance.ops.errors import Declined, Failed
from compliance.ops.rollout import needs_image
from compliance.ops.stacks import read_stacks
from tests.ops.aws import REGION, TEMPLATES, made_types
from tests.ops.rollouts import IMAGE, OTHER_IMAGE, Fixed, Making, deploy, parameter, rollout, states
from tests.ops.voices import Scripted

pytestmark = pytest.mark.usefixtures("aws")


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
        deploy(Scripted(no_to="Deploy tiny in eu-west-1?"))
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
    assert voice.asked == ["Build the image and deploy tiny in eu-west-1?"]
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


def test_data_that_is_protected_is_not_deleted_and_neither_is_what_stands_before_it(folder):
    path = folder / "store.yaml"
    protection = "  DeletionProtection: {Type: String, Default: 'true'}\n"
    text = path.read_text().replace("Value: !Ref Version", "Value: !Ref DeletionProtection")
    path.write_text(text.replace("Parameters:\n", f"Parameters:\n{protection}"))
    deploy(Scripted(), stack="storage", folder=folder)
    voice = Scripted(typed="storage")
    with pytest.raises(Declined, match=r"ops deploy --stack storage --parameter DeletionProtection=false`\.$"):
        rollout(voice, "storage", folder=folder).delete()
    assert (len(states()), voice.warned) == (2, [])
    deploy(Scripted(), stack="storage", folder=folder, given={"DeletionProtection": "false"})
    rollout(voice, "storage", folder=folder).delete()
    assert states() == {}


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
    assert voice.asked == ["Delete compliance-tiny-network, compliance-tiny-registry in eu-west-1?"]
    assert states() == {}
