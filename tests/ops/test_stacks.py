"""stacks.toml, and the parameters of a command line."""

import pytest

from compliance.errors import WrongUsage
from compliance.ops.stacks import choose, parse_given, read_stacks
from tests.ops.aws import TEMPLATES

STACKS = read_stacks(TEMPLATES)


def test_a_stack_has_its_templates_in_the_order_of_the_file():
    assert [template.name for template in STACKS["tiny"].templates] == ["registry", "network", "server"]


def test_values_of_the_file_are_texts_as_cloudformation_takes_them():
    assert STACKS["tiny"].parameters == {"Zones": "2", "Public": "false"}


def test_each_template_is_a_stack_of_its_own_by_name():
    assert STACKS["tiny"].called(STACKS["tiny"].templates[1]) == "compliance-tiny-network"


def test_a_stack_that_is_not_there_gets_a_guess():
    with pytest.raises(WrongUsage, match="did you mean 'tiny'"):
        choose(STACKS, "tinny")
    with pytest.raises(WrongUsage, match="has tiny, storage"):
        choose(STACKS, "production")


def test_parameters_of_the_command_line_may_hold_equals_signs():
    assert parse_given(["Note=a=b", "Zones=1"], STACKS["tiny"]) == {"Note": "a=b", "Zones": "1"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Zones", "write --parameter Key=Value"),
        ("Zone=1", "did you mean Zones"),
        ("Quantity=1", "they take"),
        ("Stack=x", "choose it with --stack"),
        ("ImageUri=x", "name it with --image"),
    ],
)
def test_a_parameter_that_no_template_takes_is_refused(text, complaint):
    with pytest.raises(WrongUsage, match=complaint):
        parse_given([text], STACKS["tiny"])


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[dev", "is not TOML"),
        ("dev = 3", r"\[dev\] is no stack"),
        ("['a b']\ntemplates = ['network']", "is no stack"),
        ("[dev]\ntemplate = ['network']", "not template"),
        ("[dev]\ntemplates = 'network'", "not templates"),
        ("[dev]\ntemplates = []", "needs templates"),
        ("[dev]\ntemplates = ['network', 'network']", "each named once"),
        ("[dev]\ntemplates = ['nothing']", "nothing.yaml"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path, toml, complaint):
    (tmp_path / "stacks.toml").write_text(toml)
    (tmp_path / "network.yaml").write_text((TEMPLATES / "network.yaml").read_text())
    with pytest.raises(WrongUsage, match=complaint):
        read_stacks(tmp_path)


def test_a_folder_without_the_file_is_named(tmp_path):
    with pytest.raises(WrongUsage, match="stacks.toml"):
        read_stacks(tmp_path)
