"""The original contract over a real socket, spoken by a program that knows nothing of this project."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.shell import Shell

AGENT = Path(__file__).with_name("original_agent.py")
FIELDS = {
    "hosts": {"uuid", "ip", "so_name", "so_version", "created_at"},
    "cpus": {"uuid", "cpu_usage", "created_at", "host"},
    "processes": {"uuid", "pid", "user", "created_at", "host"},
    "users": {"uuid", "name", "created_at", "host"},
}

Agent = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def agent(shell: Shell, database_url: str) -> Agent:
    _, url = shell.server("--database", database_url)
    made = shell("server", "keys", "create", "--role", "ingest", "--name", "old", "--database", database_url)

    def run(*arguments: str, token: str = made.out.strip()) -> "subprocess.CompletedProcess[str]":
        # -I -S: neither this project nor what it needs can be imported.
        command = [sys.executable, "-I", "-S", str(AGENT), *arguments]
        environment = {"PATH": os.environ["PATH"], "URL_API": url, "TOKEN": token}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def said(agent: Agent, *arguments: str) -> Any:
    done = agent(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_command_of_the_brief_is_stored_and_read_back(agent):
    host = said(agent, "so-name")
    assert host["so_name"]
    told = said(agent, "so-version")
    assert told["uuid"] == host["uuid"]
    stored = {
        name: said(agent, command) for name, command in (("processes", "ps"), ("users", "users"), ("cpus", "cpu"))
    }
    for name, answer in stored.items():
        assert answer[name] == said(agent, "show", name)[name]
    (kept,) = said(agent, "show", "hosts")["hosts"]
    assert {field: kept[field] for field in told} == told
    assert str(os.getpid()) in {row["pid"] for row in stored["processes"]["processes"]}
    assert {row["host"] for row in stored["processes"]["processes"]} == {told["ip"]}


def test_every_list_has_the_fields_of_the_brief_as_strings_and_a_total(agent):
    for command in ("so-version", "ps", "users", "cpu"):
        said(agent, command)
    for name, fields in FIELDS.items():
        answer = said(agent, "show", name)
        assert answer.keys() == {name, "total"}
        assert answer["total"] == len(answer[name])
        for row in answer[name]:
            assert row.keys() == fields
            assert {type(value) for value in row.values()} == {str}


def test_a_wrong_key_is_refused(agent):
    for token in ("nonsense", f"cmk_{'a' * 43}"):
        done = agent("so-name", token=token)
        assert done.returncode != 0
        assert "401" in done.stderr
    assert said(agent, "show", "hosts") == {"hosts": [], "total": 0}
