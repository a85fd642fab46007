"""The laws of Kleene's logic: what is not known changes nothing that is."""

import itertools

import pytest

from compliance.server.policies.truth import all_true, any_true, opposite, outcome

TRUTHS = (True, None, False)
PAIRS = tuple(itertools.product(TRUTHS, repeat=2))
TRIPLES = tuple(itertools.product(TRUTHS, repeat=3))


def at_least_as_known(more, less):
    """`less` says the same, or nothing."""
    return less is None or less is more


def test_the_tables_are_those_of_kleene():
    assert [all_true(pair) for pair in PAIRS] == [True, None, False, None, None, False, False, False, False]
    assert [any_true(pair) for pair in PAIRS] == [True, True, True, True, None, None, True, None, False]
    assert [opposite(one) for one in TRUTHS] == [False, None, True]


@pytest.mark.parametrize("law", [all_true, any_true])
def test_order_and_brackets_do_not_matter(law):
    for a, b, c in TRIPLES:
        assert law((a, b)) is law((b, a))
        assert law((a, law((b, c)))) is law((law((a, b)), c)) is law((a, b, c))
        assert law((a, a)) is a


def test_one_law_is_the_other_seen_in_a_mirror():
    for a, b in PAIRS:
        assert opposite(all_true((a, b))) is any_true((opposite(a), opposite(b)))
        assert opposite(opposite(a)) is a
        assert all_true((a, any_true((a, b)))) is a


def test_each_distributes_over_the_other():
    for a, b, c in TRIPLES:
        assert all_true((a, any_true((b, c)))) is any_true((all_true((a, b)), all_true((a, c))))
        assert any_true((a, all_true((b, c)))) is all_true((any_true((a, b)), any_true((a, c))))


def test_to_know_less_never_says_something_else():
    for a, b in PAIRS:
        for law in (all_true, any_true):
            assert at_least_as_known(law((a, b)), law((None, b)))
            assert at_least_as_known(law((a, b)), law((a, None)))
        assert at_least_as_known(opposite(a), opposite(None))


def test_of_nothing_all_is_true_and_none_is():
    assert (all_true(()), any_true(())) == (True, False)


def test_a_verdict_has_a_word_for_each():
    assert [outcome(one) for one in TRUTHS] == ["pass", "unknown", "fail"]
