"""Types that moto has in its services but not in its CloudFormation: made by a call of the service, as by AWS itself.

The call goes through boto3 to the very server that this runs in, so that a property that the service does not take in
this form is refused. What stands in a template beside what the call takes (tags, settings of other calls) is left out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

ENDPOINT = {"url": ""}
"""Set before the server starts."""


def client(service: str, region: str) -> Any:
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
    return boto3.client(service, region_name=region, endpoint_url=ENDPOINT["url"], **keys)


def as_it_is(told: dict[str, Any]) -> dict[str, Any]:
    return told


def plain(told: Any) -> Any:
    """The same, with the id in the place of one of moto's own objects, which some Refs become."""
    if isinstance(told, dict):
        return {name: plain(value) for name, value in told.items()}
    if isinstance(told, list):
        return [plain(part) for part in told]
    return told if isinstance(told, str | int | float | None) else told.id


def camel(told: Any) -> Any:
    """`ApiStages: [{ApiId: x}]` as API Gateway has it: `apiStages: [{apiId: x}]`."""
    if isinstance(told, dict):
        return {name[:1].lower() + name[1:]: camel(value) for name, value in told.items()}
    return [camel(part) for part in told] if isinstance(told, list) else told


def budget(told: dict[str, Any]) -> dict[str, Any]:
    limit = told["Budget"]["BudgetLimit"]
    money = {"Amount": str(limit["Amount"]), "Unit": limit["Unit"]}
    return {**told, "AccountId": "123456789012", "Budget": {**told["Budget"], "BudgetLimit": money}}


def egress(told: dict[str, Any]) -> dict[str, Any]:
    permission: dict[str, Any] = {name: told[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in told}
    if "DestinationSecurityGroupId" in told:
        permission["UserIdGroupPairs"] = [{"GroupId": told["DestinationSecurityGroupId"]}]
    else:
        permission["IpRanges"] = [{"CidrIp": told["CidrIp"]}]
    return {"GroupId": told["GroupId"], "IpPermissions": [permission]}


def topic_policy(told: dict[str, Any]) -> dict[str, Any]:
    (topic,) = told["Topics"]
    return {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": json.dumps(told["PolicyDocument"])}


@dataclass(frozen=True)
class Call:
    """`reference` is what a Ref is, read from the answer (after the dots) or from the properties (after the `=`)."""

    service: str
    operation: str
    reference: str
    form: Callable[[dict[str, Any]], dict[str, Any]] = as_it_is

    def make(self, told: dict[str, Any], region: str) -> tuple[str, Any]:
        caller = client(self.service, region)
        name = caller.meta.method_to_api_mapping[self.operation]
        takes = caller.meta.service_model.operation_model(name).input_shape.members
        arguments = {key: value for key, value in self.form(told).items() if key in takes and key not in LEFT_OUT}
        answer = getattr(caller, self.operation)(**arguments)
        if self.reference.startswith("="):
            return str(told[self.reference[1:]]), answer
        value: Any = answer
        for part in self.reference.split("."):
            value = value[part]
        return str(value), answer


LEFT_OUT = {"tags", "Tags", "ResourceTags"}

CALLS = {
    "AWS::ApiGateway::ApiKey": Call("apigateway", "create_api_key", "id", camel),
    "AWS::ApiGateway::Stage": Call("apigateway", "create_stage", "stageName", camel),
    "AWS::ApiGateway::UsagePlan": Call("apigateway", "create_usage_plan", "id", camel),
    "AWS::ApiGateway::UsagePlanKey": Call("apigateway", "create_usage_plan_key", "id", camel),
    "AWS::ApiGateway::VpcLink": Call("apigateway", "create_vpc_link", "id", camel),
    "AWS::AutoScaling::ScalingPolicy": Call("autoscaling", "put_scaling_policy", "=PolicyName"),
    "AWS::Budgets::Budget": Call("budgets", "create_budget", "=BudgetName", budget),
    "AWS::CloudWatch::Alarm": Call("cloudwatch", "put_metric_alarm", "=AlarmName"),
    "AWS::EC2::SecurityGroupEgress": Call("ec2", "authorize_security_group_egress", "=GroupId", egress),
    "AWS::SNS::TopicPolicy": Call("sns", "set_topic_attributes", "=Id", topic_policy),
    "AWS::WAFv2::WebACL": Call("wafv2", "create_web_acl", "Summary.ARN"),
    "AWS::WAFv2::WebACLAssociation": Call("wafv2", "associate_web_acl", "=WebACLArn"),
}

NAMES = {
    "AWS::ApiGateway::UsagePlan": "Name",
    "AWS::ApiGateway::ApiKey": "Name",
    "AWS::AutoScaling::ScalingPolicy": "PolicyName",
    "AWS::Budgets::Budget": "BudgetName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::SNS::TopicPolicy": "Id",
    "AWS::WAFv2::WebACL": "Name",
}
"""Properties that CloudFormation fills in where a template does not name the resource."""
