"""Names within a template that lead nowhere."""

import pytest

from compliance.ops.references import dangling
from compliance.ops.template import parse_template

FRAME = """
Parameters: {{Size: {{Type: String}}}}
Mappings: {{Sizes: {{a: {{b: c}}}}}}
Conditions: {{IsLarge: !Equals [!Ref Size, large]}}
Resources:
  Other: {{Type: A}}
  It: {{Type: B, Properties: {{Value: {value}}}{beside}}}
"""


def found(value: str = "x", beside: str = "") -> list[str]:
    return [what for _, what in dangling(parse_template("example", FRAME.format(value=value, beside=beside)))]


@pytest.mark.parametrize(
    "value",
    [
        "!Ref Size",
        "!Ref Other",
        "!Ref 'AWS::Region'",
        "!GetAtt Other.Arn",
        "!Sub '${Size} ${Other} ${Other.Arn} ${AWS::AccountId} ${!Literal} $5 {x}'",
        "!Sub ['${Own}', {Own: x}]",
        "!FindInMap [Sizes, a, b]",
        "!FindInMap [!Ref Size, a, b]",
        "!If [IsLarge, 1, 2]",
        "{Statement: [{Condition: {StringEquals: {a: b}}}]}",
    ],
)
def test_a_name_that_is_there_is_fine(value):
    assert found(value) == []


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("!Ref Nothing", "names Nothing, which is neither a parameter nor a resource here"),
        ("!GetAtt Nothing.Arn", "takes an attribute of Nothing, which is no resource here"),
        ("!GetAtt Size.Arn", "takes an attribute of Size, which is no resource here"),
        ("!Sub 'a ${Nothing}'", "names Nothing, which is neither a parameter nor a resource here"),
        ("!Sub 'a ${Nothing.Arn}'", "takes an attribute of Nothing, which is no resource here"),
        (
            "!Sub ['${Own}${Nothing}', {Own: !Ref None}]",
            "names Nothing, which is neither a parameter nor a resource here",
        ),
        ("!FindInMap [Nothing, a, b]", "looks into the mapping Nothing, which is not there"),
        ("!If [Nothing, 1, 2]", "asks If for Nothing, which is no condition here"),
        ("!If [IsLarge, 1]", "asks If for IsLarge, which is no condition here"),
        ("!Join ['', [a, {b: !Ref Nothing}]]", "names Nothing, which is neither a parameter nor a resource here"),
    ],
)
def test_a_name_that_is_not_there_is_found_however_deep(value, complaint):
    assert complaint in found(value)


def test_values_are_never_imported():
    assert "imports a value" in found("!ImportValue Nothing")[0]


@pytest.mark.parametrize(
    ("beside", "complaint"),
    [
        (", Condition: Nothing", "needs the condition Nothing, which is not there"),
        (", DependsOn: Nothing", "depends on Nothing, which is no resource here"),
        (", DependsOn: [Other, Nothing]", "depends on Nothing, which is no resource here"),
    ],
)
def test_what_stands_beside_the_properties_is_looked_at(beside, complaint):
    assert found(beside=beside) == [complaint]


def test_a_complaint_says_where():
    body = "Resources: {A: {Properties: {}}}\nOutputs: {B: {Value: !Ref C, Condition: D}}"
    assert list(dangling(parse_template("example", body))) == [
        ("Outputs.B", "names C, which is neither a parameter nor a resource here"),
        ("Resources.A", "is no resource: it has no Type"),
        ("Outputs.B", "needs the condition D, which is not there"),
    ]
