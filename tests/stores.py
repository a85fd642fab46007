"""Fixtures: real databases, fresh for each test. A plugin: `pytest_plugins = ["tests.stores"]` in conftest.

    database_url    an empty database, once on SQLite and once on MySQL
    empty_store     a Store on it, without tables
    store           a Store with every migration applied and no rows
    store_url       its URL, for another process
    sqlite_url, mysql_url        an empty database of one kind only
    own_mariadb     a server that the test may stop, kill or configure

MySQL is a private MariaDB, one for each test process, started when first needed; or, when COMPLIANCE_TEST_MYSQL holds a
URL (its database name is ignored), the server there, whose user must be allowed to make and drop databases.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from compliance.server.storage.engine import Store, open_store
from compliance.server.storage.migrate import migrate
from tests.mariadb import MariaDB, start_mariadb

KINDS = ("sqlite", "mysql")


class MysqlServer(Protocol):
    def url(self, name: str, query: str = "") -> str: ...


class GivenServer:
    """The server that COMPLIANCE_TEST_MYSQL names."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, name: str, query: str = "") -> str:
        base, _, options = self._url.partition("?")
        given = "?" + options if options else ""
        scheme, _, rest = base.partition("://")
        return f"{scheme}://{rest.split('/')[0]}/{name}{query or given}"


@pytest.fixture(params=KINDS)
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MysqlServer]:
    given = os.environ.get("COMPLIANCE_TEST_MYSQL")
    if given:
        yield GivenServer(given)
        return
    folder = tmp_path_factory.mktemp("mariadb")
    with start_mariadb(folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_mariadb(tmp_path: Path) -> Iterator[MariaDB]:
    with start_mariadb(tmp_path / "mariadb") as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store' / 'compliance.db'}"


@pytest.fixture
def mysql_url(mysql_server: MysqlServer) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:16]}"
    url = mysql_server.url(name)
    open_store(url).close()
    yield url
    _drop(url, name)


@pytest.fixture
def database_url(store_kind: str, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{store_kind}_url"))


@pytest.fixture
def empty_store(database_url: str) -> Iterator[Store]:
    store = open_store(database_url)
    yield store
    store.close()


@pytest.fixture
def store(store_kind: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    yield from request.getfixturevalue(f"migrated_{store_kind}")


@pytest.fixture
def store_url(store_kind: str, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The database of `store`, for a process of its own."""
    if store_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'compliance.db'}"
    return str(request.getfixturevalue("mysql_template"))


@pytest.fixture
def migrated_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "compliance.db"
    shutil.copyfile(sqlite_template, path)
    path.chmod(0o600)
    return _opened(f"sqlite:///{path}")


@pytest.fixture
def migrated_mysql(mysql_template: str) -> Iterator[Store]:
    return _emptied(mysql_template)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows: copying it costs a millisecond, migrating a new one many."""
    path = tmp_path_factory.mktemp("template") / "compliance.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def mysql_template(mysql_server: MysqlServer) -> Iterator[str]:
    """A migrated database that each test in turn uses and leaves empty: MySQL syncs every CREATE TABLE to the disk."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    url = mysql_server.url(name)
    _migrate(url)
    yield url
    _drop(url, name)


def _migrate(url: str) -> None:
    from compliance.server.storage.migrations import MIGRATIONS

    store = open_store(url)
    try:
        migrate(store, MIGRATIONS)
    finally:
        store.close()


def _opened(url: str) -> Iterator[Store]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()


def _emptied(url: str) -> Iterator[Store]:
    """Rows are removed before the test, so that a test that was cut off leaves nothing to the next one.

    Ids go on counting from where they were: no test may rely on their values.
    """
    _empty(url)
    yield from _opened(url)


def _empty(url: str) -> None:
    store = open_store(url, pool_size=1)
    try:
        with store.session() as db:
            tables = [
                name
                for (name,) in db.query(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
                    " AND table_name NOT LIKE 'migration%'"
                )
            ]
            if not tables:
                return
            full = db.query(
                " UNION ALL ".join(f"SELECT '{t}' FROM DUAL WHERE EXISTS (SELECT 1 FROM \"{t}\")" for t in tables)
            )
            db.execute("SET SESSION foreign_key_checks = 0")
            db.begin()
            for (name,) in full:
                db.execute(f'DELETE FROM "{name}"')
            db.commit()
    finally:
        store.close()


def _drop(url: str, name: str) -> None:
    store = open_store(url, pool_size=1)
    with suppress(Exception), store.session() as db:
        db.execute(f'DROP DATABASE "{name}"')
    store.close()
