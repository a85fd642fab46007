from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.storage.engine import Store
from tests.server.ingest.reporting import Machine
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


@pytest.fixture
def enrolled(store: Store) -> Machine:
    """A host that enrolled."""
    return Machine(store)


@pytest.fixture
def host(database: str, enrolled: Machine) -> Iterator[Http]:
    """A client that speaks with that host's token."""
    with TestClient(create_app(Config(database=database))) as http:
        http.headers.update({"authorization": f"Bearer {enrolled.secret}"})
        yield http
