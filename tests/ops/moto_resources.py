"""Resources that moto's CloudFormation makes wrongly or not at all: by a call of their service, or in name only."""

import json
from collections.abc import Callable
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.elbv2.models import FakeLoadBalancer, elbv2_backends
from moto.rds.models import DBParameterGroup
from moto.secretsmanager.models import secretsmanager_backends

from tests.ops.moto_types import CALLS, NAMES, plain

real_class = parsing.resource_class_from_type


class Imitated(CloudFormationModel):  # type: ignore[misc]
    """A resource in name only: its attributes are words."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return f"imitated-{self.name}"

    def get_cfn_attribute(self, attribute: str) -> str:
        return f"imitated-{self.name}-{attribute}"

    def delete(self, account_id: str, region_name: str) -> None:
        pass

    @staticmethod
    def cloudformation_type() -> str:
        return "Imitated::Of::All"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        pass


class Secret(Imitated):
    """In moto's Secrets Manager, with the value that the template has AWS make."""

    @property
    def physical_resource_id(self) -> str:
        return self.name

    def get_cfn_attribute(self, attribute: str) -> str:
        return self.name

    def delete(self, account_id: str, region_name: str) -> None:
        secretsmanager_backends[account_id][region_name].delete_secret(self.name, None, True)

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        backend = secretsmanager_backends[account_id][region_name]
        told = cloudformation_json["Properties"]
        made = backend.get_random_password(
            password_length=int(told.get("GenerateSecretString", {}).get("PasswordLength", 32)),
            exclude_characters="\"'\\",
            exclude_numbers=False,
            exclude_punctuation=bool(told.get("GenerateSecretString", {}).get("ExcludePunctuation")),
            exclude_uppercase=False,
            exclude_lowercase=False,
            include_space=False,
            require_each_included_type=True,
        )
        value = told.get("SecretString") or json.loads(made)["RandomPassword"]
        name = told.get("Name", resource_name)
        backend.create_secret(name, value, *[None] * 6, False)
        return cls(backend.describe_secret(name).arn)


class Called(Imitated):
    """Made by a call of its service; its attributes are what the service answered."""

    def __init__(self, name: str, answer: Any) -> None:
        super().__init__(name)
        self.answer = answer

    @property
    def physical_resource_id(self) -> str:
        return self.name

    def get_cfn_attribute(self, attribute: str) -> str:
        found = {**self.answer, **self.answer.get("Summary", {})}
        return str(found.get(attribute.upper() if attribute == "Arn" else attribute) or f"imitated-{attribute}")

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        kind, told = cloudformation_json["Type"], plain(cloudformation_json["Properties"])
        if kind in NAMES:
            told.setdefault(NAMES[kind], resource_name)
        return cls(*CALLS[kind].make(told, region_name))


MADE_HERE: dict[str, type[CloudFormationModel]] = {
    "AWS::SecretsManager::Secret": Secret,
    **dict.fromkeys(CALLS, Called),
}


def class_of(resource_type: str) -> Any:
    return MADE_HERE.get(resource_type) or real_class(resource_type) or Imitated


def as_moto_reads(resource_json: Any) -> Any:
    """Tags, where moto wants another form of them than CloudFormation."""
    properties = resource_json.get("Properties", {})
    form = TAGS.get(resource_json["Type"])
    if form is None or not properties.get("Tags"):
        return resource_json
    return {**resource_json, "Properties": {**properties, "Tags": form(properties["Tags"])}}


TAGS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "AWS::SSM::Parameter": lambda tags: [{"Key": key, "Value": value} for key, value in tags.items()],
    "AWS::KMS::Key": lambda tags: [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags],
}


def balancer(cls: Any, resource_name: str, resource: Any, account_id: str, region_name: str, **kwargs: Any) -> Any:
    told = resource["Properties"]
    return elbv2_backends[account_id][region_name].create_load_balancer(
        name=told.get("Name", resource_name),
        security_groups=told.get("SecurityGroups", []),
        subnet_ids=told.get("Subnets", []),
        scheme=told.get("Scheme", "internet-facing"),
        loadbalancer_type=told.get("Type", "application"),
        tags=told.get("Tags"),
    )


def teach() -> None:
    parsing.resource_class_from_type = class_of
    # moto knows of network load balancers, but its CloudFormation does not pass the type on.
    FakeLoadBalancer.create_from_cloudformation_json = classmethod(balancer)  # type: ignore[arg-type]
    # A Ref to it is its name; moto hands over the group itself.
    DBParameterGroup.physical_resource_id = property(lambda self: self.name)
