"""Plans against moto: resources are really made there, so that a plan has something to compare with."""

import boto3
import pytest

from compliance.errors import Unreachable, WrongUsage
from compliance.ops.aws import connect
from compliance.ops.deployer import Deployer
from compliance.ops.plan import Planner, Shift
from compliance.ops.proposal import Act
from compliance.ops.rollout import Rollout
from compliance.ops.stacks import read_stacks
from compliance.ops.standing import Standing
from tests.ops.aws import REGION, TEMPLATES
from tests.ops.rollouts import IMAGE, OTHER_IMAGE, Fixed
from tests.ops.voices import Scripted

pytestmark = pytest.mark.usefixtures("aws")


def planner(given=None, stack: str = "tiny") -> Planner:
    deployer = Deployer(connect().api("cloudformation"))
    return Planner(read_stacks(TEMPLATES)[stack], deployer, given or {}, REGION, "1.0")


def deploy(given=None, image: str = IMAGE) -> None:
    made = planner(given)
    Rollout(made, made._deployer, Scripted()).deploy(Fixed(image))


def rows(plan) -> list[tuple[str, str, str]]:
    return [(step.template.name, str(change.act), change.resource) for step in plan.steps for change in step.changes]


def change_sets(stack: str) -> list[str]:
    client = boto3.client("cloudformation", region_name=REGION)
    return [one["ChangeSetName"] for one in client.list_change_sets(StackName=stack)["Summaries"]]


def stacks() -> list[str]:
    client = boto3.client("cloudformation", region_name=REGION)
    return [one["StackName"] for one in client.describe_stacks()["Stacks"]]


def test_a_stack_that_is_not_there_is_all_additions_and_aws_is_left_alone():
    made = planner()
    plan = made.plan(made.standings(), None)
    assert rows(plan) == [
        ("registry", "add", "Repository"),
        ("network", "add", "Vpc"),
        ("network", "add", "SubnetA"),
        ("network", "add", "SubnetB"),
        ("server", "add", "Group"),
        ("server", "add", "Image"),
        ("server", "add", "Size"),
        ("server", "add", "Secret"),
    ]
    assert stacks() == []
    assert plan.steps[2].waits_for == ("VpcId", "SubnetIds")


def test_conditions_decide_what_would_be_there():
    made = planner({"Zones": "1", "Public": "true"})
    network = made.plan(made.standings(), None).steps[1]
    assert [change.resource for change in network.changes] == ["Vpc", "SubnetA", "Gateway"]


def test_nothing_changes_where_nothing_did():
    deploy()
    made = planner()
    plan = made.plan(made.standings(), IMAGE)
    assert plan.is_nothing
    assert rows(plan) == []
    assert [step.shifts for step in plan.steps] == [(), (), ()]


def test_another_size_changes_what_it_sizes_and_is_told():
    deploy()
    made = planner({"InstanceType": "t4g.large"})
    plan = made.plan(made.standings(), None)
    assert rows(plan) == [("server", "change", "Size")]
    assert plan.steps[2].shifts == (Shift("InstanceType", "t4g.small", "t4g.large"),)


def test_a_plan_leaves_nothing_behind_once_it_is_discarded():
    deploy()
    made = planner({"InstanceType": "t4g.large"})
    plan = made.plan(made.standings(), None)
    before = change_sets("compliance-tiny-server")
    made.discard(plan.steps)
    assert len(before) - len(change_sets("compliance-tiny-server")) == 1


def test_what_was_given_once_is_kept_at_the_next_deployment():
    deploy({"InstanceType": "t4g.large"})
    made = planner()
    assert made.plan(made.standings(), None).is_nothing


def test_the_image_that_runs_is_kept_until_another_is_named():
    deploy()
    made = planner()
    assert rows(made.plan(made.standings(), None)) == []
    assert rows(made.plan(made.standings(), OTHER_IMAGE)) == [("server", "change", "Image")]


def test_a_secret_is_never_shown():
    deploy({"Note": "hunter2"})
    made = planner({"Note": "hunter3"})
    shifts = made.plan(made.standings(), None).steps[2].shifts
    assert shifts == (Shift("Note", None, None),)


def test_a_resource_that_goes_is_told_as_removed():
    deploy()
    made = planner({"Zones": "1"})
    plan = made.plan(made.standings(), None)
    assert ("network", "change", "SubnetB") in rows(plan) or ("network", "remove", "SubnetB") in rows(plan)


def test_a_value_that_the_template_refuses_is_refused_before_aws_is_asked():
    made = planner({"Zones": "7"})
    with pytest.raises(WrongUsage, match=r"Zones \(network, from --parameter\) has to be at most 2"):
        made.plan(made.standings(), None)
    assert stacks() == []


def test_a_stack_at_work_cannot_be_planned_for():
    made = planner()
    standings = {**made.standings(), "network": Standing("id", "compliance-tiny-network", "UPDATE_IN_PROGRESS")}
    with pytest.raises(Unreachable, match="compliance-tiny-network is being worked on"):
        made.plan(standings, None)


def test_what_a_failed_attempt_left_is_planned_as_new():
    made = planner()
    standings = {**made.standings(), "network": Standing("id", "compliance-tiny-network", "ROLLBACK_COMPLETE")}
    assert made.plan(standings, None).steps[1].new


def test_a_template_that_waits_for_a_new_output_says_for_which():
    deploy()
    made = planner()
    standings = made.standings()
    network = standings["network"]
    assert network is not None
    older = {name: value for name, value in network.outputs.items() if name != "SubnetIds"}
    standings["network"] = Standing(**{**vars(network), "outputs": older})
    step = made.plan(standings, None).steps[2]
    assert (step.waits_for, step.changes, step.is_nothing) == (("SubnetIds",), (), False)


def test_only_what_takes_away_where_data_is_loses_data():
    made = planner(stack="storage")
    store, beside = made.plan(made.standings(), None).steps
    assert (store.template.holds_data, store.loses_data, beside.loses_data) == (True, False, False)
    assert {change.act for change in store.changes} == {Act.add}
