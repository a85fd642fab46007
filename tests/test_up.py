"""`compliance up`, as a person runs it in an empty folder."""

import json
import os
import re
import signal
import socket
import stat

import pytest

from tests.shell import Shell

HOSTNAME = socket.gethostname()


@pytest.fixture
def database(store_kind: str, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options that choose the store: none for the one that needs no word."""
    return () if store_kind == "sqlite" else ("--database", str(request.getfixturevalue("mysql_url")))


def once(shell: Shell, *arguments: str) -> tuple[str, str, int]:
    """`up --once`: what it printed, where its server was, and its own pid."""
    running = shell.start("up", "--once", "--port", "0", *arguments)
    shown = running.wait()
    assert shown.code == 0, shown
    return shown.out + shown.err, running.said(r"Server +(http://127\.0\.0\.1:\d+) "), running.process.pid


def test_up_once_shows_this_host_and_says_where_things_are(shell: Shell, database, store_kind):
    said, url, _ = once(shell, *database)
    assert f"Host        {HOSTNAME}\n" in said
    assert "\nProcesses: " in said
    assert re.search(rf"\n{re.escape(HOSTNAME)} +once +\S", said)
    assert f"its API: {url}/schema" in said
    assert f"State     {shell.state}\n" in said
    assert ("sqlite:///" if store_kind == "sqlite" else "mysql://root@127.0.0.1") in said
    assert "Ask it    compliance report " in said


def test_after_up_the_reports_need_no_flag(shell: Shell, database):
    _, url, pid = once(shell, *database)
    shell.server("--port", url.rpartition(":")[2], *database)
    (host,) = json.loads(shell("report", "hosts", "-o", "json").out)["items"]
    assert (host["hostname"], host["state"]) == (HOSTNAME, "once")
    seen = json.loads(shell("report", "processes", "--all", "-o", "json").out)["items"]
    (itself,) = (row for row in seen if row["pid"] == pid)
    assert itself["arguments"].endswith(" ".join(("up --once --port 0", *database)))
    assert itself["ppid"] == os.getpid()


def test_a_second_run_goes_on_with_the_identity_and_the_database(shell: Shell, database):
    identity = shell.state / "identity.json"
    once(shell, *database)
    first, key = json.loads(identity.read_text()), (shell.state / "read.key").read_text()
    _, url, _ = once(shell, *database)
    again = json.loads(identity.read_text())
    assert (again["id"], again["token"]) == (first["id"], first["token"])
    assert (shell.state / "read.key").read_text() == key
    shell.server("--port", url.rpartition(":")[2], *database)
    assert len(json.loads(shell("report", "hosts", "-o", "json").out)["items"]) == 1
    assert len(json.loads(shell("report", "cpu", "--since", "1h", "-o", "json").out)["items"]) == 2


def test_a_run_on_another_port_sends_what_waited_for_the_old_one(shell: Shell):
    once(shell)
    assert "1 report is kept on disk" in shell("agent", "send", "cpu", code=3).err
    _, url, _ = once(shell)
    assert json.loads(shell("agent", "status", "-o", "json").out)["waiting"] == 0
    shell.server("--port", url.rpartition(":")[2])
    assert len(json.loads(shell("report", "cpu", "--since", "1h", "-o", "json").out)["items"]) == 3


def test_a_key_that_up_left_is_renewed_when_it_was_revoked(shell: Shell, database):
    once(shell, *database)
    shell("server", "keys", "revoke", f"up on {HOSTNAME}: reports", *database)
    _, url, _ = once(shell, *database)
    shell.server("--port", url.rpartition(":")[2], *database)
    assert HOSTNAME in shell("report", "hosts").out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_keeps_reporting_until_it_is_told_to_end(shell: Shell, database, number):
    running = shell.start("up", "--port", "0", "--interval", "1", *database)
    running.said("Reporting every 1 s; Ctrl-C ends it.")
    assert HOSTNAME in running.out
    samples: set[int] = set()
    while len(samples) < 3:
        page = json.loads(shell("report", "cpu", "--since", "1h", "-o", "json").out)
        samples.update(item["seen_at"] for item in page["items"])
    assert re.search(rf"{re.escape(HOSTNAME)} +reporting", shell("report", "hosts").out)
    # One agent keeps a host's chain of reports: `send` asks it.
    asked = shell("agent", "send", "--all")
    assert re.search(r"The resident agent \(process \d+\) looked and sent what waited\.", asked.err)
    assert re.search(r"Last accepted +just now", asked.out)
    shown = running.end(number)
    assert shown.code == 0
    assert shown.err.endswith("Stopped. `compliance up` goes on where it was.\n")
    assert "Warning" not in shown.err
    assert shell("report", "hosts", code=3).err.startswith("Error: Cannot reach the server at http://127.0.0.1:")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_that_is_ended_while_it_starts_ends_as_well(shell: Shell, number):
    running = shell.start("up", "--port", "0")
    while not (shell.state / "compliance.db").exists():
        assert running.process.poll() is None, running.err
    assert running.end(number).code == 0
    once(shell)


def test_a_port_that_is_taken_is_said_and_nothing_is_changed(shell: Shell, machine):
    running = shell.start("up", "--port", "0", "--interval", "1")
    url = running.said(r"Server +(http\S+) ")
    port = url.rpartition(":")[2]
    other = machine("another")
    for who in (shell, other):
        shown = who("up", "--port", port, code=1)
        assert shown.err == f"Error: 127.0.0.1:{port} is taken: end what listens there, or choose another --port.\n"
        assert shown.out == ""
    assert not (other.state / "compliance.db").exists()
    assert (shell.state / "server.url").read_text() == f"{url}\n"
    assert HOSTNAME in shell("report", "hosts").out


def test_a_port_that_is_none_is_wrong_usage(shell: Shell):
    assert "no port 65536" in shell("up", "--once", "--port", "65536", code=2).err


def test_the_state_is_for_its_owner_alone_whatever_the_umask(shell: Shell):
    old = os.umask(0)
    try:
        once(shell)
    finally:
        os.umask(old)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in shell.state.rglob("*")}
    assert set(modes) >= {"agent.db", "agent.lock", "compliance.db", "identity.json", "read.key", "server.url"}
    assert set(modes.values()) == {"0o600"}
    assert stat.S_IMODE(shell.state.stat().st_mode) == 0o700
