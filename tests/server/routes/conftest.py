from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from compliance.server.storage.engine import Store
from tests.server.queries.rows import Rows
from tests.server.routes.reading import client

Http = TestClient[Litestar]


@pytest.fixture
def rows(store: Store) -> Rows:
    return Rows(store)


@pytest.fixture
def reader(database: str, store: Store) -> Iterator[Http]:
    with client(database, store, "read") as http:
        yield http


@pytest.fixture
def old_agent(database: str, store: Store) -> Iterator[Http]:
    with client(database, store, "ingest") as http:
        yield http
