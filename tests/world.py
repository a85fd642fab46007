"""A plugin: a server, a machine that reports to it, and a person who reads, each at a terminal of their own."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from compliance.server.enrollment import create_key
from compliance.server.storage.engine import Store
from tests.shell import Shell, Shells

HOSTNAME = socket.gethostname()


class World(NamedTuple):
    """A server, and its address; a machine that reports to it; a person with a read key in the environment."""

    server: Shell
    url: str
    web: Shell
    reader: Shell


@pytest.fixture
def typed_world(machine: Shells, database_url: str) -> World:
    """From an empty database, by files, as the README has it: no secret stands on a command line."""
    server = machine("server", COMPLIANCE_DATABASE=database_url)
    _, url = server.server()
    web, reader = machine("web"), machine("reader", COMPLIANCE_SERVER=url)
    enrolling = server("server", "keys", "create", "--role", "enroll", "--name", "rollout", "--expires", "90d").out
    (web.folder / "enroll.key").write_text(enrolling)
    made = server("server", "keys", "create", "--role", "read", "--name", "me", "-o", "json").out
    reader.environment["COMPLIANCE_KEY"] = json.loads(made)["key"]
    web("agent", "enroll", "--server", url, "--key-file", "enroll.key")
    return World(server, url, web, reader)


@pytest.fixture
def world(machine: Shells, store: Store, store_url: str) -> World:
    """The same in a third of the time: the tables are there, and nobody typed the commands for the keys."""
    server = machine("server", COMPLIANCE_DATABASE=store_url)
    _, url = server.server()
    web, reader = machine("web"), machine("reader", COMPLIANCE_SERVER=url)
    (web.folder / "enroll.key").write_text(asyncio.run(create_key(store, "rollout", "enroll")))
    reader.environment["COMPLIANCE_KEY"] = asyncio.run(create_key(store, "me", "read"))
    web("agent", "enroll", "--server", url, "--key-file", "enroll.key")
    return World(server, url, web, reader)


@pytest.fixture
def job() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """A real process, found by the last of its arguments, which no other test gives."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # it runs: its arguments are there to be seen
        started.append(process)
        return process

    yield start
    for process in started:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    with process:
        process.kill()


def items(reader: Shell, *arguments: str) -> list[dict[str, Any]]:
    page: list[dict[str, Any]] = json.loads(reader("report", *arguments, "-o", "json").out)["items"]
    return page


def standing(shell: Shell) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(shell("agent", "status", "-o", "json").out)
    return told


def samples(reader: Shell) -> int:
    """Each report of ours has one: how many were applied."""
    return len(items(reader, "cpu", "--since", "1h", "--all"))


@pytest.fixture
def keys(world: World) -> dict[str, str]:
    enroll = (world.web.folder / "enroll.key").read_text().strip()
    return {"enroll": enroll, "read": str(world.reader.environment["COMPLIANCE_KEY"])}
