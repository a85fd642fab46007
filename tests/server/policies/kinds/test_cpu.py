import pytest

from compliance.server.policies.cases import CpuCase
from compliance.server.policies.facts import Contact, Facts, Seen, Unseen
from compliance.server.policies.judge import judge_rule
from tests.server.policies.hosts import finding, rule, verdict
from tests.server.policies.strategies import MINUTE, NOON

CALM = rule(kind="cpu", below="90", **{"for": "5m"})


def samples(*minutes_and_percents, interval=60):
    rows = tuple(CpuCase(NOON - minutes * MINUTE, percent) for minutes, percent in minutes_and_percents)
    return Facts(cpu=Seen(rows), contact=Contact(enrolled_at=0, seen_at=NOON, interval_s=interval))


def test_busy_in_every_look_fails():
    found = finding(CALM, cpu=[99] * 6)
    assert (found.holds, found.observed) == (False, "They were at 90% or more in every look.")
    assert len(found.rows) == 5


def test_one_calm_look_is_enough():
    assert verdict(CALM, cpu=[99, 99, 89, 99, 99, 99]) is True
    assert verdict(CALM, cpu=[12]) is True


def test_a_calm_look_before_the_time_counts_for_nothing():
    assert verdict(CALM, cpu=[10, 99, 99, 99, 99, 99]) is False


def test_looks_that_do_not_cover_the_time_are_unknown():
    assert finding(CALM, cpu=[99] * 5).observed == "The looks do not cover the whole time."
    gap = samples((9, 99), (4, 99), (0, 99))
    assert judge_rule(CALM, gap, NOON).holds is None
    assert judge_rule(CALM, samples((5, 99), (4, 99), (3, 99)), NOON + MINUTE).holds is None


def test_without_a_promised_interval_nothing_says_what_lay_between():
    assert judge_rule(CALM, samples(*((back, 99) for back in range(6, -1, -1)), interval=None), NOON).holds is None
    assert judge_rule(CALM, samples((1, 9), interval=None), NOON).holds is True


def test_what_was_not_looked_at_is_unknown():
    assert judge_rule(CALM, Facts(), NOON).holds is None
    assert judge_rule(CALM, Facts(cpu=Unseen("it failed")), NOON).observed == "The processors were not seen: it failed."


def test_samples_of_later_than_the_moment_are_not_read():
    assert judge_rule(CALM, samples((2, 99), (0, 5)), NOON - MINUTE).holds is None


@pytest.mark.parametrize("below", ["101", "-1"])
def test_a_figure_is_a_percentage(below):
    with pytest.raises(ValueError, match="Expected `float`"):
        rule(kind="cpu", below=below, **{"for": "5m"})
