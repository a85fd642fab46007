"""The deployer while AWS is at work: throttled, failing, resumed, removing, undoing, and what drifted."""

import pytest

from compliance.ops.deployer import LOOK_SECONDS, MOST_SECONDS, PATIENCE
from compliance.ops.errors import Failed, Stale, Throttled
from compliance.ops.proposal import Proposal
from compliance.ops.standing import Standing
from compliance.ops.status import Drift
from tests.ops.stubs import CHANGE_SET, EARLY, ID, NAME, Stubbed, event

PROPOSAL = Proposal(CHANGE_SET, "one", NAME, ID, new=False)
STANDING = Standing(ID, NAME, "UPDATE_COMPLETE")


@pytest.fixture
def aws() -> Stubbed:
    return Stubbed()


def ids(happening) -> list[str]:
    return [one.id for one in happening]


def test_events_are_told_once_each_from_the_one_before_on(aws):
    old = event(1, "CREATE_COMPLETE")
    new = [event(n, "UPDATE_IN_PROGRESS", None if n == 2 else "Group") for n in (2, 3)]
    aws.tells(old).answers("execute_change_set", {}, {"ChangeSetName": CHANGE_SET})
    aws.stands("UPDATE_IN_PROGRESS").tells(old, new[0])
    aws.stands("UPDATE_IN_PROGRESS").tells(old, *new)
    aws.stands("UPDATE_COMPLETE").tells(old, *new, event(4, "UPDATE_COMPLETE"))
    assert ids(aws.deployer.execute(PROPOSAL)) == ["event-2", "event-3", "event-4"]
    assert aws.slept == [LOOK_SECONDS, LOOK_SECONDS]
    aws.done()


def test_pages_of_events_are_read_only_as_far_back_as_they_are_new(aws):
    aws.tells(event(1, "CREATE_COMPLETE")).answers("execute_change_set", {})
    aws.stands("UPDATE_COMPLETE")
    aws.answers("describe_stack_events", {"StackEvents": [event(3, "UPDATE_COMPLETE")], "NextToken": "2"})
    aws.answers(
        "describe_stack_events",
        {"StackEvents": [event(2, "UPDATE_IN_PROGRESS"), event(1, "CREATE_COMPLETE")], "NextToken": "3"},
    )
    assert ids(aws.deployer.execute(PROPOSAL)) == ["event-2", "event-3"]
    aws.done()


FAILING = [
    event(2, "UPDATE_IN_PROGRESS", reason="User Initiated"),
    event(3, "UPDATE_FAILED", "Group", "Received 1 FAILURE signal(s) out of 1."),
    event(4, "UPDATE_FAILED", "Alarm", "Resource update cancelled"),
    event(5, "UPDATE_ROLLBACK_IN_PROGRESS", reason="The following resource(s) failed to update: [Group]."),
]


def test_a_failure_is_told_by_the_first_reason_after_every_event(aws):
    aws.tells().answers("execute_change_set", {})
    aws.stands("UPDATE_ROLLBACK_IN_PROGRESS").tells(*FAILING)
    aws.stands("UPDATE_ROLLBACK_COMPLETE").tells(*FAILING, event(6, "UPDATE_ROLLBACK_COMPLETE"))
    seen = []
    with pytest.raises(Failed) as raised:
        for one in aws.deployer.execute(PROPOSAL):
            seen.append(one.id)
    assert str(raised.value) == (
        "compliance-prod-server failed at Group (AWS::EC2::Instance): Received 1 FAILURE signal(s) out of 1."
    )
    assert seen == ["event-2", "event-3", "event-4", "event-5", "event-6"]


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"])
def test_every_way_to_fail_is_a_failure(aws, state):
    aws.tells().answers("execute_change_set", {}).stands(state, StackStatusReason="because.").tells()
    with pytest.raises(Failed, match=f"compliance-prod-server is in the state {state}: because.$"):
        list(aws.deployer.execute(PROPOSAL))


def test_throttled_looks_are_tried_again_more_and_more_slowly(aws):
    aws.tells().answers("execute_change_set", {})
    aws.refuses("describe_stacks", "Throttling", "Rate exceeded", times=5)
    aws.stands("UPDATE_COMPLETE").tells(event(2, "UPDATE_COMPLETE"))
    assert ids(aws.deployer.execute(PROPOSAL)) == ["event-2"]
    assert aws.slept == [3, 6, 12, 24, MOST_SECONDS]


def test_aws_that_stays_away_ends_the_wait_at_last(aws):
    aws.tells().answers("execute_change_set", {}).refuses("describe_stacks", "Throttling", times=PATIENCE)
    with pytest.raises(Throttled):
        list(aws.deployer.execute(PROPOSAL))
    aws.done()


def test_credentials_that_expire_meanwhile_end_the_wait_at_once(aws):
    aws.tells().answers("execute_change_set", {}).refuses("describe_stacks", "ExpiredToken")
    with pytest.raises(Stale, match="renew them"):
        list(aws.deployer.execute(PROPOSAL))
    assert aws.slept == []


def test_what_was_begun_before_is_followed_from_its_beginning(aws):
    old, begun = event(1, "CREATE_COMPLETE"), event(2, "UPDATE_IN_PROGRESS", reason="User Initiated")
    aws.tells(old, begun)
    aws.stands("UPDATE_COMPLETE").tells(old, begun, event(3, "UPDATE_COMPLETE"))
    assert ids(aws.deployer.resume(STANDING)) == ["event-2", "event-3"]
    aws.done()


