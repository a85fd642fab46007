import pytest

from tests.server.policies.hosts import finding, rule, verdict

NO_TELNET = rule(kind="port", expect="absent", port="23", exposed="true")


def test_a_port_that_others_can_reach_fails():
    found = finding(NO_TELNET, ports=[{"port": 23, "address": "0.0.0.0", "process": "inetd"}])
    assert (found.holds, found.observed) == (False, "There is tcp 23 on 0.0.0.0 of inetd.")
    assert found.expected == "No listening port 23 that others can reach."


def test_loopback_is_out_of_reach():
    assert verdict(NO_TELNET, ports=[{"port": 23, "address": "127.0.0.1"}]) is True
    assert verdict(NO_TELNET, ports=[{"port": 23, "address": "::1"}]) is True


@pytest.mark.parametrize(("ports", "hit"), [("20-25", True), ("24-30", False), (["22", "23"], True), ("23", True)])
def test_ports_are_given_by_number_range_or_list(ports, hit):
    assert verdict(rule(kind="port", expect="present", port=ports), ports=[{"port": 23}]) is hit


def test_protocols_are_told_apart():
    asked = rule(kind="port", expect="present", port="53", protocol="udp")
    assert verdict(asked, ports=[{"port": 53, "protocol": "tcp"}]) is False
    assert verdict(asked, ports=[{"port": 53, "protocol": "udp"}]) is True


def test_whoever_listens_unseen_is_unknown():
    asked = rule(kind="port", expect="absent", port="514", unless=[{"process": "rsyslogd"}])
    assert verdict(asked, ports=[{"port": 514, "process": "rsyslogd"}]) is True
    assert verdict(asked, ports=[{"port": 514, "process": "evil"}]) is False
    found = finding(asked, ports=[{"port": 514}])
    assert (found.holds, found.observed) == (
        None,
        "It cannot be told of tcp 514 on ::: who listens there was not seen.",
    )


def test_an_allow_list_is_what_is_exposed_unless_it_is_on_the_list():
    asked = rule(kind="port", expect="absent", exposed="true", unless=[{"port": ["22", "443"]}])
    assert verdict(asked, ports=[{"port": 22}, {"port": 443}, {"port": 5432, "address": "127.0.0.1"}]) is True
    assert verdict(asked, ports=[{"port": 22}, {"port": 8080}]) is False


def test_blind_and_unseen_ports_are_unknown():
    assert verdict(NO_TELNET, ports={"blind": {"rows": 1}}) is None
    assert verdict(NO_TELNET) is None


def test_what_is_no_port_is_refused():
    with pytest.raises(ValueError, match="'ssh' is no port"):
        rule(kind="port", expect="absent", port=["22", "ssh"])


def test_a_port_beyond_the_last_one_is_refused():
    for port in ("70000", "9-8"):
        with pytest.raises(ValueError, match="is no range of ports"):
            rule(kind="port", expect="absent", port=port)
