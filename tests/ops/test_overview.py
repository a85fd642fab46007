"""What is put together about a stack, from AWS and from the server itself."""

import boto3
import pytest

from compliance.ops import overview
from compliance.ops.aws import connect
from compliance.ops.stacks import Stack, read_stacks
from compliance.ops.status import Drift, Health
from tests.ops.aws import REGION, TEMPLATES
from tests.ops.stubs import ID, Stubbed
from tests.ops.test_health import serving

SERVER = Stack("prod", "", read_stacks(TEMPLATES)["tiny"].templates[2:], {})


def look(aws: Stubbed, drift: bool = False):
    return overview.look(SERVER, aws.deployer, lambda outputs: None, drift)[0]


def test_a_template_that_is_not_there_is_missing():
    row = look(Stubbed().refuses("describe_stacks", "ValidationError", "Stack with id x does not exist"))
    assert (row.state, row.cloudformation, row.outputs, row.health, row.drift) == ("missing", None, {}, None, None)


def test_what_aws_tells_of_a_template_is_kept():
    row = look(
        Stubbed().stands(
            "UPDATE_ROLLBACK_COMPLETE",
            StackStatusReason="it did not start",
            Outputs=[{"OutputKey": "Url", "OutputValue": "https://x"}],
            Tags=[{"Key": "compliance:version", "Value": "1.2"}],
        )
    )
    assert (row.state, row.reason, row.version, row.outputs) == (
        "failed",
        "it did not start",
        "1.2",
        {"Url": "https://x"},
    )


def test_drift_that_cannot_be_seen_is_unknown_and_says_why():
    row = look(Stubbed().stands("CREATE_IN_PROGRESS"), drift=True)
    assert (row.drift, row.drift_unseen) == (None, "it is being worked on")
    aws = Stubbed().stands("CREATE_COMPLETE")
    row = look(aws.refuses("detect_stack_drift", "AccessDenied"), drift=True)
    assert row.drift is None
    assert "may not do cloudformation:DetectStackDrift" in str(row.drift_unseen)
    aws = Stubbed().stands("CREATE_COMPLETE").answers("detect_stack_drift", {"StackDriftDetectionId": "d"})
    told = {"StackId": ID, "StackDriftDetectionId": "d", "DetectionStatus": "DETECTION_FAILED", "Timestamp": 0}
    row = look(aws.answers("describe_stack_drift_detection_status", told), drift=True)
    assert (row.drift, row.drift_unseen) == (None, "AWS could not find out")


def test_drift_is_looked_for_only_when_it_is_asked_for_and_something_is_there():
    row = look(Stubbed().stands("CREATE_COMPLETE"))
    assert (row.drift, row.drift_unseen) == (None, None)
    row = look(Stubbed().refuses("describe_stacks", "ValidationError", "Stack with id x does not exist"), drift=True)
    assert (row.drift, row.drift_unseen) == (None, None)
    aws = Stubbed().stands("CREATE_COMPLETE").answers("detect_stack_drift", {"StackDriftDetectionId": "d"})
    told = {"StackId": ID, "StackDriftDetectionId": "d", "DetectionStatus": "DETECTION_COMPLETE", "Timestamp": 0}
    aws.answers("describe_stack_drift_detection_status", told)
    one = {
        "StackId": ID,
        "LogicalResourceId": "Vpc",
        "ResourceType": "X",
        "StackResourceDriftStatus": "DELETED",
        "Timestamp": 0,
    }
    aws.answers("describe_stack_resource_drifts", {"StackResourceDrifts": [one]})
    assert look(aws, drift=True).drift == [Drift("Vpc", "X", "deleted")]


def test_the_server_is_asked_where_the_outputs_say(aws):
    with serving(200) as url:
        answer = overview.ask_server(connect(), {"Url": url.removesuffix("/health/ready")})
    assert answer is not None
    assert (answer.health, answer.url) == (Health.ready, url)


def test_outputs_that_tell_of_no_server_ask_nobody(aws):
    assert overview.ask_server(connect(), {"VpcId": "vpc-1"}) is None


def test_a_server_with_a_certificate_of_its_own_shows_it_in_a_parameter(aws, tmp_path):
    from tests.server.storage.test_tls import Authority

    authority = Authority(tmp_path, "authority")
    ssm = boto3.client("ssm", region_name=REGION)
    ssm.put_parameter(Name="/certificate", Value=authority.ca.read_text(), Type="String")
    with serving(200, certificate=authority.issue("localhost")) as url:
        outputs = {"Url": url.removesuffix("/health/ready"), "CertificateParameter": "/certificate"}
        answer = overview.ask_server(connect(), outputs)
    assert answer is not None
    assert answer.health is Health.ready


def test_a_certificate_that_we_may_not_read_leaves_the_server_unknown(aws):
    answer = overview.ask_server(connect(), {"Url": "https://127.0.0.1:1", "CertificateParameter": "/nothing"})
    assert answer is not None
    assert answer.health is Health.unknown
    assert "its certificate cannot be read" in answer.sentence


@pytest.mark.parametrize("there", [True, False])
def test_outputs_come_with_their_template_and_their_description(there):
    aws = Stubbed()
    if there:
        aws.stands(
            "CREATE_COMPLETE", Outputs=[{"OutputKey": "Url", "OutputValue": "https://x", "Description": "Where"}]
        )
    else:
        aws.refuses("describe_stacks", "ValidationError", "Stack with id x does not exist")
    rows = [{"template": "server", "name": "Url", "value": "https://x", "description": "Where"}]
    assert overview.outputs(SERVER, aws.deployer) == (rows if there else [])
