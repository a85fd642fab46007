"""botocore's Stubber: answers of AWS that no emulator gives, checked against the service's own model."""

from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from compliance.ops.aws import Api
from compliance.ops.deployer import Deployer

ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/compliance-prod-server/1"
NAME = "compliance-prod-server"
CHANGE_SET = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/one/1"
EARLY = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)


class Stubbed:
    """A Deployer whose AWS answers what was queued, in that order, and nothing else; `slept` is how long it waited."""

    def __init__(self, service: str = "cloudformation") -> None:
        client = boto3.client(
            service, region_name="eu-west-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example"
        )
        self.stubber = Stubber(client)
        self.stubber.activate()
        self.api = Api(client)
        self.slept: list[float] = []
        self.deployer = Deployer(self.api, self.slept.append)

    def answers(self, operation: str, answer: dict[str, Any], expected: dict[str, Any] | None = None) -> "Stubbed":
        self.stubber.add_response(operation, answer, expected)
        return self

    def refuses(self, operation: str, code: str, message: str = "", times: int = 1) -> "Stubbed":
        for _ in range(times):
            self.stubber.add_client_error(operation, code, message)
        return self

    def stands(self, state: str, **more: Any) -> "Stubbed":
        stack = {"StackId": ID, "StackName": NAME, "StackStatus": state, "CreationTime": EARLY, **more}
        return self.answers("describe_stacks", {"Stacks": [stack]})

    def tells(self, *events: dict[str, Any]) -> "Stubbed":
        """Events, oldest first; AWS gives the newest first."""
        return self.answers("describe_stack_events", {"StackEvents": list(events[::-1])})

    def done(self) -> None:
        self.stubber.assert_no_pending_responses()


def event(number: int, state: str, resource: str | None = None, reason: str | None = None) -> dict[str, Any]:
    """Of the stack itself, unless a resource is named."""
    told: dict[str, Any] = {
        "StackId": ID,
        "EventId": f"event-{number}",
        "StackName": NAME,
        "LogicalResourceId": resource or NAME,
        "PhysicalResourceId": "" if resource else ID,
        "ResourceType": "AWS::EC2::Instance" if resource else "AWS::CloudFormation::Stack",
        "Timestamp": EARLY.replace(second=number),
        "ResourceStatus": state,
    }
    return told | ({"ResourceStatusReason": reason} if reason else {})
