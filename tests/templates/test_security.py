"""What linters miss: what the world can reach, what roles may do, what is encrypted, what outlives its stack.

Each rule is a function that names what breaks it; beside the templates it is held against one that does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from compliance.ops.template import parse_template
from tests.templates.reading import IN_STACKS, NAMES, below, filled, listed, template, text_of

Tree = Mapping[str, Any]
WORLD = ("0.0.0.0/0", "::/0")
API = 443

# Actions for which AWS knows no resource, or none that could be named before it exists. Everything else names its own.
RESOURCELESS = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "ssm:ListAssociations",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
# Of AWS's own policies those that a service needs to write its own logs; they are for that service's role alone.
MANAGED = {"AmazonAPIGatewayPushToCloudWatchLogs", "AmazonRDSEnhancedMonitoringRole"}


def of(tree: Tree, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in tree["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def open_ports(tree: Tree) -> Iterator[tuple[str, int, int]]:
    """(group, from, to) of each rule that lets the world in."""
    rules = [
        (name, rule)
        for name, group in of(tree, "AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", [])
    ]
    rules += list(of(tree, "AWS::EC2::SecurityGroupIngress"))
    for name, rule in rules:
        if rule.get("CidrIp") in WORLD or rule.get("CidrIpv6") in WORLD:
            every = rule["IpProtocol"] in ("-1", -1)
            yield name, 0 if every else int(rule["FromPort"]), 65535 if every else int(rule["ToPort"])


def open_groups(tree: Tree) -> list[str]:
    """The world reaches the API's port and no other."""
    return [f"{name} {low}-{high}" for name, low, high in open_ports(tree) if (low, high) != (API, API)]


def unsaid_egress(tree: Tree) -> list[str]:
    """A group without rules of its own for what goes out gets AWS's, which allows everything."""
    found = []
    for name, group in of(tree, "AWS::EC2::SecurityGroup"):
        rules = group.get("SecurityGroupEgress", [])
        if not rules or any(rule["IpProtocol"] in ("-1", -1) for rule in rules):
            found.append(name)
    return found


def reachable_databases(tree: Tree) -> list[str]:
    """MySQL's port is for a security group, never for addresses."""
    rules = [
        (name, rule)
        for name, group in of(tree, "AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", [])
    ]
    rules += list(of(tree, "AWS::EC2::SecurityGroupIngress"))
    by_address = [
        name
        for name, rule in rules
        if rule["IpProtocol"] in ("-1", -1) or int(rule["FromPort"]) <= 3306 <= int(rule["ToPort"])
        if "SourceSecurityGroupId" not in rule
    ]
    public = [name for name, one in of(tree, "AWS::RDS::DBInstance") if one.get("PubliclyAccessible") is not False]
    return by_address + public


