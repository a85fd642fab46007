"""The policies that come with us: each tried by its own cases, and none fails on a host as its maker installs it."""

import datetime
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from compliance.server.policies.automaton import Automaton
from compliance.server.policies.catalogue import builtin
from compliance.server.policies.expressions import parse
from compliance.server.policies.judge import judge
from compliance.server.policies.schema import schema
from compliance.server.policies.trials import run, untried
from tests.server.policies.ordinary import HOSTS
from tests.server.policies.strategies import NOON

LOADED = {one.policy.id: one for one in builtin().loaded}
POLICIES = {name: one.policy for name, one in LOADED.items()}


def test_they_are_read_without_a_mistake():
    assert builtin().problems == ()
    assert len(POLICIES) >= 40


@pytest.mark.parametrize("name", POLICIES)
def test_its_own_cases_are_met(name):
    assert [str(trial) for trial in run(POLICIES[name]) if not trial.succeeded] == []


@pytest.mark.parametrize("name", POLICIES)
def test_it_has_a_case_of_every_verdict(name):
    assert untried(POLICIES[name]) == []


@pytest.mark.parametrize("name", POLICIES)
def test_it_says_why_and_how_to_mend_it(name):
    policy = POLICIES[name]
    for text in (policy.why, policy.remedy):
        assert text.rstrip().endswith((".", "`."))
    assert not policy.title.endswith(".")
    assert policy.pack == Path(LOADED[name].file).stem


def test_each_is_evidence_for_a_control_of_most_frameworks():
    for policy in POLICIES.values():
        given = policy.controls
        assert given.nist, policy.id
        assert given.soc2, policy.id
        assert given.iso, policy.id
        assert given.cis or given.pci or policy.id == "processors-have-a-pause", policy.id


@pytest.mark.parametrize("host", HOSTS)
def test_an_ordinary_host_fails_nowhere(host):
    verdicts = {name: judge(policy, HOSTS[host], NOON) for name, policy in POLICIES.items()}
    assert {name: one.observed for name, one in verdicts.items() if one is not None and one.outcome != "pass"} == {}


def test_what_an_ordinary_host_is_asked_is_most_of_it():
    asked = [policy for policy in POLICIES.values() if judge(policy, HOSTS["rhel"], NOON) is not None]
    assert len(asked) > len(POLICIES) * 0.8


def test_editors_find_no_mistake_in_them():
    checker = jsonschema.Draft202012Validator(json.loads(json.dumps(schema())))
    for path in sorted({one.file for one in LOADED.values()}):
        for document in yaml.safe_load_all(Path(path).read_text(encoding="utf-8")):
            assert [error.message for error in checker.iter_errors(as_json(document)) if document] == []


def as_json(value):
    """PyYAML makes dates of what editors take for text."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, datetime.date) else value


def test_no_policy_asks_for_an_expression_that_it_does_not_need():
    """An expression without a word that every match holds is run over every text there is."""
    slow = [
        (policy.id, regex)
        for policy in POLICIES.values()
        for regex, any_case in expressions(policy.rule)
        if Automaton(*parse(regex, any_case)).needed is None
    ]
    assert [one for one in slow if one[0] not in {"no-nis-entries", "no-shells-of-web-servers"}] == []


def expressions(value):
    if hasattr(value, "regex") and value.regex is not None:
        yield value.regex, value.any_case
    elif isinstance(value, tuple):
        for one in value:
            yield from expressions(one)
    elif hasattr(value, "__struct_fields__"):
        for name in value.__struct_fields__:
            yield from expressions(getattr(value, name))
