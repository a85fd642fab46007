"""Which server is asked, and which key it is shown."""

import io
import os
from pathlib import Path

import pytest

from compliance.errors import WrongUsage
from compliance.report.source import DEFAULT_SERVER, find
from tests.report import fleet

FAR = "https://far.example:8443"


def left_by_up(state: Path, url: str = "http://127.0.0.1:9000") -> None:
    (state / "server.url").write_text(url)
    (state / "read.key").write_text("cmk_local\n")


def found(server=None, key_file=None, insecure=False):
    source = find(server, key_file, None, insecure)
    return source.url, source.key


def test_what_up_left_needs_no_flag(state):
    left_by_up(state)
    assert found() == ("http://127.0.0.1:9000", "cmk_local")


def test_without_a_url_the_usual_one_is_asked(state):
    (state / "read.key").write_text("cmk_local")
    assert found() == (DEFAULT_SERVER, "cmk_local")


def test_a_flag_wins_over_the_environment_and_that_over_what_up_left(state, tmp_path, monkeypatch):
    left_by_up(state)
    monkeypatch.setenv("URL_API", "https://brief.example")
    monkeypatch.setenv("TOKEN", "brief")
    assert found() == ("https://brief.example", "brief")
    monkeypatch.setenv("COMPLIANCE_SERVER", "https://environment.example/")
    monkeypatch.setenv("COMPLIANCE_KEY", "environment")
    assert found() == ("https://environment.example", "environment")
    (tmp_path / "key").write_text("flag\n")
    assert found(FAR, str(tmp_path / "key")) == (FAR, "flag")


def test_a_key_may_come_on_stdin(state, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("cmk_piped\n"))
    assert found(FAR, "-") == (FAR, "cmk_piped")


def test_the_local_key_is_not_shown_to_another_server(state):
    left_by_up(state)
    with pytest.raises(WrongUsage, match=r"No read key for https://far.example:8443: .*keys create --role read"):
        find(FAR, None, None, False)


@pytest.mark.parametrize("server", [None, FAR])
def test_a_token_counts_only_beside_url_api(state, monkeypatch, server):
    monkeypatch.setenv("TOKEN", "somebody-elses")
    if server:
        monkeypatch.setenv("URL_API", "https://brief.example")
    with pytest.raises(WrongUsage, match="No read key"):
        find(server, None, None, False)


def test_without_a_key_the_ways_to_give_one_are_told(state):
    with pytest.raises(WrongUsage, match="`compliance up`, which leaves one in .*--key-file FILE.*COMPLIANCE_KEY"):
        find(None, None, None, False)


def test_a_key_does_not_travel_in_the_clear_unless_told_to(state, monkeypatch):
    monkeypatch.setenv("COMPLIANCE_KEY", "secret-of-mine")
    with pytest.raises(WrongUsage, match="--insecure") as refusal:
        find("http://far.example", None, None, False)
    assert "secret-of-mine" not in str(refusal.value)
    assert found("http://far.example", insecure=True) == ("http://far.example", "secret-of-mine")
    assert found("http://localhost:1") == ("http://localhost:1", "secret-of-mine")


@pytest.mark.parametrize(
    "url",
    ["far.example", "ftp://far.example", "https://", "http://h:port", "https://me:pw@far.example", "https://h/?a=b"],
)
def test_what_is_no_server_address_is_refused_before_anything_is_sent(state, monkeypatch, url):
    monkeypatch.setenv("COMPLIANCE_KEY", "k")
    with pytest.raises(WrongUsage, match="address"):
        find(url, None, None, False)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"two words"])
def test_a_key_file_without_a_usable_key_says_how_to_give_one(state, tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WrongUsage, match="--key-file FILE"):
        find(FAR, str(path), None, False)


def test_a_certificate_file_that_is_not_there_is_named(state, monkeypatch):
    monkeypatch.setenv("COMPLIANCE_KEY", "k")
    with pytest.raises(WrongUsage, match=r"no certificate file nowhere.pem"):
        find(FAR, None, Path("nowhere.pem"), False)


def test_a_source_does_not_print_its_key(state):
    left_by_up(state)
    assert "cmk_local" not in repr(find(None, None, None, False))
    assert os.environ["COMPLIANCE_STATE_DIR"] == str(state)


def test_a_gateway_in_front_gets_its_own_key_beside_the_readers_and_its_stage_in_the_path(canned, report, monkeypatch):
    canned.answer("hosts", fleet.page())
    report("hosts")
    monkeypatch.setenv("COMPLIANCE_GATEWAY_KEY", "key-of-the-gateway")
    monkeypatch.setenv("COMPLIANCE_KEY", "cmk_reader")
    report("hosts", "--server", f"{canned.url}/v1")
    assert canned.gateway_keys == [None, "key-of-the-gateway"]
    assert canned.keys[-1] == "Bearer cmk_reader"
    assert canned.paths == ["/api/v1/hosts", "/v1/api/v1/hosts"]
    assert "key-of-the-gateway" not in repr(find(canned.url, None, None, False))
