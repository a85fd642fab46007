"""The matcher of regular expressions, held against Python's own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.server.policies import automaton
from compliance.server.policies.automaton import MOST_STEPS, Automaton, literals
from compliance.server.policies.expressions import NotUnderstood, parse

PIECES = (
    "a",
    "b",
    "_",
    " ",
    ".",
    "[ab]",
    "[^a]",
    "[a-c_]",
    r"\w",
    r"\d",
    r"\s",
    r"\W",
    r"\.",
    "\\x41",
    "(",
    "(?:",
    ")",
    "|",
)
SIGNS = ("*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "^", "$", r"\b", r"\B")
EXPRESSIONS = st.lists(st.sampled_from(PIECES + SIGNS), max_size=8).map("".join)
TEXTS = st.text(
    st.sampled_from("abcA_ .\n1é"), min_size=1, max_size=8
)  # of an empty text Python 3.14 thinks otherwise than 3.13


def compiled(expression, any_case=False):
    return Automaton(*parse(expression, any_case))


def pythons(expression, flags=0):
    """`$` is the very end here, and classes are those of ASCII."""
    return re.compile(expression.replace("$", r"\Z"), re.DOTALL | re.ASCII | flags)


@given(EXPRESSIONS, st.lists(TEXTS, min_size=1, max_size=5))
def test_it_finds_what_pythons_own_matcher_finds(expression, texts):
    try:
        ours = compiled(expression)
    except NotUnderstood:
        return
    theirs = pythons(expression)
    assert [ours.found_in(text) for text in texts] == [theirs.search(text) is not None for text in texts]


@given(st.text("abAB", min_size=1, max_size=4), st.text("abAB_", max_size=8))
def test_case_can_be_left_out(word, text):
    for expression in (word, f"[{word}]+_", f"^{word}|_$"):
        expected = pythons(expression, re.IGNORECASE).search(text) is not None
        assert compiled(expression, any_case=True).found_in(text) is expected
        assert compiled(f"(?i){expression}").found_in(text) is expected


@pytest.mark.parametrize("expression", ["(a*)*b", "(a|aa)+$", "a*a*a*a*a*b", "(.*a){12}b", "^(([a-z])+.)+[A-Z]$"])
def test_an_expression_that_never_ends_elsewhere_ends_here(expression):
    assert compiled(expression).found_in("a" * 4096 + "!") is False


def test_what_was_learned_is_forgotten_when_it_grows_too_large(monkeypatch):
    monkeypatch.setattr(automaton, "MOST_WAYS", 10)
    ours = compiled("(a|b)*c.{3}d")
    for text in ("abacxyzd", "aaaa", "cccxyzdq", "abcd" * 20):
        assert ours.found_in(text) is (pythons("(a|b)*c.{3}d").search(text) is not None)
        assert ours.learned <= 10


def test_an_expression_that_multiplies_is_refused():
    with pytest.raises(NotUnderstood, match="too large"):
        compiled("((a{100}){100}){100}")
    assert len(compiled("a{200}").steps) < MOST_STEPS


@pytest.mark.parametrize(
    ("expression", "needed"),
    [
        ("stratum.*://", {"stratum"}),
        ("^nc(at)?$", {"nc"}),
        ("xmrig|minerd", {"xmrig", "minerd"}),
        ("(?:ab|cd)+xyz", {"xyz"}),
        (r"\bfoo\b", {"foo"}),
        ("a*", None),
        ("a|.", None),
        ("[ab]c?", None),
    ],
)
def test_most_texts_are_told_apart_by_a_word_that_is_needed(expression, needed):
    found = literals(parse(expression)[0])
    assert found == (None if needed is None else frozenset(needed))
