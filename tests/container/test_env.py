"""`make env`."""

import os
import stat

from scripts import write_env


def settings(file):
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_two_passwords_are_written_for_the_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        assert write_env.write(tmp_path / ".env")
    finally:
        os.umask(before)
    found = settings(tmp_path / ".env")
    assert set(found) == {"MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD"}
    assert len(set(found.values())) == 2
    assert min(map(len, found.values())) >= 43
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_one_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / ".env").write_text("MYSQL_PASSWORD=mine\n")
    assert not write_env.write(tmp_path / ".env")
    assert settings(tmp_path / ".env") == {"MYSQL_PASSWORD": "mine"}


def test_no_password_is_ever_the_same(tmp_path):
    for name in ("a", "b"):
        write_env.write(tmp_path / name)
    assert settings(tmp_path / "a") != settings(tmp_path / "b")
