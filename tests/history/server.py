"""The real server over a real store, which can be stopped, copied while it is stopped, and set back to a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from litestar import Litestar
from litestar.testing import TestClient

from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.storage.engine import Store, open_store


class Place(Protocol):
    """Where the rows are."""

    url: str

    def copy(self) -> Any: ...

    def put_back(self, copy: Any) -> None: ...


class SqlitePlace:
    """One file; the template has the tables and the keys."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.path = folder / "compliance.db"
        self.url = f"sqlite:///{self.path}"
        self._copies = 0
        self.put_back(template)

    def copy(self) -> Path:
        self._copies += 1
        return Path(shutil.copyfile(self.path, self.path.with_name(f"backup-{self._copies}.db")))

    def put_back(self, copy: Path) -> None:
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(copy, self.path)
        self.path.chmod(0o600)


class MysqlPlace:
    """Every row of a database that other tests use as well; `template` is what it holds at the beginning."""

    def __init__(self, url: str, template: dict[str, Any] | None = None) -> None:
        self.url = url
        if template is not None:
            self.put_back(template)

    def copy(self) -> dict[str, Any]:
        with self._session() as db:
            return {name: db.table(f'SELECT * FROM "{name}"') for name in self._tables(db)}

    def put_back(self, copy: dict[str, Any]) -> None:
        with self._session() as db:
            db.execute("SET SESSION foreign_key_checks = 0")
            db.begin()
            for name in self._tables(db):
                db.execute(f'DELETE FROM "{name}"')
                columns, rows = copy[name]
                if rows:
                    db.insert_new(name, columns, rows)
            db.commit()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        store = open_store(self.url, pool_size=1)
        try:
            with store.session() as db:
                yield db
        finally:
            store.close()

    @staticmethod
    def _tables(db: Any) -> list[str]:
        names = db.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_name NOT LIKE 'migration%'"
        )
        return [name for (name,) in names]


class Server:
    """`http` is there while it runs."""

    def __init__(self, place: Place, read_key: str, enroll_key: str) -> None:
        self.place = place
        self.enroll_key = enroll_key
        self._read_key = read_key
        self.http: TestClient[Litestar] | None = None

    def start(self) -> None:
        if self.http is None:
            self.http = TestClient(create_app(Config(database=self.place.url)))
            self.http.__enter__()

    def stop(self) -> None:
        if self.http is not None:
            self.http.__exit__(None, None, None)
            self.http = None

    def copy(self) -> Any:
        was_running = self.http is not None
        self.stop()
        copy = self.place.copy()
        if was_running:
            self.start()
        return copy

    def put_back(self, copy: Any) -> None:
        was_running = self.http is not None
        self.stop()
        self.place.put_back(copy)
        if was_running:
            self.start()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The same rows by another process's way, as `compliance server prune` has them."""
        store = open_store(self.place.url, pool_size=2)
        try:
            yield store
        finally:
            store.close()

    def ask(self, path: str, **parameters: Any) -> Any:
        """The API's answer; None where nobody answers to that name."""
        assert self.http is not None
        given = {name: value for name, value in parameters.items() if value is not None}
        answer = self.http.get(path, params=given, headers={"authorization": f"Bearer {self._read_key}"})
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()
