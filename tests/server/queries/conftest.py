import pytest

from compliance.server.storage.engine import Store
from tests.server.queries.rows import Rows


@pytest.fixture
def rows(store: Store) -> Rows:
    return Rows(store)
