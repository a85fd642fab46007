"""The one-shot service that leaves the database's passwords in a volume."""

import os
import stat

import pytest

from compliance.server.storage.url import MysqlURL, parse_url
from container import make_passwords
from container.make_passwords import Differs, keep

NAMES = {"mysql-root.password", "mysql.password", "database.url"}


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_passwords_are_made_where_there_are_none(tmp_path):
    assert set(keep(tmp_path, {})) == NAMES
    made = contents(tmp_path)
    assert set(made) == NAMES
    assert made["mysql.password"] != made["mysql-root.password"]
    assert min(map(len, made.values())) >= 43


def test_a_second_start_changes_nothing(tmp_path):
    keep(tmp_path, {})
    before = contents(tmp_path)
    assert keep(tmp_path, {}) == []
    assert contents(tmp_path) == before


def test_every_volume_has_its_own(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        keep(tmp_path / name, {})
    assert contents(tmp_path / "a")["mysql.password"] != contents(tmp_path / "b")["mysql.password"]


@pytest.mark.parametrize("password", ["plain", "a:b/c@d?e#f%20 g"])
def test_the_servers_url_opens_the_database_with_the_password(tmp_path, password):
    keep(tmp_path, {"MYSQL_PASSWORD": password})
    url = parse_url(contents(tmp_path)["database.url"])
    assert isinstance(url, MysqlURL)
    assert (url.user, url.password, url.host, url.port, url.name) == (
        "compliance",
        password,
        "mysql",
        3306,
        "compliance",
    )


def test_what_an_env_gives_stands_in_for_chance(tmp_path):
    keep(tmp_path, {"MYSQL_PASSWORD": "one", "MYSQL_ROOT_PASSWORD": "two"})
    assert (contents(tmp_path)["mysql.password"], contents(tmp_path)["mysql-root.password"]) == ("one", "two")
    assert keep(tmp_path, {"MYSQL_PASSWORD": "one", "MYSQL_ROOT_PASSWORD": "two"}) == []


@pytest.mark.parametrize("name", ["MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD"])
def test_an_env_that_came_later_replaces_nothing_in_silence(tmp_path, name):
    keep(tmp_path, {})
    before = contents(tmp_path)
    with pytest.raises(Differs, match=name) as caught:
        keep(tmp_path, {name: "another-secret"})
    assert "another-secret" not in str(caught.value)
    assert contents(tmp_path) == before


def test_replacing_when_mysql_was_told_takes_the_new_one_and_keeps_the_other(tmp_path):
    keep(tmp_path, {})
    root = contents(tmp_path)["mysql-root.password"]
    assert keep(tmp_path, {"MYSQL_PASSWORD": "new"}, replace=True) == ["mysql.password", "database.url"]
    assert contents(tmp_path)["mysql-root.password"] == root
    assert ":new@" in contents(tmp_path)["database.url"]


def test_a_start_that_was_cut_off_is_finished_by_the_next(tmp_path):
    keep(tmp_path, {})
    before = contents(tmp_path)
    (tmp_path / "database.url").unlink()
    (tmp_path / "database.part").write_text("mys")
    assert keep(tmp_path, {}) == ["database.url"]
    assert contents(tmp_path) == before


def test_only_owner_and_group_may_read_and_nobody_write(tmp_path):
    before = os.umask(0o077)
    try:
        keep(tmp_path, {})
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o440}


def test_the_folder_of_a_new_volume_is_opened_to_the_group(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o700)
    monkeypatch.setattr(make_passwords, "FOLDER", tmp_path)
    assert make_passwords.main([]) == 0
    assert (stat.S_IMODE(tmp_path.stat().st_mode), tmp_path.stat().st_gid) == (0o750, os.getegid())
    assert all(secret not in capsys.readouterr().out for secret in contents(tmp_path).values())


def test_a_password_that_differs_ends_the_service_with_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_passwords, "FOLDER", tmp_path)
    keep(tmp_path, {})
    monkeypatch.setenv("MYSQL_PASSWORD", "another-secret")
    assert make_passwords.main([]) == 1
    assert capsys.readouterr().err.startswith("Error: MYSQL_PASSWORD is not the one")
    assert make_passwords.main(["--replace"]) == 0
