from tests.server.policies.hosts import finding, rule, verdict
from tests.server.policies.strategies import HOUR, NOON

NO_REMOTE_ROOT = rule(kind="session", expect="absent", root="true", remote="true")
OFFICE_ONLY = rule(kind="session", expect="absent", **{"not-from": ["10.0.0.0/8"]})
NOT_LONG = rule(kind="session", expect="absent", **{"older-than": "12h"})


def test_root_over_the_network_is_told_from_root_at_the_console():
    assert verdict(NO_REMOTE_ROOT, sessions=[{"user": "root"}]) is True
    assert verdict(NO_REMOTE_ROOT, sessions=[{"user": "ana", "from": "10.0.0.1"}]) is True
    found = finding(NO_REMOTE_ROOT, sessions=[{"user": "root", "from": "10.0.0.1"}])
    assert (found.holds, found.observed) == (False, "There is root from 10.0.0.1.")
    assert found.expected == "No session of root over the network."


def test_a_session_from_outside_the_networks_fails():
    assert verdict(OFFICE_ONLY, sessions=[{"user": "ana", "from": "10.1.2.3"}]) is True
    assert verdict(OFFICE_ONLY, sessions=[{"user": "ana", "from": "203.0.113.9"}]) is False


def test_a_session_on_the_machine_itself_comes_from_no_network():
    assert verdict(OFFICE_ONLY, sessions=[{"user": "ana"}, {"user": "ana", "from": ":0"}]) is True
    inside = rule(kind="session", expect="present", **{"from": ["10.0.0.0/8"]})
    assert verdict(inside, sessions=[{"user": "ana"}]) is False


def test_a_name_instead_of_an_address_is_unknown():
    found = finding(OFFICE_ONLY, sessions=[{"user": "ana", "from": "bastion"}])
    assert found.holds is None
    assert found.observed == (
        "It cannot be told of ana from bastion: where it came from, or when, is not told as an address and a time."
    )


def test_a_session_turns_old_at_its_moment():
    told = {"sessions": [{"user": "ana", "age": "11h"}]}
    young = finding(NOT_LONG, **told)
    assert (young.holds, young.changes_at) == (True, NOON + HOUR + 1)
    assert verdict(NOT_LONG, sessions=[{"user": "ana", "age": "13h"}]) is False
    assert verdict(NOT_LONG, sessions=[{"user": "ana"}]) is None


def test_the_age_is_told_by_our_clock_not_by_the_hosts():
    ahead = {"report": {"skew": "2h"}}
    assert verdict(NOT_LONG, sessions=[{"user": "ana", "age": "11h"}], **ahead) is False


def test_blind_sessions_are_unknown():
    assert verdict(NO_REMOTE_ROOT, sessions={"blind": {"rows": 1}}) is None
    assert verdict(NO_REMOTE_ROOT, sessions={"unseen": "no utmp"}) is None


def test_every_limit_is_said():
    asked = rule(
        kind="session",
        expect="absent",
        user="ana",
        root="false",
        remote="false",
        **{"from": ["10.0.0.0/8", "192.0.2.1"], "not-from": ["10.1.0.0/16"], "older-than": "1d"},
    )
    assert finding(asked, sessions=[]).expected == (
        "No session of ana of anybody but root on the machine itself from 10.0.0.0/8 or 192.0.2.1 "
        "from outside 10.1.0.0/16 older than 1 day."
    )
