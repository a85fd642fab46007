"""The deployer against answers that no emulator gives: throttling, refusals, rollbacks, drift, odd change sets."""

import pytest

from compliance.errors import ComplianceError
from compliance.ops.deployer import Deployer
from compliance.ops.errors import Denied, Failed
from compliance.ops.proposal import Act, Proposal
from compliance.ops.template import parse_template
from compliance.ops.wiring import Source, Value
from tests.ops.stubs import CHANGE_SET, ID, NAME, Stubbed

TEMPLATE = parse_template("server", "Description: x\nResources: {Group: {Type: AWS::EC2::SecurityGroup}}")
TAGS = {"compliance:stack": "prod"}
PROPOSAL = Proposal(CHANGE_SET, "one", NAME, ID, new=False)
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
MADE = {"Id": CHANGE_SET, "StackId": ID}


@pytest.fixture
def aws() -> Stubbed:
    return Stubbed()


def proposed(aws: Stubbed, values=None, new: bool = False) -> Proposal:
    return aws.deployer.propose(NAME, TEMPLATE, values or {}, TAGS, new)


def ids(happening) -> list[str]:
    return [one.id for one in happening]


# Looking


def test_a_stack_that_aws_does_not_know_is_none(aws):
    aws.refuses("describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist")
    assert aws.deployer.look(NAME) is None


def test_a_stack_that_we_may_not_see_is_not_missing(aws):
    aws.refuses("describe_stacks", "AccessDenied", "not authorized to perform: cloudformation:DescribeStacks")
    with pytest.raises(Denied, match="cloudformation:DescribeStacks"):
        aws.deployer.look(NAME)


# Change sets


def test_a_change_set_is_waited_for_and_read(aws):
    aws.answers("create_change_set", MADE)
    aws.answers("describe_change_set", {"Status": "CREATE_PENDING"})
    aws.answers("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
    change = {"ResourceChange": {"Action": "Modify", "Replacement": "True", "LogicalResourceId": "Group"}}
    aws.answers("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": [change], "NextToken": "2"})
    more = {"ResourceChange": {"Action": "Add", "LogicalResourceId": "Alarm"}}
    aws.answers("describe_change_set", {"Changes": [more]}, {"ChangeSetName": CHANGE_SET, "NextToken": "2"})
    proposal = proposed(aws)
    assert [(one.act, one.resource) for one in proposal.changes] == [(Act.swap, "Group"), (Act.add, "Alarm")]
    assert not proposal.empty
    assert len(aws.slept) == 2
    aws.done()


@pytest.mark.parametrize("reason", [NO_CHANGES, "No updates are to be performed."])
def test_an_empty_change_set_is_no_failure_and_is_tidied_away(aws, reason):
    aws.answers("create_change_set", MADE)
    aws.answers("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    aws.answers("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
    assert proposed(aws).empty
    aws.done()


def test_a_change_set_of_outputs_alone_is_not_empty(aws):
    aws.answers("create_change_set", MADE)
    aws.answers("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": []})
    proposal = proposed(aws)
    assert (proposal.empty, proposal.changes) == (False, ())


def test_a_change_set_that_is_refused_says_why_and_leaves_no_shell_of_a_stack(aws):
    aws.answers("create_change_set", MADE)
    aws.answers("describe_change_set", {"Status": "FAILED", "StatusReason": "Parameters: [VpcId] must have values."})
    aws.answers("delete_change_set", {})
    aws.stands("REVIEW_IN_PROGRESS")
    aws.answers("delete_stack", {}, {"StackName": ID})
    with pytest.raises(
        Failed, match=r"refuses what compliance-prod-server would be: Parameters: \[VpcId\] must have values\.$"
    ):
        proposed(aws, new=True)
    aws.done()


def test_ctrl_c_while_a_change_set_is_made_leaves_none_behind(aws):
    class Interrupting(Deployer):
        def _wait_for_change_set(self, proposal):
            raise KeyboardInterrupt

    aws.answers("create_change_set", MADE).answers("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
    with pytest.raises(KeyboardInterrupt):
        Interrupting(aws.api).propose(NAME, TEMPLATE, {}, TAGS, False)
    aws.done()


def test_discarding_never_deletes_a_stack_that_was_there_before(aws):
    aws.answers("delete_change_set", {})
    aws.deployer.discard(PROPOSAL)
    aws.done()


def test_discarding_a_new_stack_deletes_nothing_that_somebody_has_filled_meanwhile(aws):
    aws.answers("delete_change_set", {})
    aws.stands("CREATE_COMPLETE")
    aws.deployer.discard(Proposal(CHANGE_SET, "one", NAME, ID, new=True))
    aws.done()


def test_a_change_set_that_is_gone_already_is_discarded(aws):
    aws.refuses("delete_change_set", "ChangeSetNotFound", "ChangeSet [one] does not exist")
    aws.deployer.discard(PROPOSAL)


def test_values_are_said_kept_or_left_to_the_default(aws):
    values = {
        "Size": Value(Source.given, "large"),
        "Password": Value(Source.kept),
        "Zones": Value(Source.default, "2"),
    }
    told = [{"ParameterKey": "Size", "ParameterValue": "large"}, {"ParameterKey": "Password", "UsePreviousValue": True}]
    seen = {}
    aws.stubber.client.meta.events.register(
        "provide-client-params.*.CreateChangeSet", lambda params, **_: seen.update(params)
    )
    aws.answers("create_change_set", MADE).answers("describe_change_set", {"Status": "CREATE_COMPLETE"})
    proposed(aws, values)
    assert seen["Parameters"] == told
    assert (seen["ChangeSetType"], seen["StackName"]) == ("UPDATE", NAME)
    assert seen["Tags"] == [{"Key": "compliance:stack", "Value": "prod"}]


def test_a_value_that_nobody_knows_never_reaches_aws(aws):
    with pytest.raises(ComplianceError, match="--parameter VpcId="):
        proposed(aws, {"VpcId": Value(Source.missing)})
    with pytest.raises(ComplianceError, match="VpcId"):
        proposed(aws, {"VpcId": Value(Source.output)})
