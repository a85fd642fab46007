from tests.server.policies.hosts import finding, rule, verdict

ONLY_ROOT = rule(kind="account", expect="absent", uid="0", unless=[{"name": "root"}])
NO_OPEN_DOOR = rule(kind="account", expect="absent", password="none", login="true")


def test_a_second_account_with_uid_0_fails():
    root = {"name": "root", "uid": 0}
    assert verdict(ONLY_ROOT, accounts=[root, {"name": "ana"}]) is True
    found = finding(ONLY_ROOT, accounts=[root, {"name": "toor", "uid": 0}])
    assert (found.holds, found.observed) == (False, "There is toor (uid 0).")
    assert found.expected == "No local account with uid 0, besides any local account named root."


def test_a_password_that_was_not_seen_is_unknown():
    assert verdict(NO_OPEN_DOOR, accounts=[{"name": "ana", "password": "set"}]) is True
    assert verdict(NO_OPEN_DOOR, accounts=[{"name": "ana", "password": "none"}]) is False
    found = finding(NO_OPEN_DOOR, accounts=[{"name": "ana"}])
    assert (found.holds, found.observed) == (
        None,
        "It cannot be told of ana (uid 1000): its password or its shell was not seen.",
    )


def test_a_shell_that_lets_nobody_in_is_no_login():
    for shell in ("/usr/sbin/nologin", "/bin/false", "/bin/sync"):
        assert verdict(NO_OPEN_DOOR, accounts=[{"name": "ana", "password": "none", "shell": shell}]) is True


def test_an_empty_shell_is_the_ordinary_one():
    assert verdict(NO_OPEN_DOOR, accounts=[{"name": "ana", "password": "none", "shell": ""}]) is False
    shell = rule(kind="account", expect="present", shell="/bin/sh")
    assert verdict(shell, accounts=[{"name": "ana", "shell": ""}]) is True


def test_system_accounts_are_those_with_low_numbers():
    asked = rule(kind="account", expect="absent", login="true", password="set", **{"below-uid": "1000"})
    assert verdict(asked, accounts=[{"name": "ana", "password": "set"}]) is True
    found = finding(asked, accounts=[{"name": "www-data", "uid": 33, "password": "set"}])
    assert found.expected == (
        "No local account with a uid below 1000 with a shell that lets somebody in with a password."
    )


def test_blind_and_unseen_accounts_are_unknown():
    assert verdict(ONLY_ROOT, accounts={"blind": {"rows": 1}}) is None
    assert verdict(ONLY_ROOT, accounts={"unseen": "no /etc/passwd"}) is None
