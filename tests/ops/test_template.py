"""Templates as they are read: short forms, parameters, and what is no template."""

import pytest

from compliance.errors import WrongUsage
from compliance.ops.template import parse_template, read_template, scalar
from tests.ops.aws import TEMPLATES

BODY = """
Description: An example
Metadata: {compliance: {data: true}}
Parameters:
  Size: {Type: Number, Default: 3, MinValue: 1, MaxValue: 9}
  Public: {Type: String, Default: true, AllowedValues: [true, false]}
  Zones: {Type: CommaDelimitedList, Default: [a, b]}
  Password: {Type: String, NoEcho: true, AllowedPattern: "[a-z]+", ConstraintDescription: letters only}
Conditions:
  IsPublic: !Equals [!Ref Public, "true"]
Resources:
  Role:
    Type: AWS::IAM::Role
    Condition: IsPublic
    Properties:
      Policy:
        Version: 2012-10-17
        Arn: !GetAtt Other.Arn
        Url: !Sub "https://${Size}"
        Deep: !If [IsPublic, !Ref Size, !Ref "AWS::NoValue"]
Outputs:
  Name: {Value: !Ref Role}
"""


def test_the_short_forms_are_written_out():
    policy = parse_template("example", BODY).resources["Role"]["Properties"]["Policy"]
    assert policy["Arn"] == {"Fn::GetAtt": ["Other", "Arn"]}
    assert policy["Url"] == {"Fn::Sub": "https://${Size}"}
    assert policy["Deep"] == {"Fn::If": ["IsPublic", {"Ref": "Size"}, {"Ref": "AWS::NoValue"}]}


def test_a_date_in_a_policy_stays_the_text_that_it_is():
    assert parse_template("example", BODY).resources["Role"]["Properties"]["Policy"]["Version"] == "2012-10-17"


def test_parameters_tell_their_defaults_and_their_limits():
    parameters = parse_template("example", BODY).parameters
    assert (parameters["Size"].default, parameters["Size"].limits) == ("3", {"MinValue": 1, "MaxValue": 9})
    assert (parameters["Public"].default, parameters["Public"].allowed) == ("true", ("true", "false"))
    assert parameters["Zones"].default == "a,b"
    assert (parameters["Password"].default, parameters["Password"].secret) == (None, True)


def test_what_holds_data_says_so():
    assert parse_template("example", BODY).holds_data
    assert not read_template(TEMPLATES / "network.yaml").holds_data
    assert not parse_template("example", "Metadata: [1]\nResources: {}").holds_data


def test_what_is_sent_is_the_file_byte_for_byte():
    assert read_template(TEMPLATES / "server.yaml").body == (TEMPLATES / "server.yaml").read_text()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("Resources: [", "example.yaml is not YAML"),
        ("Resources:\n  A: {Type: X}\n  A: {Type: Y}\n", "the key A twice"),
        ("Description: nothing", "it has no Resources"),
        ("- a list", "it has no Resources"),
        ("Resources: !!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_what_is_no_template_is_refused_in_one_sentence(body, complaint):
    with pytest.raises(WrongUsage, match=complaint) as raised:
        parse_template("example", body)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WrongUsage, match="nothing.yaml"):
        read_template(tmp_path / "nothing.yaml")


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrongUsage, match="bytes.yaml is not UTF-8"):
        read_template(tmp_path / "bytes.yaml")


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (3, "3"), (["a", 2, False], "a,2,false"), ("x", "x")])
def test_values_become_what_cloudformation_takes(value, text):
    assert scalar(value) == text