def statements(tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    """(resource, statement) of every policy, wherever it hangs; conditional ones too."""
    for name, resource in tree["Resources"].items():
        for part in below(resource):
            if isinstance(part, dict) and "Effect" in part and ("Action" in part or "NotAction" in part):
                yield name, part


def loose_policies(tree: Tree) -> list[str]:
    """No action with a star; no resource `*` but for actions that know no other. (In a key's policy it is that key.)"""
    found = []
    for name, statement in statements(tree):
        actions = listed(statement.get("Action", "*"))
        found += [f"{name}: {action}" for action in actions if "*" in action]
        kind = tree["Resources"][name]["Type"]
        if "*" in listed(statement.get("Resource", [])) and kind != "AWS::KMS::Key":
            found += [f"{name}: {action} on *" for action in actions if action not in RESOURCELESS]
        if statement.get("Principal") == "*" and kind != "AWS::EC2::VPCEndpoint":
            found.append(f"{name}: anybody")
        if "NotAction" in statement or "NotResource" in statement:
            found.append(f"{name}: all but")
    for name, role in of(tree, "AWS::IAM::Role"):
        for policy in role.get("ManagedPolicyArns", []):
            own = isinstance(policy, dict) and policy.get("Ref") in tree["Resources"]
            if not own and not str(policy).rstrip("'}").endswith(tuple(MANAGED)):
                found.append(f"{name}: {policy}")
    return found


def old_metadata(tree: Tree) -> list[str]:
    """Instances take IMDSv2 only, and containers are one hop too far from it."""
    wanted = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    templates = {
        name: wanted.items() <= one["LaunchTemplateData"].get("MetadataOptions", {}).items()
        for name, one in of(tree, "AWS::EC2::LaunchTemplate")
    }
    instances = {
        name: templates.get(one.get("LaunchTemplate", {}).get("LaunchTemplateId", {}).get("Ref"), False)
        for name, one in of(tree, "AWS::EC2::Instance")
    }
    return [name for name, good in {**templates, **instances}.items() if not good]


def unencrypted(tree: Tree) -> list[str]:
    """Disks, databases, topics: on disk nothing lies open. (Secrets, logs and images AWS encrypts by itself.)"""
    found = [name for name, one in of(tree, "AWS::RDS::DBInstance") if one.get("StorageEncrypted") is not True]
    found += [name for name, one in of(tree, "AWS::EC2::Volume") if one.get("Encrypted") is not True]
    found += [name for name, one in of(tree, "AWS::SNS::Topic") if not one.get("KmsMasterKeyId")]
    for name, one in of(tree, "AWS::EC2::LaunchTemplate"):
        disks = one["LaunchTemplateData"].get("BlockDeviceMappings", [])
        if not disks or not all(disk["Ebs"].get("Encrypted") is True for disk in disks):
            found.append(name)
    return found


def plain_traffic(tree: Tree) -> list[str]:
    """What the world speaks to speaks TLS 1.2 or newer, and so does the database."""
    inside = {
        name for name, one in of(tree, "AWS::ElasticLoadBalancingV2::LoadBalancer") if one["Scheme"] == "internal"
    }
    found = [
        name
        for name, one in of(tree, "AWS::ElasticLoadBalancingV2::Listener")
        if one["LoadBalancerArn"].get("Ref") not in inside
        if one["Protocol"] not in ("HTTPS", "TLS") or "TLS13-1-2" not in one.get("SslPolicy", "")
    ]
    for name, one in of(tree, "AWS::RDS::DBParameterGroup"):
        if str(one["Parameters"].get("require_secure_transport")) != "1":
            found.append(name)
    return found


def short_lived(tree: Tree) -> list[str]:
    """What holds data leaves a snapshot, deleted or replaced; what could hold some says what becomes of it."""
    wanted = {
        "AWS::RDS::DBInstance": "Snapshot",
        "AWS::EC2::Volume": "Snapshot",
        "AWS::Logs::LogGroup": "Delete",
        "AWS::ECR::Repository": "Delete",
        "AWS::SecretsManager::Secret": "Delete",
    }
    return [
        name
        for name, resource in tree["Resources"].items()
        if resource["Type"] in wanted
        if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {wanted[resource["Type"]]}
    ]


def told_secrets(tree: Tree) -> list[str]:
    """No password or key is a parameter or an output, and none is written into a template."""
    word = re.compile(r"(?i)password|(?<!enroll)(?<!ingest)(?<!gateway)key$|token")
    names = [name for name in tree.get("Parameters", {}) if word.search(name)]
    found = [name for name in names if name not in ("KeyGeneration",)]
    for part in below(tree["Resources"]):
        if isinstance(part, dict):
            found += [key for key in ("MasterUserPassword", "SecretString") if key in part]
    for name, output in tree.get("Outputs", {}).items():
        if "resolve:" in str(output["Value"]):
            found.append(name)
    return found


RULES: list[Callable[[Tree], list[str]]] = [
    open_groups,
    unsaid_egress,
    reachable_databases,
    loose_policies,
    old_metadata,
    unencrypted,
    plain_traffic,
    short_lived,
    told_secrets,
]


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
