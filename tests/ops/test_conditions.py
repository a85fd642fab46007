"""Conditions: true, false, or unknown."""

import pytest

from compliance.ops.conditions import COMING, evaluate, made, present_outputs
from compliance.ops.template import parse_template


def test_what_is_yet_to_come_is_not_nothing_but_what_it_is_nobody_knows():
    def truth(text: str) -> bool | None:
        return evaluate(conditions(text), {"Vpc": COMING})["It"]

    assert truth("!Equals [!Ref Vpc, '']") is False
    assert truth("!Not [!Equals ['', !Ref Vpc]]") is True
    assert truth("!Equals [!Ref Vpc, vpc-1]") is None
    assert truth("!Equals [!Ref Vpc, !Ref Vpc]") is None


def conditions(text: str):
    return parse_template(
        "example", f"Conditions:\n  It: {text}\n  Holds: !Equals [a, a]\n  Fails: !Equals [a, b]\nResources: {{}}"
    )


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("!Equals [!Ref Size, large]", True),
        ("!Equals [!Ref Size, small]", False),
        ("!Equals [!Ref Other, small]", None),
        ("!Equals [!Ref 'AWS::Region', eu-west-1]", True),
        ("!Equals [!Sub '${Size}', large]", None),
        ("!Equals ['true', true]", True),
        ("!Not [!Condition Fails]", True),
        ("!Not [!Condition Nowhere]", None),
        ("!And [!Condition Holds, !Condition Fails]", False),
        ("!And [!Condition Nowhere, !Condition Fails]", False),
        ("!And [!Condition Nowhere, !Condition Holds]", None),
        ("!Or [!Condition Nowhere, !Condition Holds]", True),
        ("!Or [!Condition Fails, !Condition Fails]", False),
        ("!Or [!Condition Nowhere, !Condition Fails]", None),
        ("!Condition It", None),
        ("!ImportValue x", None),
        ("words", None),
    ],
)
def test_a_condition_is_as_true_as_what_is_known(text, truth):
    assert evaluate(conditions(text), {"Size": "large", "AWS::Region": "eu-west-1"})["It"] is truth


RESOURCES = """
Conditions: {IsLarge: !Equals [!Ref Size, large]}
Resources:
  Always: {Type: A}
  Sometimes: {Type: B, Condition: IsLarge}
Outputs:
  Plain: {Value: x}
  Large: {Value: x, Condition: IsLarge}
"""


def test_a_resource_is_made_where_its_condition_holds():
    template = parse_template("example", RESOURCES)
    assert made(template, {"Size": "large"}) == {"Always": True, "Sometimes": True}
    assert made(template, {"Size": "small"}) == {"Always": True, "Sometimes": False}
    assert made(template, {}) == {"Always": True, "Sometimes": None}


def test_an_output_whose_condition_is_false_is_not_there():
    template = parse_template("example", RESOURCES)
    assert present_outputs(template, {"Size": "large"}) == {"Plain": True, "Large": True}
    assert present_outputs(template, {"Size": "small"}) == {"Plain": True}
    assert present_outputs(template, {}) == {"Plain": True, "Large": None}
