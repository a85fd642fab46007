"""What is proved offline: each mistake in a stack is found, and a whole stack has none."""

import pytest

from compliance.ops.stacks import Stack, read_stacks
from compliance.ops.validate import MOST_BYTES, complaints, wired
from tests.ops.aws import TEMPLATES


def change(folder, name: str, old: str, new: str) -> Stack:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return read_stacks(folder)["tiny"]


def told(stack: Stack, **given: str) -> list[str]:
    return [f"{one.template} {one.where}: {one.what}" for one in complaints(stack, given)]


@pytest.mark.parametrize("name", ["tiny", "storage"])
def test_a_whole_stack_has_nothing_to_complain_about(name):
    assert complaints(read_stacks(TEMPLATES)[name], {}) == []


def test_a_misspelt_output_leaves_a_parameter_without_a_value(folder):
    stack = change(folder, "network.yaml", "  VpcId: {Value", "  VpcID: {Value")
    assert told(stack) == [
        "server VpcId: has no value: no earlier template has an output of this name, and neither stacks.toml nor a "
        "Default gives one"
    ]


def test_the_wrong_order_is_told_as_such(folder):
    stack = change(folder, "stacks.toml", '"registry", "network", "server"', '"registry", "server", "network"')
    assert told(stack) == [
        "server VpcId: has no value: it is an output of network, which comes later",
        "server SubnetIds: has no value: it is an output of network, which comes later",
    ]


def test_an_output_that_is_not_there_under_these_parameters_gives_nothing(folder):
    stack = change(
        folder, "server.yaml", "VpcId: {Type: AWS::EC2::VPC::Id}", "VpcId: {Type: String}\n  GatewayId: {Type: String}"
    )
    assert told(stack) == [
        "server GatewayId: has no value: it is an output of network, which does not have it under these parameters"
    ]
    assert told(stack, Public="true") == []


def test_an_output_of_the_same_template_is_no_value(folder):
    stack = change(folder, "server.yaml", "  GroupId: {Value", "  Own: {Value: x}\n  GroupId: {Value")
    stack = change(folder, "server.yaml", "  Stack: {Type: String}", "  Stack: {Type: String}\n  Own: {Type: String}")
    assert told(stack) == ["server Own: has no value: it is an output of this same template"]


def test_two_templates_with_one_output_are_ambiguous(folder):
    stack = change(folder, "registry.yaml", "Outputs:", "Outputs:\n  VpcId: {Value: x}")
    assert told(stack) == [
        "stacks.toml VpcId: is an output of both registry and network: a parameter could mean either"
    ]


def test_a_parameter_of_the_file_that_nobody_takes_is_found(folder):
    stack = change(folder, "stacks.toml", "Zones = 2", "Zone = 2")
    assert told(stack) == ["stacks.toml Zone: is a parameter of no template of this stack"]


def test_the_file_may_not_say_what_this_program_finds(folder):
    stack = change(folder, "stacks.toml", "Zones = 2", 'ImageUri = "x"')
    assert told(stack) == ["stacks.toml ImageUri: is found by this program, and cannot stand in the file"]


def test_a_value_that_the_template_does_not_take_is_found_wherever_it_comes_from(folder):
    stack = change(folder, "stacks.toml", "Zones = 2", "Zones = 3")
    assert told(stack) == ["network Zones: has to be at most 2 (from stacks.toml)"]
    assert told(stack, Zones="1", Range="x") == [
        "network Range: has to be a range such as 10.0.0.0/16 (from --parameter)"
    ]


def test_a_default_that_its_own_template_refuses_is_found(folder):
    stack = change(folder, "network.yaml", "Default: 10.0.0.0/16", "Default: everywhere")
    assert told(stack) == ["network Range: has to be a range such as 10.0.0.0/16 (from default)"]


def test_a_name_that_leads_nowhere_is_found(folder):
    stack = change(folder, "registry.yaml", "compliance-${Stack}", "compliance-${Stacks}")
    assert told(stack) == [
        "registry Resources.Repository: names Stacks, which is neither a parameter nor a resource here"
    ]


def test_a_template_that_is_too_large_for_a_call_is_found(folder):
    stack = change(folder, "registry.yaml", "Resources:", f"# {'x' * MOST_BYTES}\nResources:")
    assert "CloudFormation takes 51,200" in told(stack)[0]


def test_a_template_says_what_it_is_for(folder):
    stack = change(folder, "registry.yaml", "Description: Where images are kept", "")
    assert told(stack) == ["registry Description: is missing"]


def test_what_only_a_person_knows_is_asked_for_and_no_complaint(folder):
    stack = change(folder, "server.yaml", "  Stack: {Type: String}", "  Stack: {Type: String}\n  Email: {Type: String}")
    assert told(stack) == []
    assert [row.asked for row in wired(stack, {})] == [[], [], ["Email"]]
    assert [row.asked for row in wired(stack, {"Email": "a@example.org"})] == [[], [], []]
