"""Every template says what it is, what it takes and what it gives, and the stacks give each what it takes."""

import re

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from compliance.ops.stacks import read_stacks
from compliance.ops.validate import complaints
from compliance.server.storage.mysql.connect import RDS
from tests.templates.reading import FOLDER, IN_STACKS, NAMES, STACKS, resources, settings, template, text_of

README = (FOLDER / "README.md").read_text(encoding="utf-8")
LIMITED = ("AllowedPattern", "AllowedValues", "MinValue")
SAID_BY_THE_DEPLOYER = {"Stack", "ImageUri", "Email"}
OURS_TO_GIVE = {"CertificateArn", "HostName", "HostedZoneId", "DatabaseSnapshot", "DiskSnapshot"}
TAG = {"Key": "compliance:stack", "Value": {"Ref": "Stack"}}


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_a_description_and_fits_into_one_call(name):
    assert len(template(name)["Description"].split()) > 5
    assert len(text_of(name).encode()) <= 51_200


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_says_what_it_is_and_refuses_what_cannot_be_meant(name):
    for parameter, told in template(name)["Parameters"].items():
        assert len(told["Description"].split()) > 2, parameter
        assert any(key in told for key in LIMITED) or "AWS::" in told["Type"], f"{parameter} takes anything"
        assert "AllowedPattern" not in told or told["ConstraintDescription"].startswith("has to "), parameter
        if "AllowedPattern" in told and "Default" in told:
            assert re.fullmatch(told["AllowedPattern"], told["Default"]), parameter


@pytest.mark.parametrize("name", NAMES)
def test_every_output_says_what_it_is(name):
    assert [key for key, told in template(name)["Outputs"].items() if len(told["Description"].split()) < 2] == []


def taggable(kind: str) -> bool:
    """Whether AWS's own schema of the type, as cfn-lint brings it, knows tags."""
    return "Tags" in PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["properties"]


def test_every_resource_that_can_be_tagged_names_its_stack():
    bare = []
    for where, resource in resources():
        tags = resource.get("Properties", {}).get("Tags")
        if isinstance(tags, dict):
            tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        own = [{key: tag[key] for key in ("Key", "Value")} for tag in tags or ()]
        if TAG not in own and (tags or taggable(resource["Type"])):
            bare.append(where)
    assert bare == []


def test_a_parameter_of_one_name_is_the_same_everywhere():
    told: dict[str, dict] = {}
    for name in NAMES:
        for parameter, now in template(name)["Parameters"].items():
            same = {key: now.get(key) for key in ("Type", "AllowedPattern", "AllowedValues")}
            assert told.setdefault(parameter, same) == same, f"{name}.{parameter}"


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_holds_together(stack):
    """Every name leads somewhere, and every parameter has a value when its turn comes: what `ops validate` looks at."""
    assert complaints(read_stacks(FOLDER)[stack], {}) == []


@pytest.mark.parametrize("stack", STACKS)
def test_what_comes_from_an_earlier_template_is_taken_by_a_later_one_under_the_same_name(stack):
    """An optional parameter that nobody gives would be silently empty: each of them is an output of some template."""
    given = {key for name in NAMES for key in template(name)["Outputs"]}
    names = STACKS[stack]["templates"]
    empty = {
        key
        for name in names
        for key, told in template(name)["Parameters"].items()
        if told.get("Default") == "" and key not in OURS_TO_GIVE
    }
    assert empty <= given


@pytest.mark.parametrize(("stack", "name"), IN_STACKS)
def test_the_values_of_a_stack_are_ones_that_its_templates_allow(stack, name):
    for parameter, told in template(name)["Parameters"].items():
        value = settings(stack, name)[parameter]
        if parameter in STACKS[stack].get("parameters", {}) or parameter in SAID_BY_THE_DEPLOYER:
            assert value in told.get("AllowedValues", [value])
            assert re.fullmatch(told.get("AllowedPattern", ".*"), str(value)), parameter


def test_templates_that_hold_data_say_so_and_no_others():
    snapshots = {where.partition(".")[0] for where, one in resources() if one.get("DeletionPolicy") == "Snapshot"}
    told = {name for name in NAMES if template(name).get("Metadata", {}).get("compliance", {}).get("data")}
    assert snapshots == told == {"database", "single"}


def test_every_template_is_in_a_stack_and_in_the_readme():
    assert {name for _, name in IN_STACKS} == set(NAMES)
    assert [name for name in NAMES if f"`{name}.yaml`" not in README] == []


def test_the_database_stands_only_where_its_authority_is_known():
    known = re.findall(r"Amazon RDS (\S+) Root CA", RDS.read_text())
    (rule,) = template("database")["Rules"]["KnownAuthority"]["Assertions"]
    assert rule["Assert"]["Fn::Contains"][0] == known
    database = template("database")["Resources"]["Database"]["Properties"]
    assert database["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"


def test_conditions_and_policies_name_this_account_and_partition_and_no_other():
    text = "\n".join(text_of(name) for name in NAMES)
    assert re.findall(r"arn:aws:(?!\[)|\b\d{12}\b", text) == []
