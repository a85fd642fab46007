"""Rules as data: what is written comes back, and what cannot be meant is refused."""

import msgspec
import pytest
from hypothesis import given

from compliance.server.policies.rules import Rule, leaves
from tests.server.policies.hosts import rule
from tests.server.policies.strategies import RULES


@given(RULES)
def test_a_rule_comes_back_from_json_as_it_was(made):
    assert msgspec.json.decode(msgspec.json.encode(made), type=Rule) == made


@given(RULES)
def test_a_rule_comes_back_from_texts_as_it_was(made):
    """A YAML file has nothing but texts."""
    assert msgspec.convert(as_texts(msgspec.to_builtins(made)), Rule, strict=False) == made


def as_texts(value):
    if isinstance(value, dict):
        return {key: as_texts(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_texts(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("kind", ["process", "session", "port", "package", "account"])
def test_a_rule_about_every_row_there_is_was_not_meant(kind):
    with pytest.raises(ValueError, match="every row would be"):
        rule(kind=kind, expect="absent")
    with pytest.raises(ValueError, match="every row would be"):
        rule(kind=kind, expect="absent", unless=[{}])


def test_a_field_that_nobody_knows_is_refused():
    for fields in (
        {"kind": "process", "nmae": "x"},
        {"kind": "kernel", "at-least": "1", "x": "y"},
        {"kind": "nothing"},
    ):
        with pytest.raises(msgspec.ValidationError):
            rule(expect="absent", **fields)


def test_what_is_expected_has_to_be_said():
    with pytest.raises(msgspec.ValidationError, match="missing required field `expect`"):
        rule(kind="process", name="x")


def test_of_nothing_neither_all_nor_any_can_be_said():
    for kind in ("all", "any"):
        with pytest.raises(msgspec.ValidationError, match="length >= 1"):
            rule(kind=kind, of=[])


def test_the_parts_of_a_rule_are_found_however_deep():
    clock = {"kind": "clock", "within": "5s"}
    kernel = {"kind": "kernel", "at-least": "6"}
    made = rule(kind="all", of=[clock, {"kind": "not", "rule": {"kind": "any", "of": [kernel, clock]}}])
    assert [type(leaf).__name__ for leaf in leaves(made)] == ["ClockRule", "KernelRule", "ClockRule"]
    assert leaves(rule(**clock)) == [rule(**clock)]
