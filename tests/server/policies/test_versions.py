"""Orders of versions, held against the programs that made them where they are installed."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.server.policies.versions import ORDERS, at_least, compare, is_version

# Of rpm's own tests (tests/rpmvercmp.at), and of deb-version(7).
KNOWN = {
    "rpm": """1.0 = 1.0 | 1.0 < 2.0 | 2.0.1a > 2.0.1 | 5.5p1 < 5.5p10 | 10xyz < 10.1xyz | xyz.4 < 8 | xyz.4 < 2
        5.6p1 < 6.5p1 | 6.0.rc1 > 6.0 | 10a1 < 10b2 | 1.0aa > 1.0a | 10.0001 = 10.1 | 10.0001 < 10.0039 | 4.999.9 < 5.0
        20101121 < 20101122 | 2_0 = 2.0 | a+ = a_ | 1.0~rc1 < 1.0 | 1.0~rc1 < 1.0~rc2 | 1.0~rc1~git123 < 1.0~rc1
        1.0^ > 1.0 | 1.0^git1 < 1.0^git2 | 1.0^git1 < 1.01 | 1.0^20160101 < 1.0.1 | 1.0^20160101^git1 > 1.0^20160101
        1.0~rc1^git1 > 1.0~rc1 | 1.0^git1~pre < 1.0^git1 | 1:1.0 > 2.0 | 1.0-1.el9 < 1.0-2.el9 | 1.0 = 1.0-7.el9""",
    "dpkg": """1.0 = 1.0 | 1.0-1 < 1.0-2 | 1.0~rc1 < 1.0 | 1.0 < 1.0-1 | 1.0 < 1.0+b1 | 1:0.9 > 2.0 | 1.10 > 1.9
        1.0a < 1.0+ | 9.2p1-2+deb12u2 < 9.2p1-2+deb12u3 | 1:9.6p1-3ubuntu13 < 1:9.6p1-3ubuntu13.3 | 1.0~~ < 1.0~""",
    "generic": """1.0 = 1.0.0 | 1.0rc1 < 1.0 | v2.0 > 1.9 | 1.0-beta.2 < 1.0-beta.10 | 9.2p1 > 9.2 | 1.0+build = 1.0
        5.15.0-113-generic > 5.15 | 1.0.dev3 < 1.0a1 | 6.1.0-21-amd64 > 6.1.0-9-amd64 | 0.10.0 > 0.9.9""",
}
CASES = [
    (scheme, *case.split())
    for scheme, cases in KNOWN.items()
    for line in cases.splitlines()
    for case in line.split("|")
]
VERSIONS = st.from_regex(r"([01]:)?[0-2][01.a~+b-]{0,6}[01a]", fullmatch=True)


def sign(number):
    return (number > 0) - (number < 0)


@pytest.mark.parametrize(("scheme", "one", "order", "other"), CASES)
def test_known_pairs_are_in_their_order(scheme, one, order, other):
    expected = {"<": -1, "=": 0, ">": 1}[order]
    assert sign(compare(scheme, one, other)) == expected
    assert sign(compare(scheme, other, one)) == -expected


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed")
@given(VERSIONS, VERSIONS)
def test_dpkg_agrees(one, other):
    word = {-1: "lt", 0: "eq", 1: "gt"}[sign(compare("dpkg", one, other))]
    assert subprocess.run(["dpkg", "--compare-versions", one, word, other]).returncode == 0


@pytest.mark.parametrize("scheme", ORDERS)
@given(st.lists(VERSIONS.map(lambda text: text.replace("-", ".")), min_size=3, max_size=3))
def test_every_order_is_one(scheme, versions):
    a, b, c = versions
    found = [compare(scheme, *pair) for pair in ((a, b), (b, c), (a, c), (b, a))]
    if None in found:
        return
    ab, bc, ac, ba = map(sign, found)
    assert ab == -ba
    if ab <= 0 and bc <= 0:
        assert ac <= 0
        assert (ac == 0) <= (ab == bc == 0)


@pytest.mark.parametrize(
    ("scheme", "text"), [("dpkg", "1.0 beta"), ("rpm", "1-2-3"), ("generic", "main"), ("generic", ""), ("dpkg", "")]
)
def test_what_is_no_version_is_not_compared(scheme, text):
    assert not is_version(scheme, text)
    assert at_least(scheme, text, "1.0") is None
    assert at_least(scheme, "1.0", text) is None


def test_at_least_takes_the_same_version():
    assert at_least("rpm", "8.7p1-38.el9", "8.7p1-38.el9") is True
    assert at_least("rpm", "8.7p1-37.el9", "8.7p1-38.el9") is False


def test_a_long_version_takes_no_longer_to_be_refused():
    assert not is_version("generic", "1" + "a" * 250 + "!")
