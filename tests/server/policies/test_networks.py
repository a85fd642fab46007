import ipaddress

import pytest

from compliance.server.policies.networks import LOCAL, is_loopback, lies_in, origin, parsed


@pytest.mark.parametrize(
    "text", [None, "", ":0", ":1.0", "tmux(4711).%0", "127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"]
)
def test_what_comes_from_the_machine_itself_is_local(text):
    assert origin(text) == LOCAL


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("fe80::1%eth0", "fe80::1"),
        ("10.0.0.5:S.0", "10.0.0.5"),
        ("10.0.0.5 via mosh [81]", "10.0.0.5"),
    ],
)
def test_an_address_is_read_whatever_stands_around_it(text, address):
    assert origin(text) == ipaddress.ip_address(address)


@pytest.mark.parametrize("text", ["bastion.example.com", "10.0.0", "some host"])
def test_a_name_says_nothing_about_the_network(text):
    assert origin(text) is None


def test_an_address_lies_in_one_of_several_networks():
    networks = ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7")
    assert [
        lies_in(ipaddress.ip_address(one), networks) for one in ("10.9.9.9", "2001:db8::7", "192.0.2.7", "192.0.2.8")
    ] == [
        True,
        True,
        True,
        False,
    ]


def test_what_is_no_network_is_named():
    with pytest.raises(ValueError, match=r"'10.0.0.1/8' is no network"):
        parsed(("192.0.2.0/24", "10.0.0.1/8"))


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.53", True),
        ("::1", True),
        ("[::1]", True),
        ("127.0.0.53%lo", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("*", False),
        ("10.0.0.1", False),
    ],
)
def test_only_loopback_is_out_of_reach_for_others(address, loopback):
    assert is_loopback(address) is loopback
