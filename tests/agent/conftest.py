from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compliance import cli
from compliance.server import serving as sockets
from compliance.server.storage.engine import Store
from compliance.settings import private_folder
from tests.agent import canned as canning
from tests.agent.laidout import Agent, Server, new_key, serving

Shown = tuple[int, str, str]


@pytest.fixture
def database(store_kind: str, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of `store`."""
    if store_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'compliance.db'}"
    return str(request.getfixturevalue("mysql_template"))


@pytest.fixture
def both(database: str, store: Store) -> Iterator[Server]:
    """A server on each of the stores in turn."""
    with serving(database, store) as there:
        yield there


@pytest.fixture
def sqlite_store(migrated_sqlite: Iterator[Store]) -> Iterator[Store]:
    """tmp_path / compliance.db"""
    yield from migrated_sqlite


@pytest.fixture
def server(sqlite_store: Store, tmp_path: Path) -> Iterator[Server]:
    """A server on SQLite."""
    with serving(f"sqlite:///{tmp_path / 'compliance.db'}", sqlite_store) as there:
        yield there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder."""
    return private_folder(tmp_path / "agent")


@pytest.fixture
def agent(folder: Path, server: Server) -> Agent:
    """Enrolled, with nothing said yet."""
    return Agent(folder, server)


@pytest.fixture
def canned() -> Iterator[canning.Canned]:
    with canning.canned() as said:
        yield said


@dataclass
class Served:
    """A real server on a real socket."""

    url: str
    enroll_key: str
    store: Store


@pytest.fixture
def served(sqlite_store: Store, tmp_path: Path) -> Iterator[Served]:
    listening = sockets.Listening(port=0)
    with sockets.bind(listening) as sock:
        server = sockets.make_server(listening, f"sqlite:///{tmp_path / 'compliance.db'}")
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield Served(sockets.url(sock, listening), new_key(sqlite_store), sqlite_store)
        server.should_exit = True
        thread.join()


@pytest.fixture
def state() -> Path:
    """The state folder of this test's environment."""
    return Path(os.environ["COMPLIANCE_STATE_DIR"])


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    """`compliance agent ...`: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> Shown:
        code = cli.run(["agent", *arguments])
        return code, *capsys.readouterr()

    return run
