"""What CloudFormation told, and what of it is the reason."""

from compliance.ops.events import first_failure, last_operation, read
from tests.ops.stubs import NAME, event

CREATED = [
    event(1, "CREATE_IN_PROGRESS", reason="User Initiated"),
    event(2, "CREATE_FAILED", "Old", "the old reason"),
    event(3, "ROLLBACK_COMPLETE"),
]
UPDATED = [
    event(4, "UPDATE_IN_PROGRESS", reason="User Initiated"),
    event(5, "UPDATE_IN_PROGRESS", "Group"),
    event(6, "UPDATE_FAILED", "Alarm", "Resource update cancelled"),
    event(7, "UPDATE_FAILED", "Group", "Received 1 FAILURE signal"),
    event(8, "UPDATE_ROLLBACK_IN_PROGRESS", reason="The following resource(s) failed to update: [Group, Alarm]."),
    event(9, "UPDATE_FAILED", "Group", "a later trouble of the undoing"),
    event(10, "UPDATE_ROLLBACK_FAILED", reason="The following resource(s) failed to update"),
]


def told(*answers):
    return [read(answer) for answer in answers]


def reason(*answers) -> tuple[str, str | None] | None:
    found = first_failure(told(*answers))
    return None if found is None else (found.resource, found.reason)


def test_an_event_knows_whether_it_is_the_stacks_own():
    own, other = told(CREATED[0], CREATED[1])
    assert (own.own, own.resource, own.reason, own.failed) == (True, NAME, "User Initiated", False)
    assert (other.own, other.resource, other.reason, other.failed) == (False, "Old", "the old reason", True)
    assert own.at_ms == 1772546581000


def test_the_last_operation_begins_where_the_stack_itself_began():
    assert [one.id for one in last_operation(told(*CREATED, *UPDATED))] == [f"event-{n}" for n in range(4, 11)]


def test_an_undoing_is_no_operation_of_its_own():
    assert last_operation(told(*CREATED))[0].state == "CREATE_IN_PROGRESS"


def test_without_a_beginning_everything_is_the_operation():
    assert len(last_operation(told(*UPDATED[1:3]))) == 2
    assert last_operation([]) == []


def test_the_first_failure_that_no_other_caused_is_the_reason():
    assert reason(*UPDATED) == ("Group", "Received 1 FAILURE signal")


def test_where_no_resource_failed_the_stacks_own_words_are_the_reason():
    assert reason(event(1, "CREATE_FAILED", reason="Bad template"), event(2, "CREATE_FAILED")) == (NAME, "Bad template")


def test_an_echo_is_better_than_no_reason():
    assert reason(UPDATED[2]) == ("Alarm", "Resource update cancelled")


def test_where_nothing_failed_there_is_no_reason():
    assert reason(UPDATED[0], UPDATED[1]) is None