def test_what_was_begun_before_and_failed_tells_the_first_reason_of_it(aws):
    old = [event(0, "CREATE_IN_PROGRESS"), event(1, "CREATE_FAILED", "Group", "of another time")]
    aws.tells(*old, *FAILING)
    aws.stands("UPDATE_ROLLBACK_COMPLETE").tells(*old, *FAILING)
    with pytest.raises(Failed, match="Received 1 FAILURE signal"):
        list(aws.deployer.resume(STANDING))


def test_a_deletion_that_was_begun_before_may_end_with_nothing(aws):
    aws.tells(event(1, "DELETE_IN_PROGRESS")).stands("DELETE_COMPLETE").tells(event(1, "DELETE_IN_PROGRESS"))
    assert ids(aws.deployer.resume(STANDING)) == ["event-1"]


# Removing and undoing


def test_a_stack_is_removed_and_looked_for_by_its_id(aws):
    aws.tells(event(1, "CREATE_COMPLETE")).answers("delete_stack", {}, {"StackName": NAME})
    aws.answers(
        "describe_stacks",
        {"Stacks": [{"StackId": ID, "StackName": NAME, "StackStatus": "DELETE_COMPLETE", "CreationTime": EARLY}]},
        {"StackName": ID},
    )
    aws.tells(event(1, "CREATE_COMPLETE"), event(2, "DELETE_COMPLETE"))
    assert ids(aws.deployer.remove(STANDING)) == ["event-2"]
    aws.done()


def test_protection_is_taken_off_only_to_remove(aws):
    aws.tells()
    aws.answers("update_termination_protection", {}, {"StackName": NAME, "EnableTerminationProtection": False})
    aws.answers("delete_stack", {}).stands("DELETE_COMPLETE").tells()
    assert list(aws.deployer.remove(Standing(ID, NAME, "CREATE_COMPLETE", protected=True))) == []
    aws.done()


def test_a_removal_that_fails_says_what_is_in_its_way(aws):
    aws.tells().answers("delete_stack", {}).stands("DELETE_FAILED")
    aws.tells(event(1, "DELETE_FAILED", "Db", "Cannot delete protected DB Instance"))
    with pytest.raises(Failed, match="failed at Db .*: Cannot delete protected DB Instance"):
        list(aws.deployer.remove(STANDING))


def test_an_undoing_that_was_stuck_ends_where_it_was_before_the_update(aws):
    aws.tells().answers("continue_update_rollback", {}, {"StackName": NAME})
    aws.stands("UPDATE_ROLLBACK_COMPLETE").tells(event(1, "UPDATE_ROLLBACK_COMPLETE"))
    assert ids(aws.deployer.undo(STANDING)) == ["event-1"]


def test_an_undoing_that_is_stuck_again_is_a_failure(aws):
    aws.tells().answers("continue_update_rollback", {})
    aws.stands("UPDATE_ROLLBACK_FAILED").tells(event(1, "UPDATE_FAILED", "Group", "still no"))
    with pytest.raises(Failed, match="still no"):
        list(aws.deployer.undo(STANDING))


# Drift


def test_drift_is_asked_for_waited_for_and_read(aws):
    aws.answers("detect_stack_drift", {"StackDriftDetectionId": "d"}, {"StackName": NAME})
    detection = {"StackId": ID, "StackDriftDetectionId": "d", "Timestamp": EARLY}
    aws.answers("describe_stack_drift_detection_status", {**detection, "DetectionStatus": "DETECTION_IN_PROGRESS"})
    aws.refuses("describe_stack_drift_detection_status", "Throttling")
    aws.answers("describe_stack_drift_detection_status", {**detection, "DetectionStatus": "DETECTION_COMPLETE"})
    one = {"StackId": ID, "Timestamp": EARLY, "LogicalResourceId": "Group", "ResourceType": "AWS::EC2::SecurityGroup"}
    difference = {"PropertyPath": "/Ingress/0", "ExpectedValue": "a", "ActualValue": "b", "DifferenceType": "NOT_EQUAL"}
    aws.answers(
        "describe_stack_resource_drifts",
        {
            "StackResourceDrifts": [
                {**one, "StackResourceDriftStatus": "MODIFIED", "PropertyDifferences": [difference]}
            ],
            "NextToken": "2",
        },
    )
    aws.answers(
        "describe_stack_resource_drifts",
        {"StackResourceDrifts": [{**one, "LogicalResourceId": "Vpc", "StackResourceDriftStatus": "DELETED"}]},
    )
    assert aws.deployer.drift(NAME) == [
        Drift("Group", "AWS::EC2::SecurityGroup", "changed", ("/Ingress/0",)),
        Drift("Vpc", "AWS::EC2::SecurityGroup", "deleted"),
    ]
    aws.done()


def test_drift_that_aws_could_not_find_out_is_unknown_not_none(aws):
    detection = {"StackId": ID, "StackDriftDetectionId": "d", "Timestamp": EARLY}
    aws.answers("detect_stack_drift", {"StackDriftDetectionId": "d"})
    aws.answers("describe_stack_drift_detection_status", {**detection, "DetectionStatus": "DETECTION_FAILED"})
    assert aws.deployer.drift(NAME) is None
