"""`agent status`: all from the state on disk, nothing asked, nothing touched, no secret shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from compliance.agent.identity import locked, read
from compliance.agent.spool import Spool
from tests.agent.conftest import Served, Shown


def test_a_host_that_is_not_enrolled_is_told_how(call: Callable[..., Shown], state: Path):
    code, out, err = call("status")
    assert code == 0
    assert out.splitlines() == [
        "Agent",
        "Host id        none yet",
        "Server         none yet",
        f"State          {state}",
        "Last accepted  nothing yet",
        "Waiting        nothing",
        "Dropped        0",
        "Set aside      0",
    ]
    assert err == "This host is not enrolled: compliance agent enroll --server URL --key-file FILE\n"
    assert list(state.iterdir()) == []


def test_a_state_folder_that_is_not_there_is_not_made(call: Callable[..., Shown], tmp_path: Path):
    code, out, _ = call("status", "--state-dir", str(tmp_path / "none"), "-o", "json")
    assert (code, json.loads(out)["state"]) == (0, str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_an_enrolled_host_that_has_reported(call: Callable[..., Shown], served: Served, state: Path):
    call("send", "os", "--server", served.url, "--key", served.enroll_key)
    code, out, err = call("status", "-o", "json")
    told = json.loads(out)
    identity = read(state)
    assert identity
    assert (code, err) == (0, "")
    assert told.pop("accepted_at") > 1_700_000_000_000
    assert len(told.pop("last_report")) == 32
    assert told == {
        "state": str(state),
        "host_id": identity.id,
        "server": served.url,
        "server_from": "the enrollment",
        "insecure": False,
        "waiting": 0,
        "waiting_bytes": 0,
        "oldest_taken_at": None,
        "dropped": 0,
        "set_aside": 0,
    }
    code, out, err = call("status")
    assert identity.token not in out
    assert served.enroll_key not in out
    assert f"Host id        {identity.id}\nServer         {served.url} (from the enrollment)\n" in out
    assert "Last accepted  just now\nWaiting        nothing\n" in out
    assert err == ""
    assert call("status", "-o", "csv")[1].count("\n") == 2


def test_what_waits_was_dropped_and_set_aside_is_told(call: Callable[..., Shown], state: Path):
    call("send", "os", "--server", "http://127.0.0.1:9", "--key", "cmk_x")
    call("send", "os", "--server", "http://127.0.0.1:9", "--key", "cmk_x")
    spool = Spool(state)
    report = spool.first()
    assert report
    spool.reject(report, "no")
    spool.close()
    told = json.loads(call("status", "-o", "json")[1])
    assert (told["waiting"], told["dropped"], told["set_aside"]) == (1, 1, 1)
    assert told["waiting_bytes"] > 100
    assert told["oldest_taken_at"] > 1_700_000_000_000
    out = call("status")[1]
    assert "Waiting        1 (" in out
    assert "), the oldest taken just now\nDropped        1\nSet aside      1\n" in out


def test_secrets_that_may_go_in_the_clear_are_told(call: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPLIANCE_INSECURE", "1")
    assert "Warning: Secrets may go over plain http (--insecure)." in call("status")[2]
    assert json.loads(call("status", "-o", "json")[1])["insecure"] is True


def test_an_agent_that_works_is_not_waited_for(call: Callable[..., Shown], state: Path):
    with locked(state):
        assert call("status")[0] == 0


def test_a_damaged_state_is_a_sentence(call: Callable[..., Shown], state: Path):
    (state / "agent.db").write_bytes(b"no database" * 1000)
    code, out, err = call("status")
    assert (code, out) == (1, "")
    assert err == f"Error: {state / 'agent.db'} is damaged: the next `compliance agent send` begins a new one.\n"
    (state / "identity.json").write_text("{")
    code, _, err = call("status")
    assert code == 1
    assert err == (
        f"Error: {state / 'identity.json'} is damaged: put it back from a backup, or remove it and enroll again.\n"
    )


def test_a_mistake_in_the_settings_is_a_sentence(call: Callable[..., Shown], state: Path):
    (state / "agent.toml").write_text("serverr = 'x'\n")
    code, _, err = call("status")
    assert code == 2
    assert err == f"Error: {state / 'agent.toml'}: there is no setting 'serverr'; did you mean 'server'?\n"


def test_a_key_file_that_is_gone_is_nothing_to_complain_of(call: Callable[..., Shown], state: Path):
    (state / "agent.toml").write_text("server = 'https://x'\nkey_file = '/nowhere'\n")
    code, out, _ = call("status")
    assert code == 0
    assert f"Server         https://x (from {state / 'agent.toml'})" in out
