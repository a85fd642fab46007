"""The whole way, as a person types it: a server, its keys, a host that reports, and what the reports say of it."""

import csv
import io
import json
import os
import re
import time
from typing import Any

import pytest
from rich.cells import cell_len

from tests.shell import Shell, Shells
from tests.world import HOSTNAME, World, end, items

REPORTS = (("hosts",), ("host", HOSTNAME), ("processes", "--all"), ("sessions",), ("cpu",))


def of_job(reader: Shell, mark: str, *arguments: str) -> list[dict[str, Any]]:
    return [row for row in items(reader, "processes", "--all", *arguments) if mark in (row["arguments"] or "")]


def test_from_a_host_to_a_report(typed_world: World, job):
    world = typed_world
    first, second = f"first-{world.web.folder}", f"second-{world.web.folder}"
    process = job(first)
    sent = world.web("agent", "send", "--all")
    assert re.search(r"Report +Taken +On the wire +Receipt", sent.out)
    assert "applied" in sent.out
    assert "processes" in sent.err

    (host,) = items(world.reader, "hosts")
    assert (host["hostname"], host["state"]) == (HOSTNAME, "once")
    (row,) = of_job(world.reader, first)
    assert (row["pid"], row["ppid"], row["ended_at"]) == (process.pid, os.getpid(), None)
    moment = iso(host["seen_at"])

    end(process)
    later = job(second)
    assert "applied" in world.web("agent", "send").out
    assert of_job(world.reader, first) == []
    (row,) = of_job(world.reader, second)
    assert row["pid"] == later.pid
    (gone,) = of_job(world.reader, first, "--since", "1h")
    assert gone["ended_at"] > gone["first_seen_at"]
    (then,) = of_job(world.reader, first, "--at", moment)
    assert then["pid"] == process.pid
    assert of_job(world.reader, second, "--at", moment) == []
    long_ago = json.loads(world.reader("report", "processes", "--at", "2001-01-01", "-o", "json").out)
    assert long_ago["items"] == []


def iso(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03}Z"


def test_every_report_in_every_form(world: World):
    world.web("agent", "send", "--all")
    for report in REPORTS:
        plain = world.reader("report", *report).out
        assert "\x1b" not in plain
        raw = json.loads(world.reader("report", *report, "-o", "json").out)
        rows = list(csv.DictReader(io.StringIO(world.reader("report", *report, "-o", "csv").out)))
        if report[0] == "host":
            assert raw["host"]["hostname"] == HOSTNAME
            assert json.loads(rows[0]["host"]) == raw["host"]
            continue
        assert len(rows) == len(raw["items"])
        for row, item in zip(rows, raw["items"], strict=True):
            assert row.keys() == item.keys() | row.keys()
            assert row["hostname"] == item["hostname"] == HOSTNAME
        # Not seen and nobody there are two things: on a machine without a source of sessions it is the first.
        assert raw["items"] or (report[0] == "sessions")


def test_filters_leave_out_what_was_not_asked_for(world: World, job):
    mark = f"only-{world.web.folder}"
    job(mark)
    world.web("agent", "send", "--all")
    (row,) = of_job(world.reader, mark)
    name, user = row["name"], row["user"]
    assert {one["name"] for one in items(world.reader, "processes", "--all", "--name", name)} == {name}
    assert row in items(world.reader, "processes", "--all", "--name", name, "--user", user, "--host", HOSTNAME)
    assert items(world.reader, "processes", "--name", "no-such-program") == []
    assert items(world.reader, "processes", "--user", "nobody-has-this-name") == []
    assert len(items(world.reader, "processes", "--limit", "3")) == 3
    assert len(items(world.reader, "hosts", "--state", "once")) == 1
    assert items(world.reader, "hosts", "--state", "silent") == []
    assert len(items(world.reader, "cpu", "--host", HOSTNAME)) == 1
    assert "No process matches" in world.reader("report", "processes", "--name", "no-such-program").err
    unknown = world.reader("report", "processes", "--host", "nowhere", code=None)
    assert unknown.code in (0, 1)
    assert "nowhere" in unknown.err or "No process matches" in unknown.err
    assert "'green'" in world.reader("report", "hosts", "--state", "green", code=2).err
    assert "'yesterdayish'" in world.reader("report", "hosts", "--at", "yesterdayish", code=2).err


