import pytest
from msgspec.structs import replace

from compliance.server.ingest.check import OURS, Malformed, check, is_newer
from compliance.wire.facts import Host
from tests.server.ingest.reporting import (
    address,
    change,
    everything,
    failed,
    process,
    report,
    same,
    sample,
    session,
    system,
    whole,
)


def test_what_an_agent_says_passes():
    check(report(**everything(process(1), process(2))))
    check(report(processes=same(process(1)), sessions=whole(), cpu=sample(), os=failed()))
    check(report())


def test_a_key_that_comes_again_with_another_value_in_a_change_passes():
    check(report(processes=change((process(1, name="sh"),), (process(1, name="nginx"),))))


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"processes": whole(process(1), process(2), process(1, ticks=9))}, "processes.rows[2].pid"),
        ({"sessions": whole(session(), session())}, "sessions.rows[1].key"),
        ({"addresses": whole(address(), address(interface="eth1"))}, "addresses.rows[1].key"),
        ({"processes": change((), (process(1), process(1, ticks=9)))}, "processes.started[1].pid"),
        ({"sessions": change((), (session(), session()))}, "sessions.started[1].key"),
        ({"host": change((), (Host(hostname="a"), Host(hostname="b")))}, "host.started[1].key"),
    ],
)
def test_a_key_that_comes_twice_is_named_with_its_place(sections, place):
    with pytest.raises(Malformed) as refused:
        check(report(**sections))
    assert str(refused.value) == f"{place}: it comes twice in one report"


@pytest.mark.parametrize("kind", ["host", "os"])
@pytest.mark.parametrize("number", [0, 2])
def test_a_machine_has_one_name_and_one_system(kind, number):
    names, systems = [Host(hostname="a"), Host(hostname="b")][:number], [system("1"), system("2")][:number]
    said = report(host=whole(*names)) if kind == "host" else report(os=whole(*systems))
    with pytest.raises(Malformed, match=rf"^{kind}\.rows"):
        check(said)


def test_rows_that_are_not_those_of_their_digest_are_refused():
    lying = replace(whole(process(1)), state=whole(process(2)).state)
    with pytest.raises(Malformed, match=r"^processes\.state: not the digest"):
        check(report(processes=lying))
    with pytest.raises(Malformed, match=r"^sessions\.state"):
        check(report(processes=whole(process(1)), sessions=replace(whole(), state="0" * 32)))


def test_the_order_of_the_rows_does_not_matter():
    rows = (process(3), process(1), process(2))
    check(report(processes=replace(whole(*rows), rows=rows[::-1])))


def test_the_digest_of_a_newer_agents_rows_is_of_members_that_are_not_known_here():
    newer = f"{OURS[0]}.{OURS[1] + 1}.0"
    check(report(processes=replace(whole(process(1)), state="0" * 32), agent=newer))


@pytest.mark.parametrize(
    ("agent", "newer"),
    [
        (f"{OURS[0]}.{OURS[1]}.0", False),
        (f"{OURS[0]}.{OURS[1]}.99", False),
        (f"{OURS[0]}.{OURS[1] + 1}.0", True),
        (f"{OURS[0] + 1}.0.0rc1", True),
        ("0.0", False),
        ("7", False),
        ("x.y", False),
        ("", False),
        ("1" * 64, False),
    ],
)
def test_an_agent_is_newer_by_its_first_two_numbers(agent, newer):
    assert is_newer(agent) is newer
