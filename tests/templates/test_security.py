"""The templates keep the rules, and each rule is held against a template that breaks it."""

import re

import pytest

from compliance.ops.template import parse_template
from tests.templates.reading import IN_STACKS, NAMES, filled, template, text_of
from tests.templates.rules import (
    RULES,
    loose_policies,
    old_metadata,
    open_groups,
    open_ports,
    plain_traffic,
    reachable_databases,
    short_lived,
    told_secrets,
    unencrypted,
    unsaid_egress,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(("stack", "name"), IN_STACKS)
def test_the_templates_keep_the_rule(stack, name, rule):
    assert rule(filled(stack, name)) == []


BROKEN = {
    open_groups: (
        "SecurityGroup",
        "SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]",
    ),
    unsaid_egress: ("SecurityGroup", "GroupDescription: all may go out"),
    reachable_databases: (
        "SecurityGroup",
        "SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 3000, ToPort: 4000, CidrIp: 10.0.0.0/8}]",
    ),
    old_metadata: ("LaunchTemplate", "LaunchTemplateData: {MetadataOptions: {HttpTokens: optional}}"),
    unencrypted: ("Volume", "Size: 1"),
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_rule_finds_what_breaks_it(rule):
    kind, properties = BROKEN[rule]
    text = f"Resources:\n  Bad:\n    Type: AWS::EC2::{kind}\n    Properties:\n      {properties}\n"
    assert len(rule(parse_template("bad", text).tree)) == 1


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("{Effect: Allow, Action: 's3:*', Resource: !Ref Bucket}", "Bad: s3:*"),
        ("{Effect: Allow, Action: [ecr:GetAuthorizationToken, s3:GetObject], Resource: '*'}", "Bad: s3:GetObject on *"),
        ("{Effect: Allow, Action: s3:GetObject, Resource: !Ref Bucket, Principal: '*'}", "Bad: anybody"),
        ("{Effect: Allow, NotAction: iam:PassRole, Resource: !Ref Bucket}", "Bad: all but"),
    ],
)
def test_a_loose_policy_is_found_in_an_if_as_well(statement, found):
    text = (
        "Resources:\n  Bad:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n"
        f"        Statement: [!If [Some, {statement}, !Ref AWS::NoValue]]\n"
    )
    assert found in loose_policies(parse_template("bad", text).tree)


def test_a_policy_of_aws_that_reads_every_parameter_is_found():
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    text = f"Resources:\n  Bad:\n    Type: AWS::IAM::Role\n    Properties:\n      ManagedPolicyArns: ['{arn}']\n"
    assert loose_policies(parse_template("bad", text).tree) == [f"Bad: {arn}"]


@pytest.mark.parametrize(
    ("kind", "properties", "rule"),
    [
        ("RDS::DBInstance", "MasterUserPassword: hunter2", told_secrets),
        ("RDS::DBInstance", "PubliclyAccessible: true", reachable_databases),
        ("RDS::DBInstance", "StorageEncrypted: false", unencrypted),
        ("RDS::DBInstance", "Engine: mysql", short_lived),
        ("RDS::DBParameterGroup", "Parameters: {}", plain_traffic),
        ("SNS::Topic", "TopicName: open", unencrypted),
        (
            "ElasticLoadBalancingV2::Listener",
            "{LoadBalancerArn: !Ref Public, Protocol: HTTP, Port: 80}",
            plain_traffic,
        ),
    ],
)
def test_a_careless_resource_is_found(kind, properties, rule):
    text = f"Resources:\n  Bad:\n    Type: AWS::{kind}\n    Properties:\n      {properties}\n"
    assert rule(parse_template("bad", text).tree) != []


def test_the_world_reaches_exactly_what_it_is_meant_to():
    found = {(stack, name, group) for stack, name in IN_STACKS for group, _, _ in open_ports(filled(stack, name))}
    assert found == {("dev", "single", "ServerGroup"), ("prod", "balancer", "BalancerGroup")}


def test_every_star_has_a_remark_that_says_why():
    bare = [
        f"{name}.yaml:{number}"
        for name in NAMES
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if re.search(r'Resource: "\*"(?!\s+#)', line) and "Sid" not in line
    ]
    around = {f"agents.yaml:{number}" for number, line in enumerate(text_of("agents").splitlines(), 1) if '"*"' in line}
    # There the remarks stand beside the actions, which know no resource for reasons of their own.
    assert set(bare) <= around
    assert len(bare) <= 1


def test_no_instance_has_a_key_to_log_in_by():
    assert [name for name in NAMES if "KeyName" in text_of(name) or re.search(r"Port: 22\b", text_of(name))] == []


def test_rules_that_read_a_body_count_and_do_not_block():
    """A report of an attack that ran on a host looks like one: a firewall would silence the evidence."""
    rules = template("edge")["Resources"]["Firewall"]["Properties"]["Rules"]
    groups = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]: {
            one["Name"]
            for one in rule["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
            if one["ActionToUse"] == {"Count": {}}
        }
        for rule in rules
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }
    assert groups == {
        "AWSManagedRulesAmazonIpReputationList": set(),
        "AWSManagedRulesCommonRuleSet": {
            "SizeRestrictions_BODY",
            "CrossSiteScripting_BODY",
            "GenericLFI_BODY",
            "GenericRFI_BODY",
            "EC2MetaDataSSRF_BODY",
        },
        "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY"},
    }