def test_the_names_of_the_original_brief_can_be_sent_and_collected(world: World):
    for name in ("ps", "users", "so-name", "so-version", "cpu"):
        assert "applied" in world.web("agent", "send", name).out
        assert json.loads(world.web("agent", "collect", name, "-o", "json").out)


def test_status_says_how_it_stands_before_and_after(world: World, machine: Shells):
    stranger = machine("stranger")
    shown = stranger("agent", "status")
    assert "compliance agent enroll --server URL --key-file FILE" in shown.err
    assert json.loads(stranger("agent", "status", "-o", "json").out)["host_id"] is None
    world.web("agent", "send", "cpu")
    told = json.loads(world.web("agent", "status", "-o", "json").out)
    assert (told["server"], told["waiting"], told["dropped"], told["set_aside"]) == (world.url, 0, 0, 0)
    assert abs(told["accepted_at"] - time.time() * 1000) < 600_000
    assert told["host_id"] == items(world.reader, "hosts")[0]["id"]
    assert re.search(r"Last accepted +\S", world.web("agent", "status").out)


# --- where a server and a key may come from; the store has no part in it


one_store = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)


@one_store
@pytest.mark.parametrize(("server", "key"), [("COMPLIANCE_SERVER", "COMPLIANCE_KEY"), ("URL_API", "TOKEN")])
def test_the_environment_is_enough_for_agent_and_report(world: World, machine: Shells, keys, server, key):
    host = machine("host", **{server: world.url, key: keys["enroll"]})
    assert "applied" in host("agent", "send", "--all").out, "it enrolls first"
    reader = machine("auditor", **{server: world.url, key: keys["read"]})
    assert "once" in reader("report", "hosts").out
    # The enrollment is kept: from now on the host needs neither.
    host.environment = {name: value for name, value in host.environment.items() if name not in (server, key)}
    assert "applied" in host("agent", "send", "cpu").out


@one_store
def test_a_token_alone_may_be_anybodys(world: World, machine: Shells, keys):
    host = machine("host", TOKEN=keys["enroll"])
    assert "Enrolling needs an enrollment key" in host("agent", "enroll", "--server", world.url, code=2).err
    reader = machine("auditor", TOKEN=keys["read"])
    assert "No read key" in reader("report", "hosts", "--server", world.url, code=2).err


@one_store
def test_a_key_comes_from_standard_input_or_a_flag(world: World, machine: Shells, keys):
    host = machine("host")
    host("agent", "enroll", "--server", world.url, "--key-file", "-", stdin=f"{keys['enroll']}\n")
    host("agent", "enroll", "--server", world.url, "--key", keys["enroll"])
    assert "applied" in host("agent", "send", "cpu").out
    reading = ("report", "hosts", "--server", world.url, "--key-file", "-")
    assert "once" in host(*reading, stdin=f"{keys['read']}\n").out
    assert "no key in" in host(*reading, stdin="\n", code=2).err


@one_store
def test_a_file_of_settings_is_taken_and_flags_win_over_the_environment_over_it(world: World, machine: Shells, keys):
    host = machine("host")
    (host.folder / "enroll.key").write_text(keys["enroll"])
    file = host.folder / "agent.toml"
    file.write_text(f'server = "{world.url}"\nkey_file = "{host.folder}/enroll.key"\n')
    host("agent", "enroll", "--config", str(file))
    dead = "http://127.0.0.1:9"
    host("agent", "send", "cpu", "--config", str(file), COMPLIANCE_SERVER=dead, code=3)
    host("agent", "send", "cpu", "--config", str(file), "--server", world.url, COMPLIANCE_SERVER=dead)


