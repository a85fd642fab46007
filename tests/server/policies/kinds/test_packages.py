import pytest

from tests.server.policies.hosts import finding, rule, verdict

OPENSSL = rule(kind="package", expect="present", name="openssl", scheme="dpkg", **{"at-least": "3.0.11-1~deb12u2"})
NO_TELNETD = rule(kind="package", expect="absent", name={"glob": "*telnetd*"})


def test_a_forbidden_package_fails_where_it_is_installed():
    found = finding(NO_TELNETD, packages=[{"name": "inetutils-telnetd", "version": "2.4"}])
    assert (found.holds, found.observed) == (False, "There is inetutils-telnetd 2.4.")
    assert verdict(NO_TELNETD, packages=[{"name": "openssl"}]) is True
    assert verdict(NO_TELNETD) is None


def test_a_package_that_is_too_old_fails():
    assert verdict(OPENSSL, packages=[{"name": "openssl", "version": "3.0.11-1~deb12u2"}]) is True
    found = finding(OPENSSL, packages=[{"name": "openssl", "version": "3.0.11-1~deb12u1"}])
    assert (found.holds, found.observed) == (False, "There is openssl 3.0.11-1~deb12u1.")
    assert found.expected == (
        "At least one package named openssl, and none older than 3.0.11-1~deb12u2 in the order of dpkg."
    )


def test_of_several_installed_versions_none_may_be_too_old():
    both = [{"name": "openssl", "version": "3.1"}, {"name": "openssl", "version": "3.0.1"}]
    assert [row.version for row in finding(OPENSSL, packages=both).rows] == ["3.0.1"]


def test_a_required_package_that_is_missing_fails():
    found = finding(OPENSSL, packages=[])
    assert (found.holds, found.observed) == (False, "There is none.")


def test_versions_of_another_manager_are_not_compared():
    found = finding(OPENSSL, packages=[{"name": "openssl", "version": "3.1", "manager": "rpm"}])
    assert found.holds is None
    assert found.observed == "It cannot be told of openssl 3.1: its version cannot be compared in that order."


def test_a_hidden_package_may_be_a_second_older_one():
    new, old = {"name": "openssl", "version": "3.1"}, {"name": "openssl", "version": "3.0"}
    hidden = finding(OPENSSL, packages={"rows": [new], "blind": {"rows": 1}})
    assert (hidden.holds, hidden.observed) == (None, "Not all packages were seen: no privilege.")
    assert verdict(OPENSSL, packages={"rows": [old], "blind": {"rows": 1}}) is False


def test_where_it_is_installed_is_said_with_any():
    asked = rule(
        kind="any",
        of=[
            {"kind": "package", "expect": "absent", "name": "openssl"},
            {"kind": "package", "expect": "present", "name": "openssl", "at-least": "3.1", "scheme": "dpkg"},
        ],
    )
    assert [verdict(asked, packages=told) for told in ([], [{"name": "openssl", "version": "3.2"}])] == [True, True]
    assert verdict(asked, packages=[{"name": "openssl", "version": "3.0"}]) is False


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"at-least": "1.0"}, "belong together"),
        ({"scheme": "rpm"}, "belong together"),
        ({"at-least": "1.0", "scheme": "rpm", "expect": "absent"}, "has to be present"),
        ({"at-least": "1-2-3", "scheme": "rpm"}, "is no version in the order of rpm"),
    ],
)
def test_a_version_needs_its_order(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        rule(**{"kind": "package", "expect": "present", "name": "x", **fields})
