"""The database's URL out of a file, as Docker and Kubernetes hand over secrets."""

import pytest

from compliance.errors import WrongUsage
from compliance.server.options import database_url


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "database.url"
    path.write_text("mysql://compliance:secret@mysql/compliance\n")
    monkeypatch.setenv("COMPLIANCE_DATABASE_FILE", str(path))
    return path


def test_the_file_that_the_environment_names_is_read(file):
    assert database_url(None, {}) == "mysql://compliance:secret@mysql/compliance"


def test_it_wins_over_the_settings_file_and_loses_to_what_is_said_outright(file, monkeypatch):
    assert database_url(None, {"database": "sqlite:///toml.db"}) == "mysql://compliance:secret@mysql/compliance"
    monkeypatch.setenv("COMPLIANCE_DATABASE", "sqlite:///environment.db")
    assert database_url(None, {}) == "sqlite:///environment.db"
    assert database_url("sqlite:///flag.db", {}) == "sqlite:///flag.db"


def test_a_file_that_is_missing_or_empty_is_a_sentence_and_no_other_database(file):
    file.write_text("\n")
    with pytest.raises(WrongUsage, match=r"nothing in .*database\.url, which COMPLIANCE_DATABASE_FILE names"):
        database_url(None, {})
    file.unlink()
    with pytest.raises(WrongUsage, match=r"Cannot read .*database\.url, which COMPLIANCE_DATABASE_FILE names"):
        database_url(None, {})


def test_a_file_that_is_no_text_is_a_sentence_without_its_content(file):
    file.write_bytes(b"mysql://x:\xff\xfe")
    with pytest.raises(WrongUsage, match="not text") as caught:
        database_url(None, {})
    assert "mysql:" not in str(caught.value)