@one_store
def test_a_key_of_the_wrong_role_is_told_both_roles(world: World, machine: Shells, keys):
    host = machine("host", COMPLIANCE_SERVER=world.url)
    shown = host("agent", "enroll", COMPLIANCE_KEY=keys["read"], code=4)
    assert shown.err == "Error: The key 'me' has the role read; this needs enroll.\n"
    shown = host("report", "hosts", COMPLIANCE_KEY=keys["enroll"], code=4)
    assert shown.err == "Error: The key 'rollout' has the role enroll; this needs read or admin.\n"


def test_nothing_is_sent_where_nobody_said_where_to(machine: Shells):
    host = machine("host")
    for verb in ("enroll", "send"):
        shown = host("agent", verb, code=2)
        assert "`compliance agent enroll --server URL --key-file FILE`" in shown.err
    assert "A read key" in host("report", "hosts", code=2).err or "No read key" in host("report", "hosts", code=2).err


def test_collect_shows_what_would_be_said_and_keeps_nothing(machine: Shells, job):
    host = machine("host")
    mark = f"seen-{host.folder}"
    process = job(mark)
    rows = json.loads(host("agent", "collect", "processes", "-o", "json").out)
    assert [row["pid"] for row in rows if mark in (row["arguments"] or "")] == [process.pid]
    table = host("agent", "collect").out
    for title in ("Host", "Operating system", "Addresses", "CPU", "Processes ("):
        assert f"{title}\n" in table or title in table
    lines = host("agent", "collect", "processes", "-o", "csv").out.splitlines()
    assert lines[0].startswith("pid,user,name")
    assert json.loads(host("agent", "collect", "so-version", "-o", "json").out)
    assert "name one" in host("agent", "collect", "-o", "csv", code=2).err
    assert "choose from" in host("agent", "collect", "memory", code=2).err
    assert not host.state.exists()


# --- on a terminal


@one_store
def test_at_80_columns_no_line_is_wrapped_by_the_terminal(world: World, job):
    job("x" * 300)
    world.web("agent", "send", "--all")
    host = ("--host", HOSTNAME)
    for command in (
        *(("report", *report) for report in REPORTS),
        ("report", "processes", "--since", "1h", "--all"),
        ("report", "processes", "--at", "1s ago", "--all", *host),
        ("report", "cpu", "--since", "1h"),
    ):
        text = world.reader.on_terminal(*command)
        assert [line for line in text.splitlines() if cell_len(line) > 80] == [], command
        assert text.strip(), command
    for command in (("agent", "collect"), ("agent", "send", "--all"), ("agent", "status")):
        text = world.web.on_terminal(*command)
        assert [line for line in text.splitlines() if cell_len(line) > 80] == [], command
    for command in (("server", "keys", "list"), ("--help",), ("server", "run", "--help")):
        text = world.server.on_terminal(*command)
        assert [line for line in text.splitlines() if cell_len(line) > 80] == [], command


@one_store
def test_a_terminal_gets_colours_and_the_columns_that_fit_and_a_pipe_gets_all(world: World, job):
    mark = "x" * 300
    job(mark)
    world.web("agent", "send", "--all")
    command = ("report", "processes", "--all")
    narrow, piped = world.reader.on_terminal(*command), world.reader(*command).out
    assert "…" in narrow
    assert mark not in narrow
    assert mark in piped
    assert "\x1b" not in piped
    # A name in the middle of a line is not broken: what does not fit is cut, and says so.
    assert len(narrow.splitlines()) == len(piped.splitlines()) + 1, "but for the line beneath the heads"
    assert re.search(r"\x1b\[[39]\d", world.reader.coloured(*command))
    assert not re.search(r"\x1b\[[39]\d", world.reader.coloured(*command, NO_COLOR="1")), "bold and dim are no colours"
