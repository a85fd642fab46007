"""Where a parameter's value comes from."""

import pytest

from compliance.ops.stacks import read_stacks
from compliance.ops.template import Parameter, Template
from compliance.ops.wiring import Source, Value, kept_parameters, objection, wire
from tests.ops.aws import TEMPLATES

STACK = read_stacks(TEMPLATES)["tiny"]
REGISTRY, NETWORK, SERVER = STACK.templates


def test_what_a_person_says_wins_over_the_file_the_outputs_and_the_default():
    outputs = {"Zones": "9", "Range": "10.9.0.0/16"}
    assert wire(STACK, NETWORK, {"Zones": "1"}, outputs)["Zones"] == Value(Source.given, "1")
    assert wire(STACK, NETWORK, {}, outputs)["Zones"] == Value(Source.file, "2")
    assert wire(STACK, NETWORK, {}, outputs)["Range"] == Value(Source.output, "10.9.0.0/16")
    assert wire(STACK, NETWORK, {}, {})["Range"] == Value(Source.default, "10.0.0.0/16")


def test_what_nobody_says_is_missing():
    assert wire(STACK, SERVER, {}, {})["VpcId"] == Value(Source.missing)


def test_an_output_that_is_yet_to_come_is_known_by_name_only():
    value = wire(STACK, SERVER, {}, {"VpcId": None})["VpcId"]
    assert (value.source, value.text, value.is_to_come) == (Source.output, None, True)


def test_the_stack_and_the_image_are_never_taken_from_elsewhere():
    values = wire(STACK, SERVER, {"ImageUri": "x", "Stack": "y"}, {"ImageUri": "z", "Stack": "z"}, image="it@sha256:1")
    assert (values["Stack"].text, values["ImageUri"].text) == ("tiny", "it@sha256:1")
    assert wire(STACK, SERVER, {"ImageUri": "x"}, {"ImageUri": "z"})["ImageUri"].source is Source.missing


def test_what_was_given_once_is_kept_before_a_default_and_after_everything_else():
    assert wire(STACK, SERVER, {}, {}, kept={"InstanceType"})["InstanceType"] == Value(Source.kept)
    assert wire(STACK, SERVER, {"InstanceType": "x"}, {}, kept={"InstanceType"})["InstanceType"].text == "x"
    assert wire(STACK, NETWORK, {}, {}, kept={"Zones"})["Zones"].source is Source.file


def test_only_what_differs_from_the_default_that_was_deployed_was_given():
    deployed = {"Range": "10.0.0.0/16", "Zones": "2", "Public": "true", "Gone": "x"}
    assert kept_parameters(NETWORK, deployed, {"Range": "10.0.0.0/16", "Zones": "1", "Public": "true"}) == {"Zones"}


def test_what_has_no_default_was_given():
    assert kept_parameters(SERVER, {"VpcId": "vpc-1"}, {}) == {"VpcId"}


def a(**told) -> Parameter:
    return Parameter("Name", told.pop("type", "String"), None, **told)


@pytest.mark.parametrize(
    ("parameter", "text", "complaint"),
    [
        (a(allowed=("a", "b")), "a", None),
        (a(allowed=("a", "b")), "c", "has to be one of a, b, not 'c'"),
        (a(pattern="[a-z]+"), "abc", None),
        (a(pattern="[a-z]+"), "abc1", r"does not match [a-z]+: 'abc1'"),
        (a(pattern="[a-z]+", constraint="letters only"), "1", "letters only"),
        (a(pattern="[a-z]+", secret=True), "hunter2", "does not match [a-z]+: what was given"),
        (a(type="Number"), "3", None),
        (a(type="Number"), "three", "has to be a number, not 'three'"),
        (a(type="Number", limits={"MinValue": 2}), "1", "has to be at least 2"),
        (a(type="Number", limits={"MaxValue": 2}), "3", "has to be at most 2"),
        (a(limits={"MinLength": 2}), "x", "needs a length of at least 2"),
        (a(limits={"MaxLength": 2}), "xyz", "needs a length of at most 2"),
    ],
)
def test_a_value_that_cloudformation_would_refuse_is_refused_before(parameter, text, complaint):
    assert objection(parameter, text) == complaint


def test_a_template_without_parameters_needs_no_values():
    assert wire(STACK, Template("x", "", {}, {}), {}, {}) == {}
