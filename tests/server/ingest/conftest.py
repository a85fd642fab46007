import pytest

from compliance.server.storage.engine import Store
from tests.server.ingest.reporting import Machine
from tests.server.queries.rows import Rows


@pytest.fixture
def rows(store: Store) -> Rows:
    return Rows(store)


@pytest.fixture
def machine(store: Store) -> Machine:
    return Machine(store)
