"""What linters miss: what the world can reach, what roles may do, what is encrypted, what outlives its stack.

Each rule takes a template and names what breaks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.templates.reading import below, listed

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
