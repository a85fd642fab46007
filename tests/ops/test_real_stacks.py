"""The stacks that are shipped, dev and prod, from nothing to nothing on moto's server, and what was really made."""

import json

import boto3
import pytest

from compliance.ops import bundle
from compliance.ops.status import Answer, Health
from tests.ops.aws import REGION, made_types
from tests.ops.rollouts import IMAGE

EMAIL = ("--parameter", "Email=ops@example.org")

MADE = {
    "dev": """
        AutoScaling::AutoScalingGroup Budgets::Budget CloudWatch::Alarm EC2::EIP EC2::FlowLog EC2::Instance
        EC2::InternetGateway EC2::LaunchTemplate EC2::Route EC2::RouteTable EC2::SecurityGroup EC2::Subnet
        EC2::SubnetRouteTableAssociation EC2::VPC EC2::VPCGatewayAttachment EC2::Volume ECR::Repository
        IAM::InstanceProfile IAM::ManagedPolicy IAM::Role KMS::Key Logs::LogGroup SNS::Topic SNS::TopicPolicy
        SSM::Document SSM::Parameter SecretsManager::Secret
    """,
    "prod": """
        ApiGateway::ApiKey ApiGateway::Deployment ApiGateway::Method ApiGateway::Resource ApiGateway::RestApi
        ApiGateway::Stage ApiGateway::UsagePlan ApiGateway::UsagePlanKey ApiGateway::VpcLink
        AutoScaling::AutoScalingGroup AutoScaling::ScalingPolicy Budgets::Budget CloudWatch::Alarm EC2::EIP
        EC2::FlowLog EC2::InternetGateway EC2::LaunchTemplate EC2::NatGateway EC2::Route EC2::RouteTable
        EC2::SecurityGroup EC2::SecurityGroupEgress EC2::SecurityGroupIngress EC2::Subnet
        EC2::SubnetRouteTableAssociation EC2::VPC EC2::VPCEndpoint EC2::VPCGatewayAttachment ECR::Repository
        ElasticLoadBalancingV2::Listener ElasticLoadBalancingV2::LoadBalancer
        ElasticLoadBalancingV2::TargetGroup IAM::InstanceProfile IAM::ManagedPolicy IAM::Role KMS::Key
        Logs::LogGroup RDS::DBInstance RDS::DBParameterGroup RDS::DBSubnetGroup SNS::Topic SNS::TopicPolicy
        SSM::Document SecretsManager::Secret WAFv2::WebACL WAFv2::WebACLAssociation
    """,
}
"""Without AWS:: in front: what moto really has in the end, by stack."""
IMITATED = {"AWS::ApiGateway::Account", "AWS::SSM::Association", "AWS::WAFv2::LoggingConfiguration"}
"""The only types of ours that moto has in no form; what they do is proved nowhere here."""


@pytest.fixture
def unreachable(monkeypatch) -> list[str]:
    """No test asks an address that moto made up: it could be somebody's."""
    asked: list[str] = []

    def ask(url: str, certificate: str | None = None) -> Answer:
        asked.append(url)
        return Answer(Health.ready, url, f"{url} answers that it is ready")

    monkeypatch.setattr("compliance.ops.health.ask", ask)
    return asked


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stack_goes_from_nothing_to_nothing(stack, aws, ops, unreachable):
    def run(command: str, *arguments: str):
        return ops(command, "--stack", stack, *arguments, templates=None)

    planned = json.loads(run("plan", *EMAIL, "-o", "json").out)
    assert {row["act"] for row in planned} <= {"add", "add?"}

    said = run("deploy", "--yes", "--image", IMAGE, *EMAIL)
    assert said.code == 0, said.err
    templates = [template.name for template in bundle.stacks()[stack].templates]
    made = {name: made_types(f"compliance-{stack}-{name}") for name in templates}
    really, imitated = (set().union(*(pair[side] for pair in made.values())) for side in (0, 1))
    assert really == {f"AWS::{name}" for name in MADE[stack].split()}
    assert imitated <= IMITATED
    assert {row["type"] for row in planned} == really | imitated

    said = run("status", "-o", "json")
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert [(row["template"], row["state"]) for row in rows] == [(name, "ready") for name in templates]
    assert len(unreachable) == 1
    assert unreachable[0].endswith("/health/ready")

    # Without --parameter: the address was given once, and is kept.
    again = run("deploy", "--image", IMAGE)
    assert again.code == 0
    assert f"{stack} is as it should be: nothing to do.\n" in again.err
    assert run("plan", "-o", "json").out == "[]\n"

    assert run("delete", "--yes").code == 1
    if stack == "prod":
        # Its database is protected until somebody says otherwise.
        assert "DeletionProtection=false" in run("delete", "--confirm", stack).err
        assert run("deploy", "--yes", "--image", IMAGE, "--parameter", "DeletionProtection=false").code == 0
    assert run("delete", "--confirm", stack).code == 0
    assert boto3.client("cloudformation", region_name=REGION).describe_stacks()["Stacks"] == []


def test_the_address_for_alarms_has_to_be_given(aws, ops):
    said = ops("deploy", "--stack", "dev", "--yes", "--image", IMAGE, templates=None)
    assert said.code == 2
    assert said.err == "Error: dev needs a value for Email (guard): give --parameter Email=...\n"


def test_what_is_shipped_holds_together(ops):
    said = ops("validate", templates=None)
    assert (said.code, said.err) == (0, "dev, prod: everything fits together.\n")
    assert [row["ask"] for row in json.loads(ops("validate", "-o", "json", templates=None).out) if row["ask"]] == [
        ["Email"],
        ["Email"],
    ]


def test_what_an_earlier_template_gives_no_more_is_not_kept(aws, ops, unreachable):
    """Agents would otherwise go on asking for the key of a gateway that is gone."""

    def deploy(*parameters: str):
        named = [word for parameter in parameters for word in ("--parameter", parameter)]
        said = ops("deploy", "--stack", "prod", "--yes", "--image", IMAGE, *named, templates=None)
        assert said.code == 0, said.err

    def agents_are_told() -> tuple[str, str]:
        client = boto3.client("cloudformation", region_name=REGION)
        (stack,) = client.describe_stacks(StackName="compliance-prod-agents")["Stacks"]
        told = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
        return told["Url"], told["GatewayKeySecret"]

    deploy("Email=ops@example.org")
    url, key = agents_are_told()
    assert ".execute-api." in url
    assert key.startswith("arn:aws:secretsmanager:")
    deploy("Gateway=off", "BalancerUrl=https://compliance.example.com")
    assert agents_are_told() == ("https://compliance.example.com", "")
