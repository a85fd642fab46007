"""Every path there is, while the store is in trouble: a sentence, no traceback, and all is well again afterwards."""

import asyncio
from pathlib import Path

import pytest
from litestar.testing import TestClient

from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.enrollment import ROLES, create_key
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.wire.codec import encode
from tests.server.ingest.reporting import Machine, report, sample
from tests.server.routes.reading import GUARDED, asked, needed, problem

BODIES = {
    "/api/v1/enroll": b'{"id": "%s", "secret": "cmt_%s", "hostname": "web-1"}' % (b"b" * 32, b"u" * 43),
    "/api/v1/reports": encode(report(cpu=sample())),
    "/hosts": b'{"ip": "10.0.0.1", "so_name": "Ubuntu"}',
    "/processes": b'{"host": "10.0.0.1", "processes": [{"pid": "1", "user": "root"}]}',
    "/users": b'{"host": "10.0.0.1", "users": ["ada"]}',
    "/cpus": b'{"host": "10.0.0.1", "cpu_usage": "1"}',
}


class Client:
    """Asks each path with the key that opens it."""

    def __init__(self, http, store):
        self._http = http
        self._keys = {role: asyncio.run(create_key(store, f"{role}'s", role)) for role in ROLES}
        self._token = Machine(store).secret

    def __call__(self, method, path):
        roles = needed(method, path)
        body = BODIES.get(path) if method == "POST" else None
        secret = self._keys[roles[0]] if roles else self._token
        return asked(self._http, method, f"{path}?ip=10.0.0.1", secret, content=body)


def everything(client, status):
    """The sentences of all paths, each a problem with that status."""
    return {path: problem(client(method, path), status) for method, path in GUARDED}


def warm(client):
    for method, path in sorted(GUARDED, reverse=True):  # POST before GET: what is asked for is there
        assert client(method, path).status_code in (200, 404), (method, path)


def test_a_database_that_is_down_is_503_everywhere_and_found_again(own_mariadb, caplog):
    store = open_store(own_mariadb.url("fleet"))
    migrate(store, MIGRATIONS)
    with TestClient(create_app(Config(database=own_mariadb.url("fleet")))) as http:
        client = Client(http, store)
        warm(client)
        own_mariadb.stop()
        for path, sentence in everything(client, 503).items():
            assert "Cannot reach the database" in sentence, path
        assert "Traceback" not in caplog.text
        own_mariadb.start()
        warm(client)
    store.close()


def test_a_database_file_that_is_gone_is_503_everywhere_and_found_again(sqlite_url, caplog):
    store = open_store(sqlite_url)
    migrate(store, MIGRATIONS)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with TestClient(create_app(Config(database=sqlite_url))) as http:
        client = Client(http, store)
        warm(client)
        away = path.rename(path.with_name("away"))
        for place, sentence in everything(client, 503).items():
            assert "cannot be opened" in sentence, place
        assert "Traceback" not in caplog.text
        away.rename(path)
        warm(client)
    store.close()


@pytest.mark.parametrize("table", ["host", "host_contact", "process", "cpu_sample"])
def test_a_table_that_is_missing_is_503_and_no_traceback(database, store, caplog, table):
    with TestClient(create_app(Config(database=database))) as http:
        client = Client(http, store)
        warm(client)
        with store.session() as db:
            db.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            answers = [client(method, path) for method, path in GUARDED]
        finally:
            with store.session() as db:
                db.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
        failed = [answer for answer in answers if answer.status_code != 200]
        assert len(failed) >= 2
        for answer in failed:
            if answer.status_code != 404:
                assert "lacks a table" in problem(answer, 503)
        assert "Traceback" not in caplog.text
        warm(client)
