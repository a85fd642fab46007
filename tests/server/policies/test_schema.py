"""The schema that editors read agrees with our own reader."""

import json

import jsonschema
import pytest
import yaml

from compliance.server.policies.reading import read
from compliance.server.policies.schema import schema
from tests.server.policies.test_reading import HEAD, RULE, with_rule

CHECKER = jsonschema.Draft202012Validator(json.loads(json.dumps(schema())))


def is_fine(text):
    return not list(CHECKER.iter_errors(yaml.safe_load(text)))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(schema())))


def test_what_we_read_is_fine_for_the_schema():
    assert is_fine(HEAD + RULE)
    assert is_fine(
        with_rule(
            "kind: any\nof:\n - {kind: clock, within: 5s}\n - {kind: process, name: [a, {glob: b}], expect: absent}"
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + RULE + "x: y\n",
        HEAD.replace("high", "grave") + RULE,
        HEAD.replace("no-nc", "No NC") + RULE,
        with_rule("kind: proces\nname: a\nexpect: absent"),
        with_rule("kind: process\nnmae: a\nexpect: absent"),
        with_rule("kind: clock\nwithin: soon"),
    ],
)
def test_what_we_refuse_is_marked_by_the_schema(text):
    assert read(text, "a.yaml")[0] == []
    assert not is_fine(text)


def test_every_field_of_a_rule_says_what_it_means():
    silent = [
        f"{name}.{field}"
        for name, struct in schema()["$defs"].items()
        if name.endswith("Rule")
        for field, told in struct["properties"].items()
        if not any("description" in part for part in (told, *told.get("anyOf", ()))) and "$ref" not in str(told)
        if "enum" not in told or "default" in told
    ]
    assert [one for one in silent if not one.endswith(".kind")] == []
