"""How a stack stands, from what AWS says of it."""

from datetime import UTC, datetime

import pytest

from compliance.ops.standing import read_standing
from compliance.ops.status import State
from tests.ops.stubs import EARLY, ID, NAME

LEAST = {"StackId": ID, "StackName": NAME, "StackStatus": "CREATE_COMPLETE", "CreationTime": EARLY}


def test_everything_that_aws_tells_is_read():
    standing = read_standing(
        {
            **LEAST,
            "LastUpdatedTime": datetime(2026, 3, 4, tzinfo=UTC),
            "StackStatusReason": "why",
            "Outputs": [
                {"OutputKey": "Url", "OutputValue": "https://x", "Description": "Where"},
                {"OutputKey": "Id", "OutputValue": "1"},
            ],
            "Parameters": [{"ParameterKey": "Size", "ParameterValue": "3"}],
            "Tags": [{"Key": "compliance:version", "Value": "1.2"}],
            "EnableTerminationProtection": True,
        }
    )
    assert standing.outputs == {"Url": "https://x", "Id": "1"}
    assert standing.descriptions == {"Url": "Where"}
    assert standing.parameters == {"Size": "3"}
    assert standing.tags == {"compliance:version": "1.2"}
    assert (standing.reason, standing.protected, standing.state) == ("why", True, State.ready)
    assert (standing.created_ms, standing.updated_ms) == (1772546580000, 1772582400000)


def test_what_aws_leaves_out_is_nothing():
    standing = read_standing(LEAST)
    assert (standing.outputs, standing.parameters, standing.updated_ms, standing.reason) == ({}, {}, None, None)
    assert not standing.protected


@pytest.mark.parametrize(
    ("state", "leftover"),
    [
        ("ROLLBACK_COMPLETE", True),
        ("ROLLBACK_FAILED", True),
        ("CREATE_FAILED", True),
        ("DELETE_FAILED", True),
        ("UPDATE_ROLLBACK_COMPLETE", False),
        ("UPDATE_ROLLBACK_FAILED", False),
        ("UPDATE_FAILED", False),
        ("CREATE_COMPLETE", False),
    ],
)
def test_only_what_no_update_leads_out_of_is_a_leftover(state, leftover):
    assert read_standing({**LEAST, "StackStatus": state}).is_leftover is leftover
