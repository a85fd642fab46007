from compliance.server.policies.facts import Facts
from compliance.server.policies.judge import judge_rule
from tests.server.policies.hosts import finding, rule, verdict
from tests.server.policies.strategies import MINUTE, NOON

FRESH = rule(kind="freshness", within="15m")
LOOKED = rule(kind="freshness", within="1d", of=["packages", "accounts"])
CLOCK = rule(kind="clock", within="5s")
AGENT = rule(kind="agent", **{"at-least": "0.2.0"})


def test_a_report_is_fresh_until_the_time_is_over():
    found = finding(FRESH, contact={"seen": "10m"})
    assert (found.holds, found.changes_at) == (True, NOON + 5 * MINUTE + 1)
    assert verdict(FRESH, contact={"seen": "15m"}) is True


def test_silence_is_not_unknown_but_a_failure():
    found = finding(FRESH, contact={"seen": "16m"})
    assert (found.holds, found.observed, found.changes_at) == (False, "The last one was at 2026-06-01 11:44 UTC.", None)
    assert finding(FRESH, contact={}).observed == "There never was one."


def test_a_host_that_was_just_enrolled_is_given_its_time():
    found = finding(FRESH, contact={"enrolled": "10m"})
    assert (found.holds, found.changes_at) == (None, NOON + 5 * MINUTE + 1)
    assert judge_rule(FRESH, Facts(), NOON).holds is None


def test_of_several_kinds_the_oldest_look_counts():
    assert verdict(LOOKED, contact={"seen": "1m", "looked": {"packages": "2h", "accounts": "3h"}}) is True
    assert verdict(LOOKED, contact={"seen": "1m", "looked": {"packages": "2h", "accounts": "2d"}}) is False
    assert verdict(LOOKED, contact={"seen": "1m", "looked": {"packages": "2h"}}) is False
    assert finding(LOOKED).expected == "There was a look at its packages and accounts in the last 1 day."


def test_a_clock_may_be_a_little_wrong_on_either_side():
    assert [verdict(CLOCK, report={"skew": skew}) for skew in ("0", "5s", "-5s", "6s", "-6s")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert finding(CLOCK, report={"skew": "-185s"}).observed == "It is about 3 minutes behind."
    assert verdict(CLOCK, report={"skew": None}) is None


def test_the_agents_version_is_compared():
    assert [verdict(AGENT, report={"agent": agent}) for agent in ("0.2.0", "0.10.0", "0.2.0rc1", "main")] == [
        True,
        True,
        False,
        None,
    ]


def test_a_host_that_fell_silent_is_no_witness():
    for asked in (CLOCK, AGENT):
        assert verdict(asked) is None
