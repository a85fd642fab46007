"""From a file's text to policies, and what is told where it is wrong."""

import textwrap

import pytest

from compliance.server.policies.reading import LARGEST, read

HEAD = "id: no-nc\ntitle: No netcat\nwhy: It opens doors.\nseverity: high\nremedy: End it.\n"
RULE = "rule: {kind: process, name: nc, expect: absent}\n"


def policies(text):
    loaded, problems = read(text, "a.yaml")
    assert problems == []
    return [one.policy for one in loaded]


def complaints(text):
    loaded, problems = read(text, "a.yaml")
    assert loaded == []
    return [str(one) for one in problems]


def with_rule(text):
    return f"{HEAD}rule:\n{textwrap.indent(textwrap.dedent(text), '  ')}"


def test_a_policy_is_read():
    (policy,) = policies(HEAD + RULE)
    assert (policy.id, policy.severity, policy.rule.name) == ("no-nc", "high", "nc")


def test_a_file_may_hold_several_and_each_knows_its_line():
    loaded, problems = read(f"# a remark\n---\n{HEAD}{RULE}---\n{HEAD.replace('no-nc', 'b')}{RULE}", "a.yaml")
    assert ([(one.policy.id, one.line) for one in loaded], problems) == ([("no-nc", 3), ("b", 10)], [])


def test_an_empty_file_has_no_policies():
    assert read("", "a.yaml") == read("# nothing\n---\n", "a.yaml") == ([], [])


def test_yamls_own_guesses_change_nothing():
    (policy,) = policies(with_rule("kind: kernel\nat-least: 3.10"))
    assert policy.rule.at_least == "3.10"
    (policy,) = policies(with_rule("kind: process\nname: [no, 0x1F, 22:22, 1_000, 2026-01-01]\nexpect: absent"))
    assert policy.rule.name == ("no", "0x1F", "22:22", "1_000", "2026-01-01")
    (policy,) = policies(with_rule("kind: session\nroot: true\nexpect: absent"))
    assert policy.rule.root is True


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            HEAD + "rule: {kind: process, nmae: nc, expect: absent}",
            "6: there is no field `nmae` here; did you mean `name`?",
        ),
        (with_rule("kind: kernel\nat_least: 1"), "8: there is no field `at_least` here; did you mean `at-least`?"),
        (HEAD + RULE + "sevrity: low", "7: there is no field `sevrity` here; did you mean `severity`?"),
        (
            HEAD + RULE + "scope: {operating-system: [x]}",
            "7: there is no field `operating-system` here; known are labels, names, os, unless",
        ),
        (
            HEAD + RULE + "cases:\n - verdict: pass\n   facts:\n     processes:\n      - {nam: nc}",
            "11: there is no field `nam` here; did you mean `name`?",
        ),
        (
            HEAD + RULE + "cases:\n - verdict: pass\n   facts:\n     processes: {blnd: {}}",
            "10: there is no field `blnd` here; did you mean `blind`?",
        ),
        (with_rule("kind: proces"), "7: there is no kind of rule `proces`; did you mean `process`?"),
        (with_rule("name: nc"), "6: the rule does not say its `kind`: account, agent, all, any, clock, cpu,"),
        (HEAD.replace("high", "hihg") + RULE, "4: `severity`: there is no `hihg`; did you mean `high`?"),
        (HEAD.replace("high", "grave") + RULE, "known are critical, high, low, medium"),
        (HEAD.replace("id: no-nc\n", "") + RULE, "1: the field `id` is missing"),
        (with_rule("kind: process\nname: nc"), "6: `rule`: the field `expect` is missing"),
        (HEAD.replace("no-nc", "No NC") + RULE, "1: `id`: has to be: Small letters, digits, hyphens."),
        (with_rule("kind: clock\nwithin: 5 seconds"), "8: `within`: has to be: A number and a unit: 90s, 15m,"),
        (with_rule("kind: cpu\nbelow: 900\nfor: 5m"), "8: `below`: expected `float` <= 100.0"),
        (with_rule("kind: cpu\nbelow: much\nfor: 5m"), "8: `below`: has to be a number, not text"),
        (with_rule("- kind: cpu"), "6: `rule`: has to be fields, not a list"),
        (
            with_rule("kind: process\nexpect: absent\nname:\n - a\n - {regex: '('}"),
            "11: `name`: the regular expression /(/ cannot be read at character 2: a `(` is never closed",
        ),
        (with_rule("kind: process\nexpect: absent\nname: {glob: a, regex: b}"), "9: `name`: a pattern is one of"),
        (HEAD + RULE + "controls: {cis-v8: ['99.1']}", "7: `controls`: '99.1' is no control of CIS Controls version 8"),
        (HEAD + RULE + "exceptions:\n - {hosts: {}, owner: a, reason: b, until: soon}", "8: `until`: "),
        (HEAD.replace("End it.", "") + RULE, "5: `remedy` is empty: give it a value, or leave it out"),
        (HEAD + RULE + "id: again\n", "7: `id` is given twice, first in line 1"),
        ("- a\n- b\n", "1: a policy begins with its fields"),
        ("x: &a {y: 1}\nz: *a\n", "1: anchors and aliases (`&`, `*`) are not read: write it out"),
        ("a: &a [*a]\n", "1: anchors and aliases"),
        ("? [a]\n: b\n", "1: a field's name is a word"),
        ("a: [1, 2\nb: c\n", "2: this is not YAML: while parsing a flow sequence"),
        ("a: b: c\n", "1: this is not YAML: mapping values are not allowed"),
        ("a: \x07\n", "1: this is not YAML: "),
        ("a: " + "[" * 50 + "]" * 50, "1: it is nested more than 40 deep"),
        ("a: " + "[" * 20_000 + "]" * 20_000, "1: "),
        ("#" * (LARGEST + 1), "1: the file is larger than 1,000,000 characters"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(text, complaint):
    (told,) = complaints(text)
    assert told.startswith("a.yaml:")
    assert complaint in told


def test_a_mistake_costs_its_own_document_only():
    loaded, problems = read(f"{HEAD}{RULE}---\n{HEAD}rule: {{}}\n", "a.yaml")
    assert (len(loaded), [one.line for one in problems]) == (1, [13])


def test_a_tag_makes_nothing_happen():
    (told,) = complaints("!!python/object/apply:os.system ['true']")
    assert "a policy begins with its fields" in told
